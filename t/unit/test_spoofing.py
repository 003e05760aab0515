#!/usr/bin/env python3
"""Signed mail that would pass for somebody else's: what explain, the message's own
Authentication-Results and open's standard error say of each, by the daemon's own code."""

import os
import sys
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import partner  # noqa: E402
from rig.base import Rig  # noqa: E402
from rig.gateway import text  # noqa: E402
from rig.inbound import AUTHSERV_ID, Opener, folder_directory  # noqa: E402
from rig.partner import Partner  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"
ATTACKER = "zly@zly.example"
CHIEF = "sef@ucastnik.example"

PART = "a part of the message is signed, not the whole"
NOT_FROM = "the certificate is not From's"
NOT_TRUSTED = "the certificate is not trusted"
NOT_ONE_FROM = "From is not exactly one address"
NO_ADDRESS = "the certificate has no address, and no directory lists it for From"
WEAK = "the signature's digest or key is too weak"
OUTSIDE = "signed outside of the encryption, not the content itself"


def says(told, result, words=""):
    """Wherever a person or a program looks, it is the same."""
    assert told.result == result and words in told.reason, told
    (results,) = told.fields("Authentication-Results")
    assert results.startswith("%s; smime=%s" % (AUTHSERV_ID, result)), results
    assert words in results, results
    complains = "smime=%s: " % result in told.errors and words in told.errors
    assert complains == (result not in ("pass", "none")), told.errors
    assert told.status == 0 and told.is_clear(MARK), told


def signer_is(told, layer=None, signer=0, **wanted):
    """The four verdicts and others, as explain and X-Seal-Layer have them."""
    entry = told.signers(layer)[signer]
    for name, value in wanted.items():
        name = name.replace("_", "-")
        assert entry[name] == value, (name, told)
        shown = " ".join(told.fields("X-Seal-Layer-%d" % number)[0] for number in (1, 2, 3)
                         if told.fields("X-Seal-Layer-%d" % number))
        assert name not in ("intact", "trust", "address") or "%s=%s" % (name, value) in shown, shown


def mixed(*parts, kind="mixed"):
    head = 'Content-Type: multipart/%s; boundary="hranice"\r\n\r\n' % kind
    return head.encode() + b"".join(b"--hranice\r\n" + p + b"\r\n" for p in parts) + b"--hranice--\r\n"


def attached(message):
    return b"Content-Type: message/rfc822\r\n\r\n" + message


# ---- what the signature does not cover --------------------------------------------

def test_parts(tap, p, opener):
    signed, opaque = p.sign(p.text(), clear=True), p.sign(p.text())
    order = p.text("Zaplatte na jiny ucet.\r\n")
    cases = {
        "a signed part before unsigned text": mixed(signed, order),
        "a signed part beside unsigned text": mixed(order, signed),
        "an opaque signed part beside unsigned text": mixed(order, opaque),
        "the only part of a multipart": mixed(signed),
        "a signed part in a multipart/alternative": mixed(order, signed, kind="alternative"),
    }
    forwarded = {
        "a signed message forwarded inside another": attached(p.message(signed)),
        "a signed message attached to another": mixed(order, attached(p.message(signed))),
        "an opaque one": mixed(order, attached(p.message(opaque))),
    }
    for name, entity in cases.items():
        with tap.test(name + ": none, and that a part is signed"):
            told = opener.judge(p.message(entity))
            says(told, "none", PART)
            assert told.smime["a-part-is-signed"] and not told.layers and told.stays_as_it_came, told
    for name, entity in forwarded.items():
        with tap.test(name + ": none, as that one has a From of its own"):
            told = opener.judge(p.message(entity))
            says(told, "none")
            assert not told.layers and told.stays_as_it_came, told
    with tap.test("a multipart in the signed whole, with a forwarded message in it, is covered: pass"):
        whole = p.sign(mixed(order, attached(p.message(p.text()))), clear=True)
        says(opener.judge(p.message(whole)), "pass")
    with tap.test("a third part behind the signature is no signed message"):
        longer = signed[:signed.rindex(b"\r\n--")] + b"\r\n--" + signed.rpartition(b"\r\n--")[2][:-4] + \
            b"\r\n" + order + b"\r\n--" + signed.rpartition(b"\r\n--")[2]
        told = opener.judge(p.message(longer))
        assert told.result in ("none", "neutral") and not told.layers, told
    quoted = signed.split(b'boundary="')[1].split(b'"')[0]
    for boundary in (b"=_hranice", b"----=_hranice"):
        bare = signed.replace(b'boundary="%s"' % quoted, b"boundary=" + boundary).replace(quoted, boundary)
        with tap.test("text around what is signed, with boundary=%s, which not all read: neutral" % boundary.decode()):
            told = opener.judge(p.message(bare.replace(b"\r\n\r\n", b"\r\n\r\nZaplatte na jiny ucet.\r\n", 1)))
            says(told, "neutral", "readers may disagree")
            assert told.stays_as_it_came, told
    with tap.test("unsigned mail: none"):
        told = opener.judge(p.message(p.text()))
        says(told, "none")
        assert not told.smime["a-part-is-signed"], told


