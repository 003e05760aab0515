#!/usr/bin/env python3
"""What sealctl says of certificates, lists and anchors."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap, Told  # noqa: E402
from rig.gateway import GATE_USER, program  # noqa: E402
from rig.revoker import Revoker  # noqa: E402
from rig.status_server import StatusServer  # noqa: E402


BASE = """
inbound-domains = trh.example
listener "in" { socket = "unix:/nonexistent/in" direction = inbound }
"""


class Bench:
    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self.folder = rig.make_folder("trust")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        return self.rig.write("trust/" + name, text)

    def run(self, *arguments):
        environment = dict(os.environ)
        if self.path("as-user.conf") in arguments:
            # A process that has changed its user cannot be traced, which looking for leaks takes.
            environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        return Told(subprocess.run([program("sealctl")] + list(arguments), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, timeout=60, env=environment))

    def fingerprint(self, name):
        """As openssl x509 -fingerprint -sha256 writes it, without what stands in front."""
        digits = hashlib.sha256(self.pki.bytes(name + ".der")).hexdigest().upper()
        return ":".join(digits[i:i + 2] for i in range(0, len(digits), 2))


    def configure(self, name, text, *trusts):
        """The path of a configuration with these trust blocks, each (name, text). Unless it says
        status-directory, nothing is kept in the system's."""
        if "status-directory" not in text:
            text = "status-directory = none\n" + text
        blocks = "".join('trust "%s" { %s }\n' % trust for trust in trusts)
        return self.write(name, text + BASE + blocks)

    def authorities(self):
        return 'anchors = { "%s" } intermediates = { "%s" }' % (self.pki["anchors.pem"], self.pki["intermediates.pem"])


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
        bench.configure("which.conf", text)
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
    tap.ok(told.status == 2 and "which.conf:2: " in told.errors, "a broken configuration is no missing one", told)
    told = bench.run("-c", "/nonexistent/conf", "anchors", "add", root, "--sha256", fingerprint, "--into", one)
    tap.ok(told.status == 2, "nor is one that --config names", told)
    der = bench.rig.write("trust/one.der", bench.pki.bytes("second-root.der"))
    told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", der)
    tap.ok(told.is_refused(2, "is DER, which holds one certificate only"), "nothing is added to a file in DER", told)
    told = bench.run("anchors", "add", root, "--sha256", fingerprint, "--into", "/nonexistent/folder/anchors.pem")
    tap.ok(told.is_refused(2, "cannot write /nonexistent/folder/anchors.pem: "), "a folder that is not there", told)


# ---- certificate check -----------------------------------------------------------------

# The keys that sealctl(8) promises.
CERTIFICATE = {"owner", "issuer", "serial", "sha256", "not-before", "not-after", "validity", "key", "authority",
               "addresses", "key-usage", "extended-key-usage", "policies", "qc-statements", "qc-types",
               "qc-countries", "disclosure-statements", "crl", "ocsp", "issuer-certificates"}
SECTIONS = ["certificate", "profile", "chain", "sets", "status", "qualified", "fit"]
RULE = {"outcome", "id", "text", "section", "severity"}


def fits(told):
    return {use["use"]: use["fit"] for use in told["fit"]}


def rules(told):
    return {rule["id"]: rule["outcome"] for rule in told["profile"]["rules"]}


