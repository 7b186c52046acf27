// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// oldConnections lists the connections, then the same again for scripts as
// /proc/net/mptcp of the kernels of multipath-tcp.org had them (mptcp_pm_seq_show in
// their net/mptcp/mptcp_ctrl.c): numbers in hexadecimal, addresses as words in the
// byte order of this host. The remote token is FFFFFFFF, as it was for users other
// than root, and the columns behind ns, the number of subflows, are missing.
func (o *options) oldConnections(ctx context.Context) error {
	connections, err := sockdiag.Connections()
	if err != nil {
		return listFailed(err)
	}
	if reconcile.Hidden(connections) {
		o.warn([]string{hiddenText})
	}
	names, err := o.namesOrDevices(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tLOCAL\tREMOTE\tSTATE\tSUBFLOWS")
	var old strings.Builder
	old.WriteString("\n  sl  loc_tok  rem_tok  v6 local_address                         remote_address                        st ns\n")
	n := 0
	for i := range connections {
		c := &connections[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", dash(tokenText(c.Token)), c.Local, c.Remote, connectionState(c), subflowLines(names, c))
		if c.Fallback {
			continue // the file did not have them
		}
		version := 0
		if c.Local.Addr().Is6() {
			version = 1
		}
		fmt.Fprintf(&old, "%4d: %08X FFFFFFFF  %d %-37s %-37s %02X %02X\n", n, c.Token, version,
			oldEnd(c.Local), oldEnd(c.Remote), uint8(c.State), len(c.Subflows))
		n++
	}
	if err := w.Flush(); err != nil {
		return wrap("writing the output", err)
	}
	return o.printf("%s", &old)
}

// subflowLines are the lines of the established subflows, those of others in
// brackets.
func subflowLines(names lineNames, c *sockdiag.Connection) string {
	var words []string
	for _, s := range c.Subflows {
		word := names.of(s.Local.Addr(), s.IfIndex)
		if s.State != sockdiag.Established {
			word = "(" + word + ")"
		}
		words = append(words, word)
	}
	slices.Sort(words)
	return dash(strings.Join(words, " "))
}

func oldEnd(a netip.AddrPort) string {
	var b strings.Builder
	for raw := a.Addr().AsSlice(); len(raw) >= 4; raw = raw[4:] {
		fmt.Fprintf(&b, "%08X", binary.NativeEndian.Uint32(raw))
	}
	return fmt.Sprintf("%s:%04X", &b, a.Port())
}
