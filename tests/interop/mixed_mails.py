"""Mails of many senders through one pipelined connection to Postfix and to Exim, some of them refused: every outcome is
right, every mail that was accepted arrives once with its own sender and recipients, and no other."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from certificates import make_certificates
from mail_servers import Exim, Postfix

PROGRAM = pathlib.Path(os.environ["POSTRIDER_TEST_BIN"]) / "interop" / "test_mixed_mails"
COUNT = 42


def expected(n):
    """What is said of mail n, but for the stage at which a server refuses."""
    if n % 6 in (1, 5):
        return ["permanent"] * (1 if n % 6 == 1 else 2)
    return ["permanent", "accepted"] if n % 6 == 3 else ["accepted"]


class Checks:
    def run_pattern(self, pattern):
        self.server.inbox.clear()
        said = subprocess.run([PROGRAM, str(self.server.plain_port), pattern, str(COUNT)], check=True, timeout=120,
                              capture_output=True, text=True).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in said], [str(n) for n in range(COUNT)])
        for n, line in enumerate(said):
            self.assertEqual([word.split(":")[0] for word in line.split()[1:]], expected(n), line)
        accepted = [n for n in range(COUNT) if "accepted" in expected(n)]
        arrived = {}
        for data in self.server.inbox.wait(len(accepted)):
            number = int(re.search(rb"^Subject: (\d+)", data, re.M).group(1))
            self.assertFalse(number in arrived, f"mail {number} arrived twice")
            arrived[number] = data
        self.assertEqual(sorted(arrived), accepted)
        for number, data in arrived.items():
            header = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
            # Postfix tells the sender in Return-Path, Exim in Received.
            self.assertRegex(header, rb"(Return-Path: |envelope-from )<from%d@example.com>" % number)
            self.assertIn(b"to%d@example.org" % number, header)
            self.assertTrue(b"\n.number %d\n" % number in data.replace(b"\r\n", b"\n"), f"mail {number} is another")
            self.assertEqual(data.count(b"\n.a line of a large mail"), 20_000 if number % 7 == 6 else 0)

    def test_every_pattern(self):
        for pattern in ("lockstep", "data", "pipelining", "window:8"):
            with self.subTest(pattern=pattern):
                self.run_pattern(pattern)


class PostfixTest(Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="postrider-mixed-")
        cls.addClassCleanup(folder.cleanup)
        cls.server = Postfix(*make_certificates(pathlib.Path(folder.name)).good, {})
        cls.addClassCleanup(cls.server.stop)


class EximTest(Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="postrider-mixed-")
        cls.addClassCleanup(folder.cleanup)
        cls.server = Exim(*make_certificates(pathlib.Path(folder.name)).good, {})
        cls.addClassCleanup(cls.server.stop)


if __name__ == "__main__":
    unittest.main()
