"""What a TUF client must do, case by case. usage: tuf_cases.py CLIENT WORK

Requests are asserted where the order is the rule.
"""
import hashlib
import json
import os
import sys
import time

from tuf_case import Broken, Case, run_cases
from tuf_repository import date

FIRST = ["metadata/2.root.json", "metadata/timestamp.json",
         "metadata/1.snapshot.json", "metadata/1.targets.json"]

# ---- the order of things


def first_run(c):
    assert c.init()
    assert c.repo.asked == []
    assert c.refresh(), c.said
    assert c.repo.asked == FIRST
    assert c.top() == [1, 1, 1, 1]
    assert sorted(os.listdir(c.metadata)) == [
        "root.json", "snapshot.json", "targets.json", "timestamp.json"]
    for role in ("root", "timestamp", "snapshot", "targets"):
        with open(c.kept(role + ".json"), "rb") as f:
            assert f.read() == c.repo.files[c.repo.name(role)], role
        assert not os.path.islink(c.kept(role + ".json"))


def nothing_new(c):
    c.start()
    assert c.refresh()
    assert c.repo.asked == FIRST[:2]


def download_refreshes_first(c):
    c.init()
    assert not c.download("nonexistent artifact")
    assert c.repo.asked == FIRST
    assert c.top() == [1, 1, 1, 1]


def exact_bytes_are_kept(c):
    c.init()
    c.repo.files["metadata/timestamp.json"] += b" \n"
    assert c.refresh()
    with open(os.path.join(c.metadata, "timestamp.json"), "rb") as f:
        assert f.read() == c.repo.files["metadata/timestamp.json"]


def unknown_fields_are_signed_fields(c):
    c.start()
    key = c.repo.new_key()
    plain = dict(key.object)
    key.object = dict(plain, **{"extra": {"a": 1, "b": [True, None, "\u00e9"]}})
    key.identify()
    c.repo.add_key("root", key)
    c.repo.roles["root"]["custom"] = "value\t\"\\"
    c.repo.roles["root"]["roles"]["root"]["another"] = 1
    c.repo.publish("root")
    try:
        assert c.refresh(), c.said
        assert c.top()[0] == 2
    finally:
        key.object = plain
        key.identify()


def without_consistent_snapshots(c):
    c.repo.roles["root"]["consistent_snapshot"] = False
    c.repo.add_target("targets", "dir/file", b"plain")
    c.repo.publish("root", "targets", "snapshot", "timestamp")
    c.init()
    assert c.download("dir/file"), c.said
    assert c.repo.asked == [
        "metadata/2.root.json", "metadata/3.root.json",
        "metadata/timestamp.json", "metadata/snapshot.json",
        "metadata/targets.json", "targets/dir/file"]
    assert c.downloaded() == [b"plain"]


# ---- the first root


def first_root_without_version(c):
    root = json.loads(c.repo.files["metadata/1.root.json"])
    del root["signed"]["version"]
    c.init(json.dumps(root).encode())
    assert not c.refresh()
    assert c.repo.asked == []


def first_root_not_signed(c):
    root = json.loads(c.repo.files["metadata/1.root.json"])
    root["signatures"][0]["sig"] = c.repo.new_key().sign(b"something else")
    c.init(json.dumps(root).encode())
    assert not c.refresh()
    assert c.repo.asked == []


# ---- root


def expired_root_is_kept_and_stops(c):
    c.start()
    c.repo.roles["root"]["expires"] = date(-1)
    c.repo.publish("root")
    c.repo.release()
    assert not c.refresh()
    assert c.top() == [2, 1, 1, 1]
    c.repo.roles["root"]["expires"] = date(1)
    c.repo.publish("root")
    assert c.refresh()
    assert c.top() == [3, 2, 2, 2]


def a_forbidden_root_is_no_newer_root(c):
    c.init()
    c.repo.status["metadata/2.root.json"] = 403
    assert c.refresh(), c.said
    assert c.repo.asked == FIRST


def any_other_failure_of_root_stops(c):
    c.init()
    for status in (500, 503, 400, 401, 410, 302):
        c.repo.status["metadata/2.root.json"] = status
        assert not c.refresh(), status
        assert c.repo.asked == FIRST[:1]
    c.repo.status.clear()
    assert c.refresh()


