// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/mptcpctl/mptcpctl/pkg/doctor"
	"github.com/mptcpctl/mptcpctl/pkg/kernel"
)

func newDoctorCmd(o *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find problems and show the commands that fix them",
		Long: `Prints each finding, the most harmful first, and the commands that fix it. A
word in capitals stands for a value that only you know; a line that begins with
# says what to do by hand. Changes nothing. Exits with 6 if there are findings;
notes come last and do not count.`,
		Example: `  mptcpctl doctor
  mptcpctl doctor --json`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		k, err := kernel.Open()
		if err != nil {
			return err
		}
		defer k.Close()
		facts, failed := o.runner.Facts(c.Context(), k)
		findings := doctor.Examine(facts)
		if facts.Config != nil {
			o.warn(facts.Result.Warnings)
		}
		switch {
		case asJSON:
			err = o.printJSON(findingsJSON(findings, facts.Unchecked))
		case failed == nil || len(findings) > 0:
			o.warn(facts.Unchecked)
			err = o.printf("%s", findingsText(findings))
		}
		switch {
		case err != nil:
			return err
		case failed != nil:
			return failed
		}
		for _, f := range findings {
			if !f.Note() {
				return &exitError{code: exitFindings}
			}
		}
		return nil
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// findingsText is two lines or more per finding: the sentence, and a line for
// each command.
func findingsText(findings []doctor.Finding) string {
	var b strings.Builder
	count := 0
	for _, f := range findings {
		if f.Note() {
			b.WriteString("note: ")
		} else {
			count++
		}
		if f.Interface != "" {
			b.WriteString(f.Interface + ": ")
		}
		b.WriteString(strings.Map(printable, f.Text) + "\n")
		mend := "  mend: "
		for _, command := range f.Fix {
			b.WriteString(mend + strings.Map(printable, command) + "\n")
			mend = "        "
		}
	}
	if count == 0 {
		return "nothing found\n" + b.String()
	}
	return b.String()
}

// findingsJSON is what doctor --json prints: "findings", the most harmful first,
// and "unseen", a sentence for each thing that could not be read. A finding has
// "id", a stable word; "severity", "finding" or "note"; "interface", empty if it is
// not about a single one; "text"; "mend", the commands that fix it; and "mendable",
// whether the method "mend" of the ubus object can run them.
func findingsJSON(findings []doctor.Finding, unseen []string) *fastjson.Value {
	a := &fastjson.Arena{}
	all := a.NewArray()
	for i, f := range findings {
		severity := "finding"
		if f.Note() {
			severity = "note"
		}
		item := a.NewObject()
		for _, member := range [...][2]string{
			{"id", fmt.Sprint(f.ID)}, {"severity", severity}, {"interface", f.Interface}, {"text", f.Text},
		} {
			item.Set(member[0], a.NewString(member[1]))
		}
		item.Set("mend", jsonStrings(a, f.Fix))
		item.Set("mendable", jsonBool(a, mendable(f.Fix)))
		all.SetArrayItem(i, item)
	}
	doc := a.NewObject()
	doc.Set("findings", all)
	doc.Set("unseen", jsonStrings(a, unseen))
	return doc
}
