// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/mptcp"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// devices are the network devices of the namespace with the lines on them.
type devices struct {
	*options
	seen  *reconcile.Observation
	names []string
}

// deviceNames are all network devices, in the kernel's order: in /proc/net/dev, below
// two lines of headings, each ends with a colon, which no name may contain.
func deviceNames() ([]string, error) {
	b, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		return nil, mptcp.OfProc(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		if name, _, found := strings.Cut(line, ":"); found {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names, nil
}

// list prints the phrases. Scripts parse them, so not a letter may change.
func (d *devices) list(names []string) error {
	for _, name := range names {
		if err := d.printf("%s %s\n", name, d.phrase(name)); err != nil {
			return err
		}
	}
	return nil
}

// phrase is that of the mode that claims first, where several interfaces are on the
// device.
func (d *devices) phrase(name string) string {
	first := config.Off
	for _, l := range d.lines(name) {
		if d.seen.Config.Globals.Multipath && l.Participates() && (first == config.Off || l.Mode.Claims() < first.Claims()) {
			first = l.Mode
		}
	}
	return first.Phrase()
}

func (d *devices) lines(name string) (on []*plan.LineUse) {
	for i := range d.seen.Result.Lines {
		if l := &d.seen.Result.Lines[i]; l.Device == name {
			on = append(on, l)
		}
	}
	return on
}

func (d *devices) one(name string) error {
	if !slices.Contains(d.names, name) {
		return fmt.Errorf("no network device %q", name)
	}
	for _, l := range d.lines(name) {
		if l.Frozen {
			return reconcile.Problems(&d.seen.Config)
		}
	}
	return d.list([]string{name})
}
