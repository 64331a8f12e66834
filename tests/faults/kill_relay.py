"""kill -9 of the relay at any moment: every mail that got 250 arrives or is notified, and what was settled never comes again.

The relay is killed while it accepts, delivers, retries and notifies, while it starts and while it ends. After each kill the
spool on the disk tells which mails it still has: only those may arrive once more.

POSTRIDER_KILLS sets how often (default 30, with POSTRIDER_FULL 200), POSTRIDER_SEED from what the moments are drawn.
"""
import collections
import os
import pathlib
import random
import re
import shutil
import sqlite3
import tempfile
import threading
import time
import unittest

from flowing_client import Flow
from mail_servers import without_headers_on_top
from programs import Relay, wait_until
from sink import Sink

KILLS = int(os.environ.get("POSTRIDER_KILLS") or (200 if os.environ.get("POSTRIDER_FULL") else 30))
SEED = int(os.environ.get("POSTRIDER_SEED", "20260517"))
SIZES = (400_000, 300, 300, 300)  # of the mails of each client: the first one's come in pieces
MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
OF_A_CLIENT = re.compile(rb"<client\d+\.\d+@example\.com>")


def refused_too(number):
    """Whether this mail of a client has a second recipient, whom the sink does not know."""
    return number % 7 == 0


def recipients(number):
    return ["charles@example.org"] + (["nobody@example.org"] if refused_too(number) else [])


class Ledger:
    """What arrived, and what may still arrive: the sink's `keep`, and one look into the spool after each kill."""

    def __init__(self, content):
        self.content = content
        self.lock = threading.Lock()
        self.copies = collections.Counter()           # of each Message-ID that arrived
        self.notified = collections.defaultdict(set)  # the notifications about a mail
        self.broken = []                              # what did not arrive as it was sent
        self.settled = {}    # Message-ID: its copies when the spool no longer had it
        self.allowed = {}    # Message-ID: copies that a kill excuses
        self.unsettled = []  # after each kill, how many mails had arrived and were still in the spool

    def keep(self, mail):
        if mail.sender:
            # Whole, and with one Received header, even one that is delivered twice.
            if without_headers_on_top(mail.data, (b"received",)) != self.content(mail.message_id):
                self.broken.append(mail)
        else:
            about = OF_A_CLIENT.search(mail.data)
            if about is None or b"nobody@example.org" not in mail.data:
                self.broken.append(mail)
            else:
                with self.lock:
                    self.notified[about[0].decode()].add(mail.message_id)
        with self.lock:
            self.copies[mail.message_id] += 1
        return mail.head_alone()

    def look(self, database):
        """The relay is dead and the sink is quiet: from now on only what the spool has may come."""
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60) as spool:
            rows = spool.execute("SELECT substr(bytes, 1, 3000) FROM mail JOIN content ON piece = mail.id << 16")
            there = {MESSAGE_ID.search(row[0])[1].decode() for row in rows}
        spool.close()
        again = {message_id for message_id in there if self.copies[message_id]}
        self.unsettled.append(len(again))
        for message_id in again:
            self.allowed[message_id] = self.copies[message_id] + 1
        for message_id, count in self.copies.items():
            if message_id not in there:
                self.settled.setdefault(message_id, count)

    def unexcused(self):
        """Mails that came more often than the kills excuse."""
        return {message_id: count for message_id, count in self.copies.items()
                if count > self.settled.get(message_id, self.allowed.get(message_id, 1))}


