// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/netifd"
	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// interfaces are those of the configuration and those that netifd made, with their
// devices. Without netifd the configuration has to do.
func (o *options) interfaces(ctx context.Context, cfg *config.Config) ([]*plan.Line, error) {
	known, err := netifd.Ask(ctx, o.runner.UbusSocket).Answer()
	if err != nil && !errors.Is(err, netifd.ErrNoUbus) {
		return nil, err
	}
	lines := plan.Resolve(cfg, known)
	all := make([]*plan.Line, len(lines))
	for i := range lines {
		all[i] = &lines[i]
	}
	return all, nil
}

// dynamic are those of the lines that netifd has made, which have no section.
func dynamic(cfg *config.Config, lines []*plan.Line) (all []config.Interface) {
	for _, l := range lines {
		if _, ok := cfg.Interface(l.Name); !ok && l.Netifd.Dynamic {
			i := l.Interface
			i.Device = l.Device
			all = append(all, i)
		}
	}
	return all
}

// sectionsNamed are the sections that a word names, and the interfaces that netifd has
// made, which has to be asked only about a word that is no section's name.
func (o *options) sectionsNamed(ctx context.Context, cfg *config.Config, word string) ([]config.Interface, error) {
	if i, ok := cfg.Interface(word); ok {
		return []config.Interface{i}, nil
	}
	lines, err := o.interfaces(ctx, cfg)
	if err != nil {
		return nil, err
	}
	names, err := namedLines(lines, word)
	if err != nil {
		return nil, err
	}
	var sections []config.Interface
	for _, i := range append(slices.Clip(cfg.Interfaces), dynamic(cfg, lines)...) {
		if slices.Contains(names, i.Name) {
			sections = append(sections, i)
		}
	}
	if len(sections) == 0 {
		return nil, o.noSection(cfg, names[0])
	}
	return sections, nil
}

// oneSection is the section that a word names alone. For a mode that is to be set,
// those on a device that follow another one there do not count.
func (o *options) oneSection(ctx context.Context, cfg *config.Config, word string, toSet bool) (string, error) {
	if _, ok := cfg.Interface(word); ok {
		return word, nil
	}
	lines, err := o.interfaces(ctx, cfg)
	if err != nil {
		return "", err
	}
	all := candidates(lines, word)
	if toSet && len(all) > 1 {
		names := namesOf(all)
		all = slices.DeleteFunc(all, func(l *plan.Line) bool { return slices.Contains(names, l.From) })
	}
	if len(all) == 0 {
		return "", unknownName(lines, word)
	}
	if len(all) > 1 {
		return "", ambiguous(word, all)
	}
	if _, ok := cfg.Interface(all[0].Name); !ok {
		return "", o.noSection(cfg, all[0].Name)
	}
	return all[0].Name, nil
}

// noSection says what to set in the place of an interface that has no section.
func (o *options) noSection(cfg *config.Config, name string) error {
	parent, ok := cfg.Dynamic(name, "")
	if !ok || parent.From == "" {
		return usage("interface %q has no section in %s", name, o.runner.ConfigFile())
	}
	return usage("interface %q has no section in %s: it follows %q; set that one instead", name, o.runner.ConfigFile(), parent.From)
}
