// SPDX-License-Identifier: Apache-2.0
// One device: what it runs, and why it gets what it gets.
import { act, ask, confirmed, day, doing, facts, h, link, page, place, section, show,
	table, verdict, when } from "./frame.js";
import { attemptReason, codeWords, groupOf } from "./words.js";

const id = place()[0];

const states = {
	active: ["good", "In service."],
	enrolled: ["ask", "Enrolled, and never seen since."],
	quarantined: ["bad", "In quarantine: two keys claimed to be this device. " +
		"It is refused until an officer has looked at it."],
	blocked: ["bad", "Blocked: it keeps its identity, and is given nothing " +
		"until an officer unblocks it."],
	revoked: ["bad", "Revoked: it is refused for good."],
	retired: ["ask", "Retired: it is no part of the fleet any more."],
};

// Its state, and how its last update went.
function standing(d) {
	const last = d.attempts.at(-1);
	const group = last && groupOf(last.state);
	if (d.state !== "active" || !group || !["failed", "dark"].includes(group.id))
		return states[d.state] || ["ask", d.state];
	return ["ask", "In service; its update to " + last.release + " " +
		(group.id === "dark" ? "was installed, and then it fell silent."
			: "failed: " + (codeWords(last.code) || last.code) + ".")];
}

function attemptState(a) {
	const group = groupOf(a.state);
	return (group ? group.sign + " " : "") + a.state.replace("-", " ");
}

function evidence(a) {
	return h("details", {}, h("summary", {}, "What it said"),
		h("pre", {}, a.evidence.replaceAll("\\x0a", "\n")));
}

async function end(verb, path, done, words) {
	const agreed = await confirmed({ title: verb + " this device?", words,
		verb, danger: true, reason: true,
		kept: "The server's own log keeps it, the audit log its SHA-256." });
	if (agreed !== null)
		await doing(done, act(path, { id, reason: agreed }));
}

function actions(d, you) {
	if (!you.roles.split(" ").includes("officer") ||
	    ["revoked", "retired"].includes(d.state))
		return null;
	return h("p", { class: "buttons" },
		d.state === "quarantined" && h("button", { type: "button",
			class: "main", onclick: () => end("Release", "device-release",
				"Released from quarantine.", [
					"Of the two keys the one that came first stands; the other is refused for ever.",
					"The device is served again from its next request on."]) },
		"Release from quarantine"),
		d.state === "blocked" && h("button", { type: "button", class: "main",
			onclick: () => end("Unblock", "device-unblock", "Unblocked.",
				["It takes what comes again."]) }, "Unblock\u2026"),
		["active", "enrolled"].includes(d.state) && h("button", { type: "button",
			onclick: () => end("Block", "device-block", "Blocked.", [
				"It is offered and handed out nothing, and keeps its identity.",
				"What was on its way to it is skipped. Unblocking ends that."]) },
		"Block\u2026"),
		h("button", { type: "button", class: "danger", onclick: () =>
			end("Revoke", "device-revoke", "Revoked.", [
				"Its connections end now and every later request is refused, for ever.",
				"What runs on it goes on running. This cannot be undone: the device would have to be enrolled anew, as another one."]) },
		"Revoke\u2026"),
		h("button", { type: "button", onclick: () =>
			end("Retire", "device-retire", "Retired.", [
				"For a device that is taken out of use: it is refused from now on, and counts no more.",
				"This cannot be undone."]) }, "Retire\u2026"));
}

function whyTable(why) {
	return section("why", "Why it gets what it gets", table(
		"Rollouts of its product", [
			["Rollout", r => link("/rollouts/" + r.rollout, r.rollout)],
			["Release", r => (r.goal || r.release) + (r.goal &&
				r.goal !== r.release ? " first, then " + r.release : "")],
			["Why", r => r.why],
			["Selector", r => r.where ? h("span", {}, r.selected + ": ",
				h("code", {}, r.where)) : "none: all of them"],
			["Floor", r => r.floor],
			["Window", r => r.window || "any time"],
			["Its place", r => r.bucket_percent
				? r.bucket_percent + ", open up to " + r.limit_percent : ""],
			["Attempts", r => (r.attempt || 0) + " of " + r.attempts],
		], why, "No rollout is for it."));
}

page(() => ask("device/" + id), (d, overview) => {
	const [kind, words] = standing(d);
	document.title = "Device " + id.slice(0, 8) + " - Pawl";
	show(
		h("p", { class: "over" }, link("/", "Fleet")),
		h("h1", {}, "Device ", h("span", { class: "id" }, d.id)),
		verdict(kind, words, d.way && h("p", {}, d.way),
			actions(d, overview.you)),
		section("facts", "What it is", facts([
			["Product, model", d.product + ", " + d.model],
			["Hardware revision", d.hardware || "it does not say"],
			["Cohort", link("/list/cohort/" + d.cohort, d.cohort)],
			["Runs", d.release ? link("/list/release/" + d.product + "/" +
				d.release, d.release) : "unknown"],
			d.pin && ["Pinned to", d.pin],
			["Said that it is well", d.confirmed ? "yes" : "not yet"],
			["Last seen", day(d.last_seen)],
			["Enrolled", when(d.enrolled)],
			["Updater", d.updater || "unknown"],
			["Content (SHA-256)", h("code", {}, d.digest || "unknown")],
		])),
		whyTable(d.rollouts),
		section("attempts", "Attempts", table("Attempts, newest first", [
			["Release", a => a.release],
			["Rollout", a => link("/rollouts/" + a.rollout, a.rollout)],
			["State", attemptState],
			["Reason", attemptReason],
			["Since", a => when(a.changed)],
			["Evidence", a => a.evidence ? evidence(a) : ""],
		], [...d.attempts].reverse(), "Nothing was offered to it yet.")));
});
