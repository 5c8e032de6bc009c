# What operators do with the pages, in a browser: pages.py WORK SERVER PID.
# 98-pages.sh has made the fleet: rollout "second" was paused by its gate, for its
# release fails and says markup; "first" waits for a person; "third" is new.
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pages_chart
import pages_numbers
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "tools"))
from fleet import Fleet, People, Refused  # noqa: E402
from webdriver import Browser  # noqa: E402

WORK, SERVER, PID = sys.argv[1], sys.argv[2], int(sys.argv[3])
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
EVIL = '<img src=x onerror="window.evil = 4"> it is known'

# Text against what is behind it, where both can be told: WCAG 2.1, 1.4.3.
CONTRAST = r"""
const lum = c => { const f = c.map(v => { v /= 255;
  return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
const parse = s => (s.match(/[\d.]+/g) || []).map(Number);
const behind = el => { for (; el; el = el.parentElement) {
  const c = parse(getComputedStyle(el).backgroundColor);
  if (c.length === 3 || c[3] > .99) return c.slice(0, 3); }
  return [255, 255, 255]; };
const bad = new Set();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const el = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !el.checkVisibility() ||
      el.closest("svg,noscript,script")) continue;
  const a = lum(parse(getComputedStyle(el).color).slice(0, 3));
  const b = lum(behind(el));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.add(walk.currentNode.data.trim().slice(0, 40) + " " +
    ratio.toFixed(2));
}
return [...bad];
"""

# What a screen reader needs: one heading of the page, named controls, tables
# and pictures, and places to jump to.
OUTLINE = r"""
const bad = [];
const one = css => { if (document.querySelectorAll(css).length !== 1)
  bad.push("not one " + css); };
one("h1"); one("main"); one("header"); one("nav[aria-label]");
if (!document.documentElement.lang) bad.push("no language");
for (const el of document.querySelectorAll("button, a, input, textarea"))
  if (!(el.innerText || el.textContent || "").trim() &&
      !el.getAttribute("aria-label") && !(el.labels && el.labels.length))
    bad.push("no name: " + el.outerHTML.slice(0, 80));
for (const t of document.querySelectorAll("table"))
  if (!t.caption || !t.querySelector("th[scope=col]"))
    bad.push("a table without caption or heads");
for (const s of document.querySelectorAll("main svg"))
  if (s.getAttribute("aria-hidden") !== "true" &&
      !s.getAttribute("aria-label")) bad.push("a picture without words");
for (const s of document.querySelectorAll("section"))
  if (!s.getAttribute("aria-label") && !document.getElementById(
    s.getAttribute("aria-labelledby"))) bad.push("a section without a name");
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
for (const id of ids) if (ids.filter(i => i === id).length > 1)
  bad.push("twice the id " + id);
return bad;
"""


def check(value, what):
    if not value:
        raise SystemExit("FAILED: " + what)
    print("ok", what, flush=True)


