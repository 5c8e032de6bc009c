#!/bin/sh
# A program in which one function grew: everything behind it moves, and still
# the delta is a few hundred bytes. The reader written from the documents
# alone predicts the same references as ours.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tool=$BIN/tests/tools/delta-size
for need in cc python3 zstd; do
	command -v "$need" >/dev/null || {
		echo "no $need here"
		exit 77
	}
done

say() { # as it is, backslashes and all
	printf '%s\n' "$*"
}

program() { # FILE LINE-FOR-THE-FIRST-FUNCTION
	{
		echo '#include <stdio.h>'
		echo 'extern const char *const names[]; extern int counts[];'
		i=0
		while [ $i -lt 600 ]; do
			echo "int f$i(int x);"
			i=$((i + 1))
		done
		say "int first(int x) { $2 return x; }"
		i=0
		while [ $i -lt 600 ]; do
			a=$(((i * 7 + 3) % 600)) b=$(((i * 13 + 5) % 600))
			say "int f$i(int x) { counts[$i] += x; if (x > $i)" \
				"printf(\"f$i %s\\n\", names[x & 511]);" \
				"return x < 3 ? first(x) : f$a(x - 1) + f$b(x - 2); }"
			i=$((i + 1))
		done
		echo 'int counts[600]; const char *const names[] = {'
		i=0
		while [ $i -lt 600 ]; do
			echo "\"name $i of a thing\","
			i=$((i + 1))
		done
		echo '}; int main(int n, char **v) { (void)v; return f1(n); }'
	} >"$WORK/program.c"
	mkdir -p "$(dirname "$1")"
	cc -O1 -fPIE -pie -Wl,--build-id=none -o "$1" "$WORK/program.c"
}

program "$WORK/old/program" 'x += names[x & 7][0];'
program "$WORK/new/program" \
	'x += names[x & 7][0]; printf("%d %s\n", x * 3, names[x & 15]);'
for codec in lzma zstd; do
	out=$WORK/$codec
	mkdir -p "$WORK/scratch"
	line=$("$tool" "$WORK/old" "$WORK/new" "$WORK/scratch" $codec app "$out")
	echo "$line"
	# shellcheck disable=SC2086 # a list of words
	set -- $line
	full=$2 delta=$4
	[ $((delta * 10)) -lt "$full" ] || {
		echo "the delta has $delta bytes, the full package $full"
		exit 1
	}
	python3 "$here/tools/read_package.py" "$out/full.pawl" \
		"$out/delta.pawl" "$out/old.manifest" "$out/old" \
		"$out/new.manifest" "$out/new"
	cmp "$WORK/new/program" "$out/new/program"
done

# Lines in another order: covers from anywhere, whose places are words then.
mkdir "$WORK/sorted" "$WORK/shuffled"
python3 - "$WORK" <<'P'
import random
import sys

chance = random.Random(3)
lines = ["%d,%d,name-%d\n" % (i, chance.randrange(10**6),
                              chance.randrange(10**5)) for i in range(6000)]
for folder in ("sorted", "shuffled"):
    with open(f"{sys.argv[1]}/{folder}/lines", "w") as f:
        f.writelines(lines)
    chance.shuffle(lines)
P
out=$WORK/lines
"$tool" "$WORK/sorted" "$WORK/shuffled" "$WORK/scratch" lzma app "$out"
python3 "$here/tools/read_package.py" "$out/full.pawl" "$out/delta.pawl" \
	"$out/old.manifest" "$out/old" "$out/new.manifest" "$out/new"
cmp "$WORK/shuffled/lines" "$out/new/lines"
