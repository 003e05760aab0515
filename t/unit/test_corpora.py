#!/usr/bin/env python3
"""S/MIME that others made: every row of the corpora in SEAL_CORPORA is told by sealctl as
those tell it who made it. A row that differs on purpose is in DIFFERS, with why, and with
the options that make it equal: they are switched, and it is. What OpenSSL cannot do is said
to be unsupported, never taken for a bad signature; those tests name it."""

import csv
import fnmatch
import json
import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Problem, Rig  # noqa: E402
from rig.gateway import block, program, text  # noqa: E402
from rig.partner import der, multipart_signed, pkcs7_mime, split  # noqa: E402
from rig.tap import Tap  # noqa: E402

CORPORA = os.environ.get("SEAL_CORPORA", "")


class Corpus:
    """A folder of the corpora, and a configuration with its keys and authorities. A change of
    that is a dict of options."""

    def __init__(self, rig, name, at, domain, keys, anchors, intermediates=()):
        """keys: name -> (key, certificate or None, for whom); with a password file for all."""
        self.rig, self.name, self.at, self.domain = rig, name, at, domain
        self.keys, self.anchors, self.intermediates = keys, anchors, intermediates
        self.folder = rig.make_folder(name)
        self.configs = {}

    def source(self, file):
        return os.path.join(CORPORA, self.name, file)

    def octets(self, file):
        with open(self.source(file), "rb") as f:
            return f.read()

    def secret(self, name, octets):
        return self.rig.write(os.path.join(self.name, name), octets, 0o600)

    def config(self, options):
        key = tuple(sorted(options.items()))
        if key not in self.configs:
            name = os.path.join(self.name, "sealmilter.%d.conf" % len(self.configs))
            self.configs[key] = self.rig.write(name, self.configuration(options))
        return self.configs[key]

    def configuration(self, options):
        parts = ["run-directory = " + text(self.folder), "authserv-id = mx.example",
                 "inbound-domains = " + text(self.domain)]
        parts += ["%s = %s" % option for option in options.items()]
        parts.append(block("listener", "in", socket=text("unix:%s/in" % self.folder), direction="inbound"))
        parts += [block("decryption-key", name, **settings) for name, settings in self.keys.items()]
        files = {"anchors": "{ %s }" % ", ".join(map(text, self.anchors))}
        if self.intermediates:
            files["intermediates"] = "{ %s }" % ", ".join(map(text, self.intermediates))
        return "\n".join(parts) + block("trust", "others", **files)

    def run(self, message, sender, to, options, *command):
        path = self.rig.write(os.path.join(self.name, "message"), message)
        return self.rig.run(program("sealctl"), "-c", self.config(options or {}), "--at", self.at, "--from", sender,
                            "--to", to, *command, path, check=False)

    def explain(self, message, sender, to, options=None):
        done = self.run(message, sender, to, options, "--json", "--inbound", "explain")
        try:
            return json.loads(done.stdout)["smime"]
        except ValueError:
            raise Problem("explain: status %d: %s" % (done.returncode, done.stderr.decode())) from None

    def open(self, message, sender, to, options=None):
        done = self.run(message, sender, to, options, "open")
        assert done.returncode == 0, done
        return done.stdout


def mail(entity, sender, to):
    return ("From: %s\r\nTo: %s\r\nSubject: test\r\nMIME-Version: 1.0\r\n" % (sender, to)).encode() + entity


def signers(told):
    return [s for layer in told["layers"] if layer["kind"] == "signed" for s in layer["signers"]]


# ---- Thunderbird's own ------------------------------------------------------------

BOB, FRAN = "bob@example.com", "fran@example.com"
TEXTS = {BOB: b"This is a test message from Alice to Bob.", FRAN: b"This is a test message to Fran."}

ONE_LAYER = ({"layer-limit": "1"}, "Thunderbird looks no further than the outermost of two opaque layers")

SIGNED_ONCE = ({"signed-twice": "policy"}, "Thunderbird refuses whatever is signed around a signature; here the outer "
               "one is From's, intact, and counts")

