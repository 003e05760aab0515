#!/usr/bin/env python3
"""What becomes of outbound mail, said by the daemon over the milter protocol: the
answers at RCPT and at the end, who may have the seal, what is already protected,
every algorithm, the log, and where the keys are."""

import os
import re
import shutil
import socket
import sys

from daemon_scene import (DEADLINE, PARTICIPANT, SENDER, Daemon, Rig, Tap, free_port, program, sanitizer_reports,
                          text)
from rig import Slapd, judges
from rig.gateway import GATE_USER, block

SECOND = "second@ucastnik.example"
WITHOUT = "nikdo@ucastnik.example"
OUTSIDE = "kdokoli@jinde.example"
SOFT = "mozna@mozna.example"
AUTHENTICATED = ("--client", "198.51.100.7,4444", "--auth", "zpravy")
STRANGER = ("--client", "198.51.100.7,4444")

SEAL = block("rule", "seal", sender_domain=text("trh.example"), sign=text("seal"))
MUST = block("rule", "must", recipient_domain=text("ucastnik.example"), encrypt="required")
MAY = block("rule", "may", recipient_domain=text("mozna.example"), encrypt="when-possible")


class Outbound(Daemon):
    """directory: settings of the directory block; signers: names in the PKI."""

    def __init__(self, rig, rules=SEAL + MUST + MAY, certificates=("participant", "second"), signers=("seal",),
                 directory=None, logins="zpravy: @trh.example\n", **options):
        self.signers, self.directory, self.logins = signers, directory, logins
        self.certificates = rig.make_folder(options.get("name", "seal") + ".certificates")
        for name in certificates:
            shutil.copy(rig.pki()[name + ".crt"], self.certificates)
        super().__init__(rig, rules, **options)

    def configuration(self):
        pki = self.rig.pki()
        directory = {"type": "files", "path": text(self.certificates)}
        directory.update(self.directory or {})
        if directory["type"] == "ldap":
            del directory["path"]
        parts = ['anchors = { %s }' % text(pki["anchors.pem"]),
                 'intermediates = { %s }' % text(pki["intermediates.pem"]),
                 'internal-networks = { "192.0.2.0/24" }', self.top]
        if self.logins is not None:
            parts.append("sender-login-file = " + text(self.rig.write(self.name + ".logins", self.logins)))
        parts += [self.listener(name, **dict({"group": text("nogroup")}, **settings))
                  for name, settings in self.listeners.items()]
        parts += [block("signer", name, **self.signer(name)) for name in self.signers]
        parts += [block("directory", "partners", **directory), self.rules]
        return "\n".join(parts)

    def signer(self, name):
        pki = self.rig.pki()
        return {"key": text(self.key_of(pki[name + ".key"])), "certificate": text(pki[name + ".pem"])}

    def to(self, *recipients, options=(), data=None, **more):
        """Sends to these, all of them named in To unless data says otherwise."""
        named = [o for r in recipients for o in ("--rcpt", r)]
        return self.send(*options, *named, data=data or mail(to=recipients), **more)


