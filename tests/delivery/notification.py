"""A notification, read by Python's email package."""
import email
import email.policy
import subprocess
import sys
import unittest

WRITER = sys.argv.pop()


def read_notification(*kind):
    written = subprocess.run([WRITER, *kind], stdout=subprocess.PIPE, check=True, timeout=60).stdout
    assert b"\n" not in written.replace(b"\r\n", b"")
    return email.message_from_bytes(written, policy=email.policy.default)


class Notification(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = read_notification()
        cls.words, cls.status, cls.original = cls.mail.iter_parts()

    def test_head(self):
        self.assertEqual(self.mail.defects, [])
        self.assertEqual(self.mail.get_content_type(), "multipart/report")
        self.assertEqual(self.mail.get_param("report-type"), "delivery-status")
        self.assertEqual(self.mail["Auto-Submitted"], "auto-replied")
        self.assertEqual(self.mail["To"], "ada@example.com")
        self.assertEqual(self.mail["In-Reply-To"], "<17@example.com>")
        self.assertTrue(self.mail["Date"].datetime)
        self.assertTrue(self.mail["Message-ID"])

    def test_words_for_people(self):
        text = self.words.get_content()
        for address in ("nobody@example.org", "slow@example.org", "odd one"):
            self.assertIn(address, text)
        self.assertNotIn("fine@example.org", text)
        self.assertIn("no such user here", text)
        self.assertIn("may have been delivered", text)

    def test_status(self):
        self.assertEqual(self.status.get_content_type(), "message/delivery-status")
        about, nobody, slow, odd = self.status.get_payload()
        self.assertEqual(about["Reporting-MTA"], "dns; relay.example.com")
        self.assertEqual(about["Original-Envelope-Id"], "order-17")
        self.assertIn("14 Nov 2023 22:13:20", about["Arrival-Date"])
        self.assertEqual(nobody["Original-Recipient"], "rfc822;nobody+original@example.org")
        self.assertEqual(nobody["Final-Recipient"], "rfc822; nobody@example.org")
        self.assertEqual(nobody["Action"], "failed")
        self.assertEqual(nobody["Status"], "5.1.1")
        self.assertEqual(nobody["Remote-MTA"], "dns; mx.example.org")
        self.assertTrue(nobody["Diagnostic-Code"].startswith("smtp; 550 5.1.1 no such user here really"))
        self.assertTrue(nobody["Diagnostic-Code"].isascii() and nobody["Diagnostic-Code"].isprintable())
        self.assertEqual(slow["Final-Recipient"], "rfc822; slow@example.org")
        self.assertEqual(slow["Status"][0], "5")
        self.assertIsNone(slow["Diagnostic-Code"])
        self.assertEqual(odd["Final-Recipient"], 'rfc822; "odd one"@example.org')
        self.assertEqual(odd["Status"], "5.4.7")
        self.assertEqual(odd["Diagnostic-Code"], "smtp; 451 4.7.1 come back later")

    def test_original_in_full_as_asked_for(self):
        self.assertEqual(self.original.get_content_type(), "message/rfc822")
        returned = self.original.get_content()
        self.assertEqual(returned["Subject"], "The engine")
        self.assertEqual(returned["Message-ID"], "<17@example.com>")
        self.assertIn("the body", returned.get_content())


class LateAndRelayed(unittest.TestCase):
    """No failure: nothing is lost, and the sender has his mail."""

    @classmethod
    def setUpClass(cls):
        cls.mail = read_notification("late")
        cls.words, cls.status, cls.original = cls.mail.iter_parts()

    def test_head_and_words(self):
        self.assertEqual(self.mail.defects, [])
        self.assertEqual(self.mail["Subject"], "Delayed mail")
        self.assertEqual(self.mail["Auto-Submitted"], "auto-replied")
        text = self.words.get_content()
        self.assertIn("come back later", text)
        self.assertIn("<fine@example.org>", text)

    def test_status(self):
        about, fine, odd = self.status.get_payload()
        self.assertEqual(about["Original-Envelope-Id"], "order-17")
        self.assertEqual(fine["Original-Recipient"], "rfc822;finest@example.net")
        self.assertEqual(fine["Final-Recipient"], "rfc822; fine@example.org")
        self.assertEqual((fine["Action"], fine["Status"]), ("relayed", "2.0.0"))
        self.assertIsNone(fine["Will-Retry-Until"])
        self.assertEqual(odd["Final-Recipient"], 'rfc822; "odd one"@example.org')
        self.assertEqual((odd["Action"], odd["Status"]), ("delayed", "4.7.1"))
        self.assertIn("19 Nov 2023 22:13:20", odd["Will-Retry-Until"])

    def test_headers_only_whatever_was_asked_for(self):
        self.assertEqual(self.original.get_content_type(), "text/rfc822-headers")
        returned = email.message_from_string(self.original.get_content(), policy=email.policy.default)
        self.assertEqual(returned["Subject"], "The engine")
        self.assertNotIn("the body", str(returned))


unittest.main()
