#!/usr/bin/env python3
"""What sealctl says of certificates, lists and anchors."""

import hashlib
import os
import re
import ssl
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap  # noqa: E402
from rig.gateway import program  # noqa: E402


BASE = """
inbound-domains = trh.example
listener "in" { socket = "unix:/nonexistent/in" direction = inbound }
"""


class Told:
    """One run of sealctl."""

    def __init__(self, done):
        self.status = done.returncode
        self.text, self.errors = done.stdout.decode(), done.stderr.decode()

    def __repr__(self):
        return "status %d\n%s%s" % (self.status, self.text, self.errors)

    def is_refused(self, status, words):
        return self.status == status and words in self.errors and not self.text


class Bench:
    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self.folder = rig.make_folder("trust")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        return self.rig.write("trust/" + name, text)

    def run(self, *arguments):
        return Told(subprocess.run([program("sealctl")] + list(arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, timeout=60))

    def fingerprint(self, name):
        """As openssl x509 -fingerprint -sha256 writes it, without what stands in front."""
        digits = hashlib.sha256(self.pki.bytes(name + ".der")).hexdigest().upper()
        return ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))


def certificates(path):
    with open(path, encoding="ascii") as f:
        blocks = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", f.read(), re.S)
    return [ssl.PEM_cert_to_DER_cert(b) for b in blocks]


# ---- anchors add -----------------------------------------------------------------------

def test_anchors_added(tap, bench):
    root, fingerprint, into = bench.pki["root.crt"], bench.fingerprint("root"), bench.path("new.pem")

    with tap.test("an anchor whose fingerprint is right is added, and what it is and what to configure is said"):
        told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", into)
        assert told.status == 0 and told.errors == "", told
        assert told.text.startswith("added: CN=Ukázková Root CA,") and "\nsha256: %s\n" % fingerprint in told.text, told
        assert told.text.endswith('\nanchors = { "%s" }\n' % into), told
        assert certificates(into) == [bench.pki.bytes("root.der")], told
        assert os.stat(into).st_mode & 0o777 == 0o644
    with tap.test("once more: it is there already, which is said and no fault"):
        told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", into)
        assert told.status == 0 and told.text == "it is in %s already: nothing was changed\n" % into, told
        assert len(certificates(into)) == 1
    with tap.test("a second one goes behind it; the file keeps its mode, a link stays one, and nothing else is left"):
        os.chmod(into, 0o640)
        os.symlink(into, bench.path("link.pem"))
        told = bench.run("anchors", "add", bench.pki["second-root.der"], "--sha256", bench.fingerprint("second-root"),
                         "--into", bench.path("link.pem"))
        assert told.status == 0, told
        assert certificates(into) == [bench.pki.bytes("root.der"), bench.pki.bytes("second-root.der")], told
        assert os.stat(into).st_mode & 0o777 == 0o640 and os.path.islink(bench.path("link.pem"))
        assert sorted(os.listdir(bench.folder)) == ["link.pem", "new.pem"], os.listdir(bench.folder)
    for name, text in (("without colons, small", fingerprint.replace(":", "").lower()),
                       ("with blanks", " " + fingerprint.replace(":", " ") + "\n"),
                       ("as openssl prints it", "sha256 Fingerprint=" + fingerprint)):
        told = bench.run("anchors", "add", root, "--sha256", text, "--into", into)
        tap.ok(told.status == 0, "a fingerprint %s" % name, told)


def test_anchors_refused(tap, bench):
    root, fingerprint, into = bench.pki["root.crt"], bench.fingerprint("root"), bench.path("none.pem")

    def refused(what, status, words, name, *arguments):
        told = bench.run("anchors", "add", bench.pki[name], *arguments, "--into", into)
        tap.ok(told.is_refused(status, words) and not os.path.exists(into), what, told)

    other = bench.fingerprint("second-root")
    refused("another fingerprint: refused, and both are shown", 1,
            "the fingerprint differs: this is not the certificate that you mean. %s has %s, wanted is %s" % (
                root, fingerprint, other), "root.crt", "--sha256", other)
    refused("one digit is enough", 1, "the fingerprint differs", "root.crt", "--sha256",
            fingerprint[:-1] + ("0" if fingerprint[-1] != "0" else "1"))
    refused("no fingerprint", 2, "wants --sha256", "root.crt")
    for what, text in (("too short", fingerprint[:-1]), ("too long", fingerprint + "0"), ("no digits", "x" * 64), ("nothing", "")):
        refused("no fingerprint: " + what, 2, "is no SHA-256 fingerprint: that has 64 hexadecimal digits", "root.crt",
                "--sha256", text)
    refused("two certificates in one file", 1, "holds 2 certificates", "seal.pem", "--sha256", bench.fingerprint("seal"))
    refused("no authority", 1, "is no authority's certificate (cA is false)", "seal.crt", "--sha256", bench.fingerprint("seal"))
    refused("an authority that has ended", 1, "root.crt expired on ", "root.crt", "--sha256", fingerprint, "--at", "2060-01-01")
    refused("no certificate", 2, "seal.key", "seal.key", "--sha256", fingerprint)


def test_anchors_file(tap, bench):
    """Which file, where --into does not say."""
    root, fingerprint = bench.pki["root.crt"], bench.fingerprint("root")
    config = bench.path("which.conf")

    def add(text, *arguments):
        bench.write("which.conf", BASE + text)
        return bench.run("-c", config, "anchors", "add", root, "--sha256", fingerprint, *arguments)

    one = bench.path("one.pem")
    trust = 'trust "a" { anchors = { "%s" } }\ntrust "b" { anchors = { "%s" } }\n'
    with tap.test("the only file of anchors that the configuration names"):
        told = add(trust % (one, one))
        assert told.status == 0 and len(certificates(one)) == 1, told
        assert told.text.endswith("The configuration names that file: reload sealmilter.\n"), told
    told = add(trust % (one, bench.path("other.pem")))
    tap.ok(told.is_refused(2, "names several files of anchors: say with --into FILE"), "not one of several", told)
    told = add("")
    tap.ok(told.is_refused(2, "names no anchors: say with --into FILE"), "none", told)
    told = add("anchorz = 1")
    tap.ok(told.status == 2 and "which.conf:4: " in told.errors, "a broken configuration is no missing one", told)
    told = bench.run("-c", "/nonexistent/conf", "anchors", "add", root, "--sha256", fingerprint, "--into", one)
    tap.ok(told.status == 2, "nor is one that --config names", told)
    der = bench.rig.write("trust/one.der", bench.pki.bytes("second-root.der"))
    told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", der)
    tap.ok(told.is_refused(2, "is DER, which holds one certificate only"), "nothing is added to a file in DER", told)
    told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", "/nonexistent/folder/anchors.pem")
    tap.ok(told.is_refused(2, "cannot write /nonexistent/folder/anchors.pem: "), "a folder that is not there", told)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        test_anchors_added(tap, bench)
        test_anchors_refused(tap, bench)
        test_anchors_file(tap, bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
