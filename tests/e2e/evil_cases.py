"""Evil repositories against the real signer and a real device, for 30.

A good repository is made by the signer. Then OpenSSL signs, with the same keys,
what the signer never would; or somebody without keys changes a file. The oracle
for each case: the device says no with the right exit status; its slots are
untouched; its state folder is byte for byte as before, but for what
leaves_nothing() names; the last line names the file, the rule and the way out;
and the next run against the good repository installs the release.
"""
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

import bounded
from tuf_repository import Key, canonical, date

BIN, WORK = sys.argv[1], sys.argv[2]
FORMAT, LIMIT, UNTRUSTED, EXPIRED, ROLLBACK = 4, 5, 6, 7, 8
WRITTEN = 4 << 20  # as much as the largest release here says to be
NETWORK, REFUSED, SPACE, NOT_FOUND, CONFLICT, HEALTH = 9, 10, 11, 13, 14, 15


def path(*parts):
    return os.path.join(WORK, *parts)


def run(*argv, stdin=None, fine=True):
    done = subprocess.run(argv, input=stdin, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if fine and done.returncode:
        sys.exit("%s: %d\n%s" % (" ".join(argv), done.returncode,
                                 done.stdout.decode(errors="replace")))
    return done


def signer(*argv, fine=True):
    return run(os.path.join(BIN, "signer"), *argv, stdin=b"", fine=fine)


# ---- a good repository with two releases -----------------------------------

def new_key(name):
    """Behind a command: no wait for a passphrase's key."""
    bare, public = path(name + ".bare"), path(name + ".key.pub")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-out", bare)
    run("openssl", "pkey", "-in", bare, "-pubout", "-out", public)
    signer("key", "external", path(name + ".key"), "--environment", "lab",
           "--public", public, "--", "openssl", "pkeyutl", "-sign", "-inkey",
           bare)
    return Key(bare)


def tree(name, content):
    os.mkdir(path(name))
    with open(path(name, "program"), "w") as f:
        f.write("#!/bin/sh\necho %s\n" % content)
    os.chmod(path(name, "program"), 0o755)
    with open(path(name, "data"), "wb") as f:
        # More than a chunk of what is new, and something that is not.
        f.write(content.encode())
        for seed in content, "what all have":
            f.write(random.Random(seed).randbytes(80000).hex().encode())
    return path(name)


def release(number, *more):
    signer("release", "create", path("repo"), "--product", "box", "--id",
           str(number), "--input", tree("tree-%d" % number, "r%d" % number),
           "--health", "program", "--quiet", *more)
    signer("sign", path("repo"), "--key", path("release.key"))
    signer("publish", path("repo"), path("published-%d" % number))


def make_good():
    keys = {n: new_key(n) for n in ("root", "release", "online", "spare")}
    signer("init", path("repo"), "--environment", "lab", "--owner", "Tests",
           "--product", "box", "--root-key", path("root.key.pub"),
           "--targets-key", path("release.key.pub"), "--online-key",
           path("online.key.pub"), "--key", path("root.key"), "--key",
           path("release.key"))
    release(1)
    release(2, "--from", "1")
    return keys


def encoded(body):
    try:
        return canonical(body).encode()
    except TypeError:   # reals have no canonical form
        return json.dumps(body, sort_keys=True,
                          separators=(",", ":")).encode()


class Repository:
    """What one folder holds; signed again at will."""

    def __init__(self, keys, number):
        self.keys, self.number = keys, number
        self.folder = path("published-%d" % number)
        self.files = {}
        metadata = os.path.join(self.folder, "metadata")
        for name in os.listdir(metadata):
            with open(os.path.join(metadata, name), "rb") as f:
                self.files[name] = f.read()
        self.packages = {}      # path below targets/: other bytes
        self.online(number, number)

    def signed(self, name):
        return json.loads(self.files[name])["signed"]

    def envelope(self, body, *signers):
        message = encoded(body)
        return {"signatures": [{"keyid": self.keys[s].id,
                                "sig": self.keys[s].sign(message)}
                               for s in signers],
                "signed": body}

    def put(self, name, body, *signers):
        self.files[name] = json.dumps(self.envelope(body, *signers)).encode()

    @staticmethod
    def head(role, version, days=1):
        return {"_type": role, "spec_version": "1.0.34", "version": version,
                "issued": date(-1), "expires": date(days)}

    def online(self, snapshot, timestamp, targets=None, days=1):
        body = self.head("snapshot", snapshot, days)
        body["meta"] = {"targets.json": {"version": targets or self.number}}
        self.put("%d.snapshot.json" % snapshot, body, "online")
        body = self.head("timestamp", timestamp, days)
        body["meta"] = {"snapshot.json": {"version": snapshot}}
        self.put("timestamp.json", body, "online")

    def targets(self):
        return self.signed("%d.targets.json" % self.number)

    def put_targets(self, body, *signers):
        self.put("%d.targets.json" % self.number, body,
                 *(signers or ("release",)))

    def new_root(self, change, *signers, version=2):
        body = self.signed("1.root.json")
        body["version"] = version
        change(body)
        self.put("%d.root.json" % version, body, *(signers or ("root",)))

    def recover(self, device):
        """What the owners publish next, whatever was validly signed before."""
        body = self.targets()
        body["version"] = 3
        self.put("3.targets.json", body, "release")
        self.online(3, 3, 3)
        trusted = device.trusted_root()
        body = self.signed("1.root.json")
        if json.loads(trusted)["signed"]["version"] == 2:
            self.files["2.root.json"] = trusted
            body["version"] = 3
            self.put("3.root.json", body, "root")

    def write(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "metadata"))
        shutil.copytree(os.path.join(self.folder, "targets"),
                        os.path.join(folder, "targets"))
        for name, data in self.files.items():
            with open(os.path.join(folder, "metadata", name), "wb") as f:
                f.write(data)
        for name, data in self.packages.items():
            with open(os.path.join(folder, "targets", name), "wb") as f:
                f.write(data)


