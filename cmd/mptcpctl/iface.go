// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

func newIfaceCmd(o *options) *cobra.Command {
	var save, reset, asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "iface [NAME [MODE|heal]]",
		Short: "List interfaces, set the mode of one, or heal one",
		Long: `Without MODE: lists the interfaces, or one of them. With MODE
(` + strings.Join(config.Modes(), ", ") + `): applies it at once and keeps it
until the next reboot. --save makes it permanent, --reset returns to the saved
mode.

heal restores subflows that were lost in an outage; the kernel itself tries each
join only once. It gives the line's endpoint a new id, which interrupts live
subflows there; it refuses if a connection has no other working subflow.

` + wordHelp + `
A mode is then set for the section that the other one follows.`,
		Example: `  mptcpctl iface wan2 backup
  mptcpctl iface wan2 backup --save
  mptcpctl iface wan2 heal`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: o.completeIface,
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		healing := len(args) == 2 && args[1] == heal
		switch {
		case healing && !save && !reset && !asJSON:
			return o.healIface(c.Context(), args[0], yes)
		case healing || yes:
			return usage("usage: mptcpctl iface NAME heal [--yes]")
		}
		if !save && !reset && len(args) < 2 {
			return o.listIfaces(c.Context(), args, asJSON)
		}
		choice := modeChoice{save: save, reset: reset, asJSON: asJSON}
		switch {
		case len(args) == 0, reset && (save || len(args) > 1), save && len(args) < 2:
			return usage("usage: mptcpctl iface NAME MODE [--save], or mptcpctl iface NAME --reset")
		case len(args) == 2:
			if _, ok := config.ParseMode(args[1]); !ok {
				return usage("unknown mode %q: expected one of %s", args[1], strings.Join(config.Modes(), ", "))
			}
			choice.mode = args[1]
		}
		choice.name = args[0]
		return o.setIface(c.Context(), choice)
	}
	f := cmd.Flags()
	f.BoolVar(&save, "save", false, "make the mode permanent (uci set, uci commit)")
	f.BoolVar(&reset, "reset", false, "return to the saved mode")
	f.BoolVar(&yes, "yes", false, "heal without asking")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
