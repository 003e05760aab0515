#!/usr/bin/env python3
"""What compose_entity() writes, read by somebody else: Python's email package.

Each message goes through compose_tool. What comes out must be 7-bit with CRLF, unless
the tool says that it left it untouched, and each leaf must decode to the octets that it
had. Golden files in t/data/compose say the same for whole entities.
"""
import email
import email.header
import glob
import os
import random
import re
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", ".")
TOOL = os.path.join(os.environ.get("top_builddir", "."), "t/unit/compose_tool")
LINE_MAX = 990

count = 0
failed = 0


def ok(condition, name, detail=""):
    global count, failed
    count += 1
    if not condition:
        failed += 1
        for line in str(detail).splitlines():
            print("# " + line)
    print("%s %d - %s" % ("ok" if condition else "not ok", count, name))


def unchanged(message, entity):
    """Are the entity's header lines all the message's, and the bodies the same?"""
    (before, body), (after, same) = (m.partition(b"\r\n\r\n")[::2] for m in (message, entity))
    return body == same and set(after.split(b"\r\n")) <= set(before.split(b"\r\n"))


def compose(message):
    """Result word or words ("safe": done without a change), and the entity."""
    with tempfile.NamedTemporaryFile(suffix=".eml") as f:
        f.write(message)
        f.flush()
        run = subprocess.run([TOOL, f.name], capture_output=True, timeout=60)
    said = run.stderr.decode().strip()
    return "safe" if said == "done" and unchanged(message, run.stdout) else said, run.stdout


def faults(entity):
    """What a relay could change in it."""
    found = []
    if re.search(rb"[\x80-\xff\0]", entity):
        found.append("8-bit or NUL")
    if re.search(rb"\r(?!\n)|(?<!\r)\n", entity):
        found.append("bare CR or LF")
    for line in entity.split(b"\r\n"):
        if len(line) > LINE_MAX:
            found.append("long line")
        if line[-1:] in (b" ", b"\t"):
            found.append("trailing blank: %r" % line[-60:])
        if line.startswith(b"From "):
            found.append("From line")
    return found


def described(value):
    if value is None:
        return None
    parts = email.header.decode_header(value)
    return "".join(p.decode(c or "utf-8") if isinstance(p, bytes) else p for p, c in parts).strip()


def file_name(part):
    """The name that a person sees: folds undone, raw 8-bit taken for UTF-8."""
    for field, value in part.raw_items():
        raw = value.encode("ascii", "surrogateescape") if isinstance(value, str) else b""
        found = re.search(rb'\b(?:file)?name="([^"]*[\x80-\xff][^"]*)"', raw)
        if found and field.lower() in ("content-type", "content-disposition"):
            return found.group(1).decode("utf-8", "replace")
    name = part.get_filename()
    return name and name.replace("\r\n", "")


def leaf(part):
    return (part.get_content_type(), str(part.get_param("charset")), file_name(part),
            part.get("Content-ID"), part.get_payload(decode=True))


def tree(message):
    """The message's leaves in order, with the path of multipart types above each."""
    found = []

    def walk(part, path):
        kind = part.get_content_type()
        if part.is_multipart():
            for child in part.get_payload():
                walk(child, path + (kind,))
        else:
            found.append((path,) + leaf(part))
    walk(message, ())
    return found


def header(*lines):
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


BASE = (b"From: a@example.cz", b"To: b@example.com", b"Subject: test", b"MIME-Version: 1.0")


def text(body, *fields):
    return header(*BASE, *(fields or (b"Content-Type: text/plain; charset=utf-8",
                                      b"Content-Transfer-Encoding: 8bit"))) + body


def mixed(*parts, kind=b"mixed", boundary=b"sep", preamble=b"", epilogue=b"\r\n", root=()):
    body = preamble
    for part in parts:
        body += b"--" + boundary + b"\r\n" + part + b"\r\n"
    return header(*BASE, b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"', *root) + \
        body + b"--" + boundary + b"--" + epilogue


CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy.\r\n".encode()
PLAIN = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nplain text\r\nsecond line"
UTF8 = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + \
    CZECH + b"Words that are ASCII all along the line.\r\n" * 4
BINARY = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) * 4
BASE64 = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + \
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA\r\nWjR9awAAAABJRU5ErkJggg=="
SIGNED_INNER = b"Content-Type: multipart/signed; boundary=in; protocol=\"application/pgp-signature\"; " \
    b"micalg=pgp-sha256\r\n\r\n--in\r\n%s\r\n--in\r\nContent-Type: application/pgp-signature\r\n\r\nsig\r\n--in--"

