"""postrider-tester against servers that refuse, stay silent, lie, or are no mail servers at all.

For each: cause, stage, setting, exit code, the JSON's shape, an explanation for people, and no password anywhere.
"""
import base64
import email
import email.policy
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

from certificates import make_certificates
from programs import program
from sink import DROP, STALL, Sink

USER = "ada@example.com"
PASSWORD = "correct horse 7+/battery"

FAILURE_KEYS = ["outcome", "stage", "cause", "scope", "action", "code", "enhanced", "reply", "server", "elapsed_ms",
                "explanation", "field", "next_step"]
REPORT_KEYS = ["ok", "stages", "failure", "receipt"]
STAGE_KEYS = ["stage", "ok", "elapsed_ms", "detail", "failure"]
STAGES = ["queue", "resolve", "connect", "greeting", "ehlo", "starttls", "tls", "auth", "mail", "rcpt", "data", "final", "quit"]


class Raw:
    """A server of bytes: handler(socket) for each connection, on a port of its own."""

    def __init__(self, handler):
        self.handler = handler
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(240)
        try:
            with connection:
                self.handler(connection)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def says(greeting, then_wait=True):
    """A handler that talks first, like SSH or IMAP."""
    def handler(connection):
        connection.sendall(greeting)
        while then_wait and connection.recv(4096):
            pass
    return handler


