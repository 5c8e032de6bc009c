#!/bin/sh
# More releases are bad than a device remembers: it comes to an end with them, and
# the next good one is installed all the same.
. "$(dirname "$0")/client-lib.sh"

tree() { # id, its health command's end
	mkdir -p "$WORK/trees/$1/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$WORK/trees/$1/bin/health"
	chmod 755 "$WORK/trees/$1/bin/health"
	echo "$1" >"$WORK/trees/$1/version"
}
make_repo
tree 1 true
make_release 1
make_device one
on one update --quiet --from "$WORK/publish"
for id in 2 3 4 5 6 7 8 9 10; do
	tree $id 'exit 9'
	make_release $id
done

# The newest first; the one that was forgotten for the ninth is tried once more.
tried=0
while :; do
	got=0
	on one update --quiet --from "$WORK/publish" 2>"$WORK/said" || got=$?
	[ $got -eq 15 ] || break
	tried=$((tried + 1))
	[ $tried -le 10 ] || die "they are tried in a circle"
done
[ $got -eq 10 ] || die "it ends with $got: $(cat "$WORK/said")"
[ $tried -eq 10 ] || die "$tried were tried"
runs one 1
grep -q 'or one after it was rolled back' "$WORK/said" || die "it does not say why"

# One more that is bad is one more that is tried; then comes a good one.
tree 11 'exit 9'
make_release 11
want 15 on one update --quiet --from "$WORK/publish"
want 10 on one update --quiet --from "$WORK/publish"
tree 12 true
make_release 12
on one update --quiet --from "$WORK/publish"
runs one 12
