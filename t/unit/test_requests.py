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
         "own paragraphs", "html", "html wrapped", "alternative", "attachment", "quoted below", "quoted above", "outlook below", "signed", "related"]


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
    if wrap == "outlook below":
        parts.append("-----Original Message-----\nFrom: CA\nSent: Monday\nTo: Jiri\nSubject: x\n\n" +
                     quoted(language).replace("> ", ""))
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
    image = b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n"
    plain = {"flowed": "; format=flowed", "delsp": "; format=flowed; delsp=yes"}.get(wrap, "")
    if wrap.startswith("html"):
        entity = part("text/html", page, charset, encoding)
    elif wrap == "alternative":
        entity = multipart("alternative", part("text/plain", text, charset, encoding),
                           part("text/html", page, charset, encoding))
    elif wrap == "signed":
        entity = multipart("signed; protocol=\"application/pkcs7-signature\"", part("text/plain", text, charset, encoding),
                           image.replace(b"image/png", b"application/pkcs7-signature"))
    elif wrap == "related":
        entity = multipart("related", part("text/html", page, charset, encoding), image)
    elif wrap == "attachment":
        other = part("text/plain", shaped(quoted(language)[2:]), charset, encoding, "; name=old.txt")
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


WORD = """<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"><head>
<meta http-equiv=Content-Type content="text/html; charset=utf-8"><meta name=Generator content="Microsoft Word 15">
<!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]--><style><!--
/* Font Definitions */
@font-face {font-family:"Cambria Math"; panose-1:2 4 5 3 5 4 6 3 2 4;}
p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm; font-size:11.0pt; font-family:"Calibri",sans-serif;}
a:link, span.MsoHyperlink {mso-style-priority:99; color:#0563C1; text-decoration:underline;}
span.EmailStyle17 {mso-style-type:personal-compose; font-family:"Calibri",sans-serif; color:windowtext;}
.MsoChpDefault {mso-style-type:export-only; mso-fareast-language:EN-US;}
@page WordSection1 {size:612.0pt 792.0pt; margin:70.85pt 70.85pt 70.85pt 70.85pt;}
div.WordSection1 {page:WordSection1;}
--></style><!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]--></head>
<body lang=CS link="#0563C1" vlink="#954F72" style='word-wrap:break-word'><div class=WordSection1>
<p class=MsoNormal>Dobrý den,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>
<p class=MsoNormal>%s<o:p></o:p></p><p class=MsoNormal><b><span style='color:#1F497D'>%s</span></b><o:p></o:p></p>%s
</div></body></html>"""

# HTML as programs write it, with the two lines and with an earlier mail that has others.
PROGRAMS = {
    "Outlook": WORD % ("{first}", "{second}", ""),
    "Outlook, a reply": WORD % ("{first}", "{second}", """<div style='border:none;border-top:solid #E1E1E1 1.0pt;
padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b><span lang=EN-US>From:</span></b> CA &lt;ca@example.cz&gt; <br>
<b>Sent:</b> Monday<br><b>To:</b> Jan<br><b>Subject:</b> x<o:p></o:p></p></div><p class=MsoNormal>{other}</p>"""),
    "Gmail, a reply": """<div dir="ltr"><div>Dobrý den,</div><div><br></div><div>{first}</div><div>{second}<br
clear="all"></div><div><br></div><span class="gmail_signature_prefix">-- </span><br><div dir="ltr"
class="gmail_signature">Jan</div></div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr"
class="gmail_attr">po 23. 11. 2026 v 8:00 odesílatel CA napsal:<br></div><blockquote class="gmail_quote"
style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">{other}</blockquote></div>""",
    "Thunderbird, below": """<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body>
<div class="moz-cite-prefix">Dne 23. 11. 2026 v 8:00 CA napsal(a):<br></div><blockquote type="cite"
cite="mid:1@example.cz"><p>{other}</p></blockquote><p>{first}<br>{second}</p><div class="moz-signature">-- <br>
Jan</div></body></html>""",
    "Apple Mail": """<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body
style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">Dobrý den,<div><br></div>
<div>{first}</div><div>{second}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>On 23. 11. 2026,
at 8:00, CA &lt;ca@example.cz&gt; wrote:</div><br class="Apple-interchange-newline"><div>{other}</div></blockquote></div>
</div></body></html>""",
    "Seznam": """<html><body>Dobrý den,<br><br>{first}<br>{second}<br><br>Jan<br><br><aside>---------- Původní
e-mail ----------<br>Od: CA<br>Komu: Jan<br>Datum: 23. 11. 2026<br>Předmět: x</aside><br>{other}</body></html>""",
}


def from_program(name):
    lines = sentences("cs", "composed", NUMBERS["hex"], PASSWORD, "none").split("\n")
    page = PROGRAMS[name].replace("{first}", lines[0]).replace("{second}", lines[1])
    page = page.replace("{other}", quoted("cs").replace("> ", "").replace("\n", "<br>"))
    return b"MIME-Version: 1.0\r\n" + part("text/html", page, "utf-8", "quoted-printable")


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
    for name, answer in zip(PROGRAMS, read_all([from_program(name) for name in PROGRAMS])):
        tap.ok(answer == "yes cs:%s:%s" % (wanted, PASSWORD), "so does HTML of " + name, answer)
    # The comparison must be able to say no.
    other = mail("cs", "without", "us-ascii", "7bit", "4711", "none")
    tap.ok(read_all([other]) == ["yes cs:1267:" + PASSWORD], "another number is another request", read_all([other]))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
