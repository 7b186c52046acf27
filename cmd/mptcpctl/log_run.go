// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// logRun logs one run: nothing when there was nothing to do. The system log is opened
// for each, since it may have been started again in between.
func (o *options) logRun(event string, r reconcile.Outcome, err error) {
	if len(r.Done) == 0 && err == nil {
		return
	}
	if event == "" {
		event = "run by hand"
	}
	l := newLogger(o)
	defer l.close()
	for _, op := range r.Done {
		l.log(logInfo, "%s: %s", event, op)
	}
	o.said(r.Warnings)
	for _, w := range r.Warnings {
		l.log(logWarning, "%s: warning: %s", event, w)
	}
	if err == nil {
		return
	}
	for i, w := range o.takeUnsaid() {
		if i < maxWarnings {
			l.log(logWarning, "%s: warning: %s", event, w)
		}
	}
	severity := logError
	if errors.Is(err, netifd.ErrNotRegistered) || errors.Is(err, config.ErrUnconfigured) {
		severity = logNotice
	}
	for _, line := range errorLines(err) {
		l.log(severity, "%s: %s", event, line)
	}
}

// logRuns logs the runs of a process that stays, but not an error that the last run
// ended with too.
func (o *options) logRuns(event string) reconcile.Report {
	said := ""
	return func(outcome reconcile.Outcome, err error) {
		err = errors.Join(err, outcome.Problems)
		before := said
		if said = ""; err != nil {
			said = err.Error()
		}
		if said == before {
			err = nil
		}
		o.logRun(event, outcome, err)
	}
}
