// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Open is os.OpenFile for a file that is read and written at once. A pipe that nothing
// has opened at its other end is not waited for. The flags are those of open(2).
func Open(path string, flags int, mode uint32) (*os.File, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_CLOEXEC, mode)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		// os.NewFile looks for a poller where this is left.
		if err := unix.SetNonblock(fd, false); err != nil {
			return nil, &fs.PathError{Op: "fcntl", Path: path, Err: errors.Join(err, unix.Close(fd))}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
