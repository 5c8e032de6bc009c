#!/bin/sh
# A production ceremony, two of three, on machines that are folders here: files
# are carried, signed, merged; what is missing, foreign, forged or changed is
# refused with a reason, and nothing changes then.
set -eu
cd "$WORK"
signer=$BIN/signer
echo "a good passphrase" >pass

# refused STATUS PATTERN COMMAND...: fails so, and says so.
refused() {
	want=$1 pattern=$2
	shift 2
	status=0
	"$@" >said 2>&1 3<pass || status=$?
	[ "$status" -eq "$want" ] || {
		echo "status $status instead of $want: $*"
		cat said
		exit 1
	}
	grep -q "$pattern" said || {
		echo "not said: $pattern"
		cat said
		exit 1
	}
}
sign() { # FILE OWNER
	"$signer" sign "$1" --key "home/$2.key" --passphrase-fd 3 3<pass
}
state() { # everything that a refused command must leave alone
	(cd repo && find . -type f ! -name .lock -exec sha256sum {} + | sort)
}

mkdir home
for owner in r1 r2 r3 alice bob carol; do
	"$signer" key generate "home/$owner.key" --environment production \
		--passphrase-fd 3 3<pass
	[ "$(stat -c %a "home/$owner.key")" = 600 ]
done
"$signer" key generate home/server.key --environment production \
	--purpose online --passphrase-fd 3 3<pass
refused 14 "not overwritten" "$signer" key generate home/alice.key \
	--environment production --passphrase-fd 3
echo short >short
status=0
"$signer" key generate home/x.key --environment lab --passphrase-fd 3 3<short \
	2>said || status=$?
[ $status -eq 10 ]
grep -q "8" said
[ ! -e home/x.key ]

# ---- init: what production does not allow ----------------------------------

init() { # more options...
	"$signer" init repo --environment production --owner ACME \
		--product gateway --root-key home/r1.key.pub \
		--root-key home/r2.key.pub --root-key home/r3.key.pub \
		--targets-key home/alice.key.pub \
		--targets-key home/bob.key.pub "$@"
}
refused 10 "production" init --with-online
refused 10 "no key holds two roles" "$signer" init repo \
	--environment production --owner ACME --product gateway \
	--key home/alice.key --passphrase-fd 3
refused 10 "private key" init --targets-key home/carol.key
[ ! -e repo ]
init --online-key home/server.key.pub
"$signer" key import repo --role targets home/carol.key.pub
refused 14 "already" init
refused 14 "already" "$signer" key import repo --role targets \
	home/carol.key.pub

# Who does not say what is needed is asked for all of it, on a terminal; what
# production does not allow is asked again.
refused 2 "are needed" "$signer" init asked
refused 2 "production allows 30 to 730" init --root-days 29
refused 2 "production allows 7 to 400" init --product-days 6
python3 - "$signer" "$WORK/asked" <<'PY'
import os, pty, sys
answers = ["production", "ACME", "security@acme.example", "gateway rollout",
           "gateway sensor", "29", "365", "", "200", "14", "", "300"]
pid, tty = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "init", sys.argv[2]])
said = b""
while True:
    try:
        part = os.read(tty, 1000)
    except OSError:
        break
    if not part:
        break
    said += part
    if said.endswith(b": ") and answers:
        os.write(tty, answers.pop(0).encode() + b"\n")
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text = said.decode()
print(text)
assert status == 0 and not answers, (status, answers)
assert "30 to 730 [730]" in text and "folder of signed documents" in text
PY
for line in 'owner = ACME' 'contact = security@acme.example' \
	'product = gateway' 'product = sensor' 'root_days = 365' \
	'targets_days = 400' 'product_days = 200' 'nightly_days = 14' \
	'rollout_days = 30' 'rollout_wide_days = 300'; do
	grep -qx "$line" asked/pawl.ini
done

# A key in two roles, a threshold of one: nobody signs such a root.
cp -a repo good
"$signer" key import repo --role root home/alice.key.pub
refused 10 "one key holds" sign repo r1
rm -rf repo && cp -a good repo
"$signer" threshold repo --role root --signatures 1
refused 10 "at least 2" sign repo r1
rm -rf repo && cp -a good repo
"$signer" threshold repo --role targets --signatures 4
refused 10 "threshold" sign repo r1
rm -rf repo && mv good repo

# ---- a release -------------------------------------------------------------

mkdir -p tree/bin
printf '#!/bin/sh\nexit 0\n' >tree/bin/check
chmod 755 tree/bin/check
echo data >tree/data
create() {
	"$signer" release create repo --product gateway --input tree --quiet "$@"
}
before=$(state)
refused 13 "no bin/nothing in" create --id 1 --health bin/nothing
refused 10 "nobody may execute" create --id 1 --health data
refused 10 "no releases for" "$signer" release create repo \
	--product gadget --id 1 --input tree
refused 13 "no release 0" create --id 1 --from 0
refused 2 "no name" create --id "Not A Name"
[ "$before" = "$(state)" ]
create --id 1 --health "bin/check"

# ---- three machines --------------------------------------------------------

for machine in a b c; do
	mkdir "stick-$machine"
	cp repo/staged/root.json repo/staged/targets.json "stick-$machine"
done
sign stick-a/root.json r1
sign stick-a/targets.json alice | head -5 >five
grep -q '^Product: gateway (production)$' five
grep -q '^To:      targets 1: gateway 1 (seq 1)$' five
sign stick-b/root.json r3
sign stick-b/targets.json alice
sign stick-c/targets.json carol

