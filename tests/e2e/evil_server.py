"""A server that lies, or is broken, against the real client; for 33.

It holds every transport key, the device CA and the online keys, and still must
not make a device run anything but a signed, newer release that it asked for
through verified metadata; nor may it fill the disk, or keep the device waiting.
"""
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import traceback

import evil_cases
from evil_cases import Device, Repository, path, run

CODES = range(1, 16)


def make_tls():
    """Our CA, one of the same name, and a server certificate of each."""
    for ca in ("ours", "twin"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", path(ca + ".key"),
            "-out", path(ca + ".pem"), "-days", "9", "-subj", "/CN=CA")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            path("tls-%s.key" % ca), "-out", path("tls.csr"), "-subj",
            "/CN=server")
        for name, san in ((ca, "IP:127.0.0.1"),
                          (ca + "-elsewhere", "DNS:other.example")):
            with open(path("tls.ext"), "w") as f:
                f.write("subjectAltName = %s\n"
                        "extendedKeyUsage = serverAuth\n" % san)
            run("openssl", "x509", "-req", "-in", path("tls.csr"), "-CA",
                path(ca + ".pem"), "-CAkey", path(ca + ".key"), "-days", "9",
                "-CAcreateserial", "-extfile", path("tls.ext"), "-out",
                path("tls-%s.pem" % name))


