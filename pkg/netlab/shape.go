// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// Parameters of the token buckets: a burst of 32 kB, and a queue of 50 ms, as a
// small line has.
const (
	burst       = 32 << 10
	queueMillis = 50
)

// Shape limits a line to bits per second in each direction; 0 takes the limit away.
func (l *Lab) Shape(name string, bits uint64) error {
	return l.update(func(s *state) error {
		n, err := s.line(name)
		if err != nil {
			return err
		}
		n.Bits = bits
		return l.shape(n)
	})
}

// Queue sets how many milliseconds of traffic wait at either end of a limited line before
// any is dropped; 0: as at first. Modems keep seconds.
func (l *Lab) Queue(name string, millis uint64) error {
	return l.update(func(s *state) error {
		n, err := s.line(name)
		if err != nil {
			return err
		}
		n.QueueMillis = millis
		return l.shape(n)
	})
}

// shape puts a token bucket at both ends of a line, or takes it away.
func (l *Lab) shape(n *line) error {
	if n.Removed {
		return nil
	}
	for _, end := range []struct {
		at     *Namespace
		device string
	}{{l.Router, n.Device}, {l.Internet, n.Far}} {
		link, err := end.at.Netlink.LinkByName(end.device)
		if err != nil {
			return err
		}
		if err := limit(end.at.Netlink, link, n.Bits, n.QueueMillis); err != nil {
			return fmt.Errorf("limit %s to %d bit/s: %w", end.device, n.Bits, err)
		}
	}
	return nil
}

func limit(h *netlink.Handle, link netlink.Link, bits, millis uint64) error {
	root := netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	if bits == 0 {
		return unlimit(h, link)
	}
	bytes := bits / 8
	queue := bytes * millis / 1000
	if millis == 0 {
		queue = bytes*queueMillis/1000 + burst
	}
	return h.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: root,
		Rate:       bytes,
		Buffer:     netlink.Xmittime(bytes, burst),
		Limit:      uint32(queue),
	})
}

// unlimit takes the token bucket of a device away, if it has one.
func unlimit(h *netlink.Handle, link netlink.Link) error {
	qdiscs, err := h.QdiscList(link)
	if err != nil {
		return err
	}
	for _, q := range qdiscs {
		if bucket, ok := q.(*netlink.Tbf); ok {
			return h.QdiscDel(bucket)
		}
	}
	return nil
}
