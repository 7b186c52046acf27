// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/mptcpctl/mptcpctl/pkg/plan"
	"github.com/mptcpctl/mptcpctl/pkg/reconcile"
)

// summary are the lines below the table.
func summary(seen *reconcile.Observation) string {
	var b strings.Builder
	if !seen.Config.Globals.Multipath {
		b.WriteString("multipath is switched off (option multipath of the section globals)\n")
	} else {
		for _, f := range plan.Families {
			fmt.Fprintf(&b, "default route, %s: %s\n", f, listText(seen, f))
		}
	}
	fmt.Fprintf(&b, "limits: %d subflows, %d announced addresses\n", seen.State.Limits.Subflows, seen.State.Limits.AddAddrAccepted)
	for _, e := range seen.Result.Endpoints {
		if !e.Own {
			fmt.Fprintf(&b, "foreign endpoint: %s id %d %s\n", e.Place(), e.ID, e.Flags)
		}
	}
	for _, w := range seen.Result.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if n := len(seen.Result.Ops); n > 0 && !seen.Config.Hidden {
		fmt.Fprintf(&b, "pending changes: %d (shown by mptcpctl plan, applied by mptcpctl apply)\n", n)
	}
	return b.String()
}

func listText(seen *reconcile.Observation, f plan.Family) string {
	if seen.Result.NoList[f] != "" {
		return "left to the main table: " + seen.Result.NoList[f]
	}
	text := strings.Join(seen.Result.MasterList[f], ", then ")
	if own := seen.Result.OwnFirst[f]; own != "" {
		text += "; new connections of the router: " + own
	}
	return text
}
