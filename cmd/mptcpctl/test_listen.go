// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/netip"
	"strconv"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// serve is the far side of a test.
func (t *hostTest) serve(ctx context.Context) error {
	at, err := netip.ParseAddrPort(t.listen)
	if err != nil {
		port, bad := strconv.ParseUint(t.listen, 10, 16)
		at, err = netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)), bad
	}
	if err != nil || at.Port() == 0 || at.Addr().Zone() != "" {
		return usage("--listen %q: expected [ADDRESS:]PORT", t.listen)
	}
	if t.count < 0 {
		return usage("--count %d: expected a number of connections", t.count)
	}
	err = trial.Available(at.Addr())
	if errors.Is(err, unix.EAFNOSUPPORT) && at.Addr().IsUnspecified() { // no IPv6
		at = netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())
		err = trial.Available(at.Addr())
	}
	if err != nil {
		return failed(err)
	}
	seen := 0
	var failure error
	err = trial.Listen(ctx, at, func(v trial.Visit) bool {
		seen++
		failure = t.show(v)
		return failure == nil && seen != t.count
	})
	return failed(wrap("listening on "+at.String(), errors.Join(err, failure)))
}

// show prints a connection that has ended.
func (t *hostTest) show(v trial.Visit) error {
	from := v.From.String()
	addresses := make([]string, len(v.Subflows))
	line := from + ": plain TCP"
	if v.Multipath {
		line = from + ": MPTCP"
	}
	for i, a := range v.Subflows {
		addresses[i] = a.String()
		if line += ", "; i == 0 {
			line += "subflows from "
		}
		line += addresses[i]
	}
	if !t.asJSON {
		return t.printf("%s\n", line)
	}
	var a fastjson.Arena
	doc := a.NewObject()
	doc.Set("remote", a.NewString(v.From.Addr().String()))
	doc.Set("remote_port", a.NewNumberInt(int(v.From.Port())))
	doc.Set("mptcp", jsonBool(&a, v.Multipath))
	doc.Set("subflows", jsonStrings(&a, addresses))
	return t.printJSON(doc)
}
