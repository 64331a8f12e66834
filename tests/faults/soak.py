"""Mail flows for a while, with retries, refusals and edits by an operator: the memory stays flat, the queue drains, no error is logged.

POSTRIDER_SOAK_SECONDS sets how long (default 6, with POSTRIDER_FULL 60).
"""
import collections
import json
import os
import pathlib
import random
import shutil
import tempfile
import threading
import time
import unittest

from flowing_client import Flow
from mail_servers import without_headers_on_top
from programs import Relay, wait_until
from sink import Sink

SECONDS = float(os.environ.get("POSTRIDER_SOAK_SECONDS") or (60 if os.environ.get("POSTRIDER_FULL") else 6))
SIZES = (1_000_000, 20_000, 300, 300)


def memory(pid):
    """Bytes of memory that are the process's own."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


class SoakTest(unittest.TestCase):
    def test_soak(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-soak-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        weather = random.Random(1)
        with Sink("sink.test") as sink, Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}", retry="1s,2s,10h") as relay:
            sink.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody@" in argument)
            sink.answer("mail", "450 4.2.0 later", when=lambda _: weather.random() < 0.02)
            copies, broken, notifications, lock = collections.Counter(), [], [], threading.Lock()
            flows, peak, rest, handed_over = {}, 0, [], 0

            def content_of(message_id):
                return flows[message_id[1:].split(".")[0]].content(message_id)

            def keep(mail):
                with lock:
                    if mail.sender:
                        copies[mail.message_id] += 1
                        if without_headers_on_top(mail.data, (b"received",)) != content_of(mail.message_id):
                            broken.append(mail)
                    else:
                        notifications.append(mail.message_id)
                return mail.head_alone()

            sink.keep = keep
            began, looks = time.monotonic(), 0
            for half in ("one", "two"):
                flow = Flow(relay.port, SIZES, lambda number: ["charles@example.org"] + ["nobody@example.org"] * (number % 11 == 0), half)
                flows.update({client.kind: flow for client in flow.clients})
                half_began = time.monotonic()
                while time.monotonic() - half_began < SECONDS / 2:
                    goal = flow.accepted() + 50
                    wait_until(lambda: flow.accepted() >= goal, timeout=120, what="mail to flow")
                    self.assertTrue(relay.alive(), "the relay ended by itself")
                    peak = max(peak, memory(relay.pid))
                    looks += 1
                    if looks % 20 == 0:  # an operator looks, and holds a mail for a moment
                        for mail in relay.command("queue", "list")["mails"][:1]:
                            if relay.try_command("queue", "hold", mail["id"]).code == 0:
                                relay.try_command("queue", "release", mail["id"])
                promised = flow.end()
                handed_over += len(promised)
                sink.wait_for(lambda _: all(copies[m] for m in promised), timeout=120, what="every acknowledged mail")
                wait_until(lambda: relay.command("queue", "list")["mails"] == [], timeout=120, what="an empty queue")
                rest.append(memory(relay.pid))
            self.assertEqual(relay.stop(), 0)
            print(f"soak: {time.monotonic() - began:.0f} s, {handed_over} mails, {len(notifications)} notifications; memory at most "
                  f"{peak / 1e6:.0f} MB, with an empty queue {rest[0] / 1e6:.1f} and {rest[1] / 1e6:.1f} MB")
            self.assertEqual(broken, [])
            self.assertEqual({m: n for m, n in copies.items() if n > 1}, {})
            self.assertEqual(len(notifications), len(set(notifications)))
            # Contents that wait in memory for their first delivery have 64 MiB; beyond them nothing grows.
            self.assertLess(peak, 160e6)
            self.assertLess(rest[1], rest[0] + 8e6)
            for line in relay.log_file.read_text().splitlines():
                entry = json.loads(line)
                self.assertTrue(entry["level"] == "info" or entry["event"] == "given_up", line)


if __name__ == "__main__":
    unittest.main()
