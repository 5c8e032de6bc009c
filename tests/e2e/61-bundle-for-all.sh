#!/bin/sh
# One bundle for devices of different pasts: it has each root since the first, the full
# package and a delta from two releases, and each device takes its own of it.
. "$(dirname "$0")/client-lib.sh"
make_server
make_served_repo
serve_release 1 >/dev/null
operator cohort create fleet >/dev/null
stick() { # name
	operator bundle export "$WORK/$1" --valid 3 >/dev/null
}
stick stick.1
# All three trust the first root, as their factory wrote it.
for name in old newer fresh; do
	make_served_device $name
	on $name enroll --claim-file "$WORK/$name/claim" >/dev/null
done
on old update --quiet --from "$WORK/stick.1"

# Root changes hands while they are away: first there are two keys, then one.
make_keys heir
"$signer" key import "$WORK/repo" --role root "$WORK/heir.pub" >/dev/null
"$signer" sign "$WORK/repo" --key "$WORK/heir" >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
serve_release 2 --from 1 >/dev/null
stick stick.2
on newer update --quiet --from "$WORK/stick.2"
"$signer" key remove "$WORK/repo" --role root key >/dev/null
"$signer" sign "$WORK/repo" --key "$WORK/heir" >/dev/null
resign
operator release import "$WORK/publish" >/dev/null
[ -e "$WORK/publish/metadata/3.root.json" ] || die "root was not rotated twice"
serve_release 3 --from 1 --from 2 >/dev/null

stick stick.3
for n in 1 2 3; do
	[ -e "$WORK/stick.3/metadata/$n.root.json" ] || die "root $n is not in it"
done
takes() { # device, kind, pattern of the package's name
	on "$1" update --json --from "$WORK/stick.3" >"$WORK/out" 2>"$WORK/said"
	grep -q "\"package\": *\"$2\"" "$WORK/out" || die "$1: $(cat "$WORK/out")"
	size=$(stat -c %s "$WORK"/stick.3/targets/gateway/3/*."$3".pawl)
	grep -q "package-fetched bytes=$size of=$size" "$WORK/said" ||
		die "$1 took another: $(cat "$WORK/said")"
	runs "$1" 3
	cmp "$WORK/$1/state/metadata/root.json" "$WORK/publish/metadata/3.root.json" ||
		die "$1 has not followed to the last root"
}
takes old delta main-from-1
takes newer delta main-from-2
takes fresh full main-full
