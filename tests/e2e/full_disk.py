"""What 92-full-disk.sh asks of the server: full_disk.py WORK."""
import os
import sys

from fleet import Fleet, People, Refused

work = sys.argv[1]
people = People(work)
FILL = work + "/server/fill"


def equal(got, wanted, what):
    if got != wanted:
        sys.exit("%s: %r, not %r" % (what, got, wanted))


def fill(leave=0):
    """To the last block, but for so many bytes."""
    with open(FILL, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
        if leave:
            f.truncate(max(0, os.fstat(f.fileno()).st_size - leave))


def refused(what, *args, **more):
    try:
        what(*args, **more)
    except Refused as e:
        return e
    sys.exit("not refused: %s" % (args,))


fleet = Fleet(work, people, 8)
people.begin("r", "r1", shares=[10000], watch=[3600])
for d in fleet:
    d.check_in()
    d.report("downloading")
acts = len(people.acts())

# ---- no room ---------------------------------------------------------------------

fill()
e = refused(people.post, "/v1/people/cohorts", name="later")
equal(e.status, 503, "no room for an act: %s" % e)
if "disk is full" not in str(e) or "make room" not in str(e):
    sys.exit("not in words: %s" % e)
kept, lost = [], []
for d in fleet:
    try:
        d.report("installed")
        kept.append(d)
    except Refused as e:
        if e.status < 500:
            sys.exit("a report was turned away for good: %s" % e)
        lost.append(d)
if not lost:
    # What the log file still held was enough for them: fill that, too.
    print("all reports had room still")
names = [c["name"] for c in people.get("cohorts")["cohorts"]]
equal(names, ["default", "fleet"], "what was refused is not done")

# ---- and room again --------------------------------------------------------------

os.unlink(FILL)
equal(len(people.acts()), acts, "acts that were refused are in no log")
for d in lost:  # a device sends again what was not acknowledged
    d.report("installed", sequence=2)
people.post("/v1/people/cohorts", name="later")
r = people.rollout("r")
equal(r["counts"]["installed"], len(fleet), "no report is lost")
for d in fleet:
    d.run({"id": "r1", "seq": r["seq"],
           "digest": people.get("release/r1")["digest"]})
    d.check_in()
equal(people.rollout("r")["counts"]["confirmed"], len(fleet), "it goes on")
print("%d reports had no room, %d had" % (len(lost), len(kept)))
