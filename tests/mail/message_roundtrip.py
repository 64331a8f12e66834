"""What message and delivery_status build, read back by Python's email package."""
import base64
import datetime
import email
import email.header
import email.policy
import os
import random
import subprocess
import unittest

PROGRAM = os.path.join(os.environ["POSTRIDER_TEST_BIN"], "mail", "build_message")
BUILDER = [("from", "Ada <ada@example.com>"), ("to", "charles@example.org")]
LINE_ENDS = ("\r\n", "\n", "\r")


def encoded(argument):
    data = argument if isinstance(argument, bytes) else str(argument).encode()
    return base64.b64encode(data).decode() or "-"


def run(calls):
    lines = [" ".join([name, *map(encoded, arguments)]) for name, *arguments in calls]
    return subprocess.run([PROGRAM], input="\n".join(lines).encode(), capture_output=True, timeout=60)


def normal(text):
    for end in LINE_ENDS:
        text = text.replace(end, "\n")
    return text if not text or text.endswith("\n") else text + "\n"


class Built:
    def __init__(self, calls):
        done = run(calls)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
        envelope, self.content = done.stdout.split(b"\n\n", 1)
        self.reverse_path, *self.recipients = envelope.decode().split("\n")
        self.mail = email.message_from_bytes(self.content, policy=email.policy.default)


def display_name(built, field, index):
    """The name of one mailbox. Python 3.11 keeps the blanks between the encoded words of a name, against RFC 2047
    section 6.2; its older decoder drops them."""
    box = built.mail[field].addresses[index]
    raw = built.content.split(f"\r\n{field}: ".encode())[1].replace(b"\r\n ", b" ").split(b"\r\n")[0].decode()
    name = raw.split(", ")[index].split(" <")[0]
    if name.count("=?utf-8?") > 1:
        return str(email.header.make_header(email.header.decode_header(name)))
    return box.display_name


class Parsed(unittest.TestCase):
    def build(self, *calls, eight_bit=False):
        built = Built([*BUILDER, *calls])
        self.check_form(built, eight_bit)
        return built

    def check_form(self, built, eight_bit=False):
        lines = built.content.split(b"\r\n")
        self.assertEqual(lines[-1], b"", "the last line has its CRLF")
        for line in lines:
            self.assertLessEqual(len(line), 998)
            self.assertNotIn(b"\r", line)
            self.assertNotIn(b"\n", line)
        header = built.content.split(b"\r\n\r\n")[0]
        for line in header.split(b"\r\n"):
            self.assertNotEqual(line.strip(), b"", "no line of white space in the header section")
            if b"=?" in line:
                self.assertLessEqual(len(line), 76)
        if not eight_bit:
            self.assertTrue(built.content.isascii())
        for part in built.mail.walk():
            self.assertEqual(part.defects, [], part)
            for name, value in part.items():
                self.assertEqual(list(getattr(value, "defects", [])), [], f"{name}: {value}")


