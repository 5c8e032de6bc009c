# SPDX-License-Identifier: Apache-2.0
"""Files that are much alike: programs.py FOLDER CHANGES

scattered: 300 kB in which a few bytes change; lib/: forty small files, of which
some change; other: bytes that nothing resembles, always the same.
"""
import os
import random
import sys


def body(seed, length):
    chance = random.Random(seed)
    return bytes(chance.choice(b"abcdefgh0123456789\n \0\1\2\3")
                 for _ in range(length))


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def main():
    folder, changes = sys.argv[1], int(sys.argv[2])
    os.makedirs(os.path.join(folder, "lib"), exist_ok=True)
    data = bytearray(body(1, 300000))
    for i in range(changes):
        data[70000 * i:70000 * i] = b"something was put in here"
    write(os.path.join(folder, "scattered"), data)
    for i in range(40):
        data = body(100 + i, 900 + 137 * i)
        if i < changes:
            data = data[:500] + b"changed" + data[500:]
        write(os.path.join(folder, "lib", "part-1.%d" % i), data)
    write(os.path.join(folder, "other"), random.Random(5).randbytes(60000))


main()
