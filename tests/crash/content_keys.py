"""What must stand nowhere on a device that has taken an encrypted release.

    content_keys.py PACKAGES ENVELOPES DEVICE KEY ID OUT

PACKAGES is the release's folder of targets, ENVELOPES that of the .keys files,
DEVICE the device's id, KEY its decryption key's file, ID the release: each
package's content key goes to OUT/NAME.content, and the key of its chunks, made of
that, to OUT/NAME.chunks. By docs/encryption.md alone.
"""
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "vectors"))
import reference  # noqa: E402


def sealed_to(device, path):
    with open(path, "rb") as f:
        table = f.read()[64:]
    for at in range(0, len(table), 129):
        if table[at:at + 16] == device:
            return table[at + 16:at + 129]
    sys.exit(path + ": nothing for this device")


def main(packages, envelopes, device, key, release, out):
    device = bytes.fromhex(device)
    with open(key) as f:
        scalar = int(f.read(), 16)
    for name in sorted(os.listdir(packages)):
        path = os.path.join(packages, name)
        with open(path, "rb") as f:
            package = f.read()
        digest = hashlib.sha256(package).hexdigest()
        target = name[len(digest) + 1:]
        info = b"\0".join([b"pawl/envelope/v1", b"gateway", release.encode(),
                           ("gateway/%s/%s" % (release, target)).encode(),
                           device])
        sealed = sealed_to(device, os.path.join(envelopes, digest + ".keys"))
        content = reference.hpke_open(scalar, info, b"", sealed)
        # Good keys open the package, or this test would look for noise.
        reference.decrypt(package, content)
        prk = reference.extract(hashlib.sha256(package[:16]).digest(), content)
        for what, secret in (("content", content), (
                "chunks", reference.expand(prk, b"pawl/stream/v1/key", 32))):
            with open(os.path.join(out, target + "." + what), "wb") as f:
                f.write(secret)


main(*sys.argv[1:])
