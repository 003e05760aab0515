#!/usr/bin/env python3
"""The set-up of contrib/postfix: whatever Postfix does to recipients behind the
milters, nothing leaves in clear, and nobody sees another's certificate."""

import os
import shutil
import sys

from scene import (OUTSIDE, PARTICIPANT, SECOND, SENDER, WITHOUT, Scene, block, contrib_main,
                   contrib_master, judges, login, names, run, text)
from rig import Message, Postfix, submit
from rig.gateway import GATE_USER
from rig.mail import MARK

STAFF = "clovek@trh.example"
FORWARDER = "nobody"  # a user whom every system has; his .forward is the test's


class Hops(Scene):
    """A front and a last hop, as the examples have them."""

    def __init__(self, rig, **front):
        rules = (block("rule", "seal", sender=names(SENDER, STAFF), sign=text("seal"))
                 + block("rule", "partners", recipient_domain=names("ucastnik.example"),
                         encrypt="required"))
        super().__init__(
            rig, rules=rules,
            top='trace-key-file = "%s"\ninternal-networks = 127.0.0.1/32\n'
                'originating-daemons = last-hop' % make_trace_key(rig),
            listeners={"inbound": {"direction": "inbound"}, "work": {}, "guard": {"role": "guard"}})
        self.participants()
        options, = contrib_master("last-hop.master.cf").values()
        assert options["smtpd_milters"].count("unix:") == 2, options
        options["smtpd_milters"] = "%s, %s" % (self.gateway.milter("work"), self.gateway.milter("guard"))
        self.last = Postfix(rig, "last", relayhost=self.sink.address, services={"in": options},
                            main=contrib_main("last-hop.main.cf"))
        parameters = dict(contrib_main("front.main.cf"), relayhost="[127.0.0.1]:%d" % self.last.port)
        parameters["smtpd_sender_login_maps"] = "inline:{%s=zpravy@trh.example}" % SENDER
        parameters.update(front)
        self.front = Postfix(
            rig, "front", services={
                "submission": {"smtpd_relay_restrictions": "permit_sasl_authenticated, reject"},
                "smtp": {"smtpd_milters": self.gateway.milter("inbound"),
                         "smtpd_sender_restrictions": "",
                         "smtpd_relay_restrictions": "permit_auth_destination, reject"}},
            logins={"zpravy": "heslo-zpravy"}, main=parameters)

    def send(self, message, recipients):
        submit(self.front.ports["submission"], message, recipients=recipients, login=login("zpravy"))
        return message

    def settle(self):
        self.front.wait_empty()
        self.last.wait_empty()

    def logs(self):
        return super().logs() + self.last.log()[-6000:]

    def one_for(self, recipient, message, who):
        """Demands exactly one copy for the recipient, encrypted to that one alone."""
        found = [m for m in self.sink.messages(recipient=recipient)
                 if m.message_id == message.message_id]
        assert len(found) == 1, (recipient, len(found), self.logs())
        assert found[0].recipients == [recipient], found[0].recipients
        self.opens(found[0], who, message)
        only_for(self, found[0], who)
        return found[0]

    def nothing_clear(self):
        for received in self.sink.messages():
            for recipient in received.recipients:
                if recipient.endswith("@ucastnik.example"):
                    assert not judges.is_clear(received.data, MARK), received.data[:3000]


def make_trace_key(rig):
    path = rig.write("trace.key", os.urandom(32), 0o600)
    shutil.chown(path, GATE_USER)
    return path


def only_for(scene, received, who):
    serial = scene.rig.run("openssl", "x509", "-in", scene.pki[who + ".crt"], "-noout", "-serial")
    expected = int(serial.stdout.decode().strip().partition("=")[2], 16)
    found = judges.recipient_serials(scene.rig, judges.der_of(received.data))
    assert found == [expected], (found, expected)


def test_expansion(tap, rig):
    scene = Hops(rig, virtual_alias_maps="inline:{tym@trh.example=%s}" % SECOND)
    with tap.test("Bcc: each gets a copy of his own, encrypted for himself alone"):
        message = scene.send(Message(to=[PARTICIPANT]), [PARTICIPANT, SECOND])
        scene.arrived(message, 2)
        scene.one_for(PARTICIPANT, message, "participant")
        scene.one_for(SECOND, message, "second")
    with tap.test("an alias to outside: encrypted for whom it leads to"):
        message = scene.send(Message(to=["tym@trh.example"]), ["tym@trh.example"])
        scene.arrived(message)
        scene.one_for(SECOND, message, "second")
    with tap.test("an alias and a named recipient together"):
        message = scene.send(Message(to=[PARTICIPANT, "tym@trh.example"]),
                             [PARTICIPANT, "tym@trh.example"])
        scene.arrived(message, 2)
        scene.one_for(PARTICIPANT, message, "participant")
        scene.one_for(SECOND, message, "second")
    with tap.test("mixed with one of whom no rule speaks: he gets it sealed, the other encrypted"):
        message = scene.send(Message(to=[PARTICIPANT, OUTSIDE]), [PARTICIPANT, OUTSIDE])
        scene.arrived(message, 2)
        scene.one_for(PARTICIPANT, message, "participant")
        copies = [m for m in scene.sink.messages(recipient=OUTSIDE) if m.message_id == message.message_id]
        assert len(copies) == 1
        scene.is_sealed(copies[0], message)
    with tap.test("nothing is left in a queue, and nothing was in clear"):
        scene.settle()
        scene.nothing_clear()


