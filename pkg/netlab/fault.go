// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"slices"
)

// change runs f for one line, by the name of its interface, under the lock, and
// notes the events that f says netifd would send.
func (l *Lab) change(name string, f func(*state, *line, *Interface) ([]Event, error)) ([]Event, error) {
	return l.administer(name, func(s *state, _ *line, i *Interface) ([]Event, error) {
		n, err := s.line(name)
		if err != nil {
			return nil, err
		}
		return f(s, n, i)
	})
}

// administer is as change for every interface, also those that are no line's own.
func (l *Lab) administer(name string, f func(*state, *line, *Interface) ([]Event, error)) (events []Event, err error) {
	err = l.update(func(s *state) error {
		i, err := s.iface(name)
		if err != nil {
			return err
		}
		events, err = f(s, s.under(i), i)
		s.Events = append(s.Events, events...)
		return err
	})
	return events, err
}

// each runs f for every interface on a line, and returns all events.
func (l *Lab) each(s *state, n *line, f func(*Interface) ([]Event, error)) (all []Event, err error) {
	for _, i := range s.on(n) {
		events, problem := f(i)
		all, err = append(all, events...), errors.Join(err, problem)
	}
	return all, err
}

// Unplug takes the carrier of a line away. netifd keeps a static interface up and
// says nothing; a DHCP one goes down.
func (l *Lab) Unplug(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		if n.Unplugged || n.Removed {
			return nil, nil
		}
		link, err := l.Internet.Netlink.LinkByName(n.Far)
		if err != nil {
			return nil, err
		}
		if err := l.Internet.Netlink.LinkSetDown(link); err != nil {
			return nil, err
		}
		n.Unplugged = true
		if err := l.awaitCarrier(n); err != nil {
			return nil, err
		}
		return l.each(s, n, func(i *Interface) ([]Event, error) {
			if i.ForceLink {
				return nil, nil
			}
			return l.goDown(s, i)
		})
	})
}

// Plug gives the carrier back; a DHCP interface comes up again.
func (l *Lab) Plug(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		if !n.Unplugged {
			return nil, nil
		}
		n.Unplugged = false
		if err := l.restoreFar(s, n); err != nil {
			return nil, err
		}
		if n.Removed {
			return nil, nil
		}
		if err := l.awaitCarrier(n); err != nil {
			return nil, err
		}
		return l.each(s, n, func(i *Interface) ([]Event, error) { return l.comeUp(s, n, i) })
	})
}

// AdminDown is `ifdown NAME`, for any interface. Its device goes down too.
func (l *Lab) AdminDown(name string) ([]Event, error) {
	return l.administer(name, func(s *state, n *line, i *Interface) ([]Event, error) {
		return l.stop(s, n, i)
	})
}

// AdminUp is `ifup NAME`, for any interface: one that is up is taken down first.
func (l *Lab) AdminUp(name string) ([]Event, error) {
	return l.administer(name, func(s *state, n *line, i *Interface) (all []Event, err error) {
		if i.Up {
			if all, err = l.stop(s, n, i); err != nil {
				return all, err
			}
		}
		i.Down = false
		up, err := l.comeUp(s, n, i)
		return append(all, up...), err
	})
}

// stop takes an interface down by hand, and its device if no other interface wants it.
func (l *Lab) stop(s *state, n *line, i *Interface) ([]Event, error) {
	i.Down = true
	events, err := l.goDown(s, i)
	wanted := slices.ContainsFunc(s.on(n), func(i *Interface) bool { return !i.Down })
	if err != nil || wanted || n.Removed {
		return events, err
	}
	link, err := l.Router.Netlink.LinkByName(i.l3())
	if err != nil {
		return events, err
	}
	return events, l.Router.Netlink.LinkSetDown(link)
}

// goDown takes an interface down, and returns the event of it if it was up.
func (l *Lab) goDown(s *state, i *Interface) ([]Event, error) {
	if !i.Up {
		return nil, nil
	}
	return []Event{i.event("ifdown")}, l.ifdown(s, i)
}

// comeUp brings an interface up if nothing prevents it, and returns the event of it.
func (l *Lab) comeUp(s *state, n *line, i *Interface) ([]Event, error) {
	if i.Up || i.Down || n.Removed || n.Unplugged && !i.ForceLink {
		return nil, nil
	}
	if err := l.ifup(s, i); err != nil {
		return nil, err
	}
	return []Event{i.event("ifup")}, l.awaitCarrier(n)
}

// RemoveDevice takes the router's device away, as a pulled USB modem does.
func (l *Lab) RemoveDevice(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		if n.Removed {
			return nil, nil
		}
		link, err := l.Router.Netlink.LinkByName(n.Device)
		if err != nil {
			return nil, err
		}
		if err := l.Router.Netlink.LinkDel(link); err != nil {
			return nil, err
		}
		n.Removed = true
		return l.each(s, n, func(i *Interface) ([]Event, error) {
			i.Gone = true
			return l.goDown(s, i)
		})
	})
}

// ReturnDevice brings a removed device back, with another index.
func (l *Lab) ReturnDevice(name string) ([]Event, error) {
	return l.change(name, func(s *state, n *line, _ *Interface) ([]Event, error) {
		if !n.Removed {
			return nil, nil
		}
		n.Removed = false
		if err := l.wireLine(s, n); err != nil {
			return nil, err
		}
		return l.each(s, n, func(i *Interface) ([]Event, error) {
			i.Gone = false
			return l.comeUp(s, n, i)
		})
	})
}
