// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"

	"golang.org/x/sys/unix"
)

// CrowdPort is where the far server takes a crowd.
const CrowdPort = 5002

// CrowdName is the name (os.Args[0]) under which a test binary that makes a
// Crowd is to call CrowdMain.
const CrowdName = "crowd"

// A Crowd is many idle MPTCP connections.
type Crowd struct {
	listener int
	holders  []*exec.Cmd
	stdin    []io.Closer
}

// NewCrowd opens count connections from the router to the far server. The
// program that calls it is started again, as often as the limit of open files asks for,
// since each connection needs one. The server accepts none of them: to the
// client they are established, and the server needs no file for those.
func (l *Lab) NewCrowd(ctx context.Context, count int) (*Crowd, error) {
	c := &Crowd{listener: -1}
	err := errors.Join(l.Server.Sysctl("net.mptcp.enabled", "1"), l.Server.Sysctl("net.core.somaxconn", strconv.Itoa(count)))
	if err == nil {
		err = l.Server.Do(func() error { return c.listen(count) })
	}
	if err == nil {
		err = c.hold(ctx, l.Router, count)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a crowd of %d: %w", count, err), c.Close())
	}
	return c, nil
}

func (c *Crowd) listen(backlog int) (err error) {
	if c.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP); err != nil {
		return err
	}
	if err := unix.Bind(c.listener, &unix.SockaddrInet4{Port: CrowdPort}); err != nil {
		return err
	}
	return unix.Listen(c.listener, backlog)
}

// hold starts programs that hold count connections in all, and waits for them.
func (c *Crowd) hold(ctx context.Context, n *Namespace, count int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	const others = 64 // files that a program needs for itself
	if limit.Max <= others {
		return fmt.Errorf("at most %d open files", limit.Max)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	most := int(min(limit.Max-others, 10_000))
	for ; count > 0; count -= most {
		cmd := exec.CommandContext(ctx, self, strconv.Itoa(min(count, most)))
		cmd.Args[0] = CrowdName
		cmd.Stderr = os.Stderr
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, n.Start(cmd)); err != nil {
			return err
		}
		c.holders, c.stdin = append(c.holders, cmd), append(c.stdin, in)
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
	}
	return nil
}

// Close resets all connections.
func (c *Crowd) Close() error {
	var problems []error
	for i, cmd := range c.holders {
		problems = append(problems, c.stdin[i].Close(), cmd.Wait())
	}
	if c.listener >= 0 {
		problems = append(problems, unix.Close(c.listener))
	}
	return errors.Join(problems...)
}

// CrowdMain is the program that holds connections, as many as its argument says,
// until its standard input ends.
func CrowdMain() int {
	if err := crowd(); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		return 1
	}
	return 0
}

func crowd() error {
	count, err := strconv.Atoi(os.Args[len(os.Args)-1])
	if err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	to := netip.AddrPortFrom(Addr4.Addr(), CrowdPort)
	server := &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	for i := range count {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			return fmt.Errorf("socket %d: %w", i, err)
		}
		// A reset at the end: an orphan would keep its namespace alive.
		if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return err
		}
		if err := unix.Connect(fd, server); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
	}
	fmt.Println("connected")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
