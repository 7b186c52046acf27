// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// connectionFilter says which connections to show; its zero value lets all pass.
type connectionFilter struct {
	iface string
	peer  peerFlag
	token tokenFlag
}

// check refuses an interface that does not exist.
func (f *connectionFilter) check(n lineNames) error {
	if f.iface == "" {
		return nil
	}
	for i := range n.lines {
		if n.lines[i].Name == f.iface || n.lines[i].Device == f.iface {
			return nil
		}
	}
	for _, device := range n.devices {
		if device == f.iface {
			return nil
		}
	}
	return usage("no interface or device %q here", f.iface)
}

// match shows a connection whole or not at all: one subflow of the interface or
// to the peer is enough.
func (f *connectionFilter) match(n lineNames, c *sockdiag.Connection) bool {
	if f.token.set && (c.Token == 0 || c.Token != f.token.value) {
		return false
	}
	onLine := f.iface == ""
	toPeer := !f.peer.IsValid() || f.peer.Contains(c.Remote.Addr())
	for i := range c.Subflows {
		s := &c.Subflows[i]
		onLine = onLine || n.of(s.Local.Addr(), s.IfIndex) == f.iface || n.device(s) == f.iface
		toPeer = toPeer || f.peer.Contains(s.Remote.Addr())
	}
	return onLine && toPeer
}

// device names the device of a subflow, "" when no device has its address.
func (n lineNames) device(s *sockdiag.Subflow) string {
	index := s.IfIndex
	if index == 0 {
		index = n.holders[s.Local.Addr()]
	}
	return n.devices[index]
}

// peerFlag is the value of --peer.
type peerFlag struct{ netip.Prefix }

// String is empty for no value, which pflag asks for.
func (p *peerFlag) String() string {
	if !p.IsValid() {
		return ""
	}
	return p.Prefix.String()
}

// Type is a part of pflag.Value.
func (*peerFlag) Type() string { return "address" }

// Set takes an address or a prefix.
func (p *peerFlag) Set(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if a, alone := netip.ParseAddr(text); alone == nil && a.Zone() == "" {
		prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil {
		return fmt.Errorf("no address and no prefix")
	}
	if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	p.Prefix = prefix.Masked()
	return nil
}

// tokenFlag is the value of --token.
type tokenFlag struct {
	value uint32
	set   bool
}

// String is empty for no value, which pflag asks for.
func (t *tokenFlag) String() string {
	if !t.set {
		return ""
	}
	return strconv.FormatUint(uint64(t.value), 16)
}

// Type is a part of pflag.Value.
func (*tokenFlag) Type() string { return "token" }

// Set takes a token as the list shows it.
func (t *tokenFlag) Set(text string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 32)
	if err != nil {
		return fmt.Errorf("no hexadecimal number of 32 bits")
	}
	t.value, t.set = uint32(n), true
	return nil
}
