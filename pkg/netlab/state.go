// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// state is all that a lab remembers, in the file state.json of its directory, so
// that the stand-ins and `mptcplab` see the same lab as the process that made it.
type state struct {
	PID        int            `json:"pid"`
	Namespaces map[string]int `json:"namespaces"` // name to descriptor of process PID
	DAD        bool           `json:"dad,omitempty"`
	LAN        bool           `json:"lan,omitempty"`
	Lines      []line         `json:"lines"`
	Interfaces []Interface    `json:"interfaces"`
	Ubus       Misbehaviour   `json:"ubus,omitempty"`
	Broken     time.Time      `json:"broken,omitzero"` // when Ubus was set
	Events     []Event        `json:"events,omitempty"`
	Hooks      string         `json:"hooks,omitempty"`
}

// line is the wire of one interface and the peer at its other end.
type line struct {
	Interface   string       `json:"interface"`
	Second      string       `json:"second,omitempty"` // the section that has IPv6, where it is another one
	Device      string       `json:"device"`
	Far         string       `json:"far"`
	Number      int          `json:"number"`
	Gateways    []netip.Addr `json:"gateways"` // addresses of the peer
	Bits        uint64       `json:"bits,omitempty"`
	QueueMillis uint64       `json:"queue_millis,omitempty"`
	Unplugged   bool         `json:"unplugged,omitempty"`
	BlackHole   bool         `json:"black_hole,omitempty"`
	Removed     bool         `json:"removed,omitempty"`
}

func (s *state) line(name string) (*line, error) {
	i := slices.IndexFunc(s.Lines, func(l line) bool { return l.Interface == name })
	if i < 0 {
		return nil, fmt.Errorf("the lab has no line %q", name)
	}
	return &s.Lines[i], nil
}

func (s *state) iface(name string) (*Interface, error) {
	i := slices.IndexFunc(s.Interfaces, func(i Interface) bool { return i.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("the lab has no interface %q", name)
	}
	return &s.Interfaces[i], nil
}

// on returns the interfaces on the device of a line: a lease may have made a
// second one there.
func (s *state) on(n *line) (all []*Interface) {
	for i := range s.Interfaces {
		if s.Interfaces[i].l3() == n.Device {
			all = append(all, &s.Interfaces[i])
		}
	}
	return all
}

// sections returns the interfaces of a line's own: one or two.
func (s *state) sections(n *line) (own []*Interface) {
	for i := range s.Interfaces {
		if name := s.Interfaces[i].Name; name == n.Interface || n.Second != "" && name == n.Second {
			own = append(own, &s.Interfaces[i])
		}
	}
	return own
}

// section returns that of a line for which f holds, else the line's first.
func (s *state) section(n *line, f func(*Interface) bool) *Interface {
	own := s.sections(n)
	return own[max(0, slices.IndexFunc(own, f))]
}

// under returns the line of an interface; one that has none, such as the LAN, gets
// a line that nothing is the matter with.
func (s *state) under(i *Interface) *line {
	for n := range s.Lines {
		if s.Lines[n].Device == i.l3() {
			return &s.Lines[n]
		}
	}
	return &line{Device: i.l3()}
}

// update changes the state under the lab's lock and saves it, also when f fails:
// what f did to the kernel before it failed is real.
func (l *Lab) update(f func(*state) error) (err error) {
	lock, err := os.OpenFile(filepath.Join(l.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock the lab: %w", err)
	}
	s, err := readState(l.Dir)
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.write(l.Dir))
}

func readState(dir string) (*state, error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("read the lab's state: %w", err)
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read the lab's state: %w", err)
	}
	return &s, nil
}

// write replaces the file in one step, since the stand-ins read it without a lock.
func (s *state) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("save the lab's state: %w", err)
	}
	temporary := filepath.Join(dir, "state.json.new")
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("save the lab's state: %w", err)
	}
	return os.Rename(temporary, filepath.Join(dir, "state.json"))
}
