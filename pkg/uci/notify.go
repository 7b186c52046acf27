// SPDX-License-Identifier: Apache-2.0

package uci

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Events of inotify(7) after which a file may have another content. Of its directory:
// the name has a new file, or the file was closed after writing; while it is written it
// would be read half. Of the file itself, which may be behind a symbolic link: also that
// its name is gone, as when another took its place.
const (
	dirEvents  = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
	fileEvents = unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
)

// watched is a file whose changes are looked for.
type watched struct {
	inotify int
	path    string
	// names are those that count in the directory watched. Events without a name count
	// always.
	names map[int32]string
}

// Notifications wakes whoever waits for a change of the file of a package. Changes that
// come together give one value. While the file is missing or empty, as when an editor is
// about to save it, there is none. Overrides, staged changes and runtime choices are not
// noticed. The channel is closed when ctx ends, or when inotify fails.
func (s Source) Notifications(ctx context.Context, pkg string) (<-chan struct{}, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watched{inotify: fd, path: s.configPath(pkg)}
	w.add()
	wakes := make(chan struct{}, 1)
	f := os.NewFile(uintptr(fd), "inotify")
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // it fails where f is closed
	go func() {
		defer close(wakes)
		defer f.Close()
		defer stop()
		buffer := make([]byte, 4096)
		for {
			n, err := f.Read(buffer)
			if err != nil {
				return
			}
			if !w.counts(buffer[:n]) {
				continue
			}
			w.add()
			if !w.present() {
				continue
			}
			select {
			case wakes <- struct{}{}:
			default:
			}
		}
	}()
	return wakes, nil
}

// add watches the file and its directory, as they are now; what was watched before
// stays so. Of a directory that is missing, the next one above is watched.
func (w *watched) add() {
	_, _ = unix.InotifyAddWatch(w.inotify, w.path, fileEvents) // it may be missing
	w.names = make(map[int32]string)
	for path := w.path; ; {
		dir, name := filepath.Dir(path), filepath.Base(path)
		wd, err := unix.InotifyAddWatch(w.inotify, dir, dirEvents)
		if err == nil {
			w.names[int32(wd)] = name
		}
		if err == nil || dir == path {
			return
		}
		path = dir
	}
}

// counts reports whether one of the events is about the file (struct inotify_event in
// include/uapi/linux/inotify.h).
func (w *watched) counts(events []byte) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := string(bytes.TrimRight(events[unix.SizeofInotifyEvent:end], "\x00"))
		events = events[end:]
		// A watch that the kernel ended has been told of before by what ended it.
		if mask&unix.IN_IGNORED == 0 && (name == "" || w.names[wd] == name) {
			return true
		}
	}
	return false
}

// present reports whether the file is there, and says something.
func (w *watched) present() bool {
	info, err := os.Stat(w.path)
	return err == nil && info.Size() > 0
}
