// SPDX-License-Identifier: Apache-2.0
// Who did what, newest first. The log itself, and how to check it offline:
// docs/audit-log.md.
import { ask, h, link, number, page, show, table, when } from "./frame.js";
import { actWords, actorWords } from "./words.js";

const PAGE = 100;
const LAST = Number.MAX_SAFE_INTEGER;
let from = null; // of the records shown; null: the newest

function objectLink(o) {
	if (o.device)
		return link("/devices/" + o.device, "device " + o.device.slice(0, 8));
	return o.rollout ? link("/rollouts/" + o.rollout, "rollout " + o.rollout) : "";
}

page(async () => {
	const { size } = await ask("audit/" + LAST);
	const start = from === null ? Math.max(0, size - PAGE) : from;
	const [{ records }, { people }] = await Promise.all([
		ask("audit/" + start), ask("names")]);
	return { size, start, people,
		records: records.slice(0, PAGE).map(text => JSON.parse(text)) };
}, ({ size, start, people, records }) => {
	const go = to => () => {
		from = to;
		page.again();
		document.getElementById("main").focus();
	};
	show(h("h1", {}, "Audit log"),
		h("p", { class: "soft" }, "Every act of a person and every act of a rule, ",
			number(size), " of them so far. None can be changed: the log is signed.",
			" To check it elsewhere: ", h("code", {},
				"pawl-server audit export DIR"), ", ",
			h("code", {}, "pawl-server audit verify DIR"), "."),
		h("section", { "aria-label": "Records" }, table("Records", [
			["No.", r => number(r.n)],
			["When", r => when(r.time)],
			["Who", r => actorWords(r.actor, people)],
			["Did what", r => actWords(r.act, r.objects)],
			["To what", r => objectLink(r.objects)],
			["Exactly", r => h("details", {}, h("summary", {}, r.act),
				h("pre", {}, JSON.stringify(r.objects, null, 1)))],
		], records.reverse(), "Nothing yet."),
		h("p", { class: "buttons" },
			start > 0 && h("button", { type: "button",
				onclick: go(Math.max(0, start - PAGE)) }, "Older"),
			from !== null && h("button", { type: "button",
				onclick: go(start + PAGE >= size - PAGE ? null
					: start + PAGE) }, "Newer"))));
});
