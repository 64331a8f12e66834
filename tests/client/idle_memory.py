"""An idle connection holds at most 16 KiB if it is plain, and 64 KiB with TLS, all that OpenSSL holds included."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from certificates import make_certificates
from mail_servers import Aiosmtpd

PROGRAM = pathlib.Path(os.environ["POSTRIDER_TEST_BIN"]) / "client" / "test_idle_memory"


class IdleMemoryTest(unittest.TestCase):
    def each_holds(self, security):
        with tempfile.TemporaryDirectory(prefix="postrider-idle-") as folder:
            certificates = make_certificates(pathlib.Path(folder))
            with Aiosmtpd(*certificates.good, {"ada": "sesame"}, security) as server:
                said = subprocess.run([PROGRAM, str(server.port), security, certificates.ca, "40"], check=True,
                                      timeout=100, capture_output=True, text=True).stdout
                self.assertEqual(len(server.mails), 41)
        print(f"idle_memory: {security}: {int(said)} bytes")
        return int(said)

    def test_plain(self):
        self.assertLessEqual(self.each_holds("none"), 16 * 1024)

    def test_tls(self):
        self.assertLessEqual(self.each_holds("tls"), 64 * 1024)


if __name__ == "__main__":
    unittest.main()
