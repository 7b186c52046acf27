// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// The attributes of an event: enum mptcp_event_attr of
// include/uapi/linux/mptcp_pm.h, their types by mptcp_event_* in
// net/mptcp/pm_netlink.c.
const (
	eventToken       = 1
	eventLocalID     = 3
	eventRemoteID    = 4
	eventLocal4      = 5
	eventLocal6      = 6
	eventRemote4     = 7
	eventRemote6     = 8
	eventLocalPort   = 9
	eventRemotePort  = 10
	eventBackup      = 11
	eventError       = 12
	eventFlags       = 13
	eventIfIndex     = 15
	eventResetReason = 16
	eventResetFlags  = 17
	eventServer      = 18
)

// MPTCP_PM_EV_FLAG_* of include/uapi/linux/mptcp.h. Kernels that have the second
// one may send no eventServer.
const (
	eventFlagNoJoin = 1 << 0
	eventFlagServer = 1 << 1
)

// decodeEvent reads one message of the group.
func decodeEvent(b []byte) (Event, error) {
	var gm genetlink.Message
	if err := gm.UnmarshalBinary(b); err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	e := Event{Type: EventType(gm.Header.Command)}
	ad, err := netlink.NewAttributeDecoder(gm.Data)
	if err != nil {
		return Event{}, fmt.Errorf("event %d: %w", e.Type, err)
	}
	var local, remote netip.Addr
	var localPort, remotePort uint16
	for ad.Next() {
		switch ad.Type() {
		case eventLocal4, eventLocal6:
			local = eventAddr(ad)
		case eventRemote4, eventRemote6:
			remote = eventAddr(ad)
		case eventLocalPort:
			localPort = networkOrder(ad)
		case eventRemotePort:
			remotePort = networkOrder(ad)
		default:
			e.decode(ad)
		}
	}
	if err := ad.Err(); err != nil {
		return Event{}, fmt.Errorf("event %d: %w", e.Type, err)
	}
	if local.IsValid() {
		e.Local = netip.AddrPortFrom(local, localPort)
	}
	if remote.IsValid() {
		e.Remote = netip.AddrPortFrom(remote, remotePort)
	}
	return e, nil
}

// decode reads an attribute that is no part of an address. Attributes of newer
// kernels are passed over.
func (e *Event) decode(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case eventToken:
		e.Token = ad.Uint32()
	case eventLocalID:
		e.LocalID = ad.Uint8()
	case eventRemoteID:
		e.RemoteID = ad.Uint8()
	case eventBackup:
		e.Backup = ad.Uint8() != 0
	case eventError:
		e.Errno = syscall.Errno(ad.Uint8())
	case eventFlags:
		flags := ad.Uint16()
		e.NoJoinToFirst = flags&eventFlagNoJoin != 0
		e.Server = e.Server || flags&eventFlagServer != 0
	case eventIfIndex:
		e.IfIndex = int(ad.Int32())
	case eventResetReason:
		e.Reset.Reason, e.WasReset = uint8(ad.Uint32()), true
	case eventResetFlags:
		e.Reset.Transient = ad.Uint32() != 0
	case eventServer:
		e.Server = e.Server || ad.Uint8() != 0
	}
}

// eventAddr reads an address; its attribute's number has told the family.
func eventAddr(ad *netlink.AttributeDecoder) netip.Addr {
	size := 4
	if t := ad.Type(); t == eventLocal6 || t == eventRemote6 {
		size = 16
	}
	a, _ := netip.AddrFromSlice(sized(ad, size))
	return a.Unmap()
}

func networkOrder(ad *netlink.AttributeDecoder) uint16 {
	b := sized(ad, 2)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint16(b)
}

// sized is the attribute's value, nil and an error of the decoder when it has
// another length.
func sized(ad *netlink.AttributeDecoder, size int) (value []byte) {
	ad.Do(func(b []byte) error {
		if len(b) != size {
			return fmt.Errorf("attribute %d of %d bytes, want %d", ad.Type(), len(b), size)
		}
		value = b
		return nil
	})
	return value
}
