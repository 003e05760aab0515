#!/usr/bin/env python3
"""Others judge our output: openssl cms, GnuPG's gpgsm and NSS's cmsutil verify and
decrypt every sealed form that smime_tool can write.

UNABLE says which forms a judge does not know. It was measured, and stays so: the
test fails when a judge that is listed there turns out to be able, or one that is
not listed to be unable.
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
BUILD = os.path.abspath(os.environ.get("top_builddir", TOP))
TOOL = os.path.join(BUILD, "t", "unit", "smime_tool")
MAKE_PKI = os.path.join(TOP, "t", "pki", "make-pki")
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.tap import Tap  # noqa: E402

ENTITY = (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
          b"P=C5=99edm=C4=9Bt smlouvy\r\n\r\n- a line that begins with a dash\r\n" + b"x" * 70 + b"\r\n")
DEADLINE = 60  # s, for one run of a judge

SIGNERS = {"rsa-pkcs1": ("seal", []), "rsa-pss": ("seal", ["-p"]),
           "ecdsa-p256": ("seal-ec256", []), "ecdsa-p384": ("seal-ec384", []),
           "ecdsa-p521": ("seal-ec521", []), "nonrepudiation": ("seal-nonrepudiation", [])}
DIGESTS = ("sha256", "sha384", "sha512")
CIPHERS = ("aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm")
TRANSPORTS = {"rsa-pkcs1": ("participant", []), "rsa-oaep": ("participant", ["-a"]),
              "ecdh-p256": ("ec256", []), "ecdh-p384": ("ec384", []), "ecdh-p521": ("ec521", [])}
FIVE = ("participant", "second", "ec256", "ec384", "ec521")


class Form:
    """One kind of sealed message, and who is to open it."""

    def __init__(self, name, options, signed=None, recipient=None):
        self.name, self.options, self.signed, self.recipient = name, options, signed, recipient


def signer_options(signer, digest, opaque):
    name, options = SIGNERS[signer]
    return (["-s", "%s.key,%s.pem" % (name, name), "-d", digest] + options + (["-o"] if opaque else []))


def encrypt_options(cipher, options, *recipients):
    return ["-c", cipher] + options + [a for r in recipients for a in ("-e", r + ".crt")]


def forms():
    for shape in ("clear", "opaque"):
        for digest in DIGESTS:
            for signer in SIGNERS:
                yield Form("%s %s %s" % (shape, digest, signer),
                           signer_options(signer, digest, shape == "opaque"), signed=shape)
    for cipher in CIPHERS:
        for transport, (recipient, options) in TRANSPORTS.items():
            yield Form("%s %s" % (cipher, transport), encrypt_options(cipher, options, recipient),
                       recipient=recipient)
    for shape in ("clear", "opaque"):
        for cipher in ("aes256-cbc", "aes256-gcm"):
            yield Form("%s sha256 rsa-pkcs1 within %s rsa-pkcs1" % (shape, cipher),
                       signer_options("rsa-pkcs1", "sha256", shape == "opaque") +
                       encrypt_options(cipher, [], "participant"), shape, "participant")
    for cipher in ("aes256-cbc", "aes256-gcm"):
        for count, recipients in (("two with RSA", FIVE[:2]), ("five", FIVE)):
            for recipient in recipients:
                yield Form("clear sha256 rsa-pkcs1 within %s to %s, opened by %s" % (cipher, count, recipient),
                           signer_options("rsa-pkcs1", "sha256", False) +
                           encrypt_options(cipher, [], *recipients), "clear", recipient)


# A form's name, wholly or in part, and why.
UNABLE = {
    "openssl": [],
    "gpgsm": [  # GnuPG 2.2.40
        (r"ecdsa-p521", "its hash is said to need whole octets of the curve's 521 bits"),
        (r"sha256 ecdsa-p384", "it exits with an error where the hash is shorter than an EC key"),
        (r"-gcm", "no AuthEnvelopedData"),
        (r"-cbc rsa-oaep", "no OAEP"),
        (r"-cbc ecdh-", "no ECDH"),
        (r"opened by ec", "no ECDH"),
    ],
    "cmsutil": [  # NSS 3.87
        (r"-gcm", "no AuthEnvelopedData"),
        (r"-cbc rsa-oaep", "no OAEP"),
        (r"-cbc ecdh-", "no ECDH"),
        (r"-cbc to five", "no envelope at all that has an ECDH recipient among others"),
    ],
}


def run(arguments, **options):
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=DEADLINE, **options)


def must(arguments, **options):
    done = run(arguments, **options)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(arguments), done.stderr.decode(errors="replace")))
    return done.stdout


def split(message):
    """Header (unfolded text, lower case) and body of an entity."""
    header, _, body = message.partition(b"\r\n\r\n")
    return re.sub(rb"\r\n[ \t]", b" ", header).decode().lower(), body


def clear_parts(message):
    """Exact octets of what was signed, and the signature's DER (RFC 1847 2.1)."""
    header, body = split(message)
    assert "multipart/signed" in header
    boundary = b"--" + re.search(r'boundary="?([^";\s]+)', header).group(1).encode()
    parts = (b"\r\n" + body).split(b"\r\n" + boundary)
    return parts[1][2:], base64.b64decode(split(parts[2][2:])[1])


