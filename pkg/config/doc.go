// SPDX-License-Identifier: Apache-2.0

// Package config turns the sections of the UCI package "network" into the
// multipath configuration: the mode of every section, its own or that of another
// section of its line, and the families that it may have. Options is the one table of
// the options that only mptcpctl reads: accepted values and defaults. The package is
// pure: it reads no file.
//
//	cfg, err := config.Parse("/etc/config/network", pkg)
//	wan, ok := cfg.Interface("wan")
//	v6, ok := cfg.Dynamic("wan_6", "dhcpv6")
package config
