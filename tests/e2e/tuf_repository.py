"""A TUF repository that is not ours, over real HTTP, for tests/e2e/40.

Canonical JSON, key ids and signatures are made here and by openssl,
never by Pawl's code, so a misreading of the specification on our side cannot
agree with itself.
"""
import copy
import ctypes
import ctypes.util
import datetime
import hashlib
import http.server
import json
import os
import subprocess
import threading
import urllib.parse


def canonical(value):
    """OLPC canonical JSON: what TUF signs."""
    if value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return "{" + ",".join(canonical(k) + ":" + canonical(value[k])
                          for k in sorted(value)) + "}"


def openssl(*args, stdin=None):
    done = subprocess.run(("openssl",) + args, input=stdin, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout


# Hundreds of repositories are signed: no program is started for the usual kind.
crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for function in ("BIO_new_mem_buf", "PEM_read_bio_PrivateKey",
                 "EVP_MD_CTX_new", "EVP_sha256"):
    getattr(crypto, function).restype = ctypes.c_void_p


def sign_with(pem, message):
    """ECDSA over SHA-256, by libcrypto."""
    def at(pointer):
        assert pointer
        return ctypes.c_void_p(pointer)

    bio = at(crypto.BIO_new_mem_buf(pem, len(pem)))
    key = at(crypto.PEM_read_bio_PrivateKey(bio, None, None, None))
    context = at(crypto.EVP_MD_CTX_new())
    room = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(room))
    assert crypto.EVP_DigestSignInit(
        context, None, at(crypto.EVP_sha256()), None, key) == 1
    assert crypto.EVP_DigestSign(context, room, ctypes.byref(size), message,
                                 ctypes.c_size_t(len(message))) == 1
    crypto.EVP_MD_CTX_free(context)
    crypto.EVP_PKEY_free(key)
    crypto.BIO_free(bio)
    return room.raw[:size.value]


