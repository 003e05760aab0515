#!/usr/bin/env python3
"""Mail that leaves through submission arrives sealed and encrypted."""

import sys
from concurrent.futures import ThreadPoolExecutor

from scene import (OUTSIDE, PARTICIPANT, RULES, SECOND, SENDER, WITHOUT, Scene, block, judges, login,
                   names, refusal, run, text)
from rig import Message, submit
from rig.mail import MARK

CLIENTS = 20
LARGE = 25 * 1024 * 1024


def test_ways_in(tap, rig):
    scene = Scene(rig)
    scene.participants()
    front = scene.postfix()
    with tap.test("over SMTP with a login: encrypted for the participant, sealed inside"):
        message = Message()
        submit(front.port, message, login=login("zpravy"))
        received = scene.arrived(message)[0]
        scene.opens(received, message=message)
        assert judges.smime_type(received.data) == "enveloped-data"
    with tap.test("the outer header keeps From, To, Subject, Date and Message-ID, and nothing of the body"):
        for name, value in (("From", SENDER), ("To", PARTICIPANT), ("Subject", "Zkouska"),
                            ("Date", "Mon, 02 Mar 2026 10:00:00 +0100"), ("MIME-Version", "1.0")):
            assert received.headers(name) == [value], (name, received.headers(name))
        assert len(received.headers("Content-Type")) == 1, received.headers("Content-Type")
        assert len(received.headers("Content-Transfer-Encoding")) == 1
    with tap.test("locally submitted: likewise"):
        message = Message()
        front.sendmail(message, [PARTICIPANT], SENDER)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("to two named recipients: one envelope that both can open"):
        message = Message(to=[PARTICIPANT, SECOND])
        submit(front.port, message, recipients=[PARTICIPANT, SECOND], login=login("zpravy"))
        received = scene.arrived(message)[0]
        scene.opens(received, "participant", message)
        scene.opens(received, "second", message)
        assert judges.recipient_count(rig, judges.der_of(received.data)) == 2
    with tap.test("to somebody of whom no rule speaks: sealed, not encrypted"):
        message = Message(to=[OUTSIDE])
        submit(front.port, message, recipients=[OUTSIDE], login=login("zpravy"))
        received = scene.arrived(message)[0]
        scene.is_sealed(received, message)
        assert judges.smime_type(received.data) == "multipart/signed"
    with tap.test("a recipient without a certificate is refused at RCPT, by address, the other served"):
        message = Message(to=[PARTICIPANT, WITHOUT])
        refused = submit(front.port, message, recipients=[PARTICIPANT, WITHOUT], login=login("zpravy"))
        assert list(refused) == [WITHOUT] and refused[WITHOUT][0] == 550, refused
        assert WITHOUT.encode() in refused[WITHOUT][1], refused
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("locally submitted to one without a certificate: comes back to the sender, never leaves"):
        message = Message(to=[WITHOUT])
        front.sendmail(message, [WITHOUT], SENDER)
        bounce = scene.sink.wait(diagnostics=scene.logs, recipient=SENDER)[0]
        assert bounce.sender == "", bounce.sender
        assert not scene.sink.messages(recipient=WITHOUT)
        front.wait_empty()
    with tap.test("a hidden recipient is refused, unless alone"):
        message = Message(to=[PARTICIPANT])
        with refusal(550, 554):
            submit(front.port, message, recipients=[PARTICIPANT, SECOND], login=login("zpravy"))
        assert not scene.sink.messages(message_id=message.message_id)


def test_load(tap, rig):
    scene = Scene(rig)
    scene.participants()
    front = scene.postfix()
    with tap.test("%d clients at once: all their mails arrive, each as its own" % CLIENTS):
        messages = [Message(text="Klient %d: %s\r\n" % (i, MARK)) for i in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda m: submit(front.port, m, login=login("zpravy")), messages))
        for message in messages:
            scene.opens(scene.arrived(message)[0], message=message)
        assert len(scene.sink.messages()) == CLIENTS
    with tap.test("an attachment of 25 MiB arrives whole"):
        octets = bytes(range(256)) * (LARGE // 256)
        message = with_attachment(rig, octets)
        submit(front.port, message, login=login("zpravy"))
        received = scene.arrived(message, deadline=180)[0]
        verdict = scene.openssl.open(received.data, "participant")
        parts = judges.parse(verdict.content).get_payload()
        assert parts[1].get_payload(decode=True) == octets
        assert "CN=TRH" in verdict.signer


def with_attachment(rig, octets):
    encoded = rig.run("openssl", "base64", data=octets).stdout.replace(b"\n", b"\r\n")
    body = (b"--b1\r\nContent-Type: text/plain\r\n\r\nviz priloha\r\n--b1\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
            b"Content-Disposition: attachment; filename=\"priloha.bin\"\r\n\r\n"
            + encoded + b"--b1--\r\n")
    return Message(fields=["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b1"], body=body)


def test_international(tap, rig):
    known, unknown, elsewhere = "účtárna@účastník.example", "nikdo@účastník.example", "kdo@světě.example"
    rules = RULES + block("rule", "idn", recipient_domain=names("účastník.example"), encrypt="required")
    scene = Scene(rig, rules=rules, directory={"binds_address": "yes", "filter": text("(cn=%s)")})
    scene.slapd.person(known, scene.pki.bytes("participant-noaddress.der"))
    scene.slapd.person(unknown)
    front = scene.postfix(smtputf8_enable="yes")

    def send(message, recipient):
        return submit(front.port, message, recipients=[recipient], login=login("zpravy"),
                      options=["SMTPUTF8"])
    with tap.test("an internationalised address gets its mail encrypted"):
        message = Message(to=[known])
        send(message, known)
        scene.opens(scene.arrived(message)[0], "participant-noaddress", message)
    with tap.test("one without a certificate is refused"):
        message = Message(to=[unknown])
        with refusal(550):
            send(message, unknown)
        assert not scene.sink.messages(message_id=message.message_id)
    with tap.test("one of whom no rule speaks gets it sealed"):
        message = Message(to=[elsewhere])
        send(message, elsewhere)
        scene.is_sealed(scene.arrived(message)[0], message)


if __name__ == "__main__":
    sys.exit(run(test_ways_in, test_load, test_international))
