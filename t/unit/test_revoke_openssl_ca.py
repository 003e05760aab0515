#!/usr/bin/env python3
"""contrib/revoke-openssl-ca against a real authority of openssl ca: what it revokes, what
it publishes, and what it says, also when run twice, at once and after it was cut short."""

import datetime
import os
import re
import subprocess
import sys
import threading

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.tap import Tap  # noqa: E402

PROGRAM = os.path.join(TOP, "contrib", "revoke-openssl-ca")
DONE, ALREADY, PERSON, AGAIN = 0, 3, 65, 75

CONFIG = """
[ca]
default_ca = mine
[mine]
dir = {folder}
database = $dir/index.txt
certificate = $dir/ca.pem
private_key = $dir/ca.key
new_certs_dir = $dir/certs
serial = $dir/serial
crlnumber = $dir/crlnumber
default_md = sha256
default_days = 30
default_crl_days = 1
policy = any
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
"""


def openssl(*arguments):
    return subprocess.run(("openssl",) + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
                          text=True).stdout


class Authority:
    """An authority in a folder of its own, with as many certificates as are asked for."""

    def __init__(self, rig, name, first="0A0B", count=1):
        self.folder = rig.make_folder(name, "certs").rpartition("/")[0]
        self.list = self.path("published.crl")
        self.write("openssl.cnf", CONFIG.format(folder=self.folder))
        self.write("index.txt", "")
        self.write("serial", first + "\n")
        self.write("crlnumber", "01\n")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=" + name, "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))
        self.serials = []
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                "-config", self.path("openssl.cnf"), "-keyout", self.path("x.key"), "-out", self.path("x.csr"))
        for i in range(count):
            with open(self.path("serial")) as f:
                self.serials.append(f.read().strip())
            openssl("ca", "-batch", "-config", self.path("openssl.cnf"), "-in", self.path("x.csr"), "-notext",
                    "-subj", "/CN=holder %d" % i, "-out", self.path("x.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def start(self, serial, reason="keyCompromise", issuer=None, more=(), folder=None):
        environment = {"PATH": (folder + ":" if folder else "") + "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return subprocess.Popen([PROGRAM, "-c", self.path("openssl.cnf"), "-a", self.path("ca.pem"), "-d",
                                 self.path("index.txt"), "-k", self.path("certs"), "-l", self.list, "-i",
                                 issuer or self.path("ca.pem"), "-s", serial, "-r", reason] + list(more),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                env=environment)

    def revoke(self, serial, **options):
        """Exit status, standard output, standard error."""
        process = self.start(serial, **options)
        out, errors = process.communicate(timeout=300)
        return process.returncode, out, errors

    def row(self, serial):
        return [line.split("\t") for line in self.read("index.txt").splitlines() if line.split("\t")[3] == serial][0]

    def listed(self, form="PEM"):
        """What the published list says: serial number to reason, and its own number."""
        text = openssl("crl", "-in", self.list, "-inform", form, "-CAfile", self.path("ca.pem"), "-noout", "-text")
        assert "verify OK" in text, text
        entry = r"Serial Number: (\w+)\n *Revocation Date: .*\n(?: *CRL entry extensions:\n *X509v3 CRL Reason Code: \n *(.+)\n)?"
        revoked = re.findall(entry, text)
        return dict(revoked), re.search(r"CRL Number: \n\s*(\w+)", text).group(1)


def when(text):
    found = re.fullmatch(r"revoked-at=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n", text)
    assert found, "it says %r" % text
    return datetime.datetime.strptime(found.group(1), "%Y-%m-%dT%H:%M:%SZ")


def in_order(tap, rig):
    ca = Authority(rig, "order", count=5)
    one, two, three, four, five = ca.serials
    with tap.test("a certificate is revoked, published, and the database's time said"):
        status, out, errors = ca.revoke(one)
        assert status == DONE, errors
        assert ca.row(one)[0] == "R" and ca.row(one)[2] == when(out).strftime("%y%m%d%H%M%SZ,keyCompromise")
        assert ca.listed()[0] == {one: "Key Compromise"}, ca.listed()
        assert ca.row(two)[0] == "V"
        first = out
    with tap.test("the same again says that it was, with the same date, and changes nothing"):
        before = ca.read("index.txt"), ca.listed(), os.stat(ca.list).st_ino
        status, out, errors = ca.revoke(one, reason="superseded")
        assert (status, out) == (ALREADY, first), (status, out, errors)
        assert (ca.read("index.txt"), ca.listed(), os.stat(ca.list).st_ino) == before
    with tap.test("a number in small letters and with zeros in front is the same number"):
        status, out, errors = ca.revoke("00000" + two.lstrip("0").lower())
        assert status == DONE, errors
        assert ca.row(two)[0] == "R"
    with tap.test("who reads the old list while the new one is published reads the old one to its end"):
        with open(ca.list, "rb") as reader:
            old = open(ca.list, "rb").read()
            assert ca.revoke(three, reason="superseded")[0] == DONE
            assert reader.read() == old
    with tap.test("the reason stands in the list, which has all that were revoked"):
        assert ca.listed()[0] == {one: "Key Compromise", two: "Key Compromise", three: "Superseded"}, ca.listed()
        assert os.stat(ca.list).st_mode & 0o777 == 0o644
    with tap.test("nothing of its making is left beside the list"):
        assert sorted(n for n in os.listdir(ca.folder) if n.startswith("published")) == [
            "published.crl"], os.listdir(ca.folder)
    with tap.test("a list may be DER"):
        ca.list = ca.path("published.der")
        status, out, errors = ca.revoke(four, more=("-f", "der"))
        assert status == DONE, errors
        assert len(ca.listed("DER")[0]) == 4
    with tap.test("a list that was lost is made again"):
        os.unlink(ca.list)
        assert ca.revoke(four, more=("-f", "der"))[0] == ALREADY
        assert len(ca.listed("DER")[0]) == 4
    with tap.test("of an unspecified reason the list says nothing, and when is said all the same"):
        status, out, errors = ca.revoke(five, reason="unspecified", more=("-f", "der"))
        assert status == DONE, errors
        assert ca.row(five)[2] == when(out).strftime("%y%m%d%H%M%SZ"), ca.row(five)
        assert ca.listed("DER")[0][five] == "", ca.listed("DER")


def refused(tap, rig):
    ca, other = Authority(rig, "refusing"), Authority(rig, "other")
    serial = ca.serials[0]
    before = ca.read("index.txt")
    for name, options in (
            ("a number that the authority never gave", {"serial": "7F"}),
            ("another authority's certificate of the same number", {"serial": serial, "issuer": other.path("ca.pem")}),
            ("an issuer's file that is none", {"serial": serial, "issuer": ca.path("ca.key")}),
            ("a number that is none", {"serial": "xyz"}),
            ("a number with an option in it", {"serial": "-config"}),
            ("no number", {"serial": ""}),
            ("a reason that is none", {"serial": serial, "reason": "key compromise"}),
            ("another word too many", {"serial": serial, "more": ("x",)})):
        with tap.test("a person is asked: " + name):
            status, out, errors = ca.revoke(**options)
            assert (status, out) == (PERSON, ""), (status, out, errors)
            assert ca.read("index.txt") == before and not os.path.exists(ca.list)
    with tap.test("a reason that openssl does not know is no revocation"):
        status, out, errors = ca.revoke(serial, reason="boredom")
        assert (status, out) == (AGAIN, ""), (status, out, errors)
        assert ca.read("index.txt") == before and not os.path.exists(ca.list)
    with tap.test("without its database it is tried again, and works when that is back"):
        os.rename(ca.path("index.txt"), ca.path("away"))
        assert ca.revoke(serial)[0] == AGAIN
        os.rename(ca.path("away"), ca.path("index.txt"))
        assert ca.revoke(serial)[0] == DONE


def cut_short(tap, rig):
    ca = Authority(rig, "short", count=2)
    real = subprocess.run(["which", "openssl"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    folder = rig.make_folder("short", "bin")
    assert ca.revoke(ca.serials[0])[0] == DONE
    with open(os.path.join(folder, "openssl"), "w") as f:
        f.write('#!/bin/sh\ncase "$*" in *-gencrl*) kill -KILL $PPID; exit 1 ;; esac\nexec %s "$@"\n' % real)
    os.chmod(os.path.join(folder, "openssl"), 0o755)
    published = open(ca.list, "rb").read()
    with tap.test("killed before the list is made, it leaves the old list as it was"):
        assert ca.revoke(ca.serials[1], folder=folder)[0] == -9
        assert ca.row(ca.serials[1])[0] == "R"
        assert open(ca.list, "rb").read() == published
    with tap.test("and the next run publishes what the one that was killed did not"):
        status, out, errors = ca.revoke(ca.serials[1])
        assert status == ALREADY, errors
        when(out)
        assert set(ca.listed()[0]) == set(ca.serials)


def on_disk(tap, rig):
    ca = Authority(rig, "disk")
    folder = rig.make_folder("disk", "bin")
    with open(os.path.join(folder, "sync"), "w") as f:
        f.write('#!/bin/sh\nfor file; do echo "$file" >> %s; done\nexec /bin/sync "$@"\n' % ca.path("synced"))
    os.chmod(os.path.join(folder, "sync"), 0o755)
    with tap.test("what it says has been done is on the disk: database and list, and their names"):
        assert ca.revoke(ca.serials[0], folder=folder)[0] == DONE
        assert ca.read("synced").split() == [ca.path("index.txt"), ca.folder, ca.list + ".new", ca.folder], ca.read("synced")
    with tap.test("what was revoked by a run that came no further is so before it is said"):
        os.unlink(ca.path("synced"))
        assert ca.revoke(ca.serials[0], folder=folder)[0] == ALREADY
        assert ca.read("synced").split() == [ca.path("index.txt"), ca.folder], ca.read("synced")


def at_once(tap, rig):
    ca = Authority(rig, "once", count=8)
    stop, broken, seen = threading.Event(), [], [0]

    def read_on():
        while not stop.is_set():
            if os.path.exists(ca.list):
                try:
                    ca.listed()
                    seen[0] += 1
                except Exception as e:
                    broken.append(str(e))

    reader = threading.Thread(target=read_on)
    reader.start()
    # Each twice: who comes second is told that it was revoked.
    processes = [(serial, ca.start(serial)) for serial in ca.serials * 2]
    ended = [(serial, process.communicate(timeout=300), process.returncode) for serial, process in processes]
    while not seen[0] and not broken:
        stop.wait(0.01)
    stop.set()
    reader.join()
    with tap.test("runs at once: each certificate is revoked once, and the second is told so"):
        for serial in ca.serials:
            mine = [(status, out[0]) for s, out, status in ended if s == serial]
            assert sorted(m[0] for m in mine) == [DONE, ALREADY], ended
            assert mine[0][1] == mine[1][1], "they do not say the same time"
            assert ca.row(serial)[0] == "R"
    with tap.test("runs at once: the list has them all, a list for each revocation"):
        revoked, number = ca.listed()
        assert set(revoked) == set(ca.serials)
        assert int(number, 16) == len(ca.serials), number
    with tap.test("whoever reads the list meanwhile finds a whole one"):
        assert seen[0] and not broken, broken


def main():
    tap = Tap()
    with Rig() as rig:
        in_order(tap, rig)
        refused(tap, rig)
        cut_short(tap, rig)
        on_disk(tap, rig)
        at_once(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
