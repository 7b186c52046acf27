// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize is what the terminal says, and 80 by 24 where it does not know,
// as on a serial line.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
			return int(size.Col), int(size.Row)
		}
	}
	return 80, 24
}

// unbuffered lets single keys be read and not be shown, and returns what brings
// the old settings back. The keys that suspend the program or make it dump its
// stack are off, since they would leave the terminal as it is; Ctrl-C is not.
// Input that is no terminal stays as it is.
func unbuffered(r io.Reader) (restore func() error, err error) {
	nothing := func() error { return nil }
	f, ok := r.(*os.File)
	if !ok {
		return nothing, nil
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nothing, nil
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	now.Cc[unix.VSUSP], now.Cc[unix.VQUIT] = 0, 0
	return func() error { return unix.IoctlSetTermios(fd, unix.TCSETSF, before) },
		unix.IoctlSetTermios(fd, unix.TCSETS, &now)
}

// awaitQuit calls quit at the key q. It may wait on when the program ends: a
// read of a terminal cannot be broken off.
func awaitQuit(keys io.Reader, quit func()) {
	if keys == nil {
		return
	}
	key := make([]byte, 1)
	for {
		if _, err := keys.Read(key); err != nil {
			return
		}
		if key[0] == 'q' || key[0] == 'Q' {
			quit()
			return
		}
	}
}
