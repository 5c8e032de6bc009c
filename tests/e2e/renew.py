#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One renewal request, as a device's state folder or a thief of it would send:

    renew.py STATE URL CA KEY-FILE [bad-proof]

KEY-FILE holds the next key's scalar in hex, made here if missing. Prints
status and answer."""
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def pem_of(scalar):
    """RFC 5915, with the curve by name and without the public key."""
    der = bytes.fromhex("30310201010420" + scalar +
                        "a00a06082a8648ce3d030107")
    return openssl("ec", "-inform", "DER", "-outform", "PEM", data=der)


def main(state, url, ca, next_file, *how):
    with open(f"{state}/identity.json", encoding="ascii") as f:
        generation = json.load(f)["generation"]
    stem = f"{state}/identity" + (f".{generation}" if generation else "")
    if not os.path.exists(next_file):
        with open(next_file, "w", encoding="ascii") as f:
            f.write(secrets.token_hex(32))
    with tempfile.TemporaryDirectory() as work:
        for name, source in (("old", f"{stem}.key"), ("next", next_file)):
            with open(source, encoding="ascii") as f, \
                    open(f"{work}/{name}.pem", "wb") as out:
                out.write(pem_of(f.read().strip()))
        csr = openssl("req", "-new", "-key", f"{work}/next.pem", "-subj",
                      "/CN=device", "-sha256").decode()
        spki = openssl("pkey", "-in", f"{work}/next.pem", "-pubout",
                       "-outform", "DER")
        crt = openssl("x509", "-in", f"{stem}.crt", "-outform", "DER")
        message = b"pawl/renew/v1" + hashlib.sha256(crt).digest() + spki
        signer = "next" if "bad-proof" in how else "old"
        proof = openssl("dgst", "-sha256", "-sign", f"{work}/{signer}.pem",
                        data=message)
        with open(f"{state}/decrypt.key", encoding="ascii") as f:
            decrypt = openssl("ec", "-inform", "DER", "-pubout", data=openssl(
                "ec", "-outform", "DER", data=pem_of(f.read().strip())))
        voucher = openssl("dgst", "-sha256", "-sign", f"{work}/next.pem",
                          data=b"pawl/decrypt-key/v1" + spki + openssl(
                              "pkey", "-pubin", "-outform", "DER",
                              data=decrypt))
        body = json.dumps({"v": 1, "csr": csr, "proof": proof.hex(),
                           "decrypt_key": decrypt.decode(),
                           "decrypt_proof": voucher.hex()})
        answer = subprocess.run(
            ["curl", "-sS", "--cacert", ca, "--cert", f"{stem}.crt", "--key",
             f"{work}/old.pem", "--data", body, "-H",
             "Content-Type: application/json", "-w", "\n%{http_code}",
             f"{url}/v1/renew"], stdout=subprocess.PIPE, check=False)
    text, _, status = answer.stdout.decode().rpartition("\n")
    print(status, text)


main(*sys.argv[1:])
