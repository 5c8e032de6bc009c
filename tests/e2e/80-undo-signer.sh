#!/bin/sh
# The way back is signed in the same ceremony: the content before, under the
# next number, with an end; and what one operator may open alone.
set -eu
cd "$WORK"
signer=$BIN/signer
echo "a good passphrase" >pass
"$signer" key generate a.key --environment lab --passphrase-fd 3 3<pass
"$signer" init repo --environment lab --owner ACME --product gateway \
	--key a.key --with-online --passphrase-fd 3 3<pass >/dev/null 2>&1
create() {
	"$signer" release create repo --product gateway --quiet "$@"
}
show() {
	"$signer" release show repo --product gateway --id "$1" --json
}
has() {
	case $(cat) in
	*"$1"*) ;;
	*)
		echo "missing: $1" >&2
		exit 1
		;;
	esac
}

mkdir one
head -c 300000 /dev/urandom >one/data
cp -a one two
echo more >>two/data

# There must be something to go back to.
if create --id 1 --input one --with-undo 2>said; then exit 1; fi
has "no release before" <said
create --id 1 --input one
show 1 | has '"one_operator_cohorts": [
'
if create --id 2 --input one --with-undo 2>said; then exit 1; fi
has "nothing to undo" <said
if create --id 2 --input two --with-undo --undo-until 2001-01-01T00:00:00Z \
	2>said; then exit 1; fi
has "over already" <said
if create --id 2 --input two --undo-to 1 2>said; then exit 1; fi
has "with-undo" <said
if create --id 2 --input two --one-operator-share 101 2>said; then exit 1; fi
has "percentage" <said

create --id 2 --input two --from 1 --with-undo --one-operator-share 25
show 2 >two.json
show 2.undo >undo.json
has '"seq": 2,' <two.json
has '"one_operator_limit": "3ff' <two.json
has '"seq": 3,' <undo.json
has '"content_seq": 1,' <undo.json
has '"undo_of": "2",' <undo.json
has '"urgent": true' <undo.json
has '"base": "2"' <undo.json
digest() { sed -n 's/^ *"digest": "\(.*\)".*/\1/p' "$1"; }
show 1 >one.json
[ "$(digest one.json)" = "$(digest undo.json)" ]

# Going back is no place to go back to, unless somebody says so.
cp -a two three
echo x >three/x
create --id 3 --input three --with-undo
show 3.undo >undo.json
[ "$(digest two.json)" = "$(digest undo.json)" ]
cp -a three four
echo x >four/y
create --id 4 --input four --with-undo --undo-to 1 --one-operator-cohort lab
show 4.undo | has '"content_seq": 1,'
show 4 | has '"lab"'

"$signer" sign repo --key a.key --passphrase-fd 3 3<pass >/dev/null
"$signer" publish repo out >/dev/null 2>&1
ls out/targets/gateway/2.undo | has main-full.pawl
ls out/targets/gateway/2.undo | has main-from-2.pawl
