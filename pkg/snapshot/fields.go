// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"math"
	"net/netip"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/health"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// snapshot walks the whole document. Its keys are those that are named here.
func (c *codec) snapshot(s *Snapshot) {
	c.text("program", &s.Program)
	c.text("kernel", &s.Release)
	c.text("config_file", &s.File)
	c.text("config", &s.Config)
	c.list("saved_modes", len(s.Saved), func(n int) { s.Saved = make([]SavedMode, n) }, func(i int) {
		c.text("interface", &s.Saved[i].Interface)
		c.text("mode", &s.Saved[i].Mode)
	})
	c.texts("config_complaints", &s.Warnings)
	if c.mask != nil {
		s.Config = c.mask.text(s.Config)
		for i := range s.Warnings {
			s.Warnings[i] = c.mask.text(s.Warnings[i])
		}
	}
	c.flag("netifd", &s.Netifd)
	c.list("interfaces", len(s.Interfaces), func(n int) { s.Interfaces = make([]netifd.Interface, n) }, func(i int) { c.iface(&s.Interfaces[i]) })
	c.inside("state", func() { c.state(&s.State) })
	c.flag("hint_known", &s.HintKnown)
	c.uint8("last_id", &s.LastID)
	c.list("tables", len(s.Tables), func(n int) { s.Tables = make([]uint32, n) }, func(i int) { c.uint32("table", &s.Tables[i]) })
	c.list("laminar_ids", len(s.Laminar), func(n int) { s.Laminar = make([]uint32, n) }, func(i int) { c.uint32("id", &s.Laminar[i]) })
	c.flag("privileged", &s.Privileged)
}

// texts is a list of objects with one text each, as every list here has
// objects.
func (c *codec) texts(key string, all *[]string) {
	c.list(key, len(*all), func(n int) { *all = make([]string, n) }, func(i int) { c.text("text", &(*all)[i]) })
}

func (c *codec) iface(i *netifd.Interface) {
	c.text("interface", &i.Name)
	c.flag("up", &i.Up)
	c.flag("dynamic", &i.Dynamic)
	c.text("proto", &i.Proto)
	c.text("l3_device", &i.L3Device)
	c.text("device", &i.Device)
	c.uint32("metric", &i.Metric)
	c.uint32("ip4table", &i.IP4Table)
	c.uint32("ip6table", &i.IP6Table)
	c.list("addresses", len(i.Addresses), func(n int) { i.Addresses = make([]netifd.Address, n) }, func(n int) {
		c.local("address", &i.Addresses[n].Prefix, true)
		c.addr("peer", &i.Addresses[n].Peer, false)
	})
	c.list("prefixes", len(i.Prefixes), func(n int) { i.Prefixes = make([]netip.Prefix, n) }, func(n int) {
		c.prefix("prefix", &i.Prefixes[n], true)
	})
	c.netifdRoutes("routes", &i.Routes)
	c.netifdRoutes("inactive", &i.Inactive)
	c.list("name_servers", len(i.NameServers), func(n int) { i.NameServers = make([]netip.Addr, n) }, func(n int) {
		c.addr("address", &i.NameServers[n], true)
	})
}

func (c *codec) netifdRoutes(key string, routes *[]netifd.Route) {
	c.list(key, len(*routes), func(n int) { *routes = make([]netifd.Route, n) }, func(i int) {
		r := &(*routes)[i]
		c.prefix("target", &r.Target, true)
		c.addr("nexthop", &r.Nexthop, false)
		c.uint32("metric", &r.Metric)
		c.uint32("table", &r.Table)
		c.uint32("type", &r.Type)
		c.uint32("mtu", &r.MTU)
		c.prefix("source", &r.Source, false)
	})
}

