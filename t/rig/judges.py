"""Other people's S/MIME software, asked for its verdict on what arrived.

Each judge opens the message as the recipient does and returns a Verdict, or
raises Problem with what the software said. The three share no code with each
other nor (openssl apart) with sealmilter.
"""

import base64
import email
import email.policy
import quopri
import re
from dataclasses import dataclass

from .base import Problem, environment_path

PKCS7_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")


@dataclass
class Verdict:
    content: bytes   # the innermost MIME entity, as its signer signed it
    signer: str      # the signer's subject, as the software prints it


# ---- structure ----------------------------------------------------------------

def parse(octets):
    return email.message_from_bytes(octets, policy=email.policy.compat32)


def smime_type(octets):
    """What a message claims to be: "enveloped-data", "authEnveloped-data",
    "signed-data", "multipart/signed", or its media type in lower case."""
    message = parse(octets)
    kind = message.get_content_type()
    return (message.get_param("smime-type") or kind) if kind in PKCS7_TYPES else kind


def der_of(octets):
    """The CMS octets of a message whose root is application/pkcs7-mime."""
    message = parse(octets)
    if message.get_content_type() not in PKCS7_TYPES:
        raise Problem("not application/pkcs7-mime but " + message.get_content_type())
    return message.get_payload(decode=True)


def structure(rig, der):
    """CMS structure as "openssl cms -cmsout -print" tells it."""
    return rig.run("openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER",
                   data=der).stdout.decode("utf-8", "replace")


def content_type(rig, der):
    """The outermost ContentInfo's type, e.g. "pkcs7-envelopedData"."""
    found = re.search(r"contentType: (\S+)", structure(rig, der))
    if not found:
        raise Problem("no contentType in the CMS structure")
    return found.group(1)


def recipient_count(rig, der):
    """The number of RecipientInfos, of whichever kind."""
    return len(re.findall(r"d\.(?:ktri|kari|kekri|pwri|ori):", structure(rig, der)))


def recipient_serials(rig, der):
    """Serial numbers (int) that the RecipientInfos name."""
    serials = re.findall(r"serialNumber: (?:0x)?([0-9A-Fa-f]+)",
                         structure(rig, der).partition("encryptedContentInfo")[0])
    return [int(s, 16) if not s.isdigit() or len(s) > 19 else int(s) for s in serials]


def body_text(entity):
    """The first text part of a MIME entity, decoded."""
    message = parse(entity)
    for part in message.walk():
        if part.get_content_maintype() == "text":
            return part.get_payload(decode=True).decode(part.get_content_charset() or "ascii")
    raise Problem("no text part in:\n" + entity[:500].decode("utf-8", "replace"))


def clear_forms(mark):
    """How a text that must not leave may look in a mail: the encoded forms too."""
    raw = mark.encode()
    forms = {raw, quopri.encodestring(raw), quopri.encodestring(raw).replace(b"=20", b" ")}
    for shift in range(3):
        # The part of base64 that is the same whatever stands before and after.
        encoded = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        forms.add(encoded[4 if shift else 0:-3])
    return forms


def is_clear(octets, mark):
    """Can mark be read in the message without any key?"""
    joined = octets.replace(b"\r\n", b"").replace(b"\n", b"")
    return any(form in octets or form in joined for form in clear_forms(mark))


def split_signed(octets):
    """(signed entity's exact octets, CMS octets) of a multipart/signed entity."""
    message = parse(octets)
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/signed" or not boundary:
        raise Problem("not multipart/signed but " + message.get_content_type())
    delimiter = b"\r\n--" + boundary.encode()
    parts = (b"\r\n" + octets.partition(b"\r\n\r\n")[2]).split(delimiter)
    if len(parts) != 4 or not parts[3].startswith(b"--"):
        raise Problem("multipart/signed has %d parts" % (len(parts) - 2))
    signed = parts[1].partition(b"\r\n")[2]
    signature = email.message_from_bytes(parts[2].partition(b"\r\n")[2])
    return signed, signature.get_payload(decode=True)


# ---- the judges -----------------------------------------------------------------

