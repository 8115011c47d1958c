"""A publisher of MQTT 3.1.1 that shares nothing with the program under test: the standard library and a socket.

    publisher.py PORT burst TOPIC FIRST LAST [SKIPPED_FROM SKIPPED_TO]
        The producer of the field guide: numbers in bursts of ten, a tenth of a second apart, at QoS 1.
    publisher.py PORT fleet SEED
        A fleet with faults on purpose; prints what it did, counted here and nowhere else, as JSON.
"""

import collections
import datetime
import json
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import loopback  # noqa: E402

# Longer than the two seconds that late messages have.
WINDOW = 2.6


class Client(loopback.Client):
    """Publishes at QoS 1 and waits for every confirmation."""

    def __init__(self, port):
        super().__init__(port)
        self.waiting = set()

    def publish(self, topic, payload):
        self.waiting.add(self.hand_over(topic, payload))
        while len(self.waiting) > 15:
            self.confirm()

    def confirm(self):
        self.waiting.remove(self.confirmed())

    def flush(self):
        while self.waiting:
            self.confirm()


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def burst(client, topic, first, last, skipped=(0, -1)):
    numbers = [n for n in range(first, last + 1) if not skipped[0] <= n <= skipped[1]]
    for at, number in enumerate(numbers):
        client.publish(topic, json.dumps({"sequence": number, "timestamp": stamp()}))
        if at % 10 == 9:
            client.flush()
            time.sleep(0.1)
    client.flush()


class Fleet:
    DEVICES = 6
    COMMANDS = 40

    def __init__(self, client, seed):
        self.client = client
        self.random = random.Random(seed)
        self.ids = [f"py{n}" for n in range(self.DEVICES)]
        self.devices = {id: collections.Counter() for id in self.ids}
        self.lost = {id: [] for id in self.ids}
        self.counts = collections.defaultdict(collections.Counter)

    def say(self, id, rest, payload):
        self.client.publish(f"plant/hall/line/{id}/{rest}", payload)

    def number(self, id, number):
        self.devices[id]["messages"] += 1
        text = json.dumps({"timestamp": stamp(), "sequence": number, "value": self.random.random()})
        self.say(id, "telemetry/flow", text)

    def spots(self, first, last, count):
        """Places that are far from each other and from both ends."""
        return sorted(self.random.sample(range(first + 10, last - 10, 8), count))

    def all(self, work):
        for id in self.ids:
            work(id)
        self.client.flush()

    def losses(self, id):
        truth, gone = self.devices[id], set()
        for spot in self.spots(1, 100, self.random.randint(1, 5)):
            size = self.random.randint(1, 6)
            gone.update(range(spot, spot + size))
            truth["gaps"] += 1
            truth["lost"] += size
        self.lost[id] = sorted(gone)
        for number in range(1, 101):
            if number not in gone:
                self.number(id, number)

    def disorder(self, id):
        truth, order = self.devices[id], list(range(101, 201))
        for spot in self.spots(101, 200, 8):
            at = order.index(spot)
            kind = self.random.choice(["again", "later", "broken"])
            if kind == "again":
                order.insert(at + self.random.randint(1, 3), spot)
                truth["duplicated"] += 1
            elif kind == "later":
                order.insert(at + self.random.randint(1, 3), order.pop(at))
                truth["reordered"] += 1
            else:
                order.insert(at, None)
                truth["json"] += 1
        for number in order:
            if number is None:
                truth["messages"] += 1
                self.say(id, "telemetry/flow", self.random.choice(['{"sequence": 1', "{'a': 1}", "[1,]"]))
            else:
                self.number(id, number)

    def resets(self, id):
        truth = self.devices[id]
        # Long after its time: the loss stands.
        self.number(id, self.random.choice(self.lost[id]))
        truth["reordered"] += 1
        for number in range(201, 221):
            self.number(id, number)
        if self.random.random() < 0.7:
            truth["resets"] += 1
            for number in range(1, 31):
                self.number(id, number)

    def commands(self, id):
        answers = []
        for n in range(self.COMMANDS):
            name = self.random.choice(["get_status", "set_relay", "reboot"])
            request = {"cmd_id": f"{id}-{n}", "command": name, "parameters": {}}
            self.say(id, "command/request", json.dumps(request))
            self.counts["commands"][name] += 1
            status = self.random.choice(["success", "success", "error", "partial", None])
            if status is None:
                self.counts["timeouts"][name] += 1
                continue
            self.counts["responses"][f"{name} {status}"] += 1
            answers.append((f"{id}-{n}", status))
        for n in range(self.random.randint(0, 3)):
            self.counts["orphans"][""] += 1
            answers.append((f"nobody-{id}-{n}", "success"))
        self.random.shuffle(answers)
        for cmd_id, status in answers:
            answer = {"cmd_id": cmd_id, "timestamp": stamp(), "status": status, "execution_time": 7, "data": {}}
            self.say(id, "command/response", json.dumps(answer))

    def alarms(self, id):
        for kind in ["HIGH_TEMP", "LOW_TEMP", "SENSOR_FAIL"]:
            for point in range(self.random.randint(0, 4)):
                pair = f"{kind} {1 + point % 2}"
                turns = [("NORMAL -> ACTIVE", "raised")]
                turns += [("ACKNOWLEDGED", "acknowledged")] if self.random.random() < 0.5 else []
                turns += [("CLEARED", "cleared")] if self.random.random() < 0.5 else []
                for state, transition in turns:
                    alarm = {"alarm_type": kind, "point_id": point, "priority": 1 + point % 2, "state_transition": state}
                    self.say(id, "alarm/active", json.dumps(alarm))
                    self.counts["transitions"][f"{pair} {transition}"] += 1
                self.counts["active"][pair] += turns[-1][1] != "cleared"
        for n in range(self.random.randint(1, 9)):
            self.say(id, "event/relay", json.dumps({"relay_id": n, "state": "ON"}))
            self.counts["relay"][""] += 1

    def play(self):
        self.all(self.commands)
        self.all(self.losses)
        time.sleep(WINDOW)
        self.all(self.disorder)
        self.all(self.alarms)
        time.sleep(WINDOW)
        self.all(self.resets)
        truth = {"devices": self.devices, **self.counts}
        print(json.dumps(truth, indent=1, sort_keys=True))


def main():
    port, what, *rest = sys.argv[1:]
    client = Client(int(port))
    if what == "burst":
        topic, first, last, *skipped = rest
        burst(client, topic, int(first), int(last), *([tuple(map(int, skipped))] if skipped else []))
    else:
        Fleet(client, int(rest[0])).play()


main()
