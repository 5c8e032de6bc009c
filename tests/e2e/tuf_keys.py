"""Whose signatures count for a TUF client. usage: tuf_keys.py CLIENT WORK"""
import json
import os
import sys

from tuf_case import KEYS, SERVER, WORK, Case, run_cases
from tuf_repository import Key, Repository

# ---- signatures


def unsigned(c):
    for role, expected in (("root", [1, 0, 0, 0]), ("timestamp", [2, 0, 0, 0]),
                           ("snapshot", [2, 2, 0, 0]),
                           ("targets", [2, 2, 2, 0])):
        c.repo = Repository(KEYS)
        SERVER.repositories["unsigned"] = c.repo
        for name in os.listdir(c.metadata):
            os.unlink(os.path.join(c.metadata, name))
        c.init()
        c.repo.signers[role] = []
        c.repo.publish("root", "targets", "snapshot", "timestamp")
        assert not c.refresh()
        assert c.top() == expected, (role, c.top())


def below_threshold(c):
    c.repo.roles["root"]["roles"]["snapshot"]["threshold"] = 3
    c.repo.add_key("snapshot")
    c.repo.add_key("snapshot")
    c.repo.publish("root", "targets", "snapshot", "timestamp")
    c.start()
    last = c.repo.signers["snapshot"].pop()
    c.repo.release()
    assert not c.refresh()
    assert c.top() == [2, 3, 2, 2]
    c.repo.signers["snapshot"].append(last)
    c.repo.release()
    assert c.refresh(), c.said


def a_wrong_signature_beside_enough_good_ones(c):
    c.init()
    other = c.repo.envelope("snapshot")["signatures"][0]["sig"]
    c.repo.add_key("timestamp")
    c.repo.publish("root", "timestamp")
    for wrong in (other, "", "00"):
        c.repo.publish("timestamp")
        envelope = json.loads(c.repo.files["metadata/timestamp.json"])
        envelope["signatures"][0]["sig"] = wrong
        c.repo.put("metadata/timestamp.json", envelope)
        assert c.refresh(), (wrong, c.said)
        envelope["signatures"][1]["sig"] = wrong
        c.repo.put("metadata/timestamp.json", envelope)
        assert not c.refresh(), wrong
        c.repo.publish("timestamp")


def rotations_of_online_roles(c):
    """Keys by number, threshold, who signs, and whether that is enough."""
    for n, (keys, threshold, signers, good) in enumerate((
            ([2], 1, [2], True), ([1], 1, [3, 1, 4], True),
            ([2], 1, [1, 3, 4], False),
            ([0, 1, 3, 4, 5], 3, [0, 2, 4], False),
            ([0, 1, 3, 4, 5], 3, [0, 4], False),
            ([0, 1, 2, 3, 4], 3, [0, 2, 4], True),
            ([0, 1, 2, 3, 4], 3, [0, 4, 1], True),
            ([0, 1, 2, 3, 4], 3, [0, 1, 3], True),
            ([0, 1, 2, 3, 4], 3, [1, 2, 3], True),
            ([0, 1, 2, 3, 4], 3, [2, 3, 4], True))):
        case = Case("online%d" % n)
        repo = case.repo
        case.start()
        for role in ("timestamp", "snapshot", "targets"):
            before = case.top()
            was = (repo.roles["root"]["roles"][role], repo.signers[role])
            repo.roles["root"]["keys"].update(
                {KEYS[i].id: KEYS[i].object for i in keys})
            repo.roles["root"]["roles"][role] = {
                "keyids": [KEYS[i].id for i in keys], "threshold": threshold}
            repo.signers[role] = [KEYS[i] for i in signers]
            repo.publish("root", "targets", "snapshot", "timestamp")
            assert case.refresh() == good, (n, role, case.said)
            now = [repo.roles[r]["version"] for r in
                   ("root", "timestamp", "snapshot", "targets")]
            at = ["root", "timestamp", "snapshot", "targets"].index(role)
            # Old keys' timestamp and snapshot go with their keys.
            assert case.top()[:at + 1] == (
                now if good else now[:at] + [
                    0 if role in ("timestamp", "snapshot")
                    else before[at]])[:at + 1], (n, role, case.top())
            repo.roles["root"]["roles"][role], repo.signers[role] = was


def unreachable_threshold(c):
    c.init()
    for _ in range(4):
        c.repo.add_key("snapshot")
    c.repo.roles["root"]["roles"]["snapshot"]["threshold"] = 6
    c.repo.publish("root", "snapshot", "timestamp")
    assert not c.refresh()
    assert c.top()[0] == 2 and c.top()[2] == 0
    c.repo.roles["root"]["roles"]["snapshot"]["threshold"] = 5
    c.repo.publish("root", "snapshot", "timestamp")
    assert c.refresh(), c.said


