// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// defaultPort is where most servers answer.
const defaultPort = 443

// splitHost reads HOST[:PORT]; an IPv6 address with a port is in brackets.
func splitHost(word string) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(strings.Trim(word, "[]")); err == nil {
		return a.String(), defaultPort, nil
	}
	if a, err := netip.ParseAddrPort(word); err == nil && a.Port() != 0 {
		return a.Addr().String(), a.Port(), nil
	}
	host, text, given := strings.Cut(word, ":")
	number := uint64(defaultPort)
	if given {
		number, err = strconv.ParseUint(text, 10, 16)
	}
	if err != nil || number == 0 || !trial.ValidName(host) {
		return "", 0, usage("%q is not HOST[:PORT]", word)
	}
	return host, uint16(number), nil
}

// nameWait is how long each name server may take.
const nameWait = 3 * time.Second

// addresses are those of a host.
func (t *hostTest) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	all := make([]netip.Addr, 1)
	var err error
	if all[0], err = netip.ParseAddr(host); err != nil {
		if all, err = (trial.Resolver{Dir: t.etc}).Resolve(ctx, host, min(nameWait, t.timeout)); err != nil {
			return nil, failed(fmt.Errorf("%s: %w", host, err))
		}
	}
	for _, a := range all {
		if !explain.Routable(a) {
			return nil, usage("%q is not the address of a remote host", a)
		}
	}
	return all, nil
}

// choose takes the address to which lines can go, IPv4 first, and these lines.
func (t *hostTest) choose(seen *reconcile.Observation, addresses []netip.Addr) (to netip.Addr, lines []trial.Line, err error) {
	var only []string
	if t.line != "" {
		if only, err = namedLines(linesOf(seen.Result.Lines), t.line); err != nil {
			return to, nil, err
		}
	}
	why := "there is no line"
	for _, f := range plan.Families {
		for _, to := range addresses {
			if plan.FamilyOf(to) != f {
				continue
			}
			lines := testLines(seen, f, only)
			if len(lines) > 0 {
				return to, lines, nil
			}
			why = "no line is usable in " + f.Name()
			break
		}
	}
	if t.line != "" {
		why = t.line + ": " + why
	}
	return to, nil, failed(fmt.Errorf("%s; mptcpctl status says why", why))
}

// testLines are the usable lines of a family, or those of some names.
func testLines(seen *reconcile.Observation, f plan.Family, only []string) (all []trial.Line) {
	for i := range seen.Result.Lines {
		l := &seen.Result.Lines[i]
		u := &l.Use[f]
		chosen := only == nil
		for _, name := range only {
			chosen = chosen || l.Name == name
		}
		if !chosen || !l.Participates() || !u.Usable || !u.Source.IsValid() {
			continue
		}
		line := trial.Line{Name: l.Name, Device: l.Device, Source: u.Source}
		for _, e := range seen.State.Endpoints {
			own := e.Addr == u.Source && e.IfIndex == u.Device.Index && e.Port == 0
			line.Joins = line.Joins || own && e.Flags&mptcp.FlagSubflow != 0
		}
		switch {
		case line.Joins || l.Mode.Waits() || l.Mode.Announces():
		case u.NoEndpoint != "":
			line.Why = "no endpoint: " + u.NoEndpoint
		default:
			line.Why = "no endpoint: changes are pending (mptcpctl apply)"
		}
		all = append(all, line)
	}
	return all
}
