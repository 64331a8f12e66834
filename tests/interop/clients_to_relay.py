"""swaks, curl, Python's smtplib and Postfix's smtp-source hand mail to the relay; a sink behind it has it byte for byte."""
import base64
import email
import email.policy
import hashlib
import hmac
import pathlib
import re
import secrets
import shutil
import smtplib
import ssl
import subprocess
import tempfile
import unittest

import sample_mails
from certificates import make_certificates
from mail_servers import free_port, postfix_tool, without_headers_on_top
from programs import Relay, run, secret_file, send
from sink import Sink

LOGIN, PASSWORD = "app", "open sesame"
FROM, TO = "ada@example.com", "charles@example.org"
RECEIVED = re.compile(rb"\AReceived: from .*?\r\n(?![ \t])", re.DOTALL)


def setUpModule():
    global folder, certificates, sink, relay, tls_port, context, mails, password_file
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-clients-"))
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    certificates = make_certificates(folder / "tls")
    context = ssl.create_default_context(cafile=certificates.ca)
    sink = Sink("sink.test")
    unittest.addModuleCleanup(sink.stop)
    tls_port = free_port()
    relay = Relay(folder / "relay", "--tls-cert", certificates.good.pem, "--tls-key", certificates.good.key,
                  "--listen-tls", f"127.0.0.1:{tls_port}", internal=f"smtp://127.0.0.1:{sink.port}")
    unittest.addModuleCleanup(relay.kill)
    password_file = secret_file(folder, "password", PASSWORD)
    relay.command("login", "add", "default", "--name", LOGIN, "--password-file", password_file, "--senders",
                  f"{FROM},emmy@example.com")
    mails = {"rich": sample_mails.rich_mail(), "rough": sample_mails.rough_mail()}
    for name, data in mails.items():
        (folder / f"{name}.eml").write_bytes(data)
        (folder / f"{name}.swaks").write_bytes(data[:-2])  # swaks adds the last CRLF itself


def tool(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          **options)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{text}\n{relay.log()}")
    return text