def mail(sender=SENDER, to=(PARTICIPANT,), fields=(), body=b"ahoj\r\n"):
    head = ["From: " + sender, "To: " + ", ".join(to), "Subject: Zkouska", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def body_of(octets):
    return octets.split(b"\r\n\r\n", 1)[1]


def subject_is_ours(verdict):
    assert "CN=TRH" in verdict.signer, verdict.signer


# ---- answers at RCPT ------------------------------------------------------------

def test_rcpt(tap, rig):
    all_or_none = block("rule", "all", recipient=text("sef@ucastnik.example"), encrypt="required",
                        missing_certificate="refuse-all")
    daemon = Outbound(rig, SEAL + MUST + MAY + all_or_none, listeners={"work": {}, "guard": {"role": "guard"}})
    with tap.test("no certificate where one is required: 550 5.7.1 at RCPT, with the address; the others are served"):
        for options in ((), AUTHENTICATED):
            sent = daemon.to(PARTICIPANT, WITHOUT, options=options)
            assert sent.recipients[0] == "" and sent.recipients[1].startswith("550 5.7.1 "), sent
            assert WITHOUT in sent.recipients[1] and "certificate" in sent.recipients[1], sent
            assert sent.verdict == "accepted" and judges.smime_type(sent.data) == "enveloped-data", sent
    with tap.test("refuse-all: taken at RCPT, and the whole refused at the end"):
        sent = daemon.to(PARTICIPANT, "sef@ucastnik.example")
        assert sent.recipients == ["", ""], sent
        assert sent.text.startswith("550 5.7.1") and "sef@ucastnik.example" in sent.text, sent
    with tap.test("locally submitted: nobody is refused at RCPT, the whole is at the end"):
        sent = daemon.to(PARTICIPANT, WITHOUT, options=("--local",))
        assert sent.recipients == ["", ""], sent
        assert sent.text.startswith("550 5.7.1") and WITHOUT in sent.text, sent
    with tap.test("a stranger is refused nothing, and gets nothing"):
        sent = daemon.to(PARTICIPANT, WITHOUT, options=STRANGER)
        assert sent.recipients == ["", ""] and sent.passed_unsealed and body_of(sent.data) == b"ahoj\r\n", sent
    with tap.test("a guard refuses at the end, and no recipient alone"):
        sent = daemon.to(WITHOUT, listener="guard")
        assert sent.recipients == [""] and sent.text.startswith("550 5.7.1") and WITHOUT in sent.text, sent
    with tap.test("when-possible asks for nothing at RCPT"):
        sent = daemon.to(SOFT)
        assert sent.recipients == [""] and sent.is_sealed, sent
    with tap.test("unlike recipients of a client without login: 452 4.5.3 for the later ones"):
        sent = daemon.to(PARTICIPANT, OUTSIDE, SECOND, data=mail(to=(PARTICIPANT, SECOND)))
        assert [r[:9] for r in sent.recipients] == ["", "452 4.5.3", ""], sent
        assert len(judges.recipient_serials(rig, judges.der_of(sent.data))) == 2
        sent = daemon.to(OUTSIDE, PARTICIPANT)
        assert [r[:9] for r in sent.recipients] == ["", "452 4.5.3"] and sent.is_sealed, sent
    with tap.test("the null sender switches nothing off: 550 at RCPT, encrypted, not signed"):
        null = ("--from", "")
        assert daemon.to(WITHOUT, options=null).recipients[0].startswith("550 5.7.1")
        sent = daemon.to(PARTICIPANT, options=null)
        assert judges.smime_type(sent.data) == "enveloped-data", sent
        assert judges.smime_type(judges.OpenSSL(rig).decrypt(judges.der_of(sent.data), "participant")) == "text/plain"
        assert judges.smime_type(daemon.to(OUTSIDE, options=null).data) == "text/plain"
    daemon.stop()


def test_mixed(tap, rig):
    strictest = block("rule", "strictest", recipient_domain=text("vsem.example"), encrypt="required",
                      mixed="strictest")
    daemon = Outbound(rig, SEAL + MUST + strictest, certificates=("participant", "other-address"), top=(
        "cache-negative = 0"))
    with tap.test("mixed = refuse: a mail program's RCPTs are taken, the whole is refused with the addresses"):
        sent = daemon.to(PARTICIPANT, OUTSIDE, options=AUTHENTICATED)
        assert sent.recipients == ["", ""], sent
        assert sent.text.startswith("550 5.7.1") and PARTICIPANT in sent.text and OUTSIDE in sent.text, sent
    with tap.test("mixed = strictest: encrypted for all, or refused for all"):
        daemon.change(rules=SEAL + MUST.replace("encrypt", "mixed = strictest\n\tencrypt"))
        daemon.reload_and_wait()
        sent = daemon.to(PARTICIPANT, "nobody@elsewhere.example", options=AUTHENTICATED)
        assert len(judges.recipient_serials(rig, judges.der_of(sent.data))) == 2, sent
        sent = daemon.to(PARTICIPANT, OUTSIDE, options=AUTHENTICATED)
        assert sent.text.startswith("550 5.7.1") and OUTSIDE in sent.text, sent
    with tap.test("locally submitted: the strictest class wins"):
        sent = daemon.to(PARTICIPANT, "nobody@elsewhere.example", options=("--local",))
        assert len(judges.recipient_serials(rig, judges.der_of(sent.data))) == 2, sent
    daemon.stop()


def test_hidden(tap, rig):
    daemon = Outbound(rig)
    both = dict(options=AUTHENTICATED)
    with tap.test("a recipient that no field names is not encrypted together with others"):
        sent = daemon.to(PARTICIPANT, SECOND, data=mail(to=(PARTICIPANT,)), **both)
        assert sent.text.startswith("550 5.7.1") and SECOND in sent.text and "transport" in sent.text, sent
    with tap.test("To, Cc and Resent fields name, Bcc does not"):
        for fields, taken in ((["Cc: " + SECOND], True), (["Resent-To: " + SECOND], True),
                              (["Resent-Cc: <%s>" % SECOND.upper()], True), (["Bcc: " + SECOND], False)):
            sent = daemon.to(PARTICIPANT, SECOND, data=mail(to=(PARTICIPANT,), fields=fields), **both)
            assert (sent.verdict == "accepted") == taken, (fields, sent)
    with tap.test("alone it is encrypted"):
        assert daemon.to(SECOND, data=mail(to=(PARTICIPANT,)), **both).verdict == "accepted"
    with tap.test("reveal: all together, for those whose rule says so only"):
        reveal = block("rule", "reveal", recipient=text(PARTICIPANT), encrypt="required",
                       hidden_recipients="reveal")
        daemon.change(rules=SEAL + MUST + reveal)
        daemon.reload_and_wait()
        sent = daemon.to(PARTICIPANT, SECOND, data=mail(to=(SECOND,)), **both)
        assert len(judges.recipient_serials(rig, judges.der_of(sent.data))) == 2, sent
        sent = daemon.to(PARTICIPANT, SECOND, data=mail(to=(PARTICIPANT,)), **both)
        assert sent.text.startswith("550 5.7.1") and SECOND in sent.text, sent
    daemon.stop()


# ---- directories -------------------------------------------------------------------

class Hung:
    """Takes connections and never says anything."""

    def __init__(self, rig):
        port = free_port()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.uri = "ldap://127.0.0.1:%d/" % port
        rig.add(self)

    def stop(self):
        self.listener.close()


def ldap(*uris, **settings):
    return dict({"type": "ldap", "uri": "{ %s }" % ", ".join(text(u) for u in uris),
                 "base": text(Slapd.base)}, **settings)


def test_hung_directory(tap, rig):
    servers = [Hung(rig).uri for _ in range(3)]
    # One after the other, seven seconds each, would be longer than the scripted MTA waits.
    patience = ("--deadline", "18000")
    daemon = Outbound(rig, SEAL + MUST, directory=ldap(*servers, network_timeout=7, operation_timeout=7))
    with tap.test("three hung servers: 451 at RCPT within rcpt-deadline"):
        sent = daemon.to(PARTICIPANT, options=patience)
        assert sent.recipients[0].startswith("451 4.7.1"), sent
    with tap.test("locally submitted: 451 at the end, within it too"):
        sent = daemon.to(PARTICIPANT, SECOND, options=("--local", *patience))
        assert sent.recipients == ["", ""] and sent.text.startswith("451 4.7.1"), sent
    daemon.stop()


def test_logins(tap, rig):
    slapd = Slapd(rig)
    slapd.load("dn: cn=login,%s\nobjectClass: inetOrgPerson\ncn: login\nsn: login\nuid: jana\n"
               "mail: jana@trh.example\n" % slapd.base)
    daemon = Outbound(rig, SEAL, logins=None, directory=ldap(slapd.uri), top="cache-negative = 0\n")
    jana = "jana@trh.example"

    def say(sender, login):
        return daemon.to(OUTSIDE, options=("--from", sender, "--client", "198.51.100.7,4444", "--auth", login),
                         data=mail(sender=sender))
    with tap.test("no sender-login at all: no login may use the seal"):
        assert say(jana, "jana").text.startswith("550 5.7.1")
    daemon.change(top=daemon.top + 'sender-login-directory = "partners"')
    daemon.reload_and_wait()
    with tap.test("sender-login by LDAP: the login's own address and no other, no other's login"):
        assert say(jana, "jana").is_sealed
        for sender, login in ((SENDER, "jana"), (jana, "petr"), (jana, "*"), (jana, "jana)(uid=*")):
            sent = say(sender, login)
            assert sent.text.startswith("550 5.7.1") and sender in sent.text, (sender, login, sent)
    with tap.test("the directory is away: 451, neither yes nor no"):
        slapd.stop()
        assert say(jana, "jana").text.startswith("451 4.7.1")
    with tap.test("any-login = yes: nobody is asked"):
        daemon.change(rules=SEAL.replace("sign", "any-login = yes\n\tsign"))
        daemon.reload_and_wait()
        assert say(jana, "petr").is_sealed
    with tap.test("a recipient whose rule lets any login sign does not open the seal of the others' rule"):
        free = block("rule", "free", recipient=text(OUTSIDE), sender_domain=text("trh.example"), sign=text("seal"), any_login="yes")
        daemon.change(rules=SEAL + free)
        daemon.reload_and_wait()
        assert say(jana, "petr").is_sealed
        for recipients in ((OUTSIDE, "x@jinde.example"), ("x@jinde.example", OUTSIDE)):
            sent = daemon.to(*recipients, options=("--client", "198.51.100.7,4444", "--auth", "petr"))
            assert sent.verdict == "replied" and sent.text[:3] in ("451", "550"), sent
    daemon.stop()


# ---- who gets the seal -----------------------------------------------------------------

def test_who(tap, rig):
    key = rig.write("trace.key", os.urandom(32), 0o600)
    shutil.chown(key, GATE_USER)
    daemon = Outbound(rig, SEAL + MUST, listeners={"work": {}, "inbound": {"direction": "inbound"}},
                      top='trace-key-file = %s' % text(key))
    inside = mail(to=(OUTSIDE,))
    with tap.test("outside mail gets a mark, and when an inside server sends it out again, no seal"):
        came = daemon.to(OUTSIDE, data=inside, listener="inbound")
        assert came.passed_unsealed and came.data.count(b"X-Seal-Trace:") == 1, came.data
        out = daemon.to(OUTSIDE, options=("--queue-id", "4Trace"), data=came.data)
        assert out.passed_unsealed and daemon.lines("4Trace:", 'unsigned="came in from outside"'), out
    with tap.test("it is encrypted all the same"):
        out = daemon.to(PARTICIPANT, data=came.data.replace(OUTSIDE.encode(), PARTICIPANT.encode()))
        assert judges.smime_type(out.data) == "enveloped-data", out
    with tap.test("marks that it brings along are taken away, those that are ours too"):
        again = daemon.to(OUTSIDE, data=came.data.replace(b"Subject:", b"x-seal-trace: v=1; h=00\r\nSubject:"),
                          listener="inbound")
        assert again.data.lower().count(b"x-seal-trace:") == 1, again.data
    with tap.test("a mark by another key, or altered, marks nothing: our own mail is sealed"):
        value = re.search(rb"X-Seal-Trace: ([^;]*; t=\d+; n=[0-9a-f]+;\s+h=[0-9a-f]+)", came.data).group(1)
        altered = value[:-1] + (b"0" if value[-1:] != b"0" else b"1")
        for forged in (altered, re.sub(rb"t=\d", b"t=9", value), b"v=1; t=1795420800; n=00; h=" + b"00" * 32):
            sent = daemon.to(OUTSIDE, data=inside.replace(b"Subject:", b"X-Seal-Trace: " + forged + b"\r\nSubject:"))
            assert sent.is_sealed, forged
    with tap.test("originating-daemons: mail by another of the MTA's daemons is not our own"):
        daemon.change(top=daemon.top + '\noriginating-daemons = { submission }')
        daemon.reload_and_wait()
        assert daemon.to(OUTSIDE, options=("--daemon", "submission")).is_sealed
        assert daemon.to(OUTSIDE, options=("--daemon", "smtpd")).passed_unsealed
        assert daemon.to(OUTSIDE, options=("--daemon", "smtpd", *AUTHENTICATED)).passed_unsealed
        assert daemon.to(OUTSIDE, options=("--daemon", "submission", *AUTHENTICATED)).is_sealed
    daemon.stop()


# ---- what is protected already -----------------------------------------------------------

def users_own(rig, content, opaque=False):
    """A message that its user has signed himself, as openssl writes it."""
    source = rig.write("own.txt", content)
    der = rig.run("openssl", "cms", "-sign", "-binary", "-in", source, "-outform", "DER", "-md", "sha256",
                  "-cades", "-certfile", rig.pki()["qualified.crt"], "-signer", rig.pki()["participant-sign.crt"], "-inkey", rig.pki()["participant-sign.key"],
                  *(["-nodetach"] if opaque else [])).stdout
    encoded = rig.run("openssl", "base64", data=der).stdout.replace(b"\n", b"\r\n")
    if opaque:
        return mail(to=(OUTSIDE,), body=encoded, fields=[
            "MIME-Version: 1.0", "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
            "Content-Transfer-Encoding: base64"])
    body = (b"--own\r\n" + content + b"\r\n--own\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded + b"\r\n--own--\r\n")
    return mail(to=(OUTSIDE,), body=body, fields=[
        "MIME-Version: 1.0", 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; '
        'micalg=sha-256; boundary="own"'])


def test_protected(tap, rig):
    openssl = judges.OpenSSL(rig)
    wraps = block("rule", "wrap", sender=text("obal@trh.example"), sign=text("seal"), already_protected="wrap")
    daemon = Outbound(rig, SEAL + MUST + wraps)
    content = b"Content-Type: text/plain\r\n\r\nJa sama.\r\n"
    eight_bit = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nJá sama. \r\n".encode()
    wrap = ("--from", "obal@trh.example")
    for name, own in (("clear", users_own(rig, content)), ("opaque", users_own(rig, content, True)),
                      ("clear over 8-bit", users_own(rig, eight_bit))):
        with tap.test("a user's own signature (%s) is kept, octet for octet" % name):
            sent = daemon.to(OUTSIDE, data=own)
            assert sent.verdict == "accepted" and body_of(sent.data) == body_of(own), sent
            assert "CN=Ing. Jana" in openssl.verify(sent.data).signer
        with tap.test("wrapped (%s): the seal is around it, and it still verifies" % name):
            sent = daemon.to(OUTSIDE, options=wrap, data=own.replace(SENDER.encode(), b"obal@trh.example"))
            outer = openssl.verify(sent.data)
            subject_is_ours(outer)
            assert "CN=Ing. Jana" in openssl.verify(outer.content).signer
            opaque = judges.smime_type(sent.data) == "signed-data"
            assert opaque == (name == "clear over 8-bit"), judges.smime_type(sent.data)
        with tap.test("encrypted where required (%s): the user's signature is inside, untouched" % name):
            sent = daemon.to(PARTICIPANT, data=own)
            assert "CN=Ing. Jana" in openssl.open(sent.data, "participant").signer
    with tap.test("the log says why an opaque form was taken"):
        assert daemon.lines("opaque-because=")
    with tap.test("an envelope of the user's own meets encrypt, and is sealed around"):
        der = rig.run("openssl", "cms", "-encrypt", "-binary", "-aes256", "-outform", "DER",
                      rig.pki()["participant.crt"], data=content).stdout
        encoded = rig.run("openssl", "base64", data=der).stdout.replace(b"\n", b"\r\n")
        own = mail(body=encoded, fields=[
            "MIME-Version: 1.0", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
            "Content-Transfer-Encoding: base64"])
        outer = openssl.verify(daemon.to(PARTICIPANT, data=own).data)
        subject_is_ours(outer)
        assert judges.der_of(outer.content) == der
    with tap.test("fakes are encrypted: a p7m that is none, a multipart/encrypted that is none"):
        for kind in ("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
                     'multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"'):
            fake = mail(fields=["MIME-Version: 1.0", "Content-Type: " + kind], body=b"--b\r\n\r\nvelmi tajny text zpravy\r\n--b--\r\n")
            sent = daemon.to(PARTICIPANT, data=fake)
            assert sent.verdict == "accepted" and not judges.is_clear(sent.data, "velmi tajny text zpravy"), (kind, sent, sent.data)
            subject_is_ours(openssl.open(sent.data, "participant"))
    daemon.stop()


def test_not_twice(tap, rig):
    # Whoever else's signature would be wrapped.
    wraps = SEAL.replace("sign", "already-protected = wrap\n\tsign")
    opaque = block("rule", "opaque", sender=text("obal@trh.example"), sign=text("seal"), form="opaque",
                   already_protected="wrap")
    daemon = Outbound(rig, wraps + opaque + MUST)
    for name, sender, recipient in (("clear", SENDER, OUTSIDE), ("opaque", "obal@trh.example", OUTSIDE),
                                    ("sealed and encrypted", SENDER, PARTICIPANT)):
        with tap.test("our own output is not sealed twice: " + name):
            options = ("--from", sender)
            first = daemon.to(recipient, options=options, data=mail(sender=sender, to=(recipient,)))
            assert first.verdict == "accepted" and b"pkcs7" in first.data, first
            again = daemon.to(recipient, options=options, data=first.data)
            assert again.verdict == "accepted" and again.data == first.data, again.data[:2000]
        with tap.test("nor by a gate that was started since: " + name):
            count = len(daemon.lines("gate", "is up again"))
            daemon.kill("gate")
            daemon.wait_log("gate", "is up again", count=count + 1)
            again = daemon.to(recipient, options=options, data=first.data)
            assert again.verdict == "accepted" and again.data == first.data, again.data[:2000]
    with tap.test("who copies our seal onto another text does not pass as sealed"):
        first = daemon.to(OUTSIDE)
        forged = first.data.replace(b"ahoj", b"ahoy")
        sent = daemon.to(OUTSIDE, data=forged)
        assert body_of(sent.data) != body_of(forged), sent.data
        subject_is_ours(judges.OpenSSL(rig).verify(sent.data))
    daemon.stop()


# ---- algorithms -----------------------------------------------------------------------

SIGNATURES = ( # signer, settings, what "openssl cms -cmsout -print" shows
    ("seal", {"digest": "sha256"}, ("sha256", "rsaEncryption", 'micalg="sha-256"')),
    ("seal", {"digest": "sha384"}, ("sha384", "rsaEncryption", 'micalg="sha-384"')),
    ("seal", {"digest": "sha512"}, ("sha512", "rsaEncryption", 'micalg="sha-512"')),
    ("seal", {"digest": "sha512", "rsa_signature": "pss"}, ("sha512", "rsassaPss", 'micalg="sha-512"')),
    ("seal-ec256", {"digest": "sha256"}, ("sha256", "ecdsa-with-SHA256", 'micalg="sha-256"')),
    ("seal-ec384", {"digest": "sha384"}, ("sha384", "ecdsa-with-SHA384", 'micalg="sha-384"')),
    ("seal-ec521", {"digest": "sha512"}, ("sha512", "ecdsa-with-SHA512", 'micalg="sha-512"')),
)
ENVELOPES = ( # certificate, settings, shown
    ("participant", {"cipher": "aes128-cbc"}, ("pkcs7-envelopedData", "aes-128-cbc", "rsaEncryption")),
    ("participant", {"cipher": "aes256-cbc"}, ("pkcs7-envelopedData", "aes-256-cbc", "rsaEncryption")),
    ("participant", {"cipher": "aes128-gcm"}, ("id-smime-ct-authEnvelopedData", "aes-128-gcm", "rsaEncryption")),
    ("participant", {"cipher": "aes256-gcm", "rsa_transport": "oaep"},
     ("id-smime-ct-authEnvelopedData", "aes-256-gcm", "rsaesOaep")),
    ("ec256", {"cipher": "aes128-gcm"}, ("dhSinglePass-stdDH-sha256kdf-scheme", "id-aes128-wrap")),
    ("ec384", {"cipher": "aes256-cbc"}, ("dhSinglePass-stdDH-sha384kdf-scheme", "id-aes256-wrap")),
    ("ec521", {"cipher": "aes256-gcm"}, ("dhSinglePass-stdDH-sha512kdf-scheme", "id-aes256-wrap")),
)
ADDRESSES = {"participant": PARTICIPANT}


def address_of(name):
    return ADDRESSES.get(name, name + "@ucastnik.example")


def algorithm_rules():
    rules = [block("rule", "sign %d" % i, sender=text("s%d@trh.example" % i), sign=text(signer), any_login="yes", **s)
             for i, (signer, s, _) in enumerate(SIGNATURES)]
    rules += [block("rule", "encrypt %d" % i, recipient=text(address_of(name)), sender=text("e%d@trh.example" % i),
                    encrypt="required", **s)
              for i, (name, s, _) in enumerate(ENVELOPES)]
    return "".join(rules)


def test_algorithms(tap, rig):
    daemon = Outbound(rig, algorithm_rules(), certificates=("participant", "ec256", "ec384", "ec521"),
                      signers=sorted({s for s, _, _ in SIGNATURES}))
    openssl = judges.OpenSSL(rig)
    for i, (signer, settings, shown) in enumerate(SIGNATURES):
        with tap.test("signed by %s: %s" % (signer, ", ".join(settings.values()))):
            sender = "s%d@trh.example" % i
            sent = daemon.to(OUTSIDE, options=("--from", sender), data=mail(sender=sender, to=(OUTSIDE,)))
            signature = judges.split_signed(sent.data)[1]
            told = judges.structure(rig, signature) + sent.data.decode()
            for word in shown:
                assert word in told, (word, told)
            subject_is_ours(openssl.verify(sent.data))
    for word in ("signingTime", "id-smime-aa-signingCertificateV2", "S/MIME Capabilities"):
        with tap.test("the signature says " + word):
            assert word in told, told
    with tap.test("the capabilities name no weak cipher"):
        capabilities = told.partition("S/MIME Capabilities")[2].partition("signatureAlgorithm")[0]
        assert "aes-256-gcm" in capabilities or "2.16.840.1.101.3.4.1.46" in capabilities, capabilities
        for weak in ("rc2", "des-", "des3", "ede3"):
            assert weak not in capabilities.lower(), capabilities
    with tap.test("the chain is included"):
        certificates = rig.run("openssl", "pkcs7", "-inform", "DER", "-print_certs", data=signature).stdout.decode()
        assert certificates.count("BEGIN CERTIFICATE") == 2 and "Qualified CA" in certificates, certificates
    for i, (name, settings, shown) in enumerate(ENVELOPES):
        with tap.test("encrypted for %s: %s" % (name, ", ".join(settings.values()))):
            sender, recipient = "e%d@trh.example" % i, address_of(name)
            sent = daemon.to(recipient, options=("--from", sender), data=mail(sender=sender, to=(recipient,)))
            der = judges.der_of(sent.data)
            told = judges.structure(rig, der)
            for word in shown:
                assert word.lower() in told.lower(), (word, told)
            assert b"ahoj" in openssl.decrypt(der, name)
            kind = "authEnveloped-data" if "gcm" in settings["cipher"] else "enveloped-data"
            assert judges.smime_type(sent.data) == kind, judges.smime_type(sent.data)
    daemon.stop()


def test_recipients(tap, rig):
    archive = block("rule", "archived", recipient_domain=text("ucastnik.example"), encrypt="required",
                    also_encrypt_to=text(rig.pki()["archive.crt"]), encrypt_to="all-suitable")
    daemon = Outbound(rig, SEAL + archive, certificates=("participant", "participant-noaddress", "other-address"),
                      directory={"binds_address": "yes"})
    openssl = judges.OpenSSL(rig)
    with tap.test("also-encrypt-to: the archive opens it too"):
        der = judges.der_of(daemon.to(PARTICIPANT).data)
        for who in ("participant", "archive"):
            subject_is_ours(openssl.verify(openssl.decrypt(der, who)))
        assert judges.recipient_count(rig, der) == 2, judges.structure(rig, der)
    with tap.test("encrypt-to = all-suitable: every certificate of his"):
        two = rig.pki().bytes("participant-noaddress.crt") + rig.pki().bytes("ec256-noaddress.crt")
        rig.write(os.path.join("seal.certificates", "dva@ucastnik.example.pem"), two)
        der = judges.der_of(daemon.to("dva@ucastnik.example").data)
        for who in ("participant-noaddress", "ec256-noaddress", "archive"):
            subject_is_ours(openssl.verify(openssl.decrypt(der, who)))
        assert judges.recipient_count(rig, der) == 3, judges.structure(rig, der)
    daemon.stop()


# ---- names, and what the log says ----------------------------------------------------------

def test_international(tap, rig):
    domain = "účastník.example"
    daemon = Outbound(rig, SEAL + block("rule", "idn", recipient_domain=text(domain), encrypt="required",
                                        sender_domain=text("trh.example")) +
                      block("rule", "vlastní", sender=text("zprávy@trh.example"), sign=text("seal")),
                      certificates=(), directory={"binds_address": "yes"})
    recipient = "účtárna@" + domain
    shutil.copy(rig.pki()["participant-noaddress.crt"], os.path.join(daemon.certificates, recipient + ".pem"))
    options = ("--param", "SMTPUTF8", "--from", "zprávy@trh.example")
    with tap.test("internationalised sender and recipient: sealed, encrypted, and addresses unchanged"):
        sent = daemon.to(recipient, options=options, data=mail(sender="Zprávy <zprávy@trh.example>", to=(recipient,)))
        assert sent.verdict == "accepted", sent
        subject_is_ours(judges.OpenSSL(rig).open(sent.data, "participant-noaddress"))
        assert ("To: " + recipient).encode() in sent.data and "Zprávy <zprávy@".encode() in sent.data
    with tap.test("its A-label means the same domain"):
        ascii_domain = domain.encode("idna").decode()
        sent = daemon.to("účtárna@" + ascii_domain, options=options, data=mail(sender="zprávy@trh.example"))
        assert judges.smime_type(sent.data) == "enveloped-data", sent
    with tap.test("one without a certificate is refused, by his address"):
        sent = daemon.to("nikdo@" + domain, options=options)
        assert sent.recipients[0].startswith("550 5.7.1") and "nikdo@" + domain in sent.recipients[0], sent
    daemon.stop()


def test_log(tap, rig):
    daemon = Outbound(rig, certificates=("participant", "second", "expired", "wrong-usage"))
    with tap.test("one line a message: queue id first, then who, rule, signer, certificate, time"):
        daemon.to(PARTICIPANT, options=("--queue-id", "4Line"))
        line, = daemon.lines("4Line: sealed")
        assert re.match(r"sealmilter\[\d+\]: 4Line: sealed ", line), line
        for word in ("direction=outbound", "rule=seal", "signer=seal", "to=" + PARTICIPANT, "encrypt-rule=must"):
            assert word in line, (word, line)
        assert re.search(r'certificate="[^"]*CN=[^"]*, serial [0-9A-Fa-f:]+, expires \d{4}-\d\d-\d\d', line), line
        assert re.search(r" ms=\d+\.\d$", line), line
    with tap.test("why a recipient has no certificate, and why each that was found is refused"):
        for name, why in (("expired", "expired"), ("wrong-usage", "key usage")):
            daemon.to(name + "@ucastnik.example", options=("--local", "--queue-id", "4No" + name))
            line, = daemon.lines("4No%s: refused" % name)
            assert "no-certificate=" in line, line
            line, = daemon.lines("4No%s: certificate-refused" % name)
            assert why in line and "serial " in line and "expires " in line, line
    with tap.test("neither text nor subject stands in it"):
        daemon.to(OUTSIDE, data=mail(body=b"velmi tajne\r\n").replace(b"Zkouska", b"Predmet"))
        assert "tajne" not in daemon.log() and "Predmet" not in daemon.log()
    with tap.test("control characters are escaped, whoever sends them"):
        nasty = "zly\x1b[31m\x07@trh.example"
        daemon.to(OUTSIDE, options=("--from", nasty, "--queue-id", "4Esc\x1b[2J"),
                  data=mail(sender="a\x7f\x0b\x1b[1m@trh.example"))
        daemon.to("b\x1b]0;x\x07@ucastnik.example", options=AUTHENTICATED + ("--auth", "log\x1b[in"))
        assert daemon.lines("\\x1b[31m"), daemon.log()[-2000:]
        found = re.search(r"[\x00-\x08\x0b-\x1f\x7f]", daemon.log())
        assert not found, daemon.log()[found.start() - 200:][:400]
    daemon.stop()


# ---- keys ---------------------------------------------------------------------------------

class Encrypted(Outbound):
    """The key is PEM with a pass phrase."""

    def signer(self, name):
        pki = self.rig.pki()
        return {"key": text(self.key_of(pki["seal.enc.key"])), "certificate": text(pki["seal.pem"]),
                "pass-phrase-file": text(self.key_of(pki["seal.pass"]))}


class Pkcs12(Outbound):
    """Key, certificate and chain in one file with a pass phrase."""

    def signer(self, name):
        pki = self.rig.pki()
        return {"key": text(self.key_of(pki["seal.p12"])), "pass-phrase-file": text(self.key_of(pki["seal.pass"]))}


def scan(rig, pid, key):
    """Name of secret -> how often it is in the process' memory."""
    tool = os.path.join(os.environ.get("top_builddir", "."), "t/unit/memory_scan")
    told = rig.run(tool, pid, key, rig.pki()["seal.pass"]).stdout.decode().splitlines()
    return {name: int(hits) for hits, name in (line.split(" ", 1) for line in told[:-1])}


def test_keys(tap, rig):
    for name, kind, key in (("a plain PEM key", Outbound, "seal.key"), ("an encrypted one", Encrypted, "seal.enc.key"),
                            ("PKCS#12", Pkcs12, "seal.p12")):
        daemon = kind(rig, name="keys-" + key)
        for _ in range(5):
            assert daemon.to(PARTICIPANT).verdict == "accepted" and daemon.to(OUTSIDE).is_sealed
        daemon.reload_and_wait()
        assert daemon.to(OUTSIDE).is_sealed
        # The plain key names the same numbers; the encrypted file's own text is looked for too.
        for file in sorted({"seal.key"} | ({key} if kind is Outbound else set())):
            with tap.test("%s: gate and supervisor hold nothing of it" % name):
                for role in ("gate", "supervisor"):
                    for pid in daemon.pids_of(role):
                        found = scan(rig, pid, rig.pki()[file])
                        assert len(found) >= 14 and not any(found.values()), (role, found)
            with tap.test("%s: the same look finds it in keeper" % name):
                found = scan(rig, daemon.pids_of("keeper")[0], rig.pki()[file])
                for number in ("p", "q", "d"):
                    assert any(hits for n, hits in found.items() if re.match(number + r"\b", n)), (number, found)
        daemon.stop()
    with tap.test("a pass-phrase file that others can read: it does not start, and says so"):
        daemon = Encrypted(rig, name="loose", start=False)
        os.chmod(os.path.join(daemon.folder, "seal.pass"), 0o640)
        done = rig.run(program("sealmilter"), "-f", "-c", daemon.config, check=False, deadline=DEADLINE)
        assert done.returncode == 2 and b"seal.pass" in done.stderr, done


def test_expiry(tap, rig):
    for name, word in (("seal-ending", "expires on"), ("seal-expired", "expired on"), ("seal-future", "not valid before")):
        daemon = Outbound(rig, SEAL, signers=("seal",), name=name, start=False)
        daemon.rules = SEAL.replace('"seal"\n}', '"%s"\n}' % name)
        daemon.signers = (name,)
        daemon.change()
        daemon.start()
        with tap.test("%s: warned of at start, with its serial number" % name):
            line = daemon.wait_log("seal-certificate", word)[0]
            assert "signer=" + name in line and "serial=" in line, line
        if name == "seal-ending":
            with tap.test("and it signs"):
                assert daemon.to(OUTSIDE).is_sealed
        else:
            with tap.test("%s: never signs, 451 4.7.1, and the log says so" % name):
                sent = daemon.to(OUTSIDE, options=("--queue-id", "4Expired"))
                assert sent.text.startswith("451 4.7.1"), sent
                line, = daemon.lines("4Expired: deferred")
                assert "valid" in line or "expired" in line, line
        daemon.stop()


def main():
    tap = Tap()
    tests = (test_rcpt, test_mixed, test_hidden, test_hung_directory, test_logins, test_who, test_protected,
             test_not_twice, test_algorithms, test_recipients, test_international, test_log, test_keys, test_expiry)
    chosen = sys.argv[1:]
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        with tap.section(test.__name__ + ": servers start, and end"):
            with Rig() as rig:
                test(tap, rig)
                rig.stop_all()
                reports = sanitizer_reports(rig)
                tap.ok(not reports, "%s: no sanitizer had anything to say" % test.__name__, "".join(reports)[:8000])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
