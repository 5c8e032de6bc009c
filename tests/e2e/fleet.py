"""A fleet of devices that are nothing but their words: each has a key and a
certificate of its own, keeps a TLS connection to the device listener, and says
what a device would say. Keys and requests are made with libcrypto, so that
hundreds enrol in seconds."""
import base64
import ctypes
import ctypes.util
import http.client
import json
import os
import ssl
import subprocess

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for name in ("EVP_PKEY_Q_keygen", "EVP_MD_CTX_new", "EVP_sha256"):
    getattr(crypto, name).restype = ctypes.c_void_p
SHA256 = ctypes.c_void_p(crypto.EVP_sha256())


class Key:
    def __init__(self):
        self.key = ctypes.c_void_p(crypto.EVP_PKEY_Q_keygen(
            None, None, b"EC", ctypes.c_char_p(b"P-256")))
        assert self.key

    def _der(self, what):
        size = what(self.key, None)
        room = ctypes.create_string_buffer(size)
        what(self.key, ctypes.byref(ctypes.c_void_p(
            ctypes.addressof(room))))
        return room.raw

    def public(self):
        return self._der(crypto.i2d_PUBKEY)

    def private_pem(self):
        return pem("EC PRIVATE KEY", self._der(crypto.i2d_PrivateKey))

    def sign(self, message):
        ctx = ctypes.c_void_p(crypto.EVP_MD_CTX_new())
        size = ctypes.c_size_t(256)
        room = ctypes.create_string_buffer(256)
        assert crypto.EVP_DigestSignInit(ctx, None, SHA256, None,
                                         self.key) == 1
        assert crypto.EVP_DigestSign(ctx, room, ctypes.byref(size), message,
                                     ctypes.c_size_t(len(message))) == 1
        crypto.EVP_MD_CTX_free(ctx)
        return room.raw[:size.value]


def pem(name, der):
    text = base64.encodebytes(der).replace(b"\n", b"").decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n" % (
        name, "\n".join(lines), name)


def tlv(tag, body):
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(raw)]) + raw + body


def request_for(key):
    name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403") +
                                   tlv(0x0c, b"device"))))
    info = tlv(0x30, b"\x02\x01\x00" + name + key.public() + tlv(0xa0, b""))
    algorithm = tlv(0x30, bytes.fromhex("06082a8648ce3d040302"))
    return pem("CERTIFICATE REQUEST",
               tlv(0x30, info + algorithm +
                   tlv(0x03, b"\0" + key.sign(info))))


class Refused(Exception):
    def __init__(self, status, text, retry_after=0):
        super().__init__("%d %s" % (status, text))
        self.status, self.retry_after = status, retry_after


