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
from rig.partner import SEQUENCE, Partner, changed, der, with_altered_ciphertext, with_broken_signature  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.revoker import SIGNS, Revoker  # noqa: E402
from rig.status_server import StatusServer  # noqa: E402
from rig.tap import Tap  # noqa: E402

ESIGN = "1.3.6.1.5.5.7.1.3=DER:" + der(  # EN 319 412-5: QcCompliance, QcSSCD, QcType esign
    SEQUENCE, der(SEQUENCE, bytes.fromhex("060604008e460101")), der(SEQUENCE, bytes.fromhex("060604008e460104")),
    der(SEQUENCE, bytes.fromhex("060604008e460106"), der(SEQUENCE, bytes.fromhex("060704008e46010601")))).hex()
PROFILE = """profile "ours" {
	rule "key-usage" { need = { "key-usage", "have", "nonRepudiation" } }
	rule "company" { severity = %s need = { "subject", "have", "O" } }
	rule "e-mail" { severity = note need = { "alternative-names", "lack", "rfc822Name" } }
}
"""
CHILD = "Jens (Ung under 18)"  # how OCES marks who is under age
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
        self.issue("qualified-person", crl=[self.url("/issuing.crl")], extensions=SIGNS + [ESIGN])
        self.issue(CHILD, crl=[self.url("/issuing.crl")])
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

    def issue(self, name, **options):
        self.authority.issue(name, [PARTICIPANT], **options)

    def set(self, revocation="require", authority=None, **settings):
        authority = authority or self.authority
        return {"anchors": text(authority.anchors), "intermediates": text(authority.intermediates),
                "revocation": revocation, **settings}

    def opener(self, revocation="require", top="", **settings):
        return self.opener_with({"revocable": self.set(revocation, **settings)}, top)

    def opener_with(self, sets, top=""):
        top += '\nfetch-networks = { "127.0.0.0/8" }\nfetch-timeout = 1\nstatus-timeout = 2\n'
        return Opener(self.rig, trust=sets, top=top)

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
    opener = scene.opener()
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
            told, _ = scene.explain(scene.opener("require"), entity)
            (signer,) = signers(told)
            assert (told["smime"]["result"], told["smime"]["reason"]) == ("temperror", UNKNOWN), told
            assert told["plan"]["action"] == "defer" and signer["trust"] == "unknown", told
            assert signer["status"] == "unknown" and signer["status-because"] and signer["trust-because"], signer
        with tap.test("%s, revocation = prefer: pass, and what is not known is noted" % mode):
            told = scene.opener("prefer").judge(scene.p.message(entity))
            (signer,) = told.signers()
            assert told.result == "pass" and told.errors == "", told
            assert (signer["trust"], signer["status"], signer["qualified"]) == ("trusted", "unknown", "advanced"), signer
            assert "status=unknown; status-because=" in told.fields("X-Seal-Layer-1")[0], told
    scene.turn("ok")


def test_sets(tap, scene):
    """The first that trusts speaks, a revocation ends it, and what cannot be told goes before no."""
    mail = {name: scene.sign(scene.p.text(), name) for name in ("known", "revoked")}
    require, off = scene.set("require"), scene.set("off")
    other = scene.set("require", scene.stranger)
    picky = scene.set("off", profiles="cesnet", profile_faults="refuse")

    def is_judged(what, sets, who, away, result, reason="", trust_set=None, because=""):
        with tap.test(what):
            scene.turn("killed" if away else "ok")
            told, _ = scene.explain(scene.opener_with(sets), mail[who])
            (signer,) = signers(told)
            assert (told["smime"]["result"], told["smime"].get("reason", "")) == (result, reason), told
            assert signer.get("trust-set") == trust_set and because in signer.get("trust-because", ""), told

    untrusted = "the certificate is not trusted"
    is_judged("two trust it: the first", {"a": require, "b": off}, "known", False, "pass", trust_set="a")
    is_judged("the other way round", {"b": off, "a": require}, "known", False, "pass", trust_set="b")
    is_judged("a stranger to the first: the second", {"x": other, "a": require}, "known", False, "pass", trust_set="a")
    is_judged("not to be told by the first: the second", {"a": require, "b": off}, "known", True, "pass", trust_set="b")
    is_judged("revoked by the first: whatever the second says", {"a": require, "b": off}, "revoked", False, "policy",
              REVOKED, because="revoked since ")
    is_judged("trusted by the first: whatever the second says", {"b": off, "a": require}, "revoked", False, "pass",
              trust_set="b")
    is_judged("revoked by the second: though the first refuses it anyway", {"p": picky, "a": require}, "revoked", False,
              "policy", REVOKED)
    for name, sets in (("a stranger", {"a": require, "x": other}), ("the other way round", {"x": other, "a": require}),
                       ("no profile", {"a": require, "p": picky}), ("the other way round", {"p": picky, "a": require})):
        is_judged("not to be told by one, %s to the other: deferred" % name, sets, "known", True, "temperror", UNKNOWN)
    for name, sets in (("", {"p": picky, "x": other}), (", the other way round", {"x": other, "p": picky})):
        is_judged("no profile of one, a stranger to the other%s: the one says why" % name, sets, "known", False, "policy",
                  untrusted, because="profile cesnet")
    scene.turn("ok")


