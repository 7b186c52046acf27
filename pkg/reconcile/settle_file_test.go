// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAClockThatIsSetMovesNoEvent: settle counts from the call, whatever the time of the
// file is.
func TestAClockThatIsSetMovesNoEvent(t *testing.T) {
	t.Parallel()
	for _, set := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
		t.Run(set.String(), func(t *testing.T) {
			t.Parallel()
			lock, path := settleLock(t, "")
			before := SinceBoot()
			_, err := lock.call(settleCall{})
			must(t, err)
			after := SinceBoot()
			at := time.Now().Add(set)
			must(t, os.Chtimes(path, at, at))
			c, err := lock.takeCall()
			must(t, err)
			if c.event < before || c.event > after {
				t.Errorf("the event was at %v, want one from %v to %v", c.event, before, after)
			}
			again, err := lock.takeCall()
			must(t, err)
			if again.event != 0 {
				t.Errorf("nothing was called, and yet at %v", again.event)
			}
		})
	}
}

// TestTimesThatAreNone: a time that cannot be is now, so that settle ends a minute later.
func TestTimesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"without one":        "\neth1\n",
		"of another boot":    fmt.Sprintf("\n:%d\neth1\n", SinceBoot()+time.Hour),
		"negative":           "\n:-1\neth1\n",
		"no number":          "\n:soon\neth1\n",
		"of a run cut short": "\n:",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, _ := settleLock(t, text)
			before := SinceBoot()
			c, err := lock.takeCall()
			must(t, err)
			if c.event < before || c.event > SinceBoot() {
				t.Errorf("the event was at %v, want now, which is %v", c.event, before)
			}
		})
	}
	lock, _ := settleLock(t, fmt.Sprintf("\n:%d\neth1\n", time.Second))
	c, err := lock.takeCall()
	must(t, err)
	if c.event != time.Second {
		t.Errorf("the event was at %v, want a second after boot", c.event)
	}
}

// settleLock is a settle file with that content.
func settleLock(t *testing.T, text string) (lock *Lock, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "settle")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	f, err := openOwn(path, os.O_RDWR|os.O_APPEND)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return &Lock{f}, path
}
