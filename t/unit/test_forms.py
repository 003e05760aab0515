#!/usr/bin/env python3
"""S/MIME in every form that it comes in: layers in any order, names of types, transfer
encodings, BER and DER. Said by sealctl, which is the daemon's own code."""

import base64
import itertools
import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import partner  # noqa: E402
from rig.base import Rig  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.partner import Partner  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"
KINDS = {"s": "signed", "c": "signed", "e": "encrypted", "z": "compressed"}
LAYERS_MAX = 8

TYPES = {
    "application/pkcs7-mime": "",
    "application/x-pkcs7-mime": "",
    "application/pkcs7-mime; smime-type=%s": "",
    "application/pkcs7-mime; smime-type=something-else": "",
    "application/octet-stream; name=smime.p7m": "",
    "application/octet-stream": "Content-Disposition: attachment; filename=\"SMIME.P7M\"\r\n",
}


def quoted(octets):
    """Quoted-printable with nothing left as it is: quopri takes LF for a line's end."""
    text = octets.hex(" ").upper().replace(" ", "=")
    return "=\r\n".join(("=" + text)[at:at + 75] for at in range(0, len(text) + 1, 75)).encode() + b"\r\n"


ENCODINGS = {
    "base64": base64.encodebytes,
    "quoted-printable": quoted,
    "binary": lambda octets: octets + b"\r\n",
    "8bit": lambda octets: octets + b"\r\n",
}


def wrap(p, entity, layers):
    """layers: from the inside out."""
    make = {"s": p.sign, "c": lambda e: p.sign(e, clear=True), "e": p.encrypt, "z": p.compress}
    for layer in layers:
        entity = make[layer](entity)
    return entity


def expected(order):
    """order: from the outside in."""
    if any(layer in "sc" and "e" not in order[at:] for at, layer in enumerate(order)):
        return "pass"
    return "policy" if "s" in order or "c" in order else "none"


def test_layers(tap, p, keeping, stripping):
    for length in (1, 2, 3):
        for order in itertools.product("scez", repeat=length):
            with tap.test("layers from the outside in: " + " ".join(order)):
                message = p.message(wrap(p, p.text(), reversed(order)))
                told = stripping.judge(message)
                assert told.layers == [KINDS[layer] for layer in order], told
                assert told.result == expected("".join(order)), told
                assert told.status == 0 and told.is_clear(MARK), told
                kept = keeping.judge(message)
                assert kept.result == told.result, kept
                innermost = "".join(order).rpartition("e")[2]
                if "s" in innermost or "c" in innermost:
                    again = keeping.judge(kept.message)
                    assert again.result == expected(innermost), again


def test_many(tap, p, opener):
    for count in (LAYERS_MAX, LAYERS_MAX + 1):
        with tap.test("%d layers" % count):
            told = opener.judge(p.message(wrap(p, p.text(), ("se" * count)[-count:])))
            assert len(told.layers) == LAYERS_MAX, told
            assert told.result == "pass", told
            assert told.is_clear(MARK) == (count <= LAYERS_MAX), told
            assert ("layer-limit" in told.smime.get("claims", "")) == (count > LAYERS_MAX), told


def entity(cms, content_type, field, encoding):
    return ("Content-Type: %s\r\n%sContent-Transfer-Encoding: %s\r\n\r\n" % (content_type, field, encoding)).encode() + \
        ENCODINGS[encoding](cms)


def test_names(tap, p, opener):
    values = {
        "enveloped-data": lambda ber: p.encrypt(p.sign(p.text(), ber=ber), ber=ber),
        "signed-data": lambda ber: p.sign(p.text(), ber=ber),
        "compressed-data": lambda ber: p.compress(p.sign(p.text()), ber),
    }
    for (kind, make), ber in itertools.product(values.items(), (False, True)):
        cms = partner.cms_of(make(ber))
        for (content_type, field), encoding in itertools.product(TYPES.items(), ENCODINGS):
            if "%s" in content_type:
                content_type = content_type % kind
            with tap.test("%s %s, %s %sin %s" % ("BER" if ber else "DER", kind, content_type, field and "by its name ",
                                               encoding)):
                told = opener.judge(p.message(entity(cms, content_type, field, encoding)))
                assert told.result == "pass" and told.is_clear(MARK), told


def test_clear(tap, p, opener):
    signed = p.sign(p.text(), clear=True)
    old = signed.replace(b"application/pkcs7-signature", b"application/x-pkcs7-signature")
    for name, message in (("pkcs7", signed), ("x-pkcs7", old), ("micalg is wrong", signed.replace(b"sha-256", b"md5"))):
        with tap.test("multipart/signed: " + name):
            told = opener.judge(p.message(message))
            assert told.result == "pass" and told.stays_as_it_came, told


def test_others(tap, p, opener):
    with tap.test("certificates alone"):
        told = opener.judge(p.message(partner.changed(p.sign(p.text()), partner.with_signers, 0)))
        assert told.layers == ["certificates"] and told.result == "none" and told.stays_as_it_came, told
    for keyid in (False, True):
        with tap.test("recipients by " + ("key identifier" if keyid else "issuer and serial number")):
            told = opener.judge(p.message(p.encrypt(p.sign(p.text()), keyid=keyid)))
            assert told.result == "pass" and told.is_clear(MARK), told
    with tap.test("an octet-stream that is none keeps its octets"):
        told = opener.judge(p.message(entity(b"no CMS at all", "application/octet-stream; name=smime.p7m", "", "base64")))
        assert told.result == "neutral" and told.stays_as_it_came, told


def main():
    tap = Tap()
    with Rig() as rig:
        p = Partner(rig)
        keeping = Opener(rig)
        stripping = Opener(rig, top="signature = strip")
        test_layers(tap, p, keeping, stripping)
        test_many(tap, p, stripping)
        test_names(tap, p, stripping)
        test_clear(tap, p, keeping)
        test_others(tap, p, keeping)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
