// SPDX-License-Identifier: Apache-2.0
'use strict';
'require view';
'require poll';
'require dom';
'require ui';
'require mptcpctl.calls as calls';
'require mptcpctl.graph as graph';
'require mptcpctl.options as options';

const callStatus = calls.declare('status');
const callDoctor = calls.declare('doctor');
const callConnections = calls.declare('connections', [ 'limit', 'offset' ]);
const callSet = calls.declare('set', [ 'interface', 'mode', 'save' ]);
const callReset = calls.declare('reset', [ 'interface' ]);
const callHeal = calls.declare('heal', [ 'interface', 'yes' ]);
const callTest = calls.declare('test', [ 'host' ]);
const callMend = calls.declare('mend', [ 'id', 'interface', 'yes' ]);

// Seconds between two looks, a little less than whole ones, since poll counts seconds.
// doctor looks at much more, and connections are many.
const every = { status: 1.5, doctor: 9.5, connections: 5.5 };

// How many connections are shown, and how many are read at once and in all for a search.
const shown = 25, page = 500, searched = 10000;

const families = [ 'ipv4', 'ipv6' ];
const familyNames = { ipv4: 'IPv4', ipv6: 'IPv6' };

// The states of a line that mptcpctl knows, in the words of this page.
const states = {
	'usable': _('usable'),
	'off': _('off'),
	'bad value in the configuration: left unchanged': _('bad value in the configuration: left unchanged'),
	'down': _('down'),
	'its device does not exist': _('its device does not exist'),
	'its device is administratively down': _('its device is administratively down'),
	'no carrier': _('no carrier'),
	'no address': _('no address'),
	'only unique local addresses (fc00::/7)': _('only unique local addresses (fc00::/7)'),
	'only link-local addresses (169.254.0.0/16)': _('only link-local addresses (169.254.0.0/16)'),
	'only temporary addresses': _('only temporary addresses'),
	'no default route': _('no default route'),
	'its gateway is not the address of a router': _('its gateway is not the address of a router'),
	'multipath is switched off in globals': _('multipath is switched off in globals'),
	'its table is still used by a line with a bad value': _('its table is still used by a line with a bad value')
};

function stateText(use) {
	const text = states[use.state] || use.state;
	return use.no_endpoint ? text + '; ' + _('no endpoint: %s').format(use.no_endpoint) : text;
}

// What watch thinks of the health of a line.
const verdicts = {
	'unknown': _('unknown'),
	'alive': _('alive'),
	'suspect': _('suspect'),
	'dead': _('dead'),
	'degraded': _('degraded')
};

function healthText(health) {
	const text = _('health: %s since %s').format(verdicts[health.verdict] || health.verdict, new Date(health.since * 1000).toLocaleString());
	return health.reason ? text + ': ' + health.reason : text;
}

function rateText(rate) {
	return '%1000.1mbit/s'.format(rate);
}

function seconds() {
	return performance.now() / 1000;
}

function row(name, value) {
	return E('tr', { 'class': 'tr' }, [
		E('td', { 'class': 'td left', 'width': '33%' }, [ name ]),
		E('td', { 'class': 'td left' }, [].concat(value))
	]);
}

function alert(kind, children) {
	return E('div', { 'class': 'alert-message ' + kind }, children);
}

// familiesOf are those that a line has now; none: it has no address.
function familiesOf(line) {
	return families.filter((f) => line[f].usable || line[f].addresses.length || line[f].prefixes.length);
}

function ratesOf(line) {
	const sum = { received: 0, sent: 0 };
	for (const f of families) {
		sum.received += line[f].in_bits_per_second || 0;
		sum.sent += line[f].out_bits_per_second || 0;
	}
	return sum;
}

