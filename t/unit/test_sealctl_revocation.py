#!/usr/bin/env python3
"""sealctl revocation: what an administrator sees of requests, and does about them."""

import base64
import hashlib
import os
import pwd
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import time
from datetime import datetime, timezone

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap, Told  # noqa: E402
from rig.gateway import GATE_USER, KEEPER_USER, WORKER_USER, program  # noqa: E402

NOW = 1800000000
HOUR, DAY = 3600, 86400
ROOT = os.getuid() == 0
RECEIVED, WAITING, ACCEPTED, REFUSED, BEGUN, FAILED, INTERRUPTED, EXECUTED = range(1, 9)
TRIGGERS = "DROP TRIGGER entries_stay; DROP TRIGGER entries_kept; DROP TRIGGER requests_stay; DROP TRIGGER requests_kept;"


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Bench:
    """Folders of gate and worker as a system has them, and one configuration."""

    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        os.chmod(rig.path(), 0o755)
        self.signer = os.path.join(self.pki.folder, "participant-sign.der")
        self.count = 0
        self.fresh()

    def fresh(self):
        """Empty folders."""
        self.count += 1
        folder = self.rig.make_folder("case%d" % self.count)
        self.inboxes = self.rig.make_folder("case%d" % self.count, "inbox", mode=0o2770)
        self.journals = self.rig.make_folder("case%d" % self.count, "journal", mode=0o2750)
        if ROOT:
            shutil.chown(self.inboxes, GATE_USER, WORKER_USER)
            shutil.chown(self.journals, WORKER_USER, GATE_USER)
            os.chmod(self.inboxes, 0o2770)
            os.chmod(self.journals, 0o2750)
        self.journal, self.inbox = os.path.join(self.journals, "journal"), os.path.join(self.inboxes, "inbox")
        users = 'user = "%s"\nkeeper-user = "%s"\nworker-user = "%s"\n' % (GATE_USER, KEEPER_USER, WORKER_USER)
        self.config = self.rig.write(os.path.join(folder, "sealmilter.conf"), self.text(users if ROOT else ""))

    def text(self, users):
        return users + '''
status-directory = none
inbox-directory = "%s"
journal-directory = "%s"
listener "in" { socket = "unix:/nonexistent/in" direction = inbound }
inbound-domains = trh.example
signer "seal" { certificate = "%s" key = "%s" }
revocation "ica" {
  address = "zneplatneni@trh.example"
  authorities = { "%s" }
  signer = "seal"
}
''' % (self.inboxes, self.journals, self.pki["seal.pem"], self.pki["seal.key"], self.pki["commercial.crt"])

    def run(self, *arguments, user=None, environment=None):
        given = dict(os.environ, **(environment or {}))
        given.pop("SUDO_USER", None) if environment is None else None
        # A process that has changed its user cannot be traced, which looking for leaks takes.
        given["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        extra = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        return Told(subprocess.run([program("sealctl"), "-c", self.config] + [str(a) for a in arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120,
                                   env=given, **extra))

    def revocation(self, *arguments, **more):
        return self.run("revocation", *arguments, **more)

    def tool(self, file, *arguments, user=WORKER_USER):
        extra = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if ROOT else {}
        done = subprocess.run([program("t/unit/journal_tool"), file] + [str(a) for a in arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, **extra)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def receive(self, number, when=NOW, signer=None):
        return int(self.tool(self.journal, "receive", number, when, *([signer] if signer else [])))

    def add(self, number, *kinds, when=NOW):
        for kind in kinds:
            self.tool(self.journal, "add", number, kind, when, "worker", "as it should be")

    def put(self, number, when=NOW):
        self.tool(self.inbox, "put", number, when, self.journal, user=GATE_USER)

    def state(self, number):
        return self.revocation("show", number, "--json").told["state"]

    def tamper(self, sql):
        """As somebody who may write the file, and takes what is in the way."""
        db = sqlite3.connect(self.journal)
        db.executescript(TRIGGERS + sql)
        db.close()


def owners(folder):
    return {name: pwd.getpwuid(os.stat(os.path.join(folder, name)).st_uid).pw_name for name in os.listdir(folder)}


# ---- nothing there ---------------------------------------------------------------------

def test_missing(tap, bench):
    bench.fresh()
    for arguments in (["list"], ["show", "1"], ["approve", "1"], ["verify"], ["export"], ["enrolled"]):
        with tap.test("no journal: %s says who makes it, and makes none" % arguments[0]):
            told = bench.revocation(*arguments)
            assert told.is_refused(75, "there is no journal %s: worker makes it" % bench.journal), told
            assert os.listdir(bench.journals) == []
    with tap.test("no journal, and something in the inbox: that is listed, and what is missing is said"):
        # Gate takes nothing without a journal, so that worker's has been there and was lost.
        bench.receive(1)
        bench.put(2)
        for name in os.listdir(bench.journals):
            os.unlink(os.path.join(bench.journals, name))
        told = bench.revocation("list", "--json", "--at", "@%d" % NOW)
        assert told.status == 75 and "there is no journal" in told.errors, told
        assert [r["state"] for r in told.told] == ["in the inbox"], told


# ---- list ----------------------------------------------------------------------------------

def test_list(tap, bench):
    bench.fresh()
    bench.receive(1, NOW, bench.signer)
    bench.receive(2, NOW - 25 * HOUR)
    bench.add(2, ACCEPTED, BEGUN, FAILED)
    bench.receive(3, NOW - 26 * HOUR)
    bench.add(3, REFUSED)
    bench.put(4, NOW - HOUR)

    def listed(*arguments, at=NOW):
        return bench.revocation("list", "--json", "--at", "@%d" % at, *arguments)

    with tap.test("list: each request, and what lies in the inbox"):
        told = listed()
        assert told.status == 0 and told.errors == "", told
        assert [(r.get("number"), r["state"]) for r in told.told] == [
            (1, "received"), (2, "failed"), (3, "refused"), (None, "in the inbox")], told
        first = told.told[0]
        assert first["serial"] == "0x0A0001" and first["serial-decimal"] == "655361", first
        assert first["authority"] == "ica" and first["form"] == "signed" and first["received"] == iso(NOW), first
        assert first["deadline"] == iso(NOW + DAY) and first["left-seconds"] == DAY and first["left"] == "24 h 0 min", first
        assert "obchod" in first["signer"] or "CN=" in first["signer"], first
        assert first["issuer"] == "O=Ukázka,CN=Vydavatel" and first["overdue"] is False, first
        assert "left" not in told.told[2] and told.told[1]["left"] == "overdue by 1 h 0 min", told
        assert told.told[3]["received"] == iso(NOW - HOUR) and told.told[3]["serial"] == "0x0A0004", told
    with tap.test("for people the same"):
        told = bench.revocation("list", "--at", "@%d" % NOW)
        assert told.status == 0 and "number: 2\nstate: failed\n" in told.text and "state: in the inbox\n" in told.text, told
        assert "deadline: %s\nleft: overdue by 1 h 0 min\n" % iso(NOW - HOUR) in told.text, told
    with tap.test("--open leaves out what has come to an end"):
        told = listed("--open")
        assert told.status == 0 and [r.get("number") for r in told.told] == [1, 2, None], told
    with tap.test("--overdue: what is open past its deadline, status 1"):
        told = listed("--overdue")
        assert told.status == 1 and [r["number"] for r in told.told] == [2], told
    with tap.test("--overdue: what worker has not taken counts too"):
        told = listed("--overdue", at=NOW + 23 * HOUR + 1)
        assert told.status == 1 and [r.get("number") for r in told.told] == [2, None], told
    with tap.test("--overdue: none, status 0"):
        told = listed("--overdue", at=NOW - 3 * HOUR)
        assert told.status == 0 and told.told == [], told
        told = bench.revocation("list", "--overdue", "--at", "@%d" % (NOW - 3 * HOUR))
        assert told.status == 0 and told.text == "there are no requests past their deadline\n", told
    with tap.test("what worker has taken is listed once"):
        bench.receive(4, NOW - HOUR)
        assert [r.get("number") for r in listed().told] == [1, 2, 3, 4]
    with tap.test("an inbox that cannot be read is said, and the journal listed nevertheless"):
        os.rename(bench.inbox, bench.inbox + ".away")
        with open(bench.inbox, "wb") as f:
            f.write(b"no database" * 1000)
        told = listed()
        assert told.status == 75 and bench.inbox in told.errors and len(told.told) == 4, told
        os.rename(bench.inbox + ".away", bench.inbox)
    with tap.test("--overdue: where worker has taken nothing of it, status 1 too"):
        bench.fresh()
        bench.receive(1)
        bench.put(2, NOW - 25 * HOUR)
        told = listed("--overdue")
        assert told.status == 1 and [r["state"] for r in told.told] == ["in the inbox"], told


# ---- show ------------------------------------------------------------------------------------

def test_show(tap, bench):
    bench.fresh()
    bench.receive(1, NOW, bench.signer)
    bench.add(1, WAITING)
    bench.receive(2)
    with tap.test("show: the request and its steps"):
        told = bench.revocation("show", 1, "--json")
        assert told.status == 0, told
        one = told.told
        assert one["state"] == "waiting" and one["message-id"] == "<1@example.cz>" and one["client"] == "192.0.2.1", told
        assert one["reason"] == "keyCompromise" and one["language"] == "cs" and one["mail-sha256"] == "01" * 32, told
        assert [(s["entry"], s["step"], s["who"], s["how"]) for s in one["steps"]] == [
            (1, "received", "worker", "from the inbox"), (2, "waiting", "worker", "as it should be")], told
        assert "worker  as it should be\n" in bench.revocation("show", 1).text
    evidence = bench.rig.path("evidence.eml")
    with tap.test("--evidence: octet for octet, for nobody else"):
        told = bench.revocation("show", 1, "--evidence", evidence)
        assert told.status == 0 and "\x1b" not in told.text, told
        with open(evidence, "rb") as f:
            assert f.read() == b"Content-Type: text/plain\r\n\r\n\x1b[2J signed words\r\n"
        st = os.stat(evidence)
        assert stat.S_IMODE(st.st_mode) == 0o600 and st.st_uid == os.getuid(), oct(st.st_mode)
    with tap.test("--evidence: a file that is there stays"):
        told = bench.revocation("show", 2, "--evidence", evidence)
        assert told.is_refused(1, "the request has no evidence"), told
        told = bench.revocation("show", 1, "--evidence", evidence)
        assert told.is_refused(2, "cannot make %s: File exists" % evidence), told
    with tap.test("a number that there is not, and what is none"):
        assert bench.revocation("show", 7).is_refused(1, "there is no request 7")
        for text in ("x", "0", "1x", "-1", "99999999999999999999999"):
            told = bench.revocation("show", "--", text)
            assert told.is_refused(2, "%s is no number of a request" % text), told


def test_terminal(tap, bench):
    bench.fresh()
    bench.receive(101)
    bench.receive(201)
    with tap.test("what a writer put into the request cannot touch the terminal, nor look like a line of ours"):
        for arguments in (["show", 1], ["show", 1, "--json"], ["show", 2], ["list"], ["list", "--json"], ["export"]):
            told = bench.revocation(*arguments)
            assert told.status == 0, told
            assert not any(c < 0x20 and c != 0x0a or c == 0x7f for c in told.output), told
            assert b"\xc2\x9b" not in told.output and b"\x9b" not in told.output and "\nnumber: 7" not in told.text, told


# ---- what a person does ------------------------------------------------------------------------

def steps_of(bench, number):
    return bench.revocation("show", number, "--json").told["steps"]


def test_steps(tap, bench):
    bench.fresh()
    for number in range(1, 9):
        bench.receive(number)
    bench.add(2, WAITING)
    bench.add(3, ACCEPTED)
    bench.add(4, ACCEPTED, BEGUN)
    bench.add(5, ACCEPTED, BEGUN, FAILED)
    bench.add(6, ACCEPTED, BEGUN, INTERRUPTED)
    bench.add(7, ACCEPTED, BEGUN, EXECUTED)
    bench.add(8, REFUSED)
    names = {1: "received", 2: "waiting", 3: "accepted", 4: "begun", 5: "failed", 6: "interrupted", 7: "executed", 8: "refused"}
    deeds = {"approve": {2}, "refuse": {1, 2, 3, 5, 6}, "retry": {3, 5, 6}, "done": {3, 5, 6}}

    for deed, states in deeds.items():
        for number in set(names) - states:
            told = bench.revocation(deed, number, "--reason", "no")
            tap.ok(told.is_refused(1, "request %d is %s and cannot be " % (number, names[number])) and
                   bench.state(number) == names[number], "%s: not what is %s" % (deed, names[number]), told)
    with tap.test("a number that there is not: status 1"):
        for deed in deeds:
            assert bench.revocation(deed, 99, "--reason", "no").is_refused(1, "there is no request 99")
    with tap.test("approve: accepted, by whom and when"):
        before = int(time.time())
        told = bench.revocation("approve", 2)
        assert told.status == 0 and told.text == "request 2: accepted\n" and bench.state(2) == "accepted", told
        step = steps_of(bench, 2)[-1]
        user = pwd.getpwuid(os.getuid()).pw_name
        assert step["who"] == "operator " + user and step["how"] == "approved by hand", step
        assert iso(before) <= step["time"] <= iso(time.time()), step
    with tap.test("retry: noted, the state stays"):
        assert bench.revocation("retry", 5).text == "request 5: retry\n"
        assert bench.state(5) == "failed" and steps_of(bench, 5)[-1]["step"] == "retry"
    with tap.test("done, with the authority's time"):
        told = bench.revocation("done", 6, "--at", "2026-01-26T14:38:03Z")
        assert told.status == 0 and told.text == "request 6: done\n", told
        step = steps_of(bench, 6)[-1]
        assert step["step"] == "done" and step["how"] == "done by hand; revoked-at=2026-01-26T14:38:03Z", step
        assert step["time"] > "2026-01-27", step
    with tap.test("done, without a time: none is made up"):
        assert bench.revocation("done", 3).status == 0 and steps_of(bench, 3)[-1]["how"] == "done by hand"
    with tap.test("done in the future: refused"):
        assert bench.revocation("done", 5, "--at", "@%d" % (time.time() + HOUR)).is_refused(2, "--at is in the future")
    with tap.test("refuse: the reason is what its writer is told"):
        told = bench.revocation("refuse", 1, "--reason", "Držitel to odvolal")
        assert told.text == "request 1: refused\n" and steps_of(bench, 1)[-1]["how"] == "Držitel to odvolal", told
        assert bench.revocation("refuse", 1, "--reason", "again").is_refused(1, "it has come to an end")
    with tap.test("refuse wants a reason that is one line of text"):
        for reason in ([], ["--reason", ""], ["--reason", "a\nb"], ["--reason", "\x1b[2J"], ["--reason", "x" * 1001],
                       ["--reason", b"\xff"]):
            done = subprocess.run([program("sealctl").encode(), b"-c", bench.config.encode(), b"revocation", b"refuse", b"5"] +
                                  [r if isinstance(r, bytes) else r.encode() for r in reason], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            assert Told(done).is_refused(2, "wants --reason"), Told(done)
        assert bench.state(5) == "failed"
    with tap.test("the chain holds after all that"):
        assert bench.revocation("verify").status == 0


def test_who(tap, bench):
    bench.fresh()
    for number in range(1, 5):
        bench.receive(number)
        bench.add(number, WAITING)

    def who(number, **more):
        assert bench.revocation("approve", number, **more).status == 0
        return steps_of(bench, number)[-1]["who"]

    with tap.test("root who came by sudo is named as who he was before"):
        assert who(1, environment={"SUDO_USER": "jana.novakova"}) == "operator jana.novakova"
    with tap.test("a name from the environment that is no name is not taken"):
        for number, name in ((2, "worker\nstep: executed"), (3, "x" * 65)):
            assert who(number, environment={"SUDO_USER": name}) == "operator root"
    with tap.test("who is not root cannot name somebody else"):
        assert who(4, environment={"SUDO_USER": "jana"}, user=WORKER_USER) == "operator " + WORKER_USER


# ---- rights --------------------------------------------------------------------------------------

def test_rights(tap, bench):
    bench.fresh()
    for number in (1, 2):
        bench.receive(number)
        bench.add(number, WAITING)
    for name in ("journal-wal", "journal-shm"):
        path = os.path.join(bench.journals, name)
        if os.path.exists(path):
            os.unlink(path)
    with tap.test("root writes, and all files stay worker's"):
        assert bench.revocation("approve", 1).status == 0
        assert set(owners(bench.journals).values()) == {WORKER_USER}, owners(bench.journals)
        for name in os.listdir(bench.journals):
            assert stat.S_IMODE(os.stat(os.path.join(bench.journals, name)).st_mode) == 0o640, name
    with tap.test("worker's user, whose journal is in use, still writes"):
        assert bench.revocation("approve", 2, user=WORKER_USER).status == 0
    with tap.test("gate's user reads, and may decide nothing"):
        assert bench.revocation("show", 1, user=GATE_USER).status == 0
        assert bench.revocation("verify", user=GATE_USER).status == 0
        for deed in ("approve", "refuse", "retry", "done"):
            told = bench.revocation(deed, 1, "--reason", "no", user=GATE_USER)
            assert told.is_refused(2, "user %s may not write %s: that is for root and its owner, %s" % (
                GATE_USER, bench.journal, WORKER_USER)), told
    with tap.test("others see nothing"):
        told = bench.revocation("list", user="nobody")
        assert told.status != 0 and not told.text and "user nobody cannot look at %s" % bench.journal in told.errors, told
    with tap.test("no journal: worker's user makes none by sealctl either"):
        bench.fresh()
        assert bench.revocation("approve", 1, user=WORKER_USER).is_refused(75, "there is no journal")
        assert os.listdir(bench.journals) == []
    with tap.test("without worker-user root writes, and all files stay whose they are"):
        bench.fresh()
        bench.receive(1)
        bench.add(1, WAITING)
        for name in ("journal-wal", "journal-shm"):
            if os.path.exists(os.path.join(bench.journals, name)):
                os.unlink(os.path.join(bench.journals, name))
        bench.rig.write(bench.config, bench.text(""))
        assert bench.revocation("approve", 1).status == 0
        assert set(owners(bench.journals).values()) == {WORKER_USER}, owners(bench.journals)


# ---- verify ------------------------------------------------------------------------------------------

def test_verify(tap, bench):
    bench.fresh()
    for number in range(1, 4):
        bench.receive(number)
        bench.add(number, ACCEPTED)
    with tap.test("verify: intact, and the head"):
        told = bench.revocation("verify", "--json")
        assert told.status == 0 and told.told["answer"] == "intact" and told.told["head"].startswith("6:"), told
        head = told.told["head"]
        assert bench.revocation("verify").text == "answer: intact\nhead: %s\n" % head
    noted = bench.rig.write("noted", "head: %s\n" % head)
    with tap.test("a head of before is part of it, as text and in a file as verify prints it"):
        bench.add(1, BEGUN)
        assert bench.revocation("verify", "--head", head).status == 0
        assert bench.revocation("verify", "--head", noted).status == 0
    with tap.test("the last line of a file counts, as each day's may be added to it"):
        many = bench.rig.write("many", "2027-01-01\n%s\nhead: 9:%s\n" % (head, "00" * 32))
        assert bench.revocation("verify", "--head", many).status == 1
    with tap.test("another head: broken"):
        told = bench.revocation("verify", "--json", "--head", head[:-1] + ("0" if head[-1] != "0" else "1"))
        assert told.status == 1 and told.told["answer"] == "broken" and told.told["entry"] == 6, told
    with tap.test("no head at all: status 2"):
        for text in ("6:00", "x", bench.config):
            assert bench.revocation("verify", "--head", text).status == 2
    shutil.copytree(bench.journals, bench.rig.path("before"))

    def restore():
        for name in os.listdir(bench.journals):
            os.unlink(os.path.join(bench.journals, name))
        for name in os.listdir(bench.rig.path("before")):
            shutil.copy2(os.path.join(bench.rig.path("before"), name), bench.journals)
            if ROOT:
                shutil.chown(os.path.join(bench.journals, name), WORKER_USER, GATE_USER)

    for what, sql, entry in (
            ("an entry's words", "UPDATE entries SET how = 'x' WHERE seq = 4", 4),
            ("a request's serial number", "UPDATE requests SET serial = x'01' WHERE id = 2", 3),
            ("an entry taken out", "DELETE FROM entries WHERE seq = 5", 5),
            ("a state of the list", "UPDATE current SET state = 8 WHERE request = 3", 6)):
        with tap.test("altered: %s, status 1 and the entry is named" % what):
            bench.tamper(sql)
            told = bench.revocation("verify", "--json")
            assert told.status == 1 and told.told["answer"] == "broken" and told.told["entry"] == entry, told
            assert "entry %d: " % entry in told.told["because"], told
            restore()
    with tap.test("the end cut off: only a noted head shows it"):
        bench.tamper("DELETE FROM entries WHERE seq >= 6; UPDATE current SET state = 1 WHERE request = 3;"
                     "UPDATE current SET state = 3 WHERE request = 1")
        assert bench.revocation("verify").status == 0
        told = bench.revocation("verify", "--json", "--head", head)
        assert told.status == 1 and told.told["entry"] == 6, told
        restore()
    with tap.test("a file that is no journal: status 75 or 2, never intact"):
        with open(bench.journal, "wb") as f:
            f.write(b"nonsense" * 1000)
        told = bench.revocation("verify")
        assert told.status in (2, 75) and not told.text, told


# ---- export --------------------------------------------------------------------------------------------

def number_octets(n):
    return struct.pack(">q", n)


def part(octets):
    return number_octets(len(octets)) + octets


def text_of(o, key):
    return base64.b64decode(o[key + "-base64"]) if key + "-base64" in o else o[key].encode()


def seconds(text):
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


def request_digest(r):
    """As the manual says that it is made."""
    octets = b"".join(part(p) for p in (
        text_of(r, "authority"), bytes.fromhex(r["serial"]), bytes.fromhex(r["digest"]), base64.b64decode(r["issuer"]),
        text_of(r, "form"), text_of(r, "message-id"), bytes.fromhex(r["mail-sha256"]), text_of(r, "queue-id"),
        text_of(r, "client"), text_of(r, "language"), text_of(r, "reason"), base64.b64decode(r["signer"]),
        base64.b64decode(r["evidence"])))
    return hashlib.sha256(octets + number_octets(seconds(r["received"])) + number_octets(int(r["quiet"]))).hexdigest().upper()


def entry_hash(e):
    octets = (number_octets(1) + number_octets(e["entry"]) + part(bytes.fromhex(e["previous"])) + number_octets(e["request"]) +
              number_octets(e["kind"]) + number_octets(seconds(e["time"])) + part(text_of(e, "who")) +
              part(text_of(e, "how")) + part(bytes.fromhex(e["content"])))
    return hashlib.sha256(octets).hexdigest().upper()


def test_export(tap, bench):
    bench.fresh()
    bench.receive(1, NOW, bench.signer)
    bench.receive(201, NOW + 10)
    bench.add(1, ACCEPTED, BEGUN, when=NOW + 20)
    bench.add(2, REFUSED, when=NOW + 30)
    told = bench.revocation("export")
    lines = told.lines

    def kinds(some):
        return [(o["type"], o.get("number", o.get("entry"))) for o in some]

    with tap.test("export: requests before their first entry, all entries in order, and an end"):
        assert told.status == 0 and told.errors == "", told
        assert kinds(lines[:-1]) == [("journal", None), ("request", 1), ("entry", 1), ("request", 2), ("entry", 2), ("entry", 3),
                                     ("entry", 4), ("entry", 5)], kinds(lines)
        assert lines[-1] == {"type": "end", "requests": 2, "entries": 5}, lines[-1]
    with tap.test("its hashes can be computed from it alone, and agree with verify's head"):
        requests = {o["number"]: o for o in lines if o["type"] == "request"}
        previous = lines[0]["begins-behind"].split(":")[1]
        for e in (o for o in lines if o["type"] == "entry"):
            assert e["previous"] == previous and e["hash"] == entry_hash(e), e
            assert e["content"] == request_digest(requests[e["request"]]), e
            previous = e["hash"]
        assert bench.revocation("verify", "--json").told["head"] == "5:" + previous
    with tap.test("evidence and signer's certificate are in it whole"):
        assert base64.b64decode(lines[1]["evidence"]) == b"Content-Type: text/plain\r\n\r\n\x1b[2J signed words\r\n"
        with open(bench.signer, "rb") as f:
            assert base64.b64decode(lines[1]["signer"]) == f.read()
    with tap.test("--from and --to: entries of that time, each request with its first"):
        told = bench.revocation("export", "--from", "@%d" % (NOW + 20), "--to", iso(NOW + 20))
        assert kinds(told.lines)[1:-1] == [("request", 1), ("entry", 3), ("entry", 4)], told
        told = bench.revocation("export", "--from", "@%d" % (NOW + 40))
        assert kinds(told.lines)[1:-1] == [], told
    with tap.test("what is no time: status 2"):
        assert bench.revocation("export", "--from", "jana@example.cz").is_refused(2, "is not a time")
        assert bench.revocation("export", "--to", "x").is_refused(2, "is not a time")
    with tap.test("what cannot be written out is no success"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([program("sealctl"), "-c", bench.config, "revocation", "export"], stdout=full,
                                  stderr=subprocess.PIPE)
        assert done.returncode == 75, done


def test_manual(tap):
    with open(os.path.join(TOP, "man", "sealctl.8"), encoding="utf-8") as f:
        manual = f.read()
    for name in ("list", "show", "approve", "refuse", "retry", "done", "verify", "export", "enrol", "enrolled", "unenrol",
                 "password-hash"):
        tap.ok(".It Cm revocation %s" % name in manual, "the manual has revocation %s" % name)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        test_missing(tap, bench)
        test_list(tap, bench)
        test_show(tap, bench)
        test_terminal(tap, bench)
        test_steps(tap, bench)
        if ROOT:
            test_who(tap, bench)
            test_rights(tap, bench)
        test_verify(tap, bench)
        test_export(tap, bench)
        test_manual(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
