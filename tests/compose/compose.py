"""examples/compose.cpp does what it says: each component by itself delivers a mail over STARTTLS with a login."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from certificates import make_certificates
from sink import Sink


class Compose(unittest.TestCase):
    def test_delivers(self):
        with tempfile.TemporaryDirectory(prefix="postrider-compose-") as folder:
            tls = make_certificates(pathlib.Path(folder) / "tls")
            with Sink(security="starttls", certificate=tls.good.pem, key=tls.good.key, accounts={"ada": "sesame"}) as sink:
                done = subprocess.run([os.environ["POSTRIDER_BIN"] + "/compose", "127.0.0.1", str(sink.port), tls.ca, "ada", "sesame",
                                       "ada@example.com", "charles@example.org"], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertEqual(done.stdout.splitlines()[:2],
                                 ["retry: the third attempt waits 4 min, a greylisted one 5 min, after five days it gives up",
                                  "cram-md5: tim b913a602c7eda7a495b4e6e7334d3890"])
                mail = sink.wait(1)[0]
                self.assertIn(b"Piece by piece.", mail.data)
                self.assertEqual(sink.attempts, [("CRAM-MD5", "ada", True)])

    def test_says_why_not(self):
        with tempfile.TemporaryDirectory(prefix="postrider-compose-") as folder:
            tls = make_certificates(pathlib.Path(folder) / "tls")
            with Sink(security="starttls", certificate=tls.good.pem, key=tls.good.key, accounts={"ada": "sesame"}) as sink:
                done = subprocess.run([os.environ["POSTRIDER_BIN"] + "/compose", "127.0.0.1", str(sink.port), tls.ca, "ada", "wrong",
                                       "ada@example.com", "charles@example.org"], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("password", done.stdout)
                self.assertNotIn("wrong", done.stdout)


if __name__ == "__main__":
    unittest.main()
