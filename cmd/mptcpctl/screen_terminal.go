// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// screen reports whether a stream is a terminal that can draw over what it shows. One
// that is called dumb, as in an editor, gets lines like a file.
func screen(stream any) bool { return terminal(stream) && os.Getenv("TERM") != "dumb" }

// terminalSize is the size of the terminal, and 80 by 24 if it is unknown, as on a
// serial line.
func terminalSize(w io.Writer) (width, height int) {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
			return int(size.Col), int(size.Row)
		}
	}
	return 80, 24
}

// unbuffered makes single keys readable and not echoed, and returns a function that
// restores the settings. The keys that suspend the program or make it dump its stack
// are disabled, since they would not restore the terminal; Ctrl-C is not. Input
// that is not a terminal is left as it is.
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

// awaitQuit calls quit at the key q. It may still wait when the program ends: a
// read of a terminal cannot be interrupted.
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