# ---- a device ---------------------------------------------------------------

class Device:
    def __init__(self, name):
        self.dir = path(name)

    def make(self):
        os.makedirs(self.dir)
        os.mkdir(os.path.join(self.dir, "state"), 0o700)
        self.configure()

    def configure(self):
        with open(os.path.join(self.dir, "client.conf"), "w") as f:
            f.write("[device]\nproduct = box\nmodel = m1\nstate = %s/state\n"
                    "[trust]\nroot = %s\nenvironment = lab\n"
                    "[slot]\nkind = tree\npath = %s/slots\n" %
                    (self.dir, path("published-1/metadata/1.root.json"),
                     self.dir))

    def copy(self, name):
        other = Device(name)
        shutil.rmtree(other.dir, ignore_errors=True)
        shutil.copytree(self.dir, other.dir, symlinks=True)
        other.configure()
        return other

    def update(self, folder, *more):
        """stdout: all that it said; line: the last one on standard error."""
        done = bounded.run(
            [os.path.join(BIN, "updater-client"), "update", "--quiet",
             "--config", os.path.join(self.dir, "client.conf"),
             "--from", folder, *more], WRITTEN)
        done.stdout += done.stderr
        done.line = (done.stderr.decode(errors="replace").splitlines()
                     or [""])[-1]
        return done

    def expect(self, status, folder):
        done = self.update(folder)
        if done.returncode != status:
            raise AssertionError("exit status %d instead of %d: %s" % (
                done.returncode, status,
                done.stdout.decode(errors="replace")))

    def slots(self):
        """Everything that an activation or a write would change, but for the
        spare links with which a switch is proven possible before a fetch."""
        found = []
        top = os.path.join(self.dir, "slots")
        for folder, names, files in os.walk(top):
            for n in sorted(names + files):
                p = os.path.join(folder, n)
                data = b""
                if folder == top and n.startswith("current."):
                    continue
                if os.path.islink(p):
                    data = os.readlink(p).encode()
                elif os.path.isfile(p):
                    with open(p, "rb") as f:
                        data = f.read()
                found.append((os.path.relpath(p, top), data))
        return sorted(found)

    def state(self):
        """Every file of the state folder."""
        found, top = {}, os.path.join(self.dir, "state")
        for folder, _, files in os.walk(top):
            for n in files:
                p = os.path.join(folder, n)
                with open(p, "rb") as f:
                    found[os.path.relpath(p, top)] = f.read()
        return found

    def trusted_root(self):
        name = os.path.join(self.dir, "state/metadata/root.json")
        with open(name, "rb") as f:
            return f.read()

    def running(self):
        try:
            with open(os.path.join(self.dir, "slots/current/data"), "rb") as f:
                return f.read(2).decode()
        except FileNotFoundError:
            return None


