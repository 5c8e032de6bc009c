"""Metadata that its right keys signed, and that is malformed, for 30.

One member of one file at a time is missing, of another type or out of its
bounds (docs/metadata.md has them all), and the bytes of each file are what no
JSON of ours is. The oracle is evil_cases.py's: status, slots, state folder, a
last line that names file, rule and way out, and the good repository after it.
"""
import copy
import json

import evil_cases as base
from evil_cases import EXPIRED, FORMAT, LIMIT, REFUSED, UNTRUSTED, case, raw
from tuf_repository import date

del base.CASES[:]
base.SEQUENCES = ()
SIGNERS = {"2.root.json": "root", "timestamp.json": "online",
           "2.snapshot.json": "online", "2.targets.json": "release"}
GONE = object()


def body_of(r, name):
    if name != "2.root.json":
        return r.signed(name)
    return dict(r.signed("1.root.json"), version=2)


def bad(codes, name, title, *changes):
    """Each change: the way to a member, its value or GONE."""
    def edit(r):
        body = body_of(r, name)
        for way, value in changes:
            at = body
            for step in way[:-1]:
                # "*": whatever its name is; a release's path, a key's id.
                at = at[next(iter(at)) if step == "*" else step]
            last = next(iter(at)) if way[-1] == "*" else way[-1]
            if value is GONE:
                del at[last]
            else:
                at[last] = copy.deepcopy(value)
        r.put(name, body, SIGNERS[name])
    edit.__name__ = "%s_%s" % (name.split(".")[-2], title)
    case(*codes)(edit)


# ---- what every role has

for _name in SIGNERS:
    for _title, _member, _value in (
            ("without_type", "_type", GONE), ("type_a_number", "_type", 1),
            ("type_in_capitals", "_type", "Targets"),
            ("without_version", "version", GONE), ("version_0", "version", 0),
            ("version_text", "version", "2"),
            ("version_null", "version", None),
            ("without_spec_version", "spec_version", GONE),
            ("spec_version_a_number", "spec_version", 1),
            ("spec_version_cut", "spec_version", "1."),
            ("without_expires", "expires", GONE),
            ("expires_a_number", "expires", 4070908800),
            ("expires_without_seconds", "expires", "2099-01-01T00:00Z"),
            ("expires_in_another_zone", "expires",
             "2099-01-01T00:00:00+00:00"),
            ("expires_on_no_day", "expires", "2099-02-30T00:00:00Z"),
            ("expires_far_too_late", "expires", "2999-01-01T00:00:00Z"),
            ("without_issued", "issued", GONE),
            ("issued_after_its_end", "issued", "2999-01-01T00:00:00Z")):
        # One reader for all four: the two of people get every kind.
        if SIGNERS[_name] != "online" or _value is GONE:
            bad((FORMAT,), _name, _title, ((_member,), _value))
    for _title, _change in {
            "empty": lambda d: b"", "html": lambda d: b"<html></html>",
            "cut": lambda d: d[:-2], "array": lambda d: b"[" + d + b"]",
            "two_documents": lambda d: d + d,
            "bad_utf8": lambda d: d.replace(b"1.0.34", b"1.0.3\xff"),
            "signatures_an_object": lambda d: json.dumps(dict(
                json.loads(d), signatures={})).encode(),
            "without_signatures": lambda d: json.dumps(
                {"signed": json.loads(d)["signed"]}).encode(),
            "without_signed": lambda d: json.dumps(
                {"signatures": json.loads(d)["signatures"]}).encode(),
            "a_member_beside": lambda d: json.dumps(dict(
                json.loads(d), more=1)).encode(),
            "signature_without_an_id": lambda d: json.dumps(dict(
                json.loads(d), signatures=[{"sig": "00"}])).encode(),
    }.items():
        def _f(r, name=_name, change=_change):
            if name == "2.root.json":
                r.new_root(lambda b: None)
            raw(name, change)(r)
        _f.__name__ = "%s_%s" % (_name.split(".")[-2], _title)
        case(FORMAT, LIMIT)(_f)

bad((EXPIRED,), "2.root.json", "that_has_ended", (("issued",), date(-9)),
    (("expires",), date(-1)))

