#!/usr/bin/env python3
"""Requests for revocation, up to the inbox: who is alone in his transaction, what is refused and deferred with which words,
what stands in the inbox when the MTA has heard 250, and what goes on to the operator."""

import base64
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

from daemon_scene import PARTICIPANT, SENDER, TOOL, Daemon, Rig, Tap, sanitizer_reports, text, wait_for
from rig.base import DEADLINE
from rig.gateway import GATE_USER, WORKER_USER, block
from rig.partner import Partner
from rig.sink import Sink

REVOKE, OPERATOR, OTHER = "zneplatneni@trh.example", "ra@trh.example", "crl@trh.example"
OUTSIDE = ("--client", "198.51.100.7,4444")
PASSWORD = "Tajne2Heslo"
COUNT = itertools.count()


class Office(Daemon):
    """Takes requests for what "qualified" issued, and others besides; enrolled is participant-sign, with a password."""

    def __init__(self, rig, settings="", name="office", takes=True, others=()):
        self.settings, self.takes, self.moved, self.sink, self.others = settings, takes, {}, Sink(rig), others
        super().__init__(rig, name=name, start=False,
                         listeners={"work": {"direction": "by-rule"}, "guard": {"role": "guard"}})
        self.make_folder("inbox", GATE_USER, WORKER_USER)
        self.make_folder("journal", WORKER_USER, GATE_USER)

    def path(self, name):
        return super().path(self.moved.get(name, name))

    def make_folder(self, name, user, group):
        os.makedirs(self.path(name), exist_ok=True)
        shutil.chown(self.path(name), user, group)
        os.chmod(self.path(name), 0o2750)

    def open(self):
        self.start()
        self.enrol()
        return self

    def enrol(self, certificate=None, password=PASSWORD):
        wait_for(lambda: os.path.exists(self.path("journal/journal")), "worker to make its journal")
        self.sealctl("revocation", "enrol", "--authority", "ica", "--password-file", "-", "--contact", PARTICIPANT,
                     certificate or self.rig.pki()["participant-sign.crt"], data=password.encode() + b"\n")

    def configuration(self):
        pki = self.rig.pki()
        common = {"authorities": "{ %s }" % ", ".join(text(f) for f in (pki["qualified.crt"], *self.others)), "signer": text("seal"),
                  "forms": "{ signed, password }", "contact": text("ra@trh.example, +420 123")}
        if not self.takes:
            return "\n".join(["inbound-domains = trh.example", super().configuration()])
        opens = block("decryption-key", "mail", key=text(self.key_of(pki["secure-mime.key"])),
                      certificate=text(pki["secure-mime.crt"]), **{"for": text("trh.example")})
        notices = "notice-server = " + text("smtp://127.0.0.1:%d" % self.sink.port)
        return "\n".join(["password-cost-limit = 10", "inbound-domains = trh.example", notices, self.settings, opens, super().configuration(),
                          block("revocation", "ica", address=text(REVOKE), operator=text(OPERATOR), **common),
                          block("revocation", "other", address=text(OTHER), **common)])

    def ask(self, data, *options, to=REVOKE, **more):
        return self.send("--rcpt", to, *OUTSIDE, *options, data=data, **more)

    def rows(self):
        """What was taken: what lies in the inbox, and what worker has got from it already. In this order none is missed."""
        found = {}
        for path, table in ((self.path("inbox/inbox"), "requests"), (self.path("journal/journal"), "requests")):
            if not os.path.exists(path):
                continue
            with closing(sqlite3.connect(path, timeout=DEADLINE)) as db:
                db.row_factory = sqlite3.Row
                for row in db.execute("SELECT * FROM " + table):
                    found[row["authority"], row["serial"], row["digest"]] = dict(row)
        return list(found.values())

    def number_of(self, row):
        """What worker's journal calls it."""
        def find():
            with closing(sqlite3.connect(self.path("journal/journal"), timeout=DEADLINE)) as db:
                return db.execute("SELECT id FROM requests WHERE digest = ?", (row["digest"],)).fetchone()
        return str(wait_for(find, "worker to have the request")[0])

    def state_of(self, row):
        """What worker has made of it."""
        number = self.number_of(row)
        (state,) = [r["state"] for r in json.loads(self.sealctl("revocation", "list", "--json").stdout)
                    if str(r.get("number")) == number]
        return state

    def taken(self, before):
        """The rows that have come since."""
        known = {r["digest"] for r in before}
        return [r for r in self.rows() if r["digest"] not in known]


