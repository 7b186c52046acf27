// SPDX-License-Identifier: Apache-2.0
// Written by UPDATE_DOCS=1 go test ./pkg/config: what the program accepts.
'use strict';
'require baseclass';

const table = [
	{
		section: 'interface', name: 'multipath',
		title: _('Mode'),
		meaning: _('How the line takes part in Multipath TCP.'),
		unset: _('off'),
		words: [ 'off', 'on', 'master', 'backup', 'handover', 'signal' ]
	},
	{
		section: 'interface', name: 'multipath_table',
		title: _('Routing table'),
		meaning: _('The number of the line\'s routing table.'),
		unset: _('1 + the position of the section'),
		datatype: 'and(uinteger,or(range(2,252),range(256,4294967295)))'
	},
	{
		section: 'interface', name: 'mptcp_check_host',
		title: _('Hosts to ask'),
		meaning: _('A host that answers as long as the line lives, and a list of them.'),
		unset: _('the line\'s own: its name servers beyond its own network, the next router beyond the modem'),
		hosts: true
	},
	{
		section: 'interface', name: 'mptcp_check_interval',
		title: _('Seconds between probes'),
		meaning: _('After how many seconds without any packet a line is probed, or 0 for never, for metered lines.'),
		unset: _('10'),
		datatype: 'and(uinteger,range(0,3600))'
	},
	{
		section: 'interface', name: 'mptcp_check_patience',
		title: _('Patience with the LAN'),
		meaning: _('For how many seconds a dead line keeps the traffic of the LAN, whose connections survive a short outage if they are left alone.'),
		unset: _('3'),
		datatype: 'and(uinteger,range(0,60))'
	},
	{
		section: 'interface', name: 'mptcp_check_up',
		title: _('Answers that bring it back'),
		meaning: _('How many answers in a row bring a dead line back, doubled for each further death within ten minutes, up to 16 times.'),
		unset: _('3'),
		datatype: 'and(uinteger,range(1,100))'
	},
	{
		section: 'interface', name: 'mptcp_check_latency',
		title: _('Highest round trip'),
		meaning: _('The round trip time in milliseconds beyond which a line is put last, with backup subflows, until it is below 80 % of that.'),
		unset: _('no limit'),
		datatype: 'and(uinteger,range(1,10000))'
	},
	{
		section: 'interface', name: 'mptcp_check_loss',
		title: _('Highest loss'),
		meaning: _('The percentage of lost probes beyond which a line is put last, with backup subflows, until it is below 80 % of that.'),
		unset: _('no limit'),
		datatype: 'and(uinteger,range(1,100))'
	},
	{
		section: 'globals', name: 'multipath',
		title: _('Multipath TCP'),
		meaning: _('The main switch: without it, every rule, route and endpoint of mptcpctl is removed.'),
		unset: _('off'),
		words: [ 'enable', 'disable' ],
		same: { 'enable': [ 'enable', '1', 'on', 'true', 'yes', 'enabled' ], 'disable': [ 'disable', '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { 'enable': _('on'), 'disable': _('off') }
	},
	{
		section: 'globals', name: 'mptcp_watch',
		title: _('Watch service'),
		meaning: _('Whether the watch service runs, which notices what netifd does not report, such as a lost carrier on a static line.'),
		unset: _('0'),
		words: [ '1', '0' ],
		same: { '1': [ '1', 'on', 'true', 'yes', 'enabled' ], '0': [ '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { '1': _('on'), '0': _('off') }
	},
	{
		section: 'globals', name: 'mptcp_check',
		title: _('Health of the lines'),
		meaning: _('Whether the watch service runs and also looks after the health of the lines, which may be up and yet carry nothing.'),
		unset: _('0'),
		words: [ '1', '0' ],
		same: { '1': [ '1', 'on', 'true', 'yes', 'enabled' ], '0': [ '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { '1': _('on'), '0': _('off') }
	},
	{
		section: 'globals', name: 'mptcp_subflows',
		title: _('Subflows per connection'),
		meaning: _('How many subflows a connection may have in addition to its first.'),
		unset: _('raised to the number of endpoints'),
		datatype: 'and(uinteger,range(0,255))'
	},
	{
		section: 'globals', name: 'mptcp_add_addr_accepted',
		title: _('Announced addresses'),
		meaning: _('How many of the addresses that its peer announces a connection may use.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'and(uinteger,range(0,255))'
	},
	{
		section: 'globals', name: 'mptcp_laminar',
		title: _('Laminar endpoints'),
		meaning: _('Whether the subflow to an address that the peer announces goes over a line that the connection does not use yet, where the kernel has laminar endpoints, announced addresses are accepted and fullmesh is off.'),
		unset: _('1'),
		words: [ '1', '0' ],
		same: { '1': [ '1', 'on', 'true', 'yes', 'enabled' ], '0': [ '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { '1': _('on'), '0': _('off') }
	},
	{
		section: 'globals', name: 'mptcp_path_manager',
		title: _('Path manager'),
		meaning: _('With fullmesh, each line gets a subflow to each address of the peer.'),
		unset: _('default'),
		words: [ 'fullmesh', 'default' ]
	},
	{
		section: 'globals', name: 'mptcp_scheduler',
		title: _('Scheduler'),
		meaning: _('Which algorithm chooses the subflow that sends next.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'maxlength(15)',
		sysctl: 'net.mptcp.scheduler'
	},
	{
		section: 'globals', name: 'mptcp_checksum',
		title: _('Checksum'),
		meaning: _('Whether MPTCP adds a checksum of its own to the data, which detects middleboxes that change it.'),
		unset: _('the kernel\'s setting is left as it is'),
		words: [ 'enable', 'disable' ],
		same: { 'enable': [ 'enable', '1', 'on', 'true', 'yes', 'enabled' ], 'disable': [ 'disable', '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { 'enable': _('on'), 'disable': _('off') },
		sysctl: 'net.mptcp.checksum_enabled'
	},
	{
		section: 'globals', name: 'mptcp_add_addr_timeout',
		title: _('Announcement timeout'),
		meaning: _('How long to wait for the echo of an announced address before it is announced again.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'uinteger',
		sysctl: 'net.mptcp.add_addr_timeout'
	},
	{
		section: 'globals', name: 'mptcp_stale_loss_cnt',
		title: _('Stale after'),
		meaning: _('After how many retransmission timeouts without an answer a subflow counts as stale and is avoided.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'uinteger',
		sysctl: 'net.mptcp.stale_loss_cnt'
	},
	{
		section: 'globals', name: 'mptcp_allow_join_initial_addr_port',
		title: _('Joins to the first address'),
		meaning: _('Whether peers may open further subflows to the address and port of the first one.'),
		unset: _('the kernel\'s setting is left as it is'),
		words: [ 'enable', 'disable' ],
		same: { 'enable': [ 'enable', '1', 'on', 'true', 'yes', 'enabled' ], 'disable': [ 'disable', '0', 'off', 'false', 'no', 'disabled' ] },
		labels: { 'enable': _('on'), 'disable': _('off') },
		sysctl: 'net.mptcp.allow_join_initial_addr_port'
	},
	{
		section: 'globals', name: 'mptcp_close_timeout',
		title: _('Close timeout'),
		meaning: _('How long a connection that has lost its last subflow is kept.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'uinteger',
		sysctl: 'net.mptcp.close_timeout'
	},
	{
		section: 'globals', name: 'mptcp_blackhole_timeout',
		title: _('Blackhole timeout'),
		meaning: _('For how long, at first, the kernel opens plain TCP connections after SYNs with MPTCP were lost and those without were not.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'uinteger',
		sysctl: 'net.mptcp.blackhole_timeout'
	},
	{
		section: 'globals', name: 'congestion',
		title: _('Congestion control'),
		meaning: _('Which congestion control new connections use.'),
		unset: _('the kernel\'s setting is left as it is'),
		datatype: 'maxlength(15)',
		sysctl: 'net.ipv4.tcp_congestion_control'
	},
];

return baseclass.extend({
	// of are the options in sections of a type.
	of(section) {
		return table.filter((o) => o.section == section);
	},

	// modes are those of a line.
	modes() {
		return this.of('interface').find((o) => o.name == 'multipath').words;
	}
});
