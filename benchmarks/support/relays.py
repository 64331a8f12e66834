"""The relays of the benchmark, each started by itself, with everything it keeps in a folder on a disk.

A relay here is a context manager: within it, mail given to 127.0.0.1, relay.port goes to 127.0.0.1, sink_port. Peers run
from Debian's packages in a machine of their own (tests/support/mail_servers.py), with the configuration of a smarthost.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import mail_servers


class Relay:
    name = ""
    each = None         # mails of a session, if the relay ends it after so many

    def __init__(self, build, folder, sink_port):
        self.build, self.folder, self.sink_port = pathlib.Path(build), pathlib.Path(folder), sink_port
        self.port = None

    @classmethod
    def missing(cls, build):
        """Why it cannot take part; empty if it can."""
        return ""

    def version(self):
        return ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def offers_pipelining(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            lines = connection.makefile("rwb")
            _reply(lines)
            lines.write(b"EHLO client.example.com\r\n")
            lines.flush()
            offered = b"PIPELINING" in _reply(lines).upper()
            lines.write(b"QUIT\r\n")
            lines.flush()
            _reply(lines)
            return offered


def _reply(lines):
    whole = b""
    while True:
        line = lines.readline()
        whole += line
        if line[3:4] != b"-":
            return whole


class Process(Relay):
    """One process that says on its first line which port it listens on."""

    def run(self, command, port_in):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        preexec_fn=_die_with_parent)
        line = self.process.stdout.readline().decode()
        found = re.search(port_in, line)
        if not found:
            self.stop()
            raise RuntimeError(f"{self.name} did not start: {line}{(self.folder / 'log').read_text()}")
        self.port = int(found.group(1))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdin.close()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            self.log.close()


def _die_with_parent():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Postrider(Process):
    name = "postrider-relay"
    options = ()

    def start(self):
        self.run([self.build / "examples" / "postrider-relay", "serve", "--data", self.folder / "data",
                  "--key-file", self.folder / "key", "--listen", "127.0.0.1:0", "--trust", "127.0.0.0/8",
                  "--internal-server", f"smtp://127.0.0.1:{self.sink_port}", *self.options],
                 r"listening on 127\.0\.0\.1:(\d+)")


class PostriderThreads(Postrider):
    name = "postrider-relay, a thread to send"
    options = ("--sending-threads", "1")


class Yardstick(Process):
    name = "yardstick"

    def start(self):
        self.run([self.build / "benchmarks" / "bench_yardstick", "--to", str(self.sink_port),
                  "--log", self.folder / "log.mails"], r"ready (\d+)")


class Packaged(Relay):
    """From Debian's packages, in a machine of its own."""

    packages = None

    @classmethod
    def missing(cls, build):
        if os.geteuid() != 0:
            return "needs root"
        try:
            mail_servers.unpacked(*cls.packages)
        except (RuntimeError, OSError) as failure:
            return f"its package is not to be had: {str(failure).splitlines()[0]}"
        return ""

    def start(self):
        self.port = mail_servers.free_port()
        tempfile.tempdir = str(self.folder)  # where the machine works: on the disk that is measured
        self.machine = mail_servers.PrivateMachine(*self.packages)
        try:
            self.machine.start(self.configure(self.machine, self.machine.work))
            mail_servers.wait_for_greeting(self.port, alive=self.machine.alive)
        except BaseException as failure:
            log = self.machine.log()
            self.machine.stop()
            raise RuntimeError(f"{self.name} did not start: {failure}\n{log}") from failure

    def stop(self):
        self.machine.stop()


class Postfix(Packaged):
    """As shipped: main.cf as Debian's installer writes it for a smarthost."""

    name = "Postfix"
    packages = mail_servers.Postfix.PACKAGES
    tuning = ""

    def version(self):
        return _version_in(self.machine.tree / "usr/share/doc/postfix")

    def configure(self, machine, work):
        machine.write("postfix/main.cf", f"""
compatibility_level = 3.6
myhostname = relay.example.com
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{self.sink_port}
inet_interfaces = loopback-only
inet_protocols = ipv4
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
queue_directory = {work}/spool
data_directory = {work}/lib
maillog_file = {work}/postfix.log
maillog_file_prefixes = {work}
alias_maps =
alias_database =
{self.tuning}
""")
        machine.write("postfix/master.cf", f"""
127.0.0.1:{self.port} inet n - n - - smtpd
{mail_servers.POSTFIX_SERVICES}""")
        return f"""
mkdir -p /etc/postfix {work}/spool/private {work}/lib
chown root {work}/spool
chown postfix {work}/spool/private {work}/lib
cp {work}/postfix/* /etc/postfix/
touch /etc/postfix/dynamicmaps.cf
postfix start
exec sleep infinity
"""


