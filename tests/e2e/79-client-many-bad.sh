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
# Bad ones, and those who sign say of each that it may be tried again.
signed_to_be_retried() { # id...
	for id; do
		"$signer" release retry "$WORK/repo" --product gateway \
			--id "$id" >/dev/null
	done
	resign
}
# Until nothing is tried any more: how often that may be.
until_the_end() { # device, times
	tried=0
	while :; do
		got=0
		on "$1" update --quiet --from "$WORK/publish" \
			2>"$WORK/said" || got=$?
		[ $got -eq 15 ] || break
		tried=$((tried + 1))
		[ $tried -le "$2" ] || die "they are tried in a circle"
	done
	[ $got -eq 10 ] || die "it ends with $got: $(cat "$WORK/said")"
	[ $tried -eq "$2" ] || die "$tried were tried, not $2"
}
make_repo
tree 1 true
make_release 1
make_device one
on one update --quiet --from "$WORK/publish"
make_device two
on two update --quiet --from "$WORK/publish"
for id in 2 3 4 5 6 7 8 9 10; do
	tree $id 'exit 9'
	make_release $id
done

# The newest first; the one that was forgotten for the ninth is tried once more.
until_the_end one 10
runs one 1
grep -q 'or one after it was rolled back' "$WORK/said" || die "it does not say why"

# One more that is bad is one more that is tried; then comes a good one.
tree 11 'exit 9'
make_release 11
want 15 on one update --quiet --from "$WORK/publish"
want 10 on one update --quiet --from "$WORK/publish"

# Of those that may be tried again two things are remembered, so that five are too
# many already. They, too, come to an end; of many, a number counts once.
signed_to_be_retried 2 3 4 5 6 7 8 9 10 11
until_the_end two 6
runs two 1
signed_to_be_retried 2 3 4 5 6 7 8 9 10 11
until_the_end two 1

tree 12 true
make_release 12
for device in one two; do
	on $device update --quiet --from "$WORK/publish"
	runs $device 12
done
