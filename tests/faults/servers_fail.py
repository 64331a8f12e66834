"""One server dead, one answering 4xx, one silent, one healthy; and what is given up is notified."""
import email
import email.policy
import pathlib
import shutil
import smtplib
import statistics
import tempfile
import time
import unittest

import sample_mails
from certificates import make_certificates
from mail_servers import without_headers_on_top
from programs import Relay, secret_file, wait_until
from sink import DROP, STALL, Sink

TO = "reader@example.org"


def ids(mails):
    return {mail.message_id for mail in mails}


class ServersFailTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-faults-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.certificates = make_certificates(self.folder / "tls")
        self.internal = Sink("internal.test")
        self.addCleanup(self.internal.stop)
        self.number = 0

    def start(self, retry, *options):
        self.relay = Relay(self.folder / "relay", *options, "--tls-cert", self.certificates.good.pem, "--tls-key",
                           self.certificates.good.key, internal=f"smtp://127.0.0.1:{self.internal.port}", retry=retry,
                           env={"SSL_CERT_FILE": self.certificates.ca})
        self.addCleanup(self.relay.kill)
        self.addCleanup(lambda: self._outcome_failed() and print(f"--- the relay's log\n{self.relay.log()}", flush=True))

    def _outcome_failed(self):
        outcome = getattr(self, "_outcome", None)
        return outcome is not None and not outcome.success

    def server(self, name, security="tls"):
        """A custom server of the tenant, the channel that always uses it, and the sink that stands behind it."""
        sink = Sink(f"{name}.test", security=security, certificate=self.certificates.good.pem,
                    key=self.certificates.good.key, accounts={name: f"pw {name}"})
        self.addCleanup(sink.stop)
        password = secret_file(self.folder, "password", f"pw {name}")
        self.relay.command("server", "add", "default", "--name", name, "--host", "127.0.0.1", "--port", sink.port,
                           "--security", security, "--auth", "auto", "--user", name, "--password-file", password)
        self.relay.command("sender", "add", "default", "--kind", "channel", "--name", name, "--address",
                           f"{name}@example.com", "--server", name)
        return sink

    def client(self):
        client = smtplib.SMTP("127.0.0.1", self.relay.port, local_hostname="client.test", timeout=60)
        self.addCleanup(client.close)
        return client

    def send(self, client, name, to=(TO,)):
        """Hands over one mail of the channel; (Message-ID, time of its 250)."""
        self.number += 1
        sender = f"{name}@example.com"
        client.sendmail(sender, list(to), sample_mails.plain_mail(self.number, sender, to[0], kind=name))
        return f"<{name}.{self.number}@example.com>", time.monotonic()

    def test_servers_in_trouble_do_not_delay_a_healthy_one(self):
        self.servers_in_trouble_do_not_delay_a_healthy_one()

    def test_nor_with_threads_for_connections(self):
        self.servers_in_trouble_do_not_delay_a_healthy_one("--sending-threads", "2")

    def servers_in_trouble_do_not_delay_a_healthy_one(self, *options):
        # Whatever waited for a pause or a time limit of the others would wait for ten minutes.
        # (The silent one would take all of the time that mail under way has when the relay ends.)
        self.start("10m,20m,2h", "--drain", "1s", *options)
        dead, busy, healthy = self.server("dead"), self.server("busy"), self.server("healthy")
        silent = self.server("silent", security="starttls")
        client = self.client()

        def delays(accepted):
            arrived = {mail.message_id: mail.at for mail in healthy.wait_for(
                lambda mails: set(accepted) <= ids(mails), what="the healthy server's mail")}
            return sorted(arrived[message_id] - at for message_id, at in accepted.items())

        # How long a mail takes when all is well.
        calm = delays(dict(self.send(client, "healthy") for _ in range(50)))

        # Now with a backlog for the others, growing while the healthy one's mail is sent.
        dead.die()
        busy.answer("rcpt", "451 4.3.0 not now")
        silent.answer("greeting", STALL)
        waiting, deferred, unanswered, troubled = set(), set(), set(), {}
        for _ in range(100):
            for _ in range(2):
                waiting.add(self.send(client, "dead")[0])
            deferred.add(self.send(client, "busy")[0])
            unanswered.add(self.send(client, "silent")[0])
            message_id, at = self.send(client, "healthy")
            troubled[message_id] = at
        busy.wait_refused("rcpt")
        beside = delays(troubled)
        print(f"servers_fail: from 250 to arrival, median/longest: {statistics.median(calm) * 1000:.0f}/"
              f"{calm[-1] * 1000:.0f} ms alone, {statistics.median(beside) * 1000:.0f}/{beside[-1] * 1000:.0f} ms beside "
              f"a dead, a busy and a silent server")
        # All of it came while the others could deliver nothing: it waited neither for them nor for their timers.
        self.assertEqual((dead.count(), busy.count(), silent.count()), (0, 0, 0))

        # The mail of the others is in the queue, and arrives once each when they come back. (What the healthy server
        # has is settled, and so leaves the queue, a moment after it arrived.)
        wait_until(lambda: "healthy@example.com" not in str(self.relay.command("queue", "list")),
                   what="the healthy server's mail to be settled")
        queue = self.relay.command("queue", "list")
        self.assertIn("dead@example.com", str(queue))
        self.assertIn("busy@example.com", str(queue))
        client.close()
        self.assertEqual(self.relay.stop(), 0)
        self.start("1s,2s,10m", *options)
        self.relay.command("queue", "retry", *(mail["id"] for mail in queue["mails"]))
        dead.revive()
        dead.wait_for(lambda mails: waiting <= ids(mails), what="the mail for the server that was dead")
        busy.behave()
        busy.wait_for(lambda mails: deferred <= ids(mails), what="the mail for the server that was busy")
        silent.behave()
        silent.wait_for(lambda mails: unanswered <= ids(mails), what="the mail for the server that was silent")
        wait_until(lambda: not self.relay.command("queue", "list") or "@example.com" not in
                   str(self.relay.command("queue", "list")), what="an empty queue")
        self.assertEqual([sink.duplicates() for sink in (dead, busy, silent, healthy)], [0, 0, 0, 0])
        self.assertEqual((ids(dead.mails), ids(busy.mails), ids(silent.mails)), (waiting, deferred, unanswered))
        self.assertEqual(self.internal.count(), 0, "a notification of mail that was delivered")
        self.assertEqual(self.relay.stop(), 0)

    def notification(self, mail, sender, action="failed"):
        """Checks the parts of a notification; its fields for each recipient and the returned part."""
        self.assertEqual((mail.sender, mail.recipients), ("", (sender,)))
        message = email.message_from_bytes(mail.data, policy=email.policy.default)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message["auto-submitted"], "auto-replied")
        self.assertEqual(message["to"].addresses[0].addr_spec, sender)
        self.assertTrue(message["from"].addresses and message["date"].datetime and message["message-id"])
        self.assertEqual(message.defects, [])
        text, status, returned = message.iter_parts()
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        self.assertIn(returned.get_content_type(), ("message/rfc822", "text/rfc822-headers"))
        about_message, *recipients = status.get_payload()
        self.assertTrue(about_message["reporting-mta"].startswith("dns;"), about_message)
        self.assertIsNotNone(about_message["arrival-date"])
        fields = {}
        for recipient in recipients:
            kind, _, address = recipient["final-recipient"].partition(";")
            self.assertEqual(kind.strip().lower(), "rfc822")
            fields[address.strip()] = recipient
            self.assertIn(address.strip(), text.get_content())
            self.assertEqual(recipient["action"], action)
        return message, fields, returned

    def test_a_mail_given_up_is_notified(self):
        self.start("1s,2s,10s")
        busy, strict, dead = self.server("busy"), self.server("strict"), self.server("dead")
        client = self.client()

        # 4xx until the time is over; 5xx at once, for one of two recipients; a server that never comes back.
        busy.answer("rcpt", "450 4.2.1 mailbox busy, try later")
        strict.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody@" in argument)
        dead.die()
        deferred, _ = self.send(client, "busy")
        split, _ = self.send(client, "strict", ("nobody@example.org", TO))
        lost, _ = self.send(client, "dead")
        # Without a sender there is nobody to tell.
        busy.answer("mail", "451 4.3.0 never for the null sender", when=lambda argument: b"<>" in argument)

        # Who waits is told so once, half way, and then that it was in vain.
        late = {"busy@example.com", "dead@example.com"}
        mails = self.internal.wait(5, timeout=90)
        warnings = {mail.recipients[0]: mail for mail in mails if b"\r\nAction: delayed\r\n" in mail.data}
        by_sender = {mail.recipients[0]: mail for mail in mails if b"\r\nAction: failed\r\n" in mail.data}
        self.assertEqual(set(by_sender), late | {"strict@example.com"})
        self.assertEqual(set(warnings), late)
        for sender in late:
            _, fields, _ = self.notification(warnings[sender], sender, "delayed")
            self.assertEqual(list(fields), [TO])

        _, fields, returned = self.notification(by_sender["busy@example.com"], "busy@example.com")
        self.assertEqual(list(fields), [TO])
        self.assertIn("450 4.2.1 mailbox busy, try later", fields[TO]["diagnostic-code"])
        self.assertIn("127.0.0.1", fields[TO]["remote-mta"])
        self.assertRegex(fields[TO]["status"], r"^[45]\.\d+\.\d+$")
        self.assertIn(deferred, returned.as_string())
        self.assertGreaterEqual(busy.refused["rcpt"], 2)
        self.assertEqual(busy.count(), 0)

        # The other recipient has the mail; the notification speaks of the refused one alone.
        _, fields, returned = self.notification(by_sender["strict@example.com"], "strict@example.com")
        self.assertEqual(list(fields), ["nobody@example.org"])
        self.assertIn("550 5.1.1 no such user here", fields["nobody@example.org"]["diagnostic-code"])
        self.assertEqual(fields["nobody@example.org"]["status"], "5.1.1")
        self.assertIn(split, returned.as_string())
        self.assertEqual([mail.recipients for mail in strict.mails], [(TO,)])

        message, fields, returned = self.notification(by_sender["dead@example.com"], "dead@example.com")
        self.assertEqual(list(fields), [TO])
        self.assertRegex(fields[TO]["status"], r"^[45]\.\d+\.\d+$")
        self.assertIn(lost, returned.as_string())

        # What is given up leaves the queue; the server that comes back later gets nothing.
        dead.revive()
        after, _ = self.send(client, "dead")
        dead.wait_for(lambda mails: after in ids(mails), what="mail for the revived server")
        self.assertEqual(ids(dead.mails), {after})

    def test_loss_after_the_final_dot_is_repeated_with_the_same_bytes(self):
        # Ten minutes, so that the mark is there for as long as it takes to look.
        self.start("10m,20m,2h")
        self.internal.answer("final", DROP, times=1)
        client = self.client()
        data = sample_mails.rich_mail()
        client.sendmail("ada@example.com", [TO], data)
        self.internal.wait_refused("final")
        wait_until(lambda: "'possible_duplicate': True" in str(self.relay.command("queue", "list")),
                   what="the mark of a possible duplicate in the queue")
        self.assertEqual(self.internal.count(), 0)
        (waiting,) = self.relay.command("queue", "list")["mails"]
        self.relay.command("queue", "retry", waiting["id"])
        (mail,) = self.internal.wait(1)
        self.assertEqual(without_headers_on_top(mail.data, (b"received",)), data)
        wait_until(lambda: TO not in str(self.relay.command("queue", "list")), what="an empty queue")
        self.assertEqual(self.internal.count(), 1)
        self.assertRegex(self.relay.log(), '"possible_duplicate": ?true')

    def test_a_mail_without_sender_is_never_notified(self):
        self.start("1s,2s,4s")
        self.internal.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody@" in argument)
        client = self.client()
        data = sample_mails.plain_mail(1, "mailer-daemon@example.com", "nobody@example.org")
        client.sendmail("", ["nobody@example.org"], data)
        self.internal.wait_refused("rcpt")
        # It stays listed as failed, and nothing was sent because of it.
        wait_until(lambda: "failed" in str(self.relay.command("queue", "list")), what="the failed mail in the queue's list")
        client.sendmail("ada@example.com", [TO], sample_mails.plain_mail(2))
        (mail,) = self.internal.wait(1)
        self.assertEqual(without_headers_on_top(mail.data, (b"received",)), sample_mails.plain_mail(2))


if __name__ == "__main__":
    unittest.main()
