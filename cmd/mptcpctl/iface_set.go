// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

// modeChoice is what the user wants of one interface.
type modeChoice struct {
	name, mode  string // the name, or the device
	save, reset bool
	asJSON      bool // of what was done
	whole       bool // the other sections on the device are set too
}

// setIface notes the choice and applies it, under one lock.
func (o *options) setIface(ctx context.Context, choice modeChoice) error {
	lock, err := o.runner.Lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := o.choose(ctx, &choice); err != nil {
		return err
	}
	outcome, err := o.runner.RunLocked(ctx, lock, reconcile.Request{})
	// Before anything is printed: who reads it may have stopped.
	_ = lock.Release()
	if !choice.whole {
		outcome.Warnings = append(outcome.Warnings, otherHalf(outcome.Result.Lines, choice)...)
	}
	return errors.Join(err, outcome.Problems, o.showRun(outcome, choice.asJSON))
}

// choose notes the choice, and fills in the name of the section.
func (o *options) choose(ctx context.Context, choice *modeChoice) error {
	cfg, err := o.runner.Config(ctx)
	if errors.Is(err, uci.ErrState) && choice.reset {
		if err := o.removeState(ctx); err != nil {
			return err
		}
		cfg, err = o.runner.Config(ctx)
	}
	if err != nil {
		return err
	}
	if choice.name, err = o.oneSection(ctx, &cfg, choice.name, true); err != nil {
		return err
	}
	return o.store(ctx, *choice)
}

// removeState removes what cannot be a file of runtime choices.
func (o *options) removeState(ctx context.Context) error {
	removed, err := o.runner.Source().RemoveState(ctx, reconcile.Package)
	if removed != "" {
		o.warn([]string{removed + " was not a file of runtime choices, and has been removed"})
	}
	return err
}

func (o *options) store(ctx context.Context, choice modeChoice) error {
	source := o.runner.Source()
	if choice.save {
		if err := o.savePermanently(ctx, source, choice); err != nil {
			return err
		}
	}
	if choice.save || choice.reset {
		return wrap("removing the runtime mode", source.UnsetState(ctx, reconcile.Package, choice.name, config.OptionMultipath))
	}
	return wrap("storing the runtime mode", source.SetState(ctx, reconcile.Package, choice.name, config.OptionMultipath, choice.mode))
}

// savePermanently refuses to commit uncommitted changes of another program, and into a
// file that is not permanent.
func (o *options) savePermanently(ctx context.Context, source uci.Source, choice modeChoice) error {
	if path, override := source.File(reconcile.Package); override {
		return errors.New("--save would write into " + path + ", which is lost with a reboot: remove it first")
	}
	changes, err := source.Changes(ctx, reconcile.Package)
	if errors.Is(err, uci.ErrNoProgram) {
		return fmt.Errorf("--save needs uci, which is not installed: write \"option multipath '%s'\" into the section '%s' of %s",
			choice.mode, choice.name, o.runner.ConfigFile())
	}
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		return fmt.Errorf("uncommitted changes in %s would be committed too: %s; commit or revert them first",
			reconcile.Package, strings.Join(changes, ", "))
	}
	return source.Commit(ctx, reconcile.Package, choice.name, config.OptionMultipath, choice.mode)
}
