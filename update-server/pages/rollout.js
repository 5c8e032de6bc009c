// SPDX-License-Identifier: Apache-2.0
// One rollout: is it going well, if not why, and what can be done.
import { act, ask, clock, confirmed, count, countOf, doing, facts, h, link, number, page, percent, place,
	plural, section, show, table, verdict, when } from "./frame.js";
import { adoption, strip, swatch } from "./chart.js";
import { actWords, actorWords, attemptReason, codeWords, failureClass, groupOf, groups,
	rolloutKind, rolloutState } from "./words.js";

const name = place()[0];
document.title = "Rollout " + name + " - Pawl";

// ---- what can be done ----------------------------------------------------------

const done = verb => "Done: rollout " + name + " " + verb + ".";

async function perform(r, verb, words, more, options) {
	const agreed = await confirmed({ ...options, words, reason: more });
	if (agreed === null)
		return;
	await doing(done(options.done), act("rollout-" + verb, {
		name, revision: r.revision, ...(more ? { reason: agreed } : {}) }));
}

// The lists behind numbers: attempts by what became of them, of these those of a
// phase ("phase", n), with a code, on a kind of device; and devices.
const attemptsOf = (...which) => ["/list/attempts", name, ...which].join("/");
const devicesOf = (list, ...which) => ["/list", list, name, ...which].join("/");
// In a path: no great letters, no signs.
const said = text => text === "" ? "unsaid" : text === "*" ? "rest"
	: "is-" + text.toLowerCase();

const phaseWords = p => p.share === 0 ? "the canaries" : p.percent;

function nextPhase(r) {
	return (r.phases || [])[r.phase] || null; // r.phase counts from 1
}

const inFlight = r => groups.find(g => g.id === "flight").states
	.reduce((sum, s) => sum + ((r.counts || {})[s] || 0), 0);

function pause(r) {
	return perform(r, "pause", [
		"From the next check-in on it is offered to nobody.",
		plural(inFlight(r), "device is", "devices are") + " on the way: what is " +
			"installed already may still start, nothing new begins.",
		"Devices that have updated stay as they are.",
	], true, { title: "Pause " + name + "?", verb: "Pause", done: "is paused" });
}

function resume(r) {
	const gate = r.pause && r.pause !== "person";
	return perform(r, "resume", [
		"It is offered again, to " + r.percent + " of its " +
			number(r.population) + " devices.",
		gate && "The gate stopped it. From here on it counts anew: what " +
			"failed before does not stop it again.",
		gate && "A large share wants a second person, who does the same.",
	].filter(Boolean), true, { title: "Resume " + name + "?", verb: "Resume",
		done: "goes on", danger: gate });
}

function advance(r) {
	const next = nextPhase(r);
	return perform(r, "advance", [
		next ? "The next phase opens: " + phaseWords(next) + ", " +
			plural(next.adds, "device", "devices") + " more, " +
			number(next.size) + " in all." : "The last phase ends.",
		next && next.detects,
		"A share never becomes smaller again.",
	].filter(Boolean), false, { title: "Open the next phase?",
		verb: "Open it", done: "goes on to its next phase" });
}

function abort(r) {
	return perform(r, "abort", [
		"It ends for good and is offered to nobody any more.",
		"Devices that have updated keep the release; none goes back by this, and none " +
			"can be taken back by it afterwards: \u201cTake the fleet back\u201d first.",
		"This cannot be undone: another rollout would have to be made.",
	], true, { title: "Abort " + name + "?", verb: "Abort", done: "is aborted",
		danger: true });
}