def one_key_listed_often(c):
    c.init()
    key = c.repo.add_key("snapshot")
    c.repo.roles["root"]["roles"]["snapshot"]["keyids"] += [key.id] * 8
    c.repo.roles["root"]["roles"]["snapshot"]["threshold"] = 6
    c.repo.publish("root", "snapshot", "timestamp")
    assert not c.refresh()
    assert c.top()[2] == 0
    name = c.repo.name("snapshot")
    envelope = json.loads(c.repo.files[name])
    envelope["signatures"] += envelope["signatures"][-1:] * 8
    c.repo.put(name, envelope)
    assert not c.refresh()
    assert c.top()[2] == 0


def one_key_under_two_ids(c):
    c.init()
    role = c.repo.roles["root"]["roles"]["timestamp"]
    key = c.repo.signers["timestamp"][0]
    c.repo.roles["root"]["keys"]["alias"] = dict(key.object, note="same key")
    role["keyids"].append("alias")
    role["threshold"] = 2
    c.repo.publish("root", "timestamp")
    envelope = json.loads(c.repo.files["metadata/timestamp.json"])
    envelope["signatures"].append(dict(envelope["signatures"][0],
                                       keyid="alias"))
    c.repo.put("metadata/timestamp.json", envelope)
    assert not c.refresh()
    assert c.top() == [2, 0, 0, 0]


def same_key_id_twice_in_signatures(c):
    c.init()
    envelope = json.loads(c.repo.files["metadata/timestamp.json"])
    envelope["signatures"] *= 2
    c.repo.put("metadata/timestamp.json", envelope)
    assert not c.refresh()
    c.repo.publish("timestamp")
    assert c.refresh()


def too_many_signatures(c):
    c.init()
    for count, good in ((15, True), (16, False)):
        c.repo.publish("timestamp")
        envelope = json.loads(c.repo.files["metadata/timestamp.json"])
        envelope["signatures"] += [{"keyid": "unknown%d" % i, "sig": ""}
                                   for i in range(count)]
        c.repo.put("metadata/timestamp.json", envelope)
        assert c.refresh() == good, c.said


def schemes(c):
    rsa = [Key(os.path.join(WORK, "rsa.pem"), "rsa", salt)
           for salt in ("digest", "max", "20")]
    rsa.append(Key(os.path.join(WORK, "rsa3072.pem"), "rsa3072"))
    rsa.append(Key(os.path.join(WORK, "rsa3072.pem"), "rsa-pkcs1v15"))
    for n, key in enumerate([Key(os.path.join(WORK, "ed.pem"), "ed25519"),
                             KEYS[0]] + rsa):
        c.repo = Repository(KEYS[1:])
        SERVER.repositories["schemes"] = c.repo
        for name in os.listdir(c.metadata):
            os.unlink(os.path.join(c.metadata, name))
        c.start()
        c.repo.add_key("root", key)
        c.repo.roles["root"]["roles"]["root"]["threshold"] = 2
        c.repo.publish("root")
        assert c.refresh(), (n, c.said)
        assert c.top()[0] == 2
        c.repo.publish("root")
        envelope = json.loads(c.repo.files["metadata/3.root.json"])
        right = envelope["signatures"][1]["sig"]
        for wrong in (key.sign(b"other bytes"), right[:-2], right + "00",
                      "00" * (len(right) // 2), right[:-1], ""):
            envelope["signatures"][1]["sig"] = wrong
            c.repo.put("metadata/3.root.json", envelope)
            assert not c.refresh(), (n, wrong)
            assert c.top()[0] == 2


def a_key_is_used_by_its_own_scheme_alone(c):
    """One RSA key, and what it signed the other way: PSS for PKCS#1."""
    pss = Key(os.path.join(WORK, "rsa.pem"), "rsa")
    pkcs1 = Key(os.path.join(WORK, "rsa.pem"), "rsa-pkcs1v15")
    c.start()
    for key, other in ((pss, pkcs1), (pkcs1, pss)):
        c.repo.rotate("timestamp")
        c.repo.roles["root"]["roles"]["timestamp"]["keyids"] = []
        c.repo.signers["timestamp"] = []
        c.repo.add_key("timestamp", key)
        c.repo.publish("root", "timestamp")
        envelope = json.loads(c.repo.files["metadata/timestamp.json"])
        good = envelope["signatures"][0]["sig"]
        crossed = c.repo.envelope("timestamp", [other])["signatures"][0]["sig"]
        for sig, right in ((crossed, False), (good, True)):
            envelope["signatures"][0]["sig"] = sig
            c.repo.put("metadata/timestamp.json", envelope)
            assert c.refresh() == right, (key.kind, c.said)


def a_scheme_that_nobody_knows(c):
    c.init()
    key = c.repo.new_key()
    c.repo.roles["root"]["keys"]["odd"] = dict(key.object, scheme="odd",
                                               keytype="odd")
    role = c.repo.roles["root"]["roles"]["root"]
    role["keyids"].append("odd")
    c.repo.publish("root")
    assert c.refresh(), c.said
    role["threshold"] = 2
    c.repo.publish("root")
    envelope = json.loads(c.repo.files["metadata/3.root.json"])
    envelope["signatures"].append({"keyid": "odd", "sig": "00"})
    c.repo.put("metadata/3.root.json", envelope)
    assert not c.refresh()
    assert c.top()[0] == 2


# ---- root rotation

ROTATIONS = [
    # (keys, threshold, signatures) of each root, and whether the last is good
    ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], True),
    ([([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])], True),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 2, 3, 4], 3, [0, 4, 1]),
      ([0, 1, 2, 3, 4], 3, [0, 1, 3])], True),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], True),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([5, 6, 7, 8, 9], 3,
                                        [0, 2, 4, 5, 6, 7]),
      ([5, 6, 7, 8, 9], 3, [5, 6, 7])], True),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4, 5]),
      ([0, 1, 3, 4, 5], 3, [0, 4, 5])], True),
    ([([1], 1, [1]), ([1, 2], 2, [1, 2])], True),
    ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], True),
    ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])],
     True),
    ([([1], 1, [1]), ([2], 1, [2, 3, 4])], False),
    ([([1], 1, [1]), ([2], 1, [1, 3, 4])], False),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])],
     False),
    ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])],
     False),
    ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])], False),
    ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])], False),
]