# ---- what a refusal says, and what it leaves ----------------------------------

# The way out, by class of refusal (docs/exit-status.md).
WAY_OUT = {
    FORMAT: "tell who made it",
    LIMIT: "tell who made it",
    UNTRUSTED: "suspect where it comes from",
    EXPIRED: "is the clock right?",
    ROLLBACK: "the source is behind this device",
    NETWORK: "try again later",
    REFUSED: "ask who released it",
    CONFLICT: "or with a full package",
    SPACE: "make room",
    HEALTH: '"status" keeps the reason',
}
ROLES = ("root", "timestamp", "snapshot", "targets")
METADATA = re.compile(r"updater-client: metadata: (?:\d+\.)?(%s)(?:\.json)?: ." %
                      "|".join(ROLES))
PACKAGE = re.compile(r"updater-client: (?:package main of release 2: .|"
                     r"no room for the slot and the package)")
RELEASE = re.compile(r"updater-client: (?:box/[0-9]/main-\S+: .|2 \w)")


def role_of(name):
    """Of "2.root.json" and the like; None for what is no metadata."""
    parts = name.split(".")
    return parts[-2] if parts[-1] == "json" and parts[-2] in ROLES else None


def says_why(result, touched):
    """None, if the last line names the file (one of those that were touched),
    the rule and the way out."""
    line, _, way_out = result.line.partition("; ")
    if WAY_OUT[result.returncode] not in way_out:
        return "no way out: %r" % result.line
    of = METADATA.match(line)
    if of:
        # Another root changes what every other file is judged by.
        blamed = {role_of(n) for n in touched} & {of.group(1), "root"}
        return None if blamed else (
            "it blames %s, touched was %s: %r" % (of.group(1), touched, line))
    if not PACKAGE.match(line) and not RELEASE.match(line):
        return "no file is named: %r" % line
    return None


def leaves_nothing(device, before, result, served):
    """None, if the state folder is as it was, but for: the lock, the copy of a
    configuration that was good, the last error; metadata that stands before
    what was refused, exactly as served (a root also when it has expired: the
    next one is signed by its keys); with new metadata the journal, for it holds
    the time floor; with a package that was begun its spool, the journal and how
    it ended."""
    after = device.state()
    of = METADATA.match(result.line)
    refused = ROLES.index(of.group(1)) if of else len(ROLES)
    if of and result.returncode == EXPIRED and refused == 0:
        refused = 1
    begun = bool(PACKAGE.match(result.line)) or result.returncode == HEALTH
    fine, learnt = {"lock", "client.conf.good", "trouble.json"}, begun
    for role in ROLES[:refused]:
        name = "metadata/%s.json" % role
        if after.get(name) == before.get(name):
            continue
        if after.get(name) not in [data for n, data in served.items()
                                   if role_of(n) == role]:
            return "%s is nothing that was served" % name
        fine.add(name)
        learnt = learnt or role in ("root", "targets")
    if learnt:
        fine |= {"journal.0", "journal.1"}
    if begun:
        fine |= {"history.json"} | {n for n in after if n.startswith("spool/")}
    changed = [n for n in set(before) | set(after)
               if before.get(n) != after.get(n) and n not in fine]
    return "it changed %s" % sorted(changed) if changed else None


# ---- cases ------------------------------------------------------------------

CASES = []


def case(*codes, active=False):
    """Any of these statuses; active: the running slot alone is judged."""
    def add(function):
        CASES.append((function, codes, active))
        return function
    return add


def change_custom(**fields):
    """A signed release that lies about itself: what an engineer could do."""
    def change(r):
        body = r.targets()
        for entry in body["targets"].values():
            entry["custom"]["pawl"].update(fields)
        r.put_targets(body)
    return change


def package_of(r, kind="full"):
    for name, entry in r.targets()["targets"].items():
        pawl = entry["custom"]["pawl"]
        if pawl["release"] == "2" and pawl["kind"] == kind:
            folder, _, last = name.rpartition("/")
            where = "%s/%s.%s" % (folder, entry["hashes"]["sha256"], last)
            with open(os.path.join(r.folder, "targets", where), "rb") as f:
                return where, f.read()
    raise KeyError(kind)


