# SPDX-License-Identifier: Apache-2.0
"""An independent reader of packages, written from docs/package-format.md and
docs/delta-format.md alone.

    read_package.py FULL DELTA OLD-MANIFEST OLD-TREE NEW-MANIFEST NEW-TREE

Reads the full package and the delta, rebuilds the new stream from both, and
compares with the manifest and the files that our own applier left.
"""
import bisect
import ctypes
import hashlib
import io
import lzma
import os
import subprocess
import struct
import sys
import tarfile
import tempfile
import zlib


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


def decode_after(codec, prefix, data, n):
    """A frame of n bytes, zstd's without its header, that may refer to a
    prefix."""
    if codec == 1:
        data = struct.pack("<IBI", 0xfd2fb528, 0xa0, n) + data
    if not prefix:
        return decode(codec, 8388608, data)
    if codec == 1:
        with tempfile.NamedTemporaryFile() as f:
            f.write(prefix)
            f.flush()
            return subprocess.run(
                ["zstd", "-q", "-d", "-c", "--patch-from=" + f.name],
                input=data, stdout=subprocess.PIPE, check=True).stdout
    # LZMA2 chunks that are not compressed, the first of which resets all.
    head = bytearray()
    for i in range(0, len(prefix), 65536):
        part = prefix[i:i + 65536]
        head += struct.pack(">BH", 2 if i else 1, len(part) - 1) + part
    out = decode(codec, 8388608, bytes(head) + data)
    assert out.startswith(prefix)
    return out[len(prefix):]


def prefix_of(ranges, old):
    out, at, words = bytearray(), 0, iter(numbers(ranges))
    for move in words:
        at += step(move)
        n = next(words)
        out += old[at:at + n]
        at += n
    return bytes(out)


def read_package(path):
    data = open(path, "rb").read()
    (magic, version, kind, content, codec, cipher, bits, low,
     high) = struct.unpack_from("<4sBBBBBBIH", data)
    assert magic == b"PAWL" and version == 1 and content < 3 and cipher == 0
    window = 1 << bits if bits else 0
    plain_len = low | high << 32
    if len(data) <= 16 + 65536:
        return kind, content, codec, window, data[16:], plain_len
    chunks = (len(data) - 16 + 65567) // 65568
    payload = data[16 + 32 * chunks:]
    assert chunks == (len(payload) + 65535) // 65536
    for i in range(chunks):
        chunk = payload[i * 65536:(i + 1) * 65536]
        assert (hashlib.sha256(chunk).digest() ==
                data[16 + 32 * i:48 + 32 * i])
    return kind, content, codec, window, payload, plain_len


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
            entry["end"] = at
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


MASK = (1 << 64) - 1


