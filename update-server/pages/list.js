// SPDX-License-Identifier: Apache-2.0
// The devices behind a number, a page at a time.
import { ask, day, h, link, page, place, show, table, when } from "./frame.js";
import { attemptReason, codeWords, groupOf, groups } from "./words.js";

const groupWords = Object.fromEntries(groups.map(g => [g.id, g]));
Object.assign(groupWords, {
	all: { name: "every attempt", means: "one for each offer" },
	begun: { name: "begun", means: "the device began to download, or did more" },
	ended: { name: "ended", means: "confirmed, failed or went back" },
});

// "phase/2/code/HEALTH_FAILED" as words.
function narrowed(...path) {
	const words = { phase: n => "phase " + n, through: n => "phases up to " + n,
		code: c => codeWords(c.toUpperCase()) || c.toUpperCase(),
		from: n => "ran " + n + " before" };
	let text = "";
	for (let i = 0; i + 1 < path.length; i += 2)
		text += ", " + (words[path[i]] || (n => path[i] + " " + n))(
			path[i + 1].replace(/^is-/, ""));
	return text;
}

const words = {
	attempts: (rollout, group, ...rest) => "Devices of rollout " + rollout + ": " +
		(groupWords[group] || { name: group.replace("-", " ") }).name +
		narrowed(...rest),
	members: (rollout, ...rest) => "Devices that rollout " + rollout + " is for" +
		narrowed(...rest),
	"not-reached": (rollout, ...rest) => "Devices that rollout " + rollout +
		" has not reached" + narrowed(...rest),
	holds: (rollout, release) => "Devices with " + release +
		" in the other slot: the way back from rollout " + rollout,
	score: reason => "Devices that cost points: " + reason.replaceAll("-", " "),
	product: product => "Devices of " + product,
	all: () => "All devices",
	release: (product, release) => "Devices of " + product + " that run " + release,
	"no-release": product => "Devices of " + product +
		" that have not said what they run",
	cohort: cohort => "Devices of cohort " + cohort,
	silent: days => "Devices that were not seen for more than " + days +
		(days === "1" ? " day" : " days"),
	"never-seen": () => "Devices that enrolled and were never seen since",
	quarantined: () => "Devices in quarantine",
	revoked: () => "Revoked devices",
	retired: () => "Retired devices",
};

const means = {
	members: "As of now; how many there were was counted when it started.",
	"not-reached": "Nothing was offered to them yet.",
};

const path = place();
const after = path.at(-1).startsWith("after-") ? path.pop() : "";
const title = (words[path[0]] || (() => "Devices"))(...path.slice(1));
const here = "/list/" + path.join("/");
document.title = title + " - Pawl";

const ofRollout = path[0] === "attempts";
const rolloutOf = ["attempts", "members", "not-reached", "holds"].includes(path[0])
	&& path[1];
const explained = ofRollout ? (groupWords[path[2]] || {}).means : means[path[0]];

const attemptColumns = [
	["Device", a => link("/devices/" + a.device,
		h("span", { class: "id" }, a.device))],
	["State", a => (groupOf(a.state) || { sign: "" }).sign + " " +
		a.state.replace("-", " ")],
	["Reason", attemptReason],
	["Phase", a => a.phase],
	["Since", a => when(a.changed)],
];

const deviceColumns = [
	["Device", d => link("/devices/" + d.id,
		h("span", { class: "id" }, d.id))],
	["Model", d => d.product + " " + d.model],
	["Hardware", d => d.hardware || "not said"],
	["Cohort", d => link("/list/cohort/" + d.cohort, d.cohort)],
	["Runs", d => d.release
		? d.release + (d.confirmed ? "" : " (on trial)") : "unknown"],
	["Last seen", d => day(d.last_seen)],
];

const PAGE = 100, ASKS = 20;

// No index knows some of these: each answer has looked at a part of the fleet,
// and may have found few.
async function load() {
	const rows = [];
	let next = after;
	for (let i = 0; i < ASKS && rows.length < PAGE; i++) {
		const part = await ask((ofRollout ? "" : "list/") +
			[...path, ...(next ? [next] : [])].join("/"));
		rows.push(...(ofRollout ? part.attempts : part.devices));
		next = part.next;
		if (!next)
			break;
	}
	return { rows, next };
}

page(load, ({ rows, next }) => show(
	h("p", { class: "over" }, link("/", "Fleet"),
		rolloutOf && [" \u203a ", link("/rollouts/" + rolloutOf,
			"Rollout " + rolloutOf)]),
	h("h1", {}, title),
	explained && h("p", { class: "soft" }, explained),
	h("section", { "aria-label": title }, table(title,
		ofRollout ? attemptColumns : deviceColumns, rows,
		next ? "None so far: there are more to look at."
			: after ? "No more." : "No device."),
	h("p", { class: "buttons" },
		after && link(here, "First page"),
		next && link(here + "/" + next, "Next page")))));
