"""The thief of tests/e2e/82: every key that a real server holds, in his hands.

He serves what he found on that server's disk and what he signs with its keys,
over TLS with its certificate. The oracle for each case: the device says no with
this exit status in one line with these words, its slots, its cohort and all
metadata but what the online keys may sign are as before, and its next look at
the honest server finds the release that is open there.
"""
import copy
import glob
import hashlib
import http.server
import json
import os
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
import threading

from tuf_repository import Key, canonical, date

BIN, WORK = sys.argv[1], sys.argv[2]
FORMAT, LIMIT, UNTRUSTED, EXPIRED, ROLLBACK = 4, 5, 6, 7, 8
NETWORK, REFUSED, NOT_FOUND, AVAILABLE = 9, 10, 13, 20
ONLINE = ("state/metadata/timestamp.json", "state/metadata/snapshot.json")


def path(*parts):
    return os.path.join(WORK, *parts)


# ---- the loot -----------------------------------------------------------------

def open_key(loot, key, secret, folder="keys"):
    """A key file of the server, opened with the secret that lies beside it."""
    pem = path(loot, key + ".bare")
    done = subprocess.run(
        [os.path.join(BIN, "tests/tools/open-key"), path(loot, folder, key),
         path(loot, folder, secret)], stdout=subprocess.PIPE, check=True)
    with open(pem, "wb") as f:
        f.write(done.stdout)
    return pem


class Loot:
    """A server's disk at one moment."""

    def __init__(self, name):
        self.name = name
        with sqlite3.connect(path(name, "store.sqlite")) as db:
            self.files = {n: bytes(b) for n, b in db.execute(
                "SELECT name, bytes FROM metadata")}
            self.payloads = {u: bytes(d).hex() for u, d in db.execute(
                "SELECT url, digest FROM payload")}

    def blob(self, url):
        digest = self.payloads[url]
        with open(path(self.name, "blobs", digest[:2], digest), "rb") as f:
            return f.read()

    def signed(self, name):
        return json.loads(self.files[name])["signed"]

    def newest(self, role):
        """Version and name of the newest file of a role."""
        found = [int(m.group(1)) for m in (
            re.fullmatch(r"(\d+)\.%s\.json" % re.escape(role), n)
            for n in self.files) if m]
        return max(found), "%d.%s.json" % (max(found), role)


# ---- the thief ----------------------------------------------------------------

