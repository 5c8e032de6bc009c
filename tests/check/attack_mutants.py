"""Attacks against programs without the check that stops them.

    attack_mutants.py [--seconds N] [CASE]...    N: a sample; make says with what

attack_mutants.txt says for each case of tests/e2e/ which check that is. The
program is built with it taken away, and the case must fail: else it passes for
another reason, and would not notice that the check is gone. Where a second line
stands behind it, the table says which, and the case must still pass.
"""
import concurrent.futures
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
import time

B = os.environ["B"]
CC = shlex.split(os.environ.get("CC", "gcc"))
CFLAGS = ["-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-I.",
          '-DVERSION="%s"' % open("VERSION").read().strip(), "-O1", "-w",
          "-fPIE"]
TABLE = "tests/check/attack_mutants.txt"
CLIENT, SERVER, FRONT = ("updater-client", "update-server",
                         "tests/tools/front-server")


def links(program):
    """What it is linked of, but for the changed module, which comes first."""
    part = "CLIENT" if program == CLIENT else "SERVER"
    libs, digest, common = (os.environ[v + part]
                            for v in ("LIBS_", "DIGEST_", "COMMON_"))
    main = program if program == FRONT else program + "/main"
    library = CLIENT if program == CLIENT else SERVER
    return (["%s/obj/%s.o" % (B, main)],
            [digest, "%s/lib%s.a" % (B, library), common, "-Wl,--as-needed"] +
            shlex.split(libs))


# Cases that a script of tests/e2e/ runs in one go: the script, the program that
# is built without the check, and how a case that passes is told there.
SCRIPTS = {
    "front_attack": ("50-front.sh", FRONT, r"ok (test_\w+) \("),
    "enrol_cases": ("31-enrolment.sh", SERVER, r"ok (.*)"),
    "encrypted_cases": ("87-encryption-edges.sh", CLIENT, r"(\w+): \d+, "),
    "stolen_keys": ("82-stolen-keys.sh", CLIENT, r"ok ([^:]*): "),
}

# Some cases of a file of cases, as its main() runs them all.
SOME = """
import importlib, sys
sys.path.insert(0, "tests/e2e")
name, *wanted = sys.argv[3:]
del sys.argv[3:]
cases, base = importlib.import_module(name), importlib.import_module("evil_cases")
for module in {cases, base}:
    for which in "CASES", "SEQUENCES":
        kept = [c for c in getattr(module, which, [])
                if (c[0] if isinstance(c, tuple) else c).__name__ in wanted]
        setattr(module, which, kept)
cases.main()
"""


def table():
    """Case, file of cases, source, text, what takes its place, second line."""
    with open(TABLE) as f:
        lines = [l.rstrip("\n").split("\t") for l in f
                 if l.strip() and not l.startswith("#")]
    for line in lines:
        assert len(line) in (5, 6), line
    return [tuple(l) + ("",) * (6 - len(l)) for l in lines]


def others(bin_, program):
    """The programs and tools as they are, but for that one."""
    os.makedirs(bin_ + "/tests/tools")
    names = ["signer", SERVER, CLIENT] + [
        "tests/tools/" + n for n in os.listdir(B + "/tests/tools")]
    for name in names:
        if name != program:
            os.symlink(os.path.abspath("%s/%s" % (B, name)), bin_ + "/" + name)


def build(program, source, text, new, folder):
    """The program without it, beside the others."""
    with open(source) as f:
        whole = f.read()
    if whole.count(text) != 1:
        return "%d times in %s: %s" % (whole.count(text), source, text)
    changed, obj = folder + "/mutant.c", folder + "/mutant.o"
    with open(changed, "w") as f:
        f.write(whole.replace(text, new))
    bin_ = folder + "/bin"
    others(bin_, program)
    before, after = links(program)
    for argv in (CC + CFLAGS + ["-c", "-o", obj, changed],
                 CC + ["-pie", "-o", bin_ + "/" + program] + before + [obj] +
                 after):
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            return "is not built: " + done.stderr[-2000:]
    return None


def passing_in_script(names, cases, bin_, work):
    script, _, told = SCRIPTS[cases]
    only = {"ONLY": names[0]} if len(names) == 1 else {}
    done = subprocess.run(
        ["sh", "tests/e2e/" + script], timeout=900, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
        env=dict(os.environ, BIN=bin_, WORK=work, PYTHONDONTWRITEBYTECODE="1",
                 **only))
    lines = [re.match(told, line) for line in done.stdout.splitlines()]
    return {m.group(1) for m in lines if m}, done.stdout


def passing(names, cases, bin_, folder):
    """Which of them pass, and what was said."""
    work = tempfile.mkdtemp(dir=folder)
    if cases in SCRIPTS:
        return passing_in_script(names, cases, bin_, work)
    done = subprocess.run(
        [sys.executable, "-c", SOME, bin_, work, cases, *names], timeout=900,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
    return {line[3:] for line in done.stdout.splitlines()
            if line.startswith("ok ")}, done.stdout


def insist(rows):
    """A case that fails anyway would prove nothing."""
    for cases in {row[1] for row in rows}:
        names = list({row[0] for row in rows if row[1] == cases})
        with tempfile.TemporaryDirectory() as folder:
            fine, said = passing(names, cases, os.path.abspath(B), folder)
        if set(names) - fine:
            sys.exit("%s: %s fail as they are, or are none: %s" % (
                cases, sorted(set(names) - fine), said[-2000:]))


def judge(mutant):
    """What is wrong with the rows of one program without its check."""
    (cases, *what), rows = mutant
    with tempfile.TemporaryDirectory() as folder:
        program = SCRIPTS[cases][1] if cases in SCRIPTS else CLIENT
        why = build(program, *what, folder)
        if why:
            return [why]
        names = [row[0] for row in rows]
        fine, _ = passing(names, cases, folder + "/bin", folder)
    wrong = []
    for name, *_, second in rows:
        if (name in fine) != bool(second):
            wrong.append("%s %s, %s: %s" % (
                name, "passes" if name in fine else "fails",
                "though %s stands behind" % second if second else
                "without its check", what[1]))
    return wrong


def main():
    args, seconds = sys.argv[1:], None
    if args[:1] == ["--seconds"]:
        seconds, args = int(args[1]), args[2:]
    rows = [row for row in table() if not args or row[0].replace(" ", "_") in args]
    mutants = {}
    for row in rows:
        mutants.setdefault(row[1:5], []).append(row)
    todo = list(mutants.items())
    if seconds:
        # Another sample each day, the same one all day.
        random.Random(time.strftime("%F")).shuffle(todo)
    insist([row for row in rows if row[1] not in SCRIPTS])
    insisted = set()
    bad = done = 0
    workers = len(os.sched_getaffinity(0))
    deadline = time.time() + seconds if seconds else None
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for i in range(0, len(todo), workers):
            if deadline and time.time() > deadline:
                break
            part = todo[i:i + workers]
            # A script takes a minute: only those of this sample.
            new = {what[0] for what, _ in part} & set(SCRIPTS) - insisted
            insist([row for row in rows if row[1] in new])
            insisted |= new
            for (_, those), wrong in zip(part, pool.map(judge, part)):
                done += len(those)
                bad += len(wrong)
                for line in wrong or ["ok " + row[0] for row in those]:
                    print(line, flush=True)
    print("%d attacks without the check that stops them, %d not as told" % (
        done, bad))
    sys.exit(1 if bad or not done else 0)


main()
