// SPDX-License-Identifier: Apache-2.0
'use strict';

// What LuCI's cbi.js gives every script: the words of a translation, and the formats.

function _(text) {
	return (window.words || {})[text] || text;
}

// %s, %d, %f, %h, and %m: a number with a prefix of the base before the point. The digits
// behind the point of a %f and a %m can be said.
String.prototype.format = function(...values) {
	return this.replace(/%(?:(\d+))?(?:\.(\d+))?([sdfhm%])/g, (all, base, digits, kind) => {
		if (kind == '%')
			return '%';
		const value = values.shift();
		switch (kind) {
		case 'd':
			return String(Math.trunc(+value || 0));
		case 'f':
			return digits == null ? String(+value || 0) : (+value || 0).toFixed(digits);
		case 'h':
			return String(value).replace(/[&<>"']/g, (c) => '&#' + c.charCodeAt(0) + ';');
		case 'm': {
			const step = +base || 1000, names = [ '', 'K', 'M', 'G', 'T', 'P', 'E' ];
			let rest = +value || 0, at = 0;
			for (; rest > step && at < names.length - 1; at++)
				rest /= step;
			return at ? '%s %s%s'.format(rest.toFixed(digits == null ? 2 : digits), names[at], step == 1024 ? 'i' : '') : rest + ' ';
		}
		}
		return String(value);
	});
};
