#!/usr/bin/env python3
"""The scripted MTA against the real one: the same filter behind Postfix and behind
mta-tool is told the same, and the same changes give the same message. And what the
scripted MTA only notes, Postfix does: it holds a message, and bounces a header alone."""
import json
import os
import re
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Postfix, Rig, Sink, Tap  # noqa: E402
from rig.base import Process, listening, wait_for  # noqa: E402

BUILD = os.environ.get("top_builddir", ".")
SENDER, ALICE, BOB = "sender@trh.example", "alice@ucastnik.example", "bob@ucastnik.example"
BODY = b"hello\r\n.dot\r\n\r\nworld  \r\n"
EDITS = ["-a", "X-New:one\n two", "-i", "0:X-Zero:z", "-i", "1:X-One:o", "-i", "2:X-Two:t", "-c", "2:X-TWICE:second",
         "-c", "1:subject:", "-c", "1:X-Gone:", "-c", "1:X-Made:m", "-c", "1:received:older", "-i", "99:X-Last:l"]


def message(number):
    return (b"Received: by older.example; Mon, 02 Jan 2023 03:04:05 +0000\r\nFrom: sender@trh.example\r\n"
            b"Subject:  two blanks\r\n\tand a fold\r\nX-Twice: 1\r\nx-twice: 2\r\nTo: alice@ucastnik.example\r\n"
            b"Date: Mon, 02 Jan 2023 03:04:05 +0000\r\nMessage-ID: <mta-%d@trh.example>\r\n\r\n" % number + BODY)


class Filter:
    """echo-milter or edit-milter where smtpd and cleanup may reach it, always at the same place."""

    def __init__(self, rig, options, name="echo-milter", socket="filter.sock"):
        path = rig.path(socket)
        self.milter = "unix:" + path
        if os.path.exists(path):
            os.unlink(path)
        self.process = Process(rig, socket, [os.path.join(BUILD, "t/mta", name), "-p", self.milter, *options])
        self.process.wait_ready(lambda: listening(path), name)
        os.chmod(path, 0o777)


def scripted(rig, echo, octets, *options):
    """(what the tool printed, the message as it would be queued)"""
    result = rig.path("result")
    tool = os.path.join(BUILD, "t/mta/mta-tool")
    done = subprocess.run([tool, "--socket", echo.milter, "--from", SENDER, "--rcpt", ALICE, "--rcpt", BOB,
                           "--client", "127.0.0.1,99", "--helo", "client.example", "--queue-id", "QID",
                           "--received", "Received: own", "--result", result, *options, "-"],
                          input=octets, capture_output=True)
    printed = json.loads(done.stdout)
    if printed["verdict"] != "accepted":
        return printed, None
    with open(result, "rb") as f:
        return printed, f.read()


def comparable(octets, queue_id=None):
    """Header fields without what differs by nature: the MTA's own Received, the queue id, the client's port."""
    header, _, body = octets.partition(b"\r\n\r\n")
    fields = []
    for line in header.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\n" + line
        else:
            fields.append(line)
    out = []
    for field in fields:
        if field.startswith(b"Received: from ") or field.startswith(b"Received: own") or \
                field.startswith(b"Received: by front.trh.example"):
            field = b"Received: the MTA's own"
        if queue_id:
            field = field.replace(queue_id, b"QID")
        if re.match(rb"X-Seen: ?connect", field) and not field.endswith(b" 0"):
            field = field.rpartition(b" ")[0] + b" port"
        out.append(field)
    return out, body


def submit(postfix, number, local):
    octets = message(number)
    if local:
        postfix.sendmail(octets, [ALICE, BOB], SENDER)
    else:
        with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example") as smtp:
            # No parameters with MAIL: the scripted MTA was told none.
            smtp.esmtp_features.pop("size", None)
            smtp.helo("client.example")
            smtp.sendmail(SENDER, [ALICE, BOB], octets)


def by_postfix(postfix, sink, number, local):
    submit(postfix, number, local)
    return sink.wait(message_id="<mta-%d@trh.example>" % number, diagnostics=postfix.log)[0]


