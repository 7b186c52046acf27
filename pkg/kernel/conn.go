// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

const (
	// maxDumps is how often a dump is asked for before its interruptions
	// become an error.
	maxDumps = 10

	// maxBatches bounds what is read of one answer: some ten million routes, of
	// which a kernel that knows no filter sends all. maxObjects bounds what is
	// kept of a family's: some 4 MB, while a plan is made of them.
	maxBatches = 1 << 16
	maxObjects = 10_000
)

var (
	errEndless = errors.New("an endless answer")
	errTooMany = errors.New("more objects than a plan is made for")
)

// errInterrupted says that something changed while the kernel wrote a dump
// (NLM_F_DUMP_INTR), so that objects may be missing in it.
var errInterrupted error = interrupted("dump interrupted")

// interrupted is EINTR, and costs nothing while a program starts.
type interrupted string

func (e interrupted) Error() string { return string(e) }

func (interrupted) Is(target error) bool { return target == unix.EINTR }

// conn is a NETLINK_ROUTE socket with strict checking of dump requests
// (NETLINK_GET_STRICT_CHK): without it the kernel ignores their filters.
type conn struct {
	*batch.Socket
	// tap sees, and may change, every message that arrives. It is nil but in
	// tests.
	tap func(*syscall.NetlinkMessage)
}

func dial() (*conn, error) {
	s, err := batch.Dial(unix.NETLINK_ROUTE, true)
	return &conn{Socket: s}, err
}

// write sends a request that the kernel answers with an acknowledgement only.
func (c *conn) write(typ uint16, flags netlink.HeaderFlags, body []byte) error {
	return c.execute(typ, flags|netlink.Acknowledge, body, func([]byte) error { return nil })
}

// get sends a request that the kernel answers with one message, or with an error.
func (c *conn) get(typ uint16, body []byte, fn func([]byte) error) error {
	return c.execute(typ, 0, body, fn)
}

// dump collects the objects that decode returns true for. Those beyond maxObjects
// are counted in more; where that is nil, they are an error. Of an interrupted dump
// nothing is kept. A family that the kernel lacks has no objects.
func dump[T any](c *conn, typ uint16, body []byte, more *int, decode func([]byte) (T, bool, error)) ([]T, error) {
	var all []T
	err := c.dump(typ, body, more, func() { all = nil }, func(b []byte, room bool) (bool, error) {
		one, ok, err := decode(b)
		if ok && room && err == nil {
			all = append(all, one)
		}
		return ok, err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// dump sends a request again until its answer was not interrupted. Each time it calls
// begin, and then keep with every object and whether there is room for one more; keep
// returns whether the object counts.
func (c *conn) dump(typ uint16, body []byte, more *int, begin func(), keep func(b []byte, room bool) (bool, error)) error {
	most := maxObjects
	if body[0] == unix.AF_UNSPEC { // the family is the first field of every header
		most *= len(plan.Families)
	}
	err := errInterrupted
	for n := 0; n < maxDumps && errors.Is(err, errInterrupted); n++ {
		begin()
		count := 0
		if more != nil {
			*more = 0
		}
		err = c.execute(typ, netlink.Dump, body, func(b []byte) error {
			ok, err := keep(b, count < most)
			switch {
			case !ok || err != nil:
				return err
			case count < most:
				count++
			case more == nil:
				return errTooMany
			default:
				*more++
			}
			return nil
		})
	}
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		begin()
		return nil
	}
	return err
}

// execute is the one way to the kernel: it sends a request and calls fn, which
// must not keep the bytes, with the body of every reply.
func (c *conn) execute(typ uint16, flags netlink.HeaderFlags, body []byte, fn func([]byte) error) error {
	seq, err := c.Ask(typ, uint16(flags), body)
	if err != nil {
		return err
	}
	var failed error
	for range maxBatches {
		b, err := c.Receive()
		if err != nil {
			return err
		}
		msgs, err := batch.Split(b)
		if err != nil {
			return err
		}
		for i := range msgs {
			m := &msgs[i]
			if m.Header.Seq != seq {
				continue
			}
			if c.tap != nil {
				c.tap(m)
			}
			if m.Header.Flags&unix.NLM_F_DUMP_INTR != 0 && failed == nil {
				failed = errInterrupted
			}
			if m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE {
				if err := result(m); err != nil {
					return err
				}
				return failed
			}
			// The rest is read all the same: the next request needs the
			// socket empty.
			if failed == nil {
				failed = fn(m.Data)
			}
			if flags == 0 {
				return failed // neither an acknowledgement nor more will come
			}
		}
	}
	return errEndless
}

// result is the outcome in the last message of a reply: the errno, negative,
// then in a NLMSG_ERROR the request or its header, then the extended
// acknowledgement (Documentation/userspace-api/netlink/intro.rst).
func result(m *syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return nil
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
	if errno == 0 {
		return nil
	}
	attrs := m.Data[4:]
	if m.Header.Type == unix.NLMSG_ERROR {
		length := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 && len(attrs) >= length {
			length = int(binary.NativeEndian.Uint32(attrs)+3) &^ 3 // at most batch.MaxLen
		}
		attrs = attrs[min(length, len(attrs)):]
	}
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return errno
	}
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return errno
	}
	for ad.Next() {
		if ad.Type() == unix.NLMSGERR_ATTR_MSG {
			return fmt.Errorf("%s: %w", ad.String(), errno)
		}
	}
	return errno
}

// addressFamilies are the kernel's numbers of the families. A dump of AF_UNSPEC has the
// objects of both, and those of others, such as the rules of RTNL_FAMILY_IPMR.
var addressFamilies = [...]uint8{plan.IPv4: unix.AF_INET, plan.IPv6: unix.AF_INET6}

// familyOf is the family of an object, by the first byte of its header; ok is false
// for one of another family.
func familyOf(header []byte) (f plan.Family, ok bool) {
	switch header[0] {
	case unix.AF_INET:
		return plan.IPv4, true
	case unix.AF_INET6:
		return plan.IPv6, true
	}
	return 0, false
}

// either says whether a filter for a family, of which AF_UNSPEC means both, lets an
// object of f pass. A kernel without a family answers with the objects of others.
func either(filter uint8, f plan.Family) bool {
	return filter == unix.AF_UNSPEC || filter == addressFamilies[f]
}

// split separates the fixed header of a message from its attributes.
func split(b []byte, size int) ([]byte, *netlink.AttributeDecoder, error) {
	if len(b) < size {
		return nil, nil, fmt.Errorf("message of %d bytes, want at least %d", len(b), size)
	}
	ad, err := netlink.NewAttributeDecoder(b[size:])
	return b[:size], ad, err
}

// join puts the attributes behind the fixed header of a message.
func join(header []byte, ae *netlink.AttributeEncoder) ([]byte, error) {
	attrs, err := ae.Encode()
	return append(header, attrs...), err
}

// address reads an address attribute; its length tells the family.
func address(ad *netlink.AttributeDecoder) netip.Addr {
	a, ok := netip.AddrFromSlice(ad.Bytes())
	if !ok {
		ad.Do(func(b []byte) error { return fmt.Errorf("address of %d bytes", len(b)) })
	}
	return a
}
