#!/usr/bin/env python3
"""Every query of every dashboard and every rule, asked of a real Prometheus that scrapes the real program.

    tests/prometheus.py PROGRAM

Starts Mosquitto, the program, its simulated fleet with faults and a Prometheus with the rules of deploy/prometheus, all
on free ports and below one temporary folder, and ends them. A query fails that is refused or that finds nothing, but
for the excused ones below, each with its reason. At most 90 s.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
from known_metrics import NAME, ROOT, SELECTOR, coming, without_strings  # noqa: E402
from loopback import free_port  # noqa: E402

DEADLINE = time.monotonic() + 85
PATIENCE = 60
DEVICE = "area1/line1/prober"
# What $variables of the dashboards stand for here.
MEANING = {
    "$__rate_interval": "15s", "$__range": "60s", "$job": "watchkeeper", "$broker": ".*", "$instance": ".*", "$device": DEVICE,
}
# Metrics that nobody can have here. What the program does not have yet comes from tests/coming-metrics.txt.
EXCUSED = {
    "watchkeeper_shard_skipped_total": "there is one shard",
    "mqtt_broker_inflight_messages": "Mosquitto 2.0 does not tell it",
    "mqtt_queue_oldest_message_timestamp_seconds": "the persistence file of Mosquitto 2.0 does not tell it",
    "mqtt_queue_dropped_total": "the persistence file of Mosquitto 2.0 does not tell it",
    "watchkeeper_tls_certificate_not_after_timestamp_seconds": "the brokers of this run speak without TLS; tests/connections has it",
    **{name: "the program does not have it yet" for name in coming()},
}
CONFIG = """
[[broker]]
name = "main"
url = "mqtt://127.0.0.1:{broker}"

[[broker]]
name = "away"
url = "mqtt://127.0.0.1:{nobody}"
reconnect_max = "2s"

[[stream]]
name = "temperature"
filter = "plant/{{area}}/{{line}}/{{device}}/telemetry/temperature"
device = "{{area}}/{{line}}/{{device}}"
timestamp = "$.timestamp"
max_age = "60s"
sequence = "$.sequence"
offline_after = "5s"
hold_off = "1s"
points = "$.points.*"
point_value = "temp"
point_status = "status"
range = [-50, 200]
statuses = ["OK", "ERROR", "DISCONNECTED"]
stuck_after = 10
{streams}
[commands]
timeout = "4s"
[errors]
minimum = 5
[metrics]
values = true
[probe]
every = "2s"
session_every = "5s"
[queues]
every = "2s"
[[queues.source]]
kind = "mosquitto-db"
limit_messages = 1000
broker = "main"
path = "{store}"
"""
STREAM = """
[[stream]]
name = "{name}"
filter = "plant/{{area}}/{{line}}/{{device}}/{topic}"
device = "{{area}}/{{line}}/{{device}}"
kind = "{kind}"
"""
STREAMS = [("system", "telemetry/system", "system"), ("command", "command/request", "command"),
           ("response", "command/response", "response"), ("alarm", "alarm/{state}", "alarm"), ("event", "event/{what}", "event")]
PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: watchkeeper
    static_configs: [{{targets: ["127.0.0.1:{web}"]}}]
"""
CONNECTED = '\nwatchkeeper_connected{broker="main"} 1\n'
# Faults that are injected here, and the alerts that must see them: pending is enough.
SEEN = {"MqttBrokerDown", "MqttDisconnected", "MqttErrorRatioHigh", "MqttCommandTimeouts", "MqttPointsStuck", "WatchkeeperAuditUnprotected"}
STARTED = []
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def needed(*names):
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    found = [shutil.which(name, path=path) for name in names]
    missing = [name for name, where in zip(names, found) if not where]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}")
    return found


def start(folder, name, *command, **more):
    log = open(folder / f"{name}.log", "wb")
    child = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **{"stdin": subprocess.DEVNULL, **more})
    STARTED.append((name, child, folder / f"{name}.log"))
    return child


def stop():
    for _, child, _ in reversed(STARTED):
        child.send_signal(signal.SIGTERM)
    for _, child, _ in reversed(STARTED):
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def overdue(*_):
    raise TimeoutError("90 s are over")


def ended(*_):
    raise RuntimeError("it was told to end")


def ask(address, path, body=None):
    """The JSON of an answer, or the reason why there is none as {"error": …}."""
    request = urllib.request.Request(f"http://127.0.0.1:{address}{path}", data=body, headers={"Content-Type": "application/json"})
    try:
        with WEB.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else {"text": text.decode()}
    except urllib.error.HTTPError as error:
        return {"error": error.read().decode(errors="replace")}
    except OSError as error:
        return {"error": str(error)}


def until(what, holds):
    while not holds():
        for name, child, log in STARTED:
            if child.poll() is not None:
                raise RuntimeError(f"{name} ended: {log.read_text(errors='replace')[-2000:]}")
        if time.monotonic() > DEADLINE:
            raise TimeoutError(what)
        time.sleep(0.2)


