"""The console's API against a relay that runs: what it offers, what it refuses, and what it never says."""
import contextlib
import datetime
import http.client
import json
import pathlib
import shutil
import smtplib
import socket
import tempfile
import time
import unittest

import sample_mails
from certificates import make_certificates
from console_client import Console
from mail_servers import free_port, wait_until
from openapi import Description
from programs import Relay
from sink import Sink

ROOT = pathlib.Path(__file__).resolve().parents[2]
DESCRIPTION = Description(ROOT / "examples/relay/console/openapi.json")

# Every password that is typed here. None of them is ever seen again.
PASSWORDS = {name: f"hush-{name}-7f3a91" for name in
             ("ada", "bob", "wrong", "server", "server2", "sender", "login", "form", "misplaced", "new-ada")}


class House(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-api-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sink = Sink("sink.test")
        self.addCleanup(self.sink.stop)
        self.start()
        self.admin = self.console.first_administrator("ada", PASSWORDS["ada"])
        self.admin.ok("POST", "/tenants", {"name": "acme"})
        self.admin.ok("POST", "/tenants", {"name": "globex"})
        self.add_server("acme", "one")

    def start(self, *options, retry="1h,1h,5d"):
        self.relay = Relay(self.folder, "--console", "127.0.0.1:0", *options, internal=f"smtp://127.0.0.1:{self.sink.port}", retry=retry)
        self.addCleanup(self.relay.kill)
        self.console = Console(self.relay)

    def add_server(self, tenant, name, **more):
        return self.admin.ok("POST", f"/tenants/{tenant}/servers", {
            "name": name, "host": "127.0.0.1", "port": free_port(), "security": "tls", "user": "u", "password": PASSWORDS["server"], **more})

    def add_person(self, name, tenant=None):
        link = self.admin.ok("POST", "/administrators", {"name": name, "tenant": tenant})
        return self.console.use_link(link["token"], PASSWORDS["bob"])

    def send(self, number, sender="ada@example.com", to="charles@example.org"):
        with smtplib.SMTP("127.0.0.1", self.relay.port, timeout=60) as client:
            client.sendmail(sender, [to], sample_mails.plain_mail(number))

    def state(self):
        """All that an administrator could have changed; but not how servers fare, and when what waits for them goes."""
        def quiet(value):
            if isinstance(value, dict):
                return {name: quiet(one) for name, one in value.items() if name not in ("health", "last_login", "last_used", "next_attempt")}
            return [quiet(one) for one in value] if isinstance(value, list) else value
        paths = ["/tenants", "/queue", "/administrators", "/tokens"]
        for tenant in ("acme", "globex", "default"):
            paths += [f"/tenants/{tenant}/{what}" for what in ("servers", "senders", "logins")]
        return {path: quiet(self.admin.ok("GET", path)) for path in paths}

    def refused(self, answer, status, code=None, field=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(set(answer.body), {"error"}, answer)
        self.assertEqual(set(answer.body["error"]), {"code", "message", "field"}, answer)
        self.assertTrue(answer.body["error"]["message"], answer)
        if code:
            self.assertEqual(answer.body["error"]["code"], code, answer)
        if field:
            self.assertEqual(answer.body["error"]["field"], field, answer)


class DescriptionTest(House):
    """The file that describes the API is right about a relay that runs."""

    def test_every_call_is_as_it_is_described(self):
        self.sink.die()
        self.send(1)
        self.send(2)
        wait_until(lambda: len(self.admin.ok("GET", "/queue")["mails"]) == 2, what="two mails")
        mails = [mail["id"] for mail in self.admin.ok("GET", "/queue")["mails"]]
        token = self.admin.ok("POST", "/tokens", {"name": "script", "scopes": ["read"]})
        link = self.admin.ok("POST", "/administrators", {"name": "bob", "tenant": "acme"})
        test = self.admin.ok("POST", "/tenants/acme/tests", {"settings": {"host": "127.0.0.1", "port": free_port(), "security": "tls",
                                                                         "user": "u", "password": PASSWORDS["form"]}, "timeout": 20})
        t, sender, login = "/tenants/acme", "/tenants/acme/senders/ada%40acme.test", "/tenants/acme/logins/app"
        script = [
            ("GET", "/session", None), ("GET", "/vocabulary", None), ("GET", "/presets", None), ("GET", "/status", None),
            ("GET", "/tenants?limit=2", None), ("POST", "/tenants", {"name": "third"}), ("PATCH", "/tenants/third", {"notify_address": "ops@third.test"}),
            ("GET", "/tenants/third", None), ("DELETE", "/tenants/third", None),
            ("GET", t + "/servers", None), ("GET", t + "/servers/one", None), ("GET", t + "/servers/internal", None),
            ("POST", t + "/servers", {"name": "two", "host": "127.0.0.1", "user": "u", "password": PASSWORDS["server2"], "quirks": ["no_chunking"]}),
            ("PATCH", t + "/servers/two", {"weight": 3}), ("PUT", t + "/default-server", {"name": "two"}),
            ("PUT", t + "/default-server", {"name": "internal"}),
            ("POST", t + "/senders", {"kind": "user", "name": "Ada", "address": "ada@acme.test", "server": "two", "user": "x",
                                      "password": PASSWORDS["sender"]}),
            ("GET", t + "/senders?kind=user&prefix=ada", None), ("GET", sender, None), ("PATCH", sender, {"name": "Ada L."}),
            ("GET", t + "/servers/two/used-by?limit=1", None),
            ("DELETE", t + "/servers/two", {}), ("DELETE", t + "/servers/two", {"move_users": True}), ("DELETE", sender, None),
            ("POST", t + "/logins", {"name": "app", "password": PASSWORDS["login"], "senders": ["ada@acme.test"]}),
            ("GET", t + "/logins", None), ("GET", login, None), ("PATCH", login, {"senders": ["b@acme.test"]}), ("DELETE", login, None),
            ("GET", t + "/route?address=ada%40acme.test", None),
            ("GET", f"{t}/tests/{test['id']}", None), ("DELETE", f"{t}/tests/{test['id']}", None),
            ("GET", "/queue?limit=1", None), ("GET", f"/queue/{mails[0]}", None), ("POST", f"/queue/{mails[0]}/hold", {}),
            ("POST", f"/queue/{mails[0]}/release", {}), ("POST", f"/queue/{mails[0]}/retry", {}),
            ("POST", f"/queue/{mails[0]}/move", {"server": "internal"}), ("POST", f"/queue/{mails[0]}/unpin", {}),
            ("POST", f"/queue/{mails[0]}/content", {}), ("DELETE", f"/queue/{mails[0]}", None),
            ("POST", "/queue/actions", {"action": "hold", "filter": {"tenant": "default"}}),
            ("GET", "/overview", None), ("GET", "/overview?minutes=5&tenant=acme", None),
            ("GET", "/administrators", None), ("POST", "/administrators", {"name": "eve"}), ("POST", "/administrators/eve/reset", {}),
            ("DELETE", "/administrators/eve", None), ("DELETE", "/administrators/ada", None),
            ("GET", "/tokens", None), ("POST", "/tokens", {"name": "another", "scopes": ["queue", "metrics"], "tenant": "acme", "days": 3}),
            ("DELETE", f"/tokens/{token['id']}", None), ("GET", "/audit?limit=5", None), ("POST", "/key/rotate", {}),
            ("POST", "/setup", {"token": link["token"], "password": PASSWORDS["bob"]}),
            ("POST", "/session", {"name": "ada", "password": PASSWORDS["ada"]}),
            ("PUT", "/session/password", {"old_password": PASSWORDS["ada"], "new_password": PASSWORDS["new-ada"]}),
            ("DELETE", "/session", None),
        ]
        described = {(method, path) for (method, path), operation in DESCRIPTION.operations().items()
                     if "text/event-stream" not in str(operation["responses"]["200" if "200" in operation["responses"] else min(operation["responses"])])}
        seen = set()
        for method, path, body in script:
            with self.subTest(method=method, path=path):
                # Whoever comes in anew leaves the session that he had.
                coming = path == "/setup" or (method, path) == ("POST", "/session")
                answer = (self.console.nobody if coming else self.admin).ask(method, path, body)
                media = answer.headers["Content-Type"].partition(";")[0]
                self.assertEqual(DESCRIPTION.problems(method, path, answer.status, media, answer.body), [], answer)
                refusal_wanted = path.endswith("/servers/two") and body == {} or path == "/administrators/ada"
                self.assertEqual(answer.status // 100, 4 if refusal_wanted else 2, answer)
                seen.add((method, DESCRIPTION.find(method, path)[0]))
        missing = described - seen - {("POST", "/tenants/{tenant}/tests")}
        self.assertEqual(missing, set(), "described, and not tried here")

    def test_the_checker_finds_what_is_wrong(self):
        body = self.admin.ok("GET", "/tenants/acme/servers/one")
        check = lambda change: DESCRIPTION.problems("GET", "/tenants/acme/servers/one", 200, "application/json", {**body, **change})
        self.assertEqual(check({}), [])
        self.assertEqual(len(check({"port": "25"})), 1)
        self.assertEqual(len(check({"password": "x"})), 1)
        self.assertEqual(len(check({"security": "magic"})), 1)
        self.assertTrue(DESCRIPTION.problems("GET", "/nothing", 200, "application/json", {}))


class RefusalTest(House):
    def test_wrong_arguments_change_nothing(self):
        before = self.state()
        t = "/tenants/acme"
        good = {"name": "two", "host": "h.example", "user": "u", "password": PASSWORDS["server2"]}
        for method, path, body, field in [
                ("POST", "/tenants", {}, "name"), ("POST", "/tenants", {"name": 7}, "name"), ("POST", "/tenants", {"name": ["x"]}, "name"),
                ("POST", "/tenants", {"name": "x", "colour": "red"}, "colour"),
                ("POST", t + "/servers", {"host": "h.example"}, "name"),
                ("POST", t + "/servers", {**good, "port": "seventy"}, "port"), ("POST", t + "/servers", {**good, "port": 70000}, "port"),
                ("POST", t + "/servers", {**good, "port": -1}, "port"), ("POST", t + "/servers", {**good, "port": 2.5}, "port"),
                ("POST", t + "/servers", {**good, "security": "magic"}, "security"), ("POST", t + "/servers", {**good, "security": True}, "security"),
                ("POST", t + "/servers", {**good, "quirks": "no_chunking"}, "quirks"), ("POST", t + "/servers", {**good, "quirks": ["none"]}, "quirks"),
                ("POST", t + "/servers", {**good, "default": "yes"}, "default"), ("POST", t + "/servers", {**good, "password": 5}, "password"),
                ("POST", t + "/servers", {**good, "passwort": PASSWORDS["misplaced"]}, "passwort"),
                ("PATCH", t + "/servers/one", {"revision": "old"}, "revision"), ("PATCH", t + "/servers/one", {"fallbacks": [1]}, "fallbacks"),
                ("PUT", t + "/default-server", {}, "name"), ("DELETE", t + "/servers/one", {"move_users": 1}, "move_users"),
                ("POST", t + "/senders", {"kind": "robot", "name": "x", "address": "x@acme.test"}, "kind"),
                ("POST", t + "/senders", {"kind": "user", "name": "x"}, "address"),
                ("POST", t + "/logins", {"name": "x", "password": PASSWORDS["login"], "senders": "a@acme.test"}, "senders"),
                ("POST", t + "/tests", {"settings": []}, "settings"), ("POST", t + "/tests", {"timeout": 0}, "timeout"),
                ("POST", t + "/tests", {"to": ["x@example.org"]}, "from"),
                ("GET", "/tenants?limit=0", None, "limit"), ("GET", "/tenants?limit=many", None, "limit"), ("GET", "/queue?cursor=zz", None, "cursor"),
                ("GET", "/queue?cause=bad_luck", None, "cause"), ("GET", "/queue?older_than=long", None, "older_than"), ("GET", "/queue/zz", None, "mail"),
                ("POST", "/queue/actions", {"action": "explode", "filter": {}}, "action"), ("POST", "/queue/actions", {"action": "hold"}, "filter"),
                ("POST", "/queue/actions", {"action": "hold", "filter": {"colour": "red"}}, "colour"),
                ("POST", "/queue/actions", {"action": "move", "filter": {}}, "server"),
                ("POST", "/administrators", {"name": "x", "tenant": "nowhere"}, "tenant"), ("POST", "/administrators", {}, "name"),
                ("POST", "/tokens", {"name": "x", "scopes": []}, "scopes"), ("POST", "/tokens", {"name": "x", "scopes": ["all"]}, "scopes"),
                ("GET", "/audit?cursor=first", None, "cursor"), ("GET", "/overview?minutes=0", None, "minutes")]:
            with self.subTest(method=method, path=path, body=body):
                self.refused(self.admin.ask(method, path, body), 400, "usage", field)
        for raw in ("", "{", "[]", "7", "null", '"text"', "{'name': 'x'}", "\x00", '{"name": "x"} more'):
            with self.subTest(raw=raw):
                self.refused(self.admin.ask("POST", "/tenants", raw=raw), 400, "usage")
        deep = '{"name":' + "[" * 100_000 + "]" * 100_000 + "}"
        self.refused(self.admin.ask("POST", "/tenants", raw=deep), 400)
        # What the registry does not allow, in its own words, at its field.
        for method, path, body, field in [
                ("POST", t + "/servers", {**good, "security": "none"}, "security"), ("POST", t + "/servers", {**good, "auth": "none"}, "auth_method"),
                ("POST", t + "/servers", {**good, "host": "two words"}, "host"), ("POST", t + "/servers", {**good, "user": ""}, "user"),
                ("POST", t + "/servers", {**good, "password": ""}, "password"), ("POST", t + "/servers", {**good, "name": "one"}, "name"),
                ("DELETE", t + "/servers/internal", {}, "name"), ("DELETE", t, {"move_users": True}, None)]:
            with self.subTest(method=method, path=path, body=body):
                answer = self.admin.ask(method, path, body)
                self.refused(answer, 400 if field is None else 409, field=field)
        self.assertEqual(self.state(), before)

    def test_huge_bodies_and_what_is_no_request(self):
        before = self.state()
        huge = json.dumps({"name": "x" * (2 * 1024 * 1024)})
        try:
            self.refused(self.admin.ask("POST", "/tenants", raw=huge), 413)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            pass  # it did not read to the end
        self.refused(self.admin.ask("POST", "/tenants", raw='{"name":"x"}', headers={"Content-Type": "text/plain"}), 415, "usage")
        self.refused(self.admin.ask("POST", "/tenants", raw="name=x", headers={"Content-Type": "application/x-www-form-urlencoded"}), 415, "usage")
        for junk in (b"\r\n\r\n", b"HELO there\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.console.port), timeout=60) as client:
                client.sendall(junk)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
        self.assertEqual(self.state(), before)

    def test_what_a_stranger_sends_costs_no_memory(self):
        def answer_to(request):
            with socket.create_connection(("127.0.0.1", self.console.port), timeout=60) as client:
                client.sendall(request)
                answer = http.client.HTTPResponse(client)
                answer.begin()
                return answer.status, answer.read()

        head = b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        body = b'{"name": "nobody", "password": "wrong"}'
        status, _ = answer_to(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        self.assertEqual(status, 411)
        status, said = answer_to(head + b"\r\n" + body)  # no length: no body, whatever follows
        self.assertEqual((status, json.loads(said)["error"]["field"]), (400, "name"))
        page = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
        whole = answer_to(page + b"\r\n")
        self.assertEqual(answer_to(page + b"Range: bytes=" + b",".join([b"0-"] * 2000) + b"\r\n\r\n"), whole)

    def test_connections_that_say_nothing_are_few(self):
        def descriptors():
            return len(list(pathlib.Path(f"/proc/{self.relay.pid}/fd").iterdir()))

        before, silent = descriptors(), []
        with contextlib.suppress(TimeoutError):  # who finds no room waits outside
            while len(silent) < 200:
                silent.append(socket.create_connection(("127.0.0.1", self.console.port), timeout=2))
        taken = descriptors() - before
        for one in silent:
            one.close()
        self.assertGreater(taken, 20)
        self.assertLess(taken, 100)
        self.assertTrue(self.admin.ok("GET", "/session")["authenticated"])

    def test_what_is_not_there(self):
        before = self.state()
        for method, path in [("GET", "/nothing"), ("GET", "/tenants/nobody"), ("PATCH", "/tenants/nobody"), ("DELETE", "/tenants/nobody"),
                             ("GET", "/tenants/nobody/servers"), ("GET", "/tenants/acme/servers/none"), ("PATCH", "/tenants/acme/servers/none"),
                             ("DELETE", "/tenants/acme/servers/none"), ("GET", "/tenants/acme/senders/x%40acme.test"),
                             ("DELETE", "/tenants/acme/logins/none"), ("GET", "/tenants/acme/tests/1234"), ("GET", "/tenants/acme/tests/1234/events"),
                             ("GET", "/queue/123456789a"), ("DELETE", "/queue/123456789a"), ("POST", "/queue/123456789a/retry"),
                             ("DELETE", "/administrators/nobody"), ("POST", "/administrators/nobody/reset"), ("DELETE", "/tokens/none"),
                             ("GET", "/tenants/events"), ("GET", "/tenants/acme/servers/events")]:
            with self.subTest(method=method, path=path):
                self.refused(self.admin.ask(method, path, None if method == "GET" else {}), 404, "not_found")
        for method, path in [("PUT", "/tenants"), ("DELETE", "/queue"), ("POST", "/overview"), ("PATCH", "/session")]:
            with self.subTest(method=method, path=path):
                self.refused(self.admin.ask(method, path, {}), 405, "method")
        self.assertEqual(self.state(), before)


class DoorTest(House):
    """Who comes in, and who does not."""

    def test_without_a_session(self):
        before = self.state()
        for method, path, body in [("GET", "/tenants", None), ("GET", "/queue", None), ("POST", "/tenants", {"name": "evil"}),
                                   ("DELETE", "/tenants/acme", None), ("GET", "/events", None), ("POST", "/key/rotate", {}), ("DELETE", "/session", None)]:
            for cookie in (None, "x", "0" * 64):
                caller = self.console.with_token(None)
                caller.cookie = cookie
                self.refused(caller.ask(method, path, body), 401, "session")
        self.refused(self.console.with_token("postrider_" + "0" * 64).ask("GET", "/tenants"), 401, "token")
        self.refused(self.console.nobody.ask("GET", "/tenants", headers={"Authorization": "Basic YWRhOmFkYQ=="}), 401, "token")
        self.assertFalse(self.console.nobody.ok("GET", "/session")["authenticated"])
        self.assertEqual(self.state(), before)

    def test_a_forged_or_replayed_request(self):
        before = self.state()
        for csrf in (None, "", "0" * 64, self.admin.cookie):
            forger = self.console.with_token(None)
            forger.cookie, forger.csrf = self.admin.cookie, csrf
            self.refused(forger.ask("POST", "/tenants", {"name": "evil"}), 403, "csrf")
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            self.refused(self.admin.ask("POST", "/tenants", {"name": "evil"}, headers=headers), 403, "origin")
        for host in ("evil.example", f"evil.example:{self.console.port}", "127.0.0.1.evil.example", "localhost.evil.example"):
            self.refused(self.admin.ask("GET", "/tenants", headers={"Host": host}), 403, "host")
        self.assertEqual(self.state(), before)
        self.admin.ok("POST", "/tenants", {"name": "good"}, headers={"Origin": f"http://127.0.0.1:{self.console.port}", "Sec-Fetch-Site": "same-origin"})
        # A session that was ended is not taken up again, a link works once.
        other = self.console.log_in("ada", PASSWORDS["ada"])
        other.log_out()
        self.refused(other.ask("GET", "/tenants"), 401, "session")
        self.refused(other.ask("POST", "/tenants", {"name": "evil"}), 401, "session")
        link = self.admin.ok("POST", "/administrators", {"name": "bob"})
        self.console.use_link(link["token"], PASSWORDS["bob"])
        for token in (link["token"], self.console.setup_token(), "0" * 64):
            self.refused(self.console.nobody.ask("POST", "/setup", {"token": token, "name": "eve", "password": PASSWORDS["wrong"]}), 403, "one_time_token")
        self.assertEqual([one["name"] for one in self.admin.ok("GET", "/administrators")["administrators"]], ["ada", "bob"])

    def test_the_cookie_is_for_this_site_only_and_answers_are_not_kept(self):
        answer = self.console.nobody.ask("POST", "/session", {"name": "ada", "password": PASSWORDS["ada"]})
        for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(part, answer.headers["Set-Cookie"])
        self.assertEqual((answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]), ("no-store", "nosniff"))
        policy = answer.headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
            self.assertIn(part, policy)
        self.assertNotIn("unsafe", policy)

    def test_sessions_expire(self):
        self.assertEqual(self.relay.stop(), 0)
        self.start("--console-session", "1500ms")
        admin = self.console.log_in("ada", PASSWORDS["ada"])
        wait_until(lambda: not self._after_a_pause(admin), what="the session to end")
        self.refused(admin.ask("POST", "/tenants", {"name": "evil"}), 401, "session")

    def _after_a_pause(self, admin):
        time.sleep(2)  # longer than a session lasts without being used
        return admin.ok("GET", "/session")["authenticated"]

    def test_wrong_passwords_are_counted(self):
        statuses = [self.console.nobody.ask("POST", "/session", {"name": "ada", "password": PASSWORDS["wrong"]}).status for _ in range(5)]
        self.assertEqual(statuses, [401] * 5)
        waits = self.console.nobody.ask("POST", "/session", {"name": "ada", "password": PASSWORDS["ada"]})
        self.refused(waits, 429)
        self.assertGreater(int(waits.headers["Retry-After"]), 0)
        # Others may still come in, and those who are in stay.
        self.assertTrue(self.admin.ok("GET", "/session")["authenticated"])
        self.refused(self.console.nobody.ask("POST", "/session", {"name": "nobody", "password": PASSWORDS["wrong"]}), 401, "credentials_rejected")

    def test_passwords_change_and_links_are_made_anew(self):
        other = self.console.log_in("ada", PASSWORDS["ada"])
        change = {"old_password": PASSWORDS["ada"], "new_password": PASSWORDS["new-ada"]}
        self.refused(self.admin.ask("PUT", "/session/password", {**change, "old_password": PASSWORDS["wrong"]}), 403, field="old_password")
        self.refused(self.admin.ask("PUT", "/session/password", {**change, "new_password": "short"}), 400, field="new_password")
        self.admin.ok("PUT", "/session/password", change)
        self.refused(other.ask("GET", "/tenants"), 401)
        self.assertTrue(self.admin.ok("GET", "/session")["authenticated"])
        self.refused(self.console.nobody.ask("POST", "/session", {"name": "ada", "password": PASSWORDS["ada"]}), 401)
        bob = self.add_person("bob")
        link = self.admin.ok("POST", "/administrators/bob/reset", {})
        self.refused(bob.ask("GET", "/tenants"), 401)
        self.refused(self.console.nobody.ask("POST", "/session", {"name": "bob", "password": PASSWORDS["bob"]}), 401)
        self.console.use_link(link["token"], PASSWORDS["bob"])
        self.refused(self.console.log_in("ada", PASSWORDS["new-ada"]).ask("DELETE", "/administrators/nobody"), 404)

    def test_tokens_do_what_they_are_for(self):
        def token(**more):
            made = self.admin.ok("POST", "/tokens", {"name": "script", "scopes": ["read"], **more})
            return made["id"], self.console.with_token(made["token"])
        number, reader = token()
        self.assertEqual(len(reader.ok("GET", "/tenants")["tenants"]), 3)
        for method, path, body in [("POST", "/tenants", {"name": "evil"}), ("POST", "/queue/actions", {"action": "hold", "filter": {}}),
                                   ("POST", "/queue/123456789a/content", {}), ("GET", "/tokens", None), ("GET", "/audit", None)]:
            self.refused(reader.ask(method, path, body), 403, "forbidden")
        self.refused(reader.ask("PUT", "/session/password", {"old_password": "x" * 12, "new_password": "y" * 12}), 403)
        _, bound = token(tenant="acme", scopes=["read", "registry", "admin"])
        self.assertEqual([one["name"] for one in bound.ok("GET", "/tenants")["tenants"]], ["acme"])
        self.refused(bound.ask("GET", "/tenants/globex/servers"), 404, "not_found")
        self.refused(bound.ask("POST", "/tokens", {"name": "more", "scopes": ["read"]}), 403)
        self.admin.ok("DELETE", f"/tokens/{number}")
        self.refused(reader.ask("GET", "/tenants"), 401, "token")

    def test_who_saw_a_tenant_that_is_gone_does_not_see_the_next_one_of_its_name(self):
        bob = self.add_person("bob", "globex")
        token = self.admin.ok("POST", "/tokens", {"name": "script", "scopes": ["read"], "tenant": "globex"})
        link = self.admin.ok("POST", "/administrators", {"name": "carl", "tenant": "globex"})["token"]
        before = self.admin.ok("GET", "/tenants/globex")["revision"]
        self.refused(self.admin.ask("DELETE", "/tenants/globex", {"revision": before + 1}), 409)
        self.assertTrue(bob.ok("GET", "/tenants")["tenants"])  # a removal that is refused changes nothing
        self.admin.ok("DELETE", "/tenants/globex")
        self.admin.ok("POST", "/tenants", {"name": "globex"})
        self.refused(bob.ask("GET", "/tenants"), 401, "session")
        self.refused(self.console.nobody.ask("POST", "/session", {"name": "bob", "password": PASSWORDS["bob"]}), 401, "credentials_rejected")
        self.refused(self.console.with_token(token["token"]).ask("GET", "/tenants"), 401, "token")
        self.refused(self.console.nobody.ask("POST", "/setup", {"token": link, "password": PASSWORDS["bob"]}), 403, "one_time_token")
        self.assertEqual([one["name"] for one in self.admin.ok("GET", "/administrators")["administrators"]], ["ada"])
        self.assertEqual(self.admin.ok("GET", "/tokens")["tokens"], [])

    def test_another_tenants_things_are_not_there(self):
        self.sink.die()
        self.send(1)
        wait_until(lambda: self.admin.ok("GET", "/queue?cause=connection_refused")["mails"], what="a mail that waits for its server")
        mail = self.admin.ok("GET", "/queue")["mails"][0]["id"]
        self.admin.ok("POST", "/tenants/globex/senders", {"kind": "user", "name": "G", "address": "g@globex.test"})
        bob = self.add_person("bob", "acme")
        before = self.state()
        for method, path, body in [
                ("GET", "/tenants/globex", None), ("GET", "/tenants/globex/servers", None), ("GET", "/tenants/globex/servers/internal", None),
                ("POST", "/tenants/globex/servers", {"name": "x", "host": "h.example", "user": "u", "password": "p"}),
                ("PUT", "/tenants/globex/default-server", {"name": "internal"}), ("DELETE", "/tenants/globex/senders/g%40globex.test", {}),
                ("GET", "/tenants/globex/route?address=g%40globex.test", None), ("POST", "/tenants/globex/tests", {}),
                ("GET", "/tenants/globex/logins", None), ("GET", "/overview?tenant=globex", None), ("GET", "/events?tenant=globex", None),
                ("GET", "/audit?tenant=globex", None), ("GET", f"/queue/{mail}", None), ("DELETE", f"/queue/{mail}", {}),
                ("POST", f"/queue/{mail}/hold", {}), ("POST", f"/queue/{mail}/content", {}), ("POST", f"/queue/{mail}/move", {"server": "one"})]:
            with self.subTest(method=method, path=path):
                answer = bob.ask(method, path, body)
                self.refused(answer, 404, "not_found")
                # It looks the same as what is nowhere.
                nowhere = bob.ask(method, path.replace("globex", "nowhere").replace(mail, "123456789a"), body)
                self.assertEqual((nowhere.status, nowhere.text.replace("nowhere", "globex").replace("123456789a", mail)), (404, answer.text))
        for method, path, body in [("POST", "/tenants", {"name": "x"}), ("DELETE", "/tenants/acme", {}), ("GET", "/administrators", None),
                                   ("GET", "/tokens", None), ("GET", "/status", None), ("POST", "/key/rotate", {})]:
            self.refused(bob.ask(method, path, body), 403, "forbidden")
        self.assertEqual(bob.ok("GET", "/queue")["mails"], [])
        self.assertEqual(bob.ok("GET", "/queue?tenant=default")["mails"], [])
        self.assertEqual(bob.ok("POST", "/queue/actions", {"action": "remove", "filter": {}})["done"], 0)
        self.assertEqual(bob.ok("GET", "/overview")["queue"], {"waiting": 0, "held": 0, "failed": 0})
        self.assertEqual([one["name"] for one in bob.ok("GET", "/tenants")["tenants"]], ["acme"])
        self.assertEqual({entry["tenant"] for entry in bob.ok("GET", "/audit")["entries"]}, {"acme"})
        self.assertEqual(self.state(), before)


class WorkTest(House):
    def test_two_editors_of_one_server(self):
        bob = self.add_person("bob")
        read = [who.ok("GET", "/tenants/acme/servers/one") for who in (self.admin, bob)]
        self.admin.ok("PATCH", "/tenants/acme/servers/one", {"host": "first.example", "revision": read[0]["revision"]})
        late = {"host": "second.example", "password": PASSWORDS["server2"], "revision": read[1]["revision"]}
        self.refused(bob.ask("PATCH", "/tenants/acme/servers/one", late), 409, "edited_meanwhile")
        self.assertEqual(bob.ok("GET", "/tenants/acme/servers/one")["host"], "first.example")
        # The same with the header.
        answer = bob.ask("GET", "/tenants/acme/servers/one")
        tag = answer.headers["ETag"]
        self.admin.ok("PATCH", "/tenants/acme/servers/one", {"connections": 3}, headers={"If-Match": tag})
        self.refused(bob.ask("PATCH", "/tenants/acme/servers/one", {"connections": 4}, headers={"If-Match": tag}), 409, "edited_meanwhile")
        self.refused(bob.ask("PATCH", "/tenants/acme/servers/one", {"connections": 4}, headers={"If-Match": "nonsense"}), 400)
        self.assertEqual(bob.ok("GET", "/tenants/acme/servers/one")["connections"], 3)
        # Two different rows do not collide.
        self.add_server("acme", "two")
        self.admin.ok("PATCH", "/tenants/acme/servers/two", {"weight": 2})
        fresh = bob.ok("GET", "/tenants/acme/servers/one")
        bob.ok("PATCH", "/tenants/acme/servers/one", {"weight": 5, "revision": fresh["revision"]})

    def test_what_was_changed_meanwhile_is_not_removed(self):
        """With If-Match or the argument revision: the second one is told, and nothing is lost."""
        t, bob = "/tenants/acme", self.add_person("bob")
        self.admin.ok("POST", t + "/senders", {"kind": "user", "name": "Ada", "address": "ada@acme.test"})
        self.admin.ok("POST", t + "/logins", {"name": "app", "password": PASSWORDS["login"], "senders": ["ada@acme.test"]})
        for path, change in [(t + "/servers/one", {"weight": 7}), (t + "/senders/ada%40acme.test", {"name": "Ada L."}),
                             (t + "/logins/app", {"senders": ["b@acme.test"]}), (t, {"notify_address": "ops@acme.test"})]:
            with self.subTest(path=path):
                read = bob.ask("GET", path)
                self.admin.ok("PATCH", path, change)
                before = self.state()
                self.refused(bob.ask("DELETE", path, headers={"If-Match": read.headers["ETag"]}), 409, "edited_meanwhile")
                self.refused(bob.ask("DELETE", path, {"revision": read.body["revision"]}), 409, "edited_meanwhile")
                self.refused(bob.ask("DELETE", path, headers={"If-Match": "nonsense"}), 400)
                self.assertEqual(self.state(), before)
                bob.ok("DELETE", path, headers={"If-Match": bob.ask("GET", path).headers["ETag"]})
        # The default is a tenant's own setting.
        tenant = bob.ask("GET", "/tenants/globex")
        self.admin.ok("PATCH", "/tenants/globex", {"notify_address": "ops@globex.test"})
        self.refused(bob.ask("PUT", "/tenants/globex/default-server", {"name": "internal"}, headers={"If-Match": tenant.headers["ETag"]}),
                     409, "edited_meanwhile")

    def test_how_a_server_has_been_is_known_after_a_restart(self):
        health = lambda: self.admin.ok("GET", "/tenants/default/servers/internal")["health"]
        self.assertEqual(health()["state"], "unknown")
        self.send(1)
        self.sink.wait(1)
        wait_until(lambda: health()["last_success"], what="a success")
        self.sink.die()
        self.send(2)
        wait_until(lambda: health()["last_failure"], what="a failure")
        before = health()
        self.assertEqual(self.relay.stop(), 0)
        self.start()
        self.admin = self.console.log_in("ada", PASSWORDS["ada"])
        self.assertEqual(health()["last_success"], before["last_success"])
        self.assertEqual(health()["last_failure"]["failure"]["cause"], "connection_refused")
        # Another server of that name begins anew.
        self.send(3, sender="ada@example.com")
        self.add_server("default", "one", port=self.sink.port)
        self.admin.ok("POST", "/tenants/default/senders", {"kind": "user", "name": "Ada", "address": "ada@example.com", "server": "one"})
        wait_until(lambda: self.admin.ok("GET", "/tenants/default/servers/one")["health"]["last_failure"], what="a failure")
        self.admin.ok("DELETE", "/tenants/default/senders/ada%40example.com")
        self.admin.ok("DELETE", "/tenants/default/servers/one", {})
        self.add_server("default", "one")
        self.assertEqual(self.admin.ok("GET", "/tenants/default/servers/one")["health"]["state"], "unknown")

    def test_a_test_is_told_as_it_happens_and_can_be_cancelled(self):
        sender = "/tenants/acme/tests"
        begun = self.admin.ok("POST", sender, {"server": "internal", "from": "ada@example.com", "to": ["charles@example.org"]})
        status, events = self.console.stream(f"{sender}/{begun['id']}/events", self.admin)
        self.assertEqual(status, 200)
        told = list(events)
        self.assertEqual(told[-1][0], "report")
        stages = [data["stage"] for event, data, _ in told if event == "stage"]
        for stage in ("resolve", "connect", "greeting", "ehlo", "mail", "rcpt", "final"):
            self.assertIn(stage, stages)
        self.assertTrue(told[-1][1]["ok"], told[-1])
        self.assertEqual(DESCRIPTION.problems("GET", f"{sender}/{begun['id']}", 200, "application/json",
                                              self.admin.ok("GET", f"{sender}/{begun['id']}")), [])
        self.sink.wait_for(lambda mails: any("charles@example.org" in mail.recipients for mail in mails), what="the test mail")
        # Whoever comes again hears the rest.
        _, rest = self.console.stream(f"{sender}/{begun['id']}/events", self.admin, last=told[2][2])
        self.assertEqual([number for _, _, number in rest], [number for _, _, number in told[3:]])
        # A server that says nothing: the test is cancelled.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begun = self.admin.ok("POST", sender, {"settings": {"host": "127.0.0.1", "port": silent.getsockname()[1], "security": "starttls",
                                                                "user": "u", "password": PASSWORDS["form"]}, "timeout": 300})
            self.assertFalse(begun["done"])
            self.admin.ok("DELETE", f"{sender}/{begun['id']}")
            wait_until(lambda: self.admin.ok("GET", f"{sender}/{begun['id']}")["done"], what="the end of the test")
            self.assertTrue(self.admin.ok("GET", f"{sender}/{begun['id']}")["cancelled"])

    def test_a_failed_test_says_which_field_to_change(self):
        port = free_port()
        begun = self.admin.ok("POST", "/tenants/acme/tests", {"settings": {"host": "127.0.0.1", "port": port, "user": "u", "password": PASSWORDS["form"]}})
        _, events = self.console.stream(f"/tenants/acme/tests/{begun['id']}/events", self.admin)
        report = list(events)[-1][1]
        self.assertEqual((report["ok"], report["failure"]["cause"], report["failure"]["field"]), (False, "connection_refused", "port"))
        self.assertTrue(report["failure"]["next_step"])
        self.refused(self.admin.ask("POST", "/tenants/acme/tests", {"settings": {"host": "h.example", "security": "none", "user": "u", "password": "p"}}),
                     409, field="security")

    def test_what_happens_is_told_as_it_happens(self):
        status, events = self.console.stream("/events", self.admin)
        self.assertEqual(status, 200)
        first = next(events)
        self.assertEqual(first[0], "tick")
        self.admin.ok("POST", "/tenants/acme/senders", {"kind": "user", "name": "Ada", "address": "ada@acme.test"})
        changed = next(one for one in events if one[0] == "changed")
        self.assertEqual(changed[1]["tenant"], "acme")
        self.send(1)
        delivered = next(one for one in events if one[0] == "tick" and one[1]["delivered"])
        self.assertEqual(delivered[1]["delivered"], 1)
        events.close()
        _, again = self.console.stream("/events", self.admin, last=changed[2] - 1)
        self.assertEqual(next(one for one in again if one[0] == "changed")[2], changed[2])
        again.close()

    def test_no_more_than_sixteen_streams(self):
        streams = [self.console.stream("/events", self.admin) for _ in range(16)]
        self.assertEqual([status for status, _ in streams], [200] * 16)
        for _, events in streams:
            next(events)
        self.refused(self.admin.ask("GET", "/events"), 503, "busy")
        self.assertEqual(self.admin.ask("GET", "/tenants").status, 200)
        streams.pop()[1].close()
        wait_until(lambda: self.console.stream("/events", self.admin)[0] == 200, what="a place for another stream")

    def test_the_queue_is_searched_and_changed(self):
        self.sink.die()
        self.admin.ok("POST", "/tenants/default/senders", {"kind": "user", "name": "Ada", "address": "ada@example.com"})
        for number in range(1, 6):
            self.send(number, sender="ada@example.com" if number % 2 else "bob@example.com", to=f"to{number}@example.org")
        wait_until(lambda: len(self.admin.ok("GET", "/queue?cause=connection_refused")["mails"]) == 5, what="five mails that wait for the server")
        # They go when the server is tried again, whenever they were due themselves.
        held = self.admin.ok("GET", "/tenants/default/servers/internal")["health"]["breaker"]["remaining_ms"]
        for mail in self.admin.ok("GET", "/queue")["mails"]:
            due = datetime.datetime.fromisoformat(mail["next_attempt"].replace("Z", "+00:00")).timestamp()
            self.assertGreater(due, time.time() + held / 1000 - 60)
            self.assertEqual(mail["recipients"][0]["next_attempt"], mail["next_attempt"])
        ask = lambda query: [mail["recipients"][0]["address"] for mail in self.admin.ok("GET", f"/queue?{query}")["mails"]]
        self.assertEqual(ask("sender=ada%40example.com"), ["to1@example.org", "to3@example.org", "to5@example.org"])
        self.assertEqual(len(ask("server=internal")), 5)
        self.assertEqual(ask("server=one"), [])
        self.assertEqual(ask("recipient=to4"), ["to4@example.org"])
        self.assertEqual(ask("older_than=5d"), [])
        self.assertEqual(len(ask("state=waiting&tenant=default")), 5)
        # Page after page, each mail once.
        seen, cursor = [], ""
        while cursor is not None:
            page = self.admin.ok("GET", f"/queue?limit=2&cursor={cursor}")
            seen += [mail["recipients"][0]["address"] for mail in page["mails"]]
            cursor = page["next_cursor"]
        self.assertEqual(seen, [f"to{number}@example.org" for number in range(1, 6)])
        # All that match, a few at a time.
        done, cursor = 0, None
        while True:
            step = self.admin.ok("POST", "/queue/actions", {"action": "hold", "filter": {"sender": "ada@example.com"}, "limit": 2,
                                                            **({"cursor": cursor} if cursor else {})})
            self.assertLessEqual(step["done"], 2)
            done, cursor = done + step["done"], step["next_cursor"]
            if cursor is None:
                break
        self.assertEqual((done, len(ask("state=held"))), (3, 3))
        # And from the shell.
        self.assertEqual(self.relay.command("queue", "release", "--state", "held", "--sender", "ada@example.com")["done"], 3)
        self.assertEqual(len(self.relay.command("queue", "list", "--server", "internal", "--state", "pending", "--limit", "4")["mails"]), 4)
        self.assertEqual(self.relay.try_command("queue", "remove").code, 2)
        self.assertEqual(self.relay.command("queue", "move", "--server", "internal", "--from-server", "internal")["done"], 5)
        self.assertEqual(self.relay.command("queue", "remove", "--cause", "connection_refused", "--older-than", "1ms")["done"], 5)
        self.assertEqual(self.admin.ok("GET", "/queue"), {"mails": [], "next_cursor": None})

    def test_every_change_is_noted_and_so_is_a_look_at_a_content(self):
        self.sink.die()
        self.send(1)
        wait_until(lambda: self.admin.ok("GET", "/queue")["mails"], what="a mail")
        mail = self.admin.ok("GET", "/queue")["mails"][0]["id"]
        content = self.admin.ok("POST", f"/queue/{mail}/content", {})
        self.assertIn("Subject:", content["content"])
        self.relay.command("tenant", "add", "by-shell")
        self.admin.ask("DELETE", "/tenants/acme/servers/internal", {})
        self.console.nobody.ask("POST", "/session", {"name": PASSWORDS["misplaced"], "password": PASSWORDS["wrong"]})
        entries = self.admin.ok("GET", "/audit?limit=1000")["entries"]
        noted = {(entry["action"], entry["who"], entry["tenant"], entry["object"], entry["ok"]) for entry in entries}
        for wanted in [("session.setup", "ada", None, "ada", True), ("tenant.add", "ada", None, "acme", True), ("server.add", "ada", "acme", "one", True),
                       ("mail.content", "ada", "default", mail, True), ("tenant.add", "shell", None, "by-shell", True),
                       ("server.remove", "ada", "acme", "internal", False), ("session.login", "nobody", None, "", False)]:
            self.assertIn(wanted, noted)
        numbers = [int(entry["id"]) for entry in entries]
        self.assertEqual(numbers, sorted(numbers, reverse=True))
        self.assertEqual(self.admin.ok("GET", "/audit?who=shell")["entries"][0]["object"], "by-shell")

    def test_metrics_and_overview(self):
        self.send(1)
        self.sink.wait(1)
        wait_until(lambda: self.admin.ok("GET", "/overview")["servers"], what="a delivery in the overview")
        overview = self.admin.ok("GET", "/overview?minutes=10")
        self.assertEqual(sum(bucket["delivered"] for bucket in overview["buckets"]), 1)
        self.assertEqual((overview["servers"][0]["server"], overview["servers"][0]["delivered"]), ("internal", 1))
        self.assertEqual(self.admin.ok("GET", "/tenants/default/servers/internal")["health"]["state"], "ok")
        metrics = self.console.nobody.ask("GET", "//metrics")
        self.assertEqual(metrics.status, 200)
        self.assertIn('postrider_recipients_total{tenant="default",server="internal",outcome="delivered"} 1', metrics.text)
        self.assertRegex(metrics.text, r"(?m)^postrider_mails_accepted_total 1$")
        self.assertRegex(metrics.text, r"(?m)^# TYPE postrider_delivery_duration_seconds histogram$")
        self.refused(self.console.nobody.ask("GET", "//metrics", headers={"X-Forwarded-For": "192.0.2.1"}), 401)
        token = self.admin.ok("POST", "/tokens", {"name": "prometheus", "scopes": ["metrics"]})["token"]
        scraper = self.console.with_token(token)
        self.assertEqual(scraper.ask("GET", "//metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status, 200)
        self.refused(scraper.ask("GET", "/tenants"), 403)
        # A dead server is an alert with a way to mend it.
        self.sink.die()
        self.send(2)
        wait_until(lambda: self.admin.ok("GET", "/overview")["alerts"], what="an alert")
        alert = self.admin.ok("GET", "/overview")["alerts"][0]
        self.assertEqual((alert["kind"], alert["server"], alert["link"]), ("server_down", "internal", "#/tenants/default/servers/internal"))
        self.assertEqual(self.admin.ok("GET", "/tenants/default/servers/internal")["health"]["state"], "held")

    def test_the_registry_is_changed_while_a_session_goes_on(self):
        """Nobody who hands mail in loses a connection, and the next mail takes the new way."""
        with smtplib.SMTP("127.0.0.1", self.relay.port, timeout=60) as client:
            client.sendmail("ada@example.com", ["one@example.org"], sample_mails.plain_mail(1))
            self.sink.wait(1)
            self.add_server("default", "fresh")
            self.admin.ok("POST", "/tenants/default/senders", {"kind": "user", "name": "Ada", "address": "ada@example.com", "server": "fresh"})
            client.sendmail("ada@example.com", ["two@example.org"], sample_mails.plain_mail(2))
            wait_until(lambda: [mail["server"] for mail in self.admin.ok("GET", "/queue")["mails"]] == ["fresh"], what="the mail on its new way")
            self.admin.ok("PATCH", "/tenants/default/senders/ada%40example.com", {"server": ""})
            self.sink.wait(2)
            client.sendmail("ada@example.com", ["three@example.org"], sample_mails.plain_mail(3))
            self.sink.wait(3)


class SecretTest(House):
    def test_no_password_is_seen_again(self):
        t = "/tenants/acme"
        self.admin.ok("PATCH", t + "/servers/one", {"password": PASSWORDS["server2"]})
        self.admin.ask("PATCH", t + "/servers/one", {"password": PASSWORDS["misplaced"], "passwort": PASSWORDS["misplaced"]})
        self.admin.ask("PATCH", t + "/servers/one", {"password": PASSWORDS["misplaced"], "port": "x"})
        self.admin.ok("POST", t + "/senders", {"kind": "user", "name": "Ada", "address": "ada@acme.test", "server": "one", "user": "x",
                                              "password": PASSWORDS["sender"]})
        self.admin.ok("POST", t + "/logins", {"name": "app", "password": PASSWORDS["login"], "senders": ["ada@acme.test"]})
        for who in ("ada", "nobody"):
            self.console.nobody.ask("POST", "/session", {"name": who, "password": PASSWORDS["wrong"]})
        self.add_person("bob")
        with Sink("secure.test", security="none", accounts={"u": "another"}) as sink:
            begun = self.admin.ok("POST", t + "/tests", {"settings": {"host": "127.0.0.1", "port": sink.port, "security": "starttls", "user": "u",
                                                                      "password": PASSWORDS["form"]}})
            _, events = self.console.stream(f"{t}/tests/{begun['id']}/events", self.admin)
            list(events)
        self.admin.ok("PUT", "/session/password", {"old_password": PASSWORDS["ada"], "new_password": PASSWORDS["new-ada"]})
        self.admin.ok("GET", "/audit?limit=1000")
        self.admin.ok("GET", t + "/servers")
        self.admin.ok("GET", t + "/senders")
        self.assertEqual(self.relay.stop(), 0)
        said = {"answers": "\n".join(f"{answer.headers}{answer.text}" for answer in self.console.heard).encode()}
        for path in [*self.relay.data.rglob("*"), self.relay.log_file]:
            if path.is_file():
                said[str(path)] = path.read_bytes()
        self.assertGreater(len(said["answers"]), 1000)
        self.assertIn("console.db", "".join(said))
        for name, password in PASSWORDS.items():
            for where, text in said.items():
                self.assertNotIn(password.encode(), text, f"the password of {name} in {where}")


class ElsewhereTest(unittest.TestCase):
    def test_with_tls(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-api-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        good = make_certificates(folder / "certificates").good
        with Relay(folder, "--console", "0.0.0.0:0", "--console-tls-cert", good.pem, "--console-tls-key", good.key, "--console-host", "mail.example") as relay:
            console = Console(relay)
            self.assertTrue(console.tls)
            answer = console.nobody.ask("POST", "/setup", {"token": console.setup_token(), "name": "ada", "password": PASSWORDS["ada"]})
            self.assertEqual(answer.status, 200)
            self.assertIn("Secure", answer.headers["Set-Cookie"])
            self.assertEqual(console.nobody.ask("GET", "/session", headers={"Host": "mail.example"}).status, 200)
            self.assertEqual(console.nobody.ask("GET", "/session", headers={"Host": "other.example"}).status, 403)
            with socket.create_connection(("127.0.0.1", console.port), timeout=60) as client:
                client.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try:
                    self.assertNotIn(b"200", client.recv(100))
                except ConnectionResetError:
                    pass


if __name__ == "__main__":
    unittest.main()
