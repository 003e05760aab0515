#!/usr/bin/env python3
"""The same milter with other neighbours: opendkim behind it, Sendmail before it."""

import smtplib
import sys

from scene import (OUTSIDE, PARTICIPANT, SENDER, WITHOUT, Scene, block, judges, names, refusal, run,
                   login, text)
from rig import Dkim, Message, Postfix, Sendmail, submit
from rig.mail import MARK


def test_dkim(tap, rig):
    """sealmilter first, opendkim second: what is signed by DKIM is what leaves."""
    scene = Scene(rig)
    scene.participants()
    world = Postfix(rig, "world", relayhost=scene.sink.address,
                    main={"smtpd_milters": Dkim(rig, "v").milter})
    both = "%s, %s" % (scene.gateway.milter(), Dkim(rig, "s").milter)
    front = scene.postfix(relay_port=world.port, services={"smtp": {"smtpd_milters": both}},
                          non_smtpd_milters=both)
    for name, recipient in (("encrypted", PARTICIPANT), ("sealed", OUTSIDE)):
        with tap.test("%s mail: DKIM's signature verifies at the sink, and the seal is intact" % name):
            message = Message(to=[recipient])
            submit(front.port, message, recipients=[recipient], login=login("zpravy"))
            received = scene.arrived(message)[0]
            results = received.header("Authentication-Results")
            assert "dkim=pass" in results, results
            if recipient == PARTICIPANT:
                scene.opens(received, message=message)
            else:
                scene.is_sealed(received, message)
    with tap.test("locally submitted mail: likewise"):
        message = Message()
        front.sendmail(message, [PARTICIPANT], SENDER)
        received = scene.arrived(message)[0]
        assert "dkim=pass" in received.header("Authentication-Results"), received.data[:2000]
        scene.opens(received, message=message)


MIXED = "Content-Type: multipart/mixed; boundary=b"
MESSAGE = b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n"

# Every line of it is one that no relay changes, and yet the whole of some is changed where it is
# not sealed opaque.
SAFE_LINES = {
    "a multipart without end": b"--b\r\n\r\nx\r\n",
    "a blank before a colon": b"--b\r\nContent-Type : text/plain\r\n\r\nx\r\n--b--\r\n",
    "an attached message": MESSAGE + b"\r\nx\r\n--b--\r\n",
    "an attached message with a label": MESSAGE + b"Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n",
    "an attached message without end": (
        MESSAGE + b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b--\r\n"),
}


def test_seven_bits(tap, rig):
    """The next hop takes 7-bit mail only."""
    rule = block("rule", "seal", sender=names(SENDER), sign=text("seal"))
    scene = Scene(rig, rules=rule, top="internal-networks = 127.0.0.0/8",
                  listeners={"work": {"group": '"root"', "mode": '"0600"'}, "postfix": {}})
    scene.sink.extensions = ["PIPELINING"]
    sendmail = Sendmail(rig, scene.sink.port, milters=[scene.gateway.socket("work")])
    postfix = Postfix(rig, "front", relayhost=scene.sink.address, main={"smtpd_milters": scene.gateway.milter("postfix")})
    scene.logs = lambda: sendmail.process.log() + scene.gateway.log()[-6000:]
    for name, mta in (("Sendmail", sendmail), ("Postfix", postfix)):
        for what, body in SAFE_LINES.items():
            with tap.test("%s breaks no seal on %s" % (name, what)):
                message = Message(to=[OUTSIDE], fields=["MIME-Version: 1.0", MIXED], body=body)
                submit(mta.port, message, recipients=[OUTSIDE])
                scene.is_sealed(scene.arrived(message)[0])


def test_sendmail(tap, rig):
    rules = (block("rule", "seal", sender=names(SENDER), sign=text("seal"))
             + block("rule", "partners", recipient_domain=names("ucastnik.example"), encrypt="required"))
    scene = Scene(rig, rules=rules, top="internal-networks = 127.0.0.0/8",
                  listeners={"work": {"group": '"root"', "mode": '"0600"'}})
    scene.participants()
    sendmail = Sendmail(rig, scene.sink.port, milters=[scene.gateway.socket("work")])
    scene.logs = lambda: sendmail.process.log() + scene.gateway.log()[-6000:]
    with tap.test("Sendmail: encrypted for the participant, sealed inside"):
        message = Message()
        submit(sendmail.port, message)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("Sendmail: sealed for somebody of whom no rule speaks"):
        message = Message(to=[OUTSIDE])
        submit(sendmail.port, message, recipients=[OUTSIDE])
        scene.is_sealed(scene.arrived(message)[0], message)
    with tap.test("Sendmail: a recipient without a certificate is refused at RCPT"):
        with refusal(550):
            submit(sendmail.port, Message(to=[WITHOUT]), recipients=[WITHOUT])
    with tap.test("Sendmail: slapd hangs, the recipient is deferred before Sendmail loses patience"):
        scene.slapd.hang()
        with refusal(451):
            submit(sendmail.port, Message())
        scene.slapd.go_on()
    with tap.test("Sendmail: lines that it would cut"):
        for length in (990, 991, 998):
            message = Message(to=[OUTSIDE], text="x" * length + "\r\n")
            submit(sendmail.port, message, recipients=[OUTSIDE])
            scene.is_sealed(scene.arrived(message)[0], message)
    with tap.test("Sendmail: a large mail"):
        message = Message(text=("%s\r\n" % MARK) * 100000)
        submit(sendmail.port, message)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("Sendmail with F=T: without sealmilter mail is deferred, and never leaves in clear"):
        scene.gateway.stop()
        message = Message()
        try:
            submit(sendmail.port, message)
        except smtplib.SMTPException as e:
            code = getattr(e, "smtp_code", None) or [c for c, _ in getattr(e, "recipients", {}).values()][0]
            assert 400 <= code < 500, e
        else:
            raise AssertionError("it was taken")
        assert not scene.sink.messages(message_id=message.message_id)
        scene.gateway.start()
        submit(sendmail.port, message)
        scene.opens(scene.arrived(message)[0], message=message)
        assert not any(judges.is_clear(m.data, MARK) for m in scene.sink.messages(recipient=PARTICIPANT))


if __name__ == "__main__":
    sys.exit(run(test_dkim, test_seven_bits, test_sendmail))
