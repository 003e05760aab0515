"""Making and submitting mail."""

import contextlib
import smtplib
import uuid

from .base import Problem
from .pki import PARTICIPANT, SENDER

# What may never be seen at the sink where encryption is required: tests look
# for it in what arrived, also in base64 and quoted-printable.
MARK = "Tajemství trhu"


def sample_text():
    return "Dobrý den,\r\n\r\n%s: nabídka 12,5 MWh.\r\n\r\nFrom dawn till dusk.\r\n.\r\n" % MARK


class Message:
    """A mail as octets, with what a test wants to find again: Message-ID and text."""

    def __init__(self, sender=SENDER, to=(PARTICIPANT,), subject="Zkouska", text=None, fields=(),
                 body=None, cc=()):
        self.message_id = "<%s@trh.example>" % uuid.uuid4()
        self.text = sample_text() if text is None else text
        self.sender = sender
        head = ["From: " + sender, "To: " + ", ".join(to)]
        head += ["Cc: " + ", ".join(cc)] if cc else []
        head += ["Subject: " + subject, "Message-ID: " + self.message_id,
                 "Date: Mon, 02 Mar 2026 10:00:00 +0100"]
        head += list(fields)
        if body is None:
            head += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
                     "Content-Transfer-Encoding: 8bit"]
            body = self.text.encode()
        self.octets = "\r\n".join(head).encode() + b"\r\n\r\n" + body


def submit(port, message, sender=None, recipients=(PARTICIPANT,), login=None, options=(), client=None):
    """Hands the message over by SMTP, as a mail program does. login: (user, pass
    phrase). client: the address that it comes from (the tests' Postfix believes
    XCLIENT). Raises smtplib's exceptions, which hold the server's answer. Returns
    the recipients that were refused, as smtplib does."""
    octets = message.octets if isinstance(message, Message) else message
    envelope_sender = sender if sender is not None else (
        message.sender if isinstance(message, Message) else SENDER)
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60) as smtp:
        smtp.ehlo()
        if client:
            smtp.docmd("XCLIENT", "ADDR=%s NAME=[UNAVAILABLE]" % client)
            smtp.ehlo()
        if login:
            smtp.login(*login)
        if "SMTPUTF8" in options:
            smtp.command_encoding = "utf-8"
        return smtp.sendmail(envelope_sender, list(recipients), octets,
                             mail_options=["BODY=8BITMIME"] + list(options))


@contextlib.contextmanager
def refusal(*codes):
    """Demands that what is within fails with one of these SMTP answer codes. The
    answer's text is then in the object's text."""
    answer = Answer()
    try:
        yield answer
    except Exception as e:
        answer.take(e)
        if answer.code not in codes:
            raise Problem("answered %s %s, not one of %s" % (answer.code, answer.text, codes)) from e
        return
    raise Problem("it was taken, not answered with one of %s" % (codes,))


class Answer:
    code, text = None, ""

    def take(self, e):
        if getattr(e, "recipients", None):
            self.code, self.text = next(iter(e.recipients.values()))
        elif hasattr(e, "smtp_code"):
            self.code, self.text = e.smtp_code, e.smtp_error
        else:
            raise e
        if isinstance(self.text, bytes):
            self.text = self.text.decode("utf-8", "replace")
