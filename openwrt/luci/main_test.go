// SPDX-License-Identifier: Apache-2.0

// Package luci tests the LuCI page: in "make test" that it asks LuCI's modules for nothing
// that they do not have, and in "make e2e" what it does in a browser.
package luci

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// app is the package of the page.
const app = "../luci-app-mptcpctl"

// TestMain lets the test binary be the lab's programs too.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "ubus":
		os.Exit(netlab.UbusMain())
	case "uci":
		os.Exit(netlab.UciMain())
	case netlab.CrowdName:
		os.Exit(netlab.CrowdMain())
	}
	os.Exit(userns.Tests(withProgram{m}).Run())
}
