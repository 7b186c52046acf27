// SPDX-License-Identifier: Apache-2.0

package mptcp

import (
	"errors"
	"os"
)

// ErrNotSupported is returned by Dial and DialEvents when the kernel has no
// "mptcp_pm" family, and by Counters when it has no MPTCP counters: it was built
// without CONFIG_MPTCP. It is compatible with errors.Is(err, os.ErrNotExist).
var ErrNotSupported error = missing("kernel has no MPTCP path manager")

// missing is an error that costs nothing while a program starts.
type missing string

func (e missing) Error() string { return string(e) }

func (missing) Is(target error) bool { return target == os.ErrNotExist }

// ErrNoProc says that there is no /proc, so that nothing there is known to be missing.
var ErrNoProc = errors.New("/proc is not mounted")

// OfProc is the error about a file of /proc: ErrNoProc if the file is missing because
// /proc itself is.
func OfProc(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		if _, missing := os.Stat("/proc/self"); missing != nil {
			return ErrNoProc
		}
	}
	return err
}
