// SPDX-License-Identifier: Apache-2.0
'use strict';

// A runtime for the pages: it gives the modules of LuCI that they import, as LuCI
// documents them, and refuses every name that those do not have (names.txt). As in LuCI,
// children that are a string, and not a list, are HTML.

const names = window.luciNames;
const language = [ 'then', 'constructor', 'prototype', 'name', 'length' ];

// guard refuses names that a module does not have, but for those of JavaScript itself.
function guard(module, target) {
	const known = new Set(names[module]);
	if (!known.size)
		throw new Error('there is no module ' + module);
	const check = (key) => {
		if (typeof(key) == 'string' && !known.has(key) && !key.startsWith('__') && !language.includes(key))
			throw new TypeError('%s has no %s'.format(module, key));
	};
	return new Proxy(target, {
		get(object, key) { check(key); return Reflect.get(object, key); },
		set(object, key, value) { check(key); return Reflect.set(object, key, value); }
	});
}

class Base {
	constructor(...args) {
		if (typeof(this.__init__) == 'function')
			this.__init__(...args);
	}

	// super calls a method of the class above.
	super(key, args) {
		const above = Object.getPrototypeOf(Object.getPrototypeOf(this));
		return above[key] ? above[key].apply(this, args || []) : null;
	}

	static extend(members) {
		const made = class extends this {};
		Object.assign(made.prototype, members);
		return made;
	}

	static singleton(members, ...args) {
		return new (this.extend(members))(...args);
	}
}

const dom = {
	elem(e) { return e instanceof Node; },

	append(node, children) {
		if (typeof(children) == 'function')
			return dom.append(node, children(node));
		if (Array.isArray(children)) {
			for (const child of children)
				if (child != null)
					node.appendChild(dom.elem(child) ? child : document.createTextNode(String(child)));
		}
		else if (dom.elem(children))
			node.appendChild(children);
		else if (children != null)
			node.innerHTML = String(children);
		return node.lastChild;
	},

	content(node, children) {
		while (node.firstChild)
			node.removeChild(node.firstChild);
		return dom.append(node, children);
	},

	attr(node, key, value) {
		const all = typeof(key) == 'object' ? key : { [key]: value };
		for (const name in all)
			if (typeof(all[name]) == 'function')
				node.addEventListener(name, all[name]);
			else if (all[name] != null)
				node.setAttribute(name, typeof(all[name]) == 'object' ? JSON.stringify(all[name]) : all[name]);
	},

	create(name, attributes, children) {
		if (!(attributes instanceof Object) || Array.isArray(attributes) || dom.elem(attributes))
			[ attributes, children ] = [ {}, attributes ];
		const node = Array.isArray(name) ? document.createDocumentFragment() : document.createElement(name);
		if (!Array.isArray(name))
			dom.attr(node, attributes);
		dom.append(node, children);
		return node;
	}
};

const E = (...args) => dom.create(...args);

const poll = {
	queue: [],

	add(fn, interval) {
		if (typeof(fn) != 'function' || isNaN(interval))
			throw new TypeError('Invalid argument to LuCI.poll.add()');
		this.queue.push({ fn: fn, interval: interval || L.env.pollinterval, ready: true });
		this.start();
		return true;
	},

	remove(fn) {
		this.queue = this.queue.filter((e) => e.fn != fn);
		return true;
	},

	start() {
		if (!this.active()) {
			this.__tick = 0;
			this.__timer = setInterval(() => this.step(), 1000);
		}
	},

	stop() {
		clearInterval(this.__timer);
		this.__timer = null;
	},

	// A function that has not ended is not called again.
	step() {
		for (const e of this.queue)
			if (e.ready && this.__tick % e.interval == 0) {
				e.ready = false;
				Promise.resolve(e.fn()).finally(() => { e.ready = true; });
			}
		this.__tick++;
	},

	active() { return this.__timer != null; }
};

let lastCall = 0;

