"""Mail from outside that somebody made to harm who opens it: builders, and the corpus by
kinds. Each case is (name, message, told): told is the result in Authentication-Results.
What is random is so from one seed."""

import hashlib
import random
import re
import zlib

from rig.partner import (ID_COMPRESSED, ID_DATA, ZLIB, changed, cms_of, compressed_data, der, multipart_signed,
                         pkcs7_mime, split, with_certificates, with_recipients, with_signers, with_trailing)

SEED = 4711
MARK = "Tajna nabidka"

SIGNED = bytes.fromhex("06092a864886f70d010702")
ENVELOPED = bytes.fromhex("06092a864886f70d010703")
RSA = bytes.fromhex("300d06092a864886f70d0101010500")
SHA512 = bytes.fromhex("300b0609608648016503040203")
ECDSA_SHA512 = bytes.fromhex("300a06082a8648ce3d040304")

# Where nothing inside is signed the result is none, whether it was opened or not.
UNSIGNED, UNREADABLE, GOOD = "none", "neutral", "pass"


def text(p):
    return p.text(MARK + ": 12,5 MWh\r\n")


def good(p):
    """What is opened, and is good."""
    return p.message(p.encrypt(p.sign(text(p))))


# ---- octets ------------------------------------------------------------------------

def headers(octets, at=0, end=None):
    """Where each header of these DER elements begins, and how long it is, outermost first."""
    end = len(octets) if end is None else end
    found = []
    while at < end:
        size, start = octets[at + 1], at + 2
        if size > 0x80:
            start += size & 0x7f
            size = int.from_bytes(octets[at + 2:start], "big")
        found.append((at, start - at))
        if octets[at] & 0x20:
            found += headers(octets, start, start + size)
        at = start + size
    return found


LIES = {"nothing": b"\0", "one less": -1, "one more": 1, "2 GiB": b"\x84\x7f\xff\xff\xff",
        "4 GiB": b"\x84\xff\xff\xff\xff", "all of 64 bits": b"\x88" + b"\xff" * 8,
        "126 octets of length": b"\xfe" + b"\xff" * 126, "no end": b"\x80", "reserved": b"\xff"}


def fields_of(cms):
    """(content type, [(tag, content)]) of the content of a ContentInfo."""
    oid, (_, explicit) = split(split(cms)[0][1])
    return der(*oid), split(split(explicit)[0][1])


def lie(octets, header, how):
    at, size = header
    if isinstance(how, bytes):
        return octets[:at + 1] + how + octets[at + size:]
    last = at + size - 1
    return octets[:last] + bytes([(octets[last] + how) & 0xff]) + octets[last + 1:]


def samples(p):
    """CMS of each kind, small."""
    return {"SignedData": (cms_of(p.sign(text(p))), "signed-data"),
            "EnvelopedData": (cms_of(p.encrypt(text(p))), "enveloped-data"),
            "AuthEnvelopedData": (cms_of(p.encrypt(text(p), cipher="aes256-gcm")), "authEnveloped-data"),
            "CompressedData": (compressed_data(text(p)), "compressed-data")}


def lying(p):
    """(name, messages): of each kind, every length in turn."""
    for kind, (cms, smime_type) in samples(p).items():
        for name, how in LIES.items():
            yield ("%s with lengths that lie: %s" % (kind, name),
                   [p.message(pkcs7_mime(lie(cms, header, how), smime_type)) for header in headers(cms)[:24]])


