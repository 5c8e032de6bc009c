#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An exported audit log, checked from docs/audit-log.md alone: nothing of the
product, but Python's hashlib and openssl for the signature.

usage: verify_audit.py DIR AUDIT.PUB [CHECKPOINT...]; ends with 1 and one line
if anything is wrong."""
import hashlib
import json
import subprocess
import sys
import tempfile


def sha(data):
    return hashlib.sha256(data).digest()


def root(leaves):
    """RFC 9162 section 2.1.1, as it stands there."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1" + root(leaves[:k]) + root(leaves[k:]))


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"),
                      ensure_ascii=False).encode()


def open_checkpoint(line, key):
    c = json.loads(line)
    body = c["signed"]
    with tempfile.NamedTemporaryFile() as sig, \
            tempfile.NamedTemporaryFile() as message:
        sig.write(bytes.fromhex(c["sig"]))
        sig.flush()
        message.write(canonical(body))
        message.flush()
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", key, "-signature",
             sig.name, message.name], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0 or body["type"] != "audit-checkpoint":
        sys.exit("a checkpoint that the key did not sign")
    return body


def main(folder, key, *kept):
    with open(f"{folder}/records.jsonl", "rb") as f:
        lines = f.read().split(b"\n")
    if lines.pop() != b"":
        sys.exit("the last record was cut off")
    before = ""
    for n, line in enumerate(lines):
        record = json.loads(line)
        if canonical(record) != line or record["n"] != n or \
                record["time"] < before:
            sys.exit(f"record {n} is not what belongs there")
        before = record["time"]
    leaves = [sha(b"\0" + line) for line in lines]
    with open(f"{folder}/checkpoints.jsonl", "rb") as f:
        signed = [open_checkpoint(line, key) for line in f]
    if not signed or signed[-1]["size"] != len(leaves):
        sys.exit("the log does not end where it was signed")
    for path in kept:
        with open(path, "rb") as f:
            signed.append(open_checkpoint(f.read(), key))
    for c in signed:
        if c["size"] > len(leaves):
            sys.exit(f"the log was cut: {c['size']} records were signed")
        if root(leaves[:c["size"]]).hex() != c["root"]:
            sys.exit(f"the first {c['size']} records are not those signed")
    print(f"whole: {len(leaves)} records, {len(signed)} checkpoints")


main(*sys.argv[1:])