def root_of_the_wrong_version(c):
    c.init()
    c.repo.roles["root"]["version"] += 1
    c.repo.publish("root", "targets", "snapshot", "timestamp")
    c.repo.files["metadata/2.root.json"] = \
        c.repo.files["metadata/3.root.json"]
    assert not c.refresh()
    assert c.top() == [1, 0, 0, 0]


# ---- missing and wrong files


def missing(c):
    c.start()
    c.repo.roles["timestamp"]["meta"]["snapshot.json"]["version"] += 1
    c.repo.publish("timestamp")
    assert not c.refresh()
    assert c.repo.asked[-1] == "metadata/2.snapshot.json"
    assert c.top() == [1, 2, 1, 1]
    c.repo.publish("snapshot", "timestamp")
    c.repo.roles["snapshot"]["meta"]["targets.json"]["version"] += 1
    c.repo.publish("snapshot", "timestamp")
    assert not c.refresh()
    assert c.repo.asked[-1] == "metadata/2.targets.json"
    assert c.top() == [1, 4, 3, 1]
    c.repo.release()
    assert c.refresh()
    del c.repo.files["metadata/timestamp.json"]
    assert not c.refresh()
    assert c.repo.asked[-1] == "metadata/timestamp.json"
    assert c.top() == [1, 5, 4, 2]


def a_connection_that_breaks_off(c):
    c.start()
    c.repo.release()
    good = c.repo.files["metadata/timestamp.json"]
    for part in (b"", good[:-20]):
        # A length that is announced and never reached.
        c.repo.files["metadata/timestamp.json"] = Broken(good, part)
        assert not c.refresh(), part
        assert c.top() == [1, 1, 1, 1]
    c.repo.files["metadata/timestamp.json"] = good
    assert c.refresh(), c.said


def wrong_version(c):
    c.start()
    for role, expected in (("snapshot", [1, 2, 1, 1]),
                           ("targets", [1, 3, 3, 1])):
        c.repo.release()
        evil = c.repo.copy_of(role)
        evil["version"] += 1
        c.repo.put(c.repo.name(role), c.repo.envelope(role, signed=evil))
        assert not c.refresh()
        assert c.top() == expected, c.top()
    c.repo.release()
    assert c.refresh()


def wrong_type(c):
    """Signed by the right key, and right in all but the type."""
    c.init()
    good = c.repo.copy_of("timestamp")
    for kind, right in (("snapshot", False), ("Timestamp", False),
                        ("timestamp", True)):
        c.repo.put("metadata/timestamp.json", c.repo.envelope(
            "timestamp", signed=dict(good, _type=kind)))
        assert c.refresh() == right, (kind, c.said)
        assert c.top()[1] == right


def wrong_version_at_first(c):
    """The same where nothing lies there yet: what came before it is kept."""
    for role, expected in (("snapshot", [2, 2, 0, 0]),
                           ("targets", [2, 2, 2, 0])):
        case = Case("wrong_version_at_first_" + role)
        repo = case.repo
        repo.publish("root", "targets", "snapshot", "timestamp")
        evil = dict(repo.copy_of(role), version=3)
        repo.put(repo.name(role), repo.envelope(role, signed=evil))
        case.init()
        assert not case.refresh()
        assert case.top() == expected, (role, case.top())
        assert len(case.trusted()) == 4 - expected.count(0)


def no_answer_at_all(c):
    """A server that closes the connection without a word is no "no newer"."""
    c.start()
    c.repo.release()
    for n, name in enumerate(("metadata/2.root.json", "metadata/timestamp.json",
                              "metadata/2.snapshot.json",
                              "metadata/2.targets.json")):
        c.repo.status[name] = None
        assert not c.refresh(), name
        assert c.repo.asked[-1] == name and len(c.repo.asked) == n + 1
        assert c.top() == [1, 1 + (n > 1), 1 + (n > 2), 1], (name, c.top())
        c.repo.status.clear()
    assert c.refresh(), c.said


def digests_of_metadata(c):
    c.repo.digests = True
    c.repo.release()
    c.start()
    c.repo.publish("targets")
    c.repo.roles["snapshot"]["meta"]["targets.json"]["hashes"]["sha256"] = \
        "46" * 32
    c.repo.publish("snapshot", "timestamp")
    assert not c.refresh()
    assert c.top() == [1, 3, 3, 2]
    c.repo.release()
    assert c.refresh()


