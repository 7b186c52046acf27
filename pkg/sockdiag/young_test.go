// SPDX-License-Identifier: Apache-2.0

package sockdiag

import "testing"

func TestYoungConnections(t *testing.T) {
	t.Parallel()
	first, grown := CapableLocal|CapableRemote, CapableLocal|CapableRemote|FullyEstablished
	for _, tt := range []struct {
		name     string
		info     MPTCPInfo
		subflows []SubflowFlags
		young    bool
	}{
		{"nothing acknowledged", MPTCPInfo{Counted: true}, []SubflowFlags{first}, true},
		{"nothing acknowledged, and its subflow gone", MPTCPInfo{Counted: true}, nil, true},
		{"fully established", MPTCPInfo{Counted: true}, []SubflowFlags{grown}, false},
		{"one of two", MPTCPInfo{Counted: true}, []SubflowFlags{JoinLocal | JoinRemote, grown}, false},
		{"data sent, and its subflow gone", MPTCPInfo{Counted: true, BytesAcked: 1}, nil, false},
		{"data received, and another on its way", MPTCPInfo{Counted: true, BytesReceived: 1}, []SubflowFlags{JoinLocal}, false},
		{"an old kernel: the first is not established", MPTCPInfo{}, []SubflowFlags{first}, true},
		{"an old kernel: the first is gone", MPTCPInfo{}, []SubflowFlags{JoinLocal}, false},
		{"an old kernel: all are gone", MPTCPInfo{}, nil, false},
	} {
		c := Connection{State: Established, MPTCP: tt.info}
		for _, flags := range tt.subflows {
			c.Subflows = append(c.Subflows, Subflow{State: FinWait1, Flags: flags})
		}
		if c.Young() != tt.young || c.Lost() == tt.young {
			t.Errorf("%s: young %v, lost %v; want young %v", tt.name, c.Young(), c.Lost(), tt.young)
		}
	}
}