class Key:
    """A private key in a file; extra members go into the key object."""
    KINDS = {
        "ecdsa": ("ecdsa", "ecdsa-sha2-nistp256",
                  ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
        "rsa": ("rsa", "rsassa-pss-sha256",
                ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")),
        "rsa3072": ("rsa", "rsassa-pss-sha256",
                    ("RSA", "-pkeyopt", "rsa_keygen_bits:3072")),
        "rsa-pkcs1v15": ("rsa", "rsa-pkcs1v15-sha256",
                         ("RSA", "-pkeyopt", "rsa_keygen_bits:3072")),
        "ed25519": ("ed25519", "ed25519", ("ED25519",)),
    }

    def __init__(self, path, kind="ecdsa", salt="digest"):
        self.path, self.kind, self.salt = path, kind, salt
        keytype, scheme, generate = self.KINDS[kind]
        if not os.path.exists(path):
            openssl("genpkey", "-algorithm", *generate, "-out", path)
        pem = openssl("pkey", "-in", path, "-pubout").decode()
        if kind == "ed25519":
            der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
            pem = der[-32:].hex()
        self.object = {"keytype": keytype, "scheme": scheme,
                       "keyval": {"public": pem}}
        self.identify()

    def identify(self):
        self.id = hashlib.sha256(canonical(self.object).encode()).hexdigest()

    def sign(self, message):
        if self.kind == "ecdsa":
            with open(self.path, "rb") as f:
                return sign_with(f.read(), message).hex()
        if self.kind == "ed25519":
            name = self.path + ".in"
            with open(name, "wb") as f:
                f.write(message)
            return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin",
                           "-in", name).hex()
        options = ()
        if self.kind in ("rsa", "rsa3072"):
            options = ("-sigopt", "rsa_padding_mode:pss",
                       "-sigopt", "rsa_pss_saltlen:" + self.salt)
        return openssl("dgst", "-sha256", *options, "-sign", self.path,
                       stdin=message).hex()


def date(days):
    when = datetime.datetime.utcnow() + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Repository:
    """Roles to be changed at will, and what was published of them."""

    def __init__(self, keys):
        self.free = list(keys)
        self.roles, self.signers = {}, {}
        self.files = {}     # request path below the repository: bytes
        # Request path: HTTP status instead of the file; None: no answer.
        self.status = {}
        self.asked = []
        self.digests = False
        for role in ("root", "timestamp", "snapshot", "targets"):
            self.roles[role] = {"_type": role, "spec_version": "1.0.31",
                                "version": 0, "expires": date(30)}
            self.signers[role] = []
        root = self.roles["root"]
        root.update(consistent_snapshot=True, keys={}, roles={
            role: {"keyids": [], "threshold": 1} for role in self.roles})
        self.roles["snapshot"]["meta"] = {}
        self.roles["timestamp"]["meta"] = {}
        self.roles["targets"]["targets"] = {}
        for role in list(self.roles):
            self.add_key(role)
        self.publish("root", "targets", "snapshot", "timestamp")

    # ---- keys

    def new_key(self):
        return self.free.pop()

    def add_key(self, role, key=None):
        key = key or self.new_key()
        root = self.roles["root"]
        root["keys"][key.id] = key.object
        root["roles"][role]["keyids"].append(key.id)
        self.signers[role].append(key)
        return key

    def rotate(self, role):
        self.roles["root"]["roles"][role]["keyids"] = []
        self.signers[role] = []
        return self.add_key(role)

    # ---- files

    def name(self, role, version=None):
        quoted = urllib.parse.quote(role, "")
        if role == "timestamp" or (role != "root" and not
                                   self.roles["root"]["consistent_snapshot"]):
            return "metadata/%s.json" % quoted
        version = version or self.roles[role]["version"]
        return "metadata/%d.%s.json" % (version, quoted)

    def envelope(self, role, signers=None, signed=None):
        signed = signed or self.roles[role]
        message = canonical(signed).encode()
        keys = self.signers[role] if signers is None else signers
        return {"signatures": [{"keyid": key.id, "sig": key.sign(message)}
                               for key in keys],
                "signed": signed}

    def put(self, name, envelope):
        data = json.dumps(envelope, indent=1).encode()
        self.files[name] = data
        return data

    def publish(self, *roles):
        for role in roles:
            self.roles[role]["version"] += 1
            data = self.put(self.name(role), self.envelope(role))
            if role in ("root", "timestamp"):
                continue
            above = "timestamp" if role == "snapshot" else "snapshot"
            entry = {"version": self.roles[role]["version"]}
            if self.digests:
                entry["length"] = len(data)
                entry["hashes"] = {
                    "sha256": hashlib.sha256(data).hexdigest()}
            self.roles[above]["meta"][role + ".json"] = entry

    def release(self):
        self.publish("targets", "snapshot", "timestamp")

    def add_target(self, role, path, data, algorithms=("sha256",)):
        hashes = {a: hashlib.new(a, data).hexdigest() for a in algorithms}
        self.roles[role]["targets"][path] = {"length": len(data),
                                             "hashes": hashes}
        folder, slash, name = path.rpartition("/")
        self.files["targets/" + path] = data
        for value in hashes.values():
            self.files["targets/%s%s%s.%s" % (folder, slash, value,
                                              name)] = data

    def delegate(self, delegator, role, key=None, **more):
        entry = {"name": role, "threshold": 1, "terminating": False}
        entry.update(more)
        if "paths" not in more and "path_hash_prefixes" not in more:
            entry["paths"] = ["*"]
        key = key or self.new_key()
        entry["keyids"] = [key.id]
        body = self.roles[delegator].setdefault(
            "delegations", {"keys": {}, "roles": []})
        body["keys"][key.id] = key.object
        body["roles"].append(entry)
        self.signers.setdefault(role, []).append(key)
        self.add_role(role)
        return key

    def add_role(self, role):
        if role not in self.roles:
            self.roles[role] = {"_type": "targets", "spec_version": "1.0.31",
                                "version": 0, "expires": date(30),
                                "targets": {}}

    def copy_of(self, role):
        return copy.deepcopy(self.roles[role])


class Server(http.server.ThreadingHTTPServer):
    """Serves each repository below its own first path component."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a client that hangs up on us is what some cases are about

    def url(self, name):
        return "http://127.0.0.1:%d/%s/" % (self.server_address[1], name)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, _, path = self.path.lstrip("/").partition("/")
        repository = self.server.repositories[name]
        repository.asked.append(path)
        data = repository.files.get(path)
        status = repository.status.get(path, 200 if data is not None else 404)
        self.close_connection = True
        if status is None:
            return
        self.send_response(status)
        if status != 200:
            data = b"an error page"
        if callable(data):
            self.end_headers()
            data(self.wfile)
            return
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(getattr(data, "part", data))

    def log_message(self, *_):
        pass
