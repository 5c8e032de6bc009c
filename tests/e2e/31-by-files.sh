#!/bin/sh
# A device that never sees the server is let in by two files and a code that an
# officer reads from the device: nobody else's file, nobody else's answer.
. "$(dirname "$0")/server-lib.sh"
make_server
printf '[devices]\nwaiting_max = 0\n' >>"$WORK/server/server.conf"
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
want 0 op cohort create shop

for name in a b; do
	make_device $name default
	rm "$WORK/devices/$name/claim"
	# Were there a way to the server, it would not be looked for.
	sed -i '/^\(url\|enrol\) *=/d' "$WORK/devices/$name/client.conf"
done
code_of() {
	device "$1" status --json | sed -n 's/.*"join_code": *"\([^"]*\)".*/\1/p'
}
request() { # name
	want 12 device "$1" enroll --request "$WORK/$1.request"
	said "bring .*$1.request to an officer"
	code=$(code_of "$1")
	said "$code"
}
approve() { # request, options
	file=$1
	shift
	op device approve "$code" --request "$WORK/$file.request" \
		--out "$WORK/$file.response" "$@"
}

want 2 device a enroll --request "$WORK/a.request" --ask
want 3 device a enroll --ask
request b
other=$code
request a
[ "$code" != "$other" ] || die "one code for two"
grep -q PRIVATE "$WORK/a.request" && die "a key in the file"

# The file of another device than the one that shows the code.
cp "$WORK/b.request" "$WORK/swapped.request"
want 6 approve swapped --cohort shop
said 'of another device'
# A factory that puts another root into the device, and ours into what it asks
# with: the device's own code is of the root that it goes by.
root_of() { # name
	sha256sum "$WORK/devices/$1/root.json" | cut -c1-64
}
cp -r "$WORK/devices/b" "$WORK/devices/exchanged"
sed -i "s|devices/b/|devices/exchanged/|" "$WORK/devices/exchanged/client.conf"
tr -d '\n' <"$WORK/devices/b/root.json" >"$WORK/devices/exchanged/root.json"
echo >>"$WORK/devices/exchanged/root.json"
a_code=$code
request exchanged
sed "s/$(root_of exchanged)/$(root_of b)/" "$WORK/exchanged.request" \
	>"$WORK/covered.request"
! cmp -s "$WORK/exchanged.request" "$WORK/covered.request" ||
	die "it does not say which root it trusts"
want 6 approve covered --cohort shop
said 'of another device'
# Without the cover: nothing that was published here.
want 10 approve exchanged --cohort shop
said 'trusts a root that was not published here'
code=$a_code
# Changed on its way: what it says of itself, and its proof.
sed 's/"k1"/"k2"/' "$WORK/a.request" >"$WORK/model.request"
sed 's/"proof":"../"proof":"00/' "$WORK/a.request" >"$WORK/proof.request"
want 6 approve model --cohort shop
said 'product or model'
want 6 approve proof --cohort shop
head -c 400 "$WORK/a.request" >"$WORK/cut.request"
want 4 approve cut --cohort shop
[ ! -e "$WORK/cut.response" ] || die "an answer to that"
# What goes together, and who may.
want 2 op device approve "$code" --cohort shop --request "$WORK/a.request"
want 13 approve a --cohort nowhere

# Let in: the same answer again, and the device is who it says.
want 0 approve a --cohort shop
cp "$WORK/a.response" "$WORK/first"
want 0 approve a --cohort shop
said 'let in before'
cat >"$WORK/same.py" <<'P'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
sys.exit(a["identity"] != b["identity"])
P
python3 "$WORK/same.py" "$WORK/first" "$WORK/a.response" || die "another answer"

# An answer that no server of ours signed, that was changed, or of another's key.
damage() { # python, name
	python3 - "$WORK/a.response" "$WORK/$2.response" "$1" <<'P'
import json, sys
j = json.load(open(sys.argv[1]))
exec(sys.argv[3])
json.dump(j, open(sys.argv[2], "w"), separators=(",", ":"), sort_keys=True)
P
}
refused() { # status, name
	want "$1" device a enroll --response "$WORK/$2.response"
	[ -n "$(code_of a)" ] || die "$2: it took it"
}
damage 'j["identity"] = j["identity"].replace("shop", "ship")' cohort
refused 6 cohort
damage 's = j["signature"]; j["signature"] = s[:-2] + ("00" if s[-2:] != "00" else "01")' signature
refused 6 signature
damage 'j["more"] = 1' more
refused 4 more
damage 'del j["certificate"]' bare
refused 4 bare
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
	-keyout "$WORK/evil.key" -out "$WORK/evil.pem" -subj /CN=127.0.0.1 2>/dev/null
damage "j['certificate'] = open('$WORK/evil.pem').read()" evil
refused 6 evil
head -c 500 "$WORK/a.response" >"$WORK/half.response"
refused 4 half
want 13 device a enroll --response "$WORK/nothing"
code=$other
want 0 approve b --cohort shop
cp "$WORK/b.response" "$WORK/wrong.response"
refused 6 wrong

# The other key that it asked with is gone: it would be let in without being able
# to read what is sealed for it.
asked_with=$WORK/devices/a/state/decrypt.key
mv "$asked_with" "$WORK/decrypt.key"
cp "$WORK/a.response" "$WORK/keyless.response"
refused 13 keyless
said 'decryption key (decrypt.key) is lost: have .* revoked'
want 13 device a enroll --request "$WORK/again.request"
[ ! -e "$asked_with" ] || die "another key, which nobody has let in"
mv "$WORK/decrypt.key" "$asked_with"

want 0 device a enroll --response "$WORK/a.response"
said 'enrolled: device .*, cohort shop'
want 14 device a enroll --response "$WORK/a.response"
[ -z "$(code_of a)" ] || die "it shows a code still"
device a status --json | grep -q '"cohort": "shop"' || die "which cohort?"
id=$(device a status --json | sed -n 's/.*"device": *"\([^"]*\)".*/\1/p')
op device list | grep -q "$id" || die "the server does not know it"
# And what it holds is good for the server, should there be a way one day.
sed -i "s|^\[server\]|[server]\nurl = https://$(listener device)\nenrol = https://$(listener enrolment)|" \
	"$WORK/devices/a/client.conf"
want 0 device a check
