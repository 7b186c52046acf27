// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// healthTargets are asked by the lab's lines: both refuse, and so show that they live.
const healthTargets = "tcp:10.99.0.2:9 dns:10.99.0.2"

// healthLab is a lab of two lines whose health is looked after. Options are further
// settings, "wan1.mptcp_check_interval=1".
type healthLab struct {
	*liveLab
	service *exec.Cmd
	id      uint8         // of the first endpoint of wan1
	blast   time.Duration // between the datagrams of a host that fills a line
}

func newHealthLab(t *testing.T, config netlab.Config, options ...string) *healthLab {
	t.Helper()
	l := &healthLab{liveLab: buildLiveLab(t, config)}
	if config.LAN {
		l.must(l.Masquerade())
	}
	settings := append([]string{"globals.mptcp_check=1"}, options...)
	for n := range config.Lines {
		settings = append(settings, fmt.Sprintf("wan%d.mptcp_check_host=%s", n+1, healthTargets))
	}
	for _, s := range settings {
		l.must(l.Router.Run(l.Command(l.ctx, "uci", "set", "network."+s)))
	}
	l.must(l.Router.Run(l.Command(l.ctx, "uci", "commit", "network")))
	l.boot()
	return l
}

func twoHealthLines(first, second string) netlab.Config {
	return netlab.Config{Lines: []netlab.LineConfig{liveLine("dhcp", first), liveLine("dhcp", second)}}
}

// watch runs the service to the end of the test.
func (l *healthLab) watch() {
	l.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.service = l.Command(ctx, "mptcpctl", "watch")
	l.must(l.Router.Start(l.service))
	l.Cleanup(func() {
		_ = l.service.Process.Signal(syscall.SIGTERM) // a test may have ended it
		_ = l.service.Wait()                          // It was told to end.
		cancel()
	})
	l.eventually("the lines live", func() bool { return l.says("wan1", "alive") && l.says("wan2", "alive") })
}

func (l *healthLab) healthFile() string {
	return filepath.Join(l.LockDir(), "mptcpctl.lock.health.json")
}

// verdicts is the file of the lab's watch; empty: there is none.
func (l *healthLab) verdicts() string {
	data, _ := os.ReadFile(l.healthFile())
	return string(data)
}

// line is what the file says of one.
func (l *healthLab) line(name string) string {
	_, rest, _ := strings.Cut(l.verdicts(), `"interface":"`+name+`"`)
	mine, _, _ := strings.Cut(rest, "}")
	return mine
}

func (l *healthLab) says(line, verdict string) bool {
	return strings.Contains(l.line(line), `"verdict":"`+verdict+`"`)
}

// rules are the router's of IPv4.
func (l *healthLab) rules() string {
	l.Helper()
	out, err := l.Router.Output(l.ctx, "ip", "-4", "rule")
	l.must(err)
	return out
}

// listed reports whether the list leads all traffic over a line, or only the router's
// own.
func (l *healthLab) listed(device string) bool { return l.entry("from all lookup ", device) }
func (l *healthLab) own(device string) bool    { return l.entry("from all iif lo lookup ", device) }

func (l *healthLab) entry(what, device string) bool {
	l.Helper()
	rules := l.rules()
	_, rest, found := strings.Cut(rules, "oif "+device+" lookup ")
	table, _, _ := strings.Cut(rest, " ")
	if !found {
		l.Fatalf("no rule for %s:\n%s", device, rules)
	}
	return strings.Contains(rules, "32765:\t"+what+table+" proto 77\n")
}

// table is the table of the counters; empty: there is none.
func (l *healthLab) table() string {
	out, err := l.Router.Output(l.ctx, "nft", "list", "table", "inet", "mptcpctl")
	if err != nil {
		return ""
	}
	return out
}

// busy lets the traffic last long enough for a silence to stand out.
func (l *healthLab) busy(r *liveTransfer) {
	l.Helper()
	r.await(1)
	for range 20 {
		time.Sleep(100 * time.Millisecond)
	}
	r.await(1)
}

func TestADeadLineIsTakenOutAndBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		transfer      netlab.Transfer
		silence, mend func(*healthLab) ([]netlab.Event, error)
	}{
		"under upload": {
			netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 2 * megabyte},
			func(l *healthLab) ([]netlab.Event, error) { return l.Silence("wan1") },
			func(l *healthLab) ([]netlab.Event, error) { return l.Speak("wan1") },
		},
		"under a trickle, the modem too": {
			netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 20_000},
			func(l *healthLab) ([]netlab.Event, error) { return l.BlackHole("wan1") },
			func(l *healthLab) ([]netlab.Event, error) { return l.Heal("wan1") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newHealthLab(t, twoHealthLines("master", "on"))
			l.watch()
			r := l.startAs(tt.transfer)
			l.eventually("both lines are used", func() bool { return l.hasSubflow(wan1Addr) && l.hasSubflow(wan2Addr) })
			l.busy(r)
			l.deliver(tt.silence(l))
			l.eventually("wan1 is dead", func() bool { return l.says("wan1", "dead") })
			l.eventually("wan1 has no endpoint", func() bool { return !l.hasEndpoint(wan1Addr) })
			r.await(20_000)
			l.eventually("the LAN follows", func() bool { return !l.listed("eth1") && l.listed("eth2") })
			if status := l.run("status"); !strings.Contains(status, " dead\n") || !strings.Contains(status, "nor 5 probes") {
				t.Errorf("status:\n%s", status)
			}
			l.deliver(tt.mend(l))
			l.eventually("wan1 lives", func() bool { return l.says("wan1", "alive") })
			l.eventually("wan1 has its endpoint", func() bool { return l.hasEndpoint(wan1Addr) })
			l.eventually("wan1 is used", func() bool { return l.hasSubflow(wan1Addr) })
			if strings.Contains(l.line("wan2"), "dead") {
				t.Errorf("wan2: %s", l.line("wan2"))
			}
			r.stop()
		})
	}
}

// An outage that is shorter than the patience leaves the LAN's connections where they
// are: none breaks, and none is moved. A long one moves them.
func TestAShortOutageCostsTheLANNothing(t *testing.T) {
	t.Parallel()
	config := twoHealthLines("master", "on")
	config.LAN = true
	l := newHealthLab(t, config)
	l.watch()
	host := func() *liveTransfer {
		running, err := l.LAN.StartTransfer(l.ctx, netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 25_000, TCP: true})
		l.must(err)
		return &liveTransfer{running, l.liveLab}
	}
	r := host()
	for _, outage := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second} {
		l.busy(r)
		l.deliver(l.Silence("wan1"))
		time.Sleep(outage)
		l.deliver(l.Speak("wan1"))
		r.await(50_000)
		if !l.listed("eth1") {
			t.Errorf("after %s: moved\n%s", outage, l.rules())
		}
	}
	l.eventually("wan1 has its endpoint", func() bool { return l.hasEndpoint(wan1Addr) && l.says("wan1", "alive") })
	l.deliver(l.Silence("wan1"))
	l.eventually("the LAN is moved", func() bool { return !l.listed("eth1") })
	second := host()
	second.await(50_000)
	second.stop()
	l.deliver(l.Speak("wan1"))
	l.eventually("wan1 lives", func() bool { return l.says("wan1", "alive") })
	l.eventually("the LAN is back", func() bool { return l.listed("eth1") })
	_, _ = r.Stop() // the translation went with the line
}

