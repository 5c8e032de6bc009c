#!/bin/sh
# Deltas of odd trees, from several bases at once, and what `delta explain`
# says of them: every byte is accounted for.
set -eu
cd "$WORK"
signer=$BIN/signer
echo "a good passphrase" >pass
"$signer" key generate a.key --environment lab --passphrase-fd 3 3<pass
"$signer" init repo --environment lab --owner ACME --product gateway \
	--key a.key --with-online --passphrase-fd 3 3<pass >/dev/null 2>&1
create() {
	"$signer" release create repo --product gateway --quiet "$@"
}
refused() { # STATUS WORDS COMMAND...
	want=$1 words=$2
	shift 2
	status=0
	"$@" >said 2>&1 || status=$?
	[ "$status" = "$want" ] && grep -q "$words" said || {
		cat said
		echo "wanted $want: $words"
		exit 1
	}
}

# ---- a tree with names of 255 bytes, links and text that changes ----

long=$(printf '%0255d' 7)
mkdir -p one/"$long"
seq 1 4000 | sed 's/$/ is a number, and so is the next one/' >one/text
head -c 30000 /dev/urandom >one/"$long/$long"
ln one/"$long/$long" one/pair
cp -a one two
head -c 6400000 /dev/zero >one/zeroes # too much for one stream
sed -i 's/^\(.*7\) is a number/\1 was an odd number/' two/text
cp -a two three
rm three/pair
ln three/text three/second
sed -i '500,510d' three/text
create --id 1 --input one
create --id 2 --input two
create --id 3 --input three --from 1 --from 2 --codec lzma >said
[ "$(grep -c '^delta from' said)" = 2 ]
refused 2 "twice" create --id 4 --input three --from 1 --from 1

# ---- explained: streams and headers are all that is in the package ----------

explained=0 whole=0
for delta in $(grep -l . repo/targets/gateway/3/*); do
	if ! "$signer" delta explain "$delta" --input three >said 2>said-2; then
		grep -q "full package" said-2
		continue
	fi
	if grep -q " bytes of all content" said; then
		check='d["whole"] > 0'
		whole=$((whole + 1))
	else
		check='d["files"] and d["records"] == 1 and
			sum(d["streams"].values()) > 0'
		grep -q " text: patched" said || { cat said && exit 1; }
		[ "$(grep -c "pair:" said)" -eq 0 ] # not changed: a copy
	fi
	sum=$(awk '/ bytes of / { sum += $1 } END { print sum }' said)
	size=$(stat -c %s "$delta")
	table=$(((size - 16 + 65567) / 65568 * 32))
	[ "$table" -gt 32 ] || table=0 # a single chunk has none
	[ $((sum + 16 + table)) = "$size" ] || { cat said && exit 1; }
	"$signer" delta explain "$delta" --json >json
	python3 -c "import json; d = json.load(open('json'))
assert ($check)"
	head -c $((size / 2)) "$delta" >cut
	refused 4 "cut:" "$signer" delta explain cut
	{ printf PAWL2 && tail -c +6 "$delta"; } >changed
	refused 4 "changed:" "$signer" delta explain changed
	explained=$((explained + 1))
done
[ $explained = 2 ]
[ $whole = 1 ]
refused 2 "FILE" "$signer" delta explain
refused 13 "none" "$signer" delta explain none

# ---- what cannot be kept exactly is refused by name -------------------------

mkdir odd
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("odd/socket")'
refused 10 "socket" create --id 9 --input odd
rm odd/socket
mkfifo odd/fifo
refused 10 "fifo" create --id 9 --input odd
rm odd/fifo
printf x >"odd/back\\slash"
refused 4 "slash" create --id 9 --input odd
