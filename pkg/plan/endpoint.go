// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// EndpointUse is an endpoint that the kernel has, for status.
type EndpointUse struct {
	mptcp.Endpoint
	// Own says that it is managed.
	Own    bool
	Device string // empty: none, or one that is gone
	// Interface is the UCI name of the line, as far as it is known.
	Interface string
}

// wantedEndpoint is an endpoint that should be there.
type wantedEndpoint struct {
	line  *LineUse
	f     Family
	addr  netip.Addr
	flags mptcp.Flags
	// tentative says that no join can leave from the address yet.
	tentative bool
	// draining says that a handover line is only kept until connections have
	// moved to a primary one.
	draining bool
}

// changeable are the flags that SET_FLAGS changes in place
// (net/mptcp/pm_kernel.c, mptcp_pm_nl_set_flags).
const changeable = mptcp.FlagBackup | mptcp.FlagFullmesh

// endpoints decides about the endpoints and their limits.
func (p *planner) endpoints() {
	e := &endpointPlan{planner: p, own: make(map[uint8]bool), exchanged: make(map[netip.Addr]mptcp.Endpoint)}
	for _, there := range p.State.Endpoints {
		if p.ownEndpoint(there) {
			e.own[there.ID] = true
		}
		if p.LastID == 0 {
			p.result.LastID = max(p.result.LastID, there.ID)
		}
	}
	e.choose()
	e.chooseLaminar()
	e.match()
	e.retire()
	e.unjoined()
	e.emit()
	e.rememberLaminar()
	e.limits()
	e.report()
}

// ownEndpoint is the rule of ownership: no port, not implicit, and on a device
// that is managed, or on one that no longer exists.
func (p *planner) ownEndpoint(e mptcp.Endpoint) bool {
	if e.Port != 0 || e.Flags&mptcp.FlagImplicit != 0 || e.IfIndex == 0 {
		return false
	}
	d := p.State.deviceByIndex(e.IfIndex)
	return d.Index == 0 || p.managed[IPv4][d.Name] || p.managed[IPv6][d.Name] || p.lineDevice(d.Name)
}

// lineDevice reports whether a device is that of an interface with a mode.
func (p *planner) lineDevice(name string) bool {
	return slices.ContainsFunc(p.lines, func(l LineUse) bool { return l.HasMode() && l.Device == name })
}

// endpointPlan is the work on the endpoints of one plan.
type endpointPlan struct {
	*planner
	own    map[uint8]bool // ids of the managed ones
	wanted []wantedEndpoint
	// matched are the wanted ones that exist already, by id.
	matched map[uint8]wantedEndpoint
	adds    []wantedEndpoint
	later   []wantedEndpoint // those that another run adds
	clear   []mptcp.Endpoint // deleted before the adds
	retired []mptcp.Endpoint // deleted after the adds
	kept    []mptcp.Endpoint // the last ones of a family without usable line
	beside  []wantedEndpoint // those that are there for a moment, for a join
	added   []mptcp.Endpoint
	// exchanged are the endpoints that come back with a new id, by address: each is
	// deleted just before its add.
	exchanged map[netip.Addr]mptcp.Endpoint
	// laminarWaits says that laminar is wanted, and not written yet.
	laminarWaits bool
}

// How Use.NoEndpoint begins where the user can do something about it.
const (
	NoEndpointForeign = "a foreign endpoint has the address"
	NoEndpointSlot    = "no free slot"
)

const tentativeAddress = "its address is tentative (duplicate address detection)"

// choose lists the wanted endpoints in order of claim.
func (e *endpointPlan) choose() {
	taken := make(map[netip.Addr]string)
	for _, there := range e.State.Endpoints {
		if !e.own[there.ID] && there.Port == 0 && there.Flags&mptcp.FlagImplicit == 0 {
			taken[there.Addr] = NoEndpointForeign
		}
	}
	for _, f := range Families {
		e.claimAll(f, taken)
	}
}