DIFFERS = {
    "alice.env.sig.*.opaque.dave.sig.*.opaque.eml": ONE_LAYER,
    "alice.env.dsig.SHA1.multipart.dave.sig.SHA1.opaque.eml": ONE_LAYER,
    "alice.env.dsig.SHA[2-5]*.multipart.dave.sig.*.opaque.eml": (
        {"signed-twice": "policy", "layer-limit": "2"}, "both; the inner signature besides is around an envelope, was "
        "made over LF instead of CRLF, and is broken"),
    "alice.plain.dsig.SHA[2-5]*.dave.sig.*": SIGNED_ONCE,
    "alice.plain.sig.SHA[2-5]*.dave.dsig.*": SIGNED_ONCE,
    "alice.plain.dsig.SHA[2-5]*.dave.dsig.*": SIGNED_ONCE,
    "alice.future.dsig.SHA256.multipart.eml": (
        {"date-tolerance": "3600"}, "Thunderbird wants the time of signing within an hour of Date"),
}

def thunderbird(rig):
    corpus = Corpus(rig, "thunderbird", "2026-02-01", "example.com", {}, [])
    corpus.anchors = [corpus.source("TestCA.pem")]
    add_nss_keys(corpus, {"Bob": BOB, "Fran": FRAN, "Fran-ec": FRAN})
    return corpus


def add_nss_keys(corpus, names):
    password = corpus.secret("password", b"nss\n")
    for name, address in names.items():
        path = corpus.secret(name + ".p12", corpus.octets(name + ".p12"))
        corpus.keys[name.lower()] = {"key": text(path), "pass_phrase_file": text(password), "for": text(address)}


def envelope(corpus, file):
    """DER as it would come in mail."""
    return mail(pkcs7_mime(corpus.octets(file), "enveloped-data"), "sender@example.com", FRAN)


def row_of(told):
    """The row as Thunderbird would have it: a signature around an envelope does not count."""
    layers = told["layers"]
    opened = [i for i, layer in enumerate(layers) if layer["kind"] == "encrypted" and layer["opened"]]
    inside = layers[opened[-1] + 1:] if opened else layers
    return {"encrypted": str(any(layer["kind"] == "encrypted" for layer in layers)).lower(),
            "signed": str(any(layer["kind"] == "signed" for layer in inside)).lower(),
            "signature_good": str(told["result"] == "pass").lower()}


def test_row(corpus, row):
    """True: only with the options."""
    name = row["file"]
    message, to = corpus.octets(name), BOB if name.startswith(("alice", "outer")) else FRAN
    sender = "dave@example.com" if row["note"].startswith("dave") else "alice@example.com"
    wanted = {column: row[column] for column in ("encrypted", "signed", "signature_good")}
    options, why = next((value for pattern, value in DIFFERS.items() if fnmatch.fnmatchcase(name, pattern)),
                        (None, ""))

    told = corpus.explain(message, sender, to)
    if any(layer["kind"] == "encrypted" for layer in told["layers"]):
        assert TEXTS[to] in corpus.open(message, sender, to), name
    if options is None:
        assert row_of(told) == wanted, (wanted, told)
        return False
    assert row_of(told) != wanted, "it differs no more: " + why
    switched = corpus.explain(message, sender, to, options)
    assert row_of(switched) == wanted, (wanted, switched)
    return True


def test_thunderbird(tap, rig):
    corpus = thunderbird(rig)
    with open(corpus.source("expected.tsv"), encoding="ascii") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    agreed = optional = 0
    for row in rows:
        with tap.test("thunderbird: " + row["file"]):
            optional += test_row(corpus, row)
            agreed += 1
    tap.ok(len(rows) > 60, "thunderbird has its rows", len(rows))
    tap.diagnose("thunderbird: %d of %d rows, %d through a named option" % (agreed, len(rows), optional))


# ---- NSS's envelopes --------------------------------------------------------------

def test_nss(tap, rig):
    corpus = Corpus(rig, "nss-envelopes", "2026-02-01", "example.com", {}, [])
    corpus.anchors = [os.path.join(CORPORA, "thunderbird", "TestCA.pem")]
    add_nss_keys(corpus, {"Fran": FRAN, "Fran-ec": FRAN})
    files = sorted(name for name in os.listdir(corpus.source("")) if name.endswith(".env"))
    agreed = 0
    for name in files:
        with tap.test("nss-envelopes: %s is opened" % name):
            message = envelope(corpus, name)
            told = corpus.explain(message, "sender@example.com", FRAN)
            (layer,) = told["layers"]
            assert layer["opened"] and layer["transport"] == ("ECDH" if "-ec_" in name else "RSA OAEP"), told
            assert TEXTS[FRAN] in corpus.open(message, "sender@example.com", FRAN)
            agreed += 1
    tap.ok(len(files) >= 17, "nss-envelopes has its files", files)
    tap.diagnose("nss-envelopes: %d of %d" % (agreed, len(files)))


