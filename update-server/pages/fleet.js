// SPDX-License-Identifier: Apache-2.0
// Fleet home: is it going well, if not why, and what can be done.
import { ask, count, countOf, facts, h, link, number, page, percent, plural, secondsTo,
	section, show, table, verdict, when } from "./frame.js";
import { adoption, bar, lines } from "./chart.js";
import { endWords, isOnline, rolloutKind, rolloutState } from "./words.js";

const DAY = 86400;

const rolloutLink = r => link("/rollouts/" + r.name, r.name);

const sentence = r => r.verdict || rolloutState(r.state) +
	(r.reason ? ": " + r.reason : "");

// What somebody has to look at, the worst first.
function concerns(overview, rollouts) {
	const list = [];
	if (overview.log !== "whole")
		list.push(["bad", h("li", {}, "The audit log is not whole: ",
			overview.log)]);
	for (const r of rollouts) {
		const kind = rolloutKind(r);
		if (kind !== "bad" && kind !== "ask" || r.state === "aborted")
			continue;
		list.push([kind, h("li", {}, rolloutLink(r), ": ",
			r.alert || sentence(r))]);
	}
	for (const end of overview.ends) {
		const left = secondsTo(end.at);
		// The server says 60, 30 or 7 days before that people must sign.
		const online = isOnline(end.what);
		if (online ? left < DAY / 4 : end.due !== undefined)
			list.push([online || end.due <= 7 ? "bad" : "ask", h("li", {},
				left < 0 ? "Ended: the " : "Ends soon: the ",
				endWords(end.what)[0], ", ", when(end.at))]);
	}
	if (overview.waiting > 0)
		list.push(["ask", h("li", {}, link("#joining",
			plural(overview.waiting, "device asks", "devices ask")),
		" to join without a claim code: an officer compares a short code")]);
	if (overview.readopt)
		list.push(["ask", h("li", {}, "A backup was restored: since ",
			when(overview.readopt), " devices that it forgot may come back. ",
			"An admin ends that: ", h("code", {},
				"pawl-server server close-readopt"))]);
	if (overview.quarantined > 0)
		list.push(["ask", h("li", {}, countOf(overview.quarantined,
			"/list/quarantined", "device", "devices"),
		" in quarantine, waiting for an officer")]);
	return list;
}

function headline(overview, rollouts) {
	const list = concerns(overview, rollouts);
	const running = rollouts.filter(r => r.state === "running").length;
	const going = running === 0 ? "no rollout is running"
		: plural(running, "rollout is", "rollouts are") + " running";
	const bad = list.filter(([kind]) => kind === "bad").length;
	const rest = list.length - bad;
	const more = bad > 0 && rest > 0
		? ", " + number(rest) + (rest === 1 ? " more is" : " more are") +
			" waiting for you" : "";
	const items = h("ul", {}, ...list.sort((a, b) =>
		(a[0] === "bad" ? 0 : 1) - (b[0] === "bad" ? 0 : 1)).map(([, li]) => li));
	if (bad > 0)
		return verdict("bad", plural(bad, "thing needs", "things need") +
			" a person now" + more + "; " + going + ".", items);
	if (list.length > 0)
		return verdict("ask", plural(list.length, "thing is", "things are") +
			" waiting for you; " + going + ".", items);
	return verdict("good", "All is well: " + going +
		", and nothing waits for you.");
}

function rolloutTable(rollouts) {
	const open = rollouts.filter(r => !["completed", "aborted", "superseded"]
		.includes(r.state));
	const done = rollouts.filter(r => !open.includes(r));
	const columns = [
		["Rollout", rolloutLink],
		["Release", r => r.product + " " + r.release],
		["State", r => h("span", { class: "tag " + rolloutKind(r) },
			rolloutState(r.state))],
		["How it goes", sentence],
		["Open to", r => [r.percent, " of ", count(r.population,
			"/list/members/" + r.name)]],
		["Changed", r => when(r.changed || r.created)],
	];
	return section("rollouts", "Rollouts",
		table("Rollouts under way", columns, open,
			"No rollout is under way."),
		done.length > 0 && h("details", {},
			h("summary", {}, plural(done.length, "finished one",
				"finished ones")),
			table("Finished rollouts", columns, done.slice(0, 50))));
}

function productPart(name, releases) {
	const mine = releases.filter(r => r.product === name);
	const all = mine.reduce((sum, r) => sum + r.devices, 0);
	return h("div", {},
		h("h3", {}, name, " ", h("span", { class: "soft" },
			countOf(all, "/list/product/" + name, "device", "devices"))),
		h("ul", { class: "bars" }, ...mine.map((r, i) => h("li", {},
			h("div", { class: "label" },
				h("span", {}, r.release || "has not said"),
				h("span", {}, count(r.devices, r.release
					? "/list/release/" + name + "/" + r.release
					: "/list/no-release/" + name), " ",
				h("span", { class: "soft" },
					"(" + percent(r.devices, all) + ")"))),
			bar(r.devices, all, i % 7 + 1)))));
}

function versions(overview, products) {
	return section("versions", "What runs", products.length === 0
		? h("p", { class: "none" }, "No device is enrolled yet.")
		: products.map(name => productPart(name, overview.releases)));
}