// What comes of it is asked first: where nothing is signed, nobody goes back.
async function rollBack(r) {
	let found = null;
	try {
		found = await ask("rollback/" + name);
	} catch (error) {
		await doing("", Promise.reject(error));
		return;
	}
	const b = found.back;
	await perform(r, "rollback", [
		"From the next check-in on " + name + " is offered to nobody.",
		plural(b.runs, "device runs", "devices run") + " " + r.release +
			(b.to ? "; " + plural(b.holds, "has", "have") + " " + b.to +
				" in the other slot still." : "."),
		b.floor_committed ? "The floor has been raised: no older release goes in."
			: "No floor is in the way.",
		b.words[0].toUpperCase() + b.words.slice(1) + ".",
		b.rollout && "Rollout " + b.rollout + " is made for them, and starts when " +
			"somebody starts it.",
	].filter(Boolean), true, { title: "Take the fleet back from " + r.release + "?",
		verb: "Stop it and go back", done: "has stopped; see the way back below",
		danger: true });
}

function submit(r) {
	return perform(r, "submit", [
		"It is for " + r.cohorts.join(", ") + ", " +
			plural(r.population, "device", "devices") + " in " +
			plural(r.phase_count, "phase", "phases") + ". What it is stays as it is.",
		"Nobody is offered anything by this: where two people are needed, somebody " +
			"else approves it, and then it is started.",
	], false, { title: "Submit " + name + "?", verb: "Submit",
		done: "is submitted" });
}

function approve(r) {
	return perform(r, "approve", [
		r.author + " made it, you approve it: " + r.product + " " + r.release +
			" for " + r.cohorts.join(", ") + ", " +
			plural(r.population, "device", "devices") + " in " +
			plural(r.phase_count, "phase", "phases") + ".",
	], false, { title: "Approve " + name + "?", verb: "Approve",
		done: "is approved" });
}

function acknowledge(r) {
	return perform(r, "ack", [r.alert,
		"Say what you found: somebody looked, and the alert ends."], true,
	{ title: "Looked at it?", verb: "I looked at it", done: "is acknowledged" });
}

function planWords(plan) {
	const phases = plan.phases.map(p => phaseWords(p) + " (" +
		number(p.size) + ")").join(", ");
	return [
		plural(plan.population, "device is", "devices are") +
			" concerned. Phases: " + phases + ".",
		...plan.left_out.map(l => "Left out: " +
			plural(l.devices, "device", "devices") + ", " + l.why + "."),
		plan.clockless && "Without a clock: " +
			plural(plan.clockless, "device", "devices") +
			". When an order begins for them, the server says.",
		plan.order && "Order: " + (plan.order.words || plan.order) + ".",
		plan.phases[0] && plan.phases[0].detects,
	].filter(Boolean).map(String);
}

async function start(r) {
	let plan = null;
	try {
		plan = await ask("rollout-plan/" + encodeURIComponent(name));
	} catch (error) {
		await doing("", Promise.reject(error));
		return;
	}
	const aimed = plan.population === 1; // then one says why
	const agreed = await confirmed({ title: "Start " + name + "?",
		words: planWords(plan), verb: "Start", reason: aimed });
	if (agreed !== null)
		await doing(done("is started"), act("rollout-start", {
			name, revision: r.revision, plan: plan.plan,
			...(aimed ? { reason: agreed } : {}) }));
}

function actions(r, you) {
	if (!r.revision)
		return null;
	const list = [];
	const add = (words, what, kind) => list.push(h("button", { type: "button",
		class: kind, onclick: () => what(r) }, words));
	if (r.alert)
		add("I looked at it\u2026", acknowledge, "main");
	if (r.state === "pending-approval" && r.author !== you.name)
		add("Approve\u2026", approve, "main");
	if (r.state === "draft")
		add("Submit\u2026", submit, "main");
	if (r.state === "scheduled")
		add("Start\u2026", start, "main");
	if (r.state === "running" && r.waits_for === "person")
		add("Open the next phase\u2026", advance, "main");
	if (r.state === "paused")
		// What a gate stopped is not to be resumed by the first button.
		add("Resume\u2026", resume, r.pause === "gate" ? "" : "main");
	if (["running", "completed"].includes(r.state))
		add("Pause\u2026", pause, "");
	// All of it at once, so it is not for whose share is bounded.
	if (["running", "paused", "completed"].includes(r.state) &&
		!r.rolled_back && you.share === 10000)
		add("Take the fleet back\u2026", rollBack, "danger");
	if (["running", "paused", "scheduled", "draft"].includes(r.state))
		add("Abort\u2026", abort, "danger");
	if (list.length === 0)
		return null;
	if (!you.roles.split(" ").includes("operator"))
		return h("p", { class: "help" }, "You are " + you.roles +
			": what can be done here takes an operator.");
	return h("p", { class: "buttons" }, ...list);
}

