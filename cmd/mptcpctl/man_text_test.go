// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// What the pages say beyond the help of the commands: it is not shipped.

const manDescription = `Every run works out the complete state that the kernel should have, and writes
only what differs. Rules and routes of mptcpctl have protocol 77; others are
never changed or deleted. An endpoint is managed if it is on the device of a line
and has no port; all others are left alone.

On OpenWrt, netifd calls "mptcpctl hotplug" for every event of an interface, and
the init script calls "mptcpctl apply" at boot and after changes to the
configuration. Without netifd, "mptcpctl watch" does this instead.

Where netifd is, the configuration includes what "uci set" has written and "uci commit"
has not taken yet, and a file of /var/run/uci is read in its place. Both are left out,
with a warning, if other users may write to them.

The options of the configuration are described in mptcpctl-network(5).`

// manExits are the exit codes in order.
func manExits() [][2]string {
	code := func(n int) string { return fmt.Sprint(n) }
	return [][2]string{
		{"0", "Done."},
		{code(exitFailed), "An operation failed; those that do not depend on it were applied."},
		{code(exitUsage), "Usage: an unknown command, option, mode or interface."},
		{code(exitConfig), "The configuration is invalid. An invalid value in a section of type interface leaves that interface unchanged; one in the section globals leaves everything unchanged."},
		{code(exitNoMPTCP), "The kernel has no MPTCP path manager, or another one is in use. Rules and routes are applied."},
		{code(exitPending), "Changes are pending (\"mptcpctl plan --exit-code\")."},
		{code(exitFindings), "There are findings (\"mptcpctl doctor\")."},
		{code(exitLine), "A line has no MPTCP to the server, or its subflow does not join (\"mptcpctl test\")."},
		{code(exitLocked), "Another run holds the lock, or another \"mptcpctl watch\" is running."},
	}
}

const manExitOrder = `If several apply, 1 comes before 3, and 3 before 4. "mptcpctl multipath" exits
with 0 or 1.`

var manFiles = [][2]string{
	{"/etc/config/network", "The configuration; see mptcpctl-network(5)."},
	{"/tmp/.uci/network", "Uncommitted changes of the configuration, where netifd is."},
	{"/var/run/uci/network", "Where it exists, it is read in place of the configuration, where netifd is."},
	{"/var/state/network", "The modes that were set with \"mptcpctl iface NAME MODE\", until the next reboot. Where /var/state does not exist, it is /run/mptcpctl/network."},
	{"/var/lock/mptcpctl.lock", "Held by every run that changes the kernel. It contains the last endpoint id and the tables that were used. Without netifd, it is /run/mptcpctl/lock."},
	{"/var/run/mptcpctl", "The files of the background processes. Without netifd, it is /run/mptcpctl. Only root may write to it; mptcpctl creates it where it is missing."},
	{"/etc/hotplug.d/iface/30-mptcp", "Calls \"mptcpctl hotplug\"."},
	{"/etc/init.d/mptcpctl", "Applies the configuration at boot and after changes, and runs \"mptcpctl watch\" if option mptcp_watch is set."},
	{"/etc/iproute2/rt_protos.d/mptcpctl.conf", "Names protocol 77 for ip(8)."},
}

var manEnvironment = [][2]string{
	{"ACTION, INTERFACE", "The netifd event (\"mptcpctl hotplug\"). They are written to the log and have no other effect."},
	{"PATH", "Where ubus, uci (--uci, and --save of \"mptcpctl iface\") and, for \"mptcpctl doctor\", nft are searched for."},
}

// manDetails is what the page of a command says beyond its help.
var manDetails = map[string]string{
	"apply": `A run holds a lock from beginning to end; if another run has it, it waits. An
operation that fails does not stop those that do not depend on it. Errors are
reported with the kernel's own message.`,
	"connections": `RETR counts segments, SENT and RECV bytes, with decimal prefixes. Before Linux
6.15, subflows are only shown to root.`,
	"doctor": `It reads the configuration, the state of the kernel, and traces of other programs
that manage routing, such as mwan3, pbr, mptcpd, NetworkManager and
systemd-networkd. It prints a warning for whatever it cannot read.`,
	"flush": `If "mptcpctl watch" is running, stop it first, since it restores everything. The next
netifd event applies the configuration again, unless option multipath of the
section globals is off.`,
	"iface": `The modes are described in mptcpctl-network(5). A mode that was set without
--save survives every event and is lost at the next reboot. --save refuses if
the configuration has uncommitted changes, since it would commit them too.`,
	"monitor": `This needs the capability CAP_NET_ADMIN.`,
	"plan": `The commands are those of ip(8) and sysctl(8); the program itself uses netlink.
No privilege is needed.`,
	"status": `The last part lists, for each address family, the lines that carry all other
traffic, in order of preference. Without a line in mode master, the default route
is left to the main table.`,
	"test": `CONNECTION is what became of the connection over this line alone, SUBFLOW of
the subflow that the kernel opens over it in the connection over all lines. The
server sees connections that send one byte at most.`,
	"watch": `Changes that arrive together cause one run. Only one watch runs at a time. It gives
up all capabilities but CAP_NET_ADMIN.`,
}

// manRelated are the pages to which that of a command refers.
var manRelated = map[string][]string{
	"apply":       {"mptcpctl-plan(8)", "mptcpctl-flush(8)", "mptcpctl-watch(8)", "mptcpctl-network(5)"},
	"completion":  {"bash(1)"},
	"connections": {"mptcpctl-monitor(8)", "mptcpctl-status(8)", "ss(8)"},
	"counters":    {"mptcpctl-connections(8)", "nstat(8)"},
	"doctor":      {"mptcpctl-explain(8)", "mptcpctl-status(8)"},
	"explain":     {"mptcpctl-doctor(8)", "ip-route(8)", "ip-rule(8)"},
	"flush":       {"mptcpctl-apply(8)", "mptcpctl-watch(8)"},
	"hotplug":     {"mptcpctl-apply(8)", "mptcpctl-watch(8)"},
	"iface":       {"mptcpctl-status(8)", "mptcpctl-network(5)"},
	"monitor":     {"mptcpctl-connections(8)", "ip-mptcp(8)"},
	"multipath":   {"mptcpctl-iface(8)", "mptcpctl-connections(8)", "ip-mptcp(8)"},
	"plan":        {"mptcpctl-apply(8)", "mptcpctl-snapshot(8)", "ip(8)"},
	"snapshot":    {"mptcpctl-plan(8)"},
	"status":      {"mptcpctl-connections(8)", "mptcpctl-doctor(8)", "mptcpctl-network(5)"},
	"test":        {"mptcpctl-connections(8)", "mptcpctl-counters(8)", "mptcpctl-doctor(8)"},
	"watch":       {"mptcpctl-apply(8)", "mptcpctl-hotplug(8)", "mptcpctl-network(5)"},
}
