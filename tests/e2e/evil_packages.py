"""Packages that were signed and are hostile all the same, for 34.

Somebody with a release key (here one suffices) signs, with everything
consistent, a package whose inside attacks the device: names, links, kinds,
tars, bombs, other formats (the catalogue's B), and deltas (C). The packages are
made here from docs/package-format.md and docs/delta-format.md, by no code of
ours. The oracle is evil_cases.py's: status, slots, state folder and last line;
and beside it: nothing outside the slots
changed, and no program was started.
"""
import hashlib
import io
import os
import struct
import subprocess
import sys
import time

import evil_cases as base
from evil_cases import (CONFLICT, FORMAT, LIMIT, REFUSED, UNTRUSTED, path, run)

FOLDER, FILE, LINK, HARD, CHAR, BLOCK, FIFO = range(1, 8)
CHUNK = 65536
CASES = []
GOOD = b"#!/bin/sh\nexit 0\n"


def case(*codes):
    def add(function):
        CASES.append((function, codes))
        return function
    return add


# ---- manifests --------------------------------------------------------------

class Entry:
    def __init__(self, kind, name, content=b"", mode=None, target=b"", to=0):
        self.kind, self.name, self.content = kind, name, content
        self.mode = mode if mode is not None else {
            FOLDER: 0o755, FILE: 0o644, LINK: 0o777}.get(kind, 0o600)
        self.target, self.to = target, to

    def encode(self):
        out = struct.pack("<BH", self.kind, len(self.name)) + self.name
        if self.kind == HARD:
            return out + struct.pack("<I", self.to)
        out += struct.pack("<H", self.mode)
        if self.kind == FILE:
            out += struct.pack("<Q", len(self.content))
            out += hashlib.sha256(self.content).digest()
        elif self.kind == LINK:
            out += struct.pack("<H", len(self.target)) + self.target
        elif self.kind in (CHAR, BLOCK):
            out += struct.pack("<II", 1, 5)
        return out


def manifest(entries, attributes=1):
    total = sum(len(e.content) for e in entries if e.kind == FILE)
    return (b"PAWLTREE" + struct.pack("<BBHIQ", 1, attributes, 0,
                                      len(entries), total) +
            b"".join(e.encode() for e in entries))


def good_entries():
    return [Entry(FILE, b"data", b"r2" * 5000),
            Entry(FOLDER, b"etc"),
            Entry(FILE, b"etc/conf", b"x = 1\n"),
            Entry(FILE, b"program", GOOD, 0o755)]


# ---- tars: raw headers, so that nothing is made right for us -----------------

def octal(value, width):
    return b"%0*o" % (width - 1, value) + b"\0"


def header(name, size=0, mode=0o644, kind=b"0", link=b"", **more):
    h = bytearray(512)
    h[0:len(name[:100])] = name[:100]
    h[100:108] = octal(mode, 8)
    h[108:116] = octal(more.get("uid", 0), 8)
    h[116:124] = octal(more.get("gid", 0), 8)
    h[124:136] = more.get("raw_size") or octal(size, 12)
    h[136:148] = octal(more.get("mtime", 0), 12)
    h[156:157] = kind
    h[157:157 + len(link[:100])] = link[:100]
    h[257:265] = more.get("magic", b"ustar\x0000")
    if kind in b"34":
        h[329:337] = octal(1, 8)
        h[337:345] = octal(5, 8)
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % sum(h)
    return bytes(h)


def padded(data):
    return data + b"\0" * (-len(data) % 512)


def pax(**records):
    body = b""
    for name, value in records.items():
        name = name.replace("__", ".").encode()
        line = b" " + name + b"=" + value + b"\n"
        length = len(line)
        while len(b"%d" % length) + len(line) != length:
            length = len(b"%d" % length) + len(line)
        body += b"%d" % length + line
    return header(b"PaxHeader", len(body), kind=b"x") + padded(body)


KINDS = {FOLDER: b"5", FILE: b"0", LINK: b"2", HARD: b"1", CHAR: b"3",
         BLOCK: b"4", FIFO: b"6"}


def member(e, entries, **more):
    name = e.name + b"/" if e.kind == FOLDER else e.name
    link = e.target if e.kind == LINK else (
        entries[e.to].name if e.kind == HARD else b"")
    content = more.pop("content", e.content if e.kind == FILE else b"")
    before = b""
    if (len(name) > 100 or len(link) > 100 or
            any(c < 32 or c > 126 for c in name + link)):
        before = pax(hdrcharset=b"BINARY", path=name, linkpath=link)
    return before + header(
        more.pop("name", name), more.pop("size", len(content)),
        more.pop("mode", e.mode), more.pop("kind", KINDS[e.kind]),
        more.pop("link", link), **more) + padded(content)


def tar_of(entries, m=None, change=None):
    """change(index, entry) may give other bytes for a member."""
    m = manifest(entries) if m is None else m
    out = header(b".pawl-manifest", len(m)) + padded(m)
    for i, e in enumerate(entries):
        other = change(i, e) if change else None
        out += other if other is not None else member(e, entries)
    return out + b"\0" * 1024


