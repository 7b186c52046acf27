// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

// raiseLimits lets a server take eight subflows more per connection, the most
// that every kernel grants.
func (n *Namespace) raiseLimits() error {
	return n.PathManager(func(c *mptcp.Client) error {
		return c.SetLimits(mptcp.Limits{Subflows: 8, AddAddrAccepted: 8})
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
