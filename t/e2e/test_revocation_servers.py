#!/usr/bin/env python3
"""Servers of revocation status that are dead, hang, drip, or say nonsense: what then comes of
mail whose signer's status they alone know."""

import re
import sys

from status_scene import Slapd, Status, run
from rig import RawServer

# An OCSP request, in base64.
REQUEST = re.compile("/M[A-Z][A-Za-z0-9+%=]{40}")
# What the log says of it.
HTTP_FAULTS = {"killed": "Couldn't connect", "hung": "no whole answer came in time",
               "dripping": "no whole answer came in time", "garbage": "malformed", "html": "a page in HTML",
               "huge": "too large"}
REFUSALS = {"try-later": "try later", "unauthorized": "does not answer for certificates of that issuer"}
OTHER_LISTS = {"old": "has run out", "missing": "404"}
LDAP_FAULTS = {"killed": "Can't contact", "old": "has run out", "missing": "No such object",
               "dripping": "no whole answer came in time", "garbage": "", "html": "", "huge": "too large",
               "hung": "no whole answer came in time"}
HUGE_ENOUGH = 64 << 20  # octets; what the kernel holds between both is far less


def check_unknown(tap, scene, what, name, why):
    """Mail of a signer of whom nothing can be told."""
    with tap.test(what + ", require: to be sent again later, and the log says why"):
        line = scene.defer(name)
        because = line.partition("deferred-because=")[2]
        assert "smime=temperror" in line and why in because, line
        assert not REQUEST.search(because), "a responder is named, not what was asked: " + because
    with tap.test(what + ", prefer: delivered, and the receiver is told that nothing is known"):
        received = scene.deliver(name, "prefer")
        shown = scene.shows(received, "pass", trust="trusted", status="unknown", qualified="advanced")
        assert "status-because=" in shown, shown


def test_http(tap, rig):
    """Responders, and lists by http."""
    scene = Status(rig)
    for mode in HTTP_FAULTS:
        scene.issue("list-" + mode, crl=[scene.lists.url(scene.lists.host(mode), "/issuing.crl")])
        scene.issue("answer-" + mode, ocsp=[scene.answers.url(scene.answers.host(mode))])
    for mode in REFUSALS:
        scene.issue("answer-" + mode, ocsp=[scene.answers.url(scene.answers.host(mode))])
    scene.lists.files["/old.crl"] = scene.authority.crl(begin=-48, end=-24)
    scene.issue("list-old", crl=[scene.lists.url(scene.lists.host(), "/old.crl")])
    scene.issue("list-missing", crl=[scene.lists.url(scene.lists.host(), "/nothing.crl")])
    scene.issue("list-of-another", crl=[scene.lists.url(scene.lists.host(), "/root.crl")])
    scene.issue("both", ocsp=[scene.answers.url(scene.answers.host("garbage"))], crl=[scene.ok_list])
    scene.issue("both-other-way", crl=[scene.lists.url(scene.lists.host("hung"), "/issuing.crl")],
                ocsp=[scene.answers.url(scene.answers.host())])
    scene.responder.restart()
    scene.start()
    for mode, why in {**HTTP_FAULTS, **REFUSALS}.items():
        check_unknown(tap, scene, "OCSP, " + mode, "answer-" + mode, why)
    for mode, why in {**HTTP_FAULTS, **OTHER_LISTS, "of-another": "there is no CRL for the certificate"}.items():
        check_unknown(tap, scene, "a list by http, " + mode, "list-" + mode, why)
    with tap.test("2 GiB are not read to their end"):
        assert 0 < scene.lists.huge_sent < HUGE_ENOUGH and 0 < scene.answers.huge_sent < HUGE_ENOUGH, (
            scene.lists.huge_sent, scene.answers.huge_sent)
    with tap.test("the responder talks nonsense: the list is asked, and passes"):
        shown = scene.shows(scene.deliver("both", "require"), "pass", status="good")
        assert 'status-source="CRL ' in shown, shown
    with tap.test("revocation-order = crl-first and the list hangs: the responder is asked, and passes"):
        shown = scene.shows(scene.deliver("both-other-way", "crl-first"), "pass", status="good")
        assert 'status-source="OCSP ' in shown, shown
    with tap.test("and mail of those whose status is known went on"):
        assert scene.gateway.process.alive()
        scene.shows(scene.deliver("both", "require"), "pass", status="good")


def test_ldap(tap, rig):
    scene = Status(rig)
    slapd, hung = Slapd(rig), Slapd(rig, name="hung")
    scene.issue("killed", crl=["ldap://127.0.0.9:389/cn=nobody?certificateRevocationList;binary"])
    scene.issue("old", crl=[slapd.crl("old", scene.authority.crl(begin=-48, end=-24))])
    scene.issue("missing", crl=["%scn=nobody,%s?certificateRevocationList;binary" % (slapd.uri, slapd.base)])
    servers = {mode: RawServer(rig, mode) for mode in ("dripping", "garbage", "html", "huge")}
    for mode, server in servers.items():
        scene.issue(mode, crl=["ldap://%s:%d/cn=a?certificateRevocationList;binary" % (server.host, server.port)])
    # One host, as slapd listens on 127.0.0.1 only: what is wrong there comes last.
    scene.issue("hung", crl=[hung.crl("issuing", scene.lists.files["/issuing.crl"])])
    hung.hang()
    scene.start()
    for mode, why in LDAP_FAULTS.items():
        check_unknown(tap, scene, "a list by ldap, " + mode, mode, why)
    with tap.test("each of them was asked"):
        assert all(server.asked for server in servers.values()), {m: s.asked for m, s in servers.items()}
    hung.go_on()


if __name__ == "__main__":
    sys.exit(run(test_http, test_ldap))
