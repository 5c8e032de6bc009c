#!/bin/sh
# A device enrols, checks, updates and reports over mutually authenticated TLS;
# a server that is down, foreign or answers nonsense changes nothing.
. "$(dirname "$0")/client-lib.sh"

make_server
make_served_repo
make_release 0 # only to have a root; the server gets it later
operator cohort create fleet
make_served_device one

# Vanilla: nothing but enrolling.
want 10 on one update
want 10 on one check
want 2 on one enroll
echo 'not a claim code' >"$WORK/one/wrong"
want 4 on one enroll --claim-file "$WORK/one/wrong"
echo '00000000-00000000-00000000-00000000' >"$WORK/one/wrong"
got=0
on one enroll --claim-file "$WORK/one/wrong" || got=$?
[ $got -ne 0 ] || die "a wrong claim code was taken"
on one enroll --claim-file - <"$WORK/one/claim"
want 14 on one enroll --claim-file "$WORK/one/claim"
says one enrolled true
says one cohort fleet
[ "$(stat -c %a "$WORK/one/state")" = 700 ] || die "the state is open"
[ "$(stat -c %a "$WORK/one/state/identity.key")" = 600 ] || die "open key"

# What programs of the device are told, and what it was in the middle of a trial.
mkdir "$WORK/one/run"
cat >"$WORK/one/watch" <<SH
#!/bin/sh
cp $WORK/one/run/status.json $WORK/one/trial.json
SH
chmod 755 "$WORK/one/watch"
cat >>"$WORK/one/client.conf" <<INI
[device]
status = $WORK/one/run/status.json
[trial]
health = $WORK/one/watch
INI
programs_know() { # state
	on one status --json >"$WORK/status"
	cmp "$WORK/status" "$WORK/one/run/status.json"
	grep -q "^  *\"state\": *\"$1\"" "$WORK/status" || die "not $1"
	[ "$(ls "$WORK/one/run")" = status.json ] || die "half a file is left"
}

# Nothing offered, then an update, then the next by delta.
want 0 on one check
serve_release 1
roll_out 1
want 20 on one check
on one update
runs one 1
programs_know confirmed
grep -q '"state": *"trial"' "$WORK/one/trial.json" || die "it was not on trial"
serve_release 2 --from 1
roll_out 2
on one update --json >"$WORK/out"
grep -q '"package": *"delta"' "$WORK/out" || die "$(cat "$WORK/out")"
runs one 2
want 0 on one update
operator device list
operator device list | grep -q confirmed || operator device list --json

# A bad one comes back; the server knows why, and it is not tried again.
make_tree 3
echo "exit 7" >>"$WORK/trees/3/bin/health"
serve_release 3 --from 2
roll_out 3
want 15 on one update
runs one 2
on one status
programs_know rolled-back
says one reports_waiting 0
operator rollout show r3 | grep HEALTH_FAILED ||
	die "the server does not know why"
on one update
runs one 2

# The server is down: one clear line, and all goes on when it is back.
stop_server
want 9 on one check
want 9 on one update
runs one 2
start_server
on one update

# Another server's certificate.
cp "$WORK/one/server-ca.pem" "$WORK/ca"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout /dev/null -out "$WORK/one/server-ca.pem" -subj /CN=other \
	-days 2 2>/dev/null
want 6 on one check
cp "$WORK/ca" "$WORK/one/server-ca.pem"

# The environment cannot lead the client astray.
serve_release 4 --from 2
roll_out 4
env https_proxy=http://127.0.0.1:9 ALL_PROXY=http://127.0.0.1:9 \
	SSL_CERT_FILE=/dev/null SSLKEYLOGFILE="$WORK/keylog" \
	CURL_CA_BUNDLE=/dev/null OPENSSL_CONF=/dev/null \
	"$client" update --config "$WORK/one/client.conf"
[ ! -e "$WORK/keylog" ] || die "TLS secrets were logged"
runs one 4
