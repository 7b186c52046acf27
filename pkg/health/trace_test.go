// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// replay gives a recorded trace to a line, and returns its verdicts in their order. An
// answer is one to the oldest probe.
func replay(t *testing.T, name string, interval time.Duration) (verdicts []string, line *Line) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".trace")
	if err != nil {
		t.Fatal(err)
	}
	check := standard()
	check.Interval = interval
	for text := range strings.Lines(string(data)) {
		if strings.HasPrefix(text, "#") {
			continue
		}
		var ms, answers int
		var s Sample
		if _, err := fmt.Sscan(text, &ms, &s.Received, &s.Sent, &s.Ended, &answers); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		s.At = time.Duration(ms) * time.Millisecond
		if line == nil {
			line = New(check, 2, s.At-Tick)
		}
		for _, o := range line.out[:min(answers, len(line.out))] {
			s.Answers = append(s.Answers, Answer{o.Seq, 5 * time.Millisecond})
		}
		line.Observe(s)
		if v := line.State().Verdict.String(); len(verdicts) == 0 || verdicts[len(verdicts)-1] != v {
			verdicts = append(verdicts, v)
		}
	}
	return verdicts, line
}

// What lines of the laboratory did, sample by sample.
func TestRecordedTraces(t *testing.T) {
	silence := []string{"unknown", "alive", "suspect", "dead", "alive"}
	for _, tt := range []struct {
		name     string
		interval time.Duration
		want     []string
	}{
		{"silence-under-load-1", 10 * time.Second, silence},
		{"silence-under-load-2", 10 * time.Second, silence},
		{"silence-under-load-3", 10 * time.Second, silence},
		{"queue", time.Second, []string{"unknown", "alive"}},
	} {
		got, line := replay(t, tt.name, tt.interval)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
		if tt.name != "queue" && line.State().NoForward {
			t.Errorf("%s: %s at the end", tt.name, line.State())
		}
		again, _ := replay(t, tt.name, tt.interval)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s: the same trace, another verdict:\n%s", tt.name, diff)
		}
	}
}
