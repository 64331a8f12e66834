"""The server misbehaves in every way at every stage, while mail flows: nothing is lost, each recipient ends accepted or notified."""
import collections
import itertools
import os
import pathlib
import random
import re
import shutil
import tempfile
import threading
import unittest

from flowing_client import Flow
from mail_servers import without_headers_on_top
from programs import Relay, wait_until
from sink import BREAK, DRIP, DROP, JUNK, RESET, Sink

STAGES = ("greeting", "ehlo", "mail", "rcpt", "data", "final", "kept")
WAYS = {"close": DROP, "reset": RESET, "close within a reply": BREAK, "junk": JUNK, "drip": DRIP, "421": "421 4.3.2 closing",
        "451": "451 4.3.0 not now"}
ROUNDS = 4 if os.environ.get("POSTRIDER_FULL") else 1
SEED = int(os.environ.get("POSTRIDER_SEED", "20260517"))


def refused_too(message_id):
    return int(message_id.split("@")[0].split(".")[1]) % 7 == 0


def recipients(number):
    return ["charles@example.org"] + (["nobody@example.org"] if number % 7 == 0 else [])


class SinkMisbehavesTest(unittest.TestCase):
    def test_nothing_is_lost(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-sink-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        chance = random.Random(SEED)
        due = collections.Counter({pair: ROUNDS for pair in itertools.product(STAGES, WAYS)})
        with Sink("sink.test") as sink, Relay(folder, internal=f"smtp://127.0.0.1:{sink.port}", retry="1s,1s,10h") as relay:

            def misdeed(stage):
                # Under the sink's lock. Some sessions get through in between.
                names = [name for name in WAYS if due[stage, name] > 0]
                if not names or chance.random() < 0.5:
                    return None
                name = chance.choice(names)
                due[stage, name] -= 1
                return WAYS[name]

            sink.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody@" in argument)
            for stage in STAGES:
                sink.answer(stage, lambda _, stage=stage: misdeed(stage))
            flow = Flow(relay.port, (60_000, 300, 300), recipients)
            copies, notified, broken = collections.Counter(), collections.defaultdict(set), []
            lock = threading.Lock()

            def keep(mail):
                with lock:
                    if mail.sender:
                        copies[mail.message_id] += 1
                        if without_headers_on_top(mail.data, (b"received",)) != flow.content(mail.message_id):
                            broken.append(mail)
                    else:
                        about = re.search(rb"<client\d+\.\d+@example\.com>", mail.data)
                        notified[about[0].decode()].add(mail.message_id)
                return mail.head_alone()

            sink.keep = keep
            wait_until(lambda: flow.accepted() and sum(due.values()) == 0, timeout=400, what="every misdeed")
            promised = flow.end()
            owed = {m for m in promised if refused_too(m)}
            sink.wait_for(lambda _: all(copies[m] for m in promised) and owed <= notified.keys(), timeout=120,
                          what="every mail and every notification")
            wait_until(lambda: relay.command("queue", "list")["mails"] == [], timeout=120, what="an empty queue")
            self.assertEqual(relay.stop(), 0)
            print(f"sink_misbehaves: {len(promised)} mails through {len(WAYS) * len(STAGES) * ROUNDS} misdeeds, each arrived, "
                  f"{sum(copies.values()) - len(copies)} twice; {len(notified)} refusals, each notified")
            self.assertEqual(broken, [])
            # Only what was kept and not acknowledged may come again.
            self.assertLessEqual(sum(copies.values()) - len(copies), len(WAYS) * ROUNDS)
            self.assertEqual({m: n for m, n in notified.items() if len(n) != 1}, {})


if __name__ == "__main__":
    unittest.main()
