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
		Short: "List, show or set the mode of an interface, or heal it",
		Long: `Without MODE: lists the interfaces, or shows one. With MODE (` + strings.Join(config.Modes(), ", ") + `):
sets it until the next reboot, through every later event, and applies it at
once. --save makes it permanent, --reset drops what was set at run time.

heal brings back subflows that died while the line was out: the kernel tries a
join only once. It gives the line's endpoint a new id, which interrupts the
subflows that live there, and refuses where a connection has no other that works.

` + wordHelp + `
A mode is then set for the one that the other follows.`,
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
	f.BoolVar(&yes, "yes", false, "heal: do not ask")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
