// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// survivalTries is how often a row is measured when the kernel stops reading.
const survivalTries = 3

// survivalLook is the time between two looks at what does not move.
const survivalLook = 2 * time.Second

// emulated tells the machines of .ci/kernels (cmd/kernelinit).
func emulated() bool { return os.Getenv("EMULATED") != "" }

// cannot is what this kernel cannot do in a row, so that the connection may stall for
// good; empty: nothing. Lines that are lost one after the other leave the subflow of the
// last one, wan2; where the peer may refuse joins, nothing else helps.
func (r *survivalRow) cannot() string {
	if !r.fault.all || r.fault.sudden || !r.fault.told || slices.Contains(r.fault.back, "wan2") || !gapRefusesJoins(kernel.Release()) {
		return ""
	}
	return "accept a join while data is missing"
}

// gapRefusesJoins reports whether a kernel refuses a join while its connection has bytes
// that come after missing ones, as findings/linux-6.12-resets-joins-behind-a-gap.sh has it.
func gapRefusesJoins(release string) bool {
	var point int
	if n, _ := fmt.Sscanf(release, "6.12.%d", &point); n == 1 {
		return 60 <= point && point <= 114
	}
	n, _ := fmt.Sscanf(release, "6.6.%d", &point)
	return n == 1 && point >= 118
}

// printMain prints a table of rows for .ci/kernels, which finds it by its first word.
func printMain(rows []*survivalRow) {
	line := func(cells ...string) { fmt.Println("survival: | " + strings.Join(cells, " | ") + " |") }
	line("fault", "wan1 + wan2", "lives", "longest stall", "resumes after", "what this kernel cannot do")
	line("---", "---", "---", "---:", "---:", "---")
	for _, r := range rows {
		cells := strings.Split(r.markdown(), " | ")
		line(append(append([]string{strings.TrimPrefix(cells[0], "| ")}, cells[1:5]...), r.cannot())...)
	}
}

// explain logs what both kernels know of the connections, and notes whether one is
// stuck by the kernel's doing.
func (s *survival) explain() {
	s.Helper()
	var before [2]string
	ends := [2]*netlab.Namespace{s.Router, s.Server}
	for i, n := range ends {
		before[i] = s.sockets(n)
		counters := ""
		if !emulated() { // which has no nstat
			var err error
			counters, err = n.Output(s.ctx, "nstat", "-as")
			s.check(err)
		}
		s.Logf("%s:\n%s%s", n.Name, before[i], counters)
	}
	time.Sleep(survivalLook)
	s.row.stuck = false
	for i, n := range ends {
		s.row.stuck = s.row.stuck || stuckReceiver(before[i], s.sockets(n))
	}
}

func (s *survival) sockets(n *netlab.Namespace) string {
	s.Helper()
	sockets, err := n.Output(s.ctx, "ss", "-tinmOM")
	s.check(err)
	return sockets
}

// A connection has what its receive queues hold and may hold, its token, and the next
// byte that it waits for; an open subflow that has bytes to be read has the token of
// its connection and the first of these bytes.
var (
	connectionHas = regexp.MustCompile(`^mptcp .* skmem:\(r([0-9]+),rb([0-9]+),.* token:([0-9a-f]+) .* rcv_nxt:([0-9a-f]+)`)
	subflowHas    = regexp.MustCompile(`^tcp +(?:ESTAB|CLOSE-WAIT) +[1-9][0-9]* .*/([0-9a-f]+)\(id:[0-9]+\) seq:([0-9a-f]+)`)
)