// While the LAN still waits, the router's own new connections leave by the next line,
// unless a policy or a VPN has them.
func TestTheRouterDoesNotWait(t *testing.T) {
	t.Parallel()
	config := twoHealthLines("master", "on")
	config.LAN = true
	l := newHealthLab(t, config, "wan1.mptcp_check_patience=60", "wan1.mptcp_check_interval=1")
	l.watch()
	for _, args := range [][]string{
		{"link", "add", "tun7", "type", "veth", "peer", "name", "tun8"}, {"link", "set", "tun8", "up"}, {"addr", "add", "10.7.0.1/24", "dev", "tun7"}, {"link", "set", "tun7", "up"},
		{"route", "add", "198.51.100.0/25", "dev", "tun7", "table", "77"}, {"rule", "add", "pref", "1500", "to", "198.51.100.0/25", "lookup", "77"},
		{"route", "add", "192.0.0.0/2", "dev", "tun7"},
	} {
		out, err := l.Router.Output(l.ctx, "ip", args...)
		if err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	way := func(args ...string) string {
		out, err := l.Router.Output(l.ctx, "ip", append([]string{"route", "get"}, args...)...)
		l.must(err)
		_, rest, _ := strings.Cut(out, " dev ")
		device, _, _ := strings.Cut(rest, " ")
		return device
	}
	expect := func(own string) {
		t.Helper()
		for _, tt := range []struct {
			what string
			args []string
			want string
		}{
			{"its own", []string{"10.99.0.2"}, own},
			{"the LAN's", []string{"10.99.0.2", "from", "192.168.1.100", "iif", "lan0"}, "eth1"},
			{"of a policy", []string{"198.51.100.1"}, "tun7"},
			{"of a VPN", []string{"203.0.113.1"}, "tun7"},
			{"to the LAN", []string{"192.168.1.100"}, "lan0"},
			{"from the dead line's address", []string{"10.99.0.2", "from", wan1Addr.String()}, "eth1"},
		} {
			if got := way(tt.args...); got != tt.want {
				t.Errorf("%s: %s, want %s\n%s", tt.what, got, tt.want, l.rules())
			}
		}
	}
	expect("eth1")
	l.deliver(l.Silence("wan1"))
	l.eventually("the router's packets have another way", func() bool { return l.own("eth2") })
	expect("eth2")
	r := l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 50_000})
	r.await(50_000)
	if explained := l.run("explain", "wan1"); !strings.Contains(explained, "dead for ") {
		t.Errorf("explain:\n%s", explained)
	}
	l.deliver(l.Speak("wan1"))
	l.eventually("it is as before", func() bool { return !l.own("eth2") && l.listed("eth1") && l.hasEndpoint(wan1Addr) })
	expect("eth1")
	r.await(50_000)
	r.stop()
}

func TestHandoverCarriesForADeadLine(t *testing.T) {
	t.Parallel()
	l := newHealthLab(t, twoHealthLines("master", "handover"))
	l.watch()
	r := l.startAs(netlab.Transfer{Up: netlab.Endless, Down: netlab.Endless, Rate: 100_000})
	l.busy(r)
	if l.hasEndpoint(wan2Addr) {
		t.Error("handover does not wait")
	}
	l.deliver(l.Silence("wan1"))
	l.eventually("handover carries", func() bool { return l.hasSubflow(wan2Addr) })
	r.await(100_000)
	l.deliver(l.Speak("wan1"))
	l.eventually("handover waits again", func() bool { return l.hasEndpoint(wan1Addr) && !l.hasEndpoint(wan2Addr) })
	r.await(100_000)
	r.stop()
}

// Where every line is dead none loses anything.
func TestAllLinesAreDead(t *testing.T) {
	t.Parallel()
	l := newHealthLab(t, twoHealthLines("master", "on"), "wan1.mptcp_check_interval=1", "wan2.mptcp_check_interval=1", "wan1.mptcp_check_patience=0", "wan2.mptcp_check_patience=0")
	l.watch()
	before := l.rules()
	l.deliver(l.Silence("wan1"))
	l.deliver(l.Silence("wan2"))
	l.eventually("both are dead", func() bool { return l.says("wan1", "dead") && l.says("wan2", "dead") })
	l.eventually("everything is there", func() bool { return l.hasEndpoint(wan1Addr) && l.hasEndpoint(wan2Addr) && l.rules() == before })
	l.deliver(l.Speak("wan2"))
	l.eventually("wan2 is left alone", func() bool { return l.says("wan2", "alive") && !l.hasEndpoint(wan1Addr) && l.hasEndpoint(wan2Addr) })
	l.deliver(l.Speak("wan1"))
	l.eventually("both carry", func() bool { return l.hasEndpoint(wan1Addr) && l.rules() == before })
}

