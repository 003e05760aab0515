#!/usr/bin/env python3
"""sealctl revocation enrol: certificates with passwords and addresses, and what check-config says of revocation blocks."""

import glob
import hashlib
import base64
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap, Told  # noqa: E402
from rig.gateway import GATE_USER, KEEPER_USER, WORKER_USER, program  # noqa: E402

ROOT = os.getuid() == 0
PASSWORD = "Zneplatni42"
LDAP = 'directory "people" { type = ldap uri = { "ldap://127.0.0.1:1" } base = "dc=x" start-tls = no }\n'


class Bench:
    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        os.chmod(rig.path(), 0o755)
        self.folder = rig.make_folder("enrol")
        self.inboxes, self.journals = rig.make_folder("enrol", "inbox"), rig.make_folder("enrol", "journal")
        if ROOT:
            for folder, owner, group in ((self.inboxes, GATE_USER, WORKER_USER), (self.journals, WORKER_USER, GATE_USER)):
                shutil.chown(folder, owner, group)
                os.chmod(folder, 0o2750)
        self.journal = os.path.join(self.journals, "journal")
        extra = {"user": WORKER_USER, "group": pwd.getpwnam(WORKER_USER).pw_gid, "extra_groups": []} if ROOT else {}
        subprocess.run([program("t/unit/journal_tool"), self.journal, "receive", "1", "1800000000"], check=True,
                       stdout=subprocess.DEVNULL, **extra)
        self.seal = self.secret("seal.key", self.pki.bytes("seal.key"), KEEPER_USER)
        self.config = self.configure()

    def secret(self, name, octets, user=None):
        path = self.rig.write(os.path.join("enrol", name), octets, 0o600)
        if ROOT and user:
            shutil.chown(path, user)
        return path

    def configure(self, more="", top="", authorities="qualified.crt", name="sealmilter.conf"):
        users = 'user = "%s"\nkeeper-user = "%s"\nworker-user = "%s"\n' % (GATE_USER, KEEPER_USER, WORKER_USER)
        return self.rig.write(os.path.join("enrol", name), (users if ROOT else "") + '''
status-directory = none
internal-networks = { 127.0.0.0/8 }
run-directory = "%s"
inbox-directory = "%s"
journal-directory = "%s"
listener "in" { socket = "unix:%s/in" direction = inbound }
inbound-domains = trh.example
anchors = { "%s" }
signer "seal" { certificate = "%s" key = "%s" }
%s
revocation "ica" {
  address = "zneplatneni@trh.example"
  authorities = { "%s" }
  forms = { signed, password }
  signer = "seal"
  %s
}
''' % (self.folder, self.inboxes, self.journals, self.folder, self.pki["anchors.pem"], self.pki["seal.pem"], self.seal, top,
            authorities if "/" in authorities else self.pki[authorities], more))

    def run(self, *arguments, config=None, data=None, user=None):
        # A process that has changed its user cannot be traced, which looking for leaks takes.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        extra = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        given = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        return Told(subprocess.run([program("sealctl"), "-c", config or self.config] + list(arguments), timeout=120,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **given, **extra))

    def enrol(self, *arguments, **more):
        return self.run("revocation", "enrol", *arguments, "--authority", "ica", **more)

    def enrolled(self):
        return self.run("revocation", "enrolled", "--json").told

    def hashes(self):
        db = sqlite3.connect(self.journal)
        rows = [row[0] for row in db.execute("SELECT password FROM enrolments")]
        db.close()
        return rows


def matches(text, password):
    """Is this the hash of the password? By an implementation that is not ours."""
    _, scheme, parameters, salt, digest = text.split("$")
    settings = dict(p.split("=") for p in parameters.split(","))
    n, r, p = 1 << int(settings["ln"]), int(settings["r"]), int(settings["p"])
    made = hashlib.scrypt(password.encode(), salt=base64.b64decode(salt + "=="), n=n, r=r, p=p, dklen=32, maxmem=1 << 30)
    return scheme == "scrypt" and made == base64.b64decode(digest + "=")


# ---- enrolling -----------------------------------------------------------------------

