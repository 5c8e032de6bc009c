# Pictures of the pages: screenshots.py WORK FOLDER, for screenshots.sh.
import json
import os
import sys
import time

from webdriver import Browser

# name, path, width, height, colours
PICTURES = (
    ("pages-fleet", "/", 1040, 980, "light"),
    ("pages-rollout", "/rollouts/kernel", 1040, 1040, "light"),
    ("pages-rollout-dark", "/rollouts/summer", 1040, 980, "dark"),
    ("pages-phone", "/rollouts/kernel", 400, 900, "dark"),
)


def main():
    work, out = sys.argv[1:3]
    with open(work + "/ui.json") as f:
        url = json.load(f)["url"]
    browser = Browser(work)
    try:
        browser.open(url)
        for name, path, width, height, colours in PICTURES:
            browser.size(width, height)
            browser.scheme(colours)
            browser.open(url.split("/#")[0] + path)
            browser.wait("the page", "return document.querySelector("
                         "'#main[aria-busy=false]') !== null")
            time.sleep(1)
            file = "%s/%s.png" % (out, name)
            browser.picture(file, full=False)
            print("%s: %d bytes" % (file, os.path.getsize(file)))
    finally:
        browser.close()


main()
