"""One case: a fresh repository, a fresh client, and what it may be asked.

Each function of a file of cases gets one, and fails by an assertion; run_cases()
runs them all. usage of those files: CASES.py CLIENT WORK
"""
import datetime
import glob
import json
import os
import subprocess
import sys
import traceback

from tuf_repository import Key, Repository, Server

CLIENT, WORK = sys.argv[1], sys.argv[2]
SERVER = Server()
KEYS = [Key(os.path.join(WORK, "ec%d.pem" % i)) for i in range(14)]


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()


def status(*args):
    """The exit status of the client itself, with nothing added."""
    return subprocess.run((CLIENT,) + args, timeout=60,
                          stderr=subprocess.DEVNULL).returncode


class Broken:
    """An answer that ends before the length that it announced."""

    def __init__(self, whole, part):
        self.whole, self.part = whole, part

    def __len__(self):
        return len(self.whole)


class Case:
    def __init__(self, name):
        self.url = SERVER.url(name)
        self.folder = os.path.join(WORK, name)
        self.metadata = os.path.join(self.folder, "metadata")
        self.targets = os.path.join(self.folder, "targets")
        os.makedirs(self.metadata)
        os.makedirs(self.targets)
        self.repo = Repository(KEYS)
        SERVER.repositories[name] = self.repo

    def run(self, *args, days=None):
        command = (CLIENT, "--metadata-dir", self.metadata) + args
        if days is not None:
            when = (datetime.datetime.now(datetime.timezone.utc) +
                    datetime.timedelta(days=days))
            command = ("faketime", str(when)) + command
        self.repo.asked.clear()
        done = subprocess.run(command, timeout=60, stderr=subprocess.PIPE)
        self.said = done.stderr.decode()
        assert done.returncode in (0, 1), (done.returncode, self.said)
        return done.returncode == 0

    def init(self, data=None):
        path = os.path.join(self.folder, "root")
        with open(path, "wb") as f:
            f.write(data or self.repo.files["metadata/1.root.json"])
        return self.run("init", path)

    def refresh(self, **more):
        return self.run("--metadata-url", self.url + "metadata/", "refresh",
                        **more)

    def download(self, *names, **more):
        args = ["--metadata-url", self.url + "metadata/"]
        for name in names:
            args += ["--target-name", name]
        args += ["--target-dir", self.targets,
                 "--target-base-url", self.url + "targets/", "download"]
        return self.run(*args, **more)

    def kept(self, name):
        """The path of a file in the folder of metadata."""
        return os.path.join(self.metadata, name)

    def trusted(self):
        found = {}
        for name in os.listdir(self.metadata):
            if name.endswith(".json"):
                with open(os.path.join(self.metadata, name)) as f:
                    found[name[:-5]] = json.load(f)["signed"]["version"]
        return found

    def top(self):
        """Versions of root, timestamp, snapshot, targets; 0 for none."""
        found = self.trusted()
        return [found.get(r, 0)
                for r in ("root", "timestamp", "snapshot", "targets")]

    def by_age(self):
        """What lies among the targets, the oldest first."""
        found = glob.glob(os.path.join(self.targets, "**"), recursive=True)
        return [get(path) for path in sorted(found, key=os.path.getmtime)
                if os.path.isfile(path)]

    def downloaded(self):
        return sorted(self.by_age())

    def start(self):
        assert self.init(), self.said
        assert self.refresh(), self.said


def run_cases(names):
    """names: of a module; every function that it defines is a case."""
    cases = [f for f in names.values()
             if callable(f) and getattr(f, "__module__", "") == "__main__"]
    failed = 0
    for case in cases:
        try:
            case(Case(case.__name__))
            print("ok", case.__name__)
        except Exception:
            failed += 1
            print("FAILED", case.__name__)
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0
