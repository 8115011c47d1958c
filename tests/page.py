#!/usr/bin/env python3
"""The page in a real browser: every view of a real program with a faulty fleet on a real broker.

    tests/page.py PROGRAM                   every check; exit status 0: all passed
    tests/page.py PROGRAM --pictures DIR    also writes the pictures of the manual, docs/page
    tests/page.py PROGRAM --speed DEVICES   only the cost of each view with so many devices; for a release build

Starts Mosquitto, the program and its simulated fleet with faults on free ports below one temporary folder, and ends
them. With AXE=PATH of axe.min.js every view is checked with axe-core as well, in both colour schemes:
`npm pack axe-core && tar xf axe-core-*.tgz`, then AXE=package/axe.min.js.
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.dont_write_bytecode = True
from devtools import Browser  # noqa: E402
from loopback import Client, free_port  # noqa: E402
from prometheus import CONNECTED, ask, needed, start, stop  # noqa: E402

TIME_MAX = 240
WEIGHT_MAX = 100_000
EVIL_TOPIC = "<img src=x onerror=alert(1)>\"'&{}"
EVIL_ID = "</title><script>document.title='owned'</script>\u202egpj"
EVIL_CLIENT = "<b onclick=alert(1)>cl'\"ient"
CONFIG = """
[[broker]]
name = "main"
url = "mqtt://127.0.0.1:{broker}"
client_id = "watchkeeper"
[fleet]
expected = ["tempcontroller999"]
[errors]
minimum = 5
[commands]
timeout = "20s"
[queues]
every = "2s"
[[queues.source]]
kind = "mosquitto-db"
limit_messages = 1000
path = "{store}"
"""
# bcrypt of «page-secret».
USERS = "basic_auth_users:\n    ann: $2b$04$abcdefghijklmnopqrstuuVqBmHk/uMC3yDTj6NnGlzPj2.XRG5Y2\n"
# Failures, each one sentence.
FAILED = []


def check(holds, what):
    if not holds:
        FAILED.append(what)
        print(f"FAILED: {what}", flush=True)


def encoded(text):
    return urllib.parse.quote(text, safe="")


def say(broker, publish, topic, text, *more):
    message = text if isinstance(text, str) else json.dumps(text)
    subprocess.run([publish, "-h", "127.0.0.1", "-p", str(broker), "-q", "1", "-t", topic, "-m", message, *more], check=True, timeout=10)


class Stage:
    """The servers, and where they listen."""

    def __init__(self, folder, program, devices=None):
        mosquitto, self.publish, subscribe = needed("mosquitto", "mosquitto_pub", "mosquitto_sub")
        self.broker, self.web, self.open_web = free_port(), free_port(), free_port()
        self.root = f"http://127.0.0.1:{self.web}"
        user = "user root\n" if os.geteuid() == 0 else ""
        (folder / "mosquitto.conf").write_text(
            f"listener {self.broker} 127.0.0.1\nallow_anonymous true\nsys_interval 1\nlog_dest topic\nlog_dest stderr\n{user}"
            f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 20\n"
            "max_queued_messages 0\n")
        (folder / "watchkeeper.toml").write_text(CONFIG.format(broker=self.broker, store=folder / "mosquitto.db"))
        start(folder, "mosquitto", mosquitto, "-c", "mosquitto.conf")
        start(folder, "watchkeeper", program, "run", "--config", "watchkeeper.toml", "--data-dir", "data",
              "--web.listen-address", f"127.0.0.1:{self.web}")
        self.until("the broker is connected", lambda: CONNECTED in ask(self.web, "/metrics").get("text", ""))
        if devices:
            self.crowd(devices)
            return
        away = ["-h", "127.0.0.1", "-p", str(self.broker), "-c", "-q", "1", "-t", "plant/+/+/tempcontroller01/#", "-E"]
        for client in ("historian", EVIL_CLIENT):
            subprocess.run([subscribe, *away, "-i", client], check=True, timeout=10)
        start(folder, "simulate", program, "simulate", "--broker", f"mqtt://127.0.0.1:{self.broker}", "--devices", "120",
              "--interval", "1s", "--faults", "--commands", "20")
        self.misbehave()

    def crowd(self, devices):
        """So many devices, of which every tenth speaks badly."""
        crowd = Client(self.broker, "crowd")
        for _ in range(3):
            for first in range(0, devices, 1000):
                for n in range(first, min(first + 1000, devices)):
                    crowd.say(f"plant/area{n % 50}/line{n % 7}/controller{n:07}/telemetry/flow", "{" if n % 10 == 0 else f"{n % 90}.5")
                time.sleep(0.02)
        crowd.leave()
        self.until("all devices", lambda: ask(self.web, "/api/nodes?limit=1").get("total", 0) >= devices)

    def until(self, what, holds):
        deadline = time.monotonic() + 60
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            time.sleep(0.2)

    def misbehave(self):
        """What no simulated device does: odd names, alarms, commands that nobody answers."""
        for n in range(5):
            say(self.broker, self.publish, f"plant/area1/line1/{EVIL_TOPIC}/telemetry/temperature", "{" if n == 3 else {"<u>p</u>": n})
            say(self.broker, self.publish, f"odd/{n}", {"device_id": EVIL_ID, "<i>v</i>": n}, "-i", f"{EVIL_CLIENT}{n}")
        alarm = {"alarm_id": "7", "alarm_type": "<h1>HIGH", "priority": "CRITICAL", "point": "<p>3", "state": "ACTIVE"}
        say(self.broker, self.publish, "plant/area1/line1/tempcontroller02/alarm/active", alarm)
        say(self.broker, self.publish, "plant/area1/line1/tempcontroller02/telemetry/system", {"free_heap": 91000, "boot_count": 3, "<s>": 1})
        request = {"cmd_id": "<u>c1", "command": "relay.set", "parameters": {"relay": 1}}
        say(self.broker, self.publish, "plant/area1/line1/tempcontroller02/command/request", request)

    def ready(self):
        """Devices are offline, points are stuck, a queue is there, a command waits."""
        nodes = "/api/nodes?limit=1&"
        self.until("many devices", lambda: ask(self.web, nodes).get("total", 0) >= 120)
        self.until("stuck points", lambda: ask(self.web, f"{nodes}sort=-stuck")["nodes"][0]["stuck_points"])
        self.until("queues", lambda: any(one["client_id"] == "historian" and one["depth"] for one in ask(self.web, "/api/queues")["queues"]))
        self.until("devices that went away", lambda: ask(self.web, f"{nodes}state=offline")["total"] >= 3)
        self.until("an error", lambda: ask(self.web, f"{nodes}sort=-error_ratio")["nodes"][0]["error_ratio"])
        device = "/api/nodes/tempcontroller03/mute"
        ask(self.web, device, b'{"until": "2h", "reason": "the line is being <b>rebuilt</b>"}')


def views():
    """Name and address of each view."""
    return [
        ("overview", "/"), ("devices", "/devices?sort=-error_ratio"), ("device", "/devices/tempcontroller02"), ("topics", "/topics"),
        ("queues", "/queues"), ("queue", "/queues/historian"), ("audit", "/audit"), ("system", "/system"),
    ]


def costs(stage, asked, times=1):
    """Time to the first byte and weight of each view, over a plain connection."""
    slowest = 0
    for name, address in asked:
        took = []
        for _ in range(times):
            connection = http.client.HTTPConnection("127.0.0.1", stage.web, timeout=20)
            began = time.monotonic()
            connection.request("GET", address)
            answer = connection.getresponse()
            took.append((time.monotonic() - began) * 1000)
            weight = len(answer.read())
            connection.close()
        median, slowest = sorted(took)[len(took) // 2], max(slowest, *took, 0)
        print(f"{name}: {answer.status}, first byte after {median:.0f} ms, at most {max(took):.0f} ms, {weight} bytes")
        check(answer.status == 200 and weight < WEIGHT_MAX, f"{name} answers {answer.status} with {weight} bytes")
    return slowest


def speed(program, folder, devices):
    """Each view with so many devices; the aim is 100 ms with 100,000 in a release build."""
    stage = Stage(folder, program, devices)
    cursor = ask(stage.web, "/api/nodes?sort=-messages&limit=100")["next_cursor"]
    asked = [(name, address) for name, address in views() if name not in ("device", "queue")]
    asked += [
        ("device", "/devices/controller0000010"), ("devices by id", "/devices"), ("devices by messages", "/devices?sort=-messages"),
        ("devices, next page", f"/devices?sort=-messages&cursor={encoded(cursor)}"), ("devices by text", "/devices?q=0777"),
        ("devices by state", "/devices?state=offline&sort=last_seen"),
    ]
    slowest = costs(stage, asked, 20)
    print(f"{devices} devices: the slowest answer began after {slowest:.0f} ms")


def sound(browser, where):
    """What must hold of every view at any time."""
    for line in browser.complaints():
        check(False, f"{where}: {line}")
    check(browser.tell("document.querySelectorAll('h1').length") == 1, f"{where}: not one h1")
    check(browser.tell("document.title.endsWith('– Watchkeeper')"), f"{where}: the title is {browser.tell('document.title')!r}")
    odd = browser.tell("document.querySelectorAll('main img, main u, main i, main s, main script, [onclick], [onerror]').length")
    check(odd == 0, f"{where}: {odd} elements that came from strangers")
    wide = browser.tell("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{where}: the page scrolls sideways by {wide} px")


def each_view(browser, stage):
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light")):
        browser.look(width, 800, scheme)
        for name, address in views():
            browser.open(stage.root + address)
            outside = [url for url in browser.asked() if not url.startswith((stage.root, "about:"))]
            check(not outside, f"{name} asks {outside}")
            sound(browser, f"{name}, {width} px, {scheme}")


def paging(browser, stage):
    """The list: sorted, filtered and paged by links and forms alone; the address says all of it."""
    browser.look(1280, 800)
    browser.open(f"{stage.root}/devices")
    ids = "[...document.querySelectorAll('tbody th')].map(e => e.innerText)"
    first = browser.tell(ids)
    # Devices that were never seen come first.
    seen = [one for one in first if one != "tempcontroller999"]
    check(len(first) == 50 and seen == sorted(seen), "the first page is not 50 devices in order")
    pages = "[...document.querySelectorAll('.pages a')].find(a => a.textContent === '{}')"
    browser.follow(pages.format("next"))
    second = browser.tell(ids)
    check(not set(first) & set(second) and second == sorted(second), "the second page overlaps the first")
    address = browser.tell("location.href")
    browser.open(address)
    check(browser.tell(ids) == second, "the address of the second page is no permalink")
    browser.follow(pages.format("previous"))
    check(browser.tell(ids) == first, "the way back does not lead to the first page")
    browser.follow("[...document.querySelectorAll('thead a')].find(a => a.textContent.startsWith('Stuck'))")
    check(browser.tell("document.querySelectorAll('th[aria-sort=descending]').length") == 1, "no column says that it is sorted")
    stuck = browser.tell("[...document.querySelectorAll('tbody tr')].map(r => Number(r.cells[6].innerText))")
    check(stuck == sorted(stuck, reverse=True) and stuck[0] > 0, "the list is not sorted by stuck points")
    browser.tell("document.getElementById('q').value = 'controller11'")
    browser.tell("document.getElementById('state').value = 'online'")
    browser.follow("document.querySelector('.filters button')")
    found = browser.tell(ids)
    check(found and all("controller11" in one for one in found), f"the filter finds {found}")
    check("q=controller11" in browser.tell("location.search") and "sort=-stuck" in browser.tell("location.search"), "the address does not say the filter")
    sound(browser, "the list")


def numbers(browser, stage):
    """What the overview says is what the API says, and its figures lead to what they count."""
    browser.look(1280, 800)
    states = ("online", "offline", "unknown", "never_seen")

    def agree():
        browser.open(f"{stage.root}/")
        shown = browser.tell("[...document.querySelectorAll('.legend b')].map(e => Number(e.innerText.replaceAll(',', '')))")
        return shown == [ask(stage.web, f"/api/nodes?limit=1&state={state}")["total"] for state in states]

    stage.until("the overview agrees with the API", agree)
    for tile in range(browser.tell("document.querySelectorAll('.tile a').length")):
        browser.open(f"{stage.root}/")
        browser.follow(f"document.querySelectorAll('.tile a')[{tile}]")
        check(browser.tell("!document.querySelector('.notice.bad')"), f"figure {tile} leads to {browser.tell('location.href')}")
        sound(browser, browser.tell("location.pathname"))


def lists(browser, stage):
    """Topics and queues: sorted and filtered by links and forms."""
    browser.open(f"{stage.root}/topics")
    browser.follow("[...document.querySelectorAll('thead a')].find(a => a.textContent.startsWith('Errors'))")
    errors = browser.tell("[...document.querySelectorAll('tbody tr')].map(r => Number(r.cells[4].innerText))")
    check(errors == sorted(errors, reverse=True) and errors[0] > 0, "the topics are not sorted by errors")
    check("by=errors" in browser.tell("location.search"), "the address of the topics does not say how they are sorted")
    browser.open(f"{stage.root}/queues")
    browser.tell("document.getElementById('q').value = 'histor'")
    browser.follow("document.querySelector('.filters button')")
    found = browser.tell("[...document.querySelectorAll('table')[0].querySelectorAll('tbody th')].map(e => e.innerText)")
    check(found == ["historian"], f"the filter of queues finds {found}")
    browser.follow("document.querySelector('tbody th a')")
    check(browser.tell("!!document.querySelector('svg.chart path')"), "the history of a queue has no picture")
    browser.open(f"{stage.root}/devices/tempcontroller02?every=5")
    lines = browser.tell("document.querySelectorAll('svg.spark path').length")
    check(lines > 40, f"{lines} points have a line")
    sound(browser, "a device that is read again")


def hostile(browser, stage):
    """Names that would break a careless page."""
    for what, device in (("topic", EVIL_TOPIC), ("id", EVIL_ID)):
        browser.open(f"{stage.root}/devices?q={encoded(device[:12])}")
        sound(browser, f"the list with a hostile {what}")
        check(browser.tell("document.querySelectorAll('tbody tr').length") == 1, f"the device with the hostile {what} is not listed")
        browser.follow("document.querySelector('tbody th a')")
        shown = browser.tell("document.querySelector('h1').innerText")
        check(shown == device.replace("\u202e", "\ufffd"), f"the device with the hostile {what} is shown as {shown!r}")
        sound(browser, f"the device with a hostile {what}")
    browser.open(f"{stage.root}/queues/{encoded(EVIL_CLIENT)}")
    sound(browser, "the queue of a hostile client")
    browser.open(f"{stage.root}/audit?text={encoded('<b onclick')}")
    sound(browser, "the log with a hostile client")
    browser.open(f"{stage.root}/devices/tempcontroller03")
    shown = browser.tell("document.body.innerText")
    check("muted" in shown and "the line is being <b>rebuilt</b>" in shown, "a mute is not shown with its reason")
    browser.open(f"{stage.root}/devices/tempcontroller999")
    check("never seen" in browser.tell("document.body.innerText"), "a device that was never seen is not shown as such")
    sound(browser, "a device that was never seen")
    browser.open(f"{stage.root}/devices/nobody")
    browser.events = []
    check("no device has this id" in browser.tell("document.body.innerText"), "an unknown device is not said to be unknown")


def log(browser, stage):
    """Search by the form, the permalink of a record, pages by cursor, and the live tail."""
    browser.open(f"{stage.root}/audit?type=DEVICE&limit=5")
    numbers = "[...document.querySelectorAll('tbody tr')].map(r => Number(r.cells[6].innerText))"
    first = browser.tell(numbers)
    check(len(first) == 5 and first == sorted(first, reverse=True), f"the search finds {first}")
    browser.follow("[...document.querySelectorAll('.pages a')].find(a => a.textContent === 'earlier records')")
    second = browser.tell(numbers)
    check(second and max(second) < min(first), f"the second page is {second} after {first}")
    browser.follow("document.querySelector('tbody td:last-child a')")
    check(browser.tell(numbers) == second[:1], "a record's own address does not lead to it")
    sound(browser, "one record")
    browser.open(f"{stage.root}/audit?type=ALARM")
    browser.click("document.querySelector('#follow button')")
    browser.until("document.querySelector('#follow p').textContent.startsWith('Following')", "the log is not followed")
    alarm = {"alarm_id": "8", "alarm_type": "<img src=x onerror=alert(2)>", "priority": "HIGH", "state": "ACTIVE"}
    say(stage.broker, stage.publish, "plant/area1/line1/tempcontroller02/alarm/active", alarm)
    browser.until("document.querySelector('tr.fresh')?.innerText.includes('onerror=alert(2)')", "the alarm does not appear in the tail")
    check(browser.tell("document.querySelector('tr.fresh').cells.length === document.querySelectorAll('thead th').length"),
          "a row of the tail has other columns than the table")
    check(browser.tell("document.querySelector('tr.fresh a').getAttribute('href')") == "/devices/tempcontroller02", "a row of the tail leads nowhere")
    browser.click("document.querySelector('#follow button')")
    check(browser.tell("document.querySelector('#follow p').textContent") == "Paused.", "the tail does not pause")
    sound(browser, "the live tail")


def without_script(browser, stage):
    browser.look(1280, 800, script=False)
    for name, address in views():
        browser.open(stage.root + address)
        text = browser.tell("document.querySelector('main').innerText")
        check(len(text) > 100, f"{name} says nothing without a script")
        sound(browser, f"{name} without a script")
    browser.open(f"{stage.root}/audit")
    check(not browser.tell("document.querySelector('#follow button')"), "a script runs although none may")
    browser.look(1280, 800)


def keyboard(browser, stage):
    """The first key leads past the navigation, and what has the focus is seen."""
    browser.open(f"{stage.root}/devices")
    browser.key("Tab", 9)
    check(browser.tell("document.activeElement.className") == "skip", "the first key does not reach the skip link")
    check(browser.tell("document.activeElement.getBoundingClientRect().top >= 0"), "the skip link is not seen when it has the focus")
    browser.key("Enter", 13)
    check(browser.tell("location.hash") == "#main", "the skip link leads nowhere")
    browser.key("Tab", 9)
    outline = browser.tell("getComputedStyle(document.activeElement).outlineStyle")
    check(outline not in ("none", ""), "what has the focus is not marked")
    check(browser.tell("!!document.activeElement.closest('main')"), "after the skip link the focus is not in the content")
    browser.complaints()


def with_users(stage, folder, program):
    """With passwords: the process says that it lives to everybody, and the commands can say who they are."""
    web = free_port()
    (folder / "web.yml").write_text(USERS)
    (folder / "password").write_text("page-secret\n")
    (folder / "wrong").write_text("page-secre\n")
    start(folder, "watchkeeper-with-users", program, "run", "--broker", f"mqtt://127.0.0.1:{stage.broker}", "--data-dir", "data-users",
          "--web.listen-address", f"127.0.0.1:{web}", "--web.config.file", "web.yml")
    stage.until("the second sidecar lives", lambda: ask(web, "/livez").get("text") == "ok\n")
    for path in ("/readyz", "/-/healthy", "/-/ready"):
        check(ask(web, path).get("text") == "ok\n", f"{path} asks for a password")
    for path in ("/", "/devices", "/page.js", "/api/health"):
        check("user and password" in ask(web, path).get("error", ""), f"{path} asks for no password")
    command = [program, "healthcheck", "--url", f"http://127.0.0.1:{web}"]
    as_ann = ["--user", "ann", "--password-file"]
    for more, expected in (([], 1), ([*as_ann, "password"], 0), ([*as_ann, "wrong"], 1), ([*as_ann, "none"], 1), (["--user", "ann"], 2)):
        ended = subprocess.run([*command, *more], cwd=folder, capture_output=True, timeout=20)
        check(ended.returncode == expected, f"healthcheck {more} ends with {ended.returncode}: {ended.stdout} {ended.stderr}")
    report = [program, "report", "--url", f"http://127.0.0.1:{web}", *as_ann, "password"]
    check(subprocess.run(report, cwd=folder, capture_output=True, timeout=20).returncode == 0, "report does not say who it is")


def axe(browser, stage, script):
    """axe-core on each view, in both colour schemes and in a narrow window."""
    text = pathlib.Path(script).read_text(encoding="utf-8")
    violations = ("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => "
                  "[v.id, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary]))")
    browser.ask("Page.setBypassCSP", enabled=True)
    browser.open(f"{stage.root}/devices")
    browser.tell(f"document.documentElement.lang = ''; document.querySelector('label').remove(); {text}; 0")
    check(len(browser.tell(violations)) >= 2, "axe-core finds nothing where something is wrong")
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "dark")):
        browser.look(width, 800, scheme)
        for name, address in views():
            browser.open(stage.root + address)
            browser.tell(text + "; 0")
            for one in browser.tell(violations):
                check(False, f"axe, {name}, {width} px, {scheme}: {one}")
    browser.ask("Page.setBypassCSP", enabled=False)
    browser.complaints()
    print(f"axe-core: {browser.tell('axe.version')}, {len(views()) * 3} pages")


def pictures(browser, stage, folder):
    folder.mkdir(parents=True, exist_ok=True)
    shots = [(name, address, 1120, "light") for name, address in views()]
    shots += [("overview-dark", "/", 1120, "dark"), ("device-dark", "/devices/tempcontroller02", 1120, "dark")]
    shots += [("overview-narrow", "/", 360, "light"), ("devices-narrow", "/devices?sort=-error_ratio", 360, "dark")]
    for name, address, width, scheme in shots:
        browser.look(width, 800, scheme)
        browser.open(stage.root + address)
        path = folder / f"{name}.png"
        browser.picture(path, 740 if width > 400 else 1200)
        size = path.stat().st_size
        check(size < 150_000, f"{path} has {size} bytes")
        print(f"{path}: {size} bytes")


def run(program, folder, target):
    chromium, = needed("chromium")
    stage = Stage(folder, program)
    browser = Browser(chromium, folder)
    try:
        stage.ready()
        browser.open(f"{stage.root}/devices/tempcontroller02")
        for step in (each_view, numbers, paging, lists, hostile, log, without_script, keyboard):
            step(browser, stage)
            print(f"{step.__name__}: done", flush=True)
        costs(stage, views())
        if os.environ.get("AXE"):
            axe(browser, stage, os.environ["AXE"])
        if target:
            pictures(browser, stage, target)
        with_users(stage, folder, program)
    finally:
        browser.close()


def overdue(*_):
    raise TimeoutError(f"{TIME_MAX} s are over")


def main():
    arguments = sys.argv[1:]
    target, devices = None, 0
    if len(arguments) == 3 and arguments[1] == "--speed" and arguments[2].isdigit():
        devices = int(arguments[2])
    elif len(arguments) == 3 and arguments[1] == "--pictures":
        target = pathlib.Path(arguments[2]).resolve()
    elif len(arguments) != 1:
        sys.exit(__doc__)
    program = os.path.realpath(arguments[0])
    began = time.monotonic()
    signal.signal(signal.SIGALRM, overdue)
    signal.signal(signal.SIGTERM, overdue)
    signal.alarm(TIME_MAX)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-page-") as folder:
        try:
            if devices:
                speed(program, pathlib.Path(folder), devices)
            else:
                run(program, pathlib.Path(folder), target)
        except (TimeoutError, RuntimeError) as error:
            sys.exit(f"FAILED: {error}")
        finally:
            stop()
    print(f"{len(FAILED)} failed; {time.monotonic() - began:.0f} s")
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()