// What a person who was woken up should do now; a server of before says nothing.
function advice(next) {
	return next && h("div", {}, h("p", {}, next.words),
		next.commands.length > 0 && h("details", {},
			h("summary", {}, "The same by command"),
			h("ul", {}, ...next.commands.map(c =>
				h("li", {}, h("code", {}, "pawl-server " + c))))));
}

// ---- how it goes ----------------------------------------------------------------

function headline(r, you) {
	const gate = r.gate || {};
	return verdict(rolloutKind(r), r.verdict || rolloutState(r.state),
		r.alert && h("p", {}, h("strong", {}, r.alert)),
		r.reason && r.state !== "running" && !(r.verdict || "").includes(r.reason) &&
			h("p", {}, "Reason: " + r.reason),
		r.started && gate.words && !(r.verdict || "").includes(gate.words) &&
			h("p", {}, gate.words),
		advice(r.next),
		actions(r, you));
}

function sumUp(counts) {
	return groups.map(g => ({ ...g,
		n: g.states.reduce((sum, s) => sum + (counts[s] || 0), 0) }));
}

// which: of one phase alone, as paths of lists have it.
function phaseStrip(key, counts, size, ...which) {
	const parts = sumUp(counts).map((g, i) => ({ ...g, colour: i + 1 }));
	const reached = parts.reduce((sum, p) => sum + p.n, 0);
	const rest = Math.max(0, size - reached);
	return h("div", {},
		strip(key, parts, Math.max(size, reached), "not reached " + number(rest)),
		h("ul", { class: "counts" },
			...parts.filter(p => p.n > 0).map(p => h("li", {},
				swatch(key, p.id, p.colour, p.colour - 1),
				p.name + " ", count(p.n, attemptsOf(p.id, ...which)))),
			h("li", {}, "not reached ",
				count(rest, devicesOf("not-reached", ...which)))));
}

const phaseState = { waiting: "not yet open", open: "open", watching: "watched",
	"waiting for you": "waiting for you", passed: "passed" };

function phaseLine(p) {
	const bits = [];
	if (p.opened)
		bits.push("opened ", when(p.opened));
	if (p.passed)
		bits.push("; passed ", when(p.passed));
	else if (p.watch_sec > 0)
		bits.push(bits.length ? "; then " : "", "watched for " +
			(p.watch_sec >= 3600 ? +(p.watch_sec / 3600).toFixed(1) + " h"
				: Math.ceil(p.watch_sec / 60) + " min"));
	if (p.manual)
		bits.push("; then a person decides");
	return bits;
}

const stopped = (r, p) => r.state === "paused" && p.n === r.phase;

function phases(r) {
	return section("phases", "Phases", h("ol", { class: "phases" },
		...(r.phases || []).map(p => h("li", {},
			h("h3", {}, "Phase " + p.n + ": " + phaseWords(p),
				h("span", { class: "soft" }, countOf(p.adds,
					devicesOf("members", "phase", p.n), "device",
					"devices"), p.n > 1 && [" more, ", count(p.size,
					devicesOf("members", "through", p.n)), " in all"]),
				h("span", { class: "tag " + (stopped(r, p) ? "bad"
					: p.state === "passed" ? "good"
					: p.state === "waiting for you" ? "ask"
						: p.state === "waiting" ? "" : "busy") },
				stopped(r, p) ? "paused" : phaseState[p.state] || p.state)),
			p.state === "waiting" ? null
				: phaseStrip("phase" + p.n, p.counts || {}, p.adds,
					"phase", p.n),
			h("p", { class: "help" }, ...phaseLine(p)),
			p.detects && p.state !== "passed" &&
				h("p", { class: "help" }, p.detects)))));
}