const rpc = {
	call(message) {
		return fetch(L.env.ubuspath, { method: 'POST', body: JSON.stringify(message), signal: AbortSignal.timeout(L.env.rpctimeout * 1000) })
			.then((answer) => answer.json(), () => { throw new Error('XHR request timed out'); });
	},

	list(...objects) {
		return this.call({ jsonrpc: '2.0', id: ++lastCall, method: 'list', params: objects.length ? objects : undefined }).then((m) => m.result);
	},

	declare(options) {
		for (const key in options)
			if (![ 'object', 'method', 'params', 'expect', 'filter', 'reject', 'nobatch' ].includes(key))
				throw new TypeError('rpc.declare has no ' + key);
		return (...args) => {
			const params = {};
			(options.params || []).forEach((name, at) => { params[name] = args[at]; });
			return this.call({ jsonrpc: '2.0', id: ++lastCall, method: 'call', params: [ L.env.sessionid, options.object, options.method, params ] }).then((m) => {
				if (m.error)
					throw new Error('RPC call to %s/%s failed with error %d: %s'.format(options.object, options.method, m.error.code, m.error.message));
				const value = m.result.length > 1 ? m.result[1] : m.result[0];
				if (!options.expect)
					return value;
				const key = Object.keys(options.expect)[0], part = key == '' ? value : (value || {})[key];
				return Object.prototype.toString.call(part) == Object.prototype.toString.call(options.expect[key]) ? part : options.expect[key];
			});
		};
	},

	getStatusText(code) { return _('Error %d').format(code); }
};

const uci = {
	__values: {}, __changes: {},

	load(config) {
		return rpc.declare({ object: 'uci', method: 'get', params: [ 'config' ], expect: { values: {} } })(config).then((values) => { this.__values[config] = values; });
	},

	sections(config, type) {
		return Object.values(this.__values[config] || {}).filter((s) => type == null || s['.type'] == type).sort((a, b) => a['.index'] - b['.index']);
	},

	get(config, section, option) {
		const changed = (this.__changes[section] || {});
		if (option != null && option in changed)
			return changed[option];
		const s = (this.__values[config] || {})[section];
		return s == null || option == null ? s : s[option];
	},

	add(config, type, name) {
		this.__values[config][name] = { '.type': type, '.name': name, '.index': 0 };
		return name;
	},

	set(config, section, option, value) { (this.__changes[section] = this.__changes[section] || {})[option] = value; },

	unset(config, section, option) {
		if (this.get(config, section, option) != null)
			this.set(config, section, option, null);
	},

	save() {
		const call = (method, params) => rpc.declare({ object: 'uci', method: method, params: params });
		const tasks = [];
		for (const section in this.__changes) {
			const values = {}, gone = [];
			for (const option in this.__changes[section])
				if (this.__changes[section][option] == null)
					gone.push(option);
				else
					values[option] = this.__changes[section][option];
			if (Object.keys(values).length)
				tasks.push(call('set', [ 'config', 'section', 'values' ])('network', section, values));
			if (gone.length)
				tasks.push(call('delete', [ 'config', 'section', 'options' ])('network', section, gone));
		}
		this.__changes = {};
		return Promise.all(tasks);
	}
};

