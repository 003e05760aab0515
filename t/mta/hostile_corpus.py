"""Mail that somebody made to do harm: builders, and the corpus by kinds.

Each case is (name, octets, expected): expected is SEALED, PASSED, or a tuple of
the answer's beginning and a word that must be in it."""

import base64
import os

SENDER = "zpravy@trh.example"
PARTICIPANT = "obchod@ucastnik.example"
STRANGER = "cizi@jiny.example"
MARK = "Tajemstvi trhu"
TEXT = (MARK + ": 12,5 MWh\r\n").encode()

SEALED, PASSED = "sealed", "passed"


# ---- building -------------------------------------------------------------------

def octets(value):
    return value if isinstance(value, bytes) else value.encode()


def mail(body=TEXT, *fields, sender="From: " + SENDER, to=PARTICIPANT):
    """A message of these further fields. sender: the From field or fields, "" for none."""
    head = [octets(sender)] if sender else []
    head += [b"To: " + octets(to), b"Subject: Zkouska"] + [octets(f) for f in fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + octets(body)


def multipart(parts, boundary="b", kind="mixed", preamble=b"", end=True):
    delimiter = b"--" + octets(boundary)
    text = preamble + b"".join(delimiter + b"\r\n" + octets(p) + b"\r\n" for p in parts)
    return text + (delimiter + b"--\r\n" if end else b"")


def typed(value, *more):
    return ("MIME-Version: 1.0", "Content-Type: " + value) + more


def part(text=TEXT, kind="text/plain"):
    return b"Content-Type: " + octets(kind) + b"\r\n\r\n" + octets(text)


def nested(depth):
    """Multiparts, each in the one before it; the text is at depth."""
    text = part()
    for i in range(depth - 1, 0, -1):
        text = b'Content-Type: multipart/mixed; boundary="n%d."\r\n\r\n' % i + multipart([text], "n%d." % i)
    return mail(multipart([text], "n0."), *typed('multipart/mixed; boundary="n0."'))


def many_parts(count):
    return mail(multipart([b"\r\nx"] * count), *typed("multipart/mixed; boundary=b"))


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def indefinite(tag, *parts):
    return bytes([tag, 0x80]) + b"".join(parts) + b"\0\0"


DATA = bytes.fromhex("06092a864886f70d010701")
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
AUTH_ENVELOPED_DATA = bytes.fromhex("060b2a864886f70d0109100117")
RSA = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
SHA256 = der(0x30, bytes.fromhex("0609608648016503040201"))
ECDSA = der(0x30, bytes.fromhex("06082a8648ce3d040302"))
AES_CBC = der(0x30, bytes.fromhex("060960864801650304012a"), der(4, b"\1" * 16))


def recipient_info(name=b"nobody"):
    who = der(0x30, der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0c, name)))), der(2, b"\1"))
    return der(0x30, der(2, b"\0"), who, RSA, der(4, b"\xa5" * 256))


def enveloped(content, infos=None, cipher=AES_CBC):
    infos = recipient_info() if infos is None else infos
    return der(0x30, ENVELOPED_DATA, der(0xa0, der(0x30, der(2, b"\0"), der(0x31, infos), der(
        0x30, DATA, cipher, der(0x80, content)))))


def signer_info(identifier, signature=b"\x5a" * 64):
    return der(0x30, der(2, b"\1"), identifier, SHA256, ECDSA, der(4, signature))


def signed(infos, content=None):
    inner = der(0x30, DATA, *([der(0xa0, der(4, content))] if content is not None else []))
    return der(0x30, SIGNED_DATA, der(0xa0, der(0x30, der(2, b"\1"), der(0x31, SHA256), inner, der(0x31, infos))))


NOBODY = der(0x30, der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0c, b"nikdo")))), der(2, b"\1"))


def pkcs7(cms, kind="enveloped-data"):
    return mail(base64.encodebytes(cms).replace(b"\n", b"\r\n"),
                *typed('application/pkcs7-mime; smime-type=%s; name="smime.p7m"' % kind),
                "Content-Transfer-Encoding: base64")


def clear_signed(content, cms, *, preamble=b"", after=b""):
    return mail(multipart([content, b"Content-Type: application/pkcs7-signature\r\n"
                                    b"Content-Transfer-Encoding: base64\r\n\r\n" +
                           base64.encodebytes(cms).replace(b"\n", b"\r\n")], preamble=preamble) + after,
                *typed('multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'))


