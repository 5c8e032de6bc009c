#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An exported audit log, checked from docs/audit-log.md alone: nothing of the
product, but Python's hashlib and openssl for the signature.

usage: verify_audit.py DIR AUDIT.PUB [CHECKPOINT...]; ends with 1 and one line
if anything is wrong."""
import base64
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


# What stands before the point in the DER of a P-256 SubjectPublicKeyInfo.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def pem(point):
    der = base64.encodebytes(SPKI + point).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{der}-----END PUBLIC KEY-----\n"


class Keys:
    """The key that signs now, and what the records say of the next ones."""

    def __init__(self, path, records):
        with open(path, encoding="ascii") as f:
            self.now = f.read()
        self.covered = 0
        self.named = {}
        for r in records:
            if r["act"] == "log-key" and r["objects"]["lost"] == 0:
                self.named[r["objects"]["from"]] = r

    @staticmethod
    def id(key):
        der = base64.b64decode("".join(key.strip().split("\n")[1:-1]))
        return sha(der).hex()

    def follow(self, log):
        """The former has signed over the record that names the next."""
        r = self.named.get(self.id(self.now))
        if log == self.id(self.now) or not r or r["n"] >= self.covered:
            return
        key = pem(bytes.fromhex(r["objects"]["point"]))
        if self.id(key) == log:
            self.now = key


def open_checkpoint(line, keys):
    c = json.loads(line)
    body = c["signed"]
    keys.follow(body["log"])
    with tempfile.NamedTemporaryFile() as sig, \
            tempfile.NamedTemporaryFile() as message, \
            tempfile.NamedTemporaryFile() as key:
        key.write(keys.now.encode())
        key.flush()
        sig.write(bytes.fromhex(c["sig"]))
        sig.flush()
        message.write(canonical(body))
        message.flush()
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", key.name,
             "-signature", sig.name, message.name], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0 or body["type"] != "audit-checkpoint":
        sys.exit("a checkpoint that the key did not sign")
    keys.covered = max(keys.covered, body["size"])
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
    keys = Keys(key, map(json.loads, lines))
    leaves = [sha(b"\0" + line) for line in lines]
    with open(f"{folder}/checkpoints.jsonl", "rb") as f:
        signed = [open_checkpoint(line, keys) for line in f]
    if not signed or signed[-1]["size"] != len(leaves):
        sys.exit("the log does not end where it was signed")
    for path in kept:
        with open(path, "rb") as f:
            signed.append(open_checkpoint(f.read(), Keys(key, [])))
    for c in signed:
        if c["size"] > len(leaves):
            sys.exit(f"the log was cut: {c['size']} records were signed")
        if root(leaves[:c["size"]]).hex() != c["root"]:
            sys.exit(f"the first {c['size']} records are not those signed")
    print(f"whole: {len(leaves)} records, {len(signed)} checkpoints")


main(*sys.argv[1:])
