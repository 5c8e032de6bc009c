#!/bin/sh
# What a delta may meet: a base that is not the one it was made of, that is
# written while it is read, or another product's delta in its place; and trees
# that are hard to keep. Nothing is activated that is not right to the byte, and
# what cannot be kept is refused by name. (Damaged files: 20; another model: 21;
# a full disk: 22; a rotten base: 72; more trees: 06, 29-delta-many-entries.)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/device.sh
. "$here/device.sh"
make_repository
make_devices

from_bad() {
	client device update --from bad
}

delta=$(cd r2 && ls targets/gateway/2/*-from-1.pawl)

# ---- a base that changed ------------------------------------------------------

# The full package is the way out, and it is taken by itself.
changed() { # what, command...
	what=$1
	shift
	fresh
	chmod -R u+w device/slots/current/
	"$@"
	client device update --from r2 --json >out 2>err ||
		die "$what: status $?: $(cat err)"
	grep -q '"package": *"full"' out || die "$what: $(cat out)"
	[ "$(runs device)" = 2 ] || die "$what: not release 2"
	cmp -s device/slots/current/share/data tree2/share/data ||
		die "$what: not the content of release 2"
	echo "ok $what: the full package"
}
share=device/slots/current/share
changed 'a base with a byte more' sh -c "echo >>$share/data"
changed 'a base without a file' rm $share/data
changed 'a base with a file more' sh -c "echo >$share/more"
changed 'a base with a fifo' mkfifo $share/fifo

# With the full package gone there is no way out: then the release stays.
fresh
echo >>$share/data
rm bad/targets/gateway/2/*-full.pawl
status=0
from_bad >out 2>err || status=$?
[ "$status" -ne 0 ] && [ "$(runs device)" = 1 ] ||
	die "a changed base without a full package: status $status"
[ "$(grep -c '^updater-client: ' err)" -eq 1 ] || die "$(cat err)"
echo "ok a changed base without a full package: status $status"

# ---- another base than the delta's ----------------------------------------------

# A device that missed release 2 cannot take what was made of it.
make_tree tree3 3
create 3 tree3 --from 2
sign_and_publish repo r3
fresh
client device update --from r3 --json >out 2>err ||
	die "release 3 by one that has 1: $(cat err)"
grep -q '"package": *"full"' out && [ "$(runs device)" = 3 ] ||
	die "release 3 by one that has 1: $(cat out)"
echo "ok a delta from 2 on a device that has 1: the full package"
fresh
cp r3/targets/gateway/3/*-from-2.pawl "bad/$delta"
refused 'a delta from another base in its place' '4 5 6' from_bad

# ---- a base that is written meanwhile ------------------------------------------

# It was whole when it was looked at; one byte of it becomes another when it is
# opened again, and is read after that.
cc=${CC:-cc}
if ! command -v "${cc%% *}" >/dev/null; then
	echo "left out, for want of $cc: a base that is written meanwhile"
else
	cat >meanwhile.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Mapped, as the client closes what it did not open. */
static char *base;

__attribute__((constructor)) static void begin(void)
{
	const int fd = open(getenv("BASE"), O_RDWR | O_CLOEXEC);

	base = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

int openat64(int dir, const char *name, int flags, ...);
int openat64(int dir, const char *name, int flags, ...)
{
	int (*real)(int, const char *, int, ...) =
		(int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT,
							    "openat64");

	static int opened;

	if (!(flags & O_CREAT) && strcmp(name, "data") == 0 && ++opened == 2)
		base[7] = 'X';
	return real(dir, name, flags, 0600);
}
C
	# shellcheck disable=SC2086 # a command of several words
	$cc -shared -fPIC -w -o meanwhile.so meanwhile.c -ldl
	fresh
	chmod -R u+w device/slots/current/
	base=$(readlink -f device/slots/current)/share/data
	status=0
	LD_PRELOAD=$WORK/meanwhile.so BASE=$base client device update \
		--from r2 >out 2>err || status=$?
	! cmp -s tree1/share/data "$base" ||
		die 'the base was not written meanwhile'
	[ "$status" -eq 6 ] && [ "$(runs device)" = 1 ] &&
		[ "$(grep -c '^updater-client: ' err)" -eq 1 ] &&
		grep -q 'content is not the signed one' err ||
		die "a base written meanwhile: status $status: $(cat err)"
	recovers 'a base written meanwhile'
	cmp -s $share/data tree2/share/data ||
		die 'not the content of release 2'
	echo "ok a base written meanwhile: status 6, then the full package"
fi

# ---- another product's delta ---------------------------------------------------

signer init other --environment lab --owner 'End-to-end tests' \
	--product other --key key --with-online \
	--passphrase-fd 3 3<pass >/dev/null
for id in 1 2; do
	cp -a tree$id machine$id
	echo "for machine $id" >machine$id/share/machine
	from=
	[ $id = 1 ] || from='--from 1'
	# shellcheck disable=SC2086 # a list of words
	signer release create other --product other --id $id --input machine$id \
		--model arm $from >/dev/null
	sign_and_publish other other$id
done
fresh
cp other2/targets/other/2/*-from-1.pawl "bad/$delta"
refused 'the delta of another product and machine' '4 5 6' from_bad

# ---- trees that are hard to keep -----------------------------------------------

no_release() { # status, words, folder
	status=0
	timeout 20 "$BIN/signer" release create repo --product gateway --id 9 \
		--quiet --input "$3" >out 2>err || status=$?
	[ "$status" = "$1" ] && grep -q "$2" err ||
		die "$3: status $status instead of $1 ($2): $(cat err)"
	echo "ok refused by name: $2"
}
mkdir -p odd/sub
truncate -s 1T odd/sub/holes
no_release 5 'sub/holes' odd
(cd odd && tar -cSf ../odd.tar sub)
no_release 5 'sub/holes' odd.tar
rm odd/sub/holes

# Root reads everything, so somebody else tries.
echo secret >odd/sub/unreadable
chmod 0 odd/sub/unreadable
if [ "$(id -u)" != 0 ]; then
	no_release 1 'sub/unreadable' odd
elif command -v setpriv >/dev/null; then
	mkdir nobody
	cp -a repo odd "$BIN/signer" nobody
	chown -R 65534:65534 nobody
	chmod 711 .
	status=0
	(cd nobody && setpriv --reuid=65534 --regid=65534 --clear-groups \
		./signer release create repo --product gateway --id 9 --quiet \
		--input odd) >out 2>err || status=$?
	[ "$status" = 1 ] && grep -q 'sub/unreadable.*denied' err ||
		die "an unreadable file: status $status: $(cat err)"
	echo "ok refused by name: $(cat err)"
fi
rm -f odd/sub/unreadable
