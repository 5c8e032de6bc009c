#!/bin/sh
# Three packets of ten that are sent to the device are lost: the update comes to
# its end.
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
make_wired_device 200000

nft add table ip loss || skip "no nftables in this kernel"
nft add chain ip loss in '{ type filter hook input priority 0; }'
# Between device and wire alone: the wire counts, and is no part of it.
nft add rule ip loss in tcp sport "$(cat "$WORK/port")" \
	numgen random mod 100 '<' 30 counter drop
tries=0
until on one update --json >"$WORK/out" 2>"$WORK/err"; do
	cat "$WORK/err"
	tries=$((tries + 1))
	[ $tries -lt 5 ] || die "no update in $tries tries"
done
runs one 1
nft list table ip loss | sed -n 's/.*\(counter packets [0-9]*\).*/lost: \1/p'
[ "$(nft list table ip loss | grep -c 'packets [1-9]')" -eq 1 ] ||
	die "nothing was lost"
# What the wire took over and lost with a connection counts as carried, so how
# little comes twice is shown where cuts are counted: 57-client-bad-network.
echo "carried $(carried) bytes for a package of $(package_size "$WORK/out")"
