// SPDX-License-Identifier: Apache-2.0

// Package reconcile is the engine: one run reads the configuration, netifd and the
// kernel, plans, and applies the difference, all under one lock. It knows no command
// line, no exit code and no output. The errors that a caller decides on are sentinels,
// compatible with errors.Is; every other error is a failed operation.
//
//	r := reconcile.Runner{ConfigDir: "/etc/config", LockFile: "/var/lock/mptcpctl.lock"}
//	outcome, err := r.Run(ctx, reconcile.Request{})     // apply once
//	seen, err := r.Observe(ctx, k, reconcile.Request{}) // what a run would do, without doing it
//	err = r.Watch(ctx, reload, report)                  // apply again after every change
package reconcile
