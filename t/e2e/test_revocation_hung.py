#!/usr/bin/env python3
"""A server of revocation status hangs, and many sessions want to know something of it: everybody
else's mail goes on."""

import sys
import threading

from inbound_scene import SENDER
from rig import Problem, submit, wait_for
from rig.mail import Answer
from status_scene import FROM, Status, run

SESSIONS, SIGNERS = 64, 8
MAY_WAIT = 8  # half of waiting-limit, as it is when not given
LONGER_THAN_THE_TEST = 55  # s


class Session(threading.Thread):
    """One message on its way; code: what it was answered, None until then."""

    def __init__(self, port, octets):
        super().__init__(daemon=True)
        self.port, self.octets, self.code = port, octets, None

    def run(self):
        answer = Answer()
        try:
            submit(self.port, self.octets, sender=FROM["require"], recipients=(SENDER,))
            self.code = 250
        except Exception as e:
            answer.take(e)
            self.code = answer.code


def test_others_go_on(tap, rig):
    scene = Status(rig, times=(LONGER_THAN_THE_TEST, LONGER_THAN_THE_TEST))
    hung = scene.answers.host("hung")
    for i in range(SIGNERS):
        scene.issue("hung%d" % i, ocsp=[scene.answers.url(hung)])
    scene.issue("listed", crl=[scene.ok_list])
    scene.issue("answered", ocsp=[scene.answers.url(scene.answers.host())])
    scene.responder.restart()
    scene.start()
    sessions = [Session(scene.front.port, scene.letter("hung%d" % (i % SIGNERS), "require")) for i in range(SESSIONS)]
    for session in sessions:
        session.start()
    wait_for(lambda: scene.answers.count(hung) > 0, "the server that hangs to be asked")
    wait_for(lambda: sum(s.code is None for s in sessions) <= MAY_WAIT, "all sessions that may not wait to be answered")
    with tap.test("signers whose status another server tells are judged meanwhile"):
        scene.shows(scene.deliver("answered", "require"), "pass", status="good")
        scene.shows(scene.deliver("listed", "require"), "pass", status="good")
    with tap.test("unsigned mail is delivered meanwhile"):
        scene.says(scene.take(scene.partner.message(scene.partner.text())), "none")
    with tap.test("all that while some were waiting, and those for whom there was no room had their 451"):
        waiting = [s for s in sessions if s.code is None]
        assert 0 < len(waiting) <= MAY_WAIT, [s.code for s in sessions]
        assert all(s.code == 451 for s in sessions if s.code is not None), [s.code for s in sessions]
    with tap.test("the server gives up: so do those who waited, with 451"):
        scene.answers.stopping.set()
        for session in sessions:
            session.join(60)
        if any(s.code != 451 for s in sessions):
            raise Problem("%r\n%s" % ([s.code for s in sessions], scene.logs()))


if __name__ == "__main__":
    sys.exit(run(test_others_go_on))
