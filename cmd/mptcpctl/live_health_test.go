// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// healthTargets are asked by the lab's lines: both refuse, and so show that they live.
const healthTargets = "tcp:10.99.0.2:9 dns:10.99.0.2"

// healthLab is a lab of two lines whose health is looked after.
func healthLab(t *testing.T, config netlab.Config, options ...string) *liveLab {
	t.Helper()
	l := buildLiveLab(t, config)
	settings := append([]string{"globals.mptcp_check=1"}, options...)
	for n := range config.Lines {
		settings = append(settings, "wan"+string(rune('1'+n))+".mptcp_check_host="+healthTargets)
	}
	for _, s := range settings {
		l.must(l.Router.Run(l.Command(l.ctx, "uci", "set", "network."+s)))
	}
	l.must(l.Router.Run(l.Command(l.ctx, "uci", "commit", "network")))
	l.boot()
	return l
}

// watch runs the service to the end of the test.
func (l *liveLab) watch() {
	l.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	watch := l.Command(ctx, "mptcpctl", "watch")
	l.must(l.Router.Start(watch))
	l.Cleanup(func() {
		l.check(watch.Process.Signal(syscall.SIGTERM))
		_ = watch.Wait() // It was told to end.
		cancel()
	})
}

// verdicts is the file of the lab's watch; empty: there is none.
func (l *liveLab) verdicts() string {
	data, _ := os.ReadFile(filepath.Join(l.LockDir(), "mptcpctl.lock.health.json"))
	return string(data)
}

// says reports whether the verdict on a line is this one.
func (l *liveLab) says(line, verdict string) bool {
	_, rest, found := strings.Cut(l.verdicts(), `"interface":"`+line+`","family":"ipv4","verdict":"`)
	return found && strings.HasPrefix(rest, verdict+`"`)
}

func TestADeadLineIsTakenOutAndBack(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]netlab.Transfer{
		"under upload":    {Up: netlab.Endless, Down: 1},
		"under download":  {Up: 1, Down: netlab.Endless},
		"under a trickle": {Up: netlab.Endless, Down: netlab.Endless, Rate: 20_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := healthLab(t, netlab.Config{Lines: []netlab.LineConfig{liveLine("dhcp", "master"), liveLine("dhcp", "on")}})
			l.watch()
			l.eventually("both lines live", func() bool { return l.says("wan1", "alive") && l.says("wan2", "alive") })
			running := l.startAs(what)
			l.eventually("both lines are used", func() bool { return l.hasSubflow(wan1Addr) && l.hasSubflow(wan2Addr) })
			time.Sleep(2 * time.Second)
			l.deliver(l.BlackHole("wan1"))
			began := time.Now()
			l.eventually("wan1 is dead", func() bool { return l.says("wan1", "dead") })
			took := time.Since(began)
			l.eventually("wan1 has no endpoint", func() bool { return !l.hasEndpoint(wan1Addr) })
			t.Logf("dead after %s, endpoint gone after %s: %s", took, time.Since(began), l.verdicts())
			l.eventually("the LAN follows", func() bool { return strings.Contains(l.verdicts(), "no_forward") })
			t.Logf("LAN after %s", time.Since(began))
			l.deliver(l.Heal("wan1"))
			began = time.Now()
			l.eventually("wan1 lives", func() bool { return l.says("wan1", "alive") })
			l.eventually("wan1 has its endpoint", func() bool { return l.hasEndpoint(wan1Addr) })
			t.Logf("back after %s", time.Since(began))
			running.stop()
		})
	}
}
