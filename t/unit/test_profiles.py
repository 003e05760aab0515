#!/usr/bin/env python3
"""Each certificate that make-profiles writes keeps its profile, or breaks one rule and no
other, for whoever asks sealctl."""

import json
import os
import subprocess
import sys

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import Rig, Tap  # noqa: E402
from rig.gateway import program  # noqa: E402


CONFIGURATION = """
inbound-domains = trh.example
listener "in" { socket = "unix:/nonexistent/in" direction = inbound }
trust "test" { anchors = "%s" revocation = off }
"""


def checked(config, file, profile):
    """sealctl's exit status, and what it tells of the profile."""
    done = subprocess.run([program("sealctl"), "-c", config, "certificate", "check", file, "--profile", profile, "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if not done.stdout:
        raise AssertionError("%s: status %d: %s" % (file, done.returncode, done.stderr.decode()))
    return done.returncode, json.loads(done.stdout)["profile"]


def main():
    tap = Tap()
    with Rig() as rig:
        rig.run(os.path.join(os.environ["top_builddir"], "t", "pki", "make-profiles"), rig.folder)
        config = rig.write("sealmilter.conf", CONFIGURATION % rig.path("authority.pem"))
        with open(rig.path("list")) as f:
            wanted = [line.split() for line in f]
        broken_of, rules_of = {}, {}
        for file, profile, rule in wanted:
            with tap.test("%s %s" % (file, "keeps its profile" if rule == "-" else "breaks that rule alone")):
                status, told = checked(config, rig.path(file), profile)
                broken = [r for r in told["rules"] if r["outcome"] == "broken"]
                assert told["name"] == profile, told
                assert [r["id"] for r in broken] == ([] if rule == "-" else [rule]), broken
                assert all(r["section"] for r in told["rules"]), told["rules"]
                # Some rules that are worth a note only are also what makes a chain fail.
                if rule == "-" or broken[0]["severity"] == "error":
                    assert status == (0 if rule == "-" else 1), (status, broken)
                rules_of.setdefault(profile, {r["id"] for r in told["rules"]})
                broken_of.setdefault(profile, set()).update(r["id"] for r in broken)
        with tap.test("no rule of a profile is without such a certificate"):
            assert len(rules_of) == 10 and broken_of == rules_of, (broken_of, rules_of)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
