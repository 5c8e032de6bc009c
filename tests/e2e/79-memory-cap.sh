#!/bin/sh
# Sixteen megabytes of heap and one of stack are enough for each process of the
# client, for a package with the largest window and many entries, full and delta.
. "$(dirname "$0")/client-lib.sh"
command -v prlimit >/dev/null || {
	echo "no prlimit"
	exit 77
}
capped() {
	prlimit --data=16777216 --stack=1048576 "$client" update --json \
		--from "$WORK/publish" --config "$WORK/one/client.conf"
}

make_repo
make_tree 1
# More than the window holds, and quickly packed.
head -c 900000 /dev/urandom >"$WORK/noise"
for _ in 1 2 3 4 5 6 7 8 9 10; do cat "$WORK/noise"; done >"$WORK/trees/1/noise"
mkdir "$WORK/trees/1/many"
(cd "$WORK/trees/1/many" && seq -f 'a-rather-long-name-of-a-file-of-nothing-%g' 4000 | xargs touch)
make_release 1
make_device one
capped >"$WORK/out"
grep -q '"package": *"full"' "$WORK/out" || die "$(cat "$WORK/out")"
runs one 1

cp -a "$WORK/trees/1" "$WORK/trees/2"
echo 2 >"$WORK/trees/2/version"
dd if=/dev/urandom of="$WORK/trees/2/noise" bs=100000 count=1 seek=7 \
	conv=notrunc 2>/dev/null
make_release 2 --from 1
capped >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "$(cat "$WORK/out")"
runs one 2

# That a cap holds is seen where it is too low for the window.
make_device two
got=0
prlimit --data=6291456 "$client" update --quiet --from "$WORK/publish" \
	--config "$WORK/two/client.conf" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "nothing was capped"
[ ! -e "$WORK/two/slots/current" ] || die "something was activated"
