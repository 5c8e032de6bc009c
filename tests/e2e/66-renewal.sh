#!/bin/sh
# Device certificates are renewed with a new key, whatever is cut short, also
# after four hundred days in a drawer; who holds a copy is found out.
for tool in faketime python3 openssl curl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/later-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for n in a b c; do
	make_device "$n" default
	want 0 device "$n" enroll --claim-file "$WORK/devices/$n/claim"
	want 0 device "$n" check
done

renewals() { # how many the log has
	python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
print(d.execute("SELECT count(*) FROM audit WHERE CAST(record AS TEXT) LIKE ?",
    ("%device-renew%",)).fetchone()[0])' "$WORK/server/store.sqlite"
}
renew() { # name, key file, how
	python3 "$here/renew.py" "$(state "$1")" \
		"https://$(listener device)" "$WORK/server/ca.pem" "$2" ${3:-}
}
ends() { # name: days until its certificate ends
	f=$(state "$1")/identity.crt
	[ -e "$f" ] || f=$(state "$1")/identity.$(generation "$1").crt
	echo $((($(date -d "$(openssl x509 -in "$f" -noout -enddate |
		cut -d= -f2)" +%s) - $(date +%s)) / 86400))
}

# Whoever runs the server is told what ends before it does.
tells() { # days, what the score says then
	tries=0
	until op_later "$1" score >"$WORK/said" 2>&1 &&
		grep -q "$2" "$WORK/said"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || {
			cat "$WORK/said"
			die "day $1: nobody tells: $2"
		}
		sleep 0.1
	done
}
op score >"$WORK/said" 2>&1 || :
! grep -q "ends in\|has expired" "$WORK/said" || die "all is new"

# By default they live 90 days; nobody renews a new one, and the server does
# not let anybody.
[ "$(ends a)" -ge 88 ] && [ "$(ends a)" -le 90 ] || die "$(ends a) days"
[ "$(generation a)" -eq 0 ] || die "renewed too early"
case $(renew a "$WORK/early.key") in 403*"too new"*) ;; *) die "early" ;; esac

# Day 61. A cut before anything was sent: the key is on the disk, and stays.
cp -r "$(state a)" "$WORK/a.before"
device_at=$(listener device)
stop_later
later 61 a check >/dev/null 2>&1 || :
[ -s "$(state a)/identity.1.key" ] || die "the next key is not on the disk"
cp "$(state a)/identity.1.key" "$WORK/next"
cat >"$WORK/server/run/listeners.json" <<JSON
{"device":"$device_at"}
JSON
start_later 61
tells 61 "a certificate of the server's ends in 2[0-9] days"

# A proof by another key, a key that is known: refused, nothing changed.
case $(renew a "$WORK/other.key" bad-proof) in
403*"proof by the old key"*) ;; *) die "bad proof" ;; esac
case $(renew a "$(state b)/identity.key") in 409*) ;; *) die "known" ;; esac
[ "$(renewals)" -eq 0 ] || die "refusals were recorded"

# A cut after the server accepted, before the answer came: the same key brings
# the same certificate, once recorded.
case $(renew a "$(state a)/identity.1.key") in 200*) ;; *) die "renew" ;; esac
want 0 later 61 a check
[ "$(generation a)" -eq 1 ] || die "not renewed"
cmp -s "$(state a)/identity.1.key" "$WORK/next" || die "another key"
[ "$(renewals)" -eq 1 ] || die "recorded $(renewals) times"
[ ! -e "$(state a)/identity.key" ] || die "the old key is still there"
! grep -q "$(cat "$WORK/next")" "$WORK/server.log" || die "a key in the log"
# It is the old one's turn to be refused.
rm -rf "$WORK/devices/old"
cp -r "$WORK/devices/a" "$WORK/devices/old"
rm -r "$WORK/devices/old/state"
cp -r "$WORK/a.before" "$WORK/devices/old/state"
sed -i "s|$WORK/devices/a/state|$WORK/devices/old/state|" \
	"$WORK/devices/old/client.conf"
got=0
later 61 old check >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 10 ] || die "the old certificate: $got"
want 0 later 61 a check

# A cut between the server's look at the new one and our note of it.
cp -r "$(state b)" "$WORK/b.before"
want 0 later 61 b check
[ "$(generation b)" -eq 1 ] || die "b was not renewed"
cp "$WORK/b.before/identity.json" "$WORK/b.before/identity.key" \
	"$WORK/b.before/identity.crt" "$(state b)"
[ "$(generation b)" -eq 0 ] || die "b is as before"
want 0 later 61 b check
[ "$(generation b)" -eq 1 ] || die "b was locked out"

# Somebody has a copy of c and renews first: then the two are found out, and
# neither is heard, until a person has looked.
case $(renew c "$WORK/thief.key") in 200*) ;; *) die "thief" ;; esac
got=0
later 61 c check >"$WORK/said" 2>&1 || got=$?
[ "$got" -eq 10 ] || die "c was let in: $got"
said "quarantine"
case $(renew c "$WORK/thief.key") in 403*) ;; *) die "the thief is heard" ;; esac
want 0 op device list
[ "$(grep -c quarantined "$WORK/said")" -eq 1 ] || die "not in the list"
id=$(awk '/ quarantined / { print $1 }' "$WORK/said")
# Nor are keys of encrypted releases sealed to it, for the copy has its key, too.
want 0 op device export "$WORK/registry"
! grep -q "$id" "$WORK/registry" || die "two copies would be given keys"
want 0 op device release --reason test "$id"
want 0 op device export "$WORK/registry.released"
grep -q "$id" "$WORK/registry.released" || die "it is not in the registry again"
want 14 op device release --reason test "$id"
op audit list >"$WORK/said"
said "device .* device-quarantine .*device=$id"
said "person .* device-release .*device=$id"
want 0 op device revoke --reason test "$id"
case $(renew c "$WORK/thief.key") in 200*) die "a revoked one renews" ;; esac

# Four hundred days in a drawer: the certificate has long ended. It is good for
# renewal and for nothing else, and then all is well.
start_later 470
[ "$(ends a)" -lt 200 ] || die "it has not ended"
python3 - "$(state a)/identity.1.key" >"$WORK/a.der" <<'PY'
import sys
sys.stdout.buffer.write(bytes.fromhex(
    "30310201010420" + open(sys.argv[1]).read().strip() +
    "a00a06082a8648ce3d030107"))
PY
openssl ec -inform DER -in "$WORK/a.der" -out "$WORK/a.pem" 2>/dev/null
for path in metadata/timestamp.json metadata/1.root.json; do
	curl -sS --cacert "$WORK/server/ca.pem" -k \
		--cert "$(state a)/identity.1.crt" --key "$WORK/a.pem" \
		"https://$(listener device)/$path" >"$WORK/said"
	said '"expired"'
done
later 470 a check >"$WORK/said" 2>&1 || : # the metadata has ended as well
[ "$(generation a)" -eq 2 ] || {
	cat "$WORK/said"
	die "a was locked out"
}
[ "$(ends a)" -ge 550 ] || die "its new end"
grep -q "warning online-metadata-not-signed why=targets: expired" \
	"$WORK/server.log" || die "the log does not say that targets has ended"
echo "nobody is locked out"
