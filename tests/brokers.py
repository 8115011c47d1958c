#!/usr/bin/env python3
"""What works with which broker: one suite, run against every broker that is installed, with the real program.

    tests/brokers.py [PROGRAM]      default: target/debug/watchkeeper

Each broker is started on loopback in a folder of its own and stopped. Prints the table that stands in the README;
exit status 1 where something that is expected of a broker does not work, 2 where a broker is missing."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/watchkeeper").resolve()
SOON = 60

STEPS = ["connect", "telemetry", "last will", "reconnect", "commands", "queue depth", "doctor", "session", "probe"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, so, within=SOON):
    """Waits for an event; what it was that did not come is told."""
    end = time.monotonic() + within
    while True:
        try:
            found = so()
        except OSError:
            found = None
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(0.05)


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Client:
    """MQTT 3.1.1, as much as a device needs."""

    def __init__(self, port, name, will=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.input = self.socket.makefile("rb")
        self.pkid = 0
        flags, rest = 2, text(name)
        if will:
            flags, rest = flags | 4 | 8, rest + text(will[0]) + text(will[1])
        self.send(0x10, text("MQTT") + bytes([4, flags, 0, 0]) + rest)
        kind, body = self.receive()
        assert kind == 0x20 and body[1] == 0, (kind, body)

    def send(self, kind, body):
        length, head = len(body), bytes([kind])
        while True:
            length, digit = divmod(length, 128)
            head += bytes([digit | (0x80 if length else 0)])
            if not length:
                break
        self.socket.sendall(head + body)

    def receive(self):
        first = self.input.read(1)
        if not first:
            raise ConnectionError("the broker hung up")
        length, shift = 0, 0
        while True:
            digit = self.input.read(1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return first[0], self.input.read(length)

    def publish(self, topic, payload):
        self.pkid += 1
        self.send(0x32, text(topic) + struct.pack("!H", self.pkid) + payload.encode())
        while self.receive()[0] & 0xF0 != 0x40:
            pass

    def cut(self):
        """Without a DISCONNECT: the broker sends the last will."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def text(value):
    data = value.encode()
    return struct.pack("!H", len(data)) + data


class Broker:
    """A broker in a folder of its own."""

    def __init__(self, folder):
        self.folder, self.port, self.process, self.helpers = folder, free_port(), None, []

    def start(self):
        command, env = self.command()
        log = open(self.folder / "broker.log", "ab")
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
        )
        until(f"{self.name} listens", lambda: accepts(self.port), 120)

    def stop(self):
        for process in [self.process, *self.helpers]:
            if process and process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(10)

    def restart(self):
        self.stop()
        self.start()

    def queues(self):
        return ""

    lacks = set()


class Mosquitto(Broker):
    name, program = "Mosquitto", "/usr/sbin/mosquitto"

    def command(self):
        (self.folder / "m.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\nautosave_interval 1\n"
            f"persistence_location {self.folder}/\nuser root\nmax_queued_messages 0\n"
        )
        return [self.program, "-c", "m.conf"], {}

    def queues(self):
        return f'[[queues.source]]\nkind = "mosquitto-db"\npath = "{self.folder}/mosquitto.db"\n'


class Nats(Broker):
    name, program = "NATS", shutil.which("nats-server") or "nats-server"
    # It hangs up on QoS 2.
    lacks = {"doctor"}

    def command(self):
        self.monitor = getattr(self, "monitor", None) or free_port()
        self.client = getattr(self, "client", None) or free_port()
        (self.folder / "nats.conf").write_text(
            f"host: 127.0.0.1\nport: {self.client}\nserver_name: wk\nhttp: 127.0.0.1:{self.monitor}\n"
            f"jetstream {{ store_dir: \"{self.folder}/js\" }}\nmqtt {{ host: 127.0.0.1, port: {self.port} }}\n"
        )
        return [self.program, "-c", "nats.conf"], {}

    def queues(self):
        return f'[[queues.source]]\nkind = "nats"\nurl = "http://127.0.0.1:{self.monitor}"\n'