def test_check(tap, bench):
    config = bench.configure("check.conf", "", ("partners", bench.authorities()))
    signer = bench.pki["participant-sign.crt"]

    def check(*arguments):
        return bench.run("-c", config, "certificate", "check", *arguments)

    told = check("--json", signer)
    with tap.test("what it is, by the keys of the manual page"):
        certificate = told.told["certificate"]
        assert list(told.told) == SECTIONS and set(certificate) == CERTIFICATE, told
        assert "CN=Ing. Jana Ukázková" in certificate["owner"] and "Qualified CA" in certificate["issuer"], told
        assert re.fullmatch("[0-9A-F]+", certificate["serial"]), told
        assert certificate["sha256"] == bench.fingerprint("participant-sign"), told
        assert certificate["not-before"] < certificate["not-after"] and certificate["validity"] == "valid", told
        assert re.fullmatch("[0-9-]{10}T[0-9:]{8}Z", certificate["not-after"]), told
        assert certificate["key"] == "RSA, 2048 bits" and certificate["authority"] is False, told
        assert certificate["addresses"] == [bench.pki.participant], told
        assert certificate["key-usage"] == ["digitalSignature", "nonRepudiation"], told
        assert certificate["policies"] == ["0.4.0.194112.1.2"] and certificate["qc-types"] == ["esign"], told
        assert certificate["qc-statements"] == ["QcCompliance", "QcSSCD", "QcType", "QcPDS"], told
    with tap.test("the built-in profile that fits best, and that it was chosen so; each rule with its section"):
        profile = told.told["profile"]
        assert set(profile) == {"name", "text", "because", "errors", "notes", "rules"}, told
        assert profile["name"] == "eidas-signature" and "of the built-in ones this fits best" in profile["because"], told
        assert all(set(rule) == RULE and rule["section"] for rule in profile["rules"]), told
        outcomes = rules(told.told)
        assert outcomes["qc-compliance"] == "kept" and outcomes["status"] == "broken", told
        assert outcomes["qc-sscd-unfounded"] == "not applicable", told
        assert profile["errors"] == 2 and profile["notes"] == 1, told
    with tap.test("the chain up to the anchor, and the set's name"):
        chain = told.told["chain"]
        assert set(chain) == {"answer", "set", "path"} and (chain["answer"], chain["set"]) == ("trusted", "partners"), told
        assert [set(link) for link in chain["path"]] == [{"serial", "not-after", "owner"}] * 3, told
        assert [re.search("CN=([^,]*)", link["owner"]).group(1) for link in chain["path"]] == [
            "Ing. Jana Ukázková", "Ukázková Qualified CA", "Ukázková Root CA"], told
        assert told.told["sets"] == [{"set": "partners", "answer": "trusted"}], told
    with tap.test("not known to be good, not qualified, and why"):
        assert told.told["status"] == {"state": "unknown", "of": told.told["certificate"]["owner"],
                                       "because": "there is neither a responder nor a list for it"}, told
        assert told.told["qualified"]["verdict"] == "advanced" and told.told["qualified"]["because"], told
    with tap.test("what it is fit for here, and why not"):
        assert told.told["fit"] == [
            {"use": "sealing", "fit": True}, {"use": "signing", "fit": True},
            {"use": "encrypting", "fit": False, "because": "its key usage does not permit keyEncipherment"}], told
    tap.ok(told.status == 1, "an error in the profile: status 1", told)
    with tap.test("people are told the same, one fact a line"):
        lines = check(signer).text.split("\n")
        for line in ("certificate:", "  validity: valid", "  addresses: " + bench.pki.participant,
                     "  key-usage: digitalSignature, nonRepudiation", "  crl: none", "profile:", "  name: eidas-signature",
                     "    kept  qc-compliance  it claims to be qualified (QcCompliance)  EN 319 412-5, 4.2.1  error",
                     "    broken  status  it says where its CRL or its OCSP responder is  EN 319 412-2, GEN-4.3.11-2  error",
                     "  answer: trusted", "  partners  trusted", "  sealing  yes",
                     "  encrypting  no  its key usage does not permit keyEncipherment"):
            assert line in lines, (line, lines)
    with tap.test("trusted, and no error: status 0"):
        told = check("--json", bench.pki["participant.der"])
        assert told.status == 0 and told.told["profile"] == {
            "because": "no built-in profile fits: none of its policies and statements is known"}, told
        assert fits(told.told) == {"sealing": False, "signing": False, "encrypting": False}, told
        assert told.told["fit"][2]["because"] == "there is no set of authorities that is asked about recipients", told
    with tap.test("a set for recipients makes it fit to encrypt to"):
        config = bench.configure("recipients.conf", 'recipient-trust = { "partners" }\n', ("partners", bench.authorities()))
        told = check("--json", bench.pki["participant.crt"])
        assert fits(told.told) == {"sealing": False, "signing": False, "encrypting": True}, told
        config = bench.configure("recipients.conf", bench.authorities().replace("} ", "}\n") + "\n")
        told = check("--json", bench.pki["participant.crt"])
        assert fits(told.told)["encrypting"] and told.told["chain"]["set"] == "anchors", told
        config = bench.path("check.conf")


def test_fit_by_sender(tap, bench):
    def signing(limits):
        config = bench.configure("senders.conf", "", ("partners", bench.authorities() + limits))
        told = bench.run("-c", config, "--json", "certificate", "check", bench.pki["participant-sign.crt"])
        return told.told["fit"][1]

    with tap.test("a set that speaks for other senders makes it fit for no signatures"):
        assert signing(' sender-domain = { "ucastnik.example" }')["fit"]
        assert signing(' sender = { "obchod@UCASTNIK.example" }')["fit"]
        assert not signing(' sender = { "nakup@ucastnik.example" }')["fit"]
        assert signing(' sender-domain = { "jinde.example" }') == {
            "use": "signing", "fit": False,
            "because": "there is no set of authorities that is asked about signers with its addresses"}