class KillTest(unittest.TestCase):
    def test_every_acknowledged_mail_arrives(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-kill-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        moments = random.Random(SEED)
        began = time.monotonic()
        with Sink("sink.test") as sink, Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}", retry="1s,2s,10h") as relay:
            # One mail in twenty is put off once or more, so that the queue always holds some.
            # The sink takes its time, so that a kill finds mail on the wire.
            weather = random.Random(SEED + 1)
            sink.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody@" in argument)
            sink.answer("mail", "450 4.2.0 later", when=lambda _: weather.random() < 0.05)
            sink.final_pause = lambda: weather.random() * 0.08
            flow = Flow(relay.port, SIZES, recipients)
            ledger = Ledger(flow.content)
            sink.keep = ledger.keep
            met = collections.Counter()
            start = stop = 0.1  # seconds that the relay took last time

            def end(how):
                met[how] += 1
                met["with mail on the wire"] += sink.under_way() > 0
                relay.kill()
                wait_until(lambda: sink.connections() == 0, timeout=120, what="the sink to see its connections end")
                ledger.look(relay.data / "spool.db")

            for _ in range(KILLS):
                # Some mails further, and a moment after: anywhere in a transaction, a commit or a delivery.
                goal = flow.accepted() + moments.randrange(1, 60)
                wait_until(lambda: flow.accepted() >= goal, timeout=120, what="the relay to accept mail")
                time.sleep(moments.random() * 0.05)
                self.assertTrue(relay.alive(), "the relay ended by itself")
                kind = moments.random()
                if kind < 0.2:
                    terminated = time.monotonic()
                    moment = terminated + stop * moments.random() * 1.2
                    relay.terminate()
                    while relay.alive() and time.monotonic() < moment:
                        time.sleep(0.001)
                    stop = 1.3 * stop if relay.alive() else time.monotonic() - terminated
                    end("while it ended" if relay.alive() else "after it had ended")
                else:
                    end("while it ran")
                relay.more_options = moments.choice(((), ("--sending-threads", "2")))
                if kind > 0.8:
                    relay.launch()
                    time.sleep(start * moments.random())
                    end("while it started")
                started = time.monotonic()
                relay.start()
                start = time.monotonic() - started
            promised = flow.end()
            sink.final_pause = lambda: 0.0

            def missing():
                owed = {message_id for message_id in promised if refused_too(int(message_id.split("@")[0].split(".")[1]))}
                return [m for m in promised if not ledger.copies[m]] + [m for m in owed if m not in ledger.notified]

            try:
                sink.wait_for(lambda _: not missing(), timeout=120, what="every acknowledged mail")
            except AssertionError as failure:
                raise AssertionError(f"{failure}; of {len(promised)} acknowledged these are missing: {sorted(missing())[:20]}\n"
                                     f"{relay.command('queue', 'list')}") from None
            wait_until(lambda: relay.command("queue", "list")["mails"] == [], timeout=120, what="an empty queue")
            self.assertEqual(relay.stop(), 0)
            self.assertEqual(ledger.broken, [])
            duplicates = sum(ledger.copies.values()) - len(ledger.copies)
            # A mail whose 250 was cut off may arrive.
            unpromised = sum(bool(count) and m.startswith("<client") and m not in promised for m, count in ledger.copies.items())
            print(f"kill_relay: seed {SEED}, {KILLS} rounds: killed {', '.join(f'{n} {how}' for how, n in met.items())}; "
                  f"{len(promised)} mails got 250, all arrived; {unpromised} more of {flow.unsure()} whose 250 was cut off; "
                  f"{len(ledger.notified)} refusals notified; {duplicates} duplicates, of {sum(ledger.unsettled)} mails in flight or "
                  f"unsettled at a kill (at most {max(ledger.unsettled)}); {time.monotonic() - began:.0f} s")
            self.assertEqual(ledger.unexcused(), {}, "mails came again that no kill excuses")
            self.assertLessEqual(duplicates, sum(ledger.unsettled))
            # A settlement is one: whoever was told of a refusal was told of it by one mail.
            self.assertEqual({m: n for m, n in ledger.notified.items() if len(n) != 1}, {})
            self.assertGreater(met["with mail on the wire"], 0, "no kill met mail on the wire: the test proves nothing")
            if KILLS >= 30:
                self.assertGreater(min(met["while it ran"], met["while it started"]), 0)


if __name__ == "__main__":
    unittest.main()