class Evil(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate="ours", key="ours"):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path("tls-%s.pem" % certificate),
                                path("tls-%s.key" % key))
        # Whoever has a certificate of ours may show it.
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(path("ours.pem"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = "https://127.0.0.1:%d" % self.server_address[1]
        self.answers = {}       # path: bytes, status or a function
        self.folder = path("good-2")
        self.asked = []
        self.told = []          # what came with the question of that place
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        # A client that hangs up is what this is about; mistakes of ours not.
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()
            check("the evil server itself", False)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, data, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self, body):
        self.server.asked.append(self.path)
        self.server.told.append((self.command, sorted(self.headers.keys()),
                                 body, self.connection.getpeercert(True)))
        what = self.server.answers.get(self.path)
        if callable(what):
            return what(self, body)
        if isinstance(what, int):
            return self.answer(what, b"{}")
        if what is not None:
            return self.answer(200, what)
        name = os.path.join(self.server.folder, self.path.lstrip("/"))
        if not os.path.isfile(name):
            return self.answer(404, b"")
        with open(name, "rb") as f:
            return self.answer(200, f.read())

    def do_GET(self):
        self.handle_any(b"")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.handle_any(self.rfile.read(length))

    def log_message(self, *_):
        pass


# ---- good answers -----------------------------------------------------------

def as_json(**members):
    return json.dumps(dict(members, v=1)).encode()


def certify(csr, name, more=""):
    with open(path("device.csr"), "w") as f:
        f.write(csr)
    with open(path("device.ext"), "w") as f:
        f.write("extendedKeyUsage = clientAuth\n" + more)
    return run("openssl", "x509", "-req", "-in", path("device.csr"), "-CA",
               path("ours.pem"), "-CAkey", path("ours.key"), "-subj",
               "/CN=" + name, "-days", "5", "-CAcreateserial", "-extfile",
               path("device.ext")).stdout.decode()


def certificate_of(output):
    """Without what openssl tells people around it."""
    end = "-----END CERTIFICATE-----\n"
    return output[output.index("-----BEGIN"):output.index(end)] + end


def identity(change=None):
    def answer(handler, body):
        said = {"device": "ab" * 16, "cohort": "fleet"}
        said["certificate"] = certificate_of(
            certify(json.loads(body)["csr"], said["device"]))
        if change:
            change(said, json.loads(body))
        handler.answer(200, as_json(**said))
    return answer


def decision(release="2", digest=None, **more):
    digest = digest or digest_of(release)
    members = {"action": "update", "attempt": 1, "next_check": 3600,
               "reason": "because",
               "release": {"id": release, "digest": digest}}
    members.update(more)
    return as_json(**members)


def digest_of(release):
    with open(path("published-2/metadata/2.targets.json")) as f:
        targets = json.load(f)["signed"]["targets"]
    for entry in targets.values():
        if entry["custom"]["pawl"]["release"] == release:
            return entry["custom"]["pawl"]["digest"]
    return "0" * 64


# ---- the device -------------------------------------------------------------

def configure(device, server, ca="ours"):
    with open(os.path.join(device.dir, "client.conf"), "a") as f:
        f.write("[server]\nurl = %s\nenrol = %s\nca = %s\n" % (
            server.url, server.url, path(ca + ".pem")))


def client(device, *argv, at=None):
    started = time.monotonic()
    done = subprocess.run(
        (("faketime", "-f", at + "s") if at else ()) +
        (os.path.join(evil_cases.BIN, "updater-client"),) + argv +
        ("--config", os.path.join(device.dir, "client.conf")),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150)
    return done, time.monotonic() - started


def enroll(device):
    claim = os.path.join(device.dir, "claim")
    with open(claim, "w") as f:
        f.write("-".join(("01234567",) * 4) + "\n")
    os.chmod(claim, 0o600)
    return client(device, "enroll", "--claim-file", claim)


failed, began = 0, time.monotonic()


def check(name, good, why=""):
    global failed
    failed += not good
    print("%3d s %s %s%s" % (time.monotonic() - began,
                             "ok" if good else "not ok", name,
                             "" if good else ": %s" % (why,)), flush=True)


# ---- enrolling with a liar --------------------------------------------------

def lies_at_enrolment(first):
    other = path("other.csr")
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("other.key"),
        "-out", other, "-subj", "/CN=x")
    with open(other) as f:
        others_csr = f.read()

    def another_key(said, _):
        said["certificate"] = certificate_of(certify(others_csr, "ab" * 16))

    def another_name(said, _):
        said["device"] = "cd" * 16

    def a_ca(said, asked):
        said["certificate"] = certificate_of(certify(
            asked["csr"], "ab" * 16,
            "basicConstraints = critical, CA:TRUE\n"))
    nonce = as_json(nonce="00" * 32)
    cases = {
        "a certificate for another key": identity(another_key),
        "another id than the certificate's": identity(another_name),
        "a certificate that makes it a CA": identity(a_ca),
        "no certificate": identity(lambda s, _: s.pop("certificate")),
        "garbage for a certificate":
            identity(lambda s, _: s.update(certificate="x" * 3000)),
        "a cohort that climbs":
            identity(lambda s, _: s.update(cohort="../../etc")),
        "a web page": b"<html>captive portal</html>",
        "nothing": b"",
        "deep JSON": b"[" * 9000,
        "an endless answer": b" " * 9000000,
        "not found": 404,
        "an error": 500,
    }
    for name, answer in cases.items():
        server = Evil()
        server.answers = {"/v1/nonce": nonce, "/v1/enrol": answer}
        device = first.copy("device")
        configure(device, server)
        done, took = enroll(device)
        check("enrolment: " + name, done.returncode in CODES and took < 60 and
              not any("cert" in n for n in os.listdir(
                  os.path.join(device.dir, "state"))),
              (done.returncode, took, done.stdout))
        server.shutdown()


def wrong_servers(first):
    for name, certificate, key, ca in (
            ("a CA of the same name", "twin", "twin", "ours"),
            ("a certificate for another host", "ours-elsewhere", "ours",
             "ours")):
        server = Evil(certificate, key)
        server.answers = {"/v1/nonce": as_json(nonce="00" * 32),
                          "/v1/enrol": identity()}
        device = first.copy("device")
        configure(device, server, ca)
        done, _ = enroll(device)
        check("E16 %s: the claim code is not sent" % name,
              done.returncode == 6 and not server.asked,
              (done.returncode, server.asked, done.stdout))
        server.shutdown()


