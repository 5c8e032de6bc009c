#!/bin/sh
# What the server stores of a release is compared with what was signed, byte for
# byte, and what is damaged comes back by an import; payloads that nothing refers
# to go, on record, and nothing else does.
for tool in python3 curl flock; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 77; }
done
. "$(dirname "$0")/server-lib.sh"
. "$(dirname "$0")/nginx-lib.sh"

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
cp -r "$WORK/publish" "$WORK/published1"
sed -i 's/^\[listen\]$/[listen]\norigin = 127.0.0.1:0/' "$WORK/server/server.conf"
start_server
want 0 op release import "$WORK/publish"
blobs=$WORK/server/blobs
blob_of() { # name of a release: its full package, as the server has it
	op release show "$1" --json | python3 -c 'import json, sys
for p in json.load(sys.stdin)["detail"]["packages"]:
    if p["kind"] == "full":
        print(p["sha256"][:2] + "/" + p["sha256"])'
}
files() { find "$blobs" -type f | wc -l; }

# ---- verify ------------------------------------------------------------------

want 3 op release verify r1
said "root = FILE is needed"
printf '[trust]\nroot = %s\nfolder = %s\n' \
	"$WORK/published1/metadata/1.root.json" "$WORK/trust" \
	>>"$WORK/server/admin/operator.conf"
want 0 op release verify r1
said "1 packages are what was signed"
want 13 op release verify none
file=$blobs/$(blob_of r1)
cp "$file" "$WORK/good"
# One byte in the midst, the length as it was. Of a package of one chunk an import
# sees it too, and says so; it does not bring what is there already.
python3 - "$file" <<'PY'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as f:
    f.seek(100)
    byte = f.read(1)
    f.seek(100)
    f.write(bytes([byte[0] ^ 1]))
PY
want 6 op release verify r1 --json
said '"state": "damaged"'
said "release import DIR --again"
want 6 op release import "$WORK/published1"
said "have another digest"
want 6 op release verify r1
want 0 op release import "$WORK/published1" --again
want 0 op release verify r1 --product kiosk
cmp -s "$file" "$WORK/good" || die "it is another file"
rm "$file"
want 13 op release verify r1
said "missing"
want 0 op release import "$WORK/published1"
want 0 op release verify r1
# What the database says of it, by who has it.
stop_server
python3 - "$WORK/server/store.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE release SET digest = zeroblob(32) WHERE id = 'r1'")
db.commit()
PY
start_server
want 6 op release verify r1
said "content or number is not the signed one"
want 0 op release import "$WORK/published1"
want 0 op release verify r1

# ---- origin ------------------------------------------------------------------

# Packages by the name that the metadata gives them, to whoever is on this
# machine; and nothing else that there is.
url=$(cd "$WORK/published1" && find targets -name '*.pawl' | head -n 1)
[ -n "$url" ] || die "no package"
status() { # path, options...
	path=$1
	shift
	curl -s -o "$WORK/got" -w '%{http_code}' "$@" "http://$(listener origin)$path"
}
[ "$(status "/$url" -D "$WORK/head")" = 200 ] || die "no package"
cmp -s "$WORK/got" "$WORK/published1/$url" || die "another file came"
grep -qi "^Cache-Control: .*immutable" "$WORK/head" || die "$(cat "$WORK/head")"
[ "$(status "/$url" -r 10-19)" = 206 ] || die "no part of it"
[ "$(wc -c <"$WORK/got")" -eq 10 ] || die "another part"
for path in / /metadata/timestamp.json /metadata/1.root.json /v1/nonce \
	/v1/people/status /v1/people/releases /targets/ \
	/targets/../server.conf "/${url%?}" "/$url/"; do
	got=$(status "$path" --path-as-is)
	case $got in
	4*) ;;
	*) die "$path: $got" ;;
	esac
done
for method in POST PUT DELETE; do
	got=$(status "/$url" -X "$method" -d x)
	case $got in
	4* | 501) ;;
	*) die "$method: $got" ;;
	esac
done
# The others still want TLS: a plain request is no request there.
got=$(curl -s -o "$WORK/got" -w '%{http_code}' "http://$(listener device)/$url") || :
[ "$got" = 000 ] || die "plain at the device listener: $got"
# As docs/server-conf.md has it: nginx keeps what it got.
if command -v nginx >/dev/null; then
	start_nginx "$(listener origin)" "$url" \
		"proxy_cache_path $WORK/cache/pawl keys_zone=pawl:10m inactive=30d;" \
		"proxy_cache pawl; proxy_cache_lock on;"
	cmp -s "$WORK/got" "$WORK/published1/$url" || die "another file by nginx"
	stop_server
	curl -sf -r 0-9 -o "$WORK/got" "http://127.0.0.1:$port/$url" ||
		die "nginx keeps nothing"
	[ "$(wc -c <"$WORK/got")" -eq 10 ] || die "another part by nginx"
	stop_nginx
	start_server
fi

# ---- gc ----------------------------------------------------------------------

