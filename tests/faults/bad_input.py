"""Wrong usage and broken surroundings: each a message that names the thing, an exit code that is not 0, nothing lost."""
import pathlib
import shutil
import smtplib
import socket
import subprocess
import tempfile
import unittest

import sample_mails
from mail_servers import free_port, without_headers_on_top
from programs import Relay, last_json, program, run, secret_file
from sink import Sink


class BadInput(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-bad-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sink = Sink("sink.test")
        self.addCleanup(self.sink.stop)
        self.password = secret_file(self.folder, "password", "open sesame")

    def relay(self, *options, **more):
        relay = Relay(self.folder / "relay", *options, internal=f"smtp://127.0.0.1:{self.sink.port}", **more)
        self.addCleanup(relay.kill)
        return relay

    def fails(self, done, code, *names):
        """It ended with this code and a message that names these, in a few lines, without a crash."""
        text = done.out + done.err
        self.assertEqual(done.code, code, done)
        for name in names:
            self.assertIn(str(name), text)
        self.assertLess(len(text.splitlines()), 15, text)
        for word in ("terminate called", "what():", "Aborted", "core dumped", "Sanitizer"):
            self.assertNotIn(word, text)

    def serve(self, *options, data=None, key=None, port=None, internal=True, prefix=(), timeout=60):
        """serve, where it must end at once."""
        arguments = ["serve", "--data", data or self.folder / "relay" / "data", "--listen",
                     f"127.0.0.1:{port or free_port()}", "--key-file", key or self.folder / "relay" / "key"]
        if internal:
            arguments += ["--internal-server", f"smtp://127.0.0.1:{self.sink.port}"]
        return run("postrider-relay", *arguments, *options, prefix=prefix, timeout=timeout)


class UsageTest(BadInput):
    def test_unknown_options_and_commands(self):
        for name, arguments, named in (
                ("postrider-send", ["--server", "smtp://127.0.0.1:1", "--form", "a@b.c"], "--form"),
                ("postrider-send", ["--from", "a@example.com", "--to", "b@example.org", "--subject", "s", "--text", "t"],
                 "--server"),
                ("postrider-send", ["--server", "gopher://127.0.0.1", "--from", "a@example.com", "--to", "b@example.org",
                                    "--subject", "s", "--text", "t"], "gopher"),
                ("postrider-send", ["--server", "smtp://127.0.0.1:99999", "--from", "a@example.com", "--to",
                                    "b@example.org", "--subject", "s", "--text", "t"], "99999"),
                ("postrider-send", ["--server", "smtp://127.0.0.1:1", "--from", "a@example.com", "--to", "b@example.org",
                                    "--eml", "/nonexistent/mail.eml"], "/nonexistent/mail.eml"),
                ("postrider-send", ["--server", "smtp://127.0.0.1:1", "--from", "a@example.com", "--to", "b@example.org",
                                    "--eml", str(self.folder)], str(self.folder)),
                ("postrider-tester", ["127.0.0.1:1", "--user", "ada", "--password-file", str(self.folder)], str(self.folder)),
                ("postrider-send", ["--server", "smtps://ada@127.0.0.1:1", "--password-file", "/nonexistent/pw", "--from",
                                    "a@example.com", "--to", "b@example.org", "--subject", "s", "--text", "t"],
                 "/nonexistent/pw"),
                ("postrider-tester", ["127.0.0.1", "--securety", "tls"], "--securety"),
                ("postrider-tester", ["127.0.0.1", "--security", "maybe"], "maybe"),
                ("postrider-tester", [], "server"),
                ("postrider-relay", ["serve", "--data", self.folder / "d", "--lissen", "127.0.0.1:0"], "--lissen"),
                ("postrider-relay", ["serve", "--data", self.folder / "d"], "--listen"),
                ("postrider-relay", ["serve", "--listen", "127.0.0.1:0"], "--data"),
                ("postrider-relay", ["serve", "--data", self.folder / "d", "--listen", "127.0.0.1:0", "--retry", "soon"],
                 "soon"),
                ("postrider-relay", ["serve", "--data", self.folder / "d", "--listen", "127.0.0.1:0", "--trust", "127.0.0/8"],
                 "127.0.0/8"),
                ("postrider-relay", ["serve", "--data", self.folder / "d", "--listen", "127.0.0.1:port"], "port"),
                ("postrider-relay", ["serve", "--data", self.folder / "d", "--listen", "127.0.0.1:0", "--tls-cert",
                                     "/nonexistent/cert.pem", "--tls-key", "/nonexistent/key.pem"], "/nonexistent/"),
                ("postrider-relay", ["sever"], "sever"),
                ("postrider-relay", ["server", "ad", "default", "--data", self.folder / "d"], "ad"),
                ("postrider-relay", ["tenant", "list"], "--data")):
            with self.subTest(program=name, arguments=arguments):
                done = run(name, *arguments)
                self.assertIn(named.lower(), (done.out + done.err).lower())
                self.fails(done, 2)
        self.assertFalse((self.folder / "d" / "control.sock").exists())

    def test_a_password_is_never_an_argument(self):
        for name, arguments in (("postrider-send", ["--server", "smtps://ada:open-sesame@127.0.0.1:1", "--from",
                                                    "a@example.com", "--to", "b@example.org", "--subject", "s", "--text",
                                                    "t"]),
                                ("postrider-send", ["--server", "smtps://ada@127.0.0.1:1", "--password", "open-sesame",
                                                    "--from", "a@example.com", "--to", "b@example.org", "--subject", "s",
                                                    "--text", "t"])):
            with self.subTest(arguments=arguments):
                done = run(name, *arguments)
                self.fails(done, 2, "password")
                self.assertNotIn("open-sesame", done.out + done.err)

    def test_malformed_addresses_and_control_characters(self):
        url = f"smtp://127.0.0.1:{self.sink.port}"
        for sender, to, named in (("ada", "b@example.org", "ada"),
                                  ("ada@", "b@example.org", "ada@"),
                                  ("a@example.com", "two words@example.org", "two words"),
                                  ("a@example.com", "b@exa mple.org", "exa mple"),
                                  ("a@example.com", "", "--to"),
                                  ("a@example.com", "b@example.org\r\nRCPT TO:<evil@example.org>", "evil@example.org"),
                                  ("a@example.com\n", "b@example.org", "a@example.com"),
                                  ("a@example.com> SIZE=1", "b@example.org", "SIZE=1")):
            with self.subTest(sender=sender, to=to):
                done = run("postrider-send", "--server", url, "--from", sender, "--to", to, "--subject", "s", "--text", "t")
                self.fails(done, 2, named)
                self.assertNotIn("\r", done.out + done.err)
        for option, value in (("--subject", "hello\r\nBcc: evil@example.org"), ("--subject", "a\nb")):
            with self.subTest(option=option, value=value):
                done = run("postrider-send", "--server", url, "--from", "a@example.com", "--to", "b@example.org", option,
                           value, "--text", "t")
                self.assertNotEqual(done.code, 0, done)
        self.assertEqual(self.sink.mails, [])

    def test_json_errors(self):
        (self.folder / "d").mkdir()
        done = run("postrider-relay", "server", "list", "nobody", "--data", self.folder / "d", "--json")
        self.assertEqual(done.code, 1, done)
        error = last_json(done.out or done.err)["error"]
        self.assertEqual(set(error) & {"code", "message", "field"}, {"code", "message", "field"})
        self.assertIn("nobody", error["message"])

    def test_a_misspelt_choice_is_told_as_json_too(self):
        for name, arguments in (("postrider-send", ["--server", "smtp://127.0.0.1:1", "--from", "a@example.com", "--to", "b@example.org"]),
                                ("postrider-tester", ["127.0.0.1:1"])):
            for line in ([*arguments, "--auth", "magic", "--json"], ["--json", "--auth", "magic", *arguments]):
                with self.subTest(name=name, line=line):
                    done = run(name, *line)
                    self.fails(done, 2, "magic")
                    self.assertEqual(last_json(done.out)["error"]["field"], "--auth")

    def test_registry_commands(self):
        relay = self.relay()
        add = ["server", "add", "default", "--host", "mail.example.com", "--security", "tls", "--auth", "plain", "--user", "u",
               "--password-file", self.password]
        for arguments, code, named in (
                ([*add, "--name", "a\nb"], 1, "name"),
                ([*add, "--name", ""], 1, "name"),
                ([*add, "--name", "internal"], 1, "internal"),
                ([*add, "--name", "one", "--port", "0"], (1, 2), "port"),
                ([*add, "--name", "one", "--host", "mail example"], (1, 2), "host"),
                ([*add, "--name", "one", "--user", "a\r\nb"], 1, "user"),
                ([*add, "--name", "one", "--auth", "telepathy"], 2, "telepathy"),
                (["server", "set-default", "default", "nowhere"], 1, "nowhere"),
                (["server", "remove", "default", "internal"], 1, "internal"),
                (["sender", "add", "default", "--kind", "user", "--name", "Ada", "--address", "not an address"], (1, 2),
                 "not an address"),
                (["sender", "add", "default", "--kind", "robot", "--name", "R", "--address", "r@example.com"], 2, "robot"),
                (["sender", "add", "default", "--kind", "user", "--name", "Ada", "--address", "ada@example.com", "--server",
                  "nowhere", "--user", "u", "--password-file", self.password], 1, "nowhere"),
                (["login", "add", "default", "--name", "a\tb", "--password-file", self.password, "--senders",
                  "a@example.com"], 1, "name"),
                (["login", "add", "default", "--name", "app", "--password-file", self.password, "--senders", "nonsense"],
                 (1, 2), "nonsense"),
                (["queue", "show", "no-such-mail"], (1, 2), "no-such-mail"),
                (["route", "explain", "nobody", "a@example.com"], 1, "nobody")):
            with self.subTest(arguments=arguments):
                done = relay.try_command(*arguments)
                self.assertIn(named, done.out + done.err)
                self.assertIn(done.code, code if isinstance(code, tuple) else (code,), done)
                self.assertNotIn("terminate called", done.err)
        # Nothing half written: the tenant is as it was.
        self.assertNotIn("mail.example.com", str(relay.command("server", "list", "default")))
        self.assertNotIn("ada@example.com", str(relay.command("sender", "list", "default")))


class SurroundingsTest(BadInput):
    def keep_one_mail(self):
        """A relay's data folder with one mail waiting, and a custom server with a secret; the relay is stopped."""
        self.sink.die()
        relay = self.relay()
        relay.command("server", "add", "default", "--name", "one", "--host", "127.0.0.1", "--port", "1", "--security", "tls",
                      "--auth", "plain", "--user", "u", "--password-file", self.password)
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
        self.assertEqual(relay.stop(), 0)
        self.sink.revive()
        return relay

    def still_there(self, relay):
        """Once what was broken is mended, the mail that was kept arrives."""
        relay.start()
        (mail,) = self.sink.wait(1)
        self.assertEqual(without_headers_on_top(mail.data, (b"received",)), sample_mails.plain_mail(1))
        self.assertIn("one", str(relay.command("server", "list", "default")))
        self.assertEqual(relay.stop(), 0)

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.fails(self.serve(port=port), 1, port, "in use")
        # It left nothing that hinders the next one.
        self.assertEqual(self.relay().stop(), 0)

    def test_second_serve(self):
        relay = self.relay()
        self.fails(self.serve(), 1, relay.pid, relay.data)
        # The first one is not disturbed.
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
        self.sink.wait(1)
        self.assertEqual(relay.stop(), 0)

    def test_a_lock_left_by_a_killed_one_is_no_hindrance(self):
        relay = self.relay()
        relay.kill()
        relay.start()
        self.assertEqual(relay.command("tenant", "list") is not None, True)
        self.assertEqual(relay.stop(), 0)

    def test_missing_and_wrong_key(self):
        relay = self.keep_one_mail()
        kept = relay.key.read_bytes()
        mode = relay.key.stat().st_mode & 0o777
        self.assertEqual(mode, 0o600, oct(mode))

        relay.key.unlink()
        self.fails(self.serve(), 1, relay.key)
        self.assertFalse(relay.key.exists(), "a new key was made while the storage holds secrets of the old one")
        done = relay.try_command("server", "add", "default", "--name", "two", "--host", "127.0.0.1", "--security", "tls",
                                 "--auth", "plain", "--user", "u", "--password-file", self.password)
        self.fails(done, 1, relay.key)

        # A key of another folder.
        other = Relay(self.folder / "other", internal=f"smtp://127.0.0.1:{self.sink.port}")
        other.command("server", "add", "default", "--name", "x", "--host", "127.0.0.1", "--security", "tls", "--auth", "plain",
                      "--user", "u", "--password-file", self.password)
        self.assertEqual(other.stop(), 0)
        self.fails(self.serve(key=other.key), 1, other.key)

        for content in (b"", b"short", b"\0" * 7):
            with self.subTest(content=content):
                broken = self.folder / "broken.key"
                broken.write_bytes(content)
                broken.chmod(0o600)
                self.fails(self.serve(key=broken), 1, broken)
                self.assertEqual(broken.read_bytes(), content)

        relay.key.write_bytes(kept)
        relay.key.chmod(0o600)
        self.still_there(relay)

    def test_corrupt_database(self):
        relay = self.keep_one_mail()
        databases = [file for file in relay.data.iterdir() if file.is_file() and file.read_bytes()[:15] == b"SQLite format 3"]
        self.assertTrue(databases, list(relay.data.iterdir()))
        for file in databases:
            kept = file.read_bytes()
            for damage in (b"this is no database\n" * 500, kept[:100] + b"\xff" * (len(kept) - 100)):
                if file.name == "spool.db" and damage[:15] == b"SQLite format 3":
                    continue  # of that the relay keeps what is whole
                with self.subTest(file=file.name, damage=damage[:10]):
                    file.write_bytes(damage)
                    self.fails(self.serve(), 1, file)
                    self.assertEqual(file.read_bytes(), damage, "a damaged database was written to")
                    file.write_bytes(kept)
        self.still_there(relay)

    def test_damaged_spool(self):
        relay = self.keep_one_mail()
        spool = relay.data / "spool.db"
        kept = spool.read_bytes()
        # The header that says what the file is, and what is in it.
        damage = b"?" * 10 + kept[10:100] + b"?" * 3000 + kept[3100:]
        spool.write_bytes(damage)
        relay.start()
        self.assertIn("Whole, and going on: 1 of its mails. The damaged file is kept as", relay.log())
        self.assertIn("spool_trouble", relay.log())
        self.assertEqual((relay.data / "spool.db.damaged-1").read_bytes(), damage)
        (mail,) = self.sink.wait(1)
        self.assertEqual(without_headers_on_top(mail.data, (b"received",)), sample_mails.plain_mail(1))
        self.assertEqual(relay.stop(), 0)

        # Nothing can be read but that it was a spool.
        spool.write_bytes(kept[:100] + b"\xff" * (len(kept) - 100))
        relay.start()
        self.assertIn("Whole, and going on: 0 of its mails", relay.log())
        self.assertTrue((relay.data / "spool.db.damaged-2").exists())
        self.assertEqual(relay.stop(), 0)

    def test_unwritable_database_and_folder(self):
        relay = self.keep_one_mail()
        # Without root's rights: another user, who may read and not write.
        for path in (relay.folder, relay.data):
            path.chmod(0o755)
        self.folder.chmod(0o755)
        modes = {file: file.stat().st_mode for file in [*relay.data.iterdir(), relay.key]}
        for file in modes:
            file.chmod(0o644)
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--")
        if subprocess.run([*nobody, program("postrider-relay"), "--help"], capture_output=True).returncode == 0:
            self.fails(self.serve(prefix=nobody), 1, relay.data)
            self.fails(self.serve(prefix=nobody, data=self.folder / "new"), 1, self.folder / "new")
        for file, mode in modes.items():
            file.chmod(mode & 0o777)

        # A folder that cannot be one.
        (self.folder / "file").write_text("a file\n")
        self.fails(self.serve(data=self.folder / "file"), 1, self.folder / "file")
        self.fails(self.serve(data=self.folder / "file" / "below"), 1, self.folder / "file")
        self.still_there(relay)

    def test_unusable_certificate(self):
        (self.folder / "no.pem").write_text("no certificate\n")
        self.fails(self.serve("--tls-cert", self.folder / "no.pem", "--tls-key", self.folder / "no.pem"), 1,
                   self.folder / "no.pem")


class WireTest(BadInput):
    """Bad input to the relay's port: refused with a reply, and nothing of it is kept."""

    def test_bad_bytes(self):
        relay = self.relay()
        hello, mail = b"EHLO client.test\r\n", b"MAIL FROM:<ada@example.com>\r\n"
        head = (hello, mail, b"RCPT TO:<charles@example.org>\r\n", b"DATA\r\n")
        for name, sent, expected in (
                ("a malformed address", (hello, b"MAIL FROM:<ada@@example.com>\r\n"), b"501 "),
                ("no address", (hello, b"MAIL FROM:ada\r\n"), b"501 "),
                ("a control character", (hello, b"MAIL FROM:<a\x01b@example.com>\r\n"), b"50"),
                ("a line over the limit", (hello, b"NOOP " + b"x" * 5_000 + b"\r\n"), b"500 "),
                ("a line far over the limit", (b"EHLO " + b"x" * 100_000 + b"\r\n",), b"5"),
                ("HTTP", (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",), None),
                ("bare LF as line end", (b"EHLO client.test\n", mail), b"5"),
                ("bare LF in a mail", (*head, b"Subject: s\r\n\r\none\ntwo\r\n.\r\n"), b"5"),
                ("bare CR in a mail", (*head, b"Subject: s\r\n\r\none\rtwo\r\n.\r\n"), b"5"),
                ("an end of mail that is none", (*head, b"Subject: s\r\n\r\none\n.\n" + mail + b"\r\n.\r\n"), b"5"),
                ("a mail cut short", (*head, b"Subject: s\r\n\r\none\r\n"), None),
                ("TLS from the first byte", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,), None)):
            with self.subTest(name):
                replies = self.talk(relay.port, *sent)
                self.assertTrue(replies[0].startswith(b"220 "), replies)
                if expected is not None:
                    self.assertTrue(any(reply.startswith(expected) for reply in replies[1:]), replies)
                if len(sent) > 4:
                    self.assertFalse([reply for reply in replies[5:] if reply.startswith(b"250")], replies)
        # A long line in a mail is content, up to a limit: it is carried or refused, never cut.
        long_line = b"Subject: s\r\n\r\n" + b"y" * 200_000 + b"\r\n"
        accepted = self.talk(relay.port, *head, long_line + b".\r\n")[5].startswith(b"250")
        self.assertTrue(relay.alive(), relay.log())
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
        mails = self.sink.wait_for(lambda mails: any(b"mail.1@" in mail.data for mail in mails), what="the good mail")
        contents = {without_headers_on_top(mail.data, (b"received",)) for mail in mails}
        self.assertLessEqual(contents, {sample_mails.plain_mail(1), long_line} if accepted else {sample_mails.plain_mail(1)})
        self.assertEqual(relay.stop(), 0)

    @staticmethod
    def talk(port, *parts):
        """The replies: greeting, one for each part where there was one, and what came until the relay closed."""
        replies = []
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            unread = b""

            def reply():
                nonlocal unread
                taken = []
                while True:
                    line, end, rest = unread.partition(b"\r\n")
                    if end:
                        unread = rest
                        taken.append(line)
                        if line[3:4] != b"-":
                            replies.append(b"\n".join(taken))
                            return True
                    else:
                        more = connection.recv(65536)
                        if not more:
                            return False
                        unread += more

            try:
                reply()
                for number, part in enumerate(parts):
                    connection.sendall(part)
                    # Half-closed after the last part: no more will come.
                    if number + 1 == len(parts):
                        connection.shutdown(socket.SHUT_WR)
                    elif not part.endswith(b"\r\n"):
                        continue
                    if not reply():
                        return replies
                while reply():
                    pass
            except ConnectionError:
                pass
        return replies


if __name__ == "__main__":
    unittest.main()
