// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// shrinkTime bounds the search for a shorter walk.
const shrinkTime = 3 * time.Minute

// runWalk runs a script apart from the tests that are counted, and returns the
// kind of its failure, empty if there is none, and its log.
func runWalk(t *testing.T, lab string, steps []string) (kind, log string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "walk.txtar")
	if err := os.WriteFile(file, []byte(walkScript(lab, steps)), 0o600); err != nil {
		t.Fatal(err)
	}
	trial := &walkTrial{}
	trial.Run("", func(testscript.T) {
		testscript.RunT(trial, testscript.Params{
			Files: []string{file}, Setup: setupScript,
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"lab": cmdLab, "walk": cmdWalk},
		})
	})
	log = trial.log.String()
	if !trial.failed {
		return "", log
	}
	if _, rest, checked := strings.Cut(log, "FAIL: "); checked {
		if _, rest, checked = strings.Cut(rest, "check: "); checked {
			kind, _, _ = strings.Cut(rest, ":")
			return kind, log
		}
	}
	return "laboratory", log
}

// walkTrial is a testscript.T whose failure is an answer.
type walkTrial struct {
	mu     sync.Mutex
	log    strings.Builder
	failed bool
}

func (w *walkTrial) Skip(...any)   { runtime.Goexit() }
func (w *walkTrial) Parallel()     {}
func (w *walkTrial) Verbose() bool { return false }

func (w *walkTrial) Fatal(a ...any) {
	w.Log(a...)
	w.FailNow()
}

func (w *walkTrial) Log(a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range a {
		if text, ok := one.(string); ok {
			w.log.WriteString(text + "\n")
		}
	}
}

func (w *walkTrial) FailNow() {
	w.failed = true
	runtime.Goexit()
}

func (w *walkTrial) Run(_ string, f func(testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w)
	}()
	<-done
}

// shrinkWalk takes out steps, and then lines of the laboratory, as long as the walk
// still fails in the same way.
func shrinkWalk(t *testing.T, lab string, steps []string, kind string) (string, []string) {
	deadline := time.Now().Add(shrinkTime)
	fails := func(lab string, steps []string) bool {
		if time.Now().After(deadline) {
			return false
		}
		got, _ := runWalk(t, lab, steps)
		return got == kind
	}
	steps = shrinkList(steps, func(shorter []string) bool { return fails(lab, shorter) })
	words := strings.Fields(lab)
	for i := len(words) - 1; i > 1; i-- { // the numbers of the lines before it stay
		if shorter := strings.Join(words[:i], " "); fails(shorter, steps) {
			lab, words = shorter, words[:i]
		} else {
			break
		}
	}
	return lab, steps
}

// shrinkList deletes ever smaller pieces of a list that fails.
func shrinkList(list []string, fails func([]string) bool) []string {
	for size := max(1, len(list)/2); ; size /= 2 {
		for at := len(list) - size; at >= 0; at -= size {
			if shorter := slices.Delete(slices.Clone(list), at, at+size); fails(shorter) {
				list = shorter
			}
			at = min(at, len(list))
		}
		if size <= 1 {
			return list
		}
	}
}
