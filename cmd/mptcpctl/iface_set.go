// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
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
	lock, err := o.enter(ctx)
	if err != nil {
		return err
	}
	defer lock.release()
	cfg, err := o.readConfig(ctx)
	if err != nil {
		return err
	}
	if choice.name, err = o.oneSection(ctx, &cfg, choice.name, true); err != nil {
		return err
	}
	if err := o.store(ctx, choice); err != nil {
		return err
	}
	r, err := o.reconcileLocked(ctx, lock, request{})
	if !choice.whole {
		r.warnings = append(r.warnings, otherHalf(r.result.Lines, choice)...)
	}
	return worst(err, o.showRun(r, choice.asJSON))
}

func (o *options) store(ctx context.Context, choice modeChoice) error {
	source := o.source()
	if choice.save {
		if err := o.savePermanently(ctx, source, choice); err != nil {
			return exitError{exitFailed, err}
		}
	}
	if choice.save || choice.reset {
		return wrapFailed("removing the runtime mode", source.UnsetState(ctx, uciPackage, choice.name, config.OptionMultipath))
	}
	return wrapFailed("storing the runtime mode", source.SetState(ctx, uciPackage, choice.name, config.OptionMultipath, choice.mode))
}

// savePermanently refuses to commit what somebody else has not yet committed.
func (o *options) savePermanently(ctx context.Context, source uci.Source, choice modeChoice) error {
	changes, err := source.Changes(ctx, uciPackage)
	if errors.Is(err, uci.ErrNoProgram) {
		return fmt.Errorf("--save needs uci, which is not installed: write \"option multipath '%s'\" into the section '%s' of %s",
			choice.mode, choice.name, o.configFile())
	}
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		return fmt.Errorf("uncommitted changes in %s would be committed too: %s; commit or revert them first",
			uciPackage, strings.Join(changes, ", "))
	}
	return source.Commit(ctx, uciPackage, choice.name, config.OptionMultipath, choice.mode)
}