class Desk:
    """Mail that asks for it."""

    def __init__(self, rig):
        self.partner = Partner(rig)
        with open(rig.pki()["participant-sign.crt"], "rb") as f:
            pem = f.read()
        shown = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, stdout=subprocess.PIPE, check=True)
        self.serial = int(shown.stdout.split(b"=")[1], 16)

    @property
    def serial_octets(self):
        return self.serial.to_bytes((self.serial.bit_length() + 7) // 8, "big")

    def sentence(self, number=None):
        return "Zadam o zneplatneni certifikatu cislo = 0x%X" % (number or self.serial)

    def entity(self, words, kind="text/plain; charset=utf-8"):
        return b"Content-Type: " + kind.encode() + b"\r\n\r\n" + words.encode()

    def mail(self, entity, subject="Zneplatneni", fields=()):
        return self.partner.message(entity, sender=PARTICIPANT, to=(REVOKE,), subject=subject, fields=fields)

    def plain(self, words, **more):
        return self.mail(self.entity(words), **more)

    def signed(self, number=None, fields=()):
        """Another one each time, as RSA gives equal signatures to equal texts within a second."""
        words = "%s\r\n\r\nDopis %d\r\n" % (self.sentence(number), next(COUNT))
        return self.mail(self.partner.sign(self.entity(words), clear=True), fields=fields)

    def secret(self, password=PASSWORD, number=None, **more):
        return self.plain(self.words(password, number), **more)

    def words(self, password=PASSWORD, number=None):
        return "%s\r\nHeslo pro zneplatneni = %s\r\n\r\nDopis %d\r\n" % (self.sentence(number), password, next(COUNT))


def refused(sent, *words):
    assert sent.answer["answer"] == "reply" and sent.text.startswith("550"), sent
    for word in words:
        assert word in sent.text, (word, sent.text)


def deferred(sent, *words):
    assert sent.answer["answer"] == "reply" and sent.text.startswith("451"), sent
    for word in words:
        assert word in sent.text, (word, sent.text)


def accepted(sent):
    assert sent.verdict == "accepted", sent


# ---- at RCPT ---------------------------------------------------------------------


def test_alone(tap, rig, office, desk):
    with tap.test("a request is alone in its transaction: whoever comes second is to be sent to apart"):
        for pair in ((REVOKE, PARTICIPANT), (PARTICIPANT, REVOKE), (REVOKE, OTHER)):
            sent = office.send("--rcpt", pair[0], "--rcpt", pair[1], *OUTSIDE, data=desk.signed())
            assert sent.recipients[0] == "", sent
            assert sent.recipients[1].startswith("452 4.5.3"), sent
    with tap.test("the same address twice is one"):
        sent = office.send("--rcpt", REVOKE, "--rcpt", REVOKE.upper(), *OUTSIDE, data=desk.signed())
        accepted(sent)
        assert [c["name"] for c in sent.answer["changes"]] == [
            "<%s>" % OPERATOR, "<%s>" % REVOKE, "<%s>" % REVOKE.upper()], sent
    with tap.test("an MTA that cannot exchange recipients is deferred before there is a message"):
        sent = office.ask(desk.signed(), "--actions", "%x" % (0x1ff & ~0x8))
        assert sent.recipients[0].startswith("451 4.3.5"), sent
        assert office.lines("mta-too-old", "operator")
        sent = office.ask(desk.signed(), "--actions", "%x" % (0x1ff & ~0x8), to=OTHER)
        assert sent.recipients == [""], sent
        office.ask(desk.signed())
    with tap.test("a guard leaves it alone"):
        before = office.rows()
        sent = office.ask(desk.plain("Dobry den"), listener="guard")
        accepted(sent)
        assert sent.answer["changes"] == [] and office.taken(before) == [], sent


# ---- refused and deferred ----------------------------------------------------------


def test_refusals(tap, rig, office, desk):
    before = office.rows()
    forms = ("Zadam o zneplatneni certifikatu cislo = 0x", "Ziadam o zneplatnenie certifikatu cislo = 0x",
             "I request revocation of certificate number = 0x", "Heslo pre zneplatnenie = ", "Revocation password = ")
    with tap.test("what is no request is refused with the reason and the right form in three languages"):
        refused(office.ask(desk.plain("Dobry den,\r\nzruste mi to.\r\n")), "550-5.6.0 ", *forms)
        refused(office.ask(desk.plain("Zadam o zneplatneni certifikatu cislo =\r\n")), "550-5.6.0 ", *forms)
    with tap.test("what its writer may not ask for is refused as such, to whoever is inside as well"):
        refused(office.ask(desk.plain(desk.sentence() + "\r\n")), "550-5.7.1 ", *forms)
        refused(office.ask(desk.signed(number=desk.serial + 1)), "550-5.7.1 ")
        refused(office.send("--rcpt", REVOKE, data=desk.plain(desk.sentence() + "\r\n")), "550-5.7.1 ")
    with tap.test("a refusal is ASCII, leaves nothing behind, and is one line in the log"):
        sent = office.ask(desk.plain("Dobry den\r\n"))
        assert sent.text.isascii() and office.taken(before) == [], sent
        assert office.lines(": revocation ", "authority=ica", "result=refused", 'reply="550 5.6.0"')


def test_no_journal(tap, rig, desk):
    office = Office(rig, name="empty")
    office.start()
    wait_for(lambda: os.path.exists(office.path("journal/proof.pub")), "worker's files")
    worker = office.pids_of("worker")[0]
    os.kill(worker, signal.SIGSTOP)
    os.rename(office.path("journal/journal"), office.path("journal/away"))
    with tap.test("where worker has made no journal yet, 451"):
        deferred(office.ask(desk.signed()))
    with tap.test("once it is there, requests are taken without a restart"):
        os.rename(office.path("journal/away"), office.path("journal/journal"))
        accepted(office.ask(desk.signed()))
    os.kill(worker, signal.SIGCONT)
    office.stop()


# ---- taken -------------------------------------------------------------------------


def test_signed(tap, rig, office, desk):
    before, data = office.rows(), desk.signed()
    sent = office.ask(data, "--queue-id", "4QueueId", *("--from", PARTICIPANT))
    with tap.test("a signed request stands in the inbox once the MTA has heard 250"):
        accepted(sent)
        (row,) = office.taken(before)
        assert (row["authority"], row["form"], row["language"], row["quiet"]) == ("ica", "signed", "cs", 0), row
        assert row["serial"] == desk.serial_octets, row
        assert row["client"] == "198.51.100.7" and row["queue_id"] == "4QueueId", row
        assert row["mail_digest"] == hashlib.sha256(data).digest(), "another digest"
        assert row["message_id"] in data.decode() and row["message_id"].startswith("<"), row
        assert desk.sentence().encode() in row["evidence"], row["evidence"]
        with open(rig.pki()["participant-sign.der"], "rb") as f:
            assert row["signer"] == f.read()
    with tap.test("it goes on to the operator byte for byte"):
        assert [c["kind"] for c in sent.answer["changes"]] == ["addrcpt", "delrcpt"], sent
        assert sent.answer["changes"][0]["name"] == "<%s>" % OPERATOR, sent
        assert sent.data == data
    with tap.test("the log says who asked for what, in one line"):
        (line,) = office.lines("4QueueId: revocation ")
        for word in ("result=received", "form=signed", "number=%s" % desk.serial_octets.hex().upper(), "language=cs",
                     "signer-serial=%s" % desk.serial_octets.hex().upper().lstrip("0"),
                     "mail-digest=" + hashlib.sha256(data).hexdigest()):
            assert word in line, (word, line)
    with tap.test("without an operator it stays where it was sent"):
        sent = office.ask(desk.signed(), to=OTHER)
        accepted(sent)
        assert sent.answer["changes"] == [], sent


def password_mails(desk):
    plain = desk.words()
    html = "<p>%s</p><p>Heslo pro zneplatneni = <b>%s</b></p>" % (desk.sentence(), PASSWORD)
    coded = base64.encodebytes(plain.encode()).replace(b"\n", b"\r\n")
    yield "in text", desk.secret()
    yield "in the subject too", desk.secret(subject="Heslo je " + PASSWORD)
    yield "in another field too", desk.secret(fields=("X-Note: " + PASSWORD,))
    yield "in HTML beside text", desk.mail(
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n' +
        plain.encode() + b"\r\n--b\r\nContent-Type: text/html\r\n\r\n" + html.encode() + b"\r\n--b--\r\n")
    soft = plain.replace("=", "=3D").replace(PASSWORD, PASSWORD[:5] + "=\r\n" + PASSWORD[5:])
    yield "in quoted-printable", desk.mail(
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + soft.encode())
    yield "in an attachment and around the parts too", desk.mail(
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\nbefore: ' + PASSWORD.encode() +
        b"\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + plain.encode() +
        b"\r\n--b\r\nContent-Type: text/plain; name=h.txt\r\nContent-Disposition: attachment\r\n\r\n" + PASSWORD.encode() +
        b"\r\n--b\r\nContent-Type: application/pdf; name=" + PASSWORD.encode() + b".pdf\r\n\r\n%PDF " + PASSWORD.encode() +
        b"\r\n--b--\r\nafter: " + PASSWORD.encode() + b"\r\n")
    long = plain + "Toto je dalsi radek textu, ktery nic nezada.\r\n" * 500 + "S pozdravem Žofie\r\n"
    yield "in a long text of another charset", desk.mail(
        b"Content-Type: text/plain; charset=windows-1250\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + long.encode("cp1250"))
    yield "in base64", desk.mail(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + coded)


def decoded(data):
    """All that a reader could find in it."""
    found = data
    for line in re.findall(rb"(?:[A-Za-z0-9+/=]{4,}\r?\n)+", data):
        try:
            found += base64.b64decode(line)
        except ValueError:
            pass
    return found + data.replace(b"=\r\n", b"")


# No process has a mapping of that size but for what sanitizers keep beside its memory.
MAPPING_MAX = 1 << 30


def in_memory(pid, text):
    """Which writable mappings of the process hold it, as octets or as characters of 32 bits."""
    words = (text.encode(), text.encode("utf-32-le"))
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as mem:
        for line in maps:
            area = re.match("([0-9a-f]+)-([0-9a-f]+) rw", line)
            if area:
                begin, end = (int(a, 16) for a in area.groups())
                if end - begin > MAPPING_MAX:
                    continue
                mem.seek(begin)
                try:
                    octets = mem.read(end - begin)
                except OSError:  # unmapped meanwhile
                    continue
                found += [line] if any(word in octets for word in words) else []
    return found


def test_memory(tap, rig, office, desk):
    with tap.test("a password is not in gate's memory any more once the MTA has its answer"):
        before = office.rows()
        for what, data in password_mails(desk):
            accepted(office.ask(data))
            if b"0x" in data:
                refused(office.ask(data.replace(b"0x", b"0y")))
            for pid in office.pids_of("gate"):
                assert in_memory(pid, PASSWORD) == [], what
    with tap.test("nor in worker's once it has judged it"):
        for row in office.taken(before):
            wait_for(lambda r=row: office.state_of(r) == "accepted", office.log)
        # The nearest of each: what they fork for a moment may be gone before it is looked at.
        for pid in (office.pids_of("worker")[0], office.pids_of("reader")[0]):
            wait_for(lambda p=pid: in_memory(p, PASSWORD) == [], "no password in memory")


def test_password(tap, rig, office, desk):
    for what, data in password_mails(desk):
        before = office.rows()
        sent = office.ask(data)
        with tap.test("a password %s opens, and nobody but worker reads it" % what):
            accepted(sent)
            (row,) = office.taken(before)
            assert (row["form"], row["serial"]) == ("password", desk.serial_octets), row
            assert row["mail_digest"] == hashlib.sha256(data).digest()
            assert PASSWORD.encode() in data or PASSWORD.encode() in decoded(data)
            assert PASSWORD.encode() not in decoded(sent.data), sent.data
            assert b"********" in decoded(sent.data), sent.data
            assert [c["kind"] for c in sent.answer["changes"]][:3] == ["chgfrom", "addrcpt", "delrcpt"], sent
            assert b"0x%X" % desk.serial in decoded(sent.data)
    with tap.test("it stands in no file and no log"):
        for folder, _, names in os.walk(office.folder):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    assert PASSWORD.encode() not in f.read(), name
        assert PASSWORD not in office.log()


def twin_of(rig, serial):
    """A certificate with that number of another issuer: both."""
    path = os.path.join(rig.folder, "twin-")
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout")
    rig.run(*new, path + "ca.key", "-x509", "-days", "30", "-subj", "/CN=CA of next year", "-out", path + "ca.crt")
    rig.run(*new, path + "key", "-subj", "/CN=Dvojce", "-out", path + "csr")
    rig.run("openssl", "x509", "-req", "-in", path + "csr", "-CA", path + "ca.crt", "-CAkey", path + "ca.key", "-days", "30",
            "-set_serial", str(serial), "-out", path + "crt")
    return path + "ca.crt", path + "crt"


def test_twins(tap, rig, desk):
    issuer, twin = twin_of(rig, desk.serial)
    office = Office(rig, name="twins", others=(issuer,)).open()
    office.enrol(twin, "Jine3Heslo")

    def issuer_of(data):
        before = office.rows()
        accepted(office.ask(data))
        (row,) = office.taken(before)
        assert row["serial"] == desk.serial_octets, row
        return b"CA of next year" in row["issuer"]

    with tap.test("of two issuers' certificates with one number the password says which, and the signature its own"):
        assert not issuer_of(desk.secret())
        assert issuer_of(desk.secret("Jine3Heslo"))
        assert not issuer_of(desk.signed())
        refused(office.ask(desk.secret("Spatne1")), "550-5.7.1 ")
    office.stop()


def test_encrypted(tap, rig, office, desk):
    def sealed(entity, cipher):
        return desk.mail(desk.partner.encrypt(entity, cipher=cipher))

    with tap.test("an encrypted password is opened, and the operator gets it masked"):
        before = office.rows()
        sent = office.ask(sealed(desk.entity(desk.words()), "aes256-gcm"))
        accepted(sent)
        assert [r["form"] for r in office.taken(before)] == ["password"]
        assert PASSWORD.encode() not in decoded(sent.data) and b"0x%X" % desk.serial in decoded(sent.data), sent.data
    with tap.test("an encrypted signed request goes on as it came"):
        before = office.rows()
        for cipher in ("aes256-gcm", "aes256-cbc"):
            data = sealed(desk.partner.sign(desk.entity(desk.sentence() + "\r\n\r\n" + cipher), clear=True), cipher)
            sent = office.ask(data)
            accepted(sent)
            assert sent.data == data and [c["kind"] for c in sent.answer["changes"]] == ["addrcpt", "delrcpt"], sent
        assert [r["form"] for r in office.taken(before)] == ["signed", "signed"]
    with tap.test("what somebody may have altered unnoticed is refused in the same words, whatever is in it"):
        texts = {office.ask(sealed(entity, "aes256-cbc")).text for entity in (
            desk.entity(desk.words()), desk.entity(desk.words("Spatne1")), desk.entity("Dobry den\r\n"),
            desk.entity(desk.words(number=desk.serial + 1)),
            desk.partner.sign(desk.entity(desk.sentence(desk.serial + 1)), clear=True))}
        assert len(texts) == 1 and texts.pop().startswith("550-5.6.0 "), texts
    with tap.test("nothing is opened for who is inside"):
        before = office.rows()
        refused(office.send("--rcpt", REVOKE, data=sealed(desk.entity(desk.words()), "aes256-gcm")), "550-5.6.0 ")
        assert office.taken(before) == []


def test_quiet(tap, rig, office, desk):
    cases = (("Auto-Submitted: auto-replied", 1), ("Auto-Submitted: No (typed by hand)", 0), ("List-Id: <x.example>", 1),
             ("Precedence: bulk", 1), ("Precedence: auto_reply", 1),
             ("Precedence: first-class", 0))
    with tap.test("what programs and lists send counts, and nobody is told by mail"):
        for field, quiet in cases:
            before = office.rows()
            accepted(office.ask(desk.signed(fields=(field,))))
            (row,) = office.taken(before)
            assert row["quiet"] == quiet, (field, row["quiet"])
        before = office.rows()
        accepted(office.ask(desk.signed(), "--from", ""))
        assert [r["quiet"] for r in office.taken(before)] == [1]


# ---- again ----------------------------------------------------------------------------


def test_replays(tap, rig, office, desk):
    before, data = office.rows(), desk.signed()
    path = rig.write("replayed", data)
    with tap.test("1,000 replays are one request"):
        done = rig.run(TOOL, "--socket", office.milter(), "--client", "198.51.100.7,4444", "--from", SENDER, "--rcpt", REVOKE,
                       "--count", "1000", "--parallel", "16", "--per-connection", "50", path)
        told = json.loads(done.stdout)
        assert told["accepted"] == 1000, told
        assert len(office.taken(before)) == 1
        assert office.lines(": revocation ", "result=repeat")
    with tap.test("its writer is told once"):
        (row,) = office.taken(before)
        wait_for(lambda: office.state_of(row) == "accepted", office.log)
        told = wait_for(lambda: [m for m in office.sink.messages(recipient=PARTICIPANT)
                                 if m.header("In-Reply-To") == row["message_id"]], office.log)
        shown = json.loads(office.sealctl("revocation", "show", "--json", office.number_of(row)).stdout)
        assert len(told) == 1 and [n["kind"] for n in shown["notices"] if n["to"] == PARTICIPANT] == ["received"], shown
    with tap.test("what a person has refused is refused again, with the time when it came"):
        number = office.number_of(office.taken(before)[0])
        office.sealctl("revocation", "refuse", number, "--reason", "He called and took it back.")
        sent = office.ask(data)
        refused(sent, "was refused")
        assert re.search(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", sent.text), sent.text
        accepted(office.ask(desk.signed()))


# ---- what it is written to -------------------------------------------------------------


def test_locked(tap, rig, office, desk):
    before = office.rows()
    db = sqlite3.connect(office.path("inbox/inbox"), isolation_level=None, timeout=DEADLINE)
    db.execute("BEGIN EXCLUSIVE")
    with tap.test("451 while somebody else has locked the inbox"):
        deferred(office.ask(desk.signed()), "4.3.0")
    db.execute("ROLLBACK")
    db.close()
    with tap.test("250 once he lets go"):
        accepted(office.ask(desk.signed()))
        assert 1 <= len(office.taken(before)) <= 2


class Small:
    """A file system of its own for the inbox."""

    def __init__(self, office):
        self.office, self.path = office, office.path("inbox")

    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", self.path], check=True)
        self.office.make_folder("inbox", GATE_USER, WORKER_USER)
        return self

    def fill(self):
        with open(os.path.join(self.path, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        os.unlink(os.path.join(self.path, "filler"))

    def __exit__(self, *_):
        self.office.stop()
        subprocess.run(["umount", self.path], check=True)


def test_full(tap, rig, desk):
    office = Office(rig, name="full")
    with Small(office) as disk:
        office.open()
        accepted(office.ask(desk.signed()))
        disk.fill()
        with tap.test("451 while the disk is full"):
            for _ in range(20):
                deferred(office.ask(desk.signed()), "4.3.0")
        with tap.test("250 once there is room again"):
            disk.free()
            accepted(office.ask(desk.signed()))
            assert len(office.rows()) >= 2


# ---- guessing ----------------------------------------------------------------------------


def test_guesses(tap, rig, desk):
    office = Office(rig, name="guessed", settings="guesses-per-certificate = 2\nguesses-per-client = 50").open()
    with tap.test("wrong passwords are refused, and told from unknown numbers by nothing"):
        known = office.ask(desk.secret("Spatne1"))
        unknown = office.ask(desk.secret("Spatne1", number=desk.serial + 1))
        refused(known, "550-5.7.1 ")
        assert known.text == unknown.text, (known.text, unknown.text)
    with tap.test("a number under attack is deferred, naming the other ways, with an alarm"):
        for n in range(2):
            refused(office.ask(desk.secret("Spatne%d" % (2 + n))))
        for client in ("198.51.100.7,4444", "203.0.113.9,4444"):
            deferred(office.send("--rcpt", REVOKE, "--client", client, data=desk.secret()), "signed", "ra@trh.example")
        assert office.lines(": guessing ", "authority=ica", "code=guesses")
    with tap.test("the holder's signed request passes at once"):
        accepted(office.ask(desk.signed()))
    with tap.test("a restart forgets nothing"):
        office.stop()
        office.start()
        deferred(office.ask(desk.secret()))
        accepted(office.ask(desk.signed()))
    office.stop()


def test_guessers(tap, rig, desk):
    clients = [("--client", "203.0.113.%d,4444" % n) for n in range(1, 30)]
    office = Office(rig, name="guessers", settings="guesses-per-certificate = 50\nguesses-per-client = 1").open()
    with tap.test("who guesses at one number after the other is deferred, and nobody else is"):
        for n in range(2):
            refused(office.ask(desk.secret("Spatne1", number=desk.serial + 1 + n)))
        deferred(office.ask(desk.secret("Spatne1", number=desk.serial + 9)), "signed")
        refused(office.send("--rcpt", REVOKE, *clients[0], data=desk.secret("Spatne1", number=desk.serial + 9)))
        accepted(office.send("--rcpt", REVOKE, *clients[1], data=desk.secret()))
    office.stop()
    office = Office(rig, name="everywhere", settings="guesses-in-all = 1").open()
    with tap.test("guesses from everywhere defer passwords, and refuse none that is right"):
        for n, client in enumerate(clients[:2]):
            refused(office.send("--rcpt", REVOKE, *client, data=desk.secret("Spatne1", number=desk.serial + 1 + n)))
        with closing(sqlite3.connect(office.path("inbox/guesses"), timeout=DEADLINE)) as db, db:
            # A second is gone too soon: as if there had been more of them.
            assert db.execute("UPDATE counts SET until = last + 50 WHERE scope = 2 AND until = last + 1").rowcount == 1
        deferred(office.send("--rcpt", REVOKE, *clients[2], data=desk.secret("Spatne1", number=desk.serial + 9)), "signed")
        deferred(office.ask(desk.secret()), "signed")
        accepted(office.ask(desk.signed()))
    office.stop()


# ---- what other mail is refused for ------------------------------------------------------


def test_policies(tap, rig, desk):
    strict = block("trust", "partners", anchors=text(rig.pki()["anchors.pem"]),
                   intermediates=text(rig.pki()["intermediates.pem"]), sender_domain=text(PARTICIPANT.partition("@")[2]),
                   revocation="require")
    office = Office(rig, name="strict", settings="bad-signature = refuse\nundecryptable = refuse\nunauthenticated = refuse\n" +
                    strict).open()
    broken = desk.mail(desk.partner.sign(desk.entity(desk.words()), clear=True).replace(b"Dopis", b"D0pis"))
    with tap.test("other mail is refused for a broken signature, and put off while nobody says what is revoked"):
        refused(office.ask(broken, to="kdokoli@trh.example"))
        deferred(office.ask(desk.signed(), to="kdokoli@trh.example"))
    with tap.test("a request is not"):
        before = office.rows()
        accepted(office.ask(broken))
        accepted(office.ask(desk.signed()))
        assert [r["form"] for r in office.taken(before)] == ["password", "signed"]
    office.stop()


# ---- reloads -----------------------------------------------------------------------------


def test_reload(tap, rig, desk):
    office = Office(rig, name="reloaded", takes=False)
    office.start()
    with tap.test("a configuration that takes no requests leaves such mail to other rules"):
        accepted(office.ask(desk.plain("Dobry den\r\n")))
    with tap.test("one that takes them does so from the reload on"):
        office.change(takes=True)
        office.reload_and_wait()
        office.enrol()
        accepted(office.ask(desk.signed()))
        refused(office.ask(desk.plain("Dobry den\r\n")))
    with tap.test("other folders take a restart, which is said, and requests go on as before"):
        before = office.rows()
        office.moved = {"inbox": "inbox2"}
        office.make_folder("inbox", GATE_USER, WORKER_USER)
        office.change()
        office.reload_and_wait("reload-failed")
        assert office.lines("reload-failed", "inbox-directory")
        accepted(office.ask(desk.signed()))
        office.moved = {}
        assert len(office.taken(before)) == 1
    office.stop()


# ---- for people ----------------------------------------------------------------------------


def test_explain(tap, rig, office, desk):
    before = office.rows()
    path = rig.write("explained", desk.secret())
    with tap.test("sealctl explains what would become of it, without the password, and takes nothing"):
        arguments = ("explain", "--from", PARTICIPANT, "--to", REVOKE, "--client", "198.51.100.7", path)
        told = json.loads(office.sealctl(*arguments[:1], "--json", *arguments[1:]).stdout)
        assert told["message"]["authority"] == "ica" and told["plan"]["goes-on-to"] == OPERATOR, told
        assert told["request"]["lines"] == [{"number": "0x" + desk.serial_octets.hex().upper(), "language": "cs",
                                             "has-password": True}], told
        shown = office.sealctl(*arguments).stdout.decode()
        assert "goes-on-to: " + OPERATOR in shown and PASSWORD not in shown, shown
        assert office.taken(before) == []


def main():
    tap = Tap()
    with Rig() as rig:
        desk = Desk(rig)
        office = Office(rig).open()
        for test in (test_alone, test_refusals, test_signed, test_memory, test_password, test_encrypted, test_quiet, test_explain, test_replays,
                     test_locked):
            test(tap, rig, office, desk)
        office.stop()
        for test in (test_no_journal, test_full, test_twins, test_guesses, test_guessers, test_policies, test_reload):
            test(tap, rig, desk)
        with tap.test("no sanitizer complained"):
            assert sanitizer_reports(rig) == []
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
