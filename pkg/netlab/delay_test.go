// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"testing"
	"time"
)

// A packet that is held comes late, however busy the machine is.
func TestDelayHoldsWhatALineCarries(t *testing.T) {
	t.Parallel()
	const each = 30 * time.Millisecond
	l := newLab(t, Config{Lines: []LineConfig{{IPv6: true}, {IPv6: true}}})
	serve(t, l)
	ctx := limited(t)
	delay, err := l.Delay("wan1", each)
	must(t, err)
	for _, what := range []Transfer{
		{Server: Addr4, Up: 2 << 20, Down: 2 << 20, TCP: true},
		{Server: Addr6, Up: 2 << 20, Down: 2 << 20, TCP: true},
	} {
		start := time.Now()
		running, err := l.Router.StartTransfer(ctx, what)
		must(t, err)
		if took := time.Since(start); took < 2*each {
			t.Errorf("connecting to %s took %s, less than twice %s", what.Server, took, each)
		}
		result, err := running.Wait()
		must(t, err)
		if result.Up != what.Up || result.Down != what.Down {
			t.Errorf("%s: %d bytes up and %d down arrived, want %d and %d", what.Server, result.Up, result.Down, what.Up, what.Down)
		}
	}
	must(t, delay.Close())
	_, err = l.Router.Transfer(ctx, Transfer{Up: 1 << 20, TCP: true})
	must(t, err)
}