// The table of the counters and the verdicts live as long as the watch.
func TestWhatACheckLeaves(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l *healthLab){
		"ended": func(l *healthLab) { l.must(l.service.Process.Signal(syscall.SIGTERM)) },
		"switched off": func(l *healthLab) {
			l.must(l.Router.Run(l.Command(l.ctx, "uci", "set", "network.globals.mptcp_check=0")), l.Router.Run(l.Command(l.ctx, "uci", "commit", "network")))
			l.must(l.service.Process.Signal(syscall.SIGHUP))
		},
		"multipath off": func(l *healthLab) {
			l.must(l.Router.Run(l.Command(l.ctx, "uci", "set", "network.globals.multipath=0")), l.Router.Run(l.Command(l.ctx, "uci", "commit", "network")))
			l.must(l.service.Process.Signal(syscall.SIGHUP))
		},
		"killed, then a run": func(l *healthLab) {
			l.must(l.service.Process.Kill())
			_ = l.service.Wait()
			l.run("apply")
			if l.table() == "" || l.hasEndpoint(wan1Addr) {
				l.Errorf("what a watch has found out is forgotten with it")
			}
			l.eventually("a later run forgets it", func() bool { l.run("apply"); return l.hasEndpoint(wan1Addr) })
		},
		"killed, then flushed": func(l *healthLab) {
			l.must(l.service.Process.Kill())
			_ = l.service.Wait()
			l.run("flush")
		},
		"removed by somebody": func(l *healthLab) {
			_, err := l.Router.Output(l.ctx, "nft", "flush", "ruleset")
			l.must(err)
			l.eventually("the table is made again", func() bool { return l.table() != "" })
			if !l.says("wan2", "alive") {
				l.Errorf("wan2: %s", l.line("wan2"))
			}
			l.must(l.service.Process.Signal(syscall.SIGTERM))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newHealthLab(t, twoHealthLines("master", "on"), "wan1.mptcp_check_interval=1")
			l.watch()
			l.deliver(l.Silence("wan1"))
			l.eventually("wan1 is dead", func() bool { return l.says("wan1", "dead") && !l.hasEndpoint(wan1Addr) })
			if table := l.table(); !strings.Contains(table, `iifname "eth1" ip saddr != `) {
				t.Errorf("table:\n%s", table)
			}
			end(l)
			l.eventually("nothing is left of it", func() bool { return l.table() == "" && l.verdicts() == "" })
		})
	}
}

// Without the program nft the probes alone tell.
func TestHealthWithoutNftables(t *testing.T) {
	t.Parallel()
	l := newHealthLab(t, twoHealthLines("master", "on"), "wan1.mptcp_check_interval=1", "wan2.mptcp_check_interval=1")
	l.log.expected = "packets are not counted"
	program := filepath.Join(l.BinDir(), "mptcpctl")
	script, err := os.ReadFile(program)
	l.must(err, os.WriteFile(program, []byte(strings.Replace(string(script), "exec ", "PATH='"+l.BinDir()+"' exec ", 1)), 0o755))
	l.watch()
	l.deliver(l.Silence("wan1"))
	l.eventually("wan1 is dead", func() bool { return l.says("wan1", "dead") && !l.hasEndpoint(wan1Addr) })
	if !strings.Contains(l.line("wan1"), "nftables cannot count") || l.table() != "" || !l.says("wan2", "alive") {
		t.Errorf("%s\n%s", l.verdicts(), l.table())
	}
	l.deliver(l.Speak("wan1"))
	l.eventually("wan1 lives", func() bool { return l.says("wan1", "alive") && l.hasEndpoint(wan1Addr) })
}

