#!/usr/bin/env python3
"""What no signature covers, within an envelope in CBC mode: whoever has caught one can put blocks
of his own in there, and must not see from the answer whether their padding is right (Vaudenay
2002), though the signature stays intact. By the daemon's own code through sealctl."""

import os
import ssl
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.inbound import Opener, folder_directory  # noqa: E402
from rig.partner import Partner, changed, cms_of, with_ciphertext  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"
BLOCK = 16
REFUSE = "undecryptable = refuse\nbad-signature = refuse\nunauthenticated = refuse\n"


def with_last_block(mail, entity, wanted):
    """The envelope mail of entity, at its end a block of noise and one that decrypts to wanted."""
    def append(ciphertext):
        before, block = (ciphertext[i * BLOCK:(i + 1) * BLOCK] for i in (1, 2))
        known = entity[2 * BLOCK:3 * BLOCK]
        noise = bytes(b ^ k ^ w for b, k, w in zip(before, known, wanted))
        return ciphertext + noise + block
    return changed(mail, with_ciphertext, append)


def variants(p, entity):
    """By name: the same with padding that is right and with one that is wrong."""
    mail = p.encrypt(entity)
    return {name: p.message(with_last_block(mail, entity, wanted)) for name, wanted in (
        ("one octet of padding", b"A" * 15 + b"\1"), ("a block of padding", b"\x10" * 16),
        ("wrong padding", b"A" * 16))}


def test_appended(tap, rig, p):
    refusing, marking = Opener(rig, top=REFUSE), Opener(rig)
    for name, clear in (("clear-signed", True), ("opaque", False)):
        entity = p.sign(p.text(), clear=clear)
        for padding, message in variants(p, entity).items():
            with tap.test("%s, blocks behind it, %s: refused" % (name, padding)):
                told = refusing.judge(message)
                assert told.plan["action"] == "refuse", told
        with tap.test("%s, blocks behind it: delivered where nothing is refused" % name):
            for message in variants(p, entity).values():
                told = marking.judge(message)
                assert told.plan["action"] == "deliver", told
        with tap.test("%s as it was sent: opened" % name):
            told = refusing.judge(p.message(p.encrypt(entity)))
            assert told.result == "pass" and told.plan["action"] == "deliver" and told.is_clear(MARK), told


def test_directory_away(tap, rig, p):
    """A question that cannot be answered is no answer to this one either."""
    away = folder_directory(rig, "away", {})
    os.rmdir(rig.path("away"))
    opener = Opener(rig, directories={"partners": away})
    entity = p.sign(p.text(), who=("sign-qualified",), clear=True)
    with tap.test("the directory is away: deferred"):
        assert opener.judge(p.message(p.encrypt(entity))).plan["action"] == "defer"
    for padding, message in variants(p, entity).items():
        with tap.test("the directory is away, blocks behind the signature, %s: not deferred" % padding):
            told = opener.judge(message)
            assert told.plan["action"] == "deliver", told


def test_around(tap, rig, p):
    """Whatever is not text around what is signed, wherever it stands."""
    opener = Opener(rig, top=REFUSE)
    clear, opaque = p.sign(p.text(), clear=True), p.sign(p.text())
    noise = b"\x80\xff"
    preamble = b"This is an S/MIME signed message"
    signed_text = p.text("Dobr\u00fd den, nab\u00eddka %s.\r\n" % MARK)
    for name, entity, action in (
            ("text behind the last boundary", clear + b"\r\nvirus-free\r\n", "deliver"),
            ("noise behind the last boundary", clear + noise, "refuse"),
            ("noise before the first boundary", clear.replace(preamble, preamble + noise), "refuse"),
            ("a field that can be altered by the vector", b"Subject: PIN 4711\r\n" + clear, "refuse"),
            ("noise in the header", clear.replace(b"micalg=", b'x="' + noise + b'"; micalg='), "refuse"),
            ("noise in the signature's header", clear.replace(b"name=smime.p7s", b'name="' + noise + b'.p7s"'), "refuse"),
            ("noise in the header, opaque", opaque.replace(b"filename=smime", b"filename=" + noise), "refuse"),
            ("8-bit text in what is signed", p.sign(signed_text, clear=True), "deliver"),
            ("noise around a compressed one", p.compress(opaque).replace(b"filename=smime", b"filename=" + noise), "refuse"),
            ("noise in what is signed twice", p.sign(clear + noise, clear=True), "deliver")):
        with tap.test("%s: %s" % (name, action)):
            told = opener.judge(p.message(p.encrypt(entity)))
            assert told.result == "pass" and told.plan["action"] == action, told
        if action == "refuse":
            with tap.test("%s, where the envelope shows itself that nothing was altered: deliver" % name):
                told = opener.judge(p.message(p.encrypt(entity, cipher="aes256-gcm")))
                assert told.result == "pass" and told.plan["action"] == "deliver", told


def in_binary(cms):
    return (b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\n" + cms)


def test_binary(tap, rig, p):
    """A SignedData holds hundreds of octets that its signature does not cover: in a certificate that
    comes along two blocks can be anything, and what somebody puts behind them is read as DER or is
    not. In base64 they would have to be letters."""
    refusing, marking = Opener(rig, top=REFUSE), Opener(rig)
    cms = cms_of(p.sign(p.text(), chain=("qualified", "second-root")))
    beside = ssl.PEM_cert_to_DER_cert(p.pki.bytes("second-root.crt").decode())
    noise = beside[:-48] + b"\x80" * 32 + beside[-16:]
    assert beside in cms
    for name, octets in (("as it was sent", cms), ("with noise in a certificate", cms.replace(beside, noise))):
        with tap.test("opaque in binary, %s: refused, as nobody can tell" % name):
            told = refusing.judge(p.message(p.encrypt(in_binary(octets))))
            assert told.result == "pass" and told.plan["action"] == "refuse", told
        with tap.test("opaque in binary, %s: opened where nothing is refused" % name):
            told = marking.judge(p.message(p.encrypt(in_binary(octets))))
            assert told.result == "pass" and told.is_clear(MARK), told
    with tap.test("opaque in binary, where the envelope shows itself that nothing was altered: deliver"):
        told = refusing.judge(p.message(p.encrypt(in_binary(cms), cipher="aes256-gcm")))
        assert told.result == "pass" and told.plan["action"] == "deliver", told


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p = Partner(rig)
        for test in (test_appended, test_directory_away, test_around, test_binary):
            with tap.section(test.__name__):
                test(tap, rig, p)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
