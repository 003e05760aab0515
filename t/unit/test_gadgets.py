#!/usr/bin/env python3
"""Ciphertext that somebody has caught and built into a message of his own, so that the
reader's program, or his answer, carries the text away (EFAIL, covert content): what is not the
whole of what is around it stays closed. By the daemon's own code through sealctl."""

import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.partner import Partner  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"


def multipart(kind, *parts, boundary="hranice"):
    head = 'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (kind, boundary)
    line = b"--" + boundary.encode()
    return head.encode() + b"".join(line + b"\r\n" + p + b"\r\n" for p in parts) + line + b"--\r\n"


def html(octets):
    return b"Content-Type: text/html; charset=utf-8\r\n\r\n" + octets


def attached(message):
    return b"Content-Type: message/rfc822\r\n\r\n" + message


def as_octets(entity):
    """The same CMS as an octet-stream of that name (RFC 8551 3.10)."""
    return entity.replace(b"application/pkcs7-mime; smime-type=enveloped-data;", b"application/octet-stream;")


def parts(p, caught):
    """Everything in which the caught entity is a part and not the whole."""
    note = p.text("Prosim o odpoved.\r\n")
    opening, closing = html(b'<img src="http://zly.example/'), html(b'">')
    return {
        "multipart/mixed, behind text": multipart("mixed", note, caught),
        "multipart/mixed, before text": multipart("mixed", caught, note),
        "multipart/mixed, alone": multipart("mixed", caught),
        "multipart/mixed, as an octet-stream": multipart("mixed", note, as_octets(caught)),
        "multipart/mixed in multipart/mixed": multipart("mixed", note, multipart("mixed", caught, boundary="uvnitr")),
        "multipart/related, within a picture's address": multipart("related", opening, caught, closing),
        "multipart/mixed, within a picture's address": multipart("mixed", opening, caught, closing),
        "multipart/alternative": multipart("alternative", note, caught),
        "multipart/mixed, hidden by a style": multipart("mixed", html(b"<style>"), caught, html(b"</style>")),
    }


def forwarded(p, caught):
    """In these the part is not even looked for: a message within has a From of its own."""
    note = p.text("Prosim o odpoved.\r\n")
    return {
        "a forwarded message as the whole": attached(p.message(caught)),
        "a forwarded message as a part": multipart("mixed", note, attached(p.message(caught))),
        "multipart/digest": multipart("digest", attached(p.message(caught))),
    }


def everything(p, caught):
    """[(name, entity, does explain say that a part is encrypted?)]"""
    return ([(name, entity, True) for name, entity in parts(p, caught).items()] +
            [(name, entity, False) for name, entity in forwarded(p, caught).items()])


def test_parts(tap, p, opener):
    for cipher in ("aes256-cbc", "aes256-gcm"):
        caught = p.encrypt(p.sign(p.text()), cipher=cipher)
        for name, entity, seen in everything(p, caught):
            with tap.test("%s in %s stays closed" % (cipher, name)):
                told = opener.judge(p.message(entity))
                assert told.status == 0 and told.stays_as_it_came and not told.is_clear(MARK), told
                assert told.result == "none" and told.layers == [], told
                assert told.smime["a-part-is-encrypted"] == seen, told


def test_signed(tap, p, opener, strip):
    caught = p.encrypt(p.text())
    for name, entity, seen in everything(p, caught):
        for clear in (True, False):
            form = "clear" if clear else "opaque"
            with tap.test("%s, all signed %s: stays closed" % (name, form)):
                told = opener.judge(p.message(p.sign(entity, clear=clear)))
                assert told.layers == ["signed"] and told.smime["a-part-is-encrypted"] == seen, told
                assert told.status == 0 and not told.is_clear(MARK), told
    with tap.test("without the signature the part stays closed too"):
        told = strip.judge(p.message(p.sign(multipart("mixed", p.text("Dobry den.\r\n"), caught), clear=True)))
        assert told.plan["content"] == "stripped" and not told.is_clear(MARK) and told.smime["a-part-is-encrypted"], told


def test_inside(tap, p, opener):
    """Somebody who encrypts to us himself may put what he has caught inside."""
    caught = p.encrypt(p.text())
    for name, entity, seen in everything(p, caught):
        with tap.test("within an envelope of his own, in %s: this one is opened, the caught one is not" % name):
            told = opener.judge(p.message(p.encrypt(entity)))
            assert told.layers == ["encrypted"] and told.smime["layers"][0]["opened"], told
            assert told.smime["a-part-is-encrypted"] == seen and told.plan["content"] == "opened", told
            assert told.status == 0 and not told.is_clear(MARK), told
            assert b"application/pkcs7-mime" in told.message or b"octet-stream" in told.message, told
    with tap.test("compressed around: stays closed"):
        told = opener.judge(p.message(p.compress(multipart("mixed", p.text("Dobry den.\r\n"), caught))))
        assert told.layers == ["compressed"] and not told.is_clear(MARK), told


