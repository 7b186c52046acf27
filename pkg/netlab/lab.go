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
)

// Config says what lab to build.
type Config struct {
	Lines []LineConfig

	// LAN adds a LAN host, 192.168.1.100, behind the router's lan0.
	LAN bool

	// DAD leaves IPv6 duplicate address detection on: addresses of the router
	// are tentative for a second after ifup. Off, they are usable at once.
	DAD bool

	// Dir is an empty directory for the lab's files; empty makes one, which Close
	// removes.
	Dir string
}

// LineConfig says what one line is like. Line number i, counted from 1, is
// device ethI with 10.0.I.2/24 behind the provider's 10.0.I.1, and with IPv6
// 3fff:I::2/64 behind 3fff:I::1 (RFC 9637: global, but assigned to none). By DHCP the two
// families are two sections, as netifd has it: NAME and, after all lines, NAMEv6
// (dhcpv6), which takes the mode of the first over.
type LineConfig struct {
	Name      string       // of the interface; empty: wanI
	Proto     string       // static (also when empty) or dhcp, which is dhcpv6 in IPv6
	NoIPv4    bool         // the line has no IPv4
	IPv6      bool         // the line has IPv6
	Prefix    netip.Prefix // delegated to the router, by DHCP with IPv6 only; zero: none
	Metric    int          // 0: I; negative: none
	Bits      uint64       // limit in bit/s, each way; 0: none
	Multipath string       // mode for the configuration; empty: none is written
	Down      bool         // not brought up yet

	NoDefaultRoute bool   // option defaultroute 0
	IP4Table       uint32 // option ip4table
	IP6Table       uint32 // option ip6table
}

// A Lab is a running laboratory. Its methods may be called from several
// goroutines and, through Open, from several processes.
type Lab struct {
	Dir string

	Router   *Namespace
	Internet *Namespace // every provider's router
	Server   *Namespace
	LAN      *Namespace // nil without Config.LAN

	owner bool // this process made the lab
	made  bool // and its directory
}

// New builds a lab and brings its interfaces up. When it fails nothing is left.
func New(config Config) (*Lab, error) {
	l := &Lab{Dir: config.Dir, owner: true}
	if l.Dir == "" {
		dir, err := os.MkdirTemp(base(), "mptcplab-")
		if err != nil {
			return nil, err
		}
		l.Dir, l.made = dir, true
	}
	if err := l.build(config); err != nil {
		return nil, errors.Join(fmt.Errorf("build the lab: %w", err), l.Close())
	}
	return l, nil
}

// base returns where temporary directories go: not under /etc or /var, over which
// Mount lays others.
func base() string {
	if dir := os.TempDir(); !under(dir, "/etc") && !under(dir, "/var") {
		return dir
	}
	return "/tmp"
}

