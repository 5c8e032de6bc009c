"""What a TUF client must do with delegations. usage: tuf_walks.py CLIENT WORK

Requests are asserted where the order is the rule.
"""
import hashlib
import os
import sys

from tuf_case import Case, run_cases
from tuf_repository import date

GRAPHS = [
    ([("targets", "A", {})], ["A"]),
    ([("targets", "A", {}), ("targets", "B", {})], ["A", "B"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {})],
     ["A", "B", "C"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("A", "C", {}),
      ("A", "D", {})], ["A", "C", "D", "B"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("A", "C", {}),
      ("C", "D", {})], ["A", "C", "D", "B"]),
    ([("targets", "A", {}), ("targets", "B", {}),
      ("A", "C", {"terminating": True}), ("A", "D", {})], ["A", "C"]),
    ([("targets", "A", {}), ("targets", "B", {}),
      ("A", "C", {"terminating": True}), ("C", "D", {})], ["A", "C", "D"]),
    ([("targets", "A", {"paths": ["*.py"]}), ("targets", "B", {}),
      ("A", "C", {})], ["B"]),
    ([("targets", "A", {}), ("targets", "B", {}),
      ("A", "C", {"paths": ["*.py"]}), ("C", "D", {})], ["A", "B"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {}),
      ("C", "D", {}), ("D", "B", {})], ["A", "B", "C", "D"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {}),
      ("A", "C", {})], ["A", "C", "B"]),
    ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {}),
      ("A", "C", {"paths": ["*.py"]})], ["A", "B", "C"]),
]


def graphs(c):
    for n, (edges, order) in enumerate(GRAPHS):
        case = Case("graph%d" % n)
        keys = {}
        for delegator, role, more in edges:
            keys[role] = case.repo.delegate(delegator, role,
                                            keys.get(role), **more)
            case.repo.signers[role] = [keys[role]]
        case.repo.publish(*keys)
        case.repo.release()
        case.init()
        assert not case.download("missingpath")
        assert case.repo.asked[4:] == [
            "metadata/1.%s.json" % role for role in order], (n, case.said)
        assert sorted(set(case.trusted()) - {"root", "timestamp", "snapshot",
                                             "targets"}) == sorted(order)


def paths(c):
    repo = c.repo
    repo.delegate("targets", "A", paths=["*.doc", "*.md", "v-?.tgz"])
    repo.delegate("targets", "B", paths=["releases/*/*"])
    repo.delegate("B", "C", paths=["releases/x/*"])
    repo.delegate("B", "D", paths=["releases/y/*.zip"])
    for role, path in (("targets", "targetfile"), ("A", "README.md"),
                       ("C", "releases/x/x_v1"), ("D", "releases/y/y_v1.zip"),
                       ("D", "releases/z/z_v1.zip"), ("A", "other.txt"),
                       ("A", "v-1.tgz"), ("A", "v-10.tgz"),
                       ("A", "releases/README.md")):
        repo.add_target(role, path, b"data of " + path.encode())
    repo.publish("A", "B", "C", "D")
    repo.release()
    c.init()
    for path, found, order in (
            ("targetfile", True, []), ("README.md", True, ["A"]),
            ("releases/x/x_v1", True, ["B", "C"]),
            ("releases/y/y_v1.zip", True, ["D"]),
            ("releases/z/z_v1.zip", False, []), ("other.txt", False, []),
            ("readme.MD", False, []), ("releases/README.md", False, []),
            ("v-1.tgz", True, []), ("v-10.tgz", False, [])):
        assert c.download(path) == found, (path, c.said)
        asked = [a for a in c.repo.asked if a.startswith("metadata/1.")
                 and a[11:12].isupper()]
        assert asked == ["metadata/1.%s.json" % r for r in order], path


def hash_bins(c):
    """Bins are named by the first bits of the digest of the path."""
    for bits, width in ((1, 1), (2, 1), (8, 2), (10, 3), (32, 8)):
        case = Case("bins%d" % bits)
        repo = case.repo
        path = "some/path-%d" % bits
        value = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16)
        role = "bin-%0*x" % (width, value >> (32 - bits))
        key = repo.new_key()
        repo.add_role(role)
        repo.signers[role] = [key]
        repo.add_target(role, path, b"binned")
        repo.roles["targets"]["delegations"] = {
            "keys": {key.id: key.object},
            "succinct_roles": {"keyids": [key.id], "threshold": 1,
                               "bit_length": bits, "name_prefix": "bin"}}
        repo.publish(role)
        repo.release()
        case.init()
        assert case.download(path), case.said
        assert repo.asked[4] == "metadata/1.%s.json" % role
    case = Case("bins_wrong")
    for bits in (0, 33, -1, "8"):
        case.repo.roles["targets"]["delegations"] = {
            "keys": {key.id: key.object},
            "succinct_roles": {"keyids": [key.id], "threshold": 1,
                               "bit_length": bits, "name_prefix": "bin"}}
        case.repo.release()
        case.init()
        assert not case.refresh(), bits


