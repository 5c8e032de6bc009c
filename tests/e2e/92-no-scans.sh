#!/bin/sh
# No page and no check-in walks through the fleet: every statement of the store is
# explained by the database itself, and whichever would scan devices, attempts or
# the audit log is one that no page, command's answer or device waits for.
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
make_server
mkdir "$WORK/preprocessed"
for f in "$here"/../../update-server/store_*.c; do
	${CC:-cc} -E -P -std=c11 -D_GNU_SOURCE -I "$here/../.." "$f" \
		>"$WORK/preprocessed/$(basename "$f")" 2>"$WORK/said" ||
		die "$(cat "$WORK/said")"
done
python3 "$here/no_scans.py" "$WORK/server/store.sqlite" \
	"$WORK"/preprocessed/*.c || die "see above"