def test_qualified(tap, scene):
    entity = scene.sign(scene.p.text(), "qualified-person", "known")

    def told_of(severity, revocation="require", **settings):
        opener = scene.opener(revocation, PROFILE % severity, profiles="ours", **settings)
        told = opener.judge(scene.p.message(entity))
        return told, sorted(told.signers(), key=lambda s: s["subject"], reverse=True), told.fields("X-Seal-Layer-1")[0]

    with tap.test("in a set for signatures, its profile kept, its status good: qualified, and noted what is worth a note"):
        told, (signer, other), field = told_of("note", qualified_services="signatures")
        assert (signer["qualified"], signer["profile"]) == ("qualified-signature-qscd", "ours"), told
        assert signer["profile-notes"] == "company, e-mail" and "profile-faults" not in signer, told
        assert "; qualified=qualified-signature-qscd; profile=ours; profile-notes=\"company, e-mail\"; " in field, field
        assert other["qualified"] == "advanced" and "qualified-because" not in other, told
    for name, severity, revocation, settings in (
            ("in a set for seals only", "note", "require", {"qualified_services": "seals"}),
            ("in a set for neither", "note", "require", {}),
            ("its status not known", "note", "off", {"qualified_services": "signatures"}),
            ("a fault in its profile", "error", "require", {"qualified_services": "signatures"})):
        with tap.test(name + ": advanced, and why"):
            told, (signer, _), field = told_of(severity, revocation, **settings)
            assert told.result == "pass" and signer["qualified"] == "advanced" and signer["qualified-because"], told
            assert "; qualified=advanced; qualified-because=" in field, field
            assert signer.get("profile-faults") == ("company" if severity == "error" else None), told
            assert ("; profile-faults=company; " in field) == (severity == "error"), field
    with tap.test("profile-faults = refuse: not trusted, and which"):
        told, (signer, _), field = told_of("error", profile_faults="refuse", qualified_services="signatures")
        assert (told.result, signer["qualified"], signer["profile-faults"]) == ("policy", "none", "company"), told
        assert "ours: company" in signer["trust-because"] and "; qualified=none; profile=ours; " in field, told
    with tap.test("under age: said wherever one looks"):
        opener, entity_of_child = scene.opener(profiles="oces-person"), scene.sign(scene.p.text(), CHILD)
        told = opener.judge(scene.p.message(entity_of_child))
        assert told.signers()[0]["minor"] == "cannot make binding agreements", told
        assert '; minor="cannot make binding agreements"; ' in told.fields("X-Seal-Layer-1")[0], told
        path = scene.rig.write("logged", scene.p.message(entity_of_child))
        lines = opener.sealctl("-v", "--from", PARTICIPANT, "open", path).stderr.decode()
        assert "profile oces-person with faults, cannot make binding agreements, serial " in lines, lines
    with tap.test("the log has a fault, and what is not known, once"):
        path = scene.rig.write("logged", scene.p.message(entity))
        opener = scene.opener("prefer", "fetch-limit = 0\n" + PROFILE % "error", profiles="ours")
        lines = opener.sealctl("-v", "--from", PARTICIPANT, "open", path).stderr.decode().split("\n")
        (line,) = [x for x in lines if " smime=pass " in x]
        assert line.count("trusted, address match, status unknown, qualified advanced, profile ours with faults") == 2, line
        assert line.count('status-unknown-because="too much was fetched already') == 1, line
        told = [x for x in lines if "signature layer=1" in x]
        assert len(told) == 2 and all(" profile=ours profile-faults=company profile-notes=e-mail" in x for x in told), told


def main():
    tap = Tap()
    with Rig() as rig:
        with tap.section("set-up"):
            scene = Scene(rig)
        for test in (test_standing, test_sets, test_qualified, test_strangers, test_limit, test_altered,
                     test_away):
            with tap.section(test.__name__):
                test(tap, scene)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
