// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// reloaded are the options of a section that netifd takes over in place, by taking every
// address and route of the interface away and adding it again (reload_ip in
// interface_change_config of netifd's interface.c), and the routes that "config route"
// and "config route6" give it.
type reloaded struct {
	metric             int
	noDefaultRoute     bool
	ip4table, ip6table uint32
	routes             []Route
}

// Reload does what "ubus call network reload" does when such an option or route has
// changed in the configuration: addresses are added again in place, other tables of the
// device are emptied by that, and no event is sent. It is done when Reload returns. What
// else has changed in the configuration is left out: ChangeAddress and ChangeRouter are
// for that.
func (l *Lab) Reload() error {
	data, err := os.ReadFile(filepath.Join(l.ConfigDir(), "network"))
	if err != nil {
		return err
	}
	p, err := uci.Parse("network", data)
	if err != nil {
		return err
	}
	return l.update(func(s *state) error {
		var problems []error
		for n := range s.Interfaces {
			i := &s.Interfaces[n]
			section, ok := p.Section(i.Name)
			if !ok || i.Dynamic {
				continue
			}
			want, err := readReloaded(p, i.Name, section)
			if err == nil {
				err = l.takeOver(s, i, want)
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("reload %s: %w", i.Name, err))
			}
		}
		return errors.Join(problems...)
	})
}

// readReloaded reads what the configuration says of an interface.
func readReloaded(p *uci.Package, name string, section *uci.Section) (reloaded, error) {
	var r reloaded
	number := func(option string, bits int) (uint64, error) {
		text, _ := section.Get(option)
		return strconv.ParseUint(cmp.Or(text, "0"), 10, bits)
	}
	metric, err := number("metric", 31)
	table4, err4 := number("ip4table", 32)
	table6, err6 := number("ip6table", 32)
	if err := errors.Join(err, err4, err6); err != nil {
		return r, err
	}
	text, _ := section.Get("defaultroute")
	r = reloaded{metric: int(metric), ip4table: uint32(table4), ip6table: uint32(table6), noDefaultRoute: text == "0"}
	for _, one := range p.Sections {
		if of, _ := one.Get("interface"); of != name || one.Type != "route" && one.Type != "route6" {
			continue
		}
		route, err := readRoute(&one)
		if err != nil {
			return r, err
		}
		r.routes = append(r.routes, route)
	}
	return r, nil
}

// readRoute reads a section with a target in CIDR notation.
func readRoute(section *uci.Section) (r Route, err error) {
	target, _ := section.Get("target")
	if r.Target, err = netip.ParsePrefix(target); err != nil {
		return r, err
	}
	if gateway, ok := section.Get("gateway"); ok {
		r.Via, err = netip.ParseAddr(gateway)
	}
	return r, err
}

// takeOver changes an interface to what the configuration says.
func (l *Lab) takeOver(s *state, i *Interface, want reloaded) error {
	same := i.Metric == want.metric && i.NoDefaultRoute == want.noDefaultRoute && i.IP4Table == want.ip4table && i.IP6Table == want.ip6table
	up, since := i.Up, i.Since
	if up && !same {
		if err := l.ifdown(s, i); err != nil {
			return err
		}
	}
	i.Metric, i.NoDefaultRoute, i.IP4Table, i.IP6Table = want.metric, want.noDefaultRoute, want.ip4table, want.ip6table
	old := i.Configured
	i.Routes = slices.DeleteFunc(slices.Clone(i.Routes), func(r Route) bool { return slices.Contains(old, r) })
	i.Routes, i.Configured = append(i.Routes, want.routes...), want.routes
	switch {
	case !up:
		return nil
	case same:
		return l.changeRoutes(i, old, want.routes)
	}
	err := l.ifup(s, i)
	i.Since = since
	return err
}

// changeRoutes replaces routes in the kernel; of the addresses none is touched.
func (l *Lab) changeRoutes(i *Interface, old, routes []Route) error {
	link, err := l.Router.Netlink.LinkByName(i.l3())
	if err != nil {
		return err
	}
	var problems []error
	for _, r := range old {
		if !slices.Contains(routes, r) {
			problems = append(problems, gone(l.deleteRoute(i, link, r)))
		}
	}
	for _, r := range routes {
		if !slices.Contains(old, r) {
			problems = append(problems, l.replaceRoute(i, link, r))
		}
	}
	return errors.Join(problems...)
}

// A Trigger is what procd runs when a package of the configuration has changed.
type Trigger struct {
	Name  string
	Delay time.Duration // PROCD_RELOAD_DELAY of procd.sh: a second if not set
	Run   func() error
}

// ReloadConfig does what procd does after reload_config found that a package has
// changed (service/trigger.c): of triggers, in the order in which their services started,
// those of the same delay are taken last first, and run one after the other. It does
// not wait for the delays.
func ReloadConfig(triggers ...Trigger) error {
	order := slices.Clone(triggers)
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b Trigger) int { return cmp.Compare(a.Delay, b.Delay) })
	for _, t := range order {
		if err := t.Run(); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return nil
}
