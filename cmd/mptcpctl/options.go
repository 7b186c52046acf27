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
	// unsaid are the warnings about the configuration that no output has had yet.
	unsaid *[]string
}

// warned notes the warnings about a configuration that has been read: where the command
// fails, they may be the reason.
func (o *options) warned(warnings []string) {
	*o.unsaid = warnings
}

// takeUnsaid are the warnings that are left to say.
func (o *options) takeUnsaid() []string {
	if o.unsaid == nil {
		return nil
	}
	left := *o.unsaid
	*o.unsaid = nil
	return left
}

// said notes that warnings have been printed or logged.
func (o *options) said(warnings []string) {
	if o.unsaid == nil || len(*o.unsaid) == 0 {
		return
	}
	known := make(map[string]bool, len(warnings))
	for _, w := range warnings {
		known[w] = true
	}
	var left []string
	for _, w := range *o.unsaid {
		if !known[w] {
			left = append(left, w)
		}
	}
	*o.unsaid = left
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
