#!/usr/bin/env python3
"""Enrol by hand, as a device that may lie: raw HTTPS, keys made by openssl.

enrol.py HOST:PORT CA FOLDER CLAIM PRODUCT MODEL [WHAT]

WHAT: good (default), nonce (none of this connection), replay (a spent one),
proof (by another key), csr (its own signature is wrong), p384 (wrong curve),
ca (the request asks to be a CA), body (an unknown member), onekey (one key for
both purposes), swap (a decryption key that the device did not sign).
Prints the status and the answer; the key stays in FOLDER/key.pem.
"""
import http.client
import json
import os
import ssl
import subprocess
import sys


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, check=True,
                          capture_output=True).stdout


def make_csr(folder, what):
    key = os.path.join(folder, "key.pem")
    if not os.path.exists(key):
        curve = "P-384" if what == "p384" else "P-256"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:" + curve, "-out", key)
    words = ["req", "-new", "-key", key, "-subj", "/CN=device", "-sha256"]
    if what == "ca":
        words += ["-addext", "basicConstraints=critical,CA:TRUE",
                  "-addext", "subjectAltName=DNS:server"]
    der = bytearray(openssl(*words, "-outform", "DER"))
    if what == "csr":
        der[-1] ^= 1
    return key, openssl("req", "-inform", "DER", data=bytes(der)) \
        if what != "csr" else pem(der)


def pem(der):
    import base64
    text = base64.encodebytes(bytes(der)).replace(b"\n", b"")
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return (b"-----BEGIN CERTIFICATE REQUEST-----\n" + b"\n".join(lines) +
            b"\n-----END CERTIFICATE REQUEST-----\n")


def sign(key, message):
    return openssl("dgst", "-sha256", "-sign", key, data=message)


def spki(key):
    return openssl("pkey", "-in", key, "-pubout", "-outform", "DER")


def post(connection, path, body):
    connection.request("POST", path, body,
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def main():
    at, ca, folder, claim, product, model = sys.argv[1:7]
    what = sys.argv[7] if len(sys.argv) > 7 else "good"
    os.makedirs(folder, exist_ok=True)
    context = ssl.create_default_context(cafile=ca)
    host, port = at.rsplit(":", 1)
    connection = http.client.HTTPSConnection(host, int(port), context=context)
    status, text = post(connection, "/v1/nonce", "{}")
    assert status == 200, text
    nonce = bytes.fromhex(json.loads(text)["nonce"])
    if what == "nonce":
        nonce = os.urandom(32)
    key, csr = make_csr(folder, what)
    code = bytes.fromhex(claim.replace("-", ""))
    signer = key
    if what == "proof":
        signer = os.path.join(folder, "other.pem")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", signer)
    decrypt = os.path.join(folder, "decrypt.pem")
    if not os.path.exists(decrypt):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", decrypt)
    if what == "onekey":
        decrypt = key
    both = spki(key) + spki(decrypt)
    proof = sign(signer, b"pawl/enrol/v2" + nonce + code + both)
    bound = sign(key if what != "swap" else decrypt,
                 b"pawl/decrypt-key/v1" + both)
    body = {"v": 1, "claim": code.hex(), "nonce": nonce.hex(),
            "product": product, "model": model,
            "csr": csr.decode().replace("\r", ""), "proof": proof.hex(),
            "decrypt_key": openssl("pkey", "-in", decrypt, "-pubout").decode(),
            "decrypt_proof": bound.hex()}
    if what == "body":
        body["cohort"] = "vip"
    status, text = post(connection, "/v1/enrol", json.dumps(body))
    if what == "replay":
        status, text = post(connection, "/v1/enrol", json.dumps(body))
    if status == 200:
        with open(os.path.join(folder, "cert.pem"), "w") as out:
            out.write(json.loads(text)["certificate"])
    print(status, text)


main()
