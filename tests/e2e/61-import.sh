#!/bin/sh
# What an import refuses leaves the server as it was; and a bundle for a medium
# is something that a device installs from.
. "$(dirname "$0")/server-lib.sh"

make_server
want 14 "$server" init "$WORK/server"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/one"
start_server

# A root that does not let this server's key sign is refused, and binds nobody.
"$server" init "$WORK/other" --environment demo >/dev/null
make_repo "$WORK/foreign" "$WORK/other/online.pub"
make_release "$WORK/foreign" f1 "$WORK/foreign.out"
want 10 op release import "$WORK/foreign.out"
said "online.pub"
want 0 op server status
said "root *0"

# A folder without metadata, or none at all.
mkdir "$WORK/empty"
want 13 op release import "$WORK/empty"
want 13 op release import "$WORK/nothing"

# One changed byte in a payload, a cut payload, a missing one.
payload=$(cd "$WORK/one" && find targets -type f | head -n 1)
cp "$WORK/one/$payload" "$WORK/kept"
printf 'X' | dd of="$WORK/one/$payload" bs=1 seek=100 conv=notrunc 2>/dev/null
want 6 op release import "$WORK/one"
said "digest"
head -c 1000 "$WORK/kept" >"$WORK/one/$payload"
want 6 op release import "$WORK/one"
rm "$WORK/one/$payload"
want 13 op release import "$WORK/one"
cp "$WORK/kept" "$WORK/one/$payload"

# Changed metadata: the signature no longer fits.
cp "$WORK/one/metadata/1.targets.json" "$WORK/kept.json"
sed -i 's/"seq": *1/"seq":2/' "$WORK/one/metadata/1.targets.json"
cmp -s "$WORK/one/metadata/1.targets.json" "$WORK/kept.json" && die "same"
want 6 op release import "$WORK/one"
cp "$WORK/kept.json" "$WORK/one/metadata/1.targets.json"
want 0 op server status
said "targets *0"
want 0 op release list
[ "$(wc -l <"$WORK/said")" -eq 1 ] || die "something was imported"

# Now it is right, and it may come twice.
want 0 op release import "$WORK/one"
said "first import"
want 0 op release import "$WORK/one"
make_release "$WORK/repo" r2 "$WORK/two" --from r1
want 0 op release import "$WORK/two"

# An older publication, and another repository, are refused.
want 8 op release import "$WORK/one"
want 6 op release import "$WORK/foreign.out"
want 0 op server status
said "targets *2"

# A stranger's certificate is nobody.
cp -r "$WORK/server/admin" "$WORK/stranger"
cp "$WORK/other"/admin/admin.* "$WORK/stranger/"
sed -i "s|\.\./|$WORK/server/|" "$WORK/stranger/operator.conf"
want 10 "$server" server status --operator "$WORK/stranger/operator.conf"
# And our own server certificate is not another's CA's.
sed "s|^ca = .*|ca = $WORK/other/ca.pem|; s|\.\./|$WORK/server/|" \
	"$WORK/server/admin/operator.conf" >"$WORK/server/admin/wrong.conf"
want 6 "$server" server status --operator "$WORK/server/admin/wrong.conf"

# Metadata has an ETag and is not sent twice; nothing else is found there.
at=https://$(listener enrolment)
get() { # path, curl options...
	path=$1
	shift
	curl -s -o "$WORK/body" -w '%{http_code}' \
		--cacert "$WORK/server/ca.pem" "$@" "$at$path"
}
[ "$(get /metadata/timestamp.json -D "$WORK/head")" = 200 ] || die "no file"
etag=$(sed -n 's/^[Ee][Tt]ag: *\(".*"\).*/\1/p' "$WORK/head")
[ -n "$etag" ] || die "no ETag"
[ "$(get /metadata/timestamp.json -H "If-None-Match: $etag")" = 304 ] ||
	die "sent again"
for path in /metadata/9.root.json /metadata/ /metadata/../server.conf \
	/metadata/%2e%2e/server.conf /targets/x /v1/people/status; do
	code=$(get "$path" --path-as-is)
	[ "$code" -ge 400 ] || die "$path: $code"
done

# A bundle: marked, bounded by root, and installable by a device offline.
want 10 op bundle export "$WORK/bundle" --valid 91
want 0 op bundle export "$WORK/bundle" --valid 30
grep -q '"medium":true' "$WORK/bundle/metadata/timestamp.json" || die "no mark"
want 0 op bundle export "$WORK/bundle" --valid 10
make_device a default
want 0 device a update --from "$WORK/bundle"
device a status --json | grep -q '"r2"' || die "the newest was not installed"
# The network has moved past the bundle, so both live side by side.
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
want 0 device a check
echo "imports and bundles are what they should be"