def queue_id(octets):
    """From the MTA's own Received."""
    return re.search(rb"\sid (\w+)", octets)[1]


class Comparison:
    """Each message goes through smtpd and through pickup, and through the tool."""

    def __init__(self, tap, rig):
        self.tap, self.rig, self.sink = tap, rig, Sink(rig)
        milter = "unix:" + rig.path("filter.sock")
        self.postfix = Postfix(rig, "front", relayhost=self.sink.address,
                               main={"smtpd_milters": milter, "non_smtpd_milters": milter})
        self.messages = 0

    def run(self, name, options):
        echo = Filter(self.rig, options)
        self.one("an SMTP client's mail: " + name, echo, False)
        self.one("local mail: " + name, echo, True)
        echo.process.kill()

    def one(self, name, echo, local):
        self.messages += 1
        with self.tap.test(name):
            real = by_postfix(self.postfix, self.sink, self.messages, local).data
            way = ["--local"] if local else []
            _, ours = scripted(self.rig, echo, message(self.messages), "--host", "front.trh.example", *way)
            seen, expected = comparable(ours), comparable(real, queue_id(real))
            assert seen == expected, "ours %r\nPostfix's %r" % (seen, expected)

    def mixed(self, what):
        """Replacing the body once more after something else: both let it pass, or neither."""
        echo = Filter(self.rig, ["-M", what[0]])
        self.messages += 1
        with self.tap.test("a body replaced again after " + what):
            try:
                real = comparable(by_postfix(self.postfix, self.sink, self.messages, False).data)[1]
            except smtplib.SMTPDataError as error:
                real = error.smtp_code
            printed, octets = scripted(self.rig, echo, message(self.messages))
            ours = comparable(octets)[1] if octets else 451
            assert real == ours, "Postfix %r, ours %r %r" % (real, ours, printed)
        echo.process.kill()


WAYS = (("an SMTP client's mail", False), ("local mail", True))


def held_back(postfix):
    return [entry for entry in postfix.queue() if entry["queue_name"] == "hold"]