def many_bins(c):
    """256 bins: a snapshot of 257 lines, and one of them is asked for."""
    repo = c.repo
    key = repo.new_key()
    data = repo.envelope("targets", [])["signed"]
    body = dict(data, targets={}, version=1)
    envelope = repo.envelope("targets", [key], body)
    for n in range(256):
        role = "bin-%02x" % n
        repo.put("metadata/1.%s.json" % role, envelope)
        repo.roles["snapshot"]["meta"][role + ".json"] = {"version": 1}
    repo.roles["targets"]["delegations"] = {
        "keys": {key.id: key.object},
        "succinct_roles": {"keyids": [key.id], "threshold": 1,
                           "bit_length": 8, "name_prefix": "bin"}}
    repo.release()
    c.init()
    assert not c.download("bar")
    assert c.repo.asked[4:] == ["metadata/1.bin-%s.json" % hashlib.sha256(
        b"bar").hexdigest()[:2]], c.repo.asked


def hash_prefixes(c):
    digest = hashlib.sha256(b"file").hexdigest()
    other = "%x" % (15 - int(digest[0], 16))
    c.repo.delegate("targets", "A", path_hash_prefixes=[other])
    c.repo.delegate("targets", "B", path_hash_prefixes=[other, digest[:3]])
    c.repo.add_target("A", "file", b"not this")
    c.repo.add_target("B", "file", b"this")
    c.repo.publish("A", "B")
    c.repo.release()
    c.init()
    assert c.download("file"), c.said
    assert c.downloaded() == [b"this"]
    assert "metadata/1.A.json" not in c.repo.asked


def delegated_role_needs_its_delegators_key(c):
    """C is signed for B alone; reached through A it must be refused."""
    repo = c.repo
    repo.delegate("targets", "A")
    repo.delegate("targets", "B")
    repo.delegate("A", "C")
    key = repo.delegate("B", "C")
    repo.add_target("C", "file", b"content")
    repo.signers["C"] = [key]
    repo.publish("A", "B", "C")
    repo.release()
    c.init()
    assert not c.download("file")
    assert c.downloaded() == []
    assert "C" not in c.trusted()


def cached_role_is_verified_against_the_delegator_of_today(c):
    """What lies on disk was good under keys that its delegator gave up."""
    repo = c.repo
    old = repo.delegate("targets", "A")
    repo.add_target("A", "file", b"content")
    repo.add_target("A", "second", b"second")
    repo.publish("A")
    repo.release()
    c.init()
    assert c.download("file"), c.said
    assert c.trusted()["A"] == 1
    new = repo.new_key()
    body = repo.roles["targets"]["delegations"]
    body["keys"] = {new.id: new.object}
    body["roles"][0]["keyids"] = [new.id]
    repo.release()
    assert not c.download("second")
    assert c.downloaded() == [b"content"]
    # Signed again by the new key, under the same version: another file.
    repo.signers["A"] = [new]
    repo.put(repo.name("A"), repo.envelope("A"))
    assert c.download("second"), c.said
    assert repo.name("A") in repo.asked
    # And the old key's file, served in its place, is not taken up again.
    repo.put(repo.name("A"), repo.envelope("A", signers=[old]))
    assert c.download("file"), c.said
    os.remove(os.path.join(c.metadata, "A.json"))
    assert not c.download("file")


def cached_role_is_verified_against_the_delegator_that_asks(c):
    """The diamond over two runs: cached through B, then asked for by A."""
    repo = c.repo
    repo.delegate("targets", "A", paths=["one*"])
    repo.delegate("targets", "B", paths=["two*"])
    repo.delegate("A", "C")
    key = repo.delegate("B", "C")
    repo.signers["C"] = [key]
    repo.add_target("C", "one", b"signed for B alone")
    repo.add_target("C", "two", b"signed for B")
    repo.publish("A", "B", "C")
    repo.release()
    c.init()
    assert c.download("two"), c.said
    assert c.trusted()["C"] == 1
    assert not c.download("one")
    assert c.downloaded() == [b"signed for B"]
    assert c.download("two"), c.said


