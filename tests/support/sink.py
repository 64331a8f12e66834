"""A mail server of our own for tests: keeps every mail as it came, and misbehaves when told to.

    with Sink("one", security="starttls", certificate=c, key=k, accounts={"ada": "secret"}) as sink:
        sink.answer("rcpt", "450 4.2.0 later", when=lambda argument: b"bob" in argument)
        ...
        mails = sink.wait(3)

It listens on 127.0.0.1, one thread a connection. What it keeps is what was sent: dots unstuffed, nothing else touched, and
only CRLF.CRLF ends a mail. A mail is listed before its final reply is written, so a mail that a client counts as accepted
is always in the list.
"""
import base64
import collections
import contextlib
import dataclasses
import functools
import hashlib
import hmac
import re
import secrets
import socket
import ssl
import struct
import threading
import time

from mail_servers import free_port

DROP = object()   # an answer: close the connection instead of answering
STALL = object()  # an answer: say nothing until behave() is called or the connection ends
RESET = object()  # an answer: the same with RST
BREAK = object()  # an answer: close the connection within a reply
JUNK = object()   # an answer: bytes that are no reply
DRIP = object()   # an answer: as ever, but from now on one byte at a time

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Mail:
    """One accepted mail."""
    sender: str
    recipients: tuple
    data: bytes          # content with CRLF line ends, unstuffed
    account: str         # who authenticated, "" if nobody did
    mechanism: str       # how, "" if not
    encrypted: bool
    session: int         # counts connections of this sink
    at: float            # time.monotonic() when its last byte had come
    mail_arguments: str  # what followed the address in MAIL FROM

    @functools.cached_property
    def message_id(self):
        end = self.data.find(b"\r\n\r\n")
        found = _MESSAGE_ID.search(self.data, 0, end if end >= 0 else len(self.data))
        return found.group(1).decode("ascii", "replace") if found else ""

    def head_alone(self):
        """The same mail without its body, for who keeps many."""
        return dataclasses.replace(self, data=self.data.partition(b"\r\n\r\n")[0])


class _Rule:
    def __init__(self, stage, reply, when, times):
        self.stage, self.reply, self.when, self.times = stage, reply, when, times


class _End(Exception):
    """Ends a session."""


