// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

// cmdFallback opens a connection to a server that knows only TCP, so that the
// client's MPTCP falls back to that. It stays open till the script ends.
func cmdFallback(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	var listener net.Listener
	ts.Check(s.Server.Do(func() (err error) {
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		listener, err = config.Listen(context.Background(), "tcp4", ":0")
		return err
	}))
	server := net.TCPAddr{IP: netlab.Addr4.Addr().AsSlice(), Port: listener.Addr().(*net.TCPAddr).Port}
	var client net.Conn
	ts.Check(s.Router.Do(func() (err error) {
		var dialer net.Dialer
		dialer.SetMultipathTCP(true)
		client, err = dialer.Dial("tcp", server.String())
		return err
	}))
	ts.Defer(func() {
		// A reset, so that no orphan keeps the namespace alive.
		if err := errors.Join(client.(*net.TCPConn).SetLinger(0), client.Close(), listener.Close()); err != nil {
			ts.Logf("fallback: %v", err)
		}
	})
}
