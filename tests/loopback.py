"""What the tests in Python share: free ports, waiting for an event, and a client of MQTT 3.1.1 made of a socket.

It must never know the program under test: publisher.py, which holds that one to account, stands on it."""

import socket
import struct
import time

SOON = 60


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def until(what, so, within=SOON):
    """Waits for an event and gives it; what it was that did not come is told. Who does not answer yet has not refused."""
    end = time.monotonic() + within
    while True:
        try:
            if found := so():
                return found
        except OSError:
            pass
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {within} s")
        time.sleep(0.05)


def text(value):
    """As MQTT writes texts: the length goes first."""
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def packet(kind, body):
    """Any packet: its first byte, the length of the rest, the rest."""
    length, head = len(body), bytes([kind])
    while True:
        length, digit = divmod(length, 128)
        head += bytes([digit | (0x80 if length else 0)])
        if not length:
            return head + body


class Client:
    """Without keep-alive. Without a name the broker chooses one; `will` is a topic and a payload, at quality of service 1."""

    def __init__(self, port, name="", will=None, clean=True, user=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")
        self.id = 0
        flags, rest = 2 if clean else 0, text(name)
        if will:
            flags, rest = flags | 4 | 8, rest + text(will[0]) + text(will[1])
        if user:
            flags, rest = flags | 0x80, rest + text(user)
        self.send(0x10, text("MQTT") + bytes([4, flags, 0, 0]) + rest)
        kind, body = self.receive()
        assert kind == 0x20 and body[1] == 0, f"the broker refused {name}: {kind:#x} {body!r}"

    def send(self, kind, body):
        self.socket.sendall(packet(kind, body))

    def receive(self):
        """The next packet: its first byte and what follows its length."""
        first, length, shift = self.exactly(1)[0], 0, 0
        while True:
            digit = self.exactly(1)[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                return first, self.exactly(length)

    def exactly(self, count):
        found = self.input.read(count)
        if len(found) < count:
            raise ConnectionError("the broker hung up")
        return found

    def say(self, topic, payload):
        """At quality of service 0."""
        self.send(0x30, text(topic) + payload.encode())

    def hand_over(self, topic, payload):
        """At quality of service 1, without waiting; gives the number that the broker will confirm."""
        self.id = self.id % 65535 + 1
        payload = payload if isinstance(payload, bytes) else payload.encode()
        self.send(0x32, text(topic) + struct.pack("!H", self.id) + payload)
        return self.id

    def confirmed(self):
        """The number of the next confirmation; other packets are passed over."""
        while True:
            kind, body = self.receive()
            if kind == 0x40:
                return struct.unpack("!H", body)[0]

    def publish(self, topic, payload):
        """At quality of service 1, and the broker has it."""
        number = self.hand_over(topic, payload)
        while self.confirmed() != number:
            pass

    def subscribe(self, topic):
        """At quality of service 1."""
        self.send(0x82, b"\x00\x01" + text(topic) + b"\x01")
        kind, body = self.receive()
        # What is retained may come before the answer.
        while kind & 0xF0 == 0x30:
            kind, body = self.receive()
        assert kind == 0x90 and body[2] <= 1, f"the broker refused {topic}: {kind:#x} {body!r}"

    def leave(self):
        """With a DISCONNECT."""
        self.send(0xE0, b"")
        self.close()

    def cut(self):
        """Without a DISCONNECT: the broker sends the last will."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self):
        # The socket stays open as long as the file that was made of it does.
        self.input.close()
        self.socket.close()
