// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/child"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
)

// Bounds of a question to nft: how long it may take, and how many bytes of its answer
// are read.
const (
	rulesetTime = 5 * time.Second
	rulesetSize = 4 << 20
)

// readRuleset asks nft for its rules, without counters and the elements of sets,
// which may be many.
func readRuleset(ctx context.Context, f *doctor.Facts) {
	path, found := child.LookPath("nft")
	if !found {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rulesetTime)
	defer cancel()
	stdout, stderr := limited{left: rulesetSize}, limited{left: 200}
	process, err := child.Start(ctx, path, []string{"-n", "-s", "-t", "list", "ruleset"}, &stdout, &stderr)
	if err == nil {
		err = process.Wait()
	}
	if err != nil {
		f.Unchecked = append(f.Unchecked, "marks set by output chains: nft list ruleset: "+strings.Join(append([]string{err.Error()}, child.Lines(string(stderr.kept))...), " "))
		return
	}
	f.Ruleset = string(stdout.kept)
}

// limited keeps the beginning of what is written to it.
type limited struct {
	kept []byte
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(l.left, len(b))
	l.kept, l.left = append(l.kept, b[:n]...), l.left-n
	return len(b), nil
}