refused 6 "missing 2 of r1, r2, r3" "$signer" publish repo site
"$signer" merge repo stick-a/root.json stick-a/targets.json
refused 6 "missing 1 of r2, r3" "$signer" publish repo site
"$signer" merge repo stick-b/root.json
refused 6 "missing 1 of bob, carol" "$signer" publish repo site
[ ! -e site/metadata ]

# The same key again brings nothing; others are refused, all or nothing.
"$signer" merge repo stick-b/targets.json 2>said
grep -q "nothing new" said
before=$(state)
cp stick-c/targets.json wrong.json
sign wrong.json r1
refused 6 "no targets key" "$signer" merge repo stick-c/targets.json wrong.json
sed 's/gateway/gatewax/g' stick-c/targets.json >tampered.json
refused 14 "not what is staged" "$signer" merge repo tampered.json
# Another last digit, whatever it was.
sed -e 's/\("sig":"[0-9a-f]*\)0"/\11"/;t' \
	-e 's/\("sig":"[0-9a-f]*\)[1-9a-f]"/\10"/' \
	stick-c/targets.json >forged.json
refused 6 "is wrong" "$signer" merge repo forged.json
head -c 300 stick-c/targets.json >cut.json
refused 4 "cut.json" "$signer" merge repo cut.json
refused 4 "alice.key.pub" "$signer" merge repo home/alice.key.pub
[ "$before" = "$(state)" ]

# A key of another environment never signs here; nor does a strange file.
"$signer" key generate home/demo.key --environment demo --passphrase-fd 3 3<pass
refused 10 "demo" "$signer" sign repo --key home/demo.key --passphrase-fd 3
refused 10 "demo" "$signer" sign stick-c/targets.json --key home/demo.key \
	--passphrase-fd 3
refused 10 "purpose" "$signer" sign repo --key home/server.key --passphrase-fd 3
echo "another passphrase" >other
status=0
"$signer" sign repo --key home/carol.key --passphrase-fd 3 3<other || status=$?
[ $status -eq 6 ]
[ "$before" = "$(state)" ]

"$signer" merge repo stick-c/targets.json

# Enough have signed; production wants more to be true before it publishes.
day=$(date -u +%F)
refused 10 "2 points of the checklist are open" "$signer" publish repo site
grep -q '^.ok. spare:' said
grep -q '^.open. keys: r2 of root, bob of targets; never signed' said
grep -q '^.open. backup: never compared; .*--backup-checked DAY' said
refused 10 '"point": "keys"' "$signer" publish repo site --json
grep -q '"way_out": "never signed: let each sign' said
refused 2 "the day on which" "$signer" publish repo site \
	--backup-checked 2020-01-01
refused 2 "the day on which" "$signer" publish repo site \
	--backup-checked tomorrow
[ ! -e site/metadata ]
sign repo r2
sign repo bob
"$signer" checklist repo | grep -q '^.open. backup'
"$signer" publish repo site --backup-checked "$day"
[ "$("$signer" checklist repo | grep -c '^.ok.')" -eq 4 ]
[ -e site/metadata/1.root.json ]
[ -e site/metadata/1.targets.json ]
[ ! -e site/metadata/timestamp.json ]
refused 10 "production" "$signer" publish repo site --with-online
cp -a site again
"$signer" publish repo again
diff -r site again

# Into a folder that is somebody else's nothing is written; into what this
# repository published before, with whatever a web server keeps there, it is,
# and where a first run was cut off before any metadata.
mkdir theirs
echo mine >theirs/notes
refused 14 'theirs: "notes" lies there already: name an empty folder' \
	"$signer" publish repo theirs
[ "$(ls -A theirs)" = notes ]
mkdir -p foreign/metadata
sed 's/1/2/' site/metadata/1.root.json >foreign/metadata/1.root.json
refused 14 "foreign: what another repository published lies there: name another" \
	"$signer" publish repo foreign
[ ! -e foreign/targets ]
refused 2 "repo: that is the repository itself: name another folder" \
	"$signer" publish repo repo
cp -a site cut-off
rm -r cut-off/metadata
mkdir cut-off/lost+found
"$signer" publish repo cut-off
rmdir cut-off/lost+found
diff -r site cut-off
echo hello >again/index.html
"$signer" publish repo again

# ---- a change drops signatures ---------------------------------------------

create --id 2 --health bin/check
sign repo alice
create --id 3 --health bin/check 2>said
grep -q "1 signature of the former one dropped" said
refused 14 "never used again" create --id 2 --health bin/check
"$signer" inspect repo | head -5 >five
grep -q '^From:    targets 1: gateway 1 (seq 1)$' five
grep -q '^To:      targets 2: gateway 3 (seq 3)$' five
grep -q '^Signed:  nobody$' five
grep -q '^Missing: 2 of alice, bob, carol$' five

# Two keys at once, one passphrase line each.
cat pass pass >two
"$signer" sign repo --key home/bob.key --key home/carol.key \
	--passphrase-fd 3 3<two
"$signer" publish repo site
[ -e site/metadata/2.targets.json ]

# A package that was damaged in the repository does not get out.
"$signer" release withdraw repo --product gateway --id 2
cat pass pass | "$signer" sign repo --key home/bob.key --key home/carol.key \
	--passphrase-fd 0
package=$(find repo/targets/gateway/3 -type f)
printf X | dd of="$package" bs=1 seek=70 conv=notrunc 2>/dev/null
refused 6 "damaged" "$signer" publish repo elsewhere
[ ! -e elsewhere/metadata ]
