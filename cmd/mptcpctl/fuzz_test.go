// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
)

// FuzzEnvironment gives an event of netifd any names: the log must have one line
// for it, with nothing in it that a terminal obeys.
func FuzzEnvironment(f *testing.F) {
	f.Add("ifup", "wan1", "lock: nobody")
	f.Add("", "", "two\nlines\n")
	f.Add("ifup\n<11>sshd: accepted", "wan\x1b[2J\u009b31m\x7f", "\xff\xfe")
	f.Add(strings.Repeat("x", 4000), "%s%n", "")
	f.Fuzz(func(t *testing.T, action, name, problem string) {
		socket := filepath.Join(t.TempDir(), "log")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
			t.Fatal(err)
		}
		var terminal bytes.Buffer
		log := newLogger(&options{syslog: socket, streams: streams{err: &terminal}})
		defer log.close()
		log.run(strings.TrimSpace(action+" "+name), reconciled{}, errors.New(problem))
		buffer := make([]byte, 1<<20)
		lines := max(1, len(slices.Collect(strings.Lines(problem))))
		if problem == "" {
			lines = 0
		}
		for n := 0; ; n++ {
			size, _, err := unix.Recvfrom(fd, buffer, 0)
			if err != nil {
				if n != lines && lines <= 8 && terminal.Len() == 0 {
					t.Errorf("%d lines in the log, want %d", n, lines)
				}
				break
			}
			line := string(buffer[:size])
			if !strings.HasPrefix(line, "<27>") || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("line %q", line)
			}
		}
		if strings.ContainsFunc(strings.ReplaceAll(terminal.String(), "\n", ""), unicode.IsControl) {
			t.Errorf("terminal %q", terminal.String())
		}
	})
}

// FuzzHint: what stands in the lock file is read in bounds, and what is written is
// read again.
func FuzzHint(f *testing.F) {
	f.Add("2 3 4\n")
	f.Add("255 4294967295 7")
	f.Add("256\n")
	f.Add("\x00 1\n")
	f.Add("7 3 4 limit=5\n")
	f.Fuzz(func(t *testing.T, text string) {
		h := parseHint(text)
		if !h.known && (h.lastID != 0 || h.tables != nil) {
			t.Errorf("%+v of %q", h, text)
		}
		lock, err := acquire(t.Context(), filepath.Join(t.TempDir(), "lock"), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.release()
		if err := lock.write(hint{}, h); err != nil {
			t.Fatal(err)
		}
		again, err := lock.read()
		if err != nil {
			t.Fatal(err)
		}
		if h.known && len(text) < maxHint/2 && (again.lastID != h.lastID || again.limit != h.limit || !slices.Equal(again.tables, h.tables)) {
			t.Errorf("%+v came back as %+v", h, again)
		}
	})
}
