#!/usr/bin/env python3
"""Who gets the seal, and who does not."""

import os
import shutil
import smtplib
import sys

from scene import (OUTSIDE, RULES, SENDER, WITHOUT, Scene, block, judges, login, refusal, run)
from rig import Message, Postfix, submit
from rig.gateway import GATE_USER

STRANGER_HOST = "192.0.2.77"


def strange(port, message, sender, recipients):
    """Hands a message over as a client from outside does; the test's Postfix
    believes XCLIENT."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="stranger.example", timeout=60) as smtp:
        smtp.ehlo()
        smtp.docmd("XCLIENT", "ADDR=%s NAME=[UNAVAILABLE]" % STRANGER_HOST)
        smtp.ehlo()
        return smtp.sendmail(sender, recipients, message.octets)


def not_sealed(received):
    kind = judges.smime_type(received.data)
    assert kind == "text/plain", kind


def test_clients(tap, rig):
    scene = Scene(rig)
    scene.participants()
    front = scene.postfix(mynetworks="127.0.0.0/8, %s" % STRANGER_HOST)
    with tap.test("a stranger who writes in our name gets no seal"):
        message = Message(to=[OUTSIDE])
        strange(front.port, message, SENDER, [OUTSIDE])
        not_sealed(scene.arrived(message)[0])
    with tap.test("a client on loopback without a login is not taken for our own"):
        message = Message(to=[OUTSIDE])
        submit(front.port, message, recipients=[OUTSIDE])
        not_sealed(scene.arrived(message)[0])
    with tap.test("who has logged in gets the seal for his own address"):
        message = Message(to=[OUTSIDE])
        submit(front.port, message, recipients=[OUTSIDE], login=login("zpravy"))
        scene.is_sealed(scene.arrived(message)[0], message)
    with tap.test("a local program gets the seal"):
        message = Message(to=[OUTSIDE])
        front.sendmail(message, [OUTSIDE], SENDER)
        scene.is_sealed(scene.arrived(message)[0], message)


def refuse_forms(tap, scene, front):
    cases = (
        ("user A with From B", Message(to=[OUTSIDE]), "jana@trh.example", "jana"),
        ("From that is not the envelope sender's organisation",
         Message(to=[OUTSIDE]), "kdokoli@jinde.example", "zpravy"),
        ("two From fields", Message(to=[OUTSIDE], fields=["From: jana@trh.example"]), SENDER, "zpravy"),
        ("a From field with two addresses",
         Message(sender=SENDER + ", jana@trh.example", to=[OUTSIDE]), SENDER, "zpravy"),
    )
    for name, message, sender, who in cases:
        with tap.test(name + ": refused, and says so"):
            with refusal(550) as answer:
                submit(front.port, message, sender=sender, recipients=[OUTSIDE], login=login(who))
            assert "5.7.1" in answer.text, answer.text
            assert not scene.sink.messages(message_id=message.message_id)


def test_forms(tap, rig):
    scene = Scene(rig)
    front = scene.postfix(always_add_missing_headers="no", local_header_rewrite_clients="")
    refuse_forms(tap, scene, front)
    with tap.test("no From field: refused"):
        message = Message(to=[OUTSIDE])
        octets = message.octets.replace(b"From: " + SENDER.encode() + b"\r\n", b"")
        with refusal(550):
            submit(front.port, octets, sender=SENDER, recipients=[OUTSIDE], login=login("zpravy"))
    with tap.test("a display name or Resent-From of ours is no From of ours"):
        message = Message(sender='"%s" <x@jinde.example>' % SENDER, to=[OUTSIDE],
                          fields=["Resent-From: " + SENDER])
        try:
            submit(front.port, message, sender=SENDER, recipients=[OUTSIDE], login=login("zpravy"))
        except smtplib.SMTPDataError as e:
            assert e.smtp_code == 550, e
        else:
            not_sealed(scene.arrived(message)[0])


def test_forwarded_back(tap, rig):
    """Mail from outside, forged in our name, comes back out through an inside server."""
    path = rig.write("trace.key", os.urandom(32), 0o600)
    shutil.chown(path, GATE_USER)
    scene = Scene(rig, top='trace-key-file = "%s"\ninternal-networks = 127.0.0.0/8' % path,
                  listeners={"work": {}, "inbound": {"direction": "inbound"}})
    out = scene.postfix("out")
    # The inside server: takes mail from the world, and its alias sends it out again.
    inside = Postfix(rig, "inside", relayhost="[127.0.0.1]:%d" % out.port,
                     main={"smtpd_milters": scene.gateway.milter("inbound"),
                           "mynetworks": "127.0.0.0/8, %s" % STRANGER_HOST,
                           "virtual_alias_maps": "inline:{seznam@trh.example=%s}" % OUTSIDE})
    with tap.test("forged in our name from outside and forwarded back out: not sealed"):
        message = Message(to=["seznam@trh.example"])
        strange(inside.port, message, SENDER, ["seznam@trh.example"])
        received = scene.arrived(message)[0]
        assert received.recipients == [OUTSIDE], received.recipients
        not_sealed(received)
    with tap.test("the inside server's own mail on the same way is sealed"):
        message = Message(to=[OUTSIDE])
        inside.sendmail(message, [OUTSIDE], SENDER)
        scene.is_sealed(scene.arrived(message)[0], message)
    with tap.test("who writes a mark of his own neither gains nor hides anything"):
        message = Message(to=[OUTSIDE], fields=["X-Seal-Trace: v=1; t=1795420800; n=00; h=00"])
        inside.sendmail(message, [OUTSIDE], SENDER)
        scene.is_sealed(scene.arrived(message)[0], message)


def test_triggers(tap, rig):
    scene = Scene(rig, rules=RULES + block("rule", "on request", trigger='"X-Seal: encrypt"',
                                           encrypt="required")
                  + block("rule", "weaken", trigger='"X-Seal: maybe"', encrypt="when-possible"))
    scene.participants()
    scene.slapd.person(OUTSIDE, scene.pki.bytes("participant-noaddress.der"))
    front = scene.postfix()
    with tap.test("a trigger asks for encryption: without a usable certificate the mail is refused"):
        message = Message(to=[OUTSIDE], fields=["x-sEAL:  Encrypt"])
        with refusal(550):
            submit(front.port, message, recipients=[OUTSIDE], login=login("zpravy"))
    with tap.test("a trigger that would weaken what is required is ignored, and the log says so"):
        message = Message(to=[WITHOUT], fields=["X-Seal: maybe"])
        with refusal(550):
            submit(front.port, message, recipients=[WITHOUT], login=login("zpravy"))
        message = Message(fields=["X-Seal: maybe"])
        submit(front.port, message, login=login("zpravy"))
        received = scene.arrived(message)[0]
        scene.opens(received, message=message)
        assert not received.headers("X-Seal"), received.headers("X-Seal")
        scene.gateway.wait_log("trigger", "ignored", deadline=5)
    with tap.test("triggers are taken out in any letter case"):
        message = Message(fields=["x-SEAL: encrypt", "X-seal: ENCRYPT"])
        submit(front.port, message, login=login("zpravy"))
        received = scene.arrived(message)[0]
        scene.opens(received, message=message)
        assert not received.headers("X-Seal"), received.headers("X-Seal")


if __name__ == "__main__":
    sys.exit(run(test_clients, test_forms, test_forwarded_back, test_triggers))
