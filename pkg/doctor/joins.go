// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"
)

// joinReason is a counter of joins that came to nothing (net/mptcp/mib.c), and what it
// says of them.
type joinReason struct{ counter, text string }

// Of the joins that this host sends; MPJoinSynAckNoMPJoin from Linux 7.3 on.
var failedJoins = []joinReason{
	{"MPJoinSynTxCreatSkErr", "not sent for want of a socket"},
	{"MPJoinSynTxBindErr", "not sent, the address or device was not usable"},
	{"MPJoinSynTxConnectErr", "not sent for want of a route"},
	{"MPJoinSynAckNoMPJoin", "answered without MPTCP: a path removes it"},
	{"MPJoinSynAckHMacFailure", "answered by another host than the peer"},
}

// Of those that peers send; the second, third, fifth and sixth from Linux 7.3 on.
var refusedJoins = []joinReason{
	{"MPJoinNoTokenFound", "of no connection here"},
	{"MPJoinNoIdFound", "the table of endpoints is full"},
	{"MPJoinNotEstablished", "before the first data of the connection"},
	{"MPJoinRejected", "over the limit of subflows, or while closing"},
	{"MPJoinAckNoMPJoin", "completed without MPTCP: a path removes it"},
	{"MPJoinAckNoCtx", "completed after a fall-back to plain TCP"},
	{"MPJoinAckHMacFailure", "completed by another host than the peer"},
}

// failed counts why joins of this host came to nothing since it started; empty if none
// did. Those without an answer are what is left of all that were sent, which kernels
// count from Linux 6.12 on.
func (e *examination) failed() string {
	rest := e.Counters["MPJoinSynTx"]
	for _, other := range []string{"MPJoinSynAckRx", "MPJoinSynAckNoMPJoin", "MPJoinSynTxConnectErr"} {
		rest -= min(rest, e.Counters[other])
	}
	why := e.joins(failedJoins)
	switch {
	case rest == 0:
		return why
	case why != "":
		why += "; "
	}
	return why + fmt.Sprintf("%d without an answer, or refused by the peer", rest)
}

func (e *examination) joins(reasons []joinReason) string {
	var all []string
	for _, r := range reasons {
		if n := e.Counters[r.counter]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, r.text))
		}
	}
	return strings.Join(all, "; ")
}

// refusedJoins tells a server why joins of its clients failed.
func (e *examination) refusedJoins() {
	for _, l := range e.participants() {
		if why := e.joins(refusedJoins); why != "" && l.Mode.Announces() {
			e.add(RefusedJoins, "", "joins of peers that were refused since boot: "+why)
			return
		}
	}
}
