"""Explain every statement of the store: no_scans.py DATABASE FILE.c..., files
after the preprocessor. Fails for one that would scan what grows with the fleet,
or all of it that belongs to one rollout, product, release or cohort, unless it
is known for what it is."""
import re
import sqlite3
import sys

GROWS = {"device", "attempt", "audit", "claim", "key"}

# Columns in which a whole fleet may be the same.
SHARED = {"product", "release", "cohort", "seq", "rollout", "state", "revoked",
          "seen_day"}

# What may, for nobody waits for it on a page: who calls it, and when.
MAY = {
    "store_audit_check_locked": "server check, beside the server",
    "store_forget_locked": "who is forgotten, one at a time",
    "store_certificates_each": "another CA for devices, which an admin asks for",
    "check_codes": "who removes a cohort, one at a time",
    "forget_seconds": "the tick, once a day, of the days a month ago",
    "store_survey": "the tick, a few devices at a time",
}

STATEMENT = re.compile(
    r'sql_(?:query|run)\s*\(\s*(?:\w+->)?\w+\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
CHOICE = re.compile(r'\?\s*((?:"(?:[^"\\]|\\.)*"\s*)+):\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
FUNCTION = re.compile(r"^[a-z][^\n;={(]*?\b(\w+)\s*\(", re.M)


def text_of(literals):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', literals)
    return "".join(parts).encode().decode("unicode_escape")


def statements(source):
    """(function, SQL) of a file."""
    starts = [(m.start(), m.group(1)) for m in FUNCTION.finditer(source)]
    found = [(m.start(), m.group(1)) for m in STATEMENT.finditer(source)]
    for m in CHOICE.finditer(source):
        found += [(m.start(), g) for g in m.groups() if "SELECT" in g]
    for at, literals in found:
        name = [n for start, n in starts if start < at][-1]
        yield name, text_of(literals)


def explain(db, sql):
    for count in range(64):
        try:
            return db.execute("EXPLAIN QUERY PLAN " + sql,
                              [None] * count).fetchall()
        except sqlite3.ProgrammingError:
            pass
    sys.exit("not explained: " + sql)


def searches_all(line):
    """By an index, and by nothing in it that tells devices apart."""
    m = re.match(r"SEARCH (\w+) USING (?:COVERING )?INDEX \w+ \((.*)\)", line)
    if m and SHARED.issuperset(re.findall(r"(\w+|<expr>)[=<>]", m.group(2))):
        return m
    return None


def scans(db, sql):
    aliases = dict((b or a, a) for a, b in re.findall(
        r"(?:FROM|JOIN|UPDATE)\s+(\w+)(?:\s+(?!WHERE|SET|ORDER|ON|JOIN|GROUP|"
        r"LIMIT|LEFT)(\w+))?", sql))
    plan = explain(db, sql)
    sorts = any("TEMP B-TREE" in row[3] for row in plan)
    # A page of what would be sorted first is no page.
    if sorts and " LIMIT " in sql and GROWS & set(aliases.values()):
        yield "sorts all of them for a page"
    for row in plan:
        m = (re.match(r"SCAN (\w+)( USING (COVERING )?INDEX)?", row[3]) or
             searches_all(row[3]))
        # The first so many in an order that is there already are a page.
        if " LIMIT " in sql and not sorts:
            continue
        if m and aliases.get(m.group(1), m.group(1)) in GROWS:
            yield row[3]


def main():
    db = sqlite3.connect(sys.argv[1])
    seen, bad, used = 0, 0, set()
    for path in sys.argv[2:]:
        with open(path) as f:
            source = f.read()
        for name, sql in statements(source):
            if not re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", sql):
                continue
            seen += 1
            for line in scans(db, sql):
                if name in MAY:
                    used.add(name)
                    continue
                bad += 1
                print("%s: %s\n    %s" % (name, line, sql))
    if seen < 100:
        sys.exit("only %d statements were found" % seen)
    print("%d statements; %d scan, as is known" % (seen, len(used)))
    sys.exit(bad > 0)


main()
