// SPDX-License-Identifier: Apache-2.0

package kernel

import "testing"

func TestKernelsInWhichAGapResetsJoins(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"6.12.59": false, "6.12.60": true, "6.12.80": true, "6.12.95+deb12-cloud-amd64": true, "6.12.114-rt1": true, "6.12.115": false,
		"6.6.117": false, "6.6.118": true, "6.6.200": true,
		"6.12": false, "6.12.": false, "6.12.x": false, "6.12.99999999999999999999": false, "6.1.95": false, "6.18.95": false, "6.120.80": false, "": false,
	} {
		if got := gapResetsJoin(release); got != want {
			t.Errorf("%q: got %t", release, got)
		}
	}
}
