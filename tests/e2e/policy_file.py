"""`rollout create --policy FILE` sends what the file names, and nothing else:
policy_file.py WORK SERVER, where release r1 and cohort fleet are."""
import json
import os
import re
import subprocess
import sys

work, server = sys.argv[1:3]
docs = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "fleet.md")

# What the key alone makes of the rollout: member of its policy, and value.
KEYS = {
    "max-fail": (["300"], "max_fail", 300),
    "min-sample": (["31"], "min_sample", 31),
    "coverage": (["7000"], "coverage", 7000),
    "breaker": (["1500"], "breaker", 1500),
    "evidence-hours": (["2"], "evidence_sec", 7200),
    "new-device-days": (["3"], "new_device_sec", 259200),
    "attempts": (["4"], "attempts", 4),
    "rest-hours": (["5"], "rest_sec", 18000),
    "give-up-hours": (["6"], "give_up_sec", 21600),
    "dark-polls": (["7"], "dark_polls", 7),
    "dark-minutes": (["8"], "dark_sec", 480),
    "start-minutes": (["9"], "start_sec", 540),
    "start-polls": (["10"], "start_polls", 10),
    "progress-hours": (["11"], "progress_sec", 39600),
    "min-rate": (["12"], "min_rate", 12),
    "four-eyes": (["13"], "four_eyes", 13),
    "delta-coverage": (["14"], "delta_coverage", 14),
    "share": (["0", "1000", "10000"], "shares", [0, 1000, 10000]),
    "watch-minutes": (["15", "16"], "watch", [900, 960]),
    "poll-minutes": (["17"], "poll_sec", 1020),
    "stop-code": (["SMOKE", "FIRE"], "stop_codes", ["SMOKE", "FIRE"]),
    "window-from": (["60"], "window", (60, 0)),
    "window-to": (["61"], "window", (0, 61)),
}


def ask(*args):
    return json.loads(subprocess.run(
        [server, *args, "--json", "--operator",
         work + "/server/admin/operator.conf"],
        check=True, stdout=subprocess.PIPE).stdout)


def made_by(name, text):
    """The policy and the window of a rollout that such a file made."""
    with open(work + "/scenario", "w", encoding="ascii") as f:
        f.write(text)
    ask("rollout", "create", name, "--release", "r1", "--cohort", "fleet",
        "--policy", work + "/scenario")
    r = ask("rollout", "status", name)
    window = r.get("window")
    return dict(r["policy"], window=window and (window["from"], window["to"]))


def documented():
    with open(docs, encoding="utf-8") as f:
        row = next(line for line in f if line.startswith("| `policy` |"))
    keys = row.split("|")[2]
    # In brackets stand defaults and what they mean.
    return set(re.findall(r"`([a-z-]+)`", re.sub(r"\([^)]*\)", "", keys)))


if documented() != set(KEYS):
    sys.exit("documented, or tried here, alone: %s" %
             sorted(documented() ^ set(KEYS)))
usual = made_by("no-key", "[fleet]\ndevices = 5\n")
for key, (values, member, value) in KEYS.items():
    lines = "".join("%s = %s\n" % (key, v) for v in values)
    got = made_by("key-" + key, "[policy]\n" + lines)
    if got != dict(usual, **{member: value}):
        sys.exit("%s: %s, not %s" % (key, got, value))
    if got == usual:
        sys.exit("%s: as usual, so nothing was tried" % key)
