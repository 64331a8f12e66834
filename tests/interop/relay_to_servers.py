"""The relay delivers through Postfix and Exim, with accounts, over kept connections: byte for byte below the headers."""
import pathlib
import shutil
import smtplib
import tempfile
import unittest

import sample_mails
from certificates import make_certificates
from mail_servers import Exim, Postfix, without_headers_on_top
from programs import Relay, secret_file, wait_until

PASSWORD = "open sesame"


class RelayToServersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-chain-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        certificates = make_certificates(cls.folder / "tls")
        accounts = {"support@example.com": PASSWORD, "ada@example.com": "her own", "billing@example.com": PASSWORD}
        cls.postfix = Postfix(*certificates.good, accounts)
        cls.addClassCleanup(cls.postfix.stop)
        cls.exim = Exim(*certificates.good, accounts)
        cls.addClassCleanup(cls.exim.stop)
        cls.relay = Relay(cls.folder / "relay", retry="1s,2s,2m")
        cls.addClassCleanup(cls.relay.kill)

        def server(name, port, security, user, *options):
            cls.relay.command("server", "add", "default", "--name", name, "--host", "localhost", "--port", port, "--security",
                              security, "--user", user, "--password-file", secret_file(cls.folder, "password", PASSWORD),
                              "--ca-file", certificates.ca, "--connections", 3, *options)

        server("postfix", cls.postfix.submission_port, "starttls", "support@example.com", "--default")
        server("exim", cls.exim.tls_port, "tls", "billing@example.com")
        cls.relay.command("sender", "add", "default", "--kind", "user", "--name", "Ada", "--address", "ada@example.com",
                          "--server", "postfix", "--user", "ada@example.com", "--password-file",
                          secret_file(cls.folder, "password", "her own"))
        cls.relay.command("sender", "add", "default", "--kind", "channel", "--name", "Billing", "--address",
                          "billing@example.com", "--server", "exim")

    def setUp(self):
        self.postfix.inbox.clear()
        self.exim.inbox.clear()

    def send(self, *mails):
        """Hands (sender, content) over in one session."""
        with smtplib.SMTP("127.0.0.1", self.relay.port, local_hostname="client.test", timeout=60) as client:
            for sender, data in mails:
                client.sendmail(sender, ["charles@example.org"], data, ["BODY=8BITMIME"])

    @staticmethod
    def contents(server, count):
        """What the clients sent, without the server's headers and the relay's Received header below them."""
        return sorted(without_headers_on_top(server.sent_content(mail), (b"received",)) for mail in server.inbox.wait(count))

    def test_each_sender_takes_its_server_and_account(self):
        mails = [sample_mails.rich_mail(), sample_mails.rough_mail()]
        for sender in ("support@example.com", "ada@example.com"):
            with self.subTest(sender=sender):
                self.postfix.inbox.clear()
                self.send(*((sender, mail) for mail in mails))
                self.assertEqual(self.contents(self.postfix, 2), sorted(mails))
                self.assertEqual(self.postfix.authentications()[-2:], [("SCRAM-SHA-256", sender)] * 2)
        self.send(*(("billing@example.com", mail) for mail in mails))
        self.assertEqual(self.contents(self.exim, 2), sorted(mails))
        self.assertEqual(self.exim.authentications()[-2:], [("cram_md5", "billing@example.com")] * 2)

    def test_many_mails_over_few_connections(self):
        mails = [sample_mails.plain_mail(number, size=2000) for number in range(200)]
        self.send(*((sender, mail) for mail in mails for sender in ("support@example.com", "billing@example.com")))
        for server in (self.postfix, self.exim):
            self.assertEqual(self.contents(server, 200), sorted(mails))

    def test_the_tester_through_the_registry(self):
        for name, server in (("postfix", self.postfix), ("exim", self.exim)):
            tested = self.relay.command("server", "test", "default", name, "--from", "support@example.com", "--to",
                                        "charles@example.org")
            self.assertTrue(tested["ok"], tested)
            self.assertTrue(all(stage["ok"] for stage in tested["stages"]), tested)
            server.inbox.wait(1)

    def test_a_rejected_password_keeps_the_mail_until_it_is_right(self):
        self.relay.command("server", "set", "default", "--name", "exim", "--password-file",
                           secret_file(self.folder, "wrong", "open barley"))
        self.send(("billing@example.com", sample_mails.plain_mail(1)))
        wait_until(lambda: "credentials_rejected" in str(self.relay.command("queue", "list")), what="the reason in the queue")
        self.assertEqual(self.exim.inbox.mails(), [])
        self.relay.command("server", "set", "default", "--name", "exim", "--password-file",
                           secret_file(self.folder, "password", PASSWORD))
        self.assertEqual(self.contents(self.exim, 1), [sample_mails.plain_mail(1)])
        self.assertNotIn("open barley", self.relay.log())


if __name__ == "__main__":
    unittest.main()
