// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// filter tells the notifications that can concern a line from the others by a
// few bytes of each: a routing daemon may change thousands of routes.
type filter struct {
	// own is the port of the socket that writes for the same process. The
	// kernel puts the port of whoever asked for a change into the
	// notification of it, and 0 where it acts by itself.
	own uint32
	// links are the devices as they were last told of.
	links map[int]plan.Device
}

func newFilter(own uint32) *filter { return &filter{own: own, links: make(map[int]plan.Device)} }

func (f *filter) counts(m *syscall.NetlinkMessage) bool {
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return f.link(m)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return f.route(m)
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return f.rule(m)
	}
	return true
}

// link leaves out what says nothing new of name, flags and carrier: a bridge or
// a radio is told of often.
func (f *filter) link(m *syscall.NetlinkMessage) bool {
	d, err := decodeDevice(m.Data)
	if err != nil || m.Header.Type == unix.RTM_DELLINK {
		delete(f.links, d.Index)
		return true
	}
	was, known := f.links[d.Index]
	f.links[d.Index] = d
	return !known || was != d
}

// route reads struct rtmsg (include/uapi/linux/rtnetlink.h). Routes of the kernel
// itself follow from addresses, which are told of too. netifd's have protocol
// static, those of ioctl and of ip boot; of the others only default ones, such
// as those of router advertisements, say something of a line.
func (f *filter) route(m *syscall.NetlinkMessage) bool {
	if len(m.Data) < unix.SizeofRtMsg {
		return true
	}
	bits, protocol := m.Data[1], m.Data[5]
	switch protocol {
	case plan.Protocol:
		return f.deletedByOther(m, unix.RTM_DELROUTE)
	case unix.RTPROT_KERNEL:
		return false
	case unix.RTPROT_BOOT, unix.RTPROT_STATIC:
		return true
	}
	return bits == 0
}

// rule leaves out foreign rules: none of them changes what is wanted.
func (f *filter) rule(m *syscall.NetlinkMessage) bool {
	_, protocol, err := decodeRule(m.Data)
	return err != nil || protocol == plan.Protocol && f.deletedByOther(m, unix.RTM_DELRULE)
}

// deletedByOther reports whether a managed object was deleted, but not by this process.
// Another mptcpctl counts too, at the price of one look.
func (f *filter) deletedByOther(m *syscall.NetlinkMessage, deleted uint16) bool {
	return m.Header.Type == deleted && m.Header.Pid != f.own
}
