#!/usr/bin/env python3
"""A soak: the program beside a real Mosquitto and a fleet at load, and whether anything of it grows that must not.

    tests/soak.py [PROGRAM] [--long] [--seconds N]      default: target/debug/watchkeeper, 60 seconds; --long: an hour

The program's own fleet of 300 devices with every fault, and beside it guests: devices that come, say a few words, go and are
forgotten, and commands. It is scraped every second and asked about everything every few seconds, the audit log on.

Judged is the last half, by growth alone: memory, file descriptors, threads. Times are printed and never judged. The same
samples with a leak of 1 KB for each forgotten device added to them must fail: what would not see that proves nothing.
Exit status 1 where something grew, failed or was refused; 2 where Mosquitto is missing."""

import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
from loopback import SOON, Client, accepts, free_port, until  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEVICES = 300
GUESTS_PER_SECOND = 80
# Names of guests; then they begin anew, having been forgotten. What is kept of names beyond that has limits of its own
# (clients of the broker, devices with commands that waited), and fills up before the last half.
GUESTS_MAX = 1000
FORGET_AFTER = 5
LEAK_BYTES = 1024
# The intake remembers the last 131,072 audited messages, some 200 bytes each. A long run fills that before its last half; in a
# short one it would look like a leak, so that few guests are sent a command.
COMMANDS_EVERY = 20
COMMANDS_EVERY_LONG = 1
LONG = 2400

# Every probe, question and record of a busy day. The log is small, so that its segments come and go, too.
SETTINGS = f"""
[fleet]
forget_after = "{FORGET_AFTER}s"
[metrics]
values = true
[audit]
rotate_bytes = "1MiB"
keep_files = 3
keep_for = "0s"
keep_bytes = "16MiB"
"""
QUESTIONS = ["/api/health", "/api/nodes?limit=100", "/api/nodes?sort=-error_ratio&limit=20", "/api/findings", "/api/topics",
             "/api/queues", "/api/mqtt/status", "/", "/livez"]


class Guests(threading.Thread):
    """Devices that come and go, and commands with and without an answer."""

    def __init__(self, port, commands_every):
        super().__init__(daemon=True)
        self.commands_every = commands_every
        self.port, self.count, self.stopped, self.failure = port, 0, threading.Event(), None
        self.random = random.Random(1)

    def run(self):
        try:
            backend = Client(self.port, "backend")
            began = time.monotonic()
            while not self.stopped.wait(max(0, began + self.count / GUESTS_PER_SECOND - time.monotonic())):
                self.guest(backend)
                self.count += 1
            backend.leave()
        except (OSError, AssertionError) as failure:
            self.failure = failure

    def guest(self, backend):
        name = f"guest{self.count % GUESTS_MAX}"
        home = f"plant/area9/line9/{name}"
        guest = Client(self.port, name)
        for number in range(3):
            points = {str(n): {"temp": round(self.random.uniform(20, 90), 1), "status": "OK"} for n in range(5)}
            guest.say(f"{home}/telemetry/temperature", json.dumps({"sequence": number, "points": points}))
        if self.count % self.commands_every == 0:
            id = f"{name}-{self.count}"
            request = {"cmd_id": id, "command": "get_status", "parameters": {}}
            backend.say(f"{home}/command/request", json.dumps(request))
            if self.random.random() < 0.7:
                response = {"cmd_id": id, "status": "success", "execution_time": 7, "data": {}}
                guest.say(f"{home}/command/response", json.dumps(response))
        guest.leave()


