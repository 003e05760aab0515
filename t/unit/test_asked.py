#!/usr/bin/env python3
"""What is asked outside because of a message that came in: of strangers nothing, of others no more than
is permitted, and nothing by which anybody would see that an altered envelope decrypts. Counted at
the servers that certificates name; by the daemon's own code through sealctl."""

import json
import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

import test_noise  # noqa: E402
from rig.base import Rig  # noqa: E402
from rig.gateway import text  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.partner import Partner, changed, with_altered_ciphertext, with_broken_signature  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.revoker import Revoker  # noqa: E402
from rig.status_server import StatusServer  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"
CROWD = 16
LISTS = 4
REVOKED = "the certificate has been revoked"
UNKNOWN = "it cannot be told now whether the certificate has been revoked"


class Scene:
    """An authority with lists at one server and a responder at another, and one that nobody trusts, whose
    certificates name the same servers."""

    def __init__(self, rig):
        self.rig, self.p, self.lists = rig, Partner(rig), StatusServer(rig)
        self.list_host = self.lists.host()
        self.authority = Revoker(rig, root_crl=[self.url("/root.crl")])
        self.stranger = Revoker(rig, "stranger", root_crl=[self.url("/root.crl")])
        self.lists.files["/root.crl"] = self.authority.root_crl()
        self.responder = StatusServer(rig)
        self.responder_host = self.responder.host()
        self.ocsp = self.responder.url(self.responder_host)
        self.issue("known", ocsp=[self.ocsp])
        self.issue("listed", crl=[self.url("/issuing.crl")])
        self.issue("revoked", crl=[self.url("/issuing.crl")])
        self.authority.revoke("revoked", "keyCompromise")
        for i in range(CROWD):
            self.issue("crowd%d" % i, crl=[self.url("/%d/%d.crl" % (i, k)) for k in range(LISTS)])
        self.lists.files["/issuing.crl"] = self.authority.crl()
        urls = {"crl": [self.url("/issuing.crl")], "ocsp": [self.ocsp], "issuers": [self.url("/issuer.cer")]}
        self.stranger.issue("foreign", [PARTICIPANT], **urls)
        self.responder.responder = self.authority.responder().address

    def url(self, path):
        return self.lists.url(self.list_host, path)

    def issue(self, name, **urls):
        self.authority.issue(name, [PARTICIPANT], **urls)

    def opener(self, revocation="require", top="", **settings):
        trust = {"anchors": text(self.authority.anchors), "intermediates": text(self.authority.intermediates),
                 "revocation": revocation, **settings}
        top += '\nstatus-directory = none\nfetch-networks = { "127.0.0.0/8" }\n'
        return Opener(self.rig, trust={"revocable": trust}, top=top)

    def sign(self, entity, *names, clear=True, **options):
        return self.p.sign(entity, who=names or ("known",), clear=clear, chain=("revoker-issuing",), **options)

    def turn(self, mode):
        self.lists.turn(self.list_host, mode)
        self.responder.turn(self.responder_host, mode)

    @property
    def asked(self):
        return len(self.lists.asked) + len(self.responder.asked)

    def explain(self, opener, entity):
        """(what is told, how often the servers were asked)"""
        path = self.rig.write("asked", self.p.message(entity))
        before = self.asked
        told = opener.sealctl("--json", "--from", PARTICIPANT, "--to", SENDER, "--inbound", "explain", path)
        return json.loads(told.stdout), self.asked - before


def signers(told):
    return [s for layer in told["smime"]["layers"] if layer["kind"] == "signed" for s in layer["signers"]]


