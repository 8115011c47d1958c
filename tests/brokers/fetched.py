"""Brokers that only npm and PyPI have, of the versions and hashes that the lock files beside this name.

Nothing here is installed: npm and pip put all of it below one folder, run no script of a package, and build nothing.

RMQTT of crates.io is not here: its crate `rmqtt` 0.24 brings 430 others and wants protoc, which no crate has, and to build it
takes two cores some ten minutes. Its dialect is held to recordings instead."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from makes import Broker

HERE = pathlib.Path(__file__).resolve().parent
NODE_MIN = 20
PYTHON_MIN = (3, 10)
NPM = ["npm", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

# The options for a lock file, whose name follows.
LOCKED = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"]
# Some kilobytes of it.
SMALL = "annotated-doc"
PATIENCE = 60


def why_not():
    """What keeps them from being fetched, or nothing. Asks both registries for one small thing."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node or npm is not installed"
    node, why = asked(["node", "--version"])
    version = re.match(r"v(\d+)", node)
    if why or not version:
        return f"node does not tell its version: {why or node.strip() or 'it says nothing'}"
    if int(version[1]) < NODE_MIN:
        return f"node {node.strip()} is too old, {NODE_MIN} is needed"
    if sys.version_info < PYTHON_MIN:
        return "python3 is too old, {}.{} is needed".format(*PYTHON_MIN)
    _, why = asked([*PIP, "--version"])
    if why:
        return f"python3 has no pip that works: {why}"
    with tempfile.TemporaryDirectory() as folder:
        # One small package of the lock file, with its hash, as the whole of it is fetched later.
        one = pathlib.Path(folder) / "requirements.txt"
        one.write_text(locked(SMALL))
        npm = [*NPM, "view", "aedes", "version", "--fetch-retries=0", "--fetch-timeout=10000"]
        pip = [*PIP, "download", *LOCKED, one, "--retries=0", "--timeout=10", "--dest", folder]
        for registry, command in (("npm", npm), ("PyPI", pip)):
            _, why = asked(command, folder)
            if why:
                return f"the registry of {registry} is out of reach: {why}"
    return None


def asked(command, folder=None):
    """What a command says, and why it failed, if so."""
    try:
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {PATIENCE} s"
    except OSError as error:
        return "", str(error)
    why = (ended.stderr.strip().splitlines() or ["no reason given"])[0] if ended.returncode else None
    return ended.stdout, why


def locked(name):
    """The lines of one package in the lock file."""
    return re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*\n", (HERE / "requirements.txt").read_text(), re.MULTILINE)[0]


def fetch(folder):
    """Gives each broker its packages. A hash that is not the one of the lock file ends this, as does whatever else fails."""
    for kind in FETCHED:
        kind.home = folder / kind.name
        kind.home.mkdir()
        kind.fetch()


class Aedes(Broker):
    name, kind = "aedes", "aedes"
    # What waits for whom is in its memory alone. A restart forgets all sessions with it, which no step asks to outlive one.
    lacks = {"queue depth": "it tells none"}

    @classmethod
    def fetch(cls):
        # The script finds its packages beside itself.
        for name in ("package.json", "package-lock.json", "aedes.mjs"):
            shutil.copy(HERE / name, cls.home)
        subprocess.run([*NPM, "ci"], cwd=cls.home, check=True, timeout=300)

    @classmethod
    def release(cls):
        return re.search(r'"version": "([^"]+)"', (cls.home / "node_modules/aedes/package.json").read_text())[1]

    def command(self):
        return ["node", self.home / "aedes.mjs", str(self.port)], {}


class Amqtt(Broker):
    name, kind = "amqtt", "amqtt"
    # It keeps nothing for clients that are nobody, whatever their sessions (broker.py, is_anonymous): here everybody is somebody,
    # which is what allow_anonymous: false means, and no password is asked for.
    user = "somebody"
    # For a second after the end of a clean session who returns is told of a session (MQTT-3.1.2-6), but has no subscription. And
    # what waited comes marked as retained, which MQTT-3.3.1-9 forbids: session-test counts it and says so, to the sidecar it is old.
    lacks = {"queue depth": "it tells none", "session": "it confirms a session that has no subscription"}

    @classmethod
    def fetch(cls):
        lock = [*LOCKED, HERE / "requirements.txt"]
        quiet = ["--no-warn-script-location", "--root-user-action=ignore"]
        subprocess.run([*PIP, "install", "--target", cls.home, *lock, *quiet], check=True, timeout=300)

    @classmethod
    def release(cls):
        return re.search(r"amqtt-([\d.]+)\.dist-info", " ".join(os.listdir(cls.home)))[1]

    def command(self):
        (self.folder / "amqtt.yaml").write_text(
            f'listeners: {{default: {{type: tcp, bind: "127.0.0.1:{self.port}"}}}}\nplugins:\n'
            ""
            "  amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: false}\n"
            "  amqtt.plugins.sys.broker.BrokerSysPlugin: {sys_interval: 1}\n"
        )
        command = [sys.executable, "-B", self.home / "bin/amqtt", "-c", "amqtt.yaml"]
        return command, {"PYTHONPATH": str(self.home)}


FETCHED = (Aedes, Amqtt)
