// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// peerFlag is the value of --peer.
type peerFlag struct{ netip.Prefix }

// String is empty without a value, as pflag requires.
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
		return fmt.Errorf("neither an address nor a prefix")
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

// String is empty without a value, as pflag requires.
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
		return fmt.Errorf("not a hexadecimal number of 32 bits")
	}
	t.value, t.set = uint32(n), true
	return nil
}