# name, message, what the tool is to say, whether the leaves are to be the same
CASES = [
    ("plain 7-bit text", text(b"hello\r\nworld\r\n", b"Content-Type: text/plain"), "safe"),
    ("8-bit text", text(CZECH), "done"),
    ("8-bit text in latin2 without label", text("Žluťoučký\r\n".encode("iso8859-2"),
                                                b"Content-Type: text/plain; charset=iso-8859-2"), "done"),
    ("leading From", text(b"x\r\nFrom here on\r\nFrom there\r\n", b"Content-Type: text/plain"), "done"),
    ("From at the beginning", text(b"From here on", b"Content-Type: text/plain"), "done"),
    ("From behind a soft line break", text(b"x" * 75 + b"From here " + b"y" * 2000, b"Content-Type: text/plain"),
     "done"),
    ("trailing blanks", text(b"two  \r\ntab\t\r\n \r\nend ", b"Content-Type: text/plain"), "done"),
    ("line of 990", text(b"x" * 990 + b"\r\n", b"Content-Type: text/plain"), "safe"),
    ("line of 991", text(b"x" * 991 + b"\r\n", b"Content-Type: text/plain"), "done"),
    ("line of 1 MiB", text(b"word " * 200000 + b"\r\n", b"Content-Type: text/plain"), "done"),
    ("NUL in text", text(b"a\0b\r\n" + b"text\r\n" * 50, b"Content-Type: text/plain"), "done"),
    ("bare CR", text(b"a\rb\r\n", b"Content-Type: text/plain"), "done"),
    ("bare LF among CRLF", text(b"a\nb\r\nc\n", b"Content-Type: text/plain"), "done"),
    ("mostly 8-bit text becomes base64", text("привет мир\r\n".encode() * 100), "done"),
    ("utf-16 text", text("Žluťoučký\r\n".encode("utf-16") + b"\r\n", b"Content-Type: text/plain; charset=utf-16",
                         b"Content-Transfer-Encoding: binary"), "done"),
    ("label 8bit alone", text(b"plain\r\n"), "done"),
    ("no Content-Type", header(b"From: a@b") + b"hello\r\n", "done"),
    ("no Content-Type, 8-bit", header(b"From: a@b") + CZECH, "done"),
    ("empty body", text(b"", b"Content-Type: text/plain"), "safe"),
    ("octets of every kind", text(bytes(range(256)) * 300 + b"\r\n", b"Content-Type: application/octet-stream",
                                  b"Content-Transfer-Encoding: binary"), "done"),
    ("safe multipart", mixed(PLAIN, BASE64), "safe"),
    ("multipart with one 8-bit leaf", mixed(PLAIN, UTF8, BASE64), "done"),
    ("multipart labelled 8bit", mixed(PLAIN, UTF8, root=(b"Content-Transfer-Encoding: 8bit",)), "done"),
    ("binary leaf", mixed(PLAIN, BINARY), "done"),
    ("8-bit preamble and epilogue", mixed(PLAIN, preamble=CZECH, epilogue=b"\r\n" + CZECH), "done"),
    ("preamble with dashes", mixed(PLAIN, preamble=b"-- \r\n--\r\n--se\r\n"), "done"),
    ("safe preamble stays", mixed(PLAIN, preamble=b"This is MIME.\r\n"), "safe"),
    ("blanks behind the delimiters", mixed(PLAIN, PLAIN).replace(b"--sep", b"--sep \t").replace(
        b"--sep \t--", b"--sep--  "), "done"),
    ("nested multiparts", mixed(
        b"Content-Type: multipart/alternative; boundary=alt\r\n\r\n--alt\r\n" + UTF8 + b"\r\n--alt\r\n" +
        UTF8.replace(b"plain", b"html") + b"\r\n--alt--\r\n", BASE64, BINARY), "done"),
    ("empty parts", mixed(b"", b"\r\n", b"Content-Type: text/plain\r\n", UTF8), "done"),
    ("delimiter at a soft line break", mixed(
        b"Content-Type: text/plain\r\n\r\n" + b"x" * 75 + b"--sep " + b"y" * 2000, boundary=b"sep"), "done"),
    ("bare LF everywhere in one part", mixed(
        b"Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\n\nline\nline\n", PLAIN), "done"),
    ("8-bit file name", mixed(b"Content-Type: application/pdf; name=\"\xc5\xbelu\xc5\xa5.pdf\"\r\n"
                              b"Content-Disposition: attachment; size=3; filename=\"\xc5\xbelu\xc5\xa5.pdf\"\r\n\r\nabc"),
     "done"),
    ("long 8-bit file name", mixed(
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"" +
        "ž".encode() * 400 + b".pdf\"; size=3\r\n\r\nabc"), "done"),
    ("8-bit description", mixed(b"Content-Type: text/plain\r\nContent-Description: " +
                                "Příliš žluťoučký kůň ".encode() * 10 + b"\r\n\r\nabc"), "done"),
    ("latin2 file name", mixed(b"Content-Disposition: attachment; filename=\"\xbelu.pdf\"\r\n\r\nabc"),
     "untouched: a MIME header field"),
    ("8-bit Content-ID", mixed(b"Content-ID: <\xc5\xbe@x>\r\n\r\nabc"), "untouched: a MIME header field"),
    ("long header line with blanks", mixed(b"Content-Type: text/plain; " + b"; ".join(
        b"x%d=1" % i for i in range(20)) + b"; name=\"" + b"word " * 300 + b"end\"\r\n\r\nabc"), "done"),
    ("long header line without blanks", mixed(b"Content-Type: text/plain; name=\"" + b"x" * 2000 + b"\"\r\n\r\nabc"),
     "untouched: a MIME header field"),
    ("blanks at header line ends", mixed(b"Content-Type: text/plain;  \r\n\tname=\"a  \r\n b.txt\" \r\n\r\nabc"), "done"),
    ("base64 with bare LF", mixed(BASE64.replace(b"GA\r\nWj", b"GA\nWj")), "done"),
    ("base64 in one long line", mixed(
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 1000), "done"),
    ("base64 with trailing blanks", mixed(BASE64.replace(b"GA\r\nWj", b"GA \r\nWj")), "done"),
    ("base64 with 8-bit text", mixed(BASE64 + b"\r\n\xc5\xbe"), "untouched: a base64"),
    ("quoted-printable that is safe", text(b"a=3D=C5=BE=\r\nb\r\n", b"Content-Type: text/plain",
                                           b"Content-Transfer-Encoding: quoted-printable"), "safe"),
    ("quoted-printable with 8-bit and a long line", text(
        b"a=3D\xc5\xbe" + b"long=20" * 300 + b"=\r\nb\r\nFrom x\r\n", b"Content-Type: text/plain",
        b"Content-Transfer-Encoding: quoted-printable"), "done"),
    ("quoted-printable with an = that is text before a soft line break", text(
        b"x" * 74 + b"=ZZ " + b"y" * 1000 + b"\r\n", b"Content-Type: text/plain",
        b"Content-Transfer-Encoding: quoted-printable"), "done"),
    ("inner signature, safe", mixed(SIGNED_INNER % PLAIN, UTF8), "done"),
    ("inner signature, 8-bit", mixed(SIGNED_INNER % UTF8, PLAIN), "untouched: an inner signature"),
    ("inner message, 8-bit", mixed(PLAIN, b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                                   b"Subject: x\r\n\r\n" + CZECH), "untouched: an inner message"),
    ("inner message, safe", mixed(UTF8, b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nplain"), "done"),
    ("inner message, labelled 8bit only", mixed(UTF8, b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n"
                                                b"Content-Transfer-Encoding: 8bit\r\n\r\nplain"),
     "untouched: an inner message"),
    ("digest, 8-bit", mixed(b"\r\nSubject: x\r\n\r\n" + CZECH, kind=b"digest"), "untouched: an inner message"),
    ("two Content-Types, safe", text(b"x\r\n", b"Content-Type: text/plain", b"Content-Type: text/html"),
     "untouched: its MIME structure"),
    ("two Content-Types, 8-bit", text(CZECH, b"Content-Type: text/plain", b"Content-Type: text/html"),
     "untouched: its MIME structure"),
    ("no boundary, safe", text(b"--x\r\n\r\nx\r\n--x--\r\n", b"Content-Type: multipart/mixed"),
     "untouched: its MIME structure"),
    ("no boundary, 8-bit", text(b"--x\r\n\r\n" + CZECH + b"--x--\r\n", b"Content-Type: multipart/mixed"),
     "untouched: its MIME structure"),
    ("unclosed, safe", text(b"--x\r\n\r\nx\r\n", b"Content-Type: multipart/mixed; boundary=x"),
     "untouched: its MIME structure"),
    ("unclosed, 8-bit", text(b"--x\r\n\r\n" + CZECH, b"Content-Type: multipart/mixed; boundary=x"),
     "untouched: its MIME structure"),
    ("bare CR before a delimiter, behind dashes", mixed(
        b"Content-Type: text/plain\r\n\r\n--x\r--sep\r\n\r\nend \r\n"), "untouched: its MIME structure"),
    ("quoted-pair in a boundary", text(b"--sep\r\n\r\nend \r\n--sep--\r\n",
                                       b'Content-Type: multipart/mixed; boundary="s\\ep"'),
     "untouched: its MIME structure"),
    ("unknown encoding, 8-bit", text(CZECH, b"Content-Type: text/plain", b"Content-Transfer-Encoding: x-what"),
     "untouched: a part has an unknown"),
]

def check(name, message, expected):
    said, entity = compose(message)
    ok(said.startswith(expected), name + ": " + expected, "said %r" % said)
    if not said.startswith("untouched"):
        found = faults(entity)
        ok(not found, name + ": no relay can break it", found)
    fields = message[:message.index(b"\r\n\r\n") + 2]
    if said == "safe":
        ok(entity.endswith(message[len(fields):]), name + ": octets as they were")
    before, after = tree(email.message_from_bytes(message)), tree(email.message_from_bytes(entity))
    if b"Content-Type" not in fields:
        after = [leaf_[:2] + (before[0][2],) + leaf_[3:] for leaf_ in after]
    ok(before == after, name + ": the reader sees the same",
       "before %.700r\nafter  %.700r\nentity %.700r" % (before, after, entity))


def check_details():
    said, entity = compose(mixed(PLAIN, UTF8, BASE64))
    ok(PLAIN in entity and BASE64 in entity, "the safe leaves beside an 8-bit one keep their octets")
    ok(entity.count(b"quoted-printable") == 1, "only the unsafe leaf is encoded")
    said, entity = compose(text(CZECH))
    ok(b"Subject" not in entity and b"MIME-Version" not in entity, "fields that are not MIME's stay outside")
    said, entity = compose(mixed(b"Content-Type: text/plain\r\nContent-Description: " +
                                 "Příliš žluťoučký kůň ".encode() * 10 + b"\r\n\r\nabc"))
    part = email.message_from_bytes(entity).get_payload(0)
    ok(described(part["Content-Description"]) == ("Příliš žluťoučký kůň " * 10).strip(),
       "an 8-bit description is read as it was", described(part["Content-Description"]))
    said, entity = compose(mixed(
        b"Content-Type: multipart/alternative; boundary=alt\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--alt\r\n" +
        UTF8 + b"\r\n--alt--\r\n", root=(b"Content-Transfer-Encoding: 8bit",)))
    ok(b"8bit" not in entity, "no label says 8bit when nothing is", entity)
    said, entity = compose(text(b"a  \t\r\nb= \r\nc\nd\r\n", b"Content-Type: text/plain",
                                b"Content-Transfer-Encoding: quoted-printable"))
    ok(entity.endswith(b"\r\n\r\na\r\nb=\r\nc\r\nd\r\n"), "blanks at line ends of quoted-printable go", entity)
    message = header(*BASE, b"Content-Type: text/plain;\r\n\tcharset=utf-8;\r\n  format=flowed",
                     b"Content-Language: cs", b"X-Other: y") + b"hi\r\n"
    said, entity = compose(message)
    ok(entity == b"Content-Type: text/plain;\r\n\tcharset=utf-8;\r\n  format=flowed\r\nContent-Language: cs\r\n\r\nhi\r\n",
       "the MIME fields move in with their bytes", entity)


def check_random():
    """Text and structure at random: the reader sees the same, or it was left alone."""
    draw = random.Random(20260101)
    pieces = [b"\r\n", b"\n", b"\r", b" ", b"\t", b"From ", b"=", b"=\r\n", b"=41", b"--sep", b"--se", b"x" * 70,
              b"y" * 900, b".", b"\0", "ž".encode(), b"\xff", b"word", b"\r\n\r\n", b"-", b"--"]
    encodings = [b"7bit", b"8bit", b"binary"]
    wrong = []
    for i in range(150):
        parts = []
        for _ in range(draw.randint(1, 4)):
            body = b"".join(draw.choices(pieces, k=draw.randint(0, 30)))
            if re.search(rb"(^|[\r\n])--sep", body):
                continue
            parts.append(b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (
                draw.choice([b"text/plain", b"application/x"]), draw.choice(encodings)) + body)
        message = mixed(*(parts or [PLAIN]))
        said, entity = compose(message)
        same = tree(email.message_from_bytes(message)) == tree(email.message_from_bytes(entity))
        if not said.startswith("untouched") and (faults(entity) or not same):
            wrong.append((said, message))
    ok(not wrong, "150 random multiparts are safe and read the same", wrong[:1])


def check_golden():
    files = sorted(glob.glob(os.path.join(TOP, "t/data/compose/*.eml")))
    ok(len(files) > 0, "there are golden files")
    for path in files:
        said, entity = compose(open(path, "rb").read())
        golden = path[:-4] + ".entity"
        want = open(golden, "rb").read() if os.path.exists(golden) else None
        ok(entity == want, "golden " + os.path.basename(path), "said %s\n%r" % (said, entity))


def main():
    for name, message, expected in CASES:
        check(name, message, expected)
    check_details()
    check_random()
    check_golden()
    print("1..%d" % count)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
