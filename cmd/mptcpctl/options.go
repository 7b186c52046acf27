// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"

	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// streams are what a command reads and where it writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// options are the streams of a command and its global flags.
type options struct {
	streams
	runner reconcile.Runner
	syslog string
}

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