def test_standing(tap, scene):
    opener, entity = scene.opener(), scene.p.text()
    with tap.test("a responder is asked, and says good: pass"):
        told, asked = scene.explain(opener, scene.sign(entity))
        (signer,) = signers(told)
        assert told["smime"]["result"] == "pass" and asked == 2, (told, asked)
        assert (signer["trust"], signer["status"], signer["qualified"]) == ("trusted", "good", "advanced"), signer
        assert signer["status-source"] == "OCSP " + scene.ocsp and "status-told" in signer, signer
    with tap.test("a list is asked, and says good: pass, and the same in the header"):
        told = opener.judge(scene.p.message(scene.sign(entity, "listed")))
        (field,) = told.fields("X-Seal-Layer-1")
        assert told.result == "pass" and told.errors == "", told
        assert 'status=good; status-source="CRL %s"; status-told=' % scene.url("/issuing.crl") in field, field
        assert "; qualified=advanced; " in field, field
    for revocation in ("require", "prefer"):
        with tap.test("revocation = %s, and revoked: policy, and since when and why" % revocation):
            told = scene.opener(revocation).judge(scene.p.message(scene.sign(entity, "revoked")))
            (signer,), (field,) = told.signers(), told.fields("X-Seal-Layer-1")
            assert (told.result, told.reason) == ("policy", REVOKED), told
            assert 'reason="%s"' % REVOKED in told.fields("Authentication-Results")[0], told
            assert "smime-serial" not in told.fields("Authentication-Results")[0], told
            assert (signer["trust"], signer["status"], signer["qualified"]) == ("untrusted", "revoked", "none"), signer
            assert signer["status-reason"] == "keyCompromise" and "trust-set" not in signer, signer
            since = signer["status-since"]
            assert signer["trust-because"] == "revoked since %s, keyCompromise" % since[:10], signer
            assert 'trust=untrusted; trust-because="revoked since %s, keyCompromise"; ' % since[:10] in field, field
            assert 'status=revoked; status-since="%s"; status-reason=keyCompromise; ' % since in field, field
            assert "claimed-subject=" in field, field
    with tap.test("revocation = off: nobody is asked, and a revocation is not seen"):
        told, asked = scene.explain(scene.opener("off"), scene.sign(entity, "revoked"))
        assert told["smime"]["result"] == "pass" and asked == 0, (told, asked)
        assert signers(told)[0]["status"] == "unknown", told


def test_strangers(tap, scene):
    entity = scene.p.sign(scene.p.text(), who=("foreign",), clear=True, chain=("stranger-issuing", "stranger-root"))
    for name, opener in (("require", scene.opener("require")), ("prefer", scene.opener("prefer")),
                         ("with other hosts for issuers", scene.opener(aia_hosts=text("elsewhere.example")))):
        with tap.test("who leads to no anchor: not trusted, and nobody is asked, " + name):
            told, asked = scene.explain(opener, entity)
            (signer,) = signers(told)
            assert told["smime"]["reason"] == "the certificate is not trusted" and asked == 0, (told, asked)
            assert "status" not in signer and signer["qualified"] == "none", signer
    with tap.test("beside one who does: only of that one"):
        both = scene.p.sign(scene.p.text(), who=("foreign", "known"), clear=True,
                            chain=("stranger-issuing", "stranger-root", "revoker-issuing"))
        told, asked = scene.explain(scene.opener(), both)
        assert told["smime"]["result"] == "pass" and asked == 2, (told, asked)


def test_limit(tap, scene):
    crowd = scene.sign(scene.p.text(), *["crowd%d" % i for i in range(CROWD)])
    for limit in (0, 1, 7):
        with tap.test("%d signers with %d lists each, fetch-limit = %d: no more" % (CROWD, LISTS, limit)):
            told, asked = scene.explain(scene.opener("prefer", "fetch-limit = %d" % limit), crowd)
            assert asked == limit and told["smime"]["result"] == "pass", (asked, told["smime"])
            assert all(s["status"] == "unknown" and s["status-because"] for s in signers(told)), told
    with tap.test("what is past it cannot be told, where it must be"):
        told, asked = scene.explain(scene.opener("require", "fetch-limit = 7"), crowd)
        assert asked == 7 and told["plan"]["action"] == "defer", (asked, told)
    with tap.test("outer signatures come first"):
        layers = scene.sign(scene.p.encrypt(scene.sign(scene.p.text(), "listed")))
        told, asked = scene.explain(scene.opener("prefer", "fetch-limit = 2"), layers)
        assert [s["status"] for s in signers(told)] == ["good", "unknown"] and asked == 2, (asked, told)


