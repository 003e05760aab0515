#!/usr/bin/env python3
"""What was good is revoked, servers die, the gateway starts again: what is known lasts, and what
is new counts."""

import sys

from status_scene import Status, run


def refresh(scene):
    return scene.gateway.sealctl("crl", "refresh")


def test_revoked_meanwhile(tap, rig):
    scene = Status(rig)
    scene.issue("listed", crl=[scene.ok_list])
    scene.issue("answered", ocsp=[scene.answers.url(scene.answers.host())])
    scene.responder.restart()
    scene.start()
    with tap.test("good today"):
        for name in ("listed", "answered"):
            scene.shows(scene.deliver(name, "require"), "pass", status="good")
    with tap.test("one list serves all mail until it is a while old: it is had once"):
        asked = len(scene.lists.asked)
        for _ in range(3):
            scene.shows(scene.deliver("listed", "require"), "pass", status="good")
        assert len(scene.lists.asked) == asked, scene.lists.asked
    test_unchanged(tap, scene)
    test_new_list(tap, scene)
    test_old_list(tap, scene)
    test_dead(tap, scene)


def test_unchanged(tap, scene):
    with tap.test("sealctl crl refresh asks again, and a list that is still the newest is not sent again"):
        scene.gateway.stop()
        refresh(scene)
        assert scene.lists.unchanged > 0, scene.lists.asked
        scene.gateway.start()
        scene.shows(scene.deliver("listed", "require"), "pass", status="good")


def test_new_list(tap, scene):
    scene.shows(scene.deliver("answered", "require"), "pass", status="good")
    scene.older = scene.lists.files["/issuing.crl"]
    scene.authority.revoke("listed", "cessationOfOperation")
    scene.authority.revoke("answered", "keyCompromise")
    scene.publish()
    scene.responder.restart()
    with tap.test("what is known is not asked again before status-max-age"):
        scene.shows(scene.deliver("answered", "require"), "pass", status="good")
    with tap.test("revoked, the list is refreshed and the daemon reloaded: no longer trusted"):
        refresh(scene)
        scene.change(scene.top)
        scene.shows(scene.deliver("listed", "require"), "policy", status="revoked",
                    status_reason="cessationOfOperation")
    with tap.test("revoked, and the responder is asked anew: no longer trusted"):
        scene.shows(scene.deliver("answered", "require"), "policy", status="revoked", status_reason="keyCompromise")


def test_old_list(tap, scene):
    with tap.test("a server that gives out the list of before takes nothing back"):
        scene.lists.files["/issuing.crl"] = scene.older
        scene.gateway.stop()
        scene.gateway.sealctl("crl", "refresh", check=False)
        scene.gateway.start()
        scene.shows(scene.deliver("listed", "require"), "policy", status="revoked")


def test_dead(tap, scene):
    scene.publish()
    scene.authority.issue("lasting", ["obchod@require.example"], crl=[scene.ok_list])
    with tap.test("all servers are dead, and the gateway starts again: the list on disk serves"):
        scene.gateway.stop()
        scene.lists.stop()
        scene.answers.stop()
        scene.gateway.start()
        received = scene.deliver("lasting", "require")
        shown = scene.shows(received, "pass", status="good")
        assert scene.ok_list in shown.replace(" ", ""), shown
        scene.shows(scene.deliver("listed", "require"), "policy", status="revoked")
    with tap.test("what only a responder knew is unknown then"):
        assert "temperror" in scene.defer("answered")


if __name__ == "__main__":
    sys.exit(run(test_revoked_meanwhile))
