# A browser that tests drive: chromium by chromedriver, over the W3C WebDriver
# protocol, with nothing but Python's own library.
import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def is_here():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Trouble(Exception):
    pass


class Browser:
    def __init__(self, folder, width=1280, height=900, dark=False):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0", "--log-path=%s/driver.log" % folder],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.session = None
        try:
            self.base = "http://127.0.0.1:%s" % self.port()
            self.start(folder, width, height, dark)
        except BaseException:
            self.close()
            raise

    def port(self):
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                return line.rstrip(".\n").split()[-1]
        raise Trouble("chromedriver does not start")

    def start(self, folder, width, height, dark):
        args = ["--headless=new", "--disable-gpu", "--no-first-run",
                # Root, as in a container, has no sandbox; the pages are ours.
                "--disable-dev-shm-usage", "--no-sandbox",
                "--disable-background-networking", "--disable-sync",
                "--no-proxy-server", "--hide-scrollbars",
                "--user-data-dir=%s/profile" % folder,
                "--window-size=%d,%d" % (width, height)]
        if dark:
            args.append("--blink-settings=preferredColorScheme=0")
        answer = self.send("POST", "/session", {"capabilities": {
            "alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": args},
            }}})
        self.session = "/session/" + answer["sessionId"]

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"},
            method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Trouble("%s: %s" % (value["error"], value["message"]))

    def ask(self, method, path, body=None):
        return self.send(method, self.session + path, body)

    def close(self):
        try:
            if self.session:
                self.send("DELETE", self.session)
        except (Trouble, OSError):
            pass
        self.driver.terminate()
        self.driver.wait(20)
        self.driver.stdout.close()

    def devtools(self, command, **params):
        return self.ask("POST", "/goog/cdp/execute",
                        {"cmd": command, "params": params})

    def size(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}])

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def url(self):
        return self.ask("GET", "/url")

    def run(self, script, *args):
        return self.ask("POST", "/execute/sync",
                        {"script": script, "args": list(args)})

    def find(self, css):
        return self.ask("POST", "/element",
                        {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.ask("POST", "/element/%s/click" % self.find(css), {})

    def type(self, css, text):
        self.ask("POST", "/element/%s/value" % self.find(css), {"text": text})

    def keys(self, text):
        """Press and release each key, wherever the focus is."""
        actions = []
        for key in text:
            actions += [{"type": "keyDown", "value": key},
                        {"type": "keyUp", "value": key}]
        self.ask("POST", "/actions", {"actions": [
            {"type": "key", "id": "keys", "actions": actions}]})

    def text(self, css="main"):
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e ? e.innerText : ''", css)

    def wait(self, what, script, *args, seconds=60):
        """Until the script returns something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script, *args)
            if value:
                return value
            time.sleep(0.1)
        raise Trouble("waited in vain: %s\n%s" % (what, self.text("body")))

    def wait_text(self, css, part, seconds=60):
        self.wait("%r in %s" % (part, css),
                  "const e = document.querySelector(arguments[0]);"
                  "return e && e.innerText.includes(arguments[1])",
                  css, part, seconds=seconds)

    def console(self):
        """What the console said since the last time."""
        return [entry["message"] for entry in
                self.ask("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("SEVERE", "WARNING")]

    def picture(self, path, full=True):
        if full:
            metrics = self.devtools("Page.getLayoutMetrics")
            box = metrics["cssContentSize"]
            shot = self.devtools("Page.captureScreenshot", format="png",
                                 captureBeyondViewport=True, clip={
                                     "x": 0, "y": 0, "width": box["width"],
                                     "height": box["height"], "scale": 1})
        else:
            shot = self.devtools("Page.captureScreenshot", format="png")
        with open(path, "wb") as out:
            out.write(base64.b64decode(shot["data"]))
