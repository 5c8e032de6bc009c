"""Delegated roles through a real server to real devices, for 41.

The signer makes packages; then OpenSSL signs them into roles that targets
delegates to: product-box (two of three engineers), nightly (one), rollout (one
operator). The server imports them, its keeper lists them, devices install from
them, and everything that a device would refuse is refused at the import.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

from tuf_repository import Key, canonical, date

BIN, WORK = sys.argv[1], sys.argv[2]
FORMAT, LIMIT, UNTRUSTED, EXPIRED, ROLLBACK = 4, 5, 6, 7, 8
REFUSED, NOT_FOUND, CONFLICT = 10, 13, 14


def path(*parts):
    return os.path.join(WORK, *parts)


def run(status, *argv, stdin=""):
    done = subprocess.run(argv, input=stdin.encode(), timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace")
    if done.returncode != status:
        sys.exit("status %d, not %d: %s\n%s" %
                 (done.returncode, status, " ".join(argv), said))
    return said


def signer(*argv, secrets=""):
    return run(0, os.path.join(BIN, "signer"), *argv, stdin=secrets)


# ---- the server -------------------------------------------------------------

class Server:
    def __init__(self):
        self.dir, self.process = path("server"), None
        run(0, os.path.join(BIN, "update-server"), "init", self.dir,
            "--environment", "lab", "--device-listen", "127.0.0.1:0",
            "--enrol-listen", "127.0.0.1:0", "--people-listen", "127.0.0.1:0")

    def start(self):
        ready = os.path.join(self.dir, "run/listeners.json")
        if os.path.exists(ready):
            os.remove(ready)
        self.log = open(path("server.log"), "ab")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "update-server"), "run", self.dir],
            stdout=self.log, stderr=self.log)
        for _ in range(1200):
            if os.path.exists(ready) and os.path.getsize(ready):
                with open(ready) as f:
                    self.listeners = json.load(f)
                return
            time.sleep(0.05)
        sys.exit("the server does not start")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def op(self, status, *argv):
        return run(status, os.path.join(BIN, "update-server"), *argv,
                   "--operator", os.path.join(self.dir,
                                              "admin/operator.conf"))

    def imports(self, folder, status=0, say=""):
        said = self.op(status, "release", "import", folder)
        if say not in said:
            sys.exit("it did not say %r:\n%s" % (say, said))

    def open(self, release):
        name = "r%d" % release
        self.op(0, "rollout", "create", name, "--release", str(release),
                "--cohort", "default", "--share", "100")
        plan = json.loads(self.op(0, "rollout", "plan", name, "--json"))
        self.op(0, "rollout", "start", name, "--plan", plan["plan"])

    def roles(self):
        said = json.loads(self.op(0, "server", "status", "--json"))
        return {r["role"]: r for r in said["roles"]}

    def get(self, name):
        """A file as the enrolment listener gives it to anybody."""
        done = subprocess.run(
            ["curl", "-s", "-f", "--cacert", self.dir + "/ca.pem",
             "https://%s/%s" % (self.listeners["enrolment"], name)],
            stdout=subprocess.PIPE)
        return done.stdout if done.returncode == 0 else None

    def snapshot(self):
        announced = json.loads(self.get("metadata/timestamp.json"))
        version = announced["signed"]["meta"]["snapshot.json"]["version"]
        body = json.loads(self.get("metadata/%d.snapshot.json" % version))
        return {name: entry["version"]
                for name, entry in body["signed"]["meta"].items()}


# ---- the repository ---------------------------------------------------------

class Repository:
    """What the signer made, with roles that it was not asked for."""

    def __init__(self, server):
        for name in ("root", "release"):
            signer("key", "generate", path(name + ".key"), "--environment",
                   "lab", "--passphrase-fd", "0", secrets="a passphrase\n")
        signer("init", path("repo"), "--environment", "lab", "--owner",
               "Tests", "--product", "box", "--root-key",
               path("root.key.pub"), "--targets-key", path("release.key.pub"),
               "--online-key", server.dir + "/online.pub", "--key",
               path("root.key"), "--key", path("release.key"),
               "--passphrase-fd", "0",
               secrets="a passphrase\na passphrase\n")
        bare = subprocess.run(
            [os.path.join(BIN, "tests/tools/bare-key"), path("release.key"),
             "a passphrase"], check=True, stdout=subprocess.PIPE).stdout
        with open(path("release.bare"), "wb") as f:
            f.write(bare)
        self.release = Key(path("release.bare"))
        self.keys = {n: Key(path(n + ".pem"))
                     for n in ("ann", "bob", "cid", "night", "ops", "mallory")}
        self.entries = {}       # of every package: its targets entry
        self.files = {}         # path below targets/: bytes
        self.roots = {}
        self.versions = {"targets": 100}
        self.delegations = [
            ("product-box", ["ann", "bob", "cid"], 2, True,
             ["box/*/*", "floor/box.json"]),
            ("nightly", ["night"], 1, False, ["nightly/*/*/*"]),
            ("rollout", ["ops"], 1, True, ["rollout/*/*.json"]),
        ]

    def package(self, number):
        tree, out = path("tree-%d" % number), path("made-%d" % number)
        os.mkdir(tree)
        with open(tree + "/program", "w") as f:
            f.write("#!/bin/sh\necho %d\n" % number)
        os.chmod(tree + "/program", 0o755)
        signer("release", "create", path("repo"), "--product", "box", "--id",
               str(number), "--input", tree, "--health", "program", "--quiet")
        signer("sign", path("repo"), "--key", path("release.key"),
               "--passphrase-fd", "0", secrets="a passphrase\n")
        signer("publish", path("repo"), out)
        for name in os.listdir(out + "/metadata"):
            with open(os.path.join(out, "metadata", name), "rb") as f:
                data = f.read()
            if name.endswith("root.json"):
                self.roots[name] = data
            else:
                self.entries.update(json.loads(data)["signed"]["targets"])
        for folder, _, names in os.walk(out + "/targets"):
            for name in names:
                full = os.path.join(folder, name)
                with open(full, "rb") as f:
                    self.files[os.path.relpath(full, out + "/targets")] = \
                        f.read()

    def document(self, name, body):
        data = canonical(body).encode()
        digest = hashlib.sha256(data).hexdigest()
        folder, _, last = name.rpartition("/")
        self.files["%s/%s.%s" % (folder, digest, last)] = data
        return {"length": len(data), "hashes": {"sha256": digest},
                "custom": {"pawl": {"type": body["type"], "v": 1}}}

    def order(self, number, **more):
        """A halt of release 1: nobody here asks for orders, all import them."""
        entry = next(e for n, e in self.entries.items()
                     if n.startswith("box/1/"))
        body = {"v": 1, "type": "order", "kind": "halt", "product": "box",
                "release": "1", "digest": entry["custom"]["pawl"]["digest"],
                "number": number, "issued": date(-0.1)}
        return self.document("rollout/box/1.json", dict(body, **more))

    def nightly(self, number):
        """The same package, where one key may put it."""
        old = "box/%d/main-full.pawl" % number
        for name in list(self.files):
            if name.startswith("box/%d/" % number):
                self.files["nightly/" + name] = self.files[name]
        return {"nightly/" + old: self.entries[old]}

    def body(self, role, targets, days=30):
        self.versions[role] = self.versions.get(role, 0) + 1
        return {"_type": "targets", "spec_version": "1.0.34",
                "version": self.versions[role], "issued": date(-0.1),
                "expires": date(days), "targets": targets}

    def top(self, targets=None):
        body = self.body("targets", targets or {})
        body["pawl"] = {"environment": "lab"}
        keys, roles = {}, []
        for name, owners, threshold, terminating, paths in self.delegations:
            for o in owners:
                keys[self.keys[o].id] = self.keys[o].object
            roles.append({"name": name, "threshold": threshold,
                          "terminating": terminating, "paths": paths,
                          "keyids": [self.keys[o].id for o in owners]})
        body["delegations"] = {"keys": keys, "roles": roles}
        return self.envelope(body, "release")

    def envelope(self, body, *signers):
        message = canonical(body).encode()
        keys = [self.release if s == "release" else self.keys[s]
                for s in signers]
        return {"signatures": [{"keyid": k.id, "sig": k.sign(message)}
                               for k in keys], "signed": body}

    def write(self, name, **roles):
        """A publish folder with these roles ("_" for "-") and all files."""
        out = path(name)
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out + "/metadata")
        files = {"metadata/%d.%s.json" % (e["signed"]["version"],
                                          role.replace("_", "-")):
                 json.dumps(e).encode() for role, e in roles.items()}
        if "targets" in roles:
            files.update(("metadata/" + n, d) for n, d in self.roots.items())
        files.update(("targets/" + n, d) for n, d in self.files.items())
        for n, data in files.items():
            os.makedirs(os.path.dirname(os.path.join(out, n)), exist_ok=True)
            with open(os.path.join(out, n), "wb") as f:
                f.write(data)
        return out


# ---- devices ----------------------------------------------------------------

class Device:
    def __init__(self, name, server):
        self.dir = path(name)
        os.makedirs(self.dir + "/slots")
        os.mkdir(self.dir + "/state", 0o700)
        with open(self.dir + "/root.json", "wb") as f:
            f.write(repo.roots["1.root.json"])
        with open(self.dir + "/client.conf", "w") as f:
            f.write("[device]\nproduct = box\nmodel = m1\nstate = %s/state\n"
                    "[server]\nurl = https://%s\nenrol = https://%s\n"
                    "ca = %s/ca.pem\n"
                    "[trust]\nroot = %s/root.json\nenvironment = lab\n"
                    "[slot]\nkind = tree\npath = %s/slots\n" %
                    (self.dir, server.listeners["device"],
                     server.listeners["enrolment"], server.dir, self.dir,
                     self.dir))

    def __call__(self, status, *argv):
        return run(status, os.path.join(BIN, "updater-client"), *argv,
                   "--config", self.dir + "/client.conf")

    def runs(self, release):
        said = json.loads(self(0, "status", "--json"))
        if '"%s"' % release not in json.dumps(said):
            sys.exit("release %s does not run:\n%s" % (release, said))

    def holds(self):
        return sorted(os.listdir(self.dir + "/state/metadata"))


# ---- the story --------------------------------------------------------------

def box(*numbers):
    return {p: e for p, e in repo.entries.items()
            if any(p.startswith("box/%d/" % n) for n in numbers)}


def story(server):
    for number in (1, 2, 3):
        repo.package(number)
    order = repo.order(1)
    top = repo.top()
    product = repo.body("product-box", box(1))
    rollout = repo.body("rollout", {"rollout/box/1.json": order})
    server.start()

    # One engineer is not two, nobody else's key counts, and nothing changes.
    for signers in (["ann"], ["ann", "mallory"]):
        folder = repo.write("in", targets=top,
                            product_box=repo.envelope(product, *signers))
        server.imports(folder, UNTRUSTED, "product-box")
    assert not server.roles() and not server.get("metadata/timestamp.json")
    # A document that is not the one that was signed, and one that is not small.
    good = dict(repo.files)
    name = next(n for n in repo.files if n.startswith("rollout/"))
    repo.files[name] = good[name].replace(b"order", b"orDer")
    folder = repo.write("in", targets=top,
                        rollout=repo.envelope(rollout, "ops"))
    server.imports(folder, UNTRUSTED, "rollout/box/1.json")
    repo.files = good
    # A role that targets does not name, and one that has expired.
    folder = repo.write("in", targets=top,
                        stranger=repo.envelope(product, "ann", "bob"))
    server.imports(folder, REFUSED, "stranger")
    old = dict(rollout, issued=date(-9), expires=date(-1))
    folder = repo.write("in", targets=top, rollout=repo.envelope(old, "ops"))
    server.imports(folder, EXPIRED, "rollout")
    good = dict(repo.files)
    huge = repo.order(1, more="x" * 65536)
    body = dict(rollout, targets={"rollout/box/1.json": huge})
    folder = repo.write("in", targets=top, rollout=repo.envelope(body, "ops"))
    server.imports(folder, LIMIT, "rollout/box/1.json")
    repo.files = good

    # All is well: release 1 by the product's role, the order by the operator.
    signed_product = repo.envelope(product, "cid", "ann")
    signed_rollout = repo.envelope(rollout, "ops")
    folder = repo.write("one", targets=top, product_box=signed_product,
                        rollout=signed_rollout)
    server.imports(folder)
    server.imports(folder)
    assert server.snapshot() == {"targets.json": 101, "product-box.json": 1,
                                 "rollout.json": 1}
    claim = path("claim")
    with open(claim, "w") as f:
        f.write(server.op(0, "token", "create", "--product", "box", "--model",
                          "m1", "--cohort", "default", "--plain"))
    os.chmod(claim, 0o600)
    device = Device("device", server)
    device(0, "enroll", "--claim-file", claim)
    server.open(1)
    device(0, "update")
    device.runs(1)
    # It fetched what it needed: its product's role, not the operators'.
    assert "product-box.json" in device.holds()
    assert "rollout.json" not in device.holds()

    # One role on its own: the operator's next order, and engineers' folders
    # that still hold the older one do not take it back.
    rollout = repo.body("rollout", {"rollout/box/1.json": repo.order(2)})
    signed_rollout = repo.envelope(rollout, "ops")
    server.imports(repo.write("op", rollout=signed_rollout))
    assert server.snapshot()["rollout.json"] == 2
    assert server.get("metadata/2.rollout.json")
    server.imports(path("one"), 0, "left out rollout version 1")
    assert server.snapshot()["rollout.json"] == 2
    again = repo.envelope(dict(rollout, expires=date(3)), "ops")
    server.imports(repo.write("in", rollout=again), CONFLICT, "rollout")

    # What is no order does not come in among them.
    evil = repo.body("rollout", dict(box(2), **rollout["targets"]))
    server.imports(repo.write("in", rollout=repo.envelope(evil, "ops")),
                   REFUSED, "no order of the role rollout")
    assert "box/2" not in server.op(0, "release", "list", "--json")
    device(0, "update")
    device.runs(1)

    # Release 2 by the role; release 3 only as a nightly, which a lab takes.
    product = repo.body("product-box", box(1, 2))
    server.imports(repo.write("in", product_box=repo.envelope(product, "bob",
                                                              "cid")))
    server.open(2)
    device(0, "update")
    device.runs(2)
    night = repo.body("nightly", repo.nightly(3))
    server.imports(repo.write("in", nightly=repo.envelope(night, "night")))
    server.open(3)
    device(0, "update")
    device.runs(3)

    # A bundle carries the roles, and a device without a network takes them.
    def exported(name):
        server.op(0, "bundle", "export", path(name), "--valid", "5")
        return path(name)

    exported("bundle")
    assert os.path.exists(path("bundle/metadata/2.rollout.json"))
    assert any(n.startswith("rollout") for n in
               os.listdir(path("bundle/targets")))
    offline = Device("offline", server)
    offline(0, "update", "--from", path("bundle"))
    offline.runs(3)

    # Keys change: what the old ones signed is of no use until signed again,
    # the import says so, and devices keep what they run.
    repo.delegations[0] = ("product-box", ["mallory", "bob", "cid"], 2, True,
                           repo.delegations[0][4])
    product = repo.body("product-box", box(1, 2))
    with_ann = repo.envelope(product, "ann", "bob")
    server.imports(repo.write("in", product_box=with_ann))
    server.imports(repo.write("in", targets=repo.top()), 0,
                   "of no use to devices")
    assert "signatures" in server.roles()["product-box"]["problem"]
    offline(UNTRUSTED, "update", "--from", exported("bundle-2"))
    offline.runs(3)
    product = repo.body("product-box", box(1, 2))
    server.imports(repo.write("in", product_box=repo.envelope(product, "bob",
                                                              "cid")))
    assert "problem" not in server.roles()["product-box"]

    # A delegation ends: its role stays listed, devices go on.
    del repo.delegations[1]
    server.imports(repo.write("in", targets=repo.top()), 0,
                   "no longer delegates")
    assert server.snapshot()["nightly.json"] == 1
    device(0, "update")
    device.runs(3)

    # All of it outlives a restart.
    before = server.snapshot()
    server.stop()
    server.start()
    assert server.snapshot() == before


server = Server()
repo = Repository(server)
try:
    story(server)
finally:
    server.stop()
print("delegated roles are imported, listed, served and installed")
