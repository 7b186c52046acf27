// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/config"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func (o *options) listIfaces(ctx context.Context, args []string, asJSON bool) error {
	cfg, err := o.runner.Config(ctx)
	if err != nil {
		return err
	}
	var list []config.Interface
	if len(args) == 1 {
		if list, err = o.sectionsNamed(ctx, &cfg, args[0]); err != nil {
			return err
		}
	} else {
		lines, err := o.interfaces(ctx, &cfg)
		if err != nil {
			o.warn([]string{err.Error() + "; interfaces without a section are not listed"})
		}
		list = append(slices.Clip(cfg.Interfaces), dynamic(&cfg, lines)...)
	}
	o.warn(cfg.Warnings)
	print := o.printIfaces
	if asJSON {
		print = func(list []config.Interface) error { return o.printJSON(ifacesJSON(list)) }
	}
	return errors.Join(print(list), reconcile.Problems(&cfg))
}

func (o *options) printIfaces(list []config.Interface) error {
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tMODE\tFROM\tDEVICE")
	for _, i := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Name, modeText(i)+choiceText(&i), dash(i.From), dash(i.Device))
	}
	return wrap("writing the output", w.Flush())
}

func modeText(i config.Interface) string {
	if i.Frozen {
		return "bad value"
	}
	return i.Mode.String()
}

// choiceText says of a runtime choice what is below it, behind the mode.
func choiceText(i *config.Interface) string {
	switch {
	case !i.Chosen:
		return ""
	case i.Unsaved:
		return " (until reboot; nothing saved)"
	}
	return " (until reboot; saved: " + i.Saved.String() + ")"
}

// setSavedJSON sets what becomes of a mode: "until_reboot", whether it is a runtime
// choice, and "saved_mode", null where the configuration has none.
func setSavedJSON(a *fastjson.Arena, o *fastjson.Value, i *config.Interface) {
	saved := a.NewNull()
	switch {
	case i.Chosen && !i.Unsaved:
		saved = a.NewString(i.Saved.String())
	case !i.Chosen && !i.Frozen && i.HasMode():
		saved = a.NewString(i.Mode.String())
	}
	o.Set("saved_mode", saved)
	o.Set("until_reboot", jsonBool(a, i.Chosen))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(printable, s)
}

func ifacesJSON(list []config.Interface) *fastjson.Value {
	a := &fastjson.Arena{}
	items := a.NewArray()
	for n, i := range list {
		item := a.NewObject()
		item.Set("interface", a.NewString(i.Name))
		item.Set("mode", a.NewString(i.Mode.String()))
		item.Set("own", jsonBool(a, i.Own))
		item.Set("from", a.NewString(i.From))
		item.Set("frozen", jsonBool(a, i.Frozen))
		item.Set("device", a.NewString(i.Device))
		setSavedJSON(a, item, &i)
		items.SetArrayItem(n, item)
	}
	doc := a.NewObject()
	doc.Set("interfaces", items)
	return doc
}
