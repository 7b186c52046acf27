// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// Settings that say who manages the endpoints
// (Documentation/networking/mptcp-sysctl.rst); path_manager exists from Linux
// 6.15 on, pm_type from 5.18 on.
const (
	keyPMType      = "net/mptcp/pm_type"
	KeyPathManager = "net/mptcp/path_manager"
)

// observation is one call of Observe.
type observation struct {
	*Kernel
	plan.State
	req plan.Request
	// names and indexes are those that were asked for, existing or not.
	names   map[string]bool
	indexes map[int]bool
}

// Observe reads what a plan needs. What does not exist (a device, a table, a
// setting, a whole family, MPTCP itself) is just absent from the State; errors
// are those of the sockets and of /proc/sys. The subflows are left to
// Subflows. It needs no privilege.
func (k *Kernel) Observe(req plan.Request) (plan.State, error) {
	o := &observation{Kernel: k, req: req, names: make(map[string]bool), indexes: make(map[int]bool)}
	o.MaxEndpoints, o.MaxLimit = mptcp.MaxID, mptcp.MaxLimit
	o.Laminar = mptcp.HasLaminar(Release())
	for _, name := range req.Devices {
		if err := o.needName(name); err != nil {
			return plan.State{}, err
		}
	}
	if err := o.families(); err != nil {
		return plan.State{}, err
	}
	if err := o.endpoints(); err != nil {
		return plan.State{}, err
	}
	if err := o.sysctls(req.Sysctls); err != nil {
		return plan.State{}, err
	}
	return o.State, nil
}

// families reads addresses, rules and routes, and the devices that they name, of both
// families in the same dumps.
func (o *observation) families() (err error) {
	if o.Addresses, err = o.addresses(0); err != nil {
		return err
	}
	rules, err := o.rules(unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	var tables []uint32
	needed := make(map[uint32][2]bool)
	need := func(f plan.Family, table uint32) {
		n, known := needed[table]
		if !known {
			tables = append(tables, table)
		}
		n[f] = true
		needed[table] = n
	}
	for _, f := range plan.Families {
		for _, table := range o.req.Tables[f] {
			need(f, table)
		}
	}
	for _, r := range rules {
		if !r.plain {
			continue
		}
		o.Rules = append(o.Rules, r.Rule)
		need(r.Family, r.Table)
		if err := o.needName(r.OIF); err != nil {
			return err
		}
	}
	if err := o.routed(); err != nil {
		return err
	}
	if o.req.Default {
		for _, f := range plan.Families {
			if err := o.mainDefault(f); err != nil {
				return err
			}
		}
	}
	destinations := o.req.Destinations(o.Addresses)
	for _, table := range tables {
		if err := o.table(table, needed[table], destinations); err != nil {
			return err
		}
	}
	return nil
}

// routed asks for the networks of addresses for which the kernel has made no route:
// netifd and NetworkManager make theirs themselves.
func (o *observation) routed() (err error) {
	for i := range o.Addresses {
		a := &o.Addresses[i]
		if !a.NoPrefixRoute || !a.Global || a.Prefix.IsSingleIP() {
			continue
		}
		if a.Routed, err = o.onLink(a); err != nil {
			return err
		}
	}
	return nil
}

// mainDefault asks who has the default route of the main table.
func (o *observation) mainDefault(f plan.Family) (err error) {
	if o.Defaults[f], err = o.Kernel.mainDefault(f, o.Rules); err != nil {
		return err
	}
	for _, hop := range o.Defaults[f].Hops {
		if err := o.needIndex(hop.Index); err != nil {
			return err
		}
	}
	return nil
}

// table reads one table. The kernel's own hold no managed routes, and may be long; so
// may any other be, by foreign routes, of which few matter.
func (o *observation) table(table uint32, needed [2]bool, destinations map[netip.Prefix]bool) error {
	if config.ReservedTable(table) {
		return nil
	}
	filter := routeFilter{table: table}
	for _, f := range plan.Families {
		if !needed[1-f] {
			filter.family = addressFamilies[f]
		}
	}
	routes, err := o.routesThat(filter, nil, func(r route) bool { return r.managed() || destinations[r.Dst] })
	if err != nil {
		return err
	}
	o.Foreign = slices.Grow(o.Foreign, len(routes))
	for _, r := range routes {
		if err := o.needIndex(r.Index); err != nil {
			return err
		}
		r.Device = o.name(r.Index)
		if r.managed() {
			o.Routes = append(o.Routes, r.Route)
		} else {
			o.Foreign = append(o.Foreign, r.Route)
		}
	}
	return nil
}

// needName looks a device up unless that was done.
func (o *observation) needName(name string) error {
	if name == "" || o.names[name] {
		return nil
	}
	o.names[name] = true
	d, ok, err := o.deviceByName(name)
	if ok {
		o.addDevice(d)
	}
	return err
}

// needIndex looks a device up unless that was done.
func (o *observation) needIndex(index int) error {
	if index == 0 || o.indexes[index] {
		return nil
	}
	o.indexes[index] = true
	d, ok, err := o.deviceByIndex(index)
	if ok {
		o.addDevice(d)
	}
	return err
}

func (o *observation) addDevice(d plan.Device) {
	o.names[d.Name], o.indexes[d.Index] = true, true
	known := func(other plan.Device) bool { return other.Index == d.Index }
	if !slices.ContainsFunc(o.Devices, known) {
		o.Devices = append(o.Devices, d)
	}
}

// name is the name of a device that was looked up; empty if there is none.
func (o *observation) name(index int) string {
	for _, d := range o.Devices {
		if d.Index == index {
			return d.Name
		}
	}
	return ""
}

// endpoints reads the endpoints, their limits and devices, and who manages them.
func (o *observation) endpoints() error {
	pm, err := o.pathManager()
	if errors.Is(err, mptcp.ErrNotSupported) {
		o.PathManager = plan.PathManagerMissing
		return nil
	}
	if err != nil {
		return err
	}
	if o.PathManager, err = activePathManager(); err != nil {
		return err
	}
	if o.Endpoints, err = pm.Endpoints(); err != nil {
		return err
	}
	for _, e := range o.Endpoints {
		if err := o.needIndex(e.IfIndex); err != nil {
			return err
		}
	}
	o.Limits, err = pm.Limits()
	return err
}

// activePathManager says who manages the endpoints. A kernel that has both settings changes
// each with the other (proc_pm_type and proc_path_manager in net/mptcp/ctrl.c).
func activePathManager() (plan.PathManager, error) {
	kernels := "kernel"
	value, ok, err := Sysctl(KeyPathManager)
	if err == nil && !ok {
		kernels = "0"
		value, ok, err = Sysctl(keyPMType)
	}
	if ok && value != kernels {
		return plan.PathManagerOther, err
	}
	return plan.PathManagerKernel, err
}

// sysctls reads the settings that were asked for, and those of the devices
// that a plan may change.
func (o *observation) sysctls(keys []string) error {
	keys = slices.Clone(keys)
	for _, d := range o.Devices {
		for _, f := range plan.Families {
			keys = append(keys, plan.LinkdownKey(f, d.Name))
		}
	}
	var err error
	o.Sysctls, err = Sysctls(keys)
	return err
}
