// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
)

// local is an address of every namespace (IFA of lo).
var local = netip.MustParseAddr("127.0.0.1")

// connect opens a connection that asks for MPTCP to a server that has it, or has not.
func connect(t *testing.T, mptcp bool) (client, server net.Conn) {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(mptcp)
	l, err := lc.Listen(context.Background(), "tcp", local.String()+":0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	var d net.Dialer
	d.SetMultipathTCP(true)
	client, err = d.Dial("tcp", l.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	server, err = l.Accept()
	must(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func TestSubflowsOfAConnection(t *testing.T) {
	inNamespace(t)
	none, known, err := Subflows()
	must(t, err)
	if !known {
		t.Fatal("the subflows are not known")
	}
	if none != nil {
		t.Fatalf("subflows %+v, want none", none)
	}

	connect(t, true)

	got, known, err := Subflows()
	must(t, err)
	if !known {
		t.Fatal("the subflows are not known")
	}
	if len(got) != 2 || got[0].Token == got[1].Token || got[0].Local != local || got[1].Local != local {
		t.Fatalf("subflows %+v, want those of both ends", got)
	}
	if got[0].Opened == got[1].Opened || got[0].Plain || got[1].Plain || got[0].Stalled || got[1].Stalled {
		t.Errorf("subflows %+v, want those of the client and of the server", got)
	}
}

// TestSubflowOfAHalfClosedFallBack is about a connection that can still send.
func TestSubflowOfAHalfClosedFallBack(t *testing.T) {
	inNamespace(t)
	c, s := connect(t, false)
	must(t, s.(*net.TCPConn).CloseWrite())
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read %d bytes, %v, want the end", n, err)
	}
	got, _, err := Subflows()
	must(t, err)
	if len(got) != 1 || !got[0].Plain || !got[0].Opened {
		t.Errorf("subflows %+v, want that of the client, which does plain TCP", got)
	}
}
