#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: "connection.mptcp-flags=disabled" in NetworkManager.conf, the word that
# nmcli shows and takes, keeps NetworkManager from MPTCP endpoints; and what it does not
# manage it leaves alone.
#
# Truth: in NetworkManager.conf the word is ignored without a message; the number 1
# counts. Without it, activation gives the address an endpoint of NetworkManager's own,
# and "nmcli device reapply" puts that in the place of another program's on the device.
# The kernel notifies no program of either.
#
# Versions: NetworkManager 1.42.4-1+deb12u1 (Debian 12), Linux 6.18. As root: it boots
# systemd in namespaces, by programs that are unpacked and not installed.
set -eu
cd "$(dirname "$0")/.."
.ci/need root ip nsenter supervisors

dir=$(mktemp -d)
pid=
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)$(sed -n 's/^0:://p' /proc/self/cgroup)/mptcpctl-finding-$$
# A cgroup can be removed when the last of its processes is gone.
trap '[ -z "$pid" ] || kill -9 "$pid"; sleep 1; find "$cgroup" -depth -type d -exec rmdir {} + ; rm -rf "$dir"' EXIT
mkdir -p "$cgroup" "$dir/root" "$dir/files/usr/local" "$dir/files/etc/systemd/system/e2e.target.wants" \
	"$dir/files/etc/NetworkManager/conf.d" "$dir/files/etc/NetworkManager/system-connections"
etc=$dir/files/etc
printf 'root:x:0:0:root:/root:/bin/sh\nmessagebus:x:101:101::/nonexistent:/usr/sbin/nologin\n' >"$etc/passwd"
printf 'root:x:0:\nmessagebus:x:101:\n' >"$etc/group"
echo abababababababababababababababab >"$etc/machine-id"
printf '[Unit]\nRequires=dbus.socket systemd-journald.socket\n' >"$etc/systemd/system/e2e.target"
ln -s /usr/lib/systemd/system/NetworkManager.service "$etc/systemd/system/e2e.target.wants/"
printf '[main]\nplugins=keyfile\n[keyfile]\nunmanaged-devices=interface-name:cable0\n' >"$etc/NetworkManager/NetworkManager.conf"
connection=$etc/NetworkManager/system-connections/eth0.nmconnection
printf '[connection]\nid=eth0\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=192.0.2.2/24,192.0.2.1\n[ipv6]\nmethod=disabled\n' >"$connection"
chmod 600 "$connection"

timeout 60 unshare --mount --pid --net --uts --ipc --fork sh openwrt/examples/supervised/boot \
	"$PWD/dist/tools/supervisors" "$dir/files" "$dir/root" "$cgroup" e2e.target >"$dir/log" 2>&1 &
unshare=$!
# The child of timeout's child is process 1.
for _ in $(seq 100); do
	pid=$(cat "/proc/$unshare/task/$unshare/children" 2>/dev/null) && pid=$(cat "/proc/${pid% }/task/${pid% }/children" 2>/dev/null) && [ -n "$pid" ] && break
	sleep .1
done
pid=${pid% }
inside() { nsenter --all --target "$pid" -- env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
changed() { echo "changed: $1"; exit 1; }
flags() { # VALUE: activates eth0 with it, and adds an endpoint of another program
	# shellcheck disable=SC2016 # the shell inside expands them
	inside sh -euc '
		printf "[connection-test]\nconnection.mptcp-flags=%s\n" "$1" >/etc/NetworkManager/conf.d/test.conf
		nmcli connection down eth0
		ip mptcp endpoint flush
		systemctl restart NetworkManager
		for n in $(seq 100); do nmcli connection up eth0 && break; sleep .1; done
		sleep 1
		ip mptcp endpoint
		ip mptcp endpoint flush
		ip mptcp endpoint add 192.0.2.2 dev eth0 signal
		nmcli device reapply eth0
		sleep 1
		echo after reapply
		ip mptcp endpoint' sh "$1" 2>&1
}
for _ in $(seq 100); do
	inside nmcli device 2>/dev/null | grep -q 'eth0.* connected' && break
	sleep .1
done
word=$(flags disabled)
number=$(flags 1)
case $word in *"192.0.2.2 id"*"after reapply"*) ;; *) changed "the word counts: $word" ;; esac
case ${word#*after reapply} in *signal*) changed "reapply keeps the endpoint of another program: $word" ;; esac
case ${number%after reapply*} in *"192.0.2.2 id"*) changed "the number 1 does not count: $number" ;; esac
case ${number#*after reapply} in *signal*) ;; *) changed "reapply takes the endpoint in spite of the number: $number" ;; esac
printf 'mptcp-flags=disabled: %s\n\nmptcp-flags=1: %s\n' "$word" "$number"
