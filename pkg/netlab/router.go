// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"fmt"
	"os"
)

// NewRouter builds a lab that is a router and nothing else: no line, no LAN, no
// internet, and neither netifd nor `uci` unless the caller puts programs of these
// names into BinDir. It is for tests that make their own devices, addresses and
// routes. Dir is an empty directory; IPv6 addresses are usable at once.
func NewRouter(dir string) (*Lab, error) {
	l := &Lab{Dir: dir, owner: true}
	if err := l.buildRouter(); err != nil {
		return nil, errors.Join(fmt.Errorf("build the router: %w", err), l.Close())
	}
	return l, nil
}

func (l *Lab) buildRouter() error {
	for _, dir := range []string{l.BinDir(), l.ConfigDir(), l.StateDir(), l.LockDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	var err error
	if l.Router, err = newNamespace("router"); err != nil {
		return err
	}
	return prepare(l.Router, false)
}