# ---- whose it is ---------------------------------------------------------------------

def test_from(tap, rig, p, opener):
    signed = p.sign(p.text(), clear=True)
    with tap.test("the signer's address is From: pass"):
        told = opener.judge(p.message(signed))
        says(told, "pass")
        signer_is(told, intact="intact", trust="trusted", address="match", trust_set="partners",
                  qualified="advanced", status="unknown")
        assert "smime-identifier=" + PARTICIPANT in told.fields("Authentication-Results")[0], told
    with tap.test("in other letter case: pass"):
        says(opener.judge(p.message(p.sign(p.text(), who=("sign-case",), clear=True))), "pass")
    forged = {
        "another From": ATTACKER,
        "the signer's address as display name": '"%s" <%s>' % (PARTICIPANT, ATTACKER),
        "the signer's address in angles within the display name": '"<%s>" <%s>' % (PARTICIPANT, ATTACKER),
        "the signer's address in a comment": "%s (%s)" % (ATTACKER, PARTICIPANT),
        "the signer's domain as a part of another": PARTICIPANT + ".zly.example",
        "another local part of the signer's domain": CHIEF,
    }
    for name, sender in forged.items():
        with tap.test(name + ": policy"):
            told = opener.judge(p.message(signed, sender=sender))
            says(told, "policy", NOT_FROM)
            signer_is(told, intact="intact", trust="trusted", address="mismatch")
            assert PARTICIPANT in told.signers()[0]["address-because"], told
    several = {
        "From with two addresses": p.message(signed, sender="%s, %s" % (PARTICIPANT, ATTACKER)),
        "From with two addresses, the signer's last": p.message(signed, sender="%s, %s" % (ATTACKER, PARTICIPANT)),
        "two From fields": p.message(signed, fields=("From: " + ATTACKER,)),
        "two From fields, the signer's last": p.message(signed, sender=ATTACKER, fields=("From: " + PARTICIPANT,)),
        "two From fields that are alike": p.message(signed, fields=("fROM : " + PARTICIPANT,)),
        "a group with another's address": p.message(signed, sender="lide: %s, %s;" % (PARTICIPANT, ATTACKER)),
        "a group that is named as another's address": p.message(signed, sender='"%s": %s;' % (ATTACKER, PARTICIPANT)),
        "an empty group before it": p.message(signed, sender='"%s":;, %s' % (ATTACKER, PARTICIPANT)),
        "another's address in a comment that holds one": p.message(
            signed, sender="(a(b) %s,) %s" % (ATTACKER, PARTICIPANT)),
        "no From": p.message(signed).replace(b"From: ", b"Odkud: ", 1),
    }
    for name, message in several.items():
        with tap.test(name + ": policy"):
            says(opener.judge(message), "policy", NOT_ONE_FROM)
    other = p.message(p.sign(p.text(), who=("sign-other",)))
    with tap.test("a certificate for another address: policy"):
        told = opener.judge(other)
        says(told, "policy", NOT_FROM)
        assert told.signers()[0]["addresses"] == ["nobody@elsewhere.example"], told


