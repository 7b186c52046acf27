// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"
)

// Bounds of an answer in bytes. ubusd ends the connection of who sends a message of more
// than 1 MB (UBUS_MAX_MSGLEN in ubus_common.h), and rpcd does not come back from that.
// A message is up to half as long again as its JSON.
const (
	maxAnswer    = 256_000
	maxErrorText = 4096                             // of which each byte takes six at most
	maxDocument  = maxAnswer - 6*maxErrorText - 100 // without "error" and "exit_code"
)

func newRpcdCmd(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rpcd list|call METHOD",
		Short: "Answer a call of rpcd",
		Long: `Called by /usr/libexec/rpcd/mptcpctl. "list" prints the methods of the ubus object
and their arguments; "call" reads the arguments as a JSON object from standard
input and prints one.`,
		Example: `  ubus call mptcpctl connections '{"limit": 20}'
  echo '{"limit": 20}' | mptcpctl rpcd call connections   # the same`,
		Hidden: true,
		Args:   cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && args[0] == "list":
				return o.printf("%s\n", rpcdList())
			case len(args) == 2 && args[0] == "call":
				for _, m := range rpcdMethods() {
					if m.name == args[1] {
						return o.callRpcd(c.Context(), m)
					}
				}
				return usage("rpcd: no method %q", args[1])
			}
			return usage("rpcd: list or call METHOD")
		},
	}
}

// rpcdMethod is a method of the ubus object mptcpctl.
type rpcdMethod struct {
	name string
	// arguments are as rpcd wants them: each with a value of its type, a number with
	// its bits as the value (rpc_plugin_parse_signature in plugin.c of rpcd).
	arguments string
	// print writes one JSON document.
	print func(context.Context, *options, rpcdInput) error
}

func rpcdMethods() []rpcdMethod {
	command := func(name string, make func(*options) *cobra.Command) rpcdMethod {
		return rpcdMethod{name: name, print: func(ctx context.Context, o *options, in rpcdInput) error {
			c := make(o)
			c.SetContext(ctx)
			if err := c.ParseFlags([]string{"--json"}); err != nil {
				return err
			}
			return c.RunE(c, in.args)
		}}
	}
	test := command("test", newTestCmd)
	test.arguments = `"host":""`
	return []rpcdMethod{
		command("status", newStatusCmd),
		{"connections", `"limit":32,"offset":32`, printPage},
		command("plan", newPlanCmd),
		command("doctor", newDoctorCmd),
		{"set", `"interface":"","mode":"","save":true`, telling((*options).rpcdSet)},
		{"reset", `"interface":""`, telling((*options).rpcdReset)},
		{"heal", `"interface":"","yes":true`, telling((*options).rpcdHeal)},
		{"mend", `"id":"","interface":"","yes":true`, telling((*options).rpcdMend)},
		test,
	}
}

// rpcdList is what rpcd asks for when it starts.
func rpcdList() string {
	list := ""
	for _, m := range rpcdMethods() {
		list += `,"` + m.name + `":{` + m.arguments + "}"
	}
	return "{" + list[1:] + "}"
}

// callRpcd prints the answer of a method. rpcd gives neither stderr nor the exit code on,
// so both are in it where something is wrong.
func (o *options) callRpcd(ctx context.Context, m rpcdMethod) error {
	var document boundedText
	inner := *o
	inner.out = &document
	input, err := readRpcdInput(o.in, m.arguments)
	if err == nil {
		err = m.print(ctx, &inner, input)
	} else {
		err = usage("%s: %w", m.name, err)
	}
	if document.over {
		document.text = nil
		err = fmt.Errorf("%s: the answer has more than %d kB: ask by mptcpctl %s --json", m.name, maxAnswer/1000, m.name)
	}
	code := exitCode(err)
	text := strings.TrimSuffix(string(document.text), "\n")
	if err != nil && err.Error() != "" {
		text = withError(text, err.Error(), code)
	}
	if err := o.printf("%s\n", text); err != nil || code == 0 {
		return err
	}
	return &exitError{code: code}
}

// withError adds "error" and "exit_code" to a JSON object; an empty text is one without
// members.
func withError(object, text string, code int) string {
	if len(text) > maxErrorText {
		text = string(bytes.ToValidUTF8([]byte(text[:maxErrorText-3]), nil)) + "..."
	}
	a := &fastjson.Arena{}
	doc := a.NewObject()
	doc.Set("error", a.NewString(strings.ReplaceAll(text, "\n", "; ")))
	doc.Set("exit_code", a.NewNumberInt(code))
	more := string(strictJSON(doc.MarshalTo(nil)))
	if object == "" {
		return more
	}
	return strings.TrimSuffix(object, "}") + "," + more[1:]
}

var errAnswerFull = errors.New("the answer is full")

// boundedText is an answer, as far as its length is allowed.
type boundedText struct {
	text []byte
	over bool
}

func (b *boundedText) Write(p []byte) (int, error) {
	if b.over = b.over || len(b.text)+len(p) > maxDocument; b.over {
		return 0, errAnswerFull
	}
	b.text = append(b.text, p...)
	return len(p), nil
}
