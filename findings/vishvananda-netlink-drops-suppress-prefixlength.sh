#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: a netlink.Rule with SuppressPrefixlen 0 becomes a rule with
# suppress_prefixlength 0, whatever its table.
#
# Truth: for tables from 256 up RuleAdd drops SuppressPrefixlen and SuppressIfgroup, and
# reports no error: it sends them only if the 8 bits for the table in the header are not
# 0, and such a table is in an attribute (ruleHandle in rule_linux.go). The rule then
# also takes what it was meant to leave to the next one.
#
# Versions: github.com/vishvananda/netlink v1.3.1, Go 1.26, Linux 6.18.
set -eu

# shellcheck source=findings/vishvananda-netlink
. "${0%/*}/vishvananda-netlink"
cat >main.go <<'PROGRAM'
package main

import (
	"log"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
)

func main() {
	table, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	rule := netlink.NewRule()
	rule.Priority, rule.Table, rule.SuppressPrefixlen = table, table, 0
	if err := netlink.RuleAdd(rule); err != nil {
		log.Fatal(err)
	}
}
PROGRAM
CGO_ENABLED=0 go build -mod=mod -o program .

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; ip rule; exit 1; }
. ./two-lines
for table in 200 300; do
	ip route add default via 192.0.2.129 dev eth2 table $table
done

./program 200
case $(ip rule show pref 200) in *" suppress_prefixlength 0"*) ;; *) changed "dropped for table 200 too" ;; esac
case $(ip route get 198.51.100.1) in *" dev eth1 "*) ;; *) changed "the default route of table 200 is taken" ;; esac

./program 300
case $(ip rule show pref 300) in *suppress_prefixlength*) changed "kept for table 300" ;; esac
case $(ip route get 198.51.100.1) in *" dev eth2 "*) ;; *) changed "the default route of table 300 is not taken" ;; esac
echo "SuppressPrefixlen 0 and table 200: $(ip rule show pref 200)"
echo "SuppressPrefixlen 0 and table 300: $(ip rule show pref 300)"
NAMESPACE
