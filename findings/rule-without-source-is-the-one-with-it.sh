#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: "from 2001:db8:1::/56 lookup 100" and "from all lookup 100" of one
# priority are two policy rules, so that either can be added and deleted beside the
# other.
#
# Truth: what a request does not name matches anything (rule_exists and rule_find in
# net/core/fib_rules.c). While the rule with the source is there, the one without is
# refused as existing; a request to delete "lookup 100" deletes the rule with the
# source. The other order works. A device in "iif" or "oif" is an exception to the
# first: with it two rules may stand. An attribute that changes nothing, such as a group
# of devices that no device has, tells them apart.
#
# Versions: iproute2 6.1.0-3 (Debian 12), Linux 6.18.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for package in iproute2=6.1.0-3 libbpf1 libelf1 libmnl0 libcap2; do
	apt-get -qq -o APT::Sandbox::User=root download "$package"
done
for file in *.deb; do dpkg -x "$file" root; done
LD_LIBRARY_PATH=$(echo "$dir"/root/usr/lib/*-linux-gnu "$dir"/root/lib/*-linux-gnu | tr " " :)
export LD_LIBRARY_PATH
export PATH="$dir/root/sbin:$dir/root/bin:$PATH"

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; ip rule; ip -6 rule; exit 1; }
for family in -4 -6; do
	source=192.0.2.0/24
	[ $family = -4 ] || source=2001:db8:1::/56
	ip $family rule add pref 500 from $source lookup 100
	if error=$(ip $family rule add pref 500 lookup 100 2>&1); then changed "$family: both rules stand"; fi
	case $error in *exists*) ;; *) changed "$family: another error: $error" ;; esac
	ip $family rule add pref 500 oif lo lookup 100 || changed "$family: a rule with a device is refused too"
	ip $family rule del pref 500 oif lo lookup 100

	ip $family rule del pref 500 lookup 100 || changed "$family: nothing is deleted"
	[ -z "$(ip $family rule show pref 500)" ] || changed "$family: the rule with the source is still there"

	ip $family rule add pref 500 lookup 100
	ip $family rule add pref 500 from $source lookup 100 || changed "$family: the other order is refused too"
	ip $family rule flush pref 500

	ip $family rule add pref 500 from $source lookup 100
	ip $family rule add pref 500 lookup 100 suppress_ifgroup 2147483647 || changed "$family: the group does not help"
	ip $family rule del pref 500 lookup 100 suppress_ifgroup 2147483647
	[ -n "$(ip $family rule show pref 500)" ] || changed "$family: the group does not help to delete"
	ip $family rule flush pref 500
	echo "ip $family: \"lookup 100\" is refused behind \"from $source lookup 100\", and deletes it"
done
NAMESPACE
