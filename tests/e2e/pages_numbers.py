"""Every number of devices on a page opens the list of just so many."""
import time

from fleet import Fleet, People

# Links that say what they count, and numbers of devices that are no link: what
# is left of the page's own words, but for times, sizes, shares and places. What
# the server says in a sentence stands below it as numbers.
NUMBERS = r"""
const main = document.getElementById("main");
const links = [...main.querySelectorAll("a[data-n]")].map(a =>
  [Number(a.dataset.n), a.getAttribute("href"), a.innerText]);
const loose = [];
const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
const unit = /^[\s\u202f]*(%|h\b|min\b|s\b|days?\b|hours?\b|minutes?\b|[kMG]?B\b|of 100 points|requests|from now)/;
const place = /(phase|up to|seq|last|requests \()\s*$/i;
while (walk.nextNode()) {
  const node = walk.currentNode;
  if (node.parentElement.closest("a, time, code, svg, pre, strong, .verdict," +
      " .id, .score, #what, #acts, #ends, [data-title=Points]," +
      " [data-title='How it goes'], [data-title=Release], [data-title=Phase], .legend, .label, summary"))
    continue;
  for (const m of node.data.matchAll(/(?<![\w.:-])\d[\d\u202f]*(?![\w.:-])/g)) {
    const after = node.data.slice(m.index + m[0].length);
    if (!unit.test(after) && !place.test(node.data.slice(0, m.index)))
      loose.push(node.data);
  }
}
return [links, loose];
"""


def length(o, href):
    """How many rows a list has, over all of its pages."""
    rows = 0
    while href:
        o.go(href)
        rows += o.b.run("return document.querySelectorAll('main tbody tr')"
                        ".length")
        href = o.b.run("const a = [...document.querySelectorAll('main a')]"
                       ".find(a => a.innerText === 'Next page');"
                       "return a ? a.getAttribute('href') : ''")
    return rows


def each_opens_its_list(o, check, path, least):
    o.go(path)
    links, loose = o.b.run(NUMBERS)
    check(loose == [], "no number of devices on %s is no link %s"
          % (path, loose))
    check(len(links) >= least, "%s has %d numbers" % (path, len(links)))
    known = {}
    for n, href, text in links:
        said = "".join(c for c in text if c.isdigit())
        if said != str(n):
            raise SystemExit("FAILED: %s: %r is no %d" % (path, text, n))
        if href not in known:
            known[href] = length(o, href)
        if known[href] != n:
            raise SystemExit("FAILED: %s: %d, and %s has %d"
                             % (path, n, href, known[href]))
    check(True, "each of the %d lists behind %s is as long as its number says"
          % (len(known), path))
    return known


def of_each_phase(o, check, work):
    """A phase that passed and one that is open, of more than a page: the same
    failure in both, and some whom nothing reached yet."""
    people = People(work)
    people.command("cohort", "create", "parts")
    fleet = Fleet(work, people, 104, "parts")
    people.begin("parts", "r3", cohort="parts", watch=[0, 0],
                 shares=[1000, 10000])
    runs = [{k: r[k] for k in ("id", "seq", "digest")}
            for r in people.get("releases")["releases"]
            if r["id"] == "r3"][0]
    first = fleet.check_in()
    for d in first[:2]:
        d.report("failed", "SPACE")
    for d in first[2:]:
        d.install()
        d.run(runs)
        d.check_in()
    end = time.monotonic() + 60
    while people.rollout("parts")["waits_for"] != "person":
        if time.monotonic() > end:
            raise SystemExit("FAILED: " + str(people.rollout("parts")))
        time.sleep(0.2)
    people.act("advance", "parts")
    while people.rollout("parts")["phases"][1]["state"] == "waiting":
        time.sleep(0.2)
    for d in [d for d in fleet if d not in first][:3]:
        d.check_in()
        d.report("failed", "SPACE")
    known = each_opens_its_list(o, check, "/rollouts/parts", 19)
    place = "/list/%s/parts/phase/2"
    check(known["/list/attempts/parts/failed/phase/1/code/is-space"] == 2 and
          known["/list/attempts/parts/failed/phase/2/code/is-space"] == 3 and
          known["/list/attempts/parts/confirmed/phase/1"] == len(first) - 2 and
          known[place % "members"] == 104 - len(first) and
          known[place % "not-reached"] == 104 - len(first) - 3,
          "phases are told apart")
    o.quiet("phases")