// claimAll lets the lines of a family ask for their endpoints: those that are dead only
// if no other gets one, the ones that have been heard of again first.
func (e *endpointPlan) claimAll(f Family, taken map[netip.Addr]string) {
	before := len(e.wanted)
	ready := func(w wantedEndpoint) bool { return !w.tentative && w.flags&mptcp.FlagSubflow != 0 }
	for _, turn := range [...]func(u *Use) bool{(*Use).living, (*Use).returning, (*Use).dead} {
		given := slices.ContainsFunc(e.wanted[before:], ready)
		for _, l := range e.claimants(f) {
			switch u := &l.Use[f]; {
			case !turn(u):
			case given && !u.living():
				u.NoEndpoint = u.deadReason()
			default:
				e.claim(l, f, taken)
			}
		}
	}
}

// claim lets one line ask for an endpoint.
func (e *endpointPlan) claim(l *LineUse, f Family, taken map[netip.Addr]string) {
	u := &l.Use[f]
	w := wantedEndpoint{line: l, f: f}
	w.addr, w.tentative = e.address(u)
	if l.Mode.Waits() && e.primaryUsable(f) {
		if w.draining = e.mustKeep(w.addr, u.Device.Index); !w.draining {
			u.NoEndpoint = "waits: a primary line is usable"
			return
		}
	}
	switch {
	case !u.Source.IsValid():
		u.NoEndpoint = "the router has no address in its delegated prefix"
		return
	case !w.addr.IsValid():
		u.NoEndpoint = tentativeAddress
		return
	case taken[w.addr] != "":
		u.NoEndpoint = taken[w.addr]
		return
	}
	taken[w.addr] = "line " + l.Name + " has the same address"
	w.flags = e.flags(l, f)
	if w.draining {
		w.flags |= mptcp.FlagBackup
	}
	e.wanted = append(e.wanted, w)
	if !u.Device.Carrier && w.flags&mptcp.FlagSubflow != 0 {
		e.result.NoCarrier = append(e.result.NoCarrier, u.Device.Name)
	}
}

// address is that of the line's endpoint: that of the line's Source, unless
// it is tentative. An endpoint on one that has become tentative again stays, and so
// does one on another address of the line until the new one can be used.
func (e *endpointPlan) address(u *Use) (addr netip.Addr, tentative bool) {
	switch {
	case len(u.addresses) > 0:
		tentative = u.addresses[0].Tentative
	case u.delegated != nil:
		tentative = u.delegated.Tentative
	}
	if !tentative || e.find(u.Source, u.Device.Index) != nil {
		return u.Source, tentative
	}
	for _, a := range u.addresses {
		if addr := a.Prefix.Addr(); !a.Tentative && e.find(addr, u.Device.Index) != nil {
			return addr, false
		}
	}
	return netip.Addr{}, false
}

// find is the managed endpoint with that address and device, or nil.
func (e *endpointPlan) find(addr netip.Addr, index int) *mptcp.Endpoint {
	for i := range e.State.Endpoints {
		if there := &e.State.Endpoints[i]; e.own[there.ID] && there.Addr == addr && there.IfIndex == index {
			return there
		}
	}
	return nil
}

func (e *endpointPlan) flags(l *LineUse, f Family) mptcp.Flags {
	if l.Mode.Announces() {
		return mptcp.FlagSignal
	}
	flags := mptcp.FlagSubflow
	if l.Mode.Backup() || l.Use[f].degraded() {
		flags |= mptcp.FlagBackup
	}
	if e.Config.Globals.Fullmesh {
		flags |= mptcp.FlagFullmesh
	}
	return flags
}

// managedByRulesOnly reports whether nothing but a managed rule or route on its device
// makes an endpoint a managed one: it must be deleted before they are.
func (e *endpointPlan) managedByRulesOnly(there mptcp.Endpoint) bool {
	d := e.State.deviceByIndex(there.IfIndex)
	return d.Index != 0 && !e.lineDevice(d.Name)
}