class Probers:
    """Two devices of our own, which do what the simulated ones do not: alarms, odd commands, a value that stands still."""

    def __init__(self, folder, broker, publish):
        self.folder, self.broker, self.publish = folder, broker, publish
        self.pipes, self.round = {}, 0

    def say(self, topic, message, device=DEVICE, qos=1):
        key = f"plant/{device}/{topic}", qos
        if key not in self.pipes:
            name = "publisher-" + re.sub(r"\W", "-", key[0]) + str(qos)
            command = [self.publish, "-h", "127.0.0.1", "-p", str(self.broker), "-q", str(qos), "-l", "-t", key[0]]
            self.pipes[key] = start(self.folder, name, *command, stdin=subprocess.PIPE)
        text = message if isinstance(message, str) else json.dumps(message)
        self.pipes[key].stdin.write(text.encode() + b"\n")
        self.pipes[key].stdin.flush()

    def turn(self):
        n = self.round = self.round + 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        values = {"1": {"temp": 20.0, "status": "OK"}, "2": {"temp": 20 + n % 7, "status": "FAULTY" if n % 5 == 0 else "OK"}}
        message = {"timestamp": now, "sequence": n, "points": values}
        self.say("telemetry/temperature", message if n % 9 else "{")
        if n < 10:
            self.say("telemetry/temperature", message, "area1/line1/gone")
        self.say("telemetry/system", {"free_heap": 90000 - n, "boot_count": 3})
        self.say("command/request", {"cmd_id": f"a{n}", "command": "relay.get", "parameters": {}})
        self.say("command/request", {"cmd_id": f"u{n}", "command": "unheard", "parameters": {}})
        self.say("command/request", {"cmd_id": f"q{n}", "command": "hushed", "parameters": {}}, qos=0)
        self.say("command/request", {"cmd_id": f"f{n}", "command": "rm; ls", "parameters": 5})
        state = "ACTIVE" if n % 4 < 2 else "NORMAL"
        self.say("alarm/state", {"alarm_id": "1", "alarm_type": "HIGH", "priority": "HIGH", "state": state})
        self.say("alarm/state", {"alarm_id": "2", "alarm_type": "LOW", "priority": "LOW", "state": "ACTIVE"})
        self.say("event/door", {"event": "door_opened"})
        time.sleep(0.1)
        answer = {"cmd_id": f"a{n}", "timestamp": now, "status": "success", "data": {}, "execution_time": 12}
        self.say("command/response", answer)
        # A client that comes and goes.
        command = [self.publish, "-h", "127.0.0.1", "-p", str(self.broker), "-t", f"plant/{DEVICE}/event/door", "-m", "{}"]
        subprocess.run(command, check=False, timeout=5)


def metrics_of(text):
    return {match[1] for match in NAME.finditer(without_strings(text))}


def excuse(text):
    return next((EXCUSED[name] for name in sorted(metrics_of(text)) if name in EXCUSED), None)


def replaced(text):
    for name, meaning in sorted(MEANING.items(), key=lambda one: -len(one[0])):
        text = text.replace(name, meaning)
    return text


def panels():
    """(what it is, expression, whether it is asked for this moment only) of every target of every dashboard."""
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for one in board["panels"]:
            for target in one.get("targets", []):
                yield f"{path.name}, «{one['title']}» {target['refId']}", replaced(target["expr"]), target["instant"]
        for one in board["templating"]["list"]:
            found = re.fullmatch(r"label_values\((.*), (\w+)\)", one["query"]["query"]) if one["type"] == "query" else None
            if found:
                yield f"{path.name}, ${one['name']}", f'count by ({found[2]}) ({replaced(found[1])})', True
        for one in board["annotations"]["list"]:
            if "expr" in one:
                yield f"{path.name}, annotation", replaced(one["expr"]).replace("> 0", ">= 0"), False


def rules(groups):
    """The expressions of recording rules, and of alerts each series that they look at: a quiet alert finds nothing."""
    for group in groups:
        for rule in group["rules"]:
            where = f"{pathlib.Path(group['file']).name}, {rule['name']}"
            if rule["type"] == "recording":
                yield where, rule["query"], True
                yield where + ", recorded", rule["name"], True
                continue
            for match in SELECTOR.finditer(rule["query"]):
                name = without_strings(rule["query"])[match.start(1):match.end(1)]
                if NAME.fullmatch(name):
                    yield f"{where}, {name}", f"last_over_time({match[1]}{match[2] or ''}[1m])", True


def answer(address, expression, instant):
    """None when the query found something, else what is wrong."""
    now = time.time()
    kept = {"query": expression, "time": now} if instant else {"query": expression, "start": now - 30, "end": now, "step": 1}
    path = "/api/v1/query" if instant else "/api/v1/query_range"
    got = ask(address, f"{path}?{urllib.parse.urlencode(kept)}")
    if got.get("status") != "success":
        return f"refused: {got.get('error', got)}"
    if got.get("warnings"):
        return f"warned: {got['warnings']}"
    for series in got["data"]["result"]:
        for _, value in series.get("values") or [series["value"]]:
            if value != "NaN":
                return None
    return "empty"


