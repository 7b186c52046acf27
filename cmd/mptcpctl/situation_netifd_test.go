// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// reported is what netifd says of an interface, with the keys and in the shapes of
// interface_dump (netifd, ubus.c).
type reported struct {
	Interface string `json:"interface"`
	Up        bool   `json:"up"`
	Pending   bool   `json:"pending"`
	Available bool   `json:"available"`
	Autostart bool   `json:"autostart"`
	Dynamic   bool   `json:"dynamic"`
	Proto     string `json:"proto"`
	Device    string `json:"device"`
	*reportUp
	Data struct{} `json:"data"`

	noDefault bool // option defaultroute 0
	down      bool
	there     bool // in the kernel
}

// reportUp is what an interface that is down does not have.
type reportUp struct {
	L3Device string           `json:"l3_device"`
	Metric   int              `json:"metric"`
	IP4Table int              `json:"ip4table,omitempty"`
	IP6Table int              `json:"ip6table,omitempty"`
	IPv4     []reportAddress  `json:"ipv4-address"`
	IPv6     []reportAddress  `json:"ipv6-address"`
	Prefixes []reportAddress  `json:"ipv6-prefix"`
	Assigned []reportAssigned `json:"ipv6-prefix-assignment"`
	Routes   []reportRoute    `json:"route"`
	Inactive struct {
		Routes []reportRoute `json:"route"`
	} `json:"inactive"`
}

type reportAddress struct {
	Address string `json:"address"`
	Mask    int    `json:"mask"`
	Peer    string `json:"ptpaddress,omitempty"`
	Class   string `json:"class,omitempty"`
}

type reportAssigned struct {
	reportAddress
	Local reportAddress `json:"local-address"`
}

type reportRoute struct {
	Target  string `json:"target"`
	Mask    int    `json:"mask"`
	Nexthop string `json:"nexthop"`
	Source  string `json:"source"`
	Metric  int    `json:"metric,omitempty"`
	MTU     int    `json:"mtu,omitempty"`
	Table   int    `json:"table,omitempty"`
}

// startNetifd puts a stand-in for ubus on the PATH of the situation, where the
// file says what netifd reports.
func (n *situation) startNetifd(s *script, file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := n.change(words[0], words[1:]); err != nil {
			return err
		}
	}
	program := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in\n*' call network.interface dump '*) exec /bin/cat '%s' ;;\nesac\nexit %d\n",
		s.dumpPath(), ubusNotFound)
	return errors.Join(n.writeDump(s), os.WriteFile(filepath.Join(s.BinDir(), "ubus"), []byte(program), 0o755))
}

// ubusNotFound is how ubus ends when the object is not there (UBUS_STATUS_NOT_FOUND).
const ubusNotFound = 4

func (s *script) dumpPath() string { return filepath.Join(s.dir, "dump.json") }

// writeDump writes the whole answer, in netifd's order: by name. A dynamic interface
// is not in it while the one that made it is down (netifd, interface.c,
// interface_handle_config_change).
func (n *situation) writeDump(s *script) error {
	slices.SortFunc(n.reports, func(a, b *reported) int { return cmp.Compare(a.Interface, b.Interface) })
	all := make([]reported, 0, len(n.reports))
	for _, r := range n.reports {
		if r.down && n.orphan(r) {
			continue
		}
		one := *r
		one.Up = !r.down
		if r.down {
			one.reportUp = nil
		}
		all = append(all, one)
	}
	text, err := json.MarshalIndent(map[string][]reported{"interface": all}, "", "\t")
	return errors.Join(err, os.WriteFile(s.dumpPath(), text, 0o644))
}

// orphan reports whether an interface is dynamic, and the one that it is named after
// is not up.
func (n *situation) orphan(r *reported) bool {
	cut := strings.LastIndexByte(r.Interface, '_')
	return r.Dynamic && cut > 0 && !slices.ContainsFunc(n.reports, func(p *reported) bool { return p.Interface == r.Interface[:cut] && !p.down })
}

// cmdReport changes what netifd reports.
func cmdReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: netifd NAME WORD...")
	}
	n := situationOf(ts)
	ts.Check(n.change(args[0], args[1:]))
	ts.Check(n.writeDump(of(ts)))
}

