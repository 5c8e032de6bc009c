"""Mutation check: remove one check of a source, expect its unit tests to fail.

A mutant is the source with
  - one operand of an `if (a || b ...)` whose branch is a failure set to 0,
  - one operand of `return a || b ? -1 : 0` or `rc = a || b` set to 0, or
  - one `return err_set(...)` or `return check(..., e)` turned into `return 0`.

Each is compiled, linked before the archives with the tests that MODULES names,
and those are run until one fails. A survivor is printed as file:line and what
was removed, and the exit status is 1. mutants.txt lists the few that change
nothing anybody could see, each with its reason.
"""
import concurrent.futures
import glob
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time

# Which unit tests hold which sources.
MODULES = [
    ("common/tuf_duty.c", "tuf_duty tuf_runs"),
    ("common/tuf_*.c", "tuf_meta tuf_delegation tuf_client tuf_runs tuf_import"
     " tuf_write tuf_store tuf_example"),
    ("common/json.c", "json tuf_meta"),
    ("common/package.c", "package payload apply"),
    ("common/bundle.c", "bundle"),
    ("common/payload.c", "payload apply apply_tar apply_resume"),
    ("common/compress.c", "compress payload"),
    ("common/apply*.c", "apply apply_tar apply_delta apply_image apply_resume"),
    ("common/delta*.c", "delta delta_map delta_predict delta_payload"
     " delta_members delta_prefix delta_record apply_delta"),
    ("common/member*.c", "member delta_members"),
    ("common/tree*.c", "tree tree_disk tree_flow writer apply apply_tar apply_delta apply_resume"),
    ("common/rd.c", "rd"),
    ("common/utc.c", "utc"),
    ("common/der.c", "der ec x509"),
    ("common/ec.c", "ec"),
    ("common/x509_names.c", "x509_names"),
    ("common/x509*.c", "x509 x509_openssl registry keeper"),
    ("common/pem.c", "pem"),
    ("common/hkdf.c", "hkdf"),
    ("common/release.c", "release policy"),
    ("common/order.c", "order statement"),
    ("common/order_draft.c", "order_draft"),
    ("common/order_step.c", "order_step"),
    ("common/assign.c", "assign statement"),
    ("common/bucket.c", "bucket"),
    ("common/vital.c", "vital"),
    ("common/claim.c", "claim identity"),
    ("common/chance.c", "chance"),
    ("common/example_keys.c", "example_keys known"),
    ("common/signed_json.c", "signed_json"),
    ("common/image.c", "image apply_image"),
    ("common/image_disk.c", "image_disk apply_image"),
    ("common/external.c", "external"),
    ("common/wire*.c", "wire wire_body wire_enrol"),
    ("common/text.c", "text"),
    ("common/fs*.c", "fs fs_lock"),
    ("common/statement.c", "statement"),
    ("common/floor.c", "statement"),
    ("common/stepback.c", "statement"),
    ("common/site.c", "site"),
    ("common/merkle.c", "merkle"),
    ("common/stream.c", "stream"),
    ("common/aead.c", "aead stream"),
    ("common/hpke.c", "hpke"),
    ("common/keybox.c", "keybox recipients"),
    ("update-server/orders.c", "server_orders"),
    ("update-server/rights.c", "rights"),
    ("update-server/audit_keys.c", "audit_keys"),
    ("update-server/audit_checkpoint.c", "audit audit_keys"),
    ("updater-client/device_key.c", "device_key identity"),
    ("updater-client/tls_key.c", "tls_key"),
    ("updater-client/token.c", "token"),
    ("updater-client/token_pkcs11.c", "token device_key"),
    ("updater-client/posture.c", "posture"),
    ("updater-client/cohort.c", "cohort"),
    ("updater-client/twin.c", "twin floor_record"),
    ("updater-client/walk.c", "walk"),
    ("updater-client/journal.c", "journal"),
    ("updater-client/orders.c", "client_orders"),
    ("updater-client/policy.c", "policy"),
    ("updater-client/refusals.c", "refusals"),
    ("updater-client/floor_record.c", "floor_record twin ratchet"),
    ("updater-client/checkpoint.c", "checkpoint twin"),
    ("updater-client/ratchet.c", "ratchet"),
    ("updater-client/counter.c", "counter ratchet"),
    ("updater-client/survey.c", "client_survey"),
    ("updater-client/trust.c", "trust"),
    ("updater-client/fetch.c", "fetch"),
    ("updater-client/reimage.c", "reimage"),
    ("common/way.c", "way policy ways"),
    ("update-server/ways.c", "ways"),
    ("update-server/floor_import.c", "ways"),
    ("update-server/as_device.c", "as_device"),
    ("update-server/documents.c", "ways"),
    ("update-server/store_replay.c", "store_replay"),
    ("update-server/store_re[at]*.c", "store_return store_replay"),
    ("update-server/lineage.c", "lineage"),
    ("common/log_keys.c", "log_keys"),
    ("update-server/log_listed.c", "log_listed"),
    ("update-server/unknowns.c", "unknowns"),
    ("updater-client/trouble.c", "trouble"),
    ("updater-client/history.c", "history"),
    ("updater-client/writer.c", "writer writer_apply fill"),
    ("updater-client/slot_image.c", "slot_image"),
    ("updater-client/slot_tree.c", "slot_tree"),
    ("updater-client/intake.c", "intake"),
    ("updater-client/unwrap.c", "unwrap"),
    ("updater-client/confine.c", "confine"),
    ("signer/known.c", "known"),
    ("signer/checklist.c", "checklist"),
    ("signer/envelope.c", "envelope"),
    ("signer/recipients.c", "recipients"),
    ("signer/rules.c", "rules"),
    ("signer/signing.c", "signing"),
    ("signer/cmd_publish.c", "cmd_publish"),
    ("signer/outlet.c", "outlet"),
    ("signer/online.c", "online"),
    ("common/registry.c", "registry"),
    ("common/keyfile.c", "keyfile"),
    ("common/keyring.c", "keyring"),
    ("update-server/signed_keys.c", "signed_keys"),
    ("updater-client/source_folder.c", "source_folder"),
    ("update-server/envelopes.c", "envelopes"),
    ("common/decrypt_key.c", "decrypt_key"),
    ("update-server/http.c", "http"),
    ("update-server/blobs.c", "blobs"),
    ("update-server/order_change.c", "order_change"),
    ("update-server/api_order.c", "api_order"),
    ("update-server/unused.c", "unused"),
    ("update-server/order_trust.c", "order_trust"),
    ("update-server/listed.c", "order_trust"),
    ("update-server/order_desk.c", "order_desk order_change"),
    ("update-server/order_import.c", "order_import"),
    ("update-server/audit_record.c", "audit"),
    ("update-server/unknowns.c", "unknowns"),
    ("update-server/keeper_office.c", "keeper"),
    ("update-server/keeper_metadata.c", "keeper"),
    ("update-server/keeper_log.c", "keeper"),
    ("update-server/keeper_registry.c", "keeper_registry keeper"),
    ("update-server/keeper_people.c", "keeper_people keeper"),
    ("update-server/keeper.c", "keeper"),
    ("update-server/warrant.c", "warrant keeper"),
    ("update-server/ledger.c", "ledger ledger_check"),
    ("update-server/ledger_check.c", "ledger_check"),
    ("update-server/audit_verify.c", "audit_verify audit"),
    ("update-server/device_ca.c", "device_ca ca_record"),
    ("update-server/ca_record.c", "ca_record"),
    ("updater-client/first_use.c", "first_use"),
    ("updater-client/tls_clock.c", "tls_clock"),
    ("updater-client/hook.c", "hook"),
    ("updater-client/identity.c", "identity"),
    ("updater-client/settings.c", "settings"),
    ("updater-client/whereabouts.c", "whereabouts"),
    ("signer/unwrap.c", "unwrap"),
    ("signer/unwrap_kind.c", "unwrap"),
    ("signer/unwrap_head.c", "unwrap_head"),
    ("signer/unwrap_end.c", "unwrap_end"),
    ("signer/sift_archive.c", "sift_archive"),
    ("signer/scan.c", "scan"),
    ("signer/sift.c", "sift_end sift sift_archive"),
    ("signer/sift_judge.c", "sift_refusal sift sift_archive"),
    ("signer/published.c", "published"),
    ("signer/tree_scan.c", "tree_scan"),
    ("signer/bare_keys.c", "sift sift_archive"),
    ("signer/secrets_der.c", "secrets_der secrets"),
    ("signer/secrets_text.c", "secrets_text secrets"),
    ("signer/secrets.c", "secrets"),
    ("signer/scalars.c", "scalars"),
    ("signer/member_find.c", "member_find delta_pack"),
    ("signer/member_prove.c", "member_find delta_pack"),
    ("signer/content_key.c", "content_key"),
    ("signer/disk_parts.c", "disk_parts"),
    ("signer/ext4_open.c", "peek"),
    ("signer/peek*.c", "peek sift"),
]
B = os.environ.get("B", "build/release")
CC = shlex.split(os.environ.get("CC", "gcc"))
CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-I.",
          '-DVERSION="%s"' % open("VERSION").read().strip(), "-O0", "-w",
          "-fPIE"]