class RabbitMq(Broker):
    name, program = "RabbitMQ", "/usr/lib/rabbitmq/bin/rabbitmq-server"

    def command(self):
        if not self.helpers:
            self.epmd, self.dist, self.management = free_port(), free_port(), free_port()
            self.env = {
                "HOME": str(self.folder),
                "ERL_EPMD_PORT": str(self.epmd),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": f"wk{self.dist}@localhost",
                "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
                "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
                "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
                "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_DIST_PORT": str(self.dist),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            }
            (self.folder / "plugins").write_text("[rabbitmq_mqtt,rabbitmq_management].\n")
            (self.folder / "rabbitmq.conf").write_text(
                f"listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n"
                f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management}\n"
            )
            epmd = ["epmd", "-port", str(self.epmd), "-address", "127.0.0.1"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            self.helpers.append(subprocess.Popen(epmd, start_new_session=True, **quiet))
            until("epmd listens", lambda: accepts(self.epmd))
        return [self.program], self.env

    def stop(self):
        # epmd stays for a restart.
        helpers, self.helpers = self.helpers, []
        super().stop()
        self.helpers = helpers

    def queues(self):
        password = self.folder / "password"
        password.write_text("guest\n")
        return (
            f'[[queues.source]]\nkind = "rabbitmq"\nurl = "http://127.0.0.1:{self.management}"\n'
            f'username = "guest"\npassword_file = "{password}"\n'
        )


class Sidecar:
    """The program beside a broker, with a setting or two."""

    def __init__(self, folder, broker, version):
        self.folder, self.address = folder, f"127.0.0.1:{free_port()}"
        self.config = folder / "watchkeeper.toml"
        self.config.write_text(
            f'[[broker]]\nname = "main"\nurl = "mqtt://127.0.0.1:{broker.port}"\nversion = "{version}"\n'
            f'reconnect_min = "200ms"\nreconnect_max = "1s"\n[probe]\nevery = "2s"\nqos = [0, 1]\n'
            f'[queues]\nevery = "1s"\n[[queues.source]]\nkind = "sys"\n' + broker.queues()
        )
        self.process = None

    def __enter__(self):
        command = [PROGRAM, "run", "--config", self.config, "--data-dir", self.folder / "data"]
        log = open(self.folder / "sidecar.log", "ab")
        self.process = subprocess.Popen(
            [*command, "--web.listen-address", self.address], stdout=log, stderr=log
        )
        until("the sidecar serves", lambda: self.get("/livez") is not None)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

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

    def connected(self):
        return self.get("/api/health")["mqtt"]["connected"]

    def node(self, name):
        return next((node for node in self.get("/api/nodes")["nodes"] if node["id"] == name), {})


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=240)