function end(address, port) {
	return address.includes(':') ? '[%s]:%d'.format(address, port) : '%s:%d'.format(address, port);
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	render() {
		this.writes = L.hasViewPermission() === true;
		this.cards = new Map(); // by the name of the line, which can be any text
		this.due = { status: 0, doctor: 0, connections: 0 };
		this.filter = { text: '', line: '', offset: 0 };

		this.none = E('p', {}, [ _('No interface has a mode. Set one under Network, Multipath TCP.') ]);
		this.nodes = {};
		for (const name of [ 'age', 'problems', 'findings', 'lines', 'graph', 'route', 'test', 'list', 'pager' ])
			this.nodes[name] = E('div', { 'id': 'mptcpctl-' + name });

		poll.add(L.bind(this.look, this), 1);
		poll.add(L.bind(this.showAge, this), 1);

		return E('div', { 'class': 'cbi-map' }, [
			E('h2', {}, [ _('Multipath TCP') ]),
			this.nodes.age, this.nodes.problems, this.nodes.findings, this.nodes.lines,
			this.section(_('Throughput'), this.nodes.graph),
			this.section(_('Default route and endpoints'), this.nodes.route),
			this.writes ? this.section(_('Test of a server'), this.renderTest(), this.nodes.test) : '',
			this.section(_('Connections'), this.renderFilter(), this.nodes.list, this.nodes.pager)
		]);
	},

	section(title, ...children) {
		return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ title ]), ...children ]);
	},

	// look asks for what is due, one call after the other. poll calls it again only when
	// its promise has resolved.
	look() {
		if (document.hidden || calls.busy())
			return Promise.resolve();

		// What takes long is asked less often: the router has other work.
		const ask = (what, read) => () => {
			const start = seconds();
			if (start < this.due[what])
				return null;
			return read().then(() => {
				const now = seconds();
				this.due[what] = Math.max(start + every[what], now + 3 * (now - start - 0.5));
			});
		};

		return Promise.resolve()
			.then(ask('status', () => callStatus().then((answer) => this.showStatus(answer))))
			.then(ask('doctor', () => callDoctor().then((answer) => this.showFindings(answer))))
			.then(ask('connections', () => this.readConnections()));
	},

	lookAgain() {
		this.due.status = this.due.doctor = 0;
		return this.look();
	},

	showAge() {
		if (this.time == null)
			dom.content(this.nodes.age, [ E('em', {}, [ _('No data yet.') ]) ]);
		else
			dom.content(this.nodes.age, [ E('em', {}, [ _('Data of %d seconds ago.').format(Math.max(0, Math.round(seconds() - this.time))) ]) ]);
	},

	// showStatus keeps what was there where there is no answer: its age tells.
	showStatus(answer) {
		const problems = [];
		if (answer.error)
			problems.push(alert('warning', [ answer.error ]));
		if (answer.interfaces) {
			this.time = seconds();
			if (!answer.enabled)
				problems.push(alert('notice', [ _('Multipath is switched off: option multipath of the section globals.') ]));
			if (answer.path_manager != 'kernel')
				problems.push(alert('warning', [ answer.path_manager == 'missing'
					? _('This kernel has no MPTCP, or it is switched off.')
					: _('Another path manager is in charge of the kernel\'s MPTCP.') ]));
			for (const text of answer.warnings)
				problems.push(alert('notice', [ text ]));
			this.showLines(answer.interfaces);
			this.showRoute(answer);
		}
		dom.content(this.nodes.problems, problems);
		this.showAge();
	},

	showLines(lines) {
		const names = lines.map((l) => l.interface), rates = new Map();
		for (const [ name, card ] of this.cards)
			if (!names.includes(name)) {
				card.node.remove();
				this.cards.delete(name);
			}
		lines.forEach((line, index) => {
			const name = line.interface;
			if (!this.cards.has(name))
				this.cards.set(name, this.newCard(name));
			const card = this.cards.get(name), place = this.nodes.lines.children[index];
			this.fillCard(card, line);
			// Moved only where it must be: a list that is open would close.
			if (place != card.node)
				this.nodes.lines.insertBefore(card.node, place || null);
			if (families.some((f) => line[f].usable))
				rates.set(name, ratesOf(line));
		});
		if (lines.length)
			this.none.remove();
		else
			this.nodes.lines.appendChild(this.none);
		graph.add(seconds(), rates);
		dom.content(this.nodes.graph, [ graph.render(names) ]);
		this.fillLineFilter(names);
	},

	newCard(name) {
		const card = { values: E('table', { 'class': 'table' }), findings: E('div', {}), actions: E('div', {}) };
		card.node = this.section(name, card.values, card.findings, card.actions);
		if (this.writes)
			dom.content(card.actions, this.actionsOf(card, name));
		return card;
	},

	fillCard(card, line) {
		const rates = ratesOf(line), mode = [ line.frozen ? _('bad value') : line.mode ];
		if (line.until_reboot)
			mode.push(' ', E('em', {}, [ line.saved_mode == null ? _('until reboot; nothing saved') : _('until reboot; saved: %s').format(line.saved_mode) ]));
		if (line.from)
			mode.push(' ', E('em', {}, [ _('taken over from %s').format(line.from) ]));

		const rows = [
			row(_('Device'), [ E('span', { 'class': 'ifacebadge' }, [ line.device || '-' ]) ]),
			row(_('Mode'), mode)
		];
		const used = familiesOf(line);
		if (!used.length)
			rows.push(row(_('State'), E('strong', {}, [ stateText(line.ipv4) ])));
		for (const f of used) {
			const use = line[f], value = [ E('strong', {}, [ stateText(use) ]) ];
			if (use.health)
				value.push(E('br'), healthText(use.health));
			const more = use.addresses.concat(use.prefixes);
			if (more.length)
				value.push(E('br'), more.join(', ') + (use.gateway ? ' ' + _('via %s').format(use.gateway) : ''));
			if (use.table)
				value.push(E('br'), _('table %d').format(use.table));
			if (use.subflows != null)
				value.push(', ', _('subflows: %d').format(use.subflows));
			if (use.rtt_us != null)
				value.push(', ', _('round trip %.1f ms').format(use.rtt_us / 1000));
			rows.push(row(familyNames[f], value));
		}
		rows.push(row(_('Now'), '\u2193 %s \u2191 %s'.format(rateText(rates.received), rateText(rates.sent))));
		dom.content(card.values, rows);
		// A choice that is not set yet stays.
		if (card.mode && card.was != line.mode)
			card.mode.value = card.was = line.mode;
	},

	actionsOf(card, name) {
		const select = card.mode = E('select', { 'class': 'cbi-input-select', 'aria-label': _('Mode') },
			options.modes().map((mode) => E('option', { 'value': mode }, [ mode ])));
		const button = (kind, text, call) => E('button', {
			'class': 'btn cbi-button cbi-button-' + kind,
			'click': ui.createHandlerFn(this, 'change', name, call)
		}, [ text ]);

		return [
			select, ' ',
			button('apply', _('Set until reboot'), () => callSet(name, select.value, false)), ' ',
			button('save', _('Set permanently'), () => callSet(name, select.value, true)), ' ',
			button('reset', _('Back to the saved mode'), () => callReset(name)), ' ',
			button('action', _('Heal'), (yes) => callHeal(name, yes))
		];
	},

	// change does what a button is for and shows what came of it. What interrupts
	// subflows is refused at first, and done if the user says so.
	change(name, call) {
		return call(false).then((answer) => {
			if (answer.exit_code == 2 && /--yes/.test(answer.error))
				return this.confirm(name, answer.error.replace(/; add --yes.*$/, ''), () => this.finish(call(true)));
			return this.finish(answer);
		});
	},

	finish(answer) {
		return Promise.resolve(answer).then((answer) => {
			const text = (answer.output || []).concat(answer.warnings || []);
			if (answer.error)
				text.push(answer.error);
			if (!text.length)
				text.push(_('Done; nothing had to be changed.'));
			ui.addNotification(null, E('pre', {}, [ text.join('\n') ]), answer.error ? 'danger' : 'info');
			return this.lookAgain();
		});
	},

	confirm(title, text, go) {
		ui.showModal(_('Interrupt subflows?'), [
			E('p', {}, [ text ]),
			E('div', { 'class': 'right' }, [
				E('button', { 'class': 'btn', 'click': ui.hideModal }, [ _('Cancel') ]), ' ',
				E('button', {
					'class': 'btn cbi-button-negative',
					'click': ui.createHandlerFn(this, () => { ui.hideModal(); return go(); })
				}, [ _('Continue') ])
			])
		]);
	},

	showFindings(answer) {
		const general = [], lines = new Map();
		if (!answer.findings && answer.error)
			general.push(alert('warning', [ _('doctor: %s').format(answer.error) ]));
		for (const finding of answer.findings || []) {
			const node = this.renderFinding(finding);
			if (this.cards.has(finding.interface))
				lines.set(finding.interface, (lines.get(finding.interface) || []).concat(node));
			else
				general.push(node);
		}
		for (const text of answer.unseen || [])
			general.push(alert('notice', [ _('Not examined: %s').format(text) ]));
		dom.content(this.nodes.findings, general);
		for (const [ name, card ] of this.cards)
			dom.content(card.findings, lines.get(name) || []);
	},

	renderFinding(finding) {
		const children = [ E('p', {}, [ finding.interface && !this.cards.has(finding.interface) ? finding.interface + ': ' : '', finding.text ]) ];
		if (finding.mendable && this.writes)
			children.push(E('button', {
				'class': 'btn cbi-button cbi-button-action',
				'click': ui.createHandlerFn(this, 'change', finding.interface, (yes) => callMend(finding.id, finding.interface, yes))
			}, [ _('Mend') ]));
		else if (finding.mend.length)
			children.push(E('pre', {}, [ finding.mend.join('\n') ]));
		return alert(finding.severity == 'note' ? 'notice' : 'warning', children);
	},

	showRoute(answer) {
		const rows = families.map((f) => row(_('Default route, %s').format(familyNames[f]), answer.no_master_list[f]
			? _('left to the main table: %s').format(answer.no_master_list[f])
			: answer.master_list[f].join(', ' + _('then') + ' ')));
		rows.push(row(_('Endpoints'), '%d'.format(answer.endpoints.length)));
		rows.push(row(_('Limits'), _('subflows: %d, announced addresses: %d').format(answer.limits.subflows, answer.limits.add_addr_accepted)));
		if (answer.pending != null)
			rows.push(row(_('Pending changes'), '%d'.format(answer.pending)));
		dom.content(this.nodes.route, [ E('table', { 'class': 'table' }, rows) ]);
	},

	renderTest() {
		const host = E('input', { 'id': 'mptcpctl-host', 'class': 'cbi-input-text', 'type': 'text', 'placeholder': _('address or name, and :port'), 'aria-label': _('Server') });
		return E('div', {}, [
			host, ' ',
			E('button', {
				'class': 'btn cbi-button cbi-button-action',
				'click': ui.createHandlerFn(this, () => callTest(host.value.trim()).then((answer) => this.showTest(answer)))
			}, [ _('Test') ])
		]);
	},

	showTest(answer) {
		const head = (name) => E('th', { 'class': 'th' }, [ name ]);
		const cell = (name, text) => E('td', { 'class': 'td left', 'data-title': name }, [ text ]);
		const parts = answer.error ? [ alert('warning', [ answer.error ]) ] : [];
		if (answer.lines)
			parts.push(E('table', { 'class': 'table' }, [
				E('tr', { 'class': 'tr table-titles' }, [ head(_('Line')), head(_('Connection')), head(_('Subflow')), head(_('Reason')) ])
			].concat(answer.lines.map((line) => E('tr', { 'class': 'tr' }, [
				cell(_('Line'), line.interface),
				cell(_('Connection'), line.rtt_us ? '%s, %.1f ms'.format(line.result, line.rtt_us / 1000) : line.result),
				cell(_('Subflow'), line.join),
				cell(_('Reason'), line.reason || '-')
			])))), alert(answer.ok ? 'success' : 'warning', [ answer.verdict ]));
		dom.content(this.nodes.test, [].concat(parts));
	},

	renderFilter() {
		this.nodes.line = E('select', {
			'class': 'cbi-input-select',
			'aria-label': _('Line'),
			'change': (ev) => this.search({ line: ev.currentTarget.value })
		}, [ E('option', { 'value': '' }, [ _('all lines') ]) ]);
		return E('div', {}, [
			this.nodes.line, ' ',
			E('input', {
				'id': 'mptcpctl-search',
				'class': 'cbi-input-text',
				'type': 'text',
				'placeholder': _('address, port or state'),
				'aria-label': _('Search'),
				'change': (ev) => this.search({ text: ev.currentTarget.value.trim().toLowerCase() })
			})
		]);
	},

	fillLineFilter(names) {
		const select = this.nodes.line, there = Array.from(select.options).slice(1).map((o) => o.value);
		if (names.join('\n') == there.join('\n') || document.activeElement == select)
			return;
		dom.content(select, [ E('option', { 'value': '' }, [ _('all lines') ]) ].concat(
			names.map((name) => E('option', { 'value': name }, [ name ]))));
		select.value = names.includes(this.filter.line) ? this.filter.line : '';
	},

	search(change) {
		Object.assign(this.filter, { offset: 0 }, change);
		this.due.connections = 0;
		return this.look();
	},

	// readConnections reads a page of them, or for a search one after the other, until
	// there are enough.
	readConnections() {
		const filter = Object.assign({}, this.filter), searching = filter.text || filter.line;
		const found = [];
		const next = (offset) => callConnections(searching ? page : shown, offset).then((answer) => {
			if (!answer.connections)
				return { error: answer.error };
			const all = answer.connections;
			found.push(...all.filter((c) => this.matches(c, filter)));
			const end = offset + all.length;
			if (searching && answer.truncated && all.length && found.length < filter.offset + shown && end < searched)
				return next(end);
			return { answer: answer, end: end };
		});
		return next(searching ? 0 : filter.offset).then((result) => {
			if (result.error) {
				dom.content(this.nodes.list, [ alert('warning', [ result.error ]) ]);
				return;
			}
			this.showConnections(searching ? found.slice(filter.offset, filter.offset + shown) : found, result.answer);
			const more = searching ? found.length > filter.offset + shown : result.answer.truncated;
			this.showPager(filter, result, found.length, more);
		});
	},

	matches(connection, filter) {
		if (filter.line && !connection.subflows.some((s) => s.interface == filter.line))
			return false;
		if (!filter.text)
			return true;
		return [ connection ].concat(connection.subflows).some((s) => [ end(s.local, s.local_port), end(s.remote, s.remote_port), s.state ]
			.some((text) => text.toLowerCase().includes(filter.text)));
	},

	showConnections(connections, answer) {
		const table = E('table', { 'class': 'table' }, [ E('tr', { 'class': 'tr table-titles' }, [
			E('th', { 'class': 'th' }, [ _('Connection') ]),
			E('th', { 'class': 'th' }, [ _('Subflows') ])
		]) ]);
		for (const c of connections)
			table.appendChild(E('tr', { 'class': 'tr' }, [
				E('td', { 'class': 'td left', 'data-title': _('Connection') }, [
					end(c.local, c.local_port), ' \u2192 ', end(c.remote, c.remote_port), E('br'),
					c.fallback ? _('plain TCP') : c.state
				]),
				E('td', { 'class': 'td left', 'data-title': _('Subflows') }, c.subflows.length ? c.subflows.map((s) => this.renderSubflow(s)) : [ _('none') ])
			]));
		if (!connections.length)
			table.appendChild(E('tr', { 'class': 'tr placeholder' }, [ E('td', { 'class': 'td' }, [ E('em', {}, [ _('No connections') ]) ]) ]));
		dom.content(this.nodes.list, answer.subflows_known ? [ table ]
			: [ alert('notice', [ _('The kernel does not list subflows here: kmod-inet-diag is missing.') ]), table ]);
	},

	renderSubflow(s) {
		return E('div', {}, [
			E('span', { 'class': 'ifacebadge' }, [ s.interface || s.device || s.local ]), ' ',
			[ s.state, s.backup || s.peer_backup ? _('backup') : '', s.rtt_us != null ? '%.1f ms'.format(s.rtt_us / 1000) : '',
				'\u2193 %1024.1mB \u2191 %1024.1mB'.format(s.bytes_received, s.bytes_sent) ].filter((t) => t).join(', ')
		]);
	},

	showPager(filter, result, found, more) {
		const searching = filter.text || filter.line, turn = (by) => E('button', {
			'class': 'btn cbi-button cbi-button-neutral',
			'click': ui.createHandlerFn(this, () => this.search({ offset: Math.max(0, filter.offset + by) }))
		}, [ by < 0 ? _('Back') : _('Next') ]);
		const text = searching
			? _('%d found in the first %d of %d connections').format(found, result.end, result.answer.total)
			: _('Connections: %d').format(result.answer.total);
		dom.content(this.nodes.pager, [ text, ' ', filter.offset > 0 ? turn(-shown) : '', ' ', more ? turn(shown) : '' ]);
	}
});
