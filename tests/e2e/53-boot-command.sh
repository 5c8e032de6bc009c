#!/bin/sh
# A device whose loader is spoken for by a program: the protocol, and what is
# made of a program that does not keep to it.
. "$(dirname "$0")/boot-lib.sh"

record=$WORK/record
: >"$record"
cat >"$WORK/program" <<SH
#!/bin/sh
# The record is a file, replaced by a rename.
set -eu
verb=\$1
shift
case \$verb in
read) cat $record ;;
write) printf '%s\n' "\$@" | grep -v '=\$' >$record.new; mv $record.new $record ;;
*) exit 2 ;;
esac
SH
chmod 755 "$WORK/program"
env_get() {
	sed -n "s/^$1=//p" "$record"
}
env_set() {
	for pair; do
		grep -v "^${pair%%=*}=" "$record" >"$record.new" || :
		[ -z "${pair#*=}" ] || echo "$pair" >>"$record.new"
		mv "$record.new" "$record"
	done
}
cat >"$WORK/control" <<INI
control = command
command = $WORK/program
INI

live

# A write that does not last is found before anything is fetched.
make_release 5 --from 1
cp "$WORK/program" "$WORK/good"
sed 's/^write).*/write) : ;;/' "$WORK/good" >"$WORK/program"
rm -f "$record"
touch "$record"
want 1 on one update --from "$WORK/publish" 2>"$WORK/said"
grep -q 'did not last' "$WORK/said" || die "no reason: $(cat "$WORK/said")"
# So is one that says more than it may, or too little.
sed 's/^read).*/read) echo hello ;;/' "$WORK/good" >"$WORK/program"
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a chatty program was believed"
on one status --json | grep -q boot_error || die "status does not tell"
says one slot b
# And a program that others may write is not run at all.
cp "$WORK/good" "$WORK/program"
chmod 777 "$WORK/program"
got=0
on one update --from "$WORK/publish" 2>"$WORK/said" || got=$?
[ $got -ne 0 ] || die "a program of everybody was run"
chmod 755 "$WORK/program"
on one update --from "$WORK/publish"
says one state reboot-pending
