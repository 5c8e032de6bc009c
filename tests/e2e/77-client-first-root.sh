#!/bin/sh
# A device that was given the wrong first root refuses it and does not keep it:
# with the right file it works, and nobody has to clean up.
. "$(dirname "$0")/client-lib.sh"
make_repo
make_release 1
make_device d
sed -i 's/^environment = lab/environment = demo/' "$WORK/d/client.conf"
want 10 "$client" update --from "$WORK/publish" --config "$WORK/d/client.conf"
[ ! -e "$WORK/d/state/metadata/root.json" ] || die "the wrong root stayed"
sed -i 's/^environment = demo/environment = lab/' "$WORK/d/client.conf"
want 0 "$client" update --from "$WORK/publish" --config "$WORK/d/client.conf"
# Once trusted, a root stays, whatever the configuration says later.
sed -i 's/^environment = lab/environment = demo/' "$WORK/d/client.conf"
want 10 "$client" update --from "$WORK/publish" --config "$WORK/d/client.conf"
[ -e "$WORK/d/state/metadata/root.json" ] || die "the trusted root went"
