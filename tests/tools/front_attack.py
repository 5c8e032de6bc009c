# SPDX-License-Identifier: Apache-2.0
"""Attack front-server over real sockets: front_attack.py PKI FILES.

Each function named test_* is one case; its server is fresh, with the limits
that the case asks for. Nothing here but Python's standard library and openssl.
"""
import hashlib
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

PKI, FILES = sys.argv[1:3]
FRONT = os.environ["FRONT"]
ENROLMENT, DEVICE, PEOPLE = range(3)
BLOB = open(FILES + "/blob", "rb").read()
QUICK = ["handshake_sec=2", "head_sec=2", "idle_sec=3", "stall_sec=1",
         "body_rate=20000", "stop_sec=3"]
# Seconds within which what is quick has come on a slow machine, too, and nothing that
# goes by the ordinary limits, of which ten seconds are the shortest.
LATE = 9


class Server:
    def __init__(self, *limits, name="server"):
        self.certificate = "%s/%s.pem" % (PKI, name)
        self.process = subprocess.Popen(
            [FRONT, FILES, self.certificate,
             "%s/%s.key" % (PKI, name), PKI + "/ca.pem", *limits],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.at = []
        for _ in range(3):
            host, port = self.process.stdout.readline().strip().rsplit(":", 1)
            self.at.append((host.strip("[]"), int(port)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError("the server did not end")
        err = self.process.stderr.read()
        assert "Sanitizer" not in err and "runtime error" not in err, err
        assert self.process.returncode == 0, (self.process.returncode, err)

    def tcp(self, listener=ENROLMENT, source=None):
        return socket.create_connection(self.at[listener], timeout=10,
                                        source_address=source)

    def takes_no_more(self):
        end = time.monotonic() + LATE
        try:
            while time.monotonic() < end:
                self.tcp().close()
                time.sleep(0.05)
        except ConnectionError:
            return
        raise AssertionError("still accepting")

    def tls(self, listener=ENROLMENT, who=None, receive=None):
        context = ssl.create_default_context(cafile=self.certificate)
        if who:
            context.load_cert_chain(f"{PKI}/{who}.pem", f"{PKI}/{who}.key")
        sock = socket.socket(socket.AF_INET6 if listener == PEOPLE
                             else socket.AF_INET)
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        sock.settimeout(10)
        sock.connect(self.at[listener])
        return context.wrap_socket(sock, server_hostname=self.at[listener][0])


def read_all(s):
    """Everything until the end, which may be an abrupt one."""
    data = b""
    try:
        while chunk := s.recv(65536):
            data += chunk
    except (ssl.SSLError, ConnectionError):
        pass
    return data


def read_answer(s, rest=b"", head_only=False):
    """One answer: status, head, body, and what came after it."""
    while b"\r\n\r\n" not in rest:
        chunk = s.recv(65536)
        if not chunk:
            raise ConnectionError("ended within a head: %r" % rest)
        rest += chunk
    head, rest = rest.split(b"\r\n\r\n", 1)
    fields = dict(line.lower().split(b": ", 1)
                  for line in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", 0))
    if head_only or head.split()[1] in (b"304", b"100"):
        length = 0
    while len(rest) < length:
        chunk = s.recv(65536)
        if not chunk:
            raise ConnectionError("ended within a body")
        rest += chunk
    return int(head.split()[1]), fields, rest[:length], rest[length:]


def ask(s, method, path, body=b"", fields=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields]
    if method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    status, fields, body, rest = read_answer(s, head_only=method == "HEAD")
    assert rest == b"", rest
    return status, fields, body


def answers(server, listener=ENROLMENT, who=None):
    with server.tls(listener, who) as s:
        status, _, body = ask(s, "POST", "/echo", b"hello")
        assert (status, body) == (200, b"hello")


def closes_within(s, low, high, send=None, every=0.1):
    """The peer ends the connection between low and high seconds from now."""
    start = time.monotonic()
    s.settimeout(every)
    while time.monotonic() - start < high:
        try:
            if send:
                s.sendall(send)
            if not s.recv(65536):
                break
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        except (ConnectionError, ssl.SSLError):
            break
    else:
        raise AssertionError("still open after %.1f s" % high)
    took = time.monotonic() - start
    assert took >= low, "closed after %.1f s already" % took


def openssl(server, *options, listener=ENROLMENT, give=b""):
    host, port = server.at[listener]
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}",
         "-CAfile", PKI + "/server.pem", *options],
        input=give, capture_output=True, timeout=20)
    return run.returncode, (run.stdout + run.stderr).decode(errors="replace")


# ---- TLS -------------------------------------------------------------------

def test_only_modern_tls_is_spoken():
    with Server() as server:
        for version in ("-tls1", "-tls1_1"):
            rc, text = openssl(server, version, "-cipher", "ALL:@SECLEVEL=0")
            assert "Cipher is (NONE)" in text, (version, text)
        for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256",
                      "ECDHE-ECDSA-AES256-GCM-SHA384",
                      "ECDHE-ECDSA-CHACHA20-POLY1305"):
            rc, text = openssl(server, "-tls1_2", "-cipher", suite)
            assert rc == 0 and f"Cipher is {suite}" in text, text
        for suite in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
                      "ECDHE-ECDSA-AES128-CCM", "kRSA", "kDHE", "PSK",
                      "ECDHE-ECDSA-AES256-SHA384", "aNULL", "eNULL",
                      "ECDHE-RSA-AES128-GCM-SHA256"):
            rc, text = openssl(server, "-tls1_2", "-cipher",
                               suite + ":@SECLEVEL=0")
            assert "Cipher is (NONE)" in text, (suite, text)
        # P-256 is always there: the certificate needs it.
        for groups, taken in (("P-256:X25519", "X25519"),
                              ("P-384:P-256", "prime256v1"),
                              ("X448:P-521:P-256", "prime256v1")):
            rc, text = openssl(server, "-tls1_2", "-groups", groups)
            assert "Server Temp Key" in text and taken in text, (groups, text)
        rc, text = openssl(server, "-tls1_2", "-groups", "P-384")
        assert "Cipher is (NONE)" in text, text


