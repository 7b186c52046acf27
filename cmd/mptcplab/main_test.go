// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mptcpctl/mptcpctl/pkg/netlab"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mptcplab": func() { os.Exit(mainCode(os.Args[1:], os.Stdout, os.Stderr)) },
		"ubus":     func() { os.Exit(netlab.UbusMain()) },
		"uci":      func() { os.Exit(netlab.UciMain()) },
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

func TestSizesAndRatesAreRead(t *testing.T) {
	for _, c := range []struct {
		text        string
		bits, bytes uint64
	}{
		{text: "20mbit", bits: 20_000_000},
		{text: "512kbit", bits: 512_000},
		{text: "500", bytes: 500},
		{text: "64k", bytes: 64_000},
		{text: "20M", bytes: 20_000_000},
		{text: "2G", bytes: 2_000_000_000},
		{text: "mbit"}, {text: ""}, {text: "20 M"}, {text: "-1M"},
	} {
		bits, bitsErr := parseBits(c.text)
		bytes, bytesErr := parseBytes(c.text)
		got := []any{bits, bitsErr == nil, bytes, bytesErr == nil}
		if diff := cmp.Diff([]any{c.bits, c.bits > 0, c.bytes, c.bytes > 0}, got); diff != "" {
			t.Errorf("%q: -want +got\n%s", c.text, diff)
		}
	}
}
