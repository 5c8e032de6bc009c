# For the crash proofs: a repository with releases of a small tree, and devices.
# Source it; BIN and WORK are set.
. "$(dirname "$0")/../e2e/client-lib.sh"
crash=$BIN/tests/crash

# A tree with one of everything that matters; FILES more of a few blocks each
# give the disk more to write between two flushes.
make_small_tree() { # id
	at=$WORK/trees/$1
	mkdir -p "$at/bin" "$at/lib/deep"
	seq 1 3000 | sed "s/7/seven in $1/" >"$at/lib/changes"
	seq 1 5000 >"$at/lib/stays"
	echo "$1" >"$at/version"
	: >"$at/lib/empty"
	ln -s ../version "$at/lib/link"
	echo "only in $1" >"$at/lib/deep/only-$1"
	n=0
	while [ $n -lt "${FILES:-0}" ]; do
		n=$((n + 1))
		seq $n $((n + n % 7 * 900)) >"$at/lib/deep/$n"
	done
	cat >"$at/bin/health" <<'SH'
#!/bin/sh
read -r is <version && [ "$is" = "$PAWL_RELEASE" ] && [ ! -e bad ]
SH
	chmod 755 "$at/bin/health"
}

# $WORK/publish.1, .2 (a delta from 1, too) and .3 (from 2), which is not
# healthy; $WORK/trees/ID are what they hold.
make_releases() { # options
	make_repo
	for id in 1 2 3; do make_small_tree $id; done
	: >"$WORK/trees/3/bad"
	make_release 1 "$@"
	mv "$WORK/publish" "$WORK/publish.1"
	make_release 2 --from 1 "$@"
	mv "$WORK/publish" "$WORK/publish.2"
	make_release 3 --from 2 "$@"
	cp -a "$WORK/publish" "$WORK/publish.3"
}

# The same of three components: $WORK/both/ID and ID.parts, publish.c1 to .c3.
make_release_of_parts() { # id, options
	id=$1
	shift
	make_small_tree "$id"
	mkdir -p "$WORK/both"
	mv "$WORK/trees/$id" "$WORK/both/$id"
	mkdir -p "$WORK/both/$id.parts/modem" "$WORK/both/$id.parts/web"
	seq 1 4000 | sed "s/7/firmware $id/" \
		>"$WORK/both/$id.parts/modem/image"
	echo "pages of $id" >"$WORK/both/$id.parts/web/index"
	seq 1 900 >"$WORK/both/$id.parts/web/stays"
	"$signer" release create "$WORK/repo" --product gateway --id "$id" \
		--input "$WORK/both/$id" --health bin/health --quiet \
		--with-image "modem=$WORK/both/$id.parts/modem/image" \
		--with-tree "web=$WORK/both/$id.parts/web" "$@" >/dev/null
	resign
	cp -a "$WORK/publish" "$WORK/publish.$id"
}
make_releases_of_parts() {
	make_release_of_parts c1
	make_release_of_parts c2 --from c1
}
make_device_of_parts() { # name
	make_device "$1"
	cat >>"$WORK/$1/client.conf" <<INI
[slot modem]
kind = file
[slot web]
INI
}
releases_of_parts="--release c1=$WORK/both/c1 --release c2=$WORK/both/c2"

# The same with images: $WORK/images/1 to 3, publish.i1 to publish.i3.
make_image_releases() {
	from=
	mkdir -p "$WORK/images"
	for id in 1 2 3; do
		{
			seq 1 9000 | sed "s/7/seven in $id/"
			head -c 150000 /dev/zero
			seq 1 20000
			echo "the end of $id"
		} >"$WORK/images/$id"
		[ $id = 1 ] || from="--from i$((id - 1))"
		"$signer" release create "$WORK/repo" --product gateway \
			--id "i$id" --content image --quiet ${from:-} \
			--input "$WORK/images/$id" >/dev/null
		"$signer" sign "$WORK/repo" --key "$WORK/key" \
			--passphrase-fd 3 3<"$WORK/pass" >/dev/null
		"$signer" publish "$WORK/repo" "$WORK/publish.i$id" \
			--with-online >/dev/null
	done
}

# One more, i4, that is not compressed, so that it can be gone on with at any
# chunk; and what has a device take it as it comes.
make_stream_release() {
	head -c 700000 /dev/urandom >"$WORK/images/4"
	"$signer" release create "$WORK/repo" --product gateway --id i4 \
		--content image --codec none --quiet \
		--input "$WORK/images/4" >/dev/null
	"$signer" sign "$WORK/repo" --key "$WORK/key" \
		--passphrase-fd 3 3<"$WORK/pass" >/dev/null
	"$signer" publish "$WORK/repo" "$WORK/publish.i4" --with-online \
		>/dev/null
}
# The same of a tree, release 4, with files that are longer than two chunks.
make_stream_tree_release() {
	make_small_tree 4
	head -c "${NOISE:-200000}" /dev/urandom >"$WORK/trees/4/lib/deep/noise"
	head -c "${NOISE:-200000}" /dev/urandom >"$WORK/trees/4/noise"
	make_release 4 --codec none
	mv "$WORK/publish" "$WORK/publish.4"
}
# Releases 6 and 7, whose compressed members are taken apart and made again: in
# two records, between which there is a point; and files that are alike.
make_stream_members_releases() {
	noise() { # bytes of it
		head -c "$1" /dev/urandom | base64
	}
	noise 200000 >"$WORK/shared"
	for id in 6 7; do
		make_small_tree $id
		for bytes in 1300000 1200000 100000; do
			{
				cat "$WORK/shared"
				noise $bytes
			} | xz -1 -T1 >"$WORK/trees/$id/lib/$bytes.xz"
		done
		noise 200000 >"$WORK/trees/$id/lib/kin"
		sed "s/7A/$id/" "$WORK/trees/$id/lib/kin" >"$WORK/trees/$id/kin"
		from=
		[ $id = 6 ] || from="--from 6"
		# shellcheck disable=SC2086 # an option or nothing
		make_release $id $from
		cp -a "$WORK/publish" "$WORK/publish.$id"
	done
}
stream_settings='[fetch]
spool = never
window = 262144'

# A device whose loader is GRUB; it runs slot a, as the factory made it.
make_image_device() { # name
	make_device "$1"
	head -c 720000 /dev/zero | tr '\0' x >"$WORK/$1/slot-a"
	cp "$WORK/$1/slot-a" "$WORK/$1/slot-b"
	cat >>"$WORK/$1/client.conf" <<INI
[slot]
kind = image
a = $WORK/$1/slot-a
b = $WORK/$1/slot-b
[boot]
control = grub
environment = $WORK/$1/grubenv
cmdline = $WORK/$1/cmdline
number = $WORK/$1/number
INI
	boot_into "$1" a
}

boot_into() { # name, slot
	echo "pawl.slot=$2" >"$WORK/$1/cmdline"
	echo "boot-$2" >"$WORK/$1/number"
}

image_releases="--release i1=$WORK/images/1 --release i2=$WORK/images/2
	--release i3=$WORK/images/3 --release i4=$WORK/images/4"

# Each release's tree, as options.
releases="--release 1=$WORK/trees/1 --release 2=$WORK/trees/2 --release 3=$WORK/trees/3"
stream_releases="$releases --release 4=$WORK/trees/4"
stream_members_releases="--release 6=$WORK/trees/6 --release 7=$WORK/trees/7"
