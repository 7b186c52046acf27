// SPDX-License-Identifier: Apache-2.0

// Package probe asks hosts beyond a line whether it carries anything, without any
// privilege but CAP_NET_ADMIN: by UDP, TCP, and ICMP where the kernel lets it.
//
//	p := probe.Prober{Device: "eth1", Source: source, Beyond: beyond}
//	err := p.Send(target, seq)
//	answers := p.Answers()
package probe
