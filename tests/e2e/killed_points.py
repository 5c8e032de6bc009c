"""What 93-killed-points.sh asks: killed_points.py WORK PROGRAM SHIM.

An act is done while the server is killed before one of the changes of its disk
that the act makes (tests/crash/shim.c): before the first and in the midst of what
is written, before the last, when all is written and nothing is answered, and in
what the tick makes of it. Then it is said again, as who got no answer does."""
import atexit
import http.client
import os
import sqlite3
import struct
import subprocess
import sys
import time

from fleet import Fleet, People, Refused

work, program, shim = sys.argv[1:4]
NOTES = work + "/shim-notes"
AT = 1 << 40
kills = 0


class Server:
    """In a session of its own: what is killed is it and its keeper."""

    def start(self):
        listeners = work + "/server/run/listeners.json"
        if os.path.exists(listeners):
            os.unlink(listeners)
        with open(NOTES, "wb") as f:
            f.write(bytes(264))
        self.process = subprocess.Popen(
            [program, "run", work + "/server"], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=open(work + "/server.log", "ab"),
            env=dict(os.environ, LD_PRELOAD=shim, PAWL_SHIM_HOW="stop",
                     PAWL_SHIM_UNDER=work + "/server", PAWL_SHIM_NOTES=NOTES,
                     PAWL_SHIM_AT=str(AT)))
        for _ in range(3000):
            if os.path.exists(listeners):
                return
            if self.process.poll() is not None:
                sys.exit("the server does not start: %s" % self.process.poll())
            time.sleep(0.02)
        sys.exit("the server does not come up")

    def count(self):
        with open(NOTES, "rb") as f:
            return struct.unpack("<Q", f.read(8))[0]

    def arm(self, k):
        with open(NOTES, "r+b") as f:
            f.write(struct.pack("<Q", AT - k if k else 0))

    def died(self):
        """Or else nothing that kills it is left to come."""
        for _ in range(250):
            if self.process.poll() is not None:
                return True
            time.sleep(0.02)
        self.arm(0)
        # It may have come to that point a moment before.
        time.sleep(0.1)
        return self.process.poll() is not None


server = Server()
server.start()
# Also where something is not as it should be.
atexit.register(lambda: server.process.kill())
admin = People(work)


def equal(got, wanted, what):
    if got != wanted:
        sys.exit("%s: %r, not %r" % (what, got, wanted))


def check_counters(what):
    db = sqlite3.connect(work + "/server/store.sqlite")
    counted = {tuple(row[:-1]): row[-1] for row in db.execute(
        "SELECT rollout, phase, epoch, state, code, counted, n FROM counter"
        " WHERE n > 0")}
    real = {tuple(row[:-1]): row[-1] for row in db.execute(
        "SELECT rollout, phase, epoch, state, code, counted AND NOT stone,"
        " count(*) FROM attempt GROUP BY 1, 2, 3, 4, 5, 6")}
    db.close()
    equal(counted, real, what + ": the counters are not those of attempts")


def records(name):
    return [a["act"] for a in admin.acts()
            if a["objects"].get("rollout") == name]


