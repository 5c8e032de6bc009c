#!/bin/sh
# What the three listeners of the real server take in TLS: of every version,
# suite, group and signature that there is exactly what is promised, and with a
# certificate each of that through to an answer. sslscan, where it is installed,
# must see the same.
here=$(cd "$(dirname "$0")" && pwd)
for need in curl openssl python3; do
	command -v $need >/dev/null || { echo "no $need here"; exit 77; }
done
[ -x "$BIN/tests/tools/bare-key" ] || {
	echo "no bare-key: make check-e2e builds it"
	exit 77
}
. "$here/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create fleet
make_device a fleet
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
device_pem a "$WORK/device.key"
admin=$WORK/server/admin
"$BIN/tests/tools/bare-key" "$admin/admin.key" "$(cat "$admin/admin.secret")" \
	>"$WORK/people.key" || die "no key of the admin"

# Without a certificate: all of this is settled before one is asked for.
python3 "$here/tls_probe.py" "enrolment=$(listener enrolment)" \
	"device=$(listener device)" "people=$(listener people)" ||
	die "the probe"

certificate() { # listener
	case $1 in
	device) echo "$WORK/devices/a/state/identity.crt" ;;
	people) echo "$admin/admin.pem" ;;
	esac
}
# With it: a suite and the groups, and the status of an answer.
answers() { # listener, suite, groups
	who=$(certificate "$1")
	got=$(curl -sS --max-time 20 --cacert "$WORK/server/ca.pem" \
		--tlsv1.2 --tls-max 1.2 --ciphers "$2" --curves "$3" \
		${who:+--cert "$who" --key "$WORK/$1.key"} \
		-o "$WORK/body" -w '%{http_code}' "https://$(listener "$1")/") ||
		die "no answer: $*"
	[ "$got" -ge 200 ] || die "answers $got: $*"
}
for one in enrolment device people; do
	for suite in ECDHE-ECDSA-CHACHA20-POLY1305 \
		ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384; do
		answers $one $suite P-256
		answers $one $suite X25519:P-256
	done
done

if command -v sslscan >/dev/null; then
	for one in enrolment device people; do
		who=$(certificate $one)
		sslscan --no-colour --no-heartbleed --xml="$WORK/$one.xml" \
			${who:+--certs="$who" --pk="$WORK/$one.key"} \
			"$(listener $one)" >"$WORK/said" 2>&1 || die "sslscan"
		python3 - "$WORK/$one.xml" <<'PY' || die "sslscan sees other than that: $one"
import re, sys
text = open(sys.argv[1]).read()
find = lambda what: sorted(set(re.findall(what, text)))
seen = {
    "versions": find(r'type="(\w+)" version="([\d.]+)" enabled="1"'),
    "suites": find(r'sslversion="TLSv1.2"[^>]* cipher="([^"]+)"'),
    "groups": find(r'<group sslversion="TLSv1.2"[^>]* name="([^"]+)"'),
}
wanted = {
    "suites": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
               "ECDHE-ECDSA-CHACHA20-POLY1305"],
    # It offers each alone, and the certificate needs this one.
    "groups": ["secp256r1 (NIST P-256)"],
}
assert ("tls", "1.2") in seen["versions"], seen
assert set(seen["versions"]) <= {("tls", "1.2"), ("tls", "1.3")}, seen
for what, right in wanted.items():
    assert seen[what] == right, (what, seen[what])
assert 'renegotiation supported="0"' in text
assert 'compression supported="1"' not in text
PY
	done
fi
kill -0 "$server_pid" || die "the server is gone"
