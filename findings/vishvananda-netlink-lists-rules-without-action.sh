#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: netlink.RuleList says what each policy rule does, since RuleAdd takes the
# action in Rule.Type: a rule that was listed can be added again.
#
# Truth: RuleList never sets Type (RuleListFiltered in rule_linux.go). Blackhole,
# unreachable, prohibit and nop look alike. Deleted and added again as listed, each
# becomes a lookup in whatever table the kernel finds empty (fib_empty_table in
# net/ipv4/fib_rules.c). Only goto is kept, since it has a field of its own.
#
# Versions: github.com/vishvananda/netlink v1.3.1, Go 1.26, Linux 6.18.
set -eu

# shellcheck source=findings/vishvananda-netlink
. "${0%/*}/vishvananda-netlink"
cat >main.go <<'PROGRAM'
package main

import (
	"fmt"
	"log"

	"github.com/vishvananda/netlink"
)

// Lists the rules from 100 to 199, and adds each again as it was listed.
func main() {
	rules, err := netlink.RuleList(netlink.FAMILY_V4)
	if err != nil {
		log.Fatal(err)
	}
	for _, rule := range rules {
		if rule.Priority < 100 || rule.Priority > 199 {
			continue
		}
		fmt.Printf("%d type %d goto %d\n", rule.Priority, rule.Type, rule.Goto)
		if err := netlink.RuleDel(&rule); err != nil {
			log.Fatal(err)
		}
		if err := netlink.RuleAdd(&rule); err != nil {
			log.Fatal(err)
		}
	}
}
PROGRAM
CGO_ENABLED=0 go build -mod=mod -o program .

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; ip rule; exit 1; }
ip rule add pref 100 blackhole
ip rule add pref 101 unreachable
ip rule add pref 102 prohibit
ip rule add pref 103 nop
ip rule add pref 104 goto 200
ip rule add pref 200 lookup main
before=$(ip rule)
listed=$(./program)
for pref in 100 101 102 103; do
	case $listed in *"$pref type 0 goto -1"*) ;; *) changed "an action is listed: $listed" ;; esac
	case $(ip rule show pref $pref) in *" lookup "*) ;; *) changed "rule $pref is restored" ;; esac
done
case $listed in *"104 type 0 goto 200"*) ;; *) changed "goto is lost: $listed" ;; esac
case $(ip rule show pref 104) in *" goto 200"*) ;; *) changed "goto is not restored" ;; esac
echo "$before"
echo "as listed, deleted and added again:"
ip rule
NAMESPACE
