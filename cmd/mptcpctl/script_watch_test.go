// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// scriptLog stands for the router's system log.
type scriptLog struct {
	path  string
	conn  *net.UnixConn
	done  chan struct{}
	mu    sync.Mutex
	lines []string
}

func newScriptLog(dir string) (*scriptLog, error) {
	l := &scriptLog{path: filepath.Join(dir, "log"), done: make(chan struct{})}
	var err error
	if l.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: l.path, Net: "unixgram"}); err != nil {
		return nil, err
	}
	go l.collect()
	return l, nil
}

func (l *scriptLog) collect() {
	defer close(l.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.conn.Read(buffer)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.lines = append(l.lines, string(buffer[:n]))
		l.mu.Unlock()
	}
}

func (l *scriptLog) close() error {
	err := l.conn.Close()
	<-l.done
	return err
}

// taken are the lines since the last call. Those that were sent before it have
// all arrived when the end mark, sent the same way, has.
func (l *scriptLog) taken() ([]string, error) {
	const mark = "end"
	c, err := net.Dial("unixgram", l.path)
	if err != nil {
		return nil, err
	}
	_, err = c.Write([]byte(mark))
	if err := errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(awaitTimeout); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		if n := slices.Index(l.lines, mark); n >= 0 {
			lines := l.lines[:n:n]
			l.lines = l.lines[n+1:] // what has come behind it is for the next call
			l.mu.Unlock()
			return lines, nil
		}
		l.mu.Unlock()
		if time.Now().After(deadline) {
			return nil, errors.New("the system log stands still")
		}
	}
}

// logLine is the form of a line (RFC 3164 section 4.1): facility daemon, and a
// severity of error, warning, notice or info.
var logLine = regexp.MustCompile(`^<(27|28|29|30)>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d mptcpctl\[\d+\]: (.*)$`)

var logSeverity = map[string]string{"27": "error", "28": "warning", "29": "notice", "30": "info"}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: [!] log")
	}
	lines, err := of(ts).syslog.taken()
	ts.Check(err)
	out := ts.Stdout()
	for _, line := range lines {
		parts := logLine.FindStringSubmatch(line)
		if parts == nil {
			ts.Fatalf("no line of ours: %q", line)
		}
		fmt.Fprintf(out, "%s: %s\n", logSeverity[parts[1]], parts[2])
	}
	if (len(lines) == 0) != neg {
		ts.Fatalf("%d lines in the log", len(lines))
	}
}

// cmdCalls prints the programs that were called since the last time, in the
// order of their names: a run calls them at the same time.
func cmdCalls(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	all, err := s.Calls()
	ts.Check(err)
	var names []string
	for _, call := range all[s.calls:] {
		names = append(names, strings.Fields(call)[0])
	}
	s.calls = len(all)
	slices.Sort(names)
	out := ts.Stdout()
	for _, name := range names {
		fmt.Fprintln(out, name)
	}
}

// cmdProcesses asserts that a process runs on in the lab, or that none does.
func cmdProcesses(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: [!] processes")
	}
	pids, err := of(ts).Processes()
	ts.Check(err)
	if (len(pids) == 0) != neg {
		ts.Fatalf("%d processes run on", len(pids))
	}
}

// listener hears every change of rules, routes and device settings in the
// router, and the events of its path manager. Endpoints and limits change
// without notification, so they are compared.
type listener struct {
	script *script
	fds    []int
	before string
}

// rtnetlinkGroups tell of the objects that mptcpctl writes
// (include/uapi/linux/rtnetlink.h, RTNLGRP_*).
var rtnetlinkGroups = []uint32{
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
}

func (s *script) newListener() (*listener, error) {
	l := &listener{script: s}
	err := s.Router.Do(func() error {
		events, err := pathManagerGroups()
		return errors.Join(err, l.join(unix.NETLINK_ROUTE, rtnetlinkGroups), l.join(unix.NETLINK_GENERIC, events))
	})
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.before, err = l.pathManager()
	return l, err
}

// pathManagerGroups are the multicast groups of the path manager's family.
func pathManagerGroups() ([]uint32, error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return nil, err
	}
	family, err := c.GetFamily("mptcp_pm")
	var ids []uint32
	for _, g := range family.Groups {
		ids = append(ids, g.ID)
	}
	return ids, errors.Join(err, c.Close())
}

func (l *listener) join(protocol int, groups []uint32) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return err
	}
	l.fds = append(l.fds, fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for _, g := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(g)); err != nil {
			return err
		}
	}
	return nil
}

func (l *listener) close() error {
	var problems []error
	for _, fd := range l.fds {
		problems = append(problems, unix.Close(fd))
	}
	return errors.Join(problems...)
}

func (l *listener) pathManager() (string, error) {
	endpoints, err := l.script.kernel("endpoints")
	limits, limitsErr := l.script.kernel("limits")
	return endpoints + limits, errors.Join(err, limitsErr)
}

// heard are the messages since the beginning.
func (l *listener) heard() ([]string, error) {
	var all []string
	buffer := make([]byte, 256<<10)
	for _, fd := range l.fds {
		for {
			n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				return nil, err
			}
			messages, err := syscall.ParseNetlinkMessage(buffer[:n])
			if err != nil {
				return nil, err
			}
			for _, m := range messages {
				if ofKernel(m) {
					continue
				}
				all = append(all, fmt.Sprintf("message of type %d, %x", m.Header.Type, m.Data))
			}
		}
	}
	after, err := l.pathManager()
	if after != l.before {
		all = append(all, "endpoints or limits:\n"+after)
	}
	return all, err
}

// ofKernel tells the routes that the kernel itself makes for an address, at a time
// of its own choice: those of protocol kernel (struct rtmsg, rtm_protocol).
func ofKernel(m syscall.NetlinkMessage) bool {
	const protocolAt = 5
	isRoute := m.Header.Type == unix.RTM_NEWROUTE || m.Header.Type == unix.RTM_DELROUTE
	return isRoute && len(m.Data) >= unix.SizeofRtMsg && m.Data[protocolAt] == unix.RTPROT_KERNEL
}

func cmdListen(ts *testscript.TestScript, neg bool, args []string) {
	none(ts, neg, args)
	s := of(ts)
	if s.heard != nil {
		ts.Check(s.heard.close())
	}
	var err error
	s.heard, err = s.newListener()
	ts.Check(err)
}

func cmdHeard(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	if len(args) > 0 || s.heard == nil {
		ts.Fatalf("usage: listen, then [!] heard")
	}
	all, err := s.heard.heard()
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), strings.Join(all, "\n"))
	if (len(all) == 0) != neg {
		ts.Fatalf("%d writes", len(all))
	}
}
