"""Brokers of the distribution's packages: how each is started in a folder of its own, and what it lacks.

A broker is never the program's or a mock of ours. What one `lacks` is a step of the suite and the reason, which is the
broker's own: what our program cannot do stands nowhere here."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

from loopback import accepts, free_port, until


class Broker:
    """A broker in a folder of its own."""

    # Versions of MQTT, as the configuration has them, with which the suite is run.
    versions = ("auto",)
    # The metric that the make's dialect must yield of what the broker says of itself, and its label `kind`.
    kind = None
    # Whom it lets in; none where everybody is.
    user = None
    lacks = {}

    def __init__(self, folder):
        self.folder, self.port, self.process, self.helpers = folder, free_port(), None, []

    @classmethod
    def missing(cls):
        """What is not there, or nothing."""
        return None if os.access(cls.program, os.X_OK) else cls.program

    @classmethod
    def release(cls):
        said = subprocess.run([cls.program, *cls.asked], capture_output=True, text=True, timeout=30).stdout
        return re.search(r"\d+\.\d+\.\d+", said)[0]

    def start(self):
        command, env = self.command()
        with open(self.folder / "broker.log", "ab") as log:
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
        """The source of queue depths, as a table of the configuration."""
        return ""


class Mosquitto(Broker):
    name, program, asked, kind = "Mosquitto", "/usr/sbin/mosquitto", ["-h"], "mosquitto"
    versions = ("5", "3.1.1")

    def command(self):
        (self.folder / "m.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\nautosave_interval 1\n"
            f"persistence_location {self.folder}/\nuser root\nmax_queued_messages 0\n"
        )
        return [self.program, "-c", "m.conf"], {}

    def queues(self):
        return f'[[queues.source]]\nkind = "mosquitto-db"\npath = "{self.folder}/mosquitto.db"\n'


class Nats(Broker):
    name, program, asked = "NATS", shutil.which("nats-server") or "nats-server", ["-v"]
    # $SYS of NATS is an account of its own protocol, which nothing of MQTT reaches.
    lacks = {"statistics": "it tells none over MQTT"}

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
    # It grants $SYS/# and says nothing there.
    lacks = {"statistics": "it tells none over MQTT"}

    @classmethod
    def release(cls):
        # rabbitmqctl version would start an Erlang and write a cookie into the home of who runs this.
        return next(pathlib.Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")).name.rpartition("-")[2]

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

    def restart(self):
        # epmd stays for a restart.
        helpers, self.helpers = self.helpers, []
        self.stop()
        self.helpers = helpers
        self.start()

    def queues(self):
        password = self.folder / "password"
        password.write_text("guest\n")
        return (
            f'[[queues.source]]\nkind = "rabbitmq"\nurl = "http://127.0.0.1:{self.management}"\n'
            f'username = "guest"\npassword_file = "{password}"\n'
        )


PACKAGED = (Mosquitto, RabbitMq, Nats)
