// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
)

func TestTwoLinesComeUp(t *testing.T) {
	s := newScene(t, "master", "on")
	wantLines(t, s.settled(), `
		+ ip route add 10.0.1.0/24 dev eth1 scope link src 10.0.1.2 table 3 proto 77
		+ ip route add default via 10.0.1.1 dev eth1 src 10.0.1.2 table 3 proto 77
		+ ip route add 10.0.2.0/24 dev eth2 scope link src 10.0.2.2 table 4 proto 77
		+ ip route add default via 10.0.2.1 dev eth2 src 10.0.2.2 table 4 proto 77
		+ ip rule add pref 501 from 10.0.1.2 lookup main suppress_prefixlength 7 protocol 77
		+ ip rule add pref 502 from 10.0.1.2 lookup 3 protocol 77
		+ ip rule add pref 503 oif eth1 lookup 3 protocol 77
		+ ip rule add pref 501 from 10.0.2.2 lookup main suppress_prefixlength 7 protocol 77
		+ ip rule add pref 502 from 10.0.2.2 lookup 4 protocol 77
		+ ip rule add pref 503 oif eth2 lookup 4 protocol 77
		+ ip rule add pref 501 fwmark 0x4d505443 lookup main protocol 77
		+ ip rule add pref 32765 lookup main suppress_prefixlength 0 protocol 77
		+ ip rule add pref 32765 lookup 3 protocol 77
		+ ip rule add pref 32765 lookup 4 protocol 77
		~ sysctl -w net.ipv4.conf.eth1.ignore_routes_with_linkdown=1
		~ sysctl -w net.ipv4.conf.eth2.ignore_routes_with_linkdown=1
		+ ip mptcp endpoint add 10.0.1.2 dev eth1 id 1 subflow
		+ ip mptcp endpoint add 10.0.2.2 dev eth2 id 2 subflow
	`)
}

func TestALineGoesDown(t *testing.T) {
	s := newScene(t, "master", "on")
	s.apply()
	s.down("wan1")
	wantLines(t, s.settled(), `
		~ sysctl -w net.ipv4.conf.eth2.ignore_routes_with_linkdown=0
		~ sysctl -w net.ipv4.conf.eth1.ignore_routes_with_linkdown=0
		- ip mptcp endpoint delete id 1
		- ip mptcp endpoint delete id 0 10.0.1.2
		- ip rule del pref 32765 lookup 3 protocol 77
		- ip rule del pref 501 from 10.0.1.2 lookup main suppress_prefixlength 7 protocol 77
		- ip rule del pref 502 from 10.0.1.2 lookup 3 protocol 77
		- ip rule del pref 503 oif eth1 lookup 3 protocol 77
	`)
}

func TestModeChangesInPlace(t *testing.T) {
	s := newScene(t, "master", "on")
	s.apply()
	s.uci = lanSection
	s.section("wan1", "eth1", "master")
	s.section("wan2", "eth2", "backup")
	wantLines(t, s.settled(), `
		~ ip mptcp endpoint change id 2 backup
	`)
}

func TestGlobalSettings(t *testing.T) {
	for _, tt := range []struct{ name, option, key, have, want, warning string }{
		{"written where it differs", "mptcp_stale_loss_cnt '8'", "net/mptcp/stale_loss_cnt", "4", "8", ""},
		{"the same number in other words", "mptcp_add_addr_timeout '0170'", "net/mptcp/add_addr_timeout", "120", "120", ""},
		{"a scheduler that the kernel has", "mptcp_scheduler 'burst'", keyScheduler, "default", "burst", ""},
		{"a scheduler that it lacks", "mptcp_scheduler 'blest'", keyScheduler, "default", "default", "option mptcp_scheduler 'blest': this kernel only has default burst"},
		{"a setting that it lacks", "mptcp_blackhole_timeout '0'", "", "", "", "option mptcp_blackhole_timeout: this kernel has no net.mptcp.blackhole_timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, "master")
			s.uci = strings.Replace(s.uci, "'enable'\n", "'enable'\n option "+tt.option+"\n", 1)
			s.state.Sysctls[keySchedulers] = "default burst"
			if tt.key != "" {
				s.state.Sysctls[tt.key] = tt.have
			}
			s.settled()
			if got := s.state.Sysctls[tt.key]; got != tt.want {
				t.Errorf("%s=%s, want %s", tt.key, got, tt.want)
			}
			if got := strings.Join(s.make().Warnings, "\n"); got != tt.warning {
				t.Errorf("warning %q, want %q", got, tt.warning)
			}
		})
	}
}
