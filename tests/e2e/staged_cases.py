"""What 92-staged-fleet.sh asks of the server: staged_cases.py WORK."""
import sys
import time

from fleet import Fleet, People, Refused

work = sys.argv[1]
people = People(work)
releases = {r["id"]: {k: r[k] for k in ("id", "seq", "digest")}
            for r in people.get("releases")["releases"]}
# Dark is whoever is not heard of for longer than a busy machine takes for them all.
QUICK = {"dark_sec": 30, "dark_polls": 0, "poll_sec": 1}


def until(name, what, seconds=60):
    """The rollout, once this is true of it."""
    end = time.time() + seconds
    while time.time() < end:
        r = people.rollout(name)
        if what(r):
            return r
        time.sleep(0.1)
    sys.exit("%s: %s, %s" % (name, r["verdict"], r["counts"]))


def equal(got, wanted, what):
    if got != wanted:
        sys.exit("%s: %r, not %r" % (what, got, wanted))


fleet = Fleet(work, people, 200)
fleet.check_in()

# ---- a good release ----------------------------------------------------------

people.create("whole", "r1", watch=[1, 1, 1], policy=QUICK)
plan = people.get("rollout-plan/whole")
equal([p["size"] for p in plan["phases"]], [20, 50, 200], "phases")
equal([p["manual"] for p in plan["phases"]], [True, True, False], "clicks")
equal(plan["population"], 200, "population")
try:
    people.act("start", "whole", plan="0" * 64)
    sys.exit("another plan was started")
except Refused as e:
    equal(e.status, 412, "another plan")
people.start("whole")
canaries = fleet.check_in()
equal(len(canaries), 20, "canaries")
# An offer is the same until it has ended.
first = canaries[0].offer["attempt"]
equal(canaries[0].check_in()["attempt"], first, "asked again")
# Installed, and even said to be confirmed, is no success.
for d in canaries:
    d.install()
    d.report("confirmed")
r = people.rollout("whole")
equal(r["counts"]["installed"], 20, "installed")
equal(r["gate"]["confirmed"], 0, "confirmed by their word")
for d in canaries:
    d.run(releases["r1"])
    d.check_in()
r = until("whole", lambda r: r["waits_for"] == "person")
equal(r["counts"]["confirmed"], 20, "confirmed")
equal(r["phases"][0]["state"], "waiting for you", "the canary phase")
# Nobody else is offered anything until a person says so.
equal(len(fleet.check_in()), 0, "beyond the canaries")
people.act("advance", "whole")
second = fleet.check_in()
equal(len(second), 30, "the second phase")
for d in second:
    d.update(releases["r1"])
until("whole", lambda r: r["phase"] == 2 and r["waits_for"] == "person")
people.act("advance", "whole")
rest = fleet.check_in()
equal(len(rest), 150, "the rest")
# One has no room: that is said, and is not the release's fault.
rest[0].report("failed", "SPACE")
# One comes late, one not at all: silence blocks no phase.
for d in rest[1:]:
    d.update(releases["r1"])
r = until("whole", lambda r: r["state"] == "completed")
equal(r["counts"]["confirmed"], 199, "confirmed in the end")
equal([f["class"] for f in r["failures"]], ["environment"], "failures")
equal(rest[0].check_in()["action"], "update", "a second attempt")
rest[0].update(releases["r1"])
late = Fleet(work, people, 1)
equal(late[0].check_in()["action"], "update", "late, and still served")
late[0].update(releases["r1"])
equal(people.rollout("whole")["counts"]["confirmed"], 201, "the late one")
fleet += late

# ---- a bad one ---------------------------------------------------------------

people.begin("bad", "r2", watch=[1, 1, 1], policy=QUICK)
canaries = fleet.check_in()
for d in canaries[:2]:
    d.revert()
r = until("bad", lambda r: r["state"] == "paused")
equal(r["pause"], "gate", "what paused it")
equal(r["reason"], "2 of the first 5 failed, top reason HEALTH_FAILED (2)",
      "why")
