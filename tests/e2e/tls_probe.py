"""What a TLS listener accepts, of everything that can be offered.

    tls_probe.py NAME=HOST:PORT...

Not a list of what some tool knows: all 65 536 suites and signature schemes, and
all groups that have a name, by ClientHellos written here. Of what it offers a server takes one; this
is noted and no longer offered, until all is refused. The set that is left must
be the one that docs/server-conf.md promises, neither more nor less.
"""
import os
import socket
import struct
import sys

ECDHE = {0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305",
         0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256",
         0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384"}
TLS_1_3 = {0x1301, 0x1302, 0x1303}
P256, X25519 = 23, 29
ECDSA_SHA256 = 0x0403
FALLBACK_SCSV = 0x5600
BATCH = 4000
# mbedtls 2.28 reads the first dozen only. With the hybrids of TLS 1.3, Kyber's
# drafts and "any prime curve".
GROUPS_BATCH = 8
GROUPS = [*range(1, 512), *range(0x11e6, 0x11f2), 0x6399, 0x639a, 0xfe30,
          0xff01, 0xff02]
KEY_SHARE = bytes(range(1, 33))  # any 32 bytes are a point of X25519


class Refused(Exception):
    """It said why, by a fatal alert."""


def vector(data, size):
    return len(data).to_bytes(size, "big") + data


def words(numbers):
    return b"".join(struct.pack(">H", n) for n in numbers)


def hello(version, suites, groups, schemes, more, compressions):
    extensions = b""
    for kind, body in [(10, vector(words(groups), 2)), (11, b"\1\0"),
                       (13, vector(words(schemes), 2))] + more:
        if kind != 13 or schemes:
            extensions += struct.pack(">H", kind) + vector(body, 2)
    body = struct.pack(">H", version) + os.urandom(32) + vector(b"", 1)
    body += vector(words(suites), 2) + vector(compressions, 1)
    body += vector(extensions, 2)
    message = b"\1" + vector(body, 3)
    # In records of at most 2^14 bytes.
    return b"".join(b"\x16\3\1" + vector(message[i:i + 16384], 2)
                    for i in range(0, len(message), 16384))


def exactly(s, size):
    got = b""
    while len(got) < size:
        part = s.recv(size - len(got))
        if not part:
            raise AssertionError("closed without an alert")
        got += part
    return got


def handshakes(s):
    """The messages that come, until it waits or refuses."""
    buffer = b""
    while True:
        kind, _, size = struct.unpack(">BHH", exactly(s, 5))
        record = exactly(s, size)
        if kind == 21:
            raise Refused(record[1])
        assert kind == 22, kind
        buffer += record
        while len(buffer) >= 4 + int.from_bytes(buffer[1:4], "big"):
            size = 4 + int.from_bytes(buffer[1:4], "big")
            yield buffer[0], buffer[4:size]
            buffer = buffer[size:]


class Choice:
    """What a server took."""
    group = scheme = requested = None


def server_hello(body, choice):
    choice.version = int.from_bytes(body[:2], "big")
    at = 35 + body[34]
    choice.suite = int.from_bytes(body[at:at + 2], "big")
    choice.compression = body[at + 2]
    choice.extensions = {}
    at += 5
    while at < len(body):
        kind, size = struct.unpack(">HH", body[at:at + 4])
        choice.extensions[kind] = body[at + 4:at + 4 + size]
        at += 4 + size
    if 43 in choice.extensions:
        choice.version = int.from_bytes(choice.extensions[43], "big")
    if 51 in choice.extensions:
        choice.group = int.from_bytes(choice.extensions[51][:2], "big")


def offer(where, version=0x0303, suites=tuple(ECDHE), groups=(X25519, P256),
          schemes=(ECDSA_SHA256,), more=(), compressions=b"\0"):
    """What is taken of this; None when all is refused."""
    host, port = where.rsplit(":", 1)
    choice = Choice()
    with socket.create_connection((host, int(port)), timeout=20) as s:
        s.sendall(hello(version, suites, groups, schemes, list(more),
                        compressions))
        try:
            for kind, body in handshakes(s):
                if kind == 2:
                    server_hello(body, choice)
                    if choice.version == 0x0304:
                        return choice
                elif kind == 12:  # named curve, point, scheme
                    assert body[0] == 3, body[0]
                    choice.group = int.from_bytes(body[1:3], "big")
                    at = 4 + body[3]
                    choice.scheme = int.from_bytes(body[at:at + 2], "big")
                elif kind == 13:
                    choice.requested = body
                elif kind == 14:
                    return choice
        except Refused:
            return None


def taken(numbers, ask, batch=BATCH):
    """Of these, all that `ask`, which offers a part, sees taken."""
    found = set()
    numbers = list(numbers)
    for start in range(0, len(numbers), batch):
        part = set(numbers[start:start + batch])
        while part:
            one = ask(sorted(part))
            if one is None:
                break
            assert one in part, "took %#x, which was not offered" % one
            found.add(one)
            part.discard(one)
    return found


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: takes %s, not %s" % (
            what, *(" ".join("%#06x" % n for n in sorted(s)) or "none"
                    for s in (got, wanted))))