// primaryUsable reports whether a primary line keeps the handover lines of a family
// waiting: one that is usable in it or, where no primary line has the family at
// all, one that is usable in any; else a paid line with both would always carry
// IPv6.
func (e *endpointPlan) primaryUsable(f Family) bool {
	family := slices.ContainsFunc(e.lines, func(l LineUse) bool {
		return !l.Frozen && l.Mode.Primary() && (l.Has(f) || e.childHas(&l, f))
	})
	return slices.ContainsFunc(e.lines, func(l LineUse) bool {
		if l.Frozen {
			return !l.Mode.Waits() && e.frozenInUse(&l)
		}
		return l.Mode.Primary() && (l.Use[f].living() || !family && (l.Use[IPv4].living() || l.Use[IPv6].living()))
	})
}

// frozenInUse reports whether a line with a bad value is up with an endpoint.
func (e *endpointPlan) frozenInUse(l *LineUse) bool {
	return l.Netifd.Up && slices.ContainsFunc(e.State.Endpoints, func(there mptcp.Endpoint) bool {
		d := e.State.deviceByName(l.Device)
		return e.own[there.ID] && d.Index != 0 && there.IfIndex == d.Index && there.Flags&mptcp.FlagBackup == 0
	})
}

// mustKeep reports whether a handover line must keep its endpoint although a
// primary line is back: some connection has no other established subflow yet.
func (e *endpointPlan) mustKeep(addr netip.Addr, index int) bool {
	there := e.find(addr, index)
	if there == nil {
		return false
	}
	if !e.State.SubflowsAsked {
		e.result.NeedSubflows = true
		return true
	}
	if !e.State.SubflowsKnown {
		return there.Flags&mptcp.FlagBackup == 0 || e.Settling || !e.primaryHasEndpoint()
	}
	moved := make(map[uint32]bool)
	for _, s := range e.State.Subflows {
		moved[s.Token] = moved[s.Token] || !s.Stalled && e.onPrimary(s.Local)
	}
	for _, s := range e.State.Subflows {
		if s.Local == addr && !moved[s.Token] {
			e.wait("connections still use a handover line")
			return true
		}
	}
	return false
}

// primaryHasEndpoint reports whether a primary line had its endpoint before.
func (e *endpointPlan) primaryHasEndpoint() bool {
	return slices.ContainsFunc(e.State.Endpoints, func(there mptcp.Endpoint) bool {
		return e.own[there.ID] && e.onPrimary(there.Addr)
	})
}

func (e *endpointPlan) onPrimary(addr netip.Addr) bool {
	return slices.ContainsFunc(e.lines, func(l LineUse) bool {
		u := &l.Use[FamilyOf(addr)]
		return l.Mode.Primary() && u.living() && u.Holds(addr)
	})
}

// match pairs what is wanted with what exists, and keeps within the bound.
func (e *endpointPlan) match() {
	e.matched = make(map[uint8]wantedEndpoint)
	free := e.State.MaxEndpoints
	for _, there := range e.State.Endpoints {
		if !e.own[there.ID] || e.frozenEndpoint(there) {
			free--
		} else if e.keptEndpoint(there) {
			free--
			e.kept = append(e.kept, there)
		}
	}
	for _, w := range e.wanted {
		if free <= 0 {
			w.line.Use[w.f].NoEndpoint = fmt.Sprintf("%s: the kernel allows %d endpoints", NoEndpointSlot, e.State.MaxEndpoints)
			continue
		}
		free--
		there := e.find(w.addr, w.line.Use[w.f].Device.Index)
		switch {
		case there == nil:
			e.adds = append(e.adds, w)
		case (e.flagsOf(there)^w.flags)&^changeable == 0 && !e.renew(w, *there):
			e.matched[there.ID] = w
		case w.tentative: // its joins, which are tried once, would all fail
			w.line.Use[w.f].NoEndpoint = tentativeAddress
			e.clear, e.later = append(e.clear, *there), append(e.later, w)
		default:
			e.exchanged[w.addr] = *there
			e.adds = append(e.adds, w)
		}
	}
}

// renew reports whether an endpoint that is there must be renewed: its line
// came back after all lines of the family had been lost, or its carrier came
// only after its joins had failed, or the user wants it.
func (e *endpointPlan) renew(w wantedEndpoint, there mptcp.Endpoint) bool {
	if e.lost(w.f) && !e.joinBeside(w, there) || e.Heal != "" && e.Heal == w.line.Name && !e.HealExcept[w.f] {
		return true
	}
	if !slices.Contains(e.Renew, w.line.Use[w.f].Device.Name) || w.flags&mptcp.FlagSubflow == 0 {
		return false
	}
	used := e.used(there)
	return e.State.SubflowsKnown && !used
}

