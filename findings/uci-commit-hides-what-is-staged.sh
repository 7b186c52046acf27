#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: while "uci commit" runs, another program reads the old value or the new
# one, as uci locks the files.
#
# Truth: what was staged, and read by everybody, is gone for a moment, and the value from
# before it is back. uci_file_commit in libuci's file.c empties the file of staged changes,
# then writes the configuration, and gives it its name after the lock is released. Who
# waits for the lock has the old file open.
#
# Versions: uci 66127cd (OpenWrt 25.12), which has to be on the PATH.
set -eu

command -v uci >/dev/null || { echo "needs uci on the PATH"; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/config" "$dir/override" "$dir/staged"
printf "config interface 'wan'\n\toption metric '0'\n" >"$dir/config/network"
uci() { command uci -c "$dir/config" -C "$dir/override" -t "$dir/staged" "$@"; }

for i in $(seq 1 300); do
	uci set network.wan.metric="$i"
	uci commit network &
	read=$(uci get network.wan.metric)
	wait $!
	if [ "$read" -lt "$i" ]; then
		echo "staged $i, and read $read while it was being committed"
		exit 0
	fi
done
echo "changed: nothing was hidden in 300 commits"
exit 1
