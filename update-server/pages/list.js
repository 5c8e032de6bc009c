// SPDX-License-Identifier: Apache-2.0
// The devices behind a number, a page at a time.
import { ask, h, link, page, place, show, table, when } from "./frame.js";
import { codeWords, groupOf, groups } from "./words.js";

const words = {
	attempts: (rollout, group) => "Devices of rollout " + rollout + ": " +
		groupWords[group].name,
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

const groupWords = Object.fromEntries(groups.map(g => [g.id, g]));

const path = place();
const after = path.at(-1).startsWith("after-") ? path.pop() : "";
const title = (words[path[0]] || (() => "Devices"))(...path.slice(1));
const here = "/list/" + path.join("/");
document.title = title + " - Pawl";

const ofRollout = path[0] === "attempts";

const attemptColumns = [
	["Device", a => link("/devices/" + a.device,
		h("span", { class: "id" }, a.device))],
	["State", a => (groupOf(a.state) || { sign: "" }).sign + " " +
		a.state.replace("-", " ")],
	["Reason", a => a.code ? h("span", {}, h("code", {}, a.code), " ",
		codeWords(a.code)) : ""],
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
	["Last seen", d => when(d.last_seen)],
];

page(() => ask((ofRollout ? "" : "list/") +
	[...path, ...(after ? [after] : [])].join("/")),
	answer => show(
		h("p", { class: "over" }, link("/", "Fleet"),
			ofRollout && [" \u203a ", link("/rollouts/" + path[1],
				"Rollout " + path[1])]),
		h("h1", {}, title),
		ofRollout && h("p", { class: "soft" }, groupWords[path[2]].means),
		h("section", { "aria-label": title }, table(title,
			ofRollout ? attemptColumns : deviceColumns,
			ofRollout ? answer.attempts : answer.devices,
			after ? "No more." : "No device."),
		h("p", { class: "buttons" },
			after && link(here, "First page"),
			answer.next && link(here + "/" + answer.next, "Next page")))));
