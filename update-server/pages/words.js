// SPDX-License-Identifier: Apache-2.0
// What states are called, and what they mean, in words that people use.

import { h, when } from "./frame.js";

// How attempts end up, in the order of the strip. Each group has a sign, so that
// its colour is never all that tells.
export const groups = [
	{ id: "confirmed", name: "updated and confirmed", sign: "\u2713",
		states: ["confirmed"],
		means: "started the new release and said that it is well" },
	{ id: "awaiting", name: "waiting for its start", sign: "\u21bb",
		states: ["installed"],
		means: "installed; success counts only when it has started" },
	{ id: "flight", name: "on the way", sign: "\u2193",
		states: ["offered", "downloading", "verified", "deferred", "stalled"],
		means: "offered, downloading or checking" },
	{ id: "failed", name: "failed or went back", sign: "\u2717",
		states: ["failed", "rolled-back"],
		means: "did not verify, start or stay well; it runs what it ran before" },
	{ id: "dark", name: "gone dark", sign: "\u25cf", states: ["dark", "lost"],
		means: "installed it and was not heard of again" },
	{ id: "skipped", name: "left out", sign: "\u2013",
		states: ["skipped", "withdrawn", "superseded", "expired", "retired"],
		means: "has it already, is newer, or the offer was taken back" },
];

export const groupOf = state => groups.find(g => g.states.includes(state));

const states = {
	draft: "draft", "pending-approval": "waiting for approval",
	scheduled: "scheduled", running: "running", paused: "paused",
	completed: "completed", aborted: "aborted", superseded: "superseded",
};
export const rolloutState = state => states[state] || state;

// How a rollout is doing: the kind of its verdict.
export function rolloutKind(r) {
	if (r.state === "paused")
		return r.pause === "person" ? "ask" : "bad";
	if (r.state === "aborted")
		return "bad";
	if (r.alert)
		return "bad";
	if (r.waits_for || r.state === "pending-approval" || r.state === "draft")
		return "ask";
	return r.state === "completed" || r.state === "superseded" ? "good" : "busy";
}

const classes = {
	release: "the release itself: counts against it",
	environment: "the device's surroundings: network, disk, people",
	infrastructure: "our own servers or files",
	dark: "devices that installed it and fell silent",
	security: "a wrong signature or an old version: a person must look",
};
export const failureClass = name => classes[name] || name;

const codes = {
	BOOT_TIMEOUT: "did not start in time",
	HEALTH_FAILED: "its own health check failed",
	RUNS_OLDER: "came back with the old release",
	REPLACED: "a newer release came before it was started",
	VERIFY_FAILED: "what was installed is not what was signed",
	NETWORK: "the network failed",
	SPACE: "no room on the device",
	BUSY: "something else had the device",
	NOT_FOUND: "a file is missing on our side",
	EXPIRED: "what is signed has ended",
	UNTRUSTED: "a signature is wrong",
	ROLLBACK: "an older version was offered",
	REFUSED: "the device may not install it now",
	ALREADY: "it ran this release already",
	NEWER: "it runs something newer",
	NO_PAYLOAD: "no package that it can open",
	INCOMPATIBLE: "nothing that is signed leads it there from what it runs",
	PINNED: "it keeps to another release",
	BLOCKED: "it is blocked: nothing is given to it",
	HARDWARE: "for other revisions of the hardware",
	LEFT: "it is none of those any more that the rollout is for",
	RETIRED: "it left the fleet", // as servers of before wrote it
};
export const codeWords = code => codes[code] || "";

// Why an attempt is where it is, as far as its device has said.
export function attemptReason(a) {
	if (a.until)
		return h("span", {}, "until its window opens ", when(a.until));
	return a.code ? h("span", {}, h("code", {}, a.code), " ", codeWords(a.code))
		: "";
}

// What the server signs by itself, for a day at a time.
export const isOnline = what => what === "role timestamp" ||
	what === "role snapshot";

// "role targets" and so on: what ends, and what then.
export function endWords(what) {
	if (isOnline(what))
		return [what.replace("role ", "") + " metadata",
			"the server renews it by itself"];
	if (what === "server certificate")
		return ["server's TLS certificate", "pawl-server tls renew"];
	if (what === "log key")
		return ["audit log's key", "pawl-server audit rotate, then " +
			"pawl-signer log-key"];
	if (what === "device CA")
		return ["device CA", "devices cannot renew after that"];
	if (what === "former device CA")
		return ["former device CA", "devices still on it enrol anew; " +
			"pawl-server ca status, ca withdraw"];
	return [what.replace(/^role /, "") + " metadata",
		"release engineers sign it anew"];
}

const phaseStates = ["is about to open", "opened", "is good so far and watched",
	"waits for a person", "passed"];

