#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: an MPTCP connection can get a new subflow at any time; above all when its
# old ones have died, and data is missing that only a new one can bring.
#
# Truth: the end that accepts a join resets it while it has bytes that come after missing
# ones, if it runs Linux 6.12.60 to 6.12.114, or 6.6 from 6.6.118 on. The check of the
# out-of-order queue belongs into __mptcp_try_fallback ("mptcp: do not fallback when OoO is
# present"); the backport put it into __mptcp_finish_join (net/mptcp/protocol.c), which
# mptcp_finish_join calls for accepted joins only. A client that sent over two lines, both
# lost at about the same time, cannot join such a server again, and stalls for good. 6.12.115
# has moved the check ("mptcp: move the OoO check back into __mptcp_try_fallback()"); 6.18
# has it where it belongs.
#
# The client's first two subflows stop bringing data to the server, one a little later than
# the other, so that bytes are missing. Then a third one joins.
#
# Versions: shown by Debian's 6.12.95; "changed" on Linux 6.18. Python 3.11, nft 1.0.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
export directory
unshare -n sh -eu <<'NAMESPACE'
here=$$
unshare -n sleep 60 &
peer=$!
trap 'kill $peer' EXIT
until [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/$here/ns/net)" ]; do sleep 0.05; done
far() { nsenter -t "$peer" -n "$@"; }
ip link set lo up
far ip link set lo up
far ip address add 10.99.0.2/32 dev lo
ip mptcp limits set subflows 4
far ip mptcp limits set subflows 4
for n in 1 2 3; do
	ip link add "near$n" type veth peer name "far$n" netns "$peer"
	ip address add "10.0.$n.2/24" dev "near$n"
	ip link set "near$n" up
	far ip address add "10.0.$n.1/24" dev "far$n"
	far ip link set "far$n" up
	tc qdisc add dev "near$n" root tbf rate 20mbit burst 32kb latency 50ms # so that one is not enough
	ip route add default via "10.0.$n.1" table "$n"
	ip rule add from "10.0.$n.2" table "$n"
done
ip route add 10.99.0.2/32 via 10.0.1.1
ip mptcp endpoint add 10.0.2.2 dev near2 subflow
far timeout 60 python3 -c '
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)  # IPPROTO_MPTCP
server.bind(("10.99.0.2", 5001))
server.listen()
connection, _ = server.accept()
while connection.recv(1 << 20):
    pass' &
until far ss -Hltn | grep -q :5001; do sleep 0.05; done
# What carries data is dropped, at once on one line and a little later on the other: what
# comes over that one in between stays behind a gap. Acknowledgements and joins pass.
cat >"$directory/gap" <<'NFT'
table inet gap {
	chain input {
		type filter hook input priority 0
		iifname far1 meta length > 200 drop
		iifname far2 meta length > 200 quota over 100 kbytes drop
	}
}
NFT
python3 - "$peer" "$directory/gap" <<'PYTHON'
import socket, subprocess, sys, threading, time

peer, gap = sys.argv[1:]

def counter(name):
    text = subprocess.run(["nsenter", "-t", peer, "-n", "cat", "/proc/self/net/netstat"], check=True, capture_output=True, text=True).stdout
    names, values = [l.split() for l in text.splitlines() if l.startswith("MPTcpExt:")]
    return int(values[names.index(name)])

def send(connection):
    try:
        while True:
            connection.sendall(bytes(1 << 16))
    except OSError:
        pass

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
client.connect(("10.99.0.2", 5001))
threading.Thread(target=send, args=(client,), daemon=True).start()
time.sleep(2)
if counter("MPJoinAckRx") != 1:
    sys.exit("the second subflow did not join")
subprocess.run(["nsenter", "-t", peer, "-n", "nft", "-f", gap], check=True)
time.sleep(0.5)
subprocess.run(["ip", "mptcp", "endpoint", "add", "10.0.3.2", "dev", "near3", "subflow"], check=True)
time.sleep(1)
asked, accepted = counter("MPJoinSynRx") - 1, counter("MPJoinAckRx") - 1
if (asked, accepted) != (1, 0):
    sys.exit(f"changed: the server was asked for {asked} joins and accepted {accepted}")
print("the server does not accept a join while it lacks bytes")
PYTHON
NAMESPACE
