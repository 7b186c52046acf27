// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mptcpctl/mptcpctl/pkg/netlab/userns"
)

// TestMain lets the test binary be the stand-ins too.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "ubus":
		os.Exit(UbusMain())
	case "uci":
		os.Exit(UciMain())
	}
	os.Exit(userns.Tests(m).Run())
}

// newLab builds a lab that ends with the test.
func newLab(t *testing.T, c Config) *Lab {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// limited returns a context that ends well before the test binary's own limit.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