plan() { op release gc --json | sed -n 's/.*"plan": "\([0-9a-f]*\)".*/\1/p'; }
old() { find "$blobs" -type f -exec touch -d '2 days ago' {} +; }
gc() { op release gc --plan "$(plan)" --reason "the disk is small" "$@"; }
is_there() { [ -e "$1" ] || die "it went: $2"; }

old
want 0 op release gc
said "^0 files"
# A copy that a killed server left, and what nobody ever listed.
head -c 1000000 /dev/urandom >"$WORK/stray"
digest=$(sha256sum "$WORK/stray" | cut -d ' ' -f 1)
stray=$blobs/$(echo "$digest" | cut -c 1-2)/$digest
mkdir -p "${stray%/*}"
cp "$WORK/stray" "$stray"
cp "$WORK/stray" "$stray.0123456789abcdef"
want 0 op release gc
said "^0 files.*2 came within a day"
old
want 0 op release gc
said "^2 files, 2.0 MB"
is_there "$stray" "it was only looked at"
want 2 op release gc --plan "$(plan)"
want 14 op release gc --reason test --plan "$digest"
said "look at release gc again"
is_there "$stray" "by another plan"
# Somebody reads it: here as any reader does, with a shared lock.
exec 8<"$stray"
flock -s 8
want 0 gc
said "removed 1 files"
said "1 stay, for they are being read"
is_there "$stray" "somebody reads it"
exec 8<&-
# Whoever is told that it is there does not bring it again: it stays a day.
before=$(plan)
"$BIN/tests/tools/open-key" "$WORK/server/admin/admin.key" \
	"$WORK/server/admin/admin.secret" >"$WORK/bare.key" 2>"$WORK/said" ||
	die "$(cat "$WORK/said")"
curl -sS --cacert "$WORK/server/ca.pem" --cert "$WORK/server/admin/admin.pem" \
	--key "$WORK/bare.key" \
	"https://$(listener people)/v1/people/payload/$digest" >"$WORK/said"
said '"bytes":1000000'
want 14 op release gc --reason test --plan "$before"
is_there "$stray" "an import was told that it is there"
old
left=$(files)
want 0 gc --json
said '"bytes": 1000000'
[ ! -e "$stray" ] || die "it is still there"
[ "$(files)" -eq $((left - 1)) ] || die "more went than what is of no use"
want 0 op audit list --json
grep -q '"act":"payloads-remove"' "$WORK/said" || die "not on record"

# Killed in its midst: what it had not removed goes with the next one, and what
# was signed stays.
many=2000
mkdir -p "$blobs/ab"
strays() { find "$blobs/ab" -type f ! -newermt 1971-01-01 | wc -l; }
python3 - "$blobs/ab" $many <<'EOF'
import os, sys
for n in range(int(sys.argv[2])):
    path = "%s/ab%062x" % (sys.argv[1], n)
    open(path, "w").write("stray")
    os.utime(path, (1, 1))
EOF
[ "$(strays)" -eq $many ] || die "they are not there"
plan=$(plan)
op release gc --plan "$plan" --reason test >"$WORK/cut" 2>&1 &
asking=$!
python3 - "$blobs/ab" $many "$server_pid" "${SEED:-$$}" <<'EOF' || die "above"
import os, random, signal, sys, time
folder, many, pid, seed = sys.argv[1], *map(int, sys.argv[2:])
left = random.Random(seed).randrange(many // 2, many)
end = time.time() + 120
print("killed with %d of %d left, or fewer: seed %d" % (left, many, seed))
while len(os.listdir(folder)) > left:
    if time.time() > end:
        sys.exit("nothing is removed")
    time.sleep(0.001)
os.kill(pid, signal.SIGKILL)
EOF
if wait "$asking"; then die "killed, and it said that all was done"; fi
wait "$server_pid" 2>/dev/null || :
server_pid=
kept=$(strays)
[ "$kept" -gt 0 ] && [ "$kept" -lt $many ] || die "$kept of $many are left"
start_server
want 0 op release gc
said "^$kept files"
want 14 op release gc --reason test --plan "$plan"
want 0 gc
said "removed $kept files"
want 0 op release verify r1
want 0 "$server" server check "$WORK/server"

# What is no longer listed stays while a rollout is about it, or a delta starts
# from it; then it goes.
full=$blobs/$(blob_of r1)
want 0 op cohort create fleet
want 0 op rollout create one --release r1 --cohort fleet
rm -rf "$WORK/publish"
want 0 "$signer" release withdraw "$WORK/repo" --product kiosk --id r1
make_release "$WORK/repo" r2 "$WORK/publish"
want 0 op release import "$WORK/publish"
old
want 0 op release gc
said "^0 files"
want 0 op rollout discard one --reason test --revision "$(revision one)"
want 0 op release gc
said "^1 files"
is_there "$full" "nobody agreed"
want 0 gc
[ ! -e "$full" ] || die "it is still there"
want 0 op release verify r2
want 0 "$server" server check "$WORK/server"
echo "what was signed is there, and nothing else"