func (c *codec) state(s *plan.State) {
	c.list("devices", len(s.Devices), func(n int) { s.Devices = make([]plan.Device, n) }, func(i int) {
		d := &s.Devices[i]
		c.text("device", &d.Name)
		c.int("index", &d.Index)
		c.flag("up", &d.Up)
		c.flag("carrier", &d.Carrier)
		c.text("kind", &d.Kind)
	})
	c.list("addresses", len(s.Addresses), func(n int) { s.Addresses = make([]plan.Address, n) }, func(i int) { c.address(&s.Addresses[i]) })
	c.list("rules", len(s.Rules), func(n int) { s.Rules = make([]plan.Rule, n) }, func(i int) {
		r := &s.Rules[i]
		c.family(&r.Family)
		c.uint32("priority", &r.Priority)
		c.prefix("src", &r.Src, false)
		c.text("oif", &r.OIF)
		c.text("iif", &r.IIF)
		c.uint32("fwmark", &r.Mark)
		c.uint32("table", &r.Table)
		r.Suppress = int(c.number("suppress_prefixlength", int64(r.Suppress), -1, 128))
		c.uint32("suppress_ifgroup", &r.Group)
	})
	for _, f := range plan.Families {
		if d := &s.Defaults[f]; !c.writing() || d.Known {
			c.optional(f.String()+"_default", func() { c.mainDefault(d) })
		}
	}
	c.routes("routes", &s.Routes)
	c.routes("foreign_routes", &s.Foreign)
	c.list("endpoints", len(s.Endpoints), func(n int) { s.Endpoints = make([]mptcp.Endpoint, n) }, func(i int) {
		e := &s.Endpoints[i]
		c.uint8("id", &e.ID)
		c.addr("address", &e.Addr, true)
		e.Port = uint16(c.number("port", int64(e.Port), 0, math.MaxUint16))
		c.uint32("flags", (*uint32)(&e.Flags))
		c.int("index", &e.IfIndex)
	})
	c.uint32("limit_subflows", &s.Limits.Subflows)
	c.uint32("limit_add_addr_accepted", &s.Limits.AddAddrAccepted)
	s.PathManager = plan.PathManager(c.word("path_manager", uint8(s.PathManager), "kernel", "missing", "other"))
	c.int("max_endpoints", &s.MaxEndpoints)
	c.uint32("max_limit", &s.MaxLimit)
	c.flag("laminar", &s.Laminar)
	c.settings("sysctls", &s.Sysctls)
	c.list("subflows", len(s.Subflows), func(n int) { s.Subflows = make([]plan.Subflow, n) }, func(i int) {
		c.uint32("token", &s.Subflows[i].Token)
		c.addr("local", &s.Subflows[i].Local, true)
		c.flag("opened", &s.Subflows[i].Opened)
		c.flag("plain", &s.Subflows[i].Plain)
		c.flag("young", &s.Subflows[i].Young)
		c.flag("stalled", &s.Subflows[i].Stalled)
	})
	c.flag("subflows_known", &s.SubflowsKnown)
	c.list("health", len(s.Health), func(n int) { s.Health = make([]plan.Health, n) }, func(i int) {
		h := &s.Health[i]
		c.text("interface", &h.Interface)
		c.family(&h.Family)
		h.Verdict = health.Verdict(c.word("verdict", uint8(h.Verdict), health.Words()...))
		h.Since = time.Duration(c.number("since", int64(h.Since), 0, math.MaxInt64))
		c.text("reason", &h.Reason)
		c.text("source", &h.Source)
		c.flag("no_endpoint", &h.NoEndpoint)
		c.flag("no_own", &h.NoOwn)
		c.flag("no_forward", &h.NoForward)
	})
	c.list("connecting", len(s.Connecting), func(n int) { s.Connecting = make([]netip.Addr, n) }, func(i int) {
		c.addr("address", &s.Connecting[i], true)
	})
}

func (c *codec) family(f *plan.Family) {
	*f = plan.Family(c.word("family", uint8(*f), plan.IPv4.String(), plan.IPv6.String()))
}

func (c *codec) address(a *plan.Address) {
	c.int("index", &a.Index)
	c.local("address", &a.Prefix, true)
	c.local("peer", &a.Peer, false)
	c.flag("global", &a.Global)
	c.flag("tentative", &a.Tentative)
	c.flag("deprecated", &a.Deprecated)
	c.flag("dadfailed", &a.DADFailed)
	c.flag("noprefixroute", &a.NoPrefixRoute)
	c.flag("temporary", &a.Temporary)
	c.flag("routed", &a.Routed)
}

func (c *codec) mainDefault(d *plan.MainDefault) {
	c.flag("known", &d.Known)
	c.uint32("metric", &d.Metric)
	c.list("hops", len(d.Hops), func(n int) { d.Hops = make([]plan.Hop, n) }, func(i int) {
		c.int("index", &d.Hops[i].Index)
		c.addr("gateway", &d.Hops[i].Gateway, false)
	})
}

func (c *codec) routes(key string, routes *[]plan.Route) {
	c.list(key, len(*routes), func(n int) { *routes = make([]plan.Route, n) }, func(i int) {
		r := &(*routes)[i]
		c.family(&r.Family)
		c.uint32("table", &r.Table)
		c.prefix("dst", &r.Dst, true)
		c.addr("gateway", &r.Gateway, false)
		c.text("device", &r.Device)
		c.int("index", &r.Index)
		c.addr("src", &r.Src, false)
		c.flag("onlink", &r.OnLink)
		c.uint32("metric", &r.Metric)
		c.flag("throw", &r.Throw)
		c.uint32("mtu", &r.MTU)
	})
}