def test_check_profiles(tap, bench):
    made = bench.rig.make_folder("profiles")
    bench.rig.run(os.path.join(os.environ["top_builddir"], "t", "pki", "make-profiles"), made)

    def check(config, file, *arguments):
        return bench.run("-c", config, "--json", "certificate", "check", os.path.join(made, file), *arguments)

    anchors = 'anchors = { "%s/authority.pem" }' % made
    any_profile = bench.configure("any.conf", "", ("all", anchors))
    for profile in ("ica-qualified-signature", "oces-person", "oces-employee", "oces-company", "oces-function", "cesnet",
                    "eidas-seal", "eidas-signature"):
        told = check(any_profile, profile + "/good.pem")
        tap.ok(told.told["profile"].get("name") == profile and told.told["profile"]["errors"] == 0 and told.status == 0,
               "a certificate that keeps it is checked against " + profile, told)
    with tap.test("where it says that its status, its issuer and its disclosure statement are"):
        certificate = check(any_profile, "ica-qualified-signature/good.pem").told["certificate"]
        assert certificate["crl"] == ["http://crl.example/a.crl"] and certificate["ocsp"] == ["http://ocsp.example"], certificate
        assert certificate["issuer-certificates"] == ["http://ca.example/ca.cer"], certificate
        assert certificate["disclosure-statements"] == ["https://www.example/pds.pdf"], certificate
        assert certificate["extended-key-usage"] == ["emailProtection"] and certificate["qc-countries"] == [], certificate
    with tap.test("qualified by another country's law: in the EU it is not, and why"):
        config = bench.configure("law.conf", "", ("all", anchors + " qualified-services = { seals }"))
        told = check(config, "eidas-seal/qc-legislation.pem")
        assert told.told["certificate"]["qc-countries"] == ["CH"] and told.told["certificate"]["key"] == "EC, 256 bits", told
        assert told.told["qualified"] == {
            "verdict": "advanced", "because": "it is qualified by the law of another country than those of the EU"}, told
    with tap.test("serialNumber of the subject is the owner's, and the certificate's is another"):
        certificate = check(any_profile, "ote-seal/good.pem").told["certificate"]
        done = bench.rig.run("openssl", "x509", "-noout", "-serial", "-in", os.path.join(made, "ote-seal/good.pem"))
        assert "serial=%s\n" % certificate["serial"] == done.stdout.decode(), certificate
        assert "serialNumber=S251223" in certificate["owner"], certificate
    with tap.test("--profile: that one, whatever it looks like"):
        told = check(any_profile, "oces-person/good.pem", "--profile", "cesnet")
        assert told.told["profile"]["name"] == "cesnet" and told.told["profile"]["because"] == "it was asked for", told
        assert rules(told.told)["beginning"] == "broken" and told.status == 1, told
    with tap.test("who is under age cannot make binding agreements, which is said in words"):
        assert "minor" not in check(any_profile, "oces-person/good.pem").told["profile"]
        for name, status in (("minor", 0), ("minor-2", 0), ("minor-common-name", 1)):
            told = check(any_profile, "oces-person/%s.pem" % name)
            assert told.told["profile"]["minor"] == "cannot make binding agreements" and told.status == status, told
        told = bench.run("-c", any_profile, "certificate", "check", os.path.join(made, "oces-person/minor.pem"))
        assert "\n  minor: cannot make binding agreements\n" in told.text, told
    told = check(any_profile, "oces-person/good.pem", "--profile", "nonesuch")
    tap.ok(told.is_refused(2, "there is no profile nonesuch"), "no profile of that name", told)
    with tap.test("that of the set that it chains into"):
        config = bench.configure("set.conf", "", ("all", anchors + ' profiles = { "ica-qualified-signature" } '
                                                  "qualified-services = { signatures }"))
        told = check(config, "ica-qualified-signature/good.pem")
        assert told.told["profile"]["because"] == "trust block all names it" and told.status == 0, told
        told = check(config, "ica-qualified-signature/qc-type.pem")
        assert told.told["profile"]["name"] == "ica-qualified-signature" and told.status == 1, told
        assert rules(told.told)["qc-type"] == "broken" and told.told["chain"]["answer"] == "trusted", told
        assert told.told["qualified"]["verdict"] == "advanced", told
    with tap.test("one of the configuration's own"):
        config = bench.configure("own.conf", 'profile "ours" { rule "organization" { need = { "subject", "have", "O" } '
                                 'text = "it names its organization" section = "house rules 7" } }\n', ("all", anchors))
        told = check(config, "eidas-seal/good.pem", "--profile", "ours")
        assert told.told["profile"]["rules"] == [{"outcome": "kept", "id": "organization", "text": "it names its organization",
                                                  "section": "house rules 7", "severity": "error"}], told
    with tap.test("without a configuration: facts and profile, whose rules are the answer where it was asked for"):
        told = bench.run("--json", "certificate", "check", os.path.join(made, "oces-person/good.pem"))
        assert told.told["chain"] == {"answer": "no configuration", "because": "there is no configuration"}, told
        assert told.told["qualified"] == {"verdict": "none", "because": "there is no configuration"}, told
        assert told.told["profile"]["name"] == "oces-person" and told.status == 1, told
        told = bench.run("certificate", "check", os.path.join(made, "oces-person/good.pem"), "--profile", "oces-person")
        assert told.status == 0, told
        told = bench.run("certificate", "check", os.path.join(made, "oces-person/policy.pem"), "--profile", "oces-person")
        assert told.status == 1, told
        told = bench.run("certificate", "check", os.path.join(made, "oces-person/good.pem"), "--trust", "all")
        assert told.is_refused(2, "there is no configuration, so no trust block all"), told