def truncated(p):
    for kind, (cms, smime_type) in samples(p).items():
        cuts = sorted({0, 1, 2, 5, 10, 20, 40, len(cms) // 3, len(cms) // 2, len(cms) - 20, len(cms) - 2, len(cms) - 1})
        yield kind + " cut off", [p.message(pkcs7_mime(cms[:n], smime_type)) for n in cuts]


def randomised(p):
    chance = random.Random(SEED)
    yield "random octets", [p.message(pkcs7_mime(chance.randbytes(chance.randrange(1, 3000)), "enveloped-data"))
                            for _ in range(10)]
    for kind, (cms, smime_type) in samples(p).items():
        messages = []
        for _ in range(24):
            octets = bytearray(cms)
            for _ in range(chance.randrange(1, 6)):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            messages.append(p.message(pkcs7_mime(bytes(octets), smime_type)))
        yield kind + " with random octets", messages


# ---- counts ------------------------------------------------------------------------

def with_ours_last(cms, count):
    """An EnvelopedData with count RecipientInfos: all are somebody's but the last."""
    oid, fields = fields_of(cms)
    at = next(i for i, f in enumerate(fields) if f[0] == 0x31)
    (_, ours), = split(fields[at][1])
    theirs = der(0x30, der(2, b"\0"), somebody(), RSA, der(4, b"\xa5" * 256))
    fields[at] = (0x31, theirs * (count - 1) + der(0x30, ours))
    return der(0x30, oid, der(0xa0, der(0x30, *(der(*f) for f in fields))))


def somebody():
    return der(0x30, der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0c, b"nikdo")))), der(2, b"\1"))


def agreed(keys):
    """An EnvelopedData of one KeyAgreeRecipientInfo with so many keys."""
    ec = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    key = der(0x30, somebody(), der(4, b"\x5a" * 40))
    info = der(0xa1, der(2, b"\3"), der(0xa0, der(0xa1, ec, der(3, b"\0\4" + b"\1" * 64))),
               der(0x30, bytes.fromhex("06062b81040b0101"), bytes.fromhex("300b060960864801650304012d")),
               der(0x30, key * keys))
    cipher = der(0x30, bytes.fromhex("060960864801650304012a"), der(4, b"\1" * 16))
    return der(0x30, ENVELOPED, der(0xa0, der(0x30, der(2, b"\2"), der(0x31, info), der(
        0x30, ID_DATA, cipher, der(0x80, b"\xa5" * 64)))))


def counts(p):
    signed, sealed = p.sign(text(p)), p.encrypt(p.sign(text(p)))
    certificate = p.pki.bytes("participant-sign.der")
    chain = [certificate, p.pki.bytes("qualified.der")]
    return [
        ("4,000 RecipientInfos, ours the last", p.message(changed(sealed, with_ours_last, 4000)), GOOD),
        ("4,001 RecipientInfos", p.message(changed(sealed, with_ours_last, 4001)), UNSIGNED),
        ("4,000 RecipientInfos, all ours", p.message(changed(sealed, with_recipients, 4000)), GOOD),
        ("4,000 keys of one KeyAgreeRecipientInfo", p.message(pkcs7_mime(agreed(4000), "enveloped-data")), UNSIGNED),
        ("16 signers", p.message(changed(signed, with_signers, 16)), GOOD),
        ("17 signers", p.message(changed(signed, with_signers, 17)), UNREADABLE),
        ("500 signers", p.message(changed(signed, with_signers, 500)), UNREADABLE),
        ("500 signers in an envelope", p.message(p.encrypt(changed(signed, with_signers, 500))), UNSIGNED),
        ("100 certificates", p.message(changed(signed, with_certificates, chain * 50)), GOOD),
        ("300 certificates", p.message(changed(signed, with_certificates, chain * 150)), UNREADABLE),
        ("certificates that are none", p.message(changed(signed, with_certificates, [der(0x30, b"\5\0")])), UNREADABLE),
        ("no certificate", p.message(changed(signed, with_certificates, [])), "permerror"),
        ("512 signatures on a slow curve to try", layers(p, [slow_certificate(p, n) for n in range(4)]), "fail"),
        ("128 signers, of a certificate with 700 names", layers(p, [with_names(slow_certificate(p, 0), 700)]), "fail"),
        ("128 signers, of one with 10,000 names", layers(p, [with_names(slow_certificate(p, 0), 10000)]), UNREADABLE),
    ]


