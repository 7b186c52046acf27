// SPDX-License-Identifier: Apache-2.0

// Package uci reads OpenWrt's configuration, exactly as libuci does in its
// non-strict mode: from the uci program where there is one, else from the file
// with the same grammar, and with the runtime choices of the state directory on
// top. It also writes those, and makes permanent changes through uci.
//
//	source := uci.Source{StateDir: "/var/state"}
//	pkg, err := source.Read(ctx, "network")
//	err = source.SetState(ctx, "network", "wan2", "multipath", "backup")
package uci
