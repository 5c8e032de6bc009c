# Certificates for tests of connections, made with openssl in the folder $1:
# a device CA and leaves of every kind, a server and a person (self-signed).
# Source it, then call pki FOLDER.

pki_key() {
	openssl ecparam -name "${2:-prime256v1}" -genkey -noout -out "$1.key"
}

# pki_self NAME EXTENSION...
pki_self() {
	name=$1
	shift
	pki_key "$name"
	set -- "$@" end
	args=
	while [ "$1" != end ]; do
		args="$args -addext $1"
		shift
	done
	# shellcheck disable=SC2086 # a list of options
	openssl req -x509 -new -key "$name.key" -sha256 -days 30 \
		-subj "/CN=$name" $args -out "$name.pem"
}

# pki_leaf NAME ISSUER DAYS EXTENSION...
pki_leaf() {
	name=$1 issuer=$2 days=$3
	shift 3
	[ -e "$name.key" ] || pki_key "$name"
	printf '%s\n' "$@" >"$name.ext"
	openssl req -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
	openssl x509 -req -in "$name.csr" -CA "$issuer.pem" \
		-CAkey "$issuer.key" -set_serial "0x$(openssl rand -hex 8)" \
		-days "$days" -sha256 -extfile "$name.ext" -out "$name.pem"
}

pki() {
	mkdir -p "$1"
	(
		cd "$1" || exit 1
		leaf=basicConstraints=critical,CA:FALSE
		client=extendedKeyUsage=clientAuth
		pki_self ca basicConstraints=critical,CA:TRUE
		pki_self stranger-ca basicConstraints=critical,CA:TRUE
		pki_self server "subjectAltName=IP:127.0.0.1,IP:::1" $leaf
		for n in 64 65; do
			pki_self "names-$n" $leaf "subjectAltName=IP:127.0.0.1$(
				printf ',DNS:n%s.example' $(seq 2 $n))"
		done
		pki_self person $leaf $client
		pki_leaf device ca 10 $leaf $client
		pki_leaf device2 ca 10 $leaf $client
		pki_leaf expired ca 0 $leaf $client
		pki_leaf no-usage ca 10 $leaf
		pki_leaf server-usage ca 10 $leaf extendedKeyUsage=serverAuth
		pki_leaf is-ca ca 10 basicConstraints=critical,CA:TRUE $client
		pki_leaf stranger stranger-ca 10 $leaf $client
		pki_leaf middle ca 10 basicConstraints=critical,CA:TRUE
		pki_leaf below middle 10 $leaf $client
		cat middle.pem >>below.pem
		pki_key p384 secp384r1
		pki_leaf p384 ca 10 $leaf $client
	) >/dev/null 2>"$1.log" || {
		cat "$1.log"
		return 1
	}
}