class Wire:
    """One kept connection; a lost one is made again."""

    def __init__(self, work, listener, context=None):
        self.work, self.listener = work, listener
        self.context = context or ssl.create_default_context(
            cafile=work + "/server/ca.pem")
        self.connection = None

    def ask(self, method, path, body=None):
        if self.connection is None:
            with open(self.work + "/server/run/listeners.json") as f:
                at = json.load(f)[self.listener]
            host, port = at.rsplit(":", 1)
            self.connection = http.client.HTTPSConnection(
                host, int(port), context=self.context, timeout=20)
        text = body if body is None or isinstance(body, str) else \
            json.dumps(body)
        try:
            self.connection.request(method, path, text,
                                    {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.status != 200:
            if answer.getheader("Connection") == "close":
                self.close()
            raise Refused(answer.status, data.decode(),
                          int(answer.getheader("Retry-After", 0)))
        return json.loads(data) if data else None

    def post(self, path, **body):
        return self.ask("POST", path, dict(body, v=1))

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class People(Wire):
    def __init__(self, work, folder="server/admin", name="admin"):
        self.folder = work + "/" + folder
        context = ssl.create_default_context(cafile=work + "/server/ca.pem")
        context.load_cert_chain("%s/%s/%s.pem" % (work, folder, name),
                                "%s/%s.key" % (work, name))
        super().__init__(work, "people", context)

    def get(self, path):
        return self.ask("GET", "/v1/people/" + path)

    def command(self, *words):
        """What the keeper wants signed, the program signs."""
        return subprocess.run(
            [os.environ["BIN"] + "/update-server", *words, "--operator",
             self.folder + "/operator.conf"],
            check=True, capture_output=True, text=True).stdout

    def act(self, verb, name, **more):
        """On the rollout as it is now, unless a revision is named."""
        if "revision" in more:
            return self.post("/v1/people/rollout-" + verb, name=name, **more)
        while True:
            now = self.rollout(name)["revision"]
            try:
                return self.post("/v1/people/rollout-" + verb, name=name,
                                 revision=now, **more)
            except Refused as e:
                # Time moved it on in between.
                if "changed meanwhile" not in str(e):
                    raise

    def rollout(self, name):
        return self.get("rollout/" + name)

    def create(self, name, release, cohort="fleet", **more):
        return self.post("/v1/people/rollouts", name=name, release=release,
                         cohorts=[cohort], **more)

    def start(self, name):
        plan = self.get("rollout-plan/" + name)
        return self.act("start", name, plan=plan["plan"],
                        revision=plan["revision"])

    def begin(self, name, release, **more):
        self.create(name, release, **more)
        return self.start(name)

    def acts(self):
        records, n = [], 0
        while True:
            page = self.get("audit/%d" % n)["records"]
            if not page:
                return records
            records += [json.loads(r) for r in page]
            n += len(page)


class Device:
    def __init__(self, work, n, model="k1"):
        self.work, self.n, self.model = work, n, model
        self.release, self.activation, self.interval = None, 1, 3600
        self.sequence = {}
        self.offer = None
        self.wire = None

    def enrol(self, wire, claim):
        key, decrypt = Key(), Key()
        self.key = key
        nonce = wire.ask("POST", "/v1/nonce", {})["nonce"]
        both = key.public() + decrypt.public()
        code = claim.replace("-", "")
        answer = wire.post(
            "/v1/enrol", claim=code, nonce=nonce, product="kiosk",
            model=self.model, csr=request_for(key),
            proof=key.sign(b"pawl/enrol/v2" + bytes.fromhex(nonce) +
                           bytes.fromhex(code) + both).hex(),
            decrypt_key=pem("PUBLIC KEY", decrypt.public()),
            decrypt_proof=key.sign(b"pawl/decrypt-key/v1" + both).hex())
        self.id = answer["device"]
        path = "%s/wire/%d" % (self.work, self.n)
        with open(path, "w") as f:
            f.write(answer["certificate"] + key.private_pem())
        context = ssl.create_default_context(
            cafile=self.work + "/server/ca.pem")
        context.load_cert_chain(path)
        os.unlink(path)
        self.wire = Wire(self.work, "device", context)

    def check_in(self, **more):
        body = {"product": "kiosk", "model": self.model, "confirmed": True,
                "activation": self.activation, "interval": self.interval,
                "updater": "0.1.0"}
        if self.release:
            body["release"] = self.release
        answer = self.wire.post("/v1/checkin", **dict(body, **more))
        self.offer = answer if answer["action"] == "update" else None
        return answer

    def word(self, release, activation, confirmed=True):
        """What it says, in a file for people to carry (docs/air-gap.md)."""
        said = "pawl/hand/v1 %s\n%s" % (self.id, json.dumps({
            "v": 1, "product": "kiosk", "model": self.model,
            "release": release, "confirmed": confirmed,
            "activation": activation, "interval": self.interval,
            "updater": "0.1.0"}))
        return "%s\n%s\n" % (said, self.key.sign(said.encode()).hex())

    def report(self, state, code="", attempt=None, sequence=None,
               evidence="", running="0" * 64):
        attempt = attempt or self.offer["attempt"]
        if sequence is None:
            sequence = self.sequence.get(attempt, 0) + 1
        self.sequence[attempt] = max(sequence,
                                     self.sequence.get(attempt, 0))
        return self.wire.post("/v1/report", attempt=attempt,
                              sequence=sequence, state=state, code=code,
                              activation=self.activation,
                              running=running, evidence=evidence)

    def install(self):
        for state in ("downloading", "verified", "installed"):
            self.report(state)

    def run(self, release):
        """It started that one, and passed its trial."""
        self.release = release
        self.activation += 1

    def update(self, release):
        self.install()
        self.run(release)
        self.check_in()

    def revert(self, code="HEALTH_FAILED"):
        self.install()
        self.activation += 1
        self.report("rolled-back", code)
        self.check_in()


class Fleet(list):
    def __init__(self, work, people, count, cohort="fleet"):
        os.makedirs(work + "/wire", exist_ok=True)
        codes = people.command("token", "create", "--product", "kiosk",
                               "--model", "k1", "--cohort", cohort, "--count",
                               str(count), "--days", "1", "--plain").split()
        for n, code in enumerate(codes):
            wire = Wire(work, "enrolment")
            device = Device(work, len(os.listdir(work + "/wire")) + n)
            device.enrol(wire, code)
            wire.close()
            self.append(device)

    def check_in(self):
        """Those that are offered something."""
        for d in self:
            d.check_in()
        return [d for d in self if d.offer]
