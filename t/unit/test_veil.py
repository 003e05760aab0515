#!/usr/bin/env python3
"""A notice of delivery, a receipt or a bounce returns the header of a message to its sender, who may
have caught an envelope in CBC mode and altered it: so the header is one and the same, whatever that
decrypts to. By the daemon's own code through sealctl."""

import os
import re
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.partner import (Partner, changed, with_altered_ciphertext,  # noqa: E402
                         with_broken_signature, with_encrypted_key, with_vector)
from rig.tap import Tap  # noqa: E402

BLOCK = 16
SECRET = "heslo k trezoru je 4711-0815-XY"
HEADER = b"From: a@ucastnik.example\r\nTo: zpravy@trh.example\r\nSubject: x\r\n"


def alterations(p):
    """Name -> an entity that the organisation's key is tried on, and that is not proven."""
    secret = p.text("Dobry den, vazeny kolego, %s, nikomu nerikat.\r\n" % SECRET)
    clear = p.sign(p.text(), clear=True)
    mail = p.encrypt(secret)
    return {
        "unsigned": mail,
        "badly signed": p.encrypt(clear.replace(b"12,5", b"12,6")),
        "badly signed, opaque": p.encrypt(changed(p.sign(p.text()), with_broken_signature)),
        "signed, with noise behind": p.encrypt(clear + b"\x80"),
        "what does not decrypt": changed(mail, with_altered_ciphertext, -1 - BLOCK),
        "another key": changed(mail, with_encrypted_key, lambda key: b"\0" + key[1:-1] + b"\1"),
        "no MIME": p.encrypt(SECRET.encode()),
        "text that became a field": changed(mail, with_vector, 3, secret[3 * BLOCK:4 * BLOCK], b"Content-ID: aaaa"),
        "more than one layer": p.encrypt(p.encrypt(secret)),
        "compressed": p.encrypt(p.compress(secret)),
        "what cannot be handed on": p.encrypt(p.sign(p.text("x" * 1200 + "\r\n"), clear=True).replace(b"xx", b"xy", 1)),
    }


class Delivered:
    """What the daemon makes of a message; `sealctl open` writes none that stays closed."""

    def __init__(self, opener, message):
        path = opener.rig.write(os.path.join(opener.name, "delivered"), message)
        octets = opener.sealctl("--from", "a@ucastnik.example", "--to", "zpravy@trh.example", "--listener", "in",
                                "--client", "192.0.2.1", "seal", path).stdout
        self.octets = octets
        self.head, _, self.body = octets.partition(b"\r\n\r\n")

    def field(self, name):
        lines = re.sub(rb"\r\n[ \t]+", b" ", self.head).decode().split("\r\n")
        return [line.partition(": ")[2] for line in lines if line.startswith(name + ": ")]


def test_header(tap, p, opener):
    first = None
    for name, entity in alterations(p).items():
        with tap.test("the header tells nothing: " + name):
            told = Delivered(opener, HEADER + entity)
            head = re.sub(rb'boundary="[^"]*"', b"boundary", told.head)
            first = first or head
            assert head == first, "%s\n%s" % (head.decode(), first.decode())
            assert b"smime=none" in head and b"opened" not in head and b"4711" not in head, head
            assert b"opened=" in told.body, told.octets[:3000]


def test_outside(tap, p, opener):
    """A signature around it says what it said, and no more."""
    heads = set()
    for name, entity in alterations(p).items():
        with tap.test("signed around, the header tells nothing more: " + name):
            told = Delivered(opener, p.message(p.sign(entity, clear=True)))
            (results,), (outer,), (envelope,) = (told.field(name) for name in (
                "Authentication-Results", "X-Seal-Layer-1", "X-Seal-Layer-2"))
            assert "smime=policy" in results and "address=match" in outer, told.head
            assert not told.field("X-Seal-Layer-3"), told.head
            heads.add(envelope)
            assert len(heads) == 1, heads


def test_others(tap, p, opener):
    with tap.test("with authentication the header says all, and the content is not wrapped"):
        told = opener.judge(p.message(p.encrypt(p.text(), cipher="aes256-gcm")))
        assert told.fields("Content-Type") == ["text/plain; charset=utf-8"], told
        assert "opened=yes" in told.fields("X-Seal-Layer-1")[0], told
    with tap.test("with an intact signature inside likewise"):
        told = opener.judge(p.message(p.encrypt(p.sign(p.text(), clear=True))))
        assert told.result == "pass" and "multipart/signed" in told.fields("Content-Type")[0], told


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p, opener = Partner(rig), Opener(rig)
        for test in (test_header, test_outside, test_others):
            with tap.section(test.__name__):
                test(tap, p, opener)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
