// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// grants are the most subflows that kernels grant a connection beside its first, the
// newest first: Linux 7.2 and later, those before.
var grants = [...]uint32{64, 8}

// raiseLimits lets a server take as many subflows per connection as its kernel grants.
func (n *Namespace) raiseLimits() error {
	return n.PathManager(func(c *mptcp.Client) (err error) {
		for _, most := range grants {
			err = c.SetLimits(mptcp.Limits{Subflows: most, AddAddrAccepted: most})
			if !errors.Is(err, unix.EINVAL) {
				break
			}
		}
		return err
	})
}

// PathManager calls f with a connection to the namespace's MPTCP path manager.
func (n *Namespace) PathManager(f func(*mptcp.Client) error) (err error) {
	err = n.Do(func() (err error) {
		c, err := mptcp.Dial()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		return f(c)
	})
	if err != nil {
		return fmt.Errorf("%s: MPTCP path manager: %w", n.Name, err)
	}
	return nil
}

// fillers are the addresses of FillEndpoints (RFC 5737).
var fillers = netip.MustParsePrefix("198.51.100.0/24")

// FillEndpoints adds endpoints that only announce until the kernel has no room for
// more, and takes some of them away again. Their ids count down from the highest.
// bound is how many endpoints the kernel takes.
func (n *Namespace) FillEndpoints(leave int) (bound int, err error) {
	err = n.PathManager(func(c *mptcp.Client) error {
		e := mptcp.Endpoint{ID: mptcp.MaxID, Addr: fillers.Addr(), Flags: mptcp.FlagSignal}
		for ; e.ID > 0; e.ID-- {
			refused := c.Add(e)
			if _, full, err := c.Full(e, refused); full {
				break
			} else if err := errors.Join(refused, err); err != nil {
				return err
			}
			e.Addr = e.Addr.Next()
		}
		all, err := c.Endpoints()
		if err != nil {
			return err
		}
		bound = len(all)
		for id := int(e.ID) + 1; id <= int(e.ID)+leave && err == nil; id++ {
			err = c.Delete(uint8(id))
		}
		return err
	})
	return bound, err
}

// Filler reports whether an address is that of an endpoint of FillEndpoints.
func Filler(addr netip.Addr) bool { return fillers.Contains(addr) }

// EndpointBound is how many endpoints this machine's kernel takes.
func EndpointBound() (int, error) {
	n, err := newNamespace("bound")
	if err != nil {
		return 0, err
	}
	bound, err := n.FillEndpoints(0)
	return bound, errors.Join(err, n.Close())
}