def test_tls_1_3_is_spoken_where_mbedtls_has_it():
    with Server() as server:
        rc, text = openssl(server, "-tls1_3")
        if "Cipher is (NONE)" in text:
            assert "alert" in text, text
            return
        for suite, fine in (("TLS_AES_128_GCM_SHA256", True),
                            ("TLS_AES_256_GCM_SHA384", True),
                            ("TLS_CHACHA20_POLY1305_SHA256", True),
                            ("TLS_AES_128_CCM_SHA256", False)):
            rc, text = openssl(server, "-tls1_3", "-ciphersuites", suite,
                               give=b"")
            assert (f"Cipher is {suite}" in text) == fine, (suite, text)
            assert "Post-Handshake New Session Ticket" not in text, text
        answers(server)
        answers(server, DEVICE, "device")


def test_nothing_is_resumed_renegotiated_or_compressed():
    with Server() as server:
        rc, text = openssl(server, "-tls1_2")
        assert "Compression: NONE" in text, text
        assert "TLS session ticket:" not in text, text
        rc, text = openssl(server, "-tls1_2", "-reconnect")
        assert "Reused" not in text, text
        rc, text = openssl(server, "-tls1_2", give=b"R\n")
        assert "RENEGOTIATING" in text and "no renegotiation" in text, text


def test_a_device_needs_a_leaf_of_our_ca():
    with Server() as server:
        answers(server, DEVICE, "device")
        for who in (None, "person", "stranger", "no-usage",
                    "server-usage", "is-ca", "below", "p384"):
            try:
                with server.tls(DEVICE, who) as s:
                    ask(s, "POST", "/echo", b"x")
            except (ssl.SSLError, ConnectionError):
                continue
            raise AssertionError(f"{who} was let in")


def test_a_leaf_that_has_ended_can_only_be_renewed():
    with Server() as server, server.tls(DEVICE, "expired") as s:
        status, _, body = ask(s, "POST", "/renewal", b"x")
        assert (status, body) == (200, b"x")
        status, _, body = ask(s, "POST", "/echo", b"x")
        assert status == 403 and b"expired" in body, (status, body)


def test_people_need_a_certificate_of_any_maker():
    with Server() as server:
        answers(server, PEOPLE, "person")
        for who in (None, "expired", "p384"):
            try:
                with server.tls(PEOPLE, who) as s:
                    ask(s, "POST", "/echo", b"x")
            except (ssl.SSLError, ConnectionError):
                continue
            raise AssertionError(f"{who} was let in")


def test_what_is_not_tls_is_cut_off():
    with Server(*QUICK) as server:
        for junk in (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"\0" * 600,
                     b"\x80\x2e\x01\x00\x02", b"\x16\x03\x01\xff\xff" * 20,
                     b"\x16\x03\x01\x00\x00" * 50, os.urandom(5000)):
            with server.tcp() as s:
                s.sendall(junk)
                read_all(s)
        answers(server)