@case(UNTRUSTED)
def a01_targets_unsigned(r):
    r.put("2.targets.json", r.targets())
    r.files["2.targets.json"] = json.dumps(
        {"signatures": [], "signed": r.targets()}).encode()


@case(UNTRUSTED)
def a01_targets_signed_by_a_stranger(r):
    r.put_targets(r.targets(), "spare")


@case(UNTRUSTED)
def a01_targets_signed_by_the_online_key(r):
    r.put_targets(r.targets(), "online")


@case(UNTRUSTED)
def a01_targets_changed_after_signing(r):
    data = r.files["2.targets.json"]
    r.files["2.targets.json"] = data.replace(b'"urgent":false',
                                             b'"urgent":true')
    assert data != r.files["2.targets.json"]


@case(UNTRUSTED)
def a01_timestamp_signed_by_the_release_key(r):
    r.put("timestamp.json", r.signed("timestamp.json"), "release")


@case(UNTRUSTED, active=True)
def a01_package_flipped_at_its_end(r):
    for kind in ("full", "delta"):
        name, data = package_of(r, kind)
        r.packages[name] = data[:-1] + bytes([data[-1] ^ 1])


@case(UNTRUSTED, active=True)
def a01_package_flipped_in_its_header(r):
    for kind in ("full", "delta"):
        name, data = package_of(r, kind)
        r.packages[name] = bytes([data[0] ^ 1]) + data[1:]


@case(UNTRUSTED, FORMAT, NETWORK, active=True)
def a01_package_cut(r):
    for kind in ("full", "delta"):
        name, data = package_of(r, kind)
        r.packages[name] = data[:-1]


@case(UNTRUSTED, LIMIT, active=True)
def a01_package_with_more_behind_it(r):
    for kind in ("full", "delta"):
        name, data = package_of(r, kind)
        r.packages[name] = data + b"\0"


@case(UNTRUSTED, LIMIT, active=True)
def a01_package_of_the_other_kind(r):
    full, delta = package_of(r, "full"), package_of(r, "delta")
    r.packages[full[0]], r.packages[delta[0]] = delta[1], full[1]


@case(EXPIRED)
def a04_timestamp_expired(r):
    body = r.signed("timestamp.json")
    body["expires"] = date(-0.001)
    r.put("timestamp.json", body, "online")


@case(EXPIRED)
def a04_snapshot_expired(r):
    body = r.signed("2.snapshot.json")
    body["expires"] = date(-0.001)
    r.put("2.snapshot.json", body, "online")


@case(EXPIRED)
def a05_targets_expired_and_signed_online_for_ever(r):
    body = r.targets()
    body["issued"], body["expires"] = date(-300), date(-0.001)
    r.put_targets(body)


@case(EXPIRED)
def a04_root_expired(r):
    r.new_root(lambda b: b.update(issued=date(-300), expires=date(-0.001)))


@case(FORMAT, LIMIT)
def a06_version_beyond_2_53(r):
    body = r.signed("timestamp.json")
    body["version"] = 2 ** 53
    r.put("timestamp.json", body, "online")


@case(FORMAT, LIMIT)
def a06_version_that_wraps(r):
    body = r.signed("timestamp.json")
    body["version"] = 2 ** 64 + 3
    r.put("timestamp.json", body, "online")


@case(LIMIT)
def a08_timestamp_without_end(r):
    r.files["timestamp.json"] += b" " * 20000000


@case(LIMIT)
def a08_snapshot_without_end(r):
    r.files["2.snapshot.json"] += b" " * 20000000


@case(LIMIT)
def a08_targets_without_end(r):
    r.files["2.targets.json"] += b" " * 20000000


@case(LIMIT)
def a08_root_without_end(r):
    r.files["2.root.json"] = b" " * 20000000


@case(REFUSED)
def a10_release_for_another_model(r):
    change_custom(models=["m2"])(r)


@case(REFUSED)
def a10_release_for_another_revision(r):
    change_custom(hardware=["rev-z"])(r)


@case(FORMAT)
def a10_release_for_no_revision(r):
    change_custom(hardware=[])(r)


