// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// survivalTries is how often a row is measured when the kernel stops reading.
const survivalTries = 3

// explain logs what both kernels know of the connections, and notes whether one is stuck.
func (s *survival) explain() {
	s.Helper()
	for _, n := range []*netlab.Namespace{s.Router, s.Server} {
		sockets, err := n.Output(s.ctx, "ss", "-tinOM")
		s.check(err)
		counters, err := n.Output(s.ctx, "nstat", "-as")
		s.check(err)
		s.Logf("%s:\n%s%s", n.Name, sockets, counters)
		s.row.stuck = s.row.stuck || stuckReceiver(sockets)
	}
}

// A connection has its token and the next byte that it waits for, a subflow that has
// bytes to be read has that of its connection and the first of these bytes.
var (
	nextByte   = regexp.MustCompile(`^mptcp .* token:([0-9a-f]+) .* rcv_nxt:([0-9a-f]+)`)
	subflowHas = regexp.MustCompile(`^tcp +[A-Z0-9-]+ +[1-9][0-9]* .*/([0-9a-f]+)\(id:[0-9]+\) seq:([0-9a-f]+)`)
)

// stuckReceiver reports whether bytes that a connection has not had lie in the receive
// queue of a subflow for good. Linux 6.18 does that in two ways, at either end, and the
// other end waits with it, whatever the router does:
//   - Bytes of later fill the connection's own queue, and __mptcp_move_skbs
//     (net/mptcp/protocol.c) stops there before it looks which piece is the next one.
//   - The subflow was closed, by deleting its endpoint, while the line was dead and the far
//     end does not know (RM_ADDR is sent once). When the line is back its socket, in
//     FIN-WAIT-1, acknowledges what arrives, and the connection never gets it
//     (mptcp_data_ready). The far end sends it again elsewhere, but not when it has
//     closed the connection: after net.mptcp.close_timeout it resets it.
//
// sockets is what `ss -tinOM` prints when nothing has moved for long.
func stuckReceiver(sockets string) bool {
	waitsFor := make(map[string]uint64) // by token
	for line := range strings.Lines(sockets) {
		if m := nextByte.FindStringSubmatch(line); m != nil {
			waitsFor[m[1]], _ = strconv.ParseUint(m[2], 16, 64)
		}
	}
	for line := range strings.Lines(sockets) {
		if m := subflowHas.FindStringSubmatch(line); m != nil {
			first, _ := strconv.ParseUint(m[2], 16, 64)
			if next, ok := waitsFor[m[1]]; ok && first >= next {
				return true
			}
		}
	}
	return false
}

// The lines are of a far server with whom an upload stood still, and of a router that
// could not close.
func TestStuckReceiver(t *testing.T) {
	const (
		server = "mptcp ESTAB 2364836 0 [::ffff:10.99.0.2]:5001 [::ffff:10.0.1.2]:33732 remote_key token:5d9ca274 write_seq:77 rcv_nxt:4d660bd32be98233\n"
		router = "mptcp FIN-WAIT-2 10652 0 10.0.1.2:43706 10.99.0.2:5001 remote_key token:2044f403 write_seq:67 rcv_nxt:826922ed6b0b7713\n"
	)
	tests := []struct {
		sockets string
		want    bool
	}{
		{"tcp   ESTAB 459752 964208 [::ffff:10.99.0.2]:5001 [::ffff:10.0.2.78]:47847 token:0000(id:7)/5d9ca274(id:0) seq:4d660bd32be98233 sfseq:1\n" + server, true},
		{"tcp   ESTAB 0      964208 [::ffff:10.99.0.2]:5001 [::ffff:10.0.2.78]:47847 token:0000(id:7)/5d9ca274(id:0) seq:4d660bd32be98233 sfseq:1\n" + server, false},
		{"tcp   ESTAB 459752 964208 [::ffff:10.99.0.2]:5001 [::ffff:10.0.2.78]:47847 token:0000(id:7)/5d9ca274(id:0) seq:4d660bd32be98232 sfseq:1\n" + server, false},
		{"tcp   ESTAB 459752 964208 [::ffff:10.99.0.2]:5001 [::ffff:10.0.2.78]:47847 token:0000(id:7)/5d9ca275(id:0) seq:4d660bd32be98233 sfseq:1\n" + server, false},
		{"tcp   FIN-WAIT-1 16324 30201 10.0.1.2:43706 10.99.0.2:5001 token:0000(id:0)/2044f403(id:0) seq:826922ed6b0b7713 sfseq:f0fd\n" + router, true},
	}
	for _, test := range tests {
		if got := stuckReceiver(test.sockets); got != test.want {
			t.Errorf("%sgot %t", test.sockets, got)
		}
	}
}