def test_sender(tap, rig, p, opener):
    signed = p.sign(p.text(), clear=True)
    by_sender = p.message(signed, sender=CHIEF, fields=("Sender: " + PARTICIPANT,))
    with tap.test("signed by Sender, not From: policy that says so"):
        told = opener.judge(by_sender)
        says(told, "policy", "signed by Sender, not From")
        signer_is(told, address="sender")
    pair = Opener(rig, top="sender-may-sign-for = " + text("%s: %s" % (PARTICIPANT, CHIEF)))
    with tap.test("the pair is in sender-may-sign-for: pass"):
        told = pair.judge(by_sender)
        says(told, "pass")
        signer_is(told, address="sender")
    refused = {
        "the pair the other way round": p.message(signed, sender=PARTICIPANT.replace("obchod", "jiny"),
                                                  fields=("Sender: " + PARTICIPANT,)),
        "another Sender": p.message(signed, sender=CHIEF, fields=("Sender: " + ATTACKER,)),
        "no Sender": p.message(signed, sender=CHIEF),
        "two Sender fields": p.message(signed, sender=CHIEF, fields=("Sender: " + PARTICIPANT, "Sender: " + ATTACKER)),
        "Sender with two addresses": p.message(signed, sender=CHIEF, fields=("Sender: %s, %s" % (PARTICIPANT, ATTACKER),)),
        "Resent-Sender": p.message(signed, sender=CHIEF, fields=("Resent-Sender: " + PARTICIPANT,)),
    }
    for name, message in refused.items():
        with tap.test("a pair, but %s: policy" % name):
            says(pair.judge(message), "policy")
    with tap.test("From signs, whoever is Sender: pass"):
        told = opener.judge(p.message(signed, fields=("Sender: " + ATTACKER,)))
        says(told, "pass")
        signer_is(told, address="match")


# ---- certificates ----------------------------------------------------------------------

def test_signers(tap, p, opener):
    for clear in (True, False):
        both = p.sign(p.text(), who=("participant-sign", "sign-ec256"), clear=clear)
        form = "clear" if clear else "opaque"
        with tap.test("two good signers, %s: pass" % form):
            says(opener.judge(p.message(both)), "pass")
        for which in (0, 1):
            with tap.test("two signers of whom one is bad, %s: fail" % form):
                told = opener.judge(p.message(partner.changed(both, partner.with_broken_signature, which)))
                says(told, "fail", "one of several signatures is not intact")
                assert [s["intact"] for s in told.signers()].count("broken") == 1, told
    signed = p.sign(p.text(), clear=True)
    with tap.test("altered text: fail"):
        told = opener.judge(p.message(signed.replace(b"nabidka", b"Nabidka")))
        says(told, "fail", "the signature is not intact")
        signer_is(told, intact="broken")
    with tap.test("without the signer's certificate: permerror"):
        told = opener.judge(p.message(partner.changed(signed, partner.with_certificates, [])))
        says(told, "permerror", "the signer's certificate is not in the message")
    with tap.test("another certificate of the same name in its place: permerror or fail, never more"):
        other = [p.pki.bytes(n + ".der") for n in ("sign-case", "qualified")]
        told = opener.judge(p.message(partner.changed(signed, partner.with_certificates, other)))
        says(told, "permerror")


