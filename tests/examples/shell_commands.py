"""The shell commands give the same answers with and without a relay that runs; and how the relay starts, ends and is read."""
import http.client
import json
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest

import sample_mails
from programs import Relay, last_json, program, run, secret_file, wait_until
from sink import STALL, Sink


class House(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-shell-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sink = Sink("sink.test")
        self.addCleanup(self.sink.stop)

    def relay(self, *options, folder="relay", **more):
        relay = Relay(self.folder / folder, *options, internal=f"smtp://127.0.0.1:{self.sink.port}", **more)
        self.addCleanup(relay.kill)
        return relay


def without_health(answer):
    if isinstance(answer, dict):
        return {key: without_health(value) for key, value in answer.items() if key != "health"}
    return [without_health(one) for one in answer] if isinstance(answer, list) else answer


class ShellTest(House):
    def script(self):
        """A command of each kind, good and bad, in an order that needs the ones before."""
        password = secret_file(self.folder, "password", "open sesame")
        server = ["--host", "127.0.0.1", "--port", self.sink.port, "--security", "tls", "--user", "u", "--password-file", password]
        return [
            ["tenant", "list"],
            ["tenant", "add", "acme", "--notify", "ops@acme.test"],
            ["tenant", "add", "acme"],
            ["tenant", "add", "two words/and a slash"],
            ["tenant", "list"],
            ["server", "add", "acme", "--name", "one", *server],
            ["server", "add", "acme", "--name", "two & more?", *server, "--default", "--fallbacks", "one"],
            ["server", "add", "acme", "--name", "one", *server],
            ["server", "set", "acme", "--name", "one", "--security", "starttls", "--recipients-per-mail", "50"],
            ["server", "set", "acme", "--name", "one", "--security", "none"],
            ["server", "set", "acme", "--name", "nowhere", "--host", "h"],
            ["server", "set", "acme", "--name", "two & more?", "--rank", "3", "--weight", "5", "--fallback", "internal,one"],
            ["server", "set", "acme", "--name", "one", "--rank", "3", "--mails-per-second", "9", "--quirks", "no_rset,no_size"],
            ["server", "set", "acme", "--name", "one", "--quirks", "no_manners"],
            ["server", "set", "acme", "--name", "one", "--weight", "0"],
            ["server", "list", "acme"],
            ["server", "list", "nobody"],
            ["sender", "add", "acme", "--kind", "user", "--name", "Ada", "--address", "ada@acme.test", "--server", "one",
             "--user", "ada", "--password-file", password],
            ["sender", "add", "acme", "--kind", "channel", "--name", "Support", "--address", "support@ACME.test"],
            ["sender", "set", "acme", "--address", "support@acme.test", "--name", "Helpers"],
            ["sender", "list", "acme"],
            ["server", "used-by", "acme", "one"],
            ["server", "used-by", "acme", "two & more?"],
            ["server", "remove", "acme", "one"],
            ["route", "explain", "acme", "ada@acme.test"],
            ["route", "explain", "acme", "support@acme.test"],
            ["route", "explain", "acme", "ada@acme.test", "--pin", "internal"],
            ["route", "explain", "acme", "nonsense"],
            ["server", "set-default", "acme", "internal"],
            ["server", "test", "acme", "one", "--timeout", "20", "--to", "b@example.org"],
            ["login", "add", "acme", "--name", "app", "--password-file", password, "--senders", "ada@acme.test,b@acme.test"],
            ["login", "set", "acme", "--name", "app", "--senders", "ada@acme.test"],
            ["login", "list", "acme"],
            ["login", "remove", "acme", "app"],
            ["login", "remove", "acme", "app"],
            ["queue", "list"],
            ["queue", "show", "abc"],
            ["queue", "retry", "abc", "def"],
            ["queue", "remove", "not-an-id"],
            ["key", "rotate"],
            ["sender", "remove", "acme", "ada@acme.test"],
            ["server", "remove", "acme", "one", "--move-users"],
            ["tenant", "remove", "two words/and a slash"],
            ["tenant", "remove", "acme"],
            ["tenant", "list"],
        ]

    def test_the_same_with_and_without_a_relay(self):
        here = self.relay(folder="here")
        self.assertEqual(here.stop(), 0)  # it made its tenant; now the folder is nobody's
        there = self.relay(folder="there")
        for words in self.script():
            with self.subTest(command=words):
                without, running = here.try_command(*words), there.try_command(*words)
                self.assertEqual(without.code, running.code, (without, running))
                # How a server does is known only to a relay that runs.
                self.assertEqual(without_health(last_json(without.out)), without_health(last_json(running.out)))
                self.assertEqual((without.err, running.err), ("", ""))
                self.assertNotIn("sesame", without.out + running.out)
                if without.code != 0 and "results" not in last_json(without.out):
                    self.assertEqual(set(last_json(without.out)["error"]), {"code", "message", "field"})
        self.assertEqual(there.stop(), 0)
        self.assertFalse((there.data / "control.sock").exists())

    def test_texts_for_people(self):
        relay = self.relay()
        data = ["--data", relay.data, "--key-file", relay.key]
        relay.command("tenant", "add", "acme")
        table = run("postrider-relay", "tenant", "list", *data)
        self.assertEqual(table.code, 0)
        self.assertRegex(table.out, r"(?m)^name +default_server ")
        self.assertRegex(table.out, r"(?m)^acme +internal ")
        refused = run("postrider-relay", "server", "remove", "acme", "internal", *data)
        self.assertEqual((refused.code, refused.out), (1, ""))
        self.assertIn("internal", refused.err)
        for words in (["queue", "list"], ["status", "show"], ["server", "list", "acme"], ["route", "explain", "acme", "a@acme.test"],
                      ["tenant", "add", "globex"]):
            self.assertEqual(run("postrider-relay", *words, *data).code, 0, words)

    def test_mail_in_the_queue(self):
        self.sink.die()
        relay = self.relay(retry="1h,1h,5d")
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
            client.sendmail("ada@example.com", ["emmy@example.org"], sample_mails.plain_mail(2))
        first, second = sorted(mail["id"] for mail in relay.command("queue", "list")["mails"])
        self.assertEqual(relay.command("queue", "hold", first)["state"], "held")
        self.assertEqual([mail["id"] for mail in relay.command("queue", "list", "--state", "held")["mails"]], [first])
        self.assertEqual(relay.stop(), 0)

        # The same mail without a relay.
        shown = relay.command("queue", "show", first)
        self.assertEqual((shown["from"], shown["recipients"][0]["address"], shown["state"]), ("ada@example.com", "charles@example.org", "held"))
        self.assertEqual(relay.command("queue", "move", first, "--server", "internal")["pin"], "internal")
        self.assertIn("nowhere", relay.try_command("queue", "move", first, "--server", "nowhere").out)
        self.assertEqual(relay.command("queue", "unpin", first)["pin"], "")
        relay.command("queue", "remove", second)
        self.assertEqual(relay.try_command("queue", "show", second).code, 1)
        self.assertEqual(relay.try_command("tenant", "remove", "default").code, 1)

        self.sink.revive()
        relay.start()
        self.assertEqual(relay.command("queue", "release", first)["id"], first)
        relay.try_command("queue", "retry", first)
        (mail,) = self.sink.wait(1)
        self.assertEqual(mail.recipients, ("charles@example.org",))
        self.assertEqual(relay.stop(), 0)

    def test_many_commands_at_once(self):
        relay = self.relay(start=False)
        codes = []
        threads = [threading.Thread(target=lambda n=n: codes.append(relay.try_command("tenant", "add", f"t{n}").code)) for n in range(8)]
        for thread in threads:
            thread.start()
        relay.start()
        for thread in threads:
            thread.join()
        self.assertEqual(codes, [0] * 8)
        names = {tenant["name"] for tenant in relay.command("tenant", "list")["tenants"]}
        self.assertEqual(names, {"default", *(f"t{n}" for n in range(8))})

    def test_a_folder_with_a_long_name(self):
        relay = self.relay(folder="x" * 120)
        self.assertEqual(relay.command("tenant", "list")["tenants"][0]["name"], "default")

    def test_looking_makes_no_folder(self):
        missing = self.folder / "misspelt"
        key = self.folder / "key"
        looked = run("postrider-relay", "tenant", "list", "--data", missing, "--key-file", key)
        self.assertEqual((looked.code, looked.out), (1, ""))
        self.assertIn(f"{missing}: there is no such folder", looked.err)
        self.assertFalse(missing.exists())
        self.assertEqual(run("postrider-relay", "tenant", "add", "acme", "--data", missing, "--key-file", key).code, 0)

    def test_how_many_use_a_server(self):
        relay = self.relay()
        relay.command("sender", "add", "default", "--kind", "channel", "--name", "Support", "--address", "support@example.com")
        used = run("postrider-relay", "server", "used-by", "default", "internal", "--data", relay.data, "--key-file", relay.key)
        self.assertEqual(used.code, 0)
        self.assertIn("0 users, 0 by override\n1 channel, 0 by override\n", used.out)

    def test_what_it_makes_is_private(self):
        relay = self.relay()
        self.assertEqual(stat.S_IMODE(relay.data.stat().st_mode), 0o700)
        for path in [*relay.data.iterdir(), relay.key]:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)