class Outcome:
    """What becomes of messages that leave a real Postfix with an edit of ours."""

    def __init__(self, tap, comparison):
        self.tap, self.rig, self.sink, self.postfix = tap, comparison.rig, comparison.sink, comparison.postfix
        self.number = 1000

    def next(self, local):
        self.postfix.wait_empty()
        self.number += 1
        submit(self.postfix, self.number, local)

    def hold(self):
        milter = Filter(self.rig, ["-d", "inbound", "-R", "-b", "-a", "X-New: 1", "-H", "not trusted"], "edit-milter")
        for way, local in WAYS:
            with self.tap.test(way + ": held, and changed all the same when it is let go"):
                self.next(local)
                [held] = wait_for(lambda: held_back(self.postfix), "the message in the hold queue")
                listed = self.rig.run("postqueue", "-c", self.postfix.config, "-p").stdout.decode()
                assert held["queue_id"] + "!" in listed, listed
                self.release()
                [got] = self.sink.wait(message_id="<mta-%d@trh.example>" % self.number, diagnostics=self.postfix.log)
                assert (got.sender, sorted(got.recipients)) == (SENDER, [ALICE, BOB]), got
                assert got.header("X-New") == "1" and got.data.endswith(b"\r\n\r\n" + BODY), got
        milter.process.kill()

    def release(self, postfix=None):
        """A message is seen in the hold queue before cleanup has finished its file; until then
        postsuper passes it over."""
        postfix = postfix or self.postfix

        def released():
            self.rig.run("postsuper", "-c", postfix.config, "-H", "ALL")
            return not held_back(postfix)

        wait_for(released, "the release of what is held")

    def later_filters(self):
        """Our own edits are lost where a filter before ours has held the message."""
        milters = ", ".join("unix:" + self.rig.path(s) for s in ("first.sock", "filter.sock"))
        postfix = Postfix(self.rig, "two", relayhost=self.sink.address, main={"smtpd_milters": milters})
        later = Filter(self.rig, ["-a", "X-New: 1"], "edit-milter")
        for options, expected in ((["-H", "not trusted"], ""), (["-R"], "1")):
            first = Filter(self.rig, options, "edit-milter", "first.sock")
            with self.tap.test("a filter before ours says %s: ours adds %r" % (options[0], expected)):
                self.number += 1
                submit(postfix, self.number, False)
                if not expected:
                    self.release(postfix)
                [got] = self.sink.wait(message_id="<mta-%d@trh.example>" % self.number, diagnostics=postfix.log)
                assert got.header("X-New") == expected, got
            first.process.kill()
        later.process.kill()

    def bounce(self, name, options, kind, holds_body):
        milter = Filter(self.rig, ["-d", "inbound", *options], "edit-milter")
        for way, local in WAYS:
            with self.tap.test("%s, refused by the next hop: %s" % (way, name)):
                self.sink.clear()
                self.next(local)
                [bounce] = self.sink.wait(recipient=SENDER, diagnostics=self.postfix.log)
                assert b"550 5.1.1 no such user" in bounce.data, bounce
                assert b"\r\nContent-Type: " + kind + b"\r\n" in bounce.data, bounce
                assert b"<mta-%d@trh.example>" % self.number in bounce.data, bounce
                assert (b".dot" in bounce.data) == holds_body, bounce
        milter.process.kill()

    def bounces(self):
        self.sink.answers.update({ALICE: "550 5.1.1 no such user", BOB: "550 5.1.1 no such user"})
        self.bounce("it bounces whole unless asked otherwise", [], b"message/rfc822", True)
        self.bounce("it bounces with its header only", ["-R"], b"text/rfc822-headers", False)
        self.bounce("also when the body is replaced", ["-R", "-b", "-a", "X-New: 1"], b"text/rfc822-headers", False)
        self.sink.answers.clear()

    def envelope(self):
        """The next hop offers DSN, so that what the sender asked for is seen there."""
        self.sink.extensions.append("DSN")
        milter = Filter(self.rig, ["-d", "inbound", "-R"], "edit-milter")
        for sender, parameters, expected in (
                (SENDER, ["RET=FULL", "ENVID=QQ314159"], {"RET=HDRS", "ENVID=QQ314159"}),
                ('"a b"@trh.example', [], {"RET=HDRS"}), ("", [], set()), ("", ["RET=FULL"], {"RET=FULL"})):
            with self.tap.test("MAIL FROM:<%s> %s" % (sender, " ".join(parameters))):
                self.sink.clear()
                self.number += 1
                with smtplib.SMTP("127.0.0.1", self.postfix.port) as smtp:
                    smtp.ehlo()
                    assert smtp.docmd("MAIL", " ".join(["FROM:<%s>" % sender] + parameters))[0] == 250
                    assert smtp.rcpt(ALICE)[0] == 250
                    answer = smtp.data(message(self.number))
                    assert answer[0] == 250, answer
                [got] = self.sink.wait(message_id="<mta-%d@trh.example>" % self.number, diagnostics=self.postfix.log)
                options = {o for o in got.sender_options.upper().split() if o.startswith(("RET=", "ENVID="))}
                assert (got.sender, options) == (sender, expected), got
        milter.process.kill()


def main():
    tap = Tap()
    with Rig() as rig:
        comparison = Comparison(tap, rig)
        comparison.run("nothing changed", [])
        comparison.run("what the filter is told", ["-x"])
        comparison.run("what the filter is told, blanks kept", ["-x", "-e"])
        for macro in ("i", "j", "{daemon_name}", "{auth_authen}", "{mail_addr}", "{rcpt_addr}", "_", "v"):
            comparison.run("macro " + macro, ["-m", macro])
        comparison.run("header edits", EDITS)
        comparison.run("header edits, blanks kept", ["-e", *EDITS])
        comparison.run("the body replaced by itself", ["-b"])
        comparison.mixed("header")
        comparison.mixed("progress")
        outcome = Outcome(tap, comparison)
        outcome.hold()
        outcome.later_filters()
        outcome.bounces()
        outcome.envelope()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