def test_check_refused(tap, bench):
    config = bench.configure("refused.conf", "", ("partners", bench.authorities()))

    def check(*arguments):
        return bench.run("-c", config, "certificate", "check", *arguments)

    with tap.test("not from an anchor: what it is, why not, status 1"):
        told = check("--json", bench.pki["sign-untrusted.crt"])
        assert told.status == 1 and told.told["chain"]["answer"] == "untrusted" and told.told["chain"]["path"] == [], told
        assert told.told["chain"]["because"].startswith("no chain to a configured anchor: "), told
        assert "set" not in told.told["chain"] and told.told["qualified"]["verdict"] == "none", told
        assert told.told["status"] == {"state": "unknown",
                                       "because": "nothing is asked of a certificate that is not trusted without it"}, told
        assert not fits(told.told)["signing"], told
    for name, why in (("root.crt", "it is an authority's"), ("sign-weak.crt", "its RSA key has 1024 bits; "),
                      ("sign-ed25519.crt", "its key is neither RSA nor EC "), ("sign-future.crt", "it is valid only from ")):
        told = check("--json", bench.pki[name])
        tap.ok(not fits(told.told)["sealing"] and told.told["fit"][0]["because"].startswith(why), "unfit for sealing: " + why,
               told)
    with tap.test("--at: at another time"):
        told = check("--json", "--at", "2060-01-01", bench.pki["participant-sign.crt"])
        assert told.status == 1 and told.told["certificate"]["validity"] == "expired", told
        assert told.told["fit"][0]["because"].startswith("it expired on "), told
        told = check("--json", "--at", "2020-01-01", bench.pki["participant-sign.crt"])
        assert told.told["certificate"]["validity"] == "not yet valid", told
    with tap.test("what else is in the file may help"):
        config = bench.configure("root.conf", "", ("partners", 'anchors = { "%s" }' % bench.pki["anchors.pem"]))
        assert check(bench.pki["seal.crt"]).status == 1
        told = check("--json", bench.pki["seal.pem"])
        assert told.told["chain"]["answer"] == "trusted" and len(told.told["chain"]["path"]) == 3, told
    with tap.test("more purposes than are read: what can be read of it, and why it keeps no profile"):
        many = bench.path("many.pem")
        bench.rig.run("openssl", "req", "-x509", "-key", bench.pki["seal.key"], "-subj", "/CN=many", "-out", many, "-addext",
                      "extendedKeyUsage=" + ",".join("1.2.3.%d" % i for i in range(65)))
        told = check("--json", many)
        certificate = told.told["certificate"]
        assert told.status == 1 and certificate["owner"] == "CN=many" and "extended-key-usage" not in certificate, told
        assert "unreadable-because" in certificate and told.told["profile"] == {
            "because": "the certificate cannot be read in full, so it keeps none"}, told
    with tap.test("more names than are read"):
        told = check(bench.pki["sign-many.crt"])
        assert told.is_refused(1, "more than 100 addresses"), told
    told = check(bench.rig.write("trust/broken.der", bench.pki.bytes("root.der")[:300]))
    tap.ok(told.is_refused(1, "not an X.509 certificate"), "half a certificate", told)
    told = check("/nonexistent/file")
    tap.ok(told.is_refused(2, "cannot open /nonexistent/file"), "no file", told)
    told = check(bench.pki["root.crt"], "--trust", "others")
    tap.ok(told.is_refused(2, "there is no trust block others"), "no such set", told)
    for words, begins in ((["certificate"], "there is no command certificate; there are: certificate check, certificate verify"),
                          (["certificate", "look"], "there is no command certificate look; there are: certificate check,"),
                          (["certificate", "check"], None), (["check"], "there is no command check"),
                          (["crl"], "there is no command crl; there are: crl list,"), (["anchors", "add"], None),
                          (["certificate check", bench.pki["root.crt"]], "there is no command certificate check")):
        told = bench.run(*words)
        tap.ok(told.status == 2 and told.errors.startswith("usage: " if begins is None else "sealctl: " + begins),
               "usage: " + " ".join(words)[:30], told)


