"""Enrolment and device certificates under attack, for 31.

Speaks to a running server over real TLS. Keys, requests and forged
certificates are OpenSSL's; the device CA's own key is used for what a thief of
it, or a fault in it, could make.
"""
import base64
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import threading

BIN, WORK = sys.argv[1], sys.argv[2]
SERVER = os.path.join(WORK, "server")
CA = os.path.join(SERVER, "ca.pem")
failed = 0


def path(name):
    return os.path.join(WORK, name)


def run(*argv, stdin=None):
    done = subprocess.run(argv, input=stdin, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit("%s: %d\n%s" % (" ".join(argv), done.returncode,
                                 done.stdout.decode(errors="replace")))
    return done.stdout


def operate(*argv):
    return run(os.path.join(BIN, "update-server"), *argv, "--operator",
               os.path.join(SERVER, "admin/operator.conf")).decode()


def listener(name):
    with open(os.path.join(SERVER, "run/listeners.json")) as f:
        host, _, port = json.load(f)[name].rpartition(":")
    return host, int(port)


def new_claim(model="k1"):
    out = operate("token", "create", "--product", "kiosk", "--model", model,
                  "--cohort", "fleet", "--plain")
    return bytes.fromhex(out.strip().replace("-", ""))


def check(name, good, why=""):
    global failed
    if not good:
        failed += 1
    print("%s %s%s" % ("ok" if good else "not ok", name,
                       "" if good else ": %s" % (why,)))


# ---- keys and requests ------------------------------------------------------

made = 0


def new_key(*options):
    global made
    made += 1
    name = path("key-%d" % made)
    options = options or ("EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-pkeyopt", "ec_param_enc:named_curve")
    run("openssl", "genpkey", "-algorithm", *options, "-out", name)
    return name


def known_key():
    """The key of RFC 6979, A.2.5, as SEC1."""
    scalar = ("c9afa9d845ba75166b5c215767b1d693"
              "4e50c3db36e89b127b8a622b120f6721")
    der = bytes.fromhex("30310201010420" + scalar +
                        "a00a06082a8648ce3d030107")
    name = path("known")
    run("openssl", "pkey", "-inform", "DER", "-out", name, stdin=der)
    return name


EXTENSIONS = """
[req]
distinguished_name = dn
prompt = no
req_extensions = wishes
[dn]
CN = updates.example.org
O = Factory
[wishes]
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign, cRLSign
extendedKeyUsage = serverAuth
subjectAltName = DNS:updates.example.org, IP:127.0.0.1
"""


def request(key, *more):
    with open(path("req.cnf"), "w") as f:
        f.write(EXTENSIONS)
    return run("openssl", "req", "-new", "-sha256", "-key", key, "-config",
               path("req.cnf"), *more).decode()


def pem_bytes(pem):
    return base64.b64decode("".join(pem.strip().split("\n")[1:-1]))


def as_pem(label, data):
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n" % (
        label, "\n".join(lines), label)


def csr_pem(data):
    return as_pem("CERTIFICATE REQUEST", data)


def sign(key, message):
    return run("openssl", "dgst", "-sha256", "-sign", key, stdin=message)


# ---- speaking to the server -------------------------------------------------

def connect(name, cert=None, key=None):
    context = ssl.create_default_context(cafile=CA)
    context.check_hostname = False
    if cert:
        context.load_cert_chain(cert, key)
    host, port = listener(name)
    return http.client.HTTPSConnection(host, port, context=context,
                                       timeout=30)


