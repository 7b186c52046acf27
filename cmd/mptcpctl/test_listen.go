// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/valyala/fastjson"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// serve is the far side of a test.
func (t *hostTest) serve(ctx context.Context) error {
	const everywhere = "::"
	host, at, port := cutPort(t.listen, everywhere, "")
	if !at.IsValid() || at.Zone() != "" || port == 0 || t.count < 0 {
		return usage("--listen %q, --count %d: expected [ADDRESS:]PORT and a number of connections", t.listen, t.count)
	}
	err := trial.Available(at)
	if err == unix.EAFNOSUPPORT && host == everywhere { // no IPv6
		at = netip.IPv4Unspecified()
		err = trial.Available(at)
	}
	if err != nil {
		return failed(err)
	}
	var failure error
	err = trial.Listen(ctx, netip.AddrPortFrom(at, port), func(v *trial.Visit) bool {
		failure = t.show(v)
		t.count--
		return failure == nil && t.count != 0
	})
	if err == nil {
		err = failure
	}
	return failed(wrap("listening on "+t.listen, err))
}

// show prints a connection that has ended.
func (t *hostTest) show(v *trial.Visit) error {
	switch {
	case t.asJSON:
		var a fastjson.Arena
		doc := a.NewObject()
		doc.Set("remote", a.NewString(v.From))
		doc.Set("mptcp", jsonBool(&a, v.Multipath))
		doc.Set("subflows", jsonStrings(&a, v.Subflows))
		return t.printJSON(doc)
	case v.Multipath:
		return t.printf("%s: MPTCP, subflows from %s\n", v.From, strings.Join(v.Subflows, ", "))
	}
	return t.printf("%s: plain TCP\n", v.From)
}