// An attempt to connect that an outage has cost its SYNs makes the kernel do without MPTCP
// for an hour. That ends with the outage.
func TestMPTCPIsBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	l := newHealthLab(t, twoHealthLines("master", "on"))
	l.watch()
	l.deliver(l.Silence("wan1"))
	attempt := make(chan bool, 1)
	go func() { attempt <- l.multipath(wan1Addr) }()
	time.Sleep(2600 * time.Millisecond)
	l.deliver(l.Speak("wan1"))
	if <-attempt {
		t.Log("the attempt was MPTCP all the same")
	}
	l.eventually("wan1 lives", func() bool { return l.says("wan1", "alive") })
	l.eventually("new connections are MPTCP", func() bool { return l.multipath(wan1Addr) && l.multipath(wan2Addr) })
	t.Logf("%d attempts went without MPTCP", l.counter(l.Router, "MPCapableSYNTXDisabled"))
}

// multipath reports whether a new connection from an address is MPTCP.
func (l *healthLab) multipath(from netip.Addr) (yes bool) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	dialer.SetMultipathTCP(true)
	err := l.Router.Do(func() error {
		c, err := dialer.DialContext(l.ctx, "tcp", netlab.Addr4.String())
		if err != nil {
			return err
		}
		yes, err = c.(*net.TCPConn).MultipathTCP()
		return errors.Join(err, c.Close())
	})
	return yes && err == nil
}

// Each family of a line is judged by itself. Without targets in the configuration the next
// router beyond the modem tells.
func TestHealthByFamilyAndByTheNextHop(t *testing.T) {
	t.Parallel()
	config := netlab.Config{Lines: []netlab.LineConfig{{Multipath: "master", IPv6: true}, {Multipath: "on", IPv6: true}}}
	l := &healthLab{liveLab: buildLiveLab(t, config)}
	for _, s := range []string{"globals.mptcp_check=1", "wan1.mptcp_check_interval=1", "wan2.mptcp_check_interval=1", "wan1.mptcp_check_patience=0"} {
		l.must(l.Router.Run(l.Command(l.ctx, "uci", "set", "network."+s)))
	}
	l.must(l.Router.Run(l.Command(l.ctx, "uci", "commit", "network")))
	// The server is the next router, on the way to the root name servers.
	l.must(l.Server.Sysctl("net.ipv4.ip_forward", "1"), l.Server.Sysctl("net.ipv6.conf.all.forwarding", "1"))
	for _, route := range [][]string{{"198.41.0.0/24", "via", "10.99.0.2"}, {"2001:503::/32", "via", "3fff:99::2"}} {
		out, err := l.Internet.Output(l.ctx, "ip", append([]string{"route", "add"}, route...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	l.boot()
	l.watch()
	verdict := func(family, verdict string) bool {
		return strings.Contains(l.verdicts(), `"interface":"wan1","family":"`+family+`","verdict":"`+verdict+`"`)
	}
	wan1Addr6 := netip.MustParseAddr("3fff:1::2")
	l.eventually("both families live", func() bool { return verdict("ipv4", "alive") && verdict("ipv6", "alive") })
	l.nft("add table ip6 dead; add chain ip6 dead c { type filter hook forward priority 0; }; " +
		"add rule ip6 dead c iifname line1 drop; add rule ip6 dead c oifname line1 drop")
	l.eventually("IPv6 is dead", func() bool { return verdict("ipv6", "dead") && !l.hasEndpoint(wan1Addr6) })
	if !verdict("ipv4", "alive") || !l.hasEndpoint(wan1Addr) {
		t.Errorf("IPv4 too: %s", l.verdicts())
	}
	rules, err := l.Router.Output(l.ctx, "ip", "-6", "rule")
	l.must(err)
	if n := strings.Count(rules, "32765:"); n != 3 || strings.Contains(rules, "from 3fff:1::/64 lookup") {
		t.Errorf("%d rules of the list:\n%s", n, rules)
	}
	l.nft("delete table ip6 dead")
	l.eventually("IPv6 is back", func() bool { return verdict("ipv6", "alive") && l.hasEndpoint(wan1Addr6) })
}
