#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: add_addr_accepted lets a connection use an address that its server
# announces, over all lines; with 0 it is not used.
#
# Truth: with 1, the routes choose the line to the announced address, and all subflows to
# it leave by that one (net/mptcp/pm_kernel.c, fill_local_addresses_vec). To a server
# that allows no further subflow to its first address (the flag C of RFC 8684 section
# 3.1), the connection has two subflows over the first line, and none over the second. With
# 0 the kernel reaches the announced address of such a server over the second line
# all the same (fill_local_addresses_vec_c_flag), and with laminar endpoints and 1 too.
#
# Versions: Linux 6.18 (before it has no laminar endpoints), iproute2 6.1 (which has no
# word for them), Python 3.10 or later for its MPTCP sockets.
set -eu

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; exit 1; }
ip link set lo up
unshare -n sleep 60 &
server=$!
trap 'kill $server' EXIT
far() { nsenter -t $server -n "$@"; }
until ip link add line1 type veth peer name line1 netns $server 2>/dev/null; do sleep 0.1; done
ip link add line2 type veth peer name line2 netns $server
far ip link set lo up
for n in 1 2; do
	ip addr add 192.0.2.$((n * 64 + 1))/26 dev line$n
	ip link set line$n up
	far ip addr add 192.0.2.$((n * 64 + 2))/26 dev line$n
	far ip link set line$n up
	ip route add default via 192.0.2.$((n * 64 + 2)) dev line$n metric $n
	ip route add default via 192.0.2.$((n * 64 + 2)) dev line$n table $n
	ip rule add from 192.0.2.$((n * 64 + 1)) lookup $n
	far ip addr add 198.51.100.$n/32 dev lo
done
far sysctl -qw net.mptcp.allow_join_initial_addr_port=0
far ip mptcp endpoint add 198.51.100.2 dev lo id 9 signal
far python3 -c '
import socket, threading
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
s.bind(("", 5001)); s.listen()
def echo(c):
    while c.send(c.recv(4096)): pass
while True: threading.Thread(target=echo, args=(s.accept()[0],)).start()' &
far_python=$!
trap 'kill $far_python $server' EXIT

# endpoint adds one with its flags as a number: mptcp_pm's command 1, attribute 1 with the
# family, id, address, flags and device in it (include/uapi/linux/mptcp_pm.h).
endpoint() { # ADDRESS DEVICE ID FLAGS
	python3 - "$@" <<'PYTHON'
import socket, struct, sys
address, device, number, flags = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def attr(kind, data): return struct.pack("HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
s.bind((0, 0))
def ask(family, command, attributes):
    body = struct.pack("BBH", command, 1, 0) + attributes
    s.send(struct.pack("IHHII", 16 + len(body), family, 5, 1, 0) + body)
    return s.recv(65536)
answer = ask(16, 3, attr(2, b"mptcp_pm\0"))
at = 20
while struct.unpack_from("HH", answer, at)[1] != 1:
    at += (struct.unpack_from("H", answer, at)[0] + 3) & ~3
s.recv(65536)
inner = attr(1, struct.pack("H", 2)) + attr(2, bytes([number])) + attr(3, socket.inet_aton(address))
inner += attr(6, struct.pack("I", flags)) + attr(7, struct.pack("i", socket.if_nametoindex(device)))
error = struct.unpack_from("i", ask(struct.unpack_from("H", answer, at + 4)[0], 1, attr(1 | 0x8000, inner)), 16)[0]
sys.exit(error and "errno %d" % -error)
PYTHON
}

# lines prints from which addresses a new connection has subflows.
lines() {
	python3 -c '
import socket, time
while True:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    try: s.connect(("198.51.100.1", 5001)); break
    except ConnectionError: time.sleep(0.1)
while True: s.send(b"x"); s.recv(9); time.sleep(0.05)' &
	client=$!
	sleep 1.5
	ss -tinH state established | grep -B 1 'flags:' | grep -o '192\.0\.2\.[0-9]*' | sort | tr '\n' ' '
	kill $client
	sleep 0.3
}

expect() { # WHAT LINES
	got=$(lines)
	echo "$1: subflows from $got"
	[ "$got" = "$2 " ] || changed "wanted $2"
}
for n in 1 2; do endpoint 192.0.2.$((n * 64 + 1)) line$n $n 2; done
ip mptcp limits set subflow 2 add_addr_accepted 0
expect "not accepted" "192.0.2.129 192.0.2.65"
ip mptcp limits set add_addr_accepted 1
expect "accepted" "192.0.2.65 192.0.2.65"
ip mptcp endpoint flush
for n in 1 2; do endpoint 192.0.2.$((n * 64 + 1)) line$n $n 34; done
expect "accepted, laminar" "192.0.2.129 192.0.2.65"
NAMESPACE
