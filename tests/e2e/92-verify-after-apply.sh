#!/bin/sh
# What was written does not stay so: reading back finds it, nothing is activated,
# and the server hears what it is: a fault of the release, or of that kind of
# disk, and no wrong signature. Two of them stop the rollout.
. "$(dirname "$0")/client-lib.sh"

# As soon as the first file is there, another one changes it, who waits for it
# already.
change() { # device
	rm -f "$WORK/waits"
	python3 - "$WORK/$1/slots" "$WORK/waits" <<'PY' &
import glob, os, sys, time
open(sys.argv[2], "w").close()
end = time.time() + 200
while time.time() < end:
    for path in glob.glob(sys.argv[1] + "/*/tree/bin/health"):
        try:
            fd = os.open(path, os.O_WRONLY)
            if os.fstat(fd).st_size > 0:
                os.pwrite(fd, b"!", 0)
                sys.exit(0)
        except OSError:
            pass
PY
	changer=$!
	until [ -e "$WORK/waits" ]; do sleep 0.05; done
}

make_server
make_served_repo
make_tree 1
# What comes behind it takes a while.
mkdir "$WORK/trees/1/zz"
head -c 60000000 /dev/zero | tr '\0' 'z' >"$WORK/trees/1/zz/large"
serve_release 1 >/dev/null
operator cohort create fleet
use_people
for n in a b; do
	make_served_device "$n"
	on "$n" enroll --claim-file "$WORK/$n/claim"
done
open_to_all 1
for n in a b; do
	change "$n"
	got=0
	on "$n" update >"$WORK/said" 2>&1 || got=$?
	kill "$changer" 2>/dev/null || :
	wait "$changer" 2>/dev/null || :
	[ "$got" -eq 6 ] || die "$n: exit status $got: $(cat "$WORK/said")"
	[ ! -e "$WORK/$n/slots/current" ] || die "it was activated"
	on "$n" check >/dev/null 2>&1 || :
done
people rollout/r1 >"$WORK/said"
grep -q '"code":"VERIFY_FAILED"' "$WORK/said" || die "not said: $(cat "$WORK/said")"
grep -q '"class":"release"' "$WORK/said" || die "not of the release"
grep -q '"alert":""' "$WORK/said" || die "no signature is wrong"
for n in $(seq 600); do
	people rollout/r1 | grep -q '"pause":"gate"' && break
	sleep 0.1
done
people rollout/r1 | grep -q '"pause":"gate"' || die "it did not stop"
