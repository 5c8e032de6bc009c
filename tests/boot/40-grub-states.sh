#!/bin/sh
# Every state that a power cut can leave GRUB's environment block in, at each write of
# a release's life, whatever else is in the block: GRUB itself (grub-emu, the same
# code as a program of this machine) runs our configuration on each of them, and
# starts the slot that was to start before the write or after it.
. "$(dirname "$0")/guest.sh"
. "$(dirname "$0")/../e2e/boot-lib.sh"
need grub-editenv mke2fs debugfs
emu=$(part grub-emu "$(dpkg --print-architecture)") || { echo "$emu" && exit 77; }
emu() {
	LD_LIBRARY_PATH=$(echo "$emu"/root/usr/lib/*-linux-gnu) TERM=dumb \
		timeout 300 "$emu/root/usr/bin/grub-emu" "$@" </dev/null 2>&1
}
emu --version | grep -q GRUB || skip "grub-emu does not run here"

# A disk that is all GRUB's; the client's block is the same bytes in a file.
make_grub_disk() {
	mkdir -p "$WORK/loader/grub"
	# There is no machine to start again, nor a kernel to start.
	sed 's/^sleep .*/exit/' "$top/packaging/grub/grub.cfg" \
		>"$WORK/loader/grub/grub.cfg"
	cp "$WORK/grubenv" "$WORK/loader/grub/grubenv"
	truncate -s 1M "$WORK/disk"
	mke2fs -q -F -b 1024 -O ^has_journal -d "$WORK/loader" "$WORK/disk"
	echo "(hd0) $WORK/disk" >"$WORK/device.map"
	at=$(debugfs -R 'blocks /grub/grubenv' "$WORK/disk" 2>/dev/null |
		tr -d ' ')
}

# One start by GRUB: which slot; the block is what GRUB made of it.
grub() {
	dd if="$WORK/grubenv" of="$WORK/disk" bs=1024 seek="$at" conv=notrunc \
		status=none
	emu -m "$WORK/device.map" -r hd0 -d /grub >"$WORK/said" || :
	starts=$(sed -n 's/.*pawl: slot \(.\), trial.*/\1/p' "$WORK/said")
	[ -n "$starts" ] || die "GRUB ended: $(tail -n 5 "$WORK/said")"
	dd if="$WORK/disk" of="$WORK/grubenv" bs=1024 skip="$at" count=1 \
		status=none
}
record() {
	for name in slot back left failed; do
		grub-editenv "$WORK/grubenv" list | sed -n "s/^pawl_$name=//p" |
			grep . || echo
	done | paste -sd/
}
others() {
	grub-editenv "$WORK/grubenv" list | grep -v '^pawl_' || :
}
starts_of() { # block
	cp "$1" "$WORK/grubenv"
	grub
	echo "$starts"
}

checked=0 bad=0
check() { # what is written
	cp "$WORK/before" "$WORK/grubenv"
	before=$(record) kept=$(others)
	cp "$WORK/after" "$WORK/grubenv"
	after=$(record)
	wanted="$(starts_of "$WORK/before") $(starts_of "$WORK/after")"
	rm -rf "$WORK/states"
	mkdir "$WORK/states"
	python3 "$here/torn.py" "$WORK/before" "$WORK/after" "$WORK/states" \
		>"$WORK/list"
	while read -r number state; do
		cp "$WORK/states/$number" "$WORK/grubenv"
		read=$(record)
		ok=yes
		[ "$read" = "$before" ] || [ "$read" = "$after" ] || ok=
		[ "$(others)" = "$kept" ] || ok=
		grub
		case $wanted in
		*$starts*) ;;
		*) ok= ;;
		esac
		checked=$((checked + 1))
		[ -n "$ok" ] || {
			bad=$((bad + 1))
			echo "$1 ($before to $after), $state: $read; it starts" \
				"$starts, not one of $wanted"
		}
	done <"$WORK/list"
	cp "$WORK/after" "$WORK/grubenv"
}
writes() { # what it is, command...
	what=$1
	shift
	cp "$WORK/grubenv" "$WORK/before"
	"$@"
	cp "$WORK/grubenv" "$WORK/after"
	check "$what"
}

# The client is the real one; what it is switched to is healthy.
cat >"$WORK/control" <<INI
control = grub
environment = $WORK/grubenv
INI
client() { # command...
	on one "$@" --quiet --from "$WORK/publish" >"$WORK/client" 2>&1 ||
		[ $? -eq 15 ] || die "$(cat "$WORK/client")"
}
make_repo 2>/dev/null
make_release 1 2>/dev/null

# Bytes of others in the block, so that ours come to lie before, at and behind the
# border between its two sectors.
for others in 0 380 415 432 440 448 470 484 485 486 487 488 600 900; do
	rm -f "$WORK/grubenv"
	grub-editenv "$WORK/grubenv" create
	[ $others -eq 0 ] || grub-editenv "$WORK/grubenv" set \
		"other=$(head -c $others /dev/zero | tr '\0' x)"
	make_grub_disk
	rm -rf "$WORK/one"
	make_boot_device one
	restart_into one a
	# The first write drops the comments of grub-editenv: by a rename.
	client update
	[ "$(record)" = b/a/3/ ] || die "the client wrote $(record)"
	for left in 2 1 0; do
		writes "GRUB counts to $left" grub
		[ "$(record)" = "b/a/$left/" ] || die "it counted $(record)"
	done
	writes "GRUB goes back" grub
	[ "$(record)" = a///b ] || die "it went back to $(record)"
	restart_into one a
	client update
	writes "the client switches again" client update --retry
	[ "$(record)" = b/a/3/ ] || die "the client wrote $(record)"
	writes "GRUB counts" grub
	restart_into one b
	writes "the client confirms" client update
	[ "$(record)" = b/// ] || die "the client wrote $(record)"
done
[ $bad -eq 0 ] || die "$bad of $checked states are bad"
echo "figure crash-states-grub $checked states"

# The proof can fail: a record on the border, as the client would not put it.
rm -f "$WORK/grubenv"
grub-editenv "$WORK/grubenv" create
grub-editenv "$WORK/grubenv" set "other=$(head -c 380 /dev/zero | tr '\0' x)" \
	pawl_slot=b pawl_back=a pawl_left=0 pawl_failed=
found=$bad
writes "GRUB goes back" grub >/dev/null
[ $bad -gt "$found" ] || die "a record on the border is not noticed"
