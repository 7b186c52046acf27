// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
)

// Option is one UCI option of the package "network" that only mptcpctl reads.
type Option struct {
	// Section is the type of the section, "interface" or "globals".
	Section string
	Name    string
	// Words are the accepted values of an enumeration; nil: Values says what is
	// accepted.
	Words  []string
	Values string
	// Default says in a few words what it means that the option is not set.
	Default string
	// Meaning is one sentence.
	Meaning string
	// Sysctl is the kernel setting to which the option is written; empty: none.
	Sysctl string
}

// Accepted says in words which values the option takes.
func (o Option) Accepted() string {
	if o.Words != nil {
		return orList(o.Words)
	}
	return o.Values
}

const (
	optionLaminar    = "mptcp_laminar"
	sectionInterface = "interface"
	sectionGlobals   = "globals"
)

var (
	boolWords   = append(slices.Clip(trueWords), falseWords...)
	switchWords = append([]string{"enable", "disable"}, boolWords...)
)

// Phrases of several options.
const (
	unsetSysctl = "the kernel's setting is left as it is"
	limitValues = "0 to 255"
)

// options is what the parser knows of each. The sysctls are described in the kernel's
// Documentation/networking/mptcp-sysctl.rst, and ip-sysctl.rst for congestion.
var options = []Option{
	{Section: sectionInterface, Name: OptionMultipath, Words: modeWords[:]},
	{Section: sectionInterface, Name: optionTable, Values: "2 to 4294967295, except 253 to 255"},
	{Section: sectionInterface, Name: optionCheckHost, Values: "dns:ADDRESS, tcp:ADDRESS:PORT or ping:ADDRESS"},
	{Section: sectionInterface, Name: "mptcp_check_interval", Values: "0 to 3600"},
	{Section: sectionInterface, Name: "mptcp_check_patience", Values: "0 to 60"},
	{Section: sectionInterface, Name: "mptcp_check_up", Values: "1 to 100"},
	{Section: sectionInterface, Name: "mptcp_check_latency", Values: "1 to 10000"},
	{Section: sectionInterface, Name: "mptcp_check_loss", Values: "1 to 100"},
	{Section: sectionGlobals, Name: OptionMultipath, Words: switchWords},
	{Section: sectionGlobals, Name: "mptcp_watch", Words: boolWords},
	{Section: sectionGlobals, Name: "mptcp_check", Words: boolWords},
	{Section: sectionGlobals, Name: "mptcp_subflows", Values: limitValues},
	{Section: sectionGlobals, Name: "mptcp_add_addr_accepted", Values: limitValues},
	{Section: sectionGlobals, Name: optionLaminar, Words: boolWords},
	{Section: sectionGlobals, Name: "mptcp_path_manager", Words: []string{"fullmesh", "default"}},
	{Section: sectionGlobals, Name: "mptcp_scheduler", Values: "the name of a scheduler that the kernel has", Sysctl: "net.mptcp.scheduler"},
	{Section: sectionGlobals, Name: "mptcp_checksum", Words: switchWords, Sysctl: "net.mptcp.checksum_enabled"},
	{Section: sectionGlobals, Name: "mptcp_add_addr_timeout", Values: "a number of seconds; 0: never", Sysctl: "net.mptcp.add_addr_timeout"},
	{Section: sectionGlobals, Name: "mptcp_stale_loss_cnt", Values: "a number; 0: never", Sysctl: "net.mptcp.stale_loss_cnt"},
	{Section: sectionGlobals, Name: "mptcp_allow_join_initial_addr_port", Words: switchWords, Sysctl: "net.mptcp.allow_join_initial_addr_port"},
	{Section: sectionGlobals, Name: "mptcp_close_timeout", Values: "a number of seconds", Sysctl: "net.mptcp.close_timeout"},
	{Section: sectionGlobals, Name: "mptcp_blackhole_timeout", Values: "a number of seconds; 0: never", Sysctl: "net.mptcp.blackhole_timeout"},
	{Section: sectionGlobals, Name: "congestion", Values: "the name of a congestion control that the kernel has", Sysctl: "net.ipv4.tcp_congestion_control"},
}

// documented is what people read of each option, in the same order. It is apart from
// options, so that the program, which shows none of it, does not carry it.
func documented() [][2]string {
	return [][2]string{
		{"off", "How the line takes part in Multipath TCP."},
		{"1 + the position of the section", "The number of the line's routing table."},
		{"the line's own: its name servers beyond its own network, the next router beyond the modem", "A host that answers as long as the line lives, and a list of them."},
		{"10", "After how many seconds without any packet a line is probed, or 0 for never, for metered lines."},
		{"3", "For how many seconds a dead line keeps the traffic of the LAN, whose connections survive a short outage if they are left alone."},
		{"3", "How many answers in a row bring a dead line back, doubled for each further death within ten minutes, up to 16 times."},
		{"no limit", "The round trip time in milliseconds beyond which a line is put last, with backup subflows, until it is below 80 % of that."},
		{"no limit", "The percentage of lost probes beyond which a line is put last, with backup subflows, until it is below 80 % of that."},
		{"off", "The main switch: without it, every rule, route and endpoint of mptcpctl is removed."},
		{"0", "Whether the watch service runs, which notices what netifd does not report, such as a lost carrier on a static line."},
		{"0", "Whether the watch service runs and also looks after the health of the lines, which may be up and yet carry nothing."},
		{"raised to the number of endpoints", "How many subflows a connection may have in addition to its first."},
		{unsetSysctl, "How many of the addresses that its peer announces a connection may use."},
		{"1", "Whether the subflow to an address that the peer announces goes over a line that the connection does not use yet, where the kernel has laminar endpoints, announced addresses are accepted and fullmesh is off."},
		{"default", "With fullmesh, each line gets a subflow to each address of the peer."},
		{unsetSysctl, "Which algorithm chooses the subflow that sends next."},
		{unsetSysctl, "Whether MPTCP adds a checksum of its own to the data, which detects middleboxes that change it."},
		{unsetSysctl, "How long to wait for the echo of an announced address before it is announced again."},
		{unsetSysctl, "After how many retransmission timeouts without an answer a subflow counts as stale and is avoided."},
		{unsetSysctl, "Whether peers may open further subflows to the address and port of the first one."},
		{unsetSysctl, "How long a connection that has lost its last subflow is kept."},
		{unsetSysctl, "For how long, at first, the kernel opens plain TCP connections after SYNs with MPTCP were lost and those without were not."},
		{unsetSysctl, "Which congestion control new connections use."},
	}
}

// Options are all options that only mptcpctl reads, those of interfaces first.
// Parse reads these, and further ones that belong to netifd.
func Options() []Option {
	all := slices.Clone(options)
	for i, words := range documented() {
		all[i].Default, all[i].Meaning = words[0], words[1]
	}
	return all
}

// Names are the names of those in sections of a type.
func Names(section string) (names []string) {
	for i := range options {
		if options[i].Section == section {
			names = append(names, options[i].Name)
		}
	}
	return names
}

// option finds an option of the table.
func option(section, name string) Option {
	i := slices.IndexFunc(options, func(o Option) bool { return o.Section == section && o.Name == name })
	if i < 0 {
		return Option{Section: section, Name: name}
	}
	return options[i]
}