# ---- certificate verify ------------------------------------------------------------------

def test_verify(tap, bench):
    config = bench.configure("verify.conf", "", ("strangers", 'anchors = { "%s" }' % bench.pki["false-root.crt"]),
                             ("partners", bench.authorities()))

    def verify(name, *arguments):
        return bench.run("-c", config, "--json", "certificate", "verify", bench.pki[name], *arguments)

    with tap.test("the first set that trusts it speaks, and what each says is shown"):
        told = verify("participant-sign.crt")
        assert told.status == 0 and list(told.told) == ["chain", "sets", "status"], told
        assert told.told["chain"]["set"] == "partners" and len(told.told["chain"]["path"]) == 3, told
        assert [(s["set"], s["answer"]) for s in told.told["sets"]] == [("strangers", "untrusted"), ("partners", "trusted")]
        assert told.told["sets"][0]["because"].startswith("no chain to a configured anchor: "), told
    with tap.test("--trust: that set only"):
        told = verify("participant-sign.crt", "--trust", "strangers")
        assert told.status == 1 and [s["set"] for s in told.told["sets"]] == ["strangers"], told
    with tap.test("policies: one that it has, one that it lacks"):
        policy = ("--explicit-policy", "--policy")
        assert verify("participant-sign.crt", *policy, "0.4.0.194112.1.2").status == 0
        told = verify("participant-sign.crt", *policy, "1.2.3.4")
        assert told.status == 1 and "no explicit policy" in told.told["chain"]["because"], told
        assert told.told["chain"]["set"] == "partners" and len(told.told["chain"]["path"]) == 3, told
    with tap.test("what stands at top level asks for no policies"):
        top = bench.configure("top.conf", bench.authorities().replace("} ", "}\n") + "\n")
        arguments = ("-c", top, "certificate", "verify", bench.pki["participant-sign.crt"], "--trust", "anchors")
        assert bench.run(*arguments).status == 0
        assert bench.run(*arguments, "--policy", "1.x").is_refused(2, "--policy 1.x is not an object identifier")
        told = bench.run(*arguments, "--policy", "1.2.3")
        assert told.is_refused(2, "there is no trust block anchors that policies could be asked of"), told


def test_pkits(tap, bench):
    """A handful: the whole suite is put to the same function by test_pkits."""
    folder = os.path.join(os.environ["SEAL_CORPORA"], "pkits")
    with open(os.path.join(folder, "pkits.json"), encoding="utf-8") as f:
        rows = json.load(f)
    config = bench.configure("pkits.conf", "", ("nist", 'anchors = { "%s/certs/TrustAnchorRootCertificate.crt" } '
                                                'revocation = off' % folder))
    options = {"initial_explicit_policy": "--explicit-policy", "initial_policy_mapping_inhibit": "--inhibit-policy-mapping",
               "initial_any_policy_inhibit": "--inhibit-any-policy"}
    for row in rows:
        if row["id"][:3] not in ("401", "408", "410") or "dsa" in row["name"]:
            continue
        certs = [row["cert"]] + row["other_certs"]
        text = b""
        for name in certs:
            with open(os.path.join(folder, "certs", name), "rb") as f:
                text += ssl.DER_cert_to_PEM_cert(f.read()).encode()
        arguments = []
        for key, value in row.get("params", {}).items():
            if key == "user_initial_policy_set":
                arguments += [word for policy in value for word in ("--policy", policy)]
            elif value:
                arguments.append(options[key])
        told = bench.run("-c", config, "--at", "2026-02-01", "certificate", "verify",
                         bench.rig.write("trust/row.pem", text), *arguments)
        tap.ok(told.status == (1 if "error" in row else 0), "%s %s" % (row["id"], row["name"]), told)


# ---- crl ------------------------------------------------------------------------------------

LIST = {"imported", "path", "issuer", "delta", "number", "this-update", "next-update", "current", "entries", "on-hold"}
FETCHED = {"url", "fetched", "age-seconds"}
STATUS = {"state", "of", "source", "this-update", "next-update", "told", "age-seconds"}