def step(number):
    return -((number + 1) // 2) if number & 1 else number // 2


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def make_map(spans):
    done = []
    for s in sorted(spans, key=lambda s: (s[0], -s[3], s[2])):
        at, end, to, rank = s
        while done and at < done[-1][1]:
            last = done[-1]
            if rank <= last[3]:
                to += last[1] - at
                at = last[1]
            elif at > last[0]:
                last[1] = at
            else:
                done.pop()
            if at >= end:
                break
        if at < end:
            done.append([at, end, to, rank])
    return done


class Map:
    def __init__(self, spans, old, new, old_anchor, new_anchor):
        self.spans = make_map(spans)
        self.starts = [s[0] for s in self.spans]
        self.old, self.new = old, new
        self.old_anchor, self.new_anchor = old_anchor, new_anchor

    def offset(self, o):
        i = bisect.bisect_right(self.starts, o) - 1
        if i < 0:
            return None
        at, end, to, _ = self.spans[i]
        return to + o - at if o < end or o - end < 65536 else None

    @staticmethod
    def address_of(regions, offset):
        for at, length, address in regions:
            if 0 <= offset - at < length:
                return address + offset - at & MASK
        return None

    def __call__(self, old):
        for at, length, address in self.old:
            if old - address & MASK < length:
                to = self.offset(at + (old - address & MASK))
                return None if to is None else self.address_of(self.new, to)
        return None


class View:
    """What a predictor sees, and what it makes of it."""

    def __init__(self, m, old, old_at, new_at, size):
        self.m, self.old, self.size = m, old, size
        self.guess = bytearray(old)
        self.phase = old_at - 32
        self.a = m.address_of(m.old, old_at)
        self.b = m.address_of(m.new, new_at)
        if self.a is not None:
            self.a -= 32
        if self.b is not None:
            self.b -= 32

    def get(self, i, n=4):
        return int.from_bytes(self.old[i:i + n], "little")

    def int(self, i):
        return signed(self.get(i), 32)

    def put(self, i, value, n=4):
        self.guess[i:i + n] = (value & (1 << 8 * n) - 1).to_bytes(n, "little")

    def aligned(self, n, size=None):
        first = -self.phase % n
        return range(first, len(self.old) - (size or n) + 1, n)


def x86(v):
    i = 1
    while i + 4 <= len(v.old):
        value, byte, new = v.int(i), v.old[i - 1], None
        if (byte in (0xe8, 0xe9) or byte & 0xc7 == 5 or
                (i >= 2 and v.old[i - 2] == 0x0f and byte & 0xf0 == 0x80)):
            new = v.m(v.a + i + 4 + value)
            if new is not None:
                new -= v.b + i + 4
        if new is None and value < 0:
            new = v.m(value)
        if new is not None:
            v.put(i, new)
        i += 1 if new is None else 4


def branch(v, i, w, low, bits):
    mask = (1 << bits) - 1
    x = v.m(v.a + i + 4 * signed(w >> low & mask, bits))
    if x is not None:
        w = w & ~(mask << low) | ((x - v.b - i) >> 2 & mask) << low
    return w


def is_offset(w):
    return w & 0xffc00000 == 0x91000000 or w & 0x3b000000 == 0x39000000


def shift_of(w):
    if w & 0xffc00000 == 0x91000000:
        return 0
    return 4 if w & 0x04800000 == 0x04800000 else w >> 30


def adr(v, i, w, pages):
    distance = signed(w >> 29 & 3 | (w >> 5 & 0x7ffff) << 2, 21)
    if w >> 31 == 0:
        x = v.m(v.a + i + distance)
        to = None if x is None else x - v.b - i
    else:
        page = ((v.a + i >> 12) << 12) + (distance << 12)
        target = page
        for k in range(i + 4, i + 36, 4):
            if k + 4 > len(v.old):
                break
            word = v.get(k)
            if word >> 5 & 31 == w & 31 and is_offset(word):
                target += (word >> 10 & 0xfff) << shift_of(word)
                break
        x = v.m(target)
        to = None if x is None else (x >> 12) - (v.b + i >> 12)
        pages[w & 31] = None if x is None else page
    if to is None:
        return w
    return w & 0x9f00001f | (to & 3) << 29 | (to >> 2 & 0x7ffff) << 5


def offset_word(v, w, pages):
    reg, shift = w >> 5 & 31, shift_of(w)
    if pages.get(reg) is None:
        return w
    x = v.m(pages[reg] + ((w >> 10 & 0xfff) << shift))
    if w & 31 == reg:
        pages[reg] = None
    if x is None or x & (1 << shift) - 1:
        return w
    return w & 0xffc003ff | (x & 4095) >> shift << 10


def arm64(v):
    pages = {}
    for i in v.aligned(4):
        w = v.get(i)
        if w & 0x7c000000 == 0x14000000:
            w = branch(v, i, w, 0, 26)
        elif w & 0x1f000000 == 0x10000000:
            w = adr(v, i, w, pages)
        elif is_offset(w):
            w = offset_word(v, w, pages)
        elif (w & 0xff000010 == 0x54000000 or w & 0x7e000000 == 0x34000000 or
                w & 0x3b000000 == 0x18000000):
            w = branch(v, i, w, 5, 19)
        elif w & 0x7e000000 == 0x36000000:
            w = branch(v, i, w, 5, 14)
        v.put(i, w)


def arm(v):
    for i in v.aligned(4):
        w = v.get(i)
        if w & 0x0e000000 == 0x0a000000:
            x = v.m(v.a + i + 8 + 4 * signed(w & 0xffffff, 24))
            if x is not None:
                v.put(i, w & 0xff000000 | (x - v.b - i - 8) >> 2 & 0xffffff)


def thumb(v):
    i = v.phase & 1
    while i + 4 <= len(v.old):
        h, l = v.get(i, 2), v.get(i + 2, 2)
        if h & 0xf800 != 0xf000 or (l & 0xc000 != 0xc000 and
                                    l & 0xd000 != 0x9000):
            i += 2
            continue
        s = h >> 10 & 1
        i1, i2 = 1 ^ l >> 13 & 1 ^ s, 1 ^ l >> 11 & 1 ^ s
        distance = signed(s << 24 | i1 << 23 | i2 << 22 | (h & 0x3ff) << 12 |
                          (l & 0x7ff) << 1, 25)
        a, b = v.a + i, v.b + i
        if l & 0xd000 == 0xc000:
            a, b = a - (a & 2), b - (b & 2)
        x = v.m(a + 4 + distance)
        if x is not None:
            d = x - b - 4
            s = d >> 24 & 1
            v.put(i, 0xf000 | s << 10 | d >> 12 & 0x3ff, 2)
            v.put(i + 2, l & 0xd000 | (1 ^ d >> 23 & 1 ^ s) << 13 |
                  (1 ^ d >> 22 & 1 ^ s) << 11 | d >> 1 & 0x7ff, 2)
        i += 4


def pointers(v):
    for i in v.aligned(8):
        x = v.m(v.get(i, 8)) if v.get(i, 8) else None
        if x is not None:
            v.put(i, x, 8)


def words(v):
    for i in v.aligned(4):
        if v.get(i):
            x = v.m(v.get(i))
            if x is None:
                x = v.m(v.int(i))
            if x is not None:
                v.put(i, x)


def relative(v):
    for i in v.aligned(4):
        x = v.m(v.a + i + v.int(i))
        if x is not None:
            v.put(i, x - v.b - i)


def anchored(v):
    for i in v.aligned(4):
        x = v.m(v.m.old_anchor + v.int(i))
        if x is not None:
            v.put(i, x - v.m.new_anchor)


def frames(v):
    i = -v.phase % 4
    while i + 12 <= len(v.old):
        size, parent = v.get(i), v.get(i + 4)
        if 8 <= size <= 65536 and parent and not (size | parent) & 3:
            p = v.m(v.a + i + 4 - parent)
            f = v.m(v.a + i + 8 + v.int(i + 8))
            if p is not None and f is not None:
                v.put(i + 4, v.b + i + 4 - p)
                v.put(i + 8, f - v.b - i - 8)
                i += 8
        i += 4


def carried(v, before, diff, plan):
    """Blocks whose numbers depend on new ones: settled piece by piece."""
    new, done = bytearray(before), 32

    def settle(to):
        for k in range(done, to):
            new.append(v.guess[k] + diff[k - 32] & 255)
        return to

    for i, n, back, is_address in plan:
        done = settle(i)
        x = v.m(v.get(i, n)) if is_address else None
        if x is None:
            x = (v.get(i, n) - v.get(i - back, n) +
                 int.from_bytes(new[i - back:i - back + n], "little"))
        v.put(i, x, n)
        done = settle(i + n)
    settle(32 + v.size)
    return bytes(new[32:])


def carry_plan(v, n, back):
    first = 32 + -(v.phase + 32) % n
    return [(i, n, back, False) for i in range(first, 32 + v.size - n + 1, n)]


def relocation_plan(v):
    first, end = 32 + -(v.phase + 32) % 8, 32 + v.size
    ways = [range(first + k, end - 23, 24) for k in (0, 8, 16)]
    best = max(ways, key=lambda w: sum(v.get(i + 8, 8) in (8, 1027)
                                       for i in w))
    return [f for i in best for f in ((i, 8, 24, False), (i + 16, 8, 24, True))]


SIMPLE = {1: x86, 2: arm64, 3: arm, 4: thumb, 5: pointers, 6: words,
          7: relative, 8: anchored, 9: frames}
CARRY = {11: (4, 4), 12: (4, 8), 13: (4, 12), 14: (8, 8)}


def rebuild(choice, v, before, diff):
    if choice == 10:
        return carried(v, before, diff, relocation_plan(v))
    if choice in CARRY:
        return carried(v, before, diff, carry_plan(v, *CARRY[choice]))
    if choice in (1, 2, 3, 4, 7, 9) and (v.a is None or v.b is None):
        choice = 0
    if choice:
        SIMPLE[choice](v)
    return bytes(g + d & 255 for g, d in zip(v.guess[32:], diff))


def planes(data):
    """Signed words of 32 bits: first the lowest byte of each, and so on."""
    n, rest = divmod(len(data), 4)
    assert n and not rest
    return [w for w, in struct.iter_unpack("<i", bytes(
        data[i % 4 * n + i // 4] for i in range(4 * n)))]


class Record:
    def __init__(self, codec, payload, at, old):
        end = at + 1 + payload[at]
        words = iter(numbers(payload[at + 1:end]))
        self.left, there = next(words), next(words)
        assert self.left > 0 and there < 1024
        sizes = []
        for i in range(9):
            code = next(words) if there >> i & 1 else 0
            raw = code // 2
            assert raw or not there >> i & 1
            sizes.append((raw, next(words) if code & 1 else raw))
            assert sizes[-1][1] < raw if code & 1 else True
        assert next(words, None) is None
        at, streams = end, []
        for raw, packed in sizes:
            data = payload[at:at + packed]
            at += packed
            # The last stream may refer to the prefix that the one before is.
            prefix = (prefix_of(streams[7], old) if len(streams) == 8
                      else b"")
            if raw != packed:
                data = decode_after(codec, prefix, data, raw)
            assert len(data) == raw
            streams.append(data)
        self.has_words = bool(there & 512)
        self.end = at
        self.segments, self.gaps, self.lengths = (
            iter(numbers(s)) for s in streams[:3])
        self.offsets = iter(planes(streams[3]) if self.has_words
                            else map(step, numbers(streams[3])))
        self.choices = iter(streams[4])
        self.rights = iter(numbers(streams[5]))
        self.diffs = iter(streams[6])
        self.inserts = io.BytesIO(streams[8])
        self.old_end = 0
        self.right = next(self.rights, None)

    def differences(self, n):
        out = bytearray(n)
        at = 0
        while self.right is not None and self.right < n - at:
            at += self.right
            out[at] = next(self.diffs)
            at += 1
            self.right = next(self.rights, None)
        if self.right is not None:
            self.right -= n - at
        return out

    def finish(self):
        for s in (self.segments, self.gaps, self.lengths, self.offsets,
                  self.choices, self.rights, self.diffs):
            assert next(s, None) is None
        assert not self.inserts.read() and self.right is None


class Segment:
    def __init__(self, r):
        number = lambda: next(r.segments)
        self.kind, self.len = number(), number()
        self.old_at = r.old_end + step(number())
        self.old_len, self.within, self.covers = self.len, 0, []
        if self.kind == 1:
            self.old_len, self.within, count = number(), number(), number()
            if count:
                self.read_covers(r, count)
        r.old_end = self.old_at + self.old_len

    def read_covers(self, r, count):
        region = lambda a: tuple(x + step(next(r.segments)) for x in a)
        old, new, last = [], [], (0, 0, 0)
        for _ in range(next(r.segments)):
            last = region((last[0] + last[1], 0, last[2] + last[1]))
            last = (last[0], last[1], last[2] & MASK)
            old.append(last)
            new.append(region(last))
        anchors = [0, 0]
        if old:
            anchors[0] = step(next(r.segments)) & MASK
            anchors[1] = anchors[0] + step(next(r.segments)) & MASK
        spans = [[o[0], o[0] + min(o[1], n[1]), n[0], min(o[1], n[1])]
                 for o, n in zip(old, new)
                 if o[0] >= self.old_len and min(o[1], n[1])]
        place, end = 0, self.old_at
        for _ in range(count):
            place += next(r.gaps)
            length = next(r.lengths)
            at = next(r.offsets) + (self.old_at if r.has_words else end)
            self.covers.append((place, at, length))
            if self.is_home(at, length):
                spans.append([at - self.old_at, at - self.old_at + length,
                              self.within + place, length])
            place, end = place + length, at + length
        self.map = Map(spans, old, new, *anchors)

    def is_home(self, at, length):
        return (self.old_at <= at and
                at + length <= self.old_at + self.old_len)

    def pieces(self):
        """(length, old place or None) in order; None: inserted."""
        at = 0
        for place, old, length in self.covers:
            if place > at:
                yield place - at, None, False
            home, at = self.is_home(old, length), place
            while at < place + length:
                n = min(4096 - (self.within + at) % 4096,
                        place + length - at)
                yield n, old + at - place, home
                at += n
        if at < self.len:
            yield self.len - at, None, False


def block(r, s, old, made, n, at, home):
    diff = r.differences(n)
    choice = next(r.choices, 0) if home else 0
    if choice == 0:
        return bytes(a + b & 255 for a, b in zip(old[at:at + n], diff))
    end = s.old_at + s.old_len
    before = old[max(s.old_at, at - 32):at].rjust(32, b"\0")
    after = old[at + n:min(end, at + n + 16)].ljust(16, b"\0")
    view = View(s.map, before + old[at:at + n] + after, at - s.old_at,
                s.within + len(made), n)
    return rebuild(choice, view, made[-32:].rjust(32, b"\0"), diff)


def read_list(codec, payload):
    """Recipes, parts of the old, steps of the new; and where records begin."""
    assert payload[0] < 8
    raw, packed, at = 0, 0, 1
    if payload[0] & 2:
        raw = int.from_bytes(payload[1:4], "little")
        packed = int.from_bytes(payload[4:7], "little")
        assert 0 < packed <= raw
        at = 7
    data = payload[at:at + packed]
    if raw != packed:
        data = decode_after(codec, b"", data, raw)
    assert len(data) == raw
    left = iter(numbers(data))
    records = at + packed
    recipes, parts, steps = [], [], []
    if raw:
        recipes = [[next(left) for _ in range(6)] for _ in range(next(left))]
        end = 0
        for _ in range(next(left)):
            at = end + step(next(left))
            recipe, n = next(left), next(left)
            parts.append((at, n, recipe, next(left) if recipe else n))
            end = at + n
        steps = list(read_steps(left, next(left)))
    assert next(left, None) is None
    return recipes, parts, steps, records


def read_steps(left, count):
    end = 0
    for _ in range(count):
        kind = next(left)
        if kind == 0:
            yield kind, next(left)
        elif kind == 1:
            recipe, n = next(left), next(left)
            yield kind, recipe, n, next(left) if recipe else n
        elif kind == 2:
            at = end + step(next(left))
            n = next(left)
            yield kind, at, n
            end = at + n
        else:
            yield kind, next(left), next(left), next(left)


def lz4():
    return ctypes.CDLL("liblz4.so.1")


def zstd():
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_createCCtx.restype = ctypes.c_void_p
    library.ZSTD_compressBound.restype = ctypes.c_size_t
    for name in ("ZSTD_compressCCtx", "ZSTD_compress2"):
        getattr(library, name).restype = ctypes.c_size_t
    return library


def unpack(data, content, kind, params):
    if kind == 1:
        d = zlib.decompressobj(15 if params[3] else -15)
        out = d.decompress(data)
        assert d.eof and not d.unused_data
    elif kind == 3:
        out = lzma.decompress(data, lzma.FORMAT_XZ)
    elif kind == 4:
        out = decode(1, 0, data)
    elif params[2]:
        room = ctypes.create_string_buffer(params[1])
        got = lz4().LZ4_decompress_safe(data, room, len(data), params[1])
        out = room.raw[:max(got, 0)]
    else:
        out, at = b"", 0
        while at < len(data):
            n, = struct.unpack_from("<I", data, at)
            room = ctypes.create_string_buffer(params[1])
            got = lz4().LZ4_decompress_safe(data[at + 4:at + 4 + n], room, n,
                                            params[1])
            out += room.raw[:got]
            at += 4 + n
    assert len(out) == content
    return out


def pack(data, kind, params):
    if kind == 1:
        c = zlib.compressobj(params[0], zlib.DEFLATED,
                             15 if params[3] else -15, params[1], params[2])
        return c.compress(data) + c.flush()
    if kind == 3:
        return pack_xz(data, *params)
    if kind == 4:
        return pack_zstd(data, *params)
    out = b""
    for at in range(0, len(data), params[1]):
        block = data[at:at + params[1]]
        size = lz4().LZ4_compressBound(len(block))
        room = ctypes.create_string_buffer(size)
        if params[0] == 1:
            n = lz4().LZ4_compress_default(block, room, len(block), size)
        else:
            n = lz4().LZ4_compress_HC(block, room, len(block), size, params[0])
        out += (b"" if params[2] else struct.pack("<I", n)) + room.raw[:n]
    return out


class Filter(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("options", ctypes.c_void_p)]


def pack_xz(data, preset, dictionary, check, branch, whole):
    level = preset % 16 | (lzma.PRESET_EXTREME if preset >= 16 else 0)
    if whole:
        return pack_whole_xz(data, level, dictionary, check, branch)
    filters = [{"id": branch}] if branch else []
    filters += [{"id": lzma.FILTER_LZMA2, "preset": level,
                 "dict_size": dictionary}]
    return lzma.compress(data, lzma.FORMAT_XZ, check, filters=filters)


def pack_whole_xz(data, level, dictionary, check, branch):
    """What Python's library has no function for."""
    library = ctypes.CDLL("liblzma.so.5")
    library.lzma_stream_buffer_bound.restype = ctypes.c_size_t
    options = ctypes.create_string_buffer(256)
    assert library.lzma_lzma_preset(options, ctypes.c_uint32(level)) == 0
    struct.pack_into("=I", options, 0, dictionary)
    chain = [Filter(branch, None)] if branch else []
    chain += [Filter(0x21, ctypes.cast(options, ctypes.c_void_p)),
              Filter((1 << 64) - 1, None)]
    filters = (Filter * len(chain))(*chain)
    n = ctypes.c_size_t
    most = library.lzma_stream_buffer_bound(n(len(data)))
    room, used = ctypes.create_string_buffer(most), n(0)
    assert library.lzma_stream_buffer_encode(
        filters, check, None, data, n(len(data)), room, ctypes.byref(used),
        n(most)) == 0
    return room.raw[:used.value]


def pack_zstd(data, level, checksum, size, whole, _):
    library = zstd()
    c = ctypes.c_void_p(library.ZSTD_createCCtx())
    room = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    n = ctypes.c_size_t
    if whole:
        got = library.ZSTD_compressCCtx(c, room, n(len(room)), data,
                                        n(len(data)), level)
    else:
        for parameter, value in ((100, level), (201, checksum), (200, size)):
            library.ZSTD_CCtx_setParameter(c, parameter, value)
        got = stream_zstd(library, c, room, data, size)
    library.ZSTD_freeCCtx(c)
    return room.raw[:got]


class Buffer(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_void_p), ("size", ctypes.c_size_t),
                ("pos", ctypes.c_size_t)]


def stream_zstd(library, c, room, data, size):
    """In pieces of 131072 bytes, of which the last one ends the frame."""
    if size:
        library.ZSTD_CCtx_setPledgedSrcSize(c, ctypes.c_ulonglong(len(data)))
    library.ZSTD_compressStream2.restype = ctypes.c_size_t
    out = Buffer(ctypes.cast(room, ctypes.c_void_p), len(room), 0)
    pieces = [data[i:i + 131072] for i in range(0, len(data), 131072)]
    for i, piece in enumerate(pieces):
        source = ctypes.create_string_buffer(piece, len(piece))
        into = Buffer(ctypes.cast(source, ctypes.c_void_p), len(piece), 0)
        end = 2 if i == len(pieces) - 1 else 0
        while (library.ZSTD_compressStream2(c, ctypes.byref(out),
                                            ctypes.byref(into), end) > 0
               if end else into.pos < into.size
               and library.ZSTD_compressStream2(c, ctypes.byref(out),
                                                ctypes.byref(into), 0) >= 0):
            pass
    return out.pos


def view_len(steps, new_len):
    """How many bytes records yield for so many of the new stream."""
    n, steps = new_len, iter(steps)
    for one in steps:
        if one[0] == 1:
            n += one[3]
        elif one[0] == 2:
            n -= one[2]
        elif one[0] == 3:
            n -= one[2]
            inside = [next(steps) for _ in range(one[3])]
            n += sum(i[1] for i in inside if i[0] == 0)
    return n


def read_payload(codec, payload, old, new_len):
    recipes, parts, steps, at = read_list(codec, payload)
    for place, n, recipe, content in parts:
        data = old[place:place + n]
        if recipe:
            kind, *params = recipes[recipe - 1]
            data = unpack(data, content, kind, params)
        old += data
    kept = list(places_kept(steps, len(old)))
    old = bytearray(old) + bytes(sum(n for _, n, _ in kept))
    if payload[0] & 4:
        n = view_len(steps, new_len)
        new = decode_after(codec, bytes(old), payload[at:], n)
        assert len(new) == n
    else:
        new = read_delta(codec, payload[at:], old, kept)
    return lay_out(recipes, steps, new)


def places_kept(steps, to):
    """Of each keep: its place in the new view (None: it is packed), how many
    bytes are kept, and their place in the old view."""
    at = 0
    for one in steps:
        if one[0] == 1:
            _, recipe, n, content = one
            yield None if recipe else at, n, to
            to, at = to + n, at + content
        elif one[0] == 0:
            at += one[1]


def keep(new, old, kept):
    """What came so far of what is kept goes into the old view."""
    for at, n, to in kept:
        if at is not None and at + n <= len(new):
            old[to:to + n] = new[at:at + n]


def lay_out(recipes, steps, new):
    out, kept, at, steps = [], b"", 0, iter(steps)

    def packed(recipe, data, n):
        kind, *params = recipes[recipe - 1]
        data = pack(data, kind, params)
        assert len(data) == n
        return data

    def let_out(kind, *rest):
        nonlocal at
        if kind == 0:
            at += rest[0]
            return new[at - rest[0]:at]
        assert kind == 2 and rest[0] + rest[1] <= len(kept)
        return kept[rest[0]:rest[0] + rest[1]]

    for one in steps:
        if one[0] == 1:
            _, recipe, n, content = one
            data = let_out(0, content)
            kept += packed(recipe, data, n) if recipe else data
        elif one[0] == 3:
            _, recipe, n, count = one
            inside = b"".join(let_out(*next(steps)) for _ in range(count))
            out.append(packed(recipe, inside, n))
        else:
            out.append(let_out(*one))
    return b"".join(out) + new[at:]


def read_delta(codec, payload, old, kept):
    at, new, work = 0, bytearray(), iter(())
    segment, made = None, bytearray()
    left_over = 0
    while at < len(payload):
        keep(new, old, kept)
        r = Record(codec, payload, at, old)
        at = r.end
        while r.left:
            if left_over:
                n, place = left_over, None
            else:
                piece = next(work, None)
                if piece is None:
                    new += made
                    keep(new, old, kept)
                    segment, made = Segment(r), bytearray()
                    work = segment.pieces()
                    if segment.kind == 0:
                        end = segment.old_at + segment.len
                        made += old[segment.old_at:end]
                        r.left -= segment.len
                        work = iter(())
                    continue
                n, place, home = piece
            if place is None:
                left_over = max(0, n - r.left)
                n -= left_over
                made += r.inserts.read(n)
            else:
                made += block(r, segment, old, made, n, place, home)
            r.left -= n
        assert r.left == 0
        r.finish()
    assert next(work, None) is None and not left_over
    return bytes(new + made)


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


def put_digests(stream, length):
    """Each file's digest into its place in the manifest."""
    manifest, at = bytearray(stream[:length]), length
    for e in read_manifest(bytes(manifest)):
        if e["kind"] == 2:
            content = stream[at:at + e["len"]]
            manifest[e["end"] - 32:e["end"]] = hashlib.sha256(content).digest()
            at += e["len"]
    return bytes(manifest) + stream[length:]


def main():
    full, delta, old_manifest, old_tree, new_manifest, new_tree = sys.argv[1:]
    old = stream_of(open(old_manifest, "rb").read(), old_tree)
    want = stream_of(open(new_manifest, "rb").read(), new_tree)
    kind, content, codec, window, payload, plain_len = read_package(full)
    assert kind == 1
    if content == 2:  # an image: its manifest is in no stream
        old = old[os.path.getsize(old_manifest):]
        want = want[os.path.getsize(new_manifest):]
        assert plain_len == len(want)
        assert decode(codec, window, payload) == want
    else:
        assert read_full(codec, window, payload, plain_len) == want
    kind, content, codec, window, payload, plain_len = read_package(delta)
    assert kind == 2 and plain_len == len(payload)
    made = read_payload(codec, payload, old, len(want))
    if content == 1 and payload[0] & 1:
        made = put_digests(made, os.path.getsize(new_manifest))
    assert made == want
    print("ok - %d bytes rebuilt twice" % len(want))


main()
