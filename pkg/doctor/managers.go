// SPDX-License-Identifier: Apache-2.0

package doctor

import "strings"

// managers are other programs that steer endpoints or the lines' routes, by how
// the names of their processes begin, each with its service on OpenWrt and what
// it does.
var managers = [...]struct{ process, service, does string }{
	{"mptcpd", "mptcpd", "steers MPTCP endpoints too"},
	{"NetworkManager", "", "makes MPTCP endpoints of its own"},
	{"omr-tracker", "omr-tracker", "steers the lines' routes and endpoints too"},
	{"bsbf-", "", "steers the lines' routes and endpoints too"},
	{"mwan3", "mwan3", "fills the tables from 1 on, and decides before the master list"},
}

// Manager reports whether a process of that name (/proc/PID/comm) may steer what
// we steer. Anybody can give a process any name, and this one goes into a
// command: what no service can be called is none.
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

// managers finds programs that fight with us.
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
		case running == "" && (m.process != "mwan3" || !e.Mwan3):
			continue
		case running == "":
			running = "mwan3"
		case service == "":
			service = running
		}
		e.add(SecondManager, "", running+" "+m.does, e.ending(service)...)
	}
}

// ending are the commands that end a service for good.
func (e *examination) ending(service string) []string {
	switch {
	case service == "NetworkManager":
		// connection.mptcp-flags: 1 is disabled (NM_MPTCP_FLAGS_DISABLED).
		return []string{
			`printf '[connection-mptcp]\nconnection.mptcp-flags=1\n' >/etc/NetworkManager/conf.d/mptcp.conf`,
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
