#!/bin/sh
# A device's keys made and wrapped by a TPM 2.0, a whole life long, through
# OpenSSL's provider; swtpm stands in for the chip.
for tool in swtpm faketime openssl; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
[ -n "$(ls /usr/lib/*/ossl-modules/tpm2.so /usr/lib/ossl-modules/tpm2.so \
	2>/dev/null)" ] || {
	echo "needs tpm2-openssl"
	exit 77
}
. "$(dirname "$0")/token-lib.sh"
missing="OpenSSL's provider tpm2"

start_tpm() {
	swtpm socket --tpm2 --tpmstate "dir=$WORK/tpm" \
		--server "type=tcp,port=$1,bindaddr=127.0.0.1" \
		--ctrl "type=tcp,port=$(($1 + 1)),bindaddr=127.0.0.1" \
		--flags not-need-init,startup-clear \
		--pid "file=$WORK/tpm.pid" --daemon >/dev/null 2>&1
}
token_ready() {
	mkdir "$WORK/tpm"
	: >"$WORK/pin" # a TPM's keys need none
	for n in 1 2 3 4 5; do
		port=$((40000 + ($$ * 7 + n * 3001) % 20000))
		start_tpm "$port" && return
	done
	die "no TPM"
}
token_config() {
	cat <<INI
[keys]
provider = tpm2
variable = TPM2OPENSSL_TCTI=swtpm:host=127.0.0.1,port=$port
INI
}
token_end() {
	[ ! -s "$WORK/tpm.pid" ] || kill "$(cat "$WORK/tpm.pid")" 2>/dev/null || :
}
token_gone() { token_end && rm -f "$WORK/tpm.pid"; }
token_back() { start_tpm "$port" || die "no TPM"; }
# A file is there, and of no use to anybody but the TPM.
no_key_in() { # folder
	for f in "$1"/*.key; do
		[ -e "$f" ] || continue
		head -n 1 "$f" | grep -q 'BEGIN TSS2 PRIVATE KEY' ||
			die "$f is no wrapped key"
		! openssl pkey -in "$f" -noout 2>/dev/null ||
			die "$f can be read without the TPM"
	done
}

whole_life yes
[ -z "$(find "$WORK/one/state" -name '*.key')" ] || die "keys are left"
token_end
echo "a TPM holds them"