# ---- packages and their signed entries ---------------------------------------

def package(payload, kind=1, codec=0, window=0, plain=None):
    chunks = [payload[i:i + CHUNK] for i in range(0, len(payload), CHUNK)]
    plain = len(payload) if plain is None else plain
    head = b"PAWL" + struct.pack(
        "<BBBBBBIH", 1, kind, 1, codec, 0, max(window.bit_length() - 1, 0),
        plain & 0xffffffff, plain >> 32)
    if len(chunks) == 1:
        return head + payload, head + payload
    head += b"".join(hashlib.sha256(c).digest() for c in chunks)
    return head, head + payload


def sign(r, m, payload, kind=1, codec=0, window=0, plain=None, **lies):
    """List this package alone as release 2, everything consistent."""
    head, whole = package(payload, kind, codec, window, plain)
    body = r.targets()
    keep = "full" if kind == 1 else "delta"
    digest = hashlib.sha256(whole).hexdigest()
    for name, entry in list(body["targets"].items()):
        pawl = entry["custom"]["pawl"]
        if pawl["release"] != "2":
            continue
        if pawl["kind"] != keep:
            del body["targets"][name]
            continue
        entry["length"] = len(whole)
        entry["hashes"] = {"sha256": digest}
        total, = struct.unpack_from("<Q", m, 16)
        count, = struct.unpack_from("<I", m, 12)
        pawl.update(digest=hashlib.sha256(m).hexdigest(),
                    content_length=total, manifest_length=len(m),
                    entries=count, window=max(window, pawl["window"]),
                    head_length=len(head),
                    head_digest=hashlib.sha256(head).hexdigest(),
                    health=[["program"]])
        pawl.update(lies)
        folder, _, last = name.rpartition("/")
        r.packages["%s/%s.%s" % (folder, digest, last)] = whole
    r.put_targets(body)


def full(r, entries, m=None, change=None, **more):
    m = manifest(entries) if m is None else m
    sign(r, m, tar_of(entries, m, change), **more)


# ---- B01, B08: names ----------------------------------------------------------

NAMES = {
    "b01_climbs": b"../x",
    "b01_climbs_within": b"a/../../x",
    "b01_absolute": b"/x",
    "b01_dot": b".",
    "b01_dot_slash": b"./x",
    "b01_dots": b"..",
    "b01_double_slash": b"etc//x",
    "b01_trailing_slash": b"etc/x/",
    "b01_backslash": b"etc\\x",
    "b01_backslash_climbs": b"..\\..\\x",
    "b01_drive": b"C:",
    "b01_empty": b"",
    "b08_newline": b"a\nb",
    "b08_escape": b"a\x1b[2Jb",
    "b08_delete": b"a\x7fb",
    "b08_c1": b"a\xc2\x9bb",
    "b08_nul": b"a\0b",
    "b08_no_utf8": b"a\xff\xfeb",
    "b08_overlong_utf8": b"a\xc0\xaeb",
    "b08_surrogate": b"a\xed\xa0\x80b",
    "b08_component_too_long": b"n" * 256,
    "b08_path_too_long": b"/".join([b"n" * 200] * 6),
    "b08_too_deep": b"/".join([b"n"] * 65),
}
for _name, _path in NAMES.items():
    def _f(r, hostile=_path):
        parents = []
        if b"//" not in hostile and hostile.count(b"/") > 4:
            parts = hostile.split(b"/")
            parents = [Entry(FOLDER, b"/".join(parts[:i + 1]))
                       for i in range(len(parts) - 1)]
        entries = good_entries() + parents + [Entry(FILE, hostile, b"evil")]
        full(r, sorted(entries,
                       key=lambda e: e.name.replace(b"/", b"\0")))
    _f.__name__ = _name
    case(FORMAT, LIMIT)(_f)


# ---- B02, B04, B05, B06: kinds ------------------------------------------------

def inserted(*more):
    return sorted(good_entries() + list(more),
                  key=lambda e: e.name.replace(b"/", b"\0"))


def victim():
    return os.fsencode(path("victim"))


@case(FORMAT, REFUSED)
def b02_link_and_through_it(r):
    full(r, inserted(Entry(LINK, b"d", target=victim()),
                     Entry(FILE, b"d/x", b"evil")))


@case(FORMAT, REFUSED)
def b02_link_out_by_dots(r):
    full(r, inserted(Entry(LINK, b"d", target=b"../../victim")))


@case(FORMAT, REFUSED)
def b02_link_out_by_a_link(r):
    """a is etc, so a/../../victim leads out where text alone stays in."""
    full(r, inserted(Entry(LINK, b"a", target=b"etc"),
                     Entry(LINK, b"b", target=b"a/../../victim")))


@case(FORMAT, UNTRUSTED)
def b02_link_in_the_tar_for_a_folder(r):
    """The manifest says folder; the tar brings a link to somewhere else."""
    entries = good_entries()
    full(r, entries, change=lambda i, e: header(
        b"etc", kind=b"2", mode=0o777, link=victim())
        if e.name == b"etc" else None)


