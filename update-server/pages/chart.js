// SPDX-License-Identifier: Apache-2.0
// The few pictures that the pages need, as SVG. Each says in words what it shows,
// and stands beside the same numbers as text.
import { count, h, number } from "./frame.js";

// Patterns, so that neighbours differ in more than their colour.
const marks = [null, "M0 8L8 0", "M2 2H4V4H2z", "M0 0L8 8M0 8L8 0", "M0 4H8",
	"M4 0V8"];

function pattern(id, colour, index) {
	return h("pattern", { id, width: 8, height: 8,
		patternUnits: "userSpaceOnUse" },
	h("rect", { width: 8, height: 8, class: "c" + colour }),
	marks[index % marks.length] && h("path", { class: "ink",
		d: marks[index % marks.length] }));
}

// A bar of parts: [{id, name, n, colour}]; what is not covered is `rest`.
export function strip(name, parts, total, rest) {
	const words = parts.filter(p => p.n > 0)
		.map(p => p.name + " " + number(p.n)).join(", ");
	let x = 0;
	const rects = parts.map((p, i) => {
		const width = total > 0 ? 1000 * p.n / total : 0;
		const rect = h("rect", { x, y: 0, width, height: 30,
			fill: "url(#" + name + "-" + p.id + ")" },
		h("title", {}, p.name + ": " + number(p.n)));
		x += width;
		return { rect, i };
	});
	return h("svg", { class: "strip", viewBox: "0 0 1000 30", role: "img",
		preserveAspectRatio: "none",
		"aria-label": (words || "nothing yet") + "; " + rest + "; of " +
			number(total) },
	h("defs", {}, ...parts.map((p, i) =>
		pattern(name + "-" + p.id, p.colour, i))),
	h("rect", { width: 1000, height: 30, class: "c7" }),
	...rects.map(r => r.rect));
}

export function swatch(name, id, colour, index) {
	return h("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" },
		h("defs", {}, pattern(name + "-" + id + "-key", colour, index)),
		h("rect", { width: 26, height: 12, rx: 2,
			fill: "url(#" + name + "-" + id + "-key)" }));
}

// One share of a whole.
export function bar(n, total, colour) {
	return h("svg", { viewBox: "0 0 1000 10", preserveAspectRatio: "none",
		"aria-hidden": "true" },
	h("rect", { width: 1000, height: 10, class: "back" }),
	h("rect", { width: total > 0 ? 1000 * n / total : 0, height: 10,
		class: "s" + colour }));
}

// ---- lines over time ----------------------------------------------------------

const HEIGHT = 280, LEFT = 52, RIGHT = 84, TOP = 12, BOTTOM = 28;
let WIDTH = 1000; // as wide as the page, so that letters keep their size
const dashes = ["", "9 4", "3 4", "12 4 3 4", "6 3 2 3 2 3", "2 3", "14 6"];

function niceTop(value) {
	const size = 10 ** Math.floor(Math.log10(Math.max(1, value)));
	return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(k => k * size).find(v => v >= value) || 1;
}

function short(n) {
	return n >= 1e6 ? +(n / 1e6).toPrecision(3) + " M"
		: n >= 1e4 ? +(n / 1e3).toPrecision(3) + " k" : number(n);
}

const two = n => String(n).padStart(2, "0");

function timeLabel(at, spanMs) {
	const d = new Date(at);
	return spanMs > 3 * 86400e3 ? two(d.getDate()) + "." + two(d.getMonth() + 1) + "."
		: two(d.getHours()) + ":" + two(d.getMinutes());
}

// Labels at the ends of lines, moved apart.
function endLabels(lines, y) {
	const labels = lines.map(l => ({ l, at: y(l.points.at(-1)[1]) }))
		.sort((a, b) => a.at - b.at);
	for (let i = 1; i < labels.length; i++)
		labels[i].at = Math.max(labels[i].at, labels[i - 1].at + 14);
	let limit = HEIGHT - BOTTOM;
	for (let i = labels.length - 1; i >= 0; i--) {
		labels[i].at = Math.min(labels[i].at, limit);
		limit = labels[i].at - 14;
	}
	return labels.map(({ l, at }) => h("text", { x: WIDTH - RIGHT + 8,
		y: at + 4 }, l.name.slice(0, 12)));
}