def member(choice, name):
    return None if choice is None else getattr(choice, name)


def versions(where):
    """Old ones by the number of their hello, TLS 1.3 by its extension."""
    found = set()
    for number in (0x0002, 0x0300, 0x0301, 0x0302, 0x0303):
        # With suites that these had, too.
        one = offer(where, version=number, suites=[*ECDHE, 0xc009, 0xc00a,
                                                   0x2f, 0x35, 0x0a, 0x05])
        if one is not None:
            found.add(one.version)
    one = offer(where, suites=sorted(TLS_1_3), more=new_version())
    if one is not None:
        found.add(one.version)
    return found


def new_version():
    share = struct.pack(">H", X25519) + vector(KEY_SHARE, 2)
    return [(43, b"\2\3\4"), (51, vector(share, 2))]


def probe(where):
    every = range(1, 65536)
    found = versions(where)
    assert 0x0303 in found, found
    new = 0x0304 in found
    equal("versions", found, {0x0303, 0x0304} if new else {0x0303})

    suites = [n for n in every if n != FALLBACK_SCSV]
    equal("suites", taken(suites, lambda part: member(
        offer(where, suites=part), "suite")), set(ECDHE))
    # The certificate's curve must be among them: without it nothing is taken.
    others = [n for n in GROUPS if n != P256]

    def beside_p256(part):
        one = member(offer(where, groups=[P256] + part), "group")
        return None if one == P256 else one

    equal("groups", taken(others, beside_p256, GROUPS_BATCH), {X25519})
    equal("groups without the certificate's", taken(
        others, lambda part: member(offer(where, groups=part), "group"),
        GROUPS_BATCH), set())
    equal("only its own group",
          {member(offer(where, groups=[P256]), "group")}, {P256})
    equal("signatures", taken(every, lambda part: member(
        offer(where, schemes=part), "scheme")), {ECDSA_SHA256})
    assert offer(where, schemes=()) is None, "signs with SHA-1 by default"
    for methods in bytes(range(15, -1, -1)), b"\1", b"\x40":
        one = offer(where, compressions=methods)
        assert one is None or one.compression == 0, "compresses"
    assert offer(where, version=0x0302, suites=[*ECDHE, FALLBACK_SCSV]) is None
    if new:
        equal("suites of TLS 1.3", taken(suites, lambda part: member(offer(
            where, suites=part, more=new_version()), "suite")), TLS_1_3)
        equal("groups of TLS 1.3", taken(GROUPS, lambda part: member(offer(
            where, suites=[0x1301], groups=part,
            more=[(43, b"\2\3\4"), (51, b"\0\0")]), "group"), GROUPS_BATCH), {P256, X25519})
    # A client's certificate may be signed with no more than SHA-256.
    requested = offer(where).requested
    if requested is not None:
        at = 1 + requested[0]
        size = int.from_bytes(requested[at:at + 2], "big")
        assert {h for h in requested[at + 2:at + 2 + size:2]} == {4}, requested


def main():
    for argument in sys.argv[1:]:
        name, where = argument.split("=", 1)
        try:
            probe(where)
        except AssertionError as e:
            sys.exit("FAILED: %s: %s" % (name, e))
        print(name, "takes what it should, and nothing else")


if __name__ == "__main__":
    main()
