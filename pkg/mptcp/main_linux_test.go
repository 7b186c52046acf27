// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain gives the tests the right to make network namespaces.
func TestMain(m *testing.M) { os.Exit(userns.Tests(m).Run()) }

// enterNewNetns moves the calling goroutine into a new network namespace. Its
// thread is never unlocked, so the runtime ends it with the goroutine.
func enterNewNetns(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal("unshare:", err)
	}
}

// dialNew returns a client of a new network namespace.
func dialNew(t *testing.T) *Client {
	t.Helper()
	enterNewNetns(t)
	return dial(t)
}

func dial(t *testing.T) *Client {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// dropNetAdmin takes CAP_NET_ADMIN from the calling thread alone.
func dropNetAdmin(t *testing.T) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal("capget:", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		t.Fatal("CAP_NET_ADMIN is not there to be dropped")
	}
	data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Fatal("capset:", err)
	}
}
