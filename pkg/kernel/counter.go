// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"strconv"

	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// CounterTable is the nftables table, of the family inet, that holds the counters of the
// lines.
const CounterTable = "mptcpctl"

// ErrNoCounters says that the table is not there, or the kernel has no nftables.
var ErrNoCounters = errors.New("no table inet " + CounterTable)

// Count is what the counters of one line say.
type Count struct{ Received, Sent, Ended uint64 }

// Counters reads the counters of the lines.
type Counters struct{ conn }

// OpenCounters opens a socket in the namespace of the calling thread.
func OpenCounters() (*Counters, error) {
	s, err := batch.Dial(unix.NETLINK_NETFILTER, false)
	return &Counters{conn{Socket: s}}, err
}

// Types and attributes of nftables (include/uapi/linux/netfilter/nf_tables.h).
const (
	nftGetObject    = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETOBJ
	nftGetFlowtable = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETFLOWTABLE

	nftaObjectTable    = 1
	nftaObjectName     = 2
	nftaObjectData     = 4
	nftaCounterPackets = 2
)

// header is struct nfgenmsg (include/uapi/linux/netfilter/nfnetlink.h).
func nfHeader(family uint8) []byte { return []byte{family, unix.NFNETLINK_V0, 0, 0} }

// Read fills in the counts of the lines, by their numbers. The error is ErrNoCounters
// where one of them is missing.
func (c *Counters) Read(lines []Count) error {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.String(nftaObjectTable, CounterTable)
	body, err := join(nfHeader(unix.NFPROTO_INET), ae)
	if err != nil {
		return err
	}
	seen := 0
	err = c.execute(nftGetObject, netlink.Dump, body, func(b []byte) error {
		name, packets, err := decodeCounter(b)
		if err != nil || len(name) < 2 {
			return err
		}
		n, err := strconv.Atoi(name[1:])
		if err != nil || n < 0 || n >= len(lines) {
			return nil
		}
		seen++
		switch name[0] {
		case CounterReceived:
			lines[n].Received = packets
		case CounterSent:
			lines[n].Sent = packets
		case CounterEnded:
			lines[n].Ended = packets
		}
		return nil
	})
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL), err == nil && seen < counterKinds*len(lines):
		// EINVAL: no subsystem nf_tables (nfnetlink_rcv_msg in net/netfilter/nfnetlink.c).
		return ErrNoCounters
	}
	return err
}

// How the names of the counters begin; the number of the line follows.
const (
	CounterReceived = 'r'
	CounterSent     = 's'
	CounterEnded    = 'e'

	counterKinds = 3
)

func decodeCounter(b []byte) (name string, packets uint64, err error) {
	_, ad, err := split(b, 4)
	if err != nil {
		return "", 0, err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		switch ad.Type() {
		case nftaObjectName:
			name = ad.String()
		case nftaObjectData:
			ad.Nested(func(nested *netlink.AttributeDecoder) error {
				for nested.Next() {
					if nested.Type() == nftaCounterPackets {
						packets = nested.Uint64()
					}
				}
				return nil
			})
		}
	}
	return name, packets, ad.Err()
}

// Offloads reports whether there is a flow table: what it forwards passes no other hook.
func (c *Counters) Offloads() (any bool, err error) {
	err = c.execute(nftGetFlowtable, netlink.Dump, nfHeader(unix.NFPROTO_UNSPEC), func([]byte) error {
		any = true
		return nil
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		err = nil
	}
	return any, err
}
