"""Thousands of clients at once on a real relay: idle ones, and ones with a mail half said; what each costs in memory.

Memory is counted, not timed. POSTRIDER_FULL: 10,000 idle and 1,000 active clients; a tenth of both otherwise.
"""
import os
import pathlib
import resource
import shutil
import socket
import ssl
import tempfile
import unittest

from certificates import make_certificates
from programs import Relay
from sink import Sink

FULL = bool(os.environ.get("POSTRIDER_FULL"))
IDLE, ACTIVE, SECURE = (10_000, 1_000, 500) if FULL else (1_000, 100, 50)
KIB = 1024
IDLE_MOST, ACTIVE_MOST, SECURE_MOST = 16 * KIB, 64 * KIB, 192 * KIB


class Client:
    """One SMTP client that has read the reply to EHLO."""

    def __init__(self, port, context=None):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.reply("220")
        self.say("EHLO client.example.com", "250")
        if context:
            self.say("STARTTLS", "220")
            self.connection = context.wrap_socket(self.connection, server_hostname="localhost")
            self.say("EHLO client.example.com", "250")

    def reply(self, code):
        """The next whole reply; replies are read one at a time."""
        data = b""
        while not data.endswith(b"\r\n") or data.splitlines()[-1][3:4] != b" ":
            more = self.connection.recv(4096)
            if not more:
                raise AssertionError(f"closed after {data!r}")
            data += more
        if not data.startswith(code.encode()):
            raise AssertionError(f"{data!r} instead of {code}")

    def say(self, line, code):
        self.connection.sendall(line.encode() + b"\r\n")
        self.reply(code)

    def close(self):
        self.connection.close()


def allow_open_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))  # says so if that is not allowed


def memory_of(pid):
    """Bytes of its own that a process has in memory."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * KIB
    raise AssertionError("no RssAnon")


class ManyConnectionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        allow_open_files(IDLE + ACTIVE + 1000)  # here and in the relay
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-many-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.certificates = make_certificates(cls.folder / "tls")
        cls.sink = Sink("sink.test")
        cls.addClassCleanup(cls.sink.stop)

    def setUp(self):
        self.relay = Relay(self.folder / self.id().rpartition(".")[2], "--max-connections", IDLE + ACTIVE + 50,
                           "--tls-cert", self.certificates.good.pem, "--tls-key", self.certificates.good.key,
                           internal=f"smtp://127.0.0.1:{self.sink.port}")
        self.addCleanup(self.relay.kill)
        self.clients = []
        self.addCleanup(lambda: [client.close() for client in self.clients])
        self.connect(20, ssl_too=True)  # what the first ones need is there now
        self.before = memory_of(self.relay.pid)

    def connect(self, count, context=None, ssl_too=False):
        new = [Client(self.relay.port, context) for _ in range(count)]
        if ssl_too:
            new += [Client(self.relay.port, self.context()) for _ in range(5)]
        self.clients += new
        return new

    def context(self):
        return ssl.create_default_context(cafile=self.certificates.ca)

    def cost(self, count, what, most):
        """Bytes for each of `count` clients since the last time."""
        now = memory_of(self.relay.pid)
        each = max(now - self.before, 0) / count
        self.before = now
        print(f"{count} {what}: {each / KIB:.1f} KiB each", flush=True)
        self.assertLessEqual(each, most, f"{count} {what}")

    def test_idle_and_active_clients_in_clear(self):
        idle = self.connect(IDLE)
        self.cost(IDLE, "idle clients", IDLE_MOST)
        active = self.connect(ACTIVE)
        body = b"Subject: half said\r\n\r\n" + b"a line of it\r\n" * 100
        mails = self.sink.count()
        for client in active:
            client.say("MAIL FROM:<ada@example.com>", "250")
            client.say("RCPT TO:<charles@example.org>", "250")
            client.say("DATA", "354")
            client.connection.sendall(body)
        for client in idle[::100]:  # they are served all the same, and what was sent before them has been read
            client.say("NOOP", "250")
        self.cost(ACTIVE, "clients with a mail half said", ACTIVE_MOST)
        for client in active:
            client.connection.sendall(b".\r\n")
        for client in active:
            client.reply("250")
        self.assertEqual(len(self.sink.wait(mails + ACTIVE)[mails:]), ACTIVE)
        for client in idle:
            client.say("NOOP", "250")

    def test_idle_clients_under_tls(self):
        self.connect(SECURE, self.context())
        self.cost(SECURE, "idle clients under TLS", SECURE_MOST)


if __name__ == "__main__":
    unittest.main()
