#!/usr/bin/env python3
"""What holders and administrators are told to write is read as a request: every example of
contrib/holders.txt and of sealmilter.conf(5), as a mail of its own."""

import os
import re
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BUILD = os.environ.get("top_builddir", TOP)
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.tap import Tap  # noqa: E402

SERIAL = "1a2b3c"
PLAIN = ("From: jan@firm.example\r\nTo: zneplatneni@ca.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")


def answers(texts):
    told = b""
    for text in texts:
        mail = (PLAIN + text.replace("\n", "\r\n")).encode()
        told += b"%d\n" % len(mail) + mail
    done = subprocess.run([os.path.join(BUILD, "t", "unit", "request_tool")], input=told, stdout=subprocess.PIPE,
                          timeout=300, check=True)
    return done.stdout.decode().splitlines()


def pages():
    """{language: its examples} of the page for holders; each stands indented by seven, between empty lines."""
    with open(os.path.join(TOP, "contrib", "holders.txt"), encoding="utf-8") as f:
        parts = f.read().split("-" * 78 + "\n")[1:]
    return {language: re.findall(r"\n\n((?: {7}\S.*\n)+)\n", page) for language, page in zip(("cs", "sk", "en"), parts)}


def manual():
    """The examples of the manual page, as a reader sees them."""
    with open(os.path.join(TOP, "man", "sealmilter.conf.5"), encoding="utf-8") as f:
        section = f.read().partition(".Ss What a request is\n")[2].partition(".Ss ")[0]
    shown = {"\\('a": "\u00e1", "\\('i": "\u00ed"}
    texts = []
    for text in re.findall(r"\.Bd[^\n]*\n(.*?)\.Ed", section, re.S):
        text = re.sub(r"\\\[u([0-9A-F]{4})\]", lambda m: chr(int(m[1], 16)), text)
        for code, letter in shown.items():
            text = text.replace(code, letter)
        texts.append(text)
    return texts


def main():
    tap = Tap()
    holders = pages()
    tap.ok(sorted(holders) == ["cs", "en", "sk"], "the page for holders has three languages", list(holders))
    for language, examples in holders.items():
        tap.ok(len(examples) == 2, "%s: one example without a password, one with" % language, examples)
        told = answers(examples)
        tap.ok(told[0] == "yes %s:%s:" % (language, SERIAL), "%s: the first is a request" % language, told[0])
        tap.ok(re.fullmatch("yes %s:%s:[0-9A-Za-z]{4,32}" % (language, SERIAL), told[1]),
               "%s: the second is one with a password" % language, told[1])
    told = answers(manual())
    tap.ok([t.rpartition(":")[0] for t in told] == ["yes %s:%s" % (l, SERIAL) for l in ("cs", "sk", "en")] and
           all(t.rpartition(":")[2] == "tajne" for t in told), "the manual page's are requests with passwords", told)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