def suite(broker, folder, version):
    """Yields each step with whether it works; an exception is a no, with the reason."""
    url = f"mqtt://127.0.0.1:{broker.port}"
    with Sidecar(folder, broker, version) as sidecar:

        def connect():
            until("connected", sidecar.connected)

        def telemetry():
            device = Client(broker.port, "d1")
            for number in range(20):
                device.publish("plant/a/l/d1/telemetry/temperature", json.dumps({"sequence": number}))
            device.cut()
            until("20 messages", lambda: sidecar.metric("mqtt_device_messages_total", device="d1") == 20)

        def last_will():
            device = Client(broker.port, "tasmota", ("tele/tas1/LWT", "Offline"))
            device.publish("tele/tas1/LWT", "Online")
            until("online", lambda: sidecar.node("tas1").get("state") == "online")
            device.cut()
            until("offline", lambda: sidecar.node("tas1").get("state") == "offline")
            assert sidecar.get("/api/nodes/tas1")["reason"] == "will"

        def reconnect():
            broker.restart()
            until("connected again", lambda: sidecar.connected())
            device = Client(broker.port, "d2")

            def heard():
                device.publish("plant/a/l/d2/telemetry/temperature", json.dumps({"sequence": 1}))
                return sidecar.node("d2")

            until("messages again", heard)

        def commands():
            # NATS keeps no order between topics, and for a moment after a reconnect the order of the audited connection
            # counts; nothing tells when that moment is over.
            time.sleep(3)
            device = Client(broker.port, "backend")
            for number in range(10):
                device.publish("plant/a/l/d1/command/request", json.dumps({"cmd_id": f"c{number}", "command": "get"}))
                answer = {"cmd_id": f"c{number}", "timestamp": 1, "status": "success", "data": {}}
                device.publish("plant/a/l/d1/command/response", json.dumps(answer))
            matched = lambda: sidecar.metric("mqtt_command_responses_total", command="get", status="success") == 10
            until("ten answers", matched)
            found = run("audit", "search", "--event", "command_matched", "--count", "--dir", folder / "data/audit")
            assert found.stdout.strip().splitlines()[-1].split()[-1] == "10", found.stdout

        def depth():
            waiting = Persistent(broker.port, "sleeper", "waits/#")
            waiting.leave()
            device = Client(broker.port, "backend2")
            for number in range(8):
                device.publish("waits/x", str(number))
            queue = lambda: [q for q in sidecar.get("/api/queues")["queues"] if q["client_id"] == "sleeper"]
            until("eight wait", lambda: any(q["depth"] == 8 for q in queue()))

        def doctor():
            result = run("doctor", "--broker", url, "--json")
            failed = [s["code"] for b in json.loads(result.stdout)["brokers"] for s in b["steps"] if s.get("verdict") == "failed"]
            assert result.returncode == 0, failed

        def session():
            config = folder / "session.toml"
            config.write_text(f'[[broker]]\nurl = "{url}"\nversion = "{version}"\n')
            arguments = ["--away", "1s", "--cycles", "1", "--settle", "3s", "--state", folder / "session.json"]
            result = run("session-test", "--config", config, *arguments)
            assert result.returncode == 0, result.stdout

        def probe():
            until("round trips", lambda: all(sidecar.metric("mqtt_probe_success", qos=qos) == 1 for qos in (0, 1)))
            until("a retained message", lambda: sidecar.metric("mqtt_probe_retained_success") == 1)

        for name, step in zip(STEPS, [connect, telemetry, last_will, reconnect, commands, depth, doctor, session, probe]):
            try:
                step()
                yield name, None
            except Exception as error:  # noqa: BLE001: whatever it is, the step does not work, and this says why.
                yield name, f"{type(error).__name__}: {error}"


class Persistent(Client):
    """A client with a session that it leaves."""

    def __init__(self, port, name, topic):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.input, self.pkid = self.socket.makefile("rb"), 0
        self.send(0x10, text("MQTT") + bytes([4, 0, 0, 0]) + text(name))
        assert self.receive()[1][1] == 0
        self.send(0x82, b"\x00\x01" + text(topic) + b"\x01")
        assert self.receive()[0] == 0x90

    def leave(self):
        self.send(0xE0, b"")
        self.socket.close()


def main():
    rows, unexpected = {}, []
    for kind in (Mosquitto, RabbitMq, Nats):
        if not os.access(kind.program, os.X_OK):
            print(f"missing: {kind.program}", file=sys.stderr)
            return 2
        # RabbitMQ 3.10 and NATS 2.9, which Debian has, speak 3.1.1 only.
        for version in ("5", "3.1.1") if kind is Mosquitto else ("auto",):
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                (folder / "broker").mkdir()
                broker = kind(folder / "broker")
                try:
                    broker.start()
                    row = rows.setdefault(f"{kind.name}, {version}", {})
                    for name, why in suite(broker, folder, version):
                        row[name] = why
                        if why and name not in kind.lacks:
                            unexpected.append(f"{kind.name} {version}: {name}: {why}")
                finally:
                    broker.stop()
                    for helper in broker.helpers:
                        helper.terminate()
                        helper.wait(10)
            print(f"{kind.name} {version}: " + ", ".join(f"{n} {'no' if w else 'yes'}" for n, w in row.items()), flush=True)
    print("\n| broker, version | " + " | ".join(STEPS) + " |")
    print("|---|" + "---|" * len(STEPS))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join("no" if row.get(step, "x") else "yes" for step in STEPS) + " |")
    for line in unexpected:
        print("UNEXPECTED", line)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
