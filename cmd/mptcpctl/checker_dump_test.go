// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// kernelDump is what the checker sees of the router's kernel: read by ip(8), so
// that it shares nothing with what it checks but the path manager's client.
type kernelDump struct {
	links     []dumpedLink
	rules     [2][]dumpedRule // by family, in the kernel's order
	routes    [2][]dumpedRoute
	endpoints []mptcp.Endpoint
	limits    mptcp.Limits
	linkdown  map[string]string // "4 eth1" to its value
	mainHas   map[string]bool   // "192.0.2.0/24 eth1": main has that network on that device
}

type dumpedLink struct {
	Index     int             `json:"ifindex"`
	Name      string          `json:"ifname"`
	Flags     []string        `json:"flags"`
	Addresses []dumpedAddress `json:"addr_info"`
}

type dumpedAddress struct {
	Local      netip.Addr `json:"local"`
	Peer       netip.Addr `json:"address"` // point-to-point
	Bits       int        `json:"prefixlen"`
	Scope      string     `json:"scope"`
	NoPrefix   bool       `json:"noprefixroute"`
	Deprecated bool       `json:"deprecated"`
	Temporary  bool       `json:"temporary"`
	Tentative  bool       `json:"tentative"`
	Failed     bool       `json:"dadfailed"`
}

// dumpedRule is a rule as far as ours go; text is all of it.
type dumpedRule struct {
	Priority int
	Src      string // empty: all
	OIF      string
	Table    uint32
	Suppress int    // -1: none
	Mark     string // with its mask
	Group    string // suppress_ifgroup
	ours     bool
	text     string

	// Of rules of others: what else they select by.
	IIF, Dst string
	Not      bool
}

func (r dumpedRule) String() string {
	text := fmt.Sprintf("%d: from %s", r.Priority, r.Src)
	if r.Mark != "" {
		text += " fwmark " + r.Mark
	}
	if r.OIF != "" {
		text += " oif " + r.OIF
	}
	text += fmt.Sprintf(" lookup %d", r.Table)
	if r.Suppress >= 0 {
		text += fmt.Sprintf(" suppress_prefixlength %d", r.Suppress)
	}
	if r.Group != "" {
		text += " suppress_ifgroup " + r.Group
	}
	return text
}

// dumpedRoute likewise.
type dumpedRoute struct {
	Dst, Via, Dev, Src string
	Table              uint32
	Metric             int
	OnLink             bool
	Type               string // in numbers (rtnetlink.h); empty: unicast
	From               string // in IPv6, the sources for which it is
	ours               bool
	optional           bool // of a wanted one: DESIGN leaves it open
	text               string
}

func (r dumpedRoute) String() string {
	return fmt.Sprintf("%s %s via %q dev %s src %q table %d metric %d onlink %v", r.Type, r.Dst, r.Via, r.Dev, r.Src, r.Table, r.Metric, r.OnLink)
}

// Types of routes as ip -N prints them (RTN_ in rtnetlink.h).
const (
	unicast    = "1"
	throwRoute = "9"
)

const dumpCommands = "ip -N -j addr; ip -N -j -4 rule; ip -N -j -6 rule; ip -N -j -4 route show table all; ip -N -j -6 route show table all"

// dump reads the kernel.
func (s *script) dump() (*kernelDump, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "sh", "-c", dumpCommands)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.Router.Run(cmd); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out.String())
	}
	d := &kernelDump{linkdown: make(map[string]string), mainHas: make(map[string]bool)}
	decoder := json.NewDecoder(&out)
	var rules, routes [2][]json.RawMessage
	if err := errors.Join(decoder.Decode(&d.links), decoder.Decode(&rules[0]), decoder.Decode(&rules[1]), decoder.Decode(&routes[0]), decoder.Decode(&routes[1])); err != nil {
		return nil, err
	}
	for f := range rules {
		for _, raw := range rules[f] {
			r, err := parseDumpedRule(raw)
			if err != nil {
				return nil, err
			}
			d.rules[f] = append(d.rules[f], r)
		}
		for _, raw := range routes[f] {
			r, foreign, err := parseDumpedRoute(raw, f)
			if err != nil {
				return nil, err
			}
			if r.ours || foreign {
				d.routes[f] = append(d.routes[f], r)
			}
			if r.Table == 254 && r.Via == "" {
				d.mainHas[r.Dst+" "+r.Dev] = true
			}
		}
	}
	err := s.Router.PathManager(func(pm *mptcp.Client) (err error) {
		if d.endpoints, err = pm.Endpoints(); err != nil {
			return err
		}
		d.limits, err = pm.Limits()
		return err
	})
	return d, errors.Join(err, s.Router.Do(d.readLinkdown))
}

