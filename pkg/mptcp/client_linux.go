// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// maxDumps is how often a dump is asked for before its interruptions become an
// error. One is rare, since few programs write endpoints.
const maxDumps = 5

// Client speaks to the path manager of one network namespace. It is safe for
// concurrent use. Errors of its methods unwrap to the kernel's unix.Errno, so
// that errors.Is works with that and with os.ErrPermission and os.ErrExist,
// and their text has the kernel's extended acknowledgement where it sent one.
type Client struct {
	conn   *netlink.Conn
	family uint16
}

// Dial opens a Client in the network namespace of the calling thread. The
// family's number is looked up here, once, so each method but a retried dump
// is one request. Dial returns ErrNotSupported when the kernel has no MPTCP.
func Dial() (*Client, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	family, err := lookup(conn, familyName)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Client{conn: conn, family: family.ID}, nil
}

func lookup(conn *netlink.Conn, name string) (genetlink.Family, error) {
	family, err := genetlink.NewConn(conn).GetFamily(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return family, ErrNotSupported
	case err != nil:
		return family, fmt.Errorf("netlink family %s: %w", name, kernelError(err))
	}
	return family, nil
}

// Close closes the netlink socket.
func (c *Client) Close() error {
	return c.conn.Close()
}

// Endpoints returns all endpoints of the namespace, implicit ones among them,
// in the order of their ids. It needs no privilege.
func (c *Client) Endpoints() ([]Endpoint, error) {
	msgs, err := retry(func() ([]netlink.Message, error) {
		return c.execute(cmdGetAddr, netlink.Dump, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	endpoints := make([]Endpoint, 0, len(msgs))
	for _, m := range msgs {
		b, err := payload(m)
		if err != nil {
			return nil, fmt.Errorf("endpoints: %w", err)
		}
		e, err := decodeEndpoint(b)
		if err != nil {
			return nil, fmt.Errorf("endpoints: %w", err)
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

// Limits returns the limits of the namespace. It needs no privilege.
func (c *Client) Limits() (Limits, error) {
	msgs, err := c.execute(cmdGetLimits, 0, nil)
	if err != nil {
		return Limits{}, fmt.Errorf("limits: %w", err)
	}
	if len(msgs) != 1 {
		return Limits{}, fmt.Errorf("limits: %d messages, want 1", len(msgs))
	}
	b, err := payload(msgs[0])
	if err != nil {
		return Limits{}, fmt.Errorf("limits: %w", err)
	}
	l, err := decodeLimits(b)
	if err != nil {
		return Limits{}, fmt.Errorf("limits: %w", err)
	}
	return l, nil
}

// Add adds an endpoint, and the kernel opens or announces its subflows on all
// connections at once. With ID 0 the kernel chooses the first free id from the
// highest one ever given upwards, and starts again at 1 after 255: that may be
// one that was deleted just before. How many endpoints fit is the kernel's affair:
// 8 up to Linux 7.1, 255 later, implicit ones among them. See Full.
//
// The kernel tells endpoints apart by address alone (and port, where one has
// any), not by interface. It answers EEXIST for an address that is there, EBUSY
// for an id that is in use, ERANGE when the table is full (checked first) and
// EINVAL for flags that do not go together. It does not check that the address
// or the interface exist.
//
// An implicit endpoint with the address is replaced only if ID is 0: the new
// endpoint takes over its id (mptcp_pm_nl_append_new_local_addr in
// net/mptcp/pm_kernel.c). With another id the answer is EINVAL, with its own
// id EBUSY, and it stays; delete it first. When the table is full even the
// replacement is refused with ERANGE.
func (c *Client) Add(e Endpoint) error {
	b, err := encodeEndpoint(e)
	if err == nil {
		err = c.write(cmdAddAddr, b)
	}
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", e.Addr, err)
	}
	return nil
}

// Delete deletes the endpoint with this id and closes its subflows, but for the
// first subflow of a connection so young that the kernel has not yet looked up
// whose endpoint that is (mptcp_mpc_endpoint_setup, measured on 6.18). The kernel
// looks at nothing but the id: a request with an address only means id 0,
// succeeds and deletes no endpoint. It answers EINVAL for an id that is not
// there. Id 0 is refused here with the same error, since it would close the
// first subflow of connections and delete no endpoint: see DeleteZero.
func (c *Client) Delete(id uint8) error {
	if id == 0 {
		return fmt.Errorf("endpoint id 0: %w", unix.EINVAL)
	}
	b, err := encodeID(id)
	if err == nil {
		err = c.write(cmdDelAddr, b)
	}
	if err != nil {
		return fmt.Errorf("endpoint id %d: %w", id, err)
	}
	return nil
}

// DeleteZero closes the first subflow of each connection that began from the
// address, and tells its peer so (RM_ADDR for id 0, RFC 8684 section 3.4.2). It
// deletes no endpoint. On subflows that are closed already it only tells the peer
// again: Delete does that once, by an acknowledgement that may be lost, or that
// goes out by the very subflow where there is no other. Without any subflow to
// send by it is told by the next one.
func (c *Client) DeleteZero(addr netip.Addr) error {
	b, err := encodeZero(addr)
	if err == nil {
		err = c.write(cmdDelAddr, b)
	}
	if err != nil {
		return fmt.Errorf("endpoint id 0 %s: %w", addr, err)
	}
	return nil
}

// SetFlags sets FlagBackup and FlagFullmesh of the endpoint with this id, both
// at once: what is not in flags is cleared. All other flags are ignored, since
// the kernel cannot change them in place, so the Flags of an Endpoint can be
// given as they are. A changed FlagBackup is told to peers on the live subflows
// (MP_PRIO, RFC 8684 section 3.3.8); a changed FlagFullmesh closes the subflows
// of the endpoint and opens them again.
//
// The kernel answers EINVAL for an id that is not there and for FlagFullmesh
// on a signal endpoint, EOPNOTSUPP for id 0.
func (c *Client) SetFlags(id uint8, flags Flags) error {
	b, err := encodeFlags(id, flags&(FlagBackup|FlagFullmesh))
	if err == nil {
		err = c.write(cmdSetFlags, b)
	}
	if err != nil {
		return fmt.Errorf("endpoint id %d: %w", id, err)
	}
	return nil
}

// SetLimits writes both limits. They hold for live connections too, but a
// higher one opens no subflow until the next path manager event. The kernel
// answers EINVAL for a value above its own bound and then changes neither.
func (c *Client) SetLimits(l Limits) error {
	b, err := encodeLimits(l)
	if err == nil {
		err = c.write(cmdSetLimits, b)
	}
	if err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// SetHighestLimits writes the limits, or the highest that the kernel accepts where
// it refuses them, and returns what it wrote. bound is then the highest value that
// the kernel accepts for either, which is found by trying; 0: nothing was refused.
// now are the limits that hold, at which the search begins, so that none of its
// steps is lower than both the old and the new value.
func (c *Client) SetHighestLimits(l, now Limits) (written Limits, bound uint32, err error) {
	if err = c.SetLimits(l); !errors.Is(err, unix.EINVAL) {
		return l, 0, err
	}
	bound, refused := max(now.Subflows, now.AddAddrAccepted), max(l.Subflows, l.AddAddrAccepted)
	for bound+1 < refused {
		middle := bound + (refused-bound)/2
		switch err = c.SetLimits(l.upTo(middle)); {
		case err == nil:
			bound = middle
		case errors.Is(err, unix.EINVAL):
			refused = middle
		default:
			return Limits{}, 0, err
		}
	}
	l = l.upTo(bound)
	return l, bound, c.SetLimits(l)
}

// Full reports whether an Add failed because the kernel has no room for another
// endpoint. Linux 6.1 answers EINVAL for that, as for a duplicate: then the table is
// looked at. count is the number of endpoints in a full table.
func (c *Client) Full(e Endpoint, failed error) (count int, full bool, err error) {
	if !errors.Is(failed, unix.ERANGE) && !errors.Is(failed, unix.EINVAL) {
		return 0, false, nil
	}
	all, err := c.Endpoints()
	if err != nil {
		return 0, false, err
	}
	for _, there := range all {
		if duplicate := there.ID == e.ID || there.Addr == e.Addr; duplicate && !errors.Is(failed, unix.ERANGE) {
			return 0, false, nil
		}
	}
	return len(all), len(all) >= LowestBound, nil
}

// write sends a command that the kernel answers with an acknowledgement only.
func (c *Client) write(cmd uint8, attrs []byte) error {
	_, err := c.execute(cmd, netlink.Acknowledge, attrs)
	return err
}

// execute is the one way to the kernel: it sends a command and returns the
// replies.
func (c *Client) execute(cmd uint8, flags netlink.HeaderFlags, attrs []byte) ([]netlink.Message, error) {
	gm := genetlink.Message{
		Header: genetlink.Header{Command: cmd, Version: familyVersion},
		Data:   attrs,
	}
	data, err := gm.MarshalBinary()
	if err != nil {
		return nil, err
	}
	msgs, err := c.conn.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(c.family),
			Flags: netlink.Request | flags,
		},
		Data: data,
	})
	if err != nil {
		return nil, kernelError(err)
	}
	return msgs, nil
}

// retry repeats a dump that was interrupted by a change (NLM_F_DUMP_INTR): it
// may lack an endpoint that was there all the time.
func retry(dump func() ([]netlink.Message, error)) ([]netlink.Message, error) {
	for range maxDumps {
		msgs, err := dump()
		if err != nil || !interrupted(msgs) {
			return msgs, err
		}
	}
	return nil, fmt.Errorf("dump interrupted %d times: %w", maxDumps, unix.EINTR)
}

func interrupted(msgs []netlink.Message) bool {
	for _, m := range msgs {
		if m.Header.Flags&netlink.DumpInterrupted != 0 {
			return true
		}
	}
	return false
}

// kernelError keeps what the kernel said of a failed request, the errno and the
// extended acknowledgement, and drops the library's words around it.
func kernelError(err error) error {
	op, ok := errors.AsType[*netlink.OpError](err)
	if !ok {
		return err
	}
	if op.Message == "" {
		return op.Err
	}
	return fmt.Errorf("%s: %w", op.Message, op.Err)
}
