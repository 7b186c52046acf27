// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotMultipath says that a connection fell back to plain TCP.
var ErrNotMultipath = errors.New("the connection fell back to plain TCP")

// Endless is as many bytes as a transfer can carry: it goes on until Stop.
const Endless = math.MaxUint64

// Transfer says what to carry over one MPTCP connection, both ways at once.
type Transfer struct {
	Server netip.AddrPort // zero: Addr4
	From   netip.Addr     // source address; zero lets the kernel choose, as applications do
	Up     uint64         // bytes to the server; Endless: until Stop
	Down   uint64         // bytes from it; Endless: until Stop
	Rate   uint64         // bytes per second each way at most; 0: no limit
	TCP    bool           // plain TCP, for comparison

	// Congestion is the congestion control of both ends, of every subflow; empty:
	// that of the namespaces, which cannot be one that the machine does not allow for all.
	Congestion string
}

// Result is what came of a transfer.
type Result struct {
	Up        uint64        `json:"up"`   // bytes that arrived at the server
	Down      uint64        `json:"down"` // bytes that arrived here
	Took      time.Duration `json:"took_ns"`
	Stall     time.Duration `json:"longest_stall_ns"` // the longest time in which a direction that was under way made no progress
	Multipath bool          `json:"multipath"`        // it was MPTCP to the end, no fall-back to TCP
	Error     string        `json:"error,omitempty"`  // why it broke; empty: it did not
}

// Broke tells whether the connection broke.
func (r Result) Broke() bool { return r.Error != "" }

// Transfer carries t from the namespace and waits for its end. The error is for a
// connection that could not be made or was no MPTCP; one that broke says so in the result too.
func (n *Namespace) Transfer(ctx context.Context, t Transfer) (Result, error) {
	running, err := n.StartTransfer(ctx, t)
	if err != nil {
		return Result{}, err
	}
	return running.Wait()
}

// A Running transfer goes on while the caller breaks lines under it.
type Running struct {
	conn     *net.TCPConn
	transfer Transfer
	start    time.Time
	up, down direction
	finish   chan struct{} // closed by Stop
	stopOnce sync.Once
	done     chan struct{}
	result   Result
	err      error
}

// direction is the progress of one direction, in bytes that the receiver has.
// All but bytes belong to the goroutine that receives.
type direction struct {
	bytes atomic.Uint64
	last  time.Time
	stall time.Duration
}

// progress notes that n bytes more have arrived of those that are wanted.
func (d *direction) progress(n, wanted uint64) {
	if n > 0 {
		d.end(time.Now(), wanted)
		d.bytes.Add(n)
	}
}

// end closes the gap since the last progress, unless nothing more was to come.
func (d *direction) end(now time.Time, wanted uint64) {
	if d.bytes.Load() < wanted {
		d.stall = max(d.stall, now.Sub(d.last))
		d.last = now
	}
}

// StartTransfer connects from the namespace and starts t. It ends by itself, by
// Stop, or when ctx does.
func (n *Namespace) StartTransfer(ctx context.Context, t Transfer) (*Running, error) {
	if !t.Server.IsValid() {
		t.Server = Addr4
	}
	var dialer net.Dialer
	dialer.SetMultipathTCP(!t.TCP)
	if t.From.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.From, 0))
	}
	dialer.Control = func(_, _ string, c syscall.RawConn) error { return setCongestion(c, t.Congestion) }
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp", t.Server.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Server, err)
	}
	now := time.Now()
	r := &Running{conn: conn.(*net.TCPConn), transfer: t, start: now, finish: make(chan struct{}), done: make(chan struct{})}
	r.up.last, r.down.last = now, now
	if _, err := conn.Write(request{down: t.Down, rate: t.Rate, congestion: t.Congestion}.bytes()); err != nil {
		abort(conn)
		return nil, err
	}
	go r.run(ctx)
	return r, nil
}

// setCongestion chooses the congestion control of a socket and of all its subflows,
// those to come too (net/mptcp/sockopt.c); an empty name leaves what it is.
func setCongestion(c syscall.RawConn, name string) (err error) {
	if name == "" {
		return nil
	}
	broke := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
	if err = errors.Join(err, broke); err != nil {
		return fmt.Errorf("congestion control %s: %w", name, err)
	}
	return nil
}

