// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strconv"
	"strings"
)

// managers are other programs that manage endpoints or the lines' routes, by how
// the names of their processes begin, each with its service on OpenWrt and what
// it does.
var managers = [...]struct{ process, service, does string }{
	{"mptcpd", "mptcpd", "manages MPTCP endpoints too"},
	{"NetworkManager", "", "adds MPTCP endpoints of its own"},
	{"omr-tracker", "omr-tracker", "manages the lines' routes and endpoints too"},
	{"bsbf-", "", "manages the lines' routes and endpoints too"},
	{"mwan3", "mwan3", "fills the tables from 1 up, and its rules come before the master list"},
	{networkd, "", ""},
}

// networkd is systemd-networkd: the kernel keeps 15 letters of a process' name
// (TASK_COMM_LEN of include/linux/sched.h).
const networkd = "systemd-network"

// Manager reports whether a process of that name (/proc/PID/comm) may manage what
// mptcpctl manages. Any user can give a process any name, and this one goes into a
// command: a name that no service can have does not count.
func Manager(name string) bool {
	if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return false
	}
	for _, m := range managers {
		if strings.HasPrefix(name, m.process) {
			return true
		}
	}
	return false
}

// managers finds programs that undo what mptcpctl does.
func (e *examination) managers() {
	for _, m := range managers {
		running := ""
		for _, name := range e.Processes {
			if strings.HasPrefix(name, m.process) {
				running = name
			}
		}
		service := m.service
		switch {
		case m.process == networkd:
			if running != "" {
				e.networkd()
			}
			continue
		case running == "NetworkManager" && e.managerDisabled():
			continue
		case running == "" && (m.process != "mwan3" || !e.Mwan3):
			continue
		case running == "":
			running = "mwan3"
		case service == "":
			service = running
		}
		e.add(SecondManager, "", running+" "+m.does, e.stopService(service)...)
	}
}

// stopService are the commands that end a service for good.
func (e *examination) stopService(service string) []string {
	switch {
	case service == "NetworkManager":
		// connection.mptcp-flags: 1 is disabled (NM_MPTCP_FLAGS_DISABLED).
		return []string{
			`printf '[connection-mptcpctl]\nconnection.mptcp-flags=1\n' >/etc/NetworkManager/conf.d/mptcpctl.conf`,
			"systemctl restart NetworkManager",
		}
	case e.Install == "" && service == "mptcpd":
		// The unit has another name than the program (mptcpd's mptcp.service).
		return []string{"systemctl disable --now mptcp"}
	case e.Install == "" && service != "mwan3":
		return []string{"systemctl disable --now " + service}
	}
	return []string{"/etc/init.d/" + service + " stop", "/etc/init.d/" + service + " disable"}
}

// networkd finds what systemd-networkd takes away: with its own settings all rules,
// whenever any link is configured; without them still the routes of a link
// when that is reconfigured. Only watch restores those.
func (e *examination) networkd() {
	keepsRules, keepsRoutes := false, false
	for _, line := range strings.Split(e.Networkd, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		keeps := falseWord(strings.ToLower(strings.TrimSpace(value)))
		switch strings.TrimSpace(name) {
		case "ManageForeignRoutingPolicyRules":
			keepsRules = keeps
		case "ManageForeignRoutes":
			keepsRoutes = keeps
		}
	}
	if !keepsRules || !keepsRoutes {
		e.add(Networkd, "", "systemd-networkd deletes the lines' rules and routes: ManageForeignRoutingPolicyRules and ManageForeignRoutes are not set to no",
			"mkdir -p /etc/systemd/networkd.conf.d",
			`printf '[Network]\nManageForeignRoutingPolicyRules=no\nManageForeignRoutes=no\n' >/etc/systemd/networkd.conf.d/mptcpctl.conf`,
			"systemctl restart systemd-networkd", "mptcpctl apply")
	}
	if !e.Watched {
		e.add(Networkd, "", "systemd-networkd empties a line's table whenever it reconfigures the line, and nothing refills it: mptcpctl watch is not running",
			"systemctl enable --now mptcpctl-watch")
	}
}

// managerDisabled reports whether NetworkManager is told to make no endpoints:
// connection.mptcp-flags is a number (words are ignored), of which the bit 1 says
// so (NM_MPTCP_FLAGS_DISABLED of libnm-core-public/nm-dbus-interface.h).
func (e *examination) managerDisabled() bool {
	section := ""
	for _, line := range strings.Split(e.NetworkManager, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		name, value, _ := strings.Cut(line, "=")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
		if strings.HasPrefix(section, "[connection") && strings.TrimSpace(name) == "connection.mptcp-flags" && err == nil && n&1 != 0 {
			return true
		}
	}
	return false
}
