// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Severities of a log line (RFC 5424 section 6.2.1), facility daemon (3).
const (
	logError   = 3<<3 | 3
	logWarning = 3<<3 | 4
	logInfo    = 3<<3 | 6
)

// logger writes to the system log under the tag mptcpctl, and to stderr on a
// terminal. log/syslog would do the same for 0.3 MB more of binary, since it
// brings the resolver along.
type logger struct {
	options *options
	fd      int // -1: no system log
	tty     bool
}

func newLogger(o *options) *logger {
	l := &logger{options: o, fd: -1, tty: terminal(o.err)}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: o.syslog}); err == nil {
			l.fd = fd
			return l
		}
		_ = unix.Close(fd)
	}
	l.tty = true // without a system log stderr is all there is
	return l
}

// log writes one line. A system log that is full or gone loses it, and stderr
// gets it instead.
func (l *logger) log(severity int, format string, args ...any) {
	text := strings.Map(printable, fmt.Sprintf(format, args...))
	sent := false
	if l.fd >= 0 {
		line := fmt.Sprintf("<%d>%s mptcpctl[%d]: %s", severity, time.Now().Format(time.Stamp), os.Getpid(), text)
		sent = unix.Send(l.fd, []byte(line), unix.MSG_NOSIGNAL) == nil
	}
	if l.tty || !sent {
		fmt.Fprintf(l.options.err, "mptcpctl: %s\n", text)
	}
}

func (l *logger) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
	}
}

// printable keeps control characters, which a name from the environment may
// hold, out of the log.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
