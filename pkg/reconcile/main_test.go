// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain gives the tests the right to make network namespaces.
func TestMain(m *testing.M) { os.Exit(userns.Tests(m).Run()) }

// inNamespace moves the calling goroutine into a new network namespace, in which lo is
// up. Its thread is never unlocked, so the runtime ends it with the goroutine.
func inNamespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	must(t, unix.Unshare(unix.CLONE_NEWNET))
	lo, err := netlink.LinkByName("lo")
	must(t, err)
	must(t, netlink.LinkSetUp(lo))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
