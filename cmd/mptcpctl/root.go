// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// newRootCmd makes the command line. If asked is the name of a command, that one is
// all it knows: an event pays for no help text of others.
func newRootCmd(s streams, asked string) *cobra.Command {
	o := &options{streams: s}
	o.runner.StartSettle = o.startSettle
	root := &cobra.Command{
		Use:   "mptcpctl",
		Short: "Keeps routing and Multipath TCP true for every line of a router",
		Long: `mptcpctl keeps policy rules, one routing table per line and the kernel's MPTCP
endpoints true. It reads the configuration (UCI package "network"), asks netifd
and the kernel what is there, applies the difference, and exits.

Exit codes: 0 done, 1 an operation failed, 2 usage, 3 configuration, 4 no MPTCP
path manager, 5 changes pending (plan --exit-code), 6 findings (doctor), 75 the
lock is held.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	f := root.PersistentFlags()
	f.StringVar(&o.runner.ConfigDir, "config-dir", "/etc/config", "directory of the UCI `configuration`")
	f.StringVar(&o.runner.StateDir, "state-dir", "", "`directory` of runtime choices (default /var/state, or /run/mptcpctl where that is missing)")
	f.StringVar(&o.runner.LockFile, "lock", "/var/lock/mptcpctl.lock", "lock `file`")
	f.DurationVar(&o.runner.LockTimeout, "lock-timeout", 30*time.Second, "how long to wait for the lock")
	f.StringVar(&o.syslog, "syslog-socket", "/dev/log", "`socket` of the system log")
	f.Lookup("syslog-socket").Hidden = true
	for _, c := range commands() {
		if c.name == asked {
			root.CompletionOptions.DisableDefaultCmd = true
			root.AddCommand(withExitCodes(c.make(o)))
			return root
		}
	}
	for _, c := range commands() {
		root.AddCommand(withExitCodes(c.make(o)))
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
		{"explain", newExplainCmd}, {"flush", newFlushCmd}, {"hotplug", newHotplugCmd}, {"iface", newIfaceCmd},
		{"monitor", newMonitorCmd}, {multipathName, newMultipathCmd}, {"plan", newPlanCmd}, {"settle", newSettleCmd},
		{"snapshot", newSnapshotCmd}, {"status", newStatusCmd}, {"version", newVersionCmd}, {"watch", newWatchCmd},
	}
}

// refuseOtherTopics lets "help" with the name of no command be an error: cobra
// shows the help instead.
func refuseOtherTopics(root *cobra.Command) {
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no command %q to help with", strings.Join(args, " "))
			}
			return c.Help()
		},
	})
}

// refuseOtherShells lets "completion" with the name of no shell that it knows be
// an error: cobra shows the help instead.
func refuseOtherShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
}
