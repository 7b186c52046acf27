// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
)

func newCountersCmd(o *options) *cobra.Command {
	var c counters
	var since string
	cmd := &cobra.Command{
		Use:   "counters",
		Short: "Show the kernel's MPTCP counters, grouped by question",
		Long: `Shows the MPTcpExt counters of /proc/net/netstat that are not 0. They start at 0
with the network namespace.`,
		Example: `  mptcpctl counters
  mptcpctl counters --json >before
  mptcpctl counters --since before   # what has been counted since`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.showCounters(c, since) },
	}
	f := cmd.Flags()
	f.BoolVar(&c.all, "all", false, "include counters that are 0")
	f.BoolVar(&c.asJSON, "json", false, "print JSON, with all counters")
	f.StringVar(&since, "since", "", "show the difference to a `file` written with --json")
	return cmd
}

// counters are what is shown, and how.
type counters struct {
	list        []mptcp.Counter
	all, asJSON bool
	since       string // the file with the earlier counts; empty: none
	anew        bool   // the counters were reset after those
}

func (o *options) showCounters(c counters, since string) (err error) {
	c.list, err = mptcp.Counters()
	if errors.Is(err, mptcp.ErrNotSupported) {
		return exitError{exitNoMPTCP, errors.New("this kernel has no MPTCP counters: it does not support Multipath TCP")}
	}
	if err != nil {
		return err
	}
	if since != "" {
		old, err := readCounters(since)
		if err != nil {
			return usage("--since %s: %w", since, err)
		}
		c.subtract(since, old)
	}
	if c.anew {
		o.warn([]string{since + " is older than the counters, which were reset (by a reboot?): the full counts are shown"})
	}
	if c.asJSON {
		return o.printJSON(c.json())
	}
	return o.printf("%s", c.text())
}

// gauge is the one value that does not count up.
const gauge = "MPCurrEstab"

// subtract leaves what was counted after the earlier counts. If a counter is smaller
// than it was, all of them have been reset.
func (c *counters) subtract(file string, old map[string]uint64) {
	c.since = file
	for _, n := range c.list {
		if n.Name != gauge && n.Value < old[n.Name] {
			c.anew = true
			return
		}
	}
	for i := range c.list {
		if n := &c.list[i]; n.Name != gauge {
			n.Value -= old[n.Name]
		}
	}
}

// json is what counters --json prints: "counters", an object of the kernel's
// names and values. With --since there are "since", the file, and "anew", true if
// the counters were reset, so that the values are not a difference.
func (c *counters) json() *fastjson.Value {
	a := &fastjson.Arena{}
	values := a.NewObject()
	for _, n := range c.list {
		values.Set(n.Name, a.NewNumberString(uint64Text(n.Value)))
	}
	doc := a.NewObject()
	doc.Set("counters", values)
	if c.since != "" {
		doc.Set("since", a.NewString(c.since))
		doc.Set("anew", jsonBool(a, c.anew))
	}
	return doc
}
