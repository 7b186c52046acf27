// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"strconv"
	"strings"
)

// HasLaminar reports whether a kernel does something with FlagLaminar, given its
// release as uname prints it: Linux 6.18 and later. The kernel itself cannot be asked:
// older ones take the bit, and some show it (mptcp_pm_parse_entry in
// net/mptcp/pm_netlink.c). A release that is not understood has none.
func HasLaminar(release string) bool {
	major, rest, _ := strings.Cut(release, ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	first, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	second, err := strconv.Atoi(minor)
	return err == nil && (first > 6 || first == 6 && second >= 18)
}
