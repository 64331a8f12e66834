"""postrider-send to real servers: Postfix with Dovecot's SASL, Exim, aiosmtpd. Every mail arrives byte for byte."""
import pathlib
import shutil
import tempfile
import unittest

import sample_mails
from certificates import make_certificates
from mail_servers import Aiosmtpd, Exim, Postfix
from programs import secret_file, send

GRACE, ASCII_PASSWORD = "grace@example.com", "open, sesame = please"
USER, PASSWORD = "ada@example.com", "open sesame, \"please\"\\ %&é"


def setUpModule():
    global folder, certificates, other_ca, password_file, wrong_password_file, mails
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-interop-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    certificates = make_certificates(folder / "tls")
    other_ca = make_certificates(folder / "other").ca
    password_file = secret_file(folder, "password", PASSWORD)
    wrong_password_file = secret_file(folder, "wrong", "open barley")
    mails = {"rich": sample_mails.rich_mail(), "rough": sample_mails.rough_mail()}
    for name, data in mails.items():
        (folder / f"{name}.eml").write_bytes(data)


class Checks:
    """What is asked of every server; the server's class sets the ports and reads what arrived."""

    mechanisms = ("plain", "login", "cram-md5")

    def urls(self):
        """(URL with account, whether it authenticates)."""
        raise NotImplementedError

    def arrived(self, count):
        """The contents of the next count mails, as sent."""
        raise NotImplementedError

    def send(self, url, *options, auth="auto", ca=None, password=None, sender=USER, mail="rich"):
        return send("--server", url, "--auth", auth, "--password-file", password or password_file, "--ca-file",
                    ca or certificates.ca, "--from", sender, "--to", "charles@example.org",
                    "--eml", folder / f"{mail}.eml", *options)

    def check_figures(self, figures, sent, failed=0):
        self.assertEqual((figures["sent"], figures["failed"], figures["unknown"]), (sent, failed, 0), figures)
        self.assertEqual(len(figures["failures"]) > 0, failed > 0, figures)
        if sent:
            latency = figures["latency_ms"]
            self.assertGreater(figures["seconds"], 0)
            self.assertGreater(figures["per_second"], 0)
            self.assertLessEqual(0, latency["p50"])
            self.assertLessEqual(latency["p50"], latency["p90"])
            self.assertLessEqual(latency["p90"], latency["p99"])
            self.assertLessEqual(latency["p99"], latency["max"])
            self.assertGreater(figures["round_trips"], 0)
            self.assertGreater(figures["cpu_us_per_mail"], 0)

    def refusal(self, answer):
        """The one failure of a mail that had to fail."""
        code, figures = answer
        self.assertEqual(code, 1, figures)
        self.check_figures(figures, 0, 1)
        failure = figures["failures"][0]
        self.assertTrue(failure["explanation"], failure)
        self.assertNotIn(PASSWORD, str(figures))
        return failure

    def test_every_mechanism_and_security_byte_for_byte(self):
        for security, url in self.urls().items():
            for mechanism in self.mechanisms:
                for name, data in mails.items():
                    with self.subTest(security=security, mechanism=mechanism, mail=name):
                        code, figures = self.send(url, auth=mechanism, mail=name)
                        self.assertEqual(code, 0, figures)
                        self.check_figures(figures, 1)
                        (content,) = self.arrived(1)
                        self.assertEqual(content, data)
                        self.check_mechanism(mechanism)

    def check_mechanism(self, mechanism):
        pass

    def test_many_mails_over_several_connections(self):
        url = self.urls()["starttls"]
        code, figures = self.send(url, "--count", 60, "--connections", 3)
        self.assertEqual(code, 0, figures)
        self.check_figures(figures, 60)
        contents = self.arrived(60)
        self.assertEqual(len(contents), 60)
        # A load may give each copy a Message-ID of its own; everything below the headers is what was given.
        body = mails["rich"].partition(b"\r\n\r\n")[2]
        for content in contents:
            self.assertEqual(content.partition(b"\r\n\r\n")[2], body)

    def test_wrong_password(self):
        for security, url in self.urls().items():
            with self.subTest(security=security):
                failure = self.refusal(self.send(url, password=wrong_password_file))
                self.assertEqual((failure["cause"], failure["stage"], failure["scope"], failure["code"]),
                                 ("credentials_rejected", "auth", "account", 535), failure)
                self.assertIn(failure["field"], ("password", "user"), failure)

    def test_untrusted_certificate(self):
        for security, url in self.urls().items():
            with self.subTest(security=security):
                failure = self.refusal(self.send(url, ca=other_ca))
                self.assertEqual((failure["cause"], failure["stage"]), ("certificate_untrusted", "tls"), failure)


