#!/bin/sh
# A release of several components: a tree that is started, a modem's firmware and
# pages that go along. They are installed, tried, kept and taken back together.
. "$(dirname "$0")/client-lib.sh"

make_repo

# What goes along with release ID; the pages stay the same until told.
pages=1
make_parts() { # id
	make_tree "$1"
	mkdir -p "$WORK/parts/$1/web"
	{
		seq 1 4000 | sed "s/7/firmware $1/"
		echo "firmware $1"
	} >"$WORK/parts/$1/modem"
	echo "pages $pages" >"$WORK/parts/$1/web/index.html"
	seq 1 3000 >"$WORK/parts/$1/web/style.css"
	# It is healthy only with its own firmware.
	cat >>"$WORK/trees/$1/bin/health" <<SH
tail -n 1 "\$PAWL_SLOT/../parts/modem/tree/image" | grep -qx "firmware $1"
SH
}
release() { # id, options
	id=$1
	[ -d "$WORK/parts/$id" ] || make_parts "$id"
	shift
	make_release "$id" --with-image "modem=$WORK/parts/$id/modem" \
		--with-tree "web=$WORK/parts/$id/web" "$@"
}
runs_all() { # device, id
	runs "$1" "$2"
	at=$WORK/$1/slots/current/../parts
	cmp "$at/modem/tree/image" "$WORK/parts/$2/modem" ||
		die "$1 has not the firmware of $2"
	diff -r "$at/web/tree" "$WORK/parts/$2/web" ||
		die "$1 has not the pages of $2"
}
make_parts_device() { # name
	make_device "$1"
	cat >>"$WORK/$1/client.conf" <<INI
[slot modem]
kind = file
[slot web]
INI
}

release 1
make_parts_device one
on one update --from "$WORK/publish"
runs_all one 1
says one state confirmed
on one status --json | grep -q '"component": *"web"' ||
	die "the status does not list the components"

# Deltas, each from its own base; what did not change costs next to nothing.
release 2 --from 1
for name in main modem web; do
	ls "$WORK"/publish/targets/gateway/2/*."$name"-from-1.pawl \
		>/dev/null || die "no delta of $name"
done
[ "$(wc -c <"$(echo "$WORK"/publish/targets/gateway/2/*.web-from-1.pawl)")" \
	-lt 600 ] || die "pages that did not change are sent again"
on one update --from "$WORK/publish" --json >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "no delta was taken"
runs_all one 2

# A person goes back: with all of it; and not to what is damaged.
on one rollback
runs_all one 1
on one update --retry --from "$WORK/publish"
runs_all one 2
old=$WORK/one/slots/$(readlink "$WORK/one/slots/current" | tr ab ba | cut -c 1)
printf 'X' | dd of="$old/parts/modem/tree/image" conv=notrunc 2>/dev/null
want 6 on one rollback 2>"$WORK/err"
grep -q 'modem' "$WORK/err" || die "which component is damaged, it does not say"
runs_all one 2

# One that does not fit takes the other with it: the firmware is of another.
make_parts 3
cp "$WORK/parts/2/modem" "$WORK/parts/3/modem"
release 3 --from 2
want 15 on one update --from "$WORK/publish"
runs_all one 2
says one reason health

# A damaged base of one of them: full packages are taken.
pages=2
make_parts 4
release 4 --from 2
printf 'X' | dd of="$WORK/one/slots/current/../parts/modem/tree/image" \
	conv=notrunc 2>/dev/null
on one update --from "$WORK/publish" --json >"$WORK/out" 2>"$WORK/err"
grep -q 'base-damaged' "$WORK/err" || die "nobody noticed the damaged base"
runs_all one 4

# Not a part of it: a device that has no slot for one of them, or one too many.
make_device two
want 10 on two update --from "$WORK/publish" 2>"$WORK/err"
grep -q 'components' "$WORK/err" || die "why it is refused, it does not say"
printf '[slot modem]\nkind = file\n[slot radio]\n' >>"$WORK/two/client.conf"
want 10 on two update --from "$WORK/publish" 2>"$WORK/err"
grep -q 'web' "$WORK/err" || die "which slot is missing, it does not say"
make_device three
cat >>"$WORK/three/client.conf" <<INI
[slot modem]
kind = file
[slot web]
[slot radio]
INI
want 10 on three update --from "$WORK/publish" 2>"$WORK/err"
grep -q 'radio' "$WORK/err" || die "which slot stays empty, it does not say"
[ ! -e "$WORK/three/slots/current" ] || die "something was installed"

# A component with two devices of its own: no room in one, and nothing changes.
make_device four
head -c 100 /dev/zero >"$WORK/four/modem-a"
head -c 100 /dev/zero >"$WORK/four/modem-b"
cat >>"$WORK/four/client.conf" <<INI
[slot web]
[slot modem]
kind = image
a = $WORK/four/modem-a
b = $WORK/four/modem-b
INI
want 11 on four update --from "$WORK/publish" 2>"$WORK/err"
[ ! -e "$WORK/four/slots/current" ] || die "a part was installed"
truncate -s 200000 "$WORK/four/modem-a" "$WORK/four/modem-b"
# The health command of the others looks for a file; the way back is signed
# with all components, too.
make_tree 5
cp -R "$WORK/parts/4" "$WORK/parts/5"
echo "firmware 5" >>"$WORK/parts/5/modem"
release 5 --with-undo
for name in main modem web; do
	ls "$WORK"/publish/targets/gateway/5.undo/*."$name"-full.pawl \
		>/dev/null || die "no undo of $name"
done
on four update --from "$WORK/publish"
runs four 5
cmp -n "$(wc -c <"$WORK/parts/5/modem")" "$WORK/parts/5/modem" \
	"$WORK/four/modem-a" || die "the firmware is not in its device"

# Bad input.
want 2 "$signer" release create "$WORK/repo" --product gateway --id 6 \
	--input "$WORK/trees/5" --with-image modem --quiet
want 2 "$signer" release create "$WORK/repo" --product gateway --id 6 \
	--input "$WORK/trees/5" --with-image "main=$WORK/parts/5/modem" --quiet
want 2 "$signer" release create "$WORK/repo" --product gateway --id 6 \
	--input "$WORK/trees/5" --with-image "../x=$WORK/parts/5/modem" --quiet
