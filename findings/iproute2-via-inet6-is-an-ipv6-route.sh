#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: "ip route add default via inet6 fe80::1 dev eth1" gives IPv4 a default
# route with an IPv6 gateway (RFC 9229), as "ip route add 192.0.2.0/24 via inet6
# fe80::1 dev eth1" gives it one to a network.
#
# Truth: "default" has no family of its own, so that ip takes the one of the gateway:
# the command adds an IPv6 default route and says nothing, IPv4 has none. Only
# "ip -4 route add default via inet6 ..." does what is meant.
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
ip link add eth1 type veth peer name far1
ip link set eth1 up
ip link set far1 up
ip addr add 192.0.2.2/32 dev eth1

ip route add 203.0.113.0/24 via inet6 fe80::1 dev eth1
[ -n "$(ip -4 route show 203.0.113.0/24)" ] || { echo "changed: no IPv4 route to a network"; exit 1; }

ip route add default via inet6 fe80::1 dev eth1
[ -z "$(ip -4 route show default)" ] || { echo "changed: IPv4 has a default route"; exit 1; }
[ -n "$(ip -6 route show default)" ] || { echo "changed: IPv6 has no default route"; exit 1; }
echo "without a family: $(ip -6 route show default) (IPv6)"

ip -4 route add default via inet6 fe80::1 dev eth1
[ -n "$(ip -4 route show default)" ] || { echo "changed: not with -4 either"; exit 1; }
echo "with -4: $(ip -4 route show default) (IPv4)"
NAMESPACE
