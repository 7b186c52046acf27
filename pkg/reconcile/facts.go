// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
)

// Facts gathers all that findings are made from, as far as that can be seen. The
// error is that of the configuration, of netifd or of the kernel; what could be
// seen without it is there all the same. The kernel stays open as long as the facts
// are used.
func (r *Runner) Facts(ctx context.Context, k *kernel.Kernel) (*doctor.Facts, error) {
	f := &doctor.Facts{Router: k, Vain: r.peekHint().vain}
	o, failed := r.Observe(ctx, k, Request{})
	unconfigured := errors.Is(failed, config.ErrUnconfigured)
	if failed == nil {
		f.Config, f.Result, f.State = &o.Config, o.Result, o.State
		f.Network = o.Package
		if o.misunderstood != nil {
			f.Unchecked = append(f.Unchecked, o.misunderstood.Error()+"; the ubus program was asked instead")
		}
		if o.Config.Hidden {
			f.Unchecked = append(f.Unchecked, ErrHidden.Error())
		}
	} else if state, err := k.Observe(plan.Request{}); err != nil {
		return f, errors.Join(failed, wrap("reading the kernel's state", err))
	} else {
		f.State = state
	}
	if unconfigured {
		f.Unconfigured, failed = r.ConfigFile(), nil
	}
	if err := readKernel(f, k); err != nil {
		failed = errors.Join(failed, wrap("reading the kernel's state", err))
	}
	r.readSurroundings(ctx, f)
	return f, errors.Join(failed, readConnections(ctx, f))
}

// joinTime is how long a connection that lacks a subflow, or has none, is looked
// at: the join may be under way.
const joinTime = time.Second

// readConnections lists the connections. Those that lack a subflow are listed
// again after a moment, and count only if they were there before.
func readConnections(ctx context.Context, f *doctor.Facts) error {
	connections, err := sockdiag.Connections()
	switch {
	case errors.Is(err, sockdiag.ErrNoMPTCPDiag):
		f.MissingDiag = "kmod-inet-mptcp-diag"
	case errors.Is(err, sockdiag.ErrNoTCPDiag):
		f.MissingDiag = "kmod-inet-diag"
	case err != nil:
		f.Unchecked = append(f.Unchecked, err.Error())
	}
	if Hidden(connections) {
		f.Unchecked = append(f.Unchecked, "subflows: this kernel lists them only for root")
		return nil
	}
	f.Connections = connections
	if !lacking(f) {
		return nil
	}
	select {
	case <-ctx.Done():
		return wrap("waiting for joins", ctx.Err())
	case <-time.After(joinTime):
	}
	older := make(map[uint32]bool)
	for i := range connections {
		older[connections[i].Token] = true
	}
	if connections, err = sockdiag.Connections(); err != nil {
		return wrap("listing the connections", err)
	}
	f.Connections = nil
	for i := range connections {
		if older[connections[i].Token] {
			f.Connections = append(f.Connections, connections[i])
		}
	}
	return nil
}

// Hidden reports whether the kernel has connections and shows no subflow of
// any: before Linux 6.15 it does so to who has no CAP_NET_ADMIN.
func Hidden(connections []sockdiag.Connection) bool {
	for i := range connections {
		if len(connections[i].Subflows) > 0 {
			return false
		}
	}
	return len(connections) > 0 && NeedNetAdmin() != nil
}

func lacking(f *doctor.Facts) bool {
	for _, one := range doctor.Examine(f) {
		if one.ID == doctor.LostSubflow || one.ID == doctor.NoSubflow || one.ID == doctor.BackupDiffers {
			return true
		}
	}
	return false
}
