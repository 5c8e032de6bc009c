# For tests of a bad network: a served device one, enrolled, behind a wire
# (tests/tools/wire.py). Source it after client-lib.sh.
#
# shellcheck shell=sh
command -v python3 >/dev/null || {
	echo "no python3"
	exit 77
}
wire_pid=

# Words for the wire, in force from now on; none: it is sound.
order() {
	echo "$*" >"$WORK/orders.new"
	mv "$WORK/orders.new" "$WORK/orders"
}

carried() {
	cat "$WORK/count" 2>/dev/null || echo 0
}

stop_all() {
	[ -z "$wire_pid" ] || kill "$wire_pid" 2>/dev/null || :
	stop_server
}

# Put it between device one and the server; stop_all ends both.
start_wire() {
	order
	python3 "$(dirname "$0")/../tools/wire.py" "$WORK/port" "$WORK/orders" \
		"$WORK/count" $((base + 1)) &
	wire_pid=$!
	trap stop_all EXIT
	for _ in $(seq 600); do
		[ -s "$WORK/port" ] && break
		sleep 0.1
	done
	sed -i "s|^url = .*|url = https://127.0.0.1:$(cat "$WORK/port")|" \
		"$WORK/one/client.conf"
}

# Put a release on offer that has so many bytes, which do not compress.
offer() { # id, bytes
	mkdir -p "$WORK/trees/$1/bin"
	printf '#!/bin/sh\n' >"$WORK/trees/$1/bin/health"
	chmod 755 "$WORK/trees/$1/bin/health"
	head -c "$2" /dev/urandom >"$WORK/trees/$1/noise"
	: >"$WORK/offered"
	serve_release "$1"
	[ "$1" -eq 1 ] || roll_out "$1"
}

make_wired_device() { # bytes of release 1
	make_server
	make_served_repo
	offer 1 "$1"
	operator cohort create fleet
	make_served_device one
	on one enroll --claim-file "$WORK/one/claim"
	roll_out 1
	start_wire
}

# Wait until the device has kept so many bytes of the package.
until_kept() { # bytes, device (one)
	for _ in $(seq 3000); do
		kept=$(stat -c %s "$WORK/${2:-one}"/state/spool/* 2>/dev/null || echo 0)
		[ "$kept" -lt "$1" ] || return 0
		sleep 0.02
	done
	die "only $kept bytes of $1 came"
}

package_size() { # of what update --json said
	sed -n 's/^ *"package_len": *\([0-9]*\),*$/\1/p' "$1"
}

# What went over the wire is the package, at most 5 % or a chunk for each cut
# of it again, and what else belongs to an update. What a cut found in the
# buffers of the sockets was carried and never came: 200 kB, as a busy machine
# reads late. Who begins again fetches a megabyte and more.
came_once() { # carried, package's size, cuts
	again=$(($2 / 20))
	[ $again -gt $(($3 * 65536)) ] || again=$(($3 * 65536))
	echo "carried $1 bytes for a package of $2, $3 cuts"
	[ "$1" -lt $(($2 + again + 60000 + $3 * 200000)) ] ||
		die "more than $again bytes were fetched again"
}
