// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

func TestSubflowsThatDifferFromTheirEndpointAreEnded(t *testing.T) {
	one, two := netip.MustParseAddrPort("10.0.1.2:1"), netip.MustParseAddrPort("10.0.2.2:2")
	const grown = sockdiag.CapableLocal | sockdiag.CapableRemote | sockdiag.FullyEstablished
	subflow := func(cookie uint64, local netip.AddrPort, flags sockdiag.SubflowFlags) sockdiag.Subflow {
		return sockdiag.Subflow{Token: 7, Cookie: cookie, Local: local, State: sockdiag.Established, Flags: flags}
	}
	// On wan1, which is no backup, and wan2, which is.
	right1, right2 := subflow(1, one, grown), subflow(2, two, grown|sockdiag.BackupLocal)
	wrong1, wrong2 := subflow(3, one, grown|sockdiag.BackupLocal), subflow(4, two, grown)
	stalled, young, closing, other, lan := right1, wrong1, wrong1, right1, wrong1
	stalled.TCP.Timeouts, young.Flags, closing.State, other.Token = 2, sockdiag.BackupLocal, sockdiag.CloseWait, 8
	lan.Local = netip.MustParseAddrPort("192.168.1.1:3")
	peers := right1
	peers.Flags |= sockdiag.BackupRemote
	for _, tt := range []struct {
		name     string
		change   func(*scene)
		subflows []sockdiag.Subflow
		ended    []uint64
	}{
		{"none differs", nil, []sockdiag.Subflow{right1, right2}, nil},
		{"the twin of one that was told", nil, []sockdiag.Subflow{right1, wrong1}, []uint64{3}},
		{"in either direction", nil, []sockdiag.Subflow{right2, wrong2, wrong1}, []uint64{4, 3}},
		{"another line works", nil, []sockdiag.Subflow{wrong1, right2}, []uint64{3}},
		{"nothing else works", nil, []sockdiag.Subflow{wrong1, wrong2}, nil},
		{"another connection is no help", nil, []sockdiag.Subflow{wrong1, other}, nil},
		{"the other gets no answers", nil, []sockdiag.Subflow{stalled, wrong2}, nil},
		{"the other's cable is out", func(s *scene) { s.state.Devices[1].Carrier = false }, []sockdiag.Subflow{right1, wrong2}, nil},
		{"the other is young", nil, []sockdiag.Subflow{subflow(1, one, 0), wrong2}, nil},
		{"before the first data", nil, []sockdiag.Subflow{right2, young}, nil},
		{"closed by the peer", nil, []sockdiag.Subflow{right2, closing}, nil},
		{"the peer's wish is another matter", nil, []sockdiag.Subflow{right2, peers}, nil},
		{"no line's address", nil, []sockdiag.Subflow{right1, lan}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master", "backup")
			s.settled()
			if tt.change != nil {
				tt.change(s)
			}
			r := s.make()
			var ended []uint64
			for _, op := range r.EndDiffering(&s.state, tt.subflows) {
				ended = append(ended, op.Subflow.Cookie)
				if op.Object != ObjectSubflow || op.Action != Delete || !slices.Contains([]string{"wan1", "wan2"}, op.Interface) {
					t.Errorf("operation %+v", op)
				}
			}
			if diff := cmp.Diff(tt.ended, ended); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}
