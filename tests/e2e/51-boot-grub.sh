#!/bin/sh
# A device that GRUB starts: its environment block, as grub-editenv sees it.
command -v grub-editenv >/dev/null || {
	echo "no grub-editenv"
	exit 77
}
. "$(dirname "$0")/boot-lib.sh"

# What a boot with it does: tests/boot/10-grub.
grub-script-check "$(dirname "$0")/../../packaging/grub/grub.cfg"

block=$WORK/grubenv
grub-editenv "$block" create
grub-editenv "$block" set saved_entry=linux "words=two words" 'odd=a\b'
env_get() {
	grub-editenv "$block" list | sed -n "s/^$1=//p"
}
env_set() {
	grub-editenv "$block" set "$@"
}
cat >"$WORK/control" <<INI
control = grub
environment = $block
INI

live_shortly
grub-editenv "$block" list | grep -qx 'words=two words' || die "words are lost"
grub-editenv "$block" list | grep -qxF 'odd=a\b' || die "odd is lost"
[ "$(wc -c <"$block")" -eq 1024 ] || die "not a block"

# A damaged block is made anew; GRUB would have taken it for an empty one.
head -c 1024 /dev/urandom >"$block"
on one status >/dev/null
make_release 5 --from 1
on one update --from "$WORK/publish"
told pawl_slot a
boot one
on one update --from "$WORK/publish"
says one state confirmed

clean_stop_gives_the_start_back
who_cannot_be_told_fetches_nothing "$block"
slot=$(env_get pawl_slot)

# One that is full of others' variables refuses before anything is fetched.
{
	printf '# GRUB Environment Block\nfull='
	head -c 960 /dev/zero | tr '\0' x
	echo
	head -c 1024 /dev/zero | tr '\0' '#'
} | head -c 1024 >"$block"
cp "$block" "$WORK/before"
make_release 6 --from 1
want 11 on one update --from "$WORK/publish"
cmp "$block" "$WORK/before" || die "a full block was changed"
says one slot "$slot"
