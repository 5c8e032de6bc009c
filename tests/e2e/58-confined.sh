#!/bin/sh
# What each process of the client can still reach once it has locked itself up, by its
# own eyes: a library in the real client tries it at that very moment, in all of them,
# from the first enrolment to a renewed certificate.
command -v faketime >/dev/null || { echo "no faketime"; exit 77; }
. "$(dirname "$0")/client-lib.sh"

# seccomp_load() is the last that a process does to lock itself up: after it each of
# the places is tried, and one line says what was not refused, and whether a socket is
# made.
cat >"$WORK/witness.c" <<'C'
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* "name=path name=path ..."; the client scrubs its environment later. */
static char places[8192];

__attribute__((constructor)) static void note(void)
{
	const char *set = getenv("WITNESS");

	snprintf(places, sizeof(places), "%s", set ? set : "");
}

static int writes(const char *path)
{
	char file[4200];
	struct stat st;
	int fd;

	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return open(path, O_WRONLY) >= 0;
	snprintf(file, sizeof(file), "%s/.witness", path);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	unlink(file);
	return fd >= 0;
}

static void look(void)
{
	char line[8192] = "witness", *rest, *at;

	for (at = strtok_r(places, " ", &rest); at;
	     at = strtok_r(NULL, " ", &rest)) {
		char *path = strchr(at, '=') + 1;
		int r = open(path, O_RDONLY) >= 0, w = writes(path);

		if (r || w)
			snprintf(line + strlen(line), 99, " %.*s:%s%s",
				 (int)(path - 1 - at), at, r ? "r" : "", w ? "w" : "");
	}
	strcat(line, socket(AF_INET, SOCK_STREAM, 0) >= 0 ? " net\n" : "\n");
	(void)!write(STDERR_FILENO, line, strlen(line));
}

int seccomp_load(void *filter)
{
	int (*real)(void *) = dlsym(RTLD_NEXT, "seccomp_load");
	int rc = real(filter);

	if (rc == 0)
		look();
	return rc;
}
C
${CC:-cc} -D_GNU_SOURCE -shared -fPIC -o "$WORK/witness.so" "$WORK/witness.c" -ldl

make_server
make_served_repo
serve_release 1 >/dev/null
operator cohort create fleet >/dev/null
make_served_device one
printf '[trial]\ncheck = tcp %s\n' "$((base + 1))" >>"$WORK/one/client.conf"
mkdir "$WORK/one/slots" "$WORK/one/state"
on one status >"$WORK/said"
grep -q 'by seccomp, files by Landlock' "$WORK/said" || {
	echo "this kernel has not both, seccomp and Landlock"
	exit 77
}
state=$WORK/one/state
slots=$WORK/one/slots
WITNESS="state=$state key=$state/identity.key journal=$state/journal.0
	site=$state/site metadata=$state/metadata spool=$state/spool
	a=$slots/a/tree b=$slots/b/tree slots=$slots conf=$WORK/one/client.conf
	root=$WORK/one/root.json stick=$WORK/stick
	passwd=/etc/passwd resolver=/etc/hosts tmp=/tmp"
WITNESS=$(echo "$WITNESS" | tr -s '\n\t' ' ')

# The processes of a command, and what each reached: one line for each of them.
sees() { # lines; then the command
	echo "$1" | sort >"$WORK/wanted"
	shift
	LD_PRELOAD="$WORK/witness.so${LD_PRELOAD:+:$LD_PRELOAD}" \
		ASAN_OPTIONS=verify_asan_link_order=0 WITNESS="$WITNESS" \
		${later:-} "$client" "$@" --config "$WORK/one/client.conf" \
		>"$WORK/out" 2>"$WORK/said" || die "$*: $(cat "$WORK/said")"
	sed -n 's/^witness *//p' "$WORK/said" | sort >"$WORK/seen"
	diff "$WORK/wanted" "$WORK/seen" || die "$*: not what each may reach"
	echo "$1: $(wc -l <"$WORK/seen") processes"
}

# Whoever speaks to the server has one folder at most; whoever parses and checks what
# it said has no network, and of the state what it is to keep.
network='spool:rw resolver:r net'
trust='site:rw metadata:rw root:r'
# A check of what listens on this device, in the trial.
probe='resolver:r net'

sees "$probe
state:rw journal:rw site:rw metadata:rw spool:rw" enroll --claim-file "$WORK/one/claim"

# A stick: its reader has no network.
operator bundle export "$WORK/stick" >/dev/null
sees "spool:rw stick:r
$trust
a:rw
a:r
$probe" update --from "$WORK/stick"

# The server, and a delta, for which the slot that runs is read and not written.
serve_release 2 --from 1 >/dev/null
use_people
open_to_all 2
sees "$network
$trust
a:r b:rw
b:r
$probe" update
runs one 2

# A package whose key is sealed to the device: who opens it reads its
# key, and sees no package.
"$signer" key generate "$WORK/wrap" --environment "$environment" --purpose wrap \
	--passphrase-fd 3 3<"$WORK/pass" >/dev/null
serve_release 3 --encrypt "$WORK/wrap.pub" >/dev/null
operator device export "$WORK/registry" --product gateway >/dev/null
"$signer" wrap "$WORK/repo" --product gateway --id 3 --registry "$WORK/registry" \
	--officer "$WORK/server/admin/admin.pem" --new 1 \
	--device-ca "$WORK/server/keys/device-ca.pem" --wrap-key "$WORK/wrap" \
	--output "$WORK/envelopes" --passphrase-fd 3 3<"$WORK/pass" >/dev/null
operator envelope import "$WORK/envelopes" >/dev/null
open_to_all 3
sees "$network
$trust
state:r key:r journal:r site:r metadata:r spool:r
a:rw
a:r
$probe" update
runs one 3

# Seventy days later it gets a new certificate: a process that has the keys makes it,
# and two that have none speak to the server, as who it was and as who it will be.
later='faketime -f +70d'
stop_server
printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$later" "$server" >"$WORK/later-server"
chmod 755 "$WORK/later-server"
server=$WORK/later-server
# The server itself is to end, not the faketime around it.
trap 'kill "$(tr -dc 0-9 <"$WORK/server/run/server.lock")"; stop_server' EXIT
start_server
sees "$network
$trust
resolver:r net
resolver:r net
state:rw key:rw journal:rw site:rw metadata:rw spool:rw" check
