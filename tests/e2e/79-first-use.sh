#!/bin/sh
# After enrolment nothing of the factory's content runs any more: both slots are
# written from signed content, or read back and found to hold it; whatever cuts
# that off, it comes to its end, and it is done once.
. "$(dirname "$0")/command-lib.sh"

printf '#!/bin/sh\nexit 0\n' >"$WORK/health"
chmod 755 "$WORK/health"
enroll() { # device
	on "$1" enroll --claim-file "$WORK/$1/claim" >/dev/null
	says "$1" standing provisioned
}
both_hold() { # device, id
	for s in a b; do
		diff -r "$WORK/$1/slots/$s/tree" "$WORK/trees/$2" ||
			die "slot $s of $1 does not hold $2"
	done
	says "$1" standing active
}
is_done_once() { # device
	find "$WORK/$1/slots" -newer "$WORK/mark" | grep -q . &&
		die "$1 wrote again what was done: $(find "$WORK/$1/slots" \
			-newer "$WORK/mark")"
	return 0
}

make_server
make_served_repo
serve_release 1
operator cohort create fleet
for d in one two three; do make_served_device $d; done

# What the factory installed runs in each of them, and what it had before.
factory() { # device, id of what stands in the other slot
	mkdir -p "$WORK/$1/slots/a" "$WORK/$1/slots/b"
	cp -a "$WORK/trees/$2" "$WORK/$1/slots/b/tree"
	ln -s b/tree "$WORK/$1/slots/current"
}
make_tree old
for d in one two three; do factory $d old; done

# Its own is no release of ours: the first one comes by a rollout, and then the
# slot that the factory filled is written, too.
enroll one
roll_out 1
on one update --quiet 2>"$WORK/said"
both_hold one 1
grep -q 'first-use release=1' "$WORK/said" || die "not said"
sleep 0.01
touch "$WORK/mark"
on one update --quiet
on one update --quiet
is_done_once one

# What the factory wrote is the signed release: read back, and left as it is. But
# a flipped byte is found, and both slots are written.
for d in two three; do
	rm -rf "$WORK/$d/slots"
	cp -a "$WORK/one/slots" "$WORK/$d/slots"
	rm -rf "$WORK/$d/state"
done
sleep 0.01
touch "$WORK/mark"
enroll two
on two update --quiet 2>"$WORK/said"
both_hold two 1
is_done_once two
enroll three
for s in a b; do
	printf x | dd of="$WORK/three/slots/$s/tree/bin/health" bs=1 seek=3 \
		conv=notrunc 2>/dev/null
done
# Cut off anywhere.
for n in 05 10 15 20 25 30 35 40; do
	"$client" update --quiet --config "$WORK/three/client.conf" \
		2>/dev/null &
	pid=$!
	sleep "0.$n"
	kill -KILL $pid 2>/dev/null || :
	wait $pid 2>/dev/null || :
done
on three update --quiet
on three update --quiet
both_hold three 1

# Somebody else's identity in the same device begins anew.
rm "$WORK"/two/state/identity.* "$WORK/two/state/decrypt.key"
operator token create --product gateway --model board --cohort fleet --plain \
	>"$WORK/two/claim"
sleep 0.01
touch "$WORK/mark"
enroll two
on two update --quiet
both_hold two 1
is_done_once two

# ---- images: each step is a boot ------------------------------------------------
head -c 300000 /dev/urandom >"$WORK/image"
"$signer" release create "$WORK/repo" --product gateway --id i1 \
	--content image --input "$WORK/image" --quiet >/dev/null
online=
resign
operator release import "$WORK/publish"
make_served_device four
head -c 400000 /dev/urandom >"$WORK/four/slot-a"
head -c 400000 /dev/urandom >"$WORK/four/slot-b"
cat >>"$WORK/four/client.conf" <<INI
[slot]
kind = image
a = $WORK/four/slot-a
b = $WORK/four/slot-b
root = $WORK
[trial]
health = $WORK/health
[boot]
control = command
command = $WORK/program
cmdline = $WORK/four/cmdline
number = $WORK/four/number
INI
restart_into four a
enroll four
operator rollout pause r1 --reason images
roll_out i1
on four update --quiet
says four state reboot-pending
says four standing provisioned
boot four
on four update --quiet
cmp -n 300000 "$WORK/four/slot-b" "$WORK/image" || die "b does not hold i1"
says four state reboot-pending
boot four
on four update --quiet
cmp -n 300000 "$WORK/four/slot-a" "$WORK/image" || die "a does not hold i1"
says four state confirmed
says four standing active
touch "$WORK/mark"
on four update --quiet
[ -z "$(find "$WORK/four/slot-a" "$WORK/four/slot-b" -newer "$WORK/mark")" ] ||
	die "written again"