def test_enrol(tap, bench):
    certificate = bench.pki["participant-sign.crt"]
    with tap.test("nothing is enrolled"):
        told = bench.run("revocation", "enrolled")
        assert told.status == 0 and told.text == "no certificates are enrolled\n", told
    with tap.test("a certificate with a password from standard input and an address"):
        told = bench.enrol(certificate, "--password-file", "-", "--contact", "jana@soukromy.example",
                           data=PASSWORD.encode() + b"\n")
        assert told.status == 0 and told.errors == "" and PASSWORD not in told.text, told
        assert "\npassword: yes\n" in told.text and "jana@soukromy.example" in told.text, told
        enrolled = told.text
    with tap.test("it is listed, without its hash"):
        told = bench.run("revocation", "enrolled", "--json")
        assert told.status == 0 and len(told.told) == 1 and "scrypt" not in told.text, told
        one = told.told[0]
        serial = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-serial"], stdout=subprocess.PIPE,
                                check=True).stdout.decode().strip().split("=")[1]
        assert int(one["serial"], 16) == int(serial, 16) == int(one["serial-decimal"]), (one, serial)
        assert "\nserial: %s\nserial-decimal: %s\n" % (one["serial"], one["serial-decimal"]) in enrolled, enrolled
        assert one["authority"] == "ica" and one["password"] is True and one["contacts"] == ["jana@soukromy.example"], one
        assert one["who"] == "operator " + pwd.getpwuid(os.getuid()).pw_name, one
    with tap.test("what is kept is a salted hash of the password, which stands in no file"):
        hashes = bench.hashes()
        assert len(hashes) == 1 and matches(hashes[0], PASSWORD) and not matches(hashes[0], PASSWORD + "x"), hashes
        for path in glob.glob(bench.journals + "/*"):
            with open(path, "rb") as f:
                assert PASSWORD.encode() not in f.read(), path
    with tap.test("enrolled anew, from a file: it takes the place of what was there"):
        before = bench.hashes()
        path = bench.secret("password", PASSWORD + "\n")
        told = bench.enrol(certificate, "--password-file", path)
        assert told.status == 0 and len(bench.enrolled()) == 1 and bench.enrolled()[0]["contacts"] == [], told
        assert matches(bench.hashes()[0], PASSWORD) and bench.hashes() != before
    with tap.test("an address that stands in the certificate too is one"):
        own, = bench.enrol(certificate, "--json", "--password-file", path).told["told-at"]
        same = own.partition("@")[0] + "@" + own.partition("@")[2].upper()
        told = bench.enrol(certificate, "--json", "--password-file", path, "--contact", same, "--contact", "jana@soukromy.example",
                           "--contact", "jana@soukromy.example").told["told-at"]
        assert told == [same, "jana@soukromy.example"], (own, told)
    with tap.test("without a password"):
        assert bench.enrol(bench.pki["sign-case.crt"]).status == 0
        assert [one["password"] for one in bench.enrolled()].count(False) == 1
    with tap.test("one that has no address, and none given: nobody can be told, which is said"):
        told = bench.enrol(bench.pki["sign-cn.crt"])
        assert told.status == 0 and "nobody can be told" in told.errors, told