class Judge:
    """decrypt(der, who) -> entity octets; verify(entity octets) -> Verdict. who
    is the name in the PKI of the recipient's certificate and key."""

    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self._count = 0

    def open(self, octets, who):
        """Decrypts a whole message as who, and verifies what is in it."""
        return self.verify(self.decrypt(der_of(octets), who))

    def verify(self, entity):
        if parse(entity).get_content_type() == "multipart/signed":
            content, der = split_signed(entity)
            return Verdict(content, self.verify_detached(der, content))
        return self.verify_opaque(der_of(entity))

    def _file(self, kind, octets):
        self._count += 1
        return self.rig.write("%s.%d.%s" % (type(self).__name__, self._count, kind), octets)


class OpenSSL(Judge):
    def decrypt(self, der, who):
        return self.rig.run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER",
                            "-in", self._file("p7m", der), "-recip", self.pki[who + ".crt"],
                            "-inkey", self.pki[who + ".key"]).stdout

    def verify_detached(self, der, content):
        return self._verify(der, "-content", self._file("txt", content))[1]

    def verify_opaque(self, der):
        content, signer = self._verify(der)
        return Verdict(content, signer)

    def _verify(self, der, *options):
        signer = self.rig.path("openssl.signer.pem")
        done = self.rig.run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-cades",
                            "-in", self._file("p7s", der), "-CAfile", self.pki["anchors.pem"],
                            "-purpose", "any", "-signer", signer, *options)
        subject = self.rig.run("openssl", "x509", "-in", signer, "-noout", "-subject",
                               "-nameopt", "RFC2253,-esc_msb").stdout.decode().strip()
        return done.stdout, subject.partition("=")[2]


class GnuPG(Judge):
    """gpgsm with a home of its own: our root trusted, no CRLs asked for."""

    def __init__(self, rig, keys=("participant", "second")):
        super().__init__(rig)
        self.home = rig.make_folder("gnupg", mode=0o700)
        self.environment = environment_path()
        self.environment["GNUPGHOME"] = self.home
        fingerprint = rig.run("openssl", "x509", "-in", self.pki["root.crt"], "-noout",
                              "-fingerprint", "-sha1").stdout.decode().strip().partition("=")[2]
        rig.write("gnupg/trustlist.txt", fingerprint + " S relax\n")
        rig.write("gnupg/gpgsm.conf", "disable-crl-checks\ndisable-dirmngr\nbatch\nno-tty\n")
        rig.write("gnupg/gpg-agent.conf", "allow-loopback-pinentry\n")
        rig.add(self)
        for name in ("root.crt", "qualified.crt", "commercial.crt"):
            self._gpgsm("--import", self.pki[name])
        for name in keys:
            self._import_key(name)

    def _import_key(self, name):
        """gpgsm 2.2 cannot read about one PKCS#12 file in a hundred, which is a
        matter of the salt: such a one is made anew."""
        file = self.pki[name + ".p12"]
        for attempt in range(5):
            try:
                self._gpgsm("--pinentry-mode", "loopback", "--passphrase-fd", "0", "--import", file,
                            data=self.pki.bytes("p12.pass"))
                return
            except Problem:
                if attempt == 4:
                    raise
            file = self.rig.path("gnupg", name + ".p12")
            self.rig.run("openssl", "pkcs12", "-export", "-in", self.pki[name + ".crt"],
                         "-inkey", self.pki[name + ".key"], "-passout",
                         "file:" + self.pki["p12.pass"], "-keypbe", "PBE-SHA1-3DES", "-certpbe",
                         "PBE-SHA1-3DES", "-macalg", "sha1", "-out", file)

    def stop(self):
        self.rig.run("gpgconf", "--kill", "all", environment=self.environment, check=False)

    def _gpgsm(self, *arguments, data=None):
        done = self.rig.run("gpgsm", "--status-fd", "2", *arguments, data=data,
                            environment=self.environment)
        return done.stdout, done.stderr.decode("utf-8", "replace")

    def decrypt(self, der, who):
        entity, status = self._gpgsm("--pinentry-mode", "loopback", "--passphrase-fd", "0",
                                     "--decrypt", self._file("p7m", der),
                                     data=self.pki.bytes("p12.pass"))
        if "DECRYPTION_OKAY" not in status:
            raise Problem("gpgsm: no DECRYPTION_OKAY: " + status)
        return entity

    def fingerprint(self, who):
        return self.rig.run("openssl", "x509", "-in", self.pki[who + ".crt"], "-noout", "-fingerprint",
                            "-sha1").stdout.decode().strip().partition("=")[2].replace(":", "")

    def sign(self, entity, who, clear):
        """The DER of a signature over entity; who's key was given to this home."""
        return self._gpgsm("--pinentry-mode", "loopback", "--passphrase-fd", "0", "--local-user",
                           self.fingerprint(who), "--detach-sign" if clear else "--sign",
                           self._file("txt", entity), data=self.pki.bytes("p12.pass"))[0]

    def encrypt(self, entity, who):
        return self._gpgsm("--recipient", self.fingerprint(who), "--encrypt",
                           self._file("txt", entity))[0]

    def verify_detached(self, der, content):
        _, status = self._gpgsm("--verify", self._file("p7s", der), self._file("txt", content))
        return self._signer(status)

    def verify_opaque(self, der):
        output = self.rig.path("gpgsm.output")
        _, status = self._gpgsm("--yes", "--output", output, "--verify", self._file("p7m", der))
        with open(output, "rb") as f:
            return Verdict(f.read(), self._signer(status))

    def _signer(self, status):
        if "GOODSIG" not in status or "VALIDSIG" not in status or "TRUST_FULLY" not in status:
            raise Problem("gpgsm: " + status)
        return re.search(r"GOODSIG \S+ (.*)", status).group(1)


