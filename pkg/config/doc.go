// SPDX-License-Identifier: Apache-2.0

// Package config turns the sections of the UCI package "network" into the
// multipath configuration. Options is the one table of what mptcpctl knows: every
// option, its accepted values and its default. The package is pure: it reads no file.
//
//	cfg, err := config.Parse("/etc/config/network", pkg, 8)
//	wan, ok := cfg.Interface("wan")
//	v6, ok := cfg.Dynamic("wan_6", "dhcpv6")
package config
