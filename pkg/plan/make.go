// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// Input is all that a plan is made from.
type Input struct {
	Config *config.Config
	Lines  []Line
	State  State
	// Netifd says that netifd is the source of Lines. Without it nothing takes
	// the routes of a line without carrier away, so that a lost carrier makes
	// a line unusable.
	Netifd bool
	// LastID is the endpoint id that was given last; 0 when that is unknown.
	LastID uint8
	// Laminar are ids that were given with the laminar flag: some kernels show nothing
	// of it.
	Laminar []uint32
	// FormerLimit is the limit of subflows that a run which may have been killed had
	// lowered for a moment (Rescue); 0: none.
	FormerLimit uint32
	// Settling says that this is a background run, not one for an event.
	Settling bool
	// Heal names a line whose endpoints are to be renewed, but for those of the
	// families in HealExcept; empty: none.
	Heal       string
	HealExcept [2]bool
	// Renew names devices whose carrier came back after their endpoint was
	// added.
	Renew []string
}

// Request is what has to be observed for a plan.
type Request struct {
	// Devices are the links whose names matter.
	Devices []string
	// Tables are those to dump, by family.
	Tables [2][]uint32
	// Lines say which foreign routes matter; see Destinations.
	Lines []Line
	// Sysctls are the settings to read, as paths below /proc/sys.
	Sysctls []string
	// Default asks who has the default route of the main table.
	Default bool
}

// Result is a plan: the operations in their order, and what status shows.
type Result struct {
	Ops []Op
	// Lines are all interfaces with their state.
	Lines []LineUse
	// MasterList names the interfaces of the list by family, in order.
	MasterList [2][]string
	// OwnFirst names by family the line by which the router's own new connections leave,
	// while that is not the first of the list; else it is empty.
	OwnFirst [2]string
	// NoList says by family why there is no master list; empty when there is.
	NoList [2]string
	// Endpoints are those that the kernel has, managed and foreign.
	Endpoints []EndpointUse
	// LastID is the endpoint id to remember.
	LastID uint8
	// Laminar are the endpoint ids to remember: Input.Laminar after the plan.
	Laminar []uint32
	// Tables are the tables that hold managed routes after the plan.
	Tables []uint32
	// NeedSubflows asks for another call with State.Subflows filled in.
	NeedSubflows bool
	// Waiting names what a background run has to look after.
	Waiting []string
	// NoCarrier names the devices of endpoints that wait for a carrier.
	NoCarrier []string
	// Unjoined names the devices of endpoints by which no connection has a subflow, as a
	// background run sees it.
	Unjoined []string
	// Warnings are one line each.
	Warnings []string
}

// planner carries one call of Make.
type planner struct {
	Input
	lines  []LineUse
	result *Result
	draft  draft
	// frozenTables hold lines with a bad value, by family.
	frozenTables [2]map[uint32]bool
	managed      [2]map[string]bool      // devices with an object of protocol 77
	reassigned   map[tableKey]bool       // tables that get another line's routes
	local        [2][]netip.Prefix       // networks that are nearer than any line
	owners       map[netip.Addr]*LineUse // of the family that is worked on
	devices      map[int]*LineUse
	tables       []uint32
}

// Make works out the plan. It is a pure function of its input.
func Make(in Input) Result {
	p := &planner{Input: in, result: &Result{LastID: in.LastID}}
	p.result.Warnings = append(p.result.Warnings, in.Config.Warnings...)
	p.findManagedDevices()
	p.examine()
	if in.Config.Globals.Multipath {
		for _, f := range Families {
			p.family(f)
		}
		p.globalSettings()
		p.noteWaiting()
	}
	p.linkdownSettings()
	p.diffRules()
	p.reassigned = p.reassignedTables()
	p.diffRoutes()
	p.diffSysctls()
	if in.State.PathManager == PathManagerKernel {
		p.endpoints()
	}
	p.draft.link(p.reassigned)
	p.result.Lines = p.lines
	p.result.Ops = p.draft.ordered()
	p.rememberTables()
	return *p.result
}

