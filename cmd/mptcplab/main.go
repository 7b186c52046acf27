// SPDX-License-Identifier: Apache-2.0

// Command mptcplab builds a laboratory for Multipath TCP in network namespaces of
// this machine, as root or as anybody: a router with several lines to the
// internet, a far server, and if asked for a LAN host. `mptcplab shell` opens a
// shell on the router; in it, mptcplab breaks and mends lines and carries bytes.
//
// Called as `ubus` or `uci` it is the stand-in for OpenWrt's program of that name.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "ubus":
		os.Exit(netlab.UbusMain())
	case "uci":
		os.Exit(netlab.UciMain())
	}
	os.Exit(mainCode(os.Args[1:], os.Stdout, os.Stderr))
}

// mainCode runs one command and returns its exit code: that of the program that
// ran in the lab, or 1 with a line on stderr.
func mainCode(args []string, out, problems io.Writer) int {
	root := newRootCmd()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(problems)
	err := root.Execute()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(problems, "mptcplab:", err)
	return 1
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "mptcplab",
		Short:         "A laboratory for Multipath TCP in network namespaces",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRunCmd(), newShellCmd(), newDemoCmd(), newTransferCmd(), newLinesCmd(), newEventsCmd(), newHotplugCmd())
	root.AddCommand(newFaultCmds()...)
	return root
}

// openLab attaches to the lab that this process runs in.
func openLab() (*netlab.Lab, error) {
	dir := os.Getenv(netlab.DirVariable)
	if dir == "" {
		return nil, fmt.Errorf("not in a lab: %s is not set (start one with: mptcplab shell)", netlab.DirVariable)
	}
	return netlab.Open(dir)
}

// inLab runs f with the lab that this process runs in.
func inLab(f func(*netlab.Lab) error) error {
	lab, err := openLab()
	if err != nil {
		return err
	}
	return errors.Join(f(lab), lab.Close())
}
