// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/uci"
)

func newIfaceCmd(o *options) *cobra.Command {
	var save, reset, asJSON bool
	cmd := &cobra.Command{
		Use:   "iface [NAME [MODE]]",
		Short: "List, show or set the mode of an interface",
		Long: `Without MODE: lists the interfaces, or shows one. With MODE (` + strings.Join(config.Modes(), ", ") + `):
sets it until the next reboot, through every later event, and applies it at
once. --save makes it permanent, --reset drops what was set at run time.`,
		Args: cobra.MaximumNArgs(2),
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if !save && !reset && len(args) < 2 {
			return o.listIfaces(c.Context(), args, asJSON)
		}
		choice := modeChoice{save: save, reset: reset}
		switch {
		case len(args) == 0, reset && (save || len(args) > 1), save && len(args) < 2:
			return usage("usage: mptcpctl iface NAME MODE [--save], or mptcpctl iface NAME --reset")
		case len(args) == 2:
			if _, ok := config.ParseMode(args[1]); !ok {
				return usage("unknown mode %q: one of %s", args[1], strings.Join(config.Modes(), ", "))
			}
			choice.mode = args[1]
		}
		choice.name = args[0]
		return o.setIface(c.Context(), choice)
	}
	f := cmd.Flags()
	f.BoolVar(&save, "save", false, "set the mode for good: uci set and uci commit")
	f.BoolVar(&reset, "reset", false, "drop the mode that was set at run time")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return o.completeIface(c.Context(), args), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// completeIface offers interface names, then modes, to the shell.
func (o *options) completeIface(ctx context.Context, args []string) []string {
	if len(args) == 1 {
		return config.Modes()
	}
	cfg, err := o.readConfig(ctx)
	if err != nil || len(args) > 1 {
		return nil
	}
	var names []string
	for _, i := range cfg.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

// findIface is the section of that name, or a usage error.
func findIface(cfg *config.Config, file, name string) (config.Interface, error) {
	i, ok := cfg.Interface(name)
	if ok {
		return i, nil
	}
	if parent, dynamic := cfg.Dynamic(name); dynamic {
		return i, usage("interface %q has no section in %s: it follows %q, set that one", name, file, parent.From)
	}
	return i, usage("no interface %q in %s", name, file)
}

func (o *options) configFile() string { return filepath.Join(o.configDir, uciPackage) }

func (o *options) listIfaces(ctx context.Context, args []string, asJSON bool) error {
	cfg, err := o.readConfig(ctx)
	if err != nil {
		return err
	}
	list := cfg.Interfaces
	if len(args) == 1 {
		i, err := findIface(&cfg, o.configFile(), args[0])
		if err != nil {
			return err
		}
		list = []config.Interface{i}
	}
	if asJSON {
		return o.printJSON(ifacesJSON(list))
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tMODE\tFROM\tDEVICE")
	for _, i := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Name, modeText(i), dash(i.From), dash(i.Device))
	}
	return errors.Join(wrapFailed("writing the output", w.Flush()), (&view{cfg: cfg}).configProblems())
}

func modeText(i config.Interface) string {
	if i.Frozen {
		return "bad value"
	}
	return i.Mode.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ifacesJSON(list []config.Interface) *fastjson.Value {
	a := &fastjson.Arena{}
	items := a.NewArray()
	for n, i := range list {
		item := a.NewObject()
		item.Set("interface", a.NewString(i.Name))
		item.Set("mode", a.NewString(i.Mode.String()))
		item.Set("own", jsonBool(a, i.Own))
		item.Set("from", a.NewString(i.From))
		item.Set("frozen", jsonBool(a, i.Frozen))
		item.Set("device", a.NewString(i.Device))
		items.SetArrayItem(n, item)
	}
	doc := a.NewObject()
	doc.Set("interfaces", items)
	return doc
}

// modeChoice is what the user wants of one interface.
type modeChoice struct {
	name, mode  string
	save, reset bool
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
	if _, err := findIface(&cfg, o.configFile(), choice.name); err != nil {
		return err
	}
	if err := o.store(ctx, choice); err != nil {
		return err
	}
	r, err := o.reconcileLocked(ctx, lock)
	o.showRun(r)
	return err
}

func (o *options) store(ctx context.Context, choice modeChoice) error {
	source := o.source()
	if choice.save {
		if err := o.savePermanently(ctx, source, choice); err != nil {
			return exitError{exitFailed, err}
		}
	}
	if choice.save || choice.reset {
		return wrapFailed("dropping the runtime choice", source.UnsetState(ctx, uciPackage, choice.name, config.OptionMultipath))
	}
	return wrapFailed("noting the runtime choice", source.SetState(ctx, uciPackage, choice.name, config.OptionMultipath, choice.mode))
}

// savePermanently refuses to commit what somebody else has not yet committed.
func (o *options) savePermanently(ctx context.Context, source uci.Source, choice modeChoice) error {
	changes, err := source.Changes(ctx, uciPackage)
	if errors.Is(err, uci.ErrNoProgram) {
		return fmt.Errorf("--save needs uci, which is not here: put \"option multipath '%s'\" into the section '%s' of %s by hand",
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
