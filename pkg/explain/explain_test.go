// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// world is a router with a LAN, the master wan1 and wan2, on which everything is
// as it should be.
func world() *Facts {
	lan := plan.LineUse{Line: plan.Line{Interface: config.Interface{Name: "lan"}, Device: "lan0",
		Netifd: netifd.Interface{Up: true, Addresses: []netifd.Address{{Prefix: prefix("192.168.1.1/24")}}}}}
	return &Facts{
		Config: &config.Config{},
		Result: plan.Result{
			Lines:      []plan.LineUse{line(1, config.Master), line(2, config.On), lan},
			MasterList: [2][]string{plan.IPv4: {"wan1", "wan2"}},
		},
		Rules: [2][]AnyRule{plan.IPv4: {
			rule(502, 2, "10.0.1.2/32", -1), rule(502, 3, "10.0.2.2/32", -1), rule(32765, 2, "", -1),
		}},
		Router: answers{by: func(q Query) Answer {
			if q.OIF == "eth2" || q.Src == addr("10.0.2.2") {
				return way(plan.IPv4, "eth2", "10.0.2.1", 3)
			}
			return way(plan.IPv4, "eth1", "10.0.1.1", 2)
		}},
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Facts)
		only   netip.Addr
		to     string
		want   []string
	}{
		"as it should be":  {want: []string{"from 10.0.2.2: ok", "bound to eth2: ok", "all other traffic: ok"}},
		"its other family": {to: "2001:db8::1"},
		"down": {change: func(f *Facts) {
			u := &f.Result.Lines[1].Use[plan.IPv4]
			u.Usable, u.Reason = false, plan.ReasonDown
		}, want: []string{"from 10.0.2.2: (not checked: down)", "bound to eth2: (not checked: down)", "all other traffic: ok"}},
		"no carrier": {change: func(f *Facts) { f.Result.Lines[1].Use[plan.IPv4].Device.Carrier = false },
			want: []string{"from 10.0.2.2: (not checked: no carrier)", "bound to eth2: (not checked: no carrier)", "all other traffic: ok"}},
		"the master has no carrier": {change: func(f *Facts) { f.Result.Lines[0].Use[plan.IPv4].Device.Carrier = false },
			want: []string{"from 10.0.2.2: ok", "bound to eth2: ok", "all other traffic: WRONG: expected dev eth2 via 10.0.2.1, got dev eth1 via 10.0.1.1 table 2"}},
		"no list": {change: func(f *Facts) { f.Result.MasterList[plan.IPv4] = nil },
			want: []string{"from 10.0.2.2: ok", "bound to eth2: ok", "all other traffic: (not checked: left to the main table)"}},
		"a list of a line with a bad value": {change: func(f *Facts) { f.Result.MasterList[plan.IPv4] = []string{"wan9"} },
			want: []string{"from 10.0.2.2: ok", "bound to eth2: ok", "all other traffic: (not checked: the master list has entries of a line with a bad value)"}},
		"one address of two": {change: func(f *Facts) {
			u := &f.Result.Lines[1].Use[plan.IPv4]
			u.Addresses = append(u.Addresses, prefix("10.0.2.9/24"))
		}, only: addr("10.0.2.9"), want: []string{
			"from 10.0.2.9: WRONG: expected dev eth2 via 10.0.2.1, got dev eth1 via 10.0.1.1 table 2", "bound to eth2: ok", "all other traffic: ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, to := world(), netip.Addr{}
			if c.change != nil {
				c.change(f)
			}
			if c.to != "" {
				to = addr(c.to)
			}
			e := New(f)
			if err := e.Line(&f.Result.Lines[1], c.only, to); err != nil {
				t.Fatal(err)
			}
			same(t, "verdicts", c.want, verdicts(e))
		})
	}
}

func TestDestination(t *testing.T) {
	t.Parallel()
	f := world()
	e := New(f)
	if err := e.Destination(addr("198.51.100.7")); err != nil {
		t.Fatal(err)
	}
	same(t, "verdicts", []string{"all other traffic: ok", "wan1, from 10.0.1.2: ok", "wan2, from 10.0.2.2: ok", "host 192.168.1.2 behind lan: ok"}, verdicts(e))
	same(t, "wrong", false, e.Wrong())

	isolated := f.Router.(answers)
	isolated.isolated = "lan0"
	f.Router = isolated
	e = New(f)
	if err := e.Destination(addr("198.51.100.7")); err != nil {
		t.Fatal(err)
	}
	same(t, "verdicts", 3, len(e.Proofs))
	same(t, "notes", []string{"host 192.168.1.2 behind lan: lan0 does not forward"}, e.Notes)
}

