// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mptcpctl/mptcpctl/pkg/config"
)

// completeNames offers the names of interfaces and devices to the shell, except
// those that are on the command line already.
func (o *options) completeNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := o.runner.Config(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	offer := func(name string) {
		if name != "" && !strings.HasPrefix(name, "@") && !slices.Contains(names, name) && !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	for _, i := range cfg.Interfaces {
		offer(i.Name)
	}
	for _, i := range cfg.Interfaces {
		offer(i.Device)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeName offers one name.
func (o *options) completeName(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.completeNames(c, args, word)
}

// completeIface offers a name, then modes.
func (o *options) completeIface(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return append(config.Modes(), heal), cobra.ShellCompDirectiveNoFileComp
	}
	return o.completeName(c, args, word)
}
