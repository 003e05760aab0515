#!/usr/bin/env python3
"""kill -9 under load, behind a real Postfix: no mail is lost, none leaves in clear.

Clients submit all the time while gate, keeper and supervisor are killed at each stage
that a message passes. At the end every Message-ID is accounted for:
in = delivered protected + queued protected + refused to the sender."""

import grp
import smtplib
import sys
import threading
import time

from scene import PARTICIPANT, SECOND, SENDER, Scene, judges, login, run
from kill_proxy import Proxy, Stop, kill_all
from rig import Message, Problem, submit
from rig.base import wait_for
from rig.mail import MARK, sample_text
from rig.sink import Received

# The supervisor last: a new one forgets how often the others have died.
ROLES = ("gate", "keeper", "supervisor")
# Octets that a message must have to be stopped there: a small one's new body would fit
# the sockets on the way whole. This filter asks for neither DATA nor end of header.
MEDIUM, LARGE = 1024 * 1024, 25 * 1024 * 1024
STAGES = {
    "connected": 0, "negotiated": 0, "mail": 0, "rcpt": 0, "header": 0, "body": 0, "eob-sent": 0,
    "first-modification": 0, "replace-body:1": MEDIUM, "replace-body:2": MEDIUM,
}
LARGE_STOP = "replace-body:100"
LARGE_ROLES = ("gate", "all")
LOCAL_STAGES = ("mail", "eob-sent", "replace-body:1")
SLOW = "pozde@ucastnik.example"  # the sink does not take it yet
HOLDERS = {PARTICIPANT: "participant", SECOND: "second", SLOW: "participant-noaddress"}
GIVES_UP, RETRIES = False, True
CLIENTS = (GIVES_UP, RETRIES, GIVES_UP, RETRIES)
PATIENCE = 120  # s for one message of a client that retries
ENOUGH = 600  # messages; a test that fails does not go on for ever
BETWEEN = 0.1  # s between two messages or attempts of a client


class Submission:
    """One message and what its sender has heard of it."""

    def __init__(self, number, octets=0):
        filler = ("%s %06d " % ("0123456789" * 6, number) + "\r\n") * (octets // 70)
        self.recipient = list(HOLDERS)[number % len(HOLDERS)]
        self.who = HOLDERS[self.recipient]
        self.message = Message(to=[self.recipient], text=sample_text() + filler)
        self.attempts = 0
        self.accepted = False
        self.answer = None  # the last refusal

    @property
    def id(self):
        return self.message.message_id

    def attempt(self, port):
        """Submits once. Raises what is no answer of SMTP: Postfix itself never dies here."""
        self.attempts += 1
        try:
            submit(port, self.message, recipients=[self.recipient], login=login("zpravy"))
            self.accepted = True
        except smtplib.SMTPRecipientsRefused as e:
            self.answer = next(iter(e.recipients.values()))
        except smtplib.SMTPResponseException as e:
            self.answer = (e.smtp_code, e.smtp_error)

    def attempt_until_taken(self, port):
        end = time.monotonic() + PATIENCE
        self.attempt(port)
        while not self.accepted and time.monotonic() < end:
            time.sleep(BETWEEN)
            self.attempt(port)


class Load:
    """Clients that submit until they are told to stop. Every fifth message is of 1 MiB."""

    def __init__(self, port):
        self.port = port
        self.submissions, self.problems = [], []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(kind,), daemon=True) for kind in CLIENTS]
        for thread in self._threads:
            thread.start()

    def new(self, octets=None):
        with self._lock:
            number = len(self.submissions)
            size = octets if octets is not None else MEDIUM + MEDIUM // 8 if number % 5 == 0 else 0
            submission = Submission(number, size)
            self.submissions.append(submission)
        return submission

    def _client(self, retries):
        while not self._stop.is_set() and len(self.submissions) < ENOUGH:
            try:
                submission = self.new()
                if retries:
                    submission.attempt_until_taken(self.port)
                else:
                    submission.attempt(self.port)
            except Exception as e:  # it is for the test's thread to see
                self.problems.append("%s: %r" % (submission.id, e))
            time.sleep(BETWEEN)

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise Problem("clients met what is no answer: " + "; ".join(self.problems[:5]))


class KillScene(Scene):
    def __init__(self, rig):
        super().__init__(rig, directory={"binds_address": "yes"})
        self.participants()
        self.slapd.person(SLOW, self.pki.bytes(HOLDERS[SLOW] + ".der"))
        self.landed = {}
        path = rig.path("proxy")
        self.proxy = Proxy(rig, path, self.gateway.socket("work"), grp.getgrnam("postfix").gr_gid)
        milter = "unix:" + path
        # What the sink does not take is not to be tried again all the time.
        self.postfix(services={"smtp": {"smtpd_milters": milter}}, non_smtpd_milters=milter,
                     minimal_backoff_time="300s", maximal_backoff_time="300s")
        self.sink.answers[SLOW] = "450 4.2.0 not yet"

    def arm(self, role, stage, body, local=False):
        """The next message that fits and comes to the stage is to see that role killed."""
        def kill():
            roles = ROLES if role == "all" else (role,)
            return kill_all([pid for r in roles for pid in self.gateway.pids_of(r)])
        stop = self.proxy.arm(Stop(stage, kill, body, local))
        stop.key = (role, stage, "local" if local else "")
        return stop

    def recover(self, stop):
        """Waits for the kill, and for the daemon to be whole again."""
        wait_for(stop.fired.is_set, lambda: "a message at %s\n%s" % (stop.stage, self.gateway.log()[-4000:]))
        if stop.key[0] in ("supervisor", "all"):
            self.gateway.start()
        self.landed[stop.key] = self.landed.get(stop.key, 0) + stop.landed
        wait_for(lambda: all(len(self.gateway.pids_of(r)) == 1 for r in ("gate", "keeper")),
                 lambda: "gate and keeper:\n" + self.gateway.log()[-4000:])

    # What became of the messages.

    def queued(self):
        """Message-ID -> the message as it stands in the queue."""
        found = {}
        for entry in self.front.queue():
            data = self.front.queue_file(entry["queue_id"])
            message = Received(entry["sender"], [r["address"] for r in entry["recipients"]], data)
            found[message.message_id] = message
        return found