def test_refused(tap, bench):
    count = len(bench.enrolled())
    certificate = bench.pki["participant-sign.crt"]

    def refused(what, told, status, words):
        tap.ok(told.is_refused(status, words) and len(bench.enrolled()) == count and PASSWORD not in told.errors, what, told)

    refused("no authority named", bench.run("revocation", "enrol", certificate), 2, "wants --authority")
    refused("a block that there is not", bench.run("revocation", "enrol", certificate, "--authority", "cesnet"), 2,
            "has no revocation block cesnet")
    refused("issued by another authority", bench.enrol(bench.pki["participant.crt"]), 1, "none of the authorities of revocation ica")
    refused("the names of one, another's key", bench.enrol(bench.pki["sign-untrusted.crt"]), 1,
            "the signature is not by a key of that authority")
    refused("signed with SHA-1", bench.enrol(bench.pki["sign-sha1.crt"]), 1, "a digest so weak")
    refused("several certificates", bench.enrol(bench.pki["seal.pem"]), 2, "it is to hold one")
    refused("no certificate", bench.enrol(bench.config), 2, bench.config)
    for what, password in (("too short", b"abc"), ("too long", b"a" * 33), ("other characters", b"heslo-42"), ("empty", b""),
                           ("very long", b"a" * 1000)):
        refused("a password that is none: " + what, bench.enrol(certificate, "--password-file", "-", data=password), 2,
                "password")
    readable = bench.rig.write("enrol/readable", PASSWORD, 0o644)
    refused("a file with a password that others can read", bench.enrol(certificate, "--password-file", readable), 2,
            "can be read or written by group or others")
    for address in ("x", "<a@b.example>", "a@b.example\nc@d.example", "ž@b.example", ""):
        refused("no address: %r" % address, bench.enrol(certificate, "--contact", address), 2, "is no mail address")
    config = bench.configure('inventory = "people" inventory-filter = "(x=%n)"', LDAP, name="ldap.conf")
    told = bench.enrol(certificate, config=config)
    refused("a block whose inventory is another", told, 2, "the inventory of revocation ica is people")
    if ROOT:
        refused("gate's user", bench.enrol(certificate, user=GATE_USER), 2, "user %s may not write" % GATE_USER)


def test_remove(tap, bench):
    before = bench.enrolled()
    with tap.test("taken out by its file"):
        told = bench.run("revocation", "unenrol", bench.pki["participant-sign.crt"], "--authority", "ica")
        assert told.status == 0 and len(bench.enrolled()) == len(before) - 1, told
    with tap.test("once more: there is none, status 1"):
        told = bench.run("revocation", "unenrol", bench.pki["participant-sign.crt"], "--authority", "ica")
        assert told.status == 1 and not told.text, told
    with tap.test("taken out by its number, in either form"):
        first, second = bench.enrolled()[:2]
        assert bench.run("revocation", "unenrol", first["serial"], "--authority", "ica").status == 0
        assert bench.run("revocation", "unenrol", second["serial-decimal"], "--authority", "ica").status == 0
        assert len(bench.enrolled()) == len(before) - 3
    with tap.test("the journal's chain says nothing of enrolments, and holds"):
        assert bench.run("revocation", "verify").status == 0


