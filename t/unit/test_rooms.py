#!/usr/bin/env python3
"""Dependencies between the rooms of src/ go downward only, and the headers of the
big libraries are seen in the one place that HACKING names for each."""

import os
import re
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.tap import Tap  # noqa: E402

ROOMS = ["base", "mail", "config", "fetch", "pki", "keys", "directory", "smime", "store", "revocation",
         "gateway", "worker", "milter", "ctl"]
# sealctl is a program of its own beside the daemon: it never looks into the milter's room.
APART = {("ctl", "milter")}
ONLY_IN = {
    "confuse.h": "src/config/",
    "libmilter/mfapi.h": "src/milter/milter.c",
    "ldap.h": ("src/directory/", "src/fetch/ldap.c"),
    "curl/curl.h": ("src/fetch/http.c", "src/worker/smtp.c"),
    "idn2.h": "src/mail/",
    "jansson.h": ("src/gateway/tree.h",),
    "sqlite3.h": "src/store/",
    "unicase.h": "src/revocation/",
    "uniconv.h": "src/revocation/",
    "unictype.h": "src/revocation/",
    "uninorm.h": "src/revocation/",
    "unistr.h": "src/revocation/",
}


def sources():
    for folder, _, files in os.walk(os.path.join(TOP, "src")):
        for name in sorted(files):
            if name.endswith((".c", ".h")):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, TOP), open(path, encoding="utf-8").read()


def judge(path, text):
    """What is wrong with this file's includes, in words."""
    room = path.split("/")[1]
    if room not in ROOMS:
        yield "%s: the room %s is not in the order" % (path, room)
        return
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
        other = name.split("/")[0]
        if "/" not in name and name != "config.h":
            yield "%s: \"%s\" does not name its room" % (path, name)
        elif other in ROOMS and (ROOMS.index(other) > ROOMS.index(room) or (room, other) in APART):
            yield "%s: %s may not include %s" % (path, room, name)
    for name in re.findall(r'^\s*#\s*include\s+<([^>]+)>', text, re.M):
        if name in ONLY_IN and not path.startswith(ONLY_IN[name]):
            yield "%s: <%s> belongs to %s alone" % (path, name, ONLY_IN[name])


def main():
    tap = Tap()
    found = list(sources())
    tap.ok(len(found) > 40, "the sources are found", "%d files" % len(found))
    wrong = [w for path, text in found for w in judge(path, text)]
    tap.ok(not wrong, "every include points downward", "\n".join(wrong))
    # The judge itself must be able to say no.
    tap.ok(len(list(judge("src/base/x.c", '#include "gateway/gateway.h"\n#include <ldap.h>\n'))) == 2,
           "an include upward and a library out of its place are noticed")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