# ---- root

for _title, _way, _value in (
        ("without_keys", ("keys",), GONE), ("keys_a_list", ("keys",), []),
        ("key_without_scheme", ("keys", "*", "scheme"), GONE),
        ("without_roles", ("roles",), GONE),
        ("without_a_role", ("roles", "snapshot"), GONE),
        ("a_fifth_role", ("roles", "mirrors"), {"keyids": [], "threshold": 1}),
        ("keyids_a_text", ("roles", "timestamp", "keyids"), "x"),
        ("keyid_that_is_not_listed", ("roles", "timestamp", "keyids"), ["x"]),
        ("without_consistent_snapshots", ("consistent_snapshot",), False),
        ("without_ours", ("pawl",), GONE)):
    bad((FORMAT,), "2.root.json", _title, (_way, _value))
for _title, _way, _value in (
        ("key_of_an_unknown_type", ("keys", "*", "keytype"), "odd"),
        ("key_of_an_unknown_scheme", ("keys", "*", "scheme"), "odd"),
        ("key_that_is_none", ("keys", "*", "keyval", "public"), "x")):
    bad((REFUSED,), "2.root.json", _title, (_way, _value))

# ---- timestamp and snapshot

for _name, _listed in (("timestamp.json", "snapshot.json"),
                       ("2.snapshot.json", "targets.json")):
    for _title, _way, _value in (
            ("without_meta", ("meta",), GONE), ("meta_a_list", ("meta",), []),
            ("that_lists_nothing", ("meta",), {}),
            ("entry_a_number", ("meta", _listed), 1),
            ("entry_without_version", ("meta", _listed), {}),
            ("entry_of_version_0", ("meta", _listed), {"version": 0}),
            ("length_below_0", ("meta", _listed),
             {"version": 2, "length": -1}),
            ("hashes_empty", ("meta", _listed), {"version": 2, "hashes": {}}),
            ("hash_that_is_none", ("meta", _listed),
             {"version": 2, "hashes": {"sha256": "xx"}}),
            ("name_without_json", ("meta", "other"), {"version": 1})):
        bad((FORMAT,), _name, _title, (_way, _value))
    # Of what is listed otherwise the file itself is named.
    for _title, _codes, _more in (
            ("longer_than_listed", (LIMIT,), {"length": 1}),
            ("shorter_than_listed", (UNTRUSTED,), {"length": 60000}),
            ("of_another_digest", (UNTRUSTED,),
             {"hashes": {"sha256": "00" * 32}})):
        def _f(r, name=_name, listed="2." + _listed, more=_more):
            body = r.signed(name)
            body["meta"][listed[2:]].update(more)
            r.put(name, body, "online")
            r.files[listed] += b"\n"
        _f.__name__ = "%s_%s" % (_listed.split(".")[0], _title)
        case(*_codes)(_f)

# ---- targets

for _title, _way, _value in (
        ("without_targets", ("targets",), GONE),
        ("targets_a_list", ("targets",), []),
        ("entry_without_length", ("targets", "*", "length"), GONE),
        ("length_below_0", ("targets", "*", "length"), -1),
        ("length_text", ("targets", "*", "length"), "9"),
        ("without_hashes", ("targets", "*", "hashes"), GONE),
        ("hash_cut", ("targets", "*", "hashes"), {"sha256": "00"}),
        ("custom_a_list", ("targets", "*", "custom"), []),
        ("delegations_a_list", ("delegations",), []),
        ("delegations_without_keys", ("delegations",), {"roles": []}),
        ("delegation_that_climbs", ("delegations",), {"keys": {}, "roles": [
            {"name": "../up", "keyids": ["x"], "threshold": 1,
             "terminating": True, "paths": ["box/*/*"]}]}),
        ("delegation_to_root", ("delegations",), {"keys": {}, "roles": [
            {"name": "root", "keyids": ["x"], "threshold": 1,
             "terminating": True, "paths": ["box/*/*"]}]})):
    bad((FORMAT,), "2.targets.json", _title, (_way, _value))


if __name__ == "__main__":
    base.main()