def test_status(tap, bench):
    authority, server = Revoker(bench.rig), StatusServer(bench.rig)
    url = server.url(server.host("ok"), "/list.crl")
    for name in ("kept", "taken", "held"):
        authority.issue(name, [bench.pki.participant], crl=[url])
    authority.revoke("taken")
    authority.revoke("held", "certificateHold")
    server.files["/list.crl"] = authority.crl()
    status = bench.rig.make_folder("status")
    text = 'status-directory = "%s"\nfetch-networks = { "127.0.0.0/8" }\n' % status
    block = 'anchors = { "%s" } intermediates = { "%s" } revocation = require' % (authority.anchors, authority.intermediates)
    if os.geteuid() == 0:
        text += 'user = "%s"\n' % GATE_USER
        shutil.chown(status, GATE_USER)
        os.chmod(bench.folder, 0o755)
    config = bench.configure("as-user.conf", text, ("revoking", block))

    def run(*arguments):
        return bench.run("-c", config, *arguments)

    def verify(name, *arguments):
        return run("--json", "certificate", "verify", authority.pki[name + ".crt"], *arguments)

    for folder, words in (("none", "status-directory is none"), ('"/nonexistent/s"', "cannot make /nonexistent/s: "),
                          ('"%s"' % config, "is no folder")):
        other = bench.configure("no-folder.conf", "status-directory = %s\n" % folder, ("revoking", block))
        with tap.test("status-directory = %s: no list can be kept, which is said" % folder):
            for arguments in (["list"], ["refresh"], ["refresh", url], ["import", authority.anchors]):
                told = bench.run("-c", other, "crl", *arguments)
                assert told.is_refused(2, words), (arguments, told)
            assert server.asked == [], server.asked
    with tap.test("there are no lists at first"):
        assert run("crl", "list").text == "no lists are kept\n" and run("crl", "list", "--json").told == []
    with tap.test("--no-fetch: nobody is asked, so it cannot be told: status 75"):
        told = verify("kept", "--no-fetch")
        assert told.status == 75 and told.told["chain"]["answer"] == "unknown" and server.asked == [], told
        assert run("certificate", "check", authority.pki["kept.crt"], "--no-fetch").status == 75
    with tap.test("a list inside one's network: the option that permits it is named"):
        for url_inside in ("http://10.255.255.1/a.crl", "ldap://10.255.255.1/cn=a?certificateRevocationList"):
            assert run("crl", "refresh", url_inside).is_refused(1, "nor in fetch-networks")
    imported = bench.rig.write("trust/root.crl", authority.root_crl())
    with tap.test("the root's list is imported"):
        told = run("crl", "import", imported)
        assert told.status == 0 and told.text == "the list is imported\n", told
    with tap.test("good: whose list said so, and when"):
        told = verify("kept")
        state = told.told["status"]
        assert told.status == 0 and state["state"] == "good" and state["of"] == "CN=kept", told
        assert set(state) == STATUS, told
        assert state["source"] == "CRL " + url and 0 <= state["age-seconds"] < 600, told
    with tap.test("revoked: since when, and why"):
        told = verify("taken")
        state = told.told["status"]
        assert told.status == 1 and told.told["chain"]["answer"] == state["state"] == "revoked", told
        assert set(state) == STATUS | {"since", "reason"} and state["reason"] == "keyCompromise", told
        assert re.fullmatch("[0-9-]{10}T[0-9:]{8}Z", state["since"]), told
        assert told.told["chain"]["because"] == "revoked since %s, keyCompromise" % state["since"][:10], told
        told = run("--json", "certificate", "check", authority.pki["taken.crt"])
        assert told.status == 1 and told.told["fit"][0] == {"use": "sealing", "fit": False, "because": "it was revoked"}, told
    with tap.test("on hold: revoked, and no fault of an authority that may do so"):
        state = run("--json", "certificate", "check", authority.pki["held.crt"]).told["status"]
        assert state["state"] == "revoked" and state["reason"] == "certificateHold" and "fault" not in state, state
    with tap.test("crl list: both lists, by the keys of the manual page"):
        told = run("--json", "crl", "list")
        (fetched,) = [entry for entry in told.told if not entry["imported"]]
        (other,) = [entry for entry in told.told if entry["imported"]]
        assert set(fetched) == LIST | FETCHED and set(other) - FETCHED == LIST and "url" not in other, told
        assert fetched["url"] == url and fetched["issuer"] == "CN=revoker-issuing" and fetched["number"] == "01", told
        assert (fetched["entries"], fetched["on-hold"], fetched["delta"], fetched["current"]) == (2, 1, False, True), told
        assert other["issuer"] == "CN=revoker-root" and other["entries"] == 0, told
        assert os.path.exists(fetched["path"]) and os.path.exists(other["path"]), told
    with tap.test("people are told the same"):
        text = run("crl", "list").text
        assert "\nurl: %s\n" % url in "\n" + text and "\nentries: 2\non-hold: 1\n" in text, text
    if os.geteuid() == 0:
        with tap.test("run by root, what is kept belongs to the gate's user"):
            kept = [os.path.join(folder, name) for folder, _, names in os.walk(status) for name in names]
            assert kept and all(pathlib.Path(path).owner() == GATE_USER for path in kept), kept
    with tap.test("crl refresh: the new list is there, though the old one would have done"):
        authority.revoke("kept")
        assert verify("kept").status == 0
        server.files["/list.crl"] = authority.crl()
        told = run("crl", "refresh", url)
        assert told.status == 0 and told.text == "the list is fresh\n", told
        assert verify("kept", "--no-fetch").told["status"]["state"] == "revoked"
        assert run("crl", "refresh").status == 0
    with tap.test("a server that is away: status 75, and which"):
        away = server.url(server.host("killed"), "/list.crl")
        told = run("crl", "refresh", away)
        assert told.is_refused(75, away), told
    with tap.test("what is no list: status 1"):
        told = run("crl", "import", authority.pki["kept.crt"])
        assert told.is_refused(1, "sealctl: "), told
        assert run("crl", "import", "/nonexistent/list").status == 2
    with tap.test("a list of authorities that no set has needs --signer"):
        stranger = Revoker(bench.rig, "stranger")
        foreign = bench.rig.write("trust/foreign.crl", stranger.root_crl())
        told = run("crl", "import", foreign)
        assert told.status == 1 and told.errors, told
        assert run("crl", "import", foreign, "--signer", stranger.anchors).status == 0
        assert run("crl", "import", foreign, "--signer", "/nonexistent/signer").status == 2


