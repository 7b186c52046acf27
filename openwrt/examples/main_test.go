// SPDX-License-Identifier: Apache-2.0

// Package examples tries the examples beside it: their own files, on the real
// kernel and with the real programs, in a lab in which a LAN host that knows
// nothing of Multipath TCP reaches a far host.
package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain lets the test binary be the stand-ins for ubus and uci too.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "ubus":
		os.Exit(netlab.UbusMain())
	case probeName:
		os.Exit(probeMain())
	case "uci":
		os.Exit(netlab.UciMain())
	}
	os.Exit(userns.Tests(withProgram{m}).Run())
}

// withProgram runs the tests with mptcpctl, newly built, at the path in programVariable.
type withProgram struct{ *testing.M }

// programVariable names the environment variable in which the tests find mptcpctl.
const programVariable = "EXAMPLES_MPTCPCTL"

func (w withProgram) Run() int {
	dir, err := os.MkdirTemp("", "examples-bin-")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // in /tmp
	program := filepath.Join(dir, "mptcpctl")
	build := exec.Command("go", "build", "-o", program, "github.com/mptcpctl/mptcpctl/cmd/mptcpctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("%w\n%s", err, text))
	}
	if err := os.Setenv(programVariable, program); err != nil {
		return complain(err)
	}
	return w.M.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