function reached(r) {
	const total = r.population || 0;
	return section("reached", "Where its devices are",
		phaseStrip("all", r.counts || {}, total),
		h("details", {}, h("summary", {}, "What these words mean"),
			facts(groups.map(g => [g.name, g.means]))));
}

// Rows of the same name as one, whatever else tells them apart.
function summed(rows, nameOf) {
	const sums = new Map();
	for (const row of rows || []) {
		const key = nameOf(row).join(" ");
		const sum = sums.get(key) || { ...row, n: 0 };
		sum.n += row.n;
		sums.set(key, sum);
	}
	return [...sums.values()].sort((a, b) => b.n - a.n);
}

function failures(r, bad) {
	const devices = f => [...r.attempts, ...bad].filter((a, i, all) =>
		a.code === f.code && a.state === f.state && a.phase === f.phase &&
		all.findIndex(b => b.device === a.device) === i).slice(0, 3);
	return section("failures", "What went wrong", table("Failures", [
		["Reason", f => f.code ? h("span", {}, h("code", {}, f.code), " ",
			codeWords(f.code)) : "dark: not heard of again"],
		["Says something about", f => failureClass(f.class)],
		["Phase", f => f.phase],
		["Devices", f => count(f.n, attemptsOf(f.state, "phase", f.phase,
			"code", said(f.code))), "right"],
		["For example", f => samples(devices(f).map(a => a.device))],
	], summed(r.failures, f => [f.state, f.phase, f.code]), "Nothing so far."));
}

const skipWords = { skipped: "skipped", withdrawn: "the offer was taken back",
	superseded: "another rollout took its place", expired: "it never came for it",
	retired: "it left the fleet" };

// Ended without saying anything of the release, by why; phases summed up.
function leftOut(r) {
	const rows = summed(r.skips, s => [s.state, s.code]);
	return rows.length === 0 ? null : section("skips", "Left out, and why",
		table("Left out, and why", [
			["What", s => skipWords[s.state] || s.state],
			["Why", s => s.code ? h("span", {}, h("code", {}, s.code), " ",
				codeWords(s.code)) : ""],
			["Devices", s => count(s.n, attemptsOf(s.state, "code",
				said(s.code))), "right"],
		], rows));
}

const shares = bp => (bp / 100).toFixed(2).replace(/\.?0+$/, "") + " %";
const samples = ids => ids.map(id => h("span", {}, link("/devices/" + id,
	h("span", { class: "id" }, id.slice(0, 8))), " "));
const ended = g => g.bad + g.confirmed;

// One way to tell devices apart. A group that stands apart has a sign and words.
function byKind(title, trait, list, named) {
	const of = (group, g) => attemptsOf(group, trait, said(g.name));
	return [h("h3", {}, title), table(title, [
		["Which", g => g.name === "*" ? "others, not told apart"
			: g.name === "" ? "not said" : named(g.name)],
		["Offered", g => count(g.offered, of("all", g)), "right"],
		["Failed", g => ended(g) === 0 ? "none has ended"
			: [count(g.bad, of("failed", g)), " of ",
				count(ended(g), of("ended", g))], "right"],
		["Rate", g => ended(g) === 0 ? "" : shares(g.lower) + " to " +
			shares(g.upper)],
		["Dark", g => count(g.dark, of("dark", g)), "right"],
		["Stands apart", g => g.apart ? h("strong", {}, "\u26a0 " + g.words)
			: ""],
		["For example", g => samples(g.samples)],
	], list)];
}

