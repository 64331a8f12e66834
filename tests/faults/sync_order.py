"""The order of the relay's system calls: no 250 to a content leaves before the sync that covers its mail.

The relay runs under strace. Each mail carries a word of its own, by which it is found in what the relay reads from its
client and in what it writes to the spool's log. The same with synchronous=OFF must be found to be wrong.
"""
import pathlib
import re
import shutil
import smtplib
import sys
import tempfile
import threading
import unittest

import sample_mails
from programs import Relay
from sink import Sink

CARELESS = sys.argv.pop()  # a library that, loaded first, takes the syncs away from SQLite

CALLS = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
LINE = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\((?P<descriptor>\d+)<(?P<file>.*?)>(?=[,)]| <unf))"
                  r"(?P<rest>.*)")
TOKEN = re.compile(r"token-[a-z]+-\d+-\d+-end")
FINAL = "250 2.0.0 Queued as"
CLIENTS, MAILS = 3, 6


class Call:
    def __init__(self, name, file, begun):
        self.name, self.file, self.begun, self.ended, self.text, self.ok = name, file, begun, None, "", False


def calls_of(trace):
    """The calls in it, each with when it began and ended, counted in lines."""
    calls, open_calls = [], {}
    for number, line in enumerate(trace.splitlines()):
        found = LINE.match(line)
        if not found:
            continue
        thread = found["thread"]
        if found["call"]:
            call = Call(found["call"], found["file"], number)
            calls.append(call)
        elif thread in open_calls:
            call = open_calls.pop(thread)
        else:
            continue
        call.text += found["rest"]
        if found["rest"].endswith("<unfinished ...>"):
            open_calls[thread] = call
        else:
            call.ended = number
            call.ok = " = -1 " not in found["rest"][-80:]
    return calls


def violations(trace):
    """(how many final replies were checked, those that left too early)."""
    synced, written = [], {}     # syncs of the log; the first write of each mail's word to it
    reading, too_early, checked = {}, [], 0
    calls = calls_of(trace)
    for call in calls:
        if call.ended is None or not call.ok:
            continue
        if call.name == "pwrite64" and call.file.endswith("spool.db-wal"):
            for token in TOKEN.findall(call.text):
                written.setdefault(token, call)
        elif call.name in ("fsync", "fdatasync") and call.file.endswith("spool.db-wal"):
            synced.append(call)
    for call in sorted((c for c in calls if c.ended is not None and c.ok), key=lambda c: c.begun):
        if "TCP" not in call.file and "socket" not in call.file:
            continue
        if call.name in ("read", "readv", "recvfrom", "recvmsg"):
            for token in TOKEN.findall(call.text):
                reading[call.file] = token
        elif FINAL in call.text and call.file in reading:
            token = reading.pop(call.file)
            checked += 1
            covered = token in written and any(
                written[token].ended < sync.begun and sync.ended < call.begun for sync in synced)
            if not covered:
                too_early.append((token, call.begun))
    return checked, too_early


class SyncOrderTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postrider-sync-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def traced(self, env=None):
        trace = self.folder / "trace"
        with Sink("sink.test") as sink, Relay(
                self.folder, internal=f"smtp://127.0.0.1:{sink.port}", env=env,
                prefix=("strace", "-D", "-f", "-q", "-yy", "-s", "40000", "-e", f"trace={CALLS}", "-o", str(trace))) as relay:
            def hand_over(client):
                with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.test", timeout=120) as session:
                    for number in range(MAILS):
                        # Some are small, some come in pieces before they are complete; the word stands at their end,
                        # more than once, because a page may end in the middle of it.
                        size = 200_000 if number % 3 == 2 else 400
                        data = sample_mails.plain_mail(number, size=size) + f"token-mail-{client}-{number}-end\r\n".encode() * 3
                        session.ehlo_or_helo_if_needed()
                        if number % 2:
                            assert session.has_extn("chunking")
                            session.docmd("MAIL FROM:<ada@example.com>")
                            session.docmd("RCPT TO:<charles@example.org>")
                            first = len(data) // 2 if number > 2 else 0  # one chunk, or two
                            if first:
                                session.send(f"BDAT {first}\r\n".encode() + data[:first])
                                code, text = session.getreply()
                                assert code == 250, text
                            session.send(f"BDAT {len(data) - first} LAST\r\n".encode() + data[first:])
                            code, text = session.getreply()
                            assert code == 250, text
                        else:
                            session.sendmail("ada@example.com", ["charles@example.org"], data)

            clients = [threading.Thread(target=hand_over, args=(number,)) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            sink.wait(CLIENTS * MAILS, timeout=120)
            self.assertEqual(relay.stop(timeout=120), 0)
        return trace.read_text(errors="replace")

    def test_no_250_before_the_sync(self):
        trace = self.traced()
        checked, too_early = violations(trace)
        self.assertEqual(checked, CLIENTS * MAILS)
        self.assertEqual(too_early, [])
        print(f"sync_order: {checked} final replies to DATA and BDAT, each after its sync")

    def test_without_syncs_it_is_found(self):
        trace = self.traced(env={"LD_PRELOAD": CARELESS})
        checked, too_early = violations(trace)
        self.assertEqual(checked, CLIENTS * MAILS)
        self.assertEqual(len(too_early), checked)


if __name__ == "__main__":
    unittest.main()
