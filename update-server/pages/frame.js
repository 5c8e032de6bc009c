// SPDX-License-Identifier: Apache-2.0
// What the pages have in common: asking the server, drawing what it said, and
// staying up to date. Text from the server becomes text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";
const drawing = new Set(["svg", "g", "rect", "path", "line", "circle", "text",
	"title", "defs", "pattern", "polyline"]);

// An element. Properties that begin with "on" are handlers, the others
// attributes; what is null or false is left out.
export function h(tag, props, ...children) {
	const el = drawing.has(tag) ? document.createElementNS(SVG, tag)
		: document.createElement(tag);
	for (const [name, value] of Object.entries(props || {})) {
		if (value === null || value === undefined || value === false)
			continue;
		if (name.startsWith("on"))
			el[name] = value;
		else
			el.setAttribute(name, value === true ? "" : value);
	}
	el.append(...children.flat(9)
		.filter(c => c !== null && c !== undefined && c !== false));
	return el;
}

const handlers = ["onclick", "onsubmit", "oninput", "onkeydown"];

// Change an element into another one with as little as possible: who reads,
// selects or stands on something is not disturbed.
function morph(old, fresh) {
	if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
		old.replaceWith(fresh);
		return;
	}
	if (old.nodeType === Node.TEXT_NODE) {
		if (old.data !== fresh.data)
			old.data = fresh.data;
		return;
	}
	for (const a of [...old.attributes])
		if (!fresh.hasAttribute(a.name) && a.name !== "open")
			old.removeAttribute(a.name);
	for (const a of fresh.attributes)
		if (old.getAttribute(a.name) !== a.value)
			old.setAttribute(a.name, a.value);
	for (const name of handlers)
		if (old[name] !== fresh[name])
			old[name] = fresh[name];
	morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
	const want = [...fresh.childNodes];
	while (old.childNodes.length > want.length)
		old.lastChild.remove();
	want.forEach((child, i) => {
		if (i < old.childNodes.length)
			morph(old.childNodes[i], child);
		else
			old.append(child);
	});
}

export function show(...children) {
	const main = document.getElementById("main");
	const fresh = h("main", {}, ...children);
	morphChildren(main, fresh);
	main.setAttribute("aria-busy", "false");
}

// ---- asking -----------------------------------------------------------------

// `pawl-server ui` gives the page its key behind the '#', which no server ever
// sees; it is kept for this origin alone and dies with that command.
const KEY = "pawl-key";
const given = /^#key=([0-9a-f]{64})$/.exec(location.hash);
if (given) {
	localStorage.setItem(KEY, given[1]);
	history.replaceState(null, "", location.pathname);
}

function head() {
	const key = localStorage.getItem(KEY);
	return key ? { Authorization: "Bearer " + key } : {};
}

export class Refused extends Error {
	constructor(status, words) {
		super(words);
		this.status = status;
	}
}

async function answer(response) {
	let body = null;
	try {
		body = await response.json();
	} catch {
		body = null;
	}
	if (response.ok && body)
		return body;
	throw new Refused(response.status, body && body.message
		? String(body.message) : "the server answered " + response.status);
}

export async function ask(path) {
	return answer(await fetch("/v1/people/" + path, {
		headers: head(), cache: "no-cache", credentials: "same-origin",
	}));
}

export async function act(path, body) {
	return answer(await fetch("/v1/people/" + path, {
		method: "POST", credentials: "same-origin",
		headers: { ...head(), "Content-Type": "application/json" },
		body: JSON.stringify({ v: 1, ...body }),
	}));
}

// ---- words ------------------------------------------------------------------

const counts = new Intl.NumberFormat("en-GB");
export const number = n => counts.format(n).replaceAll(",", "\u202f");
export const plural = (n, one, many) => number(n) + " " + (n === 1 ? one : many);
export const percent = (part, all) => all === 0 ? "0 %"
	: (part === all ? "100" : (Math.floor(1000 * part / all) / 10).toFixed(1)) + " %";

let ahead = 0; // the server's clock minus ours

export const now = () => Date.now() + ahead;

function span(seconds) {
	const units = [["year", 31556952], ["day", 86400], ["hour", 3600],
		["minute", 60]];
	for (const [name, size] of units) {
		const n = Math.floor(seconds / size);
		if (n >= 1)
			return n + " " + name + (n > 1 ? "s" : "");
	}
	return Math.max(0, Math.floor(seconds)) + " s";
}

const two = n => String(n).padStart(2, "0");

export function clock(date) {
	const today = new Date(now());
	const time = two(date.getHours()) + ":" + two(date.getMinutes());
	const day = date.getFullYear() + "-" + two(date.getMonth() + 1) + "-" +
		two(date.getDate());
	return date.toDateString() === today.toDateString() ? time : day + " " + time;
}

// Sentences of the server hold its own times, in UTC: ours read better.
export const localTimes = text => String(text).replaceAll(
	/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, at => clock(new Date(at)));

