// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/snapshot"
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
as 240.0.0.0/4 and 3fff::/20, unique local ones as fd00::/8, and the host part
of link-local ones, which may contain a hardware address. Private IPv4 addresses
and all names are kept.`,
		Example: `  mptcpctl snapshot --redact >snapshot.json
  mptcpctl plan --from snapshot.json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		s, err := o.runner.Snapshot(c.Context(), version)
		if err == nil && redact {
			err = wrap("masking the addresses", s.Redact())
		}
		if err != nil {
			return err
		}
		return o.printf("%s", snapshot.Encode(&s))
	}
	cmd.Flags().BoolVar(&redact, "redact", false, "mask addresses")
	return cmd
}

// replay is what plan found when the snapshot in a file was taken, "-" for the
// standard input. It asks nothing of this machine.
func (o *options) replay(file string) (*reconcile.Observation, error) {
	s, err := o.readSnapshot(file)
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	seen, err := reconcile.Replay(&s)
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	return seen, nil
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
