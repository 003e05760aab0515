#!/usr/bin/env python3
"""Mail streams through a real Postfix while sealmilter's processes are killed,
reloaded and stopped. Messages are counted by Message-ID: what was taken has
arrived, once, and protected; what was not taken has not."""

import os
import signal
import smtplib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from scene import PARTICIPANT, RULES, SENDER, Scene, judges, login, run
from rig import Message, submit, wait_for
from rig.mail import MARK

OVER_SMTP = 40
LOCALLY = 10
CLIENTS = 4
LARGE = 200 * 1024  # octets: long enough under way that kills meet some of them


class Stream:
    """Clients that submit messages one after the other, and what became of each."""

    def __init__(self, scene, count, size=LARGE):
        line = "%s, radka c. 0123456789\r\n" % MARK
        self.scene = scene
        self.messages = [Message(text=line * (size // len(line))) for _ in range(count)]
        self.taken, self.refused = [], []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._futures = [self._pool.submit(self._send, m) for m in self.messages]

    def _send(self, message):
        try:
            submit(self.scene.front.port, message, login=login("zpravy"))
            outcome = self.taken
        except smtplib.SMTPException as e:
            codes = [c for c, _ in getattr(e, "recipients", {}).values()] or [getattr(e, "smtp_code", 0)]
            if any(500 <= code < 600 for code in codes):
                raise
            outcome = self.refused
        with self._lock:
            outcome.append(message)

    def settled(self):
        with self._lock:
            return len(self.taken) + len(self.refused)

    def wait_settled(self, count):
        wait_for(lambda: self.settled() >= count, lambda: "%d answers; there are %d\n%s" % (
            count, self.settled(), self.scene.logs()))

    def end(self):
        """Waits for all clients; raises what any of them raised."""
        for future in self._futures:
            future.result(180)
        self._pool.shutdown()


def account(scene, taken, refused=()):
    """Demands: taken = arrived, each once and protected; refused = not arrived."""
    for message in taken:
        copies = scene.arrived(message, deadline=120)
        assert len(copies) == 1, (len(copies), message.message_id)
        scene.opens(copies[0], message=message)
    scene.front.wait_empty()
    for message in refused:
        assert not scene.sink.messages(message_id=message.message_id), message.message_id
    assert len(scene.sink.messages()) == len(taken)
    assert not any(judges.is_clear(m.data, MARK) for m in scene.sink.messages())


def test_kills(tap, rig):
    scene = Scene(rig)
    scene.participants()
    front = scene.postfix()
    for role in ("gate", "keeper"):
        with tap.test("kill -9 of %s under load: nothing is lost, nothing in clear" % role):
            scene.sink.clear()
            stream = Stream(scene, OVER_SMTP)
            killed = 0
            for after in range(3, OVER_SMTP - 6, 6):
                stream.wait_settled(after)
                killed += len(scene.gateway.kill(role))
            stream.end()
            assert killed >= 3, killed
            tap.diagnose("%d kills, %d taken, %d deferred" % (killed, len(stream.taken),
                                                              len(stream.refused)))
            account(scene, stream.taken, stream.refused)
    with tap.test("kill -9 of the supervisor under load, and a new start: likewise"):
        scene.sink.clear()
        stream = Stream(scene, OVER_SMTP)
        for after in (5, 20):
            stream.wait_settled(after)
            scene.gateway.kill("supervisor")
            scene.gateway.process.wait()
            scene.gateway.start()
        stream.end()
        account(scene, stream.taken, stream.refused)
    with tap.test("locally submitted while gate is killed again and again: all arrive in the end"):
        scene.sink.clear()
        messages = [Message() for _ in range(LOCALLY)]
        for message in messages:
            front.sendmail(message, [PARTICIPANT], SENDER)
            scene.gateway.kill("gate")
        account(scene, messages)
    with tap.test("after all that a mail passes as ever"):
        message = Message()
        submit(front.port, message, login=login("zpravy"))
        scene.opens(scene.arrived(message)[0], message=message)


def test_reload(tap, rig):
    scene = Scene(rig)
    scene.participants()
    scene.postfix()
    with tap.test("reloads under load: every mail is taken and arrives"):
        stream = Stream(scene, OVER_SMTP)
        for i, after in enumerate((5, 15, 25), 1):
            stream.wait_settled(after)
            scene.gateway.reload()
            scene.gateway.wait_log("reload", count=i)
        stream.end()
        assert not stream.refused, len(stream.refused)
        account(scene, stream.taken)
    with tap.test("a broken new file: its line is logged, the old one stays in force"):
        scene.sink.clear()
        scene.gateway.configure(lambda g: scene.configuration(
            g, RULES + "rule { nonsense\n", {}, "", ("seal",)))
        scene.gateway.reload()
        scene.gateway.wait_log("sealmilter.conf:", "reload")
        message = Message()
        submit(scene.front.port, message, login=login("zpravy"))
        account(scene, [message])


def test_stop(tap, rig):
    scene = Scene(rig)
    scene.participants()
    scene.postfix()
    with tap.test("SIGTERM under load: what was taken arrives, the rest waits for the next start"):
        stream = Stream(scene, OVER_SMTP)
        stream.wait_settled(10)
        scene.gateway.stop()
        assert scene.gateway.process.popen.returncode == 0, scene.gateway.process.popen.returncode
        stream.end()
        assert stream.refused, "nobody met the stop"
        account(scene, stream.taken, stream.refused)
    with tap.test("started again: mail passes"):
        scene.sink.clear()
        scene.gateway.start()
        message = Message()
        submit(scene.front.port, message, login=login("zpravy"))
        account(scene, [message])
    with tap.test("SIGTERM leaves no process and no socket"):
        pids = scene.gateway.pids()
        scene.gateway.process.signal(signal.SIGTERM)
        scene.gateway.process.wait()
        wait_for(lambda: not any(map(alive, pids)), "gate and keeper to end")
        assert not os.path.exists(scene.gateway.socket("work"))


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(run(test_kills, test_reload, test_stop))