const ui = {
	showModal(title, children, ...classes) {
		this.hideModal();
		const node = E('div', { 'id': 'modal_overlay', 'class': 'modal ' + classes.join(' ') }, [ E('h4', {}, title) ]);
		dom.append(node, children);
		document.body.appendChild(node);
		return node;
	},

	hideModal() {
		const node = document.getElementById('modal_overlay');
		if (node)
			node.remove();
	},

	addNotification(title, children, ...classes) {
		const node = E('div', { 'class': 'alert-message ' + classes.join(' ') }, [ title == null ? null : E('h4', {}, title) ]);
		dom.append(node, children);
		document.getElementById('maincontent').prepend(node);
		return node;
	},

	createHandlerFn(ctx, fn, ...args) {
		const call = typeof(fn) == 'string' ? ctx[fn] : fn;
		if (typeof(call) != 'function')
			return null;
		return (ev) => {
			const button = ev.currentTarget;
			button.disabled = true;
			Promise.resolve(call.apply(ctx, args.concat(ev))).finally(() => { button.disabled = false; });
		};
	},

	changes: {
		apply() {
			return rpc.declare({ object: 'uci', method: 'apply', params: [ 'timeout', 'rollback' ] })(90, true)
				.then(() => rpc.declare({ object: 'uci', method: 'confirm' })());
		}
	},

	instantiateView(path) { return L.require('view.' + path.replace(/\//g, '.')); }
};

// Types of validation.js, by name; each is a function of the value.
const types = {
	uinteger: () => (v) => /^\d+$/.test(v),
	range: (least, most) => (v) => +v >= +least && +v <= +most,
	max: (most) => (v) => +v <= +most,
	maxlength: (most) => (v) => v.length <= +most,
	and: (...all) => (v) => all.every((t) => t(v)),
	or: (...all) => (v) => all.some((t) => t(v))
};

function typeOf(text) {
	const match = /^(\w+)(?:\((.*)\))?$/.exec(text);
	if (!match)
		return text;
	const parts = [];
	let depth = 0, part = '';
	for (const c of match[2] || '') {
		depth += c == '(' ? 1 : c == ')' ? -1 : 0;
		if (c == ',' && depth == 0)
			parts.push(part), part = '';
		else
			part += c;
	}
	if (part)
		parts.push(part);
	if (/^\d+$/.test(match[1]))
		return match[1];
	if (!Object.hasOwn(types, match[1]))
		throw new TypeError('validation has no ' + match[1]);
	return types[match[1]](...parts.map(typeOf));
}

class Value {
	constructor(section, name, title, description) {
		Object.assign(this, { section: section, option: name, title: title, description: description, __words: [], __nodes: {} });
	}

	value(key, text) {
		if (!this.__words.some((w) => w[0] == key))
			this.__words.push([ key, text == null ? key : text ]);
	}

	load(id) { return uci.get('network', id, this.option); }

	validate() { return true; }

	isValid(id) {
		const value = this.__nodes[id].value;
		return (value === '' || !this.datatype || typeOf(this.datatype)(value)) && this.validate(id, value) === true;
	}

	formvalue(id) { return this.__nodes[id].value; }

	__field(value) {
		return E('input', { 'type': 'text', 'class': 'cbi-input-text', 'placeholder': this.placeholder, 'value': value });
	}

	__render(id, readonly) {
		const value = this.load(id), node = this.__field(value == null ? '' : value);
		node.disabled = readonly;
		node.dataset.name = this.option;
		node.addEventListener('change', () => { node.classList.toggle('cbi-input-invalid', !this.isValid(id)); });
		this.__nodes[id] = node;
		this.__was = Object.assign(this.__was || {}, { [id]: node.value });
		return node;
	}

	parse(id) {
		if (!this.isValid(id))
			return Promise.reject(new TypeError(_('Option "%s" contains an invalid input value.').format(this.title)));
		const value = this.formvalue(id);
		if (value === '')
			uci.unset('network', id, this.option);
		else if (value != this.__was[id])
			uci.set('network', id, this.option, value);
		return Promise.resolve();
	}
}

class ListValue extends Value {
	__field(value) {
		const select = E('select', { 'class': 'cbi-input-select' }, this.__words.map((w) => E('option', { 'value': w[0] }, [ w[1] ])));
		select.value = value;
		return select;
	}
}

class Section {
	constructor(map, title) {
		Object.assign(this, { map: map, title: title, children: [], __tabs: [] });
	}

	tab(name, title) { this.__tabs.push([ name, title ]); }

	taboption(tab, kind, ...args) {
		if (!this.__tabs.some((t) => t[0] == tab))
			throw new ReferenceError('there is no tab ' + tab);
		return this.option(kind, ...args);
	}

	option(kind, ...args) {
		const field = new kind(this, ...args);
		this.children.push(field);
		return field;
	}

	__all() { return this.__ids().flatMap((id) => this.children.map((field) => [ id, field ])); }

	__render() {
		const readonly = this.map.readonly;
		return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, this.title) ].concat(this.__ids().map((id) => E('div', { 'class': 'cbi-section-node', 'data-section-id': id },
			[ E('h4', {}, [ id ]) ].concat(this.children.map((field) => E('p', {}, [ E('label', {}, field.title), ' ', field.__render(id, readonly) ])))))));
	}
}

class NamedSection extends Section {
	constructor(map, id, type, title) {
		super(map, title);
		this.__id = id;
	}

	__ids() { return [ this.__id ]; }
}