def is_protected(scene, received, submission):
    """Raises Problem where it is not."""
    scene.opens(received, submission.who, submission.message)


def test_kills(tap, rig):
    scene = KillScene(rig)
    load = Load(scene.front.port)
    for stage, body in STAGES.items():
        for role in ROLES:
            with tap.test("under load, %s killed at %s" % (role, stage)):
                scene.recover(scene.arm(role, stage, body))
    test_large(tap, scene, load)
    test_local(tap, scene, load)
    load.finish()
    test_landed(tap, scene)
    test_balance(tap, scene, load.submissions)


def test_large(tap, scene, load):
    """25 MiB, by a client that retries until it is taken."""
    submission = load.new(LARGE)
    stops = [scene.arm(role, LARGE_STOP, LARGE) for role in LARGE_ROLES]
    sender = threading.Thread(target=submission.attempt_until_taken, args=(scene.front.port,), daemon=True)
    sender.start()
    for stop in stops:
        with tap.test("25 MiB: %s killed in the midst of the new body" % stop.key[0]):
            scene.recover(stop)
    with tap.test("25 MiB: its sender hears of each failure, and is served at last"):
        sender.join()
        assert submission.accepted and submission.attempts > len(stops), (submission.attempts, submission.answer)


def test_local(tap, scene, load):
    """Local submission has nobody to refuse to: Postfix keeps it and tries again."""
    for stage in LOCAL_STAGES:
        with tap.test("locally submitted, gate killed at %s" % stage):
            submission = load.new(MEDIUM + MEDIUM // 8)
            stop = scene.arm("gate", stage, STAGES[stage], local=True)
            scene.front.sendmail(submission.message, [submission.recipient], SENDER)
            submission.accepted = True
            scene.recover(stop)


def test_landed(tap, scene):
    wanted = [(role, stage, "") for stage in STAGES for role in ROLES]
    wanted += [(role, LARGE_STOP, "") for role in LARGE_ROLES]
    wanted += [("gate", stage, "local") for stage in LOCAL_STAGES]
    for key in wanted:
        tap.diagnose("landed: %-10s %-18s %-5s %d" % (key + (scene.landed.get(key, 0),)))
    with tap.test("a kill of each role landed at each stage"):
        missed = [key for key in wanted if not scene.landed.get(key)]
        assert not missed, missed


def test_balance(tap, scene, submissions):
    refused = {s.id for s in submissions if not s.accepted}
    accepted = {s.id: s for s in submissions if s.accepted}
    waits = {i for i, s in accepted.items() if s.recipient == SLOW}
    with tap.test("what was accepted for others is delivered, the rest waits"):
        wait_for(lambda: {m.message_id for m in scene.sink.messages()} >= set(accepted) - waits,
                 lambda: "all to be delivered but %s\n%s" % (
                     set(accepted) - waits - {m.message_id for m in scene.sink.messages()}, scene.logs()))
        wait_for(lambda: len(scene.front.queue()) == len(waits), lambda: "a queue of %d\n%s" % (len(waits), scene.logs()))
    with tap.test("nothing of what was delivered can be read"):
        readable = [m.message_id for m in scene.sink.messages() if judges.is_clear(m.data, MARK)]
        assert not readable, readable
    delivered = {m.message_id for m in scene.sink.messages()}
    queued = scene.queued()
    tap.diagnose("in %d = delivered %d + queued %d + refused %d; attempts %d" % (
        len(submissions), len(delivered), len(queued), len(refused), sum(s.attempts for s in submissions)))
    with tap.test("in = delivered + queued + refused, by Message-ID"):
        assert delivered and queued and refused
        assert delivered == set(accepted) - waits, delivered ^ (set(accepted) - waits)
        assert set(queued) == waits, set(queued) ^ waits
        assert len(delivered) + len(queued) + len(refused) == len(submissions)
    with tap.test("every refusal was 4xx: nobody is told that it can never be done"):
        answers = [s.answer for s in submissions if s.answer]
        assert answers and all(400 <= code < 500 for code, _ in answers), answers
    with tap.test("what waits in the queue is protected"):
        for message_id, message in queued.items():
            is_protected(scene, crlf(message), accepted[message_id])
    with tap.test("what waited is delivered when the recipient's server takes it"):
        scene.sink.answers.clear()
        scene.front.flush()
        scene.front.wait_empty()
        assert {m.message_id for m in scene.sink.messages()} == set(accepted)
    with tap.test("each is delivered once"):
        ids = [m.message_id for m in scene.sink.messages()]
        assert len(ids) == len(set(ids)), [i for i in set(ids) if ids.count(i) > 1]
    with tap.test("all that was delivered is whole, sealed and encrypted, what had waited too"):
        for received in scene.sink.messages():
            is_protected(scene, received, accepted[received.message_id])


def crlf(received):
    return Received(received.sender, received.recipients, received.data.replace(b"\n", b"\r\n"))


if __name__ == "__main__":
    sys.exit(run(test_kills))
