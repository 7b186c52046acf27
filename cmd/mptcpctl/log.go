// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Severities of a log line (RFC 5424 section 6.2.1), facility daemon (3).
const (
	logError   = 3<<3 | 3
	logWarning = 3<<3 | 4
	logNotice  = 3<<3 | 5
	logInfo    = 3<<3 | 6
)

// logPatience is how long a line waits while the system log is busy: the kernel
// queues ten of them (net.unix.max_dgram_qlen), and a boot brings more at once.
const logPatience = time.Second

// logger writes to the system log under the tag mptcpctl, and to stderr on a
// terminal. log/syslog would do the same, and bring the resolver into the binary
// (docs/measurements.md has the weight).
type logger struct {
	options *options
	fd      int // -1: no system log
	tty     bool
}

func newLogger(o *options) *logger {
	l := &logger{options: o, fd: -1, tty: terminal(o.err)}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.tty = true // without a system log stderr is all there is
		return l
	}
	l.fd = fd
	patience := unix.NsecToTimeval(logPatience.Nanoseconds())
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience)
	if err != nil || unix.Connect(fd, &unix.SockaddrUnix{Name: o.syslog}) != nil {
		l.close()
		l.tty = true
	}
	return l
}

// log writes one line. A system log that takes it neither now nor soon, or is
// gone, is given up, and stderr gets this line and all others.
func (l *logger) log(severity int, format string, args ...any) {
	text := plain(fmt.Sprintf(format, args...))
	sent := false
	if l.fd >= 0 {
		line := fmt.Sprintf("<%d>%s mptcpctl[%d]: %s", severity, time.Now().Format(time.Stamp), os.Getpid(), text)
		if sent = l.send(line) == nil; !sent {
			l.close()
		}
	}
	if l.tty || !sent {
		fmt.Fprintf(l.options.err, "mptcpctl: %s\n", text)
	}
}

func (l *logger) send(line string) error {
	for {
		err := unix.Send(l.fd, []byte(line), unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (l *logger) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
		l.fd = -1
	}
}

// printable keeps control characters, which a name from the environment may
// hold, out of the log.
func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return '?'
	}
	return r
}
