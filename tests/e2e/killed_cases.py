"""What 93-staged-kills.sh asks: killed_cases.py WORK PROGRAM."""
import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

from fleet import Fleet, People, Refused

work, program = sys.argv[1:3]
SEED = int(os.environ.get("SEED", "7"))
chance = random.Random(SEED)
KILLS = 8
CODES = ["HEALTH_FAILED", "SPACE", "NOT_FOUND"]
# How far an attempt is: a later state never gives way to an earlier one.
RANK = {"downloading": 1, "verified": 2, "installed": 5, "failed": 8,
        "rolled-back": 9}


class Server:
    def __init__(self):
        self.kills, self.process = 0, None
        self.start()

    def start(self):
        listeners = work + "/server/run/listeners.json"
        if os.path.exists(listeners):
            os.unlink(listeners)
        for _ in range(100):
            # The keeper of the one that was killed has to end first.
            self.process = subprocess.Popen(
                [program, "run", work + "/server"],
                stdout=subprocess.DEVNULL,
                stderr=open(work + "/server.log", "ab"))
            while self.process.poll() is None:
                if os.path.exists(listeners):
                    return
                time.sleep(0.02)
            time.sleep(0.05)
        sys.exit("the server does not come back")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1
        self.start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


server = Server()
admin, bob = People(work), People(work, "bob", "bob")


def insist(what):
    """Again until it was answered: the answer may be lost, the act not."""
    while True:
        try:
            return what()
        except (OSError, http.client.HTTPException, KeyError):
            time.sleep(0.02)


# ---- one of two wins ---------------------------------------------------------

fleet = Fleet(work, admin, 24)
admin.create("kept", "r1", share=10000, watch=[0],
             policy={"max_fail": 9999, "breaker": 10000, "attempts": 100})
revision = admin.start("kept")["revision"]


def race(person, name, results):
    try:
        results.append(person.act("pause", name, revision=revision,
                                  reason="both")["revision"])
    except Refused as e:
        results.append(e)


results = []
racers = [threading.Thread(target=race, args=(p, "kept", results))
          for p in (admin, bob)]
for r in racers:
    r.start()
for r in racers:
    r.join()
lost = [r for r in results if isinstance(r, Refused)]
if len(results) != 2 or len(lost) != 1 or lost[0].status != 412 or \
        "revision %d now" % (revision + 1) not in str(lost[0]):
    sys.exit("a race: %s" % results)
admin.act("resume", "kept", reason="on")

# ---- killed ------------------------------------------------------------------

acknowledged, acts = {}, 0
next_kill = time.time() + 0.3


def maybe_kill():
    global next_kill
    if server.kills < KILLS and time.time() >= next_kill:
        threading.Thread(target=server.kill).start()
        next_kill = time.time() + 0.8 + chance.random()


def step(d):
    insist(d.check_in)
    if not d.offer:
        return
    attempt = d.offer["attempt"]
    for state in ("downloading", "verified", "installed"):
        n = d.sequence.get(attempt, 0) + 1
        insist(lambda: d.report(state, attempt=attempt, sequence=n))
        acknowledged[attempt] = state
        maybe_kill()
    # It never comes to run there; so each may try again and again.
    n = d.sequence[attempt] + 1
    insist(lambda: d.report("failed", chance.choice(CODES), attempt=attempt,
                            sequence=n))
    acknowledged[attempt] = "failed"


end = time.time() + 240
while server.kills < KILLS and time.time() < end:
    for d in fleet:
        step(d)
        maybe_kill()
    verb = "pause" if acts % 2 == 0 else "resume"
    try:
        insist(lambda: admin.act(verb, "kept", reason="act %d" % acts))
        acts += 1
    except Refused as e:
        # It was done, and its answer lost with the server.
        if e.status != 412:
            raise
        acts += 1
time.sleep(0.5)
if server.kills < KILLS:
    sys.exit("only %d kills" % server.kills)
state = insist(lambda: admin.rollout("kept"))
records = [a for a in insist(admin.acts)
           if a["objects"].get("rollout") == "kept"]
server.stop()

# ---- and nothing is lost -----------------------------------------------------

db = sqlite3.connect(work + "/server/store.sqlite")
there = dict(db.execute("SELECT id, state FROM attempt"))
for attempt, said in acknowledged.items():
    if there.get(attempt, -1) < RANK[said]:
        sys.exit("attempt %d said %s, and is %s" %
                 (attempt, said, there.get(attempt)))
counted = {k: n for *k, n in map(list, db.execute(
    "SELECT rollout, phase, epoch, state, code, counted, n FROM counter"))
    for k in [tuple(k)] if n}
real = {tuple(k): n for *k, n in map(list, db.execute(
    "SELECT rollout, phase, epoch, state, code, counted AND NOT stone,"
    " count(*) FROM attempt GROUP BY 1, 2, 3, 4, 5, 6"))}
if counted != real:
    sys.exit("the counters differ: %s" %
             sorted(set(counted.items()) ^ set(real.items())))
# Each change of it is one record, and each record one change.
changes = [r["act"] for r in records
           if r["act"] not in ("rollout-create", "rollout-complete")]
if len(changes) != state["revision"] - 1:
    sys.exit("revision %d with %s" % (state["revision"], changes))
if changes.count("rollout-pause") + changes.count("rollout-resume") < acts:
    sys.exit("%d acts, in the log: %s" % (acts, changes))
print("%d kills, %d attempts, %d acts: seed %d" %
      (server.kills, len(acknowledged), acts, SEED))
