#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A test under `set -e` does not end where `a && b` fails in a, nor at `! a`:
what is asked so is not asked. Each question has a line of its own, or `|| die`.
"""
import re
import sys

ASKS = re.compile(r"(\[|test|grep|cmp|diff|!) ")


def statements(text):
    """(number, joined text, what stands behind it) of each logical line."""
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        first, whole = i, lines[i].strip()
        while whole.endswith(("\\", "&&", "||", "|")) and i + 1 < len(lines):
            i += 1
            whole = whole.rstrip("\\") + " " + lines[i].strip()
        i += 1
        # "}" where nothing does: the end of a file answers as that of a function.
        yield first + 1, whole, "}" if not any(lines[i:]) else lines[i].strip()


def cannot_fail(whole, behind):
    """The last command of a function, of a file and of a program that a test
    writes or quotes is its answer."""
    if not ASKS.match(whole) or " || " in whole or whole.count("'") % 2 or \
            re.match(r"}|[A-Z]+$", behind):
        return False
    if whole.startswith("! "):
        return not whole.endswith("do")
    parts = whole.split(" && ")
    return len(parts) > 1 and ASKS.match(parts[-1]) is not None


bad = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        for number, whole, behind in statements(f.read()):
            if cannot_fail(whole, behind):
                print("%s:%d: cannot fail: %s" % (path, number, whole))
                bad += 1
sys.exit(1 if bad else 0)
