#!/bin/sh
# A device applies a delta whose compressed members it compresses again. One
# with another version of the library takes the full package from the
# beginning; one whose library gives other bytes takes it then; nothing of the
# delta's is activated.
. "$(dirname "$0")/client-lib.sh"
here=$(cd "$(dirname "$0")/.." && pwd)
for need in cc python3; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done

make_content() { # id
	make_tree "$1"
	python3 "$here/tools/members.py" "$WORK/trees/$1/boot" "$1"
	rm "$WORK/trees/$1/boot/plain"
}

took() { # full or delta
	grep -q "\"package\": *\"$1\"" "$WORK/out" ||
		die "not the $1: $(cat "$WORK/out")"
}

make_content 1
make_content 2
make_repo
make_release 1
for device in one two three; do
	make_device $device
	on $device update --from "$WORK/publish" >/dev/null
done
make_release 2 --from 1
targets=$(find "$WORK/publish/metadata" -name '*.targets.json' | sort | tail -1)
grep -Eq '"libraries":\["zlib [0-9.]*","lz4 [0-9.]*"\]' \
	"$targets" ||
	die "the libraries are not signed"
scratch_of() { # the only delta that is listed
	sed -n 's/.*"scratch":\([0-9]*\).*/\1/p' "$targets"
}
before=$(scratch_of)

on one update --from "$WORK/publish" --json >"$WORK/out"
took delta
runs one 2

# Another version, and another result.
cat >"$WORK/version.c" <<'C'
const char *LZ4_versionString(void);
const char *LZ4_versionString(void) { return "9.9.9"; }
C
cat >"$WORK/bytes.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
int LZ4_compress_HC_extStateHC(void *, const char *, char *, int, int, int);
int LZ4_compress_HC_extStateHC(void *state, const char *from, char *to, int n,
			       int max, int level)
{
	int (*real)(void *, const char *, char *, int, int, int) =
		(int (*)(void *, const char *, char *, int, int, int))dlsym(
			RTLD_NEXT, "LZ4_compress_HC_extStateHC");
	int len = real(state, from, to, n, max, level);

	to[len / 2] ^= 1;
	return len;
}
C
for shim in version bytes; do
	cc -shared -fPIC -w -o "$WORK/$shim.so" "$WORK/$shim.c" -ldl
done
LD_PRELOAD=$WORK/version.so on two update --from "$WORK/publish" --json \
	>"$WORK/out"
took full
runs two 2
LD_PRELOAD=$WORK/bytes.so on three update --from "$WORK/publish" --json \
	>"$WORK/out" 2>"$WORK/log"
grep -q 'base-damaged.*compressing again' "$WORK/log" || die "$(cat "$WORK/log")"
took full
runs three 2
says three state confirmed

# An old member that rotted is found before anything is written.
make_content 3
make_release 3 --from 2
current=$(readlink "$WORK/one/slots/current")
printf 'X' | dd of="$WORK/one/slots/$current/boot/kernel" bs=1 seek=9000 \
	conv=notrunc 2>/dev/null
on one update --from "$WORK/publish" --json >"$WORK/out"
took full
runs one 3

# New files that resemble each other: the second one refers to the first.
make_content 4
for build in one two; do
	mkdir "$WORK/trees/4/$build"
	python3 -c 'import random, sys
build = bytearray(random.Random(4).randbytes(2500000))
build[::900] = sys.argv[1][:1].encode() * len(build[::900])
sys.stdout.buffer.write(build)' $build >"$WORK/trees/4/$build/program"
done
make_release 4 --from 3
targets=$(find "$WORK/publish/metadata" -name '*.targets.json' | sort | tail -1)
[ "$(scratch_of)" -ge $((before + 2500000)) ] ||
	die "nothing refers to a new file"
on one update --from "$WORK/publish" --json >"$WORK/out"
took delta
runs one 4
