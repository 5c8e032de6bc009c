#!/bin/sh
# No false alarm: the secret scan over a whole Debian root, as one tar and as a
# folder. What it may name are keys that really lie there: the host keys that
# openssh-server makes for the machine, which no image may ship.
#
#   innocents.sh [ROOT]	a folder with a root file system; without it, one is
#			made with mmdebstrap (some minutes, 300 MB below TMPDIR)
#
# Line: figure NAME VALUE UNIT peer PEER VALUE ratio RATIO.
set -eu
: "${BIN:?the folder of the programs}"
work=$(mktemp -d)
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT

if [ $# -eq 0 ]; then
	command -v mmdebstrap >/dev/null || {
		echo "skipped: no mmdebstrap here, and no folder is named"
		exit 77
	}
	mmdebstrap --quiet --variant=important \
		--include=systemd,openssh-server,python3,curl,nginx-light \
		bookworm "$work/root.tar"
	mkdir "$work/root"
	tar -C "$work/root" --exclude=./dev -xf "$work/root.tar"
	set -- "$work/root"
fi
[ -e "$work/root.tar" ] || tar -C "$1" --exclude=./proc --exclude=./sys \
	--exclude=./dev -cf "$work/root.tar" .

cpu_ms() { # command...: CPU time of it and its children
	bash -c 'TIMEFORMAT="%U %S"; time "$@" >"$0" 2>&1' "$work/said" "$@" \
		2>&1 | awk 'END { printf "%d", ($1 + $2) * 1000 + 1 }'
}

alarms() { # what was scanned
	grep -e ': byte [0-9]*: ' -e ': not searched whole$' "$work/said" |
		grep -v \
		-e '/etc/ssh/ssh_host_[a-z0-9]*_key: byte 0: a PEM private key$' \
		>"$work/alarms" || :
	grep -q 'files, .*B' "$work/said" || {
		cat "$work/said"
		echo "FAILED: $1 was not scanned whole"
		exit 1
	}
	[ ! -s "$work/alarms" ] || {
		cat "$work/alarms"
		echo "FAILED: false alarms in $1"
		exit 1
	}
	tail -n 1 "$work/said"
}

ours=$(cpu_ms "$BIN/signer" scan "$work/root.tar")
alarms "the tar"
theirs=$(cpu_ms sha256sum "$work/root.tar")
stat -c %s "$work/root.tar" | awk -v a="$ours" -v b="$theirs" '{
	v = $1 / a / 1000; w = $1 / b / 1000
	printf "figure scan-debian %.0f MB/s peer sha256sum %.0f ratio %.3f\n",
		v, w, v / w }'
"$BIN/signer" scan "$1" >"$work/said" 2>&1 || :
alarms "the folder"