// stuckReceiver reports whether a connection can never read again whatever the router
// does. sockets are what `ss -tinmOM` printed at two moments.
//
// Bytes that come before others are missing: they were lost with a subflow, or dropped
// since they were outside the window (MPTcpExtNoDSSInWindow). Those others fill the
// connection's queue till it holds more than it may, and Linux 6.18 then moves nothing
// more out of the subflows' queues, before it looks which byte is there
// (__mptcp_move_skbs in net/mptcp/protocol.c: sk_rmem_alloc_get(sk) > sk->sk_rcvbuf).
// The missing ones are sent again and acknowledged, behind others in the queue of an
// open subflow, and lie there for good; TCP would throw later ones away (tcp_prune_ofo_queue).
// Linux 6.19 has one more queue between the two, and the same condition before it
// (mptcp_can_spool_backlog; read, not tried).
//
// It needs no mptcpctl: with endpoints, rules and routes from `ip` alone, where
// `ip mptcp endpoint delete` follows the lost carrier and `add` its return, 2 of 42
// connections by master + backup with 30 ms delay and bbr were stuck so, and 2 of 29 with it.
//
// What lies in a subflow that was closed here is no such case: its endpoint was deleted,
// and the far end was not told so (plan.Op, Endpoint).
func stuckReceiver(sockets ...string) bool {
	stuck := fullReceivers(sockets[0])
	for _, later := range sockets[1:] {
		still := fullReceivers(later)
		maps.DeleteFunc(stuck, func(token string, next uint64) bool { return still[token] != next })
	}
	return len(stuck) > 0
}

// fullReceivers are the connections that move nothing, by token, and the byte for which
// each waits.
func fullReceivers(sockets string) map[string]uint64 {
	full, behind := make(map[string]uint64), make(map[string]uint64)
	for line := range strings.Lines(sockets) {
		if m := connectionHas.FindStringSubmatch(line); m != nil && number(m[1], 10) > number(m[2], 10) {
			full[m[3]] = number(m[4], 16)
		}
		if m := subflowHas.FindStringSubmatch(line); m != nil {
			behind[m[1]] = max(behind[m[1]], number(m[2], 16))
		}
	}
	maps.DeleteFunc(full, func(token string, next uint64) bool { return behind[token] < next })
	return full
}

// number is one that a regular expression has found.
func number(text string, base int) uint64 {
	n, _ := strconv.ParseUint(text, base, 64) // digits, and no more than the kernel has
	return n
}

// The lines are of a far server with whom an upload stood still.
func TestStuckReceiver(t *testing.T) {
	const (
		subflow    = "tcp   ESTAB 522448 0 [::ffff:10.99.0.2]:5001 [::ffff:10.0.1.2]:41005 skmem:(r787712,rb787712,t0) token:0000(id:0)/fe9d75e9(id:0) seq:2c46ad673c08192c sfseq:183901\n"
		connection = "mptcp ESTAB 1919232 0 [::ffff:10.99.0.2]:5001 [::ffff:10.0.1.2]:35860 skmem:(r1919232,rb1917456,t0,tb8581888) subflows:2 remote_key token:fe9d75e9 write_seq:4e rcv_nxt:2c46ad673bf77594\n"
		stuck      = subflow + connection
	)
	tests := map[string]struct {
		later string
		want  bool
	}{
		"nothing has moved":                     {stuck, true},
		"the next byte lies first":              {strings.Replace(stuck, "seq:2c46ad673c08192c", "seq:2c46ad673bf77594", 1), true},
		"the connection goes on":                {strings.Replace(stuck, "rcv_nxt:2c46ad673bf77594", "rcv_nxt:2c46ad673bf77595", 1), false},
		"there is room":                         {strings.Replace(stuck, "r1919232", "r1917456", 1), false},
		"nothing lies in the subflow":           {strings.Replace(stuck, "522448", "0", 1), false},
		"it has been read already":              {strings.Replace(stuck, "seq:2c46ad673c08192c", "seq:2c46ad673bf77593", 1), false},
		"the subflow has been closed here":      {strings.Replace(stuck, "ESTAB", "FIN-WAIT-1", 1), false},
		"the subflow is of another connection":  {strings.Replace(stuck, "/fe9d75e9", "/fe9d75ea", 1), false},
		"the far end has closed the subflow":    {strings.Replace(stuck, "ESTAB", "CLOSE-WAIT", 1), true},
		"the connection is there no more":       {subflow, false},
		"the subflow is gone, whoever cut it":   {connection, false},
		"another connection waits for the same": {strings.ReplaceAll(stuck, "fe9d75e9", "fe9d75ea"), false},
	}
	for name, test := range tests {
		if got := stuckReceiver(stuck, test.later); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