# ---- RFC 4134 ---------------------------------------------------------------------

DSS, RSA = "AliceDSS@example.com", "AliceRSA@example.com"
BOB_RSA = "bobrsa@example.com"
SAMPLE = b"This is some sample content."
WEAK = "the signature's digest or key is too weak"
NOT_MAIL = "the octets are no CMS value that can be read"

# The RFC's own mails are from examples.com, its certificates of example.com.
MISMATCH = "the certificate is not From's"

# Digests are SHA-1 and keys of 1024 bits throughout: what each is by default, and with
# weak-signatures = accept.
SIGNED_4134 = {
    "4.1.bin": (DSS, "pass"), "4.2.bin": (RSA, "pass"), "4.4.bin": (DSS, "pass"), "4.5.bin": (RSA, "pass"),
    "4.7.bin": (DSS, "pass"), "4.8.eml": (DSS, "policy"), "4.9.eml": (DSS, "policy"), "4.10.bin": (DSS, "pass"),
}
ENVELOPED_4134 = ("5.1.bin", "5.3.eml")
# Types of content that are no S/MIME (RFC 8551 2.4): data, digested-data, encrypted-data.
NO_SMIME_4134 = ("3.1.bin", "3.2.bin", "6.0.bin", "7.1.bin", "7.2.bin")


def rfc4134(rig):
    corpus = Corpus(rig, "rfc4134", "2026-02-01", "example.com", {}, [])
    corpus.anchors = [to_pem(corpus, "x509", name + ".cer") for name in ("CarlRSASelf", "CarlDSSSelf")]
    corpus.keys["bob"] = {"key": text(to_pem(corpus, "pkey", "BobPrivRSAEncrypt.pri")),
                          "certificate": text(to_pem(corpus, "x509", "BobRSASignByCarl.cer")),
                          "for": text(BOB_RSA)}
    return corpus


def to_pem(corpus, kind, file):
    pem = corpus.rig.run("openssl", kind, "-inform", "DER", "-in", corpus.source(file)).stdout
    return corpus.secret(file + ".pem", pem)


def message_4134(corpus, file, sender):
    if file.endswith(".eml"):
        return corpus.octets(file)
    return mail(pkcs7_mime(corpus.octets(file), "signed-data"), sender, BOB_RSA)


def test_signed_4134(corpus, file, sender, accepted):
    message = message_4134(corpus, file, sender)
    told = corpus.explain(message, sender, BOB_RSA)
    (signer,) = signers(told)
    assert signer["intact"] == "intact" and signer["weak"], told
    assert told["result"] == "policy" and told["reason"] == WEAK, told
    told = corpus.explain(message, sender, BOB_RSA, {"weak-signatures": "accept"})
    (signer,) = signers(told)
    assert told["result"] == accepted and signer["trust"] == "trusted", told
    assert accepted == "pass" or told["reason"] == MISMATCH, told


def test_enveloped_4134(corpus, file):
    message = message_4134(corpus, file, DSS)
    (layer,) = corpus.explain(message, DSS, BOB_RSA)["layers"]
    assert layer["opened"] and layer["cipher"] == "DES-EDE3-CBC" and layer["weak"], layer
    assert SAMPLE in corpus.open(message, DSS, BOB_RSA)
    (layer,) = corpus.explain(message, DSS, BOB_RSA, {"weak-ciphers": "close"})["layers"]
    assert not layer["opened"] and "too weak" in layer["closed-because"], layer


