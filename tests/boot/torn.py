#!/usr/bin/env python3
"""What a power cut can leave of one write: torn.py BEFORE AFTER FOLDER

BEFORE and AFTER are the same place of a disk before and after a write. A sector of
512 bytes is written whole or not at all, in whatever order; one of them, the last
that was written, may also be garbage (PAWL_GARBAGE=1: for places with a checksum).
Each state that differs from the others goes to FOLDER/NUMBER; what it is, is printed.
"""
import os
import random
import sys

SECTOR = 512


def states(old, new):
    """(description, bytes) of each state, the first and the last included."""
    changed = [at for at in range(0, len(old), SECTOR)
               if old[at:at + SECTOR] != new[at:at + SECTOR]]
    noise = random.Random(1)

    def mixed(of_new, garbage=None):
        parts = [(new if at in of_new else old)[at:at + SECTOR]
                 for at in range(0, len(old), SECTOR)]
        if garbage is not None:
            parts[garbage // SECTOR] = noise.randbytes(SECTOR)
        return b"".join(parts)

    for n in range(len(changed) + 1):
        yield f"the first {n} of {len(changed)}", mixed(changed[:n])
        yield f"the last {n} of {len(changed)}", mixed(changed[len(changed) - n:])
    for at in changed:
        yield f"all but sector {at // SECTOR}", mixed([x for x in changed if x != at])
        yield f"only sector {at // SECTOR}", mixed([at])
    if os.environ.get("PAWL_GARBAGE"):
        for n, at in enumerate(changed):
            yield f"{n}, then garbage", mixed(changed[:n], at)
            yield f"all, but sector {at // SECTOR} is garbage", mixed(changed, at)


def main():
    before, after, folder = sys.argv[1:]
    with open(before, "rb") as f:
        old = f.read()
    with open(after, "rb") as f:
        new = f.read()
    assert len(old) == len(new) and len(old) % SECTOR == 0
    seen = set()
    for description, state in states(old, new):
        if state in seen:
            continue
        with open(f"{folder}/{len(seen)}", "wb") as f:
            f.write(state)
        print(len(seen), description)
        seen.add(state)


main()
