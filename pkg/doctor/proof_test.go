// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// answers is a router that forwards everything, as its function says.
type answers func(explain.Query) (explain.Answer, error)

func (a answers) Lookup(q explain.Query) (explain.Answer, error) { return a(q) }

func (answers) Forwards(_ plan.Family, device string) (bool, error) { return device != "closed0", nil }

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

// leaves is the answer for a packet that leaves by a line, or by the table that it names.
func leaves(device, gateway string, table uint32) explain.Answer {
	a := explain.Answer{Device: device, Table: table, Matched: anywhere, Type: 1}
	if gateway != "" {
		a.Gateway = netip.MustParseAddr(gateway)
	}
	return a
}

// proved is the healthy router with a LAN, and a list of wan1 and wan2. IPv6 is refused.
func proved() *Facts {
	f := healthy()
	f.Addresses = []Address{{Device: "lan0", Address: plan.Address{Prefix: netip.MustParsePrefix("192.168.1.1/24"), Global: true}}}
	for i := range f.Result.Lines {
		l := &f.Result.Lines[i]
		f.State.Devices = append(f.State.Devices, l.Use[plan.IPv4].Device)
		f.Addresses = append(f.Addresses, Address{Device: l.Device, Address: plan.Address{Prefix: l.Netifd.Addresses[0].Prefix, Global: true}})
		gateway := l.Netifd.Addresses[0].Prefix.Masked().Addr().Next()
		l.Netifd.Routes = []netifd.Route{{Target: anywhere, Nexthop: gateway, Metric: uint32(i)}}
	}
	rule := func(r plan.Rule) Rule {
		r.Suppress = -1
		return Rule{AnyRule: explain.AnyRule{Rule: r, Protocol: plan.Protocol, Action: explain.ActionLookup}}
	}
	f.Rules[plan.IPv4] = []Rule{
		rule(plan.Rule{Priority: 502, Src: netip.PrefixFrom(addr1, 32), Table: 2}), rule(plan.Rule{Priority: 502, Src: netip.PrefixFrom(addr2, 32), Table: 3}),
		rule(plan.Rule{Priority: 32765, Table: 2}), rule(plan.Rule{Priority: 32765, Table: 3}),
		{AnyRule: explain.AnyRule{Rule: plan.Rule{Priority: 32766, Table: plan.Main, Suppress: -1}, Protocol: 2, Action: explain.ActionLookup}},
	}
	f.Router = answers(asItShould)
	return f
}

func asItShould(q explain.Query) (explain.Answer, error) {
	switch {
	case q.Dst.Is6():
		return explain.Answer{Refused: syscall.ENETUNREACH}, nil
	case q.Mark == plan.QueryMark:
		return leaves("eth1", "10.0.1.1", plan.Main), nil
	case q.Src == addr2:
		return leaves("eth2", "10.0.2.1", 3), nil
	}
	return leaves("eth1", "10.0.1.1", 2), nil
}

// but answers some packets in another way.
func but(wanted func(explain.Query) bool, a explain.Answer) answers {
	return func(q explain.Query) (explain.Answer, error) {
		if q.Dst.Is4() && wanted(q) {
			return a, nil
		}
		return asItShould(q)
	}
}

// longer is the answer for a packet that takes a route of the main table.
func longer(device, matched string) explain.Answer {
	a := leaves(device, "", plan.Main)
	a.Matched = netip.MustParsePrefix(matched)
	return a
}

// sameAddress gives both lines the address of the second.
func sameAddress(f *Facts) {
	l := &f.Result.Lines[0]
	l.Use[plan.IPv4].Addresses, l.Netifd.Addresses = f.Result.Lines[1].Use[plan.IPv4].Addresses, f.Result.Lines[1].Netifd.Addresses
	f.Addresses[1].Prefix = f.Addresses[2].Prefix
}

// behind adds the LAN's interface, with routes.
func behind(f *Facts, targets ...string) {
	l := line("lan", "lan0", 9, config.Off, "192.168.1.1/24")
	l.Use = [2]plan.Use{}
	for _, target := range targets {
		l.Netifd.Routes = append(l.Netifd.Routes, netifd.Route{Target: netip.MustParsePrefix(target)})
	}
	f.Result.Lines = append(f.Result.Lines, l)
}

