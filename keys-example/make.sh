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
	# The fingerprint stands on the line before the file's name.
	awk -v name="\"$key\"" -v print_="$print" '
		index($0, name) { sub(/"[0-9a-f]+"/, "\"" print_ "\"", before) }
		NR > 1 { print before }
		{ before = $0 }
		END { print before }' "$list" >"$new"
	cat "$new" >"$list"
	echo "$key $print"
done