def post(connection, route, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", route, data,
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, {}


def ask_nonce(connection):
    status, answer = post(connection, "/v1/nonce", b"{}")
    assert status == 200, (status, answer)
    return bytes.fromhex(answer["nonce"])


def spki(key):
    return run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")


def decrypt_key(key):
    """The decryption key of the device with this key: always the same."""
    name = key + ".decrypt"
    if not os.path.exists(name):
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-out", name)
    return name


def enrol_body(key, claim, nonce, **changes):
    both = spki(key) + spki(changes.pop("decrypt", decrypt_key(key)))
    message = b"pawl/enrol/v2" + nonce + claim + both
    body = {"v": 1, "claim": claim.hex(), "nonce": nonce.hex(),
            "product": "kiosk", "model": "k1"}
    if "decrypt_key" not in changes:
        body["decrypt_key"] = as_pem("PUBLIC KEY", both[-91:])
    if "decrypt_proof" not in changes:
        body["decrypt_proof"] = sign(key, b"pawl/decrypt-key/v1" + both).hex()
    if "csr" not in changes:
        body["csr"] = request(key)
    if "proof" not in changes:
        body["proof"] = sign(key, message).hex()
    body.update(changes)
    return body


def enrol(key, claim, **changes):
    connection = connect("enrolment")
    nonce = ask_nonce(connection)
    answer = post(connection, "/v1/enrol",
                  enrol_body(key, claim, nonce, **changes))
    connection.close()
    return answer


def devices():
    return operate("device", "list", "--json").count('"id"')


# ---- E01 - E07: requests ----------------------------------------------------

def refuse(name, result, statuses=(400, 403, 404, 409, 413)):
    status, answer = result
    check(name, status in statuses and "certificate" not in answer,
          (status, answer))


def bad_requests(claim):
    key, other = new_key(), new_key()
    good = pem_bytes(request(key))
    tampered = good.replace(b"updates.", b"updatez.", 1)
    refuse("E03 a request whose own signature is wrong",
           enrol(key, claim, csr=csr_pem(tampered)))
    swapped = good.replace(spki_of(key), spki_of(other))
    refuse("E03 somebody else's key in the request",
           enrol(key, claim, csr=csr_pem(swapped)))
    refuse("E04 proof by another key than the request's",
           enrol(other, claim, csr=request(key)))
    refuse("a request with something behind it",
           enrol(key, claim, csr=csr_pem(good + b"\0")))
    refuse("a request that was cut", enrol(key, claim,
                                           csr=csr_pem(good[:-1])))
    refuse("two requests", enrol(key, claim, csr=request(key) * 2))
    refuse("a certificate instead of a request",
           enrol(key, claim, csr=self_signed(key)))
    refuse("no request", enrol(key, claim, csr=""))
    refuse("an endless request", enrol(key, claim, csr="x" * 20000))


def spki_of(key):
    return run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER")


def self_signed(key):
    return run("openssl", "req", "-x509", "-key", key, "-subj", "/CN=x",
               "-days", "3").decode()


def weak_keys(claim):
    for name, options in {
            "RSA 2048": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
            "P-384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
            "secp256k1": ("EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
            "P-192": ("EC", "-pkeyopt", "ec_paramgen_curve:P-192"),
            "explicit parameters": ("EC", "-pkeyopt",
                                    "ec_paramgen_curve:P-256", "-pkeyopt",
                                    "ec_param_enc:explicit"),
    }.items():
        refuse("E05 " + name, enrol(new_key(*options), claim))
    key = new_key()
    run("openssl", "ec", "-in", key, "-conv_form", "compressed", "-out",
        path("compressed"))
    refuse("E05 a compressed point", enrol(path("compressed"), claim))
    refuse("E05 a key that is printed in a standard",
           enrol(known_key(), claim))
    good = pem_bytes(request(key))
    spki = spki_of(key)
    off = good.replace(spki, spki[:-1] + bytes([spki[-1] ^ 1]))
    refuse("E05 a point that is not on the curve",
           enrol(key, claim, csr=csr_pem(off)))
    zero = good.replace(spki, spki[:-64] + b"\0" * 64)
    refuse("E05 infinity", enrol(key, claim, csr=csr_pem(zero)))


def nonces(claim):
    key = new_key()
    connection = connect("enrolment")
    nonce = ask_nonce(connection)
    stranger = connect("enrolment")
    ask_nonce(stranger)
    refuse("a nonce of another connection",
           post(stranger, "/v1/enrol", enrol_body(key, claim, nonce)))
    fresh = connect("enrolment")
    refuse("no nonce at all",
           post(fresh, "/v1/enrol", enrol_body(key, claim, b"\0" * 32)))
    wrong = b"\1" * 16
    refuse("a claim code that nobody made",
           post(connection, "/v1/enrol", enrol_body(key, wrong, nonce)))
    refuse("a nonce a second time",
           post(connection, "/v1/enrol", enrol_body(key, claim, nonce)))


def bodies(claim):
    key = new_key()
    refuse("E07 a claim for another model",
           enrol(key, claim, model="k2"))
    refuse("E07 a claim for another product",
           enrol(key, claim, product="other"))
    refuse("a proof over another claim", enrol(
        key, claim, proof=sign(key, b"pawl/enrol/v2" + b"\0" * 230).hex()))
    refuse("a decryption key that the proof does not name", enrol(
        key, claim, decrypt_key=as_pem("PUBLIC KEY", spki(new_key()))))
    refuse("D07 a decryption key that the device did not sign", enrol(
        key, claim, decrypt_proof=sign(
            decrypt_key(key), b"pawl/decrypt-key/v1" + spki(key) +
            spki(decrypt_key(key))).hex()))
    refuse("one key for both purposes", enrol(key, claim, decrypt=key))
    refuse("no decryption key", enrol(key, claim, decrypt_key=""))
    refuse("a member that nobody knows", enrol(key, claim, cohort="canary"))
    refuse("E12 an id of one's own choice", enrol(key, claim, device="00" * 16))
    refuse("names with quotes", enrol(key, claim, model="k1' OR '1'='1"))
    refuse("names that climb", enrol(key, claim, product="../kiosk"))
    refuse("another version", enrol(key, claim, v=2))
    connection = connect("enrolment")
    nonce = ask_nonce(connection)
    body = json.dumps(enrol_body(key, claim, nonce))
    refuse("a duplicate member",
           post(connection, "/v1/enrol",
                body.replace('"v": 1', '"v": 1, "v": 1').encode()))
    connection = connect("enrolment")
    refuse("no JSON", post(connection, "/v1/enrol", b"claim=1"))
    connection = connect("enrolment")
    refuse("deep JSON", post(connection, "/v1/enrol", b"[" * 5000))
    connection = connect("enrolment")
    refuse("JSON without end",
           post(connection, "/v1/enrol", b'{"v": 1' + b" " * 16000 + b"}"))


# ---- what an enrolled device holds ------------------------------------------

def good_enrolment(claim):
    key = new_key()
    status, answer = enrol(key, claim)
    check("the claim is still good after all that", status == 200,
          (status, answer))
    name = path("device.pem")
    with open(name, "w") as f:
        f.write(answer["certificate"])
    text = run("openssl", "x509", "-in", name, "-noout", "-text").decode()
    check("E01 the CA's template, nothing of the request's wishes",
          "CA:TRUE" not in text and "updates.example.org" not in text and
          "Server Authentication" not in text and
          "Certificate Sign" not in text and
          "TLS Web Client Authentication" in text and "Factory" not in text,
          text)
    serial = re.search(r"Serial Number:\s*([0-9a-f:]+)", text).group(1)
    check("a serial of 128 random bits", len(serial.replace(":", "")) >= 28,
          serial)
    run("openssl", "verify", "-x509_strict", "-purpose", "sslclient",
        "-CAfile", os.path.join(SERVER, "keys/device-ca.pem"), name)
    again, same = enrol(key, claim)
    check("a lost answer is given again, to the same key alone",
          again == 200 and same["certificate"] == answer["certificate"], again)
    refuse("E07 the same claim for another key", enrol(new_key(), claim))
    second = new_claim()
    refuse("E04 the same key for another claim", enrol(key, second))
    return key, name, answer["device"]


def race():
    claim, before = new_claim(), devices()
    keys = [new_key() for _ in range(12)]
    requests = [request(k) for k in keys]
    results = []

    def one(key, csr):
        results.append(enrol(key, claim, csr=csr)[0])
    threads = [threading.Thread(target=one, args=(k, c))
               for k, c in zip(keys, requests)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("E07 twelve keys race for one claim: one wins",
          results.count(200) == 1 and devices() == before + 1, results)


# ---- E10 - E15: certificates ------------------------------------------------

def ca_key():
    with open(os.path.join(SERVER, "keys/keeper.secret")) as f:
        secret = f.read().strip()
    name = path("device-ca.bare")
    with open(name, "wb") as f:
        f.write(run(os.path.join(BIN, "tests/tools/bare-key"),
                    os.path.join(SERVER, "keys/device-ca.key"), secret))
    return name


def certify(key, issuer, issuer_key, extensions, subject="/CN=" + "ab" * 16):
    """A certificate with just these extensions."""
    with open(path("ext.cnf"), "w") as f:
        f.write("[x]\n" + extensions)
    with open(path("plain.csr"), "wb") as f:
        f.write(run("openssl", "req", "-new", "-key", key, "-subj", subject))
    out = key + ".pem"
    run("openssl", "x509", "-req", "-in", path("plain.csr"), "-CA", issuer,
        "-CAkey", issuer_key, "-CAcreateserial", "-CAserial", path("serial"),
        "-days", "5", "-sha256", "-extfile", path("ext.cnf"), "-extensions",
        "x", "-out", out)
    return out


LEAF = ("basicConstraints = critical, CA:FALSE\n"
        "keyUsage = critical, digitalSignature\n"
        "extendedKeyUsage = clientAuth\n"
        "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n")
CHECKIN = {"v": 1, "product": "kiosk", "model": "k1", "confirmed": False,
           "activation": 0, "interval": 3600, "updater": "0"}


def speaks(cert, key, where="device", route="/v1/checkin", body=None):
    """Status, or None when TLS itself said no."""
    connection = connect(where, cert, key)
    try:
        return post(connection, route, body or CHECKIN)[0]
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def turned_away(name, *argv, **more):
    status = speaks(*argv, **more)
    check(name, status is None or status in (401, 403), status)


def certificates(device_key, device_pem):
    device_ca = os.path.join(SERVER, "keys/device-ca.pem")
    issuer_key = ca_key()
    check("the device itself is heard", speaks(device_pem, device_key) == 200)
    turned_away("no certificate", None, None)
    key = new_key()
    with open(key + ".pem", "w") as f:
        f.write(self_signed(key))
    turned_away("a self-signed certificate", key + ".pem", key)

    twin = new_key()
    with open(path("twin.pem"), "wb") as f:
        subject = run("openssl", "x509", "-in", device_ca, "-noout",
                      "-subject", "-nameopt", "multiline").decode()
        name = re.search(r"commonName\s*=\s*(.*)", subject).group(1)
        f.write(run("openssl", "req", "-x509", "-key", twin, "-subj",
                    "/CN=" + name, "-days", "5"))
    key = new_key()
    turned_away("a CA of the same name with another key",
                certify(key, path("twin.pem"), twin, LEAF), key)

    key = new_key()
    leaf = certify(key, device_pem, device_key, LEAF)
    chain = path("chain.pem")
    with open(chain, "w") as out:
        for part in (leaf, device_pem):
            with open(part) as f:
                out.write(f.read())
    turned_away("E10 a device that issues certificates", chain, key)

    key = new_key()
    turned_away("E15 signed by our CA, but not in the registry",
                certify(key, device_ca, issuer_key, LEAF), key)
    key = new_key()
    turned_away("E15 the same for a server's use",
                certify(key, device_ca, issuer_key,
                        LEAF.replace("clientAuth", "serverAuth")), key)

    odd = new_key()
    odd_pem = certify(odd, device_ca, issuer_key,
                      "basicConstraints = DER:3003020101\n"
                      "keyUsage = digitalSignature, keyCertSign\n")
    key = new_key()
    leaf = certify(key, odd_pem, odd, LEAF)
    with open(chain, "w") as out:
        for part in (leaf, odd_pem):
            with open(part) as f:
                out.write(f.read())
    turned_away("E10 a CA by INTEGER alone", chain, key)
    turned_away("E10 the odd one itself", odd_pem, odd)

    twice = certify(device_key, device_ca, issuer_key, LEAF)
    turned_away("the device's key in another certificate", twice, device_key)


def listeners(device_key, device_pem):
    admin = os.path.join(SERVER, "admin/admin.pem")
    with open(os.path.join(SERVER, "admin/admin.secret")) as f:
        secret = f.read().strip()
    admin_key = path("admin.bare")
    with open(admin_key, "wb") as f:
        f.write(run(os.path.join(BIN, "tests/tools/bare-key"),
                    os.path.join(SERVER, "admin/admin.key"), secret))
    turned_away("a person's certificate among devices", admin, admin_key)
    people = {"where": "people", "route": "/v1/people/cohorts"}
    status = speaks(admin, admin_key, body={"v": 1, "name": "own"}, **people)
    check("the admin itself is heard", status == 200, status)
    turned_away("a device's certificate among people", device_pem, device_key,
                body={"v": 1, "name": "evil"}, **people)
    turned_away("a stranger among people", None, None,
                body={"v": 1, "name": "evil"}, **people)
    key = new_key()
    with open(key + ".pem", "w") as f:
        f.write(self_signed(key))
    turned_away("somebody who says to be a person", key + ".pem", key,
                body={"v": 1, "name": "evil"}, **people)
    check("no cohort was made by them",
          '"evil"' not in operate("cohort", "list", "--json"))


def revocation(device_key, device_pem, device_id):
    connection = connect("device", device_pem, device_key)
    before = post(connection, "/v1/checkin", CHECKIN)[0]
    operate("device", "revoke", device_id, "--reason", "test")
    try:
        after = post(connection, "/v1/checkin", CHECKIN)[0]
    except (OSError, http.client.HTTPException):
        after = None
    check("E13 a revoked device is cut off on its open connection",
          before == 200 and after in (None, 401, 403), (before, after))
    turned_away("E13 and on a new one", device_pem, device_key)
    refuse("E04 a revoked key does not come back",
           enrol(device_key, new_claim()))


def main():
    operate("cohort", "create", "fleet")
    claim, before = new_claim(), devices()
    bad_requests(claim)
    weak_keys(claim)
    nonces(claim)
    bodies(claim)
    check("nobody was enrolled by any of it", devices() == before)
    key, pem, device = good_enrolment(claim)
    race()
    certificates(key, pem)
    listeners(key, pem)
    revocation(key, pem, device)
    if failed:
        sys.exit("%d failed" % failed)


main()
