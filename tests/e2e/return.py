#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One request to be known again, as a device's state folder or whoever has it
would send it:

    return.py STATE URL CA CHAIN

CHAIN is a file, "empty", "forged" (its own, with another signature) or
"foreign-key" (its own, as if another key had renewed). Prints status and
answer."""
import json
import os
import subprocess
import sys
import tempfile


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def chain_of(stem, how):
    if how == "empty":
        return []
    source = how if os.path.exists(how) else f"{stem}.chain"
    with open(source, encoding="ascii") as f:
        chain = json.load(f)["chain"]
    if how == "forged":
        last = chain[-1]["proof"]
        chain[-1]["proof"] = last[:-1] + ("0" if last[-1] != "0" else "1")
    if how == "foreign-key":
        point = openssl("pkey", "-pubout", "-outform", "DER", data=openssl(
            "genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256"))[-65:]
        chain[0]["key"] = point.hex()
    return chain


def main(state, url, ca, how):
    with open(f"{state}/identity.json", encoding="ascii") as f:
        generation = json.load(f)["generation"]
    stem = f"{state}/identity" + (f".{generation}" if generation else "")
    body = json.dumps({"v": 1, "chain": chain_of(stem, how)})
    with open(f"{stem}.key", encoding="ascii") as f:
        der = bytes.fromhex("30310201010420" + f.read().strip() +
                            "a00a06082a8648ce3d030107")
    with tempfile.TemporaryDirectory() as work:
        with open(f"{work}/key.pem", "wb") as f:
            f.write(openssl("ec", "-inform", "DER", "-outform", "PEM",
                            data=der))
        answer = subprocess.run(
            ["curl", "-sS", "--insecure", "--cacert", ca, "--cert",
             f"{stem}.crt", "--key", f"{work}/key.pem", "--data", body, "-H",
             "Content-Type: application/json", "-w", "\n%{http_code}",
             f"{url}/v1/readopt"], stdout=subprocess.PIPE, check=False)
    text, _, status = answer.stdout.decode().rpartition("\n")
    print(status, text)


main(*sys.argv[1:])