def test_hold(tap, bench):
    authority = Revoker(bench.rig, "ica", identifier="NTRCZ-26439395")
    authority.issue("ica-held")
    authority.revoke("ica-held", "certificateHold")
    lists = [bench.rig.write("trust/%s.crl" % name, authority.crl(name)) for name in (authority.root, authority.issuing)]
    config = bench.configure("hold.conf", "", (
        "ica", 'anchors = { "%s" } intermediates = { "%s" } crls = { "%s", "%s" }' % (
            authority.anchors, authority.intermediates, *lists)))
    with tap.test("on hold by an authority that says it never does so: a fault"):
        state = bench.run("-c", config, "--json", "certificate", "check", authority.pki["ica-held.crt"]).told["status"]
        assert state["state"] == "revoked" and state["reason"] == "certificateHold", state
        assert state["fault"] == "certificateHold, which its authority never uses", state


# ---- check-config ------------------------------------------------------------------------

def test_check_config(tap, bench):
    """What it finds of trust."""
    rig, status = bench.rig, bench.rig.make_folder("check-status")
    runs = 'run-directory = "%s"\nstatus-directory = "%s"\n' % (bench.folder, status)
    profile = 'profile "%s" { rule "r" { need = { "subject", "%s", "O" } } }\n'

    def check(*trusts, text="", top=runs):
        name = "as-user.conf" if "user = " in text else "check-config.conf"
        config = bench.configure(name, top + text, *trusts)
        with open(config, encoding="utf-8") as f:
            bench.write(name, f.read().replace("/nonexistent/in", bench.path("in")))
        return bench.run("-c", config, "check-config")

    def finds(what, status, line, told):
        tap.ok(told.status == status and line in told.text, what, told)

    good = ("partners", bench.authorities())
    with tap.test("a good one: nothing"):
        told = check(good, text=profile % ("ours", "have"))
        assert told.status == 0 and told.text == "0 problems, 0 warnings\n", told
    with tap.test("recipients and our seal may have authorities in blocks alone"):
        shutil.copy(bench.pki["seal.key"], bench.path("seal.key"))
        told = check(good, text="""recipient-trust = { "partners" }
            directory "folder" { type = files path = "%s" }
            signer "seal" { key = "%s" certificate = "%s" }
            rule "partners" { recipient-domain = { "ucastnik.example" } encrypt = required }
            """ % (rig.make_folder("recipients"), bench.path("seal.key"), bench.pki["seal.pem"]))
        assert told.status == 0 and "anchors" not in told.text, told
    finds("a file that is not there", 2, "problem: trust partners: ",
          check(("partners", 'anchors = { "/nonexistent/anchors" }')))
    with tap.test("every block that is wrong is named, and what stands at top level"):
        told = check(("one", 'anchors = { "/nonexistent/1" }'), ("two", 'anchors = { "/nonexistent/2" }'), good,
                     text='anchors = { "/nonexistent/3" }\n')
        assert told.status == 2 and told.text.count("problem: ") == 3, told
        for set_, file in (("anchors", 3), ("trust one", 1), ("trust two", 2)):
            assert re.search("problem: %s: .*/nonexistent/%d" % (set_, file), told.text), told
    finds("a profile that there is not", 2, "there is no profile nonesuch",
          check(("partners", bench.authorities() + ' profiles = { "nonesuch" }')))
    with tap.test("each profile of one's own whose words are not known is named, once"):
        told = check(("partners", bench.authorities() + ' profiles = { "first" }'),
                     text=profile % ("first", "haves") + profile % ("second", "hove") + profile % ("third", "have"))
        assert told.status == 2 and told.text.count("problem: ") == 2, told
        assert "first" in told.text and "haves" in told.text and "hove" in told.text and "third" not in told.text, told
    with tap.test("an anchor that is about to end is warned of, and one that has"):
        config = bench.configure("ending.conf", runs, good)
        ends = bench.run("--at", "2036-11-01", "-c", config, "check-config")
        assert re.search(r"warning: trust partners: its anchor CN=Ukázková Root CA.* expires on \S+, in \d+ days\n", ends.text), ends
        ended = bench.run("--at", "2060-01-01", "-c", config, "check-config")
        assert re.search("warning: trust partners: its anchor CN=Ukázková Root CA.* expired on ", ended.text), ended
    finds("lists that cannot be read", 2, "problem: trust partners, crls: cannot read /nonexistent/lists: ",
          check(("partners", bench.authorities() + ' crls = { "/nonexistent/lists" }')))
    finds("authorities for https that cannot be read", 2, "problem: fetch-ca-file: ",
          check(good, text='fetch-ca-file = "/nonexistent/ca"\n'))
    finds("a status-directory that cannot be made", 0, "warning: status-directory: there is no directory /nonexistent, ",
          check(good, top=runs.replace(status, "/nonexistent/status")))
    with tap.test("one that is to be made by the daemon is fine"):
        assert "status-directory" not in check(good, top=runs.replace(status, status + "/new")).text
    if os.geteuid() == 0:
        os.chmod(bench.folder, 0o755)
        user = 'user = "%s"\n' % GATE_USER
        finds("one that the gate's user may not write to", 0,
              "warning: status-directory: the gate's user cannot write to %s (Permission denied), " % status,
              check(good, text=user))
        shutil.chown(status, GATE_USER)
        with tap.test("and may"):
            assert "status-directory" not in check(good, text=user).text
    os.chmod(status, 0o777)
    finds("one that everybody may write to", 0, "warning: status-directory: everybody can write to " + status, check(good))


