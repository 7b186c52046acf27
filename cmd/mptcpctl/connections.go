// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
)

// minInterval keeps --watch from doing nothing but listing.
const minInterval = 100 * time.Millisecond

func newConnectionsCmd(o *options) *cobra.Command {
	var filter connectionFilter
	var iface string
	var asJSON, watch bool
	interval := time.Second
	cmd := &cobra.Command{
		Use:   "connections [NAME...]",
		Short: "List the MPTCP connections and their subflows",
		Long: `Lists every MPTCP connection and, below it, its subflows: the interface, the
round-trip time, the congestion window in segments, bytes sent (with what was sent
again) and received, the number of segments sent again, the rate, the state, and
the local address, followed by the peer's where it is not that of the connection.
RATE is the kernel's last estimate of how fast data reaches the peer, in bit/s
(delivery_rate; of an idle subflow it is old).

An established subflow is "backup" if we gave it this role, "peer's backup" if the
peer did, and "mutual backup" if both did. "TCP fall-back" is a connection that
does plain TCP, because the peer or something on the way knows no MPTCP; its token
is "-" if it never tried.

With NAME: only connections with a subflow on one of these interfaces, or on a
device that is no interface's. ` + wordHelp + `

--watch measures what each subflow brings to the peer (OUT, what is acknowledged) and
receives (IN) in bit/s, and shows the fastest connections first; q ends it. What is
not a terminal gets a line for each connection and each interface in every interval.`,
		ValidArgsFunction: o.completeNames,
	}
	f := cmd.Flags()
	f.StringVar(&iface, "iface", "", "the same as `NAME`")
	f.Var(&filter.peer, "peer", "only connections to this `address` or prefix")
	f.Var(&filter.token, "token", "only the connection with this `token`")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&watch, "watch", false, "go on, with measured rates")
	f.DurationVar(&interval, "interval", interval, "`time` between two measurements of --watch")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if filter.words = args; iface != "" {
			filter.words = append(filter.words, iface)
		}
		if interval < minInterval {
			return usage("interval %v: at least %v", interval, minInterval)
		}
		l := &connectionList{options: o, filter: filter}
		if err := l.readNames(c.Context()); err != nil {
			return err
		}
		switch {
		case watch && asJSON:
			return l.watchJSON(c.Context(), interval)
		case watch:
			return l.watch(c.Context(), interval)
		case asJSON:
			return l.printJSON()
		}
		return l.print()
	}
	return cmd
}