def test_names(tap, rig, p, opener):
    accepts = Opener(rig, trust={"partners": {"anchors": text(p.pki["anchors.pem"]), "absent_address": "accept"}})
    with tap.test("the address as common name only: the certificate has none"):
        told = opener.judge(p.message(p.sign(p.text(), who=("sign-cn",))))
        says(told, "policy", NO_ADDRESS)
        signer_is(told, address="absent")
    for name, what in (("sign-nul", "a NUL and another domain"), ("sign-blank", "a blank")):
        message = p.message(p.sign(p.text(), who=(name,)))
        with tap.test("%s behind the address in the certificate: policy" % what):
            told = opener.judge(message)
            says(told, "policy")
            assert told.signers()[0]["address"] in ("mismatch", "absent"), told
        with tap.test("%s: absent-address = accept does not help, as it is not absent" % what):
            says(accepts.judge(message), "policy")


def test_authorities(tap, rig, p, opener):
    with tap.test("certificates of the right names from a false root: policy"):
        told = opener.judge(p.message(p.sign(p.text(), who=("sign-untrusted",), chain=("false-qualified", "false-root"))))
        says(told, "policy", NOT_TRUSTED)
        signer_is(told, intact="intact", trust="untrusted", address="match")
        assert told.signers()[0]["trust-because"], told
    with tap.test("the true authorities beside them change nothing"):
        chain = ("false-qualified", "false-root", "qualified", "root")
        says(opener.judge(p.message(p.sign(p.text(), who=("sign-untrusted",), chain=chain))), "policy", NOT_TRUSTED)
    for name, days in (("sign-expired", -10), ("sign-future", 10)):
        message = p.message(p.sign(p.text(), who=(name,)))
        with tap.test(name + ": policy"):
            told = opener.judge(message)
            says(told, "policy", NOT_TRUSTED)
            assert name != "sign-expired" or "expired" in told.signers()[0]["trust-because"], told
        with tap.test(name + ", judged at a time when it is valid: pass"):
            says(opener.judge(message, "--at", "@%d" % (time.time() + days * 24 * 3600)), "pass")
    for name, what in (("sign-clientauth", "an extended key usage without emailProtection"),
                       ("seal-nonrepudiation", "nonRepudiation alone")):
        with tap.test("%s is fine for a signature: pass" % what):
            sender = SENDER if name.startswith("seal") else PARTICIPANT
            says(opener.judge(p.message(p.sign(p.text(), who=(name,)), sender=sender)), "pass")
    with tap.test("a key usage that allows no signature: policy"):
        told = opener.judge(p.message(p.sign(p.text(), who=("participant",), chain=("commercial",))))
        says(told, "policy", "the certificate's key usage does not permit signatures")


def test_weak(tap, rig, p, opener):
    lenient = Opener(rig, top="weak-signatures = accept")
    cases = {
        "SHA-1 as the digest": (p.sign(p.text(), digest="sha1", clear=True), WEAK),
        "RSA 1024": (p.sign(p.text(), who=("sign-weak",), clear=True), WEAK),
        "a certificate signed with SHA-1": (p.sign(p.text(), who=("sign-sha1",), clear=True), ""),
    }
    for name, (entity, words) in cases.items():
        with tap.test(name + ": policy"):
            says(opener.judge(p.message(entity)), "policy", words)
        with tap.test(name + ", weak-signatures = accept: pass"):
            says(lenient.judge(p.message(entity)), "pass")
    with tap.test("MD5: neutral and named, weak-signatures = accept or not"):
        for told in (judge.judge(p.message(p.sign(p.text(), digest="md5", clear=True))) for judge in (opener, lenient)):
            says(told, "neutral", "the signature's algorithm is not supported")
            (signer,) = told.signers()
            assert "MD5" in signer["intact-because"] and signer["trust"] == "untrusted", told
    with tap.test("weak and broken is broken: fail"):
        broken = cases["SHA-1 as the digest"][0].replace(b"nabidka", b"Nabidka")
        says(lenient.judge(p.message(broken)), "fail")