def pgp(text):
    return mail(multipart([b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n",
                           b"Content-Type: application/octet-stream\r\n\r\n" + text]),
                *typed('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b'))


def armour(packets):
    return (b"-----BEGIN PGP MESSAGE-----\r\n\r\n" + base64.encodebytes(packets).replace(b"\n", b"\r\n") +
            b"-----END PGP MESSAGE-----\r\n")


# ---- the corpus -----------------------------------------------------------------

def limits():
    """With mime-depth-limit 100, mime-part-limit 10000, header-limit 1M."""
    return [
        ("10,000 parts and their root: mime-part-limit", many_parts(10000), ("550 5.7.1", "mime-part-limit")),
        ("9,999 parts and their root", many_parts(9999), SEALED),
        ("parts nested 1,000 deep: mime-depth-limit", nested(1000), ("550 5.7.1", "mime-depth-limit")),
        ("parts nested 100 deep", nested(100), SEALED),
        ("parts nested 101 deep", nested(101), ("550 5.7.1", "mime-depth-limit")),
        ("100,001 fields in parts", mail(multipart([b"X-A: b\r\n" * 50001 + b"\r\nx"] * 2),
                                         *typed("multipart/mixed; boundary=b")), ("550 5.7.1", "100000 header fields")),
        ("a header line of 1 MiB", mail(TEXT, "X-Long: " + "x" * (1 << 20)), ("552 5.3.4", "header-limit")),
        ("a header line of 1 MiB, folded", mail(TEXT, "X-Long: " + "\r\n ".join(["x" * 900] * 1200)),
         ("552 5.3.4", "header-limit")),
        ("a Content-Type of 900 KiB", mail(TEXT, *typed('text/plain; name="%s"' % ("x" * 900000))), SEALED),
        ("a Content-Type of 100,000 parameters",
         mail(TEXT, *typed("text/plain" + "".join("; a%d=b" % i for i in range(100000)))), SEALED),
        ("a Content-Type of 450,000 comments", mail(TEXT, *typed("text/plain; " + "()" * 450000)), SEALED),
        ("a Content-Type of 900,000 open comments", mail(TEXT, *typed("text/plain; " + "(" * 900000)), SEALED),
        ("9,000 Content-Type fields", mail(TEXT, *["Content-Type: text/plain"] * 9000), SEALED),
        ("9,000 MIME fields of 9,000 names", mail(TEXT, *["Content-%d: x" % i for i in range(9000)]), SEALED),
        ("9,000 triggers", mail(TEXT, *["X-Seal: x"] * 9000), SEALED),
        ("10,001 fields", mail(TEXT, *["X: x"] * 10001), ("552 5.3.4", "header-limit")),
        ("a million lines that begin with --", mail(
            b'Content-Type: text/plain\r\n\r\n'.join([b"--b\r\n", b"--\r\n" * 1000000 + b"--b--\r\n"]),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("100,000 long lines that almost are delimiters", mail(
            b"--b\r\n\r\n" + (b"--" + b"b" * 198 + b"\r\n") * 100000 + b"--b--\r\n",
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("a line of 8 MiB", mail(b"x" * (8 << 20)), SEALED),
        ("4 MiB of equals signs", mail(b"=\r\n" * (4 << 18), *typed("text/plain"),
                                       ), SEALED),
        ("2 MiB of blanks at line ends, quoted-printable", mail(
            (b"x" + b" " * 2000 + b"\r\n") * 1000, *typed("text/plain"),
            "Content-Transfer-Encoding: quoted-printable"), SEALED),
        ("a line of 2 MiB of blanks, quoted-printable", mail(
            b" " * (2 << 20) + b"\r\n", *typed("text/plain"), "Content-Transfer-Encoding: quoted-printable"), SEALED),
        ("90 multiparts in each other around 4 MiB of 8-bit text", nested_text(90, b"\xc5\x99" * 40 + b"\r\n", 50000),
         SEALED),
        ("9,000 parts of 8-bit text", mail(multipart([b"\r\n\xc5\x99"] * 9000),
                                           *typed("multipart/mixed; boundary=b")), SEALED),
        ("9,000 parts with headers of one 8-bit line", mail(
            multipart([b"Content-Description: \xc5\x99\r\n\r\nx"] * 9000),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("a folded header of 300,000 blank lines in a part", mail(
            multipart([b"Content-Description: a\r\n" + b" \r\n" * 300000 + b"\r\nx\xc5"]),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("a header line of 4 MiB in a part, with blanks", mail(
            multipart([b"Content-Description: " + b"a " * (2 << 20) + b"\r\n\r\nx\xc5"]),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("a header line of 4 MiB in a part, without", mail(
            multipart([b"Content-Description: " + b"a" * (4 << 20) + b"\r\n\r\nx\xc5"]),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("an 8-bit file name of 4 MiB in a part", mail(
            multipart([b'Content-Type: text/plain; name="' + b"\xc5\x99" * (2 << 20) + b'"\r\n\r\nx']),
            *typed("multipart/mixed; boundary=b")), SEALED),
    ]


def nested_text(depth, line, count):
    text = part(line * count)
    for i in range(depth - 1, 0, -1):
        text = b'Content-Type: multipart/mixed; boundary="n%d."\r\n\r\n' % i + multipart([text], "n%d." % i)
    return mail(multipart([text], "n0."), *typed('multipart/mixed; boundary="n0."'))


def structures():
    both = multipart([part()])
    return [
        ("no boundary", mail(both, *typed("multipart/mixed")), SEALED),
        ("an empty boundary", mail(both, *typed('multipart/mixed; boundary=""')), SEALED),
        ("a boundary of 300 characters", mail(multipart([part()], "b" * 300),
                                              *typed('multipart/mixed; boundary="%s"' % ("b" * 300))), SEALED),
        ("a boundary with a trailing blank", mail(multipart([part()], "b "),
                                                  *typed('multipart/mixed; boundary="b "')), SEALED),
        ("a boundary of hyphens", mail(multipart([part()], "--"), *typed('multipart/mixed; boundary="--"')), SEALED),
        ("a boundary that begins another", mail(
            multipart([b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + both], "bb"),
            *typed("multipart/mixed; boundary=bb")), SEALED),
        ("one boundary for two multiparts", mail(
            multipart([b'Content-Type: multipart/mixed; boundary=b\r\n\r\n' + both]),
            *typed("multipart/mixed; boundary=b")), SEALED),
        ("a boundary said twice", mail(both, *typed("multipart/mixed; boundary=b; boundary=c")), SEALED),
        ("a boundary in RFC 2231's pieces", mail(multipart([part()], "bc"),
                                                 *typed("multipart/mixed; boundary*0=b; boundary*1=c")), SEALED),
        ("a boundary both ways", mail(both, *typed("multipart/mixed; boundary=b; boundary*=us-ascii''c")), SEALED),
        ("a boundary never closed", mail(multipart([part()], end=False), *typed("multipart/mixed; boundary=b")), SEALED),
        ("a boundary that never comes", mail(TEXT, *typed("multipart/mixed; boundary=b")), SEALED),
        ("a delimiter in a bare CR line", mail(b"--b\r\n\r\nx\r--b\r\n\r\ny\r\n--b--\r\n",
                                               *typed("multipart/mixed; boundary=b")), SEALED),
        ('"--" in the preamble', mail(multipart([part()], preamble=b"--\r\n-- \r\n--bx\r\n----\r\n"),
                                      *typed("multipart/mixed; boundary=b")), SEALED),
        ("text in the preamble", mail(multipart([part()], preamble=b"Ctete toto.\r\n\xc5\x99\r\n"),
                                      *typed("multipart/mixed; boundary=b")), SEALED),
        ("text in the epilogue", mail(both + b"Ctete toto.\r\n\xc5\x99\r\n",
                                      *typed("multipart/mixed; boundary=b")), SEALED),
        ("a delimiter after the last", mail(both + both, *typed("multipart/mixed; boundary=b")), SEALED),
        ("two Content-Type fields", mail(both, *typed("text/plain", "Content-Type: multipart/mixed; boundary=b")), SEALED),
        ("two Content-Type fields in letters of two kinds, 8-bit", mail(
            multipart([part(b"\xc5\x99")]), *typed("text/html", "CONTENT-type: multipart/mixed; boundary=b")), SEALED),
        ("two Content-Transfer-Encoding fields", mail(
            base64.b64encode(TEXT), *typed("text/plain"), "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: 7bit"), SEALED),
        ("a multipart in base64", mail(base64.encodebytes(both), *typed("multipart/mixed; boundary=b"),
                                       "Content-Transfer-Encoding: base64"), SEALED),
        ("a Content-Type folded in the middle", mail(both, *typed("multipart/\r\n mixed;\r\n\tboundary\r\n =\r\n b")), SEALED),
        ("comments in Content-Type", mail(both, *typed("multipart(x)/(y;boundary=z)mixed; (boundary=c) boundary=(d)b")),
         SEALED),
        ("everything in capitals", mail(multipart([part()], "B"), "MIME-VERSION: 1.0",
                                        "CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=B"), SEALED),
        ("blanks before the colon", mail(both, "MIME-Version : 1.0", "Content-Type \t: multipart/mixed; boundary=b"),
         SEALED),
        ("no MIME-Version", mail(both, "Content-Type: multipart/mixed; boundary=b"), SEALED),
        ("MIME-Version 2.0, twice", mail(both, "MIME-Version: 2.0", "MIME-Version: 1.0",
                                         "Content-Type: multipart/mixed; boundary=b"), SEALED),
        ("an empty Content-Type", mail(TEXT, "Content-Type:"), SEALED),
        ("a Content-Type of slashes", mail(TEXT, "Content-Type: ////"), SEALED),
        ("a Content-Type without end", mail(TEXT, 'Content-Type: text/plain; charset="'), SEALED),
        ("a Content-Type that ends in a backslash", mail(TEXT, 'Content-Type: text/plain; name="x\\'), SEALED),
        ("an 8-bit Content-Type", mail(TEXT, b"Content-Type: text/plain; name=\"\xff\xfe\""), SEALED),
        ("a digest in a digest", mail(multipart([b"Content-Type: multipart/digest; boundary=c\r\n\r\n" +
                                                 multipart([mail()], "c")], kind="digest"),
                                      *typed("multipart/digest; boundary=b")), SEALED),
        ("message/rfc822 with 8-bit text", mail(mail(b"\xc5\x99\r\n"), *typed("message/rfc822")), SEALED),
        ("message/partial", mail(TEXT, *typed('message/partial; id="a"; number=1; total=2')), SEALED),
        ("message/external-body", mail(b"Content-Type: text/plain\r\n\r\n",
                                       *typed("message/external-body; access-type=url; url=\"http://x.example/\"")), SEALED),
        ("an unknown transfer encoding", mail(TEXT, *typed("text/plain"), "Content-Transfer-Encoding: x-uuencode"), SEALED),
        ("base64 that is none, 8-bit", mail(b"\xff\xfe!!!\r\n", *typed("text/plain"),
                                            "Content-Transfer-Encoding: base64"), SEALED),
        ("an empty body", mail(b""), SEALED),
        ("a part without header", mail(b"--b\r\nText bez hlavicky: x\r\n--b--\r\n", *typed("multipart/mixed; boundary=b")),
         SEALED),
        ("a part that is only a header", mail(b"--b\r\nContent-Type: text/plain\r\n--b--\r\n",
                                              *typed("multipart/mixed; boundary=b")), SEALED),
    ]


def bodies():
    """Sent with their line ends as they are."""
    return [
        ("NULs in the body", mail(b"a\0b\r\n\0\r\n"), SEALED),
        ("NULs in a part's header", mail(multipart([b"Content-Type: text/plain\0; charset=x\r\n\r\nx"]),
                                         *typed("multipart/mixed; boundary=b")), SEALED),
        ("bare CRs", mail(b"a\rb\r\r\nc\r"), SEALED),
        ("bare LFs", mail(b"a\nb\n\nc\n"), SEALED),
        ("the end of data in the body", mail(b"a\r\n.\r\nMAIL FROM:<x@y>\r\n\n.\nQUIT\r\n\r.\r"), SEALED),
        ("lines of dots", mail(b".\r\n..\r\n.a\r\n...\r\n"), SEALED),
        ("mbox separators", mail(b"From a\r\n\r\nFrom b\r\n>From c\r\n"), SEALED),
        ("every octet there is", mail(bytes(range(256)) * 64), SEALED),
        ("UTF-16", mail("ř".encode("utf-16") * 100), SEALED),
        ("escape sequences of terminals", mail(b"\x1b]0;x\x07\x1b[2J\x9b2J\r\n"), SEALED),
    ]


def senders():
    """In place of the From field. The envelope's sender is ours."""
    us, other = SENDER, STRANGER
    return [
        ("two From fields", "From: %s\r\nFrom: %s" % (us, us), ("550 5.7.1", "2 From fields")),
        ("two From fields in two kinds of letters", "From: %s\r\nFROM : %s" % (us, other), ("550 5.7.1", "2 From fields")),
        ("100 From fields", "\r\n".join(["From: " + us] * 100), ("550 5.7.1", "100 From fields")),
        ("no From", "", ("550 5.7.1", "no From field")),
        ("an empty From", "From:", ("550 5.7.1", "no address")),
        ("the null address in From", "From: <>", ("550 5.7.1", "no address")),
        ("two addresses", "From: %s, %s" % (us, other), ("550 5.7.1", "2 addresses")),
        ("two addresses, the first in brackets", "From: <%s>, %s" % (us, other), ("550 5.7.1", "2 addresses")),
        ("two in brackets", "From: <%s> <%s>" % (us, other), ("550 5.7.1", "no address")),
        ("an empty group", "From: nikdo:;", ("550 5.7.1", "no address")),
        ("a group of two", "From: my: %s, %s;" % (us, other), ("550 5.7.1", "2 addresses")),
        ("a group with an address behind it", "From: my: %s;, %s" % (us, other), ("550 5.7.1", "2 addresses")),
        ("an address as display name", 'From: %s <%s>' % (us, other), ("550 5.7.1", "no address")),
        ("the stranger's address as display name", 'From: %s <%s>' % (other, us), ("550 5.7.1", "no address")),
        ("our address as quoted display name", 'From: "%s" <%s>' % (us, other), PASSED),
        ("our address as encoded word", "From: =?utf-8?q?zpravy=40trh.example?= <%s>" % other, PASSED),
        ("our address as encoded word with brackets", "From: =?utf-8?b?%s?= <%s>" % (
            base64.b64encode(("<%s>" % us).encode()).decode(), other), PASSED),
        ("our address in a comment", "From: (<%s>) %s (%s)" % (us, other, us), PASSED),
        ("our address in a comment that does not end", "From: %s (<%s>" % (us, other), ("550 5.7.1", "no address")),
        ("our address in Resent-From and Sender", "Resent-From: %s\r\nSender: %s\r\nFrom: %s" % (us, us, other), PASSED),
        ("ours in From, the stranger's in Reply-To", "From: %s\r\nReply-To: %s" % (us, other), SEALED),
        ("a comment inside the address", "From: zpravy(<%s>)@(x)trh.example" % other, SEALED),
        ("our domain below the stranger's", "From: zpravy@trh.example.jiny.example", PASSED),
        ("the stranger's domain below ours", "From: zpravy@jiny.trh.example", PASSED),
        ("a domain that only ends in ours", "From: zpravy@jinytrh.example", PASSED),
        ("a source route", "From: <@jiny.example:%s>" % us, ("550 5.7.1", "no address")),
        ("percent and bang", "From: <jiny.example!zpravy%%jiny@trh.example>", SEALED),
        ("a quoted local part with an address", 'From: "%s,"@trh.example' % other, SEALED),
        ("a dot behind the domain", "From: %s." % us, ("550 5.7.1", "no address")),
        ("a homograph of our domain", "From: zpravy@t\u0433h.example", PASSED),
        ("full-width letters of our domain", "From: zpravy@\uff54\uff52\uff48.example", None),
        ("Latin-1 in the local part", b"From: zpr\xe1vy@trh.example", ("550 5.7.1", "no address")),
        ("a C1 control character", b"From: zpravy\xc2\x9b@trh.example", ("550 5.7.1", "no address")),
        ("a NUL", b"From: zpravy@trh.example\0@jiny.example", None),
        ("an address of 1 MB", "From: %s@trh.example" % ("a" * 900000), ("550 5.7.1", "no address")),
        ("300,000 brackets", "From: " + "<" * 300000, ("550 5.7.1", "no address")),
        ("300,000 comments", "From: " + "(" * 300000, ("550 5.7.1", "no address")),
        ("100,000 comments in each other's place", "From: " + "a(b)" * 100000 + "<%s>" % us, SEALED),
        ("100,000 groups", "From: " + "a:;," * 100000 + us, SEALED),
        ("100,000 empty elements", "From: " + "," * 100000 + us, SEALED),
        ("10,001 addresses", "From: " + ",".join([us] * 10001), ("550 5.7.1", "no address")),
        ("folded to the last blank", "From:\r\n \r\n\t\r\n <zpravy@trh.example\r\n >\r\n ", SEALED),
    ]


def forged_envelopes():
    """Nothing of these is an envelope: to a required recipient each is encrypted."""
    random = os.urandom(4096)
    good = enveloped(random)
    text = (MARK.encode() + b". ") * 40
    bomb = der(4, b"x")
    for _ in range(2000):
        bomb = indefinite(0x24, bomb)
    return [
        ("plain text called pkcs7-mime", pkcs7(text)),
        ("an envelope around plain text", pkcs7(enveloped(text[:624]))),
        ("a short envelope around plain text", pkcs7(enveloped(text[:96]))),
        ("an envelope around random octets and plain text", pkcs7(enveloped(random + text[:624] * 20))),
        ("zero recipients", pkcs7(enveloped(random, b""))),
        ("an envelope cut in the middle", pkcs7(good[:len(good) // 2])),
        ("an envelope without its last octet", pkcs7(good[:-1])),
        ("octets behind the envelope", pkcs7(good + b"\0")),
        ("text behind the envelope", pkcs7(good + text)),
        ("text behind the base64", mail(base64.encodebytes(good).replace(b"\n", b"\r\n") + b"\r\n!" + TEXT,
                                        *typed("application/pkcs7-mime; smime-type=enveloped-data"),
                                        "Content-Transfer-Encoding: base64")),
        ("two ContentInfos", pkcs7(good + good)),
        ("a claimed length of 100 MB", pkcs7(b"\x30\x84\x06\x00\x00\x00" + good[4:])),
        ("a claimed length of 2^64 - 1", pkcs7(b"\x30\x88" + b"\xff" * 8 + good)),
        ("a claimed length of 127 octets' length", pkcs7(b"\x30\xff" + b"\xff" * 127 + good)),
        ("4,001 RecipientInfos", pkcs7(enveloped(random, recipient_info() * 4001))),
        ("a nesting bomb", pkcs7(der(0x30, ENVELOPED_DATA, der(0xa0, bomb)))),
        ("a nesting bomb as content", pkcs7(der(0x30, ENVELOPED_DATA, der(0xa0, der(
            0x30, der(2, b"\0"), der(0x31, recipient_info()), der(0x30, DATA, AES_CBC, der(0xa0, bomb))))))),
        ("an endless indefinite length", pkcs7(b"\x30\x80" * 200000)),
        ("a million empty values", pkcs7(indefinite(0x30, b"\x05\x00" * 1000000))),
        ("DES", pkcs7(enveloped(random, cipher=der(0x30, bytes.fromhex("06052b0e030207"), der(4, b"\1" * 8))))),
        ("a fake multipart/encrypted", pgp(text)),
        ("PGP armour around plain text", pgp(armour(text))),
        ("a PGP literal packet", pgp(armour(b"\xcb" + bytes([len(text) & 0x7f]) + text))),
        ("a PGP message with text behind the armour", pgp(armour(b"\xc1\x05\x03abcd\xd2\x05\x01abcd") + text)),
        ("a real PGP message where the rule does not accept PGP", pgp(armour(b"\xc1\x05\x03abcd\xd2\x05\x01abcd"))),
        ("a named octet-stream", mail(TEXT, *typed('application/octet-stream; name="smime.p7m"'))),
    ]


def forged_signatures():
    """Nothing of these is an intact signature: each is sealed."""
    return [
        ("a signature of nobody's over nothing", clear_signed(part(), signed(signer_info(NOBODY)))),
        ("a signature of one octet", clear_signed(part(), signed(signer_info(NOBODY, b"\1")))),
        ("100 signatures", clear_signed(part(), signed(signer_info(NOBODY) * 100))),
        ("1,000 signatures", clear_signed(part(), signed(signer_info(NOBODY) * 1000))),
        ("certificates alone", clear_signed(part(), signed(b""))),
        ("an opaque one of nobody's", pkcs7(signed(signer_info(NOBODY), part()), "signed-data")),
        ("plain text called a signature", clear_signed(part(), TEXT)),
        ("a signature cut in the middle", clear_signed(part(), signed(signer_info(NOBODY))[:-9])),
    ]
