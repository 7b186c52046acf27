// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// obstructedName is the name under which this program runs mptcpctl under a
// seccomp filter that asks the test about every netlink message, in and out.
const obstructedName = "obstructed"

// The descriptor under which the filter's listener is found, see seccomp(2).
const obstructedListener = 100

// netlinkCalls are the system calls by which a message goes out or comes in.
var netlinkCalls = []uint32{unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_RECVMSG, unix.SYS_RECVFROM}

// obstructedMain installs the filter and becomes mptcpctl.
func obstructedMain() int {
	runtime.LockOSThread()
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the call's number
	for i, nr := range netlinkCalls {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jt: uint8(len(netlinkCalls) - i)})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW}, unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_USER_NOTIF})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return complain(err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return complain(fmt.Errorf("seccomp: %w", errno))
	}
	if err := unix.Dup3(int(fd), obstructedListener, 0); err != nil {
		return complain(err)
	}
	return complain(unix.Exec("/proc/self/exe", append([]string{"mptcpctl"}, os.Args[1:]...), os.Environ()))
}

// obstacle says what becomes of a call, by its place and itself: an errno, or 0
// to let it pass.
type obstacle func(place int, call *seccompNotif) (fails unix.Errno, kills bool)

// seccompNotif and seccompReply are those of include/uapi/linux/seccomp.h.
type seccompNotif struct {
	ID         uint64
	PID, Flags uint32
	Nr         int32
	Arch       uint32
	_          uint64
	Args       [6]uint64
}

type seccompReply struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

const (
	notifReceive  = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	notifSend     = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	notifContinue = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

// obstructed runs mptcpctl with an obstacle in its way, and returns its exit code
// (-1: killed), what it printed, and how many messages it sent and received.
func (s *script) obstructed(o obstacle, args ...string) (code int, printed string, calls int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(s.flags(), args...)...)
	// A signal would begin a call anew, which would count twice.
	cmd.Args[0], cmd.Env = obstructedName, []string{"PATH=" + s.BinDir(), "MPTCPLAB_DIR=" + s.Dir, "GODEBUG=asyncpreemptoff=1"}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := s.Router.Start(cmd); err != nil {
		return 0, "", 0, err
	}
	after := s.afterwards
	if after == nil {
		after = func(int, *seccompNotif) (unix.Errno, bool) { return 0, false }
	}
	s.hungUp = make(chan struct{})
	calls, err = attend(cmd.Process.Pid, o, after, s.hungUp)
	if err != nil {
		err = errors.Join(err, cmd.Process.Kill())
	}
	_ = cmd.Wait() // the exit code is the answer
	return cmd.ProcessState.ExitCode(), out.String(), calls, err
}

// attend answers for a process until it has ended, and afterwards for what that has
// started, until those have ended too.
func attend(pid int, o, afterwards obstacle, hungUp chan<- struct{}) (calls int, err error) {
	counting := func(place int, call *seccompNotif) (unix.Errno, bool) {
		if tgid(call.PID) != pid {
			return afterwards(place, call)
		}
		calls++
		return o(calls-1, call)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(pidfd)
	listener, err := listenerOf(pidfd)
	if err != nil {
		return 0, err
	}
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return calls, errors.Join(err, unix.Close(listener))
		}
		switch {
		case ready[0].Revents&unix.POLLIN != 0:
			if err := answer(listener, counting); err != nil {
				return calls, errors.Join(err, unix.Close(listener))
			}
		case ready[1].Revents != 0:
			go attendRest(listener, afterwards, hungUp)
			return calls, nil
		}
	}
}

// listenerOf is the listener of a process that may have just started.
func listenerOf(pidfd int) (int, error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		listener, err := unix.PidfdGetfd(pidfd, obstructedListener, 0)
		if err == nil {
			return listener, nil
		}
		if time.Now().After(deadline) {
			return -1, fmt.Errorf("no listener: %w", err)
		}
	}
}

// attendRest answers for what a process has started before it ended: settle is under the
// same filter, and would wait while it holds the lock. The listener hangs up with
// the last of them.
func attendRest(listener int, o obstacle, hungUp chan<- struct{}) {
	defer close(hungUp)
	defer unix.Close(listener)
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		_, err := unix.Poll(ready, -1)
		if err == nil && ready[0].Revents&unix.POLLIN != 0 {
			err = answer(listener, o)
		} else if err == nil {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func answer(listener int, o obstacle) error {
	var n seccompNotif
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), notifReceive, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return ignoreGone(errno)
	}
	reply := seccompReply{ID: n.ID, Flags: notifContinue}
	if slices.Contains(netlinkCalls, uint32(n.Nr)) {
		fails, kills := o(0, &n)
		if pid := tgid(n.PID); kills && pid > 0 {
			return unix.Kill(pid, unix.SIGKILL)
		}
		if fails != 0 {
			reply.Flags, reply.Error = 0, -int32(fails)
		}
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), notifSend, uintptr(unsafe.Pointer(&reply)))
	return ignoreGone(errno)
}

// tgid is the process of a thread; 0: it is gone.
func tgid(thread uint32) (pid int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err == nil {
		_, after, _ := strings.Cut(string(status), "\nTgid:")
		_, _ = fmt.Sscan(after, &pid)
	}
	return pid
}

// ignoreGone: the process ended, or a signal took the call back.
func ignoreGone(errno unix.Errno) error {
	if errno == 0 || errno == unix.ENOENT || errno == unix.EINTR {
		return nil
	}
	return errno
}

// sends reports whether a call sends.
func sends(nr int32) bool { return nr == unix.SYS_SENDMSG || nr == unix.SYS_SENDTO }
