#!/usr/bin/env python3
"""Signatures by certificates without an address, which an LDAP directory ties to From: what
mail from outside is said to be, and that nothing is said while the directory is away."""

import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t", "mta"))

from daemon_scene import Daemon, Rig, Tap, text  # noqa: E402
from rig import Slapd, judges  # noqa: E402
from rig.inbound import AUTHSERV_ID, KEY, Opener, configuration, folder_directory  # noqa: E402
from rig.partner import Partner  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402

MARK = "12,5 MWh"
COLLEAGUE = "sef@ucastnik.example"
NO_ADDRESS = "the certificate has no address, and no directory lists it for From"
AWAY = "the directory cannot be asked"


class Inbound(Daemon):
    def __init__(self, rig, directories, **options):
        self.directories = directories
        super().__init__(rig, listeners={"work": {"direction": "inbound"}}, **options)

    def configuration(self):
        return configuration(self.rig, key_file=self.key_of(self.rig.pki()[KEY + ".key"]),
                             directories=self.directories, top="cache-negative = 0\ncache-positive = 0") + \
            self.listener("work", group=text("nogroup"), direction="inbound")

    def take(self, message):
        return self.send("--from", PARTICIPANT, "--rcpt", SENDER, data=message)


def says(sent, result, words=""):
    assert sent.verdict == "accepted", sent
    message = judges.parse(sent.data)
    told, = [v for v in message.get_all("Authentication-Results") if v.strip().startswith(AUTHSERV_ID)]
    told = " ".join(told.split())
    assert told.startswith("%s; smime=%s" % (AUTHSERV_ID, result)) and words in told, told
    assert MARK in judges.body_text(sent.data), sent.data


def ldap(uri):
    return {"type": "ldap", "uri": text(uri), "base": text(Slapd.base), "binds_address": "yes",
            "network_timeout": 2, "operation_timeout": 2}


def test_ldap(tap, rig, p, slapd):
    daemon = Inbound(rig, {"partners": ldap(slapd.uri)})
    tap.more = lambda: daemon.log()[-3000:]
    absent = p.message(p.encrypt(p.sign(p.text(), who=("sign-qualified",), clear=True)))
    named = p.message(p.encrypt(p.sign(p.text(), clear=True)))
    own = p.pki.bytes("sign-qualified.der")
    with tap.test("no entry for From: delivered, policy"):
        says(daemon.take(absent), "policy", NO_ADDRESS)
    with tap.test("an entry of somebody else with it: policy"):
        slapd.person(COLLEAGUE, own)
        says(daemon.take(absent), "policy", NO_ADDRESS)
    with tap.test("an entry for From with another certificate: policy"):
        slapd.person(PARTICIPANT, p.pki.bytes("sign-cn.der"), p.pki.bytes("participant.der"))
        says(daemon.take(absent), "policy", NO_ADDRESS)
        slapd.remove(PARTICIPANT)
    with tap.test("an entry for From with this very certificate: pass"):
        slapd.person(PARTICIPANT, p.pki.bytes("participant.der"), own)
        sent = daemon.take(absent)
        says(sent, "pass")
        assert "address=bound" in sent.data.decode(), sent.data[:3000]
    with tap.test("the directory is away: 451, for this certificate alone"):
        slapd.stop()
        sent = daemon.take(absent)
        assert sent.text.startswith("451 4."), sent
        says(daemon.take(named), "pass")
    with tap.test("the log says which directory, the answer does not"):
        line, = daemon.lines(": deferred ")
        assert 'deferred-because="' in line and slapd.uri in line and slapd.uri not in sent.text, (line, sent)
    with tap.test("explain says temperror and why, open cannot tell"):
        opener = Opener(rig, directories={"partners": ldap(slapd.uri)})
        told = opener.judge(absent)
        assert told.result == "temperror" and AWAY in told.reason and told.plan["action"] == "defer", told
        assert told.status == 75 and told.message == b"" and told.errors, told
        assert told.signers()[0]["address"] == "unknown", told
    with tap.test("broken or untrusted, the directory is not asked: delivered, with what is known"):
        broken = p.sign(p.text(), who=("sign-qualified",), clear=True).replace(b"Dobry", b"dobry")
        says(daemon.take(p.message(broken)), "fail", "the signature is not intact")
    with tap.test("the directory is back: pass"):
        slapd.start()
        says(daemon.take(absent), "pass")
    with tap.test("the directory hangs: 451"):
        slapd.hang()
        sent = daemon.take(absent)
        slapd.go_on()
        assert sent.text.startswith("451 4."), sent
    daemon.stop()


def test_order(tap, rig, p, slapd):
    message = p.message(p.sign(p.text(), who=("sign-qualified",), clear=True))
    files = folder_directory(rig, "bound", {PARTICIPANT + ".pem": p.pki.bytes("sign-qualified.crt")})
    slapd.stop()
    for name, directories in (("first", {"away": ldap(slapd.uri), "here": files}),
                              ("last", {"here": files, "away": ldap(slapd.uri)})):
        with tap.test("the directory that is away stands %s, another lists the certificate: pass" % name):
            told = Opener(rig, directories=directories).judge(message)
            assert told.result == "pass" and told.signers()[0]["address"] == "bound", told


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p, slapd = Partner(rig), Slapd(rig)
        with tap.section("ldap"):
            test_ldap(tap, rig, p, slapd)
        with tap.section("order"):
            test_order(tap, rig, p, slapd)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