def layers(p, certificates):
    """Eight, each with 16 signers of one name and number, which is that of all the certificates."""
    entity, chance = text(p), random.Random(SEED)
    for _ in range(8):
        infos = b"".join(slow_signer(entity, certificates[0], chance) for _ in range(16))
        content = der(0x30, ID_DATA, der(0xa0, der(4, entity)))
        fields = [der(2, b"\1"), der(0x31, SHA512), content, der(0xa0, *certificates), der(0x31, infos)]
        entity = binary(SIGNED, fields, "signed-data")
    return p.message(pkcs7_mime(entity.partition(b"\r\n\r\n")[2], "signed-data"))


def slow_certificate(p, number):
    return p.rig.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:sect571r1", "-nodes",
                     "-keyout", p.rig.path("slow.%d.key" % number), "-subj", "/CN=slow", "-set_serial", "7", "-outform",
                     "DER").stdout


def with_names(certificate, count):
    """So many addresses that take long to be compared; beyond a hundred the same one again and again."""
    domain = "\xe9." * 20 + "example"
    names = [der(0xa0, bytes.fromhex("06082b06010505070809"), der(0xa0, der(0x0c, (
        "\u0159%d@%s" % (min(n, 99), domain)).encode()))) for n in range(count)]
    tbs, *rest = split(split(certificate)[0][1])
    fields = [der(*f) for f in split(tbs[1]) if f[0] != 0xa3]
    extension = der(0x30, bytes.fromhex("0603551d11"), der(4, der(0x30, *names)))
    return der(0x30, der(0x30, *fields, der(0xa3, der(0x30, extension))), *(der(*r) for r in rest))


def slow_signer(entity, certificate, chance):
    names = split(split(split(certificate)[0][1])[0][1])
    digest = hashlib.sha512(entity).digest()
    attributes = (der(0x30, bytes.fromhex("06092a864886f70d010903"), der(0x31, ID_DATA)) +
                  der(0x30, bytes.fromhex("06092a864886f70d010904"), der(0x31, der(4, digest))))
    signature = der(0x30, *(der(2, b"\1" + chance.randbytes(70)) for _ in range(2)))
    return der(0x30, der(2, b"\1"), der(0x30, der(*names[3]), der(*names[1])), SHA512, der(0xa0, attributes),
               ECDSA_SHA512, der(4, signature))


# ---- size ---------------------------------------------------------------------------

def chunks(octets):
    """BER: the content of a constructed OCTET STRING, in pieces of one octet."""
    made = bytearray(b"\4\1\0") * len(octets)
    made[2::3] = octets
    return bytes(made)


def endless(tag, *contents):
    """BER of indefinite length."""
    return bytes([tag, 0x80]) + b"".join(contents) + b"\0\0"


def binary(oid, fields, smime_type):
    """An entity without transfer encoding around a ContentInfo of BER."""
    head = "Content-Type: application/pkcs7-mime; smime-type=%s\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return (head % smime_type).encode() + endless(0x30, oid, endless(0xa0, endless(0x30, *fields)))


