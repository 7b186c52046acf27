// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Port is where the far server serves transfers.
const Port = 5001

// Addresses of the far server.
var (
	Addr4 = netip.AddrPortFrom(serverAddress.Addr(), Port)
	Addr6 = netip.AddrPortFrom(serverAddr6.Addr(), Port)
)

// A Server serves transfers over MPTCP, and over TCP to clients without it.
type Server struct {
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]struct{} // nil when closed
	done     sync.WaitGroup
}

// Serve starts the far server, ready to take subflows on eight more paths.
func (l *Lab) Serve(ctx context.Context) (*Server, error) {
	return l.Server.Serve(ctx)
}

// Serve starts a server of transfers on every address of the namespace.
func (n *Namespace) Serve(ctx context.Context) (*Server, error) {
	if err := n.Sysctl("net.mptcp.enabled", "1"); err != nil {
		return nil, fmt.Errorf("this kernel has no Multipath TCP: %w", err)
	}
	if err := n.raiseLimits(); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	s := &Server{open: map[net.Conn]struct{}{}}
	err := n.Do(func() (err error) {
		s.listener, err = config.Listen(ctx, "tcp", fmt.Sprintf(":%d", Port))
		return err
	})
	if err != nil {
		return nil, err
	}
	s.done.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.open == nil {
			s.mu.Unlock()
			abort(conn)
			return
		}
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.done.Go(func() {
			answer(conn)
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
			_ = conn.Close() // The client has all it asked for, or is gone.
		})
	}
}

// Close ends the server and every transfer.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	for conn := range open {
		abort(conn)
	}
	s.done.Wait()
	return err
}

// abort ends a connection at once, so that no orphaned socket keeps its namespace alive.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // It may be closed already.
	}
	_ = conn.Close()
}

// answer serves one connection: it counts the upload, and tells the client how
// far it is in the frames that carry the download.
func answer(conn net.Conn) {
	wanted, ok := readRequest(conn)
	if !ok {
		return
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil || setCongestion(raw, wanted.congestion) != nil {
		abort(conn)
		return
	}
	var uploaded atomic.Uint64
	arrived := make(chan struct{}, 1) // holds a token when uploaded has grown
	finished := make(chan struct{})   // closed when the upload is complete
	go func() {
		defer close(finished)
		buffer := make([]byte, 4*chunk)
		for {
			n, err := conn.Read(buffer)
			uploaded.Add(uint64(n))
			select {
			case arrived <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	if err := sendFrames(conn, wanted, &uploaded, arrived, finished); err != nil {
		abort(conn)
	}
	<-finished
}

// sendFrames sends the download that was asked for, and then a frame for each
// progress of the upload until it ends.
func sendFrames(conn net.Conn, wanted request, uploaded *atomic.Uint64, arrived, finished <-chan struct{}) error {
	buffer := make([]byte, frameLen+chunk)
	pace := pacer{rate: wanted.rate, start: time.Now()}
	for left := wanted.down; left > 0; {
		n := pace.piece(left)
		if _, err := conn.Write(frame(buffer, uploaded.Load(), int(n))); err != nil {
			return err
		}
		left -= n
		if pace.wait(n, finished) {
			break // The client has seen enough: it ends a download by ending its side.
		}
	}
	for {
		var last bool
		select {
		case <-finished:
			last = true
		case <-arrived:
		}
		if _, err := conn.Write(frame(buffer, uploaded.Load(), 0)); err != nil {
			return err
		}
		if last {
			return conn.(interface{ CloseWrite() error }).CloseWrite()
		}
	}
}

// pieces is into how many parts a second a slow transfer is cut, so that the
// longest stall is the path's and not that of its own pace.
const pieces = 50

// pacer spreads bytes over time.
type pacer struct {
	rate  uint64 // bytes per second; 0: no limit
	start time.Time
	sent  uint64
}

// piece is how many of the bytes that are left are sent at once.
func (p *pacer) piece(left uint64) uint64 {
	if p.rate > 0 {
		left = min(left, max(1, p.rate/pieces))
	}
	return min(left, chunk)
}

// wait counts n bytes and waits until the next may follow, or tells that stop was closed.
func (p *pacer) wait(n uint64, stop <-chan struct{}) (stopped bool) {
	p.sent += n
	var due time.Duration
	if p.rate > 0 {
		due = time.Until(p.start.Add(time.Duration(float64(p.sent) / float64(p.rate) * float64(time.Second))))
	}
	if due <= 0 {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	select {
	case <-stop:
		return true
	case <-time.After(due):
		return false
	}
}
