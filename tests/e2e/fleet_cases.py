"""What 92-fleet-cases.sh asks of the server: fleet_cases.py WORK SERVER."""
import sqlite3
import subprocess
import sys
import threading
import time

from fleet import Fleet, People, Refused

work, server = sys.argv[1:3]
people = People(work)
RANGES = 10000
TURNED_AWAY = 4  # requests for a package


def equal(got, wanted, what):
    if got != wanted:
        sys.exit("%s: %r, not %r" % (what, got, wanted))


def until(name, what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        r = people.rollout(name)
        if what(r):
            return r
        time.sleep(0.1)
    sys.exit("%s: %s, %s" % (name, r["verdict"], r["counts"]))


class Commits(threading.Thread):
    """Counts how often the store was seen changed, until it is stopped."""

    def __init__(self):
        super().__init__()
        self.seen, self.stopped = 0, False

    def run(self):
        db = sqlite3.connect("file:%s/server/store.sqlite?mode=ro" % work,
                             uri=True)
        before = None
        while not self.stopped:
            now = db.execute("PRAGMA data_version").fetchone()[0]
            self.seen += before is not None and now != before
            before = now
            time.sleep(0.01)
        db.close()


def payload():
    """Of the release's full package: its path below the base URL."""
    package = people.get("release/r1")["detail"]["packages"][0]
    folder, name = package["path"].rsplit("/", 1)
    return "/targets/%s/%s.%s" % (folder, package["sha256"], name)


def fetch(device, path, first, last):
    """Bytes of a payload over the device's kept connection."""
    wire = device.wire
    wire.connection.request("GET", path, headers={
        "Range": "bytes=%d-%d" % (first, last)})
    answer = wire.connection.getresponse()
    data = answer.read()
    equal(answer.status, 206, "a range")
    return data, answer.getheader("ETag")


def ten_thousand_range_requests_write_nothing(fleet):
    d = fleet[0]
    d.check_in()
    path = payload()
    time.sleep(11)  # last-seen times are written by then
    commits = Commits()
    commits.start()
    start = time.time()
    for n in range(RANGES):
        data, _ = fetch(d, path, n % 100, n % 100 + 9)
        if len(data) != 10:
            sys.exit("not what was asked for")
    took = time.time() - start
    commits.stopped = True
    commits.join()
    if commits.seen > 5 + took / 5:  # what ticks may write meanwhile
        sys.exit("%d commits during %d requests" % (commits.seen, RANGES))
    print("figure range-requests %.0f /s, %d commits of others" % (
        RANGES / took, commits.seen))


def a_download_outlives_its_link(fleet):
    """An import in the midst of it takes nothing away."""
    d, path = fleet[0], payload()
    first, tag = fetch(d, path, 0, 999)
    done = subprocess.run(
        [server, "release", "import", work + "/publish2", "--operator",
         work + "/server/admin/operator.conf"], capture_output=True,
        text=True, timeout=60)
    equal(done.returncode, 0, done.stderr)
    rest, again = fetch(d, path, 1000, 1999)
    whole, _ = fetch(d, path, 0, 1999)
    equal(again, tag, "the same file")
    equal(first + rest, whole, "what it holds")


def what_goes_out_is_known_by_release(fleet):
    """And of no other release; what was told to come later, too."""
    people.create("sent", "r1")
    people.create("unsent", "r2")
    before = people.rollout("sent")["flow"]["of_release"]
    fetch(fleet[0], payload(), 0, 999)
    fetch(fleet[1], payload(), 0, 23)
    now = people.rollout("sent")["flow"]["of_release"]
    equal(now["sent_bytes"], before["sent_bytes"] + 1024, "sent")
    equal(now["busy"], TURNED_AWAY, "turned away")
    equal(people.rollout("unsent")["flow"]["of_release"],
          {"since": "", "sent_bytes": 0, "busy": 0}, "of another release")
    # A kill loses the last ten seconds of it.
    end = time.monotonic() + 60
    while kept() != now["sent_bytes"]:
        if time.monotonic() > end:
            sys.exit("of %d bytes %d are kept" % (now["sent_bytes"], kept()))
        time.sleep(0.2)


def kept():
    db = sqlite3.connect(work + "/server/store.sqlite")
    sent = db.execute("SELECT sum(sent) FROM egress").fetchone()[0]
    db.close()
    return sent


def one_poll_policy_for_every_cohort(fleet, other):
    for d in [*fleet, *other]:
        answer = d.check_in()["next_check"]
        if not 3600 * 0.9 - 1 <= answer <= 3600 * 1.1 + 1:
            sys.exit("next_check %d" % answer)


def an_offer_that_was_never_seen_is_cancelled(fleet):
    """Its answer was lost; the device never heard of it."""
    people.begin("lost", "r1", shares=[10000], watch=[0])
    attempts = [d.check_in()["attempt"] for d in fleet]
    people.act("abort", "lost", reason="not this one")
    r = until("lost", lambda r: r["counts"]["withdrawn"] == len(fleet))
    equal(r["counts"]["offered"], 0, "open offers")
    equal(fleet[0].check_in()["action"], "nothing", "after it")
    # One that was seen all the same is acknowledged and changes nothing.
    fleet[0].report("downloading", attempt=attempts[0])
    equal(people.rollout("lost")["counts"]["withdrawn"], len(fleet), "still")


def who_waits_for_its_boot_stops_nothing(waiting):
    """And who came back without a word is found among them."""
    r1 = {k: r[k] for r in people.get("releases")["releases"]
          if r["id"] == "r1" for k in ("id", "seq", "digest")}
    people.begin("boots", "r1", cohort="waiting", shares=[10000], watch=[0])
    for d in waiting:
        d.check_in()
        d.install()
    for d in waiting * 2:
        d.check_in()
    for d in waiting[:3]:
        d.run(r1)
        d.check_in()
    r = until("boots", lambda r: r["gate"]["confirmed"] == 3)
    equal((r["state"], r["counts"]["installed"], r["counts"]["rolled-back"]),
          ("running", 7, 0), "while they wait")
    for d in waiting[3:5]:
        d.activation += 1
        d.check_in()
    r = until("boots", lambda r: r["state"] == "paused")
    equal((r["reason"], r["counts"]["installed"]),
          ("2 of the first 5 failed, top reason RUNS_OLDER (2)", 5),
          "who came back")
    equal(waiting[3].check_in()["action"], "nothing", "it came back")
    # Another one came before its boot, and was taken back: this one again.
    people.act("resume", "boots", reason="those two are broken")
    waiting[5].report("rolled-back", "REPLACED")
    equal(waiting[5].check_in()["action"], "update", "offered again")
    people.act("abort", "boots", reason="seen")


def something_newer_is_offered_before_the_boot(booted, replaced, back):
    """That one starts all the same; or the newer one does, in its place, and
    may have come back before anybody asks again."""
    r1 = {k: r[k] for r in people.get("releases")["releases"]
          if r["id"] == "r1" for k in ("id", "seq", "digest")}
    people.begin("older", "r1", cohort="waiting", shares=[10000], watch=[0])
    for d in (booted, replaced, back):
        d.check_in()
        d.install()
    people.begin("newer", "r2", cohort="waiting", shares=[10000], watch=[0])
    for d in (booted, replaced, back):
        d.check_in()
    booted.run(r1)
    booted.check_in()
    replaced.install()
    replaced.check_in()
    back.revert()
    equal([[(a["state"], a["code"]) for a in
            people.get("device/" + d.id)["attempts"]]
           for d in (booted, replaced, back)],
          [[("confirmed", ""), ("offered", "")],
           [("rolled-back", "REPLACED"), ("installed", "")],
           [("rolled-back", "REPLACED"), ("rolled-back", "HEALTH_FAILED"),
            ("offered", "")]],
          "what had installed before")


class Asks(threading.Thread):
    """One request; what came of it."""

    def __init__(self, what, *args):
        super().__init__()
        self.what, self.args, self.refused = what, args, None
        self.start()

    def run(self):
        try:
            self.what(*self.args)
        except Refused as e:
            self.refused = e


def final_reports_pass_whatever_else_is_asked(fleet, crowd):
    """More ask than the server can answer: the store is held by somebody else,
    and whoever waits for longer than two seconds is told to come again."""
    crowd.check_in()  # they are connected
    path = payload()
    people.begin("quota", "r1", shares=[10000], watch=[0])
    for d in fleet:
        d.check_in()
        d.install()
    db = sqlite3.connect(work + "/server/store.sqlite", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    asked = [Asks(d.check_in) for d in crowd[TURNED_AWAY:]]
    time.sleep(0.3)
    asked += [Asks(d.wire.ask, "GET", path) for d in crowd[:TURNED_AWAY]]
    last = [Asks(d.report, "failed", "SPACE") for d in fleet]
    # Less than the five seconds after which those that began give up.
    time.sleep(3.7)
    db.execute("ROLLBACK")
    db.close()
    for a in asked + last:
        a.join()
    for a in last:
        if a.refused:
            sys.exit("a final report was turned away: %s" % a.refused)
    away = [a.refused for a in asked if a.refused]
    # Eight workers had begun with the first ones.
    if len(away) < len(crowd) - 8 or {e.status for e in away} != {503}:
        sys.exit("turned away: %s" % away)
    told = {e.retry_after for e in away}
    if len(told) < 3 or min(told) < 60 or max(told) > 300:
        sys.exit("told to come again: %s" % told)
    r = people.rollout("quota")
    equal(r["counts"]["failed"], len(fleet), "final reports")
    people.act("abort", "quota", reason="seen")


fleet = Fleet(work, people, 6)
other = Fleet(work, people, 6, "other")
one_poll_policy_for_every_cohort(fleet, other)
an_offer_that_was_never_seen_is_cancelled(fleet)
who_waits_for_its_boot_stops_nothing(Fleet(work, people, 10, "waiting"))
final_reports_pass_whatever_else_is_asked(fleet, Fleet(work, people, 30))
ten_thousand_range_requests_write_nothing(fleet)
a_download_outlives_its_link(fleet)
what_goes_out_is_known_by_release(fleet)
something_newer_is_offered_before_the_boot(*Fleet(work, people, 3, "waiting"))
# In the last seconds before a stop in order, which loses nothing.
fetch(fleet[0], payload(), 0, 99)