def malformed(c):
    c.init()
    good = c.repo.files["metadata/timestamp.json"]
    envelope = c.repo.envelope("timestamp")

    def changed(**more):
        signed = dict(c.repo.roles["timestamp"], **more)
        return json.dumps(c.repo.envelope("timestamp", signed=signed)).encode()

    evil = [
        b"", b"{}", b"[]", good[:-1], good + b"x", b"\xef\xbb\xbf" + good,
        good.replace(b'"version": 1', b'"version": 1.0'),
        good.replace(b'"version": 1', b'"version": 1e0'),
        good.replace(b'"version": 1', b'"version": 1, "version": 1'),
        json.dumps(dict(envelope, signatures={})).encode(),
        b"[" * 100000, json.dumps({"signed": envelope["signed"]}).encode(),
        changed(version=0), changed(version=-1), changed(version=2 ** 53),
        changed(version="1"), changed(version=True), changed(version=None),
        changed(spec_version="2.0.0"), changed(spec_version="0.9"),
        changed(spec_version="1"), changed(spec_version="1.0.x"),
        changed(spec_version=1), changed(spec_version="11.0"),
        changed(expires="2099-01-01T00:00:00+00:00"),
        changed(expires="2099-01-01T00:00:00.5Z"),
        changed(expires="2099-02-30T00:00:00Z"), changed(expires="2099-01-01"),
        changed(expires=4070908800), changed(meta={}), changed(meta=[]),
        changed(meta={"snapshot.json": {"version": 0}}),
        changed(meta={"snapshot.json": {"version": 1, "length": -1}}),
        changed(meta={"snapshot.json": {"version": 1, "hashes": {}}}),
        changed(meta={"snapshot.json": {
            "version": 1, "hashes": {"sha256": "xx"}}}),
    ]
    for n, data in enumerate(evil):
        c.repo.files["metadata/timestamp.json"] = data
        assert not c.refresh(), (n, data[:200])
        assert c.top() == [1, 0, 0, 0], n
    c.repo.files["metadata/timestamp.json"] = good
    assert c.refresh(), c.said


def malformed_thresholds(c):
    c.init()
    for n, change in enumerate((
            {"threshold": 0}, {"threshold": -1}, {"threshold": "1"},
            {"threshold": 1.5}, {"threshold": None}, {"keyids": []},
            {"keyids": [1]}, {"keyids": "x"})):
        c.repo.roles["root"]["version"] = 1
        root = c.repo.copy_of("root")
        root["version"] = 2
        root["roles"]["snapshot"].update(change)
        # A real is no canonical JSON: sign what it would be without it.
        c.repo.put("metadata/2.root.json", {
            "signatures": c.repo.envelope("root", signed=json.loads(
                json.dumps(root).replace("1.5", "1")))["signatures"],
            "signed": root})
        if change == {"keyids": []}:
            # Accepted as a root whose snapshot nobody can sign.
            assert not c.refresh()
            for name in os.listdir(c.metadata):
                os.unlink(os.path.join(c.metadata, name))
            c.init()
            continue
        assert not c.refresh(), n
        assert c.top()[0] == 1, n
    del c.repo.files["metadata/2.root.json"]
    assert c.refresh()


# ---- rollback, freeze, fast-forward


def timestamp_rollback(c):
    c.init()
    old = c.repo.files["metadata/timestamp.json"]
    c.repo.publish("timestamp")
    assert c.refresh()
    c.repo.files["metadata/timestamp.json"] = old
    assert not c.refresh()
    assert c.repo.asked[-1] == "metadata/timestamp.json"
    assert c.top() == [1, 2, 1, 1]


def equal_timestamp_is_kept(c):
    c.start()
    c.repo.roles["timestamp"]["version"] = 0
    c.repo.roles["timestamp"]["meta"]["snapshot.json"]["version"] = 100
    c.repo.publish("timestamp")
    assert c.refresh(), c.said
    assert c.repo.asked == FIRST[:2]
    with open(os.path.join(c.metadata, "timestamp.json")) as f:
        meta = json.load(f)["signed"]["meta"]
    assert meta["snapshot.json"]["version"] == 1