revision = r["revision"]
# Those that have begun finish; nothing more is offered, and it stops once.
canaries[2].update(releases["r2"])
canaries[3].revert()
equal(len(fleet.check_in()), 0, "offers of what is paused")
time.sleep(2)
r = people.rollout("bad")
equal(r["revision"], revision, "it stopped again")
equal(r["counts"]["rolled-back"], 3, "rolled back")
pauses = [a for a in people.acts() if a["act"] == "rollout-pause"]
equal(len(pauses), 1, "pauses in the log")
equal(pauses[0]["actor"]["kind"], "gate", "who paused it")
# Going on takes a reason, and what failed before is over.
try:
    people.act("resume", "bad")
    sys.exit("resumed without a reason")
except Refused as e:
    equal(e.status, 400, "no reason")
r = people.act("resume", "bad", reason="a cable")
equal((r["state"], r["epoch"], r["gate"]["bad"]), ("running", 1, 0), "anew")
# A device that came back is not offered it again.
equal(canaries[0].check_in()["reason"],
      "rollout bad: this device tried it and came back", "a revert")
for d in canaries[4:6]:
    d.check_in()
    d.revert()
until("bad", lambda r: r["state"] == "paused")

# ---- silence -----------------------------------------------------------------

people.begin("silent", "r3", priority=1, watch=[0, 0, 0],
             policy=dict(QUICK, dark_sec=2, start_sec=2, start_polls=0))
canaries = fleet.check_in()
equal(len(canaries), 20, "canaries of the third")
for d in canaries[1:]:
    d.interval = 1
    if d is canaries[1]:
        d.install()  # and is not heard of again
    else:
        d.update(releases["r3"])
r = until("silent", lambda r: r["counts"]["dark"] == 1 and
          r["counts"]["stalled"] == 1)
equal(r["state"], "running", "one dark of twenty")
equal(r["gate"]["verdict"], "gathering", "a canary that does not come back")
canaries[1].run(releases["r3"])
canaries[1].check_in()
r = until("silent", lambda r: r["waits_for"] == "person")
equal(r["counts"]["confirmed"], 19, "the dark one came back")
equal(r["counts"]["stalled"], 1, "the one that never began counts not")

people.begin("nobody", "r4", priority=2, watch=[0, 0, 0],
             policy=dict(QUICK, evidence_sec=2))
r = until("nobody", lambda r: r["state"] == "paused")
equal(r["pause"], "insufficient-evidence", "evidence that never came")

# ---- one wrong signature is told ---------------------------------------------

people.begin("odd", "r5", priority=3, watch=[0, 0, 0], policy=QUICK)
# Not the one that stalled above and may be offered that again: the newest is
# one of this rollout.
newest = max(fleet.check_in(), key=lambda d: d.offer["attempt"])
newest.report("failed", "UNTRUSTED")
r = until("odd", lambda r: r["alert"] != "")
equal(r["state"], "running", "an alert stops nothing")
equal(people.act("ack", "odd", reason="a test")["alert"], "", "looked at")

# ---- a second rollout of what some run already --------------------------------

again = Fleet(work, people, 60, "again")
people.begin("first", "r3", cohort="again", watch=[0, 0], policy=QUICK)
canaries = again.check_in()
equal(len(canaries), 20, "canaries of the first")
for d in canaries:
    d.update(releases["r3"])
until("first", lambda r: r["waits_for"] == "person")
people.act("abort", "first", reason="a test")
people.create("second", "r3", cohort="again", watch=[0, 0],
              policy=dict(QUICK, evidence_sec=2))
plan = people.get("rollout-plan/second")
equal((plan["population"], [p["size"] for p in plan["phases"]]),
      (40, [20, 40]), "those that lack it")
equal([o["devices"] for o in plan["left_out"] if "already" in o["why"]], [20],
      "those that have it")
people.start("second")
canaries = again.check_in()
equal(len(canaries), 20, "canaries of the second")
for d in canaries:
    d.update(releases["r3"])
until("second", lambda r: r["waits_for"] == "person")
people.act("advance", "second")
for d in again.check_in():
    d.update(releases["r3"])
r = until("second", lambda r: r["waits_for"] == "person")
equal(r["counts"]["confirmed"], 40, "the rest of the second")
people.act("advance", "second")
until("second", lambda r: r["state"] == "completed")
print("%d devices" % len(fleet))
