#!/bin/sh
# Run every end-to-end test, tests/e2e/[0-9]*.sh, or those of the folders TESTS:
# each on the real programs in $BIN, in a fresh folder of its own, with a time
# limit. E2E=pattern picks some.
# E2E_JOBS run at the same time: they mostly wait, and none shares a folder or a clock
# with another. Those with a line "# Begun early: ..." come first, or all would wait
# for one of them in the end.
# Those with "# In memory: ..." have their folder there, where there is a gigabyte: to
# flush a disk thousands of times costs them more than all that they look at.
# Where there may be networks, each has one of its own that is nothing but its loopback,
# but those with "# In the common network: ...": a server that starts again has kept its
# ports, and in a common one somebody else may have got one of them meanwhile.
#
# A test exits 0 (passed), 77 (skipped: it said why) or otherwise (failed). What it
# cost is said in seconds: by the clock, and of a processor, its children's included
# but those that it left behind. The costliest stand at the end.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${BIN:?the folder of the programs}"
export BIN
# What tests/packages.txt installs comes before what else has its name here: another
# python3 lacks Debian's libraries, and one behind a version manager's script takes a
# tenth of a second to start, some seventy times in one test alone.
export PATH="/usr/bin:$PATH"
# Python leaves nothing beside the tests.
export PYTHONDONTWRITEBYTECODE=1

# ---- one test, in a process of its own: run.sh --one FILE RESULTS ------------

# One write, so that lines of tests that run at the same time never mix.
say() {
	printf '%s\n' "$1" >>"$results"
	if [ "$#" -gt 1 ]; then printf '%s\n%s\n' "$1" "$2"; else
		printf '%s\n' "$1"
	fi
}

# faketime names what it shares by its process number, and one that was killed
# leaves it behind: the next of that number would refuse to start.
sweep() {
	for left in /dev/shm/sem.faketime_sem_* /dev/shm/faketime_shm_*; do
		[ -d "/proc/${left##*_}" ] || rm -f "$left"
	done
}

# A folder for such tests; nothing where there is no room, or no program may run.
in_memory() {
	grep '^[^ ]* /dev/shm tmpfs rw' /proc/mounts | grep -qv noexec &&
		[ "$(df -k --output=avail /dev/shm | tail -n 1)" -gt 1000000 ] &&
		echo /dev/shm
}

begin() { # file of the test
	! grep -q '^# In the common network' "$1" || OWN_NETWORK=
	if [ -n "$OWN_NETWORK" ]; then
		exec unshare -n sh -c 'ip link set lo up && exec sh "$0"' "$1"
	fi
	exec sh "$1"
}

one() {
	sweep
	name=$(basename "$1" .sh)
	at=${TMPDIR:-/tmp}
	! grep -q '^# In memory' "$1" || at=$(in_memory || echo "$at")
	WORK=$(mktemp -d "$at/pawl-$name.XXXXXX")
	export WORK
	start=$(date +%s)
	case $1 in */crash/*) limit=1800 ;; *) limit=900 ;; esac
	timeout -k 10 "${E2E_SECONDS:-$limit}" sh "$0" --begin "$1" >"$WORK/.log" 2>&1
	status=$?
	# Its second line is of the children: minutes and seconds, user and system.
	times >"$WORK/.times"
	took="$(($(date +%s) - start)) s, $(tr 'ms' '  ' <"$WORK/.times" |
		awk 'NR == 2 { printf "%.1f", 60 * ($1 + $3) + $2 + $4 }') of CPU"
	case $status in
	0)
		if [ "${V:-}" = 1 ]; then
			say "ok $name ($took)" "$(sed 's/^/    /' "$WORK/.log")"
		else
			say "ok $name ($took)"
		fi
		rm -rf "$WORK"
		;;
	77)
		say "skipped $name: $(tail -n 1 "$WORK/.log")"
		rm -rf "$WORK"
		;;
	*)
		say "FAILED $name (status $status, $took); its folder: $WORK" \
			"$(tail -n 60 "$WORK/.log" | sed 's/^/    /')"
		;;
	esac
}

case ${1:-} in
--one)
	results=$3
	one "$2"
	exit 0
	;;
--begin) begin "$2" ;;
esac

# ---- all of them -------------------------------------------------------------

results=$(mktemp "${TMPDIR:-/tmp}/pawl-e2e.XXXXXX")
trap 'rm -f "$results"' EXIT
OWN_NETWORK=
[ "$(id -u)" -ne 0 ] || ! unshare -n ip link set lo up 2>/dev/null || OWN_NETWORK=yes
export OWN_NETWORK
jobs=${E2E_JOBS:-$(($(nproc) + 2))}
for folder in ${TESTS:-"$here"}; do
	for t in "$folder"/[0-9]*.sh; do
		case $(basename "$t" .sh) in
		*${E2E:-}*) grep -q '^# Begun early' "$t" && first=0 || first=1
			printf '%s %s\n' "$first" "$t" ;;
		esac
	done
done | sort -s -n -k 1,1 | cut -d ' ' -f 2- | xargs -P "$jobs" -I{} sh "$0" --one {} "$results"
count() {
	grep -c "^$1 " "$results"
}
passed=$(count ok) failed=$(count FAILED) skipped=$(count skipped)
[ "$passed" -lt 20 ] || {
	echo "the costliest, in seconds of CPU:"
	sed -n 's/^\(ok\|FAILED\) \([^ ]*\) (.* \([0-9.]*\) of CPU).*/\3 \2/p' \
		"$results" | sort -rn | sed -n 's/^/    /;1,10p'
}
grep '^FAILED' "$results"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
