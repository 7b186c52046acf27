// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
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
		o := options{syslog: socket, streams: streams{err: &terminal}}
		o.logRun(strings.TrimSpace(action+" "+name), reconcile.Outcome{}, errors.New(problem))
		buffer := make([]byte, 1<<20)
		lines := len(errorLines(errors.New(problem)))
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
