#!/bin/sh
# Mistakes that people make at night: the wrong file, another's folder, a name with
# a letter too many, a certificate that has ended. Each is refused in one line that
# names the way out.
command -v faketime >/dev/null || { echo "needs faketime"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

refused() { # status, words, command...
	status=$1 words=$2
	shift 2
	want "$status" "$@"
	said "$words"
}

# ---- the release engineer ------------------------------------------------------

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
cd "$WORK"
none="none is not a repository (no pawl.ini): make one with init"
refused 13 "$none" "$signer" publish none site
refused 13 "$none" "$signer" publish none publish
[ ! -e site ] || die "it made the folder"
for command in "release show" "release withdraw" "release retry"; do
	# shellcheck disable=SC2086 # two words
	refused 13 "kiosk has no release r9 (release list shows them)" \
		"$signer" $command repo --product kiosk --id r9
done
refused 13 "targets delegate to no role rollout: role add does" \
	"$signer" order open repo --product kiosk --release r1 --cohort shop
for command in "log-key repo none" "site repo --url https://x --ca none"; do
	# shellcheck disable=SC2086 # words
	refused 13 "signer: none: No such file" "$signer" $command
done

# ---- who a person is -----------------------------------------------------------

start_server
person() { # name, folder made by
	name=$1
	shift
	"$@" "$server" person create "$name" --name "$name" --environment demo \
		--url "https://$(listener people)" --ca server/ca.pem >/dev/null
}
as() { # name, command...
	name=$1
	shift
	"$server" "$@" --operator "$name/operator.conf"
}
person new
person old faketime -f -400d
faketime -f -400d "$server" person add server old/person.pem --role operator \
	>/dev/null
refused 10 "nobody's certificate: person add, on the server," as new rollout list
refused 7 "old/operator.conf: person.pem: it ended at .*: person create" \
	as old rollout list
refused 7 "old/person.pem: it ended at .*: person create" \
	"$server" person add server old/person.pem --role operator
refused 13 "update-server: none: No such file" \
	"$server" person add server none --role operator
refused 4 "person list shows them" "$server" person revoke server new --reason x
refused 4 "ca status shows them" "$server" ca withdraw server 00 --reason x
"$server" person add server new/person.pem --role operator >/dev/null
want 0 as new rollout list

# Another's certificate, none, another listener, and where nobody listens.
conf() { # what operator.conf says, instead of
	sed "s|^$1 *=.*|$1 = $2|" new/operator.conf >new/other.conf
	refused "$3" "$4" "$server" rollout list --operator new/other.conf
}
conf ca ../server/admin/admin.pem 6 "is \[server\] ca that server's ca.pem"
conf ca ../repo.root.pub 6 "\[server\] ca: no certificate"
conf certificate ../repo.root.pub 4 "repo.root.pub: certificate: no PEM"
conf url "https://$(listener device)" 9 "listens for people, and not for devices"
conf url https://127.0.0.1:1 9 "is the server running"

# ---- what a person means -------------------------------------------------------

op release import publish >/dev/null
op cohort create shop >/dev/null
refused 2 "^update-server: --share: a share" \
	op rollout create a --release r1 --cohort shop --share 0
refused 2 "^update-server: --phases: a share" \
	op rollout create a --release r1 --cohort shop --phases canary,0
want 0 op rollout create a --release r1 --cohort shop
refused 2 "--plan: not the 64 hex digits that .rollout plan NAME. prints" \
	op rollout start a --plan r1
refused 2 "--plan: not the 64 hex digits that .release gc. prints" \
	op release gc --plan r1 --reason x
for command in show why "pin --reason x" "block --reason x" "clear --reason x" \
	"revoke --reason x" "forget --reason x" "release --reason x"; do
	# shellcheck disable=SC2086 # words
	got=0
	op device $command kiosk-1 >said 2>&1 || got=$?
	case $got in 2 | 4 | 13) ;; *) die "device $command: $got" ;; esac
	grep -q "not a device id: see .device list." said ||
		die "device $command: $(cat said)"
done
refused 2 "not a device id: see .device list." op token create \
	--product kiosk --model k1 --cohort shop --replaces kiosk-1
refused 13 "update-server: none: No such file" op outpost add x none
refused 14 "publish is there already, and stays as it is: name another file" \
	op device export publish
refused 2 "--valid: at least a day" op bundle export medium --valid 0
refused 13 "is this what .audit export. wrote" \
	"$server" audit verify publish --key server/audit.pub
refused 13 "update-server: --key: none: No such file" \
	"$server" audit verify publish --key none
echo "each says the way out"
