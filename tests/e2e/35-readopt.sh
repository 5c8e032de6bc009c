#!/bin/sh
# A device that neither the restored backup nor any log knows: ours by its
# certificate, refused, seen by a person, taken back by id with a reason into
# quarantine, and let out. Whoever was revoked does not come back so, and who
# retires leaves no key.
command -v curl >/dev/null || { echo "needs curl"; exit 77; }
. "$(dirname "$0")/server-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for name in gone lost; do
	make_device $name default
done
want 0 device gone enroll --claim-file "$WORK/devices/gone/claim"
id_of() {
	"$client" status --json --config "$WORK/devices/$1/client.conf" |
		sed -n 's/.*"device": *"\([0-9a-f]*\)".*/\1/p'
}
gone=$(id_of gone)
want 0 op device revoke "$gone"
stop_server
cp -a "$WORK/server" "$WORK/backup"

start_server
for name in gone lost; do
	sed -i -e "s|^url *=.*|url = https://$(listener device)|" \
		-e "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
		"$WORK/devices/$name/client.conf"
done
want 0 device lost enroll --claim-file "$WORK/devices/lost/claim"
want 0 device lost check
lost=$(id_of lost)
at=$(listener device)
stop_server
rm -r "$WORK/server"
mv "$WORK/backup" "$WORK/server"
sed -i "s/^device = .*/device = $at/" "$WORK/server/server.conf"
start_server

want 10 device gone check
want 10 device lost check
said "not (or no longer) registered"
grep -q "device-unknown id=$lost" "$WORK/server.log" || die "nobody was told"
want 0 op device unknown
said "$lost"
grep -q "$gone" "$WORK/said" && die "who was revoked is listed"

readopt() { # id, more
	id=$1
	shift
	op device readopt "$id" --product kiosk --model k1 "$@"
}
want 2 readopt "$lost" --cohort default
said "reason is missing"
want 13 readopt "$lost" --cohort nowhere --reason "it is ours"
said "no cohort"
want 13 readopt "$gone" --cohort default --reason "it is ours"
want 13 readopt 00000000000000000000000000000001 --cohort default --reason x
# A refused act took it off the list; it asks again by itself.
want 10 device lost check
want 0 readopt "$lost" --cohort default --reason "serial 17, in our hands"
said "in quarantine"
want 10 device lost check
said "quarantine"
want 0 op device unknown
grep -q "$lost" "$WORK/said" && die "it is still listed"
want 0 op device release "$lost"
want 0 device lost check
want 0 op audit list
said "device-readopt .*device=$lost"
grep -q "serial 17" "$WORK/said" && die "free text in the log"
want 0 op device show "$lost"

# The other way: taken out of service, where it stands and on the server. Its
# keys are gone, and what it becomes later is somebody else.
want 2 device lost retire
want 14 device lost retire --device "$gone"
said "this is device $lost"
want 0 device lost check
want 0 device lost retire --device "$lost"
said "pawl-server device retire $lost"
want 0 op device retire "$lost"
find "$WORK/devices/lost/state" \( -name 'identity*' -o -name '*.key' \) |
	grep . && die "something of its identity is left"
want 10 device lost check
said "not enrolled yet"
op token create --product kiosk --model k1 --cohort default --plain \
	>"$WORK/devices/lost/claim"
sed -i "s|^enrol *=.*|enrol = https://$(listener enrolment)|" \
	"$WORK/devices/lost/client.conf"
want 0 device lost enroll --claim-file "$WORK/devices/lost/claim"
want 0 device lost check
[ "$(id_of lost)" != "$lost" ] || die "it is the same device again"
