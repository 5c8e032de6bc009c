#!/bin/sh
# A rollout starts if a device would take what is served of its release now, to
# its last phase, and not if it would not: whatever was good at the import.
. "$(dirname "$0")/client-lib.sh"
. "$(dirname "$0")/orders-lib.sh"
for need in curl openssl python3; do
	command -v $need >/dev/null || { echo "no $need here"; exit 77; }
done

make_server
make_ordered_repo --product-days 30 2>/dev/null
"$signer" role add "$WORK/repo" product-gateway --key "$WORK/key.pub" >/dev/null
sign op1 op2 2>/dev/null
make_release 1 2>/dev/null
operator release import "$WORK/publish" >/dev/null
make_release 2 --from 1 2>/dev/null
order_for 2 open --wide --cohort fleet >/dev/null
sign op1 op2 2>/dev/null
bring 2>/dev/null
operator cohort create fleet
make_served_device dev
on dev enroll --claim-file "$WORK/dev/claim"
use_people
made=0
create() { # more members of the rollout; its name in $name
	made=$((made + 1))
	name=r$made
	people rollouts "{\"v\":1,\"name\":\"$name\",\"release\":\"2\",
		\"cohorts\":[\"fleet\"],\"share\":10000${1:-}}" >/dev/null
}
# What is planned is not started: this status, these words; nothing has changed.
refused() { # HTTP status, words
	got=0
	people_begin "$name" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq 22 ] && grep -q "$1" "$WORK/said" &&
		grep -q -- "$2" "$WORK/said" || {
		cat "$WORK/said"
		die "$name: $got, wanted $1 and \"$2\""
	}
	people "rollout/$name" | grep -q '"state":"scheduled"' ||
		die "$name is not as it was"
}
# What lies in the server's store, beside the running server.
store() { # python over c, a cursor
	python3 - "$WORK/server/store.sqlite" "$1" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
c = db.cursor()
exec(sys.argv[2])
db.commit()
PY
}
blob_of() { # like what its url is
	hex=$(store "print(c.execute('SELECT hex(digest) FROM payload WHERE url'
		' LIKE ?', ('$1',)).fetchone()[0].lower())")
	blob=$WORK/server/blobs/$(echo "$hex" | cut -c1-2)/$hex
	[ -f "$blob" ] || die "no file of $1"
	cp -p "$blob" "$WORK/kept"
}
spoil() { # file: one byte of it, far enough for any of its heads
	printf '\377' | dd of="$1" bs=1 seek=40 conv=notrunc 2>/dev/null
}
put_back() {
	rm -f "$blob"
	cp -p "$WORK/kept" "$blob"
}

# ---- packages ----------------------------------------------------------------

create
for package in 'gateway/2/%full%' 'gateway/2/%from%'; do
	blob_of "$package"
	rm -f "$blob"
	refused 404 "missing here"
	put_back
	chmod u+w "$blob"
	truncate -s -1 "$blob"
	refused 403 "bytes, not"
	put_back
	chmod u+w "$blob"
	spoil "$blob"
	refused 403 "its head is not the signed one"
	put_back
done

# ---- what was signed -----------------------------------------------------------

# Each file that a device would verify, with one letter of a signature changed.
for file in root targets product-gateway snapshot; do
	store "
n, b = c.execute('SELECT name, bytes FROM metadata WHERE name LIKE ? ORDER BY'
    ' CAST(name AS INTEGER) DESC', ('%.$file.json',)).fetchone()
open('$WORK/kept', 'wb').write(b)
at = b.index(b'\"sig\"') + 20
b = b[:at] + (b'0' if b[at:at + 1] != b'0' else b'1') + b[at + 1:]
c.execute('UPDATE metadata SET bytes = ? WHERE name = ?', (b, n))"
	refused 403 "a device would refuse release 2"
	store "
n = c.execute('SELECT name FROM metadata WHERE name LIKE ? ORDER BY'
    ' CAST(name AS INTEGER) DESC', ('%.$file.json',)).fetchone()[0]
c.execute('UPDATE metadata SET bytes = ? WHERE name = ?',
          (open('$WORK/kept', 'rb').read(), n))"
done
blob_of 'rollout-wide/gateway/%'
chmod u+w "$blob"
spoil "$blob"
refused 403 "rollout-wide/gateway/2.json"
put_back

# ---- what ends first -----------------------------------------------------------

# The role that lists it lives 30 days, targets and root longer.
soon() { # role: its end, as a day
	store "
import json
b = c.execute('SELECT bytes FROM metadata WHERE name LIKE ? ORDER BY'
    ' CAST(name AS INTEGER) DESC', ('%.$1.json',)).fetchone()[0]
print(json.loads(b)['signed']['expires'])"
}
create ',"watch":[3456000]'
refused 403 "expires at $(soon product-gateway), before the last phase"

sed -i -e 's/^product_days *=.*/product_days = 400/' \
	-e 's/^root_days *=.*/root_days = 35/' "$WORK/repo/pawl.ini"
grep -q '^root_days = 35' "$WORK/repo/pawl.ini" || die "no such setting"
for role in root product-gateway; do
	"$signer" extend "$WORK/repo" --role $role >/dev/null
done
"$signer" sign "$WORK/repo" --key "$WORK/key" >/dev/null
bring 2>/dev/null
create ',"watch":[3456000]'
refused 403 "expires at $(soon root), before the last phase"

# ---- and what is well starts ---------------------------------------------------

create ',"policy":{"delta_coverage":9000}'
refused 403 "deltas reach 0.00 % of the devices, not 90.00 %"
create
people_begin "$name" >"$WORK/said" || die "$(cat "$WORK/said")"
on dev update >"$WORK/said" 2>&1 || die "$(cat "$WORK/said")"
runs dev 2
ls "$WORK/server/incoming" | grep -q as-device && die "its folder is left" || :
