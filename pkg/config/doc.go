// SPDX-License-Identifier: Apache-2.0

// Package config turns the sections of the UCI package "network" into the
// multipath configuration: every option that mptcpctl knows, its accepted
// values and its default stand here. The package is pure: it reads no file.
//
//	cfg, err := config.Parse("/etc/config/network", pkg, 8)
//	wan, ok := cfg.Interface("wan")
//	v6, ok := cfg.Dynamic("wan_6")
package config