@case(FORMAT, REFUSED, NOT_FOUND)
def a10_release_for_another_product(r):
    change_custom(product="other")(r)


def thresholds(value):
    def change(r):
        def edit(body):
            body["roles"]["targets"]["threshold"] = value
        r.new_root(edit)
    return change


for _n, _value in enumerate((0, -1, "2", 1.5, None, 2, True, [1], 2 ** 60)):
    _f = thresholds(_value)
    _f.__name__ = "a15_threshold_%r" % (_value,)
    case(FORMAT, LIMIT)(_f)


@case(FORMAT)
def a15_threshold_missing(r):
    r.new_root(lambda b: b["roles"]["targets"].pop("threshold"))


@case(FORMAT)
def a15_no_keyids(r):
    r.new_root(lambda b: b["roles"]["targets"].update(keyids=[]))


@case(FORMAT)
def a14_same_key_under_two_ids(r):
    def edit(body):
        role = body["roles"]["targets"]
        body["keys"]["f" * 64] = body["keys"][role["keyids"][0]]
        role["keyids"].append("f" * 64)
        role["threshold"] = 2
    r.new_root(edit)


def two_of_two(r):
    def edit(body):
        key = r.keys["spare"]
        body["keys"][key.id] = dict(key.object)
        body["roles"]["targets"]["keyids"].append(key.id)
        body["roles"]["targets"]["threshold"] = 2
    r.new_root(edit)


@case(UNTRUSTED)
def a13_one_signature_of_two(r):
    two_of_two(r)


@case(FORMAT)
def a14_one_signature_twice(r):
    two_of_two(r)
    envelope = json.loads(r.files["2.targets.json"])
    envelope["signatures"] *= 2
    r.files["2.targets.json"] = json.dumps(envelope).encode()


@case(UNTRUSTED)
def a14_one_signature_under_both_ids(r):
    two_of_two(r)
    envelope = json.loads(r.files["2.targets.json"])
    envelope["signatures"].append(
        {"keyid": r.keys["spare"].id,
         "sig": envelope["signatures"][0]["sig"]})
    r.files["2.targets.json"] = json.dumps(envelope).encode()


@case(FORMAT, UNTRUSTED)
def a14_the_mirrored_signature_as_a_second_one(r):
    two_of_two(r)
    envelope = json.loads(r.files["2.targets.json"])
    sig = bytes.fromhex(envelope["signatures"][0]["sig"])
    envelope["signatures"].append({"keyid": r.keys["release"].id.upper(),
                                   "sig": mirrored(sig).hex()})
    r.files["2.targets.json"] = json.dumps(envelope).encode()


ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551


def number(value):
    data = value.to_bytes(33, "big").lstrip(b"\0") or b"\0"
    if data[0] >= 0x80:
        data = b"\0" + data
    return b"\x02" + bytes([len(data)]) + data


def numbers(sig):
    n = sig[3]
    return (int.from_bytes(sig[4:4 + n], "big"),
            int.from_bytes(sig[6 + n:], "big"))


def der(r, s):
    body = number(r) + number(s)
    return b"\x30" + bytes([len(body)]) + body


def mirrored(sig):
    r, s = numbers(sig)
    return der(r, ORDER - s)


def signature(change):
    def edit(r):
        envelope = json.loads(r.files["2.targets.json"])
        sig = bytes.fromhex(envelope["signatures"][0]["sig"])
        changed = change(sig)
        envelope["signatures"][0]["sig"] = (
            changed if isinstance(changed, str) else changed.hex())
        r.files["2.targets.json"] = json.dumps(envelope).encode()
    return edit


for _name, _change in {
        "trailing_byte": lambda s: s + b"\0",
        "cut": lambda s: s[:-1],
        "long_length": lambda s: b"\x30\x81" + s[1:],
        "r_padded": lambda s: b"\x30" + bytes([s[1] + 1]) + b"\x02" +
        bytes([s[3] + 1]) + b"\0" + s[4:],
        "r_zero": lambda s: der(0, numbers(s)[1]),
        "s_zero": lambda s: der(numbers(s)[0], 0),
        "both_zero": lambda s: der(0, 0),
        "both_one": lambda s: der(1, 1),
        "r_plus_n": lambda s: der(numbers(s)[0] + ORDER, numbers(s)[1])
        if numbers(s)[0] + ORDER < 2 ** 263 else s[:-1],
        "s_is_n": lambda s: der(numbers(s)[0], ORDER),
        "swapped": lambda s: der(numbers(s)[1], numbers(s)[0]),
        "empty": lambda s: b"",
        "huge": lambda s: s * 140,
        "no_hex": lambda s: "zz" * 70,
        "odd_hex": lambda s: s.hex()[:-1],
        "upper_case_hex": lambda s: s.hex().upper() + "!",
}.items():
    _f = signature(_change)
    _f.__name__ = "a24_signature_" + _name
    case(UNTRUSTED, FORMAT, LIMIT)(_f)


