# SPDX-License-Identifier: Apache-2.0
"""Files with compressed content: members.py FOLDER CHANGES [WORDS]

kernel: an LZ4 frame as Linux reads it, between a head and a tail;
data.gz: made by zlib; plain: the content of both, which grows in a few places.
"""
import ctypes
import os
import random
import struct
import sys
import zlib

MAGIC = b"\x02\x21\x4c\x18"
BLOCK = 8 << 20


def content(changes, count):
    chance = random.Random(7)
    words = ["".join(chance.choice("abcdefghijklmnopqrst") for _ in range(n))
             for n in (chance.randint(2, 9) for _ in range(2500))]
    text = [chance.choice(words) for _ in range(count)]
    for i in range(changes):
        text.insert(1000 + 20000 * i, "a change that was made here")
    return " ".join(text).encode()


def gzip(data):
    c = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = c.compress(data) + c.flush()
    return (b"\x1f\x8b\x08\x08\0\0\0\0\0\x03data\0" + packed +
            struct.pack("<II", zlib.crc32(data), len(data)))


def lz4(data):
    library = ctypes.CDLL("liblz4.so.1")
    out = MAGIC
    for at in range(0, len(data), BLOCK):
        block = data[at:at + BLOCK]
        size = library.LZ4_compressBound(len(block))
        room = ctypes.create_string_buffer(size)
        n = library.LZ4_compress_HC(block, room, len(block), size, 9)
        out += struct.pack("<I", n) + room.raw[:n]
    return out + struct.pack("<I", len(data))


def main():
    folder, changes = sys.argv[1], int(sys.argv[2])
    data = content(changes, int(sys.argv[3]) if len(sys.argv) > 3 else 60000)
    os.makedirs(folder, exist_ok=True)
    for name, packed in (("kernel", b"head" * 300 + lz4(data) + b"tail" * 9),
                         ("data.gz", gzip(data)), ("plain", data)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(packed)


main()
