"""Mail as a partner's software makes it, and as no software should.

A MIME entity is octets with CRLF, header and body. Each verb of Partner takes one
and returns one, so that layers are calls within calls:

    p = Partner(rig)
    mail = p.message(p.encrypt(p.sign(p.text())))
    triple = p.message(p.sign(p.encrypt(p.sign(p.text())), clear=True))

openssl makes the CMS unless the verb's name says gpgsm or NSS; MIME is written here.
changed() applies to an entity one of the functions below, which change the DER of a
ContentInfo: what they make is hostile or broken.
"""

import base64
import re
import uuid
import zlib

from . import judges
from .base import Problem
from .pki import PARTICIPANT, SENDER

ID_DATA = bytes.fromhex("06092a864886f70d010701")
ID_COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")
ZLIB = bytes.fromhex("300d060b2a864886f70d0109100308")

ID_SIGNING_TIME = bytes.fromhex("06092a864886f70d010905")
SEQUENCE, SET, OCTET_STRING, IMPLICIT_0, EXPLICIT_0, UTC_TIME = 0x30, 0x31, 0x04, 0x80, 0xa0, 0x17


# ---- DER ------------------------------------------------------------------------

def der(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def indefinite(tag, *contents):
    """BER of indefinite length."""
    return bytes([tag, 0x80]) + b"".join(contents) + b"\0\0"


def split(octets):
    """[(tag, content)] of the definite elements that octets consist of."""
    elements, at = [], 0
    while at < len(octets):
        tag, size, start = octets[at], octets[at + 1], at + 2
        if size == 0x80:
            raise Problem("BER of indefinite length cannot be changed")
        if size > 0x80:
            start += size & 0x7f
            size = int.from_bytes(octets[at + 2:start], "big")
        elements.append((tag, octets[start:start + size]))
        at = start + size
    return elements


def _content_fields(cms):
    """(content type's DER, fields of the content) of a ContentInfo."""
    (_, info), = split(cms)
    (tag, oid), (_, explicit) = split(info)
    (_, content), = split(explicit)
    return der(tag, oid), split(content)


def _content_info(oid, fields):
    return der(SEQUENCE, oid, der(EXPLICIT_0, der(SEQUENCE, *(der(t, c) for t, c in fields))))


# ---- changes of a ContentInfo -----------------------------------------------------

def with_certificates(cms, certificates):
    """A SignedData with these certificates (DER) in place of its own; [] drops them."""
    oid, fields = _content_fields(cms)
    fields = [f for f in fields if f[0] != EXPLICIT_0]
    if certificates:
        fields.insert(3, (EXPLICIT_0, b"".join(certificates)))
    return _content_info(oid, fields)


def with_signers(cms, count):
    """A SignedData with its SignerInfos repeated until there are count; 0: certs-only."""
    oid, fields = _content_fields(cms)
    signers = [der(t, c) for t, c in split(fields[-1][1])]
    fields[-1] = (SET, b"".join(signers[i % len(signers)] for i in range(count)))
    return _content_info(oid, fields)


def with_broken_signature(cms, which=0):
    """A SignedData of whose SignerInfos one has another signature value."""
    oid, fields = _content_fields(cms)
    signers = [der(t, c) for t, c in split(fields[-1][1])]
    parts = split(split(signers[which])[0][1])
    at = max(i for i, f in enumerate(parts) if f[0] == OCTET_STRING)
    parts[at] = (OCTET_STRING, altered(parts[at][1], -1))
    signers[which] = der(SEQUENCE, *(der(t, c) for t, c in parts))
    fields[-1] = (SET, b"".join(signers))
    return _content_info(oid, fields)


def with_signing_time(cms, when, sign):
    """A SignedData whose first SignerInfo says this time (UTCTime, "260101120000Z"); sign(octets) is its
    signature over the attributes."""
    oid, fields = _content_fields(cms)
    signers = [der(t, c) for t, c in split(fields[-1][1])]
    parts = split(split(signers[0])[0][1])
    at = next(i for i, f in enumerate(parts) if f[0] == EXPLICIT_0)
    attributes = [der(t, c) for t, c in split(parts[at][1]) if ID_SIGNING_TIME not in c]
    attributes.append(der(SEQUENCE, ID_SIGNING_TIME, der(SET, der(UTC_TIME, when.encode()))))
    attributes.sort()  # DER's order of a SET OF
    parts[at] = (EXPLICIT_0, b"".join(attributes))
    last = max(i for i, f in enumerate(parts) if f[0] == OCTET_STRING)
    parts[last] = (OCTET_STRING, sign(der(SET, *attributes)))
    signers[0] = der(SEQUENCE, *(der(t, c) for t, c in parts))
    fields[-1] = (SET, b"".join(signers))
    return _content_info(oid, fields)


def with_recipients(cms, count):
    """An EnvelopedData with its RecipientInfos repeated until there are count."""
    oid, fields = _content_fields(cms)
    at = next(i for i, f in enumerate(fields) if f[0] == SET)
    recipients = [der(t, c) for t, c in split(fields[at][1])]
    fields[at] = (SET, b"".join(recipients[i % len(recipients)] for i in range(count)))
    return _content_info(oid, fields)


def with_ciphertext(cms, make):
    """An EnvelopedData or AuthEnvelopedData with make(ciphertext) as its ciphertext."""
    oid, fields = _content_fields(cms)
    at = next(i for i, f in enumerate(fields) if f[0] == SEQUENCE)
    parts = split(fields[at][1])
    parts[-1] = (IMPLICIT_0, make(parts[-1][1]))
    fields[at] = (SEQUENCE, b"".join(der(t, c) for t, c in parts))
    return _content_info(oid, fields)


def with_altered_ciphertext(cms, offset=0, bits=1):
    """The same with bits of one octet of the ciphertext turned round."""
    return with_ciphertext(cms, lambda octets: altered(octets, offset, bits))


def with_vector(cms, block, known, wanted):
    """An EnvelopedData in CBC mode without the blocks before block, whose text is known: the
    initialisation vector makes it wanted."""
    oid, fields = _content_fields(cms)
    parts = split(fields[-1][1])
    algorithm, ciphertext, size = split(parts[1][1]), parts[2][1], len(known)
    before = ciphertext[(block - 1) * size:block * size]
    algorithm[1] = (OCTET_STRING, bytes(b ^ k ^ w for b, k, w in zip(before, known, wanted)))
    parts[1] = (SEQUENCE, b"".join(der(t, c) for t, c in algorithm))
    parts[2] = (parts[2][0], ciphertext[block * size:])
    fields[-1] = (SEQUENCE, b"".join(der(t, c) for t, c in parts))
    return _content_info(oid, fields)


def with_encrypted_key(cms, make):
    """The same with make(key) as the encrypted key of each RSA recipient."""
    oid, fields = _content_fields(cms)
    at = next(i for i, f in enumerate(fields) if f[0] == SET)
    recipients = [split(content) for tag, content in split(fields[at][1]) if tag == SEQUENCE]
    for parts in recipients:
        parts[-1] = (OCTET_STRING, make(parts[-1][1]))
    fields[at] = (SET, b"".join(der(SEQUENCE, *(der(t, c) for t, c in parts)) for parts in recipients))
    return _content_info(oid, fields)


def with_tag(cms, make):
    """An AuthEnvelopedData with make(tag) as its authentication tag."""
    oid, fields = _content_fields(cms)
    fields[-1] = (OCTET_STRING, make(fields[-1][1]))
    return _content_info(oid, fields)


def altered(octets, offset=0, bits=1):
    array = bytearray(octets)
    array[offset] ^= bits
    return bytes(array)


def with_trailing(cms, octets=b"\x05\0"):
    return cms + octets


def compressed_data(octets, ber=False):
    """RFC 3274 CompressedData of octets."""
    make = indefinite if ber else der
    packed = der(OCTET_STRING, zlib.compress(octets, 9))
    return make(SEQUENCE, ID_COMPRESSED, make(EXPLICIT_0, make(
        SEQUENCE, der(0x02, b"\0"), ZLIB,
        make(SEQUENCE, ID_DATA, make(EXPLICIT_0, packed)))))


# ---- MIME -------------------------------------------------------------------------

def base64_lines(octets):
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def pkcs7_mime(cms, smime_type, name="smime.p7m"):
    """The application/pkcs7-mime entity around a ContentInfo; without the parameter
    smime-type where that is None."""
    kind = "; smime-type=" + smime_type if smime_type else ""
    head = ("Content-Type: application/pkcs7-mime%s; name=%s\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment; filename=%s\r\n\r\n" % (kind, name, name))
    return head.encode() + base64_lines(cms)


def multipart_signed(entity, cms, micalg="sha-256"):
    boundary = "=_" + uuid.uuid4().hex
    head = ('Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=%s;\r\n'
            '\tboundary="%s"\r\n\r\nThis is an S/MIME signed message\r\n' % (micalg, boundary))
    line = b"\r\n--" + boundary.encode()
    signature = (b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n"
                 b"Content-Transfer-Encoding: base64\r\n\r\n" + base64_lines(cms))
    return b"".join([head.encode(), line[2:], b"\r\n", entity, line, b"\r\n", signature, line, b"--\r\n"])


def cms_of(entity):
    """The ContentInfo that an entity carries, be it the root's or the signature part's."""
    if judges.smime_type(entity) == "multipart/signed":
        return judges.split_signed(entity)[1]
    return judges.der_of(entity)


def changed(entity, change, *arguments):
    """An entity made here, its ContentInfo put through one of the changes above."""
    cms = cms_of(entity)
    old = base64_lines(cms)
    if old not in entity:
        raise Problem("this entity was not made here")
    return entity.replace(old, base64_lines(change(cms, *arguments)))


class Partner:
    """who, to: names of certificates in the PKI, their keys beside them."""

    def __init__(self, rig):
        self.rig, self.pki = rig, rig.pki()
        self._gnupg = self._nss = None

    @property
    def gnupg(self):
        """gpgsm with the partner's signing key and the organisation's for decrypting."""
        if self._gnupg is None:
            self._gnupg = judges.GnuPG(self.rig, ("participant-sign", "secure-mime"))
        return self._gnupg

    @property
    def nss(self):
        if self._nss is None:
            self._nss = judges.NSS(self.rig, ("participant-sign", "secure-mime"))
        return self._nss

    def text(self, text="Dobry den,\r\n\r\nnabidka 12,5 MWh.\r\n"):
        return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()

    def message(self, entity, sender=PARTICIPANT, to=(SENDER,), subject="Nabidka", fields=()):
        """The mail whose content is entity. fields: further lines, without CRLF."""
        head = ["From: " + sender, "To: " + ", ".join(to), "Subject: " + subject,
                "Message-ID: <%s@ucastnik.example>" % uuid.uuid4(),
                "Date: Mon, 02 Mar 2026 10:00:00 +0100", "MIME-Version: 1.0"]
        return "\r\n".join(head + list(fields)).encode() + b"\r\n" + entity

    # ---- openssl

    def sign(self, entity, who=("participant-sign",), clear=False, digest="sha256", chain=("qualified",),
             attributes=True, pss=False, ber=False, options=()):
        """Signed by each of who. attributes=False: no signed attributes. ber: of
        indefinite length. options: further ones of openssl cms."""
        arguments = ["-md", digest] + ([] if clear else ["-nodetach"])
        arguments += [] if attributes else ["-noattr"]
        for name in who:
            arguments += ["-signer", self.pki[name + ".crt"], "-inkey", self.pki[name + ".key"]]
            arguments += ["-keyopt", "rsa_padding_mode:pss"] if pss else []
        if chain:
            arguments += ["-certfile", self.rig.write(
                "partner.chain.pem", b"".join(self.pki.bytes(c + ".crt") for c in chain))]
        cms = self._cms("-sign", entity, ber, arguments + list(options))
        if clear:
            return multipart_signed(entity, cms, digest.replace("sha", "sha-"))
        return pkcs7_mime(cms, "signed-data")

    def dated(self, entity, name, when):
        """A signed entity made here by name, with another signing time."""
        def sign(octets):
            return self.rig.run("openssl", "dgst", "-sha256", "-sign", self.pki[name + ".key"],
                                self.rig.write("partner.attributes", octets)).stdout
        return changed(entity, with_signing_time, when, sign)

    def encrypt(self, entity, to=("secure-mime",), cipher="aes256-cbc", oaep=False, keyid=False,
                ber=False, options=()):
        """cipher: aes256-gcm or as openssl names it; the -gcm ones make AuthEnvelopedData. keyid: name
        recipients by key identifier, not by issuer and serial number."""
        arguments = ["-" + re.sub("^aes(?=[0-9])", "aes-", cipher)] + (["-keyid"] if keyid else [])
        for name in to:
            arguments += ["-recip", self.pki[name + ".crt"]]
            arguments += ["-keyopt", "rsa_padding_mode:oaep"] if oaep else []
        cms = self._cms("-encrypt", entity, ber, arguments + list(options))
        return pkcs7_mime(cms, "authEnveloped-data" if cipher.endswith("-gcm") else "enveloped-data")

    def _cms(self, verb, entity, ber, arguments):
        return self.rig.run("openssl", "cms", verb, "-binary", "-outform", "DER",
                            "-in", self.rig.write("partner.entity", entity),
                            *(["-stream"] if ber else []), *arguments).stdout

    # ---- others

    def compress(self, entity, ber=False):
        return pkcs7_mime(compressed_data(entity, ber), "compressed-data", "smime.p7z")

    def gpgsm_sign(self, entity, clear=False):
        return self._signed_by(self.gnupg, entity, clear)

    def nss_sign(self, entity, clear=False):
        return self._signed_by(self.nss, entity, clear)

    def _signed_by(self, software, entity, clear):
        cms = software.sign(entity, "participant-sign", clear)
        return multipart_signed(entity, cms) if clear else pkcs7_mime(cms, "signed-data")

    def gpgsm_encrypt(self, entity):
        return pkcs7_mime(self.gnupg.encrypt(entity, "secure-mime"), "enveloped-data")

    def nss_encrypt(self, entity):
        return pkcs7_mime(self.nss.encrypt(entity, "secure-mime"), "enveloped-data")
