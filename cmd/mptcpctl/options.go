// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/pflag"

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

func newOptions(s streams) *options {
	o := &options{streams: s, unsaid: new([]string), syslog: "/dev/log"}
	o.runner.LockTimeout = 30 * time.Second
	o.runner.StartSettle, o.runner.Warned = o.startSettle, o.warned
	return o
}

// globalFlag is a flag that every command takes.
type globalFlag struct {
	name, usage string
	value       pflag.Value
	hidden      bool
}

// alone reports whether the flag needs no value.
func (g *globalFlag) alone() bool {
	_, is := g.value.(*switchFlag)
	return is
}

// globalFlags are those flags.
func (o *options) globalFlags() []globalFlag {
	r := &o.runner
	return []globalFlag{
		{"config-dir", "`directory` of UCI (/etc/config or /etc/mptcpctl)", (*textFlag)(&r.ConfigDir), false},
		{"state-dir", "state `directory` (/var/state or /run/mptcpctl)", (*textFlag)(&r.StateDir), false},
		{"staged-dir", "`directory` of uncommitted changes (/tmp/.uci)", (*textFlag)(&r.StagedDir), true},
		{"override-dir", "`directory` of overrides (/var/run/uci)", (*textFlag)(&r.OverrideDir), true},
		{"uci", "ask the uci program for the configuration", (*switchFlag)(&r.UCI), false},
		{"ubus-socket", "`socket` of ubusd (/var/run/ubus/ubus.sock)", (*textFlag)(&r.UbusSocket), false},
		{"lock", "lock `file` (/run/mptcpctl/lock or in /var/lock)", (*textFlag)(&r.LockFile), false},
		{"lock-timeout", "`time` to wait for the lock", (*durationFlag)(&r.LockTimeout), false},
		{"syslog-socket", "`socket` of the system log", (*textFlag)(&o.syslog), true},
	}
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