# The client's objects as they stand: to compile them once more as a whole for
# each mutant costs more than running its tests.
LINK = CC + ["-pie", "-fno-lto"]
# make says which; without it, those that are known here.
LIBS = shlex.split(os.environ.get("LIBS") or (
    "-lcmocka -lubootenv -lseccomp -luv -lsqlite3 -lmbedtls -lcurl -lssl "
    "-lcrypto -larchive -lzstd -llzma -lz -llz4 -ldivsufsort -lext2fs "
    "-lpthread -lmbedx509 -lmbedcrypto -ljansson -linih"))
# Of two objects that stand beside the archives, that of the servers.
DIGEST = "%s/obj/common/digest_mbedtls.o" % B
ARCHIVES = ["signer", "update-server", "updater-client", "common"]
RUN_SEC = 60
FAILS = re.compile(r"\berr_(set|sys|in)\(|return -1;|return false;|goto \w+;"
                   r"|return err_|bad = true|->bad")


# ---- reading C --------------------------------------------------------------

def blank(text):
    """The same text with comments and literals made of spaces."""
    def hide(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\])+\'',
                  hide, text, flags=re.S)


def closing(text, at):
    """Where the bracket that opens at `at` closes."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    return len(text) - 1


def operands(text, start, end):
    """Top-level operands of || in text[start:end], without white space."""
    depth, first, found = 0, start, []
    for i in range(start, end):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0 and text.startswith("||", i):
            found.append((first, i))
            first = i + 2
    found.append((first, end))
    return [(a + len(text[a:b]) - len(text[a:b].lstrip()),
             b - len(text[a:b]) + len(text[a:b].rstrip())) for a, b in found]


def branch(text, at):
    """The statement or block that begins at or after `at`."""
    while text[at].isspace():
        at += 1
    if text[at] == "{":
        return text[at:closing(text, at) + 1]
    return text[at:text.index(";", at) + 1]


def mutants(source):
    with open(source) as f:
        text = f.read()
    plain = blank(text)
    found = {}

    def add(start, end, new):
        what = " ".join(text[start:end].split())
        found[(start, end)] = (text.count("\n", 0, start) + 1, what, new)

    for match in re.finditer(r"\bif \(", plain):
        start, end = match.end(), closing(plain, match.end() - 1)
        if not FAILS.search(branch(plain, end + 1)):
            continue
        for a, b in operands(plain, start, end):
            add(a, b, "0")
    for match in re.finditer(r"\b(return|rc =) ([^;]*?)(\? *-1\s*: 0)?;",
                             plain, flags=re.S):
        start, end = match.start(2), match.end(2)
        if match.group(3) or (match.group(1) == "rc =" and
                              re.search(r", e\)$", match.group(2).strip())):
            for a, b in operands(plain, start, end):
                if "(" in plain[a:b]:
                    add(a, b, "0")
        elif match.group(1) == "return" and re.search(
                r"^(err_set|err_sys)\(|, e\)$", match.group(2).strip()):
            before = plain[:match.start()].rstrip()
            # What an `if` guards was removed with its condition.
            if not before.endswith(")") and not before.endswith("else"):
                add(match.start(2), match.end(2), "0")
    for (start, end), (line, what, new) in sorted(found.items()):
        yield (source, line, what,
               text[:start] + new + text[end:])


# ---- judging ----------------------------------------------------------------

def tests_of(source):
    """Object files of its tests, the one of its own name first."""
    own = os.path.basename(source)[:-2]
    for pattern, names in MODULES:
        if source in glob.glob(pattern):
            return ["%s/obj/tests/unit/test_%s.o" % (B, n)
                    for n in sorted(names.split(), key=lambda n: n != own)
                    if os.path.exists("tests/unit/test_%s.c" % n)]
    sys.exit("%s: no tests are named for it in MODULES" % source)


def run(argv, seconds=RUN_SEC, **more):
    """In a session of its own: what a mutant kills may be its whole group."""
    try:
        return subprocess.run(argv, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=seconds,
                              start_new_session=True, **more).returncode
    except subprocess.TimeoutExpired:
        return -1


def survives(mutant):
    """None: it was found. Else why not."""
    source, _, _, text = mutant
    with tempfile.TemporaryDirectory() as folder:
        changed, obj = folder + "/mutant.c", folder + "/mutant.o"
        program = folder + "/test"
        with open(changed, "w") as f:
            f.write(text)
        if run(CC + CFLAGS + ["-c", "-o", obj, changed]):
            return None     # the compiler found it
        for test in tests_of(source):
            if run(LINK + ["-o", program, test, obj, DIGEST] +
                   ["%s/lib%s.a" % (B, a) for a in ARCHIVES] +
                   ["-Wl,--as-needed"] + LIBS):
                return "%s does not link" % test
            if run([program], env=dict(os.environ, CMOCKA_TEST_ABORT="1")):
                return None
    return "survived"


def insist_on_tests(sources, pool, each):
    """Tests that fail anyway would find everything. Not each: one source for
    all that have the same tests, as a sample has little time."""
    if not each:
        sources = {tuple(sorted(tests_of(s))): s
                   for s in sources}.values()
    whole = [(s, 0, "", open(s).read()) for s in sources]
    for source, why in zip(sources, pool.map(survives, whole)):
        if why != "survived":
            sys.exit("%s: %s" % (source, why or "its tests fail without a "
                                 "mutant (built? PAWL_VECTORS?)"))


def allowed():
    """file, what: each with its reason in the line above."""
    with open("tests/check/mutants.txt") as f:
        return {tuple(line.rstrip("\n").split("\t", 1)) for line in f
                if line.strip() and not line.startswith("#")}


def insist_on_mutants(known):
    """What is listed and no longer there would hide what comes in its place."""
    there = {s: {m[2] for m in mutants(s)} if os.path.exists(s) else ()
             for s, _ in known}
    for source, what in sorted(known):
        if what not in there[source]:
            sys.exit("tests/check/mutants.txt: no such mutant: %s: %s" %
                     (source, what))


def main():
    args, seconds = sys.argv[1:], None
    if args[:1] == ["--seconds"]:
        seconds, args = int(args[1]), args[2:]
    sources = args or sorted({s for p, _ in MODULES for s in glob.glob(p)})
    known = allowed()
    insist_on_mutants(known)
    todo = [m for s, _, line in (a.partition(":") for a in sources)
            for m in mutants(s)
            if (s, m[2]) not in known and line in ("", str(m[1]))]
    if seconds:
        # Another sample each day, the same one all day.
        random.Random(time.strftime("%F")).shuffle(todo)
    bad = done = 0
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        insist_on_tests(sorted({s.partition(":")[0] for s in sources}), pool,
                        not seconds)
        deadline = time.time() + seconds if seconds else None
        for i in range(0, len(todo), 8 * workers):
            if deadline and time.time() > deadline:
                break
            part = todo[i:i + 8 * workers]
            for mutant, why in zip(part, pool.map(survives, part)):
                done += 1
                if why:
                    bad += 1
                    print("%s:%d: %s: %s" % (mutant[0], mutant[1], why,
                                             mutant[2]), flush=True)
    print("%d of %d mutants tried, %d survived" % (done, len(todo), bad))
    sys.exit(1 if bad or not done else 0)


if __name__ == "__main__":
    main()
