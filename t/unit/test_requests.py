#!/usr/bin/env python3
"""Revocation requests as people's mail programs write them: the full cross product of languages,
accents, charsets, encodings, wraps and number forms. Every one gives the same request."""

import base64
import itertools
import os
import quopri
import subprocess
import sys
import unicodedata

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("top_builddir", TOP)
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.tap import Tap  # noqa: E402

SERIAL = 0x00FA3C5D7E9B1122334455
PASSWORD = "Heslo4Revokaci0"
LANGUAGES = {
    "cs": ("Žádám o zneplatnění certifikátu číslo", "Heslo pro zneplatnění"),
    "sk": ("Žiadam o zneplatnenie certifikátu číslo", "Heslo pre zneplatnenie"),
    "en": ("I request revocation of certificate number", "Revocation password"),
}
GREETING = {"cs": "Dobrý den,", "sk": "Dobrý deň,", "en": "Dear Sir or Madam,"}
FAREWELL = {"cs": "S pozdravem\nJiří Dvořák\n-- \nPříklad, s. r. o., tel. 123 456 789",
            "sk": "S pozdravom\nĽubomír Kôň\n-- \nPríklad, s. r. o., tel. 123 456 789",
            "en": "Yours faithfully\nGeorge Smith\n-- \nExample Ltd., phone 123 456 789"}
ACCENTS = ["composed", "decomposed", "without", "capitals"]
CHARSETS = ["us-ascii", "utf-8", "iso-8859-2", "windows-1250"]
ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"]
NUMBERS = {"decimal": "%d" % SERIAL, "zeros": "000%d" % SERIAL, "hex": "0x%x" % SERIAL, "HEX": "0X00%X" % SERIAL}
WRAPS = ["none", "hard", "before number", "flowed", "delsp", "nbsp", "tabs", "doubled", "crowded", "comma", "full stop",
         "own paragraphs", "html", "html wrapped", "alternative", "attachment", "quoted below", "quoted above"]


def accented(text, how):
    """All of a mail; sentences() makes the capitals, as a password keeps its case."""
    if how == "decomposed":
        return unicodedata.normalize("NFD", text)
    if how == "without":
        return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return text


def sentences(language, accents, number, password, wrap):
    """The two lines, in the way of wrap."""
    first, second = (s.upper() if accents == "capitals" else s for s in LANGUAGES[language])
    equals = {"crowded": "=", "doubled": "  =  ", "tabs": "\t=\t", "nbsp": "\u00a0=\u00a0"}.get(wrap, " = ")
    blank = {"nbsp": "\u00a0", "tabs": "\t", "doubled": "  "}.get(wrap, " ")
    end = {"comma": ",", "full stop": "."}.get(wrap, "")
    first, second = first.replace(" ", blank), second.replace(" ", blank)
    lines = [first + equals + number + end, second + equals + password + end]
    if wrap == "hard":
        lines = [line.replace(" ", "\n", 3).replace("\n", " ", 2) for line in lines]
    if wrap == "before number":
        lines = [line.replace("= ", "=\n") for line in lines]
    if wrap == "flowed":
        lines = [line.replace(" ", " \n", 3) for line in lines]
    if wrap == "delsp":
        # A soft line end anywhere; a line that begins with a blank is stuffed.
        lines = [" \n".join((" " if piece[0] == " " else "") + piece for piece in (line[:8], line[8:20], line[20:]))
                 for line in lines]
    return ("\n\n" if wrap == "own paragraphs" else "\n").join(lines)


def quoted(language):
    first, second = LANGUAGES[language]
    return "> %s = 4711\n> %s = JineHeslo\n>> a starsi" % (first, second)


def body_text(language, accents, number, wrap):
    asked = sentences(language, accents, number, PASSWORD, wrap)
    parts = [GREETING[language], asked, FAREWELL[language]]
    if wrap == "quoted below":
        parts.append(quoted(language))
    if wrap == "quoted above":
        parts.insert(0, "Jana napsala:\n" + quoted(language))
    return "\n\n".join(parts) + "\n"


