"""SIGTERM: what is under way is finished, what waits stays, and the relay ends in time with exit code 0."""
import pathlib
import shutil
import smtplib
import socket
import tempfile
import threading
import time
import unittest

import sample_mails
from flowing_client import Flow
from mail_servers import without_headers_on_top
from programs import Relay, connects, wait_until
from sink import STALL, Sink


class DrainTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-drain-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.sink = Sink("sink.test")
        self.addCleanup(self.sink.stop)

    def relay(self, *options):
        relay = Relay(self.folder / "relay", *options, internal=f"smtp://127.0.0.1:{self.sink.port}", retry="1s,2s,10m")
        self.addCleanup(relay.kill)
        return relay

    @staticmethod
    def send(relay, number):
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            client.sendmail("ada@example.com", ["charles@example.org"], sample_mails.plain_mail(number))

    def test_what_is_under_way_is_finished(self):
        relay = self.relay("--drain", "60s")
        self.sink.answer("final", STALL)
        self.send(relay, 1)
        self.sink.wait_refused("final")
        relay.terminate()
        wait_until(lambda: not connects(relay.port), what="the relay to stop listening")
        self.assertTrue(relay.alive(), "it ended with a mail under way")
        self.sink.behave()
        self.assertEqual(relay.wait(), 0)
        self.assertEqual(self.sink.count(), 1)
        # And it knows that it was delivered.
        relay.start()
        self.send(relay, 2)
        self.sink.wait(2)
        self.assertEqual(relay.stop(), 0)
        self.assertEqual([without_headers_on_top(mail.data, (b"received",)) for mail in self.sink.mails],
                         [sample_mails.plain_mail(1), sample_mails.plain_mail(2)])

    def test_what_waits_is_taken_up_by_the_next_run(self):
        relay = self.relay()
        self.sink.die()
        for number in range(20):
            self.send(relay, number)
        self.assertEqual(relay.stop(), 0)
        self.sink.revive()
        relay.start()
        mails = self.sink.wait(20)
        self.assertEqual({mail.message_id for mail in mails}, {f"<mail.{number}@example.com>" for number in range(20)})
        self.assertEqual(self.sink.duplicates(), 0)
        self.assertEqual(relay.stop(), 0)

    def test_while_mail_flows(self):
        relay = self.relay("--drain", "60s")
        self.sink.final_pause = lambda: 0.01
        flow = Flow(relay.port, (300, 300, 100_000))
        for _ in range(5):
            goal = flow.accepted() + 30
            wait_until(lambda: flow.accepted() >= goal, what="mail to flow")
            self.assertEqual(relay.stop(), 0)
            relay.start()
        promised = flow.end()
        self.sink.wait_for(lambda mails: set(promised) <= {mail.message_id for mail in mails}, what="every acknowledged mail")
        self.assertEqual(relay.stop(), 0)
        # It ended by itself each time, so that nothing was cut off on its way out: none came twice.
        self.assertEqual(self.sink.duplicates(), 0)
        for mail in self.sink.mails:
            self.assertEqual(without_headers_on_top(mail.data, (b"received",)), flow.content(mail.message_id))

    def test_a_silent_client_takes_no_time_from_what_is_under_way(self):
        # Nothing arrives before the signal, and at one mail a second and connection not all of it in ten seconds more.
        relay = self.relay("--drain", "10s")
        self.sink.answer("final", STALL)
        self.sink.final_pause = lambda: 1.0
        client = smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60)
        self.addCleanup(client.close)
        client.ehlo()
        client.docmd("MAIL FROM:<ada@example.com>")  # and not another word
        for number in range(150):
            self.send(relay, number)
        self.sink.wait_refused("final")
        relay.terminate()
        self.sink.behave()
        self.assertEqual(relay.wait(), 0)
        self.assertLess(self.sink.count(), 150, "nothing was left that could have been cut off")
        self.sink.final_pause = lambda: 0.0
        relay.start()
        every = {f"<mail.{number}@example.com>" for number in range(150)}
        self.sink.wait_for(lambda mails: {mail.message_id for mail in mails} == every, what="every mail")
        wait_until(lambda: relay.command("queue", "list")["mails"] == [], what="the queue to be empty")
        self.assertEqual(relay.stop(), 0)
        self.assertEqual(self.sink.duplicates(), 0)

    def test_a_slow_reader_of_the_console_keeps_nobody(self):
        relay = self.relay("--console", "127.0.0.1:0")
        port = int(relay.ready_line.rsplit(":", 1)[1].strip().rstrip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            ended = threading.Event()

            def trickle():
                client.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                while not ended.wait(0.5):
                    try:
                        client.sendall(b"x")
                    except OSError:
                        return

            slow = threading.Thread(target=trickle)
            slow.start()
            try:
                time.sleep(1)
                self.assertEqual(relay.stop(), 0)
            finally:
                ended.set()
                slow.join()
        relay.start()
        self.assertEqual(relay.stop(), 0)

    def test_it_does_not_wait_for_ever(self):
        relay = self.relay("--drain", "2s")
        self.sink.answer("final", STALL)
        self.send(relay, 1)
        self.sink.wait_refused("final")
        relay.terminate()
        relay.wait()
        # Its last byte was out and no reply was read: unknown, so it is sent again, to lose nothing.
        self.sink.behave()
        relay.start()
        for mail in self.sink.wait(2):
            self.assertEqual(without_headers_on_top(mail.data, (b"received",)), sample_mails.plain_mail(1))


if __name__ == "__main__":
    unittest.main()
