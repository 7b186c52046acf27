// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"cmp"
	"context"
	"os"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// Flush removes everything managed from the kernel: it runs with a configuration in
// which no interface takes part. Where the configuration cannot be read, only what is
// marked as managed in the kernel is removed, and a warning says so.
func (r *Runner) Flush(ctx context.Context) (Outcome, error) {
	lock, err := r.Lock(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer lock.Release()
	if err := r.stopSettle(); err != nil {
		return Outcome{}, err
	}
	if _, err := os.Stat(r.healthFile()); err == nil && !r.Watched(ctx) {
		if err := r.removeHealth(ctx); err != nil {
			return Outcome{}, err
		}
	}
	var warnings []string
	o, err := r.read(ctx)
	if err != nil {
		warnings = []string{err.Error() + "; only what has protocol 77 is removed"}
		o = &Observation{Netifd: true}
	}
	o.Config.Globals = config.Globals{}
	o.Config.Problems, o.Config.Warnings = nil, nil
	for i := range o.Config.Interfaces {
		one := &o.Config.Interfaces[i]
		one.Saved = cmp.Or(one.Saved, one.Mode) // it was one of the lines
		one.Mode, one.Frozen = config.Off, false
	}
	k, err := openKernel()
	if err != nil {
		return Outcome{Warnings: warnings}, err
	}
	defer k.Close()
	outcome, err := o.run(k, lock, Request{search: true})
	outcome.Warnings = append(warnings, outcome.Warnings...)
	return outcome, err
}