func (d *kernelDump) readLinkdown() error {
	for _, l := range d.links {
		for f, family := range []string{"ipv4", "ipv6"} {
			value, err := os.ReadFile("/proc/sys/net/" + family + "/conf/" + l.Name + "/ignore_routes_with_linkdown")
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			d.linkdown[fmt.Sprint(f, " ", l.Name)] = strings.TrimSpace(string(value))
		}
	}
	return nil
}

func parseDumpedRule(raw []byte) (dumpedRule, error) {
	var j struct {
		Priority int    `json:"priority"`
		Src      string `json:"src"`
		SrcLen   *int   `json:"srclen"`
		Dst      string `json:"dst"`
		IIF      string `json:"iif"`
		Mark     string `json:"fwmark"`
		Mask     string `json:"fwmask"`
		Group    string `json:"suppress_ifgroup"`
		OIF      string `json:"oif"`
		Table    string `json:"table"`
		Suppress *int   `json:"suppress_prefixlen"`
		Protocol string `json:"protocol"`
	}
	err := json.Unmarshal(raw, &j)
	table, _ := strconv.ParseUint(j.Table, 10, 32) // a rule of others may have none
	r := dumpedRule{Priority: j.Priority, OIF: j.OIF, IIF: j.IIF, Dst: j.Dst, Table: uint32(table), Suppress: -1, Mark: j.Mark, Group: j.Group, ours: j.Protocol == "77"}
	r.Not = bytes.Contains(raw, []byte(`"not":`))
	if j.Mask != "" {
		r.Mark += "/" + j.Mask
	}
	if j.Src != "all" {
		r.Src = j.Src
	}
	if j.SrcLen != nil {
		r.Src += fmt.Sprint("/", *j.SrcLen)
	}
	if j.Suppress != nil {
		r.Suppress = *j.Suppress
	}
	// Whether the device is there now is no part of the rule.
	r.text = strings.NewReplacer(`"oif_detached":null,`, "", `"iif_detached":null,`, "").Replace(string(raw))
	return r, err
}

// parseDumpedRoute also tells whether the route is somebody else's: what the kernel
// makes itself, at a time of its own choice, is nobody's.
func parseDumpedRoute(raw []byte, f int) (r dumpedRoute, foreign bool, err error) {
	var j struct {
		Type     string   `json:"type"`
		Dst      string   `json:"dst"`
		Gateway  string   `json:"gateway"`
		Dev      string   `json:"dev"`
		Table    string   `json:"table"`
		Protocol string   `json:"protocol"`
		Src      string   `json:"prefsrc"`
		From     string   `json:"from"`
		Metric   int      `json:"metric"`
		Flags    []string `json:"flags"`
		// Of an IPv6 route with several the kernel tells one protocol: nobody's.
		Nexthops []any `json:"nexthops"`
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return r, false, err
	}
	table := uint64(254)
	if j.Table != "" {
		if table, err = strconv.ParseUint(j.Table, 10, 32); err != nil {
			return r, false, err
		}
	}
	dst := j.Dst
	if prefix, err := netip.ParseAddr(dst); err == nil {
		dst = netip.PrefixFrom(prefix, prefix.BitLen()).String()
	}
	r = dumpedRoute{Dst: dst, Via: j.Gateway, Dev: j.Dev, Src: j.Src, Table: uint32(table), Metric: j.Metric,
		OnLink: slices.Contains(j.Flags, "onlink"), From: j.From, ours: j.Protocol == "77" && j.Nexthops == nil}
	if j.Type != unicast {
		r.Type = j.Type
	}
	r.text = fmt.Sprintf("%s from %s proto %s nexthops %v", r, j.From, j.Protocol, j.Nexthops)
	return r, !r.ours && j.Protocol != "2" && table != 255, nil
}

func (d *kernelDump) link(name string) (dumpedLink, bool) {
	i := slices.IndexFunc(d.links, func(l dumpedLink) bool { return l.Name == name })
	if i < 0 {
		return dumpedLink{}, false
	}
	return d.links[i], true
}

// others is all that is somebody else's, one a line.
func (d *kernelDump) others(ours func(mptcp.Endpoint) bool) string {
	var b strings.Builder
	for f := range d.rules {
		for _, r := range d.rules[f] {
			if !r.ours {
				fmt.Fprintln(&b, "rule", f, r.text)
			}
		}
		var routes []string
		for _, r := range d.routes[f] {
			if !r.ours {
				routes = append(routes, fmt.Sprintln("route", f, r.text))
			}
		}
		slices.Sort(routes)
		b.WriteString(strings.Join(routes, ""))
	}
	for _, e := range d.endpoints {
		if !ours(e) {
			fmt.Fprintf(&b, "endpoint %+v\n", e)
		}
	}
	return b.String()
}
