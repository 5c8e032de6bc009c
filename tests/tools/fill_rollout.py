# Put what devices made of a rollout into the store of a stopped server, as if it
# had run for a while: fill_rollout.py STORE NAME good|bad
# "good": the canaries and the next two phases have passed, the fourth is open.
# "bad": the canaries passed, and in the second phase too many fail.
import sqlite3
import sys
import time

HOUR = 3600
WEAK = "rev-c"  # fill_fleet.py has it
# enum stage_state
OFFERED, DOWNLOADING, VERIFIED, DEFERRED = 0, 1, 2, 3
INSTALLED, DARK, CONFIRMED, FAILED, BACK, SKIPPED = 5, 6, 7, 8, 9, 10
ENDED = (CONFIRMED, FAILED, BACK)

GOOD = (
    ((CONFIRMED, "", 20),),
    ((CONFIRMED, "", 1249), (BACK, "HEALTH_FAILED", 2), (DARK, "", 3),
     (SKIPPED, "already", 12)),
    ((CONFIRMED, "", 5004), (BACK, "HEALTH_FAILED", 9),
     (FAILED, "NETWORK", 6), (DARK, "", 11), (INSTALLED, "", 41)),
    ((CONFIRMED, "", 9120), (BACK, "HEALTH_FAILED", 11),
     (FAILED, "NETWORK", 14), (INSTALLED, "", 932),
     (DOWNLOADING, "", 1706), (OFFERED, "", 410), (DEFERRED, "", 77)),
)
BAD = (
    ((CONFIRMED, "", 20),),
    ((CONFIRMED, "", 122), (BACK, "BOOT_TIMEOUT", 7), (BACK, "HEALTH_FAILED", 2),
     (FAILED, "NETWORK", 3), (INSTALLED, "", 38), (DARK, "", 2),
     (DOWNLOADING, "", 64), (OFFERED, "", 21)),
)
SAID = {
    "BOOT_TIMEOUT": "watchdog: no sign of life 300 s after the start\n"
                    "kernel: mmc0: error -110 whilst initialising SD card\n",
    "HEALTH_FAILED": "health: display-service: connection refused\n",
}


def attempts(db, rollout, plan, now):
    digest, seq, cohorts = db.execute(
        "SELECT digest, seq, cohorts FROM rollout WHERE id = ?",
        (rollout,)).fetchone()
    marks = ",".join("?" * len(cohorts.split()))
    found = db.execute(
        "SELECT id, cohort, model, hardware, coalesce(release, '')"
        " FROM device WHERE cohort IN (%s) AND revoked = 0 AND"
        " last_seen > ? ORDER BY fingerprint" % marks,
        (*cohorts.split(), now - 2 * HOUR)).fetchall()
    # What is wrong with the release shows on one revision first.
    weak = [d for d in found if d[3] == WEAK]
    rest = [d for d in found if d[3] != WEAK]
    for phase, parts in enumerate(plan):
        for state, code, count in parts:
            add(db, rollout, phase, state, code,
                [(weak if code == "BOOT_TIMEOUT" and weak else rest).pop(0)
                 for _ in range(count)], digest, seq, now)


def kind_of(db, rollout, device, state, code):
    """The device's row of counters, with one more of these."""
    column = ("confirmed" if state == CONFIRMED else "dark" if state == DARK
              else "other" if code == "NETWORK"
              else "bad" if state in (FAILED, BACK) else None)
    db.execute("INSERT OR IGNORE INTO kind (rollout, cohort, model, hardware,"
               " runs) VALUES (?, ?, ?, ?, ?)", (rollout, *device[1:]))
    id_, = db.execute("SELECT id FROM kind WHERE rollout = ? AND cohort = ?"
                      " AND model = ? AND hardware = ? AND runs = ?",
                      (rollout, *device[1:])).fetchone()
    db.execute("UPDATE kind SET offered = offered + 1 WHERE id = ?", (id_,))
    if column:
        db.execute("UPDATE kind SET %s = %s + 1 WHERE id = ?" %
                   (column, column), (id_,))
    if column in ("bad", "other", "dark"):
        db.execute("UPDATE kind SET sample = ? WHERE id = ?",
                   (device[0], id_))
    return id_


def add(db, rollout, phase, state, code, devices, digest, seq, now):
    age = (20 - 4 * phase) * 600
    db.executemany(
        "INSERT INTO attempt (rollout, device, digest, seq, state, sequence,"
        " activation, code, evidence, offered, changed, phase, installed,"
        " heard, interval, kind) VALUES"
        " (?, ?, ?, ?, ?, 3, 1, ?, ?, ?, ?, ?, ?, ?, 3600, ?)",
        [(rollout, d[0], digest, seq, state, code, SAID.get(code, ""),
          now - age, now - age + i % 500, phase,
          now - age if state >= INSTALLED else 0, now - 60,
          kind_of(db, rollout, d, state, code))
         for i, d in enumerate(devices)])
    db.execute("INSERT INTO counter VALUES (?, ?, 0, ?, ?, 1, ?)",
               (rollout, phase, state, code, len(devices)))


def phases(db, rollout, reached, now):
    start = now - (reached + 1) * 26 * HOUR
    for n in range(reached + 1):
        opened = start + n * 26 * HOUR
        db.execute("UPDATE phase SET opened = ?, passed = ? WHERE rollout = ?"
                   " AND n = ?", (opened, opened + 26 * HOUR if n < reached
                                  else 0, rollout, n))
        db.execute("INSERT OR REPLACE INTO early VALUES (?, ?, 0, 5, 0, 0)",
                   (rollout, n))
    db.execute("UPDATE rollout SET phase = ?, phase_state = 1, opened = ?,"
               " started = ?, created = ? WHERE id = ?",
               (reached, now - 26 * HOUR, start, start, rollout))
    for hour in range(26):
        db.execute("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?, ?)",
                   (rollout, (now - hour * HOUR) // HOUR,
                    60 + 7 * (hour % 5), hour % 2, 2400, 61 + hour % 7))


def main():
    store, name, kind = sys.argv[1:4]
    now = int(time.time())
    db = sqlite3.connect(store)
    rollout, = db.execute("SELECT id FROM rollout WHERE name = ?",
                          (name,)).fetchone()
    plan = GOOD if kind == "good" else BAD
    db.execute("DELETE FROM counter WHERE rollout = ?", (rollout,))
    phases(db, rollout, len(plan) - 1, now)
    attempts(db, rollout, plan, now)
    db.commit()
    db.close()


main()
