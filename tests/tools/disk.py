# SPDX-License-Identifier: Apache-2.0
"""The image of a disk: disk.py IMAGE FOLDER mbr|gpt

FOLDER/disk has two partitions: some bytes, and the image.
"""
import os
import struct
import sys

SECTOR = 512
FIRST, SECOND = 40, 60


def mbr(parts):
    out = bytearray(SECTOR)
    for i, (kind, at, count) in enumerate(parts):
        struct.pack_into("<8xII", out, 446 + 16 * i, at, count)
        out[446 + 16 * i + 4] = kind
    out[510:] = b"\x55\xaa"
    return bytes(out)


def gpt(parts, sectors):
    head = bytearray(SECTOR)
    struct.pack_into("<8sIIIIQQQQ16sQIII", head, 0, b"EFI PART", 0x10000, 92,
                     0, 0, 1, sectors - 1, 34, sectors - 1, b"disk", 2, 128,
                     128, 0)
    table = b"".join(struct.pack("<16s16sQQ80x", b"kind", b"id", at,
                                 at + count - 1) for at, count in parts)
    protective = mbr([(0xee, 1, sectors - 1)])
    return protective + bytes(head) + table.ljust(32 * SECTOR, b"\0")


def main():
    image, folder, kind = sys.argv[1:]
    with open(image, "rb") as f:
        data = f.read()
    count = len(data) // SECTOR
    sectors = SECOND + count + 16
    parts = [(FIRST, 16), (SECOND, count)]
    head = (gpt(parts, sectors) if kind == "gpt"
            else mbr([(0x0c, *parts[0]), (0x83, *parts[1])]))
    out = bytearray(sectors * SECTOR)
    out[:len(head)] = head
    out[FIRST * SECTOR:FIRST * SECTOR + 9] = b"bootstrap"
    out[SECOND * SECTOR:SECOND * SECTOR + len(data)] = data
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "disk"), "wb") as f:
        f.write(out)


main()
