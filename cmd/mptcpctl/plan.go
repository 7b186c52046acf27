// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

func newPlanCmd(o *options) *cobra.Command {
	var asJSON, code bool
	var from string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do, without doing it",
		Long: `Prints a line for each operation, in order: + add, - delete, ~ change; the
equivalent command; and the reason. Prints nothing if there is nothing to do.

--from plans from the output of "mptcpctl snapshot", not from this machine.`,
		Example: `  mptcpctl plan
  mptcpctl plan --exit-code   # exits with 5 if changes are pending
  mptcpctl plan --from snapshot.json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		observe := func() (*reconcile.Observation, error) { return o.observe(c.Context(), reconcile.Request{}) }
		if from != "" {
			observe = func() (*reconcile.Observation, error) { return o.replay(from) }
		}
		seen, err := observe()
		if err == nil && seen.Config.Hidden {
			err = reconcile.ErrHidden
		}
		if err != nil {
			return err
		}
		if err := o.printPlan(seen.Result, asJSON); err != nil {
			return err
		}
		pending := error(nil)
		if code && len(seen.Result.Ops) > 0 {
			pending = &exitError{code: exitPending}
		}
		return errors.Join(seen.Problems(), pending)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&from, "from", "", "plan from the snapshot in `FILE` (- for standard input)")
	cmd.Flags().BoolVar(&code, "exit-code", false, "exit with 5 if changes are pending")
	return cmd
}

func (o *options) printPlan(r plan.Result, asJSON bool) error {
	o.warn(r.Warnings)
	if asJSON {
		return o.printJSON(planJSON(r.Ops))
	}
	return o.printf("%s", planText(r.Ops))
}

// planText is one aligned line per operation.
func planText(ops []plan.Op) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, op := range ops {
		fmt.Fprintf(w, "%c %s\t# %s\n", op.Action, op.Command(), op.Comment())
	}
	_ = w.Flush() // a bytes.Buffer takes everything
	return b.String()
}

func planJSON(ops []plan.Op) *fastjson.Value {
	a := &fastjson.Arena{}
	list := a.NewArray()
	for i, op := range ops {
		item := a.NewObject()
		item.Set("op", a.NewString(string(rune(op.Action))))
		item.Set("object", a.NewString(op.Object.String()))
		item.Set("interface", a.NewString(op.Interface))
		item.Set("command", a.NewString(op.Command()))
		item.Set("reason", a.NewString(op.Reason))
		list.SetArrayItem(i, item)
	}
	doc := a.NewObject()
	doc.Set("operations", list)
	return doc
}
