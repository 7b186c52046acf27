// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
)

// hostTest is one call of the command.
type hostTest struct {
	*options
	line, listen, etc string
	timeout           time.Duration
	count             int
	asJSON            bool
}

func newTestCmd(o *options) *cobra.Command {
	t := &hostTest{options: o, timeout: 10 * time.Second, etc: "/etc"}
	cmd := &cobra.Command{
		Use:   "test HOST[:PORT]",
		Short: "Test whether MPTCP gets through to a server, line by line",
		Long: `Opens a connection to the server over each usable line, bound to it, and then
one over all of them: whether it is MPTCP, and whether each subflow joins. A
server without MPTCP and a path that strips the option look the same; another
line, or --listen on the server, tells them apart. PORT is 443 if not given.

HOST is an address, or a name that /etc/hosts has or a server of
/etc/resolv.conf knows, without the search list. IPv4 comes first.

The kernel gives MPTCP up on all lines when SYNs with it are lost and one
without is answered (net.mptcp.blackhole_timeout). The test ends its attempts
before that; if it is held up, root has the kernel use MPTCP again, and another
user is told the command. Exits with 7 if a line has no MPTCP to the server or
its subflow does not join, with 1 if nothing could be tried.`,
		Example: `  mptcpctl test example.com
  mptcpctl test 203.0.113.7:5001 --line wan2
  mptcpctl test --listen 5001 --count 3   # on the server`,
		Args: cobra.MaximumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&t.line, "line", "", "test only the line `NAME`")
	f.Var((*durationFlag)(&t.timeout), "timeout", "`time` for the whole test")
	f.StringVar(&t.listen, "listen", "", "be the server at `[ADDRESS:]PORT`")
	f.IntVar(&t.count, "count", 0, "end --listen after that `number` of connections")
	f.BoolVar(&t.asJSON, "json", false, "print JSON")
	f.StringVar(&t.etc, "etc-dir", t.etc, "`directory` of hosts and resolv.conf")
	f.Lookup("etc-dir").Hidden = true
	completeNothing(cmd, "timeout", "listen", "count")
	_ = cmd.RegisterFlagCompletionFunc("line", o.completeNames) // it fails where there is no such flag
	cmd.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case t.listen != "" && (len(args) > 0 || t.line != "" || f.Changed("timeout")):
			return usage("--listen goes with --count and --json only")
		case t.listen != "":
			return t.serve(c.Context())
		case len(args) == 0:
			return usage("test needs HOST[:PORT] or --listen")
		case f.Changed("count"):
			return usage("--count needs --listen")
		case t.timeout == 0:
			return usage("--timeout 0s: too short")
		}
		return t.run(c.Context(), args[0])
	}
	return cmd
}