@case(FORMAT, REFUSED)
def b04_hard_link_listed(r):
    full(r, inserted(Entry(HARD, b"hard", to=0)))


@case(UNTRUSTED, FORMAT)
def b04_hard_link_out_of_the_slot(r):
    full(r, good_entries(), change=lambda i, e: header(
        e.name, kind=b"1", link=os.path.join(victim(), b"file"))
        if e.name == b"data" else None)


@case(UNTRUSTED, FORMAT)
def b04_hard_link_with_content(r):
    full(r, good_entries(), change=lambda i, e: header(
        e.name, len(e.content), kind=b"1", link=b"program") +
        padded(e.content) if e.name == b"data" else None)


for _kind, _text in ((CHAR, "character"), (BLOCK, "block"), (FIFO, "fifo"),
                     (8, "unknown"), (0, "nothing")):
    def _f(r, kind=_kind):
        KINDS.setdefault(kind, b"7")
        full(r, inserted(Entry(kind, b"node")))
    _f.__name__ = "b05_%s_listed" % _text
    case(FORMAT, REFUSED)(_f)

for _kind, _text in ((b"3", "character"), (b"4", "block"), (b"6", "fifo"),
                     (b"7", "contiguous"), (b"V", "volume"), (b"M", "multi")):
    def _f(r, kind=_kind):
        full(r, good_entries(), change=lambda i, e: header(
            e.name, kind=kind) if e.name == b"etc/conf" else None)
    _f.__name__ = "b05_%s_in_the_tar" % _text
    case(UNTRUSTED, FORMAT)(_f)

for _mode in (0o4755, 0o2755, 0o1777, 0o10644):
    def _f(r, mode=_mode):
        full(r, inserted(Entry(FILE, b"root", GOOD, mode)))
    _f.__name__ = "b06_mode_%o_listed" % _mode
    case(FORMAT, REFUSED)(_f)

    def _f(r, mode=_mode & 0o7777):
        full(r, good_entries(), change=lambda i, e: member(
            e, (), mode=mode) if e.name == b"program" else None)
    if _mode < 0o10000:
        _f.__name__ = "b06_mode_%o_in_the_tar" % _mode
        case(UNTRUSTED)(_f)

EXTRAS = {
    "capability": pax(SCHILY__xattr__security__capability=b"\1\0\0\2" +
                      b"\xff" * 16),
    "user_attribute": pax(SCHILY__xattr__user__x=b"y"),
    "acl": pax(SCHILY__acl__access=b"user::rwx,group::rwx,other::rwx"),
    "default_acl": pax(SCHILY__acl__default=b"user::rwx,group::rwx,other::rwx"),
    "flags": pax(SCHILY__fflags=b"schg"),
    "owner": pax(uid=b"1", gid=b"1"),
    "name": pax(path=b"../../victim/file"),
    "size_of_2_63": pax(size=b"9223372036854775807"),
    "size_smaller": pax(size=b"1"),
    "sparse_0_1": pax(GNU__sparse__map=b"0,1,6,0", GNU__sparse__size=b"6",
                      GNU__sparse__name=b"etc/conf"),
    "sparse_1_0": pax(GNU__sparse__major=b"1", GNU__sparse__minor=b"0",
                      GNU__sparse__name=b"etc/conf",
                      GNU__sparse__realsize=b"6"),
}
for _name, _records in EXTRAS.items():
    def _f(r, records=_records):
        full(r, good_entries(), change=lambda i, e: records + member(
            e, ()) if e.name == b"etc/conf" else None)
    _f.__name__ = ("b11_" if "s" == _name[0] else
                   "b06_") + _name + "_in_the_tar"
    case(UNTRUSTED, FORMAT, REFUSED, LIMIT)(_f)

SIZES = {
    "base_256_huge": b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7,
    "base_256_negative": b"\xff" * 12,
    "octal_8_gib": octal(8 << 30, 12)[:12],
    "no_digits": b"zzzzzzzzzzz\0",
    "one_more": octal(7, 12),
    "one_less": octal(5, 12),
}
for _name, _size in SIZES.items():
    def _f(r, size=_size):
        full(r, good_entries(), change=lambda i, e: header(
            e.name, raw_size=size) + padded(e.content)
            if e.name == b"etc/conf" else None)
    _f.__name__ = "b11_size_" + _name
    case(UNTRUSTED, FORMAT, LIMIT)(_f)


@case(UNTRUSTED, FORMAT, REFUSED)
def b11_sparse_of_old_gnu(r):
    def change(i, e):
        if e.name != b"etc/conf":
            return None
        h = bytearray(header(e.name, 6, kind=b"S", magic=b"ustar  \0"))
        h[386:398], h[398:410] = octal(0, 12), octal(6, 12)
        h[483:495] = octal(1 << 40, 12)
        h[148:156] = b" " * 8
        h[148:156] = b"%06o\0 " % sum(h)
        return bytes(h) + padded(e.content)
    full(r, good_entries(), change=change)


# ---- the tar against the manifest ---------------------------------------------

@case(UNTRUSTED, FORMAT)
def b19_a_member_too_many(r):
    full(r, good_entries(), change=lambda i, e: member(e, ()) + header(
        b"zzz", 4) + padded(b"evil") if e.name == b"program" else None)


