#!/bin/sh
# Run every end-to-end test: tests/e2e/[0-9]*.sh, each on the real programs in
# $BIN, in a fresh folder of its own, with a time limit. E2E=pattern picks some.
#
# A test exits 0 (passed), 77 (skipped: it said why) or otherwise (failed).
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${BIN:?the folder of the programs}"
export BIN
# Python leaves nothing beside the tests.
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0 skipped=0
for t in "$here"/[0-9]*.sh; do
	name=$(basename "$t" .sh)
	case $name in
	*${E2E:-}*) ;;
	*) continue ;;
	esac
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/pawl-$name.XXXXXX")
	export WORK
	start=$(date +%s)
	timeout -k 10 "${E2E_SECONDS:-300}" sh "$t" >"$WORK/.log" 2>&1
	status=$?
	took=$(($(date +%s) - start))
	case $status in
	0)
		passed=$((passed + 1))
		echo "ok $name (${took} s)"
		[ "${V:-}" = 1 ] && sed 's/^/    /' "$WORK/.log"
		rm -rf "$WORK"
		;;
	77)
		skipped=$((skipped + 1))
		echo "skipped $name: $(tail -n 1 "$WORK/.log")"
		rm -rf "$WORK"
		;;
	*)
		failed=$((failed + 1))
		echo "FAILED $name (status $status, ${took} s); its folder: $WORK"
		tail -n 60 "$WORK/.log" | sed 's/^/    /'
		;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
