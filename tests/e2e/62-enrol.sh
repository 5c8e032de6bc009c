#!/bin/sh
# Enrolment by devices that lie: every one is refused, the server stays well,
# and a claim is good for exactly one device.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
command -v openssl >/dev/null || { echo "needs openssl"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
here=$(cd "$(dirname "$0")" && pwd)

make_server
start_server

token() { # count
	op token create --product kiosk --model k1 --cohort default --plain \
		--count "${1:-1}"
}

enrol() { # folder, claim, product, model, what
	python3 "$here/enrol.py" "$(listener enrolment)" \
		"$WORK/server/ca.pem" "$WORK/keys/$1" "$2" "$3" "$4" "$5"
}

refused() { # words that must be in the answer, then as enrol
	words=$1
	shift
	answer=$(enrol "$@")
	case $answer in
	40[0-9]*"$words"*) ;;
	*) die "not refused as it should be: $5: $answer" ;;
	esac
}

claim=$(token)
constant="not good for this device"

# Bad claims of every kind are refused.
refused "$constant" a 00000000-00000000-00000000-00000000 kiosk k1 good
refused "$constant" b "$claim" other k1 good
refused "$constant" c "$claim" kiosk k2 good
spare=$(token)
want 0 op token list
id=$(awk '/ open / { id = $1 } END { print id }' "$WORK/said")
want 0 op token revoke --reason test "$id"
refused "$constant" d "$spare" kiosk k1 good

# What is wrong with the request itself.
refused "" e "$claim" kiosk k1 nonce
refused "" f "$claim" kiosk k1 replay
claim=$(token) # the first try of the replay was good
refused "proof" g "$claim" kiosk k1 proof
refused "" h "$claim" kiosk k1 csr
refused "" i "$claim" kiosk k1 p384
refused "" j "$claim" kiosk k1 body
refused "" k "$claim" ../kiosk k1 good

# A request that asks for more gets our template and nothing else.
answer=$(enrol l "$claim" kiosk k1 ca)
case $answer in 200*) ;; *) die "$answer" ;; esac
openssl x509 -in "$WORK/keys/l/cert.pem" -noout -text >"$WORK/text"
grep -q "CA:FALSE" "$WORK/text" || die "a CA was made"
grep -q "TLS Web Client Authentication" "$WORK/text" || die "no clientAuth"
! grep -q "DNS:server\|Server Authentication" "$WORK/text" || die "copied"
openssl verify -CAfile "$WORK/server/keys/device-ca.pem" \
	"$WORK/keys/l/cert.pem" >/dev/null || die "not by the device CA"

# The answer was lost: the same key with the same claim gets the same again;
# another key does not, nor the same key with another claim.
cp "$WORK/keys/l/cert.pem" "$WORK/first.pem"
answer=$(enrol l "$claim" kiosk k1 good)
case $answer in 200*) ;; *) die "not given again: $answer" ;; esac
cmp -s "$WORK/keys/l/cert.pem" "$WORK/first.pem" || die "another certificate"
refused "$constant" m "$claim" kiosk k1 good
answer=$(enrol l "$(token)" kiosk k1 good)
case $answer in 409*"known here already"*) ;; *) die "key twice: $answer" ;; esac

# Twenty at once with one claim: one device.
claim=$(token)
before=$(op server status | awk '/^devices/ { print $2 }')
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	enrol "race$n" "$claim" kiosk k1 good >"$WORK/race.$n" 2>&1 &
	pids="${pids:-} $!"
done
for pid in $pids; do
	wait "$pid" || :
done
[ "$(grep -l '^200' "$WORK"/race.* | wc -l)" -eq 1 ] || die "not one winner"
after=$(op server status | awk '/^devices/ { print $2 }')
[ "$after" -eq $((before + 1)) ] || die "$before devices became $after"

# The device listener wants a certificate that is registered, at each request.
checkin='{"v":1,"product":"kiosk","model":"k1","confirmed":true,"activation":0,"interval":60,"updater":"t"}'
ask() { # folder, body
	curl -s --cacert "$WORK/server/ca.pem" --cert "$WORK/keys/$1/cert.pem" \
		--key "$WORK/keys/$1/key.pem" --data "$2" \
		-H 'Content-Type: application/json' -w ' %{http_code}' \
		"https://$(listener device)/v1/checkin" || echo " none"
}
case $(ask l "$checkin") in *'"nothing"'*200) ;; *) die "no decision" ;; esac
# It cannot be what it was not enrolled as.
case $(ask l "$(echo "$checkin" | sed s/k1/k9/)") in
*" 403") ;;
*) die "another model was believed" ;;
esac
device=$(openssl x509 -in "$WORK/keys/l/cert.pem" -noout -subject |
	sed 's/.*CN *= *//')
want 0 op device revoke --reason test "$device"
case $(ask l "$checkin") in *200) die "a revoked device was heard" ;; esac
# Its key is taken for ever.
answer=$(enrol l "$(token)" kiosk k1 good)
case $answer in 200*) die "a revoked key came back" ;; esac

# The keeper lives on, and nothing of the claims is in the log.
want 0 op server status
! grep -qi "$claim" "$WORK/server.log" || die "a claim code in the log"
! grep -q -- "$(echo "$claim" | tr -d -)" "$WORK/server/store.sqlite" ||
	die "a claim code in the store"
echo "enrolment holds"