@case(UNTRUSTED, FORMAT)
def b19_a_member_too_few(r):
    full(r, good_entries(),
         change=lambda i, e: b"" if e.name == b"etc/conf" else None)


@case(UNTRUSTED, FORMAT)
def b19_a_member_twice(r):
    full(r, good_entries(), change=lambda i, e: member(e, ()) * 2
         if e.name == b"data" else None)


@case(UNTRUSTED, FORMAT)
def b19_other_content_of_the_same_length(r):
    full(r, good_entries(), change=lambda i, e: member(
        e, (), content=b"x = 2\n") if e.name == b"etc/conf" else None)


@case(FORMAT, UNTRUSTED)
def b19_bytes_behind_the_end(r):
    entries = good_entries()
    m = manifest(entries)
    sign(r, m, tar_of(entries) + tar_of(inserted()))


@case(FORMAT, UNTRUSTED)
def b19_no_manifest(r):
    entries = good_entries()
    m = manifest(entries)
    sign(r, m, tar_of(entries)[512 + len(padded(m)):])


@case(FORMAT, UNTRUSTED, LIMIT)
def b19_another_manifest_than_signed(r):
    entries = good_entries()
    other = manifest(inserted(Entry(LINK, b"d", target=victim())))
    sign(r, manifest(entries), tar_of(entries, other))


def cut_at(fraction):
    def f(r):
        entries = good_entries()
        whole = tar_of(entries)
        sign(r, manifest(entries), whole[:int(len(whole) * fraction)])
    return f


for _part in (0.01, 0.2, 0.5, 0.8, 0.97):
    _f = cut_at(_part)
    _f.__name__ = "b19_tar_cut_at_%d_percent" % (_part * 100)
    case(FORMAT, UNTRUSTED, LIMIT)(_f)


@case(FORMAT, UNTRUSTED)
def b19_checksum_wrong(r):
    def change(i, e):
        bad = bytearray(member(e, ()))
        bad[150] ^= 1
        return bytes(bad) if e.name == b"data" else None
    full(r, good_entries(), change=change)


@case(FORMAT, UNTRUSTED)
def b19_pax_record_that_overruns(r):
    full(r, good_entries(), change=lambda i, e: header(
        b"PaxHeader", 20, kind=b"x") + padded(b"999999999 path=a\n   ") +
        member(e, ()) if e.name == b"data" else None)


# ---- B09: bombs ---------------------------------------------------------------

def zstd(data, *options):
    return run("zstd", "-q", "-c", *options, stdin=data).stdout


def bomb(codec, window, make):
    def f(r):
        entries = good_entries()
        m = manifest(entries)
        whole = tar_of(entries)
        payload = make(whole)
        sign(r, m, payload, codec=codec, window=window, plain=len(whole))
    return f


def skippable(n):
    return (struct.pack("<II", 0x184D2A50, 8) + b"skipped!") * n


BOMBS = {
    "b09_gigabyte_of_zeroes": lambda t: zstd(t + b"\0" * (1 << 28)),
    "b09_two_frames": lambda t: zstd(t) + zstd(b"\0" * 4096),
    "b09_many_empty_frames": lambda t: zstd(b"") * 50000 + zstd(t),
    "b09_skippable_frames": lambda t: skippable(20000) + zstd(t),
    "b09_skippable_behind": lambda t: zstd(t) + skippable(3),
    "b09_zstd_in_zstd": lambda t: zstd(zstd(t)),
    "b09_cut_frame": lambda t: zstd(t)[:-5],
    "b09_garbage": lambda t: os.urandom(3000),
}
for _name, _make in BOMBS.items():
    _f = bomb(1, 1 << 22, _make)
    _f.__name__ = _name
    case(FORMAT, LIMIT, UNTRUSTED)(_f)


@case(LIMIT, FORMAT)
def b09_window_larger_than_said(r):
    entries = good_entries() + [Entry(FILE, b"zero", b"\0" * (9 << 20))]
    whole = tar_of(entries)
    sign(r, manifest(entries), zstd(whole, "--long=27", "--no-content-size"),
         codec=1, window=4096, plain=len(whole))


@case(FORMAT, LIMIT, UNTRUSTED)
def b09_lzma2_without_end(r):
    import lzma
    entries = good_entries()
    whole = tar_of(entries)
    c = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[
        {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}])
    payload = c.compress(whole + b"\0" * (1 << 26)) + c.flush()
    sign(r, manifest(entries), payload, codec=2, window=1 << 20,
         plain=len(whole))


# ---- B13, B14: other formats and filters --------------------------------------

def as_other(make):
    def f(r):
        entries = good_entries()
        payload = make(tar_of(entries))
        sign(r, manifest(entries), payload)
    return f


def zip_of(_):
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for e in good_entries():
            z.writestr(e.name.decode() + "/" * (e.kind == FOLDER), e.content)
    return out.getvalue()