def busy_is_left_alone(device, server):
    """Two seconds is the longest that this daemon waits of its own accord."""
    asked = []

    def busy(handler, _):
        asked.append(time.monotonic())
        handler.answer(503, b"{}", **{"Retry-After": "5"})

    server.answers["/v1/checkin"] = busy
    done, _ = client(device, "update", "--quiet")
    check("busy: the words", b"busy, and wants to be asked in 5 s" in
          done.stdout and done.returncode == 9, (done.returncode, done.stdout))
    with open(os.path.join(device.dir, "client.conf"), "a") as f:
        f.write("[poll]\ninterval = 1\nretry_min = 1\nretry_max = 2\n")
    asked.clear()
    daemon = subprocess.Popen(
        (os.path.join(evil_cases.BIN, "updater-client"), "daemon", "--config",
         os.path.join(device.dir, "client.conf")),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(asked) < 2 and time.monotonic() < until:
        time.sleep(.1)
    daemon.terminate()
    daemon.wait(60)
    check("busy: left alone for so long", len(asked) == 2 and
          asked[1] - asked[0] > 4.5, [t - asked[0] for t in asked])


def redirected(handler, _):
    handler.answer(302, b"", Location=handler.server.url + "/elsewhere")


# ---- an enrolled device and a liar ------------------------------------------

def lies_at_check_in(first):
    server = Evil()
    server.answers = {"/v1/nonce": as_json(nonce="00" * 32),
                      "/v1/enrol": identity()}
    device = first.copy("enrolled")
    configure(device, server)
    done, _ = enroll(device)
    check("a device enrols", done.returncode == 0, done.stdout)
    server.answers["/v1/report"] = as_json()
    cases = {
        "a release that is not listed": decision("9"),
        "a digest that is not the release's": decision("2", "0" * 64),
        "the release that runs": decision("1"),
        "a name that climbs": decision("../../2", "0" * 64),
        "an action that nobody knows": decision(action="execute"),
        "no release": as_json(action="update", attempt=1, next_check=1,
                              reason=""),
        "an attempt below 0": decision(attempt=-1),
        "a next check in a thousand years": decision(next_check=2 ** 40),
        "a web page": b"<html></html>",
        "an endless answer": b" " * 9000000,
        "an endless error page":
            lambda h, _: h.answer(500, b"x" * 9000000),
        "a redirection": redirected,
        "no entry": 403,
        "too many requests": 429,
    }
    busy_is_left_alone(device, server)
    before = device.slots()
    for name, answer in cases.items():
        server.answers["/v1/checkin"] = answer
        done, took = client(device, "update", "--quiet")
        check("check-in: " + name,
              device.running() == "r1" and device.slots() == before and
              took < 100 and "/elsewhere" not in server.asked,
              (done.returncode, took, done.stdout))
    forged_files(device, server, before)
    # Terminal escapes in what people read.
    server.answers["/v1/checkin"] = decision(
        action="nothing", reason="\x1b]0;owned\x07\u202e\x1b[2J")
    done, _ = client(device, "check")
    check("foreign text is shown escaped", b"\x1b" not in done.stdout and
          b"\x07" not in done.stdout, done.stdout)
    server.answers["/v1/checkin"] = decision()
    done, _ = client(device, "update", "--quiet")
    check("and then the true release is installed",
          done.returncode == 0 and device.running() == "r2", done.stdout)
    server.shutdown()


def forged_files(device, server, before):
    """The decision is right, what it points to is not."""
    server.answers["/v1/checkin"] = decision()
    with open(path("published-2/metadata/2.targets.json")) as f:
        targets = json.load(f)["signed"]["targets"]
    packages = {}
    for name, entry in targets.items():
        folder, _, last = name.rpartition("/")
        packages["/targets/%s/%s.%s" % (folder, entry["hashes"]["sha256"],
                                        last)] = entry["length"]

    def serve(make):
        for name, length in packages.items():
            server.answers[name] = make(length)
    cases = {
        "zeroes": lambda n: b"\0" * n,
        "far more than signed": lambda n: b"\0" * 50000000,
        "a range that was not asked for":
            lambda n: lambda h, _: h.answer(
                206, b"\0" * 10, **{"Content-Range": "bytes 5-14/%d" % n}),
    }
    for name, make in cases.items():
        serve(make)
        done, took = client(device, "update", "--quiet")
        check("package: " + name,
              done.returncode in CODES and device.running() == "r1" and
              device.slots() == before and took < 140 and
              "/elsewhere" not in server.asked,
              (done.returncode, took, done.stdout))
        spool = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in
                    os.walk(os.path.join(device.dir, "state")) for f in files)
        check("package: %s: nothing of it stays" % name, spool < 2000000,
              spool)
    for name in packages:
        del server.answers[name]


