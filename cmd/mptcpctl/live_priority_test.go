// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// twoSubflows starts a transfer that has two subflows over wan1 and one over wan2:
// the kernel joins from an address again when its endpoint is added after another
// one was used.
func (l *liveLab) twoSubflows() *liveTransfer {
	l.Helper()
	l.run("iface", "wan1", "off")
	r := l.startAs(netlab.Transfer{From: wan1Addr, Up: netlab.Endless, Down: netlab.Endless})
	l.eventually("the other line has a subflow", func() bool { return l.hasSubflow(wan2Addr) })
	l.run("iface", "wan1", "--reset")
	l.eventually("the line has two", func() bool { return len(l.subflows()) == 3 })
	return r
}

// differing counts the subflows of the calling thread's namespace that are backup where
// their endpoint is none, or the reverse.
func differing() (n int, err error) {
	c, err := mptcp.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	endpoints, err := c.Endpoints()
	if err != nil {
		return 0, err
	}
	err = sockdiag.Subflows(func(s sockdiag.Subflow) error {
		for _, e := range endpoints {
			if e.Addr == s.Local.Addr() && s.Flags&sockdiag.FullyEstablished != 0 && (e.Flags&mptcp.FlagBackup != 0) != (s.Flags&sockdiag.BackupLocal != 0) {
				n++
			}
		}
		return nil
	}, sockdiag.Established)
	return n, err
}

func (l *liveLab) differing() (n int) {
	l.Helper()
	l.must(l.Router.Do(func() (err error) { n, err = differing(); return err }))
	return n
}

func TestEverySubflowOfALineFollowsItsMode(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.twoSubflows()
	if c := r.carry(6 * megabyte); !c.byBoth(6 * megabyte) {
		t.Errorf("not both lines are used to begin with: %v", c)
	}
	l.run("iface", "wan1", "backup")
	l.eventually("no subflow differs from its endpoint", func() bool { return l.differing() == 0 })
	l.eventually("the line that became backup is idle", func() bool { return r.carry(2 * megabyte).idle(0) })
	if !l.hasSubflow(wan1Addr) {
		t.Errorf("the line has no subflow left to fall back to: %v", l.subflows())
	}
	l.run("iface", "wan1", "--reset")
	l.eventually("both lines are used again", func() bool { return r.carry(6 * megabyte).byBoth(6 * megabyte) })
	r.stop()
}

func TestAHandoverLineIsGivenBackWithAllItsSubflows(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "handover"), liveLine("dhcp", "master"))
	l.announceSecond()
	l.set("mptcp_path_manager=fullmesh", "mptcp_add_addr_accepted=1")
	l.boot()
	l.deliver(l.Unplug("wan2"))
	r := l.start()
	l.eventually("the handover line has two subflows", func() bool { return len(l.subflows()) == 2 })
	l.deliver(l.BlackHole("wan2")) // so that the connection cannot move at once
	l.deliver(l.Plug("wan2"))
	l.eventually("the handover line is backup", func() bool { return l.endpoint(wan1Addr).Flags&mptcp.FlagBackup != 0 })
	l.eventually("no subflow differs from its endpoint", func() bool { return l.differing() == 0 })
	r.await(megabyte)
	l.deliver(l.Heal("wan2"))
	l.eventually("the handover line is given back", func() bool { return !l.hasEndpoint(wan1Addr) })
	r.await(megabyte)
	r.stop()
}

// announceSecond gives the far server a second address, which it announces.
func (l *liveLab) announceSecond() {
	l.Helper()
	for _, args := range [][]string{
		{"addr", "add", "10.99.0.3/24", "dev", "eth0"},
		{"mptcp", "endpoint", "add", "10.99.0.3", "dev", "eth0", "id", "9", "signal"},
	} {
		printed, err := l.Server.Output(l.ctx, "ip", args...)
		if err != nil {
			l.Fatalf("ip %v: %v\n%s", args, err, printed)
		}
	}
}

// set sets options in globals.
func (l *liveLab) set(options ...string) {
	l.Helper()
	commands := [][]string{{"commit", "network"}}
	for _, option := range options {
		commands = append([][]string{{"set", "network.globals." + option}}, commands...)
	}
	for _, args := range commands {
		l.must(l.Router.Run(l.Command(l.ctx, "uci", args...)))
	}
}

