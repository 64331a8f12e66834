"""postrider-send against servers that attack, break the protocol, or fall silent.

For each: how the session ends, that it ends by itself, what was on the wire in clear, and that the password is nowhere.
"""
import base64
import json
import os
import socket
import ssl
import sys
import tempfile
import threading
import time
import unittest

from certificates import make_certificates
from programs import run

USER = "ada"
PASSWORD = "correct horse 7+/battery"
SHAPES = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode()), base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())]

EHLO = b"250-mx.example.org\r\n"
OK = b"250 2.0.0 Ok\r\n"
PATIENCE = 120  # seconds after which a client does not end by itself, however slow the machine


class Gone(Exception):
    """The client closed the connection."""


class Session:
    """One connection, as its script sees it. What came in clear and what came within TLS is kept."""

    def __init__(self, connection, server):
        self.connection, self.server, self.buffer, self.encrypted = connection, server, b"", False

    def say(self, data):
        self.connection.sendall(data)

    def drip(self, data, pause=0.001):
        for at in range(len(data)):
            self.say(data[at:at + 1])
            time.sleep(pause)

    def until(self, end):
        while end not in self.buffer:
            more = self.connection.recv(65536)
            if not more:
                raise Gone()
            if self.encrypted:
                self.server.within_tls += more
            else:
                self.server.in_clear += more
            self.buffer += more
        text, self.buffer = self.buffer.split(end, 1)
        return text

    def line(self):
        return self.until(b"\r\n")

    def secure(self, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.pem, pair.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.encrypted = True

    def greet(self, *extensions, banner=b"220 mx.example.org ESMTP\r\n"):
        """220, EHLO and what is offered."""
        if banner:
            self.say(banner)
        self.line()
        self.say(EHLO + b"".join(b"250-" + e + b"\r\n" for e in extensions) + b"250 X-END\r\n")

    def wait(self):
        """Until the client closes."""
        while True:
            self.line()


class Hostile:
    def __init__(self, script):
        self.script, self.in_clear, self.within_tls, self.connections, self.closed = script, b"", b"", 0, threading.Event()
        self.problem, self.given_up = None, threading.Event()
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
        connection.settimeout(2 * PATIENCE)
        session = Session(connection, self)
        try:
            self.script(session)
        except (Gone, OSError):
            pass
        except Exception as problem:  # a mistake in the script is a failure of the test
            self.problem = problem
        finally:
            session.connection.close()
            self.closed.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class SendTest(unittest.TestCase):
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

    def send(self, script, *options, scheme="smtp", user=None, timeout="20", subject="x"):
        """(exit code, figures, server); the run ended by itself and shows the password to nobody."""
        if user:
            options += ("--password-file", self.password_file)
        with Hostile(script) as server:
            done = run("postrider-send", "--server", f"{scheme}://{user + '@' if user else ''}localhost:{server.port}",
                       "--ca-file", self.certificates.ca, "--from", "ada@example.com", "--to", "charles@example.org",
                       "--subject", subject, "--timeout", timeout, "--json", *options, timeout=PATIENCE)
            server.given_up.set()
        self.assertIsNone(server.problem)
        for shape in SHAPES:
            self.assertNotIn(shape.decode(), done.out + done.err)
            self.assertNotIn(shape, server.in_clear)
        if user:
            self.assertNotIn(b"AUTH", server.in_clear)
        figures = json.loads(done.out)
        self.assertEqual(done.code == 0, figures["sent"] == 1, done.out + done.err)
        return done.code, figures, server

    def fails(self, cause, stage, script, *options, outcome="transient", code=None, **how):
        status, figures, server = self.send(script, *options, **how)
        failure = figures["failures"][0]
        self.assertEqual((failure["cause"], failure["stage"], failure["outcome"]), (cause, stage, outcome), figures)
        self.assertEqual(status, 1)
        self.assertEqual(figures["unknown"], 1 if outcome == "unknown" else 0)
        self.assertEqual(figures["failed"], 0 if outcome == "unknown" else 1)
        if code is not None:
            self.assertEqual(failure["code"], code)
        return failure, server

    def starttls(self, cause, stage, script, **how):
        """Nothing of a mail or a login is said in clear, whatever the server does."""
        failure, server = self.fails(cause, stage, script, scheme="smtp+starttls", user=USER, **how)
        self.assertNotIn(b"MAIL", server.in_clear)
        return failure, server

    # --- when all is well, so that the rest means something ---

    def test_a_good_server(self):
        def script(session):
            session.greet(b"STARTTLS")
            session.line()
            session.say(b"220 go\r\n")
            session.secure(self.certificates.good)
            session.greet(b"AUTH PLAIN", banner=None)
            session.line()
            session.say(b"235 ok\r\n")
            for _ in range(2):
                session.line()
                session.say(OK)
            session.line()
            session.say(b"354 go\r\n")
            session.until(b"\r\n.\r\n")
            session.say(OK)
            session.line()
            session.say(b"221 bye\r\n")
        status, figures, server = self.send(script, scheme="smtp+starttls", user=USER)
        self.assertEqual((status, figures["sent"]), (0, 1))
        self.assertIn(SHAPES[2], server.within_tls)

    # --- STARTTLS ---

    def test_bytes_behind_the_220_of_starttls(self):
        for extra in (b"250 mx.example.org\r\n", b"2", b"\r\n", b"250-mx\r\n250 AUTH PLAIN\r\n235 ok\r\n"):
            def together(session, extra=extra):
                session.greet(b"STARTTLS")
                session.line()
                session.say(b"220 go\r\n" + extra)
                session.wait()

            def later(session, extra=extra):
                session.greet(b"STARTTLS")
                session.line()
                session.say(b"220 go\r\n")
                session.connection.recv(1, socket.MSG_PEEK)  # the handshake has begun
                session.say(extra + b" " * 10)
                session.wait()
            with self.subTest(extra=extra):
                self.starttls("injected_reply", "starttls", together)
                self.starttls("tls_handshake", "tls", later)

    def test_a_220_before_starttls_was_said(self):
        def script(session):
            session.say(b"220 mx.example.org ESMTP\r\n")
            session.line()
            session.say(EHLO + b"250 STARTTLS\r\n220 go\r\n")
            session.wait()
        self.starttls("injected_reply", "starttls", script)

    def test_starttls_stripped_or_refused(self):
        def stripped(session):
            session.greet(b"AUTH PLAIN LOGIN", b"PIPELINING")
            session.wait()
        self.starttls("starttls_not_offered", "starttls", stripped)
        for reply, cause, stage in ((b"454 4.7.0 not now\r\n", "starttls_refused", "starttls"),
                                    (b"502 5.5.1 no\r\n", "starttls_refused", "starttls"),
                                    (b"250 fine\r\n", "protocol_error", "starttls"),
                                    (b"354 go\r\n", "protocol_error", "starttls"),
                                    (b"421 4.3.2 closing\r\n", "server_closing", "starttls")):
            def script(session, reply=reply):
                session.greet(b"STARTTLS", b"AUTH PLAIN")
                session.line()
                session.say(reply)
                session.wait()
            with self.subTest(reply=reply):
                self.starttls(cause, stage, script)

    def test_no_ehlo_is_no_way_around_tls(self):
        for refusal in (b"500 5.5.1 what?\r\n", b"502 no\r\n", b"550 no\r\n"):
            def script(session, refusal=refusal):
                session.say(b"220 mx.example.org\r\n")
                session.line()
                session.say(refusal)
                session.line()
                session.say(b"250 mx\r\n")
                session.wait()
            with self.subTest(refusal=refusal):
                _, server = self.starttls("starttls_not_offered", "starttls", script)
                self.assertNotIn(b"HELO", server.in_clear.replace(b"EHLO", b""))

    def test_capabilities_are_asked_for_again_within_tls(self):
        """AUTH offered in clear only: it does not count. Offered within TLS only: it does."""
        def only_in_clear(session):
            session.greet(b"STARTTLS", b"AUTH PLAIN LOGIN", b"PIPELINING", b"SIZE 1000000")
            session.line()
            session.say(b"220 go\r\n")
            session.secure(self.certificates.good)
            session.greet(banner=None)
            session.wait()
        _, server = self.fails("mechanism_unavailable", "auth", only_in_clear, scheme="smtp+starttls", user=USER)
        self.assertNotIn(b"AUTH", server.within_tls)

        def without_pipelining(session):
            session.greet(b"STARTTLS", b"PIPELINING", b"SIZE 10")
            session.line()
            session.say(b"220 go\r\n")
            session.secure(self.certificates.good)
            session.greet(b"AUTH LOGIN", banner=None)
            for reply in (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"):
                session.line()
                session.say(reply)
            session.server.mail = session.line()
            time.sleep(0.2)
            session.connection.settimeout(0.2)
            session.server.alone = session.buffer == b""
            session.say(b"550 5.7.1 no\r\n")
            session.connection.settimeout(2 * PATIENCE)
            session.wait()
        _, server = self.fails("sender_not_allowed", "mail", without_pipelining, scheme="smtp+starttls", user=USER)
        self.assertEqual(server.mail, b"MAIL FROM:<ada@example.com>")
        self.assertTrue(server.alone)

    def test_certificates(self):
        for name, cause in (("wrong_name", "certificate_name"), ("expired", "certificate_expired"),
                            ("self_signed", "certificate_untrusted")):
            pair = getattr(self.certificates, name)

            def behind_starttls(session, pair=pair):
                session.greet(b"STARTTLS")
                session.line()
                session.say(b"220 go\r\n")
                session.secure(pair)
                session.wait()

            def at_once(session, pair=pair):
                session.secure(pair)
                session.say(b"220 mx\r\n")
                session.wait()
            with self.subTest(name):
                _, server = self.starttls(cause, "tls", behind_starttls)
                self.assertEqual(server.within_tls, b"")
                _, server = self.fails(cause, "tls", at_once, scheme="smtps", user=USER)
                self.assertEqual((server.within_tls, server.in_clear), (b"", b""))

    # --- login ---

    def test_a_server_that_repeats_the_password(self):
        plain = SHAPES[2]
        for reply, cause in ((b"535 5.7.8 AUTH PLAIN " + plain + b" is wrong\r\n", "credentials_rejected"),
                             (b"535-5.7.8 it was\r\n535 5.7.8 " + SHAPES[0] + b"\r\n", "credentials_rejected"),
                             (b"454 4.7.0 " + SHAPES[1] + b"\r\n", None),
                             (b"AUTH PLAIN " + plain + b"\r\n", "protocol_error"),
                             (b"235 welcome " + SHAPES[0] + b"\r\n" + b"550 5.1.0 " + plain + b"\r\n", None),
                             (b"334 " + plain + b"\r\n", None)):
            def script(session, reply=reply):
                session.secure(self.certificates.good)
                session.greet(b"AUTH PLAIN")
                session.line()
                session.say(reply)
                session.wait()
            with self.subTest(reply=reply):
                status, figures, _ = self.send(script, scheme="smtps", user=USER)
                self.assertEqual(status, 1)
                self.assertEqual(figures["failures"][0]["outcome"], "transient")
                if cause:
                    self.assertEqual(figures["failures"][0]["cause"], cause)

    def test_a_rejected_password_is_not_tried_again(self):
        def script(session):
            session.secure(self.certificates.good)
            session.greet(b"AUTH PLAIN LOGIN")
            session.line()
            session.say(b"535 5.7.8 no\r\n")
            session.wait()
        _, server = self.fails("credentials_rejected", "auth", script, scheme="smtps", user=USER, code=535)
        self.assertEqual(server.within_tls.count(b"AUTH"), 1)

    # --- replies ---

    def test_a_refusal_in_many_lines_is_one_refusal(self):
        def script(session):
            session.greet(b"PIPELINING")
            session.line()
            session.say(b"550-5.7.1 we do not\r\n550-5.7.1 know\r\n550 5.7.1 you\r\n503 5.5.1 first MAIL\r\n503 5.5.1 first RCPT\r\n")
            session.wait()
        failure, _ = self.fails("sender_not_allowed", "mail", script, outcome="permanent", code=550)
        self.assertEqual(failure["reply"], ["we do not", "know", "you"])

    def test_replies_without_end(self):
        def endless_line(session):
            session.say(b"220 ")
            while True:
                session.say(b"x" * 4096)

        def endless_reply(session):
            while True:
                session.say(b"220-and another thing\r\n" * 100)

        def endless_ehlo(session):
            session.say(b"220 mx\r\n")
            session.line()
            while True:
                session.say(b"250-X-MORE\r\n" * 100)

        def endless_replies(session):
            session.greet()
            while True:
                session.say(OK * 100)
        for script, stage in ((endless_line, "greeting"), (endless_reply, "greeting"), (endless_ehlo, "ehlo")):
            with self.subTest(script.__name__):
                status, figures, _ = self.send(script)
                self.assertEqual((status, figures["failures"][0]["stage"]), (1, stage))
                self.assertIn(figures["failures"][0]["cause"], ("not_smtp", "protocol_error"))
        status, figures, _ = self.send(endless_replies)
        self.assertEqual((status, figures["sent"]), (1, 0))

    def test_one_byte_at_a_time(self):
        def script(session):
            session.drip(b"220-mx\r\n220 mx\r\n")
            session.line()
            session.drip(EHLO + b"250 8BITMIME\r\n")
            for _ in range(2):
                session.line()
                session.drip(OK)
            session.line()
            session.drip(b"354 go\r\n")
            session.until(b"\r\n.\r\n")
            session.drip(b"250-2.0.0 got\r\n250 2.0.0 it\r\n")
            session.line()
            session.drip(b"221 bye\r\n")
        status, _, _ = self.send(script)
        self.assertEqual(status, 0)

    def test_dripping_does_not_hold_the_deadline_back(self):
        def script(session):
            while not session.server.given_up.is_set():
                session.drip(b"220-" + b"x" * 60 + b"\r\n", pause=0.01)
        self.fails("reply_timeout", "greeting", script, timeout="0.5")

    def test_421_at_every_stage(self):
        stages = ("greeting", "ehlo", "mail", "rcpt", "data", "final")
        replies = (b"220 mx\r\n", b"250 mx\r\n", OK, OK, b"354 go\r\n", OK)
        for extension in (b"", b"PIPELINING"):
            for n, stage in enumerate(stages):
                def script(session, n=n, extension=extension):
                    for at in range(n):
                        if at > 0:
                            session.line()
                        session.say(EHLO + b"250 " + extension + b"\r\n" if at == 1 and extension else replies[at])
                    if n == 5:
                        session.until(b"\r\n.\r\n")
                    elif n > 0:
                        session.line()
                    session.say(b"421 4.3.2 closing\r\n")
                    session.connection.shutdown(socket.SHUT_WR)
                    session.wait()
                with self.subTest(stage, extension=extension):
                    self.fails("server_closing", stage, script, code=421)

    def test_loss_at_every_stage(self):
        stages = ("greeting", "ehlo", "mail", "rcpt", "data", "final")
        replies = (b"220 mx\r\n", b"250 mx\r\n", OK, OK, b"354 go\r\n")
        for n, stage in enumerate(stages):
            def script(session, n=n):
                for at in range(n):
                    if at > 0:
                        session.line()
                    session.say(replies[at])
                if n == 5:
                    session.until(b"\r\n.\r\n")
                elif n > 0:
                    session.line()
            with self.subTest(stage):
                self.fails("connection_closed", stage, script, outcome="unknown" if n == 5 else "transient")

    def test_garbage_after_the_dot_is_unknown(self):
        for words in (b"all right then\r\n", b"354 go\r\n", b"2"):
            def script(session, words=words):
                session.greet()
                for reply in (OK, OK, b"354 go\r\n"):
                    session.line()
                    session.say(reply)
                session.until(b"\r\n.\r\n")
                session.say(words)
            with self.subTest(words=words):
                cause = "connection_closed" if words == b"2" else "protocol_error"
                self.fails(cause, "final", script, outcome="unknown")

    def test_silence_after_the_dot_is_unknown(self):
        def script(session):
            session.greet()
            for reply in (OK, OK, b"354 go\r\n"):
                session.line()
                session.say(reply)
            session.until(b"\r\n.\r\n")
            session.wait()
        self.fails("reply_timeout", "final", script, outcome="unknown", timeout="3")

    def test_354_without_an_accepted_recipient(self):
        for verdict in (b"554 5.5.1 no recipients\r\n", b"250 2.0.0 queued\r\n"):
            def script(session, verdict=verdict):
                session.greet(b"PIPELINING")
                session.until(b"DATA\r\n")
                session.say(OK + b"550 5.1.1 nobody\r\n354 go\r\n")
                session.server.content = session.until(b".\r\n")
                session.say(verdict)
                session.wait()
            with self.subTest(verdict=verdict):
                _, server = self.fails("mailbox_unknown", "rcpt", script, outcome="permanent", code=550)
                self.assertEqual(server.content, b"")

    def test_a_server_that_never_reads(self):
        def script(session):
            session.greet()
            for reply in (OK, OK, b"354 go\r\n"):
                session.line()
                session.say(reply)
            session.server.given_up.wait(2 * PATIENCE)
        self.fails("reply_timeout", "data", script, "--size", str(32 << 20), timeout="3")

    def test_a_server_that_says_yes_too_early(self):
        def script(session):
            session.greet()
            for reply in (OK, OK, b"354 go\r\n250 2.0.0 queued already\r\n"):
                session.line()
                session.say(reply)
            session.wait()
        self.fails("protocol_error", "data", script, "--size", str(32 << 20))

    def test_silence_at_once(self):
        self.fails("reply_timeout", "greeting", lambda session: session.wait(), timeout="0.3")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    unittest.main(verbosity=2)