def cached_role_is_verified_again_within_one_run(c):
    """The diamond in one run: the role in memory was good for the other."""
    for first, second, key_of in (("one", "two", "A"), ("two", "one", "B")):
        case = Case("diamond_" + first)
        repo = case.repo
        repo.delegate("targets", "A", paths=["one*"])
        repo.delegate("targets", "B", paths=["two*"])
        keys = {"A": repo.delegate("A", "C"), "B": repo.delegate("B", "C")}
        repo.signers["C"] = [keys[key_of]]
        repo.add_target("C", "one", b"one")
        repo.add_target("C", "two", b"two")
        repo.publish("A", "B", "C")
        repo.release()
        case.init()
        assert not case.download(first, second)
        assert case.downloaded() == [first.encode()], case.downloaded()
        # Signed for both it serves both.
        repo.signers["C"] = list(keys.values())
        repo.publish("C", "snapshot", "timestamp")
        assert case.download(first, second), case.said
        assert case.downloaded() == [b"one", b"two"]


def expired_delegated_role(c):
    c.repo.delegate("targets", "A")
    c.repo.add_target("A", "file", b"content")
    c.repo.roles["A"]["expires"] = date(-1)
    c.repo.publish("A")
    c.repo.release()
    c.init()
    assert c.refresh(), c.said
    assert not c.download("file")
    assert "A" not in c.trusted()
    c.repo.roles["A"]["expires"] = date(7)
    c.repo.publish("A", "snapshot", "timestamp")
    assert c.download("file"), c.said
    c.repo.add_target("A", "second", b"second")
    assert not c.download("second", days=18)
    c.repo.roles["A"]["expires"] = date(21)
    c.repo.publish("A", "snapshot", "timestamp")
    assert c.download("second", days=18), c.said


def a_role_that_snapshot_does_not_list(c):
    """It is not even asked for: nobody said which version it should be."""
    c.repo.delegate("targets", "A", paths=["dir/*"])
    c.repo.add_target("A", "dir/file", b"content")
    c.repo.publish("A")
    del c.repo.roles["snapshot"]["meta"]["A.json"]
    c.repo.release()
    c.start()
    assert not c.download("dir/file")
    assert c.repo.asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert "A" not in c.trusted()
    c.repo.publish("A", "snapshot", "timestamp")
    assert c.download("dir/file"), c.said


def roles_without_consistent_snapshots(c):
    """From one root to the next, file names lose their versions."""
    c.repo.delegate("targets", "A", paths=["dir/*"])
    c.repo.add_target("A", "dir/file", b"content")
    c.repo.publish("A")
    c.repo.release()
    c.init()
    assert c.download("dir/file"), c.said
    c.repo.roles["root"]["consistent_snapshot"] = False
    c.repo.add_target("A", "dir/other", b"other")
    c.repo.publish("root", "A")
    c.repo.release()
    assert c.download("dir/other"), c.said
    assert c.repo.asked[2:] == [
        "metadata/timestamp.json", "metadata/snapshot.json",
        "metadata/targets.json", "metadata/A.json", "targets/dir/other"]
    assert c.downloaded() == [b"content", b"other"]


def odd_role_names(c):
    for n, role in enumerate(("?", "#", "/delegatedrole", "../delegatedrole",
                              "a b", "\u00e9", "%2e", "..")):
        case = Case("odd%d" % n)
        case.repo.delegate("targets", role)
        case.repo.publish(role)
        case.repo.release()
        case.init()
        assert not case.download("nonexistent")
        assert case.repo.asked[-1] == case.repo.name(role), case.repo.asked
        assert len(case.trusted()) == 5, os.listdir(case.metadata)


def top_level_names_are_taken(c):
    for n, role in enumerate(("root", "timestamp", "snapshot", "targets")):
        case = Case("taken%d" % n)
        case.repo.delegate("targets", "x")
        case.repo.roles["targets"]["delegations"]["roles"][0]["name"] = role
        case.repo.release()
        case.init()
        assert not case.refresh()


def walks_end(c):
    """More roles than a client visits: an end, not a search for ever."""
    key = c.repo.new_key()
    for i in range(40):
        c.repo.delegate("targets", "r%d" % i, key)
        c.repo.signers["r%d" % i] = [key]
    c.repo.publish(*["r%d" % i for i in range(40)])
    c.repo.release()
    c.init()
    assert not c.download("nowhere")
    assert len(c.repo.asked) == 4 + 32


sys.exit(run_cases(dict(globals())))
