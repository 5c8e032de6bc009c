"""A store as an older program left it: old_store.py make DATABASE DEVICES; the
same of one that was moved, with so many devices left: old_store.py again. How
far it is moved: old_store.py state DATABASE (copying, clearing or done)."""
import re
import sqlite3
import sys

INDEXES = """
CREATE INDEX device_product ON device (product, id);
CREATE UNIQUE INDEX device_next ON device (next_fingerprint);
CREATE INDEX device_release ON device (product, release) WHERE revoked = 0;
CREATE INDEX device_cohort ON device (cohort) WHERE revoked = 0;
CREATE INDEX device_day ON device (seen_day) WHERE revoked = 0;
CREATE INDEX device_gone ON device (revoked) WHERE revoked != 0;
CREATE INDEX device_aside ON device (revoked) WHERE quarantined != 0;
"""


def shape_old(db):
    """In a transaction that is begun here."""
    db.executescript("PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON;"
                     "BEGIN")
    declared = db.execute("SELECT sql FROM sqlite_master"
                          " WHERE name = 'device'").fetchone()[0]
    triggers = db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'"
                          " AND tbl_name = 'device'").fetchall()
    columns = declared[declared.index("("):]
    db.execute("CREATE TABLE device_of_before " + columns + " WITHOUT ROWID")
    db.execute("INSERT INTO device_of_before SELECT * FROM device")
    db.execute("DROP TABLE device")
    db.execute("ALTER TABLE device_of_before RENAME TO device")
    for text in INDEXES.strip().split("\n"):
        db.execute(text)
    for text, in triggers:
        db.execute(text)


def make(db, devices):
    """The device that is there, and so many others like it."""
    shape_old(db)
    names = [row[1] for row in db.execute("PRAGMA table_info(device)")]
    own = {"id": "substr(k.spki, 17)", "fingerprint": "k.spki",
           "spki": "k.spki"}
    db.execute("INSERT INTO key WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL"
               " SELECT n + 1 FROM c WHERE n < ?)"
               " SELECT CAST(printf('%032d', n) AS BLOB), 'copy' FROM c",
               (devices,))
    db.execute("CREATE TEMP TABLE first AS SELECT * FROM device LIMIT 1")
    db.execute("INSERT INTO device SELECT " + ", ".join(
        own.get(name, "d." + name) for name in names) +
        " FROM first AS d JOIN key AS k ON k.who = 'copy'")
    db.execute("COMMIT")


def again(db, devices):
    shape_old(db)
    db.execute("DELETE FROM device WHERE id IN (SELECT id FROM device"
               " ORDER BY enrolled, id LIMIT -1 OFFSET ?)", (devices,))
    db.execute("COMMIT")


def state(db):
    names = {name for name, in db.execute("SELECT name FROM sqlite_master")}
    shape = db.execute("SELECT sql FROM sqlite_master"
                       " WHERE name = 'device'").fetchone()[0]
    if "device_rows" in names:
        return "copying %d" % db.execute(
            "SELECT count(*) FROM device_rows").fetchone()[0]
    if "device_old" in names:
        return "clearing %d" % db.execute(
            "SELECT count(*) FROM device_old").fetchone()[0]
    if re.search(r"WITHOUT ROWID$", shape):
        return "old"
    return "done %d" % db.execute("SELECT count(*) FROM device").fetchone()[0]


def main():
    db = sqlite3.connect(sys.argv[2], isolation_level=None, timeout=20)
    if sys.argv[1] == "make":
        make(db, int(sys.argv[3]))
    if sys.argv[1] == "again":
        again(db, int(sys.argv[3]))
    print(state(db))


main()
