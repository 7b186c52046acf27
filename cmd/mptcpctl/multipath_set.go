// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// oldModes are the modes that the old tool can set. No other mode is a part of them.
const oldModes = "on, off, backup, handover"

// set sets the mode of the interfaces that decide about a device.
func (d *devices) set(ctx context.Context, name, word string) error {
	mode, ok := config.ParseMode(word)
	switch {
	case !ok || !strings.Contains(oldModes, word):
		return fmt.Errorf("unknown mode %q: expected one of %s", word, oldModes)
	case !slices.Contains(d.names, name):
		return fmt.Errorf("no network device %q", name)
	case !d.seen.Config.Globals.Multipath && mode != config.Off:
		return fmt.Errorf("multipath is switched off: set option multipath 'enable' in the section globals of %s", d.runner.ConfigFile())
	}
	owners := d.owners(name)
	if len(owners) == 0 {
		return fmt.Errorf("no interface has the device %s: set option device '%s' of one in %s", name, name, d.runner.ConfigFile())
	}
	// The old tool says nothing when all is well.
	quiet := *d.options
	quiet.out = io.Discard
	for _, owner := range owners {
		choice := modeChoice{name: owner, mode: word, whole: true}
		if mode == config.On {
			master, err := d.isMaster(ctx, owner)
			if err != nil {
				return err
			}
			choice.reset = master
		}
		if err := quiet.setIface(ctx, choice); err != nil {
			return err
		}
	}
	return nil
}

// owners are the interfaces that set the option of a device, or, if none does, the
// first one that can: the others on the device take its mode over.
func (d *devices) owners(name string) (owners []string) {
	lines := d.lines(name)
	for _, l := range lines {
		if l.Own {
			owners = append(owners, l.Name)
		}
	}
	if len(owners) == 0 && len(lines) > 0 {
		owners = []string{cmp.Or(lines[0].From, lines[0].Name)}
	}
	return owners
}

// isMaster reports whether the configuration, runtime choices left aside, makes an
// interface a master.
func (d *devices) isMaster(ctx context.Context, name string) (bool, error) {
	pkg, err := d.runner.Source().Saved(ctx, reconcile.Package)
	if err != nil {
		return false, err
	}
	return reconcile.Modes(pkg)[name] == config.Master.String(), nil
}
