"""The disk under the data folder runs full: mail is refused with a 4xx before its content, what got 250 is kept and delivered
all the same, and it goes on by itself afterwards."""
import os
import pathlib
import shutil
import smtplib
import subprocess
import tempfile
import unittest

import sample_mails
from mail_servers import without_headers_on_top
from programs import Relay, wait_until
from sink import Sink


class FullDiskTest(unittest.TestCase):
    @staticmethod
    def fill(path):
        with open(path, "wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        filler.write(bytes(size))
                except OSError:
                    pass

    def test_full_disk(self):
        if os.geteuid() != 0:
            raise RuntimeError("a small file system of its own needs root: run as root")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-full-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=44m", "postrider-test", str(folder)], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(folder)], check=True)
        sink = Sink("sink.test")
        self.addCleanup(sink.stop)
        sink.die()
        relay = Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}", retry="1s,2s,10m")
        self.addCleanup(relay.kill)
        accepted, refusals = {}, []
        number = 0

        def hand_over(client):
            data = sample_mails.plain_mail(number, size=100_000)
            try:
                client.sendmail("ada@example.com", ["charles@example.org"], data)
                accepted[f"<mail.{number}@example.com>"] = data
            except smtplib.SMTPResponseException as refused:
                refusals.append((refused.smtp_code, refused.smtp_error))

        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            # The room that is kept for what becomes of the mail that is there.
            while len(refusals) < 5:
                number += 1
                self.assertLess(number, 2000, "the disk does not run full")
                hand_over(client)
            self.assertTrue(accepted)
            self.assertEqual({code for code, _ in refusals}, {452})
            self.assertEqual(client.docmd("RSET")[0], 250)
            client.docmd("MAIL FROM:<ada@example.com>")
            client.docmd("RCPT TO:<charles@example.org>")
            self.assertEqual(client.docmd("DATA")[0], 452, "the content was asked for")

            # It delivers what it has, and knows that it did.
            sink.revive()
            sink.wait(len(accepted))
            wait_until(lambda: relay.command("queue", "list")["mails"] == [], what="an empty queue")
            sink.die()

            # And now somebody else takes the last byte, with mail in the queue.
            while number % 5:
                number += 1
                hand_over(client)
            refusals.clear()
            self.fill(folder / "filler")
            for _ in range(3):
                number += 1
                hand_over(client)
            self.assertEqual({code // 100 for code, _ in refusals}, {4})
            self.assertEqual(len(refusals), 3)
        self.assertTrue(relay.alive(), relay.log())

        # Delivered without room to note it; with room again that is noted, and mail is accepted as before.
        sink.revive()
        sink.wait(len(accepted))
        (folder / "filler").unlink()
        wait_until(lambda: relay.command("queue", "list")["mails"] == [], what="an empty queue")
        with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=60) as client:
            number += 1
            hand_over(client)
        self.assertIn(f"<mail.{number}@example.com>", accepted)
        mails = sink.wait(len(accepted))
        self.assertEqual({mail.message_id: without_headers_on_top(mail.data, (b"received",)) for mail in mails}, accepted)
        self.assertEqual(sink.duplicates(), 0)
        self.assertEqual(relay.stop(), 0)
        print(f"full_disk: {len(accepted) - 1} mails were accepted before the disk was full and arrived; "
              f"refused were then {refusals[0][0]} {refusals[0][1].decode()}")


if __name__ == "__main__":
    unittest.main()
