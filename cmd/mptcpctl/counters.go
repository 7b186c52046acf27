// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/sockdiag"
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
	now         openConnections
}

// openConnections are the connections of this moment.
type openConnections struct {
	known        bool
	mptcp, plain int
}

func (o *options) showCounters(c counters, since string) (err error) {
	c.list, err = mptcp.Counters()
	if errors.Is(err, mptcp.ErrNotSupported) {
		return &exitError{exitNoMPTCP, errors.New("this kernel has no MPTCP counters: it does not support Multipath TCP")}
	}
	if err != nil {
		return err
	}
	if c.now, err = countConnections(); err != nil {
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

// countConnections lists them, since the kernel's own count tells MPTCP and plain TCP
// not apart: a connection that falls back stays in it.
func countConnections() (now openConnections, err error) {
	err = sockdiag.Each(func(c sockdiag.Connection) error {
		switch {
		case c.State == sockdiag.SynSent || c.State == sockdiag.SynRecv:
		case c.Fallback:
			now.plain++
		default:
			now.mptcp++
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return now, nil // this kernel cannot list them
	}
	now.known = true
	return now, err
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
// names and values, and "connections", how many there are now that are "mptcp" and
// "plain_tcp", null where the kernel cannot list them. With --since there are "since", the file, and "anew", true if
// the counters were reset, so that the values are not a difference.
func (c *counters) json() *fastjson.Value {
	a := &fastjson.Arena{}
	values := a.NewObject()
	for _, n := range c.list {
		values.Set(n.Name, a.NewNumberString(uint64Text(n.Value)))
	}
	doc := a.NewObject()
	doc.Set("counters", values)
	open := a.NewNull()
	if c.now.known {
		open = a.NewObject()
		open.Set("mptcp", a.NewNumberInt(c.now.mptcp))
		open.Set("plain_tcp", a.NewNumberInt(c.now.plain))
	}
	doc.Set("connections", open)
	if c.since != "" {
		doc.Set("since", a.NewString(c.since))
		doc.Set("anew", jsonBool(a, c.anew))
	}
	return doc
}
