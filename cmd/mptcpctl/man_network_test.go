// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/mptcpctl/mptcpctl/pkg/config"

const networkDescription = `mptcpctl reads the options below from the UCI package network, and those of
netifd that describe an interface (proto, device, metric, ip4table and others). It
writes to the package only with "mptcpctl iface NAME MODE --save".

A line is a device with its address families: at most one section for IPv4 and one
for IPv6, such as wan and wan6. A section without option multipath takes over the
mode of another section if it is an alias of that section (option device '@wan'), if
netifd created it for that section (wan_6), or if it has the same device and only
families that the other section cannot have.

An invalid value in a section of type interface leaves that interface unchanged;
the others are still configured. An invalid value in the section globals leaves
everything unchanged; mptcp_path_manager and the kernel's settings only cause a
warning.`

// networkModes says what each mode does.
var networkModes = map[config.Mode]string{
	config.Off:      "The interface takes no part: no rule, no table, no endpoint.",
	config.On:       "The line is used for MPTCP subflows.",
	config.Master:   "As on, and the line is the default route of all other traffic. A second master is the first standby.",
	config.Backup:   "As on, but with backup subflows (RFC 8684, section 3.3.8): they carry data only if no other subflow can.",
	config.Handover: "The line has no subflows as long as a line in mode master, on or backup is usable in the same address family.",
	config.Signal:   "For servers: the address is announced to the peers, and no subflow is opened from it.",
}

const networkExample = `config globals 'globals'
	option multipath 'enable'

config interface 'wan'
	option proto 'dhcp'
	option device 'eth1'
	option metric '1'
	option multipath 'master'

config interface 'wan2'
	option proto 'dhcp'
	option device 'eth2'
	option metric '2'
	option multipath 'on'

config interface 'lte'
	option proto 'modemmanager'
	option metric '3'
	option multipath 'backup'`

// networkPage is mptcpctl-network(5), the options of /etc/config/network.
func networkPage(date string) (name string, page *manPage) {
	const title = "mptcpctl-network"
	p := newManPage(title, "5", date, "Options of /etc/config/network that mptcpctl reads")
	p.section("DESCRIPTION")
	p.paragraphs(networkDescription)
	for _, section := range [][2]string{{"interface", "INTERFACE OPTIONS"}, {"globals", "GLOBAL OPTIONS"}} {
		p.section(section[1])
		p.paragraphs("In sections of the type " + section[0] + ":")
		for _, o := range config.Options() {
			if o.Section != section[0] {
				continue
			}
			text := o.Meaning + "\nValues: " + o.Accepted() + ".\nDefault: " + o.Default + "."
			if o.Sysctl != "" {
				text += "\nSets the sysctl " + o.Sysctl + "."
			}
			p.item(bold(o.Name), text)
		}
	}
	p.section("MODES")
	for _, word := range config.Modes() {
		mode, _ := config.ParseMode(word)
		p.item(bold(word), networkModes[mode])
	}
	p.section("EXAMPLES")
	p.paragraphs("Two lines, and a modem that carries data only if both are lost:")
	p.WriteString(".PP\n")
	p.example(networkExample)
	p.section("FILES")
	p.item(italic("/etc/config/network"), "The configuration.")
	p.item(italic("/var/state/network"), "Modes that were set until the next reboot; see mptcpctl-iface(8).")
	p.seeAlso([]string{"mptcpctl(8)", "mptcpctl-iface(8)", "ip-mptcp(8)"})
	return title, p
}