func (l *Lab) build(config Config) error {
	for _, dir := range []string{l.BinDir(), l.ConfigDir(), l.StateDir(), l.LockDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	s := &state{PID: os.Getpid(), Namespaces: map[string]int{}, DAD: config.DAD, LAN: config.LAN}
	// The LAN comes first: delegated prefixes are given to it.
	s.Interfaces = append(s.Interfaces, loopbackInterface())
	if config.LAN {
		s.Interfaces = append(s.Interfaces, lanInterface())
	}
	var second []Interface
	for i, c := range config.Lines {
		sections := newInterfaces(i+1, c)
		s.Lines = append(s.Lines, newLine(i+1, c, sections))
		s.Interfaces = append(s.Interfaces, sections[0])
		second = append(second, sections[1:]...)
	}
	s.Interfaces = append(s.Interfaces, second...)
	if err := l.makeNamespaces(s); err != nil {
		return err
	}
	if err := l.wire(s); err != nil {
		return err
	}
	for i := range s.Interfaces {
		if s.Interfaces[i].Down {
			continue
		}
		if err := l.ifup(s, &s.Interfaces[i]); err != nil {
			return err
		}
	}
	for i := range s.Lines {
		if err := l.awaitCarrier(&s.Lines[i]); err != nil {
			return err
		}
	}
	if s.LAN {
		if err := l.awaitLAN(); err != nil {
			return err
		}
	}
	if err := l.writeConfig(s); err != nil {
		return err
	}
	return s.write(l.Dir)
}

// newInterface returns what netifd's configuration would say of line number i.
func newInterface(i int, c LineConfig) Interface {
	n := Interface{
		Name: cmp.Or(c.Name, fmt.Sprint("wan", i)), Proto: cmp.Or(c.Proto, "static"), Device: fmt.Sprint("eth", i),
		Metric: max(0, cmp.Or(c.Metric, i)), Prefix: c.Prefix, Multipath: c.Multipath, Down: c.Down,
		NoDefaultRoute: c.NoDefaultRoute, IP4Table: c.IP4Table, IP6Table: c.IP6Table,
	}
	n.ForceLink = n.Proto == "static"
	if !c.NoIPv4 {
		n.Addresses = append(n.Addresses, netip.MustParsePrefix(fmt.Sprintf("10.0.%d.2/24", i)))
		n.Gateways = append(n.Gateways, netip.MustParseAddr(fmt.Sprintf("10.0.%d.1", i)))
	}
	if c.IPv6 {
		n.Addresses = append(n.Addresses, netip.MustParsePrefix(fmt.Sprintf("3fff:%d::2/64", i)))
		n.Gateways = append(n.Gateways, netip.MustParseAddr(fmt.Sprintf("3fff:%d::1", i)))
	}
	if n.Proto == "dhcp" {
		n.LeaseTime = 43200
	}
	return n
}

// newInterfaces returns the sections of line number i: DHCP has one for each family.
func newInterfaces(i int, c LineConfig) []Interface {
	if c.Proto == "dhcp" && !c.IPv6 {
		c.IP6Table, c.Prefix = 0, netip.Prefix{}
	}
	if c.Proto != "dhcp" || !c.IPv6 {
		return []Interface{newInterface(i, c)}
	}
	second := c
	second.Proto, second.NoIPv4, second.IP4Table = "dhcpv6", true, 0
	if c.NoIPv4 {
		return []Interface{newInterface(i, second)}
	}
	first := c
	first.IPv6, first.IP6Table, first.Prefix = false, 0, netip.Prefix{}
	second.Name, second.Multipath = cmp.Or(c.Name, fmt.Sprint("wan", i))+"v6", ""
	return []Interface{newInterface(i, first), newInterface(i, second)}
}

// Open attaches to a lab that another process made, by its directory.
func Open(dir string) (*Lab, error) {
	s, err := readState(dir)
	if err != nil {
		return nil, err
	}
	l := &Lab{Dir: dir}
	for name, place := range l.places() {
		fd, ok := s.Namespaces[name]
		if !ok {
			continue
		}
		n, err := openNamespace(name, fmt.Sprintf("/proc/%d/fd/%d", s.PID, fd))
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		*place = n
	}
	return l, nil
}

// places returns where the lab keeps its namespaces, by name.
func (l *Lab) places() map[string]**Namespace {
	return map[string]**Namespace{"router": &l.Router, "internet": &l.Internet, "server": &l.Server, "lan": &l.LAN}
}

func (l *Lab) makeNamespaces(s *state) error {
	for name, place := range l.places() {
		if name == "lan" && !s.LAN {
			continue
		}
		n, err := newNamespace(name)
		if err != nil {
			return err
		}
		*place = n
		s.Namespaces[name] = int(n.handle)
	}
	return nil
}

// Close lets go of the namespaces. When the process that made the lab calls it,
// what still runs in them is killed, and the kernel takes them apart with all
// that is in them. A second call does nothing.
func (l *Lab) Close() error {
	var problems []error
	if l.owner {
		problems = append(problems, l.endProcesses())
	}
	for _, place := range l.places() {
		if *place != nil {
			problems = append(problems, (*place).Close())
		}
	}
	if l.made {
		problems = append(problems, os.RemoveAll(l.Dir))
	}
	return errors.Join(problems...)
}

// BinDir holds the stand-ins `ubus` and `uci`, once InstallTools made them; it
// belongs first on the PATH.
func (l *Lab) BinDir() string { return filepath.Join(l.Dir, "bin") }

// ConfigDir stands for /etc/config.
func (l *Lab) ConfigDir() string { return filepath.Join(l.Dir, "config") }

// StateDir stands for /var/state.
func (l *Lab) StateDir() string { return filepath.Join(l.Dir, "state") }

// StagedDir stands for /tmp/.uci. The stand-in for uci makes it.
func (l *Lab) StagedDir() string { return filepath.Join(l.Dir, "uci") }

// LockDir stands for /var/lock.
func (l *Lab) LockDir() string { return filepath.Join(l.Dir, "lockdir") }

// InstallTools makes program, which must call UbusMain or UciMain when its name
// is `ubus` or `uci`, the lab's stand-in for both.
func (l *Lab) InstallTools(program string) error {
	for _, name := range []string{"ubus", "uci"} {
		if err := os.Symlink(program, filepath.Join(l.BinDir(), name)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// Interfaces returns what the stand-in netifd knows at this moment.
func (l *Lab) Interfaces() ([]Interface, error) {
	s, err := readState(l.Dir)
	if err != nil {
		return nil, err
	}
	return s.Interfaces, nil
}

// Edit changes what the stand-in netifd knows of an interface, and makes one if
// there is none of that name; the kernel is left alone.
func (l *Lab) Edit(name string, change func(*Interface)) error {
	return l.update(func(s *state) error {
		i, err := s.iface(name)
		if err != nil {
			s.Interfaces = append(s.Interfaces, Interface{Name: name, Proto: "static", ForceLink: true})
			i = &s.Interfaces[len(s.Interfaces)-1]
		}
		change(i)
		return nil
	})
}

// Forget takes an interface out of what the stand-in netifd knows, as netifd does
// with a dynamic one that is down; the kernel is left alone.
func (l *Lab) Forget(name string) error {
	return l.update(func(s *state) error {
		s.Interfaces = slices.DeleteFunc(s.Interfaces, func(i Interface) bool { return i.Name == name })
		return nil
	})
}