class Thief(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, loot):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path(loot, "tls.pem"),
                                open_key(loot, "tls.key", "tls.secret"))
        # Whoever comes with a certificate of the stolen CA is welcome.
        context.load_verify_locations(path(loot, "keys/device-ca.pem"))
        context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.keys = {n: Key(open_key(loot, n + ".key", s)) for n, s in (
            ("online", "keeper.secret"), ("device-ca", "keeper.secret"),
            ("audit", "keeper.secret"), ("tls", "tls.secret"))}
        self.url = "https://127.0.0.1:%d" % self.server_address[1]
        # Not of the server: an operator's, who helps him in some cases, and
        # that for which content keys are sealed.
        for name in ("op1", "op2", "wrap"):
            self.keys[name] = Key(path(name + ".pem"))
        # And an administrator's, of the certificate that people show.
        self.keys["admin"] = Key(open_key(loot, "admin.key", "admin.secret",
                                        "admin"))
        self.loots = {}
        self.hoard = {}     # every metadata file that he ever found
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass    # a device that hangs up

    def steal(self, name):
        self.loots[name] = Loot(name)
        self.hoard.update(self.loots[name].files)

    def begin(self, name):
        """Serve the state of one loot, as its server did."""
        self.loot = self.loots[name]
        self.files = dict(self.hoard)
        self.files["timestamp.json"] = self.loot.files["timestamp.json"]
        self.replaced = {}  # URL below targets/: other bytes, or None
        self.offered = None
        self.helped = []    # what an operator signed for him
        self.snapshot = self.loot.signed(self.loot.newest("snapshot")[1])
        self.timestamp = self.loot.signed("timestamp.json")

    def put(self, name, body, *keys):
        message = canonical(body).encode()
        self.files[name] = json.dumps({
            "signatures": [{"keyid": self.keys[k].id,
                            "sig": self.keys[k].sign(message)} for k in keys],
            "signed": body}).encode()

    def announce(self, **versions):
        """Sign the next snapshot and timestamp, with these versions."""
        self.snapshot["version"] += 1
        for role, version in versions.items():
            name = role.replace("_", "-") + ".json"
            if version is None:
                del self.snapshot["meta"][name]
            else:
                self.snapshot["meta"][name] = {"version": version}
        self.snapshot.update(issued=date(-0.01), expires=date(6))
        self.put("%d.snapshot.json" % self.snapshot["version"], self.snapshot,
                 "online")
        self.stamp(self.snapshot["version"])

    def stamp(self, snapshot, days=0.9):
        self.timestamp["version"] += 1
        self.timestamp["meta"] = {"snapshot.json": {"version": snapshot}}
        self.timestamp.update(issued=date(-0.01), expires=date(days))
        self.put("timestamp.json", self.timestamp, "online")

    def forge(self, role, change, *helpers):
        """A next version of an offline role, signed by all that he has."""
        version, name = self.loot.newest(role)
        body = self.loot.signed(name)
        body["version"] = version + 1
        change(body)
        self.put("%d.%s.json" % (version + 1, role), body, "online",
                 "device-ca", "audit", "tls", *helpers)
        self.announce(**{role.replace("-", "_"): version + 1})

    def genuine(self):
        """Digests of all that its owners signed, in whatever role."""
        return {hashlib.sha256(data).hexdigest()
                for data in list(self.hoard.values()) + self.helped}

    def offer(self, release, product="gateway"):
        self.offered = (release, release_of(self.loot, product, release))

    def document(self, target):
        """The URL of a signed document, and its bytes."""
        folder, _, last = target.rpartition("/")
        for url in self.loot.payloads:
            if re.fullmatch(re.escape(folder) + "/[0-9a-f]{64}\\." +
                            re.escape(last), url):
                role = target.split("/")[0]
                role = "rollout-wide" if role == "assign" else role
                entry = self.loot.signed(self.loot.newest(role)[1])[
                    "targets"][target]
                if entry["hashes"]["sha256"] in url:
                    return url, self.loot.blob(url)
        raise KeyError(target)


def release_of(loot, product, release):
    targets = loot.signed(loot.newest("targets")[1])["targets"]
    for entry in targets.values():
        pawl = entry["custom"]["pawl"]
        if (pawl.get("product"), pawl.get("release")) == (product, release):
            return pawl["digest"]
    raise KeyError(release)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, data):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        thief = self.server
        top, _, name = self.path.lstrip("/").partition("/")
        data = None
        if top == "metadata":
            data = thief.files.get(name)
        elif name in thief.replaced:
            data = thief.replaced[name]
        else:
            for loot in thief.loots.values():
                if name in loot.payloads:
                    data = loot.blob(name)
        if data is None:
            return self.answer(404, b"{}")
        return self.answer(200, data)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = {"v": 1}
        if self.path == "/v1/checkin":
            said.update(action="nothing", next_check=3600, reason="")
            if self.server.offered:
                release, digest = self.server.offered
                said.update(action="update", attempt=1, reason="for you",
                            release={"id": release, "digest": digest})
        self.answer(200, json.dumps(said).encode())

    def log_message(self, *_):
        pass


# ---- the device ---------------------------------------------------------------

