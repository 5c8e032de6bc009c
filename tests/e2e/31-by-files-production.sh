#!/bin/sh
# In production a device that asks by a file takes two officers: the word of one,
# said twice or not, answers nothing; of two who say different things the second is
# refused; and the second one's command writes the answer.
export environment=production
. "$(dirname "$0")/client-lib.sh"

make_server
operator cohort create shop >/dev/null
operator cohort create fleet >/dev/null
"$server" person create "$WORK/mia" --name mia --environment production \
	--url "https://127.0.0.1:$((base + 2))" --ca "$WORK/server/ca.pem" >/dev/null
"$server" person add "$WORK/server" "$WORK/mia/person.pem" --role officer >/dev/null
mia() {
	"$server" "$@" --operator "$WORK/mia/operator.conf"
}
said() {
	grep -q -- "$1" "$WORK/said" || {
		cat "$WORK/said"
		die "it did not say: $1"
	}
}
has_no_answer() { # name
	[ ! -e "$WORK/$1.response" ] || die "$1 is answered too early"
}

# Devices without a way to the server. Nothing is published there yet, so what they
# trust in releases is a part of their code alone; without any there is none.
for name in a b; do
	mkdir "$WORK/$name"
	cat >"$WORK/$name/client.conf" <<INI
[device]
product = gateway
model = board
state = $WORK/$name/state
[trust]
root = $WORK/$name/root.json
environment = production
[server]
ca = $WORK/server/ca.pem
[slot]
path = $WORK/$name/slots
INI
	want 13 on $name enroll --request "$WORK/$name.request" 2>/dev/null
	echo "the root of $name" >"$WORK/$name/root.json"
	want 12 on $name enroll --request "$WORK/$name.request" 2>/dev/null
done
code_of() { # device
	on "$1" status --json | sed -n 's/.*"join_code": *"\([^"]*\)".*/\1/p'
}
approve() { # officer, code of this device, cohort, file of that one
	"$1" device approve "$(code_of "$2")" --cohort "$3" \
		--request "$WORK/${4:-$2}.request" \
		--out "$WORK/${4:-$2}.response" >"$WORK/said" 2>&1
}

# One officer's word is not enough, and said again it is still one.
want 12 approve operator a shop
said "the other one runs this with the same files"
has_no_answer a
want 14 approve operator a shop
said "now a second officer has to"
has_no_answer a

# The other one says something else, or has another device's file.
want 14 approve mia a fleet
said "approved it for another cohort"
want 6 approve mia a shop b
has_no_answer a
has_no_answer b

# Two who say the same let in that device, and no other.
want 0 approve mia a shop
want 0 on a enroll --response "$WORK/a.response" 2>/dev/null
says a standing provisioned
says a cohort shop
want 6 on b enroll --response "$WORK/a.response" 2>/dev/null
says b standing enrolling
want 12 approve mia b shop
has_no_answer b
operator audit list >"$WORK/said"
said "device-ask"
said "device-approve"
