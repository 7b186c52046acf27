// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// readNames reads what lineNames needs. Without a readable configuration the
// names are those of the devices, and the error says why.
func (o *options) readNames(ctx context.Context) (lineNames, error) {
	k, err := kernel.Open()
	if err != nil {
		return lineNames{}, err
	}
	defer k.Close()
	seen, failed := o.runner.Observe(ctx, k, reconcile.Request{})
	if failed != nil {
		seen = &reconcile.Observation{}
		if seen.State, err = k.Observe(plan.Request{}); err != nil {
			return lineNames{}, wrap("reading the addresses", err)
		}
	}
	names, err := newLineNames(k, seen)
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
		o.warn(errorLines(err))
	}
	return names, nil
}