// The acts of the audit log as sentences; o are its objects.
const acts = {
	init: () => "set the server up",
	"tls-renew": () => "renewed the server's TLS certificate",
	"tls-next-ca": () => "made another CA for the server",
	"tls-switch-ca": () => "put the server's next CA in place",
	"person-add": o => "let a person in, as " + o.roles.join(", "),
	"person-revoke": () => "revoked a person",
	"payload-upload": () => "uploaded a package",
	"metadata-upload": o => "uploaded " + o.file,
	"envelopes-upload": () => "uploaded sealed keys",
	import: o => "imported signed metadata: " + o.releases + " releases",
	publish: o => "published " + o.snapshot,
	"bundle-export": o => "exported a bundle, good for " + o.days + " days",
	"cohort-rule": o => o.narrows ? "narrowed rollouts of cohort " + o.cohort :
		"let rollouts of cohort " + o.cohort + " be for all of it",
	"cohort-remove": o => "removed cohort " + o.cohort,
	"cohort-create": o => "created cohort " + o.cohort,
	"token-create": o => "made " + o.count + " claim codes for " + o.product +
		" " + o.model + ", cohort " + o.cohort,
	"token-activate": o => "activated the claim codes of batch " + o.batch,
	"token-revoke": o => "revoked claim code " + o.token,
	"batch-revoke": o => "revoked " + o.count + " claim codes of batch " +
		o.batch,
	"device-approve": o => "approved a device: " + o.product + " " + o.model +
		", cohort " + o.cohort,
	"device-deny": () => "kept a device out",
	"device-enrol": o => "enrolled: " + o.product + " " + o.model +
		", cohort " + o.cohort,
	"device-renew": () => "renewed its certificate",
	"device-ask": () => "approved a device, as the first of two officers",
	"device-return": () => "came back after a restore, by its renewals",
	"server-backup": o => "copied the registry" +
		(o.copies > 1 ? ", " + o.copies + " times" : ""),
	"server-drain": () => "had the server end",
	"four-eyes-off": () => "started with one person for what takes two",
	"readopt-close": () => "ended the return of devices after a restore",
	"device-quarantine": () => "went to quarantine: two keys claimed to be it",
	"device-twin": () => "put a device into quarantine: it speaks from two boards",
	"device-release": () => "released a device from quarantine",
	"device-revoke": () => "revoked a device",
	"device-retire": () => "retired a device",
	"device-report": () => "brought what a device said of itself, on a medium",
	"device-forget": () => "had a device forgotten",
	"device-block": () => "blocked a device",
	"device-unblock": () => "unblocked a device",
	"ca-rotate": () => "made another CA for devices",
	"ca-withdraw": () => "withdrew a former CA of devices",
	"device-export": o => "exported the keys of " + o.devices + " devices",
	"rollout-create": o => "created rollout " + o.rollout + " of " + o.release,
	"rollout-submit": o => "submitted the draft of rollout " + o.rollout,
	"rollout-approve": o => "approved rollout " + o.rollout,
	"rollout-start": o => "started rollout " + o.rollout,
	"rollout-pause": o => "paused rollout " + o.rollout,
	"rollout-resume": o => "resumed rollout " + o.rollout,
	"rollout-phase": o => "rollout " + o.rollout + ": phase " + o.phase + " " +
		(phaseStates[o.state] || ""),
	"rollout-ask": o => "asked for a second person, rollout " + o.rollout,
	"rollout-advance": o => "opened the next phase of rollout " + o.rollout,
	"rollout-abort": o => "aborted rollout " + o.rollout,
	"payloads-ask": o => "asked for " + o.files + " payload files of no use to go",
	"payloads-remove": o => "removed " + o.files + " payload files of no use",
	"rollout-discard": o => "discarded rollout " + o.rollout + ", which never began",
	"rollout-supersede": o => "superseded rollout " + o.rollout,
	"device-pin": o => "pinned a device to " + o.release,
	"device-unpin": () => "unpinned a device",
	"device-clear": o => "forgave a device " + o.attempts + " attempts",
	"rollout-rollback": o => "asked to take the fleet back from rollout " + o.rollout,
	"rollout-ack": o => "looked at the alert of rollout " + o.rollout,
	"rollout-complete": o => "completed rollout " + o.rollout,
	"order-stage": o => "signed version " + o.version + " of role " + o.role,
	"order-discard": o => "discarded version " + o.version + " of role " + o.role,
	"server-restore": () => "came up from a restored backup",
	"log-replay": o => "took back " + o.count + " records after a restore",
};
export const actWords = (act, objects) => acts[act] ? acts[act](objects) : act;

export function actorWords(actor, people) {
	if (actor.kind === "person")
		return (people && people[actor.id]) || "person " +
			String(actor.id).slice(0, 8);
	if (actor.kind === "device")
		return "device " + String(actor.id).slice(0, 8);
	return actor.kind === "gate" ? "the gate" : "the server";
}
