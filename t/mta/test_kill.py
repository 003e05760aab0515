#!/usr/bin/env python3
"""kill -9 of gate, keeper and supervisor at every stage of a message.

The scripted MTA stops reading at the stage and kills there. What it then gets may
be a lost connection, a temporary failure or the whole message sealed and
encrypted: never an accept without that, never a part of a new body with an accept
after it. Then the next message must pass. Kills that landed are counted."""

import os
import shutil
import sys

from daemon_scene import ENCRYPTS, PARTICIPANT, SEALS, Daemon, Problem, Rig, Tap, message, wait_for
from rig import judges

ROLES = ("gate", "keeper", "supervisor")
# A small message's answer fits the socket whole, and no kill could cut it: from the body
# on the messages are larger. The numbers are octets read of the new body.
SMALL, MEDIUM, LARGE = 0, 1024 * 1024, 25 * 1024 * 1024
STAGES = {
    "connected": SMALL, "negotiated": SMALL, "mail": SMALL, "rcpt": SMALL, "data": SMALL,
    "header": SMALL, "eoh": SMALL, "body": MEDIUM, "eob-sent": MEDIUM, "first-modification": MEDIUM,
    "replace-body:1": LARGE, "replace-body:20000000": LARGE,
}
# Before these the connection may still wait for the next gate; and a gate without a
# supervisor begins no message.
BEFORE_GATE = ("connected",)
BEFORE_MESSAGE = ("connected", "negotiated", "mail")


class Kills:
    """The daemon under test, and how many kills have landed where."""

    def __init__(self, rig):
        self.daemon = Daemon(rig, rules=SEALS + ENCRYPTS)
        self.rig, self.openssl = rig, judges.OpenSSL(rig)
        shutil.copy(rig.pki()["participant.crt"], rig.make_folder("certificates"))
        self.messages = {octets: message(octets) for octets in (SMALL, MEDIUM, LARGE)}
        self.landed = {}
        self.outcomes = {}

    def check_protected(self, sent, original):
        """Demands that what the MTA would queue is the whole of it, for the participant."""
        verdict = self.openssl.open(sent.data, "participant")
        if "CN=TRH" not in verdict.signer:
            raise Problem("signed by " + verdict.signer)
        body = original.split(b"\r\n\r\n", 1)[1]
        if verdict.content.split(b"\r\n\r\n", 1)[1].rstrip(b"\r\n") != body.rstrip(b"\r\n"):
            raise Problem("it is not the body that was sent, but %d octets" % len(verdict.content))

    def check(self, sent, original):
        """Demands one of the permitted outcomes; returns which."""
        if sent.verdict == "broken":
            if sent.data:
                raise Problem("no verdict, and yet a message for the queue")
            return "lost"
        if sent.verdict == "tempfailed" or sent.text[:1] == "4":
            return "deferred"
        if sent.verdict == "no-recipient" and sent.recipients[0][:1] in ("", "4"):
            return "deferred"
        if sent.verdict != "accepted":
            raise Problem("a definite answer to a passing trouble: %r" % sent)
        self.check_protected(sent, original)
        return "protected"

    def kill(self, role, stage):
        """Kills that role there; the outcome of the message."""
        original = self.messages[STAGES[stage]]
        pids = self.daemon.pids_of(role)
        family = self.daemon.pids()
        if len(pids) != 1:
            raise Problem("%d processes are a %s" % (len(pids), role))
        sending = self.daemon.hold(stage, "--then-kill", str(pids[0]), data=original)
        if role == "supervisor":
            # On the same paths, while its predecessor's children still have the message in hand.
            self.daemon.start()
        sent = sending.finish()
        stop = sent.answer["stop"]
        if not stop["landed"]:
            raise Problem("the kill did not land: %r" % sent)
        self.landed[role, stage] = self.landed.get((role, stage), 0) + 1
        outcome = self.check(sent, original)
        self.outcomes[role, stage] = outcome
        if role == "supervisor":
            self.daemon.all_gone(family)
        return outcome

    def recovers(self):
        """Demands that mail is sealed and encrypted again."""
        def passes():
            sent = self.daemon.send(data=self.messages[SMALL])
            return self.check(sent, self.messages[SMALL]) == "protected"
        wait_for(passes, lambda: "a good message to pass:\n" + self.daemon.log()[-4000:])
        for role in ROLES:
            wait_for(lambda: len(self.daemon.pids_of(role)) == 1, "one %s" % role)


def test_stage(tap, kills, stage):
    # The supervisor last: a new one forgets how often the others have died, and does
    # not wait before it starts them anew.
    for role in ROLES:
        with tap.test("%s killed at %s: no half-done message is accepted" % (role, stage)):
            outcome = kills.kill(role, stage)
            if role == "gate" and stage not in BEFORE_GATE:
                assert outcome == "lost", outcome
            if role == "supervisor" and stage not in BEFORE_MESSAGE:
                assert outcome == "protected", outcome
        with tap.test("%s killed at %s: the next message is sealed and encrypted" % (role, stage)):
            kills.recovers()


def test_count(tap, kills):
    for role in ROLES:
        for stage in STAGES:
            tap.diagnose("landed: %-10s %-22s %d, %s" % (role, stage, kills.landed.get((role, stage), 0),
                                                         kills.outcomes.get((role, stage), "no outcome")))
    with tap.test("a kill of each role landed at each stage"):
        missed = [(r, s) for r in ROLES for s in STAGES if not kills.landed.get((r, s))]
        assert not missed, missed


def test_end(tap, kills):
    with tap.test("after all that it stops as ever: status 0, nothing of its own stays behind"):
        daemon = kills.daemon
        family = daemon.pids()
        assert daemon.process.stop() == 0
        daemon.all_gone(family)
        assert os.listdir(daemon.run_directory) == [], os.listdir(daemon.run_directory)
        assert not os.path.exists(daemon.socket("work"))


def main():
    tap = Tap()
    with tap.section("the daemon starts, and ends"):
        with Rig() as rig:
            kills = Kills(rig)
            for stage in STAGES:
                test_stage(tap, kills, stage)
            test_count(tap, kills)
            test_end(tap, kills)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