function overTime(overview, histories) {
	return histories.map(hist => section("history-" + hist.product,
		"What " + hist.product + " ran, the last " + hist.days + " days",
		adoption(hist.product, hist.samples, overview.releases.filter(r =>
			r.product === hist.product), Date.parse(overview.now))));
}

const silentWords = { 1: "for more than a day", 7: "for more than a week",
	30: "for more than 30 days" };

function silent(overview) {
	return section("silent", "Not heard of", facts([
		...overview.silent.map(s => [silentWords[s.days],
			h("span", {}, count(s.devices, "/list/silent/" + s.days),
				" ", h("span", { class: "soft" }, "(" +
				percent(s.devices, overview.devices) + ")"))]),
		["enrolled, but never seen",
			count(overview.never_seen, "/list/never-seen")],
		...overview.clockless ? [["without a clock: the server says when " +
			"an order begins for them", count(overview.clockless,
			"/list/score/hardware-clock")]] : [],
	]));
}

function ends(overview) {
	const rows = [...overview.ends].sort((a, b) => a.at < b.at ? -1 : 1);
	return section("ends", "What ends, and when", table("Expiry dates", [
		["What", e => endWords(e.what)[0]],
		["Ends", e => when(e.at)],
		["Then", e => h("span", { class: "soft" }, endWords(e.what)[1])],
	], rows));
}

// Who it is of opens the list of them.
function because(r) {
	const said = /^(\d+) of (\d+) (devices .*)$/.exec(r.text);
	return r.listed && said ? [count(Number(said[1]), "/list/score/" + r.name),
		" of ", count(Number(said[2]), "/list/all"), " " + said[3]] : r.text;
}

// How well the fleet is looked after, and since when.
function score(overview, looked) {
	if (!looked)
		return null;
	const points = [...looked.history].reverse()
		.map(d => [Date.parse(d.day), d.points]);
	return section("score", "How well it is looked after",
		h("p", { class: "score" }, h("strong", {}, number(looked.points)),
			" of 100 points"),
		looked.reasons.length > 0 ? table("What costs points", [
			["Points", r => "\u2212" + number(r.points)],
			["Because", because],
		], looked.reasons) : h("p", { class: "none" }, "Nothing costs points."),
		points.length > 1 && lines("Points by day: " + points.map(p => p[1])
			.join(", "), [{ name: "points", points }], points[0][0],
		Date.parse(overview.now), null, 100));
}

const joinStates = { waiting: "waiting for an officer", approved: "approved",
	denied: "kept out" };

function joining(list) {
	return list.length > 0 && section("joining", "Asking to join",
		table("Devices that ask to join", [
			["Code", w => h("span", { class: "id" }, w.code)],
			["Model", w => w.product + " " + w.model],
			["State", w => joinStates[w.state] || w.state],
			["Since", w => when(w.since)],
		], list),
		h("p", { class: "help" }, "The code stands at the device as well. ",
			"If they are the same: ", h("code", {},
				"pawl-server device approve CODE --cohort C")));
}

function totals(overview) {
	return section("fleet", "The fleet", h("div", { class: "big" }, facts([
		["devices", count(overview.devices, "/list/all")],
		["in quarantine", count(overview.quarantined, "/list/quarantined")],
		["revoked", count(overview.revoked, "/list/revoked")],
		["retired", count(overview.retired, "/list/retired")],
	])),
	h("h3", {}, "Cohorts"),
	table("Cohorts", [
		["Cohort", c => c.name],
		["Devices", c => count(c.devices, "/list/cohort/" + c.name),
			"right"],
	], overview.cohorts, "No cohort yet."),
	h("h3", {}, "One device"),
	h("form", { class: "find", onsubmit: event => {
		event.preventDefault();
		const id = event.target.elements.id.value.trim().toLowerCase();
		if (/^[0-9a-f]{32}$/.test(id))
			location.href = "/devices/" + id;
		else
			document.getElementById("find-error").textContent =
				"A device id has 32 hex digits.";
	} },
	h("label", {}, "Device id", h("input", { name: "id", spellcheck: "false",
		autocomplete: "off", "aria-describedby": "find-error" })),
	h("button", { type: "submit" }, "Why does it get what it gets?")),
	h("p", { class: "error", id: "find-error", role: "alert" }));
}

page(async overview => {
	const products = [...new Set(overview.releases.map(r => r.product))];
	const [list, looked, asking, ...histories] = await Promise.all([
		ask("rollouts"),
		overview.score === undefined ? null : ask("score"),
		overview.waiting > 0 ? ask("waiting") : { waiting: [] },
		...products.slice(0, 8).map(async product => {
			const days = 14;
			return { ...await ask("history/" + product + "/" + days),
				days };
		})]);
	return { rollouts: list.rollouts, histories, looked,
		asking: asking.waiting };
}, ({ rollouts, histories, looked, asking }, overview) => show(
	h("h1", { class: "unseen" }, "Fleet"),
	headline(overview, rollouts),
	rolloutTable(rollouts),
	joining(asking),
	h("div", { class: "pair" },
		h("div", {}, versions(overview, [...new Set(overview.releases
			.map(r => r.product))]), silent(overview)),
		h("div", {}, totals(overview))),
	overTime(overview, histories),
	score(overview, looked),
	ends(overview)));
