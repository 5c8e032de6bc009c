# SPDX-License-Identifier: Apache-2.0
"""An independent reader of packages, written from docs/package-format.md and
docs/delta-format.md alone.

    read_package.py FULL DELTA OLD-MANIFEST OLD-TREE NEW-MANIFEST NEW-TREE

Reads the full package and the delta, rebuilds the new stream from both, and
compares with the manifest and the files that our own applier left.
"""
import hashlib
import io
import lzma
import os
import subprocess
import struct
import sys
import tarfile


def decode(codec, window, data):
    if codec == 0:
        return data
    if codec == 1:
        return subprocess.run(["zstd", "-q", "-d", "-c"], input=data,
                              stdout=subprocess.PIPE, check=True).stdout
    d = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[
        {"id": lzma.FILTER_LZMA2, "dict_size": window}])
    out = d.decompress(data)
    assert d.eof and not d.unused_data
    return out


def read_package(path):
    data = open(path, "rb").read()
    (magic, version, kind, content, codec, zero, chunks, window, payload_len,
     plain_len) = struct.unpack_from("<8sHBBB3sIIQQ", data)
    assert magic == b"PAWLPKG\0" and version == 1 and content == 1
    assert not any(zero) and not any(data[40:64])
    head = 64 + 32 * chunks
    payload = data[head:]
    assert len(payload) == payload_len
    assert chunks == (payload_len + 65535) // 65536
    for i in range(chunks):
        chunk = payload[i * 65536:(i + 1) * 65536]
        assert (hashlib.sha256(chunk).digest() ==
                data[64 + 32 * i:96 + 32 * i])
    return kind, codec, window, payload, plain_len


def read_manifest(m):
    magic, version, attributes, zero, count, total = struct.unpack_from(
        "<8sBBHIQ", m)
    assert (magic, version, zero) == (b"PAWLTREE", 1, 0)
    at = 24
    entries = []
    for _ in range(count):
        kind, n = struct.unpack_from("<BH", m, at)
        path = m[at + 3:at + 3 + n]
        at += 3 + n
        entry = {"kind": kind, "path": path, "len": 0}
        if kind == 4:
            at += 4
            entries.append(entry)
            continue
        entry["mode"], = struct.unpack_from("<H", m, at)
        at += 2
        if attributes == 2:
            n, = struct.unpack_from("<I", m, at + 22)
            at += 26 + n
        if kind == 2:
            entry["len"], entry["digest"] = struct.unpack_from("<Q32s", m, at)
            at += 40
        elif kind == 3:
            n, = struct.unpack_from("<H", m, at)
            entry["target"] = m[at + 2:at + 2 + n]
            at += 2 + n
        elif kind in (5, 6):
            at += 8
        entries.append(entry)
    assert at == len(m)
    assert sum(e["len"] for e in entries) == total
    return entries


def stream_of(manifest, tree):
    out = [manifest]
    for e in read_manifest(manifest):
        if e["kind"] == 2:
            out.append(open(os.path.join(os.fsencode(tree), e["path"]),
                            "rb").read())
            assert hashlib.sha256(out[-1]).digest() == e["digest"]
    return b"".join(out)


def numbers(data):
    out, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value = shift = 0
    return out


def read_delta(codec, payload, old):
    at, new = 0, bytearray()
    while at < len(payload):
        new_len, ops, zero = struct.unpack_from("<QII", payload, at)
        sizes = struct.unpack_from("<10I", payload, at + 16)
        at += 56
        streams = []
        for raw, packed in zip(sizes[::2], sizes[1::2]):
            data = payload[at:at + packed]
            at += packed
            if raw != packed:
                data = decode(codec, 4194304, data)
            assert len(data) == raw
            streams.append(data)
        gaps, lengths, offsets = (numbers(s) for s in streams[:3])
        diffs, inserts = streams[3:]
        assert len(gaps) == len(lengths) == len(offsets) == ops
        end = diff_at = insert_at = 0
        before = len(new)
        for g, n, z in zip(gaps, lengths, offsets):
            new += inserts[insert_at:insert_at + g]
            insert_at += g
            length = n // 2
            begin = end - (z + 1) // 2 if z & 1 else end + z // 2
            cover = old[begin:begin + length]
            if n & 1 == 0:
                cover = bytes((a + b) & 255 for a, b in zip(
                    cover, diffs[diff_at:diff_at + length]))
                diff_at += length
            new += cover
            end = begin + length
        assert (diff_at, insert_at) == (len(diffs), len(inserts))
        assert len(new) - before == new_len and zero == 0
    return bytes(new)


def read_full(codec, window, payload, plain_len):
    plain = decode(codec, window, payload)
    assert len(plain) == plain_len
    tar = tarfile.open(fileobj=io.BytesIO(plain), errors="surrogateescape")
    members = iter(tar)
    first = next(members)
    assert first.name == ".pawl-manifest"
    manifest = tar.extractfile(first).read()
    out = [manifest]
    for entry in read_manifest(manifest):
        member = next(members)
        name = os.fsencode(member.name)
        assert name == (entry["path"] or b"."), (name, entry)
        if entry["kind"] == 2:
            out.append(tar.extractfile(member).read())
            assert hashlib.sha256(out[-1]).digest() == entry["digest"]
            assert member.mode == entry["mode"]
    assert next(members, None) is None
    return b"".join(out)


def main():
    full, delta, old_manifest, old_tree, new_manifest, new_tree = sys.argv[1:]
    want = stream_of(open(new_manifest, "rb").read(), new_tree)
    kind, codec, window, payload, plain_len = read_package(full)
    assert kind == 1
    assert read_full(codec, window, payload, plain_len) == want
    kind, codec, window, payload, plain_len = read_package(delta)
    assert kind == 2 and plain_len == len(payload)
    old = stream_of(open(old_manifest, "rb").read(), old_tree)
    assert read_delta(codec, payload, old) == want
    print("ok - %d bytes rebuilt twice" % len(want))


main()
