#!/bin/sh
# Put the npm packages of tests/packages.txt (lines "npm-registry NAME VERSION DIGEST")
# into the folder DIR/node_modules, from whatever registry npm is configured
# with. What arrives must have the digest that stands there. Exit 77: it cannot
# be had here, and why.
#
#   npm.sh DIR
set -eu
list=$(cd "$(dirname "$0")/.." && pwd)/packages.txt
mkdir -p "$1"
cd "$1"
for need in node npm openssl; do
	command -v "$need" >/dev/null || {
		echo "no $need here (Debian's: make deps GROUP=npm)"
		exit 77
	}
done
sed -n 's/^npm-registry  *//p' "$list" | while read -r name version digest; do
	stamp=.$name-$version
	[ ! -e "$stamp" ] || continue
	file=$(timeout 60 npm pack --silent "$name@$version" 2>/dev/null) || {
		echo "$name $version: npm's registry cannot be reached"
		exit 77
	}
	is=sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w 0)
	[ "$is" = "$digest" ] || {
		echo "$name $version has another digest: $is"
		exit 1
	}
	timeout 120 npm install --silent --no-save --no-package-lock \
		--ignore-scripts --no-audit --no-fund --prefix . "./$file" \
		>/dev/null || {
		echo "$name $version: npm cannot install it"
		exit 77
	}
	rm -f "$file"
	: >"$stamp"
done