def html(language, accents, number, wrap):
    text = sentences(language, accents, number, PASSWORD, wrap)
    if wrap == "html wrapped":
        text = text.replace(" ", "\n      ", 2).replace("o", "<b>o</b>", 1).replace(" = ", "&nbsp;=&#32;")
        lines = "<div>%s</div>" % text
    else:
        lines = "".join("<p class=MsoNormal><span lang=CS style='font-size:11.0pt'>%s</span></p>\n" % line
                        for line in text.split("\n"))
    first, other = LANGUAGES[language]
    return ("<html><head><title>x</title><style><!-- p.MsoNormal {margin:0cm; font-size:11.0pt} --></style></head>"
            "<body lang=CS><div>%s<br></div>\n%s<p>%s</p>"
            "<blockquote type=cite><div>%s = 4711</div><div>%s = JineHeslo</div></blockquote></body></html>\n"
            % (GREETING[language], lines, FAREWELL[language].replace("\n", "<br>"), first, other))


def encoded(text, charset, encoding):
    octets = text.replace("\n", "\r\n").encode(charset)
    if encoding == "quoted-printable":
        return quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return octets


def part(kind, text, charset, encoding, more=""):
    head = "Content-Type: %s; charset=%s%s\r\nContent-Transfer-Encoding: %s\r\n\r\n" % (kind, charset, more, encoding)
    return head.encode() + encoded(text, charset, encoding)


def multipart(kind, *parts):
    body = b"".join(b"--=_b\r\n" + p + b"\r\n" for p in parts) + b"--=_b--\r\n"
    return ("Content-Type: multipart/%s; boundary=\"=_b\"\r\n\r\n" % kind).encode() + body


def mail(language, accents, charset, encoding, number, wrap):
    def shaped(text):
        return accented(text, accents)

    text = shaped(body_text(language, accents, number, wrap))
    page = shaped(html(language, accents, number, wrap))
    plain = {"flowed": "; format=flowed", "delsp": "; format=flowed; delsp=yes"}.get(wrap, "")
    if wrap.startswith("html"):
        entity = part("text/html", page, charset, encoding)
    elif wrap == "alternative":
        entity = multipart("alternative", part("text/plain", text, charset, encoding),
                           part("text/html", page, charset, encoding))
    elif wrap == "attachment":
        other = part("text/plain", shaped(quoted(language)[2:]), charset, encoding, "; name=old.txt")
        image = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
        entity = multipart("mixed", part("text/plain", text, charset, encoding), image, other)
    else:
        entity = part("text/plain", text, charset, encoding, plain)
    return b"From: jiri@example.cz\r\nSubject: zneplatneni\r\nMIME-Version: 1.0\r\n" + entity


def all_mails():
    """(what it is, the mail) for each that can exist: us-ascii has no accents, and 7bit no octets above it."""
    for choice in itertools.product(LANGUAGES, ACCENTS, CHARSETS, ENCODINGS, NUMBERS, WRAPS):
        language, accents, charset, encoding, number, wrap = choice
        try:
            made = mail(language, accents, charset, encoding, NUMBERS[number], wrap)
        except UnicodeEncodeError:
            continue
        if encoding != "7bit" or all(c < 0x80 for c in made):
            yield choice, made


def read_all(mails):
    told = b"".join(b"%d\n" % len(m) + m for m in mails)
    done = subprocess.run([os.path.join(BUILD, "t", "unit", "request_tool")], input=told, stdout=subprocess.PIPE,
                          timeout=300, check=True)
    return done.stdout.decode().splitlines()


def main():
    tap = Tap()
    made = list(all_mails())
    answers = read_all([m for _, m in made])
    tap.ok(len(made) >= 2000, "%d mails were made" % len(made))
    tap.ok(len(answers) == len(made), "each is answered", "%d answers" % len(answers))
    wanted = ("%x" % SERIAL).rjust(2 * ((SERIAL.bit_length() + 7) // 8), "0")
    wrong = [(c, a) for (c, _), a in zip(made, answers) if a != "yes %s:%s:%s" % (c[0], wanted, PASSWORD)]
    for which, names in enumerate((LANGUAGES, ACCENTS, CHARSETS, ENCODINGS, NUMBERS, WRAPS)):
        for name in names:
            count = sum(1 for c, _ in made if c[which] == name)
            bad = [w for w in wrong if w[0][which] == name]
            tap.ok(count > 0 and not bad, "all %d with %s give the same request" % (count, name),
                   "\n".join("%s: %s" % w for w in bad[:5]))
    # The comparison must be able to say no.
    other = mail("cs", "without", "us-ascii", "7bit", "4711", "none")
    tap.ok(read_all([other]) == ["yes cs:1267:" + PASSWORD], "another number is another request", read_all([other]))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
