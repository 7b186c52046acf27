// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// ErrNoMPTCPDiag is returned when the kernel cannot list MPTCP connections: it
// lacks CONFIG_INET_MPTCP_DIAG (OpenWrt: kmod-inet-mptcp-diag), or MPTCP. It is
// compatible with errors.Is(err, os.ErrNotExist).
var ErrNoMPTCPDiag error = missing("kernel cannot list MPTCP connections (CONFIG_INET_MPTCP_DIAG, on OpenWrt kmod-inet-mptcp-diag)")

// ErrNoTCPDiag is returned when the kernel cannot list TCP sockets, and so no
// subflows: it lacks CONFIG_INET_TCP_DIAG (OpenWrt: kmod-inet-diag). It is
// compatible with errors.Is(err, os.ErrNotExist).
var ErrNoTCPDiag error = missing("kernel cannot list TCP sockets (CONFIG_INET_TCP_DIAG, on OpenWrt kmod-inet-diag)")

// ErrNoDestroy is returned when the kernel cannot end sockets: it lacks
// CONFIG_INET_DIAG_DESTROY, as OpenWrt's do. It is compatible with errors.Is(err,
// errors.ErrUnsupported).
var ErrNoDestroy error = unsupported("kernel cannot end sockets (CONFIG_INET_DIAG_DESTROY)")

// missing and unsupported are errors that cost nothing while a program starts.
type (
	missing     string
	unsupported string
)

func (e missing) Error() string { return string(e) }

func (missing) Is(target error) bool { return target == os.ErrNotExist }

func (e unsupported) Error() string { return string(e) }