class TunedPostfix(Postfix):
    """As TUNING_README says: no input delay, no lookups, sessions to the smarthost kept, more processes for it."""

    name = "Postfix, tuned"
    tuning = """
in_flow_delay = 0
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = static:all
smtp_connection_reuse_count_limit = 1000
default_process_limit = 200
initial_destination_concurrency = 50
default_destination_concurrency_limit = 100
qmgr_message_active_limit = 40000
qmgr_message_recipient_limit = 40000
"""


class Exim(Packaged):
    """Debian's split spool, no pauses and no limits for a session's mails; every mail is delivered at once."""

    name = "Exim"
    packages = mail_servers.Exim.PACKAGES

    def version(self):
        return _version_in(self.machine.tree / "usr/share/doc/exim4-daemon-light")

    def configure(self, machine, work):
        machine.write("exim.conf", f"""
primary_hostname = relay.example.com
spool_directory = {work}/spool
log_file_path = {work}/log/exim.%s.log
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
split_spool_directory
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_data
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 200
message_logs = false
keep_environment =

begin acl
check_recipient:
  accept hosts = 127.0.0.0/8
check_data:
  accept

begin routers
smarthost:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out

begin transports
out:
  driver = smtp
  port = {self.sink_port}
  hosts_avoid_tls = *
  allow_localhost
""")
        return f"""
mkdir -p {work}/spool {work}/log /etc/exim4
chown Debian-exim:Debian-exim {work}/spool {work}/log
cp {work}/exim.conf /etc/exim4/exim4.conf
exim4 -bdf -q1m &
wait
"""


class OpenSmtpd(Packaged):
    """As shipped, with a smarthost. It ends a session after 100 mails."""

    name = "OpenSMTPD"
    packages = mail_servers.OPENSMTPD
    each = 100

    def version(self):
        return _version_in(self.machine.tree / "usr/share/doc/opensmtpd")

    def configure(self, machine, work):
        machine.write("smtpd.conf", f"""
listen on 127.0.0.1 port {self.port}
action "out" relay host smtp+notls://127.0.0.1:{self.sink_port}
match from any for any action "out"
""")
        return f"""
mkdir -p {work}/smtpd /var/spool/smtpd /var/lib/opensmtpd/empty /var/empty /run
chmod 711 {work}/smtpd
mount --bind {work}/smtpd /var/spool/smtpd
echo relay.example.com > /etc/mailname
cp {work}/smtpd.conf /etc/smtpd.conf
smtpd -d >> {work}/smtpd.log 2>&1 &
wait
"""


class Haraka(Process):
    """Only where npm has it already. Its outgoing queue, by a route of its own to the sink."""

    name = "Haraka"

    def offers_pipelining(self):
        return False  # it does, but calls an envelope behind the end of a content a bad sequence

    @classmethod
    def missing(cls, build):
        return "" if _haraka() else "not installed (npm)"

    def version(self):
        return subprocess.run([_haraka(), "--version"], stdout=subprocess.PIPE, text=True).stdout.strip().split()[-1]

    def start(self):
        self.port = mail_servers.free_port()
        subprocess.run([_haraka(), "-i", self.folder / "haraka"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for path, text in {
            "config/smtp.ini": f"listen=127.0.0.1:{self.port}\nnodes=0\n",
            "config/plugins": "trust\nto_sink\n",
            "config/loglevel": "WARN",
            "config/me": "relay.example.com",
            "config/outbound.ini": "concurrency_max=100\n",
            "plugins/trust.js": "exports.hook_connect = (next, c) => { c.relaying = true; next(); };\n"
                                "exports.hook_rcpt = (next) => next(OK);\n",
            "plugins/to_sink.js": "exports.hook_get_mx = (next) => next(OK, "
                                  f"{{priority: 0, exchange: '127.0.0.1', port: {self.sink_port}}});\n",
        }.items():
            (self.folder / "haraka" / path).write_text(text)
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen([_haraka(), "-c", self.folder / "haraka"], stdin=subprocess.PIPE,
                                        stdout=self.log, stderr=self.log, preexec_fn=_die_with_parent)
        mail_servers.wait_for_greeting(self.port, alive=lambda: self.process.poll() is None)


def _haraka():
    return shutil.which("haraka")


def _version_in(documents):
    """A Debian package's version, from its changelog."""
    import gzip
    for name in ("changelog.Debian.gz", "changelog.gz"):
        if (documents / name).exists():
            first = gzip.open(documents / name, "rt", errors="replace").readline()
            return re.search(r"\(([^)]*)\)", first).group(1)
    return ""


RELAYS = {"postrider": [Postrider], "postrider-threads": [PostriderThreads], "yardstick": [Yardstick], "postfix": [Postfix, TunedPostfix],
          "opensmtpd": [OpenSmtpd], "exim": [Exim], "haraka": [Haraka]}