def test_manual(tap):
    with open(os.path.join(TOP, "man", "sealctl.8"), encoding="utf-8") as f:
        words = set(re.findall(r"^\.(?:It )?Li \(? ?([a-z0-9-]+)", f.read(), re.M))
    keys = CERTIFICATE | set(SECTIONS) | RULE | LIST | FETCHED | STATUS | {"answer", "set", "path", "name", "because", "rules",
                                                                      "errors", "notes", "minor", "use", "verdict", "fault"}
    tap.ok(not keys - words, "every key is in the manual page", keys - words)


# The authorities that OTE's paper on certificates for automatic communication names, and where it says that they are.
AUTHORITIES = {
    "Commercial I.CA": ("intermediate", "www.ica.cz/HCA-commercial"),
    "Qualified I.CA": ("intermediate", "www.ica.cz/HCA-qualificate"),
    "Root Authority I.CA": ("root", "www.ica.cz/HCA-root-en"),
    "Thawte TLS RSA CA G1": ("intermediate", "www.digicert.com/digicert-root-certificates.htm"),
    "DigiCert Global Root G2": ("root", "www.digicert.com/digicert-root-certificates.htm"),
    "PostSignum Root QCA 2": ("root", "www.postsignum.cz/files/ca/postsignum_qca2_root.cer"),
    "PostSignum Qualified CA 2": ("intermediate", "www.postsignum.cz/files/ca/postsignum_qca2_sub.cer"),
    "PostSignum Public CA 3": ("intermediate", "www.postsignum.cz/files/ca/postsignum_vca3_sub.cer"),
}


def test_readme(tap):
    with open(os.path.join(TOP, "certs", "README"), encoding="utf-8") as f:
        lines = [line.strip() for line in f]
    for name, (role, address) in AUTHORITIES.items():
        tap.ok(any(re.fullmatch(r"%s +%s +%s" % (re.escape(name), role, re.escape(address)), line) for line in lines),
               "certs/README: what %s is, and where" % name)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        test_anchors_added(tap, bench)
        test_anchors_refused(tap, bench)
        test_anchors_file(tap, bench)
        test_check(tap, bench)
        test_fit_by_sender(tap, bench)
        test_check_profiles(tap, bench)
        test_check_refused(tap, bench)
        test_verify(tap, bench)
        if os.environ.get("SEAL_CORPORA"):
            test_pkits(tap, bench)
        else:
            tap.count += 1
            print("ok %d - NIST's rows # SKIP SEAL_CORPORA is not set" % tap.count)
        test_status(tap, bench)
        test_hold(tap, bench)
        test_check_config(tap, bench)
        test_manual(tap)
        test_readme(tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
