// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain lets the test binary be the program and the stand-ins too, each by
// the name under which it is called.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "mptcpctl", multipathName:
		main()
	case netlab.CrowdName:
		os.Exit(netlab.CrowdMain())
	case obstructedName:
		os.Exit(obstructedMain())
	case "ubus":
		os.Exit(netlab.UbusMain())
	case "uci":
		os.Exit(netlab.UciMain())
	}
	os.Exit(userns.Tests(withProgram{m}).Run())
}

// withProgram runs the tests with mptcpctl on the PATH. The stand-ins are not:
// there are labs without.
type withProgram struct{ *testing.M }

func (w withProgram) Run() int {
	dir, err := os.MkdirTemp("", "mptcpctl-bin-")
	if err != nil {
		return complain(err)
	}
	self, err := os.Executable()
	err = errors.Join(err, os.Symlink(self, filepath.Join(dir, "mptcpctl")),
		os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")))
	if err != nil {
		return complain(errors.Join(err, os.RemoveAll(dir)))
	}
	code := w.M.Run()
	if err := os.RemoveAll(dir); err != nil {
		return complain(err)
	}
	return code
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