// Of two lines on one device one has the sockets that are bound to it.
func TestLinesThatShareADevice(t *testing.T) {
	t.Parallel()
	f := world()
	second := &f.Result.Lines[1]
	second.Use[plan.IPv4].Device = f.Result.Lines[0].Use[plan.IPv4].Device
	second.Device = f.Result.Lines[0].Device
	f.Router = answers{by: func(q Query) Answer {
		if q.Src == addr("10.0.2.2") {
			return way(plan.IPv4, "eth1", "10.0.2.1", 3)
		}
		return way(plan.IPv4, "eth1", "10.0.1.1", 2)
	}}
	e := New(f)
	if err := e.Line(second, netip.Addr{}, addr("198.51.100.7")); err != nil {
		t.Fatal(err)
	}
	same(t, "verdicts", []string{"from 10.0.2.2: ok", "bound to eth1: (not checked: wan1 has the same device)", "all other traffic: ok"}, verdicts(e))
}

// What a LAN host sends leaves by the line that has delegated its prefix.
func TestDelegatedPrefixes(t *testing.T) {
	t.Parallel()
	f := world()
	for i := range 2 {
		u := &f.Result.Lines[i].Use[plan.IPv6]
		*u = f.Result.Lines[i].Use[plan.IPv4]
		u.Addresses, u.Gateway = nil, addr("fe80::1")
	}
	f.Result.MasterList[plan.IPv6] = []string{"wan1"}
	f.Result.Lines[1].Use[plan.IPv6].Forwarded = []netip.Prefix{prefix("2001:db8:2::/56")}
	lan := &f.Result.Lines[2].Netifd
	lan.Addresses = []netifd.Address{{Prefix: prefix("2001:db8:2::1/64")}, {Prefix: prefix("fd77::1/64")}}
	f.Result.Lines[2].Use[plan.IPv6].Forwarded = []netip.Prefix{prefix("fd77::/64")}
	f.Router = answers{by: func(q Query) Answer {
		if q.Src == addr("2001:db8:2::2") {
			return way(plan.IPv6, "eth2", "fe80::1", 3)
		}
		return way(plan.IPv6, "eth1", "fe80::1", 2)
	}}
	e := New(f)
	if err := e.Destination(addr("3fff::77")); err != nil {
		t.Fatal(err)
	}
	same(t, "verdicts", []string{"all other traffic: ok", "host 2001:db8:2::2 behind lan: ok", "host fd77::2 behind lan: (not checked: its interface is off)"}, verdicts(e))
	same(t, "expected", "dev eth2 via fe80::1", e.Proofs[1].Want.String())
}

func TestFarAwayIsWhereOnlyDefaultRoutesLead(t *testing.T) {
	t.Parallel()
	taken := answers{by: func(q Query) Answer {
		a := way(plan.IPv4, "lan0", "192.168.1.9", plan.Main)
		if q.Dst == addr("192.0.2.1") {
			a.Matched = prefix("192.0.2.0/24")
		}
		return a
	}}
	to, err := RemoteAddr(taken, plan.IPv4)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "destination", "198.51.100.1", to.String())
}

func TestTable(t *testing.T) {
	t.Parallel()
	f := world()
	f.Router = answers{routes: []AnyRoute{{Route: plan.Route{Table: 3, Dst: prefix("0.0.0.0/0"), Gateway: addr("10.0.2.1"), Device: "eth2"}, Protocol: plan.Protocol}}}
	e := New(f)
	for _, number := range []uint32{3, 1} {
		if err := e.Table(number); err != nil {
			t.Fatal(err)
		}
	}
	got := e.Tables[plan.IPv4]
	same(t, "owner", "wan2", got.Owners[0].Name)
	same(t, "rule", "502: from 10.0.2.2 lookup 3", got.Rules[0].String())
	same(t, "route", "default via 10.0.2.1 dev eth2 proto 77", got.Routes[0].String())
	same(t, "counts", [3]int{1, 1, 1}, [3]int{len(got.Owners), len(got.Rules), got.Count})
	same(t, "table 1", []string{"never assigned to a line: it is for the user's VPN"}, e.Notes)
	same(t, "its owners", 0, len(e.Tables[2].Owners))
}
