#!/usr/bin/env python3
"""Each limit and policy of inbound mail by itself: what is past it is said by the option's name, and
what is not passes. By the daemon's own code through sealctl."""

import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.gateway import block, program, text  # noqa: E402
from rig.inbound import Opener, configuration  # noqa: E402
from rig.partner import Partner, changed, with_recipients, with_signers  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.tap import Tap  # noqa: E402

MARK = "12,5 MWh"
LARGE = "12,5 MWh ".ljust(63, "x") + "\r\n"


def closed(told, option):
    """The only layer stays closed, and people are told by which option."""
    assert option in told.smime["layers"][0]["closed-because"], told
    assert told.status == 1 and option in told.errors and told.message == b"", told


def unread(told, option):
    assert told.result == "neutral" and option in told.reason, told
    assert not told.smime["layers"][0].get("signers"), told


def test_limits(tap, rig, p):
    large = p.text(LARGE * 300)
    rows = (
        ("cms-recipient-limit = 3", changed(p.encrypt(p.text()), with_recipients, 4), closed),
        ("cms-recipient-limit = 4", changed(p.encrypt(p.text()), with_recipients, 4), None),
        ("opened-size-limit = 10K", p.encrypt(large), closed),
        ("opened-size-limit = 10K", p.encrypt(large, cipher="aes256-gcm"), closed),
        ("opened-size-limit = 10K", p.compress(large), closed),
        ("opened-size-limit = 20K", p.compress(large), None),
        ("weak-ciphers = close", p.encrypt(p.text(), cipher="des3"), closed),
        ("weak-ciphers = open", p.encrypt(p.text(), cipher="des3"), None),
        ("signer-limit = 1", changed(p.sign(p.text()), with_signers, 2), unread),
        ("signer-limit = 2", changed(p.sign(p.text()), with_signers, 2), None),
        ("signer-limit = 100", changed(p.sign(p.text()), with_signers, 500), unread),
        ("certificate-limit = 1", p.sign(p.text()), unread),
        ("certificate-limit = 2", p.sign(p.text()), None),
    )
    for number, (setting, entity, outcome) in enumerate(rows):
        option = setting.partition(" ")[0]
        with tap.test("%s: %s" % (setting, "past it" if outcome else "within it") + " (%d)" % (number + 1)):
            told = Opener(rig, top=setting).judge(p.message(entity))
            if outcome:
                outcome(told, option)
            else:
                assert told.status == 0 and told.result in ("pass", "none"), told
    with tap.test("layer-limit = 1: the next one is not looked at"):
        told = Opener(rig, top="layer-limit = 1").judge(p.message(p.encrypt(p.sign(p.text()))))
        assert told.layers == ["encrypted"] and "layer-limit" in told.smime["claims"], told


def test_policies(tap, rig, p):
    """What can be good or not as the configuration wants it; Date of p.message() is in March 2026."""
    twice = p.message(p.sign(p.sign(p.text()), clear=True))
    for setting, message, result in (
            ("signed-twice = accept", twice, "pass"), ("signed-twice = policy", twice, "policy"),
            ("date-tolerance = 0", p.message(p.sign(p.text())), "pass"),
            ("date-tolerance = 3600", p.message(p.sign(p.text())), "policy"),
            ("date-tolerance = 31536000", p.message(p.sign(p.text())), "pass")):
        with tap.test("%s: %s" % (setting, result)):
            told = Opener(rig, top=setting).judge(message)
            assert told.result == result, told


def test_interval(tap, rig, p):
    """How long the daemon waits is seen in the edit."""
    opener = Opener(rig, top="answer-interval = 200")

    def edit(entity):
        path = rig.write(os.path.join(opener.name, "message"), p.message(entity))
        return opener.sealctl("--edit", "--from", PARTICIPANT, "--to", SENDER, "--listener", "in", "--client", "192.0.2.1",
                              "seal", path).stdout.decode()

    large = p.text(LARGE * 8000)
    for name, entity, wait in (
            ("CBC that is good", p.encrypt(p.sign(p.text())), "200"), ("CBC that is not", p.encrypt(p.text()), "200"),
            ("750 KiB of it", p.encrypt(large), "600"), ("GCM", p.encrypt(p.text(), cipher="aes256-gcm"), None),
            ("CBC for somebody else", p.encrypt(p.text(), to=("archive",)), None), ("no envelope", p.sign(p.text()), None)):
        with tap.test("answered at a multiple of %s ms: %s" % (wait, name)):
            assert ("answer-interval %s ms\n" % wait in edit(entity)) if wait else "answer-interval" not in edit(entity)


def test_listener(tap, rig, p):
    """Only a listener for inbound mail opens anything."""
    folder = rig.make_folder("listeners")
    blocks = [block("listener", name, socket=text("unix:%s/%s" % (folder, name)), direction=name)
              for name in ("outbound", "inbound", "by-rule")]
    config = rig.write("listeners/sealmilter.conf", "run-directory = %s\n%s%s" % (
        text(folder), configuration(rig), "".join(blocks)))
    path = rig.write("listeners/message", p.message(p.encrypt(p.sign(p.text()))))
    for name, opens in (("outbound", False), ("inbound", True), ("by-rule", True)):
        with tap.test("a listener with direction = %s %s" % (name, "opens" if opens else "opens nothing")):
            done = rig.run(program("sealctl"), "-c", config, "--from", PARTICIPANT, "--to", SENDER, "--listener", name,
                           "--client", "192.0.2.1", "seal", path)
            assert (b"smime=pass" in done.stdout) == opens == (MARK.encode() in done.stdout), done.stdout


def test_check(tap, rig):
    with tap.test("check-config finds nothing to say of a configuration for inbound mail alone"):
        done = Opener(rig).sealctl("check-config")
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 0 and "internal-networks" not in said, said


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p = Partner(rig)
        for test in (test_limits, test_policies, test_interval, test_listener):
            with tap.section(test.__name__):
                test(tap, rig, p)
        test_check(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
