#!/bin/sh
# What `make demo` shows, on two small trees: the whole loop of all three
# programs, a bad release that comes back by itself included. The demo checks
# each step itself and fails aloud.
set -eu
mkdir -p "$WORK/old/bin" "$WORK/old/share" "$WORK/new"
i=0
while [ "$i" -lt 20 ]; do
	head -c 20000 /dev/urandom | od -An -tx1 >"$WORK/old/share/file $i"
	i=$((i + 1))
done
ln -s "../share/file 3" "$WORK/old/bin/link"
printf '#!/bin/sh\necho old\n' >"$WORK/old/bin/program"
chmod 755 "$WORK/old/bin/program"
cp -a "$WORK/old/." "$WORK/new"
printf '#!/bin/sh\necho new\n' >"$WORK/new/bin/program"
echo changed >>"$WORK/new/share/file 7"
rm "$WORK/new/share/file 9"
DEMO_HOME=$WORK/demo sh "$(dirname "$0")/../demo/demo.sh" \
	"$WORK/old" "$WORK/new"
for device in canary-1 fleet-1 fleet-2; do
	# After release 2, the way back: the content of release 1.
	diff -r --no-dereference -x pawl "$WORK/old" \
		"$WORK/demo/devices/$device/slots/current/"
done