def der_of(message):
    header, body = split(message)
    assert "application/pkcs7-mime" in header
    return base64.b64decode(body)


class Judge:
    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def get(self, name):
        try:
            with open(self.path(name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def close(self):
        """Ends what it has started."""

    def clean(self):
        for leftover in ("out", "plain"):
            if os.path.exists(self.path(leftover)):
                os.unlink(self.path(leftover))

    def accepts(self, message, form):
        """Can this judge open and verify it, and does it see our entity in it?"""
        self.clean()
        if form.recipient is not None:
            message = self.decrypt(der_of(message), form.recipient)
            if message is None:
                return False
        if form.signed == "clear":
            content, der = clear_parts(message)
            return content == ENTITY and self.verify_detached(der, content)
        if form.signed == "opaque":
            return self.verify_attached(der_of(message)) == ENTITY
        return message == ENTITY

    def accepts_altered(self, message, form):
        """Does it call a signature good whatever the content is?"""
        self.clean()
        if form.signed == "clear":
            content, der = clear_parts(message)
            return self.verify_detached(der, content)
        return self.verify_attached(der_of(message)) is not None


class OpenSSL(Judge):
    name = "openssl"

    def verify(self, der, *options):
        return run(["openssl", "cms", "-verify", "-inform", "DER", "-in", self.put("in", der), "-binary", "-cades",
                    "-CAfile", "anchors.pem", "-purpose", "any", "-out", self.path("out")] + list(options))

    def verify_detached(self, der, content):
        return self.verify(der, "-content", self.put("content", content)).returncode == 0

    def verify_attached(self, der):
        return self.get("out") if self.verify(der).returncode == 0 else None

    def decrypt(self, der, recipient):
        done = run(["openssl", "cms", "-decrypt", "-inform", "DER", "-in", self.put("in", der), "-binary",
                    "-recip", recipient + ".crt", "-inkey", recipient + ".key", "-out", self.path("plain")])
        return self.get("plain") if done.returncode == 0 else None


class KeyStores(Judge):
    """A judge that finds its keys by itself: a store with one key for each recipient, so
    that it opens the message as nobody else. The first one verifies."""

    def __init__(self, folder):
        super().__init__(folder)
        self.stores = {}
        for name in FIVE:
            self.stores[name] = self.path(name)
            os.mkdir(self.stores[name], 0o700)
            self.make_store(self.stores[name], name)


class Gpgsm(KeyStores):
    name = "gpgsm"

    def make_store(self, store, recipient):
        def put(name, data):
            self.put(os.path.join(store, name), data)
        put("gpgsm.conf", b"disable-crl-checks\nbatch\npinentry-mode loopback\n")
        put("gpg-agent.conf", b"allow-loopback-pinentry\n")
        fingerprint = must(["openssl", "x509", "-in", "root.crt", "-noout", "-fingerprint", "-sha1"])
        put("trustlist.txt", fingerprint.split(b"=")[1].strip() + b" S relax\n")
        must(["gpgsm", "--homedir", store, "--import", "root.crt", "intermediates.pem", recipient + ".crt"])
        if recipient.startswith("ec"):
            self.give_ec_key(store, recipient)
        else:
            done = self.gpgsm(store, "--import", recipient + ".judge.p12")
            if done.returncode != 0:
                raise RuntimeError("gpgsm does not import %s: %s" % (recipient, done.stderr.decode(errors="replace")))

    def gpgsm(self, store, *arguments):
        with open("p12.pass") as pass_phrase:
            return run(["gpgsm", "--homedir", store, "--status-fd", "1", "--passphrase-fd",
                        str(pass_phrase.fileno())] + list(arguments), pass_fds=[pass_phrase.fileno()])

    def give_ec_key(self, store, name):
        """gpgsm 2.2 crashes on a PKCS#12 file with an EC key, so that its agent is given the key."""
        listed = must(["gpgsm", "--homedir", store, "--with-colons", "--with-keygrip", "-k"]).decode()
        serial = must(["openssl", "x509", "-in", name + ".crt", "-noout", "-serial"]).decode().strip().split("=")[1]
        grip = re.search(r"^crt:[^\n]*:%s:.*?^grp:+([0-9A-F]{40}):" % serial, listed, re.M | re.S).group(1)
        text = must(["openssl", "pkey", "-in", name + ".key", "-noout", "-text"]).decode()
        d, q = (bytes.fromhex(re.sub(r"[\s:]", "", re.search(field + r":\n((?:    .*\n)+)", text).group(1)))
                for field in ("priv", "pub"))
        curve = re.search(r"NIST CURVE: (P-\d+)", text).group(1).encode()

        def atom(octets):
            return b"%d:%s" % (len(octets), octets)
        os.makedirs(os.path.join(store, "private-keys-v1.d"), mode=0o700, exist_ok=True)
        self.put(os.path.join(store, "private-keys-v1.d", grip + ".key"),
                 b"(" + atom(b"private-key") + b"(" + atom(b"ecc") + b"(" + atom(b"curve") +
                 atom(b"NIST " + curve) + b")(" + atom(b"q") + atom(q) + b")(" + atom(b"d") + atom(b"\0" + d) + b")))")

    def verify(self, *arguments):
        done = self.gpgsm(self.stores[FIVE[0]], *arguments)
        return done.returncode == 0 and b" VALIDSIG " in done.stdout and b" TRUST_FULLY" in done.stdout

    def verify_detached(self, der, content):
        return self.verify("--verify", self.put("in", der), self.put("content", content))

    def verify_attached(self, der):
        return self.get("out") if self.verify("--output", self.path("out"), "--verify", self.put("in", der)) else None

    def decrypt(self, der, recipient):
        done = self.gpgsm(self.stores[recipient], "--output", self.path("plain"), "--decrypt", self.put("in", der))
        # Its exit status also speaks of the other recipients, whose certificates it has not got.
        return self.get("plain") if b"DECRYPTION_OKAY" in done.stdout else None

    def close(self):
        for store in self.stores.values():
            run(["gpgconf", "--homedir", store, "--kill", "gpg-agent"])


class Cmsutil(KeyStores):
    name = "cmsutil"

    def make_store(self, store, recipient):
        database = "sql:" + store
        must(["certutil", "-N", "-d", database, "--empty-password"])
        for name, trust in (("root", "CT,CT,CT"), ("qualified", ",,"), ("commercial", ",,")):
            must(["certutil", "-A", "-d", database, "-n", name, "-t", trust, "-i", name + ".crt"])
        must(["pk12util", "-d", database, "-i", recipient + ".judge.p12", "-w", "p12.pass", "-K", ""])

    def cmsutil(self, recipient, der, out, *options):
        done = run(["cmsutil", "-D", "-d", "sql:" + self.stores[recipient], "-i", self.put("in", der),
                    "-o", self.path(out)] + list(options))
        return done.returncode == 0

    def verify_detached(self, der, content):
        return self.cmsutil(FIVE[0], der, "out", "-c", self.put("content", content))

    def verify_attached(self, der):
        return self.get("out") if self.cmsutil(FIVE[0], der, "out") else None

    def decrypt(self, der, recipient):
        return self.get("plain") if self.cmsutil(recipient, der, "plain") else None


def make_p12(name):
    """With the older protection that gpgsm 2.2 and NSS 3.87 read; these keys guard nothing."""
    must(["openssl", "pkcs12", "-export", "-in", name + ".crt", "-inkey", name + ".key", "-passout", "file:p12.pass",
          "-out", name + ".judge.p12", "-name", name, "-certfile", "intermediates.pem",
          "-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"])


def seal(form):
    done = subprocess.run([TOOL] + form.options, input=ENTITY, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (form.name, done.stderr.decode(errors="replace")))
    return done.stdout


def altered(message):
    """The same signed message with one letter of its text changed, in the clear or below base64."""
    header, body = message.split(b"\r\n\r\n", 1)
    if b"multipart/signed" in header:
        return message.replace(b"smlouvy", b"smlouva", 1)
    der = base64.b64decode(body).replace(b"smlouvy", b"smlouva", 1)
    return header + b"\r\n\r\n" + base64.encodebytes(der)


def judge_all(judge, messages):
    """(passed, what) of each check that this judge makes."""
    results = []
    for form, message in messages:
        reasons = [why for pattern, why in UNABLE[judge.name] if re.search(pattern, form.name)]
        able = judge.accepts(message, form)
        if reasons:
            results.append((not able, "%s does not know: %s (%s)" % (judge.name, form.name, reasons[0])))
        else:
            results.append((able, "%s accepts: %s" % (judge.name, form.name)))
    for form, message in messages:
        if form.name in ("clear sha256 rsa-pkcs1", "opaque sha256 rsa-pkcs1"):
            bad = altered(message)
            results.append((bad != message and not judge.accepts_altered(bad, form),
                            "%s refuses, altered: %s" % (judge.name, form.name)))
    return results


def main():
    with tempfile.TemporaryDirectory(prefix="judge") as folder:
        must([sys.executable, MAKE_PKI, os.path.join(folder, "pki")])
        os.chdir(os.path.join(folder, "pki"))
        for name in FIVE:
            make_p12(name)
        messages = [(form, seal(form)) for form in forms()]
        judges = []
        try:
            for kind in (OpenSSL, Gpgsm, Cmsutil):
                os.mkdir(os.path.join(folder, kind.name))
                judges.append(kind(os.path.join(folder, kind.name)))
            with ThreadPoolExecutor(len(judges)) as pool:
                results = [r for one in pool.map(lambda j: judge_all(j, messages), judges) for r in one]
        finally:
            for judge in judges:
                judge.close()
            os.chdir("/")
    tap = Tap()
    for good, what in results:
        tap.ok(good, what)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
