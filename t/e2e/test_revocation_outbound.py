#!/usr/bin/env python3
"""What we send: nothing is encrypted to a certificate that was revoked, and nothing sealed with one."""

import os
import shutil
import sys

from scene import GATE_USER, SENDER, Scene, block, login, names, refusal, run, text
from rig import Message, Revoker, StatusServer, submit
from rig.revoker import ENCRYPTS

FETCHING = """
fetch-networks = { "127.0.0.0/8" }
fetch-timeout = 1
status-timeout = 4
"""

RULES = (block("rule", "seal", sender_domain=names("trh.example"), sign=text("%s"))
         + block("rule", "required", recipient_domain=names("ucastnik.example"), encrypt="required", trust=names("strict"))
         + block("rule", "lenient", recipient_domain=names("volny.example"), encrypt="required", trust=names("lenient"))
         + block("rule", "possible", recipient_domain=names("mozny.example"), encrypt="when-possible",
                 trust=names("strict")))


class Outbound(Scene):
    """issue: given the authority and its server of lists, makes the certificates. signer: the name of
    one of them that seals, or the PKI's."""

    def __init__(self, rig, issue, signer="seal", top=""):
        self.lists = StatusServer(rig)
        self.ok = self.lists.host()
        self.list = self.lists.url(self.ok, "/issuing.crl")
        self.authority = Revoker(rig, root_crl=[self.lists.url(self.ok, "/root.crl")])
        self.lists.files["/root.crl"] = self.authority.root_crl()
        issue(self.authority, self)
        self.publish()
        folder = rig.make_folder("status", mode=0o700)
        shutil.chown(folder, GATE_USER)
        sets = "".join(block("trust", name, anchors=text(self.authority.anchors),
                             intermediates=text(self.authority.intermediates), revocation=revocation,
                             sender_domain=names("nobody.example"))
                       for name, revocation in (("strict", "require"), ("lenient", "prefer")))
        super().__init__(rig, RULES % signer, top="%s\nstatus-directory = %s\n%s\n%s" % (FETCHING, text(folder), top, sets),
                         signers=(signer,))

    def publish(self):
        self.lists.files["/issuing.crl"] = self.authority.crl()

    def send(self, recipient):
        message = Message(to=(recipient,))
        submit(self.front.port, message, login=login("zpravy"), recipients=[recipient])
        return message


PEOPLE = {"good": "obchod@ucastnik.example", "revoked": "stary@ucastnik.example", "unknown": "neznamy@ucastnik.example",
          "good-lenient": "obchod@volny.example", "unknown-lenient": "neznamy@volny.example",
          "revoked-lenient": "stary@volny.example", "revoked-possible": "stary@mozny.example"}


def issue_people(authority, scene):
    for name, address in PEOPLE.items():
        points = [scene.lists.url(scene.lists.host("killed"), "/issuing.crl") if "unknown" in name else scene.list]
        authority.issue(name, [address], crl=points, extensions=ENCRYPTS, key="participant")
        if "revoked" in name:
            authority.revoke(name, "keyCompromise")


def test_recipients(tap, rig):
    scene = Outbound(rig, issue_people)
    scene.postfix()
    for name, address in PEOPLE.items():
        scene.slapd.person(address, scene.pki.bytes(name + ".der"))
    for name in ("good", "good-lenient", "unknown-lenient"):
        with tap.test("%s: encrypted to" % name):
            message = scene.send(PEOPLE[name])
            received, = scene.arrived(message)
            scene.opens(received, name, message)
    for name in ("revoked", "revoked-lenient"):
        with tap.test("%s: not encrypted to, and the sender is told why" % name):
            with refusal(550) as answer:
                scene.send(PEOPLE[name])
            assert "revoked since 20" in answer.text and "keyCompromise" in answer.text, answer.text
    with tap.test("revoked, where encryption is wanted when possible: in clear"):
        message = scene.send(PEOPLE["revoked-possible"])
        received, = scene.arrived(message)
        scene.is_sealed(received, message)
    with tap.test("unknown and require: to be sent again later"):
        with refusal(451, 450):
            scene.send(PEOPLE["unknown"])


def test_limit(tap, rig):
    scene = Outbound(rig, issue_people, top="fetch-limit = 1")
    scene.postfix()
    scene.slapd.person(PEOPLE["good"], scene.pki.bytes("good.der"))
    with tap.test("two lists are needed, and fetch-limit is 1: to be sent again later"):
        with refusal(451, 450) as answer:
            scene.send(PEOPLE["good"])
        assert "fetched already" in answer.text and len(scene.lists.asked) == 1, (answer.text, scene.lists.asked)
    with tap.test("sent again: encrypted to, with the second"):
        message = scene.send(PEOPLE["good"])
        received, = scene.arrived(message)
        scene.opens(received, "good", message)
        assert len(scene.lists.asked) == 2, scene.lists.asked


def issue_seals(authority, scene):
    for name in ("seal-good", "seal-revoked"):
        authority.issue(name, [SENDER], crl=[scene.list], key="seal")
        chain = b"".join(authority.pki.bytes(n + ".crt") for n in (name, authority.issuing))
        authority.rig.write(os.path.join(authority.pki.folder, name + ".pem"), chain)
    authority.revoke("seal-revoked", "keyCompromise")


def test_good_seal(tap, rig):
    scene = Outbound(rig, issue_seals, "seal-good")
    scene.postfix()
    with tap.test("the seal's certificate is good: sealed"):
        message = scene.send("kdokoli@jinde.example")
        received, = scene.arrived(message)
        assert b"multipart/signed" in received.data, received.data[:2000]
        assert not scene.gateway.lines("revoked")


def test_revoked_seal(tap, rig):
    scene = Outbound(rig, issue_seals, "seal-revoked")
    scene.postfix()
    with tap.test("the seal's certificate was revoked: an alarm in the log at start"):
        scene.gateway.wait_log("seal-revoked", "revoked since 20")
    with tap.test("and nothing is sealed with it: to be sent again later"):
        with refusal(451):
            scene.send("kdokoli@jinde.example")


if __name__ == "__main__":
    sys.exit(run(test_recipients, test_limit, test_good_seal, test_revoked_seal))
