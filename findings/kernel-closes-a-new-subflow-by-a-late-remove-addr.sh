#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: an endpoint that is deleted and added again under a new id gives a
# connection a new subflow at once, and the REMOVE_ADDR for the old id cannot harm it.
#
# Truth: the address of a connection's first subflow has the id 0 whatever the id of the
# endpoint is (mptcp_pm_get_local_id in net/mptcp/pm.c). REMOVE_ADDR goes over another
# line; where that one is slower, the server hears it when the new subflow is there, and
# closes that one. The kernel does not try again. A second between the deletion and the
# addition is enough.
#
# Versions: Linux 6.18, iproute2 6.1, Python 3.10 or later for its MPTCP sockets.
set -eu

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; exit 1; }
ip link set lo up
unshare -n sleep 60 &
server=$!
trap 'kill $server' EXIT
far() { nsenter -t $server -n "$@"; }
until ip link add fast type veth peer name fast netns $server 2>/dev/null; do sleep 0.1; done
ip link add slow type veth peer name slow netns $server
far ip link set lo up
for line in 1:fast 2:slow; do
	n=${line%:*} dev=${line#*:}
	ip addr add 192.0.2.$((n * 64 + 1))/26 dev $dev
	ip link set $dev up
	far ip addr add 192.0.2.$((n * 64 + 2))/26 dev $dev
	far ip link set $dev up
	ip route add default via 192.0.2.$((n * 64 + 2)) dev $dev metric $n
	ip route add default via 192.0.2.$((n * 64 + 2)) dev $dev table $n
	ip rule add from 192.0.2.$((n * 64 + 1)) lookup $n
	ip mptcp endpoint add 192.0.2.$((n * 64 + 1)) dev $dev id $n subflow
done
far ip addr add 198.51.100.1/32 dev lo
ip mptcp limits set subflow 2

far python3 -c '
import socket, threading
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
s.bind(("", 5001)); s.listen()
def echo(c):
    while c.send(c.recv(4096)): pass
while True: threading.Thread(target=echo, args=(s.accept()[0],)).start()' &
far_python=$!
trap 'kill $far_python $server' EXIT
python3 -c '
import socket, time
while True:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
    try: s.connect(("198.51.100.1", 5001)); break
    except ConnectionError: time.sleep(0.1)
while True: s.send(b"x"); s.recv(9); time.sleep(0.05)' &
client=$!
trap 'kill $client $far_python $server' EXIT
subflows() { ss -tinH state established src 192.0.2.65 | grep -c 'flags:' || true; }
both() { [ "$(subflows)" = 1 ] && ss -tinH state established src 192.0.2.129 | grep -q 'flags:'; }
for _ in 1 2 3 4 5 6 7 8 9 10; do
	both && break
	sleep 0.3
done
both || changed "the connection has not a subflow over each line"
# What fills the queue of the slow line for almost a second.
tc qdisc add dev slow root tbf rate 100kbit burst 2000 latency 2s
fill() {
	python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.0.2.129", 0))
for _ in range(10): s.sendto(bytes(1000), ("192.0.2.130", 9))'
}

for pause in 0 1; do
	fill
	ip mptcp endpoint delete id $((1 + 2 * pause))
	sleep $pause
	ip mptcp endpoint add 192.0.2.65 dev fast id $((3 + 2 * pause)) subflow
	sleep 0.1
	[ "$(subflows)" = 1 ] || changed "the new endpoint gave no subflow, after $pause s"
	sleep 1.5
	echo "added $pause s after the deletion, new subflows that stay: $(subflows)"
	[ "$(subflows)" = $pause ] || changed "it has $(subflows)"
done
NAMESPACE
