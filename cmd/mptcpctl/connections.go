// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
)

// minInterval is the shortest --interval: below it, --watch would only list.
const minInterval = 100 * time.Millisecond

func newConnectionsCmd(o *options) *cobra.Command {
	var filter connectionFilter
	var iface string
	var asJSON, watch bool
	interval := time.Second
	cmd := &cobra.Command{
		Use:   "connections [NAME...]",
		Short: "List MPTCP connections and their subflows",
		Long: `Lists each MPTCP connection and its subflows: interface, round-trip time,
congestion window in segments, bytes sent (retransmissions included) and
received, retransmitted segments, rate, state and local address; also the
remote address if it is not that of the connection. RATE is the kernel's latest
estimate (delivery_rate) in bit/s; that of an idle subflow is old.

An established subflow is "backup" if this host made it one, "peer's backup" if
the peer did, "mutual backup" if both did. "TCP fall-back" is a connection that
uses plain TCP, because the peer or the path does not support MPTCP; its token
is "-" if it never tried.

With NAME: only connections with a subflow on this interface or device.
` + wordHelp + `

--watch measures acknowledged (OUT) and received (IN) data in bit/s and lists
the fastest connections first; q quits. If the output is not a terminal, it
prints a line for each connection and each interface at every interval.`,
		Example: `  mptcpctl connections wan2
  mptcpctl connections --peer 203.0.113.0/24
  mptcpctl connections --watch --interval 5s`,
		ValidArgsFunction: o.completeNames,
	}
	f := cmd.Flags()
	f.StringVar(&iface, "iface", "", "same as `NAME`")
	f.Var(&filter.peer, "peer", "only connections to this `address` or prefix")
	f.Var(&filter.token, "token", "only the connection with this `token`")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.BoolVar(&watch, "watch", false, "keep running and measure rates")
	f.Var((*durationFlag)(&interval), "interval", "`time` between measurements of --watch")
	completeNothing(cmd, "interval", "peer", "token")
	_ = cmd.RegisterFlagCompletionFunc("iface", o.completeNames) // it fails where there is no such flag
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if filter.words = args; iface != "" {
			filter.words = append(filter.words, iface)
		}
		switch {
		case !watch && f.Changed("interval"):
			return usage("--interval needs --watch")
		case interval < minInterval:
			return usage("--interval %v: the minimum is %v", interval, minInterval)
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
