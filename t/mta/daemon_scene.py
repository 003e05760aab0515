"""What the daemon's tests need: sealmilter with one signer, the scripted MTA, and
a connection on which single packets are sent."""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Gateway, Problem, Rig, Tap  # noqa: E402,F401
from rig.base import DEADLINE, Process, free_port, listening, wait_for  # noqa: E402,F401
from rig.gateway import GATE_USER, block, program, text  # noqa: E402,F401

SENDER = "zpravy@trh.example"
PARTICIPANT = "obchod@ucastnik.example"
TOOL = os.path.join(os.environ.get("top_builddir", "."), "t/mta/mta-tool")
HEADER = "From: %s\r\nTo: %s\r\nSubject: Zkouska\r\n\r\n" % (SENDER, PARTICIPANT)

SEALS = block("rule", "default", sender_domain=text("trh.example"), sign=text("seal"))
SEALS_NOTHING = block("rule", "default", sender_domain=text("jiny.example"), sign=text("seal"))
ENCRYPTS = block("rule", "encrypted", recipient_domain=text("ucastnik.example"), encrypt="required")


def message(octets=0):
    """A small message, or one whose body has about so many octets."""
    line = b"0123456789" * 7 + b"\r\n"
    return HEADER.encode() + (line * (octets // len(line) + 1) if octets else b"ahoj\r\n")


class Daemon(Gateway):
    """rules and top: text of the configuration. listeners: name -> settings."""

    def __init__(self, rig, rules=SEALS, top="", listeners=None, name="seal", **options):
        self.rules, self.top = rules, top
        self.listeners = listeners or {"work": {}}
        super().__init__(rig, lambda g: g.configuration(), tuple(self.listeners), name, **options)

    def configuration(self):
        pki = self.rig.pki()
        certificates = self.rig.make_folder("certificates")
        parts = ['anchors = { %s }' % text(pki["anchors.pem"]),
                 'intermediates = { %s }' % text(pki["intermediates.pem"]),
                 'internal-networks = { "192.0.2.0/24" }', self.top]
        parts += [self.listener(name, **dict({"group": text("nogroup")}, **settings))
                  for name, settings in self.listeners.items()]
        parts += [block("signer", "seal", key=text(self.key_of(pki["seal.key"])),
                        certificate=text(pki["seal.pem"])),
                  block("directory", "files", type="files", path=text(certificates)), self.rules]
        return "\n".join(parts)

    def change(self, **settings):
        """Writes another configuration; nothing is told to the daemon."""
        for name, value in settings.items():
            setattr(self, name, value)
        self.sockets = [self.socket(name) for name in self.listeners]
        self.configure(lambda g: g.configuration())

    def reload_and_wait(self, outcome="reloaded"):
        count = len(self.lines(": " + outcome))
        self.reload()
        self.wait_log(": " + outcome, count=count + 1)

    def send(self, *options, data=None, listener="work"):
        return Sending(self, options, data or message(), listener).finish()

    def hold(self, stage, *options, data=None, listener="work"):
        """A message that stops at the stage until finish() is called."""
        sending = Sending(self, ("--stop-at", stage, "--then-ask") + options, data or message(), listener)
        sending.wait_stopped()
        return sending

    def all_gone(self, family):
        wait_for(lambda: not any(os.path.exists("/proc/%d" % p) for p in family),
                 lambda: "the processes %s to end:\n%s" % (family, self.log()[-4000:]))


class Sending:
    """One run of mta-tool."""

    count = 0

    def __init__(self, daemon, options, data, listener):
        Sending.count += 1
        source = daemon.rig.write("message.%d" % Sending.count, data)
        self.result_path = source + ".result"
        command = [TOOL, "--socket", daemon.milter(listener), "--client", "192.0.2.1,25025",
                   "--from", SENDER, "--deadline", str(DEADLINE * 1000), "--result", self.result_path]
        if "--rcpt" not in options:
            command += ["--rcpt", PARTICIPANT]
        self.process = subprocess.Popen(command + list(options) + [source], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.stopped = threading.Event()

    def wait_stopped(self):
        line = self.process.stderr.readline()
        if not line.startswith(b"stopped "):
            raise Problem("mta-tool did not stop: %r %r" % (line, self.process.communicate()))

    def finish(self):
        out, err = self.process.communicate(b"\n", timeout=2 * DEADLINE)
        if not out:
            raise Problem("mta-tool: status %s: %s" % (self.process.returncode, err.decode()))
        return Sent(json.loads(out), self.result_path)


class Sent:
    def __init__(self, answer, result_path):
        self.answer = answer
        self.verdict, self.text = answer["verdict"], answer["text"]
        self.recipients = [r["text"] for r in answer["recipients"]]
        self.data = b""
        if os.path.exists(result_path):
            with open(result_path, "rb") as f:
                self.data = f.read()

    @property
    def is_sealed(self):
        return self.verdict == "accepted" and b"multipart/signed" in self.data

    @property
    def passed_unsealed(self):
        return self.verdict == "accepted" and b"multipart/signed" not in self.data

    def __repr__(self):
        return repr(self.answer)


class Packets:
    """A milter connection, packet by packet, negotiated as Postfix does it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)

    def close(self):
        self.socket.close()

    def write(self, code, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + code + data)

    def read(self):
        head = self._exactly(5)
        if not head:
            return b"", b""
        return head[4:], self._exactly(struct.unpack("!I", head[:4])[0] - 1)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                return b""
            data += more
        return data

    def ask(self, code, data=b""):
        self.write(code, data)
        return self.read()

    def greet(self):
        self.ask(b"O", struct.pack("!III", 6, 0x1ff, 0x1fffff))
        self.write(b"C", b"client.example\x004" + struct.pack("!H", 25025) + b"192.0.2.1\x00")
        return self

    def mail(self):
        return self.ask(b"M", b"<%s>\x00" % SENDER.encode())

    def rcpt(self, recipient=PARTICIPANT):
        return self.ask(b"R", b"<%s>\x00" % recipient.encode())

    def content(self, data=None):
        """Header and body; the body with the end of message. Returns the deciding packet."""
        head, body = (data or message()).split(b"\r\n\r\n", 1)
        for line in head.split(b"\r\n"):
            name, value = line.split(b":", 1)
            self.write(b"L", name + b"\x00" + value + b"\x00")
        self.write(b"D", b"Ei\x004Packet\x00")
        self.write(b"E", body)
        while True:
            code, answer = self.read()
            if code in (b"", b"c", b"a", b"t", b"r", b"y", b"d"):
                return code, answer


def sanitizer_reports(rig):
    """What sanitizers said in the servers' logs."""
    reports = []
    for name in os.listdir(rig.folder):
        if name.endswith(".log"):
            with open(rig.path(name), errors="replace") as f:
                told = f.read()
            at = re.search("Sanitizer|runtime error:", told)
            if at:
                reports.append(told[max(0, at.start() - 100):])
    return reports
