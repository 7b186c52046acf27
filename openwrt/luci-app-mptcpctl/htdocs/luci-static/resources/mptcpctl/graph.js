// SPDX-License-Identifier: Apache-2.0
'use strict';
'require baseclass';

// Seconds that the graph shows at least and at most, and its size in units of its own: it
// is as wide as the page.
const least = 60, most = 300, width = 600, height = 160, middle = height / 2;

// Lines are told apart by dashes, since a theme has the colours.
const dashes = [ '', '8 4', '2 3', '10 3 2 3', '16 6', '1 6' ];

function svg(name, attributes, children) {
	const node = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const key in attributes)
		node.setAttribute(key, attributes[key]);
	for (const child of children || [])
		node.appendChild(child);
	return node;
}

function stroke(index, more) {
	return Object.assign({
		'fill': 'none',
		'stroke': 'currentColor',
		'stroke-width': 1.5,
		'stroke-dasharray': dashes[index % dashes.length],
		'vector-effect': 'non-scaling-stroke'
	}, more);
}

// points are those of one direction of a line, apart where nothing was measured.
function points(samples, name, direction, now, span, scale) {
	let path = '', move = true;
	for (const s of samples) {
		const rate = s.rates.get(name);
		if (rate == null) {
			move = true;
			continue;
		}
		const x = width - (now - s.time) / span * width;
		const y = middle - direction * (direction > 0 ? rate.received : rate.sent) * scale;
		path += '%s%.1f %.1f'.format(move ? 'M' : 'L', x, y);
		move = false;
	}
	return path;
}

return baseclass.extend({
	__init__() {
		this.samples = [];
	},

	// add notes the rates of a moment: a Map from the name of the line to "received" and
	// "sent" in bit/s.
	add(time, rates) {
		this.samples.push({ time: time, rates: rates });
		while (this.samples[0].time < time - most)
			this.samples.shift();
	},

	render(names) {
		const now = this.samples.length ? this.samples[this.samples.length - 1].time : 0;
		const span = Math.max(least, this.samples.length ? now - this.samples[0].time : 0);
		let highest = 1;
		for (const s of this.samples)
			for (const rate of s.rates.values())
				highest = Math.max(highest, rate.received, rate.sent);

		const scale = (middle - 4) / highest;
		const picture = svg('svg', {
			'viewBox': '0 0 %d %d'.format(width, height),
			'width': '100%',
			'height': height,
			'preserveAspectRatio': 'none',
			'role': 'img',
			'aria-label': _('What the lines have received and sent in the last minutes')
		}, [ svg('path', stroke(0, { 'd': 'M0 %d H%d'.format(middle, width), 'stroke-opacity': 0.4 })) ]);

		names.forEach((name, index) => {
			for (const direction of [ 1, -1 ])
				picture.appendChild(svg('path', stroke(index, { 'd': points(this.samples, name, direction, now, span, scale) })));
		});

		const current = this.samples.length ? this.samples[this.samples.length - 1].rates : new Map();
		return E('div', {}, [
			picture,
			E('p', {}, [ _('Above the axis: received, below: sent. The graph reaches up to %1000.1mbit/s, and %d seconds back.').format(highest, span) ]),
			E('div', {}, names.map((name, index) => {
				const rate = current.get(name);
				return E('span', { 'class': 'ifacebadge' }, [
					svg('svg', { 'width': 40, 'height': 10, 'aria-hidden': 'true' }, [ svg('path', stroke(index, { 'd': 'M0 5 H40' })) ]),
					' ', name, ' ',
					rate ? '\u2193 %1000.1mbit/s \u2191 %1000.1mbit/s'.format(rate.received, rate.sent) : '-'
				]);
			}))
		]);
	}
});