def patiently(act):
    end = time.monotonic() + 60
    while True:
        try:
            return act()
        except (OSError, http.client.HTTPException):
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def at_points(what, prepare, seen, later=()):
    """prepare() makes something to act on, and returns the act; seen() looks at
    what came of it. later: so many changes after those of the act itself."""
    global kills
    act = prepare()
    before = server.count()
    act()
    n = server.count() - before
    seen()
    if n < 4:
        sys.exit("%s: changes the disk %d times?" % (what, n))
    for k in sorted({1, n // 2, n - 1, n, n + 1, *(n + i for i in later)}):
        act = prepare()
        server.arm(k)
        try:
            act()
        except (OSError, http.client.HTTPException):
            pass
        if server.died():
            kills += 1
            server.start()
        patiently(act)
        seen()
        check_counters("%s, killed before change %d of %d" % (what, k, n))


# ---- acts of a person --------------------------------------------------------

LAX = {"max_fail": 9999, "breaker": 10000, "attempts": 100}
admin.begin("kept", "r1", shares=[10000], watch=[0], policy=LAX)
doing = {}


def on_kept(verb, other):
    def prepare():
        r = admin.rollout("kept")
        if (r["state"] == "paused") == (verb == "pause"):
            r = admin.act(other, "kept", reason="the other way")
        doing.update(revision=r["revision"], before=records("kept"))
        return lambda: admin.act(verb, "kept", revision=doing["revision"],
                                 reason="again and again")

    def seen():
        equal(admin.rollout("kept")["revision"], doing["revision"] + 1,
              verb + " is one change")
        equal(records("kept"), doing["before"] + ["rollout-" + verb],
              verb + " is one record")

    at_points(verb, prepare, seen)


on_kept("pause", "resume")
on_kept("resume", "pause")


def to_start():
    doing["name"] = "s%d" % doing.get("starts", 0)
    doing["starts"] = doing.get("starts", 0) + 1
    admin.create(doing["name"], "r1", shares=[10000], watch=[0], policy=LAX)
    plan = patiently(lambda: admin.get("rollout-plan/" + doing["name"]))
    return lambda: admin.act("start", doing["name"], plan=plan["plan"],
                             revision=plan["revision"])


def has_started():
    r = admin.rollout(doing["name"])
    equal((r["state"], records(doing["name"]).count("rollout-start")),
          ("running", 1), "it started once")
    admin.act("abort", doing["name"], reason="it was to start")


at_points("start", to_start, has_started)

# ---- devices' words, and what the gate makes of them -------------------------

fleet = Fleet(work, admin, 2)
admin.act("abort", "kept", reason="others come")


def to_report():
    doing["name"] = "g%d" % doing.get("gates", 0)
    doing["gates"] = doing.get("gates", 0) + 1
    admin.begin(doing["name"], "r1", shares=[10000], watch=[0],
                policy={"attempts": 100})
    for d in fleet:
        patiently(d.check_in)
        if not d.offer:
            sys.exit("nothing is offered by " + doing["name"])
        d.install()
    fleet[0].report("failed", "HEALTH_FAILED")
    n = fleet[1].sequence[fleet[1].offer["attempt"]] + 1
    return lambda: fleet[1].report("failed", "HEALTH_FAILED", sequence=n)


def has_stopped():
    end = time.monotonic() + 60
    patiently(lambda: admin.rollout(doing["name"]))
    while admin.rollout(doing["name"])["state"] != "paused":
        if time.monotonic() > end:
            sys.exit("it does not stop: %s" % admin.rollout(doing["name"]))
        time.sleep(0.05)
    r = admin.rollout(doing["name"])
    equal((r["pause"], r["counts"]["failed"],
           records(doing["name"]).count("rollout-pause")), ("gate", 2, 1),
          "the gate stops it once")
    admin.act("abort", doing["name"], reason="seen")


# The gate's own commit is the tick's, within a second of the report.
at_points("a report that stops it", to_report, has_stopped, (5, 12, 20))
# ---- a word that a person carried here, which is taken once ------------------

device = fleet[0]
runs = next({k: r[k] for k in ("id", "seq", "digest")}
            for r in admin.get("releases")["releases"] if r["id"] == "r1")


def brought():
    return [a["act"] for a in admin.acts()
            if a["objects"].get("device") == device.id].count("device-report")


def to_carry():
    doing["name"] = "h%d" % doing.get("hands", 0)
    doing["hands"] = doing.get("hands", 0) + 1
    patiently(device.check_in)
    # It ran it, and no longer does: that is not held against it.
    admin.post("/v1/people/device-clear", id=device.id, reason="once more")
    admin.begin(doing["name"], "r1", shares=[10000], watch=[0], policy=LAX)
    patiently(device.check_in)
    if not device.offer:
        sys.exit("nothing is offered by " + doing["name"])
    device.install()
    device.activation += 1
    doing["brought"] = brought()
    word = device.word(runs, device.activation)

    def carry():
        try:
            admin.ask("PUT", "/v1/people/device-report", word)
        except Refused as e:
            if "is known already" not in str(e):
                raise
    return carry


def is_carried():
    d = patiently(lambda: admin.get("device/" + device.id))
    equal((d["release"], d["attempts"][-1]["state"], brought()),
          ("r1", "confirmed", doing["brought"] + 1),
          "the word is on record, and what it says")
    admin.act("abort", doing["name"], reason="seen")
    device.activation += 1


at_points("a word that was carried", to_carry, is_carried)
if kills < 12:
    sys.exit("only %d kills" % kills)
server.process.terminate()
server.process.wait()
print("%d kills, each at a chosen point" % kills)