def test_password(tap, bench):
    with tap.test("password-hash: the text for LDAP, each time with another salt"):
        texts = [bench.run("revocation", "password-hash", data=PASSWORD.encode()).text.strip() for _ in range(2)]
        assert texts[0] != texts[1] and all(matches(t, PASSWORD) for t in texts), texts
    with tap.test("it costs no more than the configuration lets a check cost"):
        config = bench.configure(top="password-cost-limit = 11\n", name="cheap.conf")
        assert "$ln=11," in bench.run("revocation", "password-hash", config=config, data=PASSWORD.encode()).text
    with tap.test("what is no password"):
        assert bench.run("revocation", "password-hash", data=b"a b c d").is_refused(2, "a password has 4 to 32 characters")
    with tap.test("a password as an argument is taken for nothing"):
        assert bench.run("revocation", "password-hash", PASSWORD, data=b"").status == 2
        assert bench.run("revocation", "enrol", "x", "--password", PASSWORD).status == 2
    with tap.test("at a terminal it is asked for and does not show"):
        ours, theirs = os.openpty()
        process = subprocess.Popen([program("sealctl"), "-c", bench.config, "revocation", "password-hash"], stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr.read(10) == b"Password: "
        os.write(ours, PASSWORD.encode() + b"\n")
        text, errors = process.communicate(timeout=60)
        os.close(theirs)
        shown = b""
        try:
            while True:
                more = os.read(ours, 1000)
                if not more:
                    break
                shown += more
        except OSError:
            pass
        os.close(ours)
        assert matches(text.decode().strip(), PASSWORD) and PASSWORD.encode() not in shown + errors, (text, shown, errors)


# ---- check-config -------------------------------------------------------------------------

def test_check_config(tap, bench):
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: [server.accept() for _ in range(1000)], daemon=True).start()
    reached = 'notice-server = "smtp://127.0.0.1:%d"\n' % server.getsockname()[1]
    command = bench.rig.write("enrol/revoke", "#!/bin/sh\nexit 0\n", 0o755)

    def check(*arguments, top=reached, **more):
        return bench.run("check-config", config=bench.configure(*arguments, top=top, name="check.conf", **more))

    def finds(what, told, status, line):
        tap.ok(told.status == status and line in told.text, what, told)

    with tap.test("a good one: nothing"):
        told = check('command = { "%s", "%%i", "%%s" }' % command)
        assert told.status == 0 and "\n0 problems, " in told.text and "notice" not in told.text, told
    finds("an authority's file that is not there", check(authorities="/nonexistent/ica.crt"), 2,
          "problem: revocation ica: cannot open /nonexistent/ica.crt: No such file or directory\n")
    finds("... is said once", Once(check(authorities="/nonexistent/ica.crt"), "/nonexistent/ica.crt"), 2, "problem: ")
    finds("what is no authority", check(authorities="participant-sign.crt"), 2, "this is no certificate of an authority")
    finds("several authorities in a file", check(authorities="intermediates.pem"), 2, "it is to hold one")
    finds("a command that is not there", check('command = { "/nonexistent/revoke" }'), 2,
          "problem: revocation ica, command: ")
    finds("a command with a % that means nothing", check('command = { "%s", "%%x" }' % command), 2,
          "problem: revocation ica, command: \"%x\" holds a % that is none of")
    finds("a command that does not get the number: a warning", check('command = { "%s", "%%i%%%%s" }' % command), 0,
          "warning: revocation ica, command: without %s it is not told which certificate to revoke\n")
    os.chmod(command, 0o777)
    finds("a command that others can write", check('command = { "%s" }' % command), 2, "can be written by others")
    os.chmod(command, 0o755)
    open_secret = bench.rig.write("enrol/ca.key", "secret", 0o644)
    finds("a secret of it that others can read", check('command = { "%s" } command-files = { "%s" }' % (command, open_secret)),
          2, "can be read or written by group or others")
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    finds("a server for notices that is away: a warning", check(top='notice-server = "smtp://127.0.0.1:%d"\n' % port), 0,
          "warning: notice-server: smtp://127.0.0.1:%d cannot be reached, so notices wait\n" % port)
    journals, bench.journals = bench.journals, "/nonexistent/a/b"
    finds("a folder that cannot be made", check(), 2, "problem: journal-directory: there is neither /nonexistent/a/b nor ")
    bench.journals = journals
    if ROOT:
        secret = bench.rig.write("enrol/ldap.pass", "secret", 0o600)
        shutil.chown(secret, GATE_USER)
        people = reached + ('directory "people" { type = ldap uri = "ldapi://%%2Fnonexistent" base = "dc=people" '
                            'bind-dn = "cn=gate" password-file = "%s" }\n' % secret)
        finds("an inventory's password that worker cannot read", check("inventory = people", top=people), 2,
              "problem: revocation ica, inventory people: user %s cannot open %s: Permission denied\n" % (WORKER_USER, secret))
        os.chmod(bench.journals, 0o2770)
        finds("a journal that gate could write", check(), 2,
              "problem: journal-directory: %s belongs to %s:" % (bench.journals, WORKER_USER))
        os.chmod(bench.journals, 0o2750)
        shutil.chown(bench.inboxes, "root")
        finds("an inbox that gate cannot write", check(), 2,
              "problem: inbox-directory: %s belongs to root:" % bench.inboxes)
        shutil.chown(bench.inboxes, GATE_USER)
    server.close()


class Once:
    """What was told, where the words stand in it once."""

    def __init__(self, told, words):
        self.status, self.text = told.status, told.text if told.text.count(words) == 1 else ""


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        test_enrol(tap, bench)
        test_refused(tap, bench)
        test_remove(tap, bench)
        test_password(tap, bench)
        test_check_config(tap, bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
