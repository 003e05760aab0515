#!/usr/bin/env python3
"""How an edit reaches the MTA: the daemon's own milter.c, which gives every message
the edit that a test wants (edit-milter), against the scripted MTA."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Rig, Tap  # noqa: E402
from rig.base import Process, listening  # noqa: E402

BUILD = os.environ.get("top_builddir", ".")
MESSAGE = b"From: a@b\r\nSubject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 2000
ALL, CHGFROM, QUARANTINE, DELRCPT = 0x1ff, 0x40, 0x20, 0x8


class EditMilter:
    count = 0

    def __init__(self, rig, *options):
        EditMilter.count += 1  # so that each has a log of its own
        self.rig, self.path = rig, rig.path("edit.sock")
        self.process = Process(rig, "edit.%d" % EditMilter.count, [os.path.join(BUILD, "t/mta/edit-milter"),
                                                                    "-p", "unix:" + self.path, *options])
        self.process.wait_ready(lambda: listening(self.path), "edit-milter")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()

    def send(self, *options, sender="a@b", actions=ALL):
        """What mta-tool prints."""
        done = self.rig.run(os.path.join(BUILD, "t/mta/mta-tool"), "--socket", "unix:" + self.path, "--from", sender,
                            "--rcpt", "c@d", "--actions", "%x" % actions, *options, self.rig.path("message"), check=False)
        return json.loads(done.stdout)


def changes(printed):
    return [(c["kind"], c["name"], c["value"]) for c in printed["changes"]]


def test_order(tap, rig):
    with tap.test("parameters, fields, body, hold: in this order, and nothing within the body"), \
            EditMilter(rig, "-d", "inbound", "-R", "-b", "-a", "X-New: 1", "-H", "not trusted") as milter:
        for way in ([], ["--sendmail"], ["--local"]):
            printed = milter.send(*way)
            assert printed["verdict"] == "accepted", printed
            assert changes(printed) == [("chgfrom", "<a@b>", "RET=HDRS"), ("addheader", "X-New", " 1"),
                                        ("quarantine", "not trusted", None)], printed
            assert printed["body"]["octets"] == len(MESSAGE.partition(b"\r\n\r\n")[2]), printed
            assert printed["body"]["chunks"] > 2, printed


def test_sender(tap, rig):
    with EditMilter(rig, "-R") as milter:
        with tap.test("the sender stays what it is"):
            for sender in ('"a b"@c', "háček@d", "a+b=c@d", "alone"):
                assert changes(milter.send(sender=sender)) == [("chgfrom", "<%s>" % sender, "RET=HDRS")], sender
        with tap.test("the null sender, which gets no bounces, is left alone"):
            for way in ([], ["--local"]):
                printed = milter.send(*way, sender="")
                assert (printed["verdict"], printed["changes"]) == ("accepted", []), printed


def test_reason(tap, rig):
    with tap.test("a hold's reason is printable ASCII in one line of 200 octets at most"):
        for reason, expected in (("podpis \u017e 100% [x]\r\nQuit\x7f\t.", "podpis ?? 100% [x]??Quit??."), ("x" * 300, "x" * 200)):
            with EditMilter(rig, "-H", reason) as milter:
                assert changes(milter.send()) == [("quarantine", expected, None)], expected


def test_redirect(tap, rig):
    with EditMilter(rig, "-t", "operator@d") as milter:
        for way in ([], ["--sendmail"]):
            with tap.test("all recipients give way to the one: %s" % (way or "Postfix")):
                printed = milter.send("--rcpt", "e@d", *way)
                assert printed["verdict"] == "accepted", printed
                assert changes(printed) == [("addrcpt", "<operator@d>", None), ("delrcpt", "<c@d>", None),
                                            ("delrcpt", "<e@d>", None)], printed
        with tap.test("an MTA that cannot do that is deferred, with nothing done"):
            printed = milter.send(actions=ALL & ~DELRCPT)
            assert printed["verdict"] == "tempfailed", printed
            assert "mta-gone" in milter.process.log()


def test_lines(tap, rig):
    with tap.test("an answer of several lines: each is escaped, and says the code"), \
            EditMilter(rig, "-r", "it is\nno request", "-r", "100% of it", "-r", "h\u00e1\u010dek") as milter:
        printed = milter.send()
        assert printed["text"] == ("550-5.7.1 it is?no request\r\n550-5.7.1 100%% of it\r\n"
                                   "550 5.7.1 h????ek"), printed["text"]
    with tap.test("lines beyond the eighth are left out, as long ones are cut"), \
            EditMilter(rig, *["-r", "x" * 500], *["-r", "y"] * 10) as milter:
        lines = milter.send()["text"].split("\r\n")
        assert len(lines) == 8 and all(len(line) <= 510 for line in lines), lines
        assert lines[7] == "550 5.7.1 y", lines[7]


def test_unable(tap, rig):
    for direction in ("inbound", "by-rule"):
        for lacking in (CHGFROM, QUARANTINE):
            with tap.test("an MTA without action %#x: listener %s refuses it and says why" % (lacking, direction)), \
                    EditMilter(rig, "-d", direction) as milter:
                printed = milter.send(actions=ALL & ~lacking)
                assert (printed["verdict"], printed["stage"]) == ("broken", "connected"), printed
                assert "mta-too-old" in milter.process.log() and "opens mail" in milter.process.log()
                assert milter.send()["verdict"] == "accepted"
    for options in (["-d", "outbound"], ["-d", "by-rule", "-g"]):
        with tap.test("where nothing is opened it may do: %s" % " ".join(options)), EditMilter(rig, *options) as milter:
            assert milter.send(actions=ALL & ~CHGFROM & ~QUARANTINE)["verdict"] == "accepted"
    for option, lacking in ((["-R"], CHGFROM), (["-H", "x"], QUARANTINE)):
        with tap.test("what such an MTA was not told in time defers the message: %s" % option[0]), \
                EditMilter(rig, *option) as milter:
            printed = milter.send(actions=ALL & ~lacking)
            assert (printed["verdict"], printed["changes"]) == ("tempfailed", []), printed
            assert "mta-gone" in milter.process.log()


def main():
    tap = Tap()
    with Rig() as rig:
        rig.write("message", MESSAGE)
        for test in (test_order, test_sender, test_reason, test_redirect, test_lines, test_unable):
            test(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
