// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// observe works out what a run would do, for a command that asks the kernel nothing
// else.
func (o *options) observe(ctx context.Context, req reconcile.Request) (*reconcile.Observation, error) {
	k, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return o.runner.Observe(ctx, k, req)
}