// On which devices it goes how. Told only once there is something to compare.
function kinds(r) {
	const told = [
		["By cohort", "cohort", n => link("/list/cohort/" + n, n)],
		["By hardware revision", "hardware", n => n],
		["By model", "model", n => n],
		["By what ran before", "from", n => link("/list/release/" +
			r.product + "/" + n, n)],
	].filter(([, key]) => r.groups && (r.groups[key].length > 1 ||
		r.groups[key].some(g => g.bad > 0 || g.dark > 0)));
	return told.length === 0 ? null : section("kinds", "On which devices",
		h("p", { class: "help" }, "Rates are of those that ended; the bounds " +
			"are those that gates use. What stands apart fails, or goes dark, " +
			"more often than chance explains."),
		...told.flatMap(([title, key, named]) =>
			byKind(title, key, r.groups[key], named)));
}

const bytes = n => n < 1e6 ? number(Math.round(n / 1e3)) + " kB"
	: n < 1e9 ? (n / 1e6).toFixed(1) + " MB" : (n / 1e9).toFixed(1) + " GB";

function flow(r) {
	const f = r.flow;
	return f && section("flow", "What flows", facts([
		["Offers", h("span", {}, count(f.offers, attemptsOf("all")),
			", of which ", count(f.begun, attemptsOf("begun")),
			" were begun")],
		["A whole package is", bytes(f.package_bytes)],
		["Sent of this release", h("span", {}, bytes(f.of_release.sent_bytes),
			f.of_release.since && h("span", {}, ", since ",
				when(f.of_release.since)))],
		["Told to come later", number(f.of_release.busy) +
			" requests (503) for its packages"],
		["By the whole server", h("span", {}, bytes(f.sent_bytes) +
			" to devices, and " + number(f.busy) +
			" requests (503) told so, since ", when(f.since))],
	]));
}

function wayBack(r, { back: b, request }) {
	return section("back", "The way back", facts([
		["How", b.words],
		["Run it", count(b.runs, "/list/release/" + r.product + "/" +
			r.release)],
		b.to && ["Have " + b.to + " in the other slot",
			count(b.holds, devicesOf("holds", b.to))],
		["Floor", b.floor === 0 ? "none was committed" : "seq " + b.floor +
			(b.floor_committed ? ": no older release goes in" : "")],
		b.undo && ["The undo ends", when(b.undo_until)],
		b.rollout && ["Its rollout", link("/rollouts/" + b.rollout, b.rollout)],
	]), h("p", { class: "help" }, "What is to be done next, by hand:"),
	h("ol", {}, ...b.next.map(s => h("li", {}, h("code", {}, s.step)))),
	request && h("details", {}, h("summary", {}, "What to ask the engineers for"),
		h("pre", {}, JSON.stringify(request, null, 2))));
}

// Darkness counts only as far as it is more than that of devices outside.
function darkness(r) {
	const c = (r.gate || {}).control;
	if (!c || !c.n)
		return null;
	return section("dark", "Silence", h("p", {},
		"Of devices that installed it, ", percent(c.dark, c.n), " are ",
		link(attemptsOf("dark"), "dark"), ". Of devices that it has ",
		link(devicesOf("not-reached"), "not reached"), ", in the same hours, ",
		percent(c.control_dark, c.control_n),
		": people switch devices off. Only what is more than that counts."));
}

// When the ladder would open each phase if nothing held it up, whatever became of
// it: how far behind it is can be seen then. Of one that has not begun, from now.
function planned(r, nowMs) {
	let at = r.started ? Date.parse(r.started) : nowMs;
	const points = [[at, 0]];
	for (const p of r.phases || []) {
		at = Math.max(at, p.not_before ? Date.parse(p.not_before) : at);
		points.push([at, p.size]);
		at += 1000 * (p.watch_sec || 0);
	}
	return points.length === 1 ? null : { name: "planned", points,
		words: "planned: " + points.slice(1).map(([when, n]) => number(n) +
			" from " + clock(new Date(when))).join(", ") };
}

function chart(r, history, releases, nowMs) {
	return section("adoption", "What " + r.product + " runs, over time",
		adoption(r.product, history.samples, releases.filter(x =>
			x.product === r.product), nowMs, planned(r, nowMs)));
}

