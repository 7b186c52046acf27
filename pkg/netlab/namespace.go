// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// A Namespace is one host of the lab. It lives as long as a process, a socket or
// this handle refers to it. Its methods may be called from several goroutines.
type Namespace struct {
	Name string

	// Netlink configures this host: links, addresses, routes, rules.
	Netlink *netlink.Handle

	handle netns.NsHandle
}

// newNamespace makes an empty network namespace with its loopback device up.
func newNamespace(name string) (*Namespace, error) {
	var handle netns.NsHandle
	err := onThread(func() (err error) {
		handle, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make namespace %s: %w", name, userns.Explain(err))
	}
	n, err := attach(name, handle)
	if err != nil {
		return nil, err
	}
	lo, err := n.Netlink.LinkByName("lo")
	if err == nil {
		err = n.Netlink.LinkSetUp(lo)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("namespace %s: loopback: %w", name, err), n.Close())
	}
	return n, nil
}

// openNamespace attaches to a namespace that another process holds, by the path
// of a handle such as /proc/PID/fd/N.
func openNamespace(name, path string) (*Namespace, error) {
	handle, err := netns.GetFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("open namespace %s: %w", name, err)
	}
	return attach(name, handle)
}

func attach(name string, handle netns.NsHandle) (*Namespace, error) {
	nl, err := netlink.NewHandleAt(handle)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("namespace %s: netlink: %w", name, err), handle.Close())
	}
	return &Namespace{Name: name, Netlink: nl, handle: handle}, nil
}

// Close lets go of the namespace; a second call does nothing.
func (n *Namespace) Close() error {
	if !n.handle.IsOpen() {
		return nil
	}
	n.Netlink.Close()
	return n.handle.Close()
}

// Do runs f on a thread that is in the namespace: sockets that f makes belong to
// it, and programs that f starts run in it. Goroutines that f starts do not.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Name, err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own and brings the thread back to the
// network namespace in which it was; a thread that cannot go back is discarded.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() { result <- err }()
		runtime.LockOSThread()
		home, homeErr := netns.Get()
		if homeErr != nil {
			err = fmt.Errorf("remember the network namespace: %w", homeErr)
			return
		}
		defer func() {
			backErr := netns.Set(home)
			if backErr == nil {
				runtime.UnlockOSThread()
			}
			if closeErr := home.Close(); closeErr != nil {
				err = errors.Join(err, closeErr)
			}
		}()
		err = f()
	}()
	return <-result
}

// Start starts a program in the namespace. Make it with exec.CommandContext, so
// that it has a time limit, and Wait for it as usual.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	return n.Do(cmd.Start)
}

// Run runs a program in the namespace to its end.
func (n *Namespace) Run(cmd *exec.Cmd) error {
	if err := n.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// Output runs name with args in the namespace and returns what it printed, on
// both streams; the error is that of exec.Cmd.Wait.
func (n *Namespace) Output(ctx context.Context, name string, args ...string) (string, error) {
	var out strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := n.Run(cmd)
	return out.String(), err
}

// Sysctl writes a network setting of the namespace, such as
// "net.ipv4.conf.all.forwarding"; a device name in it must hold no dot.
func (n *Namespace) Sysctl(name, value string) error {
	return n.Do(func() error {
		if err := os.WriteFile(sysctlPath(name), []byte(value), 0o644); err != nil {
			return fmt.Errorf("namespace %s: sysctl %s=%s: %w", n.Name, name, value, err)
		}
		return nil
	})
}

// ReadSysctl reads a network setting of the namespace.
func (n *Namespace) ReadSysctl(name string) (string, error) {
	var value []byte
	err := n.Do(func() (err error) {
		value, err = os.ReadFile(sysctlPath(name))
		return err
	})
	return strings.TrimSpace(string(value)), err
}

func sysctlPath(name string) string {
	return filepath.Join("/proc/sys", filepath.FromSlash(strings.ReplaceAll(name, ".", "/")))
}
