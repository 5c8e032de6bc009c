# For devices that are enrolled, or will be: a server, whose repository's releases
# the device takes from a stick. Source it after device.sh and blocks-lib.sh.

# A server, and release 1; $WORK/root.json and $WORK/server-ca.pem are what the
# factory puts into a device.
make_fleet() {
	make_server
	make_served_repo
	make_small_tree 1
	serve_release 1
	operator cohort create fleet >/dev/null
	cp "$WORK/publish/metadata/1.root.json" "$WORK/root.json"
	cp "$WORK/server/ca.pem" "$WORK/server-ca.pem"
}

make_stick() { # name
	operator bundle export "$WORK/$1" --valid 3 >/dev/null
}

# The configuration of a device in a folder, in another one.
configure_served() { # file, folder of the device
	cat >"$1" <<INI
[device]
product = gateway
model = board
state = $2/state
[trust]
root = $WORK/root.json
environment = $environment
[server]
ca = $WORK/server-ca.pem
[slot]
path = $2/slots
INI
	chmod 644 "$1"
}

# The same with images that GRUB's block tells apart.
configure_images() { # file, folder of the device, of what says what was booted
	configure_served "$1" "$2"
	cat >>"$1" <<INI
[slot]
kind = image
a = $2/slot-a
b = $2/slot-b
[boot]
control = grub
environment = $2/grubenv
cmdline = $3/cmdline
number = $3/number
INI
}
