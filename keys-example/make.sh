#!/bin/sh
# Make the example keys anew, and put their fingerprints into the list by which
# every program knows and refuses them (common/example_keys.c). Needs the built
# signer and openssl.
set -eu
cd "$(dirname "$0")/.."
signer=${BIN:-build/release}/signer
list=common/example_keys.c
new=$(mktemp)
trap 'rm -f "$new"' EXIT

for i in 1 2 3; do
	key=keys-example/example-$i.key
	rm -f "$key" "$key.pub"
	echo 'pawl example key' |
		"$signer" key generate "$key" --environment demo \
			--purpose example --passphrase-fd 0 >/dev/null
	print=$(openssl pkey -pubin -in "$key.pub" -outform DER |
		sha256sum | cut -d' ' -f1)
	x=$(openssl pkey -pubin -in "$key.pub" -outform DER |
		tail -c 64 | head -c 32 | od -An -tx1 | tr -d ' \n')
	# The fingerprint stands on the line before the file's name, the x of
	# the i-th on the i-th line of the points.
	awk -v name="\"$key\"" -v print_="$print" -v x="$x" -v i="$i" '
		{ line[NR] = $0 }
		index($0, name) {
			sub(/"[0-9a-f]+"/, "\"" print_ "\"", line[NR - 1])
		}
		/ points\[\]/ { points = NR }
		points && NR == points + i {
			sub(/"[0-9a-f]+"/, "\"" x "\"", line[NR])
		}
		END { for (i = 1; i <= NR; i++) print line[i] }' "$list" >"$new"
	cat "$new" >"$list"
	echo "$key $print"
done
