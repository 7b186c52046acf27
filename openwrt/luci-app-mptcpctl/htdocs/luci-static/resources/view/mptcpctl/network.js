// SPDX-License-Identifier: Apache-2.0
'use strict';
'require view';
'require form';
'require uci';
'require mptcpctl.options as options';

// A value that mptcpctl takes for another one of the list is shown as that one.
function canonical(option, value) {
	for (const word in option.same)
		if (option.same[word].includes(value))
			return word;
	return value;
}

function unsetText(option) {
	const word = canonical(option, option.unset);
	return _('not set: %s').format(option.labels && option.labels[word] || option.unset);
}

// address reports whether a text is an address that a host can have, as ParseTarget of the
// program does.
function address(text) {
	if (!text.includes(':')) {
		const parts = text.split('.');
		return parts.length == 4 && parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && +p <= 255)
			&& +parts[0] != 0 && +parts[0] != 127 && !(+parts[0] >= 224 && +parts[0] < 240) && text != '255.255.255.255';
	}
	try {
		const host = new URL('http://[' + text + ']/').hostname;
		return host != '[::]' && host != '[::1]' && !host.startsWith('[ff') && !host.startsWith('[::ffff:');
	}
	catch (e) {
		return false;
	}
}

function host(text) {
	const parts = /^(?:(?:dns|ping):(.+)|tcp:(.+):(\d{1,5}))$/.exec(text);
	return parts != null && address((parts[1] || parts[2]).replace(/^\[(.+)\]$/, '$1')) && (parts[3] == null || (+parts[3] > 0 && +parts[3] < 65536));
}

// add makes the field of an option of the table.
function add(section, tab, option) {
	const kind = option.words ? form.ListValue : form.Value;
	const field = tab ? section.taboption(tab, kind, option.name, option.title, option.meaning)
		: section.option(kind, option.name, option.title, option.meaning);

	field.optional = true;
	field.rmempty = true;
	field.placeholder = option.words ? unsetText(option) : option.unset;
	if (option.hosts) {
		// A list, too, is written as one option, with blanks between.
		field.load = (section_id) => {
			const value = uci.get('network', section_id, option.name);
			return Array.isArray(value) ? value.join(' ') : value;
		};
		field.validate = (section_id, value) => (value || '').split(/\s+/).every((word) => !word || host(word))
			|| _('Expected dns:ADDRESS, tcp:ADDRESS:PORT or ping:ADDRESS, with blanks between');
		return field;
	}
	if (!option.words) {
		field.datatype = option.datatype;
		return field;
	}

	field.value('', unsetText(option));
	for (const word of option.words)
		field.value(word, option.labels ? option.labels[word] || word : word);
	field.load = function(section_id) {
		const value = canonical(option, uci.get('network', section_id, option.name));
		// What mptcpctl refuses is shown, so that saving the page does not hide it.
		if (value != null && value !== '' && !option.words.includes(value))
			this.value(value, value);
		return value;
	};
	field.validate = function(section_id, value) {
		return value == null || value === '' || option.words.includes(value)
			|| _('Expected one of: %s').format(option.words.join(', '));
	};
	return field;
}

return view.extend({
	load() {
		return uci.load('network');
	},

	render() {
		if (!uci.get('network', 'globals'))
			uci.add('network', 'globals', 'globals');

		const map = new form.Map('network', _('Multipath TCP'),
			_('How the lines take part, and the kernel\'s settings. What is not set is left to mptcpctl or to the kernel.'));

		const globals = map.section(form.NamedSection, 'globals', 'globals', _('All lines'));
		globals.tab('general', _('General'));
		globals.tab('kernel', _('Settings of the kernel'));
		for (const option of options.of('globals'))
			add(globals, option.sysctl ? 'kernel' : 'general', option);

		const lines = map.section(form.GridSection, 'interface', _('Lines'));
		lines.anonymous = false;
		lines.addremove = false;
		lines.nodescriptions = true;
		lines.filter = (section_id) => section_id != 'loopback';
		options.of('interface').forEach((option, index) => {
			const field = add(lines, null, option);
			// The first two have a column, the others are behind the button.
			field.editable = index < 2;
			field.modalonly = index >= 2;
		});

		return map.render();
	}
});
