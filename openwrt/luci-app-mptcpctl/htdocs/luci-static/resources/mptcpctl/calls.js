// SPDX-License-Identifier: Apache-2.0
'use strict';
'require baseclass';
'require rpc';

// What LuCI's rpc makes of a call that did not get an answer: a number, ubus's status, or
// an error with the code of JSON-RPC in its text (ubus.c of uhttpd).
const denied = -32002, noObject = -32000;

function reason(status) {
	switch (status) {
	case denied:
	case 6:
		return _('Access denied: this login has no right to ask mptcpctl.');
	case noObject:
	case 4:
		return _('rpcd does not know mptcpctl. Is the package mptcpctl installed? If it is: service rpcd reload');
	case 2:
	case 5:
		return _('mptcpctl gave no answer that can be read. Is it installed and whole? Try: mptcpctl status');
	case 3:
		return _('This mptcpctl is too old for this page, or rpcd has not looked since it was updated: service rpcd reload');
	case 7:
		return _('mptcpctl did not answer in time.');
	}
	return _('The call failed: %s').format(rpc.getStatusText(status));
}

function failure(e) {
	const text = (e && e.message) || String(e), code = /failed with error (-\d+):/.exec(text);
	if (code && (+code[1] == denied || +code[1] == noObject))
		return reason(+code[1]);
	return _('No answer from the router: %s').format(text);
}

// One call at a time: the router is small, and an answer that comes late must not come
// after a later one.
let last = Promise.resolve(), waiting = 0;

return baseclass.extend({
	// declare makes a function that calls a method. Its promise resolves always, with an
	// object, which has "error" if something is wrong.
	declare(method, params) {
		const call = rpc.declare({ object: 'mptcpctl', method: method, params: params });

		return (...args) => {
			waiting++;
			const answer = last.then(() => call(...args)).then(
				(value) => L.isObject(value) ? value : { error: reason(value), failed: true },
				(e) => ({ error: failure(e), failed: true }));
			last = answer.then(() => { waiting--; });
			return answer;
		};
	},

	busy() {
		return waiting > 0;
	}
});