@case(UNTRUSTED)
def a16_root_version_skipped(r):
    r.new_root(lambda b: b.update(version=3))


@case(UNTRUSTED)
def a16_root_of_the_same_version(r):
    r.new_root(lambda b: b.update(version=1))


def new_root_key(body, keys):
    key = keys["spare"]
    body["keys"][key.id] = dict(key.object)
    body["roles"]["root"]["keyids"] = [key.id]


@case(UNTRUSTED)
def a16_root_signed_by_the_new_key_alone(r):
    r.new_root(lambda b: new_root_key(b, r.keys), "spare")


@case(UNTRUSTED)
def a16_root_signed_by_the_old_key_alone(r):
    r.new_root(lambda b: new_root_key(b, r.keys), "root")


@case(REFUSED)
def a16_root_of_another_environment(r):
    r.new_root(lambda b: b["pawl"].update(environment="demo"))


for _n, _name in enumerate((
        "../../x/1/main-full.pawl", "/etc/x", "box/../../x", "%2e%2e/x",
        "box//x", "box/./x", "-x", "Box/x", "box/x\n", "box/\u202ex",
        "box/" + "x" * 4000, "", ".", "1.root.json/..", "box\\x", "box/")):
    def _f(r, name=_name):
        body = r.targets()
        some = next(iter(body["targets"].values()))
        body["targets"][name] = copy.deepcopy(some)
        r.put_targets(body)
    _f.__name__ = "a19_target_name_%d" % _n
    case(FORMAT, LIMIT, REFUSED)(_f)


def raw(name, change):
    def edit(r):
        r.files[name] = change(r.files[name])
    return edit


for _name, _change in {
        "byte_order_mark": lambda d: b"\xef\xbb\xbf" + d,
        "something_behind": lambda d: d + b"x",
        "two_documents": lambda d: d + d,
        "duplicate_member": lambda d: d.replace(
            b'"version"', b'"version": 9, "version"', 1),
        "duplicate_envelope": lambda d: d.replace(
            b'{"signatures"', b'{"signed": {}, "signatures"', 1),
        "nul_escape": lambda d: d.replace(b"1.0.34", b"1.0.34\\u0000"),
        "bad_utf8": lambda d: d.replace(b"1.0.34", b"1.0.34\xff"),
        "surrogate": lambda d: d.replace(b"1.0.34", b"1.0.34\\ud800"),
        "real": lambda d: d.replace(b'"version": 2', b'"version": 2.0'),
        "exponent": lambda d: d.replace(b'"version": 2', b'"version": 2e0'),
        "minus_zero": lambda d: d.replace(b'"version": 2', b'"version": -0'),
        "nan": lambda d: d.replace(b'"version": 2', b'"version": NaN'),
        "deep": lambda d: d.replace(b'"version"', b'"x": ' + b"[" * 5000 +
                                    b"]" * 5000 + b', "version"', 1),
        "wide": lambda d: d.replace(
            b'"version"', b",".join(b'"x%d": 0' % i for i in range(900)) +
            b', "version"', 1),
        "empty": lambda d: b"",
        "html": lambda d: b"<html></html>",
        "array": lambda d: b"[" + d + b"]",
        "nothing_signed": lambda d: b'{"signatures": [], "signed": {}}',
}.items():
    _f = raw("timestamp.json", _change)
    _f.__name__ = "a21_timestamp_" + _name
    case(FORMAT, LIMIT, UNTRUSTED)(_f)


@case(FORMAT, REFUSED)
def a22_other_major_version(r):
    body = r.targets()
    body["spec_version"] = "2.0.0"
    r.put_targets(body)


