#!/usr/bin/env python3
"""What rig.partner makes is what it says: other software reads each mail back, and
refuses the broken ones."""

import os
import re
import sys
import zlib

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import judges, partner  # noqa: E402
from rig.base import Problem, Rig  # noqa: E402
from rig.tap import Tap  # noqa: E402

# The tests' one signer, as each judge prints it.
SIGNER = "Jana"


def same(got, want, what):
    if got != want:
        raise Problem("%s: %.300r, not %.300r" % (what, got, want))


def signed(judge, mail, entity):
    verdict = judge.verify(mail)
    same(verdict.content, entity, "content")
    if SIGNER not in verdict.signer:
        raise Problem("signed by " + verdict.signer)


def refused(act, what):
    try:
        act()
    except Problem:
        return
    raise Problem(what + " was taken")


def test_signatures(tap, p, openssl):
    e = p.text()
    forms = {"clear": dict(clear=True), "opaque": {}, "sha512": dict(clear=True, digest="sha512"),
             "PSS": dict(clear=True, pss=True), "BER": dict(ber=True),
             "EC": dict(who=("sign-ec256",), clear=True)}
    for name, options in forms.items():
        with tap.test("openssl reads a signature of openssl, " + name):
            mail = p.message(p.sign(e, options=("-cades",), **options))
            signed(openssl, mail, e)
            for judge in (p.gnupg, p.nss) if name in ("clear", "opaque", "BER", "EC") else ():
                signed(judge, mail, e)
    for clear in (True, False):
        form = "clear" if clear else "opaque"
        with tap.test("NSS reads a signature of gpgsm, " + form):
            signed(p.nss, p.message(p.gpgsm_sign(e, clear)), e)
        with tap.test("gpgsm reads a signature of NSS, " + form):
            signed(p.gnupg, p.message(p.nss_sign(e, clear)), e)
    with tap.test("BER is BER"):
        same(partner.cms_of(p.sign(e, ber=True))[:2], b"\x30\x80", "first octets")
    with tap.test("no signed attributes, two signers"):
        plain = p.sign(e, who=("participant-sign", "sign-ec256"), attributes=False)
        text = judges.structure(p.rig, partner.cms_of(plain))
        same(len(re.findall(r"\bsignedAttrs:\s+<ABSENT>", text)), 2, "signers without attributes")


def test_envelopes(tap, p, openssl):
    e = p.text()
    forms = {"CBC": {}, "AES-128": dict(cipher="aes128-cbc"), "GCM": dict(cipher="aes256-gcm"),
             "3DES": dict(cipher="des3"), "OAEP": dict(oaep=True), "key identifier": dict(keyid=True),
             "BER": dict(ber=True), "to two": dict(to=("secure-mime", "archive")),
             "old": dict(to=("secure-mime-old",)), "EC": dict(to=("secure-mime-ec",))}
    for name, options in forms.items():
        with tap.test("openssl opens an envelope of openssl, " + name):
            cms = judges.der_of(p.message(p.encrypt(e, **options)))
            for who in options.get("to", ("secure-mime",)):
                same(openssl.decrypt(cms, who), e, "content")
    for name, made in (("gpgsm", p.gpgsm_encrypt(e)), ("NSS", p.nss_encrypt(e))):
        with tap.test("openssl opens an envelope of " + name):
            same(openssl.decrypt(judges.der_of(made), "secure-mime"), e, "content")
    with tap.test("gpgsm and NSS open one of openssl"):
        cms = judges.der_of(p.encrypt(e))
        same(p.gnupg.decrypt(cms, "secure-mime"), e, "gpgsm's content")
        same(p.nss.decrypt(cms, "secure-mime"), e, "NSS's content")
    with tap.test("triple-wrapped"):
        inner = p.sign(e, options=("-cades",))
        mail = p.message(p.sign(p.encrypt(inner), clear=True, options=("-cades",)))
        layer = openssl.decrypt(judges.der_of(openssl.verify(mail).content), "secure-mime")
        signed(openssl, layer, e)


def test_surgery(tap, p, openssl):
    e = p.text()
    clear = p.sign(e, clear=True, options=("-cades",))
    with tap.test("dropped and foreign certificates are refused, the right one is taken"):
        own, other = p.pki.bytes("participant-sign.der"), p.pki.bytes("second.der")
        chain = p.pki.bytes("qualified.der")
        signed(openssl, partner.changed(clear, partner.with_certificates, [own, chain]), e)
        for wrong in ([], [other, chain]):
            bad = partner.changed(clear, partner.with_certificates, wrong)
            refused(lambda: openssl.verify(bad), "a signature without its certificate")
    with tap.test("300 certificates, 500 signers, 4000 recipients, none"):
        many = partner.changed(clear, partner.with_certificates, [own, chain] + [other] * 298)
        signed(openssl, many, e)
        text = judges.structure(p.rig, partner.cms_of(partner.changed(clear, partner.with_signers, 500)))
        same(text.count("signatureAlgorithm:"), 500, "signers")
        text = judges.structure(p.rig, partner.cms_of(partner.changed(clear, partner.with_signers, 0)))
        same(text.count("signerInfos:\n      <EMPTY>"), 1, "empty signerInfos")
        crowd = judges.der_of(partner.changed(p.encrypt(e), partner.with_recipients, 4000))
        same(judges.recipient_count(p.rig, crowd), 4000, "recipients")
    with tap.test("an altered octet of a GCM ciphertext is refused"):
        good = p.encrypt(e, cipher="aes256-gcm")
        bad = judges.der_of(partner.changed(good, partner.with_altered_ciphertext, 3))
        refused(lambda: openssl.decrypt(bad, "secure-mime"), "an altered ciphertext")
    for ber in (False, True):
        with tap.test("openssl sees CompressedData in %s" % ("BER" if ber else "DER")):
            cms = judges.der_of(p.message(p.compress(e, ber)))
            same(judges.content_type(p.rig, cms), "id-smime-ct-compressedData", "content type")
            dump = p.rig.run("openssl", "asn1parse", "-inform", "DER", data=cms).stdout.decode()
            packed = re.search(r"OCTET STRING\s+\[HEX DUMP\]:(\w+)", dump).group(1)
            same(zlib.decompress(bytes.fromhex(packed)), e, "content")


def main():
    tap = Tap()
    with Rig() as rig:
        p, openssl = partner.Partner(rig), judges.OpenSSL(rig)
        for test in (test_signatures, test_envelopes, test_surgery):
            with tap.section(test.__name__):
                test(tap, p, openssl)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
