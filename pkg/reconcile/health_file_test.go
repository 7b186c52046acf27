// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

func TestVerdictsComeBackAsWritten(t *testing.T) {
	t.Parallel()
	r := &Runner{LockFile: filepath.Join(t.TempDir(), "lock")}
	if all, counts := r.readHealth(); counts || all != nil {
		t.Errorf("without a file: %v %v", all, counts)
	}
	c := &checker{run: r, report: func(err error) { t.Error(err) }}
	c.write()
	if all, counts := r.readHealth(); !counts || all != nil {
		t.Errorf("without a line: %v %v", all, counts)
	}
	var want []plan.Health
	for v := health.Unknown; v <= health.Degraded; v++ {
		h := plan.Health{Interface: "wan" + strconv.Itoa(int(v)), Family: plan.Families[v%2], Source: sourceCounters}
		h.Verdict, h.Since, h.Reason = v, time.Duration(v)*time.Hour+1, `a "reason"`
		h.NoEndpoint, h.NoOwn, h.NoForward = v == health.Dead, v == health.Dead, v == health.Dead
		want = append(want, h)
		c.lines = append(c.lines, &examined{Health: h})
	}
	c.write()
	got, counts := r.readHealth()
	if diff := cmp.Diff(want, got); diff != "" || !counts {
		t.Errorf("counts %v, -want +got:\n%s", counts, diff)
	}
	info, err := os.Stat(r.healthFile())
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// What is old, of another boot, or no such file, does not count.
func TestVerdictsThatDoNotCount(t *testing.T) {
	t.Parallel()
	stamp := func(d time.Duration) string { return `{"stamp":` + strconv.FormatInt(int64(d), 10) + `,"lines":[]}` }
	for name, tt := range map[string]struct {
		text   string
		counts bool
	}{
		"fresh":           {stamp(SinceBoot() - time.Second), true},
		"old":             {stamp(SinceBoot() - healthCounts - time.Second), false},
		"of the future":   {stamp(SinceBoot() + time.Hour), false},
		"cut off":         {stamp(SinceBoot())[:20], false},
		"no JSON":         {"nonsense", false},
		"not an object":   {"[1]", false},
		"empty":           {"", false},
		"another list":    {`{"stamp":` + strconv.FormatInt(int64(SinceBoot()), 10) + `,"lines":{"a":[7]}}`, true},
		"too long a file": {stamp(SinceBoot()) + strings.Repeat(" ", maxHealth), false},
	} {
		r := &Runner{LockFile: filepath.Join(t.TempDir(), "lock")}
		if err := os.WriteFile(r.healthFile(), []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if all, counts := r.readHealth(); counts != tt.counts || len(all) > 0 {
			t.Errorf("%s: counts %v: %v", name, counts, all)
		}
	}
}
