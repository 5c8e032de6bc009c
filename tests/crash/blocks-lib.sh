# For the states of a block device: images of a file system on which a device
# stands, commands that are recorded on them, and what is made of that. Source it
# after device.sh; $disk is where they are mounted, $WORK/client.conf the device's
# configuration, $releases what may be on it, $driver what is run instead of the
# client.
disk=$WORK/disk
export CRASH_FS="${CRASH_FS:-ext4}"

# Why there can be none here; nothing if there can.
lacks_blocks() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "not root"
	elif [ ! -c /dev/fuse ]; then
		echo "no /dev/fuse"
	elif [ ! -c /dev/loop-control ]; then
		echo "no loop devices"
	elif ! grep -qw "$CRASH_FS" /proc/filesystems; then
		echo "no $CRASH_FS in this kernel"
	elif ! unshare -m true 2>/dev/null; then
		echo "no mount namespace"
	fi
}
skip_blocks() { # why
	echo "$1: no crash states of a block device"
	exit 77
}

run_client() {
	"$client" "$@" --quiet --config "$WORK/client.conf" >/dev/null
}

# An image of a device, from an image or nothing, after a command.
make_image() { # from, to, command...
	from=$1 to=$WORK/$2
	shift 2
	if [ -n "$from" ]; then
		cp "$WORK/$from" "$to"
	else
		truncate -s "${CRASH_SIZE:-16M}" "$to"
		case $CRASH_FS in
		ext4) mkfs.ext4 -q -F -b 4096 -J size=4 -m 0 -N 1024 -E \
			nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$to" ;;
		*) "mkfs.$CRASH_FS" -q ${CRASH_MKFS:-} "$to" >/dev/null ;;
		esac
	fi
	mount -t "$CRASH_FS" -o loop "$to" "$disk"
	[ $# -eq 0 ] || run_client "$@" || [ $? -eq 15 ]
	umount "$disk"
}

# Run a command on a copy of an image and record it: $WORK/NAME.log, NAME.after.
# With PRELOAD, that library's environment around it.
record() { # name, before, command...
	name=$1 before=$2
	shift 2
	cp "$WORK/$before" "$WORK/$name.after"
	sh "$(dirname "$0")/record-run.sh" "$WORK/$name.after" \
		"$WORK/$name.log" "$disk" env ${PRELOAD:-} "${driver:-$client}" "$@" \
		--quiet --config "$WORK/client.conf" >/dev/null || [ $? -eq 15 ]
}

explore() { # name, before, states, options and command...
	name=$1 before=$2 count=$3
	shift 3
	# shellcheck disable=SC2086 # lists of options
	"$crash/explore" --name "$name" --before "$WORK/$before" \
		--log "$WORK/$name.log" --after "$WORK/$name.after" \
		--mount "$disk" --config "$WORK/client.conf" --fs "$CRASH_FS" \
		$releases --states "$count" "$@" >"$WORK/explored" ||
		die "$name: $(cat "$WORK/explored")"
	cat "$WORK/explored"
}

# Record a command and look at so many states; in some the command is run again,
# after which this release must run.
prove() { # name, before, states, what runs in the end, command...
	name=$1 before=$2 count=$3 runs=$4
	shift 4
	record "$name" "$before" "$@"
	explore "$name" "$before" "$count" ${runs:+--runs "$runs" --again} \
		${runs:+"${AGAIN:-100}"} ${OPTIONS:-} -- \
		"${driver:-$client}" "$@" --quiet --config "$WORK/client.conf"
}

# The same with faults seeded, to see that they would be found.
seed() { # name, before, command...
	seeded=$1 from=$2
	shift 2
	: >"$WORK/notes"
	truncate -s 4096 "$WORK/notes"
	for fault in skip-files skip-folders late-mark; do
		PRELOAD="LD_PRELOAD=$crash/shim.so PAWL_SHIM_HOW=$fault
			PAWL_SHIM_UNDER=$disk PAWL_SHIM_NOTES=$WORK/notes
			PAWL_SHIM_AT=0"
		record "$seeded-$fault" "$from" "$@"
		PRELOAD=
		# Few states lie between a switch and a mark that comes late.
		of=${SEEDED:-100}
		[ $fault != late-mark ] || of=$((of * 4))
		explore "$seeded-$fault" "$from" "$of" --expect-bad
	done
}
