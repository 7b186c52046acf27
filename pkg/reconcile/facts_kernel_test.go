// SPDX-License-Identifier: Apache-2.0

package reconcile

import "testing"

func TestIPv6IsNotMissed(t *testing.T) {
	t.Parallel()
	if noIPv6() {
		t.Error("this kernel lacks MPTCP over IPv6, or is taken to")
	}
}