@case(FORMAT, REFUSED)
def a22_other_scheme_for_the_key(r):
    def edit(body):
        for key in body["keys"].values():
            key["scheme"] = "rsassa-pss-sha256"
    r.new_root(edit)


@case(FORMAT, UNTRUSTED)
def a22_scheme_named_by_the_signature(r):
    envelope = json.loads(r.files["2.targets.json"])
    envelope["signatures"][0].update(scheme="none", method="none", sig="00")
    r.files["2.targets.json"] = json.dumps(envelope).encode()


@case(FORMAT, UNTRUSTED)
def a22_file_of_another_role(r):
    body = r.signed("2.snapshot.json")
    r.put("timestamp.json", body, "online")


@case(FORMAT, REFUSED, UNTRUSTED)
def j13_keys_of_a_standard(r):
    # The public key of RFC 6979, A.2.5: its private half is printed there.
    point = ("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
             "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
    spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"
                         "04" + point)
    pem = run("openssl", "pkey", "-pubin", "-inform", "DER", "-pubout",
              stdin=spki).stdout.decode()

    def edit(body):
        body["keys"]["a" * 64] = {"keytype": "ecdsa",
                                  "scheme": "ecdsa-sha2-nistp256",
                                  "keyval": {"public": pem}}
        body["roles"]["targets"]["keyids"].append("a" * 64)
    r.new_root(edit)


@case(REFUSED)
def a26_marked_for_a_medium_for_too_long(r):
    body = r.head("timestamp", 2, 200)
    body["medium"] = True
    body["meta"] = {"snapshot.json": {"version": 2}}
    r.put("timestamp.json", body, "online")


# What one engineer with a key could sign of a package that is not so.
LIES = {
    "digest": {"digest": "0" * 64},
    "head_digest": {"head_digest": "0" * 64},
    "head_length": {"head_length": 2 ** 40},
    "content_length": {"content_length": 1},
    "content_length_huge": {"content_length": 2 ** 52},
    "manifest_length": {"manifest_length": 1},
    "manifest_length_huge": {"manifest_length": 2 ** 52},
    "entries": {"entries": 1},
    "window": {"window": 2 ** 40},
    "window_small": {"window": 1},
    "kind": {"kind": "delta"},
    "kind_unknown": {"kind": "script"},
    "content": {"content": "image"},
    "type_of_seq": {"seq": "9"},
    "seq_negative": {"seq": -1},
    "component": {"component": "../main"},
    "release_name": {"release": "../2"},
    "health_absolute": {"health": [["/bin/sh", "-c", "true"]]},
    "health_climbs": {"health": [["../../../bin/sh"]]},
    "health_empty": {"health": [[]]},
    "health_no_list": {"health": "program"},
    "health_missing_program": {"health": [["nothing-there"]]},
    "system_attributes": {"attributes": "system"},
    "unknown_member": {"script": "rm -rf /"},
    "not_before": {"not_before": "2099-01-01T00:00:00Z"},
}
for _name, _fields in LIES.items():
    _f = change_custom(**_fields)
    _f.__name__ = "b_release_lies_about_" + _name
    case(FORMAT, LIMIT, UNTRUSTED, REFUSED, SPACE, HEALTH, active=True)(_f)


# Nothing else is listed here, so the device says what it passed over.
@case(REFUSED)
def b_release_for_newer_updaters_is_passed_over(r):
    change_custom(v=2)(r)


@case(REFUSED)
def b_release_with_members_of_tomorrow_is_passed_over(r):
    change_custom(surprise=1)(r)


# ---- attacks in several steps ------------------------------------------------

def a02_last_months_repository(keys, device):
    """Everything in it is signed and unexpired; only older."""
    device.expect(0, path("good-2"))
    before = device.slots()
    device.expect(ROLLBACK, path("good-1"))
    assert device.slots() == before and device.running() == "r2"
    device.expect(0, path("good-2"))


def a02_older_targets_under_a_new_timestamp(keys, device):
    """The online key is stolen; the engineers' keys are not."""
    device.expect(0, path("good-2"))
    r = Repository(keys, 2)
    with open(path("published-1/metadata/1.targets.json"), "rb") as f:
        r.files["1.targets.json"] = f.read()
    r.online(3, 3, 1)
    r.write(path("evil"))
    device.expect(ROLLBACK, path("evil"))
    assert device.running() == "r2"


