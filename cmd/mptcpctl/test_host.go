// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/explain"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// defaultPort is where most servers answer.
const defaultPort = "443"

// cutPort reads [HOST:]PORT or HOST[:PORT]; an IPv6 address with a port is in brackets. The
// address is the zero Addr for a name, and the port 0 where it is none.
func cutPort(word, host, port string) (string, netip.Addr, uint16) {
	bare := strings.TrimSuffix(strings.TrimPrefix(word, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil {
		word = bare
	} else if at := strings.LastIndexByte(word, ':'); at >= 0 {
		word, port = word[:at], word[at+1:]
		word = strings.TrimSuffix(strings.TrimPrefix(word, "["), "]")
	} else if host != "" {
		word, port = host, word
	}
	a, _ := netip.ParseAddr(word)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		n = 0
	}
	return word, a, uint16(n)
}

// addresses are those of a host.
func (t *hostTest) addresses(ctx context.Context, word string) (all []netip.Addr, port uint16, err error) {
	host, a, port := cutPort(word, "", defaultPort)
	found := []string{host}
	switch {
	case port == 0 || !a.IsValid() && !trial.ValidName(host):
		return nil, 0, usage("%q is not HOST[:PORT]", word)
	case !a.IsValid():
		r := trial.Resolver{Dir: t.etc, Port: trial.DomainPort}
		if found, err = r.Resolve(ctx, host); err != nil {
			return nil, 0, failed(wrap(host, err))
		}
	}
	for _, text := range found {
		a, err := netip.ParseAddr(text)
		if err != nil || !explain.Routable(a) {
			return nil, 0, usage("%q is not the address of a remote host", text)
		}
		all = append(all, a)
	}
	return all, port, nil
}

// choose takes the address to which lines can go, IPv4 first, and these lines.
func (t *hostTest) choose(seen *reconcile.Observation, addresses []netip.Addr) (*trial.Test, error) {
	var only []string
	var err error
	if t.line != "" {
		if only, err = namedLines(linesOf(seen.Result.Lines), t.line); err != nil {
			return nil, err
		}
	}
	why := ""
	for _, f := range plan.Families {
		for _, to := range addresses {
			if plan.FamilyOf(to) != f {
				continue
			}
			if lines := testLines(seen, f, only); len(lines) > 0 {
				return &trial.Test{To: netip.AddrPortFrom(to, 0), Lines: lines}, nil
			}
			why = "no line is usable in " + f.Name() + "; mptcpctl status says why"
			break
		}
	}
	if t.line != "" {
		why = t.line + ": " + why
	}
	return nil, failed(errors.New(why))
}

// testLines are the usable lines of a family, or those of some names.
func testLines(seen *reconcile.Observation, f plan.Family, only []string) (all []trial.Line) {
	for i := range seen.Result.Lines {
		l := &seen.Result.Lines[i]
		u := &l.Use[f]
		if only != nil && !slices.Contains(only, l.Name) || !l.Participates() || !u.Usable || !u.Source.IsValid() {
			continue
		}
		line := trial.Line{Name: l.Name, Device: l.Device, Source: u.Source}
		if !l.Mode.Waits() && !l.Mode.Announces() {
			line.Why = "no endpoint: changes are pending (mptcpctl apply)"
		}
		if u.NoEndpoint != "" && line.Why != "" {
			line.Why = "no endpoint: " + u.NoEndpoint
		}
		for k := range seen.State.Endpoints {
			e := &seen.State.Endpoints[k]
			line.Joins = line.Joins || e.Addr == u.Source && e.IfIndex == u.Device.Index && e.Flags&mptcp.FlagSubflow != 0
		}
		all = append(all, line)
	}
	return all
}