def op(*words, who="server/admin"):
    done = subprocess.run(
        [SERVER, *words, "--operator", "%s/%s/operator.conf" % (WORK, who)],
        capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise SystemExit("FAILED: %s: %s" % (words, done.stderr))
    return done.stdout


def door(name):
    with open("%s/%s.json" % (WORK, name)) as f:
        return json.load(f)["url"]


class Operator:
    def __init__(self):
        self.b = Browser(WORK)
        self.base = door("admin").split("/#")[0]

    def come_in(self, name):
        self.base = door(name).split("/#")[0]
        self.b.open(door(name))
        self.ready()

    def ready(self):
        self.b.wait("the page", "return document.querySelector("
                    "'#main[aria-busy=false]') !== null")

    def go(self, path):
        self.b.open(self.base + path)
        self.ready()

    def quiet(self, what):
        check(self.b.console() == [], "%s: the console is clean" % what)

    def dialog(self, button, reason=None):
        """Click a button by its words, fill in what opens, agree."""
        self.press(button)
        self.b.wait("a dialog", "return document.querySelector("
                    "'dialog[open]') !== null")
        if reason is not None:
            self.b.type("dialog textarea", reason)
        self.b.click("dialog button[type=submit]")

    def press(self, words):
        found = self.b.wait(
            "the button " + words,
            "const b = [...document.querySelectorAll('button')].filter(b =>"
            " b.innerText.startsWith(arguments[0])); if (b.length !== 1)"
            " return false; b[0].dataset.test = 'it'; return true", words)
        assert found
        self.b.click("button[data-test=it]")

    def link(self, words):
        self.b.wait("the link " + words,
                    "const a = [...document.querySelectorAll('main a')].find("
                    "a => a.innerText === arguments[0]); if (!a) return false;"
                    "a.dataset.test = 'it'; return true", words)
        self.b.click("a[data-test=it]")

    def noted(self, part):
        self.b.wait_text(".note", part)
        self.b.run("document.querySelector('.note button').click()")


def see_what_is_wrong(o):
    o.come_in("admin")
    check("#" not in o.b.url() and "key" not in o.b.url(),
          "the key leaves the address bar")
    o.b.wait_text(".verdict", "needs a person now")
    check("PAUSED by" in o.b.text(".verdict"), "fleet home says what is wrong")
    check("second" in o.b.text(".verdict"), "and where")
    counted = re.findall(r"\d+", o.b.text(".verdict").split(";")[0])
    check(sum(map(int, counted)) ==
          o.b.run("return document.querySelectorAll('.verdict li').length"),
          "and counts what it lists")
    o.quiet("fleet home")
    o.b.click(".verdict a[href='/rollouts/second']")
    o.ready()
    o.b.wait_text(".verdict .sentence", "PAUSED by")
    o.b.wait_text(".verdict", "take back the devices that run it")
    check("2 of the first 5 failed" in o.b.text(".verdict"),
          "a rollout says why it stands")
    check("HEALTH_FAILED" in o.b.text("#failures") and
          "its own health check failed" in o.b.text("#failures"),
          "what went wrong, in words")
    o.b.click("#failures td a[href^='/list/attempts/second/rolled-back/']")
    o.ready()
    check(o.b.run("return document.querySelectorAll('tbody tr').length") == 2,
          "a number opens the list behind it")
    o.quiet("a list")


def numbers(o, path, least):
    return pages_numbers.each_opens_its_list(o, check, path, least)


def every_number(o):
    """Before more devices come: the score is of those that there were."""
    o.b.wait("a survey", "return fetch('/v1/people/score', {headers: {"
             "Authorization: 'Bearer ' + localStorage.getItem('pawl-key')}})"
             ".then(r => r.ok)")
    known = numbers(o, "/", 12)
    check(known.get("/list/score/hardware-key") == 3 and
          known.get("/list/product/kiosk") == 3 and
          known.get("/list/members/first") == 3,
          "who keeps a key in a file, a product, whom a rollout is for")
    numbers(o, "/rollouts/first", 7)
    known = numbers(o, "/rollouts/second", 8)
    check(known["/list/attempts/second/rolled-back/phase/1/code/is-health_failed"]
          == 2 and known["/list/not-reached/second/phase/1"] == 1,
          "of a phase what failed so, and whom it did not reach")
    o.quiet("numbers")


def text_stays_text(o):
    o.b.click("tbody a[href^='/devices/']")
    o.ready()
    o.b.wait_text("#attempts", "HEALTH_FAILED")
    o.b.click("#attempts summary")
    said = o.b.text("#attempts pre")
    check('<img src=x onerror="window.evil = 1">' in said and
          "</pre></details><svg onload" in said, "evidence is shown as it is")
    check(o.b.run("return !('evil' in window) && document.querySelectorAll("
                  "'main img, main script, main [onload]').length === 0"),
          "and makes no markup")
    check("tried it and came back" in o.b.text("#why") or
          "not running" in o.b.text("#why"), "a device says why")
    o.quiet("a device")


def act_on_a_rollout(o):
    o.go("/rollouts/second")
    o.dialog("Resume")
    o.b.wait_text("dialog .error", "Say why")
    check(True, "no resume without a reason")
    o.b.type("dialog textarea", EVIL)
    o.b.click("dialog button[type=submit]")
    o.noted("goes on")
    check(state_of("second") == "running", "resumed")
    o.dialog("Pause", EVIL)
    o.noted("is paused")
    o.b.wait_text(".verdict", EVIL)
    check(state_of("second") == "paused" and
          o.b.run("return !('evil' in window)"), "paused; a reason is text")
    # Somebody else acts while a dialog is open.
    o.press("Resume")
    op("rollout", "resume", "second", "--revision", revision("second"),
       "--reason", "by another", who="bob")
    o.b.type("dialog textarea", "by page")
    o.b.click("dialog button[type=submit]")
    o.noted("Somebody changed it meanwhile")
    check(True, "who saw an old state is told to look again")
    o.b.wait_text(".verdict", "hase 1 of 1")
    o.dialog("Abort", "it will not do")
    o.noted("is aborted")
    o.b.wait_text(".verdict", "it will not do")
    check(state_of("second") == "aborted", "aborted")
    o.b.wait("no button", "return !document.querySelector('.verdict button')")
    o.b.console()  # the browser notes the 412 by itself


def approve_and_look(o):
    """What another operator made, and what one device's word stirred up."""
    op("rollout", "create", "fourth", "--release", "r3", "--cohort", "fleet",
       "--set", "four_eyes=0", "--draft", who="bob")
    o.go("/rollouts/fourth")
    o.b.wait_text(".verdict", "draft of bob")
    o.press("Submit")
    o.b.click("dialog button[type=submit]")
    o.noted("is submitted")
    o.b.wait_text(".verdict", "somebody else than bob")
    o.press("Approve")
    o.b.wait_text("dialog", "bob made it, you approve it")
    o.b.click("dialog button[type=submit]")
    o.noted("is approved")
    check(state_of("fourth") == "scheduled", "approved")
    op("rollout", "abort", "fourth", "--revision", revision("fourth"),
       "--reason", "seen")
    people = People(WORK)
    op("cohort", "create", "odd")
    device = Fleet(WORK, people, 1, "odd")[0]
    device.check_in()
    people.begin("odd", "r3", cohort="odd", watch=[0])
    device.check_in()
    device.report("failed", "UNTRUSTED")
    o.go("/rollouts/odd")
    o.b.wait_text(".verdict", "wrong signature")
    o.dialog("I looked at it", "a cable that flips bits")
    o.noted("is acknowledged")
    check(people.rollout("odd")["alert"] == "", "looked at")
    o.b.wait("no alert", "return !document.querySelector('.verdict')."
             "innerText.includes('wrong signature')")
    # Where nothing is signed, the page says what to ask the engineers for.
    o.dialog("Take the fleet back", "it flips bits")
    o.noted("has stopped")
    o.b.wait_text("#back", "no undo release was signed")
    check("release engineers" in o.b.text("#back") and
          people.rollout("odd")["rolled_back"], "the way back is shown")
    people.act("abort", "odd", reason="seen")
    people.begin("busy", "r3", cohort="odd", watch=[0])
    for _ in range(52):
        people.act("pause", "busy", reason="a look")
        people.act("resume", "busy", reason="on")
    people.act("abort", "busy", reason="seen")
    o.go("/rollouts/busy")
    o.b.wait_text("#acts", "Older acts")
    check("created" not in o.b.run(
        "return document.querySelector('#acts').innerText"),
          "more acts than a page holds")
    o.press("Older acts")
    o.b.wait_text("#acts", "created")
    o.press("Newest acts")
    o.b.wait_text("#acts", "Older acts")
    check(True, "acts of long ago are a click away")
    o.quiet("approving")


def which_devices_fail(o):
    """One revision of the hardware fails, the other does not."""
    people = People(WORK)
    op("cohort", "create", "mixed")
    devices = Fleet(WORK, people, 14, "mixed")
    try:
        devices[0].check_in(hardware=EVIL)
        raise SystemExit("FAILED: markup is taken for a revision")
    except Refused as refused:
        check(refused.status == 400, "markup is no revision")
    people.begin("mixed", "r3", cohort="mixed", watch=[0])
    runs = [{k: r[k] for k in ("id", "seq", "digest")}
            for r in people.get("releases")["releases"]
            if r["id"] == "r3"][0]
    for n, d in enumerate(devices):
        d.check_in(hardware="rev-%s" % "ba"[n > 3])
    for d in devices[4:]:
        d.install()
        d.run(runs)
        d.check_in(hardware="rev-a")
    for d in devices[:4]:
        d.install()
        d.report("rolled-back", "HEALTH_FAILED")
    o.go("/rollouts/mixed")
    o.b.wait_text("#kinds", "fails more often than the others: 4 of 4")
    check(o.b.run(
        "const t = [...document.querySelectorAll('#kinds table')].find(t =>"
        " t.caption.innerText.includes('hardware')); const r = t.tBodies[0]"
        ".rows; return r.length === 2 && r[0].cells[0].innerText === 'rev-b'"
        " && r[0].cells[5].innerText.startsWith('\u26a0') &&"
        " r[1].cells[5].innerText === ''"),
        "the revision that fails stands apart, in words")
    check("14, of which 14 were begun" in o.b.text("#flow"), "what flows")
    check("Sent of this release\n0 kB" in o.b.text("#flow"), "of it nothing")
    known = numbers(o, "/rollouts/mixed", 20)
    check(known["/list/attempts/mixed/failed/hardware/is-rev-b"] == 4 and
          known["/list/attempts/mixed/ended/hardware/is-rev-a"] == 10,
          "of a revision those that failed, and those that ended")
    o.quiet("kinds")
    o.go("/devices/" + devices[0].id)
    o.b.wait_text("#facts", "rev-b")
    check("free" in o.b.text("#why") and "1 of 3" in o.b.text("#why"),
          "a device: its revision, its floor, its attempt")
    # Whatever may ever come to stand in the store, it stays text.
    db = sqlite3.connect(WORK + "/server/store.sqlite", timeout=20)
    for sql in ("UPDATE device SET hardware = ?1, release = ?1 WHERE"
                " cohort = 'mixed'",
                "UPDATE kind SET hardware = ?1, runs = ?1, cohort = ?1"
                " WHERE hardware = 'rev-b'",
                "UPDATE attempt SET code = substr(?1, 1, 32), evidence = ?1"
                " WHERE code = 'HEALTH_FAILED'",
                "UPDATE counter SET code = substr(?1, 1, 32)"
                " WHERE code = 'HEALTH_FAILED'"):
        db.execute(sql, (EVIL,))
        db.commit()
    db.close()
    for path in ("/rollouts/mixed", "/devices/" + devices[0].id,
                 "/list/cohort/mixed", "/list/attempts/mixed/failed"):
        o.go(path)
        o.b.wait_text("main", "<img src=x")
        check(o.b.run("return !('evil' in window) && document."
                      "querySelectorAll('main img, main script').length"
                      " === 0"), "it stays text on " + path.split("/")[1])
        o.quiet(path)


def start_and_advance(o):
    o.go("/rollouts/third")
    o.press("Start")
    o.b.wait_text("dialog", "3 devices are concerned")
    o.b.click("dialog button[type=submit]")
    o.noted("is started")
    check(state_of("third") == "running", "started, with what it would do")
    o.go("/rollouts/first")
    o.b.wait_text(".verdict", "waiting for you")
    o.press("Open the next phase")
    o.b.click("dialog button[type=button]")
    check("waiting for you" in o.b.text(".verdict") and
          state_of("first") == "running", "nothing is done by doing nothing")
    o.dialog("Open the next phase")
    o.noted("next phase")
    op("rollout", "watch", "first")
    check(state_of("first") == "completed", "advanced")
    o.quiet("a rollout")


def state_of(name):
    return json.loads(op("rollout", "show", name, "--json"))["state"]


def revision(name):
    return str(json.loads(op("rollout", "show", name, "--json"))["revision"])


def act_on_devices(o):
    devices = json.loads(op("device", "list", "--json"))["devices"]
    ids = [d["id"] for d in devices if d["state"] == "active"]
    for verb, done, id_ in (("Revoke", "revoked", ids[0]),
                            ("Retire", "retired", ids[1])):
        o.go("/devices/" + id_)
        o.dialog(verb, reason="test")
        o.noted(done.capitalize())
        with open(WORK + "/admin.shown") as shown:
            check(id_ in shown.read(), "and the terminal said which device")
        o.b.wait_text(".verdict", done.capitalize())
        check(json.loads(op("device", "show", id_, "--json"))["state"] == done,
              "a device is " + done)
        o.go("/list/" + done)
        check(id_ in o.b.text(), "and in the list of those")
    o.go("/")
    o.b.type("input[name=id]", ids[2])
    o.b.click("form button")
    o.b.wait_text("h1", ids[2])
    check(True, "a device is found by its id")
    o.quiet("devices")
    return ids[2]


def act_and_see(o, id_, button, noted, state, words):
    o.dialog(button, reason="test")
    o.noted(noted)
    o.b.wait_text(".verdict", words)
    check(json.loads(op("device", "show", id_, "--json"))["state"] == state,
          "%s: a device is %s" % (button, state))


def block_and_release(o, id_):
    o.go("/devices/" + id_)
    act_and_see(o, id_, "Block", "Blocked.", "blocked", "Blocked: it keeps")
    act_and_see(o, id_, "Unblock", "Unblocked.", "active", "In service")
    twin = Fleet(WORK, People(WORK), 1, "odd")[0]
    for board in ("01", "02", "01"):
        twin.check_in(boot=board * 8)
    try:
        twin.check_in(boot="02" * 8)
        raise SystemExit("FAILED: two boards are served")
    except Refused as refused:
        check(refused.status == 403, "two boards of one identity")
    o.go("/list/quarantined")
    o.b.click("a[href='/devices/%s']" % twin.id)
    o.b.wait_text(".verdict", "In quarantine")
    act_and_see(o, twin.id, "Release from quarantine",
                "Released from quarantine.", "active", "In service")
    o.quiet("acts on devices")


def next_and_first_page(o):
    o.go("/list/cohort/parts")
    shown = "return [...document.querySelectorAll('main tbody th')].map(" \
            "th => th.innerText)"
    first = o.b.run(shown)
    o.link("Next page")
    o.b.wait("the second page", "return location.pathname.includes('/after-')")
    o.ready()
    rest = o.b.run(shown)
    check(len(first) == 100 and len(rest) == 4 and
          not set(first) & set(rest), "the next page has the others")
    o.link("First page")
    o.b.wait("the first page", "return !location.pathname.includes('/after-')")
    o.ready()
    check(o.b.run(shown) == first, "and leads back to the first")
    o.go("/audit")
    top = "return Number(document.querySelector('main tbody th').innerText" \
          ".replace(/\\D/g, ''))"
    newest = o.b.run(top)
    o.press("Older")
    o.b.wait("older records", top + " < arguments[0] - 50", newest)
    o.press("Newer")
    o.b.wait("the newest again", top + " >= arguments[0]", newest)
    check(True, "the log is turned over, there and back")
    o.quiet("pages of a list")


def follow(o):
    o.go("/")
    op("cohort", "create", "brand-new")
    o.b.wait_text("#fleet", "brand-new", seconds=8)
    check(True, "what happens shows by itself")
    o.go("/audit")
    o.b.wait_text("main", "created cohort brand-new")
    check("admin" in o.b.text("tbody") and "the gate" in o.b.text("tbody"),
          "who did what")
    o.quiet("the audit log")


def by_keyboard_alone(o):
    o.go("/")
    o.b.keys(TAB)
    check(o.b.run("return document.activeElement.className") == "skip",
          "the first key leads past the head")
    o.b.keys(ENTER)
    check(o.b.run("return document.activeElement.id") == "main",
          "to the content")
    tab_to(o, "a[href='/rollouts/third']")
    o.b.keys(ENTER)
    o.b.wait_text("h1", "third")
    o.ready()
    tab_to(o, ".verdict button")
    check(o.b.run("return getComputedStyle(document.activeElement)"
                  ".outlineStyle") != "none", "where one stands is seen")
    o.b.keys(ENTER)
    check(o.b.run("return document.activeElement.id") == "reason",
          "a dialog takes the focus")
    o.b.keys(ESCAPE)
    check(o.b.run("return !document.querySelector('dialog') &&"
                  " document.activeElement.innerText.startsWith('Pause')"),
          "and gives it back")
    o.b.keys(ENTER + "by keyboard" + TAB + ENTER)
    o.b.wait_text(".note", "is paused")
    check(state_of("third") == "paused", "paused by keyboard alone")


def tab_to(o, css):
    for _ in range(60):
        o.b.keys(TAB)
        if o.b.run("return document.activeElement.matches(arguments[0])", css):
            return
    raise SystemExit("FAILED: no key leads to " + css)


PAGES = ("/", "/rollouts/second", "/rollouts/first", "/devices/%s",
         "/list/all", "/list/silent/7", "/list/attempts/second/failed",
         "/audit")


def every_width_and_colour(o):
    device = json.loads(op("device", "list", "--json"))["devices"][0]["id"]
    for path in PAGES:
        path = path.replace("%s", device)
        o.go(path)
        bad = o.b.run(OUTLINE)
        check(bad == [], "%s has an outline %s" % (path, bad))
        for scheme in ("dark", "light"):
            o.b.scheme(scheme)
            bad = o.b.run(CONTRAST)
            check(bad == [], "%s can be read, %s %s" % (path, scheme, bad))
        for width in (400, 320, 1280):
            o.b.size(width, 900)
            o.b.wait("no sideways scrolling at %d on %s" % (width, path),
                     "return document.documentElement.scrollWidth <="
                     " innerWidth && innerWidth === arguments[0]", width)
        o.quiet(path)


def who_may_only_read(o):
    o.come_in("eve")
    o.b.wait_text(".you", "auditor")
    for path in ("/rollouts/third", "/devices/" + json.loads(
            op("device", "list", "--json"))["devices"][0]["id"]):
        o.go(path)
        check(o.b.run("return document.querySelectorAll('main button').length")
              == 0, "an auditor has nothing to press on " + path)
    o.quiet("an auditor")


def the_end(o):
    o.come_in("admin")
    os.kill(PID, signal.SIGTERM)
    o.b.wait_text("#lost", "What you see is from", seconds=40)
    check("not connected" in o.b.text("#live"), "an old page says so")


def main():
    o = Operator()
    start = time.monotonic()
    try:
        o.come_in("admin")
        every_number(o)
        see_what_is_wrong(o)
        text_stays_text(o)
        act_on_a_rollout(o)
        approve_and_look(o)
        start_and_advance(o)
        follow(o)
        by_keyboard_alone(o)
        every_width_and_colour(o)
        pages_numbers.of_each_phase(o, check, WORK)
        pages_chart.the_plan_is_drawn(o, check, WORK)
        which_devices_fail(o)
        next_and_first_page(o)
        block_and_release(o, act_on_devices(o))
        who_may_only_read(o)
        the_end(o)
    except BaseException:
        o.b.picture(WORK + "/failed.png")
        print(o.b.url(), o.b.console(), o.b.text("body"), sep="\n")
        raise
    finally:
        o.b.close()
    print("%.1f s in the browser" % (time.monotonic() - start))


main()
