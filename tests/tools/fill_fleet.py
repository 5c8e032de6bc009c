# Put an imagined fleet into the store of a server: devices of one product that
# run releases in shares, some silent, with the history of the last days.
#   fill_fleet.py STORE DEVICES [SEED]
# Its keys and certificates are no real ones: nobody can speak as these devices.
import hashlib
import random
import sqlite3
import sys
import time

DAY = 86400
COHORTS = (("stable", 0.86), ("beta", 0.11), ("canary", 0.03))
MODELS = ("k1", "k2", "k2-outdoor")
REVISIONS = ("rev-a", "rev-a", "rev-b", "rev-a", "rev-c", "")
# release, seq, share of the fleet at the end
RELEASES = (("2026.3", 3, 0.04), ("2026.5", 5, 0.17), ("2026.6", 6, 0.74),
            ("2026.7", 7, 0.05))


def pick(rng, pairs):
    x = rng.random()
    for pair in pairs:
        x -= pair[-1]
        if x < 0:
            return pair
    return pairs[0]


def blob(kind, n):
    return hashlib.sha256(b"%s %d" % (kind, n)).digest()


def devices(count, seed, now):
    rng = random.Random(seed)
    for n in range(count):
        release, seq, _ = pick(rng, RELEASES)
        silent = rng.random()
        seen = now - rng.randrange(3600)
        if silent < 0.002:
            release, seq, seen = None, 0, 0
        elif silent < 0.02:
            seen = now - rng.randrange(DAY, 60 * DAY)
        yield (blob(b"id", n)[:16], blob(b"certificate", n), blob(b"key", n),
               rng.choice(MODELS), pick(rng, COHORTS)[0], now - 90 * DAY, seen,
               release, seq, blob(b"content", seq) if release else None,
               1 if release else 0, 1 if silent > 0.9999 else 0,
               REVISIONS[blob(b"revision", n)[0] % len(REVISIONS)])


def fill(db, count, seed, now):
    rows = devices(count, seed, now)
    for name, _ in COHORTS:
        db.execute("INSERT OR IGNORE INTO cohort (name, created)"
                   " VALUES (?, ?)", (name, now))
    while True:
        part = [row for row, _ in zip(rows, range(20000))]
        if not part:
            break
        db.executemany("INSERT INTO key (spki, who) VALUES (?, ?)",
                       [(row[2], row[0].hex()) for row in part])
        db.executemany(
            "INSERT INTO device (id, fingerprint, spki, product, model,"
            " cohort, certificate, claim, enrolled, last_seen, release, seq,"
            " digest, confirmed, interval, quarantined, seen_day, hardware)"
            " VALUES"
            " (?1, ?2, ?3, 'kiosk', ?4, ?5, '', x'00', ?6, ?7, ?8, ?9, ?10,"
            " ?11, 3600, ?12, ?7 / 86400, ?13)", part)


# One by one a million devices would be counted for minutes: the triggers are
# put aside, and the counts made at once.
def without_triggers(db, work):
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE"
                          " type = 'trigger' AND tbl_name = 'device'"
                          ).fetchall()
    for name, _ in triggers:
        db.execute("DROP TRIGGER %s" % name)
    work()
    for table in ("fleet_count", "fleet_day", "fleet_aside"):
        db.execute("DELETE FROM %s" % table)
    db.execute("INSERT INTO fleet_count SELECT product, cohort,"
               " coalesce(release, ''), seq, count(*) FROM device"
               " WHERE revoked = 0 GROUP BY 1, 2, 3, 4")
    db.execute("INSERT INTO fleet_day SELECT seen_day, count(*) FROM device"
               " WHERE revoked = 0 GROUP BY 1")
    db.execute("INSERT INTO fleet_aside SELECT CASE WHEN revoked != 0"
               " THEN revoked ELSE 3 END, count(*) FROM device"
               " WHERE revoked != 0 OR quarantined != 0 GROUP BY 1")
    for _, sql in triggers:
        db.execute(sql)


# As if 2026.6 had come over ten days, and 2026.7 since yesterday.
def history(db, count, now):
    end = now - now % 600
    for hours in range(14 * 24, -1, -1):
        at = end - hours * 3600
        age = 14 - hours / 24
        newer = min(0.74, max(0, (age - 2) / 9) ** 1.6 * 0.74)
        newest = min(0.05, max(0, age - 12.8) / 1.2 * 0.05)
        shares = {"2026.3": 0.04 + 0.05 * max(0, 1 - age / 8),
                  "2026.6": newer, "2026.7": newest}
        shares["2026.5"] = 1 - sum(shares.values())
        db.executemany(
            "INSERT OR REPLACE INTO fleet_history (product, at, release, n)"
            " VALUES ('kiosk', ?, ?, ?)",
            [(at - at % 3600, release, int(count * share))
             for release, share in shares.items() if int(count * share) > 0])


def main():
    store, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    now = int(time.time())
    db = sqlite3.connect(store)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -600000")
    without_triggers(db, lambda: fill(db, count, seed, now))
    history(db, count, now)
    db.commit()
    db.close()


main()