def prepared(folder, program):
    mosquitto, publish, subscribe, prometheus = needed("mosquitto", "mosquitto_pub", "mosquitto_sub", "prometheus")
    broker, web, own = free_port(), free_port(), free_port()
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "mosquitto.conf").write_text(
        f"listener {broker} 127.0.0.1\nallow_anonymous true\nsys_interval 1\nlog_dest topic\nlog_dest stderr\n{user}"
        f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 20\n")
    streams = "".join(STREAM.format(name=name, topic=topic, kind=kind) for name, topic, kind in STREAMS)
    (folder / "watchkeeper.toml").write_text(CONFIG.format(broker=broker, nobody=free_port(), streams=streams, store=folder / "mosquitto.db"))
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(rules=ROOT / "deploy" / "prometheus" / "*.rules.yml", web=web))
    start(folder, "mosquitto", mosquitto, "-c", "mosquitto.conf")
    listen = f"127.0.0.1:{web}"
    start(folder, "watchkeeper", program, "run", "--config", "watchkeeper.toml", "--web.listen-address", listen, "--data-dir", "data")
    start(folder, "prometheus", prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
          f"--web.listen-address=127.0.0.1:{own}")
    until("the broker is connected", lambda: CONNECTED in ask(web, "/metrics").get("text", ""))
    # A client that is away: what it is subscribed to waits for it.
    away = ["-h", "127.0.0.1", "-p", str(broker), "-c", "-i", "late", "-q", "1", "-t", "plant/+/+/prober/#", "-E"]
    subprocess.run([subscribe, *away], check=True, timeout=10)
    start(folder, "simulate", program, "simulate", "--broker", f"mqtt://127.0.0.1:{broker}", "--devices", "12", "--interval", "500ms",
          "--faults", "--commands", "20")
    return Probers(folder, broker, publish), web, own


def verdicts(folder, program):
    """What is asked, and what is still wrong with it: asked again and again while the fleet speaks."""
    probers, web, own = prepared(folder, program)
    gone = urllib.parse.quote("area1/line1/gone", safe="")
    until("prometheus is ready", lambda: "text" in ask(own, "/-/ready"))
    muted, asked, wrong, groups, since = False, [], {}, [], time.monotonic()
    while time.monotonic() < min(DEADLINE - 8, since + PATIENCE):
        probers.turn()
        time.sleep(0.4)
        if not muted and probers.round > 12:
            muted = "error" not in ask(web, f"/api/nodes/{gone}/mute", b'{"until": "1h", "reason": "tests"}')
        if probers.round < 30 or probers.round % 6:
            continue
        if not asked:
            groups = ask(own, "/api/v1/rules").get("data", {}).get("groups", [])
            asked = [*panels(), *rules(groups)]
            wrong = {one[0] + one[1]: (one, "empty") for one in asked}
        wrong = {key: (one, said) for key, (one, _) in wrong.items() if (said := answer(own, one[1], one[2]))}
        if all(excuse(one[1]) and said == "empty" for one, said in wrong.values()):
            break
    groups = ask(own, "/api/v1/rules")["data"]["groups"]
    broken = [f"{rule['name']}: {rule['lastError']}" for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    firing = sorted({alert["labels"]["alertname"] for alert in ask(own, "/api/v1/alerts")["data"]["alerts"]})
    return asked, list(wrong.values()), broken, firing


def main():
    if len(sys.argv) != 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(__doc__)
    program = os.path.realpath(sys.argv[1])
    began = time.monotonic()
    signal.signal(signal.SIGALRM, overdue)
    signal.signal(signal.SIGTERM, ended)
    signal.alarm(88)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-prometheus-") as folder:
        try:
            asked, wrong, broken, firing = verdicts(pathlib.Path(folder), program)
        except (TimeoutError, RuntimeError) as error:
            sys.exit(f"FAILED: {error}")
        finally:
            stop()
    excused = [(one[0], excuse(one[1])) for one, said in wrong if said == "empty" and excuse(one[1])]
    failed = [f"{one[0]}: {said}\n    {one[1]}" for one, said in wrong if not (said == "empty" and excuse(one[1]))]
    for reason in sorted({reason for _, reason in excused}):
        print(f"empty, and excused because {reason}: {sum(1 for _, why in excused if why == reason)}")
    print(f"alerts that were pending or firing: {', '.join(firing) or 'none'}")
    broken = [f"the rule {line}" for line in broken] + [f"{name} saw nothing" for name in sorted(SEEN - set(firing))]
    for line in failed + broken:
        print("FAILED:", line)
    print(f"{len(asked)} queries, {len(failed)} failed, {len(excused)} excused; {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed or broken or not asked else 0)


if __name__ == "__main__":
    main()
