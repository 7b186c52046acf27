// SPDX-License-Identifier: Apache-2.0

// Package uci reads OpenWrt's configuration, exactly as libuci does in its
// non-strict mode: the file, or what overrides it, with the staged changes and the
// runtime choices of the state directory on top, as "uci -P" merges them. It also writes
// those choices, and makes permanent changes through the uci program.
//
//	source := uci.Source{StateDir: "/var/state"}
//	pkg, err := source.Read(ctx, "network")
//	err = source.SetState(ctx, "network", "wan2", "multipath", "backup")
package uci