class NSS(Judge):
    """Mozilla's cmsutil with a data base of its own."""

    def __init__(self, rig, keys=("participant", "second")):
        super().__init__(rig)
        self.database = "sql:" + rig.make_folder("nss", mode=0o700)
        self.password = rig.write("nss/password", b"")
        rig.run("certutil", "-N", "-d", self.database, "--empty-password")
        for name, trust in (("root", "CT,C,C"), ("qualified", ",,"), ("commercial", ",,")):
            rig.run("certutil", "-A", "-d", self.database, "-n", name, "-t", trust, "-a",
                    "-i", self.pki[name + ".crt"])
        for name in keys:
            rig.run("pk12util", "-i", self.pki[name + ".p12"], "-d", self.database,
                    "-w", self.pki["p12.pass"], "-K", "")

    def _cmsutil(self, *arguments):
        return self.rig.run("cmsutil", "-d", self.database, "-f", self.password, *arguments)

    def decrypt(self, der, who):
        output = self.rig.path("nss.output")
        self._cmsutil("-D", "-i", self._file("p7m", der), "-o", output)
        with open(output, "rb") as f:
            return f.read()

    def sign(self, entity, who, clear):
        """The DER of a signature over entity; who's key was given to this data base."""
        return self._make("-S", "-N", who, "-G", "-Y", "NONE", *(["-T"] if clear else []), entity=entity)

    def encrypt(self, entity, who):
        return self._make("-E", "-r", who, entity=entity)

    def _make(self, *arguments, entity):
        output = self.rig.path("nss.made")
        self._cmsutil(*arguments, "-i", self._file("txt", entity), "-o", output)
        with open(output, "rb") as f:
            return f.read()

    def verify_detached(self, der, content):
        return self._verify(der, "-c", self._file("txt", content)).signer

    def verify_opaque(self, der):
        return self._verify(der)

    def _verify(self, der, *options):
        """cmsutil writes what it thinks of each signer before the content. Its
        usual question is a mail program's: certUsageEmailSigner."""
        done = self._cmsutil("-D", "-h", "1", "-i", self._file("p7s", der), *options)
        opinion, _, content = done.stdout.partition(b"type=data; \n")
        opinion = opinion.decode("utf-8", "replace")
        signers = re.findall(r'signer\d+\.id="([^"]*)"; signer\d+\.status=(\w+)', opinion)
        if not signers or any(status != "GoodSignature" for _, status in signers):
            raise Problem("cmsutil: %s%s" % (opinion, done.stderr.decode("utf-8", "replace")))
        return Verdict(content, signers[0][0])
