#!/usr/bin/env python3
"""A message that lacks the certificate of its signer's authority: it is fetched from where the signer's
says that it is (caIssuers, RFC 5280 4.2.2.1), but from hosts in aia-hosts only."""

import sys

from status_scene import Status, run

FETCHES = 3  # the issuer, its list and the root's
HUGE_ENOUGH = 64 << 20  # octets; what the kernel holds between both is far less


def forms(scene):
    """File -> the issuing authority's certificate in that form."""
    pem = scene.authority.intermediates
    return {"/issuing.cer": scene.pki.bytes(scene.authority.issuing + ".der"),
            "/issuing.pem": scene.pki.bytes(scene.authority.issuing + ".crt"),
            "/issuing.p7c": scene.rig.run("openssl", "crl2pkcs7", "-nocrl", "-certfile", pem, "-outform", "DER").stdout}


def setting(rig, top="", files=("/issuing.cer",)):
    """A scene in which a signer names each of these files, at the host that may be asked."""
    scene = Status(rig, top)
    scene.lists.files.update(forms(scene))
    for file in files:
        issue(scene, file, scene.lists.url(scene.aia_host, file))
    return scene


def issue(scene, name, *issuers):
    scene.issue(name.strip("/"), crl=[scene.ok_list], issuers=issuers)


def deliver(scene, file, mode="aia"):
    return scene.deliver(file.strip("/"), mode)


def is_untrusted(scene, name, mode="aia"):
    return scene.shows(deliver(scene, name, mode), "policy", trust="untrusted")


def test_fetched(tap, rig):
    scene = setting(rig, files=("/issuing.cer", "/issuing.pem", "/issuing.p7c"))
    issue(scene, "fresh", scene.lists.url(scene.aia_host, "/issuing.cer"))
    scene.start()
    with tap.test("off by default: nobody is asked, and the signer is not trusted"):
        is_untrusted(scene, "fresh", "alone")
        assert not scene.lists.asked, scene.lists.asked
    for file in forms(scene):
        with tap.test("%s: fetched from a host in aia-hosts, and the signer is trusted" % file):
            scene.forget()
            scene.shows(deliver(scene, file), "pass", trust="trusted", status="good")
            assert (scene.aia_host, "GET", file) in scene.lists.asked, scene.lists.asked
    with tap.test("it serves the next message too"):
        scene.shows(deliver(scene, "/issuing.p7c", "aia-prefer"), "pass", trust="trusted", status="good")
        assert scene.lists.count(scene.aia_host) == len(forms(scene)), scene.lists.asked
    with tap.test("but no trust block that may not ask"):
        is_untrusted(scene, "/issuing.p7c", "alone")


def test_elsewhere(tap, rig):
    scene = setting(rig)
    other = scene.lists.host()
    issue(scene, "elsewhere", scene.lists.url(other, "/issuing.cer"))
    scene.start()
    with tap.test("another host: not asked, and the signer is not trusted"):
        is_untrusted(scene, "elsewhere")
        assert not scene.lists.asked, scene.lists.asked
    with tap.test("nor where a host in aia-hosts redirects to"):
        scene.lists.moved_to = other
        scene.lists.turn(scene.aia_host, "moved")
        is_untrusted(scene, "/issuing.cer")
        assert scene.lists.asked == [(scene.aia_host, "GET", "/issuing.cer")], scene.lists.asked


def test_dead(tap, rig):
    scene = setting(rig)
    scene.lists.files["/nonsense.cer"] = b"<html>no certificate</html>"
    issue(scene, "nonsense", scene.lists.url(scene.aia_host, "/nonsense.cer"))
    scene.start()
    with tap.test("what comes is no certificate: not trusted, whoever asks"):
        is_untrusted(scene, "nonsense")
    scene.lists.turn(scene.aia_host, "killed")
    with tap.test("the host is dead, prefer: delivered, not trusted, and it is said why"):
        shown = is_untrusted(scene, "/issuing.cer", "aia-prefer")
        assert "issuer's certificate cannot be had now" in shown and scene.aia_host in shown, shown
    with tap.test("the host is dead, require: to be sent again later, and the log says why"):
        line = scene.defer("issuing.cer", "aia")
        assert "smime=temperror" in line and scene.aia_host in line, line
    with tap.test("it is there again: trusted"):
        scene.lists.turn(scene.aia_host, "ok")
        scene.forget()
        scene.shows(deliver(scene, "/issuing.cer"), "pass", trust="trusted", status="good")


def test_faults(tap, rig):
    """What comes late may come the next time; what is no certificate will be none then either."""
    scene = setting(rig)
    scene.start()
    for mode in ("hung", "dripping"):
        scene.lists.turn(scene.aia_host, mode)
        scene.forget()
        with tap.test("%s: to be sent again later, and the log says why" % mode):
            assert "no whole answer came in time" in scene.defer("issuing.cer", "aia")
    for mode in ("garbage", "html", "huge"):
        scene.lists.turn(scene.aia_host, mode)
        scene.forget()
        with tap.test("%s: not trusted" % mode):
            asked = scene.lists.count(scene.aia_host)
            is_untrusted(scene, "/issuing.cer")
            assert scene.lists.count(scene.aia_host) == asked + 1, scene.lists.asked
    with tap.test("2 GiB are not read to their end"):
        assert 0 < scene.lists.huge_sent < HUGE_ENOUGH, scene.lists.huge_sent


def test_limit(tap, rig):
    scene = setting(rig, "fetch-limit = %d" % (FETCHES - 1))
    scene.start()
    with tap.test("what is fetched so counts towards fetch-limit: with one less than is needed, later"):
        line = scene.defer("issuing.cer", "aia")
        assert "fetched already" in line and len(scene.lists.asked) == FETCHES - 1, (line, scene.lists.asked)
    with tap.test("with as many as are needed it passes"):
        scene.top = "fetch-limit = %d" % FETCHES
        scene.gateway.configure(scene.configuration)
        scene.forget()
        scene.shows(deliver(scene, "/issuing.cer"), "pass", trust="trusted", status="good")


if __name__ == "__main__":
    sys.exit(run(test_fetched, test_elsewhere, test_dead, test_faults, test_limit))
