"""What the browser tests stand on: a relay with its console, and real servers behind it.

Postfix with Dovecot's SASL takes mail; a port where nobody listens; a server whose certificate is for another name; sinks that
refuse, put off, or say nothing.
"""
import pathlib
import shutil
import smtplib
import tempfile

import sample_mails
from certificates import make_certificates
from mail_servers import Postfix, free_port
from programs import Relay
from sink import STALL, Sink

POSTFIX_ACCOUNTS = {"relay@example.org": "postfix-password-1", "team@example.org": "postfix-password-2"}
SINK_ACCOUNT = {"relay": "sink-password-1"}
OTHER_PASSWORD = "sink-password-2"  # that a server wants from some time on
TENANT = "default"  # that of mail from trusted addresses


class World:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-console-"))
        self._ending = []
        self._numbers = iter(range(1, 1000000))
        try:
            self._build()
        except BaseException:
            self.end()
            raise

    def _build(self):
        self.certificates = c = make_certificates(self.folder / "tls")
        self.postfix = self._keep(Postfix(c.good.pem, c.good.key, POSTFIX_ACCOUNTS))
        self.internal = self._keep(Sink("internal.test"))
        self.impostor = self._sink("impostor.test", c.wrong_name)
        self.fickle = self._sink("fickle.test", c.good)
        self.fickle.answer("rcpt", "450 4.2.0 come back later", when=lambda argument: b"later@" in argument)
        self.fickle.answer("rcpt", "550 5.1.1 no such mailbox", when=lambda argument: b"nobody@" in argument)
        self.silent = self._sink("silent.test", c.good)
        self.silent.answer("greeting", STALL)
        self.dead_port = free_port()
        self.console = f"http://127.0.0.1:{free_port()}/"
        self.relay = Relay(self.folder / "relay", "--console", self.console.removeprefix("http://").removesuffix("/"),
                                  internal=f"smtp://127.0.0.1:{self.internal.port}", env={"SSL_CERT_FILE": c.ca}, start=False)
        self._ending.append(self.relay.kill)
        self.relay.start()

    def _keep(self, server):
        self._ending.append(server.stop)
        return server

    def _sink(self, name, certificate):
        return self._keep(Sink(name, security="starttls", certificate=certificate.pem, key=certificate.key, accounts=SINK_ACCOUNT))

    def send(self, sender, *recipients):
        """Hands one mail to the relay, which is durable there when this returns."""
        data = sample_mails.plain_mail(next(self._numbers), sender, recipients[0], kind="console")
        with smtplib.SMTP("127.0.0.1", self.relay.port, local_hostname="client.test", timeout=60) as client:
            client.sendmail(sender, list(recipients), data)

    def one_time_link(self):
        """That of the relay's first start."""
        return self.relay.wait_said(r"http\S+#/setup\S+").group()

    def passwords(self):
        return [*POSTFIX_ACCOUNTS.values(), *SINK_ACCOUNT.values(), OTHER_PASSWORD]

    def end(self):
        for end in reversed(self._ending):
            end()
        shutil.rmtree(self.folder, ignore_errors=True)


__all__ = ["OTHER_PASSWORD", "POSTFIX_ACCOUNTS", "SINK_ACCOUNT", "STALL", "TENANT", "World"]
