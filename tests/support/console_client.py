"""The console's API as a program uses it: a browser's session or a token, JSON in and out.

    console = Console(relay)          # of postrider-relay serve --console 127.0.0.1:0
    admin = console.first_administrator("ada", "correct horse battery")
    admin.ok("POST", "/tenants", {"name": "acme"})
    status, body = admin.ask("GET", "/nothing")
"""
import http.client
import json
import re
import ssl


class Answer:
    """status, headers, text, and the JSON that the text is, if it is."""

    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text
        try:
            self.body = json.loads(text)
        except ValueError:
            self.body = None

    def __repr__(self):
        return f"{self.status} {self.text[:500]}"


class Caller:
    """Somebody who asks: cookie and CSRF token of a session, or a bearer token, or nothing."""

    def __init__(self, console, cookie=None, csrf=None, token=None):
        self.console, self.cookie, self.csrf, self.token = console, cookie, csrf, token

    def ask(self, method, path, body=None, headers=None, raw=None):
        """One request below /api/v1 (or of `path` as it is, if it begins with two slashes)."""
        given = {}
        if self.cookie:
            given["Cookie"] = f"postrider_session={self.cookie}"
        if self.csrf and method not in ("GET", "HEAD"):
            given["X-CSRF-Token"] = self.csrf
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if body is not None or raw is not None:
            given["Content-Type"] = "application/json"
        given.update(headers or {})
        return self.console.request(method, path, raw if raw is not None else None if body is None else json.dumps(body),
                                    {name: value for name, value in given.items() if value is not None})

    def ok(self, method, path, body=None, **more):
        """The JSON of an answer that must be a good one."""
        answer = self.ask(method, path, body, **more)
        assert answer.status // 100 == 2, f"{method} {path}: {answer}"
        return answer.body

    def log_out(self):
        return self.ok("DELETE", "/session")


class Console:
    def __init__(self, relay):
        found = re.search(r"console on (https?)://\S+:(\d+)/", relay.ready_line)
        self.relay, self.tls, self.port = relay, found.group(1) == "https", int(found.group(2))
        self.nobody = Caller(self)
        self.heard = []  # every answer, so that a test can look for what must not be there

    def request(self, method, path, body, headers):
        if self.tls:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trusting)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path[1:] if path.startswith("//") else "/api/v1" + path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()
        self.heard.append(answer)
        return answer

    def setup_token(self):
        return self.relay.wait_said(r"#/setup\?token=(\w+)").group(1)

    def first_administrator(self, name, password):
        return self._session(self.nobody.ask("POST", "/setup", {"token": self.setup_token(), "name": name, "password": password}))

    def use_link(self, token, password):
        return self._session(self.nobody.ask("POST", "/setup", {"token": token, "password": password}))

    def log_in(self, name, password):
        return self._session(self.nobody.ask("POST", "/session", {"name": name, "password": password}))

    def with_token(self, token):
        return Caller(self, token=token)

    def _session(self, answer):
        assert answer.status == 200, answer
        cookie = re.match(r"postrider_session=(\w+);", answer.headers["Set-Cookie"]).group(1)
        return Caller(self, cookie, answer.body["csrf_token"])

    def stream(self, path, caller, last=None, timeout=60):
        """(status, generator of (event, data, id)) of server-sent events."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Accept": "text/event-stream"}
        if caller.cookie:
            headers["Cookie"] = f"postrider_session={caller.cookie}"
        if caller.token:
            headers["Authorization"] = f"Bearer {caller.token}"
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        connection.request("GET", "/api/v1" + path, headers=headers)
        response = connection.getresponse()
        return response.status, self._events(connection, response)

    def _events(self, connection, response):
        event, data, number = None, None, None
        try:
            while line := response.readline():
                line = line.decode("utf-8").rstrip("\n")
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]
                elif line.startswith("id: "):
                    number = int(line[4:])
                elif not line and data is not None:
                    self.heard.append(Answer(response.status, response.headers, data))
                    yield event, json.loads(data), number
                    event, data = None, None
        finally:
            connection.close()
