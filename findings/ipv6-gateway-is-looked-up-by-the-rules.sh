#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: a route by a gateway of a connected network can be added to any table,
# whatever policy rules there are, and IPv4 and IPv6 do it alike.
#
# Truth: IPv6 looks the gateway up in the table of the new route, and where that has no
# route to it, by the policy rules (ip6_route_check_nh in net/ipv6/route.c). A rule
# before the main table that leads to a default route by the same device hides the
# connected network: "No route to host". VPNs have such rules (wg-quick's "lookup
# 51820"). By another device, in IPv4, with "onlink", or with the connected network
# in the table first, the same route is taken.
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
changed() { echo "changed: $1"; exit 1; }
for n in 1 2; do
	ip link add eth$n type veth peer name far$n
	ip link set eth$n up
	ip link set far$n up
	ip addr add 192.0.2.$((n * 64 + 2))/26 dev eth$n
	ip addr add 2001:db8:$n::2/64 dev eth$n nodad
done
ip -6 route add default via 2001:db8:1::1 dev eth1 table 101
ip -6 route add default via 2001:db8:2::1 dev eth2 table 51820
ip route add default via 192.0.2.129 dev eth2 table 51820
ip -6 rule add pref 30000 lookup 51820
ip rule add pref 30000 lookup 51820

if error=$(ip -6 route add default via 2001:db8:2::1 dev eth2 table 102 2>&1); then changed "the route is taken"; fi
case $error in *"No route to host"*) ;; *) changed "another error: $error" ;; esac
ip -6 route add default via 2001:db8:1::1 dev eth1 table 103 || changed "by another device: refused too"
ip route add default via 192.0.2.129 dev eth2 table 102 || changed "in IPv4: refused too"
ip -6 route add default via 2001:db8:2::1 dev eth2 table 104 onlink || changed "with onlink: refused too"
ip -6 route add 2001:db8:2::/64 dev eth2 table 102
ip -6 route add default via 2001:db8:2::1 dev eth2 table 102 || changed "with the connected network in the table: refused too"
echo "ip -6 route add default via 2001:db8:2::1 dev eth2 table 102: $error"
NAMESPACE