def package_paths():
    with open(path("published-2/metadata/2.targets.json")) as f:
        targets = json.load(f)["signed"]["targets"]
    for name, entry in targets.items():
        folder, _, last = name.rpartition("/")
        yield "/targets/%s/%s.%s" % (folder, entry["hashes"]["sha256"], last)


def mirrors(first):
    """Two servers of one site, and packages that one or both have lost."""
    one, two = Evil(), Evil()
    device = first.copy("mirrored")
    reports = []

    def reported(handler, body):
        reports.append(json.loads(body))
        handler.answer(200, as_json())
    for server in (one, two):
        server.answers = {"/v1/nonce": as_json(nonce="00" * 32),
                          "/v1/enrol": identity(), "/v1/report": reported,
                          "/v1/checkin": decision()}
    configure(device, one)
    with open(os.path.join(device.dir, "client.conf"), "a") as f:
        f.write("url = %s\n" % two.url)
    done, _ = enroll(device)
    check("a device of two servers enrols", done.returncode == 0, done.stdout)
    before = device.slots()
    for server in (one, two):
        server.answers.update((p, 404) for p in package_paths())
    done, _ = client(device, "update", "--quiet")
    check("a package is gone from all mirrors",
          done.returncode == 13 and device.running() == "r1" and
          device.slots() == before and
          [r["code"] for r in reports if r["state"] == "failed"] ==
          ["NOT_FOUND"] and
          all(any(p in s.asked for p in package_paths()) for s in (one, two)),
          (done.returncode, reports, one.asked, two.asked, done.stdout))
    for p in package_paths():
        del two.answers[p]
    one.asked.clear()
    done, _ = client(device, "update", "--quiet")
    check("a package is gone from one mirror",
          done.returncode == 0 and device.running() == "r2" and
          any(p in one.asked for p in package_paths()),
          (done.returncode, one.asked, two.asked, done.stdout))
    one.shutdown()
    two.shutdown()


def stranded(first):
    """No server can be verified: a stranger is asked for what proves itself, is
    told nothing, and not again before the back-off is over."""
    known, stranger = Evil(), Evil("twin", "twin")
    known.answers = {"/v1/nonce": as_json(nonce="00" * 32),
                     "/v1/enrol": identity(),
                     "/v1/checkin": decision(action="nothing")}
    device = first.copy("stranded")
    configure(device, known)
    enroll(device)
    done, _ = client(device, "update")
    check("a server that is known is shown the certificate",
          done.returncode == 0 and any(t[3] for t in known.told), done.stdout)
    conf = os.path.join(device.dir, "client.conf")
    with open(conf) as f:
        words = f.read().replace(known.url, stranger.url)
    with open(conf, "w") as f:
        f.write(words)
    done, _ = client(device, "update")
    check("stranded: the stranger is asked for metadata alone",
          done.returncode == 6 and "/metadata/timestamp.json" in stranger.asked
          and all(re.fullmatch(r"/metadata/[a-z0-9.]+\.json|"
                               r"/targets/[0-9a-f]{64}\.site\.json", p)
                  for p in stranger.asked), (stranger.asked, done.stdout))
    check("stranded: the stranger is told nothing",
          all(t == ("GET", ["Accept", "Host", "User-Agent"], b"", None)
              for t in stranger.told), stranger.told)
    for when, asks in (("+0", False), ("+50", False), ("+70", True),
                       ("+100", False), ("-1000", True)):
        stranger.asked.clear()
        done, _ = client(device, "update", at=when)
        check("stranded: %s s after the first question" % when,
              done.returncode == 6 and bool(stranger.asked) == asks,
              (stranger.asked, done.stdout))
    known.shutdown()
    stranger.shutdown()


def main():
    make_tls()
    keys = evil_cases.make_good()
    Repository(keys, 1).write(path("good-1"))
    Repository(keys, 2).write(path("good-2"))
    first = Device("first")
    first.make()
    first.update(path("good-1"))
    assert first.running() == "r1"
    lies_at_enrolment(first)
    wrong_servers(first)
    stranded(first)
    mirrors(first)
    lies_at_check_in(first)
    if failed:
        sys.exit("%d failed" % failed)


main()