func (unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

// Connection is an MPTCP connection that does not listen.
type Connection struct {
	// Token names the connection on this host (RFC 8684 section 3.2). It is zero
	// for a connection that was plain TCP from its first packet on, because the
	// kernel had given MPTCP up for a while (net.mptcp.blackhole_timeout): of
	// those only the TCP socket is listed, and many can have the token zero.
	Token uint32
	// Local and Remote are the addresses with which it was set up. They stay
	// when the first subflow is gone. IPv4 is never mapped into IPv6.
	Local, Remote netip.AddrPort
	// State is the state of the connection, not of a subflow.
	State State
	// Fallback tells that the connection does plain TCP (RFC 8684 section 3.7):
	// it keeps its one subflow, which is then the TCP socket that carries it, and
	// gets no other.
	Fallback bool
	// MPTCP has the counters of the connection.
	MPTCP MPTCPInfo
	// Subflows are in no particular order. There is none while the connection
	// has lost its last one.
	Subflows []Subflow
}

// lostSYNs is how many lost SYNs in a row make a join one that will fail.
const lostSYNs = 2

// Young reports whether the peer has not acknowledged anything yet. The kernel opens
// and takes further subflows only after that (net/mptcp/options.c,
// check_fully_established), however long it takes. Before Linux 6.5, a connection
// that has lost its first subflow counts as none.
func (c *Connection) Young() bool {
	first := false
	for i := range c.Subflows {
		flags := c.Subflows[i].Flags
		if flags&FullyEstablished != 0 {
			return false
		}
		first = first || flags&(CapableLocal|CapableRemote) != 0
	}
	if c.MPTCP.Counted {
		return c.MPTCP.BytesAcked == 0 && c.MPTCP.BytesReceived == 0
	}
	return first
}

// Lost reports whether the connection has lost its last subflow and none is on its
// way. The kernel tells the application nothing, and makes no other by itself. A
// young connection can be given none.
func (c *Connection) Lost() bool {
	if c.State != Established || c.Fallback || c.Young() {
		return false
	}
	for i := range c.Subflows {
		switch s := &c.Subflows[i]; s.State {
		case Established, SynRecv:
			return false
		case SynSent:
			if s.TCP.Timeouts < lostSYNs {
				return false
			}
		}
	}
	return true
}

// MPTCPInfo is a part of struct mptcp_info (include/uapi/linux/mptcp.h). What an
// old kernel does not tell is zero, if not said otherwise.
type MPTCPInfo struct {
	// Subflows counts those beside the first one, SubflowsMax limits them.
	Subflows, SubflowsMax uint8
	// SubflowsTotal counts all; -1 before Linux 6.8.
	SubflowsTotal int
	// AddAddrSignal addresses were announced to the peer, AddAddrAccepted of the
	// peer's were accepted.
	AddAddrSignal, AddAddrAccepted uint8
	// Checksum tells that data is protected by the MPTCP checksum (RFC 8684
	// section 3.3).
	Checksum bool
	// Counted tells that the kernel counts what the connection carries, which it
	// does from Linux 6.5 on: the numbers below.
	Counted bool
	// Retransmits counts the timeouts of the connection in a row.
	Retransmits uint32
	// BytesSent counts payload without what is sent again by another subflow,
	// which is BytesRetrans. BytesAcked is what the peer acknowledged.
	BytesSent, BytesRetrans, BytesAcked, BytesReceived uint64
}

// Socket is the name of a socket as the kernel gives it: its family, and struct
// inet_diag_sockid (include/uapi/linux/inet_diag.h).
type Socket [1 + idLen]byte

// Subflow is a TCP socket that belongs to an MPTCP connection.
type Subflow struct {
	// Token is that of its Connection, and may be zero as that.
	Token uint32
	// Cookie names the socket on this host for as long as it lives: what two
	// listings say of one cookie is about the same subflow.
	Cookie uint64
	// Local and Remote are the addresses. IPv4 is never mapped into IPv6, and
	// no address has a zone.
	Local, Remote netip.AddrPort
	// IfIndex is the index of the interface to which the socket is bound, which
	// is that of its endpoint. Zero: to none, routing chooses.
	IfIndex int
	// Socket names it for Destroy.
	Socket Socket
	// State is the TCP state.
	State State
	// LocalID and RemoteID are the address ids (RFC 8684 section 3.2). Zero is
	// the address of the first subflow, which may be an endpoint's too.
	LocalID, RemoteID uint8
	// Flags tell how the subflow came to be and what it is used for.
	Flags SubflowFlags
	// TCP has the counters of the socket.
	TCP TCPInfo
}

// deadTimeouts is how many retransmission timeouts in a row make a path a dead one. A
// single one is a burst of losses; the kernel's own verdict, which it does
// not report, takes four (net.mptcp.stale_loss_cnt).
const deadTimeouts = 2

// Stalled reports whether the peer leaves one retransmission after the other without an
// answer.
func (s *Subflow) Stalled() bool { return s.TCP.Timeouts >= deadTimeouts }

// TCPInfo is a part of struct tcp_info (include/uapi/linux/tcp.h). What an old
// kernel does not tell is zero.
type TCPInfo struct {
	// RTT is the smoothed round trip time, zero before the first sample.
	RTT time.Duration
	// Cwnd is the congestion window in segments.
	Cwnd uint32
	// Retrans is the number of segments sent again since the subflow began.
	Retrans uint32
	// Timeouts counts the retransmission timeouts since the peer last
	// acknowledged anything: with more than one or two the path is dead.
	Timeouts uint8
	// BytesSent counts payload with retransmissions, which BytesRetrans counts
	// alone, BytesAcked what the peer acknowledged, BytesReceived what it sent.
	BytesSent, BytesRetrans, BytesAcked, BytesReceived uint64
	// DeliveryRate is the kernel's last estimate of how fast data reaches the
	// peer, in bytes per second. With AppLimited the application sent less than
	// the path may carry, and the estimate is only a lower bound.
	DeliveryRate uint64
	AppLimited   bool
	// LastSent and LastReceived tell how long ago data was sent and received; a
	// subflow that never did counts from its beginning.
	LastSent, LastReceived time.Duration
}

// SubflowFlags is a set of MPTCP_SUBFLOW_FLAG_* bits (include/uapi/linux/mptcp.h).
type SubflowFlags uint32

const (
	// CapableRemote and CapableLocal: the first subflow (MP_CAPABLE, RFC 8684
	// section 3.1). The peer agreed to MPTCP; this host asked for it.
	CapableRemote SubflowFlags = 1 << 0
	CapableLocal  SubflowFlags = 1 << 1
	// JoinRemote and JoinLocal: a further subflow (MP_JOIN, RFC 8684 section
	// 3.2). The peer sent the option; this host asked for the subflow.
	JoinRemote SubflowFlags = 1 << 2
	JoinLocal  SubflowFlags = 1 << 3
	// BackupRemote: the peer asked this host to treat the subflow as backup.
	// BackupLocal: this host asked the peer (RFC 8684 section 3.3.8).
	BackupRemote SubflowFlags = 1 << 4
	BackupLocal  SubflowFlags = 1 << 5
	// FullyEstablished: the MPTCP handshake of the subflow is complete.
	FullyEstablished SubflowFlags = 1 << 6
	// Connected: the TCP handshake is complete.
	Connected SubflowFlags = 1 << 7
	// MapValid: a data sequence mapping is in use.
	MapValid SubflowFlags = 1 << 8
)

// State is a TCP state (include/net/tcp_states.h).
type State uint8

// The states that a Connection or a Subflow can have.
const (
	Established State = 1
	SynSent     State = 2
	SynRecv     State = 3
	FinWait1    State = 4
	FinWait2    State = 5
	CloseWait   State = 8
	LastAck     State = 9
	Closing     State = 11
)

// String returns the state as RFC 9293 section 3.3.2 writes it.
func (s State) String() string {
	names := [...]string{
		Established: "ESTABLISHED",
		SynSent:     "SYN-SENT",
		SynRecv:     "SYN-RECEIVED",
		FinWait1:    "FIN-WAIT-1",
		FinWait2:    "FIN-WAIT-2",
		CloseWait:   "CLOSE-WAIT",
		LastAck:     "LAST-ACK",
		Closing:     "CLOSING",
	}
	if int(s) < len(names) && names[s] != "" {
		return names[s]
	}
	return fmt.Sprintf("STATE-%d", uint8(s))
}