class GridSection extends Section {
	constructor(map, type, title) {
		super(map, title);
		this.sectiontype = type;
	}

	__ids() { return uci.sections('network', this.sectiontype).map((s) => s['.name']).filter((id) => !this.filter || this.filter(id)); }
}

class FormMap {
	constructor(config, title, description) {
		Object.assign(this, { config: config, title: title, description: description, children: [], readonly: L.env.nodespec.readonly });
	}

	section(kind, ...args) {
		const section = new kind(this, ...args);
		this.children.push(section);
		return section;
	}

	render() {
		const node = E('div', { 'class': 'cbi-map' }, [ E('h2', {}, this.title), E('div', {}, this.description) ].concat(this.children.map((s) => s.__render())));
		node.map = this;
		return Promise.resolve(node);
	}

	save() {
		return Promise.all(this.children.flatMap((s) => s.__all().map(([ id, field ]) => field.parse(id)))).then(() => uci.save()).catch((e) => {
			ui.showModal(_('Save error'), [ E('p', {}, [ e.message ]) ]);
			return Promise.reject(e);
		});
	}
}

// Instances are guarded too: a misspelt field of an option does nothing in LuCI.
function guarded(kind, name) {
	return new Proxy(kind, { construct: (target, args) => guard('form.' + name, new target(...args)) });
}

const form = {
	Map: guarded(FormMap, 'Map'), NamedSection: guarded(NamedSection, 'NamedSection'), GridSection: guarded(GridSection, 'GridSection'),
	Value: guarded(Value, 'Value'), ListValue: guarded(ListValue, 'ListValue')
};

class View extends Base {
	__init__() {
		const place = document.getElementById('view');
		Promise.resolve(this.load()).then((data) => this.render(data)).then((nodes) => {
			dom.content(place, nodes);
			dom.append(place, this.addFooter());
		}).catch((e) => console.error(e));
	}

	load() {}

	render() {}

	__maps() { return Array.from(document.querySelectorAll('.cbi-map')).map((node) => node.map).filter((map) => map); }

	handleSave() { return Promise.all(this.__maps().map((map) => map.save())); }

	handleSaveApply() { return this.handleSave().then(() => ui.changes.apply()); }

	handleReset() {}

	addFooter() {
		const disabled = L.env.nodespec.readonly || null, buttons = [];
		for (const [ handler, title ] of [ [ 'handleSaveApply', _('Save & Apply') ], [ 'handleSave', _('Save') ], [ 'handleReset', _('Reset') ] ])
			if (this[handler])
				buttons.push(E('button', { 'class': 'cbi-button', 'disabled': disabled, 'click': ui.createHandlerFn(this, handler) }, [ title ]));
		return E('div', { 'class': 'cbi-page-actions' }, buttons);
	}
}

const modules = {
	baseclass: guard('baseclass', Base), view: guard('view', View), dom: guard('dom', dom), poll: guard('poll', poll),
	rpc: guard('rpc', rpc), uci: guard('uci', uci), ui: guard('ui', ui), form: guard('form', form)
};

function LuCI(env) {
	return guard('L', {
		env: env,
		bind: (fn, self, ...args) => fn.bind(self, ...args),
		isObject: (value) => value != null && typeof(value) == 'object',
		hasViewPermission: () => env.nodespec.satisfied ? !env.nodespec.readonly : null,
		resolveDefault: (value, fallback) => Promise.resolve(value).catch(() => fallback),

		// A script is a function of what it requires, and gives a class.
		require(name) {
			if (!modules[name])
				modules[name] = fetch(env.resource + '/' + name.replace(/\./g, '/') + '.js').then((answer) => {
					if (!answer.ok)
						throw new Error('there is no module ' + name);
					return answer.text();
				}).then((source) => {
					const wanted = Array.from(source.matchAll(/^'require (\S+?)(?: as (\w+))?';$/gm));
					return Promise.all(wanted.map((w) => this.require(w[1]))).then((instances) => {
						const args = wanted.map((w) => w[2] || w[1].replace(/\W/g, '_'));
						const made = Function('window', 'document', 'L', ...args, source).call(null, window, document, L, ...instances);
						return new made();
					});
				});
			return Promise.resolve(modules[name]).then((module) => modules[name] = module);
		}
	});
}