// joinBeside lets the connections of an endpoint that was kept have a new subflow beside
// the old one, which may be the only one that the peer accepts bytes by (keptEndpoint). As
// with Rescue, another endpoint makes the kernel join. While its address is tentative, the
// route would give another one.
func (e *endpointPlan) joinBeside(w wantedEndpoint, there mptcp.Endpoint) bool {
	if w.tentative || w.flags&mptcp.FlagSubflow == 0 || len(e.State.Endpoints) >= e.State.MaxEndpoints || !e.used(there) {
		return false
	}
	w.addr, w.flags = unspecified[w.f], w.flags&^mptcp.FlagFullmesh
	e.beside = append(e.beside, w)
	return true
}

// used reports whether a connection has a subflow by an endpoint, as far as is
// known, and asks for the subflows.
func (e *endpointPlan) used(there mptcp.Endpoint) bool {
	if !e.State.SubflowsAsked {
		e.result.NeedSubflows = true
	}
	return slices.ContainsFunc(e.State.Subflows, func(s Subflow) bool { return s.Local == there.Addr })
}

// unjoined notes the devices of endpoints by which no connection has a subflow although
// there are some that could. A join is tried once, and may be refused.
func (e *endpointPlan) unjoined() {
	if !e.Settling || e.State.Limits.Subflows == 0 {
		return
	}
	if !e.State.SubflowsAsked && len(e.matched) > 1 {
		e.result.NeedSubflows = true
	}
	for _, there := range e.State.Endpoints {
		w, matched := e.matched[there.ID]
		others := func(s Subflow) bool { return s.Opened && !s.Plain && FamilyOf(s.Local) == w.f }
		here := func(s Subflow) bool { return s.Local == there.Addr }
		if d := e.State.deviceByIndex(there.IfIndex); matched && d.Carrier && there.Flags&mptcp.FlagSubflow != 0 &&
			slices.ContainsFunc(e.State.Subflows, others) && !slices.ContainsFunc(e.State.Subflows, here) {
			e.result.Unjoined = append(e.result.Unjoined, d.Name)
		}
	}
}

// lost reports whether all lines of the family had been lost when the run began:
// their rules 503 are there, and no default route of any. Either a run has seen it, or none
// has and the kernel has taken the default routes away. Without such a rule nothing was
// lost: then this is the first run.
func (e *endpointPlan) lost(f Family) bool {
	isDefault := func(r Route) bool { return r.Family == f && r.Default() }
	return slices.ContainsFunc(e.State.Rules, func(r Rule) bool { return r.Family == f && r.Priority == PriorityDevice }) &&
		!slices.ContainsFunc(e.State.Routes, isDefault) && !slices.ContainsFunc(e.State.Foreign, isDefault)
}

// retire finds out which managed endpoints are no longer wanted, and which of them
// must be deleted before the new ones can be added.
func (e *endpointPlan) retire() {
	for _, there := range e.State.Endpoints {
		_, matched := e.matched[there.ID]
		if !e.own[there.ID] || matched || e.frozenEndpoint(there) || slices.Contains(e.kept, there) || slices.Contains(e.clear, there) || e.exchanged[there.Addr] == there {
			continue
		}
		blocks := slices.ContainsFunc(e.adds, func(w wantedEndpoint) bool { return w.addr == there.Addr })
		if blocks || e.managedByRulesOnly(there) {
			e.clear = append(e.clear, there)
		} else {
			e.retired = append(e.retired, there)
		}
	}
	over := len(e.State.Endpoints) - len(e.clear) - len(e.exchanged) + len(e.adds) - e.State.MaxEndpoints
	if over = min(over, len(e.retired)); over > 0 {
		e.clear = append(e.clear, e.retired[:over]...)
		e.retired = e.retired[over:]
	}
}
