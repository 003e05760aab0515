#!/usr/bin/env python3
"""sealctl as an administrator uses it, and golden edits: what becomes of each
message in t/data/edit, said by the daemon's own code through `sealctl seal --edit`.

To write the golden files anew: SEAL_GOLDEN=write python3 t/unit/test_sealctl.py,
then read the difference."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.gateway import GATE_USER, KEEPER_USER, program, text  # noqa: E402
from rig.inbound import Opener  # noqa: E402
from rig.partner import Partner  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.tap import Tap  # noqa: E402

DATA = os.path.join(TOP, "t", "data", "edit")

CONFIG = """
run-directory = "{folder}/run"
internal-networks = {{ "10.0.0.0/8" }}
sender-login-file = "{folder}/logins"
trace-key-file = "{folder}/trace.key"
anchors = {{ "{pki}/anchors.pem" }}
intermediates = {{ "{pki}/intermediates.pem" }}
listener "work" {{ socket = "unix:{folder}/work" direction = by-rule }}
listener "guard" {{ socket = "unix:{folder}/guard" role = guard }}
signer "seal" {{ key = "{pki}/seal.key" certificate = "{pki}/seal.pem" }}
directory "partners" {{ type = files path = "{folder}/certificates" }}
rule "seal" {{ sender-domain = {{ "trh.example" }} sign = "seal" }}
rule "opaque" {{ sender = {{ "opaque@trh.example" }} sign = "seal" form = opaque digest = sha512 }}
rule "partners" {{ recipient-domain = {{ "ucastnik.example" }} encrypt = required }}
rule "ask" {{ trigger = "X-Seal: encrypt" encrypt = required cipher = aes256-gcm }}
rule "ask-softly" {{ trigger = "X-Seal: plain" encrypt = when-possible }}
"""


class Bench:
    """A configuration with everything that it names, in a temporary folder."""

    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self.folder = rig.make_folder("ctl")
        rig.write("ctl/logins", "# who may be whom\njana: @trh.example\neva: eva@trh.example\n")
        rig.write("ctl/trace.key", "sixteen octets or more\n", 0o600)
        rig.make_folder("ctl", "certificates")
        for name in ("participant", "second", "expired", "other-address"):
            rig.write("ctl/certificates/%s.pem" % name, self.pki.bytes(name + ".crt").decode())
        self.config = self.write("sealmilter.conf", CONFIG)

    def write(self, name, text, **values):
        self.rig.write("ctl/" + name, text.format(folder=self.folder, pki=self.pki.folder, **values))
        return os.path.join(self.folder, name)

    def run(self, *arguments, config=None, data=None):
        # A process that has changed its user cannot be traced, which looking for leaks takes.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        return subprocess.run([program("sealctl"), "-c", config or self.config] + list(arguments), input=data,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              env=environment if config and config.endswith("users.conf") else None)


def normal(text):
    """Without what is random or hangs on the length of a certificate."""
    text = re.sub(r'boundary="[^"]+"', 'boundary="BOUNDARY"', text)
    text = re.sub(r"X-Seal-Trace:.*\n\t.*", "X-Seal-Trace: (keyed)", text)
    return re.sub(r"body \d+ octets", "body replaced", text)


def golden(tap, bench):
    for name in sorted(n[:-4] for n in os.listdir(DATA) if n.endswith(".eml")):
        with open(os.path.join(DATA, name + ".args"), encoding="utf-8") as f:
            arguments = shlex.split(f.read().replace("<>", "'<>'"))
        done = bench.run("--edit", *arguments, "seal", os.path.join(DATA, name + ".eml"))
        text = normal(done.stdout.decode() + done.stderr.decode()) + "status %d\n" % done.returncode
        path = os.path.join(DATA, name + ".edit")
        if os.environ.get("SEAL_GOLDEN") == "write":
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            wanted = f.read()
        tap.ok(text == wanted, "edit of " + name, "got:\n%s\nwanted:\n%s" % (text, wanted))


def message(bench, name="encrypted"):
    return os.path.join(DATA, name + ".eml")


def test_commands(tap, bench):
    done = bench.run("seal", message(bench))
    tap.ok(done.returncode == 0 and b"Content-Type: application/pkcs7-mime" in done.stdout and
           b"Hello." not in done.stdout and b"X-Other: kept" in done.stdout,
           "seal writes the sealed message", done.stderr)
    with open(message(bench), "rb") as f:
        piped = bench.run("seal", "-", data=f.read())
    tap.ok(piped.returncode == 0 and b"pkcs7-mime" in piped.stdout, "seal reads standard input", piped.stderr)

    done = bench.run("lookup", "obchod@ucastnik.example")
    tap.ok(done.returncode == 0 and b"chosen" in done.stdout, "lookup shows the chosen certificate", done.stdout)
    done = bench.run("lookup", "expired@ucastnik.example")
    tap.ok(done.returncode == 1 and b"refused" in done.stdout and b"expired" in done.stdout,
           "lookup says why a certificate is refused", done.stdout)
    done = bench.run("--at", "2020-01-01", "lookup", "obchod@ucastnik.example")
    tap.ok(done.returncode == 1, "lookup --at judges at another time", done.stdout)
    done = bench.run("lookup", "no address")
    tap.ok(done.returncode == 2, "lookup of what is no address is a usage error", done.stderr)

    done = bench.run("-v", "--client", "10.1.1.1", "--to", "expired@ucastnik.example", "seal", message(bench))
    tap.ok(done.returncode == 1 and b"certificate-refused to=expired@ucastnik.example" in done.stderr and
           b"code=expired" in done.stderr, "a recipient refused at RCPT: the log has each certificate's reason", done.stderr)

    done = bench.run("explain", message(bench))
    tap.ok(done.returncode == 0 and b"sign: seal" in done.stdout and b"encrypt-rule: partners" in done.stdout,
           "explain tells people the plan", done.stdout)
    done = bench.run("--json", "explain", message(bench))
    told = json.loads(done.stdout)
    tap.ok(told["plan"]["action"] == "protect" and told["plan"]["encrypt"] == "yes" and
           told["message"]["recipients"][0]["certificates"][0]["verdict"] == "chosen",
           "explain --json tells programs the same", done.stdout)
    done = bench.run("--json", "--to", "nobody@ucastnik.example", "explain", message(bench))
    told = json.loads(done.stdout)
    tap.ok(told["plan"]["action"] == "refuse" and "nobody@ucastnik.example" in told["plan"]["reason"],
           "explain says why a mail is refused", done.stdout)

    done = bench.run("--listener", "guard", "explain", message(bench))
    tap.ok(b"must be encrypted" in done.stdout, "explain judges as a guard would", done.stdout)
    for arguments in (["frobnicate"], [], ["seal"], ["--at", "yesterday", "lookup", "a@b.example"],
                      ["--client", "nowhere", "seal", message(bench)], ["--listener", "none", "seal", message(bench)],
                      ["seal", "/nonexistent"]):
        done = bench.run(*arguments)
        tap.ok(done.returncode == 2 and 0 < done.stderr.count(b"\n") < 4, "wrong use is told in few lines: %s" %
               " ".join(arguments)[:60], "%d %s" % (done.returncode, done.stderr))
    done = bench.run("revocation", "refuse")
    tap.ok(done.returncode == 2 and b" revocation refuse NUMBER --reason TEXT\n" in done.stderr,
           "what a command wants is told", done.stderr)


def test_expired(tap, bench):
    config = bench.write("expired.conf", CONFIG.replace("seal.key", "seal-expired.key").replace("seal.pem", "seal-expired.pem"))
    done = bench.run("seal", message(bench, "plain"), config=config)
    tap.ok(done.returncode == 75 and b"451" in done.stderr and b"expired" in done.stderr,
           "an expired seal certificate never signs: 451", done.stderr)
    config = bench.write("future.conf", CONFIG.replace("seal.key", "seal-future.key").replace("seal.pem", "seal-future.pem"))
    done = bench.run("seal", message(bench, "plain"), config=config)
    tap.ok(done.returncode == 75 and b"451" in done.stderr, "nor does one that is not valid yet", done.stderr)
    config = bench.write("nr.conf", CONFIG.replace("seal.key", "seal-nonrepudiation.key").replace("seal.pem", "seal-nonrepudiation.pem"))
    done = bench.run("seal", message(bench, "plain"), config=config)
    tap.ok(done.returncode == 0 and b"multipart/signed" in done.stdout, "one with nonRepudiation alone signs", done.stderr)


def problems(bench, name, old, new, *more):
    text = CONFIG.replace(old, new)
    for before, after in more:
        text = text.replace(before, after)
    return bench.run("check-config", config=bench.write(name, text))


def test_check_config(tap, bench):
    done = bench.run("check-config")
    tap.ok(done.returncode == 0 and b"0 problems" in done.stdout, "a good configuration has no problem", done.stdout)

    loose = os.path.join(bench.folder, "loose.key")
    bench.rig.write("ctl/loose.key", bench.pki.bytes("seal.key").decode(), 0o644)
    done = problems(bench, "bad.conf", "{pki}/seal.key", loose)
    tap.ok(done.returncode == 2 and b"chmod 600" in done.stdout, "a key that others can read is a problem", done.stdout)
    done = problems(bench, "bad.conf", "{pki}/seal.key", "{pki}/archive.key")
    tap.ok(done.returncode == 2 and b"is not that of" in done.stdout, "key and certificate that do not match", done.stdout)
    done = problems(bench, "bad.conf", "{pki}/seal.key", "/nonexistent/key", ("{folder}/trace.key", "/nonexistent/trace"),
                    ("{folder}/logins", "/nonexistent/logins"))
    tap.ok(done.stdout.count(b"problem:") == 3, "every problem is named, not the first alone", done.stdout)
    done = problems(bench, "bad.conf", "{pki}/seal.pem", "{pki}/seal.crt")
    tap.ok(done.returncode == 2 and b"chain is incomplete" in done.stdout, "an incomplete chain", done.stdout)
    done = problems(bench, "bad.conf", "{pki}/seal.pem", "{pki}/seal-ending.pem", ("{pki}/seal.key", "{pki}/seal-ending.key"))
    tap.ok(done.returncode == 0 and b"warning:" in done.stdout and b"expires on" in done.stdout,
           "a certificate that is about to expire is warned of", done.stdout)
    done = problems(bench, "bad.conf", "{pki}/seal.pem", "{pki}/seal-noaddress.pem",
                    ("{pki}/seal.key", "{pki}/seal-noaddress.key"))
    tap.ok(b"lacks trh.example" in done.stdout, "a seal without the From address is warned of", done.stdout)
    done = bench.run("explain", message(bench), config=os.path.join(bench.folder, "bad.conf"))
    tap.ok(done.returncode == 0 and b"warning: the seal's certificate lacks" in done.stdout,
           "explain warns of it too", done.stdout)
    done = bench.run("explain", message(bench))
    tap.ok(b"warning" not in done.stdout, "and not of a seal that has it", done.stdout)
    done = problems(bench, "bad.conf", 'type = files path = "{folder}/certificates"',
                    'type = ldap uri = {{ "ldap://127.0.0.1:1" }} base = "dc=x"')
    tap.ok(done.returncode == 75 and b"directory partners" in done.stdout, "an LDAP server that cannot be reached", done.stdout)
    done = problems(bench, "bad.conf", 'socket = "unix:{folder}/work"', 'socket = "unix:{folder}/none/work" group = "no-such"')
    tap.ok(b"no directory %s/none" % bench.folder.encode() in done.stdout and b"no group no-such" in done.stdout,
           "a listener that could not be opened", done.stdout)
    done = problems(bench, "bad.conf", "sender-login-file", "# sender-login-file")
    tap.ok(b"there is no sender-login" in done.stdout, "settings that defeat each other", done.stdout)
    inbound = ('inbound-domains = trh.example\nlistener "work"',
               'decryption-key "open" {{ key = "{pki}/participant.key" certificate = "{pki}/participant.crt" '
               'for = trh.example }}\ntrust "all" {{ anchors = "{pki}/anchors.pem" }}\nrule "seal"')
    done = problems(bench, "bad.conf", 'listener "work"', inbound[0], ('rule "seal"', inbound[1]))
    tap.ok(done.returncode == 0, "decryption keys and trust anchors that can be read", done.stdout)
    done = problems(bench, "bad.conf", 'listener "work"', inbound[0], ('rule "seal"', inbound[1]),
                    ("{pki}/participant.key", "{pki}/archive.key"), ('trust "all" {{ anchors = "{pki}/anchors.pem"',
                                                                    'trust "all" {{ anchors = "/nonexistent/anchors"'))
    tap.ok(done.returncode == 2 and b"decryption-key open: " in done.stdout and b"is not that of" in done.stdout
           and b"trust all: " in done.stdout, "and such that cannot", done.stdout)
    done = problems(bench, "bad.conf", 'sign = "seal"', 'sign = "sael"', ("encrypt = required", "encrypt = perhaps"))
    tap.ok(done.returncode == 2 and b"sael" in done.stdout and b"perhaps" in done.stdout and b"bad.conf:" in done.stdout,
           "a wrong file is told with line and reason, each error", done.stdout)


# ---- inbound -----------------------------------------------------------------------

MARK = "12,5 MWh"
OUTSIDER = "nekdo@jinde.example"


def told_layers(told):
    return [(layer["layer"], layer["kind"]) for layer in told.smime["layers"]]


def test_open(tap, p, opener):
    with tap.test("what the key opens is written opened, and nothing is complained of"):
        told = opener.judge(p.message(p.encrypt(p.sign(p.text(), clear=True), oaep=True)))
        assert told.status == 0 and told.errors == "" and told.is_clear(MARK), told
        assert told.fields("Authentication-Results")[0].startswith("mx.trh.example; smime=pass "), told
        assert told.fields("Subject") == ["Nabidka"] and b"application/pkcs7-mime" not in told.message, told
    with tap.test("explain: how it was encrypted, who signed"):
        envelope, signed = told.smime["layers"]
        assert envelope == {"layer": 1, "kind": "encrypted", "opened": True, "key": "mail", "cipher": "AES-256-CBC",
                            "transport": "RSA OAEP", "authenticated": False, "weak": False}, told
        (signer,) = signed.pop("signers")
        assert signed == {"layer": 2, "kind": "signed", "form": "clear"}, told
        assert {k: signer[k] for k in ("intact", "weak", "trust", "trust-set", "address", "qualified", "digest",
                                       "algorithm", "addresses")} == {
            "intact": "intact", "weak": False, "trust": "trusted", "trust-set": "partners", "address": "match",
            "qualified": "advanced", "digest": "SHA-256", "algorithm": "RSA PKCS#1 v1.5, 2048 bits",
            "addresses": [PARTICIPANT]}, told
        assert "CN=Ing. Jana Ukázková" in signer["subject"] and "Qualified CA" in signer["issuer"], told
        assert re.fullmatch("[0-9A-F]+", signer["serial"]) and signer["not-before"] < signer["not-after"], told
        assert re.fullmatch("[0-9-]{10}T[0-9:]{8}Z", signer["signing-time"]), told
        assert [key for key in signer if key.endswith("-because")] == ["status-because", "qualified-because"], told
        assert signer["status"] == "unknown" and "status-source" not in signer and "profile" not in signer, told
        assert "reason" not in told.smime and told.plan == {"action": "deliver", "content": "opened"}, told
        assert told.told["message"] == {"direction": "inbound", "origin": "outside", "listener": "in",
                                        "sender": PARTICIPANT, "from": PARTICIPANT,
                                        "recipients": [{"address": SENDER}]}, told
    with tap.test("every layer is told, from the outside in"):
        told = opener.judge(p.message(p.sign(p.encrypt(p.sign(p.compress(p.text()))), clear=True)))
        assert told_layers(told) == [(1, "signed"), (2, "encrypted"), (3, "signed"), (4, "compressed")], told
        assert told.smime["layers"][3] == {"layer": 4, "kind": "compressed", "opened": True}, told
        assert told.result == "pass" and len(told.fields("X-Seal-Layer-4")) == 1, told
    with tap.test("plain mail is written with its result"):
        told = opener.judge(p.message(p.text()))
        assert told.status == 0 and told.errors == "" and told.stays_as_it_came, told
        assert told.fields("Authentication-Results") == ["mx.trh.example; smime=none"], told
        assert told.smime == {"result": "none", "layers": [], "a-part-is-signed": False,
                              "a-part-is-encrypted": False}, told


def stays_closed(told, why):
    (layer,) = told.smime["layers"]
    assert told.status == 1 and told.message == b"", told
    assert told.errors == "sealctl: the message stays closed: %s\n" % why, told
    assert layer["opened"] is False and layer["closed-because"] == why, told
    assert told.plan == {"action": "deliver", "content": "unchanged", "kept-closed-because": why}, told


def test_closed(tap, p, opener):
    message = p.message(p.encrypt(p.text()))
    with tap.test("a recipient whom the key does not cover: closed"):
        stays_closed(opener.judge(message, to=(SENDER, OUTSIDER)), "decryption-key mail is not for " + OUTSIDER)
    with tap.test("a client of our own: closed"):
        stays_closed(opener.judge(message, "--client", "10.1.2.3"),
                     "its client is one of our own, whose mail is never opened")
    with tap.test("encrypted for somebody else: closed"):
        stays_closed(opener.judge(p.message(p.encrypt(p.text(), to=("archive",)))),
                     "it is encrypted for none of the decryption keys")
    with tap.test("an inner layer for somebody else: the outer one is opened, the rest said"):
        told = opener.judge(p.message(p.encrypt(p.encrypt(p.text(), to=("archive",)))))
        assert told.status == 0 and b"application/pkcs7-mime" in told.message, told
        assert told.errors == "sealctl: an inner layer stays closed: it is encrypted for none of the decryption keys\n"
        assert told.plan["content"] == "opened" and "none of" in told.plan["kept-closed-because"], told


def test_verdicts(tap, p, opener):
    def is_told(entity, result, reason, **answers):
        told = opener.judge(p.message(entity))
        (signer,) = told.signers()
        assert (told.result, told.reason) == (result, reason), told
        assert told.status == 0 and told.errors == "sealctl: smime=%s: %s\n" % (result, reason), told
        assert told.is_clear(MARK) and '"%s"' % reason in told.fields("Authentication-Results")[0], told
        for answer, value in answers.items():
            assert signer[answer] == value, (answer, told)
        return signer

    with tap.test("a weak digest: policy, and which"):
        signer = is_told(p.sign(p.text(), digest="sha1"), "policy", "the signature's digest or key is too weak",
                         intact="intact", weak=True, digest="SHA-1")
        assert "SHA-1" in signer["weak-because"], signer
    with tap.test("no address in the certificate: policy"):
        signer = is_told(p.sign(p.text(), who=("sign-qualified",)), "policy",
                         "the certificate has no address, and no directory lists it for From", address="absent",
                         trust="trusted", addresses=[])
        assert signer["address-because"], signer
    with tap.test("another's address: policy, and whose"):
        signer = is_told(p.sign(p.text(), who=("sign-other",)), "policy", "the certificate is not From's",
                         address="mismatch")
        assert "nobody@elsewhere.example" in signer["address-because"], signer
    with tap.test("an unknown authority: policy, and why"):
        signer = is_told(p.sign(p.text(), who=("sign-untrusted",)), "policy", "the certificate is not trusted",
                         trust="untrusted")
        assert "no chain" in signer["trust-because"] and "trust-set" not in signer, signer
    with tap.test("more addresses than are read: policy, and that the certificate cannot be read"):
        signer = is_told(p.sign(p.text(), who=("sign-many",)), "policy",
                         "the certificate is not trusted", intact="intact", weak=False, trust="untrusted")
        assert "cannot be read: the certificate holds more than 100 addresses" in signer["trust-because"], signer
    with tap.test("altered: fail"):
        altered = p.sign(p.text(), clear=True).replace(b"Dobry den", b"Dobry sen")
        signer = is_told(altered, "fail", "the signature is not intact", intact="broken")
        assert signer["intact-because"], signer
    with tap.test("no certificate: permerror"):
        signer = is_told(p.sign(p.text(), chain=(), options=("-nocerts",)), "permerror",
                         "the signer's certificate is not in the message", intact="no-certificate")
        assert "subject" not in signer, signer


def test_explain_text(tap, p, opener):
    path = opener.rig.write("told", p.message(p.encrypt(p.sign(p.text(), who=("sign-other",)))))
    with tap.test("people are told the same, one fact a line"):
        lines = opener.sealctl("explain", path).stdout.decode().split("\n")
        for line in ("  result: policy", "  reason: the certificate is not From's", "      layer: 1",
                     "      kind: encrypted", "      opened: yes", "      layer: 2", "          address: mismatch",
                     "            - nobody@elsewhere.example", "  content: opened"):
            assert line in lines, (line, lines)
    with tap.test("the log has one line for the message and one for the signature"):
        lines = opener.sealctl("-v", "open", path).stderr.decode().split("\n")
        line, signature = [re.sub(r"^sealctl\[\d+\]: sealctl: ", "", text) for text in lines[:2]]
        assert line.startswith('opened direction=inbound origin=outside listener=in sender=%s from=%s smime=policy '
                               'reason="the certificate is not From\'s" content=opened layer-1="encrypted; opened; key '
                               'mail; AES-256-CBC; RSA PKCS#1 v1.5" layer-2="signed; opaque; intact, trusted, address '
                               'mismatch, status unknown, qualified advanced, serial ' % (PARTICIPANT, PARTICIPANT)), line
        assert re.search(r" to=zpravy@trh.example ms=[0-9.]+$", line), line
        assert signature.startswith("signature layer=2 signer=1 intact=intact trust=trusted address=mismatch "
                                    'address-because="the certificate is for nobody@elsewhere.example"'), signature
    with tap.test("no address is so long that the log has no room for the verdict"):
        line = opener.sealctl("-v", "--from", '"' * 9000, "open", path).stderr.decode().split("\n")[0]
        assert "\\x22... from=" in line and " smime=policy " in line and re.search(r" ms=[0-9.]+$", line), line
    with tap.test("open --edit: the changes in words"):
        path = opener.rig.write("told", p.message(p.encrypt(p.sign(p.text()))))
        words = opener.sealctl("--edit", "open", path).stdout.decode()
        assert words.startswith("sender-parameters RET=HDRS\n") and "\nprepend X-Seal-Layer-2: signed;" in words, words


def test_policies(tap, rig, p):
    refuse = "bad-signature = refuse\nundecryptable = refuse\nunauthenticated = refuse"
    with tap.test("what the daemon would refuse is opened, and explain says that it would"):
        told = Opener(rig, top=refuse).judge(p.message(p.encrypt(p.text())))
        assert told.plan["action"] == "refuse" and told.status == 0 and told.is_clear(MARK), told
    with tap.test("what it would hold too"):
        told = Opener(rig, top=refuse.replace("refuse", "hold")).judge(p.message(p.encrypt(p.text())))
        assert told.plan["action"] == "hold" and told.status == 0 and told.is_clear(MARK), told
    with tap.test("a directory that cannot be asked: not now"):
        away = {"type": "ldap", "uri": text("ldap://127.0.0.1:1"), "base": text("dc=x"), "binds_address": "yes"}
        told = Opener(rig, directories={"away": away}).judge(p.message(p.sign(p.text(), who=("sign-qualified",))))
        assert told.status == 75 and "451" in told.errors and told.message == b"", told
        assert told.result == "temperror" and told.plan["action"] == "defer", told
        assert told.signers()[0]["address"] == "unknown", told


def test_ways(tap, bench, p, opener):
    """Which mail a message is taken for, and on which listener."""
    path = bench.rig.write("ctl/in.eml", p.message(p.sign(p.text())))

    def direction(*arguments, config=None):
        done = bench.run("--json", *arguments, "explain", path, config=config)
        return json.loads(done.stdout)["message"]["direction"] if done.returncode == 0 else done.returncode
    both = bench.write("both.conf", CONFIG.replace('listener "guard"', 'listener "in" {{ socket = "unix:{folder}/in" '
                       'direction = inbound }}\ninbound-domains = trh.example\nlistener "guard"'))
    with tap.test("explain takes a message for outbound, unless it is told or has no choice"):
        assert direction(config=both) == "outbound"
        assert direction("--inbound", config=both) == "inbound"
        assert direction("--listener", "in", config=both) == "inbound"
        assert direction(config=opener.config) == "inbound"
    with tap.test("without a listener for inbound mail there is nothing to open with: usage"):
        config = bench.write("out.conf", CONFIG.replace("direction = by-rule", "direction = outbound"))
        done = bench.run("open", path, config=config)
        assert done.returncode == 2 and b"no listener for inbound mail" in done.stderr, done.stderr
    with tap.test("open wants a file"):
        assert bench.run("open").returncode == 2


def test_inbound(tap, rig, bench):
    p, opener = Partner(rig), Opener(rig, top='internal-networks = { "10.0.0.0/8", "127.0.0.0/8" }')
    test_open(tap, p, opener)
    test_closed(tap, p, opener)
    test_verdicts(tap, p, opener)
    test_explain_text(tap, p, opener)
    test_policies(tap, rig, p)
    test_ways(tap, bench, p, opener)


# ---- users ---------------------------------------------------------------------------

def owned(bench, name, content, user):
    path = bench.rig.write("ctl/" + name, content, 0o600)
    shutil.chown(path, user)
    return path


def test_users(tap, bench):
    """Files that belong to the daemon's users, as the README has them made."""
    key = owned(bench, "keeper.key", bench.pki.bytes("seal.key").decode(), KEEPER_USER)
    trace = owned(bench, "gate.trace", "sixteen octets or more\n", GATE_USER)
    mail = owned(bench, "roots.eml", "From: zpravy@trh.example\nTo: a@jinde.example\n\nahoj\n", "root")
    users = 'user = "%s"\nkeeper-user = "%s"\n' % (GATE_USER, KEEPER_USER)
    good = users + CONFIG.replace("{pki}/seal.key", key).replace("{folder}/trace.key", trace)
    config = bench.write("users.conf", good)
    done = bench.run("check-config", config=config)
    tap.ok(done.returncode == 0, "root may check files of the daemon's users", done.stdout)
    done = bench.run("seal", mail, config=config)
    tap.ok(done.returncode == 0 and b"multipart/signed" in done.stdout, "and seal with them", done.stderr)
    done = bench.run("check-config", config=bench.write("users.conf", good.replace(trace, "{folder}/trace.key")))
    tap.ok(done.returncode == 2 and b"trace-key-file: user %s cannot open" % GATE_USER.encode() in done.stdout,
           "what root could read and the daemon cannot is a problem", done.stdout)
    done = bench.run("check-config", config=bench.write("users.conf", good.replace(GATE_USER, "nobody-of-that-name")))
    tap.ok(done.returncode == 2 and b"there is no user nobody-of-that-name" in done.stdout,
           "so is a user who does not exist", done.stdout)


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        bench = Bench(rig)
        golden(tap, bench)
        test_commands(tap, bench)
        test_expired(tap, bench)
        test_check_config(tap, bench)
        test_inbound(tap, rig, bench)
        if os.geteuid() == 0:
            test_users(tap, bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