def test_cross(tap, rig, p):
    """One intermediate's name and key under two roots."""
    def trusts(root, *intermediates):
        settings = {"anchors": text(p.pki[root + ".crt"])}
        if intermediates:
            settings["intermediates"] = "{ %s }" % ", ".join(text(p.pki[i + ".crt"]) for i in intermediates)
        return Opener(rig, trust={"cross": settings})
    first, second = trusts("root"), trusts("second-root")
    configured = trusts("second-root", "qualified-cross")
    for chain, which, wanted in (
            (("qualified",), first, "pass"), (("qualified",), second, "policy"),
            (("qualified-cross",), second, "pass"), (("qualified-cross",), first, "policy"),
            (("qualified", "qualified-cross"), first, "pass"), (("qualified-cross", "qualified"), first, "pass"),
            (("qualified", "qualified-cross"), second, "pass"), (("qualified-cross", "qualified"), second, "pass"),
            ((), second, "policy"), ((), configured, "pass"), (("qualified",), configured, "pass")):
        root = "first" if which is first else "second"
        where = ", intermediate in the configuration" if which is configured else ""
        with tap.test("the message brings %s; the %s root is the anchor%s: %s" % (
                " and ".join(chain) or "no authority", root, where, wanted)):
            says(which.judge(p.message(p.sign(p.text(), chain=chain, clear=True))), wanted,
                 NOT_TRUSTED if wanted == "policy" else "")


def test_trust_sets(tap, rig, p):
    message = p.message(p.sign(p.text(), clear=True))
    cases = (({"sender": text(PARTICIPANT)}, "pass"), ({"sender": text(CHIEF)}, "policy"),
             ({"sender_domain": text("ucastnik.example")}, "pass"), ({"sender_domain": text("jiny.example")}, "policy"),
             ({"sender": text(CHIEF), "sender_domain": text("ucastnik.example")}, "pass"))
    for settings, wanted in cases:
        with tap.test("a trust set for %s: %s" % (" ".join("%s = %s" % s for s in settings.items()), wanted)):
            opener = Opener(rig, trust={"some": dict(settings, anchors=text(p.pki["anchors.pem"]))})
            says(opener.judge(message), wanted, NOT_TRUSTED if wanted == "policy" else "")
    with tap.test("of two sets the one that speaks for From is named"):
        opener = Opener(rig, trust={
            "others": {"anchors": text(p.pki["anchors.pem"]), "sender_domain": text("jiny.example")},
            "these": {"anchors": text(p.pki["anchors.pem"]), "sender_domain": text("ucastnik.example")}})
        told = opener.judge(message)
        says(told, "pass")
        signer_is(told, trust_set="these")
    with tap.test("absent-address = accept holds only for whom its set speaks"):
        anchors = text(p.pki["anchors.pem"])
        opener = Opener(rig, trust={
            "theirs": {"anchors": anchors, "sender_domain": text("jiny.example"), "absent_address": "accept"},
            "all": {"anchors": anchors}})
        entity = p.sign(p.text(), who=("sign-qualified",))
        says(opener.judge(p.message(entity)), "policy", NO_ADDRESS)
        says(opener.judge(p.message(entity, sender="kdo@jiny.example")), "pass")


# ---- certificates without an address --------------------------------------------------

