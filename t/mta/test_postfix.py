#!/usr/bin/env python3
"""The scripted MTA against the real one: the same filter behind Postfix and behind
mta-tool is told the same, and the same changes give the same message."""
import json
import os
import re
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Postfix, Rig, Sink, Tap  # noqa: E402
from rig.base import Process, listening  # noqa: E402

BUILD = os.environ.get("top_builddir", ".")
SENDER, ALICE, BOB = "sender@trh.example", "alice@ucastnik.example", "bob@ucastnik.example"
BODY = b"hello\r\n.dot\r\n\r\nworld  \r\n"
EDITS = ["-a", "X-New:one\n two", "-i", "0:X-Zero:z", "-i", "1:X-One:o", "-i", "2:X-Two:t", "-c", "2:X-TWICE:second",
         "-c", "1:subject:", "-c", "1:X-Gone:", "-c", "1:X-Made:m", "-c", "1:received:older", "-i", "99:X-Last:l"]


def message(number):
    return (b"Received: by older.example; Mon, 02 Jan 2023 03:04:05 +0000\r\nFrom: sender@trh.example\r\n"
            b"Subject:  two blanks\r\n\tand a fold\r\nX-Twice: 1\r\nx-twice: 2\r\nTo: alice@ucastnik.example\r\n"
            b"Date: Mon, 02 Jan 2023 03:04:05 +0000\r\nMessage-ID: <mta-%d@trh.example>\r\n\r\n" % number + BODY)


class Echo:
    """echo-milter where smtpd and cleanup may reach it, always at the same place."""

    def __init__(self, rig, options):
        path = rig.path("echo.sock")
        self.milter = "unix:" + path
        if os.path.exists(path):
            os.unlink(path)
        self.process = Process(rig, "echo", [os.path.join(BUILD, "t/mta/echo-milter"), "-p", self.milter, *options])
        self.process.wait_ready(lambda: listening(path), "echo-milter")
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


def by_postfix(postfix, sink, number, local):
    octets = message(number)
    if local:
        postfix.sendmail(octets, [ALICE, BOB], SENDER)
    else:
        with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example") as smtp:
            # No parameters with MAIL: the scripted MTA was told none.
            smtp.esmtp_features.pop("size", None)
            smtp.helo("client.example")
            smtp.sendmail(SENDER, [ALICE, BOB], octets)
    return sink.wait(message_id="<mta-%d@trh.example>" % number, diagnostics=postfix.log)[0]


def queue_id(octets):
    """From the MTA's own Received."""
    return re.search(rb"\sid (\w+)", octets)[1]


class Comparison:
    """Each message goes through smtpd and through pickup, and through the tool."""

    def __init__(self, tap, rig):
        self.tap, self.rig, self.sink = tap, rig, Sink(rig)
        milter = "unix:" + rig.path("echo.sock")
        self.postfix = Postfix(rig, "front", relayhost=self.sink.address,
                               main={"smtpd_milters": milter, "non_smtpd_milters": milter})
        self.messages = 0

    def run(self, name, options):
        echo = Echo(self.rig, options)
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
        echo = Echo(self.rig, ["-M", what[0]])
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
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
