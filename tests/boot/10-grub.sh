#!/bin/sh
# A machine that GRUB starts, with the configuration that packaging/grub ships:
# install, trial, confirmation; a release that never comes up; and the power cut at
# every turn. In QEMU, from the firmware to the client.
. "$(dirname "$0")/guest.sh"
. "$here/grub-lib.sh"
. "$here/life.sh"

make_grub_guest
make_releases
make_grub_disk
live