// examine fills in the state of every line and freezes those whose table
// still serves a line with a bad value.
func (p *planner) examine() {
	carrier := !p.Netifd || p.Config.Globals.Watch
	p.lines = make([]LineUse, len(p.Lines))
	for i := range p.Lines {
		p.lines[i].Line = p.Lines[i]
		for _, f := range Families {
			p.lines[i].Use[f] = examine(&p.Lines[i], f, &p.State, carrier)
		}
	}
	p.freeze()
	p.heed()
	if p.Config.Globals.Multipath {
		return
	}
	for i := range p.lines {
		for f := range p.lines[i].Use {
			if u := &p.lines[i].Use[f]; p.lines[i].Participates() {
				u.Usable, u.LinkReady, u.Reason = false, false, ReasonDisabled
			}
		}
	}
}

// findManagedDevices notes the devices that have a managed rule or route.
func (p *planner) findManagedDevices() {
	for f := range p.managed {
		p.managed[f] = make(map[string]bool)
	}
	for _, r := range p.State.Rules {
		if r.OIF != "" {
			p.managed[r.Family][r.OIF] = true
		}
	}
	for _, r := range p.State.Routes {
		p.managed[r.Family][r.Device] = true
	}
}

// noteWaiting notes what a background run has to look after: a tentative address,
// a carrier.
func (p *planner) noteWaiting() {
	for i := range p.lines {
		l := &p.lines[i]
		for _, f := range Families {
			u := &l.Use[f]
			if !l.Participates() || !u.LinkReady {
				continue
			}
			if p.State.tentative(f, u.Device.Index) || u.delegated != nil && u.delegated.Tentative {
				p.wait(l.Name + ": a tentative address")
			}
			if !u.Device.Carrier {
				p.wait(l.Name + ": no carrier")
			}
		}
	}
}

// tentative reports whether an address of a device, of whichever section, is
// tentative: it is no source of a route yet.
func (s *State) tentative(f Family, index int) bool {
	return slices.ContainsFunc(s.Addresses, func(a Address) bool {
		return a.Index == index && a.Tentative && a.Global && FamilyOf(a.Prefix.Addr()) == f
	})
}

func (p *planner) wait(what string) {
	if !slices.Contains(p.result.Waiting, what) {
		p.result.Waiting = append(p.result.Waiting, what)
	}
}

// rememberTables notes every table that holds, or may hold, managed routes.
func (p *planner) rememberTables() {
	seen := make(map[uint32]bool)
	add := func(table uint32) {
		if !seen[table] {
			seen[table] = true
			p.result.Tables = append(p.result.Tables, table)
		}
	}
	for _, r := range p.draft.routes {
		add(r.Table)
	}
	for _, r := range p.State.Routes {
		add(r.Table)
	}
}

// Needs says what has to be observed for a plan over these lines. hint are
// tables that are known to hold managed routes.
func Needs(cfg *config.Config, lines []Line, hint []uint32) Request {
	req := Request{Lines: lines}
	seen := make(map[string]bool)
	for i := range lines {
		l := &lines[i]
		if l.Unmanaged() {
			continue
		}
		req.Default = req.Default || l.Mode == config.Master || l.Saved == config.Master
		if l.Device != "" && !seen[l.Device] {
			seen[l.Device] = true
			req.Devices = append(req.Devices, l.Device)
		}
		for _, f := range Families {
			req.Tables[f] = append(req.Tables[f], l.Tables[f])
		}
	}
	for _, f := range Families {
		req.Tables[f] = append(req.Tables[f], hint...)
	}
	req.Sysctls = []string{keyEnabled}
	for _, s := range cfg.Globals.Sysctls {
		key := settingPath(s)
		req.Sysctls = append(req.Sysctls, key)
		if key == keyScheduler {
			req.Sysctls = append(req.Sysctls, keySchedulers)
		}
	}
	return req
}
