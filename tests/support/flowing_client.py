"""A client that hands over numbered mails without pause, whatever becomes of the relay, and knows which got 250."""
import smtplib
import threading
import time

import sample_mails


class FlowingClient(threading.Thread):
    """Reconnects when the relay is gone or says 421; any other refusal is a failure that `check` and `end` raise.

    recipients: of the mail with a number.
    """

    def __init__(self, kind, port, size, recipients):
        super().__init__(daemon=True)
        self.recipients = recipients
        self.kind, self.port, self.size = kind, port, size
        self.accepted = set()  # the Message-ID of each mail that got 250
        self.unsure = 0        # mails whose 250 did not come
        self._ending = threading.Event()
        self._failure = None

    def content(self, number):
        return sample_mails.plain_mail(number, size=self.size, kind=self.kind)

    def run(self):
        try:
            number, session = 0, None
            while not self._ending.is_set():
                try:
                    if session is None:
                        session = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=60)
                    number += 1
                    session.sendmail("ada@example.com", self.recipients(number), self.content(number))
                    self.accepted.add(f"<{self.kind}.{number}@example.com>")
                except (OSError, smtplib.SMTPException) as failure:
                    if not self._gone(failure):
                        raise
                    self.unsure += 1 if session is not None else 0
                    session = None
                    time.sleep(0.005)
            if session is not None:
                session.close()
        except Exception as failure:
            self._failure = failure

    @staticmethod
    def _gone(failure):
        if isinstance(failure, smtplib.SMTPRecipientsRefused):
            return all(code == 421 for code, _ in failure.recipients.values())
        if isinstance(failure, smtplib.SMTPResponseException):
            return failure.smtp_code == 421 or failure.smtp_code == -1
        return isinstance(failure, (OSError, smtplib.SMTPServerDisconnected))

    def check(self):
        if self._failure:
            raise self._failure

    def end(self):
        self._ending.set()
        self.join(60)
        self.check()


class Flow:
    """Several of them."""

    def __init__(self, port, sizes, recipients=lambda _: ["charles@example.org"], kind="client"):
        self.clients = [FlowingClient(f"{kind}{number}", port, size, recipients) for number, size in enumerate(sizes)]
        for client in self.clients:
            client.start()

    def accepted(self):
        """How many mails got 250 so far."""
        for client in self.clients:
            client.check()
        return sum(len(client.accepted) for client in self.clients)

    def unsure(self):
        return sum(client.unsure for client in self.clients)

    def end(self):
        """The Message-ID of every mail that got 250."""
        for client in self.clients:
            client.end()
        return set().union(*(client.accepted for client in self.clients))

    def content(self, message_id):
        """What a mail of this Message-ID holds, acknowledged or not."""
        kind, number = message_id[1:].split("@")[0].split(".")
        return next(client.content(int(number)) for client in self.clients if client.kind == kind)
