#!/usr/bin/env python3
"""Revocation status of signers, asked of real servers by OCSP and from lists by http and ldap:
what the receiver is told, and what the sender is answered."""

import sys

from status_scene import Slapd, Status, StatusServer, run


def the_ways(scene, slapd):
    """name -> how a certificate says where its status is to be had."""
    host = scene.answers.host
    dead = [scene.lists.url(scene.lists.host(mode), "/issuing.crl") for mode in ("killed", "html")]
    return {"OCSP": {"ocsp": [scene.answers.url(host())]},
            "the last of three lists by http": {"crl": dead + [scene.ok_list]},
            "a list by ldap": {"crl": [slapd.crl("issuing", scene.lists.files["/issuing.crl"])]}}


def test_signers(tap, rig):
    scene = Status(rig)
    slapd = Slapd(rig)
    for i, where in enumerate(the_ways(scene, slapd).values()):
        scene.issue("good%d" % i, **where)
        scene.issue("bad%d" % i, **where)
        scene.authority.revoke("bad%d" % i, "keyCompromise")
    scene.issue("nowhere")
    scene.issue("nowhere-bad")
    scene.authority.revoke("nowhere-bad")
    scene.publish()
    slapd.crl("issuing", scene.lists.files["/issuing.crl"])
    scene.responder.restart()
    scene.start()
    for i, name in enumerate(the_ways(scene, slapd)):
        source = "OCSP" if i == 0 else "CRL"
        for mode in ("require", "prefer"):
            with tap.test("%s, %s: a good signer passes, and it is said who says so" % (name, mode)):
                received = scene.deliver("good%d" % i, mode)
                shown = scene.shows(received, "pass", trust="trusted", status="good", qualified="advanced")
                assert 'status-source="%s ' % source in shown and "status-told=" in shown, shown
                assert "status good" in scene.log_line(received), scene.log_line(received)
            with tap.test("%s, %s: a revoked signer is not trusted, and it is said since when and why" % (name, mode)):
                received = scene.deliver("bad%d" % i, mode)
                shown = scene.shows(received, "policy", trust="untrusted", status="revoked",
                                    status_reason="keyCompromise", qualified="none")
                assert 'status-since="20' in shown and "revoked since 20" in shown, shown
                told = scene.logged(received)
                assert "status revoked" in told and "revoked since 20" in told and "keyCompromise" in told, told
    test_off(tap, scene)
    test_unknown(tap, scene)


def test_off(tap, scene):
    with tap.test("off: nobody is asked, and the revoked signer passes"):
        asked = len(scene.lists.asked) + len(scene.answers.asked)
        scene.issue("off-bad", ocsp=[scene.answers.url(scene.answers.host())], crl=[scene.lists.url(
            scene.lists.host(), "/issuing.crl")])
        scene.authority.revoke("off-bad")
        shown = scene.shows(scene.deliver("off-bad", "off"), "pass", trust="trusted")
        assert "status=good" not in shown and "status=revoked" not in shown, shown
        assert len(scene.lists.asked) + len(scene.answers.asked) == asked, scene.lists.asked


def test_unknown(tap, scene):
    with tap.test("a certificate that names no server, require: later, and the log says why"):
        line = scene.defer("nowhere")
        assert "smime=temperror" in line and "neither a responder nor a list" in line, line
    with tap.test("a certificate that names no server, prefer: delivered, and it is said that nothing is known"):
        received = scene.deliver("nowhere", "prefer")
        shown = scene.shows(received, "pass", trust="trusted", status="unknown", qualified="advanced")
        assert "status-because=" in shown, shown


def test_delegated(tap, rig):
    """Responders that the authority has certified for it (RFC 6960 4.2.2.2)."""
    scene = Status(rig)
    ways = {"answers": "with ocsp-nocheck", "checked": "whose own certificate is on no list",
            "revoked": "whose own certificate was revoked", "stranger": "whose certificate is for something else"}
    why = {"revoked": "the responder's own status: it was revoked", "stranger": "nobody who may answer for the issuer"}
    scene.authority.issue_responder("checked", nocheck=False, crl=[scene.ok_list])
    scene.authority.issue_responder("revoked", nocheck=False, crl=[scene.ok_list])
    scene.authority.issue("stranger")
    scene.authority.revoke("revoked")
    servers = {}
    for signer in ways:
        servers[signer] = StatusServer(rig)
        scene.issue("by-" + signer, ocsp=[servers[signer].url(servers[signer].host())])
    for signer in ways:
        servers[signer].responder = scene.authority.responder(signer).address
    scene.publish()
    scene.start()
    for signer, words in ways.items():
        if signer in ("answers", "checked"):
            with tap.test("a delegated responder %s is believed" % words):
                scene.shows(scene.deliver("by-" + signer, "require"), "pass", status="good")
        else:
            with tap.test("a responder %s is not believed" % words):
                line = scene.defer("by-" + signer)
                assert why[signer] in line, line


def test_authority(tap, rig):
    scene = Status(rig)
    host = scene.answers.host()
    scene.issue("below", ocsp=[scene.answers.url(host)])
    scene.authority.revoke(scene.authority.issuing, "CACompromise", scene.authority.root)
    scene.lists.files["/root.crl"] = scene.authority.root_crl()
    scene.responder.restart()
    scene.start()
    with tap.test("the authority itself was revoked: its signers are not trusted, and nothing is asked of it"):
        shown = scene.shows(scene.deliver("below", "prefer"), "policy", trust="untrusted", status="revoked",
                            status_reason="cACompromise")
        assert 'status-of="an authority above the certificate"' in shown, shown
        assert scene.answers.count(host) == 0, scene.answers.asked


if __name__ == "__main__":
    sys.exit(run(test_signers, test_delegated, test_authority))
