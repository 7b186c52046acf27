// SPDX-License-Identifier: Apache-2.0

package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/batch"
)

// Subflows calls fn for every subflow that is in one of the states, or in any
// if none is given, and needs no CONFIG_INET_MPTCP_DIAG. It ends early with the
// first error of fn and returns that. The other errors are ErrNoTCPDiag and
// what a netlink socket can fail with.
func Subflows(fn func(Subflow) error, states ...State) error {
	k, err := open()
	if err != nil {
		return fmt.Errorf("subflows: %w", err)
	}
	defer k.close()
	return k.subflows(mask(states), fn)
}

// mask is the set of states as the kernel wants it, 1<<State, or that of all if none is
// given.
func mask(states []State) (mask uint32) {
	for _, s := range states {
		mask |= 1 << s
	}
	if mask == 0 {
		mask = anyState
	}
	return mask
}

// subflows is Subflows for a set of 1<<State.
func (k *kernel) subflows(states uint32, fn func(Subflow) error) error {
	count := 0
	err := k.dump(unix.IPPROTO_TCP, states, func(b []byte) error {
		s, ok, err := decodeSubflow(b)
		if err != nil || !ok {
			return err
		}
		if count++; count > maxSubflows {
			return errEndless
		}
		return fn(s)
	})
	if err != nil {
		return fmt.Errorf("subflows: %w", err)
	}
	return nil
}

var errFound = errors.New("found")

// Any reports whether there is an MPTCP connection in one of the states, or in any if none
// is given. The errors are ErrNoMPTCPDiag and what a netlink socket can fail with.
func Any(states ...State) (bool, error) {
	k, err := open()
	if err != nil {
		return false, fmt.Errorf("MPTCP connections: %w", err)
	}
	defer k.close()
	err = k.dump(unix.IPPROTO_MPTCP, mask(states), func([]byte) error { return errFound })
	if errors.Is(err, errFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("MPTCP connections: %w", err)
	}
	return false, nil
}

// EstablishedTokens returns, for every local address that an established subflow
// has, the tokens of the connections of those subflows, each once. A join counts
// from the peer's answer on; that the path still works is not said. The errors
// are those of Subflows.
func EstablishedTokens() (map[netip.Addr][]uint32, error) {
	tokens := make(map[netip.Addr][]uint32)
	err := Subflows(func(s Subflow) error {
		addr := s.Local.Addr()
		tokens[addr] = append(tokens[addr], s.Token)
		return nil
	}, Established)
	if err != nil {
		return nil, err
	}
	for addr, all := range tokens {
		slices.Sort(all)
		tokens[addr] = slices.Compact(all)
	}
	return tokens, nil
}

const (
	// anyState has the states of this package. Closed sockets are in no list;
	// listening and time-wait sockets have no subflow information.
	anyState = 1<<Established | 1<<SynSent | 1<<SynRecv | 1<<FinWait1 | 1<<FinWait2 |
		1<<CloseWait | 1<<LastAck | 1<<Closing

	// maxSubflows and maxBatches bound what one answer may hold: more than a
	// kernel has, so that an endless answer is one with an error.
	maxSubflows = 1 << 20
	maxBatches  = 1 << 17
)

var errEndless = errors.New("an endless answer")

// kernel is a socket to the kernel's lists.
type kernel struct {
	*batch.Socket
}

func open() (*kernel, error) {
	s, err := batch.Dial(unix.NETLINK_SOCK_DIAG, false)
	return &kernel{s}, err
}

// close cannot fail in a way that says anything of what was read.
func (k *kernel) close() { _ = k.Close() }

// dump calls fn with the body of every reply, first those of IPv4 sockets, then
// those of IPv6 sockets. fn must not keep the bytes.
func (k *kernel) dump(protocol uint32, states uint32, fn func([]byte) error) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if err := k.ask(sockDiagByFamily, unix.NLM_F_DUMP, encodeRequest(family, protocol, states), protocol, fn); err != nil {
			return err
		}
	}
	return nil
}

// exists tells whether there is a connection with this token.
func (k *kernel) exists(token uint32) (bool, error) {
	found := false
	err := k.ask(sockDiagByFamily, unix.NLM_F_ACK, encodeLookup(token), unix.IPPROTO_MPTCP, func([]byte) error {
		found = true
		return nil
	})
	if errors.Is(err, ErrNoMPTCPDiag) {
		return false, nil // ENOENT is here the connection's.
	}
	return found, err
}

// ask sends a request and calls fn with the body of every reply, as it comes:
// the library's Receive would hold a whole dump in memory.
func (k *kernel) ask(typ, flags uint16, request []byte, protocol uint32, fn func([]byte) error) error {
	seq, err := k.Ask(typ, flags, request)
	for n, done := 0, false; !done && err == nil; n++ {
		if n == maxBatches {
			return errEndless
		}
		var b []byte
		if b, err = k.Receive(); err == nil {
			done, err = decodeBatch(b, seq, protocol, fn)
		}
	}
	return err
}

// decodeBatch calls fn with the body of every reply to request seq, which asked
// for protocol, and tells whether the dump is complete.
func decodeBatch(b []byte, seq, protocol uint32, fn func([]byte) error) (done bool, err error) {
	msgs, err := batch.Split(b)
	if err != nil {
		return false, err
	}
	for _, m := range msgs {
		if m.Header.Seq != seq {
			continue
		}
		switch m.Header.Type {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			// An error that is found while dumping comes in the last message.
			return true, result(unix.Errno(-int32(record(m.Data).u32(0))), protocol)
		case sockDiagByFamily:
			if err := fn(m.Data); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// result is the error for the end of a dump. ENOENT means that the protocol has
// no handler (__inet_diag_dump in net/ipv4/inet_diag.c).
func result(errno unix.Errno, protocol uint32) error {
	switch {
	case errno == 0:
		return nil
	case errno == unix.ENOENT && protocol == unix.IPPROTO_MPTCP:
		return ErrNoMPTCPDiag
	case errno == unix.ENOENT && protocol == unix.IPPROTO_TCP:
		return ErrNoTCPDiag
	}
	return errno
}