// change makes or changes an interface by the words "proto P", "device D", "l3 D",
// "metric N", "ip4table N", "ip6table N", "address A/BITS", "peer A" (of the last
// IPv4 address), "prefix P" (delegated), "assigned A/BITS" (given to this interface
// out of a delegated prefix), "gateway A,..." and "route P,A,..." with "from=P",
// "metric=N" and "mtu=N" for the dots, and "dynamic", "nodefault" (defaultroute 0),
// "noroutes", "noaddresses", "noprefixes" (assigned ones too), "down", "up" and "gone".
func (n *situation) change(name string, words []string) error {
	i := slices.IndexFunc(n.reports, func(r *reported) bool { return r.Interface == name })
	if i < 0 {
		n.reports = append(n.reports, &reported{Interface: name, Available: true, Autostart: true, reportUp: emptyReport()})
		i = len(n.reports) - 1
	}
	if slices.Contains(words, "gone") {
		n.reports = slices.Delete(n.reports, i, i+1)
		return nil
	}
	r := n.reports[i]
	for len(words) > 0 {
		used, err := r.flag(words[0]), error(nil)
		if used == 0 && len(words) > 1 {
			used, err = 2, r.set(words[0], words[1])
		}
		if used == 0 || err != nil {
			return fmt.Errorf("netifd %s: %q: %v", name, words, err)
		}
		words = words[used:]
	}
	r.L3Device = cmp.Or(r.L3Device, r.Device)
	return nil
}

func emptyReport() *reportUp {
	up := &reportUp{IPv4: []reportAddress{}, IPv6: []reportAddress{}, Prefixes: []reportAddress{}, Assigned: []reportAssigned{}, Routes: []reportRoute{}}
	up.Inactive.Routes = []reportRoute{}
	return up
}

// flag takes a word that has no value, and returns how many words that were.
func (r *reported) flag(word string) int {
	switch word {
	case "dynamic":
		r.Dynamic = true
	case "nodefault":
		r.noDefault = true
	case "down", "up":
		r.down = word == "down"
	case "noroutes":
		r.Routes, r.Inactive.Routes = []reportRoute{}, []reportRoute{}
	case "noaddresses":
		r.IPv4, r.IPv6 = []reportAddress{}, []reportAddress{}
	case "noprefixes":
		r.Prefixes, r.Assigned = []reportAddress{}, []reportAssigned{}
	default:
		return 0
	}
	return 1
}

func (r *reported) set(key, value string) (err error) {
	switch key {
	case "proto":
		r.Proto = value
	case "device":
		r.Device = value
	case "l3":
		r.L3Device = value
	case "metric":
		r.Metric, err = strconv.Atoi(value)
	case "ip4table":
		r.IP4Table, err = strconv.Atoi(value)
	case "ip6table":
		r.IP6Table, err = strconv.Atoi(value)
	case "address", "prefix", "assigned":
		return r.addAddress(key, value)
	case "peer":
		r.IPv4[len(r.IPv4)-1].Peer = value
	case "gateway":
		to := "0.0.0.0/0"
		if strings.Contains(value, ":") {
			to = "::/0"
		}
		return r.addRoute(to + "," + value)
	case "route":
		return r.addRoute(value)
	default:
		return errors.New("unknown word")
	}
	return err
}

func (r *reported) addAddress(key, value string) error {
	p, err := netip.ParsePrefix(value)
	a := reportAddress{Address: p.Addr().String(), Mask: p.Bits()}
	switch {
	case key == "prefix":
		a.Class = r.Interface
		r.Prefixes = append(r.Prefixes, a)
	case key == "assigned":
		network := reportAddress{Address: p.Masked().Addr().String(), Mask: p.Bits()}
		r.Assigned = append(r.Assigned, reportAssigned{network, a})
	case p.Addr().Is4():
		r.IPv4 = append(r.IPv4, a)
	default:
		r.IPv6 = append(r.IPv6, a)
	}
	return err
}

// addRoute adds a route; one that is a default goes among the inactive ones where
// the section has defaultroute 0.
func (r *reported) addRoute(text string) error {
	words := strings.Split(text, ",")
	target, err := netip.ParsePrefix(words[0])
	if err != nil || len(words) < 2 {
		return fmt.Errorf("usage: PREFIX,GATEWAY,...: %v", err)
	}
	route := reportRoute{Target: target.Addr().String(), Mask: target.Bits(), Nexthop: words[1], Source: "0.0.0.0/0"}
	if target.Addr().Is6() {
		route.Source = "::/0"
	}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "from":
			route.Source = value
		case "metric":
			route.Metric, err = strconv.Atoi(value)
		case "mtu":
			route.MTU, err = strconv.Atoi(value)
		case "table":
			route.Table, err = strconv.Atoi(value)
		default:
			err = errors.New("unknown word")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
	}
	if r.noDefault && route.Mask == 0 {
		r.Inactive.Routes = append(r.Inactive.Routes, route)
		return nil
	}
	r.Routes = append(r.Routes, route)
	return nil
}
