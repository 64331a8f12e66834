"""postrider-send says who was refused, and why."""
import unittest

from programs import run, send
from sink import Sink


class SendOutcomesTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink("sink.test")
        self.addCleanup(self.sink.stop)
        self.sink.answer("rcpt", "550 5.1.1 no such user here", when=lambda argument: b"nobody" in argument)
        self.arguments = ["--server", f"smtp://127.0.0.1:{self.sink.port}", "--from", "ada@example.com",
                          "--to", "reader@example.org", "--to", "nobody1@example.org", "--to", "nobody2@example.org",
                          "--subject", "three", "--text", "for three"]

    def test_as_json(self):
        code, figures = send(*self.arguments, "--count", 5)
        self.assertEqual((code, figures["sent"], figures["failed"]), (1, 0, 5))
        self.assertEqual([(one["recipient"], one["code"]) for one in figures["failures"]],
                         [("nobody1@example.org", 550), ("nobody2@example.org", 550)])
        self.assertEqual([mail.recipients for mail in self.sink.wait(5)], [("reader@example.org",)] * 5)

    def test_as_text(self):
        done = run("postrider-send", *self.arguments)
        self.assertEqual((done.code, done.err), (1, ""))
        for name in ("nobody1@example.org", "nobody2@example.org"):
            self.assertRegex(done.out, f"(?m)^{name}: .*no such user here")
        self.assertNotIn("reader@example.org", done.out)

    def test_what_is_not_about_recipients_names_none(self):
        self.sink.die()
        done = run("postrider-send", *self.arguments)
        self.assertEqual(done.code, 1)
        self.assertNotIn("@example.org", done.out)


if __name__ == "__main__":
    unittest.main()