def web_server(connection):
    """Silent until asked, then 400."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def lines_of(connection):
    buffer = b""
    while True:
        while b"\r\n" not in buffer:
            more = connection.recv(4096)
            if not more:
                return
            buffer += more
        line, buffer = buffer.split(b"\r\n", 1)
        yield line


class TesterTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificates = make_certificates(os.path.join(cls.folder.name, "certificates"))
        cls.password_file = os.path.join(cls.folder.name, "password")
        with open(cls.password_file, "w") as file:
            file.write(PASSWORD + "\n")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    # --- running it ---

    def run_tester(self, *arguments):
        done = subprocess.run([program("postrider-tester"), *map(str, arguments)], capture_output=True, timeout=120)
        everything = done.stdout + done.stderr
        for secret in (PASSWORD, *self.encoded_forms()):
            self.assertNotIn(secret.encode(), everything, "the password was shown")
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    @staticmethod
    def encoded_forms():
        plain = f"\0{USER}\0{PASSWORD}".encode()
        return base64.b64encode(PASSWORD.encode()).decode(), base64.b64encode(plain).decode()

    def login(self):
        return ["--user", USER, "--password-file", self.password_file]

    def trusting(self):
        return ["--ca-file", self.certificates.ca]

    @staticmethod
    def a_mail(to="charles@example.org"):
        return ["--from", USER, "--to", to]

    def check_failure_shape(self, failure):
        self.assertEqual(list(failure), FAILURE_KEYS)
        self.assertIn(failure["outcome"], ["transient", "permanent", "unknown"])
        self.assertIn(failure["stage"], STAGES)
        self.assertIn(failure["scope"], ["recipient", "message", "account", "server", "local"])
        self.assertIn(failure["action"], ["retry", "next_server", "hold_server", "suspend_account", "bounce", "operator"])
        self.assertIsInstance(failure["code"], int)
        self.assertIsInstance(failure["reply"], list)
        self.assertGreaterEqual(failure["elapsed_ms"], 0)
        self.assertTrue(failure["explanation"].endswith("."), failure["explanation"])
        self.assertTrue(failure["next_step"].endswith("."), failure["next_step"])
        if failure["scope"] in ("account", "server"):
            self.assertNotEqual(failure["outcome"], "permanent")

    def check_report_shape(self, report):
        self.assertEqual(list(report), REPORT_KEYS)
        for stage in report["stages"]:
            self.assertEqual(list(stage), STAGE_KEYS)
            self.assertIn(stage["stage"], STAGES)
            self.assertGreaterEqual(stage["elapsed_ms"], 0)
            self.assertEqual(stage["ok"], stage["failure"] is None)
            if stage["failure"] is not None:
                self.check_failure_shape(stage["failure"])
        if report["failure"] is not None:
            self.check_failure_shape(report["failure"])
        if report["receipt"] is not None:
            self.assertEqual(list(report["receipt"]), ["mail_id", "server", "elapsed_ms", "recipients"])
            for recipient in report["receipt"]["recipients"]:
                self.assertEqual(list(recipient), ["address", "outcome", "failure"])
                self.assertEqual(recipient["outcome"] == "accepted", recipient["failure"] is None)
        self.assertEqual(report["ok"], report["failure"] is None)

    def finds(self, cause, stage, field, port, *arguments, host="localhost", code=None, explains=None, for_people=True):
        """Runs the tester twice, for programs and for people, and returns the failure."""
        target = host if port is None else f"{host}:{port}"
        status, out, err = self.run_tester(target, *arguments, "--json")
        self.assertEqual(status, 1, out + err)
        self.assertEqual(out.count("\n"), 1, "one JSON object on one line")
        report = json.loads(out)
        self.check_report_shape(report)
        failure = report["failure"]
        got = (failure["cause"], failure["stage"], failure["field"])
        self.assertEqual(got, (cause, stage, field), json.dumps(report, indent=1))
        self.assertFalse(report["stages"][-1]["ok"])
        if code is not None:
            self.assertEqual(failure["code"], code)
            self.assertTrue(failure["reply"])
            self.assertIn(str(code), failure["explanation"])
        if explains is not None:
            self.assertIn(explains, failure["explanation"])
        if not for_people:
            return failure

        status, out, err = self.run_tester(target, *arguments, "--transcript")
        self.assertEqual(status, 1, out + err)
        self.assertIn("\u2717 " + stage, out)
        self.assertIn(cause, out)
        self.assertIn("Next step: " + failure["next_step"], out)
        self.assertEqual("Setting to look at:" in out, field != "none", out)
        for passed in report["stages"]:
            if passed["ok"]:
                self.assertIn("\u2713 " + passed["stage"], out)
        return failure

    def accepts(self, port, *arguments, host="localhost"):
        status, out, err = self.run_tester(f"{host}:{port}", *arguments, "--json")
        self.assertEqual(status, 0, out + err)
        report = json.loads(out)
        self.check_report_shape(report)
        self.assertTrue(report["ok"])
        return report

    def sink(self, security="starttls", certificate=None, **options):
        pair = certificate or self.certificates.good
        return Sink("hostile", security=security, certificate=pair.pem, key=pair.key, **options)

    # --- when all is well ---

    def test_a_mail_that_arrives(self):
        for security in ("starttls", "tls"):
            with self.subTest(security), self.sink(security, accounts={USER: PASSWORD}) as sink:
                report = self.accepts(sink.port, "--security", security, *self.trusting(), *self.login(), *self.a_mail())
                stages = [stage["stage"] for stage in report["stages"]]
                for expected in ("resolve", "connect", "greeting", "ehlo", "tls", "auth", "mail", "rcpt", "data", "final"):
                    self.assertIn(expected, stages)
                detail = {stage["stage"]: stage["detail"] for stage in report["stages"]}
                self.assertIn("127.0.0.1:%d" % sink.port, detail["connect"])
                self.assertIn("hostile ESMTP", detail["greeting"])
                self.assertIn("TLSv1.3", detail["tls"])
                self.assertIn("localhost", detail["tls"])
                self.assertIn("2049-12-31", detail["tls"])
                self.assertIn("CRAM-MD5", detail["auth"])
                self.assertEqual(report["receipt"]["recipients"],
                                 [{"address": "charles@example.org", "outcome": "accepted", "failure": None}])
                [mail] = sink.wait(1)
                letter = email.message_from_bytes(mail.data, policy=email.policy.default)
                self.assertIn("test mail", letter.get_content().lower())
                self.assertIn("localhost:%d" % sink.port, letter.get_content())
                self.assertEqual(letter["From"], USER)
                self.assertEqual(letter["Message-ID"], report["receipt"]["mail_id"])
                self.assertEqual(letter["Auto-Submitted"], "auto-generated")
                self.assertFalse(letter.defects)

    def test_a_log_in_without_a_mail(self):
        with self.sink(accounts={USER: PASSWORD}, mechanisms=("PLAIN", "LOGIN")) as sink:
            report = self.accepts(sink.port, *self.trusting(), *self.login())
            self.assertIsNone(report["receipt"])
            self.assertEqual([s["detail"] for s in report["stages"] if s["stage"] == "auth"], ["PLAIN"])
            self.assertEqual(sink.attempts, [("PLAIN", USER, True)])
            status, out, _ = self.run_tester(f"localhost:{sink.port}", *self.trusting(), *self.login(), "--auth", "login", "--transcript")
            self.assertEqual(status, 0)
            self.assertIn("can be used", out)
            self.assertIn("C: AUTH LOGIN", out)
            self.assertIn("S: 235", out)
            self.assertEqual(sink.attempts[-1], ("LOGIN", USER, True))

    def test_an_address_of_version_6(self):
        try:
            listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            listener = None  # this machine has none
        if listener is not None:
            with listener:
                port = listener.getsockname()[1]
            self.finds("connection_refused", "connect", "port", port, host="[::1]", explains=f"[::1]:{port}")

    def test_plain_smtp_on_purpose(self):
        with self.sink("none") as sink:
            self.accepts(sink.port, "--security", "none", *self.a_mail(), host="127.0.0.1")
            self.assertEqual(sink.wait(1)[0].encrypted, False)

    def test_a_null_device_of_a_recipient_list(self):
        with self.sink("none") as sink:
            sink.answer("rcpt", "550 5.1.1 no such user", when=lambda argument: b"nobody" in argument)
            arguments = [f"127.0.0.1:{sink.port}", "--security", "none", "--from", USER, "--to", "one@example.org",
                         "--to", "nobody@example.org", "--to", "two@example.org"]
            status, out, _ = self.run_tester(*arguments, "--json")
            self.assertEqual(status, 1)
            report = json.loads(out)
            self.check_report_shape(report)
            self.assertEqual([r["outcome"] for r in report["receipt"]["recipients"]], ["accepted", "permanent", "accepted"])
            self.assertEqual(report["failure"]["cause"], "mailbox_unknown")
            stages = [stage["stage"] for stage in report["stages"]]
            self.assertEqual(stages, sorted(stages, key=STAGES.index), "in the order of a session")
            self.assertEqual(sink.wait(1)[0].recipients, ("one@example.org", "two@example.org"))
            status, out, _ = self.run_tester(*arguments)
            self.assertIn("2 of 3 recipients", out)
            self.assertIn("nobody@example.org: There is no mailbox", out)
            self.assertEqual(out.count("There is no mailbox"), 1, out)
            self.assertIn("Setting to look at: recipient address", out)

    # --- no server, or no mail server ---

    def test_unknown_host(self):
        try:
            socket.getaddrinfo("no-such-host.invalid", 587)
            self.fail("a name under .invalid was found")
        except socket.gaierror as error:
            known = error.errno != socket.EAI_AGAIN  # without any name server the question stays open
        failure = self.finds("name_not_found" if known else "lookup_failed", "resolve", "host", None, host="no-such-host.invalid")
        self.assertEqual(failure["server"], "no-such-host.invalid:587")

    def test_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.finds("connection_refused", "connect", "port", port, host="127.0.0.1")

    def test_connect_timeout(self):
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = []
            for _ in range(8):  # the backlog is full: further connections get no answer
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            time.sleep(0.2)
            self.finds("connect_timeout", "connect", "port", full.getsockname()[1], "--timeout", "1", host="127.0.0.1")
            for filler in fillers:
                filler.close()

    def test_other_servers(self):
        greetings = {"SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "IMAP": b"* OK [CAPABILITY IMAP4rev1] ready.\r\n",
                     "POP3": b"+OK ready.\r\n", "HTTP": b"HTTP/1.1 408 Request Timeout\r\n\r\n"}
        for name, greeting in greetings.items():
            for security in ("starttls", "tls", "none"):
                with self.subTest(f"{name} with {security}"), Raw(says(greeting)) as server:
                    stage = "tls" if security == "tls" else "greeting"
                    self.finds("not_smtp", stage, "port", server.port, "--security", security, "--timeout", "2", explains=name)

    def test_a_web_server(self):
        for security in ("starttls", "tls"):
            with self.subTest(security), Raw(web_server) as server:
                stage = "tls" if security == "tls" else "greeting"
                self.finds("not_smtp", stage, "port", server.port, "--security", security, "--timeout", "2", explains="HTTP")

    def test_junk(self):
        with Raw(says(b"\x00\x01\x02 what\r\n")) as server:
            self.finds("not_smtp", "greeting", "port", server.port)
        with Raw(says(b"x" * 20000)) as server:
            self.finds("not_smtp", "greeting", "port", server.port)

    def test_an_ftp_server(self):
        def handler(connection):
            connection.sendall(b"220 (vsFTPd 3.0.3)\r\n")
            for _ in lines_of(connection):
                connection.sendall(b"530 Please login with USER and PASS.\r\n")
        with Raw(handler) as server:
            self.finds("not_smtp", "ehlo", "port", server.port, "--security", "none")

    def test_words_in_another_encoding(self):
        with Raw(says(b"554-b\xfcro \x1b[2J\x9b2J\r\n554 gr\xc3\xbc\xc3\x9fe \xc2\x9b2J\r\n")) as server:
            failure = self.finds("greeting_refused", "greeting", "host", server.port, code=554, explains="gr\u00fc\u00dfe")
            self.assertIn("b\ufffdro", failure["explanation"])
            _, out, _ = self.run_tester(f"localhost:{server.port}", "--transcript")
            self.assertFalse(any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in out), out)

    def test_hangs_up(self):
        with Raw(lambda connection: None) as server:
            self.finds("connection_closed", "greeting", "none", server.port)

    def test_silence(self):
        with Raw(says(b"")) as server:
            failure = self.finds("reply_timeout", "greeting", "none", server.port, "--timeout", "0.5")
            self.assertIn("did not say a word", failure["explanation"])

    def test_a_mail_server_that_greets_too_late(self):
        def handler(connection):
            connection.recv(4096)
            connection.sendall(b"554 5.5.1 you talk before your turn\r\n")
        with Raw(handler) as server:
            self.finds("reply_timeout", "greeting", "none", server.port, "--timeout", "0.5")

    # --- security ---

    def test_starttls_asked_of_an_implicit_tls_port(self):
        with self.sink("tls") as sink:
            failure = self.finds("implicit_tls_expected", "greeting", "security", sink.port, "--timeout", "1", *self.trusting())
            self.assertIn("SSL/TLS", failure["next_step"])

    def test_implicit_tls_asked_of_a_starttls_port(self):
        with self.sink("starttls") as sink:
            failure = self.finds("starttls_expected", "tls", "security", sink.port, "--security", "tls", *self.trusting())
            self.assertIn("STARTTLS", failure["next_step"])

    def test_starttls_not_offered(self):
        with self.sink("none", accounts={USER: PASSWORD}) as sink:
            self.finds("starttls_not_offered", "starttls", "security", sink.port, *self.login())
            self.assertEqual(sink.attempts, [], "no password without TLS")

    def test_starttls_refused(self):
        with self.sink("starttls") as sink:
            sink.answer("starttls", "454 4.7.0 TLS not available")
            self.finds("starttls_refused", "starttls", "security", sink.port, code=454)

    def test_words_slipped_in_behind_starttls(self):
        def handler(connection):
            connection.sendall(b"220 hostile\r\n")
            for line in lines_of(connection):
                if line.upper().startswith(b"EHLO"):
                    connection.sendall(b"250-hostile\r\n250 STARTTLS\r\n")
                else:
                    connection.sendall(b"220 go ahead\r\n250-AUTH PLAIN\r\n250 hostile\r\n")
        with Raw(handler) as server:
            self.finds("injected_reply", "starttls", "security", server.port, *self.login())

    def test_outdated_encryption(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificates.good)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")

        def handler(connection):
            with context.wrap_socket(connection, server_side=True):
                pass
        with Raw(handler) as server:
            self.finds("tls_version", "tls", "security", server.port, "--security", "tls", *self.trusting())

    def test_bad_certificates(self):
        certificates = self.certificates
        cases = {
            "self-signed": ("certificate_untrusted", certificates.self_signed, self.trusting()),
            "unknown authority": ("certificate_untrusted", certificates.good, []),
            "expired": ("certificate_expired", certificates.expired, self.trusting()),
            "wrong name": ("certificate_name", certificates.wrong_name, self.trusting()),
        }
        for name, (cause, pair, trusting) in cases.items():
            for security in ("starttls", "tls"):
                with self.subTest(f"{name}, {security}"), self.sink(security, pair, accounts={USER: PASSWORD}) as sink:
                    failure = self.finds(cause, "tls", "host", sink.port, "--security", security, *trusting, *self.login())
                    if name == "wrong name":
                        self.assertIn("mail.example.net", failure["explanation"])
                    if name == "expired":
                        self.assertIn("2020-02-01", failure["explanation"])
                    self.assertEqual(sink.attempts, [], "no password to a server that is not proven")

    # --- the account ---

    def test_mechanism_not_offered(self):
        with self.sink(accounts={USER: PASSWORD}, mechanisms=("XOAUTH2",)) as sink:
            self.finds("mechanism_unavailable", "auth", "auth_method", sink.port, *self.trusting(), *self.login(), explains="XOAUTH2")
        with self.sink(accounts={USER: PASSWORD}, mechanisms=("PLAIN", "LOGIN")) as sink:
            self.finds("mechanism_unavailable", "auth", "auth_method", sink.port, *self.trusting(), *self.login(), "--auth", "cram-md5")
            self.assertEqual(sink.attempts, [])

    def test_auth_only_after_tls(self):
        with self.sink("none", accounts={USER: PASSWORD}, mechanisms=("PLAIN", "LOGIN")) as sink:
            self.finds("encryption_required", "auth", "security", sink.port, "--security", "none", *self.login())
            self.assertEqual(sink.attempts, [], "no password in clear")
        with self.sink("none") as sink:  # nothing offered before TLS
            self.finds("encryption_required", "auth", "security", sink.port, "--security", "none", *self.login())
        with self.sink("none", accounts={USER: PASSWORD}, mechanisms=("CRAM-MD5",)) as sink:
            sink.answer("auth", "538 5.7.11 Encryption required for requested authentication mechanism")
            self.finds("encryption_required", "auth", "security", sink.port, "--security", "none", *self.login(), code=538)

    def test_what_servers_say_of_an_account(self):
        cases = [
            ("credentials_rejected", "password", "535 5.7.8 Username and Password not accepted."),
            ("app_password_required", "password", "534-5.7.9 Application-specific password required. Learn more at\r\n"
                                                  "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp"),
            ("app_password_required", "password", "535 Login Fail. Please enter your authorization code to login."),
            ("oauth_required", "auth_method", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."),
            ("account_disabled", "user", "525 5.7.13 User Account Disabled"),
            ("mechanism_too_weak", "auth_method", "534 5.7.9 Authentication mechanism is too weak"),
            ("unclassified_transient", "none", "454 4.7.0 Temporary authentication failure"),
            ("provider_rate", "none", "454 4.7.0 Too many login attempts, please try again later."),
        ]
        for cause, field, reply in cases:
            with self.subTest(reply), self.sink(accounts={USER: PASSWORD}) as sink:
                sink.answer("auth", reply)
                failure = self.finds(cause, "auth", field, sink.port, *self.trusting(), *self.login(), code=int(reply[:3]))
                self.assertEqual(failure["scope"], "account")

    def test_wrong_password(self):
        with self.sink(accounts={USER: "another"}) as sink:
            for method in ("plain", "login", "cram-md5"):
                self.finds("credentials_rejected", "auth", "password", sink.port, *self.trusting(), *self.login(), "--auth", method, code=535)
            tried = [mechanism for mechanism, _, _ in sink.attempts]
            self.assertEqual(tried, ["PLAIN"] * 2 + ["LOGIN"] * 2 + ["CRAM-MD5"] * 2, "no weaker mechanism is tried")

    def test_authentication_required(self):
        with self.sink(accounts={USER: PASSWORD}) as sink:
            self.finds("authentication_required", "mail", "user", sink.port, *self.trusting(), *self.a_mail(), code=530)

    def test_refusals_of_a_mail(self):
        cases = [
            ("sender_not_allowed", "mail", "sender", "550 5.7.1 Sender address is not allowed."),
            ("sender_not_allowed", "rcpt", "sender", "553 5.7.1 <ada@example.com>: Sender address rejected: not owned by user bob"),
            ("mailbox_unknown", "rcpt", "recipient", "550 5.1.1 <charles@example.org>: Recipient address rejected: User unknown"),
            ("recipient_refused", "rcpt", "recipient", "550 5.7.1 <charles@example.org>: Recipient address rejected"),
            ("relay_denied", "rcpt", "user", "554 5.7.1 <charles@example.org>: Relay access denied"),
            ("mailbox_full", "rcpt", "recipient", "452 4.2.2 The recipient's inbox is out of storage space."),
            ("greylisted", "rcpt", "none", "450 4.2.0 <charles@example.org>: Recipient address rejected: Greylisted, see http://postgrey.example/"),
            ("provider_rate", "mail", "none", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail"),
            ("provider_rate", "final", "none", "454 Throttling failure: Maximum sending rate exceeded."),
            ("provider_quota", "final", "none", "550 5.4.5 Daily user sending limit exceeded."),
            ("message_too_big", "final", "message", "552 5.3.4 Message size exceeds fixed limit"),
            ("message_too_big", "mail", "message", "552 5.3.4 Message size exceeds fixed limit"),
            ("spam", "final", "message", "554 5.7.1 This message looks like spam"),
            ("virus", "final", "message", "550 5.7.1 Virus found"),
            ("unclassified_transient", "final", "none", "451 4.3.0 try again"),
            ("server_closing", "rcpt", "none", "421 4.3.2 shutting down"),
        ]
        for cause, stage, field, reply in cases:
            with self.subTest(f"{stage}: {reply}"), self.sink(accounts={USER: PASSWORD}) as sink:
                sink.answer(stage, reply)
                failure = self.finds(cause, stage, field, sink.port, *self.trusting(), *self.login(), *self.a_mail(), code=int(reply[:3]))
                if cause in ("mailbox_unknown", "recipient_refused", "message_too_big", "spam", "virus"):
                    self.assertEqual((failure["outcome"], failure["action"]), ("permanent", "bounce"))
                self.assertEqual(sink.count(), 0)

    def test_message_bigger_than_the_offered_size(self):
        with self.sink("none", extensions=("SIZE 100",)) as sink:
            self.finds("message_too_big", "mail", "message", sink.port, "--security", "none", *self.a_mail())
            self.assertEqual(sink.count(), 0)

    def test_greetings_that_refuse(self):
        for cause, reply in (("greeting_refused", "554 No SMTP service here"), ("server_closing", "421 4.3.0 later"),
                             ("blocklisted", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org")):
            with self.subTest(reply), self.sink() as sink:
                sink.answer("greeting", reply)
                failure = self.finds(cause, "greeting", {"greeting_refused": "host"}.get(cause, "none"), sink.port, code=int(reply[:3]))
                self.assertEqual(failure["scope"], "server")

    # --- servers that stop ---

    def test_silence_and_loss_at_every_stage(self):
        for stage in ("ehlo", "auth", "mail", "rcpt", "data", "final"):
            for answer, cause in ((STALL, "reply_timeout"), (DROP, "connection_closed")):
                step_by_step = self.sink("none", accounts={USER: PASSWORD}, mechanisms=("CRAM-MD5",), extensions=("8BITMIME",))
                with self.subTest(f"{cause} at {stage}"), step_by_step as sink:
                    sink.answer(stage, answer)
                    failure = self.finds(cause, stage, "none", sink.port, "--security", "none", *self.login(), *self.a_mail(),
                                         "--timeout", "2", for_people=False)
                    self.assertEqual(failure["outcome"], "unknown" if stage == "final" else "transient")
                    if stage == "final":
                        self.assertIn("may have been delivered", failure["next_step"])

    def test_a_server_that_repeats_what_it_heard(self):
        def handler(connection):
            connection.sendall(b"220 echo\r\n")
            for line in lines_of(connection):
                if line.upper().startswith(b"EHLO"):
                    connection.sendall(b"250-echo\r\n250 STARTTLS\r\n")
                    continue
                connection.sendall(b"220 go ahead\r\n")
                break
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificates.good)
            with context.wrap_socket(connection, server_side=True) as wire:
                for line in lines_of(wire):
                    if line.upper().startswith(b"EHLO"):
                        wire.sendall(b"250-echo\r\n250 AUTH PLAIN\r\n")
                    elif line.upper().startswith(b"AUTH"):
                        wire.sendall(b"235 2.7.0 " + PASSWORD.encode() + b" " + line + b"\r\n")
                    elif line.upper().startswith(b"MAIL"):
                        wire.sendall(b"250 2.1.0 " + PASSWORD.encode() + b"\r\n")
                    else:
                        said = "\r\n".join(["550-5.7.1 " + PASSWORD, *("550-5.7.1 [" + form + "]" for form in self.encoded_forms()), "550 5.7.1 no"])
                        wire.sendall(said.encode() + b"\r\n")
        with Raw(handler) as server:
            self.finds("recipient_refused", "rcpt", "recipient", server.port, *self.trusting(), *self.login(), *self.a_mail())

    # --- the command line ---

    def test_wrong_usage_names_the_option(self):
        wrong = {
            ("--security",): ["localhost", "--security", "ssl"],
            ("--auth",): ["localhost", "--auth", "digest", *self.login()],
            ("--user",): ["localhost", "--password-file", self.password_file],
            ("--password-file",): ["localhost", "--user", USER],
            ("--password-file", "/no/such/file"): ["localhost", "--user", USER, "--password-file", "/no/such/file"],
            ("--password-file", "/dev/null"): ["localhost", "--user", USER, "--password-file", "/dev/null"],
            ("--ca-file", "/no/such/file"): ["localhost", "--ca-file", "/no/such/file"],
            ("--from", "not an address"): ["localhost", "--from", "not an address", "--to", "a@example.org"],
            ("--to", "control character"): ["localhost", "--from", USER, "--to", "a@example.org\nRCPT TO:<b@example.org>"],
            ("--to",): ["localhost", "--from", USER],
            ("--from",): ["localhost", "--to", "a@example.org"],
            ("--timeout",): ["localhost", "--timeout", "soon"],
            ("--timeout", "3600"): ["localhost", "--timeout", "0"],
            ("--frobnicate",): ["localhost", "--frobnicate"],
            ("PORT", "70000"): ["localhost:70000"],
            ("PORT", "x"): ["localhost:x"],
            ("HOST", "a b"): ["a b"],
            ("HOST", "]"): ["[::1"],
            ("server",): [],
        }
        for named, arguments in wrong.items():
            with self.subTest(arguments):
                status, out, err = self.run_tester(*arguments)
                self.assertEqual((status, out), (2, ""))
                for part in named:
                    self.assertIn(part, err)
                status, out, err = self.run_tester(*arguments, "--json")
                self.assertEqual((status, err), (2, ""))
                error = json.loads(out)
                self.assertEqual(list(error), ["error"])
                self.assertEqual(list(error["error"]), ["code", "message", "field"])
                if named[0].startswith("--"):
                    self.assertEqual(error["error"]["field"], named[0])

    def test_a_user_with_control_characters(self):
        with self.sink(accounts={USER: PASSWORD}) as sink:
            status, out, _ = self.run_tester(f"localhost:{sink.port}", *self.trusting(), "--user", "a\0b".replace("\0", "\x01"),
                                             "--password-file", self.password_file, "--json")
            self.assertEqual(status, 1)
            self.assertFalse(json.loads(out)["ok"])

    def test_help(self):
        status, out, _ = self.run_tester("--help")
        self.assertEqual(status, 0)
        for option in ("--security", "--auth", "--user", "--password-file", "--ca-file", "--from", "--to", "--json", "--timeout"):
            self.assertIn(option, out)


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
