// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/trial"
)

// pausedText is why nothing can be tried.
const pausedText = "the kernel has given MPTCP up for now, since a path has lost SYNs with MPTCP; as root: sysctl -w net.mptcp.blackhole_timeout="

func (t *hostTest) run(ctx context.Context, word string) error {
	start := time.Now()
	addresses, port, err := t.addresses(ctx, word)
	if err != nil {
		return err
	}
	seen, err := t.observe(ctx, reconcile.Request{})
	if err != nil {
		return failed(err)
	}
	test, err := t.choose(seen, addresses)
	if err == nil {
		err = failed(trial.Available(test.To.Addr()))
	}
	if err == nil {
		err = t.resume("it could not be tested otherwise")
	}
	if err != nil {
		return err
	}
	test.To = netip.AddrPortFrom(test.To.Addr(), port)
	test.Timeout = t.timeout - time.Since(start)
	test.Run(ctx)
	err = t.resume("lost SYNs were those of a test")
	switch {
	case ctx.Err() != nil:
		err = failed(ctx.Err())
	case err != nil:
	case t.asJSON:
		err = t.printJSON(testJSON(word, test))
	default:
		err = t.printf("%s", testText(word, test))
	}
	if err == nil && !test.AllOK() {
		err = &exitError{code: exitLine}
	}
	return err
}

// resume has the kernel use MPTCP again where it has given it up; the error says that a
// user may not.
func (t *hostTest) resume(reason string) error {
	op, err := reconcile.Resume(reason)
	if errors.Is(err, reconcile.ErrNotPrivileged) {
		err = errors.New(pausedText + op.Sysctl.Value)
	}
	if err == nil && op.Action != 0 {
		t.warn([]string{"the kernel had given MPTCP up: " + op.Command() + " (" + reason + ")"})
	}
	return failed(err)
}