class Messages(Parsed):
    def test_the_smallest_mail(self):
        built = self.build()
        self.assertEqual(built.reverse_path, "<ada@example.com>")
        self.assertEqual(built.recipients, ["<charles@example.org>"])
        self.assertEqual(built.mail.get_content_type(), "text/plain")
        self.assertEqual(built.mail.get_content(), "")
        self.assertEqual(built.mail["MIME-Version"], "1.0")
        self.assertRegex(built.mail["Message-ID"], r"^<[0-9a-f]{32}@example\.com>$")
        age = datetime.datetime.now(datetime.timezone.utc) - built.mail["Date"].datetime
        self.assertLess(abs(age.total_seconds()), 60)
        for name in ("From", "To", "Date", "Message-ID", "MIME-Version", "Content-Type"):
            self.assertEqual(len(built.mail.get_all(name)), 1, name)
        self.assertNotIn("Subject", built.mail)

    def test_dates(self):
        for when in (0, 951782400, 1709164800, 1798761599, 4102444800):
            built = self.build(("date", when))
            self.assertEqual(built.mail["Date"].datetime, datetime.datetime.fromtimestamp(when, datetime.timezone.utc))

    def test_subjects_come_back_as_they_were(self):
        for subject in (
            "The engine works", "Grüße aus Köln", "日本語の件名" * 20, "one ü two ä three", "ü", "a", "",
            "ends with ü ", " starts", "ends ", "two  blanks", "ü  two blanks  ü", "a   ü   b", " ", "   ",
            "=?utf-8?q?not_encoded?=", "a =?x?= b", "tab\there", "😀" * 60, "x" * 2000, "ü" * 1000,
            "word " * 300 + "end", "a" + " " * 1500 + "b", "a, b; c: \"d\" <e> (f) [g] \\h", "100% = ?_", "ä" + " " * 200 + "b",
            "mixed ascii and ünïcode wörds in a rather löng subject line that hÄs to be folded more than once, ünd möre",
            "https://example.org/" + "path/" * 60,
        ):
            with self.subTest(subject=subject):
                self.assertEqual(str(self.build(("subject", subject)).mail["Subject"]), subject)

    def test_random_subjects(self):
        chance = random.Random(20261123)
        alphabet = "ab ?=_ü😀é\"(),<  \t."
        for _ in range(150):
            subject = "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 140)))
            with self.subTest(subject=subject):
                self.assertEqual(str(self.build(("subject", subject)).mail["Subject"]), subject)

    def test_display_names(self):
        for name in (
            "Ada Lovelace", "Lovelace, Ada", "Ada \"the Countess\" L.", "back\\slash", "Ünïcödé Name", "王小明", "A. B. C.", "a@b",
            "=?utf-8?q?tricky?=", "name: with; specials <>", "  blanks  inside  ", "very long name " * 12 + "end", "😀" * 40, "x" * 400, "(c)",
        ):
            with self.subTest(name=name):
                built = self.build(("to", name, "someone@example.net"))
                box = built.mail["To"].addresses[1]
                self.assertEqual(box.addr_spec, "someone@example.net")
                self.assertEqual(display_name(built, "To", 1), name)

    def test_written_mailboxes(self):
        for text, name, addr in (
            ('"Lovelace, Ada" <ada@example.net>', "Lovelace, Ada", "ada@example.net"),
            ("Jürgen <j@example.net>", "Jürgen", "j@example.net"),
            ("<plain@example.net>", "", "plain@example.net"),
            ('"odd local"@example.net', "", '"odd local"@example.net'),
        ):
            box = self.build(("to", text)).mail["To"].addresses[1]
            self.assertEqual((box.display_name, box.addr_spec), (name, addr))

    def test_many_recipients(self):
        calls = [("to", f"Person Number {i} <p{i}@example.org>") for i in range(100)]
        calls += [("cc", f"Pérson {i} <c{i}@example.org>") for i in range(20)]
        calls += [("bcc", "hidden@example.org"), ("cc", "p1@EXAMPLE.ORG")]
        built = self.build(*calls)
        self.assertEqual(len(built.mail["To"].addresses), 101)
        self.assertEqual(built.mail["Cc"].addresses[3].display_name, "Pérson 3")
        self.assertEqual(len(built.recipients), 1 + 100 + 20 + 1, "who is named twice is one recipient")
        self.assertIn("<hidden@example.org>", built.recipients)
        self.assertNotIn(b"hidden", built.content)
        self.assertNotIn("Bcc", built.mail)

    def test_only_hidden_recipients(self):
        built = Built([("from", "ada@example.com"), ("bcc", "hidden@example.org")])
        self.check_form(built)
        self.assertEqual(len(built.mail["To"].addresses), 0)
        self.assertNotIn(b"hidden", built.content)

    def test_two_authors_need_a_sender(self):
        built = self.build(("from", "charles@example.com"))
        self.assertEqual(len(built.mail["From"].addresses), 2)
        self.assertEqual(built.mail["Sender"].address.addr_spec, "ada@example.com")
        self.assertEqual(built.reverse_path, "<ada@example.com>")

    def test_other_headers(self):
        built = self.build(("reply_to", "Réponse <r@example.com>"), ("header", "X-Note", "naïve " * 40 + "end"),
                           ("header", "List-Id", "Engines <engines.example.com>"), ("message_id", "one@example.com"))
        self.assertEqual(built.mail["Reply-To"].addresses[0].display_name, "Réponse")
        self.assertEqual(built.mail["X-Note"], "naïve " * 40 + "end")
        self.assertEqual(built.mail["List-Id"], "Engines <engines.example.com>")
        self.assertEqual(built.mail["Message-ID"], "<one@example.com>")

    def test_bodies(self):
        for text in (
            "Come and see.\n", "no line end", "", "\n\n\n", "mixed\rline\nends\r\nhere\n\r", ".\n..\n.dot\n", "From here\n",
            "Grüße\n", "日本語\n" * 400, "x" * 998 + "\n", "x" * 999 + "\n", "ü" * 5000, "blank at the end \nand tab\t\n", "= =3D =\n",
            "a" * 75 + "=\n" + "a" * 76 + "é\n", "control \x01 \x00 \x7f\n", "-- \nsignature\n", "--=_0123\n", " \n", "é \né\t\né",
        ):
            with self.subTest(text=text[:40]):
                built = self.build(("text", text))
                self.assertEqual(normal(built.mail.get_content()), normal(text))
                built = self.build(("html", text))
                self.assertEqual(built.mail.get_content_type(), "text/html")
                self.assertEqual(normal(built.mail.get_content()), normal(text))

    def test_ascii_text_is_not_encoded_and_long_lines_are(self):
        self.assertEqual(self.build(("text", "plain\n")).mail["Content-Transfer-Encoding"], "7bit")
        self.assertEqual(self.build(("text", "Grüße aus einer fast ganz lesbaren Zeile\n")).mail["Content-Transfer-Encoding"], "quoted-printable")
        self.assertEqual(self.build(("text", "x" * 999)).mail["Content-Transfer-Encoding"], "quoted-printable")
        self.assertEqual(self.build(("text", "日本語")).mail["Content-Transfer-Encoding"], "base64")

    def test_text_and_html(self):
        built = self.build(("text", "plän\n"), ("html", "<p>fäncy</p>\n"))
        self.assertEqual(built.mail.get_content_type(), "multipart/alternative")
        self.assertEqual([p.get_content_type() for p in built.mail.iter_parts()], ["text/plain", "text/html"])
        self.assertEqual(normal(built.mail.get_body(("plain",)).get_content()), "plän\n")
        self.assertEqual(normal(built.mail.get_body(("html",)).get_content()), "<p>fäncy</p>\n")

    def test_everything_at_once(self):
        image, sheet = random.Random(1).randbytes(5000), random.Random(2).randbytes(70001)
        built = self.build(("text", "see\n"), ("html", '<img src="cid:logo@x">\n'), ("embed", "logo@x", "image/png", image),
                           ("attach", "sheet.xls", "application/vnd.ms-excel", sheet), ("attach", "b.bin", "application/octet-stream", b""))
        shape = [part.get_content_type() for part in built.mail.walk()]
        self.assertEqual(shape, ["multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html",
                                 "image/png", "application/vnd.ms-excel", "application/octet-stream"])
        related = next(built.mail.iter_parts())
        inline = list(related.iter_parts())[1]
        self.assertEqual(inline["Content-ID"], "<logo@x>")
        self.assertEqual(inline.get_content_disposition(), "inline")
        self.assertEqual(inline.get_payload(decode=True), image)
        files = list(built.mail.iter_attachments())
        self.assertEqual([f.get_filename() for f in files], ["sheet.xls", "b.bin"])
        self.assertEqual(files[0].get_payload(decode=True), sheet)
        self.assertEqual(files[1].get_payload(decode=True), b"")
        self.assertEqual(normal(built.mail.get_body(("html",)).get_content()), '<img src="cid:logo@x">\n')

    def test_html_with_an_image_alone(self):
        built = self.build(("html", '<img src="cid:logo">'), ("embed", "logo", "image/gif", b"GIF89a"))
        self.assertEqual([p.get_content_type() for p in built.mail.walk()], ["multipart/related", "text/html", "image/gif"])

    def test_odd_sizes(self):
        chance = random.Random(3)
        sizes = [*range(0, 8), 56, 57, 58, 113, 114, 115, 998, 999, 4095, 4096, 4097, 1_000_003]
        data = [chance.randbytes(size) for size in sizes]
        built = self.build(("text", "files\n"), *[("attach", f"{len(d)}.bin", "application/octet-stream", d) for d in data])
        self.assertEqual([p.get_payload(decode=True) for p in built.mail.iter_attachments()], data)

    def test_awkward_bytes(self):
        data = [b"\r", b"\n", b"\r\n.\r\n", b"line\nline\r", b"\0" * 100, bytes(range(256)) * 5, "text\n".encode("utf-16")]
        built = self.build(*[("attach", f"f{i}", "text/plain", d) for i, d in enumerate(data)])
        self.assertEqual([p.get_payload(decode=True) for p in built.mail.iter_attachments()], data)

    def test_file_names(self):
        for name in (
            "report.pdf", "with blank.txt", 'quo"te.txt', "back\\slash.txt", "Übergrößenträger.pdf", "見積書.xlsx", "a'b%c*d.txt", "semi;colon=.txt",
            "x" * 300 + ".txt", "ü" * 120 + ".pdf", "😀.png", "très long nom de fichier avec des espaces et des accents éèà.docx", "=?utf-8?q?x?=.txt",
        ):
            with self.subTest(name=name):
                built = self.build(("attach", name, "application/octet-stream", b"data"))
                (file,) = built.mail.iter_attachments()
                self.assertEqual(file.get_filename(), name)

    def test_media_types_keep_their_parameters(self):
        (file,) = self.build(("attach", "a.csv", "text/csv; charset=utf-8; header=present", b"a,b\n")).mail.iter_attachments()
        self.assertEqual((file.get_content_type(), file.get_param("header")), ("text/csv", "present"))

    def test_a_mail_in_a_mail(self):
        inner = self.build(("subject", "inside ü"), ("text", "ü")).content
        (file,) = self.build(("attach", "inner.eml", "message/rfc822", inner)).mail.iter_attachments()
        self.assertEqual(file.get_content_type(), "message/rfc822")
        self.assertEqual(str(file.get_content()["Subject"]), "inside ü")
        eight = b"Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xbc\n"
        built = self.build(("attach", "inner.eml", "message/rfc822", eight), eight_bit=True)
        self.assertEqual(built.mail["Content-Transfer-Encoding"], "8bit")
        (file,) = built.mail.iter_attachments()
        self.assertEqual(normal(file.get_content().get_content()), "ü\n")

    def test_addresses_outside_ascii(self):
        built = Built([("from", "jürgen@example.com"), ("to", "Ü <ü@müller.example>")])
        self.assertEqual(built.recipients, ["<ü@müller.example>"])
        mail = email.message_from_string(built.content.decode(), policy=email.policy.SMTPUTF8)
        self.assertEqual(mail["From"].addresses[0].addr_spec, "jürgen@example.com")
        self.assertEqual(mail["To"].addresses[0].addr_spec, "ü@müller.example")

    def test_refusals_name_the_header(self):
        ok = [*BUILDER]
        for calls, words in (
            ([*ok, ("subject", "a\r\nBcc: x@example.org")], ("Subject", "\\r\\n")),
            ([*ok, ("subject", "a\x00b")], ("Subject", "\\x00")),
            ([*ok, ("to", "Ada\r\n <a@b>")], ("To", "\\r\\n")),
            ([*ok, ("to", "Ada\nX: y", "a@example.org")], ("To", "\\n")),
            ([*ok, ("cc", "nonsense")], ("Cc", "nonsense")),
            ([*ok, ("header", "X-A", "b\nc")], ("X-A", "\\n")),
            ([*ok, ("header", "X A", "b")], ("X A",)),
            ([*ok, ("header", "X-A:\r\nB", "b")], ("X-A:\\r\\nB",)),
            ([*ok, ("header", "", "b")], ("name",)),
            ([*ok, ("header", "bcc", "x@example.org")], ("bcc", "itself")),
            ([*ok, ("header", "Content-type", "x/y")], ("Content-type", "itself")),
            ([*ok, ("attach", "a\r\nb", "text/plain", b"")], ("Content-Disposition", "\\r\\n")),
            ([*ok, ("attach", "a", "text/plain\r\nX: y", b"")], ("Content-Type", "\\r\\n")),
            ([*ok, ("attach", "a", "text", b"")], ("Content-Type", "text")),
            ([*ok, ("attach", "a", "multipart/mixed", b"")], ("Content-Type", "multipart")),
            ([*ok, ("attach", "a", "message/rfc822", b"x" * 999)], ("Content-Type", "998")),
            ([*ok, ("html", "x"), ("embed", "a>\r\n", "image/png", b"")], ("Content-ID", "\\r\\n")),
            ([*ok, ("embed", "logo", "image/png", b"")], ("Content-ID", "logo")),
            ([*ok, ("message_id", "no at sign")], ("Message-ID", "no at sign")),
            ([*ok, ("message_id", "<a@b>\r\nX: y")], ("Message-ID", "\\r\\n")),
            ([*ok, ("subject", b"\xff\xfe")], ("Subject", "UTF-8")),
            ([*ok, ("text", b"\xff")], ("text", "UTF-8")),
            ([*ok, ("reply_to", "ü@example.org")], ("Reply-To", "ü@example.org")),
            ([("to", "a@example.org")], ("From",)),
            ([("from", "a@example.org")], ("To",)),
        ):
            with self.subTest(calls=calls):
                done = run(calls)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stdout, b"")
                for word in words:
                    self.assertIn(word, done.stderr.decode())