def test_rest_4134(tap, corpus):
    """What is looked at one by one; returns how many."""
    count = tap.count
    with tap.test("rfc4134: 4.3.bin, whose content stands beside it, is intact only with that"):
        told = corpus.explain(message_4134(corpus, "4.3.bin", DSS), DSS, BOB_RSA)
        assert told["result"] == "fail" and signers(told)[0]["intact"] == "broken", told
        clear = mail(multipart_signed(corpus.octets("ExContent.bin"), corpus.octets("4.3.bin"), "sha1"), DSS, BOB_RSA)
        told = corpus.explain(clear, DSS, BOB_RSA, {"weak-signatures": "accept"})
        assert told["result"] == "pass", told
    with tap.test("rfc4134: 4.6.bin, of whose two signers one has her parameters from above: OpenSSL's limit"):
        told = corpus.explain(message_4134(corpus, "4.6.bin", DSS), DSS, BOB_RSA)
        assert told["result"] == "neutral", told
        assert sorted(s["intact"] for s in signers(told)) == ["intact", "unsupported-algorithm"], told
    with tap.test("rfc4134: 4.11.bin is certificates alone"):
        told = corpus.explain(message_4134(corpus, "4.11.bin", DSS), DSS, BOB_RSA)
        assert told["result"] == "none" and [layer["kind"] for layer in told["layers"]] == ["certificates"], told
    with tap.test("rfc4134: 5.2.bin is in RC2, which OpenSSL has in its legacy provider: OpenSSL's limit"):
        (layer,) = corpus.explain(message_4134(corpus, "5.2.bin", DSS), DSS, BOB_RSA)["layers"]
        assert not layer["opened"] and "rc2-cbc" in layer["closed-because"], layer
        done = corpus.run(message_4134(corpus, "5.2.bin", DSS), DSS, BOB_RSA, {}, "open")
        assert done.returncode == 1 and not done.stdout and b"rc2-cbc" in done.stderr, done
    return tap.count - count


def test_rfc4134(tap, rig):
    corpus = rfc4134(rig)
    failed = tap.failed
    for file, (sender, accepted) in SIGNED_4134.items():
        with tap.test("rfc4134: %s is intact and weak, and with weak-signatures = accept %s" % (file, accepted)):
            test_signed_4134(corpus, file, sender, accepted)
    for file in ENVELOPED_4134:
        with tap.test("rfc4134: %s is opened, and is not with weak-ciphers = close" % file):
            test_enveloped_4134(corpus, file)
    for file in NO_SMIME_4134:
        with tap.test("rfc4134: %s is no S/MIME" % file):
            told = corpus.explain(message_4134(corpus, file, DSS), DSS, BOB_RSA)
            assert told["result"] == "neutral" and told["reason"] == NOT_MAIL and not told["layers"], told
    count = len(SIGNED_4134) + len(ENVELOPED_4134) + len(NO_SMIME_4134) + test_rest_4134(tap, corpus)
    rows = [f for f in os.listdir(corpus.source("")) if f.endswith((".bin", ".eml")) and f != "ExContent.bin"]
    tap.ok(len(rows) == count, "rfc4134: every row was looked at", rows)
    tap.diagnose("rfc4134: %d of %d rows, %d through a named option, 2 of OpenSSL's limits" % (
        count - (tap.failed - failed), count, len(SIGNED_4134)))


# ---- RFC 9216 ---------------------------------------------------------------------

HELLO = b"Content-Type: text/plain\r\n\r\nHello from the sample.\r\n"
RSA_PEOPLE, ED25519_PEOPLE = ("alice", "bob"), ("carlos", "dana")


def at_smime(name):
    return name + "@smime.example"


def rfc9216(rig, root, intermediates=()):
    """With one of the two roots alone."""
    corpus = Corpus(rig, "rfc9216", "2026-02-01", "smime.example", {}, [])
    corpus.anchors = [corpus.source(root)]
    corpus.intermediates = [corpus.source(name) for name in intermediates]
    for name in RSA_PEOPLE:
        corpus.keys[name] = {"key": text(corpus.secret(name + ".key", corpus.octets(name + ".encrypt.key"))),
                             "certificate": text(corpus.source(name + ".encrypt.crt")), "for": text(at_smime(name))}
    return corpus


def cms(corpus, entity, *arguments):
    return corpus.rig.run("openssl", "cms", "-binary", "-outform", "DER", *arguments, data=entity).stdout


def signed_9216(corpus, name, clear):
    made = cms(corpus, HELLO, "-sign", "-signer", corpus.source(name + ".sign.crt"), "-inkey",
               corpus.source(name + ".sign.key"), *([] if clear else ["-nodetach"]))
    return multipart_signed(HELLO, made) if clear else pkcs7_mime(made, "signed-data")


