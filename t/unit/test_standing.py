#!/usr/bin/env python3
"""What sealctl does not seal with, nor encrypt to, because it was revoked. As the daemon, but nobody need be asked:
lists are files."""

import os
import shutil
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap  # noqa: E402
from rig.gateway import block, program, text  # noqa: E402
from rig.revoker import ENCRYPTS, Revoker  # noqa: E402

SENDER, RECIPIENT = "zpravy@trh.example", "obchod@ucastnik.example"
MESSAGE = "From: %s\r\nTo: %s\r\nSubject: Zkouska\r\n\r\nahoj\r\n" % (SENDER, RECIPIENT)


class Bench:
    """Each certificate NAME and "NAME-revoked" is of one authority; of "strange" nobody has heard."""

    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self.authority, self.stranger = Revoker(rig), Revoker(rig, "stranger")
        for name in ("seal", "archive"):
            for end in ("-good", "-revoked"):
                self.issue(self.authority, name + end)
        self.issue(self.stranger, "archive-strange")
        self.issue(self.stranger, "seal-strange")
        folder = rig.make_folder("people")
        self.authority.issue("person", [RECIPIENT], extensions=ENCRYPTS, key="participant")
        shutil.copyfile(self.pki["person.der"], os.path.join(folder, "person.der"))
        self.folder, self.message = folder, rig.write("message.eml", MESSAGE)
        self.authority.revoke("seal-revoked", "keyCompromise")
        self.authority.revoke("archive-revoked", "cessationOfOperation")
        self.lists = rig.make_folder("lists")
        for authority in (self.authority.root, self.authority.issuing):
            with open(os.path.join(self.lists, authority), "wb") as file:
                file.write(self.authority.crl(authority))

    def issue(self, authority, name):
        seals = name.startswith("seal")
        if seals:
            authority.issue(name, [SENDER], key="seal")
        else:
            authority.issue(name, extensions=ENCRYPTS, key="participant")

    def configure(self, signer="seal-good", archive=None, revocation="prefer", seal_revocation="prefer", lists=True,
                  by_rule=True):
        """by_rule: the rule names the set for recipients, else the top level does."""
        rule = {"sender_domain": text("trh.example"), "sign": text("seal"), "trust": text("set")}
        if archive is not None:
            rule.update(encrypt="required", also_encrypt_to=text(self.pki[archive + ".crt"]))
        if archive is None or not by_rule:
            rule.pop("trust")
        parts = ["status-directory = none", "" if by_rule else "recipient-trust = set", "seal-revocation = " + seal_revocation,
                 block("listener", "work", socket=text("unix:/nonexistent/work")),
                 block("signer", "seal", key=text(self.pki[signer + ".key"]), certificate=text(self.pki[signer + ".crt"]),
                       chain=text(self.authority.intermediates)),
                 block("directory", "people", type="files", path=text(self.folder)),
                 block("trust", "set", anchors=text(self.authority.anchors), revocation=revocation,
                       intermediates=text(self.authority.intermediates),
                       **({"crls": text(self.lists)} if lists else {})),
                 block("rule", "all", **rule)]
        return self.rig.write("standing.conf", "\n".join(parts) + "\n")

    def run(self, *arguments, **options):
        """Exit status and what sealctl said."""
        done = subprocess.run([program("sealctl"), "-c", self.configure(**options)] + list(arguments),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def seal(self, signer="seal-good", **options):
        return self.run("seal", self.message, signer=signer, **options)

    def plan(self, signer="seal-good", **options):
        """What explain says is to be done."""
        return self.run("explain", self.message, signer=signer, **options)[1].partition("\nplan:\n")[2]

    def fit(self, signer, **options):
        """Is it fit for sealing?"""
        told = self.run("certificate", "check", self.pki[signer + ".crt"], signer=signer, **options)[1]
        return told.partition("\nfit:\n")[2].partition("\n")[0].split(None, 2)[1:]


def test_seals(tap, bench):
    for mode in ("prefer", "require"):
        with tap.test("%s: a seal in good standing seals" % mode):
            status, told = bench.seal(seal_revocation=mode)
            assert status == 0 and "multipart/signed" in told, (status, told)
        with tap.test("%s: one that was revoked does not: 451" % mode):
            status, told = bench.seal("seal-revoked", seal_revocation=mode)
            assert status == 75 and "451 4.7.1" in told and "revoked since 20" in told and "keyCompromise" in told, told
        with tap.test("%s: which explain says, and certificate check" % mode):
            plan = bench.plan("seal-revoked", seal_revocation=mode)
            assert "action: defer\n" in plan and "revoked since 20" in plan, plan
            plan = bench.plan(seal_revocation=mode)
            assert "action: protect\n" in plan and "sign: seal\n" in plan, plan
            assert bench.fit("seal-revoked", seal_revocation=mode) == ["no", "it was revoked"]
            assert bench.fit("seal-good", seal_revocation=mode) == ["yes"]
    with tap.test("off: nobody is asked"):
        status, told = bench.seal("seal-revoked", archive="archive-good", seal_revocation="off")
        assert status == 0, (status, told)
    for name, lists in (("seal-good", False), ("seal-strange", True)):
        with tap.test("%s, of which nobody tells: it seals unless that is required" % name):
            status, told = bench.seal(name, lists=lists)
            assert status == 0, told
            status, told = bench.seal(name, lists=lists, seal_revocation="require")
            assert status == 75 and "whether it is revoked is not known" in told, (status, told)
        with tap.test("%s: which explain says, and certificate check" % name):
            plan = bench.plan(name, lists=lists, seal_revocation="require")
            assert "action: defer\n" in plan and "whether it is revoked is not known" in plan, plan
            assert bench.fit(name, lists=lists) == ["yes"]
            assert bench.fit(name, lists=lists, seal_revocation="require") == [
                "no", "seal-revocation = require, and whether it is revoked is not known"]


def test_archives(tap, bench):
    for name in ("archive-good", "archive-strange"):
        with tap.test("%s: encrypted to, whoever issued it" % name):
            status, told = bench.seal(archive=name)
            assert status == 0 and "application/pkcs7-mime" in told, (status, told)
    for by_rule in (True, False):
        with tap.test("one that was revoked: mail waits, and is not sent past the archive"):
            status, told = bench.seal(archive="archive-revoked", by_rule=by_rule)
            assert status == 75 and "also-encrypt-to" in told and "revoked since 20" in told, (status, told)
    with tap.test("recipient-trust where the rule names no set"):
        status, told = bench.seal(archive="archive-good", by_rule=False)
        assert status == 0 and "application/pkcs7-mime" in told, (status, told)
        plan = bench.plan(archive="archive-revoked")
        assert "action: defer\n" in plan and "also-encrypt-to" in plan, plan
    with tap.test("one whose status must be known, and is not: so too"):
        status, told = bench.seal(archive="archive-good", lists=False, revocation="require")
        assert status == 75, (status, told)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        test_seals(tap, bench)
        test_archives(tap, bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
