#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: "ip mptcp endpoint delete id 0 ADDRESS" tells the peers of established
# connections that an address is gone (REMOVE_ADDR of RFC 8684 section 3.4.2), and
# leaves connections alone that are only being opened.
#
# Truth: a connection that is being opened from the address is aborted. connect()
# fails with ECONNABORTED where it blocks. A socket that does not block is woken once,
# and its SO_ERROR is 0, as that of one that is connected; Go, which asks for the peer
# then and finds none, goes on to wait for good. SYNs might soon have been answered
# again. To delete the endpoint itself ("delete id 5") aborts nothing.
# (mptcp_nl_remove_id_zero_address in net/mptcp/pm_kernel.c)
#
# Versions: Linux 6.18.
set -eu

unshare -Urn python3 - <<'PYTHON'
import errno, select, socket, subprocess, time

def ip(*words): subprocess.run(("ip",) + words, check=True)

def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w") as file: file.write(value)

ip("link", "set", "lo", "up")
ip("link", "add", "eth1", "type", "veth", "peer", "name", "far1")
for name in "eth1", "far1": ip("link", "set", name, "up")
ip("addr", "add", "192.0.2.2/24", "dev", "eth1")
ip("neigh", "add", "192.0.2.1", "lladdr", "02:00:00:00:00:01", "dev", "eth1", "nud", "permanent")
ip("route", "add", "default", "via", "192.0.2.1")
sysctl("net.ipv4.tcp_syn_retries", "1")  # 3 s: SYN, 1 s, SYN, 2 s

def attempt(*deletions):
    ip("mptcp", "endpoint", "add", "192.0.2.2", "dev", "eth1", "id", "5", "subflow")
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)  # IPPROTO_MPTCP
    s.setblocking(False)
    s.connect_ex(("198.51.100.1", 80))
    time.sleep(0.2)
    for words in deletions: ip("mptcp", "endpoint", "delete", *words)
    poll = select.poll()
    poll.register(s, select.POLLOUT)
    if not poll.poll(8000): raise SystemExit("changed: nothing is reported")
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    ip("mptcp", "endpoint", "flush")
    return error

for what, deletions, expected in (
    ("nothing is deleted", [], errno.ETIMEDOUT),
    ("the endpoint is deleted", [("id", "5")], errno.ETIMEDOUT),
    ("the peers are told", [("id", "5"), ("id", "0", "192.0.2.2")], 0),
):
    error = attempt(*deletions)
    print(f"{what}: SO_ERROR {error} ({errno.errorcode.get(error, 'none')})", flush=True)
    if error != expected: raise SystemExit("changed")
PYTHON
