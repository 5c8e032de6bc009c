#!/bin/sh
# Each machine gets exactly the files that packaging/files/ lists; the programs speak
# under the names that they were installed with; the units are ones that systemd takes.
set -eu
: "${BIN:?}" "${WORK:?}"
top=$(cd "$(dirname "$0")/../.." && pwd)

for part in signer server client; do
	sh "$top/tests/check/installed.sh" "$part" "$WORK/$part" B="$BIN"
done

for program in signer/usr/bin/pawl-signer server/usr/sbin/pawl-server \
	client/usr/sbin/pawl-client; do
	name=$(basename "$program")
	"$WORK/$program" --version | grep -q "^$name "
	"$WORK/$program" --help | grep -q "Usage: $name "
	if "$WORK/$program" nonsense 2>"$WORK/said"; then exit 1; fi
	grep -q "^$name: " "$WORK/said"
done

# Completion knows what the program itself says that it can do.
complete() { # program, words..., the last one being typed
	bash -c 'set -u; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		complete() { :; }; _pawl "$1" 2>/dev/null
		[ "${#COMPREPLY[@]}" -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' \
		bash "$top/packaging/completion/pawl.bash" "$@"
}
completes() { # word that must be among them, then as complete
	word=$1
	shift
	complete "$@" | grep -qx -- "$word" || {
		echo "FAILED: completion of \"$*\" lacks $word: $(complete "$@")"
		exit 1
	}
}
if command -v bash >/dev/null; then
	s=$WORK/server/usr/sbin/pawl-server c=$WORK/client/usr/sbin/pawl-client
	completes run "$s" ru
	completes token "$s" ""
	completes create "$s" token ""
	completes activate "$s" token a
	completes --product "$s" token create --pro
	completes --quota "$s" token create --product kiosk --q
	completes --claim-file "$c" enroll --
	completes generate "$WORK/signer/usr/bin/pawl-signer" key ""
	[ -z "$(complete "$s" nonsense "")" ] || exit 1
	for program in "$s" "$c" "$WORK/signer/usr/bin/pawl-signer"; do
		said=$("$program" --help | sed '1,/^Commands:/d' | grep -c '^  [a-z]')
		known=$(bash -c '. "$1"; _pawl_commands "$2" | wc -l' bash \
			"$top/packaging/completion/pawl.bash" "$program")
		[ "$said" -eq "$known" ] || {
			echo "FAILED: $program has $said commands, completion $known"
			exit 1
		}
	done
fi

# A file more, or a mode that is not the listed one, is noticed.
if (
	cd "$WORK/client" && touch usr/sbin/left-over
	sh "$top/tests/check/installed.sh" client "$WORK/client" B="$BIN"
) >"$WORK/said" 2>&1; then
	echo "FAILED: a file that is not listed was not noticed"
	exit 1
fi
grep -q 'left-over' "$WORK/said"
rm "$WORK/client/usr/sbin/left-over"

# The device has no program of other machines, and no key.
if find "$WORK/client" -type f | grep -E 'signer|server|\.key|\.pem'; then
	echo "FAILED: a device got what is not for devices"
	exit 1
fi

# Flash is dear: what a device gets stays within 400 KB, however one counts them.
case $BIN in
*/release)
	strip -o "$WORK/stripped" "$WORK/client/usr/sbin/pawl-client"
	size=$(wc -c <"$WORK/stripped")
	echo "figure client-size $size bytes"
	[ "$size" -le 400000 ]
	;;
esac

command -v systemd-analyze >/dev/null || {
	echo "systemd-analyze is not here: the units were not checked by systemd"
	exit 0
}
for part in server client guard; do
	installed=${part%guard}
	installed=$WORK/${installed:-client}
	# What the units stand on, in a root of its own.
	for unit in sysinit basic shutdown network-online multi-user; do
		echo '[Unit]' >"$installed/usr/lib/systemd/system/$unit.target"
	done
	systemd-analyze verify --man=no --root="$installed" \
		"/usr/lib/systemd/system/pawl-$part.service" 2>"$WORK/said" || {
		cat "$WORK/said"
		exit 1
	}
	if grep "pawl-$part" "$WORK/said"; then exit 1; fi
done
# How much of the machine they leave open, in tenths; 83 would be no limit at all.
for limit in client:50 guard:50 server:15; do
	unit=$(find "$WORK"/client "$WORK"/server -name "pawl-${limit%:*}.service")
	systemd-analyze security --offline=true --no-pager \
		--threshold="${limit#*:}" "$unit" >"$WORK/said" || {
		grep -E '✗|Overall' "$WORK/said"
		exit 1
	}
done
# What the client confines itself by is not what its unit takes away.
for call in seccomp landlock_create_ruleset landlock_add_rule \
	landlock_restrict_self; do
	grep -q "^SystemCallFilter=.*\<$call\>" \
		"$WORK/client/usr/lib/systemd/system/pawl-client.service"
done
echo '[Unit]' >"$WORK/server/usr/lib/systemd/system/timers.target"
systemd-analyze verify --man=no --root="$WORK/server" \
	/usr/lib/systemd/system/pawl-server-tls.timer 2>"$WORK/said" || {
	cat "$WORK/said"
	exit 1
}
if grep "pawl-server-tls" "$WORK/said"; then exit 1; fi

# The client of a Buildroot image knows when its source was made: by its history, not
# by one that lies around it, or else by its files.
cat >"$WORK/recipe.mk" <<'MK'
BR2_EXTERNAL_PAWL_PATH := $(FROM)/packaging/buildroot
PAWL_OVERRIDE_SRCDIR := $(FROM)
include $(RECIPE)
all:
	@echo '$(PAWL_MAKE_OPTS)'
MK
born() { # source
	make -s --no-print-directory -f "$WORK/recipe.mk" FROM="$1" \
		RECIPE="$top/packaging/buildroot/pawl/pawl.mk" all |
		sed -n 's/.* SOURCE_DATE_EPOCH=\([0-9][0-9]*\)$/\1/p'
}
mkdir -p "$WORK/around/source"
touch -d @1700000000 "$WORK/around/source/VERSION"
[ "$(born "$WORK/around/source")" = 1700000000 ] || {
	echo "FAILED: without a history: $(born "$WORK/around/source")"
	exit 1
}
if command -v git >/dev/null; then
	made() { # folder, second
		git -C "$1" init -q
		GIT_COMMITTER_DATE="@$2 +0000" git -C "$1" -c user.name=x \
			-c user.email=x@example commit -q --allow-empty -m x
	}
	made "$WORK/around" 1600000000
	[ "$(born "$WORK/around/source")" = 1700000000 ] || {
		echo "FAILED: the history of what lies around counts"
		exit 1
	}
	made "$WORK/around/source" 1650000000
	[ "$(born "$WORK/around/source")" = 1650000000 ] || {
		echo "FAILED: the history does not count"
		exit 1
	}
fi
