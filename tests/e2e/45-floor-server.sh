#!/bin/sh
# The floor moved back: what an engineer signed from an old copy of the repository,
# where the floor is lower or was not there yet, no server takes, though it is newer.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
for id in 1 2 3 4 5 6; do
	mkdir -p "$WORK/trees/$id/bin"
	printf '#!/bin/sh\nexit 0\n' >"$WORK/trees/$id/bin/health"
	chmod 755 "$WORK/trees/$id/bin/health"
	echo "$id" >"$WORK/trees/$id/version"
done
floor() { # release
	"$signer" floor "$WORK/repo" --product gateway --release "$1" >/dev/null
	resign
	operator release import "$WORK/publish" >/dev/null
}
refused() { # words
	got=0
	operator release import "$WORK/publish" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 8 ] && grep -q "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "$got, wanted a refusal: $1"
	}
}
copy_of() { # when: this copy is what somebody works on now
	mv "$WORK/repo" "$WORK/newest"
	cp -a "$WORK/repo.$1" "$WORK/repo"
	for id in 4 5 6; do
		make_release "$id"
	done
}
newest_again() {
	rm -rf "$WORK/repo"
	mv "$WORK/newest" "$WORK/repo"
}

serve_release 1 >/dev/null
serve_release 2 >/dev/null
cp -a "$WORK/repo" "$WORK/repo.without"
floor 1
cp -a "$WORK/repo" "$WORK/repo.lower"
floor 2
copy_of without
refused "the floor of gateway is seq 2 here, and would be 0"
newest_again
copy_of lower
refused "the floor of gateway is seq 2 here, and would be 1"
newest_again
operator release list --json | grep -q "\"id\": \"4\"" && die "it was taken" || :

# So it is after a restart, and what is newer goes on.
stop_server
start_server
refused "devices keep the higher one"
serve_release 3 >/dev/null
operator release list --json >"$WORK/said"
grep -q "\"id\": \"3\"" "$WORK/said" || die "it does not go on"
echo "the floor holds"
