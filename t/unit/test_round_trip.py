#!/usr/bin/env python3
"""Everything that can be sealed here can be opened here: each form, digest and signature
with each cipher and key, sealed by one organisation's sealctl and opened by another's."""

import email
import email.policy
import os
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.base import Rig  # noqa: E402
from rig.gateway import block, program, text  # noqa: E402
from rig.pki import PARTICIPANT, SENDER  # noqa: E402
from rig.tap import Tap  # noqa: E402

FORMS = ("clear", "opaque")
DIGESTS = ("sha256", "sha384", "sha512")
CIPHERS = ("aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm")
EC_SEALS = ("seal-ec256", "seal-ec384", "seal-ec521")
EC_RECIPIENTS = ("ec256", "ec384", "ec521")
RECIPIENTS = ("participant",) + EC_RECIPIENTS
DOMAIN = "ucastnik.example"
ATTACHMENT = bytes(range(256)) * 8
TEXT = "Dobrý den,\n\ntajemství trhu: nabídka 12,5 MWh.\n\nFrom dawn till dusk.\n.\n" + "x" * 1500 + "\n"


def signatures():
    """Settings of the sealing rule; empty: not signed."""
    yield "", {}
    for form in FORMS:
        for digest in DIGESTS:
            for padding in ("pkcs1", "pss"):
                yield "seal", {"form": form, "digest": digest, "rsa-signature": padding}
        for seal in EC_SEALS:
            yield seal, {"form": form}


def envelopes():
    """The recipient's certificate and settings of the encrypting rule; empty: not encrypted."""
    yield "", {}
    for cipher in CIPHERS:
        for transport in ("pkcs1", "oaep"):
            yield "participant", {"cipher": cipher, "rsa-transport": transport}
        for recipient in EC_RECIPIENTS:
            yield recipient, {"cipher": cipher}


def message(sender, recipient):
    m = email.message.EmailMessage(policy=email.policy.SMTP.clone(cte_type="8bit"))
    m["From"], m["To"], m["Subject"], m["Message-ID"] = sender, recipient, "Zkouska", "<round@trh.example>"
    m.set_content(TEXT, cte="8bit")
    m.add_attachment(ATTACHMENT, "application", "octet-stream", filename="údaje.bin")
    return m.as_bytes()


class Sides:
    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        rig.make_folder("sides")
        self.certificates = rig.make_folder("sides", "certificates")
        for name in RECIPIENTS:
            rig.write("sides/certificates/%s.pem" % name, self.pki.bytes(name + ".crt"))
        self.opening = self.opening_configuration()

    def settings(self, **values):
        return {name.replace("-", "_"): text(value) for name, value in values.items()}

    def sealing(self, seal, sign, recipient, encrypt):
        top = 'run-directory = %s\nanchors = %s\nintermediates = %s\n' % tuple(
            text(p) for p in (self.rig.path("sides"), self.pki["anchors.pem"], self.pki["intermediates.pem"]))
        parts = [top, block("listener", "work", socket=text("unix:%s" % self.rig.path("sides/out")))]
        rules = {}
        if seal:
            parts.append(block("signer", "seal", **self.settings(
                key=self.pki[seal + ".key"], certificate=self.pki[seal + ".pem"])))
            rules.update(self.settings(sign="seal", sender=SENDER, **sign))
        if recipient:
            parts.append(block("directory", "partners", **self.settings(type="files", path=self.certificates)))
            rules.update(self.settings(encrypt="required", **encrypt))
        return self.rig.write("sides/sealing.conf", "\n".join(parts + [block("rule", "all", **rules)]))

    def opening_configuration(self):
        parts = ["inbound-domains = %s\nauthserv-id = mx.%s\nrun-directory = %s\n" % (
            DOMAIN, DOMAIN, text(self.rig.path("sides"))),
            block("listener", "in", socket=text("unix:%s" % self.rig.path("sides/in")), direction="inbound"),
            block("trust", "seals", anchors=text(self.pki["root.crt"]))]
        for name in RECIPIENTS:
            parts.append(block("decryption-key", name, **self.settings(
                key=self.pki[name + ".key"], certificate=self.pki[name + ".crt"], **{"for": DOMAIN})))
        return self.rig.write("sides/opening.conf", "\n".join(parts))

    def sealctl(self, config, *arguments):
        done = self.rig.run(program("sealctl"), "-c", config, *arguments, check=False)
        assert done.returncode == 0, "%s: status %d: %s" % (arguments, done.returncode, done.stderr.decode())
        return done.stdout


def same(octets):
    """What the reader sees: the text and the attachment."""
    m = email.message_from_bytes(octets, policy=email.policy.default)
    parts = [p for p in m.walk() if not p.is_multipart() and p.get_content_type() != "application/pkcs7-signature"]
    assert [p.get_content_type() for p in parts] == ["text/plain", "application/octet-stream"], octets[:3000]
    assert parts[0].get_content().replace("\r\n", "\n") == TEXT, "another text: %r" % parts[0].get_content()[:300]
    assert parts[1].get_content() == ATTACHMENT and parts[1].get_filename() == "údaje.bin", parts[1].get_filename()
    return m


def main():
    tap = Tap()
    with Rig() as rig:
        sides = Sides(rig)
        for recipient, encrypt in envelopes():
            for seal, sign in signatures():
                if not seal and not recipient:
                    continue
                name = " ".join([seal or "unsigned", *sign.values(), "to", recipient or "nobody", *encrypt.values()])
                with tap.test(name):
                    to = "%s@%s" % (recipient, DOMAIN) if recipient in EC_RECIPIENTS else PARTICIPANT
                    config = sides.sealing(seal, sign, recipient, encrypt)
                    plain = rig.write("sides/plain.eml", message(SENDER, to))
                    sealed = sides.sealctl(config, "--from", SENDER, "--to", to, "seal", plain)
                    assert "Tajemství".encode() not in sealed
                    opened = sides.sealctl(sides.opening, "--from", SENDER, "--to", to, "open",
                                           rig.write("sides/sealed.eml", sealed))
                    told = same(opened)["Authentication-Results"]
                    assert ("smime=pass" if seal else "smime=none") in told, told
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
