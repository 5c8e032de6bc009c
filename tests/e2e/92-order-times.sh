#!/bin/sh
# What a signed order says of its times is what the server goes by: a phase opens
# not before the order does, and a rollout pauses when its order has ended, in
# words, until another one is signed.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"

at() { date -u -d "+$1 seconds" +%Y-%m-%dT%H:%M:%SZ; }
until_says() { # words
	tries=0
	until people rollout/r1 >"$WORK/said" && grep -q "$1" "$WORK/said"; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "not $1: $(cat "$WORK/said")"
		sleep 0.3
	done
}
opened() { # order options...
	order_for 1 open --wide --cohort canary --cohort fleet "$@" >/dev/null
	sign op1 op2
	bring
}

begun=$(date +%s)
make_server
make_ordered_repo
sign op1 op2
make_release 1
operator release import "$WORK/publish" >/dev/null
operator cohort create canary
operator cohort create fleet
make_member a fleet
use_people
# As much later as this machine took to come so far.
took=$(($(date +%s) - begun))
soon=$(at $((8 + took))) over=$(at $((14 + 2 * took)))
opened --not-before "$soon" --not-after "$over"
people rollouts '{"v":1,"name":"r1","release":"1","watch":[0],
	"cohorts":["canary","fleet"],"share":10000}' >/dev/null
people_begin r1 >/dev/null
until_says "phase 1 of 1: opens at $soon"
until_says "\"ends\":\"$over\""
refused 0 a "" update # offered nothing
[ ! -e "$WORK/a/slots/current" ] || die "installed too early"
until_says "open, evidence is gathered"
on a update
runs a 1
until_says '"pause":"order-ended"'
grep -q "PAUSED by the end of its order: the signed order has ended: sign a new" \
	"$WORK/said" || die "in words"
people_act resume r1 ',"reason":"too early"' >"$WORK/said" &&
	die "resumed without an order"
grep -q "its signed order has ended" "$WORK/said"
opened
people_act resume r1 ',"reason":"signed anew"' >"$WORK/said"
until_says '"state":"running"'

# ---- the last phase has passed ---------------------------------------------------

until_says '"waits_for":"person"'
people_act advance r1 >"$WORK/said"
until_says '"waits_for":"baseline"'
grep -q "waiting for you: two operators sign the baseline" "$WORK/said"
grep -q "rollout baseline gateway 1 --cohort canary --cohort fleet --key FILE" \
	"$WORK/said" || die "no command"
grep -q '"rollout baseline gateway 1 --cohort canary --cohort fleet --key FILE"' \
	"$WORK/said" || die "it is not what a person does next"
operator rollout list | grep -q "waiting for you: two operators" ||
	die "the list does not say it"
order_for 1 baseline --cohort canary --cohort fleet >/dev/null
sign op1 op2
bring
until_says "completed; devices that come late get it"
grep -q '"waits_for":""' "$WORK/said"
