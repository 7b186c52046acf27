#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: a connection that is being set up is not affected when the MPTCP endpoint on
# its address is deleted, or its application hears of it: connect() ends with an error.
#
# Truth: when the peers are told that the address is gone (the deletion of id 0), the kernel
# ends the first subflow in its SYN-SENT state. poll() says that the socket can be written to
# and is hung up, but SO_ERROR is 0, as after a connection that was set up; only
# getpeername() knows. A program in Go, which looks at that, waits for ever.
#
# Versions: Python 3.11 (Debian 12), Linux 6.18.
set -eu

unshare -Urn sh -eu <<'NAMESPACE'
ip link set lo up
ip link add line type veth peer name deaf
ip addr add 192.0.2.2/24 dev line
ip link set line up
ip link set deaf up
ip route add default via 192.0.2.1
ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev line # which nobody has
echo 1 >/proc/sys/net/ipv4/tcp_syn_retries
[ ! -e /proc/sys/net/ipv4/tcp_syn_linear_timeouts ] || echo 0 >/proc/sys/net/ipv4/tcp_syn_linear_timeouts
python3 - <<'PYTHON'
import errno, select, socket, subprocess, sys, time

IPPROTO_MPTCP = 262
WAIT = 10_000  # ms; the SYNs are given up after 3 s

def attempt(delete):
    subprocess.run("ip mptcp endpoint add 192.0.2.2 dev line id 1 subflow", shell=True, check=True)
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    client.setblocking(False)
    client.connect_ex(("198.51.100.1", 80))
    time.sleep(0.2)
    if delete:
        subprocess.run("ip mptcp endpoint delete id 1; ip mptcp endpoint delete id 0 192.0.2.2", shell=True, check=True)
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    events = sum(e for _, e in poll.poll(WAIT))
    error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    try:
        client.getpeername()
        error = "connected"
    except OSError as e:
        if e.errno != errno.ENOTCONN:
            raise
    client.close()
    if not delete:
        subprocess.run("ip mptcp endpoint delete id 1", shell=True, check=True)
    return events, error

events, error = attempt(delete=False)
if error != errno.ETIMEDOUT:
    sys.exit(f"changed: after the last SYN connect() ends with {error}")
events, error = attempt(delete=True)
if (events, error) != (select.POLLOUT | select.POLLHUP, 0):
    sys.exit(f"changed: connect() ends with events {events}, error {error}")
print("connect() ends without an error when its endpoint is deleted")
PYTHON
NAMESPACE
