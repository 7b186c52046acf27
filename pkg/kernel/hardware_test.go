// SPDX-License-Identifier: Apache-2.0

package kernel

import "testing"

func TestMACText(t *testing.T) {
	t.Parallel()
	if got, want := macText([]byte{0x02, 0, 0xab, 0xff, 0x10, 9}), "02:00:ab:ff:10:09"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
