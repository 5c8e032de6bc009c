# Ask what the fleet's pages ask, over one kept connection as the admin, and print
# what each takes of a processor: time_pages.py WORK HOST:PORT PID [MS]
# PID is the server's. Fail where a page takes more than so many milliseconds (100).
# How long one waits for it is another thing, on a busy machine.
import http.client
import json
import os
import ssl
import sys

ROUNDS = 20
LISTS = ("all", "release/kiosk/2026.6", "cohort/stable", "silent/7",
         "never-seen", "quarantined")


class People:
    def __init__(self, work, address, pid):
        self.pid = pid
        context = ssl.create_default_context(cafile=work + "/server/ca.pem")
        context.load_cert_chain(work + "/server/admin/admin.pem",
                                work + "/admin.bare")
        host, port = address.rsplit(":", 1)
        self.http = http.client.HTTPSConnection(host, int(port),
                                                context=context)

    def ask(self, path):
        self.http.request("GET", path)
        answer = self.http.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body)
        return body


def spent(pid):
    """Milliseconds of a processor, so far."""
    with open("/proc/%s/schedstat" % pid) as f:
        own = int(f.read().split()[0])
    return own / 1e6


def cpu_of(pid):
    """Of all its threads."""
    return sum(spent("%s/task/%s" % (pid, t))
               for t in os.listdir("/proc/%s/task" % pid))


def measure(people, path):
    before = cpu_of(people.pid)
    answers = [people.ask(path) for _ in range(ROUNDS)]
    took = (cpu_of(people.pid) - before) / ROUNDS
    print("  %-46s %7.2f ms  %7d bytes" % (path, took, len(answers[0])))
    return took


def main():
    work, address = sys.argv[1:3]
    pid, must = sys.argv[3], (sys.argv + [100])[4]
    people = People(work, address, pid)
    p = "/v1/people/"
    body = people.ask(p + "overview")
    print("  devices: %d" % json.loads(body)["devices"])
    home = sum(measure(people, path) for path in (
        "/", p + "overview", p + "rollouts", p + "history/kiosk/14"))
    lists = [measure(people, p + "list/" + name) for name in LISTS]
    body = people.ask(p + "list/all")
    device = json.loads(body)["devices"][50]["id"]
    one = measure(people, p + "device/" + device)
    audit = measure(people, p + "audit/0")
    body = people.ask(p + "rollouts")
    named = json.loads(body)["rollouts"]
    rollout = sum(measure(people, path) for path in (
        "/rollouts/" + named[0]["name"], p + "overview",
        p + "rollout/" + named[0]["name"], p + "names",
        p + "audit-of/rollout/" + named[0]["name"],
        p + "attempts/" + named[0]["name"] + "/failed",
        p + "attempts/" + named[0]["name"] + "/dark",
        p + "history/kiosk/14")) if named else 0
    for name, took in (("fleet home", home), ("longest list", max(lists)),
                       ("device", one), ("audit", audit),
                       ("rollout", rollout)):
        print("figure page-%s %.1f ms, must %s, ratio %.2f" % (
            name.replace(" ", "-"), took, must, took / float(must)))
        if took > float(must):
            sys.exit("FAILED: a page, %s" % name)


main()
