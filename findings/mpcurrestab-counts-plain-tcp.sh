#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: the counter MPCurrEstab is how many connections use MPTCP now.
#
# Truth: it is how many MPTCP sockets are established. One that fell back to plain TCP,
# since its peer does not know MPTCP, is one of them until it is closed (mptcp_set_state
# in net/mptcp/protocol.c). MPCapableFallbackSYNACK counts such a connection once, for
# good. Only a list of the sockets tells the two apart.
#
# Versions: Python 3.11 (Debian 12), Linux 6.18.
set -eu

unshare -Urn sh -eu <<'NAMESPACE'
ip link set lo up
python3 - <<'PYTHON'
import socket, sys

def counter(name):
    names, values = [l.split() for l in open("/proc/net/netstat") if l.startswith("MPTcpExt:")]
    return int(values[names.index(name)])

IPPROTO_MPTCP = 262
server = socket.socket()  # plain TCP
server.bind(("127.0.0.1", 0))
server.listen()
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
before = counter("MPCurrEstab")
client.connect(server.getsockname())
now, fallen = counter("MPCurrEstab") - before, counter("MPCapableFallbackSYNACK")
if (now, fallen) != (1, 1):
    sys.exit(f"changed: MPCurrEstab counts {now}, MPCapableFallbackSYNACK {fallen}")
print("MPCurrEstab counts a connection that is plain TCP")
PYTHON
NAMESPACE
