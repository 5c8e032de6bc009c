#!/bin/sh
# Roles do not overlap: every route of the people's listener, asked by a person of
# each role, is open to whom the table says and closed to everybody else; a route
# without a row fails. An operator's scope ends at their cohorts and their share.
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
. "$(dirname "$0")/server-lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)

make_server
make_repo "$WORK/repo"
make_release "$WORK/repo" r1 "$WORK/publish"
start_server
want 0 op release import "$WORK/publish"
for cohort in lab shop; do
	want 0 op cohort create $cohort
done

# A person with these rights, and their key as curl and Python take it.
person() { # name, options of person add...
	name=$1
	shift
	want 0 "$server" person create "$WORK/$name" --name "$name" \
		--environment demo --ca "$WORK/server/ca.pem" \
		--url "https://$(listener people)"
	[ $# -eq 0 ] || want 0 "$server" person add "$WORK/server" \
		"$WORK/$name/person.pem" "$@"
	{ cat "$WORK/$name/person.secret"; echo; } >"$WORK/secret"
	"$BIN/tests/tools/open-key" "$WORK/$name/person.key" "$WORK/secret" \
		>"$WORK/$name/bare.key"
}
person operator --role operator
person officer --role officer
person auditor --role auditor
person admin2 --role admin
person both --role operator --role officer
person gone --role operator --role officer --role admin
person stranger
gone=$("$server" person list "$WORK/server" | sed -n 's/^gone .* //p')
want 0 "$server" person revoke --reason test "$WORK/server" "$gone"
want 0 "$server" person list "$WORK/server"
said "^both .*operator officer"

cat >"$WORK/matrix.py" <<'PY'
import http.client, re, ssl, sys
top, at, work = sys.argv[1:]
host, port = at.rsplit(":", 1)
rows = {}
for line in open(top + "/tests/unit/rights_rows.h"):
    m = re.match(r'(?:GET|ACT)\((?:(\w+), )?"([^"]+)"(?:, (\w+))?\)', line)
    if m:
        rows[(m[1] or "GET", m[2])] = m[3] or "READ"
table = open(top + "/update-server/api_routes.c").read()
routes = set(re.findall(r'\{ PEOPLE, METHOD_(\w+), P "([^"]*)"', table))
routes |= {("POST" if kind == "ACT" else "GET", path) for kind, path in
           re.findall(r'^\t(GET|ACT)\("([^"]*)"', table, re.M)}
assert len(routes) >= 45, routes
assert routes == set(rows), routes ^ set(rows)
people = {"operator": {"OPERATOR"}, "officer": {"OFFICER"}, "auditor": set(),
          "admin2": {"ADMIN"}, "both": {"OPERATOR", "OFFICER"},
          "gone": None, "stranger": None}
asked = 0
for name, does in people.items():
    c = ssl.create_default_context(cafile=work + "/server/ca.pem")
    c.load_cert_chain("%s/%s/person.pem" % (work, name),
                      "%s/%s/bare.key" % (work, name))
    h = http.client.HTTPSConnection(host, int(port), context=c, timeout=20)
    for (method, path), needs in sorted(rows.items()):
        # What no act can be made of, so that nothing is done in passing.
        full = "/v1/people/" + path + ("none" if path.endswith("/") else "")
        try:
            h.request(method, full, b"{}" if method != "GET" else None)
            r = h.getresponse()
        except (http.client.HTTPException, OSError):
            h.close()
            h.request(method, full, b"{}" if method != "GET" else None)
            r = h.getresponse()
        if r.getheader("Content-Type") == "text/event-stream":
            text = b""
            h.close()
        else:
            text = r.read()
        asked += 1
        if does is None:
            assert r.status == 403 and b"nobody's certificate" in text, \
                (name, method, path, r.status, text)
            continue
        closed = r.status == 403 and b"you are registered as" in text
        allowed = needs == "READ" or needs in does
        assert closed != allowed, (name, method, path, r.status, text)
print("asked", asked)
PY
# To read the registry is an act.
acts() {
	op audit list | grep -vc device-export
}
before=$(acts)
python3 "$WORK/matrix.py" "$top" "$(listener people)" "$WORK" || die "the matrix"
[ "$(acts)" -eq "$before" ] || die "something was done"

# Roles are those, each once; a scope is for operators.
person more
for bad in "--role root" "--role operator --role operator" \
	"--role officer --cohort lab" "--role auditor --share 5" \
	"--role operator --share 0" "--role operator --share 101" \
	"--role operator --cohort Lab"; do
	want 2 "$server" person add "$WORK/server" "$WORK/more/person.pem" $bad
done

# A scope: their cohorts, their share, whoever planned the rollout.
as() { # name, command...
	name=$1
	shift
	"$server" "$@" --operator "$WORK/$name/operator.conf"
}
want 0 "$server" person add "$WORK/server" "$WORK/more/person.pem" \
	--role operator --cohort lab --share 50
want 0 "$server" person list "$WORK/server"
said "^more .*operator  *cohorts=lab share=50% "
want 10 as more rollout create all --release r1 --cohort shop --share 10
said "cohort shop is not yours"
want 10 as more rollout create all --release r1 --cohort lab --cohort shop \
	--share 10
want 10 as more rollout create all --release r1 --cohort lab
said "at most 50.00 %"
want 10 as more rollout create all --release r1 --cohort lab --share 51
want 0 as more rollout create mine --release r1 --cohort lab --share 50
want 0 op rollout create theirs --release r1 --cohort shop --share 10
want 0 op rollout create whole --release r1 --cohort lab
want 10 as more rollout start theirs
want 10 as more rollout start whole
make_device a lab
want 0 device a enroll --claim-file "$WORK/devices/a/claim"
plan=$(as more rollout plan mine --json |
	sed -n 's/.*"plan": "\([0-9a-f]\{64\}\)".*/\1/p')
want 0 as more rollout start mine --plan "$plan"
# To stop what goes wrong is everybody's.
make_device b shop
want 0 device b enroll --claim-file "$WORK/devices/b/claim"
want 0 begin theirs
want 0 as more rollout pause theirs --reason "three in the night"
want 10 as more rollout resume theirs --revision "$(revision theirs)" --reason "it is mine"
# To end it for good is not.
want 10 as more rollout abort theirs --revision "$(revision theirs)" --reason "four in the night"
said "cohort shop is not yours"
# What leads back is offered to all: a share is not enough for it, a stop is.
want 10 as more rollout rollback mine --reason "it is dark"
said "at most 50.00 %"
want 0 as more rollout pause mine --reason "it is dark"
want 0 as more rollout abort mine --revision "$(revision mine)" --reason "it is dark"
want 0 as more cohort create another
# To look is everybody's, whatever they may not do.
person reader
want 0 "$server" person add "$WORK/server" "$WORK/reader/person.pem" \
	--role auditor
want 0 as reader rollout plan whole
said "population  *1"
want 0 as more rollout plan whole

want 0 op audit export "$WORK/log"
grep '"act":"person-add"' "$WORK/log/records.jsonl" |
	grep -q '"cohorts":\["lab"\].*"roles":\["operator"\],"share":5000' ||
	die "the scope is not in the log"
want 0 "$server" audit verify "$WORK/log" --key "$WORK/server/audit.pub"
echo "rights hold"
