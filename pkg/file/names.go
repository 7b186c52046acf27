// SPDX-License-Identifier: Apache-2.0

package file

import (
	"os"

	"golang.org/x/sys/unix"
)

// Names returns the names of what is in a directory, without "." and "..", in no order.
// With an error they are those that were read before it. A directory that does not exist
// is an os.ErrNotExist.
func Names(path string) (names []string, err error) {
	f, err := Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for buffer := make([]byte, 8<<10); ; {
		n, err := unix.ReadDirent(int(f.Fd()), buffer)
		if err != nil {
			return names, &os.PathError{Op: "getdents64", Path: path, Err: err}
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buffer[:n], -1, names)
	}
}