// A time of the server: how long ago or ahead, and exactly.
export function when(text, otherwise) {
	if (!text)
		return otherwise || "never";
	const date = new Date(text);
	const seconds = (date - now()) / 1000;
	const words = seconds > 0 ? "in " + span(seconds) : span(-seconds) + " ago";
	return h("time", { datetime: text, title: text }, words, " ",
		h("span", { class: "exact" }, "(" + clock(date) + ")"));
}

// A day of the server's calendar, in UTC, and how long ago that is.
export function day(text) {
	const days = Math.round((Date.parse(new Date(now()).toISOString()
		.slice(0, 10)) - Date.parse(text)) / 86400000);
	return !text ? "never" : h("time", { datetime: text, title: text + ", UTC" },
		days <= 0 ? "today" : days === 1 ? "yesterday" : days + " days ago",
		" ", h("span", { class: "exact" }, "(" + text + ")"));
}

export const secondsTo = text => (new Date(text) - now()) / 1000;

// ---- parts of pages -----------------------------------------------------------

export const link = (href, ...text) => h("a", { href }, ...text);

// A number of devices or attempts: it opens the list of them.
export const count = (n, href) => h("a", { href, "data-n": n }, number(n));
export const countOf = (n, href, one, many) => [count(n, href),
	" " + (n === 1 ? one : many)];

export function section(id, title, ...content) {
	return h("section", { "aria-labelledby": id + "-title", id },
		h("h2", { id: id + "-title" }, title), ...content);
}

// columns: [title, row => content, class]. Narrow screens show rows as cards.
export function table(caption, columns, rows, none) {
	if (rows.length === 0)
		return h("p", { class: "none" }, none || "None.");
	return h("div", { class: "scroll", role: "region", "aria-label": caption,
		tabindex: "0" },
	h("table", {},
		h("caption", { class: "unseen" }, caption),
		h("thead", {}, h("tr", {}, ...columns.map(([title, , kind]) =>
			h("th", { scope: "col", class: kind }, title)))),
		h("tbody", {}, ...rows.map(row => h("tr", {},
			...columns.map(([title, content, kind], i) =>
				h(i === 0 ? "th" : "td", {
					scope: i === 0 ? "row" : null,
					"data-title": title, class: kind,
				}, content(row))))))));
}

export function facts(pairs) {
	return h("dl", { class: "facts" }, ...pairs.filter(Boolean)
		.map(([name, value]) => h("div", {}, h("dt", {}, name),
			h("dd", {}, value))));
}

// The sentence that an operator reads first. kind: good, busy, ask or bad, each
// with a sign and a word besides its colour.
const signs = { good: "\u2713", busy: "\u2026", ask: "?", bad: "!" };

export function verdict(kind, sentence, ...more) {
	sentence = localTimes(sentence);
	return h("div", { class: "verdict " + kind, role: "status",
		"aria-live": "polite", "aria-atomic": "true" },
	h("span", { class: "sign", "aria-hidden": "true" }, signs[kind]),
	h("div", {}, h("p", { class: "sentence" }, sentence), ...more));
}

// ---- asking a person ----------------------------------------------------------

// What will happen in words, a reason if one is wanted, and a second look.
// Resolves to the reason ("" if none is asked for), or null.
export function confirmed({ title, words, verb, reason, danger, kept }) {
	return new Promise(resolve => {
		const text = reason && h("textarea", { id: "reason", rows: "3",
			maxlength: "200", required: true,
			"aria-describedby": "reason-help" });
		const failed = h("p", { class: "error", role: "alert" });
		const close = value => {
			box.close();
			box.remove();
			back.focus();
			resolve(value);
		};
		const back = document.activeElement;
		const box = h("dialog", { "aria-labelledby": "ask-title",
			"aria-describedby": "ask-words" },
		h("form", { method: "dialog", novalidate: true, onsubmit: event => {
			event.preventDefault();
			const said = text ? text.value.trim() : "";
			if (text && !said) {
				failed.textContent = "Say why, for those who read it later.";
				text.focus();
				return;
			}
			close(said);
		} },
		h("h2", { id: "ask-title" }, title),
		h("div", { id: "ask-words" },
			...words.map(line => h("p", {}, line))),
		text && h("label", { for: "reason" }, "Reason"),
		text,
		text && h("p", { id: "reason-help", class: "help" },
			kept || "Everybody who may read the fleet sees it."),
		failed,
		h("p", { class: "buttons" },
			h("button", { type: "submit",
				class: danger ? "danger" : "main" }, verb),
			h("button", { type: "button", onclick: () => close(null) },
				"Do nothing"))));
		box.oncancel = event => {
			event.preventDefault();
			close(null);
		};
		document.body.append(box);
		box.showModal();
		if (text)
			text.focus();
	});
}

let note = null;

// What became of an act; said aloud, and there until the next one.
export function tell(kind, words) {
	if (note)
		note.remove();
	note = h("div", { class: "note " + kind,
		role: kind === "bad" ? "alert" : "status" }, h("p", {}, words),
	h("button", { type: "button", onclick: () => note.remove(),
		"aria-label": "Close this message" }, "Close"));
	document.body.append(note);
}

// ---- the frame ----------------------------------------------------------------