def equal_timestamp_goes_on_from_disk(c):
    c.start()
    for name, asked in (("snapshot.json", "metadata/1.snapshot.json"),
                        ("targets.json", "metadata/1.targets.json")):
        os.unlink(os.path.join(c.metadata, name))
        assert c.refresh()
        assert c.repo.asked == FIRST[:2] + [asked]
        with open(os.path.join(c.metadata, name), "w") as f:
            f.write("{}")
        assert c.refresh()
        assert c.repo.asked == FIRST[:2] + [asked]


def snapshot_rollback(c):
    for digests in (False, True):
        case = Case("snapshot_rollback%d" % digests)
        case.init()
        case.repo.digests = digests
        case.repo.publish("snapshot", "timestamp")
        assert case.refresh()
        case.repo.roles["snapshot"]["version"] = 0
        case.repo.publish("snapshot", "timestamp")
        assert not case.refresh()
        assert case.repo.asked[-1] == "metadata/timestamp.json"
        assert case.top() == [1, 2, 2, 1]


def targets_rollback(c):
    for digests in (False, True):
        case = Case("targets_rollback%d" % digests)
        case.init()
        case.repo.digests = digests
        case.repo.release()
        assert case.refresh()
        case.repo.roles["targets"]["version"] = 0
        case.repo.release()
        assert not case.refresh()
        assert case.top() == [1, 3, 2, 2]


def snapshot_drops_a_role(c):
    c.repo.delegate("targets", "other")
    c.repo.publish("other")
    c.repo.release()
    c.start()
    del c.repo.roles["snapshot"]["meta"]["other.json"]
    c.repo.release()
    assert not c.refresh()
    assert c.top() == [1, 3, 2, 2]
    c.repo.publish("other")
    c.repo.release()
    assert c.refresh()


def fast_forward_of_timestamp(c):
    c.init()
    c.repo.roles["timestamp"]["version"] = 2 ** 53 - 2
    c.repo.publish("timestamp")
    assert c.refresh(), c.said
    c.repo.rotate("timestamp")
    c.repo.roles["timestamp"]["version"] = 0
    c.repo.publish("root", "timestamp")
    assert c.refresh(), c.said
    assert c.top() == [2, 1, 1, 1]


def fast_forward_of_snapshot(c):
    for roles in (("snapshot", "timestamp"), ("snapshot",)):
        case = Case("fast_forward_of_snapshot%d" % len(roles))
        case.init()
        case.repo.roles["snapshot"]["version"] = 99
        case.repo.publish("snapshot", "timestamp")
        assert case.refresh()
        assert case.top()[2] == 100
        for role in roles:
            case.repo.rotate(role)
        case.repo.roles["snapshot"]["version"] = 0
        case.repo.publish("root", "targets", "snapshot", "timestamp")
        assert case.refresh(), case.said
        assert case.top()[2] == 1


def fast_forward_of_targets(c):
    """With its keys a snapshot's past is void: versions and roles alike."""
    c.init()
    c.repo.delegate("targets", "unwanted", paths=["unwanted/*"])
    c.repo.publish("unwanted")
    c.repo.roles["targets"]["version"] = 99
    c.repo.release()
    assert c.refresh()
    assert c.top()[3] == 100
    c.repo.rotate("snapshot")
    c.repo.roles["targets"]["version"] = 0
    del c.repo.roles["snapshot"]["meta"]["unwanted.json"]
    c.repo.publish("root", "targets", "snapshot", "timestamp")
    assert c.refresh(), c.said
    assert c.top()[3] == 1


def expired(c):
    c.start()
    for role, expected in (("timestamp", [1, 1, 1, 1]),
                           ("snapshot", [1, 3, 1, 1]),
                           ("targets", [1, 4, 4, 1])):
        c.repo.roles[role]["expires"] = date(-5)
        c.repo.release()
        assert not c.refresh()
        assert c.top() == expected, (role, c.top())
        c.repo.roles[role]["expires"] = date(30)
    c.repo.release()
    assert c.refresh()


