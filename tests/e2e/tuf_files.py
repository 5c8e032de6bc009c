"""A TUF client's folders, and what names do. usage: tuf_files.py CLIENT WORK"""
import hashlib
import os
import sys

from tuf_case import Case, get, put, run_cases, status

FIRST = ["metadata/2.root.json", "metadata/timestamp.json",
         "metadata/1.snapshot.json", "metadata/1.targets.json"]


# ---- the command line


def refused_command_lines(c):
    """Whatever is missing, unknown or too much: 1, and nothing was asked."""
    base = ("--metadata-dir", c.metadata)
    url = ("--metadata-url", c.url + "metadata/")
    c.init()
    for args in ((), ("refresh",), base, base + ("refresh",), base + ("init",),
                 url + ("refresh",), base + url, base + url + ("upgrade",),
                 base + url + ("refresh", "again", "and again"),
                 base + url + ("--colour", "red", "refresh"),
                 base + ("--metadata-url",), base + url + ("download",),
                 base + url + ("--target-name", "x", "--target-dir", c.targets,
                               "download"),
                 base + ("init", os.path.join(c.folder, "nothing here"))):
        assert status(*args) == 1, args
    assert c.repo.asked == []
    assert c.refresh(), c.said


def urls_with_and_without_a_slash(c):
    c.repo.add_target("targets", "file", b"content")
    c.repo.release()
    c.init()
    for end in ("", "/"):
        assert status("--metadata-url", c.url + "metadata" + end,
                      "--metadata-dir", c.metadata, "--target-name", "file",
                      "--target-dir", c.targets, "--target-base-url",
                      c.url + "targets" + end, "download") == 0
        assert not [a for a in c.repo.asked if "//" in a], c.repo.asked
    assert c.downloaded() == [b"content"]


def addresses_stay_encoded(c):
    """A base address is taken as it stands: what is %2F in it is no slash."""
    for name in ("case%5B..%2Fx%5D", "case%20of%20spaces", "case%2525"):
        case = Case(name)
        case.repo.add_target("targets", "dir/file", b"content")
        case.repo.release()
        case.init()
        assert case.download("dir/file"), case.said
        assert case.downloaded() == [b"content"]


# ---- what lies in the folder of metadata


def a_damaged_root_is_not_trusted(c):
    c.start()
    good = get(c.kept("root.json"))
    for evil in (b"", b"{}", good[:-2], good.replace(b"root", b"boot"), None):
        if evil is None:
            os.unlink(c.kept("root.json"))
        else:
            put(c.kept("root.json"), evil)
        assert not c.refresh(), evil
        assert c.repo.asked == []
    put(c.kept("root.json"), good)
    assert c.refresh(), c.said


def damaged_files_are_fetched_again(c):
    c.start()
    for n, name in enumerate(("timestamp", "snapshot", "targets")):
        good = get(c.kept(name + ".json"))
        for evil in (b"", b"\0" * 64, good[:-2], good.replace(b":", b";", 1),
                     b"x" * 6000000, None):
            if evil is None:
                os.unlink(c.kept(name + ".json"))
            else:
                put(c.kept(name + ".json"), evil)
            assert c.refresh(), (name, c.said)
            assert get(c.kept(name + ".json")) == good
            # A timestamp is asked for in any case.
            assert c.repo.asked == FIRST[:2] + FIRST[n + 1:n + 2] * (n > 0)


def files_of_others_are_left_alone(c):
    """A name that is none of ours is neither read, written nor removed."""
    c.init()
    for name in ("other.json", "1.root.json", "a folder"):
        if "." in name:
            put(c.kept(name), b"{}")
        else:
            os.mkdir(c.kept(name))
    before = os.listdir(c.metadata)
    assert c.refresh(), c.said
    assert sorted(os.listdir(c.metadata)) == sorted(before + [
        "timestamp.json", "snapshot.json", "targets.json"])
    assert get(c.kept("other.json")) == b"{}"


def links_in_the_folder_are_not_followed(c):
    c.start()
    elsewhere = os.path.join(c.folder, "elsewhere")
    good = get(c.kept("snapshot.json"))
    os.rename(c.kept("snapshot.json"), elsewhere)
    os.symlink(elsewhere, c.kept("snapshot.json"))
    c.repo.release()
    assert c.refresh(), c.said
    assert not os.path.islink(c.kept("snapshot.json"))
    assert get(elsewhere) == good


