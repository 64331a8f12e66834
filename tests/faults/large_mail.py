"""Several large mails at once: they pass through the relay in pieces, and its memory is far below what they hold."""
import os
import pathlib
import shutil
import smtplib
import tempfile
import threading
import unittest

import sample_mails
from mail_servers import without_headers_on_top
from programs import Relay, wait_until
from sink import Sink

CLIENTS, SIZE = 4, 49_000_000 if os.environ.get("POSTRIDER_FULL") else 20_000_000


class LargeMailTest(unittest.TestCase):
    def test_memory_is_bounded(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-large-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        with Sink("sink.test") as sink, Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}", retry="1s,2s,10h") as relay:
            data = sample_mails.plain_mail(1, size=SIZE)
            whole, failures = [], []

            def keep(mail):
                whole.append(without_headers_on_top(mail.data, (b"received",)) == data)
                return mail.head_alone()

            def hand_over():
                try:
                    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=300) as client:
                        client.sendmail("ada@example.com", ["charles@example.org"], data)
                except Exception as failure:
                    failures.append(failure)

            sink.keep = keep
            clients = [threading.Thread(target=hand_over) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self.assertEqual(failures, [])
            sink.wait(CLIENTS, timeout=300)
            self.assertEqual(whole, [True] * CLIENTS)
            wait_until(lambda: relay.command("queue", "list")["mails"] == [], timeout=120, what="an empty queue")
            status = pathlib.Path(f"/proc/{relay.pid}/status").read_text()
            peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
            print(f"large_mail: {CLIENTS} mails of {SIZE / 1e6:.0f} MB at once; the relay had {peak / 1e6:.0f} MB at its peak")
            self.assertLess(peak, 48e6)
            self.assertEqual(relay.stop(), 0)


if __name__ == "__main__":
    unittest.main()