let state = null;

function drawHead(overview) {
	const here = location.pathname;
	const items = [["/", "Fleet"], ["/audit", "Audit log"]];
	const fresh = h("header", {},
		h("div", { class: "bar" },
			h("a", { href: "/", class: "name" },
				h("span", { "aria-hidden": "true", class: "logo" }), "Pawl"),
			h("nav", { "aria-label": "Main" }, ...items.map(([path, name]) =>
				h("a", { href: path, "aria-current":
					here === path ? "page" : null }, name))),
			h("span", { class: "grow" }),
			overview && h("span", { class: "badge " + overview.environment },
				overview.environment),
			overview && h("span", { class: "you" }, overview.you.name, ", ",
				overview.you.roles.replaceAll(" ", ", ")),
			h("span", { class: "live", id: "live", role: "status" })),
		h("div", { class: "lost", role: "alert", id: "lost" }));
	morphChildren(document.getElementById("head"), fresh);
}

let lastHeard = null;

function setLive(ok, why) {
	const live = document.getElementById("live");
	const lost = document.getElementById("lost");
	if (ok)
		lastHeard = new Date();
	const text = ok ? "live" : "not connected";
	if (live.textContent !== text)
		live.textContent = text;
	live.className = ok ? "live" : "live off";
	const words = ok ? "" : why + (lastHeard
		? " What you see is from " + clock(lastHeard) + "." : "");
	if (lost.textContent !== words)
		lost.textContent = words;
}

function whyLost(error) {
	if (!(error instanceof Refused))
		return "The server does not answer.";
	if (error.status === 401)
		return "This page has no key, or an old one: open the address that " +
			"\u201cpawl-server ui\u201d printed when it started.";
	return error.message.endsWith(".") ? error.message : error.message + ".";
}

let listening = null;

// A page that nobody sees, or that was left, listens no more: browsers keep few
// connections, and remember pages that were left.
for (const event of ["pagehide", "visibilitychange"])
	window.addEventListener(event, () => {
		if (listening && (event === "pagehide" || document.hidden))
			listening.abort();
	}, true);

// Read what the server sends when something changed, and call `changed`.
async function follow(changed) {
	listening = new AbortController();
	const response = await fetch("/v1/people/events", { headers: head(),
		cache: "no-store", credentials: "same-origin",
		signal: listening.signal });
	if (!response.ok)
		throw new Refused(response.status, "no events");
	const reader = response.body.getReader();
	const decoder = new TextDecoder();
	let text = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		text = (text + decoder.decode(value, { stream: true })).slice(-65536);
		const end = text.lastIndexOf("\n\n");
		if (end < 0)
			continue;
		if (/^event: (act|changed)$/m.test(text.slice(0, end)))
			changed();
		text = text.slice(end + 2);
	}
}

const sleep = ms => new Promise(done => setTimeout(done, ms));
const comeBack = () => new Promise(done => {
	for (const event of ["pageshow", "visibilitychange"])
		window.addEventListener(event, () => document.hidden || done(),
			{ capture: true, once: true });
});
const QUIET_MS = 1500;   // between two looks, however much happens
const STALE_MS = 15000;  // between two looks, however little happens

// Draw a page, and again whenever something changed. load() asks the server,
// draw() shows what it said; the frame's own facts come along.
export async function page(load, draw) {
	let wake = () => {};
	let stale = true;
	drawHead(null);
	const poke = () => {
		stale = true;
		wake();
	};
	const events = async () => {
		for (;;) {
			try {
				if (!document.hidden)
					await follow(poke);
			} catch (error) {
				// The next look says what is wrong.
				if (error.status === 404)
					return;
			}
			await Promise.race([sleep(5000), comeBack()]);
		}
	};
	document.addEventListener("visibilitychange", poke);
	window.addEventListener("resize", poke);
	page.again = poke;
	for (let first = true; ; first = false) {
		stale = false;
		try {
			const overview = await ask("overview");
			ahead = new Date(overview.now) - Date.now();
			const loaded = await load(overview);
			drawHead(overview);
			draw(loaded, overview);
			setLive(true);
			state = overview;
			if (first)
				events();
		} catch (error) {
			if (!(error instanceof Refused || error instanceof TypeError))
				console.error(error);
			setLive(false, whyLost(error));
			if (!state)
				show(h("h1", {}, document.title.replace(/ - Pawl$/, "")),
					verdict("bad", whyLost(error)));
			if (first)
				events();
		}
		await sleep(QUIET_MS);
		if (!stale || document.hidden)
			await Promise.race([sleep(STALE_MS),
				new Promise(done => { wake = done; })]);
	}
}

// What is behind the page's own path: "/rollouts/NAME" gives ["NAME"].
export const place = () => location.pathname.split("/").slice(2);

// Do it, say what came of it, and look again.
export async function doing(words, promise) {
	try {
		await promise;
		tell("good", words);
	} catch (error) {
		tell("bad", error.status === 412
			? "Somebody changed it meanwhile: look again before you act. (" +
				error.message + ")"
			: whyLost(error));
	}
	page.again();
}