class Device:
    def __init__(self, kept):
        self.dir = path("device")
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.copytree(path(kept), self.dir, symlinks=True)
        with open(os.path.join(self.dir, "client.conf")) as f:
            self.honest = f.read().replace(path(kept), self.dir)
        self.before = self.look()

    def point(self, url=None):
        text = self.honest
        if url:
            text = re.sub(r"(?m)^url = .*$", "url = " + url, text)
        with open(os.path.join(self.dir, "client.conf"), "w") as f:
            f.write(text)

    def run(self, *argv):
        return subprocess.run(
            [os.path.join(BIN, "updater-client"), *argv, "--config",
             os.path.join(self.dir, "client.conf")], timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def forget_metadata(self):
        """A device whose trusted metadata begins anew; its pins do not."""
        for name in glob.glob(os.path.join(self.dir, "state/metadata/*")):
            os.remove(name)
        self.before = self.look()

    def look(self):
        """What runs, what it could fall back to, its cohort, its metadata."""
        found = {}
        for folder, _, names in os.walk(os.path.join(self.dir, "slots")):
            for n in names:
                p = os.path.join(folder, n)
                data = os.readlink(p).encode() if os.path.islink(p) else \
                    open(p, "rb").read()
                found[os.path.relpath(p, self.dir)] = hashlib.sha256(
                    data).hexdigest()
        top = os.path.join(self.dir, "slots/current")
        if os.path.islink(top):
            found["slots/current"] = os.readlink(top)
        for p in glob.glob(os.path.join(self.dir, "state/metadata/*.json")) + \
                glob.glob(os.path.join(self.dir, "state/cohort.*")):
            with open(p, "rb") as f:
                found[os.path.relpath(p, self.dir)] = hashlib.sha256(
                    f.read()).hexdigest()
        return found

    def changed(self, genuine):
        """All that is new, but for what its owners signed and the online roles,
        and for the spare links that prove before a fetch that a switch works."""
        after = self.look()
        return sorted(
            n for n in set(after) | set(self.before)
            if after.get(n) != self.before.get(n) and n not in ONLINE and
            after.get(n) not in genuine and
            not n.startswith("slots/current."))


# ---- cases --------------------------------------------------------------------

CASES = []


def case(kept, loot, status, words, spare_slot=False, forget=False):
    """Spare_slot: the slot that does not run may be begun; forget: the device
    has lost what metadata it had."""
    def add(function):
        CASES.append((function, kept, loot, status, words, spare_slot, forget))
        return function
    return add


# More than the order says.

@case("many", "loot", REFUSED, "outside")
def offers_beyond_the_share(t):
    t.offer("2")
    t.announce()


@case("many", "loot", UNTRUSTED, "rollout-wide")
def opens_the_fleet_with_an_order_of_his_own(t):
    text = json.dumps({"anything": 1}).encode()

    def change(body):
        entry = body["targets"]["rollout-wide/gateway/2.json"]
        entry["hashes"] = {"sha256": hashlib.sha256(text).hexdigest()}
        entry["length"] = len(text)
    t.offer("2")
    t.forge("rollout-wide", change)


@case("many", "loot", UNTRUSTED, "rollout-wide")
def opens_the_fleet_with_an_administrators_key(t):
    def change(body):
        body["targets"]["rollout-wide/gateway/2.json"]["length"] += 1
    t.offer("2")
    t.forge("rollout-wide", change, "admin")


# Lists a release, with the key of the device CA and all that the server and
# its people have besides: no engineer's.

@case("many", "loot", UNTRUSTED, "targets")
def lists_a_release_with_every_key_but_an_engineers(t):
    def change(body):
        for entry in body["targets"].values():
            entry["length"] += 1
    t.offer("2")
    t.forge("targets", change, "op1", "op2", "admin", "wrap")


@case("many", "loot", (REFUSED, NOT_FOUND), "9")
def lists_a_release_in_the_role_of_two_operators(t):
    """What they sign is truly signed, and lists packages as engineers do."""
    listed = t.loot.signed(t.loot.newest("targets")[1])["targets"]

    def change(body):
        for name, entry in listed.items():
            if name.startswith("gateway/2/"):
                entry = copy.deepcopy(entry)
                entry["custom"]["pawl"]["release"] = "9"
                body["targets"][name.replace("/2/", "/9/")] = entry
    t.offer("2")
    t.offered = ("9", t.offered[1])
    t.forge("rollout-wide", change, "op1", "op2")
    written = json.loads(t.files["%d.rollout-wide.json" %
                                 (t.loot.newest("rollout-wide")[0] + 1)])
    assert any("/9/" in n for n in written["signed"]["targets"]), listed.keys()
    t.helped = [t.files["%d.rollout-wide.json" %
                        (t.loot.newest("rollout-wide")[0] + 1)]]


@case("many", "loot", UNTRUSTED, "rollout-wide: 1 of 2 needed")
def opens_the_fleet_with_one_operators_help(t):
    def change(body):
        body["targets"]["rollout-wide/gateway/2.json"]["length"] += 1
    t.offer("2")
    t.forge("rollout-wide", change, "op1")


@case("many", "loot", REFUSED, "two must sign")
def opens_more_than_one_operator_may(t):
    """The file is truly signed, and opens what the release keeps for two."""
    url, text = t.document("rollout/gateway/2.json")
    text = widened(text)
    digest = hashlib.sha256(text).hexdigest()

    def change(body):
        entry = body["targets"]["rollout/gateway/2.json"]
        entry["hashes"] = {"sha256": digest}
        entry["length"] = len(text)
    t.replaced["rollout/gateway/%s.2.json" % digest] = text
    t.offer("2")
    t.forge("rollout", change, "op1")
    t.helped = [t.files["%d.rollout.json" %
                        (t.loot.newest("rollout")[0] + 1)]]


def widened(text):
    order = json.loads(text)
    for phase in order["phases"]:
        phase.update(limit="all", cohorts=["fleet"])
    return canonical(order).encode()


@case("many", "loot", (UNTRUSTED, LIMIT), "rollout-wide/gateway/2")
def widens_the_order_under_its_name(t):
    url, text = t.document("rollout-wide/gateway/2.json")
    t.replaced[url] = widened(text)
    t.offer("2")
    t.announce()


@case("many", "loot", UNTRUSTED, "rollout-wide/gateway/2")
def changes_one_digit_of_the_order(t):
    url, text = t.document("rollout-wide/gateway/2.json")
    t.replaced[url] = text.replace(b'"limit":"0', b'"limit":"f')
    assert t.replaced[url] != text
    t.offer("2")
    t.announce()


@case("ready", "loot", UNTRUSTED, "root")
def makes_himself_root(t):
    t.offer("2")
    body = t.loot.signed(t.loot.newest("root")[1])
    body["version"] += 1
    body["pawl"]["staging"] = "server"
    t.put("%d.root.json" % body["version"], body, "online", "device-ca", "tls")


# A victim of his choice.

@case("many", "loot", UNTRUSTED, "rollout")
def lists_one_device_by_id(t):
    def change(body):
        entry = copy.deepcopy(body["targets"]["rollout/gateway/2.json"])
        body["targets"] = {"rollout/gateway/2.json": entry}
    t.offer("2")
    t.forge("rollout", change)


@case("many", "loot", (UNTRUSTED, LIMIT), "rollout/gateway/2")
def lists_one_device_in_the_order_that_is_there(t):
    url, text = t.document("rollout/gateway/2.json")
    order = json.loads(text)
    order["phases"][0]["devices"] = [t.victim]
    t.replaced[url] = canonical(order).encode()
    t.offer("2")
    t.announce()


# Another cohort.

@case("many", "loot", UNTRUSTED, "rollout-wide")
def forges_an_assignment(t):
    def change(body):
        body["targets"]["assign/%s.json" % t.victim]["length"] += 1
    t.offer("2")
    t.forge("rollout-wide", change)


@case("many", "loot", ROLLBACK, "rollout-wide")
def replays_the_file_with_the_older_assignment(t):
    t.offer("2")
    t.announce(rollout_wide=t.loots["loot-moved"].newest("rollout-wide")[0])


@case("many", "loot", (UNTRUSTED, LIMIT), "assign/")
def serves_the_older_assignment_under_the_newer_ones_name(t):
    url, _ = t.document("assign/%s.json" % t.victim)
    now, t.loot = t.loot, t.loots["loot-moved"]
    text = t.document("assign/%s.json" % t.victim)[1]
    t.loot = now
    assert b'"canary"' in text
    t.replaced[url] = text
    t.offer("2")
    t.announce()


@case("many", "loot", REFUSED, "fleet", forget=True)
def replays_it_to_a_device_that_lost_its_metadata(t):
    """The file is older than all that this device remembers, and genuine: what
    it pinned, with a higher version, stands."""
    moved = t.loots["loot-moved"]
    t.offer("2")
    t.announce(rollout_wide=moved.newest("rollout-wide")[0])


# Back, or to something else.

@case("few", "loot", ROLLBACK, "not newer")
def offers_an_old_release(t):
    t.offer("1")
    t.announce()


@case("few", "loot", ROLLBACK, "targets")
def offers_the_old_list(t):
    old = t.loots["loot-first"].newest("targets")[0]
    t.offer("1")
    t.announce(targets=old)


@case("few", "loot", REFUSED, "no signed order opens 2.undo")
def opens_the_way_back_by_himself(t):
    t.offer("2.undo")
    t.announce()


@case("ready", "loot", (REFUSED, NOT_FOUND), "c9")
def offers_another_products_release(t):
    t.offer("c9", "camera")
    t.announce()


def package_urls(t, release):
    return [u for u in t.loot.payloads
            if u.startswith("gateway/%s/" % release)]


@case("ready", "loot", (UNTRUSTED, LIMIT), "", spare_slot=True)
def gives_another_products_package(t):
    foreign = [u for u in t.loot.payloads if u.startswith("camera/c9/")]
    for url in package_urls(t, "2"):
        t.replaced[url] = t.loot.blob(foreign[0])
    t.offer("2")
    t.announce()


@case("ready", "loot", (UNTRUSTED, LIMIT), "", spare_slot=True)
def gives_a_package_of_another_environment(t):
    name = glob.glob(path("others/targets/gateway/2/*full.pawl"))[0]
    with open(name, "rb") as f:
        text = f.read()
    for url in package_urls(t, "2"):
        t.replaced[url] = text
    t.offer("2")
    t.announce()


def others(name):
    with open(path("others/metadata", name), "rb") as f:
        return f.read()


@case("ready", "loot", UNTRUSTED, "")
def gives_the_metadata_of_another_environment(t):
    t.offer("2")
    version = t.loot.newest("targets")[0] + 1
    t.files["%d.targets.json" % version] = others("1.targets.json")
    t.announce(targets=version)


@case("ready", "loot", UNTRUSTED, "root")
def gives_the_root_of_another_environment(t):
    t.offer("2")
    version = t.loot.newest("root")[0] + 1
    t.files["%d.root.json" % version] = others("1.root.json")


# Time and order of files.

@case("many", "loot", ROLLBACK, "timestamp")
def freezes_with_an_old_timestamp(t):
    t.offer("2")
    t.files["timestamp.json"] = t.loots["loot-first"].files["timestamp.json"]


@case("ready", "loot", EXPIRED, "timestamp")
def lets_his_timestamp_expire(t):
    t.offer("2")
    t.stamp(t.snapshot["version"], -0.001)


@case("ready", "loot", (FORMAT, REFUSED), "timestamp")
def stamps_for_years(t):
    t.offer("2")
    t.stamp(t.snapshot["version"], 2000)


@case("ready", "loot", (FORMAT, LIMIT), "timestamp")
def counts_beyond_all_versions(t):
    t.offer("2")
    t.timestamp["version"] = 2 ** 53 - 1
    t.stamp(t.snapshot["version"])


@case("many", "loot", ROLLBACK, "snapshot")
def goes_back_to_an_older_snapshot(t):
    t.offer("2")
    t.stamp(t.snapshot["version"] - 1)


@case("late", "loot-halted", ROLLBACK, "rollout")
def mixes_new_and_old_roles(t):
    old = t.loots["loot-first"].newest("rollout")[0]
    t.offer("2")
    t.announce(rollout=old)


@case("ready", "loot", (ROLLBACK, UNTRUSTED, FORMAT), "rollout-wide")
def forgets_a_role(t):
    t.offer("2")
    t.announce(rollout_wide=None)


@case("ready", "loot", NETWORK, "rollout")
def names_a_file_that_nobody_signed(t):
    t.offer("2")
    t.announce(rollout=t.loot.newest("rollout")[0] + 1)


@case("ready", "loot", UNTRUSTED, "rollout")
def serves_one_role_for_another(t):
    version = t.loot.newest("rollout")[0] + 1
    t.files["%d.rollout.json" % version] = t.loot.files[
        t.loot.newest("rollout-wide")[1]]
    t.offer("2")
    t.announce(rollout=version)


# A halt that the device has seen.

@case("late", "loot-halted", REFUSED, "halts 2")
def offers_what_is_halted(t):
    t.offer("2")
    t.announce()


@case("late", "loot-halted", ROLLBACK, "rollout-wide")
def takes_the_halt_back(t):
    t.offer("2")
    t.announce(rollout_wide=t.loots["loot"].newest("rollout-wide")[0])


@case("late", "loot-halted", NETWORK, "rollout-wide/gateway/2")
def withholds_the_halt(t):
    url, _ = t.document("rollout-wide/gateway/2.json")
    t.replaced[url] = None
    t.offer("2")
    t.announce()


@case("late", "loot-halted", (UNTRUSTED, LIMIT),
      "rollout-wide/gateway/2")
def gives_the_order_before_the_halt(t):
    url, _ = t.document("rollout-wide/gateway/2.json")
    now, t.loot = t.loot, t.loots["loot"]
    t.replaced[url] = t.document("rollout-wide/gateway/2.json")[1]
    t.loot = now
    t.offer("2")
    t.announce()


@case("late", "loot-halted", (ROLLBACK, UNTRUSTED, FORMAT),
      "rollout-wide")
def forgets_the_role_that_halts(t):
    t.offer("2")
    t.announce(rollout_wide=None)


# ---- the run ------------------------------------------------------------------

def judge(device, done, status, words, genuine, spare_slot):
    statuses = status if isinstance(status, tuple) else (status,)
    said = done.stderr.decode(errors="replace")
    lines = [x for x in said.splitlines() if x.startswith("updater-client: ")]
    if done.returncode not in statuses:
        return "exit status %d instead of %s: %s" % (
            done.returncode, statuses, said)
    if len(lines) != 1 or words not in lines[0]:
        return "not one line with \"%s\": %s" % (words, said)
    changed = device.changed(genuine)
    if spare_slot:
        running = os.path.dirname(device.before["slots/current"])
        changed = [n for n in changed if n == "slots/current" or
                   n.startswith("slots/%s/" % running) or
                   n.startswith("state/")]
    return "it changed %s" % ", ".join(changed) if changed else None


def main():
    thief = Thief("loot")
    for name in ("loot-first", "loot-moved", "loot", "loot-halted"):
        thief.steal(name)
    order = [t for t in thief.loots["loot"].signed(
        thief.loots["loot"].newest("rollout-wide")[1])["targets"]
        if t.startswith("assign/")]
    thief.victim = order[0].split("/")[1][:-5]
    failed = 0
    for function, kept, loot, status, words, spare_slot, forget in CASES:
        device = Device("kept-" + kept)
        if forget:
            device.forget_metadata()
        thief.begin(loot)
        function(thief)
        device.point(thief.url)
        done = device.run("update", "--quiet")
        why = judge(device, done, status, words, thief.genuine(),
                    spare_slot)
        if not why:
            device.point()
            after = device.run("check")
            if after.returncode != AVAILABLE:
                why = "the honest server was refused after it: %s" % (
                    after.stdout + after.stderr).decode(errors="replace")
        failed += bool(why)
        print("%s %s: %s" % (
            "not ok" if why else "ok", function.__name__.replace("_", " "),
            why or done.stderr.decode(errors="replace").splitlines()[-1]),
            flush=True)
    if failed:
        sys.exit("%d of %d cases failed" % (failed, len(CASES)))


main()
