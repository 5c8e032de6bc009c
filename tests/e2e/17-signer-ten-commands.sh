#!/bin/sh
# Two people, three tokens, production: the commands of docs/key-ceremony.md,
# ten at most, from nothing to a published release that a server could import.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$WORK"
awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside' \
	"$top/docs/key-ceremony.md" >commands
lines=$(wc -l <commands)
[ "$lines" -ge 5 ]
[ "$lines" -le 10 ]

# People would type passphrases; there is no terminal here.
for i in 1 2; do echo "correct horse battery"; done >passphrases
mkdir bin A B S server
cat >bin/pawl-signer <<END
#!/bin/sh
case " \$* " in
*" key generate "* | *" --key "*)
	exec "$BIN/signer" "\$@" --passphrase-fd 9 9<"$WORK/passphrases" ;;
*)	exec "$BIN/signer" "\$@" ;;
esac
END
chmod +x bin/*
PATH=$WORK/bin:$PATH
pawl-signer key generate online.key --environment production --purpose online
mv online.key.pub server/online.pub
mkdir -p tree/bin
printf '#!/bin/sh\nexit 0\n' >tree/bin/self-test
chmod 755 tree/bin/self-test

sh -e -u commands >said
[ "$(grep -c '^.ok.' said)" -eq 4 ]
grep -q '^Missing: root: 2 of .*root-s' said
[ -e site/metadata/1.root.json ]
[ -e site/metadata/1.targets.json ]
[ -n "$(find site/targets -name '*.main-full.pawl')" ]
if grep -rl "sealed\|PRIVATE KEY" repo site; then exit 1; fi

pawl-signer role list repo | grep '^root: 2 of ' | grep root-a | grep root-b |
	grep -q root-s