class ConsoleTest(House):
    def setUp(self):
        super().setUp()
        self.relay_ = self.relay("--console", "127.0.0.1:0")
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", self.relay_.ready_line).group(1))

    def ask(self, method, path, host=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, body=body, headers={"Host": host or f"127.0.0.1:{self.port}"})
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers

    def test_console(self):
        status, page, headers = self.ask("GET", "/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("postrider", page)
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        for path in re.findall(r'(?:href|src)="(/[^"]*)"', page):
            self.assertEqual(self.ask("GET", path)[0], 200, path)
        status, body, _ = self.ask("GET", "/api/v1/session", host=f"localhost:{self.port}")
        self.assertEqual((status, json.loads(body)["setup_needed"]), (200, True))

        # It is for those who logged in, and not for web sites that point a name at this host.
        for method in ("GET", "POST", "PATCH", "DELETE"):
            self.assertEqual(self.ask(method, "/api/v1/tenants")[0], 401)
        for host in ("evil.example", f"evil.example:{self.port}", "127.0.0.1.evil.example"):
            self.assertEqual(self.ask("GET", "/api/v1/session", host=host)[0], 403, host)
        self.assertEqual(self.ask("GET", "/../../etc/passwd")[0], 404)
        self.assertEqual([t["name"] for t in self.relay_.command("tenant", "list")["tenants"]], ["default"])
        self.assertEqual(self.relay_.stop(), 0)


class ServeTest(House):
    def test_console_elsewhere_is_refused(self):
        for address in ("0.0.0.0:0", "192.0.2.1:8080"):
            done = run("postrider-relay", "serve", "--data", self.folder / "d", "--listen", "127.0.0.1:0", "--console", address,
                       "--key-file", self.folder / "k")
            self.assertEqual(done.code, 2, done)
            self.assertIn("--console", done.err)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            done = run("postrider-relay", "serve", "--data", self.folder / "d", "--listen", "127.0.0.1:0", "--console", address,
                       "--key-file", self.folder / "k")
            self.assertEqual(done.code, 1, done)
            self.assertIn(address, done.err)

    def test_the_second_signal_ends_it_at_once(self):
        relay = self.relay("--drain", "10m")
        self.sink.answer("final", STALL)
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
        self.sink.wait_refused("final")
        relay.terminate()
        time.sleep(0.5)
        self.assertTrue(relay.alive())
        # It is still there for the shell while it drains.
        self.assertIn("charles@example.org", str(relay.command("queue", "list")))
        relay.terminate()
        self.assertEqual(relay.wait(10), -signal.SIGTERM)

    def test_a_configuration_file(self):
        (self.folder / "relay.conf").write_text(
            f'data="{self.folder}/d"\nlisten="127.0.0.1:0"\nkey-file="{self.folder}/k"\ntrust=["127.0.0.0/8", "::1/128"]\n')
        done = subprocess.Popen([program("postrider-relay"), "serve", "--config", str(self.folder / "relay.conf")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = done.stdout.readline()
        done.send_signal(signal.SIGINT)
        rest, errors = done.communicate(timeout=60)
        self.assertRegex(line, r"listening on 127\.0\.0\.1:\d+\n$", errors)
        self.assertEqual((done.returncode, rest), (0, ""))
        (self.folder / "relay.conf").write_text("lissen=127.0.0.1:0\n")
        wrong = run("postrider-relay", "serve", "--config", self.folder / "relay.conf", "--data", self.folder / "d", "--listen",
                    "127.0.0.1:0")
        self.assertEqual(wrong.code, 2, wrong)
        self.assertIn("lissen", wrong.err)

    def test_without_an_internal_server_its_mail_waits_and_says_why(self):
        relay = Relay(self.folder / "alone")
        self.addCleanup(relay.kill)
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(1))
        wait_until(lambda: "no_server" in str(relay.command("queue", "list")) + str(relay.command("status", "show")),
                   what="the cause in queue or status")
        self.assertEqual(relay.stop(), 0)

    def test_the_key_is_kept_at_home(self):
        relay = Relay(self.folder / "relay", start=False)
        done = run("postrider-relay", "tenant", "add", "acme", "--data", relay.data, env={"HOME": str(self.folder / "home"), "POSTRIDER_KEY_FILE": ""})
        self.assertEqual(done.code, 0, done)
        key = self.folder / "home" / ".config" / "postrider" / "key"
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)


if __name__ == "__main__":
    unittest.main()
