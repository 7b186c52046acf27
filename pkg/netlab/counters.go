// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Counters are the bytes and packets that a line carried, seen from the router:
// Sent is towards the internet. They start at 0 when the device is made.
type Counters struct {
	Interface string `json:"interface"`
	Device    string `json:"device"`
	Sent      uint64 `json:"sent"`
	Received  uint64 `json:"received"`
	SentPkts  uint64 `json:"sent_packets"`
	RecvPkts  uint64 `json:"received_packets"`
}

// Counters returns those of every line, in order; a line whose device is gone has zeros.
func (l *Lab) Counters() ([]Counters, error) {
	s, err := readState(l.Dir)
	if err != nil {
		return nil, err
	}
	var all []Counters
	for _, n := range s.Lines {
		c := Counters{Interface: n.Interface, Device: n.Device}
		if !n.Removed {
			link, err := l.Router.Netlink.LinkByName(n.Device)
			if err != nil {
				return nil, fmt.Errorf("counters of %s: %w", n.Device, err)
			}
			c.fill(link.Attrs().Statistics)
		}
		all = append(all, c)
	}
	return all, nil
}

func (c *Counters) fill(s *netlink.LinkStatistics) {
	if s != nil {
		c.Sent, c.Received, c.SentPkts, c.RecvPkts = s.TxBytes, s.RxBytes, s.TxPackets, s.RxPackets
	}
}

// Since returns what was carried since earlier counters of the same line. A
// device that was made again in between counts from its start.
func (c Counters) Since(earlier Counters) Counters {
	if c.Sent < earlier.Sent || c.Received < earlier.Received {
		return c
	}
	c.Sent -= earlier.Sent
	c.Received -= earlier.Received
	c.SentPkts -= earlier.SentPkts
	c.RecvPkts -= earlier.RecvPkts
	return c
}
