// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// meshRow is a local address that has an endpoint or a subflow.
type meshRow struct {
	local   netip.Addr
	ifIndex int
	id      string // "-" where the address has no endpoint
	opens   bool   // the path manager opens subflows from it
}

// mesh says which local addresses have subflows to which remote ones.
type mesh struct {
	rows    []meshRow
	remotes []netip.Addr // in the order in which the kernel lists the subflows
	// subflows counts the established ones from a local to a remote address.
	subflows map[[2]netip.Addr]int
	// unlisted is why the kernel lists no subflows; nil where it does.
	unlisted error
}

// fullmesh shows the number of established subflows between every endpoint and every
// address of peers.
func (o *options) fullmesh(ctx context.Context) error {
	m, err := readMesh()
	if err != nil {
		return err
	}
	names, err := o.namesOrDevices(ctx)
	if err != nil {
		return err
	}
	if m.unlisted != nil {
		o.warn([]string{"subflows are not shown: " + m.unlisted.Error()})
	} else if len(m.subflows) == 0 && reconcile.NeedNetAdmin() != nil {
		if connections, err := sockdiag.Connections(); err != nil || reconcile.Hidden(connections) {
			o.warn([]string{hiddenText})
		}
	}
	return m.print(o.out, names)
}

func (m *mesh) print(out io.Writer, names lineNames) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "LINE\tLOCAL\tENDPOINT\tREMOTE\tSUBFLOWS")
	for _, r := range m.rows {
		line, met := names.of(r.local, r.ifIndex), false
		for _, remote := range m.remotes {
			count := m.subflows[[2]netip.Addr{r.local, remote}]
			if remote.Is4() != r.local.Is4() || count == 0 && !r.opens {
				continue
			}
			met = true
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", line, r.local, r.id, remote, countText(count))
		}
		switch {
		case m.unlisted != nil:
			fmt.Fprintf(w, "%s\t%s\t%s\t?\t?\n", line, r.local, r.id)
		case !met:
			fmt.Fprintf(w, "%s\t%s\t%s\t-\tnone\n", line, r.local, r.id)
		}
	}
	return wrap("writing the output", w.Flush())
}

func countText(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// readMesh reads the endpoints and, where the kernel lists them, the subflows.
func readMesh() (mesh, error) {
	m := mesh{subflows: make(map[[2]netip.Addr]int)}
	c, err := mptcp.Dial()
	if err != nil {
		return m, err
	}
	defer c.Close()
	endpoints, err := c.Endpoints()
	if err != nil {
		return m, err
	}
	for _, e := range endpoints {
		m.rows = append(m.rows, meshRow{e.Addr, e.IfIndex, strings.TrimPrefix(fmt.Sprintf("%s id %d %s", e.Place(), e.ID, e.Flags), e.Addr.String()+" "), e.Flags&mptcp.FlagSubflow != 0})
	}
	err = sockdiag.Subflows(func(s sockdiag.Subflow) error {
		local, remote := s.Local.Addr(), s.Remote.Addr()
		m.subflows[[2]netip.Addr{local, remote}]++
		if !slices.Contains(m.remotes, remote) {
			m.remotes = append(m.remotes, remote)
		}
		if !slices.ContainsFunc(m.rows, func(r meshRow) bool { return r.local == local }) {
			m.rows = append(m.rows, meshRow{local, s.IfIndex, "-", false})
		}
		return nil
	}, sockdiag.Established)
	if errors.Is(err, sockdiag.ErrNoTCPDiag) || errors.Is(err, unix.EPROTONOSUPPORT) {
		m.unlisted = sockdiag.ErrNoTCPDiag
		return m, nil
	}
	return m, err
}
