#!/usr/bin/env python3
"""A signature that is kept arrives good behind Postfix and Sendmail, whose next hop takes 7-bit
mail only: what they would change does not come into multipart/signed."""

import sys

from inbound_scene import Inbound, head, message_id_of
from scene import PARTICIPANT, SENDER, judges, run
from rig import Problem, Sendmail, submit

TYPE = b"Content-Type: text/plain; charset=utf-8\r\n"

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"

CLEAR = {
    "blanks at line ends": TYPE + b"\r\n-- \r\nJana\t\r\n   \r\n\r\n\r\n",
    "dots": TYPE + b"\r\n.\r\n..\r\n.x\r\n.",
    "a line of 990 octets": TYPE + b"\r\n" + b"x" * 990 + b"\r\n",
    "no line end at the end": TYPE + b"\r\nhello",
    "nothing but a header": TYPE + b"\r\n",
    "no field in its header": b"\r\nhello\r\n",
    "almost From": TYPE + b"\r\n From me\r\n>From me\r\nFrom: me\r\nfrom me\r\n",
    "control characters": TYPE + b"\r\n\x01\x08\x0b\x0c\x1b$B\x7f\t\r\n",
    "an odd header": b"Content-type:text/plain; \r\n\tcharset=utf-8\t\r\nSubject: x\r\nX-Y:\r\nX-Y: \r\n\r\nhello\r\n",
    "what is around parts": MIXED + b" \r\nx \r\n--b\r\nX-Y:z \r\n\r\nx\r\n--b--\r\n \r\n--c--\r\n",
    "a message": MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a, b\r\nTo:c \r\n\r\nx\r\n--b--\r\n",
}

# Each is changed by one of the two where it stands in multipart/signed.
OPAQUE = {
    "a line of 991 octets": TYPE + b"\r\n" + b"x" * 991 + b"\r\n",
    "blanks behind a boundary": MIXED + b"--b \r\n\r\nx\r\n--b--\r\n",
    "a blank before a colon": MIXED + b"--b\r\nContent-Type : text/plain\r\n\r\nx\r\n--b--\r\n",
    "a multipart without end": MIXED + b"--b\r\n\r\nx\r\n",
    "a label": TYPE + b"Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n",
    "a label in a message": MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
                            b"Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n",
    "a message without end": MIXED + b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
                             b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b--\r\n",
}


def check(scene, received, form, content):
    if judges.smime_type(received.data) != form:
        raise Problem("it is not %s: %s" % (form, head(received)))
    signed = scene.openssl.verify(received.data).content
    if signed != content:
        raise Problem("%r is signed, not %r" % (signed, content))


def through(tap, scene, name, port):
    scene.sink.extensions = ["PIPELINING"]
    for form, contents in (("multipart/signed", CLEAR), ("signed-data", OPAQUE)):
        for what, content in contents.items():
            with tap.test("%s changes no signature over %s" % (name, what)):
                entity = scene.partner.sign(content, options=("-cades",))
                for layers in (entity, scene.partner.encrypt(entity)):
                    message = scene.partner.message(layers)
                    submit(port, message, sender=PARTICIPANT, recipients=[SENDER])
                    received, = scene.arrived(message_id_of(message))
                    check(scene, received, form, content)


def test_postfix(tap, rig):
    scene = Inbound(rig)
    through(tap, scene, "Postfix", scene.postfix().port)


def test_sendmail(tap, rig):
    scene = Inbound(rig, listeners={"in": {"direction": "inbound", "group": '"root"', "mode": '"0600"'}})
    sendmail = Sendmail(rig, scene.sink.port, milters=[scene.gateway.socket("in")])
    scene.logs = lambda: sendmail.process.log() + scene.gateway.log()[-6000:]
    through(tap, scene, "Sendmail", sendmail.port)


if __name__ == "__main__":
    sys.exit(run(test_postfix, test_sendmail))