class PostfixTest(Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Postfix(*certificates.good, {USER: PASSWORD, "charles@example.com": "other", GRACE: ASCII_PASSWORD})
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.server.inbox.clear()
        self.seen = len(self.server.authentications())

    def urls(self):
        return {"starttls": f"smtp+starttls://{USER}@127.0.0.1:{self.server.submission_port}",
                "tls": f"smtps://{USER}@localhost:{self.server.tls_port}"}

    def arrived(self, count):
        contents = [self.server.sent_content(mail) for mail in self.server.inbox.wait(count)]
        self.server.inbox.clear()
        return contents

    def check_mechanism(self, mechanism):
        self.assertEqual(self.server.authentications()[-1], (mechanism.upper(), USER))

    def test_scram_sha_256(self):
        password = secret_file(folder, "ascii", ASCII_PASSWORD)
        for mechanism in ("scram-sha-256", "auto"):
            for port, scheme in ((self.server.submission_port, "smtp+starttls"), (self.server.tls_port, "smtps")):
                with self.subTest(mechanism=mechanism, scheme=scheme):
                    code, figures = self.send(f"{scheme}://{GRACE}@localhost:{port}", auth=mechanism, password=password,
                                              sender=GRACE)
                    self.assertEqual(code, 0, figures)
                    self.assertEqual(self.arrived(1), [mails["rich"]])
                    self.assertEqual(self.server.authentications()[-1], ("SCRAM-SHA-256", GRACE))
        failure = self.refusal(self.send(f"smtps://{GRACE}@localhost:{self.server.tls_port}", auth="scram-sha-256",
                                         password=wrong_password_file, sender=GRACE))
        self.assertEqual((failure["cause"], failure["code"]), ("credentials_rejected", 535), failure)

    def test_auto_picks_what_does_not_reveal_the_password(self):
        code, figures = self.send(self.urls()["starttls"])
        self.assertEqual(code, 0, figures)
        self.arrived(1)
        self.check_mechanism("cram-md5")

    def test_plain_port_without_account(self):
        code, figures = send("--server", f"smtp://127.0.0.1:{self.server.plain_port}", "--from", "", "--to",
                             "charles@example.org", "--to", "emmy@example.net", "--eml", folder / "rough.eml")
        self.assertEqual(code, 0, figures)
        self.assertEqual(self.arrived(2), [mails["rough"]] * 2)

    def test_sender_of_another_account(self):
        failure = self.refusal(self.send(self.urls()["tls"], sender="charles@example.com"))
        self.assertEqual((failure["cause"], failure["code"]), ("sender_not_allowed", 553), failure)
        self.assertEqual(failure["field"], "sender", failure)

    def test_submission_without_account(self):
        failure = self.refusal(send("--server", f"smtp+starttls://127.0.0.1:{self.server.submission_port}", "--ca-file",
                                    certificates.ca, "--from", USER, "--to", "charles@example.org", "--subject", "s",
                                    "--text", "t"))
        # Postfix says 554 5.7.1 to RCPT: relaying for strangers, or 530 5.7.0; either way it is the account that lacks.
        self.assertIn(failure["cause"], ("relay_denied", "authentication_required", "sender_not_allowed"), failure)

    def test_the_wrong_security_for_the_port(self):
        failure = self.refusal(self.send(f"smtps://ada@127.0.0.1:{self.server.submission_port}"))
        self.assertEqual(failure["cause"], "starttls_expected", failure)
        # Postfix waits for the client's first TLS record: silence, which says nothing of its reason.
        failure = self.refusal(self.send(f"smtp+starttls://ada@127.0.0.1:{self.server.tls_port}", "--timeout", "2"))
        self.assertEqual(failure["stage"], "greeting", failure)
        self.assertIn(failure["cause"], ("implicit_tls_expected", "reply_timeout"), failure)


class EximTest(Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Exim(*certificates.good, {"ada": PASSWORD})
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.server.inbox.clear()

    def urls(self):
        return {"starttls": f"smtp+starttls://ada@localhost:{self.server.submission_port}",
                "tls": f"smtps://ada@127.0.0.1:{self.server.tls_port}"}

    def arrived(self, count):
        contents = [self.server.sent_content(mail) for mail in self.server.inbox.wait(count)]
        self.server.inbox.clear()
        return contents

    def check_mechanism(self, mechanism):
        self.assertEqual(self.server.authentications()[-1], (mechanism.replace("-", "_"), "ada"))

    def test_no_authentication_before_tls(self):
        failure = self.refusal(self.send(f"smtp://ada@127.0.0.1:{self.server.submission_port}", "--insecure"))
        self.assertEqual(failure["stage"], "auth", failure)
        self.assertIn(failure["cause"], ("encryption_required", "mechanism_unavailable"), failure)


class AiosmtpdTest(Checks, unittest.TestCase):
    mechanisms = ("plain", "login")

    @classmethod
    def setUpClass(cls):
        cls.servers = {}
        for security in ("none", "starttls", "tls"):
            cls.servers[security] = Aiosmtpd(*certificates.good, {"ada": PASSWORD}, security)
            cls.addClassCleanup(cls.servers[security].stop)

    def urls(self):
        return {"starttls": f"smtp+starttls://ada@127.0.0.1:{self.servers['starttls'].port}",
                "tls": f"smtps://ada@localhost:{self.servers['tls'].port}"}

    def arrived(self, count):
        (server,) = [server for server in self.servers.values() if server.mails]
        found = server.wait(count)
        server.mails.clear()
        return [content for _, _, content, _ in found]

    def check_mechanism(self, mechanism):
        self.assertIn((mechanism.upper(), "ada", True), self.servers["starttls"].attempts + self.servers["tls"].attempts)

    def test_plain_port_without_account(self):
        code, figures = send("--server", f"smtp://127.0.0.1:{self.servers['none'].port}", "--from", USER, "--to",
                             "charles@example.org", "--eml", folder / "rich.eml")
        self.assertEqual(code, 0, figures)
        self.assertEqual(self.arrived(1), [mails["rich"]])

    def test_mechanism_the_server_lacks(self):
        failure = self.refusal(self.send(self.urls()["tls"], auth="cram-md5"))
        self.assertEqual((failure["cause"], failure["stage"], failure["field"]),
                         ("mechanism_unavailable", "auth", "auth_method"), failure)

    def test_wrong_name_expired_and_self_signed(self):
        for pair, cause in ((certificates.wrong_name, "certificate_name"), (certificates.expired, "certificate_expired"),
                            (certificates.self_signed, "certificate_untrusted")):
            for security, scheme in (("starttls", "smtp+starttls"), ("tls", "smtps")):
                with self.subTest(cause=cause, security=security):
                    with Aiosmtpd(*pair, {"ada": PASSWORD}, security) as server:
                        failure = self.refusal(self.send(f"{scheme}://ada@127.0.0.1:{server.port}"))
                        self.assertEqual((failure["cause"], failure["stage"]), (cause, "tls"), failure)
                        self.assertEqual((server.mails, server.attempts), ([], []))


if __name__ == "__main__":
    unittest.main()
