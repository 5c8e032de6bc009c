#!/bin/sh
# One person, from nothing to a device that has updated itself by a delta:
# exactly the commands of docs/first-steps-release-engineer.md, ten at most.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
doc=$top/docs/first-steps-release-engineer.md
cd "$WORK"

# What stands between the first fence of shell commands and its end.
awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside' \
	"$doc" >commands
lines=$(wc -l <commands)
[ "$lines" -ge 5 ]
[ "$lines" -le 10 ]

# A person would type the passphrase; there is no terminal here.
echo "correct horse battery" >passphrase
mkdir bin
cat >bin/pawl-signer <<END
#!/bin/sh
case " \$* " in
*" key generate "* | *" --key "*)
	exec "$BIN/signer" "\$@" --passphrase-fd 9 9<"$WORK/passphrase" ;;
*)	exec "$BIN/signer" "\$@" ;;
esac
END
cat >bin/pawl-client <<END
#!/bin/sh
exec "$BIN/updater-client" "\$@"
END
chmod +x bin/*
PATH=$WORK/bin:$PATH

mkdir -p tree-1/bin device
printf '#!/bin/sh\n[ -s "$PAWL_SLOT/data" ]\n' >tree-1/bin/self-test
chmod 755 tree-1/bin/self-test
head -c 2000000 /dev/urandom >tree-1/data
cp -a tree-1 tree-2
echo "a small change" >>tree-2/data

sh -e -u commands
cmp tree-2/data device/slots/current/data
[ "$(readlink device/slots/current)" = b/tree ]

# The delta is what travelled, and it is small.
delta=$(find site/targets -name '*.main-from-1.0.pawl')
[ "$(wc -c <"$delta")" -lt 2000 ]
[ ! -e site/1.root.json ]
[ -e site/metadata/1.root.json ]
grep -q '"medium"' site/metadata/timestamp.json && exit 1

# The device's files hold no key, and the published folder none either.
if grep -rl "PRIVATE KEY" device/etc site; then exit 1; fi
[ "$(ls device/etc)" = "client.conf
root.json" ]

# What is published is shown as such, and not judged as its own successor.
pawl-signer inspect repo >said
grep -q '^root version 1, as it is published:$' said
if grep REFUSED said; then exit 1; fi
# A folder that is none of ours, and nobody to type: the line says the way out.
status=0
pawl-signer sign tree-1 --key alice.key 2>said || status=$?
[ $status -eq 13 ]
grep -q 'tree-1 is not a repository (no pawl.ini)' said
status=0
setsid -w "$BIN/signer" key generate bob.key --environment lab 2>said || status=$?
[ $status -eq 2 ]
grep -q -e '--passphrase-fd N' said
