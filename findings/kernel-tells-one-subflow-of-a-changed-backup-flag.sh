#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: "ip mptcp endpoint change id 1 backup" makes the subflows from the
# endpoint's address backup, in every connection.
#
# Truth: it does so with one of them in each connection, the oldest
# (mptcp_pm_mp_prio_send_ack in net/mptcp/pm.c returns after the first that has the
# address). Where the server announces a second address, the connection has two.
#
# Versions: Linux 6.18, iproute2 6.1, Python 3.10 or later for its MPTCP sockets.
set -eu

unshare -Urn sh -eu <<'NAMESPACE'
changed() { echo "changed: $1"; exit 1; }
ip link set lo up
unshare -n sleep 60 &
server=$!
trap 'kill $server' EXIT
until ip link add client type veth peer name server netns $server 2>/dev/null; do sleep 0.1; done
far() { nsenter -t $server -n "$@"; }
far ip link set lo up
far ip addr add 192.0.2.2/24 dev server
far ip addr add 192.0.2.3/24 dev server
far ip link set server up
ip addr add 192.0.2.1/24 dev client
ip link set client up
far ip mptcp endpoint add 192.0.2.3 dev server signal
ip mptcp limits set subflow 2 add_addr_accepted 1
ip mptcp endpoint add 192.0.2.1 dev client id 1 subflow

far python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
s.bind(("", 5001)); s.listen()
c, _ = s.accept()
while c.send(c.recv(9)): pass' &
python3 -c '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
while True:
    try: s.connect(("192.0.2.2", 5001)); break
    except ConnectionError: time.sleep(0.1); s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP)
for _ in range(50): s.send(b"x"); s.recv(9); time.sleep(0.1)' &
client=$!
subflows() { ss -tinH state established src 192.0.2.1 | grep -o 'flags:[A-Za-z]*' || true; }
for _ in 1 2 3 4 5 6 7 8 9; do
	sleep 0.3
	[ "$(subflows | grep -c .)" = 2 ] && break
done
[ "$(subflows | grep -c .)" = 2 ] || changed "the connection has not two subflows: $(subflows)"
ip mptcp endpoint change id 1 backup
sleep 0.3
# b: this host has asked the peer to treat the subflow as backup
told=$(subflows | grep -c 'flags:.*b' || true)
[ "$told" = 1 ] || changed "$told of the subflows are backup"
echo "of two subflows from 192.0.2.1, one is backup:"
subflows
kill $client
NAMESPACE
