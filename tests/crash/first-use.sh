#!/bin/sh
# A device's first use, as a person goes about it: it asks by a file, an officer
# lets it in, it is given the answer, and then a stick until nothing of the
# factory's is left in it. Run again after a cut, it goes on where that was.
#	first-use.sh [--quiet] --config FILE
# FIRST_FOLDER is that person's pocket; FIRST_ANSWER, if set, is the answer that he
# has already in there, FIRST_STICK the stick, FIRST_OFFICER the configuration of who
# lets devices in. Ends with 0 or as the client did.
set -u
while [ $# -gt 1 ]; do shift; done
config=$1
client() {
	"$BIN/updater-client" "$@" --quiet --config "$config"
}
told() { # member of the status
	client status --json 2>/dev/null |
		sed -n "s/^ *\"$1\": *\"\([^\"]*\)\".*/\1/p"
}
is_let_in() {
	case $(told standing) in
	provisioned | active) ;;
	*) false ;;
	esac
}

# An answer is good as long as the device has what it asked with: while it shows
# the code, and when it has just put it away.
use_old_answer() {
	[ -n "${FIRST_ANSWER:-}" ] || return 1
	code=$(told join_code)
	client enroll --response "$FIRST_ANSWER" && return
	[ "$code" != "$(basename "$FIRST_ANSWER")" ] || exit 1
	return 1
}
ask_and_be_answered() {
	asked=$(mktemp "$FIRST_FOLDER/asked.XXXXXX")
	client enroll --request "$asked"
	status=$?
	[ $status -eq 12 ] || exit $status
	code=$(told join_code)
	answer=$FIRST_FOLDER/$code
	"$BIN/update-server" device approve "$code" --request "$asked" \
		--cohort fleet --out "$answer" \
		--operator "$FIRST_OFFICER" >/dev/null || return
	client enroll --response "$answer" || exit
}

# Who was cut off before he had asked has half of what one asks with, and a server
# that was not set back with him knows that half: for it alone he begins anew.
begin_anew() {
	[ -n "$never_asked" ] || exit 70
	rm "$state/identity.key" "$state/decrypt.key" "$state/join.code"
	ask_and_be_answered || exit 70
}

state=$(sed -n 's/^state *= *//p' "$config")
never_asked=
[ ! -e "$state/identity.key" ] || [ -e "$state/decrypt.key" ] || never_asked=yes
is_let_in || use_old_answer || ask_and_be_answered || begin_anew
# Once at least: what was cut off before it had told how it ended does so.
for look in 1 2 3; do
	client update --from "$FIRST_STICK" || exit
	[ "$(told standing)" != active ] || {
		echo "standing active" >&2
		exit 0
	}
done
# While operations fail, the next look is as good as this one.
[ -n "${PAWL_SHIM_HOW:-}" ]