def ed25519_signed(corpus, name):
    """A SignedData by RFC 8419, which OpenSSL 3.0 cannot make."""
    run = corpus.rig.run
    certificate = run("openssl", "x509", "-in", corpus.source(name + ".sign.crt"), "-outform", "DER").stdout
    oid = {"sha512": "0609608648016503040203", "ed25519": "06032b6570", "data": "06092a864886f70d010701",
           "signed": "06092a864886f70d010702", "type": "06092a864886f70d010903", "digest": "06092a864886f70d010904"}
    oid = {key: bytes.fromhex(value) for key, value in oid.items()}
    digest = run("openssl", "dgst", "-sha512", "-binary", data=HELLO).stdout
    attributes = (der(0x30, oid["type"], der(0x31, oid["data"])) +
                  der(0x30, oid["digest"], der(0x31, der(4, digest))))
    to_sign = corpus.rig.write(os.path.join(corpus.name, "attributes"), der(0x31, attributes))
    signature = run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", corpus.source(name + ".sign.key"),
                    "-in", to_sign).stdout
    sha512 = der(0x30, oid["sha512"])
    signer = der(0x30, der(2, b"\1"), issuer_and_serial(certificate), sha512, der(0xa0, attributes),
                 der(0x30, oid["ed25519"]), der(4, signature))
    content = der(0x30, oid["data"], der(0xa0, der(4, HELLO)))
    made = der(0x30, oid["signed"], der(0xa0, der(0x30, der(2, b"\1"), der(0x31, sha512), content,
                                                  der(0xa0, certificate), der(0x31, signer))))
    return pkcs7_mime(made, "signed-data")


def issuer_and_serial(certificate):
    fields = split(split(split(certificate)[0][1])[0][1])
    return der(0x30, der(*fields[3]), der(*fields[1]))


def test_chain(tap, corpus, root):
    people = [(sender, to, clear) for sender in RSA_PEOPLE for to in RSA_PEOPLE for clear in (True, False)]
    for sender, to, clear in people:
        form = "clear" if clear else "opaque"
        with tap.test("rfc9216: from %s to %s, %s, below %s: opened, pass" % (sender, to, form, root)):
            made = cms(corpus, signed_9216(corpus, sender, clear), "-encrypt", "-aes256",
                       corpus.source(to + ".encrypt.crt"))
            message = mail(pkcs7_mime(made, "enveloped-data"), at_smime(sender), at_smime(to))
            told = corpus.explain(message, at_smime(sender), at_smime(to))
            assert told["result"] == "pass", told
            assert [layer["kind"] for layer in told["layers"]] == ["encrypted", "signed"], told
            assert b"Hello from the sample." in corpus.open(message, at_smime(sender), at_smime(to))


def test_ed25519(tap, corpus):
    for name in ED25519_PEOPLE:
        with tap.test("rfc9216: %s signs with Ed25519: said to be unsupported, not broken, OpenSSL's limit" % name):
            message = mail(ed25519_signed(corpus, name), at_smime(name), at_smime("bob"))
            told = corpus.explain(message, at_smime(name), at_smime("bob"))
            (signer,) = signers(told)
            assert told["result"] == "neutral" and signer["intact"] == "unsupported-algorithm", told
        with tap.test("rfc9216: %s decrypts with X25519: check-config says that it cannot be, OpenSSL's limit" % name):
            key = corpus.secret(name + ".key", corpus.octets(name + ".encrypt.key"))
            settings = {"key": text(key), "certificate": text(corpus.source(name + ".encrypt.crt")),
                        "for": text(at_smime(name))}
            config = corpus.rig.write(corpus.name + "/x25519.conf", corpus.configuration({}) +
                                      block("decryption-key", name, **settings))
            done = corpus.rig.run(program("sealctl"), "-c", config, "check-config", check=False)
            assert done.returncode == 2 and b"decryption-key %s: " % name.encode() in done.stdout, done
            assert b"neither an RSA nor an EC key" in done.stdout, done


def test_rfc9216(tap, rig):
    failed, count = tap.failed, tap.count
    rsa, ed25519 = rfc9216(rig, "ca.rsa.crt"), rfc9216(rig, "ca.25519.crt", ["ca.rsa.cross.crt"])
    test_chain(tap, rsa, "the RSA root")
    test_chain(tap, ed25519, "the Ed25519 root")
    test_ed25519(tap, ed25519)
    tap.diagnose("rfc9216: %d of %d, 4 of OpenSSL's limits" % (tap.count - count - (tap.failed - failed),
                                                               tap.count - count))


def main():
    if not CORPORA:
        print("1..0 # SKIP SEAL_CORPORA is not set")
        return 0
    tap = Tap()
    with Rig() as rig:
        test_thunderbird(tap, rig)
        test_nss(tap, rig)
        test_rfc4134(tap, rig)
        test_rfc9216(tap, rig)
    return tap.done()


sys.exit(main())
