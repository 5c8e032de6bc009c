#!/bin/sh
# Another TUF client reads what signer and server made: tuf-js refreshes and
# downloads, first as it is, then through root rotations and a delegated role.
# In the common network: npm fetches what is not here yet.
here=$(cd "$(dirname "$0")" && pwd)
modules=$here/../../build/npm
sh "$here/../check/npm.sh" "$modules" || exit $?
. "$here/server-lib.sh"
bare=$BIN/tests/tools/bare-key
[ -x "$bare" ] || die "$bare is not built"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/one"
start_server
want 0 op release import "$WORK/one"
admin=$WORK/server/admin
"$bare" "$admin/admin.key" "$(cat "$admin/admin.secret")" >"$WORK/admin.pem"

# As the client whose folder this is: its name, then targets.
tuf_js() {
	folder=$WORK/js/$1
	shift
	mkdir -p "$folder/targets"
	[ -e "$folder/metadata" ] || {
		mkdir "$folder/metadata"
		cp "$WORK/one/metadata/1.root.json" "$folder/metadata/root.json"
	}
	NODE_EXTRA_CA_CERTS=$WORK/server/ca.pem node "$here/tuf_js.js" \
		"$modules" "$folder/metadata" "$folder/targets" \
		"https://$(listener people)/metadata" \
		"https://$(listener people)/targets" \
		"$admin/admin.pem" "$WORK/admin.pem" "$@"
}
same() { # client, published folder, target
	file=$WORK/js/$1/targets/$(echo "$3" | tr / _)
	digest=$(sha256sum "$file" | cut -d ' ' -f 1)
	cmp "$file" "$WORK/$2/targets/${3%/*}/$digest.${3##*/}"
}

want 0 tuf_js old kiosk/r1/main-full.pawl
said "root 1"
same old one kiosk/r1/main-full.pawl
want 1 tuf_js old kiosk/r9/main-full.pawl
said "not found"

# The product gets a role of its own, root's key changes twice, and a release
# with a delta comes by that role.
quietly() {
	"$@" >/dev/null 2>&1 || die "failed: $*"
}
for key in root2 root3 product; do
	make_key "$WORK/repo.$key"
done
"$signer" role add "$WORK/repo" product-kiosk \
	--key "$WORK/repo.product.pub" >/dev/null
quietly "$signer" sign "$WORK/repo" --key "$WORK/repo.targets"
quietly "$signer" sign "$WORK/repo" --key "$WORK/repo.product"
last=root
for key in root2 root3; do
	"$signer" key import "$WORK/repo" --role root "$WORK/repo.$key.pub" \
		>/dev/null
	"$signer" key remove "$WORK/repo" --role root "$WORK/repo.$last.pub" \
		>/dev/null
	quietly "$signer" sign "$WORK/repo" --key "$WORK/repo.$last"
	quietly "$signer" sign "$WORK/repo" --key "$WORK/repo.$key"
	rm -rf "$WORK/two"
	"$signer" publish "$WORK/repo" "$WORK/two" >/dev/null
	last=$key
done
make_tree r2
"$signer" release create "$WORK/repo" --product kiosk --id r2 --from r1 \
	--input "$WORK/trees/r2" --health bin/health >/dev/null 2>&1
quietly "$signer" sign "$WORK/repo" --key "$WORK/repo.product"
rm -rf "$WORK/two"
"$signer" publish "$WORK/repo" "$WORK/two" >/dev/null
want 0 op release import "$WORK/two"
said "product-kiosk"
for client in old new; do
	want 0 tuf_js $client kiosk/r1/main-full.pawl \
		kiosk/r2/main-full.pawl kiosk/r2/main-from-r1.pawl
	said "root 3"
	for target in r1/main-full r2/main-full r2/main-from-r1; do
		same $client two kiosk/$target.pawl
	done
	[ -e "$WORK/js/$client/metadata/product-kiosk.json" ] ||
		die "not by the role"
done

# It is a judge and no yes-man: what does not fit its digest, it refuses.
payload=$(cd "$WORK/two/targets/kiosk/r2" && echo *.main-full.pawl)
digest=${payload%%.*}
blob=$(find "$WORK/server" -type f -name "*$digest*" | head -n 1)
[ -n "$blob" ] || die "no blob $digest"
chmod u+w "$blob"
printf X | dd of="$blob" bs=1 seek=100 conv=notrunc 2>/dev/null
rm -rf "$WORK/js/new/targets"
want 1 tuf_js new kiosk/r2/main-full.pawl
echo "tuf-js reads what we write"