class Run:
    """One program, from its start to its end."""

    def __init__(self, program, folder):
        self.program, self.folder, self.children = program, folder, []
        self.port, self.web = free_port(), free_port()
        self.samples, self.failed = [], []

    def spawn(self, name, *command, **more):
        with open(self.folder / f"{name}.log", "wb") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
        self.children.append(child)
        return child

    def start(self, mosquitto, commands_every):
        # Its own memory is no part of this, nor are its limits.
        conf = f"listener {self.port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\nmax_queued_messages 0\n"
        (self.folder / "mosquitto.conf").write_text(conf + ("user root\n" if os.geteuid() == 0 else ""))
        self.spawn("mosquitto", mosquitto, "-c", str(self.folder / "mosquitto.conf"))
        until("the broker accepts", lambda: accepts(self.port))
        broker = f"mqtt://127.0.0.1:{self.port}"
        (self.folder / "watchkeeper.toml").write_text(SETTINGS)
        self.child = self.spawn(
            "watchkeeper", self.program, "run", "--config", str(self.folder / "watchkeeper.toml"), "--broker", broker,
            "--web.listen-address", f"127.0.0.1:{self.web}", "--data-dir", str(self.folder / "data"))
        until("connected", lambda: json.loads(self.get("/api/health"))["mqtt"]["connected"])
        self.fleet = self.spawn("simulate", self.program, "simulate", "--broker", broker, "--devices", str(DEVICES),
                                "--interval", "1s", "--faults", "--commands", "100")
        self.guests = Guests(self.port, commands_every)
        self.guests.start()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=10) as answer:
            return answer.read()

    def sample(self, seconds):
        begun = time.monotonic()
        try:
            text = self.get("/metrics").decode()
        except OSError as error:
            self.failed.append(f"scrape after {seconds:.0f} s: {error}")
            return
        took = time.monotonic() - begun
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        field = lambda name: int(status.split(f"{name}:")[1].split()[0])
        self.samples.append({
            "at": seconds, "rss": field("VmRSS"), "anon": field("RssAnon"), "threads": field("Threads"),
            "fds": len(os.listdir(f"/proc/{self.child.pid}/fd")), "ms": took * 1000, "kb": len(text) / 1024,
            "tracked": total(text, "watchkeeper_devices_tracked"), "guests": self.guests.count,
            "messages": total(text, "mqtt_messages_received_total"),
            "refused": total(text, "watchkeeper_refused_total") + total(text, "watchkeeper_devices_refused_total"),
        })

    def watch(self, seconds):
        began = time.monotonic()
        for second in range(1, seconds + 1):
            time.sleep(max(0, began + second - time.monotonic()))
            assert self.child.poll() is None, f"the program ended: {self.log()}"
            assert self.fleet.poll() is None, f"the fleet ended: {self.log('simulate')}"
            assert not self.guests.failure, f"the guests: {self.guests.failure}"
            self.sample(time.monotonic() - began)
            if second % 4 == 0:
                try:
                    self.get(QUESTIONS[second // 4 % len(QUESTIONS)])
                except OSError as error:
                    self.failed.append(f"question after {second} s: {error}")

    def log(self, of="watchkeeper"):
        return (self.folder / f"{of}.log").read_text(errors="replace")[-3000:]

    def finish(self):
        """Orderly; gives what was wrong with that."""
        self.guests.stopped.set()
        self.guests.join(timeout=SOON)
        self.fleet.send_signal(signal.SIGINT)
        self.fleet.wait(timeout=SOON)
        self.child.send_signal(signal.SIGTERM)
        wrong = []
        if (code := self.child.wait(timeout=SOON)) != 0:
            wrong.append(f"exit status {code} at SIGTERM: {self.log()}")
        verify = subprocess.run([self.program, "audit", "verify", "--data-dir", str(self.folder / "data")],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        print(f"audit verify: exit status {verify.returncode}")
        if verify.returncode != 0:
            wrong.append(f"audit verify: {verify.returncode} {verify.stdout}{verify.stderr}")
        return wrong

    def kill(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()


def total(text, family):
    lines = (line for line in text.splitlines() if line.startswith(family) and line[len(family)] in "{ ")
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def slope(points):
    """Theil and Sen's: the median of the slopes between any two samples, and Sen's bounds of it (95 of 100, if samples were
    independent). A few odd samples do not move it."""
    points = points[::max(1, len(points) // 300)]
    slopes = sorted((y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1:] if x2 > x1)
    n = len(points)
    reach = 1.96 * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    at = lambda rank: slopes[min(len(slopes) - 1, max(0, round(rank)))]
    return statistics.median(slopes), at((len(slopes) - reach) / 2), at((len(slopes) + reach) / 2)


def forgotten(sample):
    return max(0, sample["guests"] - max(0, sample["tracked"] - DEVICES))


def memory(half, leak=0):
    """The slope of what the program holds, in KB an hour, its bounds, and the threshold that it must stay below: half of what
    a leak of 1 KB a forgotten device comes to."""
    points = [(one["at"] / 3600, one["anon"] + leak * forgotten(one) / 1024) for one in half]
    hours = points[-1][0] - points[0][0]
    threshold = (forgotten(half[-1]) - forgotten(half[0])) * LEAK_BYTES / 1024 / 2 / hours
    return *slope(points), threshold


def grows(found):
    middle, low, _, threshold = found
    return middle > threshold and low > 0


def judge(run):
    half = run.samples[len(run.samples) // 2:]
    wrong = list(run.failed)
    found = memory(half)
    print("memory: {:+,.0f} KB an hour (bounds {:+,.0f} and {:+,.0f}), allowed are {:,.0f}".format(*found))
    if grows(found):
        wrong.append("memory grows")
    leaky = memory(half, LEAK_BYTES)
    print("the same with 1 KB leaked a forgotten device: {:+,.0f} KB an hour".format(leaky[0]))
    if not grows(leaky):
        wrong.append("a leak of 1 KB a forgotten device would not have been seen: too few were forgotten, or memory shrank")
    third, last = half[:len(half) // 2], half[len(half) // 2:]
    for what in ("fds", "threads"):
        before, after = (statistics.median(one[what] for one in part) for part in (third, last))
        print(f"{what}: {before:g} in the third quarter, {after:g} in the last")
        if after > before + 1:
            wrong.append(f"{what} grow")
    before, after = (statistics.median(one["ms"] for one in part) for part in (third, last))
    print(f"scrape: {before:.1f} ms in the third quarter, {after:.1f} ms in the last, {max(one['ms'] for one in half):.1f} ms at most "
          "(not judged)")
    if (refused := run.samples[-1]["refused"]) > 0:
        wrong.append(f"{refused:.0f} were refused")
    if not forgotten(half[-1]) > forgotten(half[0]) > 0:
        wrong.append("nobody was forgotten")
    return wrong


def table(samples):
    columns = [("s", "at", ".0f"), ("RSS KB", "rss", ",d"), ("anonymous KB", "anon", ",d"), ("fds", "fds", "d"),
               ("threads", "threads", "d"), ("scrape ms", "ms", ".1f"), ("scrape KB", "kb", ",.0f"), ("tracked", "tracked", ".0f"),
               ("messages", "messages", ",.0f"), ("refused", "refused", ".0f")]
    print(" ".join(f"{title:>12}" for title, _, _ in columns) + f"{'forgotten':>12}")
    for at in range(1, 11):
        one = samples[len(samples) * at // 10 - 1]
        print(" ".join(f"{one[key]:>12{form}}" for _, key, form in columns) + f"{forgotten(one):>12.0f}")


def main():
    arguments = [one for one in sys.argv[1:] if one != "--long"]
    seconds = 3600 if "--long" in sys.argv else 60
    if "--seconds" in arguments:
        at = arguments.index("--seconds")
        seconds = int(arguments[at + 1])
        del arguments[at:at + 2]
    program = pathlib.Path(arguments[0] if arguments else ROOT / "target/debug/watchkeeper").resolve()
    mosquitto = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if not mosquitto:
        print("missing: mosquitto", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(str(program), pathlib.Path(folder))
        try:
            run.start(mosquitto, COMMANDS_EVERY if seconds < LONG else COMMANDS_EVERY_LONG)
            run.watch(seconds)
            table(run.samples)
            wrong = judge(run) + run.finish()
        finally:
            run.kill()
    for line in wrong:
        print(f"FAILED: {line}")
    print("soak: " + ("failed" if wrong else f"nothing grows, {seconds} s"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