def test_absent(tap, rig, p, opener):
    message = p.message(p.sign(p.text(), who=("sign-qualified",)))
    own, other = p.pki.bytes("sign-qualified.crt"), p.pki.bytes("sign-cn.crt")
    anchors = text(p.pki["anchors.pem"])

    def with_folder(files, **options):
        directory = folder_directory(rig, "bound%d" % Opener.count, files, **options)
        return Opener(rig, directories={"partners": directory})
    with tap.test("a qualified certificate without an address, no directory: policy"):
        told = opener.judge(message)
        says(told, "policy", NO_ADDRESS)
        signer_is(told, intact="intact", trust="trusted", address="absent")
        assert told.signers()[0]["addresses"] == [], told
    with tap.test("the directory lists this very certificate for From: pass"):
        for files in ({PARTICIPANT + ".pem": own}, {PARTICIPANT + ".pem": other + own},
                      {PARTICIPANT + ".der": p.pki.bytes("sign-qualified.der")}):
            told = with_folder(files).judge(message)
            says(told, "pass")
            signer_is(told, address="bound")
    refused = {
        "another certificate of the same key": {PARTICIPANT + ".pem": other},
        "it for another address": {CHIEF + ".pem": own},
        "it under a name that is no address": {"qualified.pem": own},
        "nothing": {},
    }
    for name, files in refused.items():
        with tap.test("the directory lists %s: policy" % name):
            told = with_folder(files).judge(message)
            says(told, "policy", NO_ADDRESS)
            signer_is(told, address="absent")
    with tap.test("a directory without binds-address vouches for nobody: policy"):
        says(with_folder({PARTICIPANT + ".pem": own}, binds="no").judge(message), "policy", NO_ADDRESS)
    with tap.test("a directory does not help a certificate of another address: policy"):
        told = with_folder({PARTICIPANT + ".pem": p.pki.bytes("sign-other.crt")}).judge(
            p.message(p.sign(p.text(), who=("sign-other",))))
        says(told, "policy", NOT_FROM)
    with tap.test("absent-address = accept: pass, and still said to be absent"):
        told = Opener(rig, trust={"partners": {"anchors": anchors, "absent_address": "accept"}}).judge(message)
        says(told, "pass")
        signer_is(told, address="absent")


# ---- layers ----------------------------------------------------------------------------

def test_outside(tap, rig, p, opener):
    lenient = Opener(rig, top="signature-outside = accept")
    message = p.message(p.sign(p.encrypt(p.text()), clear=True))
    with tap.test("a signature outside of an envelope that is opened: policy"):
        told = opener.judge(message)
        says(told, "policy", OUTSIDE)
        assert told.layers == ["signed", "encrypted"], told
    with tap.test("signature-outside = accept: pass"):
        says(lenient.judge(message), "pass")
    with tap.test("triple-wrapped, by one author: pass, for the innermost"):
        says(opener.judge(p.message(p.sign(p.encrypt(p.sign(p.text())), clear=True))), "pass")
    with tap.test("an outer signature of From around somebody else's words: policy"):
        inner = p.sign(p.text(), who=("sign-other",))
        told = opener.judge(p.message(p.sign(p.encrypt(inner), clear=True)))
        says(told, "policy")
        signer_is(told, layer=0, address="match")
        signer_is(told, layer=1, address="mismatch")
    with tap.test("somebody else's envelope and signature around From's: pass, for From's"):
        outer = p.sign(p.encrypt(p.sign(p.text(), clear=True)), who=("sign-other",), clear=True)
        says(opener.judge(p.message(outer)), "pass")
    with tap.test("an envelope for somebody else inside a signature: pass, for the envelope"):
        told = opener.judge(p.message(p.sign(p.encrypt(p.text(), to=("archive",)), clear=True)))
        assert told.result == "pass" and not told.smime["layers"][1]["opened"], told
        assert told.status == 1 and told.message == b"" and "stays closed" in told.errors, told


# ---- fields ------------------------------------------------------------------------------