function attempts(r) {
	return section("attempts", "Newest attempts", table("Newest attempts", [
		["Device", a => link("/devices/" + a.device,
			h("span", { class: "id" }, a.device))],
		["State", a => {
			const g = groupOf(a.state);
			return (g ? g.sign + " " : "") + a.state.replace("-", " ");
		}],
		["Reason", attemptReason],
		["Since", a => when(a.changed)],
	], (r.attempts || []).slice(0, 10), "Nothing was offered yet."));
}

const ACTS = 100; // the server's page
let before = null; // the number of the record that is next; null: the newest

function history(acts, people) {
	const go = to => () => {
		before = to;
		page.again();
	};
	return section("acts", "Who did what", table("Acts, newest first", [
		["When", a => when(a.time)],
		["Who", a => actorWords(a.actor, people)],
		["Did what", a => actWords(a.act, a.objects)],
	], acts, "Nothing yet."), h("p", { class: "buttons" },
		acts.length === ACTS && h("button", { type: "button",
			onclick: go(acts.at(-1).n) }, "Older acts"),
		before !== null && h("button", { type: "button",
			onclick: go(null) }, "Newest acts")));
}

const span = s => s >= 86400 ? +(s / 86400).toFixed(1) + " days"
	: s >= 3600 ? +(s / 3600).toFixed(1) + " h" : Math.round(s / 60) + " min";

function what(r) {
	return section("what", "What it is", facts([
		["Release", link("/list/release/" + r.product + "/" + r.release,
			r.product + " " + r.release)],
		["Cohorts", h("span", {}, ...r.cohorts.map((c, i) => [i ? ", " : "",
			link("/list/cohort/" + c, c)]))],
		r.where && ["Of them only", h("code", {}, r.where)],
		["Open to", h("span", {}, r.percent + " of ", countOf(r.population,
			devicesOf("members"), "device", "devices"))],
		r.author && ["Made by", r.author],
		["Created", when(r.created)],
		r.started && ["Started", when(r.started)],
		r.urgent && ["Urgent", "yes: it skips waiting, never signatures or gates"],
		r.step_back && ["Step back", "yes: for devices that run something newer"],
		r.order && r.order.words && ["Signed order", r.order.words],
		r.order && r.order.ends && ["The order ends", when(r.order.ends)],
		r.window && ["Window", r.window.words],
	]), r.policy && h("details", {}, h("summary", {}, "Policy"),
		facts(Object.entries(r.policy).map(([key, value]) => [
			key.replaceAll("_", " "), /_sec$/.test(key) ? span(value)
				: String(Array.isArray(value) ? value.join(", ") : value)]))));
}

page(async () => {
	const [r, { records }, { people }] = await Promise.all([
		ask("rollout/" + name), ask("audit-of/rollout/" + name +
			(before === null ? "" : "/before-" + before)), ask("names")]);
	const days = Math.min(400, 1 + Math.ceil((Date.now() -
		Date.parse(r.started || r.created)) / 86400e3));
	const bad = await Promise.all((r.failures || []).length === 0 ? []
		: ["failed", "dark"].map(group => ask("attempts/" + name + "/" + group)));
	const back = r.rolled_back ? await ask("rollback/" + name) : null;
	return { r, people, back, bad: bad.flatMap(b => b.attempts), acts: records.map(text => JSON.parse(text)),
		samples: await ask("history/" + r.product + "/" + days) };
}, ({ r, acts, people, samples, bad, back }, overview) => show(
	h("p", { class: "over" }, link("/", "Fleet"), " \u203a Rollouts"),
	h("h1", {}, "Rollout ", r.name, " ", h("span", { class: "soft" },
		r.product + " " + r.release)),
	headline(r, overview.you), back && wayBack(r, back),
	r.state === "paused" && failures(r, bad), // why comes first
	r.state === "paused" && kinds(r),
	r.phase_count > 1 && reached(r), r.phases && phases(r),
	r.state !== "paused" && failures(r, bad),
	r.state !== "paused" && kinds(r), leftOut(r), darkness(r),
	flow(r),
	chart(r, samples, overview.releases, Date.parse(overview.now)), what(r), attempts(r),
	history(acts, people)));