def in_chunks(p, octets):
    """(name, message, told): mail of so many octets with content in pieces of one octet, good
    but for that."""
    long = p.text(MARK + ":\r\n" + "12,5 MWh\r\n" * (octets // 30))
    oid, fields = fields_of(cms_of(p.sign(long)))
    _, (_, explicit) = split(fields[2][1])
    content = endless(0x30, ID_DATA, endless(0xa0, endless(0x24, chunks(split(explicit)[0][1]))))
    yield "SignedData", p.message(binary(oid, [der(*f) for f in fields[:2]] + [content] + [der(*f) for f in fields[3:]],
                                         "signed-data")), GOOD
    oid, fields = fields_of(cms_of(p.encrypt(long)))
    kind, cipher, (_, sealed) = split(fields[2][1])
    content = endless(0x30, der(*kind), der(*cipher), endless(0xa0, chunks(sealed)))
    yield "EnvelopedData", p.message(binary(oid, [der(*f) for f in fields[:2]] + [content], "enveloped-data")), UNSIGNED
    content = endless(0x30, ID_DATA, endless(0xa0, endless(0x24, chunks(zlib.compress(long, 0)))))
    fields = [der(2, b"\0"), ZLIB, content]
    yield "CompressedData", p.message(binary(ID_COMPRESSED, fields, "compressed-data")), UNSIGNED


def bomb(size):
    """CompressedData of so many octets, packed without making them all at once."""
    packer, pieces, block = zlib.compressobj(9), [], b"x" * (1 << 20)
    pieces.append(packer.compress(b"Content-Type: text/plain\r\n\r\n"))
    pieces += [packer.compress(block) for _ in range(size >> 20)]
    packed = b"".join(pieces) + packer.flush()
    return der(0x30, ID_COMPRESSED, der(0xa0, der(0x30, der(2, b"\0"), ZLIB, der(
        0x30, ID_DATA, der(0xa0, der(4, packed))))))


def bombs(p):
    one = pkcs7_mime(bomb(300 << 20), "compressed-data")
    two = p.compress(one)
    three = p.compress(two)
    return [
        ("a compressed bomb", p.message(one), UNSIGNED),
        ("a bomb within a bomb", p.message(two), UNSIGNED),
        ("three within each other", p.message(three), UNSIGNED),
        ("a bomb in an envelope", p.message(p.encrypt(one)), UNSIGNED),
        ("a bomb within a bomb in an envelope", p.message(p.encrypt(two)), UNSIGNED),
        ("a signed bomb", p.message(p.sign(one)), GOOD),
        ("a signed bomb in an envelope", p.message(p.encrypt(p.sign(one))), GOOD),
        ("compressed data that ends early", p.message(changed(p.compress(text(p)), early)), UNSIGNED),
    ]


def early(cms):
    """Its stream cut off, with lengths that fit."""
    packed = zlib.compress(b"Content-Type: text/plain\r\n\r\n" + b"abc" * 100, 9)[:-8]
    return der(0x30, ID_COMPRESSED, der(0xa0, der(0x30, der(2, b"\0"), ZLIB, der(
        0x30, ID_DATA, der(0xa0, der(4, packed))))))


# ---- depth --------------------------------------------------------------------------

def wrapped(p, depth):
    entity = text(p)
    for _ in range(depth):
        entity = p.compress(entity)
    return entity


def deep(tag, depth):
    return bytes([tag, 0x80]) * depth + b"\4\1A" + b"\0\0" * depth


def depths(p):
    signed = text(p)
    for _ in range(9):
        signed = p.sign(signed)
    deep_content = (b"\x30\x80" + SIGNED + b"\xa0\x80\x30\x80\2\1\1\x31\0\x30\x80" + ID_DATA + b"\xa0\x80" +
                    deep(0x24, 100000) + b"\0\0\0\0\x31\0" + b"\0\0\0\0\0\0")
    return [
        ("eight layers", p.message(wrapped(p, 8)), UNSIGNED),
        ("nine layers", p.message(wrapped(p, 9)), UNREADABLE),
        ("200 layers, all together too large", p.message(wrapped(p, 200)), UNSIGNED),
        ("nine signatures in each other", p.message(signed), GOOD),
        ("100,000 constructed strings in each other", p.message(pkcs7_mime(deep_content, "signed-data")), UNREADABLE),
        ("100,000 values of indefinite length", p.message(pkcs7_mime(deep(0x30, 100000), "signed-data")), UNREADABLE),
    ]


# ---- MIME ---------------------------------------------------------------------------

def replaced(octets, pattern, by, count=1):
    changed_octets, n = re.subn(pattern, lambda m: by, octets, count=count)
    if n == 0:
        raise AssertionError("%r is not in %r" % (pattern, octets[:1000]))
    return changed_octets


def transfers(p):
    sealed, clear = p.message(p.encrypt(p.sign(text(p)))), p.message(p.sign(text(p), clear=True))
    tail = re.compile(rb"[A-Za-z0-9+/=\r\n]{40}\Z")
    return [
        ("base64 without its end", tail.sub(b"", sealed), UNREADABLE),
        ("base64 cut within four characters", sealed.rstrip(b"=\r\n")[:-1], UNREADABLE),
        ("base64 with what is none", replaced(sealed, rb"\r\n\r\nMI", b"\r\n\r\n*!M\0I"), UNREADABLE),
        ("base64 of nothing", p.message(pkcs7_mime(b"", "enveloped-data")), UNREADABLE),
        ("base64 in one line of 1 MiB", p.message(one_line(p)), UNSIGNED),
        ("multipart/signed without its end", clear[:clear.rindex(b"\r\n--")], UNREADABLE),
        ("multipart/signed whose signature ends within base64", clear[:clear.rindex(b"\r\n--") - 30], UNREADABLE),
    ]


def one_line(p):
    head, body = p.encrypt(p.text("A" * (3 << 18))).split(b"\r\n\r\n")
    return head + b"\r\n\r\n" + body.replace(b"\r\n", b"") + b"\r\n"


def parameters(p):
    clear = p.message(p.sign(text(p), clear=True))
    protocol = rb'protocol="application/pkcs7-signature"'
    boundary = re.search(rb'boundary="([^"]+)"', clear).group(1)
    return [
        ("the protocol is another", replaced(clear, protocol, b'protocol="application/pgp-signature"'), UNREADABLE),
        ("no protocol", replaced(clear, protocol + b"; ", b""), UNREADABLE),
        ("a protocol that is none", replaced(clear, protocol, b"protocol=\"\""), UNREADABLE),
        ("two protocols", replaced(clear, protocol, protocol + b'; protocol="application/pgp-signature"'), UNREADABLE),
        ("protocol and part say x-pkcs7-signature", clear.replace(b"pkcs7-signature", b"x-pkcs7-signature"), GOOD),
        ("micalg is another", replaced(clear, rb"micalg=sha-256", b"micalg=md5"), GOOD),
        ("three parts", replaced(clear, b"\r\n--" + re.escape(boundary) + b"--",
                                 b"\r\n--" + boundary + b"\r\n\r\nmore\r\n--" + boundary + b"--"), UNREADABLE),
        ("the signature's part is text", replaced(clear, rb"application/pkcs7-signature; name", b"text/plain; name"),
         UNREADABLE),
        ("the signature first", p.message(swapped(p)), UNREADABLE),
        ("an envelope where the signature should be", p.message(multipart_signed(text(p), cms_of(p.encrypt(text(p))))),
         UNREADABLE),
        ("octets behind the CMS", p.message(changed(p.sign(text(p)), with_trailing)), UNREADABLE),
        ("smime-type is another", p.message(p.sign(text(p)).replace(b"signed-data", b"enveloped-data")), GOOD),
        ("two Content-Types, S/MIME the second", p.message(b"Content-Type: text/plain\r\n" + p.encrypt(text(p))),
         UNSIGNED),
        ("two Content-Types, S/MIME the first", p.message(b"\r\nContent-Type: text/plain\r\nContent-Disposition".join(
            p.encrypt(text(p)).split(b"\r\nContent-Disposition"))), UNREADABLE),
    ]


def swapped(p):
    entity = p.sign(text(p), clear=True)
    delimiter = b"\r\n--" + re.search(rb'boundary="([^"]+)"', entity).group(1)
    head, first, second, end = entity.split(delimiter)
    return delimiter.join([head, second, first, end])