// series: [{name, points: [[ms, n]...]}], steps between points, up to now;
// planned: the same for what was meant to be, before now and after.
export function lines(words, series, from, nowMs, planned, most) {
	const main = document.getElementById("main");
	WIDTH = Math.max(300, Math.min(1050, main.clientWidth - 80));
	const lines = series.filter(s => s.points.length > 0);
	const ends = planned ? planned.points.at(-1)[0] : 0;
	// Beyond its last step, so that this can be seen.
	const to = Math.max(nowMs, from + 3600e3, ends + (ends - from) / 10);
	const all = [...lines, ...(planned ? [planned] : [])];
	const top = most || niceTop(Math.max(1, ...all.flatMap(s => s.points.map(p => p[1]))));
	const x = at => LEFT + (WIDTH - LEFT - RIGHT) * (at - from) /
		Math.max(1, to - from);
	const y = n => TOP + (HEIGHT - TOP - BOTTOM) * (1 - n / top);
	const path = (points, end) => points.map(([at, n], i) => (i === 0
		? "M" + x(Math.max(at, from)).toFixed(1) + " " + y(n).toFixed(1)
		: "H" + x(at).toFixed(1) + "V" + y(n).toFixed(1))).join("") + "H" +
		x(end).toFixed(1);
	const levels = [0, top / 2, top];
	const last = WIDTH > 600 ? 4 : 2;
	const times = [...Array(last + 1).keys()]
		.map(i => from + (to - from) * i / last);
	return h("svg", { class: "chart", viewBox: "0 0 " + WIDTH + " " + HEIGHT,
		role: "img", "aria-label": words },
	...levels.map(n => h("g", {},
		h("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(n),
			y2: y(n) }),
		h("text", { x: LEFT - 8, y: y(n) + 4, "text-anchor": "end" },
			short(n)))),
	...times.map((at, i) => h("text", { x: x(at), y: HEIGHT - 8,
		"text-anchor": i === 0 ? "start" : i === last ? "end" : "middle" },
	timeLabel(at, to - from))),
	to > nowMs && h("g", {}, h("line", { class: "now", x1: x(nowMs),
		x2: x(nowMs), y1: TOP, y2: HEIGHT - BOTTOM }),
	h("text", { x: x(nowMs) + 4, y: TOP + 10 }, "now")),
	planned && h("path", { class: "plan", d: path(planned.points, to) }),
	...lines.map((s, i) => h("path", { class: "line l" + (i % 7 + 1),
		d: path(s.points, nowMs), "stroke-dasharray": dashes[i % 7] || null })),
	...endLabels(lines, y));
}

export function lineSwatch(index) {
	return h("svg", { viewBox: "0 0 26 12", "aria-hidden": "true" },
		h("path", { class: "line l" + (index % 7 + 1), d: "M0 6H26",
			"stroke-dasharray": dashes[index % 7] || null }));
}

// The versions of a product over time: samples as history/PRODUCT gives them, and
// what runs now, the newest first.
export function adoption(product, samples, runs, nowMs, planned) {
	const series = runs.slice(0, 7).map(r => ({ name: r.release || "unknown",
		list: r.release ? "/list/release/" + product + "/" + r.release
			: "/list/no-release/" + product,
		points: [...samples.map(s => [Date.parse(s.at),
			s.releases[r.release] || 0]), [nowMs, r.devices]] }));
	if (samples.length === 0)
		return h("p", { class: "none" },
			"The first sample is taken within ten minutes.");
	const from = Date.parse(samples[0].at);
	const words = "Devices by release of " + product + " since " + samples[0].at +
		": now " + series.map(s => s.name + " " +
			number(s.points.at(-1)[1])).join(", ") +
		(planned ? "; " + planned.words : "");
	return h("div", {},
		lines(words, series, from, nowMs, planned),
		h("ul", { class: "legend" }, ...series.map((s, i) =>
			h("li", {}, lineSwatch(i), s.name, " ",
				count(s.points.at(-1)[1], s.list))),
		planned && h("li", {}, h("svg", { viewBox: "0 0 26 12",
			"aria-hidden": "true" }, h("path", { class: "plan",
			d: "M0 6H26" })), planned.name)));
}

