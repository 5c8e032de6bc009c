#!/bin/sh
# The threat model, and the lists of attacks and faults, name a test for each thing that an attacker cannot do, as
# `tests/FILE: name`. Each file must be there and hold the name; a unit test's
# twice, for one that is not in its list does not run.
set -eu
bad=0
for doc in docs/threat-model.md docs/attack-tests.md docs/device-tests.md \
	docs/fleet-tests.md; do
	grep -o '`tests/[^`]*`' "$doc" | tr -d '`' | sort -u >"${TMPDIR:-/tmp}/named.$$"
	[ -s "${TMPDIR:-/tmp}/named.$$" ] || {
		echo "$doc: names no tests" >&2
		bad=1
	}
	while IFS= read -r named; do
		file=${named%%: *} name=
		[ "$file" = "$named" ] || name=${named#*: }
		if [ ! -e "$file" ]; then
			echo "$doc: no file $file" >&2
			bad=1
		elif [ -n "$name" ] && case $file in
		*.c) [ "$(grep -ow -e "$name" "$file" | wc -l)" -lt 2 ] ;;
		*) ! grep -qF -e "$name" "$file" ;;
		esac then
			echo "$doc: $file has no \"$name\"" >&2
			bad=1
		fi
	done <"${TMPDIR:-/tmp}/named.$$"
	rm -f "${TMPDIR:-/tmp}/named.$$"
done
# What an attacker cannot do is said with its test, always.
awk '/^## /{ table = 0 } /^\| .*cannot/{ table = 1; next }
	table && /^\| / && !/`tests\// && !/^\|---/ {
		print "docs/threat-model.md: without a test: " $0; bad = 1 }
	END { exit bad }' docs/threat-model.md >&2 || bad=1
# Each attack of attacks.txt has a row, and each row the ids of such, and a test.
awk -v doc=docs/attack-tests.md '
	FNR == NR { if (!/^#/) for (i = 1; i <= NF; i++) wanted[$i] = 1; next }
	!/^\| / || /^\| id \|/ { next }
	{
		split($0, cell, "|")
		n = split(cell[2], id, " ")
		for (i = 1; i <= n; i++) {
			if (!(id[i] in wanted)) { wrong("no such attack: " id[i]) }
			else if (/`tests\//) { found[id[i]] = 1 }
		}
		if (n == 0) { wrong("a row without an id: " $0) }
		if (!/`tests\// && !/see below/) { wrong("without a test: " $0) }
	}
	function wrong(what) { print doc ": " what; bad = 1 }
	END {
		for (i in wanted) if (!(i in found)) { wrong("no test of " i) }
		exit bad
	}' tests/check/attacks.txt docs/attack-tests.md >&2 || bad=1
exit $bad