def test_whole(tap, p, opener):
    for cipher in ("aes256-cbc", "aes256-gcm"):
        envelope = p.encrypt(p.text(), cipher=cipher)
        whole = {
            "the envelope itself": (envelope, ["encrypted"]),
            "as an octet-stream": (as_octets(envelope), ["encrypted"]),
            "directly in multipart/signed": (p.sign(envelope, clear=True), ["signed", "encrypted"]),
            "directly in an opaque signature": (p.sign(envelope), ["signed", "encrypted"]),
            "directly in another envelope": (p.encrypt(envelope), ["encrypted", "encrypted"]),
            "directly in compressed data": (p.compress(envelope), ["compressed", "encrypted"]),
        }
        for name, (entity, layers) in whole.items():
            with tap.test("%s, what is whole is opened: %s" % (cipher, name)):
                told = opener.judge(p.message(entity))
                assert told.layers == layers and told.smime["layers"][-1]["opened"], told
                assert told.plan["content"] == "opened" and told.is_clear(MARK), told
                assert not told.smime["a-part-is-encrypted"] and told.status == 0, told
                if cipher == "aes256-gcm" and len(layers) == 1:
                    assert told.fields("Content-Type") == ["text/plain; charset=utf-8"], told
    with tap.test("a preamble or epilogue around multipart/signed does not come along"):
        signed = p.sign(p.encrypt(p.text()), clear=True)
        framed = signed.replace(b"This is an S/MIME signed message", b"zly-nahore") + b"zly-dole\r\n"
        told = opener.judge(p.message(framed))
        assert told.is_clear(MARK) and b"zly-" not in told.message, told


def test_whose(tap, rig, p, opener):
    """The organisation's key opens for every mailbox: not for who mails it to himself."""
    caught = p.encrypt(p.text())
    cases = {
        "to nobody outside": (("zpravy@trh.example", "prevzeti@trh.example"), True),
        "to an outside address": (("zly@zly.example",), False),
        "to one of ours and one outside": (("zpravy@trh.example", "zly@zly.example"), False),
        "to a domain below ours": (("zpravy@zly.trh.example",), False),
    }
    for name, (to, opened) in cases.items():
        with tap.test("%s: %s" % (name, "opened" if opened else "closed")):
            told = opener.judge(p.message(caught), to=to)
            assert told.is_clear(MARK) == opened, told
    sent_on = "zly%zly.example@trh.example"
    for to in (sent_on, "zly.example!zly@trh.example", '"zly@zly.example"@trh.example'):
        with tap.test("to %s, which an MTA may send on: closed, though the key is for the domain" % to):
            for recipients in ((to,), ("zpravy@trh.example", to)):
                told = opener.judge(p.message(caught), to=recipients)
                assert not told.is_clear(MARK), told
                assert "may be sent on to another domain" in told.smime["layers"][0]["closed-because"], told
    with tap.test("closed also where the key is for that very address"):
        assert not Opener(rig, opens_for=sent_on).judge(p.message(caught), to=(sent_on,)).is_clear(MARK)
    inside = Opener(rig, top='internal-networks = "10.0.0.0/8"')
    for name, options in (("a login", ("--client", "192.0.2.1", "--login", "eva")),
                          ("an inside client", ("--client", "10.1.1.1"))):
        with tap.test("mailed to himself by %s: closed" % name):
            told = inside.judge(p.message(caught), *options)
            assert not told.is_clear(MARK), told
    with tap.test("a key for one address is not used for another"):
        narrow = Opener(rig, opens_for="prevzeti@trh.example")
        assert not narrow.judge(p.message(caught)).is_clear(MARK)
        assert narrow.judge(p.message(caught), to=("Prevzeti@TRH.example",)).is_clear(MARK)
        both = narrow.judge(p.message(caught), to=("prevzeti@trh.example", "zpravy@trh.example"))
        assert not both.is_clear(MARK) and both.smime["layers"][0]["closed-because"], both


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p, opener = Partner(rig), Opener(rig)
        strip = Opener(rig, top="signature = strip")
        for test, arguments in ((test_parts, (p, opener)), (test_signed, (p, opener, strip)),
                                (test_inside, (p, opener)), (test_whole, (p, opener)),
                                (test_whose, (rig, p, opener))):
            with tap.section(test.__name__):
                test(tap, *arguments)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
