// SPDX-License-Identifier: Apache-2.0

// Package since tells kernels apart by their release, for tests of what an older one
// does not have, and of what it does instead:
//
//	listed, err := since.Linux("6.15")
package since

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Linux reports whether this machine's kernel is the named version, such as
// "6.15", or a later one, for what older ones do not show.
func Linux(version string) (bool, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false, fmt.Errorf("uname: %w", err)
	}
	var wanted, here struct{ major, minor int }
	if _, err := fmt.Sscanf(version, "%d.%d", &wanted.major, &wanted.minor); err != nil {
		return false, fmt.Errorf("version %q: %w", version, err)
	}
	release := unix.ByteSliceToString(name.Release[:])
	if _, err := fmt.Sscanf(release, "%d.%d", &here.major, &here.minor); err != nil {
		return false, fmt.Errorf("kernel release %q: %w", release, err)
	}
	if here.major != wanted.major {
		return here.major > wanted.major, nil
	}
	return here.minor >= wanted.minor, nil
}