def expires_while_waiting(c):
    for role in ("root", "timestamp", "snapshot", "targets"):
        case = Case("expires_" + role)
        case.repo.roles[role]["expires"] = date(7)
        case.repo.publish("root", "targets", "snapshot", "timestamp")
        case.start()
        assert case.refresh(days=6), case.said
        assert not case.refresh(days=8)
        case.repo.roles[role]["expires"] = date(21)
        case.repo.publish("root", "targets", "snapshot", "timestamp")
        assert case.refresh(days=8), case.said


def the_clock_of_then(c):
    """An old repository, read under the clock of its day, and of this one."""
    for role in ("root", "timestamp", "snapshot", "targets"):
        c.repo.roles[role]["expires"] = date(-650)
    c.repo.add_target("targets", "file", b"content")
    c.repo.publish("root", "targets", "snapshot", "timestamp")
    assert c.init(c.repo.files["metadata/2.root.json"])
    assert not c.refresh()
    assert c.repo.asked == ["metadata/3.root.json"]
    assert c.refresh(days=-657), c.said
    assert c.download("file", days=-657), c.said
    assert not c.download("file", days=-649)
    assert c.downloaded() == [b"content"]


# ---- targets


def downloads(c):
    c.repo.add_target("targets", "path/to/file.txt", b"content")
    c.repo.release()
    c.init()
    assert c.download("path/to/file.txt"), c.said
    digest = hashlib.sha256(b"content").hexdigest()
    assert c.repo.asked[-1] == "targets/path/to/%s.file.txt" % digest
    assert c.downloaded() == [b"content"]
    assert c.download("path/to/file.txt")
    assert c.repo.asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    c.repo.add_target("targets", "path/to/file.txt", b"other content")
    c.repo.release()
    assert c.download("path/to/file.txt")
    assert c.downloaded() == [b"other content"]


def several_downloads(c):
    for name in ("a", "b"):
        c.repo.add_target("targets", name, name.encode())
    c.repo.release()
    c.init()
    assert c.download("a", "b")
    assert c.downloaded() == [b"a", b"b"]


def one_of_several_is_missing(c):
    c.repo.add_target("targets", "a", b"a")
    c.repo.release()
    c.init()
    assert not c.download("a", "b")
    assert c.downloaded() == [b"a"]


def wrong_target(c):
    c.repo.add_target("targets", "file", b"content")
    c.repo.release()
    c.init()
    name = "targets/%s.file" % hashlib.sha256(b"content").hexdigest()
    for evil in (b"CONTENT", b"conten", b"content and more", b"x" * 10 ** 6):
        c.repo.files[name] = evil
        assert not c.download("file")
        assert c.downloaded() == []
        assert os.listdir(c.targets) == []
    c.repo.files[name] = b"content"
    assert c.download("file")


def digests_of_targets(c):
    for n, algorithms in enumerate((("sha256",), ("sha512",),
                                    ("sha256", "sha512"))):
        name = "file%d" % n
        c.repo.add_target("targets", name, b"content", algorithms)
        c.repo.release()
        if n == 0:
            c.init()
        assert c.download(name), c.said
        # One request, by one of the digests that the repository announces.
        sent = [a for a in c.repo.asked if a.startswith("targets/")]
        announced = c.repo.roles["targets"]["targets"][name]["hashes"]
        assert sent in [["targets/%s.%s" % (d, name)]
                        for d in announced.values()], sent
    entry = c.repo.roles["targets"]["targets"]["file2"]
    entry["hashes"]["sha512"] = "00" * 64
    c.repo.files["targets/%s.file2" % ("00" * 64)] = b"content"
    c.repo.release()
    assert not c.download("file2")
    entry["hashes"] = {"unknown": "00"}
    c.repo.release()
    assert not c.download("file2")


# ---- endless and slow


def endless(c):
    c.init()

    def pour(out):
        try:
            for _ in range(10000):
                out.write(b" " * 10000)
        except OSError:
            pass

    for name in FIRST:
        good = c.repo.files.get(name)
        c.repo.files[name] = pour
        start = time.time()
        assert not c.refresh()
        assert time.time() - start < 10, name
        if good is None:
            del c.repo.files[name]
        else:
            c.repo.files[name] = good
    assert c.refresh(), c.said


sys.exit(run_cases(dict(globals())))
