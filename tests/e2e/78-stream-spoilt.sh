#!/bin/sh
# A package that is written as it comes, and of which a byte is another one than
# was signed: changed on the wire, the connection ends there, and the same run
# goes on over the next one; changed on the server's disk, where the wire cannot
# tell, the run ends at that chunk. What was changed gets into no slot and no
# window, and what came before it is not fetched again.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"

# Nothing packs it, so what is in the package would be in the slot as it is.
offer_plain() { # id
	make_tree "$1"
	head -c 1200000 /dev/urandom >"$WORK/trees/$1/noise"
	serve_release "$1" --codec none
}
# All that is in the slot is the release's, as far as it goes.
holds_only() { # slot, id
	(cd "$WORK/one/slots/$1/tree" && find . -type f) >"$WORK/files"
	grep -q noise "$WORK/files" || die "nothing was written"
	while read -r file; do
		cmp -n "$(stat -c %s "$WORK/one/slots/$1/tree/$file")" \
			"$WORK/one/slots/$1/tree/$file" \
			"$WORK/trees/$2/$file" || die "$file is not $2's"
	done <"$WORK/files"
}

make_server
make_served_repo
offer_plain 1
operator cohort create fleet
make_served_device one
on one enroll --claim-file "$WORK/one/claim"
printf '[fetch]\nspool = never\nwindow = 524288\n' >>"$WORK/one/client.conf"
roll_out 1
start_wire

# ---- on the wire -----------------------------------------------------------------
order slow=4000000 spoil=900000
on one update --json >"$WORK/out"
runs one 1
size=$(package_size "$WORK/out")
spoilt=$(stat -c %s "$WORK/count.spoilt")
[ "$spoilt" -eq $((size / 900000)) ] || die "$spoilt bytes were changed"
came_once "$(carried)" "$size" "$spoilt"

# ---- on the server's disk ----------------------------------------------------------
order
offer_plain 2
roll_out 2
package=$(find "$WORK/publish/targets/gateway/2" -name '*.main-full.pawl')
payload=$(find "$WORK/server/blobs" -name "$(basename "$package" .main-full.pawl)")
[ -f "$payload" ] || die "where is the package? $payload"
cp "$payload" "$WORK/good"
chmod u+w "$payload"
printf 'never-signed-this' | dd of="$payload" bs=1 seek=1200000 conv=notrunc \
	status=none
want 6 on one update --quiet 2>"$WORK/said"
grep -q 'chunk [0-9]* of the package is damaged' "$WORK/said" ||
	die "why? $(cat "$WORK/said")"
runs one 1
[ ! -e "$WORK/one/slots/b/release.json" ] || die "a half is called whole"
! grep -rqa 'never-signed-this' "$WORK/one" || die "it was written"
holds_only b 2

# Mended, the next run goes on from where it was.
cat "$WORK/good" >"$payload"
before=$(carried)
on one update --quiet
runs one 2
again=$(($(carried) - before))
echo "fetched $again bytes of $size after the damage at 1200000"
[ "$again" -lt $((size - 1200000 + 65536 + 30000)) ] || die "what was good was fetched again"
