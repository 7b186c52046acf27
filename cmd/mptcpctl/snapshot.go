// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/snapshot"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

func newSnapshotCmd(o *options) *cobra.Command {
	var redact bool
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Print the complete input of a plan as JSON",
		Long: `Prints a JSON document for a bug report or a test: "mptcpctl plan --from FILE"
makes the same plan from it on any machine, as any user.

It contains only the options that mptcpctl reads: no passwords, keys or user
names. --redact also masks addresses, each one always the same way: public ones
by 240.0.0.0/4 and 3fff::/20, unique local ones by fd00::/8, and the host part
of link-local ones, which may contain a hardware address. Private IPv4 addresses
and all names are kept.`,
		Example: `  mptcpctl snapshot --redact >snapshot.json
  mptcpctl plan --from snapshot.json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		s, err := o.takeSnapshot(c.Context())
		if err == nil && redact {
			err = wrapFailed("masking the addresses", s.Redact())
		}
		if err != nil {
			return err
		}
		return o.printf("%s", snapshot.Encode(&s))
	}
	cmd.Flags().BoolVar(&redact, "redact", false, "mask addresses")
	return cmd
}

// takeSnapshot looks as plan does. It plans to see that a plan can be made.
func (o *options) takeSnapshot(ctx context.Context) (snapshot.Snapshot, error) {
	h := o.peekHint()
	v, err := o.newView(ctx)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	k, err := openKernel()
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	defer k.Close()
	if err := v.plan(k, request{hint: h}); err != nil {
		return snapshot.Snapshot{}, err
	}
	s := snapshot.Snapshot{
		Program: version, Release: kernel.Release(),
		File: o.configFile(), Config: snapshot.Keep(v.pkg),
		Netifd: v.netifd, Interfaces: v.known, State: v.state,
		HintKnown: h.known, LastID: h.lastID, Tables: h.tables,
		Privileged: needNetAdmin() == nil,
	}
	for _, i := range v.cfg.Interfaces {
		if i.Saved != config.Off && i.Own {
			s.Saved = append(s.Saved, snapshot.SavedMode{Interface: i.Name, Mode: i.Saved.String()})
		}
	}
	for _, w := range v.pkg.Warnings {
		s.Complaints = append(s.Complaints, snapshot.Complaint(w.String()))
	}
	if !v.state.SubflowsAsked {
		s.State.Subflows, s.State.SubflowsKnown, err = kernel.Subflows()
	}
	return s, wrapFailed("listing the subflows", err)
}

// replay makes the view that plan had when the snapshot in a file was taken,
// "-" for the standard input. It asks nothing of this machine.
func (o *options) replay(file string) (*view, error) {
	s, err := o.readSnapshot(file)
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	pkg, err := uci.Parse(uciPackage, []byte(s.Config))
	if err != nil {
		return nil, usage("%s: config: %w", file, err)
	}
	for _, text := range s.Complaints {
		pkg.Warnings = append(pkg.Warnings, uci.Warning{Text: text})
	}
	v := &view{pkg: pkg, netifd: s.Netifd, known: s.Interfaces, state: s.State}
	if v.cfg, err = parseConfig(s.File, pkg, s.Release); err != nil {
		return nil, usage("%s: config: %w", file, err)
	}
	for _, saved := range s.Saved {
		if mode, ok := config.ParseMode(saved.Mode); ok {
			v.cfg.SetSaved(saved.Interface, mode)
		}
	}
	subflows, known := v.state.Subflows, v.state.SubflowsKnown
	v.state.Subflows, v.state.SubflowsKnown = nil, false
	return v, v.decide(plan.Resolve(&v.cfg, v.known), request{hint: hint{lastID: s.LastID}},
		func() ([]plan.Subflow, bool, error) { return subflows, known, nil })
}

func (o *options) readSnapshot(file string) (snapshot.Snapshot, error) {
	from := o.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return snapshot.Snapshot{}, errors.Unwrap(err) // the name is said by the caller
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, snapshot.MaxSize+1))
	if err != nil {
		return snapshot.Snapshot{}, fmt.Errorf("reading: %w", err)
	}
	return snapshot.Decode(data)
}
