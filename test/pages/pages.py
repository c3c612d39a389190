"""Every page that the programs make for people, as a browser shows it: what axe-core (WCAG 2.2 A and AA, and its best practices) finds
fault with, and what is wider than the window. Narrow and wide, light and dark. Argument: axe.min.js. Ends with `N passed, N failed`."""

import html
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../e2e", f"{HERE}/../e2e/log"]
sys.dont_write_bytecode = True

from browser import Browser  # noqa: E402
from check_verify_page import Genuine  # noqa: E402
from world import GATEWAYCTL, ROOT, read, run, wait_for, write  # noqa: E402

PRESETS = ("pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian")
WIDTHS = (320, 1280)
SCHEMES = ("light", "dark")
NOW = "2026-06-01T00:00:00Z"
# The states of the page that verifies, by a case of check_verify_page.
STATES = {"holds": "receipt by policy", "open": "receipt that no witness could know of", "fails": "another entry", "unclear": "no key"}
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"


def around(title, svg):
    """The flow map as those who publish it show it: in a page of theirs."""
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(title)}</title><style>main {{ overflow-x: auto }}</style></head><body><main tabindex=\"0\" aria-label=\"Flow map\">"
            f"<h1>{html.escape(title)}</h1>{svg}</main></body></html>\n")


def made(folder):
    """(name, path) of the pages that are files."""
    for preset in PRESETS:
        source = f"{ROOT}/conf/agreements/{preset}.json"
        for name, text in ((f"summary-{preset}", run(GATEWAYCTL, "agreement", "summary", "--html", "--now", NOW, source)[1]),
                           (f"flowmap-{preset}", around(f"Flows of {preset}", run(GATEWAYCTL, "agreement", "flowmap", "--now", NOW, source)[1]))):
            path = f"{folder}/{name}.html"
            write(path, text)
            yield name, path


def show(browser, width, scheme):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setScrollbarsHidden", hidden=True)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def judge(browser, axe, name):
    """What is wrong with the page that is shown, as lines."""
    browser.js(axe + "; 0")
    found = browser.js(f"axe.run(document, {{ runOnly: {RULES}, resultTypes: ['violations'] }}).then(r => r.violations.flatMap(v => "
                       "v.nodes.map(n => v.id + ': ' + v.help + ': ' + n.html.slice(0, 120))))")
    wide = browser.js("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        found.append(f"is {wide} pixels wider than the window")
    return [f"{name}: {line}" for line in found]


def shoot(browser, name):
    folder = os.environ.get("GATEWAY_SCREENSHOTS")
    if folder:
        browser.screenshot(f"{folder}/{name}.png")


def verify_states(browser):
    """Brings the page that verifies into each of its states; yields their names."""
    browser.open(f"file://{Genuine.world.folder}/public/verify.html")
    yield "verify-empty"
    cases = {c[0]: c for c in Genuine("cases").cases()}
    for state, what in STATES.items():
        _, keys, text, verdict, _ = cases[what]
        assert verdict == state, (verdict, state)
        browser.js("document.getElementById('verdict').className = '';"
                   f"document.getElementById('keys').value = {keys!r}; document.getElementById('what').value = {text!r};"
                   "document.querySelector('button[type=submit]').click()")
        wait_for(lambda state=state: browser.js("document.getElementById('verdict').className") == state)
        yield f"verify-{state}"


def main(axe):
    folder = tempfile.mkdtemp(prefix="gw-pages")
    faults, pages = [], 0
    try:
        Genuine.setUpClass()
        files = list(made(folder))
        for scheme in SCHEMES:
            for width in WIDTHS:
                with Browser(width, 900) as browser:
                    show(browser, width, scheme)
                    for name, path in files:
                        browser.open(f"file://{path}")
                        faults += judge(browser, axe, f"{name} at {width}, {scheme}")
                        shoot(browser, f"{name}-{width}-{scheme}")
                        pages += 1
                    for name in verify_states(browser):
                        faults += judge(browser, axe, f"{name} at {width}, {scheme}")
                        shoot(browser, f"{name}-{width}-{scheme}")
                        pages += 1
    finally:
        Genuine.doClassCleanups()
        shutil.rmtree(folder)
    print("\n".join(faults + [f"axe: {pages} pages, {len(faults)} findings"]))
    print(f"{pages - len({f.split(': ')[0] for f in faults})} passed, {len({f.split(': ')[0] for f in faults})} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(read(sys.argv[1])))
