// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// texts are what Examine says of a kind.
func texts(f *Facts, id ID) (all []string) {
	for _, one := range Examine(f) {
		if one.ID == id {
			all = append(all, one.Text)
		}
	}
	return all
}

// The names are those of Linux 7.3.
func TestWhyJoinsFail(t *testing.T) {
	tests := []struct {
		name     string
		counters map[string]uint64
		want     string
	}{
		{"nothing is counted", nil, ""},
		{"all are answered", map[string]uint64{"MPJoinSynTx": 3, "MPJoinSynAckRx": 3}, ""},
		{"no route", map[string]uint64{"MPJoinSynTx": 3, "MPJoinSynTxConnectErr": 1, "MPJoinSynAckRx": 2}, "1 not sent for want of a route"},
		{
			"a path removes MPTCP", map[string]uint64{"MPJoinSynTx": 6, "MPJoinSynAckRx": 1, "MPJoinSynAckNoMPJoin": 2},
			"2 answered without MPTCP: a path removes it; 3 without an answer, or refused by the peer",
		},
		{"a kernel that does not count what it sends", map[string]uint64{"MPJoinSynAckRx": 3, "MPJoinSynAckHMacFailure": 1}, "1 answered by another host than the peer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := healthy()
			f.Counters = tt.counters
			if got := (&examination{Facts: f}).failed(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAServerIsToldWhyItRefusedJoins(t *testing.T) {
	f := healthy()
	f.Counters = map[string]uint64{"MPJoinNoIdFound": 1, "MPJoinNotEstablished": 2, "MPJoinAckNoMPJoin": 3, "MPJoinAckNoCtx": 4}
	if got := texts(f, RefusedJoins); got != nil {
		t.Errorf("a client: %q", got)
	}
	f.Result.Lines[0].Mode = config.Signal
	want := "joins of peers that were refused since boot: 1 the table of endpoints is full; 2 before the first data of the connection; " +
		"3 completed without MPTCP: a path removes it; 4 completed after a fall-back to plain TCP"
	if got := strings.Join(texts(f, RefusedJoins), "\n"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDeadJoins(t *testing.T) {
	lan := netip.MustParseAddrPort("192.168.1.1:40000")
	scene := func(device string, s sockdiag.Subflow) *Facts {
		f := healthy()
		s.Local = lan
		f.Addresses = append(f.Addresses, Address{plan.Address{Prefix: netip.PrefixFrom(lan.Addr(), 24)}, device})
		f.State.Endpoints = []mptcp.Endpoint{{ID: 9, Addr: lan.Addr(), Flags: mptcp.FlagSubflow}}
		f.Connections = []sockdiag.Connection{{State: sockdiag.SynSent, Subflows: []sockdiag.Subflow{s}}}
		return f
	}
	sent := sockdiag.Subflow{State: sockdiag.SynSent, TCP: sockdiag.TCPInfo{Timeouts: 1}}
	if got := texts(scene("br-lan", sent), DeadJoins); len(got) != 1 || !strings.Contains(got[0], "from br-lan") {
		t.Errorf("%q", got)
	}
	for name, f := range map[string]*Facts{
		"a line":                scene("eth1", sent),
		"it has just been sent": scene("br-lan", sockdiag.Subflow{State: sockdiag.SynSent}),
		"it is established":     scene("br-lan", sockdiag.Subflow{State: sockdiag.Established}),
	} {
		if got := texts(f, DeadJoins); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
