# For the tests of signed orders: a server whose root says "staging": "signed",
# two operators, and their commands. Source it after client-lib.sh.

# Little content, and a proof that holds under another name too: the way back
# carries older content.
make_tree() { # id
	mkdir -p "$WORK/trees/$1/bin"
	seq 1 3000 | sed "s/7/seven in $1/" >"$WORK/trees/$1/data"
	echo "$1" >"$WORK/trees/$1/version"
	printf '#!/bin/sh\ntest -s version\n' >"$WORK/trees/$1/bin/health"
	chmod 755 "$WORK/trees/$1/bin/health"
}

# op1 and op2, of whom two sign for the fleet.
add_operators() {
	"$signer" role add "$WORK/repo" rollout --key "$WORK/op1.pub" \
		--key "$WORK/op2.pub" >/dev/null
	"$signer" role add "$WORK/repo" rollout-wide --key "$WORK/op1.pub" \
		--key "$WORK/op2.pub" --threshold 2 >/dev/null
}

# $WORK/repo: one engineer, two operators of whom two sign for the fleet, and
# the online keys of the server in $WORK/server. More options go to init.
make_ordered_repo() {
	online=
	make_keys key op1 op2
	: >"$WORK/pass"
	"$signer" init "$WORK/repo" --environment "$environment" --owner Tests \
		--staging signed --product gateway --key "$WORK/key" \
		--online-key "$WORK/server/online.pub" "$@" >/dev/null
	add_operators
}

# As a company has it: three people for root, three engineers. Nothing is signed yet.
make_production_repo() {
	make_keys root1 root2 root3 alice bob carol op1 op2
	"$signer" init "$WORK/repo" --environment production --owner Tests \
		--product gateway --root-key "$WORK/root1.pub" \
		--root-key "$WORK/root2.pub" --root-key "$WORK/root3.pub" \
		--targets-key "$WORK/alice.pub" --targets-key "$WORK/bob.pub" \
		--targets-key "$WORK/carol.pub" \
		--online-key "$WORK/server/online.pub" >/dev/null
	add_operators
}

sign() { # operator...
	for name; do
		"$signer" sign "$WORK/repo" --key "$WORK/$name" >/dev/null
	done
}

order() { # command, options...
	what=$1
	shift
	"$signer" order "$what" "$WORK/repo" "$@"
}

order_for() { # release, command, options...
	id=$1 what=$2
	shift 2
	order "$what" --product gateway --release "$id" "$@"
}

bring() { # what is signed, to the server
	rm -rf "$WORK/publish"
	"$signer" publish "$WORK/repo" "$WORK/publish" >/dev/null &&
		operator release import "$WORK/publish" >/dev/null
}

# Offered to everybody, whatever was signed.
offer() { # release
	[ -e "$WORK/admin.key" ] || use_people
	people rollouts "{\"v\":1,\"name\":\"r$1\",\"release\":\"$1\",
		\"cohorts\":[\"canary\",\"fleet\"],\"share\":10000}" >/dev/null
	people_begin "r$1" >/dev/null
}

# A device that was told of the server, enrolled into a cohort.
make_member() { # name, cohort
	make_served_device "$1" "$2"
	on "$1" enroll --claim-file "$WORK/$1/claim"
}

device_id() { # name
	on "$1" status --json | sed -n 's/^ *"device": "\(.*\)",$/\1/p'
}

# A look decides as an update does, and is no attempt that the server counts:
# after three it would not ask again today.
refused() { # status, device, words[, command]
	got=0
	on "$2" "${4:-check}" >"$WORK/said" 2>&1 || got=$?
	[ "$got" -eq "$1" ] && grep -q "$3" "$WORK/said" || {
		cat "$WORK/said"
		die "$2: exit status $got, wanted $1 and \"$3\""
	}
}
