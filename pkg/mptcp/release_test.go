// SPDX-License-Identifier: Apache-2.0

package mptcp

import "testing"

func TestWhichReleasesHaveLaminar(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]bool{
		"6.18.44": true, "6.18": true, "6.18-rc1": true, "6.19.0": true, "7.0.1": true, "10.1": true,
		"6.12.95": false, "6.17.13": false, "6.1.190": false, "5.20": false, "": false, "next": false, "7": false, "6.x": false,
	} {
		if got := HasLaminar(release); got != want {
			t.Errorf("HasLaminar(%q) = %v", release, got)
		}
	}
}