// Stop ends a transfer and returns what came of it.
func (r *Running) Stop() (Result, error) {
	r.Finish()
	return r.Wait()
}

// Finish tells a transfer to end, and does not wait for it.
func (r *Running) Finish() {
	r.stopOnce.Do(func() { close(r.finish) })
}

// Wait waits for the end of a transfer.
func (r *Running) Wait() (Result, error) {
	<-r.done
	return r.result, r.err
}

// Progress returns the bytes that have arrived so far at the server and here.
func (r *Running) Progress() (up, down uint64) {
	return r.up.bytes.Load(), r.down.bytes.Load()
}

// Await waits until n bytes more have arrived in each direction that is asked
// for, or the transfer ends, which is an error, as is the end of ctx.
func (r *Running) Await(ctx context.Context, n uint64) error {
	up, down := r.Progress()
	for {
		nowUp, nowDown := r.Progress()
		if (r.transfer.Up == 0 || nowUp-up >= n) && (r.transfer.Down == 0 || nowDown-down >= n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %d bytes up and %d down: %w", nowUp-up, nowDown-down, ctx.Err())
		case <-r.done:
			return fmt.Errorf("the transfer ended: %s", r.result.Error)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (r *Running) run(ctx context.Context) {
	defer close(r.done)
	cancel := context.AfterFunc(ctx, func() { abort(r.conn) })
	defer cancel()
	received, sent := make(chan struct{}), make(chan error, 1)
	go func() { sent <- r.send(received) }()
	broke := r.receive()
	close(received)
	if broke != nil {
		abort(r.conn)
	}
	broke = errors.Join(broke, <-sent, ctx.Err())
	now := time.Now()
	r.up.end(now, r.transfer.Up)
	r.down.end(now, r.transfer.Down)
	multipath, err := r.conn.MultipathTCP()
	r.result = Result{
		Up: r.up.bytes.Load(), Down: r.down.bytes.Load(), Took: now.Sub(r.start),
		Stall: max(r.up.stall, r.down.stall), Multipath: multipath && err == nil,
	}
	_ = r.conn.Close() // Both ends have had their say.
	switch {
	case broke != nil:
		r.result.Error, r.err = strings.ReplaceAll(broke.Error(), "\n", "; "), broke
	case !r.result.Multipath && !r.transfer.TCP:
		r.err = ErrNotMultipath
	}
}

// send uploads, and ends this side when the transfer has all it wants or is stopped.
func (r *Running) send(received <-chan struct{}) error {
	buffer := make([]byte, chunk)
	pace := pacer{rate: r.transfer.Rate, start: r.start}
	for left := r.transfer.Up; left > 0; {
		n := pace.piece(left)
		if _, err := r.conn.Write(buffer[:n]); err != nil {
			return fmt.Errorf("send: %w", err)
		}
		left -= n
		if pace.wait(n, r.finish) {
			return r.conn.CloseWrite()
		}
	}
	// Closing this side ends the download, which must be complete first.
	for r.down.bytes.Load() < r.transfer.Down {
		select {
		case <-r.finish:
			return r.conn.CloseWrite()
		case <-received:
			return nil
		case <-time.After(2 * time.Millisecond):
		}
	}
	return r.conn.CloseWrite()
}

// receive reads frames to the end of the connection.
func (r *Running) receive() error {
	head, body := make([]byte, frameLen), make([]byte, chunk)
	for {
		if _, err := io.ReadFull(r.conn, head); err != nil {
			if errors.Is(err, io.EOF) && r.complete() {
				return nil
			}
			return fmt.Errorf("receive: %w", err)
		}
		uploaded, follows := parseFrame(head)
		r.up.progress(uploaded-r.up.bytes.Load(), r.transfer.Up)
		for follows > 0 {
			n, err := r.conn.Read(body[:min(follows, chunk)])
			follows -= n
			r.down.progress(uint64(n), r.transfer.Down)
			if err != nil {
				return fmt.Errorf("receive: %w", err)
			}
		}
	}
}

// complete tells whether the end of the connection is the end of the transfer.
func (r *Running) complete() bool {
	select {
	case <-r.finish:
		return true
	default:
		up, down := r.Progress()
		return up == r.transfer.Up && down == r.transfer.Down
	}
}
