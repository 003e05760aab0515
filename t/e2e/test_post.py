#!/usr/bin/env python3
"""Notices about requests for revocation, from worker's queue through a mail server to whoever they are for: sealed,
each once, in the language of the request; and every way in which a mail server can say no, or nothing."""

import email
import email.policy
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from e2e.scene import names, plain, run  # noqa: E402
from rig import Gateway, Postfix, Problem, Sink, free_port, judges, wait_for  # noqa: E402
from rig.base import environment_path  # noqa: E402
from rig.gateway import GATE_USER, KEEPER_USER, block, program, text  # noqa: E402

TOOL = os.path.join(os.environ.get("top_builddir", "."), "t", "e2e", "post_tool")
WORKER_USER = KEEPER_USER  # that no keeper runs as meanwhile
HOLDER = "obchod@ucastnik.example"
OPERATOR = "operator@trh.example"
FROM = "zpravy@trh.example"
REQUEST = "<zadost.1@ucastnik.example>"
DAY = 24 * 60 * 60
DELAY = 60  # s before the second attempt


class Tool:
    """post_tool before one authority "ica", whose notices go to the mail server at that port."""

    def __init__(self, rig, port, name="tool", user=None, keeper=None, environment=None, **settings):
        self.rig, self.name, self.user, self.keeper = rig, name, user, keeper
        self.environment = dict(environment_path(), **(environment or {}))
        self.folder = rig.make_folder(name)
        pki = rig.pki()
        key = os.path.join(self.folder, "seal.key")
        shutil.copy(pki["seal.key"], key)
        os.chmod(key, 0o600)
        values = {"address": text("revoke@trh.example"), "authorities": names(pki["commercial.crt"]),
                  "forms": names("signed"), "signer": text("seal"), "notice_from": text(FROM),
                  "operator": text(OPERATOR)}
        values.update(settings)
        self.config = rig.write(os.path.join(name, "conf"), "\n".join([
            'status-directory = none', 'anchors = %s' % names(pki["anchors.pem"]),
            'intermediates = %s' % names(pki["intermediates.pem"]),
            'inbox-directory = "%s"' % rig.make_folder(name, "inbox"),
            'journal-directory = "%s"' % rig.make_folder(name, "journal"), 'worker-user = "%s"' % WORKER_USER,
            'notice-server = "smtp://127.0.0.1:%d"' % port, 'notice-timeout = 2',
            block("listener", "work", socket=text("unix:" + rig.path(name, "s")), direction="outbound"),
            block("signer", "seal", key=text(key), certificate=text(pki["seal.pem"])),
            block("revocation", "ica", **{k: v for k, v in values.items() if v is not None}).replace(
                "{\n", "{\n\ttitle = %s\n" % text("První certifikační autorita, a.s."), 1)]))
        if user:
            for path in (self.folder, key, rig.path(name, "journal")):
                shutil.chown(path, user)
        self.start()

    def start(self):
        self.errors = open(self.rig.path(self.name, "log"), "ab")
        command = [TOOL, self.config, self.rig.path(self.name, "journal", "journal")]
        self.process = subprocess.Popen(
            command + ([self.keeper] if self.keeper else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, text=True, user=self.user, group="nogroup" if self.user else None,
            env=self.environment)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        self.errors.close()
        if kind is None and status != 0:
            raise Problem("post_tool ended with %d:\n%s" % (status, self.log()))

    def kill(self):
        """As a crash does, and starts it anew."""
        self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()
        self.errors.close()

    def ask(self, *fields):
        """The answer's fields. CR and LF within go through."""
        line = "\t".join(str(f).replace("\r", "\\r").replace("\n", "\\n") for f in fields)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Problem("post_tool has gone:\n" + self.log())
        return answer.rstrip("\n").split("\t")

    def notice(self, kind="received", language="cs", to=HOLDER, quiet="no", reply_to=REQUEST, reason=""):
        """Queues it; returns the number of its request."""
        answer = self.ask("notice", kind, language, to, quiet, reply_to, reason)
        if answer[0] != "yes":
            raise Problem("%s\n%s" % (answer, self.log()))
        return int(answer[2])

    def round(self, at=0):
        """(answer, code, how many were sent)"""
        answer = self.ask("round", at)
        return answer[0], answer[1], int(answer[2])

    def fates(self, request):
        return self.ask("fates", request)[1:]

    def log(self):
        with open(self.rig.path(self.name, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-6000:]


class Server:
    """A mail server that says at each stage what it is told to: connect, ehlo, mail, rcpt, data, content, quit.
    "hang": nothing more, "drop": it closes the connection; a function is called for the answer."""

    usual = {"connect": "220 here", "ehlo": "250 here", "mail": "250 ok", "rcpt": "250 ok", "data": "354 go on",
             "content": "250 taken", "quit": "221 bye"}

    def __init__(self, rig, certificate=None, **answers):
        self.rig, self.certificate, self.answers = rig, certificate, dict(self.usual, **answers)
        self.commands, self.contents, self.encrypted = [], [], 0
        self.listener = socket.create_server(("127.0.0.1", free_port()), backlog=16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        rig.add(self)

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                self._talk(connection)
        except (OSError, ValueError):
            pass

    def _say(self, connection, stage):
        """False: no more is said."""
        answer = self.answers[stage]
        if callable(answer):
            answer = answer()
        if answer == "hang":
            while connection.recv(4096):
                pass
        if answer in ("hang", "drop"):
            return False
        connection.sendall((answer + "\r\n").encode())
        return True

    def _talk(self, connection):
        if not self._say(connection, "connect"):
            return
        reader = connection.makefile("rb")
        while True:
            line = reader.readline().decode("latin-1").rstrip("\r\n")
            if not line:
                return
            self.commands.append(line)
            verb = line.split(" ")[0].split(":")[0].lower()
            if verb == "starttls":
                connection.sendall(b"220 go on\r\n")
                connection = self._secure(connection)
                reader = connection.makefile("rb")
                continue
            if not self._say(connection, verb) or verb == "quit":
                return
            if verb == "data" and self.answers["data"].startswith("354"):
                self.contents.append(self._content(reader))
                if not self._say(connection, "content"):
                    return

    def _content(self, reader):
        content = b""
        while True:
            line = reader.readline()
            if not line:
                raise ValueError("cut off")
            if line == b".\r\n":
                return content
            content += line[1:] if line.startswith(b".") else line

    def _secure(self, connection):
        if self.certificate is None:
            connection.sendall(b"this is no TLS\r\n")
            raise ValueError("no TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        connection = context.wrap_socket(connection, server_side=True)
        self.encrypted += 1
        return connection


def read(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def entity_of(rig, received):
    """What is sealed of a notice."""
    verdict = judges.OpenSSL(rig).verify(received)
    if "CN=TRH" not in verdict.signer:
        raise Problem("the signer is " + verdict.signer)
    return verdict.content


def body_of(rig, received):
    return plain(judges.body_text(entity_of(rig, received)))


def expect(got, wanted):
    if got != wanted:
        raise Problem("it is %r, not %r" % (got, wanted))


def has(where, *wanted):
    for word in wanted:
        if word not in where:
            raise Problem("no %r in:\n%s" % (word, where))


# ---- through Postfix --------------------------------------------------------------------

WORDS = {
    "cs": ("Žádost přijata: 2026-01-01 00:00:00 UTC",
           "Certifikační autorita: První certifikační autorita, a.s."),
    "sk": ("Žiadosť prijatá: 2026-01-01 00:00:00 UTC",),
    "en": ("Request received: 2026-01-01 00:00:00 UTC", "Questions: " + OPERATOR),
}
REVOKED = {"cs": "Zneplatněno (rozhodný čas certifikační autority): 2026-01-01 01:01:01 UTC",
           "sk": "Zneplatnené (rozhodný čas certifikačnej autority): 2026-01-01 01:01:01 UTC",
           "en": "Revoked (time of the certification authority, which counts): 2026-01-01 01:01:01 UTC"}


def postfix(tap, rig):
    sink = Sink(rig)
    front = Postfix(rig, "front", relayhost="[127.0.0.1]:%d" % sink.port)

    def arrives(tool, **wanted):
        expect(tool.round(), ("yes", "", 1))
        received = sink.wait(1, 60, lambda: front.log()[-4000:] + tool.log(), **wanted)
        sink.clear()
        expect(len(received), 1)
        return received[0]

    with Tool(rig, front.port) as tool:
        with tap.test("a notice comes sealed, from the null sender, as an automatic reply to the request"):
            tool.notice()
            m = arrives(tool)
            expect((m.sender, m.recipients), ("", [HOLDER]))
            header = read(m.data)
            expect([header[n] for n in ("From", "To", "Auto-Submitted", "In-Reply-To", "References")],
                   [FROM, HOLDER, "auto-replied", REQUEST, REQUEST])
            expect(header.get_content_type(), "multipart/signed")
            has(body_of(rig, m.data), "4609 (0x1201)", "Lhůta k vyřízení: 2026-01-02 00:00:00 UTC", *WORDS["cs"])
        for language, shown in (("cs", "cs"), ("sk", "sk"), ("en", "en"), ("de", "en")):
            with tap.test("in %s it says when the request came and when the authority revoked" % language):
                tool.notice("revoked", language)
                m = arrives(tool)
                expect(read(entity_of(rig, m.data))["Content-Language"], shown)
                has(body_of(rig, m.data), REVOKED[shown], *WORDS[shown])
        with tap.test("a reason in a person's words comes through, whatever is in it"):
            tool.notice("refused", "en", reason="nobody\r\nknows \x07you " + "x" * 2000)
            body = body_of(rig, arrives(tool).data)
            has(body, "Reason: nobody  knows  you xxx", "The certificate was not revoked.")
        with tap.test("an address with quotes and a blank is sent to as it is"):
            tool.notice(to='"jan novak"@ucastnik.example')
            expect(arrives(tool).recipients, ['"jan novak"@ucastnik.example'])
        with tap.test("each is sent once"):
            expect(tool.round(10 * DELAY), ("yes", "", 0))
            expect(sink.messages(), [])
        with tap.test("a request of a program, a list or a loop gets none"):
            expect(tool.ask("notice", "received", "cs", HOLDER, "yes", REQUEST, "")[:2], ["no", "quiet"])
            expect(tool.round()[2], 0)
        with tap.test("an alarm comes to the operator, sealed, in ASCII, once for each kind and request"):
            for subject in ("request 7 is overdue", "again"):
                expect(tool.ask("alarm", "overdue", 7, subject, "It was received\r\nBcc: x@y.example ž")[0], "yes")
            m = arrives(tool)
            expect((m.sender, m.recipients), ("", [OPERATOR]))
            header = read(m.data)
            expect((header["Auto-Submitted"], header["Subject"], header["Bcc"]),
                   ("auto-generated", "[revocation] request 7 is overdue", None))
            has(body_of(rig, m.data), "It was received??Bcc: x@y.example", "sealctl revocation show 7")
        with tap.test("one about no request comes once a day"):
            for _ in range(2):
                expect(tool.ask("alarm", "inbox", 0, "the inbox cannot be read", "why")[0], "yes")
            expect(read(arrives(tool).data)["Subject"], "[revocation] the inbox cannot be read")
            tool.ask("alarm", "inbox", 0, "the inbox cannot be read", "why", DAY)
            expect(tool.round(DAY + 10), ("yes", "", 1))
            sink.wait(1, 60, tool.log)
            sink.clear()
        with tap.test("a thread of its own sends what is queued as soon as it is woken"):
            tool.ask("thread", "start")
            tool.notice()
            tool.ask("thread", "wake")
            sink.wait(1, 60, tool.log)
            tool.ask("thread", "stop")
    with Tool(rig, front.port, "quiet", operator=None) as tool:
        with tap.test("without an operator an alarm is logged alone"):
            expect(tool.ask("alarm", "overdue", 7, "request 7 is overdue", "why")[0], "yes")
            expect(tool.round()[2], 0)
            has(tool.log(), "revocation-alarm kind=overdue authority=ica request=7")


# ---- what a server may say -----------------------------------------------------------------

ANSWERS = [ # stage, what it says there, (answer, code)
    ("connect", "554 no service", ("can't-tell", "deferred")),
    ("connect", "421 later", ("can't-tell", "deferred")),
    ("mail", "451 later", ("can't-tell", "deferred")),
    ("mail", "530 no mail without TLS", ("can't-tell", "deferred")),
    ("rcpt", "450 later", ("can't-tell", "deferred")),
    ("rcpt", "550 5.1.1 nobody of that name", ("no", "refused")),
    ("data", "451 later", ("can't-tell", "deferred")),
    ("data", "554 not that", ("no", "refused")),
    ("content", "452 disk full", ("can't-tell", "deferred")),
    ("content", "550-no\r\n550 not that", ("no", "refused")),
    ("quit", "drop", ("yes", "")),
    ("quit", "hang", ("yes", "")),
    ("quit", "500 what?", ("yes", "")),
    ("connect", "this is no mail server", ("can't-tell", "network")),
] + [(stage, how, ("can't-tell", "network")) for stage in ("connect", "ehlo", "mail", "rcpt", "data", "content")
     for how in ("hang", "drop")]

STRANGE = ["holder@ucastnik.example\r\nRCPT TO:<x@y.example>", "holder@ucastnik.example>\r\nRSET", "holder", "",
           "<holder@ucastnik.example>", "držitel@ucastnik.example", "holder@ucastnik.example> SIZE=1",
           "a b@c.example"]


def answers(tap, rig):
    dead = "http://127.0.0.1:%d" % free_port()
    proxies = {name: dead for name in ("http_proxy", "https_proxy", "smtp_proxy", "all_proxy", "ALL_PROXY")}
    with Tool(rig, 1, environment=proxies) as tool:
        def send(server, to=HOLDER):
            return tool.ask("send", "smtp://127.0.0.1:%d" % server.port, to)

        for stage, says, wanted in ANSWERS:
            server = Server(rig, **{stage: says})
            with tap.test("%s at %s: %s" % (says.replace("\r\n", " "), stage, " ".join(wanted))):
                got = send(server)
                expect(tuple(got[:2]), wanted)
                if wanted[1] in ("deferred", "refused"):
                    has(got[2], says.split("\r\n")[-1])
            server.stop()
        with tap.test("nobody listens: can't tell"):
            expect(send(server)[:2], ["can't-tell", "network"])

        server = Server(rig)
        with tap.test("the octets come as they are, to one recipient, past any proxy of the environment"):
            expect(send(server)[0], "yes")
            expect(server.contents, [b"From: a@b.example\r\nSubject: x\r\n\r\n.\r\n..a\r\n"])
            expect([c.split(" SIZE")[0] for c in server.commands[1:3]], ["MAIL FROM:<>", "RCPT TO:<%s>" % HOLDER])
        before = list(server.commands)
        for to in STRANGE:
            with tap.test("the recipient %r is sent nothing" % to):
                expect(send(server, to)[:2], ["no", "recipient"])
                expect(server.commands, before)

        pki = rig.pki()
        server = Server(rig, (pki["second.crt"], pki["second.key"]), ehlo="250-here\r\n250 STARTTLS")
        with tap.test("where TLS is offered it is used, whoever the certificate is of"):
            expect(send(server)[0], "yes")
            expect(server.encrypted, 1)
        server = Server(rig, ehlo="250-here\r\n250 STARTTLS")
        with tap.test("TLS that fails: can't tell"):
            expect(send(server)[:2], ["can't-tell", "network"])


# ---- the queue -------------------------------------------------------------------------------

def queue(tap, rig):
    server = Server(rig)
    with Tool(rig, server.port) as tool:
        with tap.test("with the mail server away all wait, and the round ends at the first"):
            server.stop()
            first, second = tool.notice(), tool.notice("revoked")
            expect(tool.round(), ("can't-tell", "network", 0))
            expect((tool.fates(first), tool.fates(second)), (["received 1 waits "], ["revoked 0 waits "]))
        with tap.test("they outlive the process, and go when their time has come"):
            tool.kill()
            server.listener = socket.create_server(("127.0.0.1", server.port), backlog=16)
            threading.Thread(target=server._accept, daemon=True).start()
            tool.start()
            expect(tool.round(), ("yes", "", 1))
            expect(tool.round(DELAY + 10), ("yes", "", 1))
            expect(tool.round(1000 * DELAY), ("yes", "", 0))
            expect((tool.fates(first), tool.fates(second)), (["received 2 done "], ["revoked 1 done "]))
            ids = [read(c)["Message-ID"] for c in server.contents]
            expect((len(ids), len(set(ids))), (2, 2))

    server = Server(rig)
    with Tool(rig, server.port, "deferred") as tool:
        with tap.test("what is deferred holds up no other, and is tried with growing delays"):
            server.answers["rcpt"] = lambda: "450 later" if "slow@" in server.commands[-1] else "250 ok"
            slow, other = tool.notice(to="slow@ucastnik.example"), tool.notice()
            expect(tool.round(), ("yes", "", 1))
            expect(tool.round(DELAY - 10), ("yes", "", 0))
            expect((tool.fates(slow), tool.fates(other)), (["received 1 waits "], ["received 1 done "]))
            tool.round(DELAY + 5)
            tool.round(DELAY + 10)
            expect(tool.fates(slow), ["received 2 waits "])
            server.answers["rcpt"] = "250 ok"
            expect(tool.round(4 * DELAY), ("yes", "", 1))

    server = Server(rig, rcpt="550 5.1.1 nobody of that name")
    with Tool(rig, server.port, "refused", user=WORKER_USER) as tool:
        with tap.test("what is refused for good is given up, logged, noted, and the operator told once"):
            request = tool.notice()
            tool.round()
            expect(tool.fates(request)[0], "received 1 done 550 5.1.1 nobody of that name")
            has(tool.log(), "notice-refused authority=ica")
            shown = rig.run(program("sealctl"), "-c", tool.config, "revocation", "show", request, "--json")
            notice = json.loads(shown.stdout)["notices"][0]
            expect((notice["kind"], notice["to"], notice["refused"], notice["state"]),
                   ("received", HOLDER, "550 5.1.1 nobody of that name", "given-up"))
            server.answers["rcpt"] = "250 ok"
            expect(tool.round(10), ("yes", "", 1))
            expect(server.commands[-3], "RCPT TO:<%s>" % OPERATOR)
            has(body_of(rig, server.contents[-1]), HOLDER, "550 5.1.1 nobody", "show %d" % request)
            expect(tool.round(1000 * DELAY), ("yes", "", 0))
        with tap.test("an alarm that is refused makes no further one"):
            server.answers["rcpt"] = "550 5.1.1 nobody of that name"
            tool.ask("alarm", "late", 9, "request 9 is late", "why")
            tool.round()
            server.answers["rcpt"] = "250 ok"
            expect(tool.round(1000 * DELAY), ("yes", "", 0))

    server = Server(rig)
    with Tool(rig, server.port, "crash") as tool:
        with tap.test("killed before it hears 250, it sends the same again with the same Message-ID, later"):
            def crash():
                tool.process.kill()
                tool.process.wait(60)
                return "250 taken"
            server.answers["content"] = crash
            request = tool.notice()
            try:
                tool.round()
                raise Problem("it was not killed")
            except (Problem, ValueError) as e:
                has(str(e), "has gone")
            server.answers["content"] = "250 taken"
            tool.kill()
            tool.start()
            expect(tool.round(DELAY - 30), ("yes", "", 0))
            expect(tool.round(DELAY + 10), ("yes", "", 1))
            expect(tool.fates(request), ["received 2 done "])
            a, b = (read(c)["Message-ID"] for c in server.contents)
            expect(a, b)


# ---- the seal's key ---------------------------------------------------------------------------

def keeper(tap, rig):
    pki, server = rig.pki(), Server(rig)
    daemon = Gateway(rig, lambda g: "\n".join([
        "anchors = %s" % names(pki["anchors.pem"]), "intermediates = %s" % names(pki["intermediates.pem"]),
        g.listener(),
        block("signer", "seal", key=text(g.key_of(pki["seal.key"])), certificate=text(pki["seal.pem"]))]))
    with Tool(rig, server.port, user=GATE_USER, keeper=os.path.join(daemon.run_directory, "keeper.sock")) as tool:
        with tap.test("a notice is sealed with a key that is in the keeper"):
            tool.notice()
            expect(tool.round(), ("yes", "", 1))
            body_of(rig, server.contents[-1])
        with tap.test("with the keeper away a notice waits; an alarm goes without a seal"):
            request = tool.notice()
            tool.ask("alarm", "late", request, "it is late", "why")
            daemon.stop()
            expect(tool.round(), ("yes", "", 1))
            has(tool.log(), "notice-waits", "notice-unsealed")
            expect(tool.fates(request), ["received 1 waits ", "alarm-late 1 done "])
            m = read(server.contents[-1])
            expect((m["To"], m.get_content_type()), (OPERATOR, "text/plain"))
        with tap.test("with the keeper back it goes, sealed"):
            daemon.start()
            expect(tool.round(DELAY + 10), ("yes", "", 1))
            has(body_of(rig, server.contents[-1]), "0x1202")


if __name__ == "__main__":
    sys.exit(run(postfix, answers, queue, keeper))
