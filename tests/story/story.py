"""The whole story: tenants, servers, a default that changes, an override, an account of its own.

Two tenants with two servers of their own each, all with TLS and accounts, and one internal server. Mail flows in through
authenticated sessions while the shell changes the registry. Where each mail must come out is known from causes, not from
clocks: a mail handed over after a command ended obeys that command.
"""
import itertools
import pathlib
import shutil
import smtplib
import ssl
import tempfile
import threading
import unittest

import sample_mails
from certificates import make_certificates
from mail_servers import without_headers_on_top
from programs import Relay, secret_file, wait_until
from sink import Sink

ACME_APP = ("acme-app", "acme password", ["ada@acme.test", "support@acme.test", "info@acme.test"])
GLOBEX_APP = ("globex-app", "globex password", ["hank@globex.test", "sales@globex.test"])


class Client:
    """One authenticated session with the relay, opened when needed; it numbers its mails and remembers them."""

    _numbers = itertools.count(1)

    def __init__(self, relay, context, login):
        self.relay, self.context, self.login = relay, context, login
        self.sent = {}  # Message-ID: content
        self._session = None

    def send(self, sender, to="reader@example.org"):
        """Hands over one mail; its Message-ID once the relay said 250."""
        if self._session is None:
            self._session = smtplib.SMTP("127.0.0.1", self.relay.port, local_hostname="client.test", timeout=60)
            self._session.starttls(context=self.context)
            self._session.login(self.login[0], self.login[1])
        number = next(self._numbers)
        data = sample_mails.plain_mail(number, sender, to, kind="story")
        self._session.sendmail(sender, [to], data)
        message_id = f"<story.{number}@example.com>"
        self.sent[message_id] = data
        return message_id

    def close(self):
        if self._session is not None:
            self._session.quit()
            self._session = None


class Flow(threading.Thread):
    """A client that sends without pause until it is told to stop."""

    def __init__(self, client, sender):
        super().__init__(daemon=True)
        self.client, self.sender = client, sender
        self.ids = []  # in the order of their 250
        self.failure = None
        self._ending = threading.Event()
        self.start()

    def run(self):
        try:
            while not self._ending.is_set():
                self.ids.append(self.client.send(self.sender))
        except Exception as failure:  # shown by end()
            self.failure = failure

    def more(self, count):
        """Waits until count further mails were begun and accepted after this call."""
        # The one under way may have been begun before: it does not count.
        target = len(self.ids) + count + 1
        wait_until(lambda: self.failure or len(self.ids) >= target, what="mail to flow")
        if self.failure:
            raise self.failure

    def end(self):
        self._ending.set()
        self.join(60)
        if self.failure:
            raise self.failure


def ids(mails):
    return {mail.message_id for mail in mails}


class StoryTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-story-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.certificates = make_certificates(self.folder / "tls")
        context = ssl.create_default_context(cafile=self.certificates.ca)

        def sink(name, security, accounts):
            made = Sink(name, security=security, certificate=self.certificates.good.pem, key=self.certificates.good.key,
                        accounts=accounts)
            self.addCleanup(made.stop)
            return made

        self.internal = Sink("internal.test")
        self.addCleanup(self.internal.stop)
        self.one = sink("one.acme.test", "starttls", {"acme@one": "pw acme one"})
        self.two = sink("two.acme.test", "tls", {"acme@two": "pw acme two", "ada@two": "pw ada"})
        self.red = sink("red.globex.test", "tls", {"globex@red": "pw globex red"})
        self.blue = sink("blue.globex.test", "starttls", {"globex@blue": "pw globex blue", "hank@blue": "pw hank"})

        self.relay = Relay(self.folder / "relay", "--tls-cert", self.certificates.good.pem, "--tls-key",
                           self.certificates.good.key, internal=f"smtp://127.0.0.1:{self.internal.port}", trust=None,
                           retry="1s,2s,120s", env={"SSL_CERT_FILE": self.certificates.ca})
        self.addCleanup(self.relay.kill)
        self.acme = Client(self.relay, context, ACME_APP)
        self.globex = Client(self.relay, context, GLOBEX_APP)
        self.acme_flow_client = Client(self.relay, context, ACME_APP)

    def password(self, text):
        return secret_file(self.folder, "password", text)

    def server(self, tenant, name, sink, user, password, *options, host="127.0.0.1", auth="auto"):
        security = "tls" if sink.security == "tls" else "starttls"
        self.relay.command("server", "add", tenant, "--name", name, "--host", host, "--port", sink.port, "--security",
                           security, "--auth", auth, "--user", user, "--password-file", self.password(password), *options)

    def login(self, tenant, login):
        self.relay.command("login", "add", tenant, "--name", login[0], "--password-file", self.password(login[1]),
                           "--senders", ",".join(login[2]))

    def refused(self, *arguments, names=()):
        """A command that must fail and say why, naming these."""
        done = self.relay.try_command(*arguments)
        self.assertEqual(done.code, 1, done)
        for name in names:
            self.assertIn(name, done.out + done.err)

    def route(self, tenant, address):
        return str(self.relay.command("route", "explain", tenant, address))

    def test_story(self):
        try:
            self.story()
        except BaseException:
            print(f"--- the relay's log\n{self.relay.log()}", flush=True)
            raise

    def story(self):
        relay = self.relay
        everything = (self.internal, self.one, self.two, self.red, self.blue)

        # Two tenants. Each starts with the internal server as its default.
        for tenant, login in (("acme", ACME_APP), ("globex", GLOBEX_APP)):
            relay.command("tenant", "add", tenant)
            self.login(tenant, login)
        first = {self.acme.send("info@acme.test"), self.globex.send("sales@globex.test")}
        self.internal.wait(2)
        self.assertEqual(ids(self.internal.mails), first)

        # A custom server needs TLS and authentication.
        self.refused("server", "add", "acme", "--name", "bare", "--host", "127.0.0.1", "--security", "none", "--auth", "plain",
                     "--user", "u", "--password-file", self.password("p"), names=["security"])

        # Two servers each. Acme's default becomes "one" by a command of its own, Globex's "red" when it is added.
        self.server("acme", "one", self.one, "acme@one", "pw acme one", host="localhost", auth="plain")
        self.server("acme", "two", self.two, "acme@two", "pw acme two", auth="login")
        self.server("globex", "red", self.red, "globex@red", "pw globex red", "--default", auth="cram-md5")
        self.server("globex", "blue", self.blue, "globex@blue", "pw globex blue")
        relay.command("server", "set-default", "acme", "one")

        # Ada overrides the default with "two" and an account of her own; Hank with "blue" and his; support does not.
        for tenant, kind, name, address, *override in (
                ("acme", "user", "Ada", "ada@acme.test", "--server", "two", "--user", "ada@two", "--password-file",
                 self.password("pw ada")),
                ("acme", "channel", "Support", "support@acme.test")):
            relay.command("sender", "add", tenant, "--kind", kind, "--name", name, "--address", address, *override)
        relay.command("sender", "add", "globex", "--kind", "user", "--name", "Hank", "--address", "hank@globex.test",
                      "--server", "blue", "--user", "hank@blue", "--password-file", self.password("pw hank"))

        used = str(relay.command("server", "used-by", "acme", "two"))
        self.assertIn("ada@acme.test", used)
        self.assertNotIn("support@acme.test", used)
        self.assertIn("support@acme.test", str(relay.command("server", "used-by", "acme", "one")))
        self.assertIn("two", self.route("acme", "ada@acme.test"))
        self.assertIn("one", self.route("acme", "support@acme.test"))

        # No password comes back out.
        for tenant in ("acme", "globex"):
            listed = str(relay.command("server", "list", tenant)) + str(relay.command("sender", "list", tenant))
            self.assertNotIn("pw ", listed)

        # What is in use is not removed silently; the default and the internal server not at all.
        self.refused("server", "remove", "acme", "one", names=["one"])
        self.refused("server", "remove", "acme", "internal", names=["internal"])
        self.refused("server", "remove", "acme", "two", names=["ada@acme.test"])

        # Everyone's mail takes its own way. A sender that the login does not own gets no further than MAIL FROM.
        by_default = {self.acme.send("support@acme.test"), self.acme.send("info@acme.test")}
        adas = {self.acme.send("ada@acme.test")}
        globex_default = {self.globex.send("sales@globex.test")}
        hanks = {self.globex.send("hank@globex.test")}
        with self.assertRaises(smtplib.SMTPSenderRefused) as foreign:
            self.globex.send("ada@acme.test")
        self.assertEqual((foreign.exception.smtp_code, foreign.exception.smtp_error[:5]), (550, b"5.7.1"))
        self.assertEqual(ids(self.one.wait(2)), by_default)
        self.assertEqual(ids(self.two.wait(1)), adas)
        self.assertEqual(ids(self.red.wait(1)), globex_default)
        self.assertEqual(ids(self.blue.wait(1)), hanks)

        # The default changes while mail flows.
        flow = Flow(self.acme_flow_client, "support@acme.test")
        flow.more(20)
        adas.add(self.acme.send("ada@acme.test"))
        self.one.wait_for(lambda mails: ids(mails) & set(flow.ids), what="the flow's first mail")
        before = set(flow.ids)
        relay.command("server", "set-default", "acme", "two")
        handed_over = len(flow.ids) + 1  # the one under way may have been begun before the command ended
        adas.add(self.acme.send("ada@acme.test"))
        flow.more(20)
        flow.end()
        after = set(flow.ids[handed_over:])
        self.assertGreaterEqual(len(after), 20)
        moved = set(flow.ids)
        wait_until(lambda: moved <= ids(self.one.mails) | ids(self.two.mails), what="all of the flow")
        self.two.wait_for(lambda mails: adas <= ids(mails), what="all of Ada's mail")
        at_one, at_two = ids(self.one.mails), ids(self.two.mails)
        self.assertEqual(at_one & at_two, set())
        self.assertLessEqual(after, at_two)
        self.assertLessEqual(at_one, before | by_default | set(flow.ids[:handed_over]))
        self.assertTrue(before & at_one, "no mail went through the old default before it changed")

        # And while mail waits: "two" dies, mail for it stays, the default changes back, and what has no override follows.
        self.two.die()
        waiting = {self.acme.send("support@acme.test") for _ in range(5)}
        waiting_ada = {self.acme.send("ada@acme.test") for _ in range(2)}
        delivered_meanwhile = self.globex.send("sales@globex.test")
        self.red.wait_for(lambda mails: delivered_meanwhile in ids(mails), what="Globex's mail, while Acme's waits")
        self.assertFalse(waiting & ids(self.one.mails))
        relay.command("server", "set-default", "acme", "one")
        self.one.wait_for(lambda mails: waiting <= ids(mails), what="the mail that waited for the old default")
        self.assertFalse(waiting_ada & ids(self.one.mails), "an override's mail went through the default")
        self.two.revive()
        self.two.wait_for(lambda mails: waiting_ada <= ids(mails), what="the mail that waited for its own server")
        adas |= waiting_ada

        # Ada gives up her override: her next mail takes the default and its account.
        relay.command("sender", "set", "acme", "--kind", "user", "--name", "Ada", "--address", "ada@acme.test", "--server", "")
        plain_ada = self.acme.send("ada@acme.test")
        self.one.wait_for(lambda mails: plain_ada in ids(mails), what="Ada's mail through the default")
        relay.command("server", "remove", "acme", "two")

        # Every mail arrived once, at the server and with the account that the rules say, unchanged.
        for client in (self.acme, self.globex, self.acme_flow_client):
            client.close()
        sent = {**self.acme.sent, **self.globex.sent, **self.acme_flow_client.sent}
        wait_until(lambda: sum(sink.count() for sink in everything) >= len(sent), what="all mail")
        self.assertEqual(sum(sink.count() for sink in everything), len(sent))
        for sink in everything:
            self.assertEqual(sink.duplicates(), 0)
            for mail in sink.mails:
                self.assertEqual(without_headers_on_top(mail.data, (b"received",)), sent[mail.message_id])
                if sink is self.internal:
                    expected = ("", "", False)
                elif sink is self.one:
                    expected = ("acme@one", "PLAIN", True)
                elif sink is self.two:
                    expected = ("ada@two" if mail.message_id in adas else "acme@two", mail.mechanism, True)
                elif sink is self.red:
                    expected = ("globex@red", "CRAM-MD5", True)
                else:
                    expected = ("hank@blue", "CRAM-MD5", True)
                self.assertEqual((mail.account, mail.mechanism, mail.encrypted), expected, (sink.name, mail.message_id))
            self.assertTrue(all(accepted for _, _, accepted in sink.attempts), sink.attempts)
        self.assertEqual(ids(mail for mail in self.two.mails if mail.account == "ada@two"), adas)
        self.assertEqual({mail.mechanism for mail in self.two.mails if mail.account == "acme@two"}, {"LOGIN"})
        self.assertEqual(ids(self.red.mails), globex_default | {delivered_meanwhile})
        self.assertEqual(ids(self.blue.mails), hanks)
        self.assertEqual(ids(self.internal.mails), first)
        self.assertEqual(relay.stop(), 0)
        print(f"story: {len(sent)} mails, {len(moved & at_one)} of the flow before the change and "
              f"{len(moved & at_two)} after it")


if __name__ == "__main__":
    unittest.main()
