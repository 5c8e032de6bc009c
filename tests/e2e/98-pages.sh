#!/bin/sh
# The operators' pages in a real browser, on a fleet of real devices: what an
# operator sees when a release goes wrong at night, each act clicked, and what
# devices say shown as text whatever it is. pages.py drives chromium.
# Begun early: it waits for a browser.
. "$(dirname "$0")/server-lib.sh"
here=$(dirname "$0")

command -v chromedriver >/dev/null && command -v chromium >/dev/null || {
	echo "no chromium and chromedriver here: make deps GROUP=long"
	exit 77
}

door_pids=
close_doors() {
	for pid in $door_pids; do kill "$pid" 2>/dev/null || :; done
	stop_server
}
trap close_doors EXIT

# name of the file, operator.conf
open_door() {
	python3 "$here/at_terminal.py" "$WORK/$1.shown" yes -- "$server" ui \
		--json --operator "$2" >"$WORK/$1.json" 2>"$WORK/$1.log" &
	door_pids="$door_pids $!"
	tries=0
	until grep -qs '#key=' "$WORK/$1.json"; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || die "no door: $(cat "$WORK/$1.log")"
		sleep 0.1
	done
}

make_server
start_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
for n in a b c; do
	make_device "$n" fleet
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
done
want 0 op rollout create first --release r1 --cohort fleet --watch 0
want 0 begin first
for n in a b c; do
	want 0 device "$n" update
	want 0 device "$n" check
done

# A release whose devices say what no page may take for markup.
make_tree r2
touch "$WORK/trees/r2/broken"
cat >"$WORK/trees/r2/bin/health" <<'SH'
#!/bin/sh
echo '<img src=x onerror="window.evil = 1"><script>window.evil = 2</script>'
echo '</pre></details><svg onload="window.evil = 3">&lt;b&gt; "quoted"'
exit 1
SH
make_release "$WORK/repo" r2 "$WORK/publish" --from r1
want 0 op release import "$WORK/publish"
want 0 op rollout create second --release r2 --cohort fleet
want 0 begin second
for n in a b; do
	want 15 device "$n" update
	want 0 device "$n" check
done
make_release "$WORK/repo" r3 "$WORK/publish" --from r1
want 0 op release import "$WORK/publish"
want 0 op rollout create third --release r3 --cohort fleet
# Who starts looks at the fleet at once: the score is of these devices.
stop_server
start_server
for who in eve:auditor bob:operator; do
	want 0 "$server" person create "$WORK/${who%:*}" --name "${who%:*}" \
		--environment demo --ca "$WORK/server/ca.pem" \
		--url "https://$(listener people)"
	want 0 "$server" person add "$WORK/server" \
		"$WORK/${who%:*}/person.pem" --role "${who#*:}"
done

"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/admin.key"
open_door admin "$WORK/server/admin/operator.conf"
open_door eve "$WORK/eve/operator.conf"
python3 "$here/pages.py" "$WORK" "$server" "$server_pid"