class Scram:
    """SCRAM-SHA-256 (RFC 7677) as smtplib asks for it: called without a challenge first, then with each."""

    def __init__(self, user, password):
        self.user, self.password, self.nonce, self.proof = user, password, secrets.token_hex(12), None

    def __call__(self, challenge=None):
        if challenge is None:
            return f"n,,n={self.user},r={self.nonce}"
        given = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if "v" in given:
            assert base64.b64decode(given["v"]) == self.proof, "the server does not know the password"
            return ""
        assert given["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(given["s"]), int(given["i"]))
        sign = lambda key, text: hmac.digest(key, text.encode(), "sha256")
        client_key = sign(salted, "Client Key")
        bare = f"c=biws,r={given['r']}"
        said = f"n={self.user},r={self.nonce},{challenge.decode()},{bare}"
        self.proof = sign(sign(salted, "Server Key"), said)
        signature = sign(hashlib.sha256(client_key).digest(), said)
        return bare + ",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.before = sink.count()
        self.assertTrue(relay.alive(), relay.log())

    def arrived(self, count=1):
        """The mails that came since the test began."""
        mails_ = sink.wait(self.before + count)[self.before:]
        self.assertEqual(len(mails_), count)
        return mails_

    def check(self, mail, data, protocol, sender=FROM, recipients=(TO,)):
        """Envelope kept, one Received header on top, everything below it untouched."""
        self.assertEqual((mail.sender, mail.recipients), (sender, recipients))
        received = RECEIVED.match(mail.data)
        self.assertIsNotNone(received, mail.data[:500])
        self.assertRegex(received.group(0), rb"\bwith " + protocol + rb"\b")
        self.assertEqual(len(received.group(0).replace(b"\r\n", b"").split(b";")[-1].strip().split()), 6, received.group(0))
        self.assertEqual(without_headers_on_top(mail.data, (b"received",)), data)

    # --- swaks ---

    def swaks(self, *options):
        return tool(["swaks", "--server", "127.0.0.1", "--port", str(relay.port), "--helo", "client.test", "--from", FROM,
                     "--to", TO, "--suppress-data", *options])

    def test_swaks(self):
        for name, data in mails.items():
            with self.subTest(mail=name):
                self.before = sink.count()
                self.swaks("--data", f"@{folder}/{name}.swaks")
                self.check(self.arrived()[0], data, b"ESMTP")

    def test_swaks_login_over_starttls(self):
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism=mechanism):
                self.before = sink.count()
                self.swaks("--data", f"@{folder}/rich.swaks", "--tls", "--auth", mechanism, "--auth-user", LOGIN,
                           "--auth-password", PASSWORD)
                self.check(self.arrived()[0], mails["rich"], b"ESMTPSA")

    def test_swaks_attachment(self):
        attachment = bytes(range(256)) * 300
        (folder / "attachment.bin").write_bytes(attachment)
        self.swaks("--attach-type", "application/octet-stream", "--attach", f"@{folder}/attachment.bin",
                   "--h-Subject", "=?utf-8?q?Gr=C3=B6=C3=9Fe?=", "--body", "see attachment")
        message = email.message_from_bytes(self.arrived()[0].data, policy=email.policy.default)
        self.assertEqual(message["subject"], "Größe")
        (part,) = [part for part in message.walk() if part.get_content_type() == "application/octet-stream"]
        self.assertEqual(part.get_payload(decode=True), attachment)

    def test_swaks_wrong_password_and_foreign_sender(self):
        for options, code in ((["--auth-password", "wrong", "--from", FROM], "535"),
                              (["--auth-password", PASSWORD, "--from", "grace@example.com"], "550")):
            done = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(relay.port), "--to", TO, "--tls",
                                   "--auth", "PLAIN", "--auth-user", LOGIN, *options], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=120)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"<~* {code} ", done.stdout.decode())
        self.assertEqual(sink.count(), self.before)

    # --- curl ---

    def curl(self, name, *options):
        return tool(["curl", "--silent", "--show-error", f"smtp://localhost:{relay.port}/client.test", "--mail-from", FROM,
                     "--mail-rcpt", TO, "--mail-rcpt", "emmy@example.net", "--upload-file", f"{folder}/{name}.eml", *options])

    def test_curl(self):
        for name, data in mails.items():
            with self.subTest(mail=name):
                self.before = sink.count()
                self.curl(name)
                self.check(self.arrived()[0], data, b"ESMTP", recipients=(TO, "emmy@example.net"))

    def test_curl_login_over_starttls(self):
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism=mechanism):
                self.before = sink.count()
                self.curl("rough", "--ssl-reqd", "--cacert", certificates.ca, "--user", f"{LOGIN}:{PASSWORD}",
                          "--login-options", f"AUTH={mechanism}")
                self.check(self.arrived()[0], mails["rough"], b"ESMTPSA", recipients=(TO, "emmy@example.net"))

    def test_curl_login_over_implicit_tls(self):
        tool(["curl", "--silent", "--show-error", f"smtps://localhost:{tls_port}/client.test", "--cacert", certificates.ca,
              "--user", f"{LOGIN}:{PASSWORD}", "--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", f"{folder}/rich.eml"])
        self.check(self.arrived()[0], mails["rich"], b"ESMTPSA")

    # --- Python ---

    def test_smtplib(self):
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.ehlo()
            for feature in ("pipelining", "size", "8bitmime", "enhancedstatuscodes", "starttls"):
                self.assertTrue(client.has_extn(feature), client.ehlo_resp)
            self.assertFalse(client.has_extn("auth"), "AUTH offered without TLS")
            for data in mails.values():
                client.sendmail(FROM, [TO], data, ["BODY=8BITMIME", f"SIZE={len(data)}"])
        for mail, data in zip(self.arrived(2), mails.values()):
            self.check(mail, data, b"ESMTP")
        self.assertEqual([mail.mail_arguments.count("BODY=8BITMIME") for mail in self.arrived(2)][1], 1)

    def test_smtplib_login_over_starttls(self):
        for mechanism in ("plain", "login"):
            with self.subTest(mechanism=mechanism), \
                    smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
                self.before = sink.count()
                client.starttls(context=context)
                client.ehlo()
                client.user, client.password = LOGIN, PASSWORD
                client.auth(mechanism.upper(), getattr(client, f"auth_{mechanism}"))
                client.sendmail(FROM, [TO], mails["rich"])
                self.check(self.arrived()[0], mails["rich"], b"ESMTPSA")

    def test_smtplib_login_with_scram_sha_256(self):
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.starttls(context=context)
            client.ehlo()
            self.assertIn("SCRAM-SHA-256", client.esmtp_features["auth"])
            client.auth("SCRAM-SHA-256", Scram(LOGIN, PASSWORD))
            client.sendmail(FROM, [TO], mails["rich"])
            self.check(self.arrived()[0], mails["rich"], b"ESMTPSA")
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.starttls(context=context)
            client.ehlo()
            with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                client.auth("SCRAM-SHA-256", Scram(LOGIN, PASSWORD + "!"))
            self.assertEqual(refused.exception.smtp_code, 535)

    # --- GNU SASL ---

    def gsasl(self, password):
        return subprocess.run(["gsasl", "--smtp", f"--connect=localhost:{relay.port}", "--mechanism=SCRAM-SHA-256",
                               f"--authentication-id={LOGIN}", f"--password={password}", "--no-cb",
                               f"--x509-ca-file={certificates.ca}", "--verbose"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)

    def test_gsasl(self):
        done = self.gsasl(PASSWORD)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"235 2.7.0", done.stdout)
        done = self.gsasl("open barley")
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"535 5.7.8", done.stdout)

    # --- the project's own programs ---

    def test_own_programs_with_scram_sha_256(self):
        url = f"smtp+starttls://{LOGIN}@localhost:{relay.port}"
        common = ["--auth", "scram-sha-256", "--password-file", password_file, "--ca-file", certificates.ca, "--from", FROM,
                  "--to", TO]
        code, figures = send("--server", url, *common, "--eml", folder / "rich.eml")
        self.assertEqual(code, 0, figures)
        done = run("postrider-tester", f"localhost:{relay.port}", "--security", "starttls", "--user", LOGIN, "--json", *common)
        self.assertEqual(done.code, 0, done.out + done.err)
        self.assertIn("SCRAM-SHA-256", done.out)
        with Relay(folder / "front", internal=f"smtp://127.0.0.1:{sink.port}") as front:
            front.command("server", "add", "default", "--name", "behind", "--host", "localhost", "--port", relay.port,
                          "--security", "starttls", "--auth", "scram-sha-256", "--user", LOGIN, "--password-file",
                          password_file, "--ca-file", certificates.ca, "--default")
            with smtplib.SMTP("127.0.0.1", front.port, local_hostname="client.test", timeout=60) as client:
                client.sendmail(FROM, [TO], mails["rich"])
            for mail in self.arrived(3):
                self.assertEqual(mail.sender, FROM)
                self.assertIn(b"with ESMTPSA", mail.data)

    # --- notifications ---

    def test_what_is_asked_of_notifications_goes_on(self):
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.ehlo()
            self.assertTrue(client.has_extn("dsn") and client.has_extn("chunking"))
            self.assertRegex(client.esmtp_features["limits"], r"MAILMAX=\d+ RCPTMAX=\d+")
            client.sendmail(FROM, [TO], mails["rich"], ["RET=HDRS", "ENVID=QQ+2B314"],
                            ["NOTIFY=NEVER", "ORCPT=rfc822;charles+2Bold@example.org"])
        self.arrived()

    # --- chunks ---

    def test_chunks(self):
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.ehlo()
            for name, data in mails.items():
                with self.subTest(mail=name):
                    self.before = sink.count()
                    client.mail(FROM)
                    client.rcpt(TO)
                    for at in range(0, len(data), 1000):
                        chunk = data[at:at + 1000]
                        last = " LAST" if at + 1000 >= len(data) else ""
                        client.send(b"BDAT %d%s\r\n" % (len(chunk), last.encode()) + chunk)
                        self.assertEqual(client.getreply()[0], 250)
                    self.check(self.arrived()[0], data, b"ESMTP")

    def test_smtplib_all_recipients_and_the_null_sender(self):
        recipients = [f"reader{number}@example.org" for number in range(50)]
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.sendmail("", recipients, mails["rich"])
        found = self.arrived()
        self.check(found[0], mails["rich"], b"ESMTP", sender="", recipients=tuple(recipients))

    # --- Postfix's smtp-source ---

    def test_smtp_source(self):
        # It takes lines, writes CRLF and the dots itself, and adds one empty line.
        (folder / "lines.eml").write_bytes(mails["rough"][:-2].replace(b"\r\n", b"\n"))
        command, environment = postfix_tool("smtp-source")
        tool([*command, "-F", f"{folder}/lines.eml", "-f", FROM, "-t", TO, "-m", "300", "-s", "10",
              f"127.0.0.1:{relay.port}"], env=environment)
        for mail in self.arrived(300):
            self.check(mail, mails["rough"], b"SMTP")  # it says HELO


if __name__ == "__main__":
    unittest.main()