// TestAModeWhereTheKernelEndsNoSubflow is about a kernel without CONFIG_INET_DIAG_DESTROY,
// as OpenWrt's: what ends a socket is refused, and the line's endpoint is renewed.
func TestAModeWhereTheKernelEndsNoSubflow(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.twoSubflows()
	r.await(megabyte)
	settled(t, l.Lab) // what an earlier event has left behind would do it too
	before := l.endpoint(wan1Addr)
	refused := l.withoutDestroy("iface", "wan1", "backup")
	r.await(megabyte)
	l.eventually("no subflow differs from its endpoint", func() bool { return l.differing() == 0 && l.hasSubflow(wan1Addr) })
	if after := l.endpoint(wan1Addr); after.ID == before.ID {
		t.Errorf("the endpoint was not renewed: %+v", after)
	}
	l.eventually("the line that became backup is idle", func() bool { return r.carry(2 * megabyte).idle(0) })
	if n := <-refused; n != 1 {
		t.Errorf("%d times the kernel was asked to end a subflow, want once", n)
	}
	r.stop()
}

// TestAModeWhereNothingElseWorks: without another line that works, what differs stays.
func TestAModeWhereNothingElseWorks(t *testing.T) {
	t.Parallel()
	l := newLiveLab(t, liveLine("dhcp", "master"), liveLine("dhcp", "on"))
	l.boot()
	r := l.twoSubflows()
	r.await(megabyte)
	l.deliver(l.Unplug("wan2"))
	r.await(megabyte)
	l.eventually("settle has ended", func() bool {
		pids, err := l.Processes()
		l.must(err)
		return len(pids) == 0
	})
	before := l.endpoint(wan1Addr)
	refused := l.withoutDestroy("iface", "wan1", "backup")
	if n := <-refused; n != 1 {
		t.Errorf("%d times the kernel was asked to end a subflow, want once", n)
	}
	before.Flags |= mptcp.FlagBackup
	if after := l.endpoint(wan1Addr); after != before {
		t.Errorf("the endpoint of the only path became %+v, want %+v", after, before)
	}
	r.await(megabyte)
	l.deliver(l.Plug("wan2"))
	r.stop()
}

// withoutDestroy runs mptcpctl, and what it leaves running, where no socket can be ended.
// It sends how often that was tried when all of them are gone.
func (l *liveLab) withoutDestroy(args ...string) (refused chan int) {
	l.Helper()
	cmd := exec.CommandContext(l.ctx, "/proc/self/exe", append(args, "--config-dir", l.ConfigDir(), "--state-dir", l.StateDir(),
		"--lock", filepath.Join(l.LockDir(), "mptcpctl.lock"), "--syslog-socket", l.log.path)...)
	cmd.Args[0], cmd.Env = obstructedName, []string{"PATH=" + l.BinDir(), "MPTCPLAB_DIR=" + l.Dir, "GODEBUG=asyncpreemptoff=1"}
	l.must(l.Router.Start(cmd))
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	l.must(err)
	listener, err := listenerOf(pidfd)
	l.must(err, unix.Close(pidfd))
	refused = make(chan int, 1)
	go func() {
		n, err := refuseDestroy(listener)
		if err != nil {
			l.Error(err)
		}
		refused <- n
	}()
	l.must(cmd.Wait())
	return refused
}

// refuseDestroy answers for a process and its children: SOCK_DESTROY gets the answer of
// a kernel without it (__sock_diag_cmd in net/core/sock_diag.c).
func refuseDestroy(listener int) (refused int, err error) {
	defer unix.Close(listener)
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		_, err := unix.Poll(ready, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || ready[0].Revents&unix.POLLIN == 0:
			return refused, err
		}
		err = answer(listener, func(_ int, call *seccompNotif) (unix.Errno, bool) {
			if call.destroys() {
				refused++
				return unix.EOPNOTSUPP, false
			}
			return 0, false
		})
		if err != nil {
			return refused, err
		}
	}
}

// destroys reports whether a call sends SOCK_DESTROY (include/uapi/linux/sock_diag.h), a
// message of 72 bytes.
func (n *seccompNotif) destroys() bool {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", n.PID))
	if err != nil {
		return false
	}
	defer mem.Close()
	read := func(at uint64, size int) []byte {
		b := make([]byte, size)
		if _, err := mem.ReadAt(b, int64(at)); err != nil {
			return make([]byte, size)
		}
		return b
	}
	at := n.Args[1]
	if n.Nr == unix.SYS_SENDMSG {
		iov := binary.NativeEndian.Uint64(read(at, 56)[16:]) // struct msghdr
		at = binary.NativeEndian.Uint64(read(iov, 8))        // struct iovec
	}
	header := read(at, 8) // struct nlmsghdr
	return sends(n.Nr) && binary.NativeEndian.Uint32(header) == 72 && binary.NativeEndian.Uint16(header[4:]) == 21
}