class Sink:
    """An SMTP server that records.

    security: "none", "starttls" (AUTH and MAIL only after it) or "tls" (from the first byte).
    accounts: {name: password}; with any, MAIL needs AUTH. mechanisms: those offered.
    extensions: further lines of the EHLO reply.
    """

    STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "final", "kept", "quit")

    def __init__(self, name="sink", port=0, security="none", certificate=None, key=None, accounts=None,
                 mechanisms=("PLAIN", "LOGIN", "CRAM-MD5"),
                 extensions=("PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"), start=True):
        self.name, self.security, self.accounts = name, security, dict(accounts or {})
        self.port = port or free_port()
        self.mechanisms, self.extensions = tuple(mechanisms), tuple(extensions)
        self.sessions = 0                          # connections taken
        self.attempts = []                         # (mechanism, account, accepted) of every AUTH
        self.refused = collections.Counter()       # answers given by rules, by stage
        self.final_pause = lambda: 0.0             # seconds before each final reply, as from a server that works
        self.keep = lambda mail: mail              # what is kept of each mail; called in its session's thread
        self._context = None
        if security != "none":
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate, key)
        self._changed = threading.Condition()
        self._mails, self._rules, self._behaved, self._open = [], [], 0, set()
        self._under_way = 0
        self._listener = None
        if start:
            self.revive()

    # --- what a test sees and says ---

    @property
    def mails(self):
        with self._changed:
            return list(self._mails)

    def count(self):
        with self._changed:
            return len(self._mails)

    def under_way(self):
        """How many contents are being taken: begun, and not yet answered."""
        with self._changed:
            return self._under_way

    def connections(self):
        """How many sessions have not ended."""
        with self._changed:
            return len(self._open)

    def wait(self, count, timeout=60.0):
        """The mails, as soon as there are at least count."""
        return self.wait_for(lambda mails: len(mails) >= count, timeout, f"{count} mails")

    def wait_for(self, condition, timeout=60.0, what="mails"):
        """The mails, as soon as condition(mails) holds. Gives up when no mail has come for timeout seconds.

        A condition that takes long to find out is asked rarely: the sink's own threads need the time.
        """
        while True:
            mails = self.mails
            began = time.monotonic()
            if condition(mails):
                return mails
            time.sleep(min(1.0, 5 * (time.monotonic() - began)))
            with self._changed:
                if not self._changed.wait_for(lambda: len(self._mails) > len(mails), timeout):
                    raise AssertionError(f"waited {timeout:.0f} s in vain for {what} at {self.name}; it has {len(mails)}, "
                                         f"took {self.sessions} connections, refused {dict(self.refused)}")

    def wait_refused(self, stage, count=1, timeout=60.0):
        """Waits until rules have answered at a stage that often."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.refused[stage] >= count, timeout):
                raise AssertionError(f"waited {timeout:.0f} s in vain for {count} refusals of {stage} at {self.name}; "
                                     f"it refused {dict(self.refused)} and took {len(self._mails)} mails")

    def duplicates(self):
        """How many mails came more than once: the number of surplus copies, by Message-ID."""
        counted = collections.Counter(mail.message_id for mail in self.mails if mail.message_id)
        return sum(counted.values()) - len(counted)

    def answer(self, stage, reply, when=None, times=None):
        """From now on says reply at a stage, if when(argument bytes) holds; times: so often.

        reply: text, one of the answers above, or a function of the argument that gives one, or None for the usual reply.
        """
        assert stage in self.STAGES, stage
        with self._changed:
            self._rules.append(_Rule(stage, reply, when, times))

    def behave(self):
        """Forgets every answer() and lets the stalled ones go on."""
        with self._changed:
            self._rules.clear()
            self._behaved += 1
            self._changed.notify_all()

    def die(self):
        """Stops listening and cuts every connection: the next one is refused."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            # shutdown wakes the thread in accept(); close alone would leave the port open until it returns.
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
            self._accepting.join()
        with self._changed:
            connections = list(self._open)
            self._changed.notify_all()
        for connection in connections:
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def revive(self):
        """Listens (again), on the same port."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
        self._accepting.start()

    def stop(self):
        self.die()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- sessions ---

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._changed:
                self.sessions += 1
                number = self.sessions
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        session = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = self._wrap(connection) if self.security == "tls" else connection
            session = _Session(self, wire, number, encrypted=self.security == "tls")
            session.run()
        except (_End, OSError, ssl.SSLError):
            pass
        finally:
            ends = {connection, session.wire if session else connection}  # STARTTLS changes the wire
            with self._changed:
                self._open -= ends
            for end in ends:
                try:
                    end.close()
                except OSError:
                    pass

    def _wrap(self, connection):
        wrapped = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._changed:
            self._open.discard(connection)
            self._open.add(wrapped)
        try:
            wrapped.do_handshake()
        except OSError:  # the peer refused us
            with self._changed:
                self._open.discard(wrapped)
            wrapped.close()
            raise
        return wrapped

    def _ruled(self, stage, argument):
        """What a rule says at this stage, or None."""
        with self._changed:
            for rule in self._rules:
                if rule.stage == stage and (rule.when is None or rule.when(argument)):
                    reply = rule.reply(argument) if callable(rule.reply) else rule.reply
                    if reply is None:
                        continue
                    if rule.times is not None:
                        rule.times -= 1
                        if rule.times == 0:
                            self._rules.remove(rule)
                    self.refused[stage] += 1
                    self._changed.notify_all()
                    if reply is STALL:
                        before = self._behaved
                        self._changed.wait_for(lambda: self._behaved != before or self._listener is None, 600)
                        return None if self._listener is not None else DROP
                    return reply
        return None

    @contextlib.contextmanager
    def _taking(self):
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1

    def _keep(self, mail):
        mail = self.keep(mail)
        with self._changed:
            self._mails.append(mail)
            self._changed.notify_all()


class _Session:
    def __init__(self, sink, wire, number, encrypted):
        self.sink, self.wire, self.number, self.encrypted = sink, wire, number, encrypted
        self.input, self.output, self.drips = bytearray(), [], False
        self.account = self.mechanism = ""
        self.sender, self.recipients, self.arguments = None, [], ""

    # --- bytes ---

    def say(self, text):
        self.output.append(text.encode() + b"\r\n")

    def flush(self):
        if self.output:
            data = b"".join(self.output)
            self.output.clear()
            for at in range(0, len(data), 1 if self.drips else len(data)):
                self.wire.sendall(data[at:at + 1] if self.drips else data)
                time.sleep(0.001 if self.drips else 0)

    def more(self):
        self.flush()
        data = self.wire.recv(262144)
        if not data:
            raise _End
        self.input += data

    def line(self):
        while True:
            end = self.input.find(b"\r\n")
            if end >= 0:
                line = bytes(self.input[:end])
                del self.input[:end + 2]
                return line
            self.more()

    def content(self):
        searched = 0
        while True:
            if self.input.startswith(b".\r\n"):
                del self.input[:3]
                return b""
            end = self.input.find(b"\r\n.\r\n", searched)
            if end >= 0:
                data = bytes(self.input[:end + 2])
                del self.input[:end + 5]
                if data.startswith(b"."):
                    data = data[1:]
                return data.replace(b"\r\n.", b"\r\n")
            searched = max(0, len(self.input) - 4)
            self.more()

    def ruled(self, stage, argument=b""):
        """Answers as a rule says; true if one did."""
        reply = self.sink._ruled(stage, argument)
        if reply is None:
            return False
        if reply is DRIP:
            self.drips = True
            return False
        if reply is RESET:
            self.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _End
        if reply is BREAK:
            self.output.append(b"25")
        if reply is JUNK:
            self.output.append(b"\0\xff what is this\r\n")
        if reply in (DROP, BREAK, JUNK):
            self.flush()
            raise _End
        self.say(reply)
        if reply.startswith("421"):
            self.flush()
            raise _End
        return True

    # --- commands ---

    def run(self):
        if self.ruled("greeting"):
            self.flush()
            raise _End
        self.say(f"220 {self.sink.name} ESMTP")
        while True:
            line = self.line()
            verb, _, argument = line.partition(b" ")
            handler = getattr(self, "on_" + verb.decode("ascii", "replace").lower(), None)
            if handler is None:
                self.say("500 5.5.2 what?")
            else:
                handler(argument)

    def on_ehlo(self, argument):
        if self.ruled("ehlo", argument):
            return
        lines = [self.sink.name, *self.sink.extensions]
        if self.sink.security == "starttls" and not self.encrypted:
            lines.append("STARTTLS")
        elif self.sink.accounts:
            lines.append("AUTH " + " ".join(self.sink.mechanisms))
        for text in lines[:-1]:
            self.say("250-" + text)
        self.say("250 " + lines[-1])

    def on_helo(self, argument):
        if not self.ruled("ehlo", argument):
            self.say("250 " + self.sink.name)

    def on_starttls(self, _):
        if self.ruled("starttls"):
            return
        if self.sink.security != "starttls" or self.encrypted:
            self.say("503 5.5.1 no")
            return
        self.say("220 2.0.0 go ahead")
        self.flush()
        if self.input:
            raise _End
        self.wire = self.sink._wrap(self.wire)
        self.encrypted = True
        self.reset()

    def on_auth(self, argument):
        if self.ruled("auth", argument):
            return
        mechanism, _, initial = argument.decode("ascii", "replace").partition(" ")
        mechanism = mechanism.upper()
        if mechanism not in self.sink.mechanisms or (self.sink.security == "starttls" and not self.encrypted):
            self.say("504 5.5.4 mechanism not offered")
            return
        account, accepted = self.authenticate(mechanism, initial)
        with self.sink._changed:
            self.sink.attempts.append((mechanism, account, accepted))
        if accepted:
            self.account, self.mechanism = account, mechanism
            self.say("235 2.7.0 welcome")
        else:
            self.say("535 5.7.8 wrong name or password")

    def challenge(self, text):
        self.say("334 " + base64.b64encode(text).decode())
        return base64.b64decode(self.line())

    def authenticate(self, mechanism, initial):
        if mechanism == "PLAIN":
            data = base64.b64decode(initial) if initial and initial != "=" else self.challenge(b"")
            _, name, password = data.split(b"\0")
        elif mechanism == "LOGIN":
            name = base64.b64decode(initial) if initial else self.challenge(b"Username:")
            password = self.challenge(b"Password:")
        else:
            asked = b"<%s@%s>" % (secrets.token_hex(8).encode(), self.sink.name.encode())
            name, _, digest = self.challenge(asked).rpartition(b" ")
            known = self.sink.accounts.get(name.decode())
            expected = hmac.new((known or "").encode(), asked, hashlib.md5).hexdigest().encode()
            return name.decode(), known is not None and hmac.compare_digest(digest, expected)
        return name.decode(), self.sink.accounts.get(name.decode()) == password.decode()

    def reset(self):
        self.sender, self.recipients, self.arguments = None, [], ""

    def on_mail(self, argument):
        found = re.fullmatch(rb"FROM:<([^>]*)>(?: (.*))?", argument, re.IGNORECASE)
        if not found:
            self.say("501 5.5.4 syntax")
        elif self.sink.security == "starttls" and not self.encrypted:
            self.say("530 5.7.0 STARTTLS first")
        elif self.sink.accounts and not self.account:
            self.say("530 5.7.0 authentication required")
        elif self.sender is not None:
            self.say("503 5.5.1 nested MAIL")
        elif not self.ruled("mail", argument):
            self.sender, self.arguments = found.group(1).decode(), (found.group(2) or b"").decode()
            self.say("250 2.1.0 fine")

    def on_rcpt(self, argument):
        found = re.match(rb"TO:<([^>]*)>", argument, re.IGNORECASE)
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        elif not found:
            self.say("501 5.5.4 syntax")
        elif not self.ruled("rcpt", argument):
            self.recipients.append(found.group(1).decode())
            self.say("250 2.1.5 fine")

    def on_data(self, _):
        if not self.recipients:
            self.say("503 5.5.1 RCPT first")
            return
        if self.ruled("data"):
            return
        self.say("354 go on")
        with self.sink._taking():
            data = self.content()
            mail = Mail(self.sender, tuple(self.recipients), data, self.account, self.mechanism, self.encrypted,
                        self.number, time.monotonic(), self.arguments)
            self.reset()
            time.sleep(self.sink.final_pause())
            if not self.ruled("final", data):
                self.sink._keep(mail)
                if not self.ruled("kept", data):
                    self.say("250 2.0.0 kept")

    def on_rset(self, _):
        self.reset()
        self.say("250 2.0.0 forgotten")

    def on_noop(self, _):
        self.say("250 2.0.0 fine")

    def on_quit(self, argument):
        if not self.ruled("quit", argument):
            self.say("221 2.0.0 bye")
        self.flush()
        raise _End