def altered(scene):
    """Name -> what an envelope holds that was altered, or may have been; none of them proves the contrary."""
    entity = scene.p.text()
    clear, opaque = scene.sign(entity), scene.sign(entity, clear=False)
    made = {"clear-signed, blocks behind it, " + n: scene.p.encrypt(m) for n, m in (
        ("text and noise", clear + b"x\x80"), ("noise", clear + b"\x80\xff"))}
    for name, signed in (("clear-signed", clear), ("opaque", opaque)):
        mail = scene.p.encrypt(signed)
        for padding, wanted in (("a block of padding", b"\x10" * 16), ("wrong padding", b"A" * 16)):
            made["%s, %s" % (name, padding)] = test_noise.with_last_block(mail, signed, wanted)
        made["%s, the last block altered" % name] = changed(mail, with_altered_ciphertext, -1)
    two = scene.sign(entity, "known", "listed", clear=False)
    made["one of two signatures broken"] = scene.p.encrypt(changed(two, with_broken_signature, 1))
    made["compressed, behind noise"] = scene.p.encrypt(scene.p.compress(clear) + b"\x80")
    made["in an envelope that was signed anew"] = scene.sign(made["clear-signed, wrong padding"], "foreign")
    return made


def test_altered(tap, scene):
    names = ("the servers are there", "the servers are away")
    opener = scene.opener(top="fetch-timeout = 1\nstatus-timeout = 2")
    entity, ways = scene.sign(scene.p.text()), altered(scene)
    for name in names:
        scene.turn("ok" if name == names[0] else "hung")
        for way, mail in ways.items():
            with tap.test("%s, altered: %s: nobody is asked, and it is not deferred" % (name, way)):
                told, asked = scene.explain(opener, mail)
                assert asked == 0 and told["plan"]["action"] == "deliver", (asked, told)
        for way, mail in {"in CBC": scene.p.encrypt(entity), "in GCM": scene.p.encrypt(entity, cipher="aes256-gcm"),
                          "compressed": scene.p.encrypt(scene.p.compress(entity)),
                          "signed within and around": scene.p.encrypt(scene.sign(entity, "listed"))}.items():
            with tap.test("%s, not altered, %s: asked" % (name, way)):
                told, asked = scene.explain(opener, mail)
                action = "deliver" if name == names[0] else "defer"
                assert asked > 0 and told["plan"]["action"] == action, (asked, told)
    scene.turn("ok")


def test_away(tap, scene):
    entity = scene.sign(scene.p.text())
    for mode in ("killed", "hung", "garbage", "try-later"):
        scene.turn(mode)
        with tap.test("%s, revocation = require: it is deferred, and says for what" % mode):
            told, _ = scene.explain(scene.opener("require", "fetch-timeout = 1\nstatus-timeout = 2"), entity)
            (signer,) = signers(told)
            assert (told["smime"]["result"], told["smime"]["reason"]) == ("temperror", UNKNOWN), told
            assert told["plan"]["action"] == "defer" and signer["trust"] == "unknown", told
            assert signer["status"] == "unknown" and signer["status-because"] and signer["trust-because"], signer
        with tap.test("%s, revocation = prefer: pass, and what is not known is noted" % mode):
            told = scene.opener("prefer", "fetch-timeout = 1\nstatus-timeout = 2").judge(scene.p.message(entity))
            (signer,) = told.signers()
            assert told.result == "pass" and told.errors == "", told
            assert (signer["trust"], signer["status"], signer["qualified"]) == ("trusted", "unknown", "advanced"), signer
            assert "status=unknown; status-because=" in told.fields("X-Seal-Layer-1")[0], told
    scene.turn("ok")


def main():
    tap = Tap()
    with Rig() as rig:
        with tap.section("set-up"):
            scene = Scene(rig)
        for test in (test_standing, test_strangers, test_limit, test_altered, test_away):
            with tap.section(test.__name__):
                test(tap, scene)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
