#!/usr/bin/env python3
"""The scripted MTA against a small libmilter filter: what the filter was told,
what the MTA made of its answers, and that a kill lands where it is said to."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("top_builddir", ".")
TOOL = os.path.join(BUILD, "t/mta/mta-tool")
ECHO = os.path.join(BUILD, "t/mta/echo-milter")
SIMPLE = b"From: a@b\r\nSubject:  two blanks\r\n\tand a fold\r\nX-Twice: 1\r\nx-twice: 2\r\nTo: c@d\r\n\r\nhello\r\nworld\r\n"
BIG = b"Subject: big\r\n\r\n" + (b"x" * 76 + b"\r\n") * (3 << 20 >> 6)

number = 0
failed = 0


def ok(condition, name, seen=""):
    global number, failed
    number += 1
    if condition:
        print(f"ok {number} - {name}", flush=True)
        return
    failed += 1
    print(f"not ok {number} - {name}\n# saw: {str(seen)[:1500]}", flush=True)


def is_(seen, expected, name):
    ok(seen == expected, name, f"{seen!r}, expected {expected!r}")


class Filter:
    """echo-milter on a socket of its own."""

    def __init__(self, folder, *options, socket=None):
        self.socket = socket or f"unix:{folder}/s{time.monotonic_ns()}"
        self.process = subprocess.Popen([ECHO, "-p", self.socket, *options])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if listening(self.socket):
                return
            time.sleep(0.01)
        raise RuntimeError("echo-milter did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # libmilter takes seconds to leave by itself; nothing of its end is under test here.
        self.process.kill()
        self.process.wait()


def listening(socket):
    answer = subprocess.run([TOOL, "--socket", socket, "--raw", "/dev/null"], capture_output=True, text=True)
    return '"unreachable"' not in answer.stdout


class Sent:
    def __init__(self, folder, socket, message=SIMPLE, *options, want_result=True):
        source = f"{folder}/message"
        self.path = f"{folder}/result"
        if os.path.exists(self.path):
            os.unlink(self.path)
        with open(source, "wb") as f:
            f.write(message)
        command = [TOOL, "--socket", socket, "--from", "a@b", "--rcpt", "c@d", "--rcpt", "e@f", *options]
        if want_result:
            command += ["--result", self.path]
        done = subprocess.run([*command, source], capture_output=True, timeout=120)
        self.status = done.returncode
        self.json = json.loads(done.stdout) if done.stdout else {}
        self.error = done.stderr.decode()

    @property
    def message(self):
        with open(self.path, "rb") as f:
            return f.read()

    def values(self, name):
        return [c["value"] for c in self.json["changes"] if c["name"] == name]


def test_untouched(folder):
    with Filter(folder) as f:
        s = Sent(folder, f.socket)
        is_((s.status, s.json["verdict"], s.json["stage"]), (0, "accepted", "done"), "a filter that does nothing accepts")
        is_(s.message, SIMPLE, "and the message keeps its bytes")
        s = Sent(folder, f.socket, SIMPLE.replace(b"\r\n", b"\n"))
        is_(s.message, SIMPLE, "bare LF becomes CRLF on the way in")
        s = Sent(folder, f.socket, b"Subject: x\r\nno field here\r\nbody\r\n")
        is_(s.message, b"Subject: x\r\n\r\nno field here\r\nbody\r\n", "the header ends where a line is no field")


def test_body(folder):
    for options, what in (([], "Postfix's way"), (["--sendmail"], "Sendmail's way"), (["--chunk", "1000"], "in small chunks")):
        with Filter(folder, "-b") as f:
            s = Sent(folder, f.socket, BIG, *options)
            ok(s.json["body"]["replaced"] and s.json["body"]["chunks"] > 10, f"a body is replaced by itself, {what}", s.json)
            ok(s.message == BIG, f"and comes back the same, {what}", len(s.message))
    with Filter(folder, "-b") as f:
        s = Sent(folder, f.socket, SIMPLE[:-2])
        is_(s.message, SIMPLE, "a last line without end is given one")
    with Filter(folder, "-s", "-b") as f:
        s = Sent(folder, f.socket, BIG)
        is_(s.json["verdict"], "accepted", "skip ends the body early")


def test_header(folder):
    with Filter(folder, "-a", "X-New:one\n two", "-i", "0:X-Zero:z", "-i", "1:X-One:o", "-c", "2:X-TWICE:second",
                "-c", "1:subject:", "-c", "1:X-Gone:", "-c", "1:X-Made:m", "-i", "99:X-Last:l") as f:
        s = Sent(folder, f.socket, SIMPLE, "--received", "Received: by mta.test")
        is_(s.message.split(b"\r\n\r\n")[0].split(b"\r\n"),
            [b"X-Zero: z", b"X-One: o", b"Received: by mta.test", b"From: a@b", b"X-Twice: 1", b"X-TWICE: second",
             b"To: c@d", b"X-New: one", b" two", b"X-Made: m", b"X-Last: l"],
            "fields are added, inserted, changed by number, deleted")
        is_([c["kind"] for c in s.json["changes"]],
            ["addheader", "insheader", "insheader", "chgheader", "delheader", "delheader", "chgheader", "insheader"],
            "and reported in order")
    with Filter(folder, "-i", "0:X-Zero:z", "-c", "1:received:changed", "-c", "1:X-Zero:seen") as f:
        s = Sent(folder, f.socket, b"Received: older\r\n" + SIMPLE, "--received", "Received: by mta.test")
        is_(s.message.split(b"\r\n")[:4], [b"X-Zero: seen", b"Received: by mta.test", b"received: changed", b"From: a@b"],
            "the MTA's own Received is not counted and cannot be changed")
    with Filter(folder, "-x") as f:
        s = Sent(folder, f.socket)
        ok("field Subject| two blanks\n\tand a fold" in s.values("X-Seen"), "one leading blank is eaten", s.json)
    with Filter(folder, "-x", "-e", "-a", "X-Tight:none") as f:
        s = Sent(folder, f.socket)
        ok("field Subject|  two blanks\n\tand a fold" in s.values("X-Seen"), "leading blanks come where they were asked for", s.json)
        ok(b"\r\nX-Tight:none\r\n" in s.message, "and are not added then", s.message)
        is_(s.json["negotiation"]["steps"], 0x100000, "the negotiated steps can be read")


def test_envelope(folder):
    with Filter(folder, "-x") as f:
        s = Sent(folder, f.socket, SIMPLE, "--client", "192.0.2.7,4711", "--client-name", "c.test", "--helo", "h.test",
                 "--param", "SMTPUTF8")
        is_(s.values("X-Seen")[:5], ["connect c.test 192.0.2.7 4711", "helo h.test", "mail <a@b> SMTPUTF8", "rcpt <c@d>",
                                     "rcpt <e@f>"], "what an SMTP client said")
        s = Sent(folder, f.socket, SIMPLE, "--client", "2001:db8::7,99")
        is_(s.values("X-Seen")[0], "connect [2001:db8::7] 2001:db8::7 99", "an IPv6 client")
        s = Sent(folder, f.socket, SIMPLE, "--client", "unknown")
        is_(s.values("X-Seen")[0], "connect [] none 0", "a client without address")
        s = Sent(folder, f.socket, SIMPLE, "--local", "--auth", "nobody")
        is_(s.values("X-Seen")[:5], ["connect localhost 127.0.0.1 0", "helo localhost", "mail a@b ", "rcpt c@d", "rcpt e@f"],
            "local mail as Postfix's cleanup tells it")
    with Filter(folder, "-E") as f:
        s = Sent(folder, f.socket)
        is_([(c["kind"], c["name"], c["value"]) for c in s.json["changes"]],
            [("chgfrom", "<new@sender.test>", "RET=HDRS"), ("addrcpt", "<more@rcpt.test>", None),
             ("delrcpt", "<less@rcpt.test>", None), ("quarantine", "to be looked at", None)], "envelope changes are kept")


def macros(folder, macro, *options, more=()):
    with Filter(folder, "-m", macro, *more) as f:
        s = Sent(folder, f.socket, SIMPLE, *options)
        return s.values("X-Macro")


def test_macros(folder):
    is_(macros(folder, "i", "--queue-id", "4AbC"), ["i=4AbC at=rcpt", "i=4AbC at=data", "i=4AbC at=eom"],
        "the queue id comes after the first accepted recipient")
    is_(macros(folder, "i", "--local")[0], "i=4Test at=mail", "and with MAIL for local mail")
    is_(macros(folder, "{auth_authen}", "--auth", "user")[0], "{auth_authen}=user at=mail", "the login comes with MAIL")
    is_(macros(folder, "{auth_authen}", "--auth", "user", "--local"), [], "local mail has no login")
    is_(macros(folder, "{daemon_name}", "--daemon", "submission")[0], "{daemon_name}=submission at=connect", "the daemon's name")
    is_(macros(folder, "{x_own}", "--macro", "{x_own}=5")[0], "{x_own}=5 at=connect", "any other macro comes with connect")
    is_(macros(folder, "j", "--macro", "j=mx", more=["-l", "j {client_addr}"])[:2], ["j=mx at=connect", "j=mx at=mail"],
        "a filter's own list of macros is kept to")
    is_(macros(folder, "{auth_authen}", "--auth", "user", more=["-l", "i"]), [], "also for what it leaves out")


def test_verdicts(folder):
    for option, verdict, text in (("accept", "accepted", ""), ("reject", "rejected", ""), ("tempfail", "tempfailed", ""),
                                  ("discard", "discarded", ""), ("reply", "replied", "451 4.7.1 not now, says the test")):
        with Filter(folder, "-v", option, "-k") as f:
            s = Sent(folder, f.socket)
            is_((s.status, s.json["verdict"], s.json["text"], s.json["progress"]), (0, verdict, text, 2), f"{option} at the end")
            is_(os.path.exists(s.path), verdict == "accepted", f"{option}: a message is written only when it is accepted")
    with Filter(folder, "-h") as f:
        s = Sent(folder, f.socket)
        is_((s.json["verdict"], s.json["stage"]), ("rejected", "header"), "a refused header field ends it there")
    with Filter(folder, "-r", "c@d", "-x") as f:
        s = Sent(folder, f.socket)
        is_([(r["answer"], r["text"]) for r in s.json["recipients"]],
            [("reply", "550 5.7.1 refused by the test"), ("continue", "")], "each recipient has its own answer")
        is_(s.json["verdict"], "accepted", "and the others get the message")
        s = Sent(folder, f.socket, SIMPLE, "--local")
        is_(s.json["verdict"], "tempfailed", "for local mail one refused recipient defers the whole")
    with Filter(folder, "-r", "@") as f:
        s = Sent(folder, f.socket)
        is_((s.json["verdict"], s.json["stage"]), ("no-recipient", "rcpt"), "without a recipient nothing is sent")
    with Filter(folder, "-r", "c@d", "-m", "i") as f:
        s = Sent(folder, f.socket)
        is_(s.values("X-Macro")[0], "i=4Test at=data", "a refused recipient brings no queue id")


def test_stops(folder):
    stages = ["connected", "negotiated", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eob-sent",
              "first-modification", "replace-body:65536", "done"]
    for stage in stages:
        with Filter(folder, "-b", "-a", "X-New:1") as f:
            s = Sent(folder, f.socket, BIG, "--stop-at", stage, "--then-kill", str(f.process.pid))
            name = stage.split(":")[0]
            ok(s.json["stop"]["landed"] and s.json["stop"]["stage"] == name, f"kill at {name} lands", s.json)
            broken = name != "done"
            is_((s.status, s.json["verdict"], s.json["trouble"]),
                (75, "broken", "lost") if broken else (0, "accepted", "fine"), f"{name}: a lost connection is no answer")
            is_(os.path.exists(s.path), not broken, f"{name}: no message after a lost connection")
            is_(f.process.wait(10), -signal.SIGKILL, f"{name}: it was the kill that ended it")
            if name == "replace-body":
                ok(65536 <= s.json["body"]["octets"] < len(BIG) - (1 << 20), "a good part of the new body was never written",
                   s.json["body"])
    with Filter(folder) as f:
        s = Sent(folder, f.socket, SIMPLE, "--stop-at", "replace-body", "--then-kill", str(f.process.pid))
        ok(not s.json["stop"]["reached"] and not s.json["stop"]["landed"], "a stage that is never reached is said so", s.json)
        is_(f.process.poll(), None, "and nobody is killed")
        gone = subprocess.Popen(["true"])
        gone.wait()
        s = Sent(folder, f.socket, SIMPLE, "--stop-at", "mail", "--then-kill", str(gone.pid))
        ok(s.json["stop"]["reached"] and not s.json["stop"]["landed"], "killing the dead does not count as landed", s.json)


def test_trouble(folder):
    s = Sent(folder, f"unix:{folder}/nobody")
    is_((s.status, s.json["trouble"]), (75, "unreachable"), "nobody listens")
    s = Sent(folder, f"unix:{folder}/" + "x" * 200)
    is_((s.status, s.json["trouble"]), (75, "unreachable"), "a path too long for a socket")
    with Filter(folder, "-w", "3000") as f:
        s = Sent(folder, f.socket, SIMPLE, "--deadline", "300")
        is_((s.status, s.json["trouble"], s.json["stage"]), (75, "timeout", "eob-sent"), "a filter that hangs")
    with Filter(folder) as f:
        for garbage in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\5Zjunk", os.urandom(1000)):
            with open(f"{folder}/raw", "wb") as raw:
                raw.write(garbage + b"\0" * 100)
            done = subprocess.run([TOOL, "--socket", f.socket, "--raw", f"{folder}/raw"], capture_output=True, text=True)
            ok(json.loads(done.stdout)["trouble"] in ("lost", "timeout"), "rubbish gets no packets for ever", done.stdout)
        is_(Sent(folder, f.socket).json["verdict"], "accepted", "and the next message passes")


def test_load(folder):
    with Filter(folder, "-b") as f:
        for per in ("1", "10"):
            s = Sent(folder, f.socket, SIMPLE, "--count", "200", "--parallel", "20", "--per-connection", per, want_result=False)
            is_((s.status, s.json["accepted"], s.json["broken"]), (0, 200, 0), f"200 messages, {per} a connection")


def test_inet(folder):
    port = 20000 + os.getpid() % 20000
    with Filter(folder, "-b", socket=f"inet:{port}@127.0.0.1") as f:
        s = Sent(folder, f.socket)
        is_(s.message, SIMPLE, "over TCP too")


def main():
    with tempfile.TemporaryDirectory(prefix="mta", dir="/tmp") as folder:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(folder)
    print(f"1..{number}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
