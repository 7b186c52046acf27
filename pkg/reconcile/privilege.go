// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NeedNetAdmin says early and once what every operation would fail of: its error is
// ErrNotPrivileged.
func NeedNetAdmin() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return ErrNotPrivileged
	}
	return nil
}

// KeepNetAdminOnly gives up every other capability for the rest of this process
// and for its children: no program that they execute can give one back
// (PR_SET_NO_NEW_PRIVS; cap_bprm_creds_from_file in security/commoncap.c). All
// calls are about one thread, so all threads make them; a program built with cgo
// cannot do that, and keeps what it has. procd bounds a service only through ujail,
// which not every router has (jail_run in its service/instance.c).
func KeepNetAdminOnly() error {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	if errno == syscall.ENOTSUP {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("no_new_privs: %w", errno)
	}
	// The bounding set ends behind the kernel's last capability (EINVAL). A user who
	// has CAP_NET_ADMIN only may not lower it (EPERM), and nothing gives him more.
	for c := uintptr(0); errno == 0; c++ {
		if c != unix.CAP_NET_ADMIN {
			_, _, errno = syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	const kept = 1 << unix.CAP_NET_ADMIN
	// Inheritable too, for a user who has it only as an ambient one: settle needs it.
	data := [2]unix.CapUserData{{Effective: kept, Permitted: kept, Inheritable: kept}}
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
	if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}
