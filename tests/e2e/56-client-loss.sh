#!/bin/sh
# Three packets of ten that are sent to the device are lost: the update comes to
# its end, and at most a twentieth of the package comes twice.
# In a network namespace of its own, where nftables does it; that needs root.
skip() {
	echo "$1: no network that loses packets"
	exit 77
}
[ -n "${LOSS_OWN:-}" ] || {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	command -v nft >/dev/null && command -v ip >/dev/null ||
		skip "no nftables or iproute2"
	unshare -n true 2>/dev/null || skip "no network namespace"
	LOSS_OWN=1 exec unshare -n sh "$0"
}
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/wire-lib.sh"
ip link set lo up
# As on a real line, not in packets of 64 kilobytes.
ip link set lo mtu 1500
# A line of a few milliseconds: what is lost is sent again after 20, not 200.
ip route replace local 127.0.0.0/8 dev lo table local rto_min 20ms 2>/dev/null ||
	echo "cannot set rto_min: slower"
make_wired_device 400000

nft add table ip loss || skip "no nftables in this kernel"
nft add chain ip loss in '{ type filter hook input priority 0; }'
# Between device and wire alone: the wire counts, and is no part of it.
nft add rule ip loss in tcp sport "$(cat "$WORK/port")" \
	numgen random mod 100 '<' 30 counter drop
tries=0
kept=0
until on one update --json >"$WORK/out" 2>"$WORK/err.$tries"; do
	cat "$WORK/err.$tries"
	kept=$(stat -c %s "$WORK"/one/state/spool/* 2>/dev/null || echo 0)
	tries=$((tries + 1))
	[ $tries -lt 5 ] || die "no update in $tries tries"
done
runs one 1
nft list table ip loss | sed -n 's/.*\(counter packets [0-9]*\).*/lost: \1/p'
[ "$(nft list table ip loss | grep -c 'packets [1-9]')" -eq 1 ] ||
	die "nothing was lost"
# What the device says, run by run: what the wire took over and lost with a
# connection never came.
fetched=$(cat "$WORK"/err.* | sed -n 's/.*package-fetched bytes=\([0-9]*\) .*/\1/p')
size=$(package_size "$WORK/out")
echo "fetched $fetched bytes of a package of $size; $kept were there"
[ "$fetched" -le $((size - kept + size / 20)) ] ||
	die "more than a twentieth was fetched again"