def failing_answers_leave_what_was_trusted(c):
    c.start()
    c.repo.release()
    for name, expected in ((FIRST[1], [1, 1, 1, 1]),
                           ("metadata/2.snapshot.json", [1, 2, 1, 1]),
                           ("metadata/2.targets.json", [1, 2, 2, 1])):
        for code in (403, 404, 500, 301, 204):
            c.repo.status[name] = code
            assert not c.refresh(), (name, code)
            assert c.repo.asked[-1] == name
            assert c.top() == expected, (name, code, c.top())
        c.repo.status.clear()
    assert c.refresh(), c.said


# ---- key ids


def key_ids_are_opaque(c):
    """A key id is a name: no digest of anything, in any script."""
    c.start()
    for name in ("\u9375", "a b/../c", "id:\"quoted\\\""):
        key = c.repo.new_key()
        real, key.id = key.id, name
        for role in ("root", "snapshot"):
            c.repo.add_key(role, key)
        c.repo.roles["root"]["roles"]["snapshot"]["keyids"] = [name]
        c.repo.signers["snapshot"] = [key]
        c.repo.publish("root", "snapshot", "timestamp")
        assert c.refresh(), (name, c.said)
        key.id = real
        c.repo.signers["root"].remove(key)
        c.repo.roles["root"]["roles"]["root"]["keyids"].remove(name)


# ---- targets


def odd_target_names(c):
    """Sent as they stand; kept as one flat file, wherever they point."""
    names = ["a%2Fb", "a%00b", "q?x=1", "../up", "/absolute", "a//b", "./c",
             "x+y~z", "%2e%2e", "d/.."]
    for name in names:
        c.repo.add_target("targets", name, name.encode())
    c.repo.release()
    c.init()
    for name in names:
        digest = hashlib.sha256(name.encode()).hexdigest()
        folder, slash, last = name.rpartition("/")
        sent = "targets/%s%s%s.%s" % (folder, slash, digest, last)
        assert c.download(name), (name, c.said)
        assert c.repo.asked[-1] == sent, (sent, c.repo.asked[-1])
    kept = os.listdir(c.targets)
    assert len(kept) == len(names), kept
    assert all(os.path.isfile(os.path.join(c.targets, k)) for k in kept)
    assert sorted(os.listdir(c.folder)) == ["metadata", "root", "targets"]


def names_that_would_split_a_request(c):
    for name in ("a b", "a\tb", "a HTTP/1.1\r\nHost: x\r\n\r\nGET /", "a\x7f"):
        c.repo.add_target("targets", name, b"content")
        c.repo.release()
        c.init()
        assert not c.download(name), name
        assert not [a for a in c.repo.asked if a.startswith("targets/")]
        assert c.downloaded() == []


def what_lies_there_right_is_not_fetched_again(c):
    c.repo.add_target("targets", "file", b"content")
    c.repo.add_target("targets", "other", b"other content")
    c.repo.release()
    c.init()
    assert c.download("file"), c.said
    kept, = os.listdir(c.targets)
    kept = os.path.join(c.targets, kept)
    for name, data in (("file", b"content"), ("other", b"other content")):
        digest = hashlib.sha256(data).hexdigest()
        c.repo.files["targets/%s.%s" % (digest, name)] = b"replaced"
    # What was verified once stays, whatever the server holds by now.
    assert c.download("file"), c.said
    assert not [a for a in c.repo.asked if a.startswith("targets/")]
    assert not c.download("other")
    assert c.downloaded() == [b"content"]
    # But only while it is what was verified.
    put(kept, b"CONTENT")
    assert not c.download("file")
    c.repo.add_target("targets", "file", b"content")
    assert c.download("file"), c.said
    assert c.downloaded() == [b"content"]


def many_changes_of_one_target(c):
    """Each time the new content, under the same name, and never a false one;
    what was fetched last is the youngest file."""
    c.init()
    others = []
    for n in range(6):
        data, other = b"content %d" % n, b"other %d" % n
        c.repo.add_target("targets", "file", data)
        c.repo.add_target("targets", "other%d" % n, other)
        c.repo.release()
        if n % 2:
            continue        # a version that this client never sees
        assert c.download("file"), c.said
        assert c.by_age() == others + [data]
        assert c.download("other%d" % n), c.said
        digest = hashlib.sha256(data).hexdigest()
        c.repo.files["targets/%s.file" % digest] = b"malice"
        c.repo.release()
        c.download("file")
        assert c.by_age() == others + [data, other]
        others.append(other)


def failing_answers_leave_no_target(c):
    c.repo.add_target("targets", "file", b"content")
    c.repo.release()
    c.init()
    name = "targets/%s.file" % hashlib.sha256(b"content").hexdigest()
    for code in (403, 404, 500, 302):
        c.repo.status[name] = code
        assert not c.download("file"), code
        assert os.listdir(c.targets) == []
    c.repo.status.clear()
    assert c.download("file"), c.said


sys.exit(run_cases(dict(globals())))