def with_tool(*argv):
    def make(t):
        with open(path("input"), "wb") as f:
            f.write(t)
        return subprocess.run(argv, cwd=path("."), check=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
    return make


def cpio_of(_):
    def one(name, data):
        name += b"\0"
        h = b"070701" + b"%08X" * 13 % (1, 0o100644, 0, 0, 1, 0, len(data), 0,
                                        0, 0, 0, len(name), 0)
        out = h + name
        out += b"\0" * (-len(out) % 4)
        return out + data + b"\0" * (-len(data) % 4)
    m = manifest(good_entries())
    return (one(b".pawl-manifest", m) +
            b"".join(one(e.name, e.content) for e in good_entries()) +
            one(b"TRAILER!!!", b""))


OTHERS = {
    "b13_zip": zip_of,
    "b13_cpio": cpio_of,
    "b13_ar": lambda t: b"!<arch>\n" + b"%-16s%-12s%-6s%-6s%-8s%-10d`\n" % (
        b".pawl-manifest/", b"0", b"0", b"0", b"644", 10) + b"0123456789",
    "b13_mtree": lambda t: b"#mtree\n./x type=file contents=/etc/passwd\n" * 9,
    "b13_7z": lambda t: b"7z\xbc\xaf\x27\x1c\0\4" + os.urandom(600),
    "b13_rar": lambda t: b"Rar!\x1a\7\1\0" + os.urandom(600),
    "b13_warc": lambda t: b"WARC/1.0\r\nWARC-Type: response\r\n\r\n" * 20,
    "b13_iso": lambda t: b"\0" * 32768 + b"\1CD001\1" + b"\0" * 4000,
    "b13_tar_behind_another": lambda t: zip_of(t) + t,
    "b14_gzip": with_tool("gzip", "-c", "input"),
    "b14_xz": with_tool("xz", "-c", "input"),
    "b14_zstd_that_nobody_named": with_tool("zstd", "-q", "-c", "input"),
    "b14_lrzip": lambda t: b"LRZI\0\6" + struct.pack("<Q", len(t)) + t,
    "b14_lzop": lambda t: b"\x89LZO\0\r\n\x1a\n" + t,
    "b14_grzip": lambda t: b"GRZipII\0\2\4:)" + t,
    "b14_uuencode": lambda t: b"begin 644 x\n#0V%T\n`\nend\n" * 40,
    "b14_rpm": lambda t: b"\xed\xab\xee\xdb\3\0" + t,
}
for _name, _make in OTHERS.items():
    _f = as_other(_make)
    _f.__name__ = _name
    case(FORMAT, UNTRUSTED, LIMIT)(_f)


# ---- C: deltas ----------------------------------------------------------------

def number(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def step(n):
    return number(2 * n if n >= 0 else -2 * n - 1)


STREAMS = ("segments", "gaps", "lengths", "offsets", "choices", "rights",
           "diffs", "prefix", "inserts")


def record(new_len, raw=None, there=0, **streams):
    """Uncompressed; raw tells other lengths than there are, and there names
    more than there is."""
    data = [streams.get(name, b"") for name in STREAMS]
    told = [(raw or {}).get(name, len(s)) for name, s in zip(STREAMS, data)]
    for i, length in enumerate(told):
        there |= (length > 0) << i
    header = number(new_len) + number(there) + b"".join(
        number(2 * length) for i, length in enumerate(told) if there >> i & 1)
    return bytes([len(header)]) + header + b"".join(data)


def copy(length, at):
    return number(0) + number(length) + step(at)


def patch(length, at=0, home=0, within=0, count=0, more=b""):
    return (number(1) + number(length) + step(at) + number(home) +
            number(within) + number(count) + more)


def inserted_whole(new, told=None, **more):
    told = len(new) if told is None else told
    return record(told, segments=patch(told), inserts=new, **more)


def stream(entries):
    return manifest(entries) + b"".join(
        e.content for e in entries if e.kind == FILE)


def list_head(listed=b"", flags=0, raw=None):
    """What a payload begins with: the list of compressed members."""
    told = len(listed) if raw is None else raw
    if not told:
        return bytes([flags])
    return bytes([flags | 2]) + told.to_bytes(3, "little") + \
        len(listed).to_bytes(3, "little") + listed


def delta(make, before=list_head()):
    def f(r):
        entries = good_entries()
        sign(r, manifest(entries), before + make(stream(entries)), kind=2)
    return f


def covered(new, gap=0, length=None, at=0, count=1, choices=b"", rights=b"",
            diffs=b"", home=1 << 10, regions=b"\0"):
    """A patch of one cover, the rest inserted."""
    length = 100 if length is None else length
    return record(
        len(new), segments=patch(len(new), home=home, count=count,
                                 more=regions),
        gaps=number(gap), lengths=number(length), offsets=step(at),
        choices=choices, rights=rights, diffs=diffs, inserts=new[100:])


def bytewise(new):
    """So many segments of a byte each, all of the same one."""
    n = len(new)
    return record(n, segments=copy(1, 0) + copy(1, -1) * (n - 1))


def bytewise_covers(new):
    n = len(new)
    return record(n, segments=patch(n, home=1000, count=n, more=b"\0"),
                  gaps=number(0) * n, lengths=number(1) * n,
                  offsets=step(0) + step(-1) * (n - 1), choices=b"\0" * n)


DELTAS = {
    "c02_gap_beyond_the_inserts": lambda new: inserted_whole(
        new[:-1], len(new)),
    "c02_inserts_left_over": lambda new: record(
        len(new), segments=patch(len(new)), inserts=new + b"x"),
    "c02_output_longer_than_signed": lambda new: inserted_whole(new + b"x"),
    "c02_output_shorter_than_signed": lambda new: inserted_whole(new[:-1]),
    "c02_a_second_record_too_many": lambda new: inserted_whole(new) +
        inserted_whole(b"x"),
    "c02_operations_that_do_nothing": lambda new: record(
        len(new), segments=copy(0, 0) * 100000 + patch(len(new)),
        inserts=new),
    "c02_patches_that_do_nothing": lambda new: record(
        len(new), segments=patch(0) * 100000 + patch(len(new)), inserts=new),
    "c02_a_count_of_2_32": lambda new: covered(new, count=2 ** 32),
    "c02_a_count_above_the_limit": lambda new: covered(new, count=131073),
    "c02_a_length_of_2_64": lambda new: record(
        len(new), segments=copy(2 ** 64 - 1, 0)),
    "c02_a_cover_of_2_64": lambda new: covered(new, length=2 ** 64 - 1),
    "c02_a_cover_of_0": lambda new: covered(new, length=0),
    "c02_a_gap_of_2_64": lambda new: covered(new, gap=2 ** 64 - 1),
    "c02_a_new_length_of_2_64": lambda new: record(
        2 ** 64 - 1, segments=patch(2 ** 64 - 1), inserts=new),
    "c02_a_new_length_of_0": lambda new: record(0) + inserted_whole(new),
    "c02_a_raw_length_of_4_gib": lambda new: inserted_whole(
        new, raw={"inserts": 2 ** 32 - 1}),
    "c02_a_home_of_2_32": lambda new: covered(new, home=2 ** 32),
    "c02_seventeen_regions": lambda new: covered(
        new, regions=number(17) + step(0) * 102 + step(0) * 2),
    "c02_a_region_of_2_63": lambda new: covered(
        new, regions=number(1) + (step(0) + step(2 ** 62) + step(0)) * 2 +
        step(0) * 2),
    "c02_a_predictor_that_is_none": lambda new: covered(new, choices=b"\x0f"),
    "c02_predictors_left_over": lambda new: covered(new, choices=b"\0\0\0"),
    "c02_a_right_of_2_64": lambda new: covered(
        new, choices=b"\0", rights=number(2 ** 64 - 1), diffs=b"x"),
    "c02_a_difference_of_0": lambda new: covered(
        new, choices=b"\0", rights=number(0), diffs=b"\0"),
    "c02_an_unknown_kind": lambda new: record(
        len(new), segments=number(2) + number(len(new)) + step(0)),
    "c02_a_stream_that_is_unknown": lambda new: inserted_whole(
        new, there=1 << 10),
    "c02_a_stream_of_no_bytes": lambda new: inserted_whole(new, there=1 << 1),
    "c02_words_of_no_offsets": lambda new: inserted_whole(new, there=1 << 9),
    "c02_three_quarters_of_a_word": lambda new: inserted_whole(
        new, there=1 << 9, offsets=b"abc"),
    "c02_words_that_nobody_asks_for": lambda new: inserted_whole(
        new, there=1 << 9, offsets=b"abcd"),
    "c02_a_header_longer_than_its_numbers": lambda new: bytes([200]) +
        inserted_whole(new)[1:],
    "c02_a_header_that_ends_early": lambda new: b"\x04" +
        inserted_whole(new)[1:],
    "c02_a_prefix_of_0": lambda new: inserted_whole(
        new, prefix=step(0) + number(0)),
    "c02_half_a_prefix": lambda new: inserted_whole(new, prefix=step(0)),
    "c02_a_prefix_above_the_limit": lambda new: inserted_whole(
        new, prefix=(step(0) + number(200) + step(-200)) * 40000),
    "c03_a_prefix_behind_the_old": lambda new: inserted_whole(
        new, prefix=step(1 << 40) + number(1)),
    "c03_a_prefix_before_the_old": lambda new: inserted_whole(
        new, prefix=step(-1) + number(1)),
    "c03_a_prefix_of_2_64": lambda new: inserted_whole(
        new, prefix=step(1) + number(2 ** 64 - 1)),
    "c02_an_empty_payload_of_one_byte": lambda new: b"x",
    "c02_zeroes": lambda new: b"\0" * 500,
    "c02_noise": lambda new: os.urandom(5000),
    "c02_cut": lambda new: inserted_whole(new)[:-7],
    "c02_a_number_longer_than_it_need_be": lambda new: record(
        len(new), inserts=new, segments=patch(len(new))[:-1] + b"\x80\0"),
    "c03_a_copy_behind_the_old": lambda new: record(
        len(new), segments=copy(len(new), 1 << 40)),
    "c03_a_cover_before_the_old": lambda new: covered(new, at=-1000),
    "c03_a_copy_before_the_old": lambda new: record(
        len(new), segments=copy(len(new), -1000)),
    "c03_a_home_behind_the_old": lambda new: covered(new, home=1 << 31),
    "c05_a_byte_at_a_time": bytewise,
    "c05_a_byte_at_a_time_in_covers": bytewise_covers,
    "c06_right_length_wrong_bytes": lambda new: inserted_whole(
        new[:-2] + b"xx"),
    "c06_right_length_wrong_manifest": lambda new: inserted_whole(
        b"P" * 60 + new[60:]),
}
def listed(recipes=b"\0", parts=b"\0", steps=b"\0"):
    """A list of members: each of the three begins with its count."""
    return list_head(recipes + parts + steps)


def recipe(kind=1, parameters=(9, 8, 0, 0, 0)):
    return number(1) + b"".join(number(n) for n in (kind,) + parameters)


def part(at=0, which=1, packed=10, content=10):
    return step(at) + b"".join(number(n) for n in (which, packed, content))


def old_part(how=None, count=1, **more):
    return listed(how or recipe(), number(count) + part(**more))


def steps(*each, count=None):
    return number(len(each) if count is None else count) + b"".join(each)


MEMBERS = {
    "c02_a_list_of_16_mib": list_head(b"\0\0\0", raw=2 ** 24 - 1),
    "c02_a_list_that_is_cut_off": list_head(
        recipe() + number(1) + part()[:-1]),
    "c02_a_list_that_goes_on": list_head(b"\0\0\0\0"),
    "c02_2_32_parts": old_part(count=2 ** 32),
    "c02_65_recipes": listed(number(65) + recipe()[1:] * 65),
    "c02_a_part_behind_the_old": old_part(at=1 << 40),
    "c02_a_part_before_the_old": old_part(at=-1),
    "c02_a_part_of_2_64": old_part(packed=2 ** 64 - 1),
    "c02_a_part_of_0": old_part(packed=0),
    "c02_a_part_that_unpacks_to_2_64": old_part(content=2 ** 64 - 1),
    "c02_parts_that_take_more_space_than_signed": old_part(
        content=2 ** 32 - 1),
    "c02_a_part_by_a_recipe_that_is_not_there": old_part(which=2),
    "c02_a_recipe_of_an_unknown_kind": old_part(recipe(kind=5)),
    "c02_a_recipe_that_is_none": old_part(recipe(1, (10, 8, 0, 0, 0))),
    "c02_a_block_of_2_gib": old_part(recipe(2, (9, 1 << 31, 0, 0, 0))),
    "c02_a_step_of_an_unknown_kind": listed(
        steps=steps(number(4) + number(1))),
    "c02_a_pass_beyond_the_new": listed(
        steps=steps(number(0) + number(2 ** 40))),
    "c02_a_take_of_what_was_not_kept": listed(
        steps=steps(number(2) + step(0) + number(1))),
    "c02_a_pack_of_more_steps_than_there_are": listed(
        recipe(), steps=steps(b"".join(map(number, (3, 1, 10, 2))),
                              number(0) + number(10))),
    "c02_a_pack_within_a_pack": listed(
        recipe(), steps=steps(b"".join(map(number, (3, 1, 10, 1))),
                              b"".join(map(number, (3, 1, 10, 1))),
                              number(0) + number(10))),
}


def packed_in_vain(new):
    """200 MiB out of one kilobyte, for a member of ten bytes."""
    count = PACKED_IN_VAIN // 1000
    return record(PACKED_IN_VAIN,
                  segments=copy(1000, 0) + copy(1000, -1000) * (count - 1))


PACKED_IN_VAIN = 200000000
_f = delta(packed_in_vain, listed(recipe(), steps=steps(
    b"".join(map(number, (3, 1, 10, 1))),
    number(0) + number(PACKED_IN_VAIN))))
_f.__name__ = "c05_packing_what_no_content_explains"
case(LIMIT)(_f)
for _name, _before in (
        ("c02_no_list_of_members", b""),
        ("c02_a_list_of_another_version", list_head(flags=8)),
        ("c02_a_list_of_every_version", list_head(flags=255))):
    _f = delta(inserted_whole, _before)
    _f.__name__ = _name
    case(CONFLICT)(_f)


def block(content, last=True):
    """Of a frame of zstd, as it is."""
    return (len(content) << 3 | last).to_bytes(3, "little") + content


def one_stream(make, codec=1):
    def f(r):
        entries = good_entries()
        sign(r, manifest(entries), list_head(flags=4) + make(stream(entries)),
             kind=2, codec=codec, window=(1 << 20 if codec else 0))
    return f


for _name, _make in {
        "c02_records_where_there_are_none": inserted_whole,
        "c02_one_stream_too_short": lambda new: block(new[:-1]),
        "c02_one_stream_too_long": lambda new: block(new + b"x"),
        "c02_one_stream_without_an_end": lambda new: block(new, last=False),
        "c02_bytes_behind_one_stream": lambda new: block(new) + b"x",
        "c02_nothing_where_one_stream_is_due": lambda new: b""}.items():
    _f = one_stream(_make)
    _f.__name__ = _name
    case(FORMAT, LIMIT, UNTRUSTED)(_f)
_f = one_stream(block, codec=0)
_f.__name__ = "c02_one_stream_of_no_codec"
case(FORMAT, LIMIT, UNTRUSTED)(_f)
for _name, _before in MEMBERS.items():
    _f = delta(inserted_whole, _before)
    _f.__name__ = _name
    case(FORMAT, LIMIT, UNTRUSTED)(_f)
for _name, _make in DELTAS.items():
    _f = delta(_make)
    _f.__name__ = _name
    case(FORMAT, LIMIT, UNTRUSTED)(_f)


@case(0)
def c03_a_base_that_the_device_does_not_have(r):
    """Passed over, for no package is left that it could apply."""
    entries = good_entries()
    sign(r, manifest(entries), list_head() + inserted_whole(stream(entries)),
         kind=2, base_digest="ab" * 32)


# ---- what is good must be taken, or the cases would prove nothing --------------

def good_full(r):
    full(r, good_entries())


def good_zstd(r):
    bomb(1, 1 << 22, zstd)(r)


def good_delta(r):
    delta(inserted_whole)(r)


# ---- the run ------------------------------------------------------------------

def outside(device):
    """All that no update may touch."""
    found = {}
    for top in (path("victim"), device.dir):
        for folder, names, files in os.walk(top):
            names[:] = [n for n in names if os.path.join(folder, n) not in (
                os.path.join(device.dir, "slots"),
                os.path.join(device.dir, "state"))]
            for n in names + files:
                p = os.path.join(folder, n)
                st = os.lstat(p)
                found[p] = (st.st_mode, st.st_nlink, st.st_size,
                            st.st_mtime_ns)
    return found


def traps():
    """Programs that libarchive would start, had it been told to."""
    os.mkdir(path("bin"))
    for name in ("lrzip", "lzop", "grzip", "gzip", "gunzip", "xz", "zstd",
                 "uudecode", "bsdtar", "unzip"):
        with open(path("bin", name), "w") as f:
            f.write("#!/bin/sh\ntouch %s\n" % path("started"))
        os.chmod(path("bin", name), 0o755)


def update(device):
    before = os.environ["PATH"]
    os.environ["PATH"] = path("bin") + ":" + before
    try:
        return device.update(path("evil"))
    finally:
        os.environ["PATH"] = before


def judge(function, codes, keys, first):
    r = base.Repository(keys, 2)
    function(r)
    r.write(path("evil"))
    device = first.copy("device")
    running, untouched = device.slots(), outside(device)
    kept = device.state()
    started = time.monotonic()
    result = update(device)
    took = time.monotonic() - started
    said = result.stdout.decode(errors="replace")
    if result.excess:
        return result.excess
    if result.returncode not in codes:
        return "exit status %d instead of %s: %s" % (
            result.returncode, codes, said)
    if device.running() != "r1" or os.readlink(os.path.join(
            device.dir, "slots/current")) != os.readlink(os.path.join(
            first.dir, "slots/current")):
        return "%s runs" % device.running()
    active = os.readlink(os.path.join(device.dir, "slots/current"))
    keep = [s for s in running if s[0].startswith(active.split("/")[0])]
    if [s for s in device.slots() if s[0].startswith(
            active.split("/")[0])] != keep:
        return "the slot that runs was changed"
    if outside(device) != untouched:
        return "something outside the slots was changed"
    if os.path.exists(path("started")):
        return "a program was started"
    why = result.returncode and (
        base.says_why(result, ()) or
        base.leaves_nothing(device, kept, result, r.files))
    if why:
        return why
    if took > 20:
        return "it took %d s" % took
    if any(ord(c) < 32 and c != "\n" for c in said):
        return "it printed raw bytes: %r" % said
    good = base.Repository(keys, 2)
    good.recover(device)
    good.write(path("good-3"))
    result = device.update(path("good-3"))
    if result.returncode or device.running() != "r2":
        return "the good repository was refused after it: %s" % (
            result.stdout.decode(errors="replace"))
    return None


def main():
    keys = base.make_good()
    os.mkdir(path("victim"))
    with open(path("victim", "file"), "w") as f:
        f.write("untouched")
    traps()
    base.Repository(keys, 1).write(path("good-1"))
    first = base.Device("first")
    first.make()
    first.update(path("good-1"))
    assert first.running() == "r1"
    for function in (good_full, good_zstd, good_delta):
        r = base.Repository(keys, 2)
        function(r)
        r.write(path("evil"))
        device = first.copy("device")
        device.expect(0, path("evil"))
        assert device.running() == "r2"
        print("ok %s is taken" % function.__name__)
    failed = 0
    for function, codes in CASES:
        why = judge(function, codes, keys, first)
        failed += why is not None
        print("%s %s%s" % ("not ok" if why else "ok", function.__name__,
                           ": " + why if why else ""), flush=True)
    if failed:
        sys.exit("%d of %d cases failed" % (failed, len(CASES)))
    print("%d evil packages refused" % len(CASES))


if __name__ == "__main__":
    main()
