# For tests that mount something. Source it, and call own_mounts first: it begins the test
# anew in a mount namespace of its own, so that its mounts are nobody else's and gone with
# it. In the common one, whoever makes a namespace meanwhile takes a copy of them along,
# and a disk that the test has unmounted stays mounted there: what is in that file next
# is another state than the test believes.
can_mount() {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null
}
own_mounts() {
	[ -z "${OWN_MOUNTS:-}" ] || return 0
	can_mount || {
		echo "mounting needs root and a namespace of its own"
		exit 77
	}
	OWN_MOUNTS=1 exec unshare -m sh "$0"
}
