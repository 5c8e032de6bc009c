#!/bin/sh
# People come and go while the server runs: each makes a key of their own, may
# do what their role allows, and is refused from the moment of the revocation.
# All of it is in the audit log.
. "$(dirname "$0")/server-lib.sh"

make_server
start_server
person() { # name
	want 0 "$server" person create "$WORK/$1" --name "$1" \
		--environment demo --ca "$WORK/server/ca.pem" \
		--url "https://$(listener people)"
}
add() { # name, role
	want 0 "$server" person add "$WORK/server" "$WORK/$1/person.pem" \
		--role "$2"
}
as() { # name, command...
	name=$1
	shift
	"$server" "$@" --operator "$WORK/$name/operator.conf"
}

for who in bob carol dave erin; do
	person "$who"
	[ "$(stat -c %a "$WORK/$who/person.key")" = 600 ] || die "open key"
done
# Whoever makes a certificate is nobody yet.
want 10 as bob cohort list
add bob operator
add carol officer
add dave auditor
add erin admin

# Everybody reads; each changes what is their work.
want 0 as dave cohort list
want 0 as bob cohort create canary
want 10 as carol cohort create beta
said "takes an operator"
want 10 as dave cohort create beta
want 0 as carol token create --product kiosk --model k1 --cohort canary
want 10 as bob token create --product kiosk --model k1 --cohort canary
said "takes an officer"

# An admin alone, stolen or of ill will, reads, and does nobody else's work.
want 0 as erin device list
want 10 as erin cohort create beta
said "takes an operator"
want 10 as erin token create --product kiosk --model k1 --cohort canary
said "takes an officer"
want 10 as erin device revoke --reason test 00000000000000000000000000000000
said "takes an officer"

# What cannot be a person: a key that is known, a CA, a device's or server's.
want 14 "$server" person add "$WORK/server" "$WORK/bob/person.pem"
want 2 "$server" person add "$WORK/server" "$WORK/bob/person.pem" --role root
want 6 "$server" person add "$WORK/server" "$WORK/server/ca.pem"
want 6 "$server" person add "$WORK/server" "$WORK/bob/operator.conf"
want 2 "$server" person create "$WORK/eve" --name "Eve E" --url "https://x:1" \
	--ca "$WORK/server/ca.pem"
want 2 "$server" person create "$WORK/eve" --name eve --url "http://x:1" \
	--ca "$WORK/server/ca.pem"

# Revoked while the server runs: at once, once, and for ever.
bob=$("$server" person list "$WORK/server" | sed -n 's/^bob .* //p')
want 0 "$server" person list "$WORK/server" --json
python3 - "$WORK/said" "$bob" <<'PY' || die "the list as JSON"
import json, sys
people = json.load(open(sys.argv[1]))["people"]
[bob] = [p for p in people if p["certificate"] == sys.argv[2]]
assert bob["name"] == "bob" and not bob["revoked"], bob
PY
want 0 "$server" person revoke --reason test "$WORK/server" "$bob" --json
said "\"revoked\": \"$bob\""
said '"checkpoint": true'
want 10 as bob cohort list
want 14 "$server" person revoke --reason test "$WORK/server" "$bob"
want 13 "$server" person revoke --reason test "$WORK/server" "$(echo "$bob" | tr 0-9a-f 1)"
want 4 "$server" person revoke --reason test "$WORK/server" bob
want 14 "$server" person add "$WORK/server" "$WORK/bob/person.pem"
"$server" person list "$WORK/server" | grep -q "^bob .* revoked$" ||
	die "the list does not tell"
want 0 as carol cohort list

# What was done beside the running server stands in its log, which verifies.
want 0 op audit export "$WORK/log"
[ "$(grep -c '"act":"person-add"' "$WORK/log/records.jsonl")" -eq 5 ] ||
	die "not five people came"
grep '"act":"person-revoke"' "$WORK/log/records.jsonl" | grep -q "$bob" ||
	die "nobody went"
! grep -q "bob\|carol\|dave\|erin" "$WORK/log/records.jsonl" || die "a name"
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
