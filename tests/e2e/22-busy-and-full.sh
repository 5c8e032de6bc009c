#!/bin/sh
# A second client while one runs, and disks that fill up at every stage: one
# line, a documented status, nothing activated, and the next update works.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/device.sh
. "$here/device.sh"
make_repository
make_devices

# ---- two at once -----------------------------------------------------------

fresh
mkfifo gate
cat >wait <<EOF
#!/bin/sh
: >$WORK/on-trial
read -r x <$WORK/gate
EOF
chmod 755 wait
printf '[trial]\nhealth = %s/wait\n' "$WORK" >>device/client.conf
client device update --from r2 >first.out 2>first.err &
first=$!
# Opened for both directions, so that neither end waits for the other.
exec 4<>gate
release_gate() {
	echo go >&4
}
trap 'release_gate; wait "$first" 2>/dev/null || :' EXIT
waited=0
while [ ! -e on-trial ]; do
	kill -0 "$first" 2>/dev/null || {
		cat first.out first.err >&2
		die 'the first client did not reach its trial'
	}
	[ "$waited" -lt 1200 ] || die 'the first client takes too long'
	sleep 0.1
	waited=$((waited + 1))
done
for command in 'update --from r2' confirm rollback; do
	status=0
	# shellcheck disable=SC2086 # a list of words
	client device $command >out 2>err || status=$?
	[ "$status" -eq 12 ] || {
		cat out err >&2
		die "$command beside a running client: status $status"
	}
	[ "$(grep -c . err)" -eq 1 ] || die "$command: more than one line"
	echo "ok $command beside a running client: $(cat err)"
done
client device status >out 2>err || {
	cat err >&2
	die 'status cannot be asked beside a running client'
}
release_gate
trap - EXIT
wait "$first" || {
	cat first.out first.err >&2
	die 'the first client was disturbed by the second'
}
exec 4>&-
[ "$(runs device)" = 2 ] || die 'the first client did not finish'
echo 'ok the first client finished'

# ---- a state folder that others may write -----------------------------------

# Whoever could write there could be the device: nothing is done in it.
for mode in 770 707; do
	fresh
	client device status >/dev/null
	chmod "$mode" device/state
	status=0
	client device update --from r2 >out 2>err || status=$?
	[ "$status" -eq 3 ] && [ "$(grep -c . err)" -eq 1 ] || {
		cat out err >&2
		die "a state folder of mode $mode: status $status"
	}
	echo "ok a state folder of mode $mode: $(cat err)"
	chmod 700 device/state
	client device update --from r2 >/dev/null 2>&1
	[ "$(runs device)" = 2 ] || die "not even when it is private again"
done

# ---- files may not grow ----------------------------------------------------

# Every write beyond so many blocks fails with EFBIG, wherever it is.
# What it says goes through a pipe, for files cannot take it.
limited() { # blocks of 512 bytes
	rm -f said
	mkfifo said
	cat said >&2 &
	said=$!
	code=0
	(
		ulimit -f "$1"
		client device update --from r2
	) >/dev/null 2>said || code=$?
	wait "$said"
	return "$code"
}
for blocks in 0 1 2 4 8 64 256; do
	fresh
	status=0
	limited "$blocks" >out 2>err || status=$?
	[ "$status" -ne 0 ] || {
		echo "with files of $blocks blocks it fits"
		continue
	}
	refused "files of $blocks blocks at most" '11' limited "$blocks"
done

# ---- a disk that is full ---------------------------------------------------

# A file system of our own needs a user namespace, which some systems forbid.
unshare -rm true 2>/dev/null || {
	echo 'skipped: small file systems (no user namespaces here)'
	exit 0
}
need=$(du -sk tree2 | cut -f1)
for kilobytes in 64 $((need / 2)) $((need + need / 2)) $((2 * need)); do
	fresh
	# Inside: the slots, and what runs there, in a tmpfs of that size.
	unshare -rm sh -eu -s "$kilobytes" "$need" >out 2>err <<'EOF' || {
mkdir -p small large
mount -t tmpfs -o size=$((${2} + ${1} + 64))k none small
cp -a device/. small/
mount --bind small device
readlink device/slots/current >before
status=0
timeout 60 "$BIN/updater-client" update --quiet --from r2 \
	--config device/client.conf >out 2>err2 || status=$?
cat err2 >&2
[ "$status" -eq 0 ] || [ "$status" -eq 11 ] || exit 90
readlink device/slots/current >after
if [ "$status" -eq 11 ]; then
	cmp before after || exit 91
	[ "$(cat device/slots/current/share/number)" = 1 ] || exit 92
	[ "$(grep -c '^updater-client: ' err2)" -eq 1 ] || exit 93
fi
# As if somebody had made room; not all kernels let us grow what we mounted.
mount -t tmpfs -o size=$((${2} * 8 + 4096))k none large
cp -a device/. large/
mount --bind large device
timeout 60 "$BIN/updater-client" update --quiet --from r2 \
	--config device/client.conf || exit 94
[ "$(cat device/slots/current/share/number)" = 2 ] || exit 95
echo "status $status: $(sed -n 's/^updater-client: //p' err2)"
EOF
		code=$?
		cat out err >&2
		die "a disk with $kilobytes kB free: status $code"
	}
	echo "ok a disk with $kilobytes kB free: $(tail -n 1 out)"
done
