# The releases that the fleet of fill_fleet.py runs, with the numbers that it
# says; what is made after them is newer than what any of it runs. Source it
# after server-lib.sh and call it before the first make_release.
older_releases() { # repository
	for n in 1 2 3 4 5 6 7; do
		make_tree "2026.$n"
		"$signer" release create "$1" --product kiosk --id "2026.$n" \
			--input "$WORK/trees/2026.$n" --health bin/health \
			--deadline 20 >/dev/null 2>&1 || return 1
	done
}
