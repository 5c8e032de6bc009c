"""What 94-staged-edges.sh asks of the server: edge_cases.py WORK."""
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time

from fleet import Fleet, People, Refused

work = sys.argv[1]
admin, bob = People(work), People(work, "bob", "bob")
releases = {r["id"]: {k: r[k] for k in ("id", "seq", "digest")}
            for r in admin.get("releases")["releases"]}


def equal(got, wanted, what):
    if got != wanted:
        sys.exit("%s: %r, not %r" % (what, got, wanted))


def last_seen(device):
    """To the second, as the server's gates know it."""
    db = sqlite3.connect(work + "/server/store.sqlite")
    return db.execute("SELECT last_seen FROM device WHERE id = ?",
                      (bytes.fromhex(device.id),)).fetchone()


def refused(status, what, *args, **more):
    try:
        what(*args, **more)
    except Refused as e:
        equal(e.status, status, str(e))
        return str(e)
    sys.exit("not refused: %s %s" % (args, more))


def until(name, what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        r = admin.rollout(name)
        if what(r):
            return r
        time.sleep(0.1)
    sys.exit("%s: %s, %s" % (name, r["verdict"], r["counts"]))


def cut_off(d):
    """The connection that it keeps has ended; it may make another."""
    try:
        d.wire.ask("GET", "/targets/kiosk/r2/none")
    except Refused as e:
        sys.exit("its connection is open still: %s" % e)
    except (OSError, http.client.HTTPException):
        return
    sys.exit("its connection is open still")


def state_of(d, rollout):
    """Of its newest attempt there."""
    return [a for a in admin.get("device/" + d.id)["attempts"]
            if a["rollout"] == rollout][-1]


def why(d, rollout):
    return next(r for r in admin.get("device-why/" + d.id)["rollouts"]
                if r["rollout"] == rollout)


fleet = Fleet(work, admin, 12)
single = Fleet(work, admin, 1, "one")
other = Fleet(work, admin, 2, "other")
for d in [*fleet, *single, *other]:
    d.check_in()

# one device is one phase, and a share of less than one is one
admin.create("one", "r1", cohort="one")
plan = admin.get("rollout-plan/one")
equal([p["size"] for p in plan["phases"]], [1], "one phase")
admin.create("least", "r1", shares=[1])
equal(admin.rollout("least")["phases"][0]["size"], 1, "a hundredth percent")

# a draft: it is planned, and nobody approves or starts it before it is submitted
admin.create("sketch", "r1", shares=[10000], watch=[0], draft=True,
             policy={"four_eyes": 0})
r = admin.rollout("sketch")
equal((r["state"], r["waits_for"], r["author"]),
      ("draft", "submission", "admin"), "a draft")
equal(admin.get("rollout-plan/sketch")["population"] > 0, True, "its plan")
refused(412, bob.act, "approve", "sketch")
refused(412, admin.start, "sketch")
equal(fleet.check_in(), [], "nothing of a draft")
equal(bob.act("submit", "sketch")["state"], "pending-approval", "submitted")
refused(412, bob.act, "submit", "sketch", reason="again")
refused(403, admin.act, "approve", "sketch")
admin.act("abort", "sketch", reason="seen")
admin.create("one-eyed", "r1", shares=[10000], draft=True)
equal(admin.act("submit", "one-eyed")["state"], "scheduled", "one is enough")
admin.act("abort", "one-eyed", reason="seen")
equal([a["act"] for a in admin.acts() if a["objects"].get("rollout") == "sketch"],
      ["rollout-create", "rollout-submit", "rollout-abort"], "on record")

# a second person: the author does not approve, and nobody waves eyes away
admin.create("eyes", "r1", shares=[2000, 10000], watch=[0, 0],
             policy={"four_eyes": 0})
equal(admin.rollout("eyes")["waits_for"], "approval", "waits for")
refused(403, admin.act, "approve", "eyes")
refused(412, admin.start, "eyes")
equal(bob.act("approve", "eyes")["state"], "scheduled", "approved")
admin.start("eyes")
offered = fleet.check_in()
equal(len(offered), 3, "a fifth of twelve")
for d in offered[:2]:
    d.revert()
until("eyes", lambda r: r["state"] == "paused")
# what to do next is said, by commands that there are
said = admin.rollout("eyes")["next"]
if "take back the devices that run it" not in said["words"]:
    sys.exit("what to do next: %s" % said)
equal([c.split()[1] for c in said["commands"]], ["rollback", "resume", "abort"],
      "by which commands")
for c in said["commands"]:
    subprocess.run([os.environ["BIN"] + "/update-server", *c.split()[:2], "--help"],
                   check=True, capture_output=True)
shown = admin.command("rollout", "status", "eyes")
if "pawl-server rollout rollback eyes --reason TEXT" not in shown:
    sys.exit("status: %s" % shown)
r = admin.act("resume", "eyes", reason="a cable")
equal((r["state"], r["waits_for"]), ("paused", "second-person"), "asked")
equal(r["reason"], "2 of the first 5 failed, top reason HEALTH_FAILED (2)",
      "the gate's reason stays")
equal(admin.act("resume", "eyes", reason="a cable")["state"], "paused",
      "the same person twice")
r = bob.act("resume", "eyes", reason="seen, too")
equal((r["state"], r["epoch"]), ("running", 1), "two agree")
admin.act("abort", "eyes", reason="enough of it")
until("eyes", lambda r: r["counts"]["withdrawn"] == 1)
equal(why(fleet[0], "eyes")["verdict"], "closed", "an aborted one")
refused(412, admin.act, "resume", "eyes", reason="no")

# who is left out by name, and why a device gets what it gets
admin.begin("named", "r2", exclude=[fleet[0].id], shares=[10000], watch=[0],
            policy={"attempts": 2, "rest_sec": 3600, "breaker": 10000})
equal(fleet[0].check_in()["action"], "nothing", "left out")
w = why(fleet[0], "named")
equal(w["verdict"], "excluded", "in a word")
equal(why(fleet[1], "named")["limit"], "all", "all are open")
# reports come twice, late, and in any order; each is acknowledged
d = fleet[1]
d.check_in()
attempt = d.offer["attempt"]
d.report("installed", sequence=5)
d.report("downloading", sequence=6)
d.report("failed", "NETWORK", sequence=2)
d.report("installed", sequence=5)
equal(state_of(d, "named")["state"], "installed", "out of order")
d.run(releases["r2"])
d.check_in()
equal(state_of(d, "named")["state"], "confirmed", "seen")
# and what it runs now is the truth, even if every report was lost
d = fleet[2]
d.check_in()
d.run(releases["r2"])
d.check_in()
equal(state_of(d, "named")["state"], "confirmed", "reports lost")
# the same activation: nothing was started since the offer
d = fleet[3]
d.check_in()
d.release = releases["r2"]
d.check_in()
equal((state_of(d, "named")["state"], state_of(d, "named")["code"]),
      ("skipped", "ALREADY"), "not started")
d.release = None
# put off by a person, and taken up later
d.check_in()
d.report("deferred")
equal(state_of(d, "named")["state"], "deferred", "put off")
equal(d.check_in()["attempt"], d.offer["attempt"], "the same offer")
d.update(releases["r2"])
equal(state_of(d, "named")["state"], "confirmed", "taken up")
# something newer came by hand
d = fleet[4]
d.check_in()
d.run(releases["r3"])
equal(d.check_in()["action"], "nothing", "newer")
equal((state_of(d, "named")["state"], state_of(d, "named")["code"]),
      ("skipped", "NEWER"), "newer")
# came by hand before it was offered: no attempt, and counted out of band
d = other[0]
d.run(releases["r2"])
d.check_in()
equal(admin.get("device/" + d.id)["attempts"], [], "out of band")
# too often: a rest
d = fleet[5]
for n in (1, 2):
    d.check_in()
    d.report("failed", "NETWORK")
equal(d.check_in()["action"], "nothing", "after two of two")
w = why(d, "named")
equal((w["verdict"], w["attempt"], w["attempts"]), ("resting", 2, 2), "rests")
# a device that is revoked in the midst of it counts no more
d = fleet[6]
d.check_in()
d.report("downloading")
admin.command("device", "revoke", d.id, "--reason", "test")
r = until("named", lambda r: r["counts"]["retired"] == 1)
equal(r["gate"]["bad"], 0, "nobody's fault")

# superseded: what has installed finishes, the rest ends, at once or when it
# comes; a report about it is acknowledged and changes nothing of the attempt,
# but what it says runs is known
a, b = fleet[7], fleet[8]
a.check_in()
b.check_in()
before = b.offer["attempt"]
a.install()
admin.act("supersede", "named", reason="r3 is here")
b.report("downloading", attempt=before)
r = until("named", lambda r: r["counts"]["superseded"] >= 1)
equal(state_of(b, "named")["state"], "superseded", "had not installed")
b.activation += 1
b.report("rolled-back", "HEALTH_FAILED", attempt=before,
         running=releases["r2"]["digest"])
equal(state_of(b, "named")["state"], "superseded", "it has ended")
d = admin.get("device/" + b.id)
equal((d["release"], d["seq"], d["activation"], d["confirmed"]),
      ("r2", releases["r2"]["seq"], b.activation, True), "but it runs that")
a.run(releases["r2"])
a.check_in()
equal(state_of(a, "named")["state"], "confirmed", "had installed")

# the newest goes first, unless another has priority; urgent waits for nothing
admin.begin("new", "r3", shares=[10000], watch=[3600], urgent=True)
admin.begin("old", "r2", shares=[10000], watch=[3600], priority=5)
equal(fleet[9].check_in()["release"]["id"], "r2", "priority")
admin.act("pause", "old", reason="a look", revision=admin.rollout(
    "old")["revision"])
equal(fleet[9].check_in()["release"]["id"], "r3", "the other one")
equal(state_of(fleet[9], "old")["state"], "superseded", "one at a time")
fleet[9].update(releases["r3"])
until("new", lambda r: r["waits_for"] == "person")
# paused: nothing is offered; what waits may be told without a revision
equal(admin.post("/v1/people/rollout-pause", name="new",
                 reason="now")["state"], "paused", "at once")
equal(fleet[10].check_in()["action"], "nothing", "paused")
refused(412, admin.act, "advance", "new")

# a window is of the clock on the wall there
minute = int(time.time()) // 60 % 1440
admin.begin("night", "r3", cohort="other", shares=[10000], priority=9,
            window={"from": (minute + 120) % 1440,
                    "to": (minute + 180) % 1440})
equal(other[1].check_in()["reason"],
      "rollout night: outside the hours in which it is offered", "window")
admin.begin("day", "r3", cohort="other", shares=[10000], priority=9,
            window={"from": (minute + 120) % 1440,
                    "to": (minute + 180) % 1440, "zone_minutes": 150})
equal(other[1].check_in()["action"], "update", "two and a half hours east")

# who is selected, and why not; who leaves it in the midst of it ends there, and
# is nobody's fault
SAFE = {"sandbox": True}
a, b = fleet[0], fleet[10]
a.check_in(posture=SAFE)
b.check_in()
WHERE = "attr.sandbox = yes"
admin.create("safe", "r3", where=WHERE, shares=[10000], watch=[0], priority=8)
equal(admin.rollout("safe")["where"], WHERE, "where")
plan = admin.get("rollout-plan/safe")
equal(plan["population"], 1, "selected")
equal({"why": "not selected", "devices": 10} in plan["left_out"], True,
      "counted: %s" % plan["left_out"])
admin.start("safe")
equal(b.check_in()["action"], "nothing", "not selected")
w = why(b, "safe")
equal((w["verdict"], w["why"]), ("not-selected",
      "its selector does not match this device: " + WHERE), "why not")
equal(a.check_in(posture=SAFE)["release"]["id"], "r3", "selected")
a.report("downloading")
equal(a.check_in()["action"], "nothing", "it left the selector")
equal(state_of(a, "safe")["state"], "withdrawn", "in flight")
equal(state_of(a, "safe")["code"], "LEFT", "why")
equal(admin.rollout("safe")["gate"]["bad"], 0, "nobody's fault")
admin.act("abort", "safe", reason="seen")

# one that is pinned is left alone, also in the midst of it; one that came back
# is asked again once somebody has cleared it
a, b, c = fleet[0], fleet[10], fleet[11]
post = admin.post
c.run(releases["r1"])
c.check_in()
post("/v1/people/device-pin", id=c.id, reason="a customer's wish")
equal(admin.get("device/" + c.id)["pin"], "r1", "pinned to what it runs")
refused(409, post, "/v1/people/device-pin", id=c.id, reason="again")
refused(404, post, "/v1/people/device-pin", id=c.id, reason="x", release="r9")
refused(400, post, "/v1/people/device-pin", id=a.id, reason="runs none")
refused(400, post, "/v1/people/device-pin", id=c.id, reason="")
admin.create("keep", "r2", shares=[10000], watch=[0], priority=8,
             policy={"min_sample": 100})
plan = admin.get("rollout-plan/keep")
equal({"why": "pinned to another release", "devices": 1} in plan["left_out"],
      True, "counted: %s" % plan["left_out"])
admin.start("keep")
equal(c.check_in()["action"], "nothing", "pinned")
equal(why(c, "keep")["verdict"], "pinned", "why")
equal(a.check_in()["release"]["id"], "r2", "not pinned")
post("/v1/people/device-pin", id=a.id, reason="later", release="r1")
equal(a.check_in()["action"], "nothing", "pinned in the midst of it")
equal((state_of(a, "keep")["state"], state_of(a, "keep")["code"]),
      ("skipped", "PINNED"), "its attempt")
post("/v1/people/device-unpin", id=a.id, reason="it is later")
refused(409, post, "/v1/people/device-unpin", id=a.id, reason="twice")
equal(a.check_in()["action"], "update", "unpinned")
a.revert()
equal(a.check_in()["action"], "nothing", "it came back")
equal(why(a, "keep")["verdict"], "rolled-back", "why not")
# blocked: it may speak, and is given nothing, not by another's url either
post("/v1/people/device-clear", id=a.id, reason="a new disk")
refused(404, a.wire.ask, "GET", "/targets/kiosk/r2/none")
equal(a.check_in()["action"], "update", "before it is blocked")
post("/v1/people/device-block", id=a.id, reason="stolen, or so they say")
cut_off(a)
refused(409, post, "/v1/people/device-block", id=a.id, reason="again")
equal(admin.get("device/" + a.id)["state"], "blocked", "shown")
refused(403, a.wire.ask, "GET", "/targets/kiosk/r2/none")
# a floor, a halt or where the server is now it may have, if there is one
refused(404, a.wire.ask, "GET", "/targets/floor/none.json")
refused(403, a.wire.ask, "GET", "/v1/envelope/" + "0" * 64)
equal(a.check_in()["action"], "nothing", "blocked in the midst of it")
equal((state_of(a, "keep")["state"], state_of(a, "keep")["code"]),
      ("skipped", "BLOCKED"), "its attempt ended")
equal(why(a, "keep")["verdict"], "blocked", "why")
admin.create("drawn", "r3", shares=[10000], watch=[0])
equal({"why": "blocked", "devices": 1} in
      admin.get("rollout-plan/drawn")["left_out"], True, "counted")
admin.act("abort", "drawn", reason="only drawn")
post("/v1/people/device-unblock", id=a.id, reason="it was found")
refused(409, post, "/v1/people/device-unblock", id=a.id, reason="twice")
equal(a.check_in()["action"], "update", "unblocked")
a.revert()
equal(a.check_in()["action"], "nothing", "it came back again")
post("/v1/people/device-clear", id=a.id, reason="a new power supply")
refused(409, post, "/v1/people/device-clear", id=a.id, reason="nothing left")
# two of the first five: the gate has stopped it meanwhile
until("keep", lambda r: r["state"] == "paused")
admin.act("resume", "keep", reason="it was the power supply")
equal(a.check_in()["action"], "update", "cleared")
post("/v1/people/device-unpin", id=c.id, reason="done")
c.release = None
admin.act("abort", "keep", reason="seen")

# what a device says is not for it is no failure of the release
admin.begin("not-for", "r3", shares=[10000], watch=[0], priority=8)
a.check_in()
a.report("failed", "HARDWARE")
equal((state_of(a, "not-for")["state"], state_of(a, "not-for")["code"]),
      ("skipped", "HARDWARE"), "not for it")
notfor = admin.rollout("not-for")
equal([(s["state"], s["code"], s["n"]) for s in notfor["skips"]],
      [("skipped", "HARDWARE", 1)], "counted by why")
equal((notfor["gate"]["bad"], notfor["counts"]["skipped"]), (0, 1), "not as bad")
admin.act("abort", "not-for", reason="seen")

# a code that stops at once is told by its name
admin.begin("smoke", "r3", shares=[10000], priority=9, watch=[0],
            policy={"stop_codes": ["SMOKE", "FIRE"]})
fleet[0].check_in()
fleet[0].report("failed", "FIRE")
r = until("smoke", lambda r: r["state"] == "paused")
equal(r["reason"], "a device reported a code that stops at once: FIRE (1)",
      "which code")
admin.act("abort", "smoke", reason="seen")

# payloads that cannot be had stop it by a breaker of their own
admin.begin("breaker", "r3", shares=[10000], priority=9, watch=[0],
            policy={"breaker": 100})
for d in (fleet[0], fleet[10], fleet[11]):
    d.check_in()
    d.report("failed", "NOT_FOUND", evidence="GET https://u:pw@host/x: 404")
r = until("breaker", lambda r: r["state"] == "paused")
equal(r["pause"], "payload-trouble", "the breaker")
equal(r["reason"].partition("), ")[2], "top reason NOT_FOUND (3)",
      "of what")
equal(state_of(fleet[0], "breaker")["evidence"],
      "GET https://[redacted]@host/x: 404", "no secret is kept")

# a rollout over those that all have it: its population is who it counts; and of
# those that run it, who still has an older one in the other slot
admin.command("cohort", "create", "settled")
settled = Fleet(work, admin, 3, "settled")
for d in settled[:2]:
    d.release = releases["r2"]
    d.check_in()
for d in settled:
    d.release = releases["r3"]
    d.activation += 1
    d.check_in()
admin.create("again", "r3", cohort="settled")
ids = [d["id"] for d in admin.get("list/members/again")["devices"]]
equal((admin.rollout("again")["population"], sorted(ids)),
      (3, sorted(d.id for d in settled)), "whom it is for, though they have it")
held = admin.get("list/holds/again/r2")["devices"]
equal(sorted(d["id"] for d in held), sorted(d.id for d in settled[:2]),
      "who could go back by itself")
equal(admin.get("list/holds/again/r1")["devices"], [], "to that nobody could")

# a device that no network reaches: people carry its word, which it signed
stick = work + "/stick"
os.makedirs(stick + "/devices")


def carried(*words):
    """The exit status of an import, and what it counts."""
    for old in os.listdir(stick + "/devices"):
        os.unlink(stick + "/devices/" + old)
    for n, word in enumerate(words):
        with open("%s/devices/%d.word" % (stick, n), "w") as f:
            f.write(word)
    done = subprocess.run(
        [os.environ["BIN"] + "/update-server", "bundle", "import", stick,
         "--json", "--operator", work + "/server/admin/operator.conf"],
        capture_output=True, text=True)
    counts = json.loads(done.stdout)
    return (done.returncode, counts["devices"], counts["known"],
            counts["refused"])


far, near = fleet[10], fleet[11]
admin.begin("by-hand", "r2", shares=[10000], watch=[0], priority=8)
days = [time.strftime("%Y-%m-%d", time.gmtime())]
far.check_in()
said = admin.get("device/" + far.id)["last_seen"]
days.append(time.strftime("%Y-%m-%d", time.gmtime()))
equal(said in days, True, "the day, and no more: " + said)
seen = last_seen(far)
word = far.word(releases["r2"], far.activation + 1)
equal(carried(word.replace(far.id, near.id)), (6, 0, 0, 1), "another's name")
equal(carried(word.replace('"activation": ', '"activation": 1')), (6, 0, 0, 1),
      "changed on the way")
equal(carried(word[:-9]), (4, 0, 0, 1), "cut off")
equal(carried("pawl/hand/v1 %s\n{}\n00\n" % ("0" * 32), word), (13, 1, 0, 1),
      "one that is nobody's keeps no other from being heard")
equal((state_of(far, "by-hand")["state"],
       last_seen(far)), ("confirmed", seen),
      "carried by hand: it runs there, and was not seen")
equal(carried(word), (0, 0, 1, 0), "carried again: nothing new")
far.activation += 2
far.release = releases["r3"]
far.check_in()
equal(carried(word), (0, 0, 1, 0), "and late")
equal(admin.get("device/" + far.id)["release"], "r3", "what it said last")
trial = far.word(releases["r2"], far.activation + 1, confirmed=False)
settled = far.word(releases["r2"], far.activation + 1)
equal((carried(trial), carried(settled), carried(trial)),
      ((0, 1, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)), "on trial, and then settled")
admin.command("device", "revoke", far.id, "--reason", "lost")
equal(carried(far.word(releases["r3"], far.activation + 9)), (10, 0, 0, 1),
      "of a device that was revoked")
admin.act("abort", "by-hand", reason="seen")

# what nobody may say
refused(400, admin.create, "bad", "r1", policy={"max_fail": 0})
refused(400, admin.create, "bad", "r1", policy={"no_such": 1})
refused(400, admin.create, "bad", "r1", shares=[5, 5])
refused(400, admin.create, "bad", "r1", window={"from": 5, "to": 5})
refused(400, admin.create, "bad", "r1", exclude=["12"])
refused(400, admin.create, "bad", "r1", where="model ~ k1")
refused(413, admin.create, "bad", "r1", where="m" * 300)
refused(404, admin.create, "bad", "r9")
refused(404, admin.create, "bad", "r1", cohort="nobody")
refused(409, admin.create, "one", "r1")