def a02_snapshot_that_forgets_targets(keys, device):
    device.expect(0, path("good-2"))
    r = Repository(keys, 2)
    r.online(3, 3)
    body = r.head("snapshot", 3)
    body["meta"] = {}
    r.put("3.snapshot.json", body, "online")
    r.write(path("evil"))
    assert device.update(path("evil")).returncode in (
        FORMAT, UNTRUSTED, ROLLBACK)
    assert device.running() == "r2"


def a06_fast_forward_and_recovery(keys, device):
    """A stolen online key drives versions up; a new root makes it harmless."""
    r = Repository(keys, 2)
    r.online(2 ** 53 - 1, 2 ** 53 - 1)
    r.write(path("evil"))
    device.update(path("evil"))
    good = Repository(keys, 2)
    good.online(4, 4)
    good.write(path("good-4"))
    device.expect(ROLLBACK, path("good-4"))

    def edit(body):
        key = keys["spare"]
        body["keys"][key.id] = dict(key.object)
        for role in ("timestamp", "snapshot"):
            body["roles"][role]["keyids"] = [key.id]
    good.new_root(edit)
    for name in ("4.snapshot.json", "timestamp.json"):
        good.put(name, good.signed(name), "spare")
    good.write(path("good-4"))
    device.expect(0, path("good-4"))
    assert device.running() == "r2"
    # The stolen key says nothing any more.
    r.files["2.root.json"] = good.files["2.root.json"]
    r.write(path("evil"))
    device.expect(UNTRUSTED, path("evil"))


def a16_forty_rotations_in_one_run(keys, device):
    r = Repository(keys, 2)
    for version in range(2, 42):
        r.new_root(lambda body: None, version=version)
    r.write(path("good-40"))
    device.expect(0, path("good-40"))
    assert json.loads(device.trusted_root())["signed"]["version"] == 41


SEQUENCES = (a02_last_months_repository,
             a02_older_targets_under_a_new_timestamp,
             a02_snapshot_that_forgets_targets,
             a06_fast_forward_and_recovery,
             a16_forty_rotations_in_one_run)


# ---- the run ----------------------------------------------------------------

def judge(name, device, result, codes, before, active):
    if result.excess:
        return result.excess
    if result.returncode not in codes:
        return "exit status %d instead of %s: %s" % (
            result.returncode, codes, result.stdout.decode(errors="replace"))
    if device.running() != "r1":
        return "%s runs" % device.running()
    if not active and device.slots() != before:
        return "the slots changed"
    return None


def main():
    keys = make_good()
    Repository(keys, 1).write(path("good-1"))
    Repository(keys, 2).write(path("good-2"))
    first = Device("first")
    first.make()
    done = first.update(path("good-1"))
    assert first.running() == "r1", done.stdout.decode()
    before = first.slots()
    failed = 0
    for function, codes, active in CASES:
        r = Repository(keys, 2)
        good = dict(r.files)
        function(r)
        r.write(path("evil"))
        device = first.copy("device")
        kept = device.state()
        started = time.monotonic()
        result = device.update(path("evil"))
        why = judge(function.__name__, device, result, codes, before, active)
        if not why and result.returncode:
            touched = [n for n in r.files if r.files[n] != good.get(n)]
            why = (says_why(result, touched) or
                   leaves_nothing(device, kept, result, r.files))
        if not why and time.monotonic() - started > 20:
            why = "took too long"
        if not why:
            good = Repository(keys, 2)
            good.recover(device)
            good.write(path("good-3"))
            # What came back by itself is tried again only when asked for.
            again = ("--retry",) if result.returncode == HEALTH else ()
            result = device.update(path("good-3"), *again)
            if result.returncode or device.running() != "r2":
                why = "the good repository was refused after it: %s" % (
                    result.stdout.decode(errors="replace"))
        if why:
            failed += 1
        print("%s %s%s" % ("not ok" if why else "ok", function.__name__,
                           ": " + why if why else ""))
    for sequence in SEQUENCES:
        sequence(keys, first.copy("device"))
        print("ok %s" % sequence.__name__)
    if failed:
        sys.exit("%d of %d cases failed" % (failed, len(CASES)))
    print("%d evil repositories refused" % len(CASES))


if __name__ == "__main__":
    main()