# ---- HTTP ------------------------------------------------------------------

REFUSED = [
    (b"GET /files/blob HTTP/1.0\r\nHost: h\r\n\r\n", 505),
    (b"GET /files/blob HTTP/1.1\r\n\r\n", 400),
    (b"GET /files/blob HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET /files/blob HTTP/1.1\nHost: a\n\n", 400),
    (b"GET http://h/files/blob HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"DELETE /files/blob HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\n\r\n", 411),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\n", 501),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
     b"Content-Length: 4\r\n\r\n0\r\n\r\n", 400),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
     b"Content-Length: 1\r\n\r\nx", 400),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx", 400),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 16385\r\n"
     b"Expect: 100-continue\r\n\r\n", 413),
    (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: "
     b"9999999999999999999\r\n\r\n", 413),
    (b"GET /files/blob HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
     400),
    (b"GET /files/blob HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
    (b"GET /files/blob HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    (b"GET /files/blob HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
    (b"GET /files/blob HTTP/1.1\r\nHost: h\r\nOrigin: https://x\r\n\r\n", 403),
    (b"GET /files/blob HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417),
    (b"POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 404),
    (b"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 405),
]


def test_odd_requests_are_refused_and_end_the_connection():
    with Server() as server:
        for request, wanted in REFUSED:
            with server.tls() as s:
                # What hides behind a refused request is never answered.
                s.sendall(request + b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
                status, fields, body, rest = read_answer(s)
                assert status == wanted, (request[:80], status)
                assert fields[b"connection"] == b"close"
                assert body.startswith(b'{') and rest == b"", body
                assert read_all(s) == b""


def test_a_host_that_is_not_ours_is_turned_away():
    with Server() as server:
        for listener, who in ((DEVICE, "device"), (PEOPLE, "person")):
            for host, want in ((b"127.0.0.1", 200), (b"[::1]:8443", 200),
                               (b"evil.example", 421), (b"127.0.0.2", 421)):
                with server.tls(listener, who) as s:
                    s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: " + host
                              + b"\r\n\r\n")
                    status = read_answer(s)[0]
                    assert status == want, (listener, host, status)
        # Who cannot know our name any more still gets what proves itself.
        with server.tls() as s:
            s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: old.example\r\n"
                      b"\r\n")
            assert read_answer(s)[0] == 200


def test_every_name_of_the_certificate_is_ours_or_it_is_refused():
    with Server(name="names-64") as server, \
            server.tls(DEVICE, "device") as s:
        s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: n64.example\r\n\r\n")
        assert read_answer(s)[0] == 200
    many = subprocess.run(
        [FRONT, FILES, PKI + "/names-65.pem", PKI + "/names-65.key",
         PKI + "/ca.pem"], capture_output=True, text=True, timeout=20)
    assert many.returncode != 0
    assert "more than 64 names" in many.stderr, many.stderr


def test_paths_are_not_decoded_and_not_echoed():
    with Server() as server, server.tls() as s:
        for path in ("/files/../front", "/files/%2e%2e/x", "/files//blob",
                     "/files/./blob", "/files/blob/", "/files/blob?x",
                     "/files/blob%00", "/files/", "/files", "/FILES/blob",
                     "/files/.hidden", "/files/bl\\ob", "//files/blob",
                     "/files/%c0%ae", "/files/none", "/x-secret-marker"):
            status, fields, body = ask(s, "GET", path)
            assert status == 404, (path, status)
            assert b"marker" not in body
        status, fields, _ = ask(s, "POST", "/files/blob")
        assert (status, fields[b"allow"]) == (405, b"get, head"), fields


def test_requests_sent_ahead_are_answered_in_order():
    with Server() as server, server.tls() as s:
        s.sendall(b"".join(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
            % len(str(i)) + str(i).encode() for i in range(200)))
        rest = b""
        for i in range(200):
            status, _, body, rest = read_answer(s, rest)
            assert (status, body) == (200, str(i).encode()), (i, body)


def test_a_flood_of_requests_is_answered_at_our_pace():
    body = b"x" * 10000
    requests = b"".join(
        b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
        % len(body) + body for _ in range(100))
    with Server() as server, server.tls() as s:
        rest = b""
        sent = 0
        s.setblocking(False)
        answered = 0
        while answered < 100:  # one thread, for TLS in Python is not for two
            readable, writable, _ = select.select([s], [s], [], 10)
            try:
                if sent < len(requests) and writable:
                    sent += s.send(requests[sent:sent + 16000])
                rest += s.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            while b"\r\n\r\n" in rest and len(
                    rest.split(b"\r\n\r\n", 1)[1]) >= len(body):
                head, rest = rest.split(b"\r\n\r\n", 1)
                assert head.startswith(b"HTTP/1.1 200") and \
                    rest.startswith(body)
                rest = rest[len(body):]
                answered += 1


def test_a_request_may_come_in_any_pieces():
    request = (b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
               b"Range: bytes=0-1\r\n\r\nhello")
    with Server() as server, server.tls() as s:
        for cut in range(1, len(request)):
            s.sendall(request[:cut])
            s.sendall(request[cut:])
            assert read_answer(s)[2] == b"hello"
        for byte in request:
            s.sendall(bytes([byte]))
        assert read_answer(s)[2] == b"hello"


def test_ranges_and_conditions():
    with Server() as server, server.tls() as s:
        n = len(BLOB)
        status, fields, body = ask(s, "GET", "/files/blob")
        assert (status, body) == (200, BLOB)
        etag = fields[b"etag"].decode()
        assert b"immutable" in fields[b"cache-control"]
        for want, low, high in (("0-0", 0, 1), ("5-9", 5, 10),
                                ("131072-", 131072, n), ("-7", n - 7, n),
                                (f"{n - 1}-{n + 9}", n - 1, n)):
            status, fields, body = ask(s, "GET", "/files/blob",
                                       fields=[f"Range: bytes={want}"])
            assert (status, body) == (206, BLOB[low:high]), want
            assert fields[b"content-range"] == \
                b"bytes %d-%d/%d" % (low, high - 1, n)
        status, fields, body = ask(s, "GET", "/files/blob",
                                   fields=[f"Range: bytes={n}-"])
        assert (status, body) == (416, b""), (status, body)
        assert fields[b"content-range"] == b"bytes */%d" % n
        for field, wanted in ((f"If-None-Match: {etag}", 304),
                              ('If-None-Match: "other"', 200)):
            assert ask(s, "GET", "/files/blob", fields=[field])[0] == wanted
        for tag, wanted in ((etag, 206), ('"other"', 200)):
            assert ask(s, "GET", "/files/blob", fields=[
                "Range: bytes=0-1", f"If-Range: {tag}"])[0] == wanted
        status, fields, body = ask(s, "HEAD", "/files/blob")
        assert (status, body, int(fields[b"content-length"])) == (200, b"", n)
        assert ask(s, "GET", "/files/empty")[2] == b""
        assert ask(s, "GET", "/files/empty",
                   fields=["Range: bytes=0-"])[0] == 416
        assert len(ask(s, "GET", "/big")[2]) == 1000000


def test_a_polite_upload_waits_for_consent():
    data = os.urandom(1000001)
    with Server() as server, server.tls() as s:
        s.sendall(b"PUT /upload HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n"
                  b"Expect: 100-continue\r\n\r\n" % len(data))
        assert read_answer(s)[0] == 100
        s.sendall(data)
        status, _, body, _ = read_answer(s)
        assert status == 200
        assert hashlib.sha256(data).hexdigest().encode() in body
        for size in (0, 1, 131071, 131072, 131073, 300000):
            status, _, body = ask(s, "PUT", "/upload", data[:size])
            assert hashlib.sha256(data[:size]).hexdigest().encode() in body
        assert sorted(os.listdir(FILES)) == ["blob", "empty"]


def test_inner_failures_are_not_told_to_strangers():
    with Server() as server:
        for listener, who, told in ((ENROLMENT, None, False),
                                    (DEVICE, "device", False),
                                    (PEOPLE, "person", True)):
            with server.tls(listener, who) as s:
                status, _, body = ask(s, "GET", "/fail")
                assert status == 500
                assert (b"inner detail" in body) == told, body


# ---- time and numbers ------------------------------------------------------

def test_a_handshake_has_a_deadline():
    with Server(*QUICK) as server:
        with server.tcp() as s:
            closes_within(s, 1.5, LATE)
        with server.tcp() as s:  # a ClientHello that drips
            s.sendall(b"\x16\x03\x01\x01\x00")
            closes_within(s, 1.0, LATE, send=b"\x01", every=0.2)


def test_a_head_has_a_deadline_and_idling_another():
    with Server(*QUICK) as server:
        with server.tls() as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
            s.settimeout(LATE)
            start = time.monotonic()
            assert read_answer(s)[0] == 408
            assert time.monotonic() - start > 1.5
        with server.tls() as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
            closes_within(s, 1.0, LATE, send=b"X: y\r\n", every=0.2)
        with server.tls() as s:
            closes_within(s, 2.5, LATE)
        with server.tls() as s:
            ask(s, "POST", "/echo", b"x")
            closes_within(s, 2.5, LATE)


def test_a_body_must_come_and_go_at_some_speed():
    with Server(*QUICK) as server:
        with server.tls() as s:
            s.sendall(b"PUT /upload HTTP/1.1\r\nHost: h\r\n"
                      b"Content-Length: 1000000\r\n\r\n")
            closes_within(s, 0.5, LATE, send=b"x" * 100, every=0.1)
        with server.tls() as s:  # fast enough
            s.sendall(b"PUT /upload HTTP/1.1\r\nHost: h\r\n"
                      b"Content-Length: 1500000\r\n\r\n")
            for _ in range(30):
                s.sendall(b"x" * 50000)
                time.sleep(0.1)
            assert read_answer(s)[0] == 200
        with server.tls(receive=4096) as s:  # reads nothing
            s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: h\r\n\r\n")
            time.sleep(5)
            assert len(read_all(s)) < len(BLOB)
        with server.tls(receive=65536) as s:  # reads slowly, but enough
            s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: h\r\n"
                      b"Range: bytes=0-499999\r\n\r\n")
            data = b""
            while len(data) < 500000:
                chunk = s.recv(8192)
                assert chunk, "cut off at %d" % len(data)
                data += chunk
                time.sleep(0.08)


def test_half_open_connections_keep_nobody_out():
    with Server("connections=300", "handshake_sec=60") as server:
        held = [server.tcp() for _ in range(500)]
        for s in held[::7]:
            try:
                s.sendall(b"\x16\x03\x01\x02\x00\x01")
            except ConnectionError:
                pass
        start = time.monotonic()
        answers(server)
        answers(server, DEVICE, "device")
        assert time.monotonic() - start < LATE
        for s in held:
            s.close()


def test_idle_and_slow_strangers_give_way():
    with Server("connections=20") as server:
        held = []
        for i in range(60):
            s = server.tls()
            if i % 2:
                s.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\n"
                          b"Content-Length: 9\r\n\r\nx")
            held.append(s)
        answers(server)
        for s in held:
            s.close()


def test_one_address_holds_a_share_and_a_fleet_behind_it_is_let_in():
    with Server("per_address=5") as server:
        other = server.tcp(source=("127.0.0.2", 0))
        for listener in (ENROLMENT, PEOPLE):
            held = [server.tcp(listener) for _ in range(5)]
            held.append(server.tcp(listener))
            assert select.select(held[:1], [], [], LATE)[0], listener
            closed = [s for s in held if select.select([s], [], [], 0.3)[0]]
            assert closed == held[:1], (listener, len(closed))
        assert not select.select([other], [], [], 0)[0]
        # Who has shown a certificate is not counted by his address.
        for who in ("device", "device2"):
            for s in [server.tls(DEVICE, who) for _ in range(4)]:
                assert ask(s, "POST", "/echo", b"x")[0] == 200
        held = [server.tcp(DEVICE) for _ in range(20)]
        answers(server, DEVICE, "device")
        assert not select.select(held, [], [], 0.3)[0]
        held = [server.tls(PEOPLE, "person") for _ in range(8)]
        for s in held:
            assert ask(s, "POST", "/echo", b"x")[0] == 200


def test_a_device_holds_a_few_connections_and_the_oldest_gives_way():
    with Server() as server:
        first = server.tls(DEVICE, "device")
        ask(first, "POST", "/echo", b"x")
        other = server.tls(DEVICE, "device2")
        held = [server.tls(DEVICE, "device") for _ in range(4)]
        for s in held:
            assert ask(s, "POST", "/echo", b"x")[0] == 200
        assert read_all(first) == b""
        assert ask(other, "POST", "/echo", b"x")[0] == 200


def test_a_revocation_cuts_that_certificate_alone():
    with Server() as server:
        victim = server.tls(DEVICE, "device")
        ask(victim, "POST", "/echo", b"x")
        other = server.tls(DEVICE, "device2")
        with server.tls(DEVICE, "device") as s:
            assert ask(s, "POST", "/revoke")[0] == 200
            assert ask(s, "POST", "/echo", b"x")[0] == 403
        assert read_all(victim) == b""
        assert ask(other, "POST", "/echo", b"x")[0] == 200
        with server.tls(DEVICE, "device") as s:
            assert ask(s, "POST", "/echo", b"x")[0] == 403
            s.sendall(b"PUT /upload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                      b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
            assert read_answer(s)[0] == 403


LAG = 50000  # microseconds that the loop may hear nobody


def storm_once():
    """What the longest answer took in a storm, in s, and the loop's lag."""
    stop = threading.Event()

    def storm(server):
        while not stop.is_set():
            try:
                server.tls().close()
            except (OSError, ssl.SSLError):
                pass

    with Server() as server, server.tls() as s:
        ask(s, "POST", "/echo", b"x")
        threads = [threading.Thread(target=storm, args=(server,))
                   for _ in range(3)]
        slow = [server.tls() for _ in range(2)]
        for t in threads:
            t.start()
        for o in slow:
            o.sendall(b"POST /slow HTTP/1.1\r\nHost: h\r\n"
                      b"Content-Length: 0\r\n\r\n")
        worst = 0.0
        for _ in range(50):
            start = time.monotonic()
            assert ask(s, "POST", "/echo", b"x")[0] == 200
            worst = max(worst, time.monotonic() - start)
        stop.set()
        for t in threads:
            t.join()
        for o in slow:
            assert read_answer(o)[0] == 200
        return worst, int(ask(s, "GET", "/lag")[2])


class Bystander:
    """A process that only computes: how long is it kept from it, at most?"""
    CODE = """
import select, sys, time
worst, before = 0, time.monotonic()
while not select.select([sys.stdin], [], [], 0)[0]:
    now = time.monotonic()
    worst, before = max(worst, now - before), now
print(int(worst * 1e6))
"""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.worst = int(self.process.communicate()[0])


def fits(longest, lag, others):
    return longest < 0.7 and lag < LAG + others


def test_handshakes_and_slow_handlers_do_not_hold_up_others():
    # A machine that is at other things holds up the loop as well; what the loop
    # does itself it does in each storm, and whoever else computes then is not
    # held up by it.
    storms = [(*storm_once(), 0)]
    while len(storms) < 6 and not fits(*storms[-1]):
        with Bystander() as other:
            storm = storm_once()
        storms.append((*storm, other.worst))
    assert all(lag > 0 for _, lag, _ in storms), "the loop's lag is not told"
    assert fits(*storms[-1]), storms


# ---- the end ---------------------------------------------------------------

def test_what_is_under_way_is_finished_before_the_end():
    with Server("stop_sec=30") as server:
        idle = server.tls()
        s = server.tls(receive=65536)
        s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: h\r\n\r\n")
        data = s.recv(1000)
        slow = server.tls()
        slow.sendall(b"POST /slow HTTP/1.1\r\nHost: h\r\n"
                     b"Content-Length: 0\r\n\r\n")
        answers(server)  # so it has read what came before
        server.process.send_signal(signal.SIGTERM)
        server.takes_no_more()
        assert server.process.poll() is None
        assert read_all(idle) == b""
        data += read_all(s)
        assert data.endswith(BLOB[-1000:])
        assert read_answer(slow)[0] == 200
        assert server.process.wait(LATE) == 0


def test_a_client_that_does_not_finish_does_not_hold_up_the_end():
    with Server("stop_sec=1") as server:
        s = server.tls(receive=4096)
        s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: h\r\n\r\n")
        answers(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(LATE) == 0


def test_a_second_signal_ends_at_once():
    server = Server("stop_sec=60")
    s = server.tls(receive=4096)
    s.sendall(b"GET /files/blob HTTP/1.1\r\nHost: h\r\n\r\n")
    answers(server)
    server.process.send_signal(signal.SIGTERM)
    server.takes_no_more()  # so the first one was heard
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(LATE) == -signal.SIGTERM
    s.close()


def main():
    only = os.environ.get("ONLY", "")
    failed = 0
    for name, case in list(globals().items()):
        if not name.startswith("test_") or only not in name:
            continue
        start = time.monotonic()
        try:
            case()
        except Exception as why:  # one failure must not hide the others
            failed += 1
            print(f"FAILED {name}: {type(why).__name__}: {why}", flush=True)
            continue
        print(f"ok {name} ({time.monotonic() - start:.1f} s)", flush=True)
    sys.exit(failed > 0)


main()
