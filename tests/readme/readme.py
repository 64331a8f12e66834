"""What README.md promises: its programs compile and deliver, its commands work, its links lead somewhere."""
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

from mail_servers import free_port
from programs import program
from sink import Sink

ROOT, COMPILER, LAUNCHER, BUILD = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


class Programs(unittest.TestCase):
    def test_compile_and_deliver(self):
        includes, bodies = ["#include <iostream>"], []
        for block in blocks("cpp"):
            lines = block.splitlines()
            includes += [line for line in lines if line.startswith("#include")]
            bodies.append("\n".join(line for line in lines if not line.startswith("#include")))
        source, binary = BUILD / "readme.cpp", BUILD / "readme"
        text = "\n".join(includes + bodies) + "\n" + (ROOT / "tests/readme/main.cpp.in").read_text()
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        clang = ["-DASIO_HAS_CO_AWAIT=1"] if "clang" in COMPILER else []
        built = subprocess.run([*filter(None, [LAUNCHER]), COMPILER, "-std=c++20", "-Wall", "-Wextra", "-DASIO_STANDALONE", *clang,
                                "-I", ROOT / "include", source, "-o", binary, "-lssl", "-lcrypto", "-lsqlite3", "-lz", "-pthread"],
                               capture_output=True, text=True, timeout=240)
        self.assertEqual(built.returncode, 0, built.stderr)
        with tempfile.TemporaryDirectory(prefix="postrider-readme-") as folder, Sink() as sink:
            with subprocess.Popen([binary, str(sink.port)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
                try:
                    mails = sink.wait(5)
                finally:
                    running.terminate()
                    said, _ = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 0, said)
            self.assertEqual([m.recipients for m in mails], [("charles@example.org",)] + 4 * [("mary@example.org",)])
            self.assertIn("queued as", said)


class Commands(unittest.TestCase):
    def test_relay_commands(self):
        commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.startswith("postrider-")]
        self.assertGreaterEqual(len(commands), 4)
        with tempfile.TemporaryDirectory(prefix="postrider-readme-") as folder:
            (pathlib.Path(folder) / "provider.password").write_text("sesame\n")
            own = {"/var/lib/postrider": folder + "/data", "127.0.0.1:2525": f"127.0.0.1:{free_port()}"}
            for name, *arguments in commands:
                line = [program(name), *(own.get(a, a) for a in arguments), "--key-file", folder + "/key"]
                with self.subTest(" ".join(line)):
                    if arguments[0] == "serve":
                        self.serve(line, folder)
                    else:
                        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)
                        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def serve(self, line, folder):
        with subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as relay:
            try:
                self.assertTrue(relay.stdout.readline(), "no line when ready")
            finally:
                relay.terminate()
                _, errors = relay.communicate(timeout=60)
            self.assertEqual(relay.returncode, 0, errors)


class Links(unittest.TestCase):
    def test_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`((?:examples|tests|docs)/[\w./]+)`", README):
            with self.subTest(target):
                self.assertTrue((ROOT / target).exists())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