def test_fields(tap, rig, p, opener):
    forged = ["Authentication-Results: %s; smime=pass body.smime-identifier=%s" % (AUTHSERV_ID, ATTACKER),
              "authentication-results : (ahoj) %s. 1; smime=pass" % AUTHSERV_ID.upper(),
              "X-Seal-Layer-1: signed; intact=intact; trust=trusted; address=match",
              "X-Seal-Layer-77: signed; intact=intact"]
    foreign = "Authentication-Results: mx.jiny.example; smime=pass; spf=pass"
    for name, entity, result in (("unsigned", p.text(), "none"),
                                 ("encrypted", p.encrypt(p.text()), "none"),
                                 ("badly signed", p.sign(p.text(), who=("sign-other",), clear=True), "policy")):
        with tap.test("fields forged in our name are taken out of %s mail" % name):
            message = p.message(entity, fields=forged + [foreign])
            told = opener.judge(message)
            ours, theirs = told.fields("Authentication-Results")
            assert ours.startswith("%s; smime=%s" % (AUTHSERV_ID, result)) and ATTACKER not in ours, ours
            assert theirs == "mx.jiny.example; smime=pass; spf=pass", theirs
            assert "pass" not in " ".join(told.fields("X-Seal-Layer-1")) and not told.fields("X-Seal-Layer-77"), told
    with tap.test("of a trusted milter's field only smime goes"):
        trusting = Opener(rig, top="trusted-authres = " + text("mx.jiny.example"))
        told = trusting.judge(p.message(p.text(), fields=[foreign]))
        assert told.fields("Authentication-Results")[1] == "mx.jiny.example; spf=pass", told
    inner = ["From: " + ATTACKER, "Sender: " + ATTACKER, "Subject: Zaplatte", "Reply-To: " + ATTACKER,
             "To: " + ATTACKER, "Received: from zly", "X-Seal-Layer-1: signed; intact=intact",
             "Authentication-Results: %s; smime=pass body.smime-identifier=%s" % (AUTHSERV_ID, ATTACKER),
             "Content-Language: cs", "Content-Type: text/plain; charset=utf-8"]
    entity = "\r\n".join(inner).encode() + b"\r\n\r\nnabidka 12,5 MWh.\r\n"
    strip = Opener(rig, top="signature = strip")
    for name, which, content in (("encrypted", opener, p.encrypt(entity)),
                                 ("signed and encrypted", opener, p.encrypt(p.sign(entity))),
                                 ("signed, encrypted, stripped", strip, p.encrypt(p.sign(entity))),
                                 ("signed opaque, stripped", strip, p.sign(entity)),
                                 ("compressed", opener, p.compress(entity))):
        with tap.test("an inner header's From, Subject and results do not become the message's: " + name):
            told = which.judge(p.message(content))
            assert told.fields("From") == [PARTICIPANT] and told.fields("Subject") == ["Nabidka"], told
            assert told.fields("To") == [SENDER] and not told.fields("Reply-To") and not told.fields("Sender"), told
            assert not told.fields("Received") and told.fields("X-Seal-Layer-1") != ["signed; intact=intact"], told
            (results,) = told.fields("Authentication-Results")
            assert ATTACKER not in results and told.is_clear(MARK), told
            assert told.smime["result"] in results, told
    with tap.test("the fields that describe the content come along, once each"):
        told = opener.judge(p.message(p.encrypt(entity, cipher="aes256-gcm")))
        assert told.fields("Content-Type") == ["text/plain; charset=utf-8"], told
        assert told.fields("Content-Language") == ["cs"] and told.fields("MIME-Version") == ["1.0"], told
        assert not told.fields("Content-Transfer-Encoding") and not told.fields("Content-Disposition"), told
    with tap.test("a signed header's Subject is not the message's, and its From does not sign"):
        told = opener.judge(p.message(p.sign(entity, who=("sign-other",)), sender=PARTICIPANT))
        says(told, "policy", NOT_FROM)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p, opener = Partner(rig), Opener(rig)
        with tap.section("parts"):
            test_parts(tap, p, opener)
        with tap.section("signers"):
            test_signers(tap, p, opener)
        for test in (test_from, test_sender, test_names, test_authorities, test_weak, test_absent,
                     test_outside, test_fields):
            with tap.section(test.__name__):
                test(tap, rig, p, opener)
        for test in (test_cross, test_trust_sets):
            with tap.section(test.__name__):
                test(tap, rig, p)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
