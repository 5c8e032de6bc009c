#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/encryption.md once more, in another language and with nothing but
Python's hashlib and hmac: AES-256-GCM, HKDF, P-256, HPKE and our STREAM chunks,
written from the standards (FIPS 197, SP 800-38D, RFC 5869, SEC 1, RFC 9180).
Slow and not for secrets: it is the second opinion of the tests.

    reference.py vectors                 prints tests/vectors/encryption.txt
    reference.py decrypt PACKAGE KEYHEX  writes the plain payload to stdout
    reference.py unwrap SCALARHEX INFOHEX SEALEDHEX   prints the content key
"""
import hashlib
import hmac
import struct
import sys


# ---- AES-256, FIPS 197 ------------------------------------------------------
def _sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = p ^ (p << 1 & 255) ^ (0x1B if p & 0x80 else 0)
        for shift in (1, 2, 4):
            q ^= q << shift & 255
        if q & 0x80:
            q ^= 0x09
        x = q
        for i in range(1, 5):
            x ^= (q << i | q >> (8 - i)) & 255
        box[p] = x ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


SBOX = _sbox()
TWICE = [(x << 1 & 255) ^ (0x1B if x & 0x80 else 0) for x in range(256)]


def expand_key(key):
    words = [list(key[i:i + 4]) for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        word = list(words[-1])
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon <<= 1
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]


def encrypt_block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number in range(1, 15):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if number < 14:
            mixed = []
            for c in range(0, 16, 4):
                column = state[c:c + 4]
                whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [column[i] ^ whole ^
                          TWICE[column[i] ^ column[(i + 1) % 4]]
                          for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[number])]
    return bytes(state)


# ---- GCM, SP 800-38D, 96 bit nonces -----------------------------------------
class Gcm:
    def __init__(self, key):
        self.keys = expand_key(key)
        h = int.from_bytes(encrypt_block(self.keys, bytes(16)), "big")
        # H shifted by each of 128 places, so that a product is XORs alone.
        self.powers = []
        for _ in range(128):
            self.powers.append(h)
            h = (h >> 1) ^ (0xE1 << 120 if h & 1 else 0)

    def _hash(self, data):
        y = 0
        for i in range(0, len(data), 16):
            y ^= int.from_bytes(data[i:i + 16], "big")
            z = 0
            for place in range(128):
                if y >> (127 - place) & 1:
                    z ^= self.powers[place]
            y = z
        return y.to_bytes(16, "big")

    def _stream(self, nonce, data):
        out = bytearray()
        for i in range(0, len(data), 16):
            block = encrypt_block(
                self.keys, nonce + struct.pack(">I", 2 + i // 16))
            out += bytes(a ^ b for a, b in zip(data[i:i + 16], block))
        return bytes(out)

    def _tag(self, nonce, aad, data):
        def pad(x):
            return x + bytes(-len(x) % 16)
        digest = self._hash(pad(aad) + pad(data) +
                            struct.pack(">QQ", 8 * len(aad), 8 * len(data)))
        mask = encrypt_block(self.keys, nonce + struct.pack(">I", 1))
        return bytes(a ^ b for a, b in zip(digest, mask))

    def seal(self, nonce, aad, plain):
        data = self._stream(nonce, plain)
        return data + self._tag(nonce, aad, data)

    def open(self, nonce, aad, sealed):
        data, tag = sealed[:-16], sealed[-16:]
        if not hmac.compare_digest(tag, self._tag(nonce, aad, data)):
            raise ValueError("tag")
        return self._stream(nonce, data)


# ---- HKDF-SHA256, RFC 5869 --------------------------------------------------
def extract(salt, secret):
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def expand(key, info, length):
    out, last, counter = b"", b"", 1
    while len(out) < length:
        last = hmac.new(key, last + info + bytes([counter]),
                        hashlib.sha256).digest()
        out += last
        counter += 1
    return out[:length]


# ---- P-256, SEC 1 -----------------------------------------------------------
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(scalar, point):
    out = None
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point = add(point, point)
        scalar >>= 1
    return out


def to_bytes(point):
    return b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def from_bytes(data):
    x, y = (int.from_bytes(data[i:i + 32], "big") for i in (1, 33))
    assert len(data) == 65 and data[0] == 4
    assert (y * y - x * x * x - A * x - B) % P == 0
    return x, y


# ---- HPKE, RFC 9180, base mode ----------------------------------------------
KEM = b"KEM\x00\x10"
SUITE = b"HPKE\x00\x10\x00\x01\x00\x02"


def labeled_extract(suite, salt, label, secret):
    return extract(salt, b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, key, label, info, length):
    return expand(key, struct.pack(">H", length) + b"HPKE-v1" + suite + label +
                  info, length)


def hpke(dh, enc, receiver, info):
    prk = labeled_extract(KEM, b"", b"eae_prk", dh)
    shared = labeled_expand(KEM, prk, b"shared_secret", enc + receiver, 32)
    context = (b"\0" + labeled_extract(SUITE, b"", b"psk_id_hash", b"") +
               labeled_extract(SUITE, b"", b"info_hash", info))
    secret = labeled_extract(SUITE, shared, b"secret", b"")
    return (Gcm(labeled_expand(SUITE, secret, b"key", context, 32)),
            labeled_expand(SUITE, secret, b"base_nonce", context, 12))


def hpke_seal(ephemeral, receiver, info, aad, plain):
    enc = to_bytes(multiply(ephemeral, G))
    dh = multiply(ephemeral, from_bytes(receiver))[0].to_bytes(32, "big")
    gcm, nonce = hpke(dh, enc, receiver, info)
    return enc + gcm.seal(nonce, aad, plain)


def hpke_open(scalar, info, aad, sealed):
    enc = sealed[:65]
    dh = multiply(scalar, from_bytes(enc))[0].to_bytes(32, "big")
    gcm, nonce = hpke(dh, enc, to_bytes(multiply(scalar, G)), info)
    return gcm.open(nonce, aad, sealed[65:])


# ---- STREAM -----------------------------------------------------------------
class Stream:
    def __init__(self, content_key, header):
        self.header = hashlib.sha256(header).digest()
        prk = extract(self.header, content_key)
        self.key = expand(prk, b"pawl/stream/v1/key", 32)
        self.prefix = expand(prk, b"pawl/stream/v1/nonce", 7)
        self.commitment = expand(prk, b"pawl/stream/v1/commitment", 32)
        self.gcm = Gcm(self.key)

    def nonce(self, index, last):
        return self.prefix + struct.pack(">IB", index, last)

    def seal(self, index, last, plain):
        return self.gcm.seal(self.nonce(index, last), self.header, plain)

    def open(self, index, last, chunk):
        return self.gcm.open(self.nonce(index, last), self.header, chunk)


def decrypt(package, content_key):
    header = package[:16]
    stream = Stream(content_key, header)
    if len(package) <= 16 + 65536:
        return stream.open(0, 1, package[16:])
    count = (len(package) - 16 + 65567) // 65568
    payload = package[16 + 32 * count:]
    out = b""
    for i in range(count):
        chunk = payload[65536 * i:65536 * (i + 1)]
        digest = package[16 + 32 * i:48 + 32 * i]
        assert hashlib.sha256(chunk).digest() == digest
        out += stream.open(i, i == count - 1, chunk)
    return out


# ---- what tests/unit compares -----------------------------------------------
def vectors():
    def show(name, value):
        print("%s=%s" % (name, value.hex()))

    key = bytes(range(32))
    header = bytes(range(64, 128))
    stream = Stream(key, header)
    print("# made by tests/vectors/reference.py vectors")
    show("stream.content_key", key)
    show("stream.header", header)
    show("stream.key", stream.key)
    show("stream.prefix", stream.prefix)
    show("stream.commitment", stream.commitment)
    show("stream.plain", b"one chunk of a package")
    for index, last in ((0, 0), (0, 1), (1, 0), (0x01020304, 1)):
        show("stream.chunk.%08x.%d" % (index, last),
             stream.seal(index, last, b"one chunk of a package"))
    show("stream.full.sha256", hashlib.sha256(
        stream.seal(5, 0, bytes(i % 251 for i in range(65520)))).digest())
    # Receiver and ephemeral key of RFC 9180 A.3.1, with AES-256-GCM.
    ephemeral = int("4995788ef4b9d6132b249ce59a77281493eb39af373d236a"
                    "1fe415cb0c2d7beb", 16)
    receiver = int("f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6"
                   "589cf29de4b8ffd2", 16)
    info, aad = b"Ode on a Grecian Urn", b"Count-0"
    sealed = hpke_seal(ephemeral, to_bytes(multiply(receiver, G)), info, aad,
                       key)
    assert hpke_open(receiver, info, aad, sealed) == key
    show("hpke.sealed", sealed)


def main(argv):
    if argv[1:] == ["vectors"]:
        vectors()
    elif len(argv) == 4 and argv[1] == "decrypt":
        with open(argv[2], "rb") as f:
            sys.stdout.buffer.write(decrypt(f.read(), bytes.fromhex(argv[3])))
    elif len(argv) == 5 and argv[1] == "unwrap":
        print(hpke_open(int(argv[2], 16), bytes.fromhex(argv[3]), b"",
                        bytes.fromhex(argv[4])).hex())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
