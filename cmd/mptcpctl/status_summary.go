// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
)

// summary are the lines below the table.
func summary(v *view) string {
	var b strings.Builder
	if !v.cfg.Globals.Multipath {
		b.WriteString("multipath is switched off (option multipath of the section globals)\n")
	} else {
		for _, f := range plan.Families {
			fmt.Fprintf(&b, "default route, %s: %s\n", f, listText(v, f))
		}
	}
	fmt.Fprintf(&b, "limits: %d subflows, %d announced addresses\n", v.state.Limits.Subflows, v.state.Limits.AddAddrAccepted)
	for _, e := range v.result.Endpoints {
		if !e.Own {
			fmt.Fprintf(&b, "foreign endpoint: %s id %d %s\n", e.Addr, e.ID, e.Flags)
		}
	}
	for _, w := range v.result.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if n := len(v.result.Ops); n > 0 {
		fmt.Fprintf(&b, "pending changes: %d (shown by mptcpctl plan, applied by mptcpctl apply)\n", n)
	}
	return b.String()
}

func listText(v *view, f plan.Family) string {
	if v.result.NoList[f] != "" {
		return "left to the main table: " + v.result.NoList[f]
	}
	return strings.Join(v.result.MasterList[f], ", then ")
}
