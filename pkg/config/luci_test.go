// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const luciOptions = "../../openwrt/luci-app-mptcpctl/htdocs/luci-static/resources/mptcpctl/options.js"

// luciTypes are what LuCI's validation.js accepts where the table has no words. The
// kernel's names of schedulers and congestion controls have 15 characters at most
// (MPTCP_SCHED_NAME_MAX, TCP_CA_NAME_MAX).
var luciTypes = map[string]string{
	"2 to 4294967295, except 253 to 255":                   "and(uinteger,or(range(2,252),range(256,4294967295)))",
	"the name of a scheduler that the kernel has":          "maxlength(15)",
	"the name of a congestion control that the kernel has": "maxlength(15)",
	"a number of seconds; 0: never":                        "uinteger",
	"a number of seconds":                                  "uinteger",
	"a number; 0: never":                                   "uinteger",
}

// bounds are those of a number, in the words of the table.
var bounds = regexp.MustCompile(`^(\d+) to (\d+)$`)

// luciType is the type of an option without words; hosts have a check of the page's own.
func luciType(o Option) string {
	if match := bounds.FindStringSubmatch(o.Values); match != nil {
		return "and(uinteger,range(" + match[1] + "," + match[2] + "))"
	}
	return luciTypes[o.Values]
}

// TestLuCIHasTheOptions compares the table of the LuCI page with that of the program.
// With UPDATE_DOCS in the environment it writes the page's.
func TestLuCIHasTheOptions(t *testing.T) {
	want := luciTable(t)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(luciOptions, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(luciOptions)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("UPDATE_DOCS=1 go test ./pkg/config would change %s (-want +got):\n%s", luciOptions, diff)
	}
}

func luciTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`// SPDX-License-Identifier: Apache-2.0
// Written by UPDATE_DOCS=1 go test ./pkg/config: what the program accepts.
'use strict';
'require baseclass';

const table = [
`)
	for _, o := range Options() {
		fmt.Fprintf(&b, "\t{\n\t\tsection: %s, name: %s,\n\t\ttitle: _(%s),\n\t\tmeaning: _(%s),\n\t\tunset: _(%s)",
			quoted(o.Section), quoted(o.Name), quoted(luciTitle(o)), quoted(o.Meaning), quoted(o.Default))
		switch words, same := canonicalWords(o); {
		case words != nil:
			fmt.Fprintf(&b, ",\n\t\twords: %s", jsList(words))
			if same != nil {
				fmt.Fprintf(&b, ",\n\t\tsame: { %s: %s, %s: %s },\n\t\tlabels: { %[1]s: _('on'), %[3]s: _('off') }",
					quoted(words[0]), jsList(same[0]), quoted(words[1]), jsList(same[1]))
			}
		case o.Name == optionCheckHost:
			b.WriteString(",\n\t\thosts: true")
		case luciType(o) == "":
			t.Errorf("luciTypes has no %q", o.Values)
		default:
			fmt.Fprintf(&b, ",\n\t\tdatatype: %s", quoted(luciType(o)))
		}
		if o.Sysctl != "" {
			fmt.Fprintf(&b, ",\n\t\tsysctl: %s", quoted(o.Sysctl))
		}
		b.WriteString("\n\t},\n")
	}
	b.WriteString(`];

return baseclass.extend({
	// of are the options in sections of a type.
	of(section) {
		return table.filter((o) => o.section == section);
	},

	// modes are those of a line.
	modes() {
		return this.of('interface').find((o) => o.name == 'multipath').words;
	}
});
`)
	return b.String()
}

// canonicalWords are the words that the page offers. Of a switch it offers two, and takes
// the others for one of them.
func canonicalWords(o Option) (words []string, same [][]string) {
	switch {
	case slices.Equal(o.Words, switchWords):
		words = []string{"enable", "disable"}
	case slices.Equal(o.Words, boolWords):
		words = []string{trueWords[0], falseWords[0]}
	default:
		return o.Words, nil
	}
	same = make([][]string, 2)
	for _, word := range o.Words {
		at := 1
		if trueWord(word) {
			at = 0
		}
		same[at] = append(same[at], word)
	}
	return words, same
}

// luciTitles are the options' names for people.
var luciTitles = map[string]string{
	"interface.multipath":                        "Mode",
	"interface.multipath_table":                  "Routing table",
	"interface.mptcp_check_host":                 "Hosts to ask",
	"interface.mptcp_check_interval":             "Seconds between probes",
	"interface.mptcp_check_patience":             "Patience with the LAN",
	"interface.mptcp_check_up":                   "Answers that bring it back",
	"interface.mptcp_check_latency":              "Highest round trip",
	"interface.mptcp_check_loss":                 "Highest loss",
	"globals.multipath":                          "Multipath TCP",
	"globals.mptcp_check":                        "Health of the lines",
	"globals.mptcp_watch":                        "Watch service",
	"globals.mptcp_subflows":                     "Subflows per connection",
	"globals.mptcp_add_addr_accepted":            "Announced addresses",
	"globals.mptcp_laminar":                      "Laminar endpoints",
	"globals.mptcp_path_manager":                 "Path manager",
	"globals.mptcp_scheduler":                    "Scheduler",
	"globals.mptcp_checksum":                     "Checksum",
	"globals.mptcp_add_addr_timeout":             "Announcement timeout",
	"globals.mptcp_stale_loss_cnt":               "Stale after",
	"globals.mptcp_allow_join_initial_addr_port": "Joins to the first address",
	"globals.mptcp_close_timeout":                "Close timeout",
	"globals.mptcp_blackhole_timeout":            "Blackhole timeout",
	"globals.congestion":                         "Congestion control",
}

// luciTitle is the title of an option; without one, its name has to do.
func luciTitle(o Option) string {
	if title := luciTitles[o.Section+"."+o.Name]; title != "" {
		return title
	}
	return strings.ReplaceAll(strings.TrimPrefix(o.Name, "mptcp_"), "_", " ")
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `\'`) + "'" }

func jsList(words []string) string {
	var all []string
	for _, word := range words {
		all = append(all, quoted(word))
	}
	return "[ " + strings.Join(all, ", ") + " ]"
}
