// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manPage is a page in the macros of man(7).
type manPage struct{ strings.Builder }

// newManPage begins the page of a name ("mptcpctl-apply") in a section of the
// manual, with a sentence that says what it is.
func newManPage(name, section, date, what string) *manPage {
	p := &manPage{}
	title := code(strings.ToUpper(name))
	fmt.Fprintf(p, ".\\\" SPDX-License-Identifier: Apache-2.0\n.TH %s %s %s \"mptcpctl %s\" \"System administration\"\n", title, section, date, code(version))
	p.section("NAME")
	fmt.Fprintf(p, "%s \\- %s\n", code(name), prose(strings.ToLower(what[:1])+what[1:]))
	return p
}

func (p *manPage) section(title string) { fmt.Fprintf(p, ".SH %s\n", title) }

// paragraphs writes text as the help has it: an empty line between paragraphs,
// and what is indented as it is.
func (p *manPage) paragraphs(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.WriteString(".PP\n")
		}
		p.WriteString(prose(paragraph) + "\n")
	}
}

// example writes lines as they are.
func (p *manPage) example(lines string) {
	p.WriteString(".EX\n")
	for line := range strings.Lines(lines) {
		line = code(strings.TrimSuffix(line, "\n"))
		if line == "" {
			line = `\&` // an empty line has another meaning
		}
		p.WriteString(line + "\n")
	}
	p.WriteString(".EE\n")
}

// item writes a term, which has its markup, and what is said about it.
func (p *manPage) item(term, text string) { fmt.Fprintf(p, ".TP\n%s\n%s\n", term, prose(text)) }

// flags writes the options of a command.
func (p *manPage) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		term := bold("--" + f.Name)
		if f.Shorthand != "" {
			term = bold("-"+f.Shorthand) + ", " + term
		}
		if value != "" {
			term += " " + italic(value)
		}
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" {
			text += " (default " + f.DefValue + ")"
		}
		p.item(term, sentence(text))
	})
}

// synopsis writes how a command is called.
func (p *manPage) synopsis(c *cobra.Command) {
	line := strings.Replace(c.UseLine(), "[flags]", "[options]", 1)
	if c.HasAvailableSubCommands() {
		line = c.CommandPath() + " [options] COMMAND [argument...]"
	}
	for _, word := range synopsisWord.FindAllString(line, -1) {
		switch {
		case strings.ContainsAny(word, "[]|. ") || word == "options" || word == "argument":
			p.WriteString(word)
		case word == strings.ToUpper(word):
			p.WriteString(italic(word))
		default:
			p.WriteString(bold(word))
		}
	}
	p.WriteString("\n")
}

var synopsisWord = regexp.MustCompile(`[A-Za-z]+|[^A-Za-z]`)

// seeAlso names other pages, as "ip-rule(8)".
func (p *manPage) seeAlso(pages []string) {
	p.section("SEE ALSO")
	for i, page := range pages {
		name, rest, _ := strings.Cut(page, "(")
		if i < len(pages)-1 {
			rest += ","
		}
		fmt.Fprintf(p, ".BR %s (%s\n", code(name), rest)
	}
}

func bold(s string) string   { return `\fB` + code(s) + `\fR` }
func italic(s string) string { return `\fI` + code(s) + `\fR` }

// code is text whose characters are those of a keyboard, as a command needs them.
func code(s string) string { return notFirst(codeEscapes.Replace(s)) }

var codeEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, `"`, `\(dq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// prose is text for people; commands, options, values and files in it get their
// fonts.
func prose(s string) string {
	var b strings.Builder
	last := 0
	for _, at := range marked.FindAllStringIndex(s, -1) {
		b.WriteString(proseEscapes.Replace(s[last:at[0]]))
		word := s[at[0]:at[1]]
		last = at[1]
		switch {
		case word[0] == '"':
			b.WriteString(bold(strings.Trim(word, `"`)))
		case word[0] == '-', strings.HasPrefix(word, "mptcpctl"):
			b.WriteString(bold(word))
		default:
			b.WriteString(italic(word))
		}
	}
	b.WriteString(proseEscapes.Replace(s[last:]))
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, notFirst(strings.TrimSpace(line)))
	}
	return strings.Join(lines, "\n")
}

var (
	proseEscapes = strings.NewReplacer(`\`, `\e`, "~", `\(ti`, "^", `\(ha`)
	marked       = regexp.MustCompile(`"(mptcpctl|uci|option|config) [^"]*"|--[a-z]+(-[a-z]+)*|mptcpctl(-[a-z]+)?|\b(NAME|MODE|DEVICE|TABLE|ADDRESS|FILE)\b|/(etc|var|run|proc|usr)/[a-zA-Z0-9_./-]*[a-zA-Z0-9_]`)
)

// notFirst keeps roff from taking the beginning of a line for a macro.
func notFirst(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	r := []rune(strings.TrimSuffix(s, "."))
	r[0] = unicode.ToUpper(r[0])
	return string(r) + "."
}
