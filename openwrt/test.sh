#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The feed's CI calls it with the name and the version of the installed package.

case "$1" in
mptcpctl)
	mptcpctl --version | grep -F "$2"
	;;
esac
