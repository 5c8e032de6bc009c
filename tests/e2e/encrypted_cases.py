"""Encrypted packages and their keys, spoiled: for 87.

    encrypted_cases.py stage REPO KEEP CASE VERSION   stages targets anew
    encrypted_cases.py keys KEYS PUBLISH CASE DEVICE  writes PUBLISH/envelopes

Whoever makes these has a release key and the content key: every digest and
signature fits, so what is left to refuse them is the construction itself
(docs/encryption.md).
"""
import hashlib
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "vectors"))
import reference  # noqa: E402

CHUNK = 65536
RECORD = 16 + 113


def cut(package):
    count = (len(package) - 16 + CHUNK + 31) // (CHUNK + 32)
    assert len(package) > 16 + CHUNK
    payload = package[16 + 32 * count:]
    return package[:16], [payload[i:i + CHUNK]
                          for i in range(0, len(payload), CHUNK)]


def join(header, chunks):
    table = [hashlib.sha256(c).digest() for c in chunks]
    return header + b"".join(table if len(table) > 1 else []) + \
        b"".join(chunks)


# ---- chunks: each is a function of header, chunks and the signed entry ------

def good(header, chunks, said):
    return header, chunks


def swapped(header, chunks, said):
    return header, [chunks[1], chunks[0]] + chunks[2:]


def doubled(header, chunks, said):
    return header, [chunks[0], chunks[0]] + chunks[2:]


def changed(header, chunks, said):
    flipped = bytes([chunks[1][0] ^ 1]) + chunks[1][1:]
    return header, [chunks[0], flipped] + chunks[2:]


def cut_off(header, chunks, said):
    chunks = chunks[:-1]
    return header, chunks


def foreign(header, chunks, said):
    """The same place, of another package under another content key."""
    other = reference.Stream(b"\7" * 32, header)
    last = len(chunks) - 1
    length = len(chunks[last]) - 16
    return header, chunks[:-1] + [other.seal(last, 1, bytes(length))]


def two_keys(header, chunks, said):
    """What a second key would open: its commitment is signed, not the first."""
    said["encryption"]["commitment"] = \
        reference.Stream(b"\7" * 32, header).commitment.hex()
    return header, chunks


CASES = {f.__name__: f for f in (good, swapped, doubled, changed, cut_off,
                                 foreign, two_keys)}


def stage(repo, keep, name, version):
    with open(keep + "/targets.json", encoding="ascii") as f:
        envelope = json.load(f)
    signed = envelope["signed"]
    signed["version"] = int(version)
    (path, entry), = signed["targets"].items()
    said = entry["custom"]["pawl"]
    with open(keep + "/package", "rb") as f:
        header, chunks = cut(f.read())
    header, chunks = CASES.get(name, good)(header, chunks, said)
    package = join(header, chunks)
    said["head_length"] = 16 + 32 * len(chunks) if len(chunks) > 1 \
        else len(package)
    said["head_digest"] = hashlib.sha256(
        package[:said["head_length"]]).hexdigest()
    digest = hashlib.sha256(package).hexdigest()
    entry["hashes"]["sha256"] = digest
    entry["length"] = len(package)
    folder, base = os.path.split(path)
    with open(f"{repo}/targets/{folder}/{digest}.{base}", "wb") as f:
        f.write(package)
    with open(repo + "/staged/targets.json", "w", encoding="ascii") as f:
        json.dump({"signatures": [], "signed": signed}, f)


# ---- keys ---------------------------------------------------------------------

def record_of(keys, device):
    for at in range(64, len(keys), RECORD):
        if keys[at:at + 16] == device:
            return keys[at + 16:at + RECORD]
    sys.exit("no such device in the keys")


def keys_file(package, records):
    records = sorted(records)
    return (b"PAWLKEYS" + struct.pack("<II", 1, len(records)) + package +
            bytes(16) + b"".join(i + sealed for i, sealed in records))


def other_key(registry, device, info):
    """A content key that nobody signed, sealed as it should be."""
    for d in registry["signed"]["devices"]:
        if d["id"] == device.hex():
            pem = "".join(d["decrypt_key"].split("\n")[1:-2])
            import base64
            point = base64.b64decode(pem)[-65:]
            return reference.hpke_seal(12345, point, info, b"", b"\7" * 32)
    sys.exit("no such device in the registry")


def keys(source, publish, name, device, registry):
    device = bytes.fromhex(device)
    with open(source, "rb") as f:
        old = f.read()
    (folder, _, files), = [x for x in os.walk(publish + "/targets") if x[2]]
    newest = max(files, key=lambda f: os.stat(folder + "/" + f).st_mtime_ns)
    package = bytes.fromhex(newest[:64])
    own = record_of(old, device)
    info = (b"pawl/envelope/v1\0gateway\0001\0gateway/1/main-full.pawl\0" +
            device)
    others = [old[at + 16:at + RECORD] for at in range(64, len(old), RECORD)
              if old[at:at + 16] != device]
    with open(registry, encoding="ascii") as f:
        known = json.load(f)
    made = {
        "anothers_envelope": lambda: keys_file(package, [(device, others[0])]),
        "nobodys_key": lambda: keys_file(
            package, [(device, other_key(known, device, info))]),
        "spoiled_envelope": lambda: keys_file(
            package, [(device, own[:-1] + bytes([own[-1] ^ 1]))]),
        "no_envelope": lambda: keys_file(package, [(bytes(16), own)]),
        "cut_off_keys": lambda: keys_file(package, [(device, own)])[:-1],
        "keys_of_another_package": lambda: keys_file(bytes(32),
                                                     [(device, own)]),
    }.get(name, lambda: keys_file(package, [(device, own)]))()
    os.makedirs(publish + "/envelopes", exist_ok=True)
    with open(f"{publish}/envelopes/{package.hex()}.keys", "wb") as f:
        f.write(made)


if __name__ == "__main__":
    {"stage": stage, "keys": keys}[sys.argv[1]](*sys.argv[2:])
