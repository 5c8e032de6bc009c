# For the tests of a loader that a program speaks for (control = command): what
# it has to keep is a file, $record, replaced by a rename. What is said to it is
# in $WORK/program; a test may write its own there.
. "$(dirname "$0")/../e2e/boot-lib.sh"

record=$WORK/record
: >"$record"
cat >"$WORK/program" <<SH
#!/bin/sh
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
