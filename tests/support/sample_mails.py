"""Mails that are hard to carry unchanged, built by Python's email package: bytes with CRLF line ends."""
import email.policy
import random
from email.message import EmailMessage
from email.utils import format_datetime
import datetime

# Long enough for every non-ASCII header to be an encoded word; lines as RFC 5322 wants them.
_POLICY = email.policy.SMTP.clone(cte_type="7bit")


def _message(sender, to, subject, message_id):
    message = EmailMessage(policy=_POLICY)
    message["From"] = f"Ada Łovelace <{sender}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.datetime(2026, 5, 17, 12, 0, 0, tzinfo=datetime.timezone.utc))
    message["Message-ID"] = message_id
    return message


def rich_mail(sender="ada@example.com", to="charles@example.org", message_id="<rich@example.com>", seed=7):
    """Text, HTML, an inline image and attachments with non-ASCII names; non-ASCII headers."""
    random_bytes = random.Random(seed).randbytes
    message = _message(sender, to, "Größe — 大きさ: the engine works, déjà vu " * 3, message_id)
    message.set_content("Come and see.\n\n.\n..\n.leading dot\nFrom the first column\nGrüße\n\n\n")
    message.add_alternative("<p>Come and <img src='cid:picture'> see.</p>\n", subtype="html")
    message.get_payload()[1].add_related(random_bytes(3000), "image", "png", cid="<picture>")
    message.add_attachment(random_bytes(70000), maintype="application", subtype="octet-stream",
                           filename="Maße – 寸法.bin")
    message.add_attachment(".\r\n..\r\nlines that begin with dots\r\n", filename="dots.txt")
    return message.as_bytes()


def rough_mail(sender="ada@example.com", to="charles@example.org", message_id="<rough@example.com>"):
    """What few clients send and every server must carry: 8-bit text, longest lines, dots, blanks at line ends."""
    head = (f"From: {sender}\r\nTo: {to}\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n  folded with two blanks\r\n"
            f"Message-ID: {message_id}\r\nDate: Sun, 17 May 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n").encode()
    body = (b".\r\n" + b"..\r\n" + b".dot\r\n" + "Grüße, Ελλάδα, 日本\r\n".encode() + b"trailing blanks  \t \r\n"
            + b"x" * 998 + b"\r\n" + b"." * 998 + b"\r\n" + b"From the first column\r\n" + b"\r\n\r\n" + b". \r\n"
            + b"\t\r\n" + b"last line\r\n\r\n\r\n")
    return head + body


def plain_mail(number, sender="ada@example.com", to="charles@example.org", size=500, kind="mail"):
    """A small mail whose Message-ID carries kind and number."""
    head = (f"From: {sender}\r\nTo: {to}\r\nSubject: {kind} {number}\r\nMessage-ID: <{kind}.{number}@example.com>\r\n"
            f"Date: Sun, 17 May 2026 12:00:00 +0000\r\n\r\n").encode()
    line = f"{kind} {number} ".encode()
    line = (line * (70 // len(line) + 1))[:70] + b"\r\n"
    return head + line * max(1, (size - len(head)) // len(line))
