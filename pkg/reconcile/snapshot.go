// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"context"
	"fmt"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/snapshot"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// Snapshot observes as a run does. It plans to see that a plan can be made. The
// version is that of the program.
func (r *Runner) Snapshot(ctx context.Context, version string) (snapshot.Snapshot, error) {
	k, err := openKernel()
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	defer k.Close()
	o, err := r.Observe(ctx, k, Request{})
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	if o.Config.Hidden {
		return snapshot.Snapshot{}, ErrHidden
	}
	s := snapshot.Snapshot{
		Program: version, Release: kernel.Release(),
		File: r.ConfigFile(), Config: snapshot.Keep(o.Package),
		Netifd: o.Netifd, Interfaces: o.Interfaces, State: o.State,
		HintKnown: o.hint.known, LastID: o.hint.lastID, Tables: o.hint.tables, Laminar: o.hint.laminar,
		Privileged: NeedNetAdmin() == nil,
	}
	for _, i := range o.Config.Interfaces {
		if i.Saved != config.Off && i.Own {
			s.Saved = append(s.Saved, snapshot.SavedMode{Interface: i.Name, Mode: i.Saved.String()})
		}
	}
	for _, w := range o.Package.Warnings {
		s.Warnings = append(s.Warnings, snapshot.Warning(w.String()))
	}
	if !o.State.SubflowsAsked {
		s.State.Subflows, s.State.SubflowsKnown, err = Subflows()
	}
	return s, wrap("listing the subflows", err)
}

// Replay is what Observe found when a snapshot was taken. It asks nothing of this
// machine.
func Replay(s *snapshot.Snapshot) (*Observation, error) {
	pkg, err := uci.Parse(Package, []byte(s.Config))
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	for _, text := range s.Warnings {
		pkg.Warnings = append(pkg.Warnings, uci.Warning{Text: text})
	}
	o := &Observation{Package: pkg, Netifd: s.Netifd, Interfaces: s.Interfaces, State: s.State}
	if o.Config, err = parseConfig(s.File, pkg); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	words := make(map[string]string)
	for _, saved := range s.Saved {
		if _, ok := config.ParseMode(saved.Mode); ok {
			words[saved.Interface] = saved.Mode
		}
	}
	o.Config.SetSaved(words)
	subflows, known := o.State.Subflows, o.State.SubflowsKnown
	o.State.Subflows, o.State.SubflowsKnown = nil, false
	return o, o.decide(plan.Resolve(&o.Config, o.Interfaces), Request{
		hint:     hint{lastID: s.LastID, laminar: s.Laminar},
		Subflows: func() ([]plan.Subflow, bool, error) { return subflows, known, nil },
	})
}