def test_forward(tap, rig):
    forward = rig.make_folder("forward")
    rig.write("forward/" + FORWARDER, PARTICIPANT + "\n")
    scene = Hops(rig, mydestination="doma.trh.example", local_recipient_maps="",
                 forward_path=forward + "/$user", home_mailbox="")
    local = FORWARDER + "@doma.trh.example"
    with tap.test(".forward: the organisation's own mail leaves encrypted for whom it leads to"):
        message = scene.send(Message(to=[local]), [local])
        scene.arrived(message)
        scene.one_for(PARTICIPANT, message, "participant")
    with tap.test(".forward: mail from outside, forged in our name, is not sealed, and not in clear"):
        message = Message(to=[local])
        submit(scene.front.ports["smtp"], message, sender=SENDER, recipients=[local])
        received = scene.arrived(message)[0]
        inner = scene.openssl.decrypt(judges.der_of(received.data), "participant")
        assert judges.smime_type(inner) == "text/plain", judges.smime_type(inner)
        only_for(scene, received, "participant")
    with tap.test("nothing is left in a queue, and nothing was in clear"):
        scene.settle()
        scene.nothing_clear()


def test_bounce(tap, rig):
    # The sender of the bounced mail is a partner, whose own text must not go back in clear.
    scene = Hops(rig)
    with tap.test("no certificate: the last hop refuses, a bounce comes back, nothing goes there"):
        message = scene.send(Message(to=[WITHOUT]), [WITHOUT])
        bounce = scene.sink.wait(diagnostics=scene.logs, recipient=SENDER)[0]
        assert bounce.sender == "", bounce.sender
        assert not scene.sink.messages(recipient=WITHOUT)
        assert message.message_id.encode() in bounce.data
    with tap.test("a bounce to a partner is encrypted for him and not signed"):
        scene.sink.clear()
        dead = "neni@doma.trh.example"
        scene.front.set(mydestination="doma.trh.example", local_recipient_maps="proxy:unix:passwd.byname",
                        smtpd_reject_unlisted_recipient="no")
        message = Message(sender=PARTICIPANT, to=[dead])
        submit(scene.front.ports["smtp"], message, sender=PARTICIPANT, recipients=[dead])
        bounce = scene.sink.wait(diagnostics=scene.logs, recipient=PARTICIPANT)[0]
        assert bounce.sender == ""
        assert not judges.is_clear(bounce.data, MARK)
        inner = scene.openssl.decrypt(judges.der_of(bounce.data), "participant")
        assert judges.smime_type(inner) == "multipart/report", judges.smime_type(inner)
        only_for(scene, bounce, "participant")
    with tap.test("nothing is left in a queue, and nothing was in clear"):
        scene.settle()
        scene.nothing_clear()


def test_always_bcc(tap, rig):
    scene = Hops(rig, always_bcc=SECOND)
    with tap.test("always_bcc to outside: the copy is encrypted for its recipient alone"):
        message = scene.send(Message(to=[PARTICIPANT]), [PARTICIPANT])
        scene.arrived(message, 2)
        scene.one_for(PARTICIPANT, message, "participant")
        scene.one_for(SECOND, message, "second")
    with tap.test("nothing is left in a queue, and nothing was in clear"):
        scene.settle()
        scene.nothing_clear()


def test_guard_alone(tap, rig):
    """The guard by itself, as where the worker was forgotten."""
    scene = Hops(rig)
    with tap.test("the guard refuses what should be encrypted and is not"):
        alone = Postfix(rig, "alone", relayhost=scene.sink.address, services={
            "in": {"smtpd_milters": scene.gateway.milter("guard"),
                   "milter_macro_daemon_name": "last-hop"}})
        message = Message()
        try:
            submit(alone.port, message)
        except Exception as e:
            assert getattr(e, "smtp_code", None) == 550 or 550 in [
                c for c, _ in getattr(e, "recipients", {}).values()], e
        else:
            raise AssertionError("it was taken")
    with tap.test("and lets by what need not be"):
        message = Message(to=[OUTSIDE])
        submit(alone.port, message, recipients=[OUTSIDE])
        received = scene.arrived(message)[0]
        assert judges.smime_type(received.data) == "text/plain"


if __name__ == "__main__":
    sys.exit(run(test_expansion, test_forward, test_bounce, test_always_bcc, test_guard_alone))
