// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// readNames reads what lineNames needs. Without a readable configuration the
// names are those of the devices, and the error says why.
func (o *options) readNames(ctx context.Context) (lineNames, error) {
	k, err := openKernel()
	if err != nil {
		return lineNames{}, err
	}
	defer k.Close()
	v, failed := o.newView(ctx)
	if failed == nil {
		failed = v.plan(k, request{hint: o.peekHint()})
	}
	if failed != nil {
		v = &view{}
		if v.state, err = k.Observe(plan.Request{}); err != nil {
			return lineNames{}, wrapFailed("reading the addresses", err)
		}
	}
	names, err := v.names(k)
	if err != nil {
		return names, err
	}
	return names, failed
}

// namesOrDevices are the names of the lines; where the configuration cannot be
// read, a warning says so and they are those of the devices.
func (o *options) namesOrDevices(ctx context.Context) (lineNames, error) {
	names, err := o.readNames(ctx)
	if names.devices == nil {
		return names, err
	}
	if err != nil {
		o.warn([]string{err.Error()})
	}
	return names, nil
}