def rotations(c):
    for n, (roots, good) in enumerate(ROTATIONS):
        name = "rotation%d" % n
        case = Case(name)
        repo = case.repo
        repo.roles["root"]["version"] = 0
        for keys, threshold, signatures in roots:
            repo.roles["root"]["roles"]["root"] = {
                "keyids": [KEYS[i].id for i in keys], "threshold": threshold}
            for i in keys:
                repo.roles["root"]["keys"][KEYS[i].id] = KEYS[i].object
            repo.signers["root"] = [KEYS[i] for i in signatures]
            repo.publish("root")
        case.init()
        assert case.refresh() == good, (n, case.said)
        expected = len(roots) if good else len(roots) - 1
        with open(os.path.join(case.metadata, "root.json"), "rb") as f:
            assert f.read() == repo.files["metadata/%d.root.json" % expected]

# ---- what other implementations write


def legacy_keytype_is_read(c):
    c.start()
    key = c.repo.new_key()
    plain = dict(key.object)
    key.object = dict(plain, keytype="ecdsa-sha2-nistp256")
    key.identify()
    c.repo.roles["root"]["roles"]["snapshot"]["keyids"] = []
    c.repo.signers["snapshot"] = []
    c.repo.add_key("snapshot", key)
    c.repo.publish("root", "snapshot", "timestamp")
    try:
        assert c.refresh(), c.said
    finally:
        key.object = plain
        key.identify()


def fields_of_other_implementations(c):
    """Key ids cover whatever a key object holds; who did not sign yet stands
    there with an empty signature."""
    c.start()
    key = c.repo.new_key()
    plain = key.object
    key.object = dict(plain, **{
        "keyid_hash_algorithms": "md5",
        "x-online-uri": "gcpkms:projects/p/keyRings/k/cryptoKeyVersions/1"})
    key.identify()
    try:
        c.repo.rotate("snapshot")
        c.repo.add_key("snapshot", key)
        c.repo.roles["root"]["roles"]["snapshot"]["x-expiry-period"] = 7300
        c.repo.publish("root", "snapshot", "timestamp")
        envelope = json.loads(c.repo.files["metadata/2.snapshot.json"])
        envelope["signatures"][0]["sig"] = ""
        c.repo.put("metadata/2.snapshot.json", envelope)
        assert c.refresh(), c.said
        assert c.top() == [2, 2, 2, 1]
    finally:
        key.object = plain
        key.identify()


def a_repository_of_long_ago(c):
    """What has been served since 2021 and may never be dropped again: a
    snapshot that lists root and roles that are gone, with two digests each, a
    specification of two numbers, a key in a list of keys that nobody uses."""
    repo = c.repo
    gone = {"version": 2, "length": 5297,
            "hashes": {"sha256": "f5" * 32, "sha512": "74" * 64}}
    for role in repo.roles.values():
        role["spec_version"] = "1.0"
    repo.roles["root"]["keys"]["unused"] = dict(KEYS[0].object)
    repo.roles["snapshot"]["meta"].update(
        {"root.json": gone, "rekor.json": dict(gone, version=3)})
    repo.add_target("targets", "trusted_root.json", b"{}")
    repo.roles["targets"]["targets"]["trusted_root.json"]["custom"] = {
        "sigstore": {"status": "Active", "usage": "Unknown"}}
    repo.delegate("targets", "registry.example.org", terminating=True,
                  paths=["registry.example.org/*"])
    repo.publish("root", "registry.example.org")
    repo.release()
    c.init()
    assert c.download("trusted_root.json"), c.said
    assert c.downloaded() == [b"{}"]
    assert c.top() == [2, 2, 2, 2]
    del repo.roles["snapshot"]["meta"]["root.json"]
    repo.release()
    assert not c.refresh()
    assert c.top() == [2, 3, 2, 2]


sys.exit(run_cases(dict(globals())))