class Notifications(Parsed):
    ORIGINAL = (b"From: ada@example.com\r\nSubject: =?utf-8?q?=C3=BC?=\r\nMessage-ID: <first@example.com>\r\n"
                b"X-Long: " + b"folded\r\n " * 30 + b"end\r\n\r\nbody\r\n.\r\n")

    def report(self, *calls, eight_bit=False):
        built = Built([("report", "relay.example.com", "ada@example.com"), *calls])
        self.check_form(built, eight_bit)
        self.assertEqual(built.reverse_path, "<>")
        self.assertEqual(built.recipients, ["<ada@example.com>"])
        self.assertEqual(built.mail.get_content_type(), "multipart/report")
        self.assertEqual(built.mail.get_param("report-type"), "delivery-status")
        self.assertEqual(built.mail["Auto-Submitted"], "auto-replied")
        return built

    def test_a_failure(self):
        built = self.report(
            ("explanation", "Ihre Nachricht kam nicht an.\nGründe folgen.\n"), ("envid", "QQ314159"), ("arrival", 1700000000),
            ("recipient", "charles@example.org", "failed", "5.1.1", "rfc822;charles+old@example.org",
             "550 5.1.1 no such user \r\n here: ü" + " and so on" * 60, "mx.example.org", 1700003600),
            ("recipient", "bob@example.org", "delayed", "", "", "", "", 1700003600),
            ("original", self.ORIGINAL), ("returned", "headers"))
        text, status, returned = built.mail.iter_parts()
        self.assertEqual(normal(text.get_content()), "Ihre Nachricht kam nicht an.\nGründe folgen.\n")
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        whole, charles, bob = status.get_payload()
        self.assertEqual(whole["Reporting-MTA"], "dns; relay.example.com")
        self.assertEqual(whole["Original-Envelope-Id"], "QQ314159")
        self.assertEqual(whole["Arrival-Date"], "Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(charles["Final-Recipient"], "rfc822; charles@example.org")
        self.assertEqual(charles["Original-Recipient"], "rfc822;charles+old@example.org")
        self.assertEqual((charles["Action"], charles["Status"]), ("failed", "5.1.1"))
        self.assertEqual(charles["Remote-MTA"], "dns; mx.example.org")
        self.assertEqual(charles["Diagnostic-Code"], "smtp; 550 5.1.1 no such user \\r\\n here: ü" + " and so on" * 60)
        self.assertEqual(charles["Last-Attempt-Date"], "Tue, 14 Nov 2023 23:13:20 +0000")
        self.assertEqual((bob["Action"], bob["Status"]), ("delayed", "4.0.0"))
        self.assertNotIn("Diagnostic-Code", bob)
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertEqual(returned.get_payload(decode=True), self.ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n")
        self.assertEqual(built.mail["In-Reply-To"], "<first@example.com>")
        self.assertEqual(built.mail["References"], "<first@example.com>")

    def test_the_whole_mail_returned(self):
        one = ("recipient", "charles@example.org", "failed", "5.0.0", "", "", "", 0)
        built = self.report(one, ("original", self.ORIGINAL), ("returned", "full"))
        returned = list(built.mail.iter_parts())[2]
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertIn(self.ORIGINAL, built.content)
        self.assertEqual(returned.get_content()["Message-ID"], "<first@example.com>")

        eight = b"Subject: x\r\n\r\n\xc3\xbc\r\n"
        built = self.report(one, ("original", eight), ("returned", "full"), eight_bit=True)
        self.assertIn(eight, built.content)
        self.assertEqual(built.mail["Content-Transfer-Encoding"], "8bit")

        long = b"Subject: x\r\n\r\n" + b"y" * 999 + b"\r\n"
        built = self.report(one, ("original", long), ("returned", "full"))
        self.assertEqual(list(built.mail.iter_parts())[2].get_content_type(), "text/rfc822-headers")

        built = self.report(one, ("original", self.ORIGINAL), ("returned", "none"))
        self.assertEqual(len(list(built.mail.iter_parts())), 2)
        self.assertNotIn(b"X-Long", built.content)

    def test_raw_bytes_in_returned_headers(self):
        original = b"Subject: \xfc raw \xff\r\nX-Long: " + b"z" * 3000 + b"\r\n\r\nbody\r\n"
        built = self.report(("recipient", "c@example.org", "failed", "5.0.0", "", "", "", 0), ("original", original))
        returned = list(built.mail.iter_parts())[2]
        self.assertEqual(returned.get_payload(decode=True), original.split(b"\r\n\r\n")[0] + b"\r\n")

    def test_recipients_outside_ascii(self):
        built = self.report(("recipient", "jürgen@example.org", "failed", "5.6.7", "", "", "", 0))
        status = list(built.mail.iter_parts())[1]
        self.assertEqual(status.get_payload()[1]["Final-Recipient"], "utf-8; j\\x{FC}rgen@example.org")

    def test_refusals(self):
        for calls, word in (
            ([("report", "relay.example.com", "ada@example.com")], "no recipient"),
            ([("report", "bad name\r\n", "ada@example.com"), ("recipient", "c@d", "failed", "", "", "", "", 0)], "bad name\\r\\n"),
            ([("report", "a.b", "ada@example.com"), ("subject", "x\ny"), ("recipient", "c@d", "failed", "", "", "", "", 0)], "x\\ny"),
        ):
            done = run(calls)
            self.assertEqual(done.returncode, 1)
            self.assertIn(word, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
