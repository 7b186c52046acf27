// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// offers are the words that the shell is offered, each once, except those that are on
// the command line already.
type offers struct {
	words []string
	known map[string]bool
}

func newOffers(args []string) *offers {
	o := &offers{known: make(map[string]bool)}
	for _, arg := range args {
		o.known[arg] = true
	}
	return o
}

func (o *offers) add(word string) {
	if word != "" && !strings.HasPrefix(word, "@") && !o.known[word] {
		o.known[word] = true
		o.words = append(o.words, word)
	}
}

func (o *offers) done() ([]string, cobra.ShellCompDirective) {
	return o.words, cobra.ShellCompDirectiveNoFileComp
}

// nameOffers are the names of the interfaces, then those of their devices. The lines
// are those of both; without netifd, of the configuration.
func (o *options) nameOffers(c *cobra.Command, args []string) (names *offers, lines []*plan.Line) {
	names = newOffers(args)
	cfg, err := o.runner.Config(c.Context())
	if err != nil {
		return names, nil
	}
	if lines, err = o.interfaces(c.Context(), &cfg); err != nil {
		lines = nil
		for _, l := range plan.Resolve(&cfg, nil) {
			lines = append(lines, &l)
		}
	}
	for _, l := range lines {
		names.add(l.Name)
	}
	for _, l := range lines {
		names.add(l.Interface.Device)
		names.add(l.Device)
	}
	return names, lines
}

// completeNames offers the names of interfaces and devices.
func (o *options) completeNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names, _ := o.nameOffers(c, args)
	return names.done()
}

// completeIface offers a name, then modes.
func (o *options) completeIface(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return o.completeNames(c, args, word)
	case len(args) > 1 || c.Flags().Changed("reset"):
		return cobra.NoFileCompletions(c, args, word)
	}
	return append(config.Modes(), heal), cobra.ShellCompDirectiveNoFileComp
}

// completeExplain offers a name, a table or an address.
func (o *options) completeExplain(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return cobra.NoFileCompletions(c, args, word)
	}
	names, lines := o.nameOffers(c, args)
	for _, l := range lines {
		for _, f := range plan.Families {
			if l.Participates() {
				names.add(strconv.FormatUint(uint64(l.Tables[f]), 10))
			}
		}
		for _, a := range l.Netifd.Addresses {
			names.add(a.Prefix.Addr().String())
		}
	}
	return names.done()
}

// completeDevices offers a device, then a mode.
func completeDevices(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	names := &offers{}
	switch len(args) {
	case 0:
		devices, _ := deviceNames() // what cannot be read is not offered
		names.words = devices
	case 1:
		names.words = strings.Split(oldModes, ", ")
	}
	return names.done()
}

// completeNothing keeps the names of files out of the values of flags.
func completeNothing(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions) // it fails where there is no such flag
	}
}
