// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

// maxTold is how much an answer has of what a command printed, and as much of its
// warnings, in bytes, of which each takes six in JSON at most.
const maxTold = 16_000

// telling lets the answer of a method that changes something have what the command
// prints, "output", and its "warnings", a string for each line.
func telling(run func(*options, context.Context, rpcdInput) error) func(context.Context, *options, rpcdInput) error {
	return func(ctx context.Context, o *options, in rpcdInput) error {
		var out, warnings toldText
		inner := *o
		inner.in, inner.out, inner.err = nil, &out, &warnings // there is no terminal to ask at
		err := run(&inner, ctx, in)
		if err != nil {
			inner.warn(inner.takeUnsaid())
		}
		a := &fastjson.Arena{}
		doc := a.NewObject()
		doc.Set("output", jsonStrings(a, out.lines()))
		doc.Set("warnings", jsonStrings(a, warnings.lines()))
		if failed := o.printJSON(doc); err == nil {
			err = failed
		}
		return err
	}
}

func (o *options) rpcdSet(ctx context.Context, in rpcdInput) error {
	if _, ok := config.ParseMode(in.mode); !ok || in.name == "" {
		return usage("set: interface is a name, and mode one of %s", strings.Join(config.Modes(), ", "))
	}
	return o.setIface(ctx, modeChoice{name: in.name, mode: in.mode, save: in.save})
}

func (o *options) rpcdReset(ctx context.Context, in rpcdInput) error {
	if in.name == "" {
		return usage("reset: interface is a name")
	}
	return o.setIface(ctx, modeChoice{name: in.name, reset: true})
}

func (o *options) rpcdHeal(ctx context.Context, in rpcdInput) error {
	if in.name == "" {
		return usage("heal: interface is a name")
	}
	return o.healIface(ctx, in.name, in.yes)
}

// rpcdMend does what doctor says of a finding, if it finds it now too.
func (o *options) rpcdMend(ctx context.Context, in rpcdInput) error {
	k, err := kernel.Open()
	if err != nil {
		return err
	}
	facts, failed := o.runner.Facts(ctx, k)
	k.Close()
	for _, f := range doctor.Examine(facts) {
		if f.ID.String() != in.id || f.Interface != in.name {
			continue
		}
		if !mendable(f.Fix) {
			return usage("mend: %s takes other commands than apply, heal and --reset", in.id)
		}
		return o.mend(ctx, f, in.yes)
	}
	if failed != nil {
		return failed
	}
	return fmt.Errorf("mend: doctor does not find %q there", in.id)
}

func (o *options) mend(ctx context.Context, f doctor.Finding, yes bool) error {
	for _, command := range f.Fix {
		var err error
		switch verb, name := mendOf(command); verb {
		case heal:
			err = o.healIface(ctx, name, yes)
		case resets:
			err = o.setIface(ctx, modeChoice{name: name, reset: true})
		default:
			apply := newApplyCmd(o)
			apply.SetContext(ctx)
			err = apply.RunE(apply, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mendable reports whether mptcpctl itself can do what a finding needs, with a line
// as it is configured.
func mendable(commands []string) bool {
	for _, command := range commands {
		if verb, _ := mendOf(command); verb == "" {
			return false
		}
	}
	return len(commands) > 0
}

const (
	applies = "apply"
	resets  = "--reset"
)

// mendOf takes a command of doctor's apart; verb is empty for any that is not one of
// the three.
func mendOf(command string) (verb, name string) {
	if command == "mptcpctl "+applies {
		return applies, ""
	}
	rest, ok := strings.CutPrefix(command, "mptcpctl iface ")
	for _, verb := range [...]string{heal, resets} {
		if name, is := strings.CutSuffix(rest, " "+verb); is && ok {
			return verb, name
		}
	}
	return "", ""
}

// toldText keeps the beginning of a text: what a command has done is done, and must not
// fail because it says much.
type toldText struct {
	text []byte
	cut  bool
}

func (t *toldText) Write(p []byte) (int, error) {
	n := min(len(p), maxTold-len(t.text))
	t.cut = t.cut || n < len(p)
	t.text = append(t.text, p[:n]...)
	return len(p), nil
}

func (t *toldText) lines() (all []string) {
	for line := range strings.Lines(string(t.text)) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "mptcpctl: warning: ")
		all = append(all, line)
	}
	if t.cut {
		all = append(all, "...")
	}
	return all
}
