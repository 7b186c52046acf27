// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// BenchmarkWatch is the time from a change that netifd does not tell of to the
// kernel being right again, of which watch waits 50 ms for further changes.
func BenchmarkWatch(b *testing.B) {
	l := newBuiltLab(b)
	l.watch()
	router := func(to string) func() {
		return func() {
			_, err := l.ChangeRouter("wan2", netip.MustParseAddr(to))
			l.must("", err)
		}
	}
	l.must("", l.Edit("wan2", func(i *netlab.Interface) { i.Proto = "dhcp" }))
	for _, bb := range []struct {
		name        string
		change      func()
		list, right string
	}{
		{"table emptied", func() { l.ip("route flush table 4") }, "route show table 4", "default via 10.0.1.1"},
		{"rules flushed", func() { l.ip("rule flush"); l.ip("rule add pref 32766 lookup main") }, "rule", "oif eth2 lookup 5"},
		{"another router in a DHCP renewal", nil, "route show table 5", "default via "},
	} {
		b.Run(bb.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				b.StopTimer()
				time.Sleep(1100 * time.Millisecond) // the wait is short again
				change, right := bb.change, bb.right
				if change == nil {
					n++
					to := []string{"10.0.2.1", "10.0.2.254"}[n%2]
					change, right = router(to), right+to+" "
				}
				b.StartTimer()
				change()
				for !strings.Contains(l.ip(bb.list), right) {
				}
			}
		})
	}
}

// watch starts the program and ends it with the test.
func (l *builtLab) watch() {
	ctx, cancel := context.WithCancel(l.Context())
	cmd := l.Command(ctx, l.program, l.flags([]string{"watch"})...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	l.must(filepath.Base(l.program), l.Router.Start(cmd))
	l.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	})
}

func (l *builtLab) ip(words string) string {
	out, err := l.command("ip", strings.Fields(words)...)
	l.must(out, err)
	return out
}