// inside answers what is sent into a network, unless it is lost, by its device.
func inside(device, network string, lost func(explain.Query) bool) answers {
	return but(func(q explain.Query) bool {
		return netip.MustParsePrefix(network).Contains(q.Dst) && (lost == nil || !lost(q))
	}, longer(device, network))
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	second := func(q explain.Query) bool { return q.Src == addr2 }
	lan := func(q explain.Query) bool { return q.IIF == "lan0" }
	marked := func(q explain.Query) bool { return q.IIF == "lan0" && q.Mark == 0x30000 }
	question := func(q explain.Query) bool { return q.Mark == plan.QueryMark }
	refused := explain.Answer{Refused: syscall.ENETUNREACH}
	pbr := Rule{AnyRule: explain.AnyRule{Rule: plan.Rule{Priority: 400, Table: 258, Suppress: -1, Mark: 0x30000}, Mask: 0xff0000, Action: explain.ActionLookup}, Final: true}
	const (
		line    = "wrong_line wan2 [mptcpctl explain 192.0.2.1]\n"
		many    = "wrong_line wan2 [# give tun0 one default route in place of its many routes]\n"
		forward = "wrong_forward wan1 [mptcpctl explain 192.0.2.1]\n"
		policy  = "wrong_forward  [mptcpctl explain 192.0.2.1]\n"
	)
	// first puts a foreign rule before all others.
	first := func(f *Facts, r Rule) { f.Rules[plan.IPv4] = append([]Rule{r}, f.Rules[plan.IPv4]...) }
	tests := map[string]struct {
		change func(*Facts)
		want   string
	}{
		"all is well":                        {func(*Facts) {}, ""},
		"a line's address leaves by another": {func(f *Facts) { f.Router = but(second, leaves("eth1", "10.0.1.1", 2)) }, line},
		"by another gateway of its device":   {func(f *Facts) { f.Router = but(second, leaves("eth2", "10.0.2.9", 3)) }, line},
		"it is refused":                      {func(f *Facts) { f.Router = but(second, refused) }, line},
		"changes wait":                       {func(f *Facts) { f.Router, f.Result.Ops = but(second, refused), make([]plan.Op, 1) }, "pending  [mptcpctl apply]\nwrong_line wan2 [mptcpctl apply]\n"},
		"an error route is told already": {func(f *Facts) {
			f.Router, f.Routes = but(second, refused), []Route{{Route: plan.Route{Dst: anywhere}, Type: 7}}
		}, "error_route  [ip route del unreachable default metric 0]\n"},
		"the line is down": {func(f *Facts) { f.Router, f.Result.Lines[1].Netifd.Up = but(second, refused), false }, ""},
		"the line has no carrier": {func(f *Facts) {
			f.Router, f.Result.Lines[1].Use[plan.IPv4].Device.Carrier = but(second, refused), false
		}, ""},
		"the line has a bad value": {func(f *Facts) { f.Router, f.Result.Lines[1].Frozen = but(second, refused), true }, ""},
		"the line's gateway is none": {func(f *Facts) {
			f.Router, f.Result.Lines[1].Netifd.Routes[0].Nexthop = but(second, refused), netip.MustParseAddr("127.0.0.1")
		}, ""},
		"the line has no default route": {func(f *Facts) { f.Router, f.Result.Lines[1].Netifd.Routes = but(second, refused), nil }, ""},
		"netifd holds it back": {func(f *Facts) {
			l := &f.Result.Lines[1].Netifd
			f.Router, l.Routes, l.Inactive = but(second, refused), nil, l.Routes
		}, line},
		"the kernel has not the address": {func(f *Facts) { f.Router, f.Addresses = but(second, refused), f.Addresses[:2] }, ""},
		"without a gateway":              {func(f *Facts) { f.Router = but(second, leaves("eth2", "", 3)) }, line},
		"its gateway is its own": {func(f *Facts) {
			f.Result.Lines[1].Netifd.Routes[0].Nexthop = addr2
			f.Router = but(second, leaves("eth2", "", 3))
		}, ""},
		"another line has the address and the better mode": {func(f *Facts) {
			sameAddress(f)
			f.Result.Lines[0].Mode, f.Result.Lines[1].Mode = config.On, config.Master
			f.Router = but(func(q explain.Query) bool { return true }, leaves("eth2", "10.0.2.1", 3))
		}, "same_address wan1 [uci set network.wan1.ipaddr=ADDRESS; uci commit network; /etc/init.d/network reload; mptcpctl apply]\n"},
		"another line has the address, and its packets": {func(f *Facts) {
			sameAddress(f)
			f.Router = but(func(q explain.Query) bool { return q.Src == addr2 }, leaves("eth2", "10.0.2.1", 3))
		}, "same_address wan2 [uci set network.wan2.ipaddr=ADDRESS; uci commit network; /etc/init.d/network reload; mptcpctl apply]\nwrong_line wan1 [mptcpctl explain 192.0.2.1]\n"},
		"a VPN has many routes":    {func(f *Facts) { f.Router = but(second, longer("tun0", "192.0.0.0/9")) }, many},
		"another line has them":    {func(f *Facts) { f.Router = but(second, longer("eth1", "192.0.0.0/9")) }, ""},
		"a VPN has quarters":       {func(f *Facts) { f.Router = but(second, longer("tun0", "192.0.0.0/2")) }, line},
		"a network behind the LAN": {func(f *Facts) { behind(f, "172.16.0.0/12"); f.Router = inside("lan0", "172.16.0.0/12", nil) }, ""},
		"a line's address does not reach it": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			f.Router = inside("lan0", "172.16.0.0/12", func(q explain.Query) bool { return q.Src == addr2 })
		}, "wrong_line wan2 [mptcpctl explain 172.16.0.1]\n"},
		"neither does the other's": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			f.Router = inside("lan0", "172.16.0.0/12", func(q explain.Query) bool { return q.Src.IsValid() })
		}, "wrong_line wan1 [mptcpctl explain 172.16.0.1]\nwrong_line wan2 [mptcpctl explain 172.16.0.1]\n"},
		"another device has it": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			f.Router = inside("tun0", "172.16.0.0/12", func(q explain.Query) bool { return q.Src.IsValid() })
		}, ""},
		"the line has it too": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			f.Router = answers(func(q explain.Query) (explain.Answer, error) {
				return inside(map[bool]string{true: "eth2", false: "lan0"}[q.Src == addr2], "172.16.0.0/12", nil)(q)
			})
		}, ""},
		"a foreign rule for it": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			pbr := pbr
			pbr.Mask, pbr.Mark, pbr.Src, pbr.Dst = 0, 0, netip.PrefixFrom(addr2, 32), netip.MustParsePrefix("172.16.0.0/12")
			first(f, pbr)
			f.Router = answers(func(q explain.Query) (explain.Answer, error) {
				if second(q) && pbr.Dst.Contains(q.Dst) {
					return leaves("tun0", "", 258), nil
				}
				return inside("lan0", "172.16.0.0/12", nil)(q)
			})
		}, ""},
		"a network of the internet behind the LAN": {func(f *Facts) { behind(f, "11.0.0.0/8"); f.Router = inside("lan0", "11.0.0.0/8", nil) }, ""},
		"nobody reaches it": {func(f *Facts) {
			behind(f, "172.16.0.0/12")
			f.Router = inside("lan0", "172.16.0.0/12", func(explain.Query) bool { return true })
		}, ""},
		"a line's address does not reach the LAN": {func(f *Facts) {
			behind(f)
			f.Router = inside("lan0", "192.168.1.0/24", func(q explain.Query) bool { return q.Src == addr2 })
		}, "wrong_line wan2 [mptcpctl explain 192.168.1.2]\n"},
		"a VPN has half of the internet, and some": {func(f *Facts) { behind(f, "0.0.0.0/5", "11.0.0.0/8"); f.Router = inside("lan0", "11.0.0.0/8", nil) },
			"wrong_line wan1 [# give lan0 one default route in place of its many routes]\nwrong_line wan2 [# give lan0 one default route in place of its many routes]\n"},
		"the lines keep that": {func(f *Facts) {
			behind(f, "0.0.0.0/5", "11.0.0.0/8")
			f.Router = inside("lan0", "11.0.0.0/8", func(q explain.Query) bool { return q.Src.IsValid() })
		}, ""},
		"the LAN leaves by the second": {func(f *Facts) { f.Router = but(lan, leaves("eth2", "10.0.2.1", 3)) }, forward},
		"the LAN is refused":           {func(f *Facts) { f.Router = but(lan, refused) }, forward},
		"its source is refused":        {func(f *Facts) { f.Router = but(lan, explain.Answer{Refused: syscall.EXDEV}) }, ""},
		"the second is the master":     {func(f *Facts) { f.Result.Lines[0].Mode, f.Result.Lines[1].Mode = config.On, config.Master }, "wrong_forward wan2 [mptcpctl explain 192.0.2.1]\n"},
		"a tracker has put the first last": {func(f *Facts) {
			f.Result.Lines[0].Mode, f.Result.Lines[0].Saved = config.Handover, config.Master
			f.Config.Interfaces = []config.Interface{{Saved: config.Master}}
		}, "wrong_forward wan2 [mptcpctl explain 192.0.2.1]\n"},
		"a device that is closed": {func(f *Facts) {
			f.Addresses[0].Device = "closed0"
			f.Router = but(func(q explain.Query) bool { return q.IIF != "" }, refused)
		}, ""},
		"a single address": {func(f *Facts) {
			f.Addresses[0].Prefix = netip.MustParsePrefix("192.168.1.1/32")
			f.Router = but(lan, refused)
		}, ""},
		"no master": {func(f *Facts) {
			f.Result.Lines[0].Mode = config.On
			f.Config.Interfaces = []config.Interface{{Saved: config.Master}}
			f.Router = but(lan, leaves("eth2", "10.0.2.1", 254))
		}, ""},
		"a line with a bad value may be first": {func(f *Facts) {
			f.Result.Lines = append(f.Result.Lines, plan.LineUse{Line: plan.Line{Interface: config.Interface{Frozen: true}}})
			f.Router = but(lan, leaves("eth2", "10.0.2.1", 3))
		}, ""},
		"a VPN has the default route": {func(f *Facts) {
			f.Router = but(func(q explain.Query) bool { return lan(q) || question(q) }, leaves("tun0", "", 254))
		}, ""},
		"and the LAN leaks": {func(f *Facts) { f.Router = but(question, leaves("tun0", "", 254)) }, policy},
		"no line has one in main": {
			func(f *Facts) {
				f.Router = but(question, leaves("tun0", "", 254))
				for i := range f.Result.Lines {
					l := &f.Result.Lines[i].Netifd
					l.Routes, l.Inactive = nil, l.Routes
				}
			}, "",
		},
		"a policy takes marked packets":   {func(f *Facts) { first(f, pbr); f.Router = but(marked, leaves("tun0", "", 258)) }, ""},
		"it does not, although it should": {func(f *Facts) { first(f, pbr) }, policy},
		"it has no route":                 {func(f *Facts) { pbr := pbr; pbr.Final = false; first(f, pbr) }, ""},
		"it comes behind the list":        {func(f *Facts) { pbr := pbr; pbr.Priority = 32766; f.Rules[plan.IPv4] = append(f.Rules[plan.IPv4], pbr) }, "mark_behind  []\n"},
		"a policy takes all of the LAN": {func(f *Facts) {
			pbr := pbr
			pbr.Mask, pbr.Mark, pbr.IIF = 0, 0, "lan0"
			first(f, pbr)
			f.Router = but(lan, leaves("tun0", "", 258))
		}, ""},
		"a policy for another device takes nobody": {func(f *Facts) { pbr := pbr; pbr.Mask, pbr.Mark, pbr.IIF = 0, 0, "lan1"; first(f, pbr) }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := proved()
			tt.change(f)
			if diff := cmp.Diff(tt.want, summary(Examine(f))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeProvedIsTold(t *testing.T) {
	t.Parallel()
	f := proved()
	f.Router = answers(func(explain.Query) (explain.Answer, error) { return explain.Answer{}, errors.New("no socket") })
	for range 2 {
		if found := Examine(f); len(found) > 0 {
			t.Errorf("findings: %v", found)
		}
	}
	if diff := cmp.Diff([]string{"routes, IPv4: no socket", "routes, IPv6: no socket"}, f.Unchecked); diff != "" {
		t.Errorf("unseen (-want +got):\n%s", diff)
	}
}
