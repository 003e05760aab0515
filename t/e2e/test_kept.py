#!/usr/bin/env python3
"""A signature that is kept stays good: openssl, gpgsm and NSS verify what is handed on,
whoever of them signed it and whatever was around it."""

import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import judges, partner  # noqa: E402
from rig.base import Problem, Rig  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.tap import Tap  # noqa: E402

TEXT = "Dobry den,\r\n\r\nnabidka 12,5 MWh.\r\n-- \r\nJana\r\n"
ALL = ("openssl", "gpgsm", "NSS")


class Judges:
    """Each verifies a whole mail and returns the octets that are signed."""

    def __init__(self, p):
        self.p = p

    def verify(self, name, mail):
        return getattr(self, name)(mail)

    def openssl(self, mail):
        path = self.p.rig.write("kept.eml", mail)
        return self.p.rig.run("openssl", "cms", "-verify", "-in", path, "-CAfile",
                              self.p.pki["anchors.pem"], "-purpose", "any").stdout

    def gpgsm(self, mail):
        return self.p.gnupg.verify(mail).content

    def NSS(self, mail):
        return self.p.nss.verify(mail).content


def handed_on(opener, mail):
    """What sealctl, which is the daemon's own code, hands on."""
    path = opener.rig.write("kept.in", mail)
    done = opener.sealctl("--from", PARTICIPANT, "--to", SENDER, "open", path)
    if done.returncode != 0:
        raise Problem("sealctl open: %d: %s" % (done.returncode, done.stderr.decode()))
    return done.stdout


def check(judge, names, mail, entity, form):
    if judges.smime_type(mail) != form:
        raise Problem("it is %s:\n%s" % (judges.smime_type(mail), mail[:1500].decode()))
    for name in names:
        content = judge.verify(name, mail)
        if content != entity:
            raise Problem("%s: %.300r is signed, not %.300r" % (name, content, entity))


def test_opaque(tap, p, opener, judge):
    e = p.text(TEXT)
    made = {
        "openssl": (p.sign(e), ALL),
        "openssl, BER": (p.sign(e, ber=True), ALL),
        "openssl, without signed attributes": (p.sign(e, attributes=False), ALL),
        "openssl, SHA-512": (p.sign(e, digest="sha512"), ALL),
        "openssl, EC": (p.sign(e, who=("sign-ec256",)), ALL),
        "openssl, PSS": (p.sign(e, pss=True), ("openssl",)),
        "openssl, two signers": (p.sign(e, who=("participant-sign", "sign-ec256")), ("openssl", "gpgsm")),
        "gpgsm": (p.gpgsm_sign(e), ALL),
        "NSS": (p.nss_sign(e), ALL),
    }
    for name, (entity, names) in made.items():
        with tap.test("opaque of %s becomes clear" % name):
            check(judge, names, handed_on(opener, p.message(entity)), e, "multipart/signed")
        with tap.test("in an envelope too: opaque of %s" % name):
            check(judge, names, handed_on(opener, p.message(p.encrypt(entity))), e, "multipart/signed")


def test_clear(tap, p, opener, judge):
    e = p.text(TEXT)
    for name, entity in (("openssl", p.sign(e, clear=True)), ("gpgsm", p.gpgsm_sign(e, clear=True)),
                         ("NSS", p.nss_sign(e, clear=True))):
        for cipher in ("aes256-cbc", "aes256-gcm"):
            with tap.test("clear of %s comes out of %s" % (name, cipher)):
                mail = p.message(p.encrypt(entity, cipher=cipher))
                check(judge, ALL, handed_on(opener, mail), e, "multipart/signed")
    with tap.test("clear around nothing that is closed stays octet for octet"):
        mail = p.message(p.sign(e, clear=True))
        kept = handed_on(opener, mail)
        check(judge, ALL, kept, e, "multipart/signed")
        if kept.partition(b"\r\n\r\n")[2] != mail.partition(b"\r\n\r\n")[2]:
            raise Problem(kept.decode())


def test_opaque_that_stays(tap, p, opener, judge):
    forms = {"8-bit": p.text("P\u0159edm\u011bt\r\n"), "LF": p.text("a\nb\n"), "From": p.text("x\r\nFrom me\r\n"),
             "long lines": p.text("x" * 1200 + "\r\n"), "no header": b"This is some sample content.\r\n"}
    for name, e in forms.items():
        with tap.test("content with %s stays opaque, and good" % name):
            for entity in (p.sign(e), p.encrypt(p.sign(e))):
                check(judge, ALL, handed_on(opener, p.message(entity)), e, "signed-data")


def test_layers(tap, p, opener, judge):
    e = p.text(TEXT)
    with tap.test("of three layers the inner signature is handed on"):
        for clear in (True, False):
            mail = p.message(p.sign(p.encrypt(p.sign(e)), clear=clear))
            check(judge, ALL, handed_on(opener, mail), e, "multipart/signed")
    with tap.test("what is compressed in a signature stays so"):
        packed = p.compress(e)
        check(judge, ALL, handed_on(opener, p.message(p.sign(packed))), packed, "multipart/signed")
    with tap.test("what is handed on can come in again"):
        once = handed_on(opener, p.message(p.encrypt(p.sign(e))))
        check(judge, ALL, handed_on(opener, once), e, "multipart/signed")


def test_stripped(tap, p, rig):
    opener = Opener(rig, top="signature = strip")
    e = p.text(TEXT)
    for name, entity in (("opaque", p.sign(e)), ("clear", p.sign(e, clear=True)), ("encrypted", p.encrypt(p.sign(e)))):
        with tap.test("strip leaves the text alone, " + name):
            mail = handed_on(opener, p.message(entity))
            if judges.smime_type(mail) != "text/plain" or b"pkcs7" in mail or judges.body_text(mail) != TEXT:
                raise Problem(mail.decode())


def main():
    tap = Tap()
    with Rig() as rig:
        p, opener = partner.Partner(rig), Opener(rig)
        judge = Judges(p)
        for test in (test_opaque, test_clear, test_opaque_that_stays, test_layers):
            with tap.section(test.__name__):
                test(tap, p, opener, judge)
        with tap.section("test_stripped"):
            test_stripped(tap, p, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
