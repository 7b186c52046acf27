// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRootCmd makes the command line. If asked is the name of a command, only that
// one is made: an event does not pay for the others.
func newRootCmd(s streams, asked string) *cobra.Command {
	o := newOptions(s)
	root := &cobra.Command{
		Use:   "mptcpctl",
		Short: "Manage policy routing and Multipath TCP on a router with several WAN lines",
		Long: `mptcpctl manages policy rules, a routing table for each WAN line, and the
kernel's MPTCP endpoints. A run reads the UCI configuration "network", netifd
and the kernel, applies the difference, and exits.

Exit codes: 0 done, 1 an operation failed, 2 usage, 3 configuration, 4 no MPTCP
path manager, 5 changes pending (plan --exit-code), 6 findings (doctor), 7 a
line failed (test), 75 lock held.`,
		Example: `  mptcpctl status              # what each line does
  mptcpctl iface wan2 backup   # set a mode until the next reboot
  mptcpctl doctor              # what is wrong, and how to fix it`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetOut(&checkedWriter{Writer: s.out})
	root.SetErr(s.err)
	f := root.PersistentFlags()
	for _, g := range o.globalFlags() {
		f.Var(g.value, g.name, g.usage)
		flag := f.Lookup(g.name)
		flag.Hidden = g.hidden
		if g.alone() {
			flag.NoOptDefVal = switchedOn
		}
	}
	completeNothing(root, "lock-timeout")
	for _, c := range commands() {
		if c.name == asked {
			root.CompletionOptions.DisableDefaultCmd = true
			root.AddCommand(o.withExitCodes(c.make(o)))
			return root
		}
	}
	for _, c := range commands() {
		root.AddCommand(o.withExitCodes(c.make(o)))
	}
	refuseOtherShells(root)
	refuseOtherTopics(root)
	return root
}

type named struct {
	name string
	make func(*options) *cobra.Command
}

func commands() []named {
	return []named{
		{"apply", newApplyCmd}, {"connections", newConnectionsCmd}, {"counters", newCountersCmd}, {"doctor", newDoctorCmd},
		{"explain", newExplainCmd}, {"flush", newFlushCmd}, {hotplugName, newHotplugCmd}, {"iface", newIfaceCmd},
		{"monitor", newMonitorCmd}, {multipathName, newMultipathCmd}, {"plan", newPlanCmd}, {"rpcd", newRpcdCmd}, {settleName, newSettleCmd},
		{"snapshot", newSnapshotCmd}, {"status", newStatusCmd}, {"test", newTestCmd}, {"version", newVersionCmd}, {"watch", newWatchCmd},
	}
}

// refuseOtherTopics makes "help" with an unknown command an error; cobra would show
// the help of the root.
func refuseOtherTopics(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Show the help of a command",
		Example: `  mptcpctl help iface
  mptcpctl iface --help   # the same`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range root.Commands() {
				if len(args) == 0 && c.IsAvailableCommand() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no command %q to help with", strings.Join(args, " "))
			}
			return c.Help()
		},
	})
}

// refuseOtherShells makes "completion" with an unknown shell an error; cobra would
// show its help.
func refuseOtherShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
			c.Example = `  eval "$(mptcpctl completion bash)"   # in this shell
  mptcpctl completion zsh --help       # how to install it`
		}
	}
}
