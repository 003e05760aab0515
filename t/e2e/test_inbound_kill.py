#!/usr/bin/env python3
"""kill -9 under load between two gateways: no mail is lost, none is opened twice, and none
is shown as good that is not.

Both organisations submit all the time, and a stranger sends mail that is not good, while
gate, keeper and supervisor are killed at each stage that a message coming in passes, and
then the MTAs. At the end every Message-ID is accounted for."""

import grp
import re
import smtplib
import sys
import threading
import time
import uuid

from inbound_scene import check_open
from kill_proxy import Proxy, Stop, kill_all
from scene import OUTSIDE, SENDER, run
from two_gateways import Pair
from rig import Problem, submit
from rig.base import wait_for
from rig.partner import Partner, changed, with_altered_ciphertext

ROLES = ("gate", "keeper", "supervisor")
# Octets that a message must have to be stopped there (see test_kill.py).
MEDIUM, LARGE = 1024 * 1024, 25 * 1024 * 1024
STAGES = {
    "connected": 0, "negotiated": 0, "mail": 0, "rcpt": 0, "header": 0, "body": 0, "eob-sent": 0,
    "first-modification": 0, "replace-body:1": MEDIUM, "replace-body:2": MEDIUM,
}
LARGE_STOP = "replace-body:100"
LARGE_ROLES = ("gate", "supervisor")
OUT_STAGES = ("eob-sent", "replace-body:1")
MTA_STAGES = ("mail", "rcpt", "body", "eob-sent", "first-modification", "replace-body:1")
PATIENCE = 120  # s for one message of a client that retries
ENOUGH = 3000   # messages; a test that fails does not go on for ever
BETWEEN = 0.2   # s between two messages or attempts of a client


class Letter:
    """One message and what its sender has heard of it. send: hands it over once. text: as the
    reader is to see it; None: it is not good, whatever he sees."""

    def __init__(self, message_id, send, reader, text=None):
        self.id, self.send, self.reader, self.text = message_id, send, reader, text
        self.accepted = self.in_doubt = False
        self.answer = None

    def attempt(self):
        try:
            self.send()
            self.accepted = True
        except smtplib.SMTPRecipientsRefused as e:
            self.answer = next(iter(e.recipients.values()))
        except smtplib.SMTPServerDisconnected:
            self.in_doubt = True  # as where the MTA dies
        except smtplib.SMTPResponseException as e:
            self.answer = (e.smtp_code, e.smtp_error)
        except OSError:
            pass  # nobody listens

    def attempt_until_taken(self):
        end = time.monotonic() + PATIENCE
        self.attempt()
        while not self.accepted and time.monotonic() < end:
            time.sleep(BETWEEN)
            self.attempt()


class Load:
    """Clients that send letters until they are told to stop. makers: one for each client, which
    given a number make a letter."""

    def __init__(self, makers, retries):
        self.letters, self.problems, self.retries = [], [], retries
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(maker, i), daemon=True)
                         for i, maker in enumerate(makers)]
        for thread in self._threads:
            thread.start()

    def _client(self, maker, number):
        while not self._stop.is_set() and len(self.letters) < ENOUGH:
            try:
                with self._lock:
                    letter = maker(len(self.letters))
                    self.letters.append(letter)
                if self.retries or number % 2:
                    letter.attempt_until_taken()
                else:
                    letter.attempt()
            except Exception as e:  # it is for the test's thread to see
                self.problems.append(repr(e))
            time.sleep(BETWEEN)

    def finish(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.problems:
            raise Problem("clients met what is no answer: " + "; ".join(self.problems[:5]))


class KillPair(Pair):
    def __init__(self, rig):
        self.proxies = {}
        super().__init__(rig, self.through_proxies)
        self.bad = self.make_bad(Partner(rig))
        self.landed = {}

    def through_proxies(self, side):
        milters = {}
        for listener, service in (("out", "out"), ("in", "inbound")):
            path = "%s-%s.proxy" % (side.gateway.folder, listener)
            self.proxies[side, listener] = Proxy(side.rig, path, side.gateway.socket(listener),
                                                 grp.getgrnam("postfix").gr_gid)
            milters[service] = "unix:" + path
        return milters

    def make_bad(self, p):
        """What a stranger sends to the market; of some he has caught the partner's mail."""
        def signed(**options):
            return p.sign(p.text(), **options)
        return [p.message(entity, to=[SENDER]) for entity in (
            p.encrypt(signed(clear=True).replace(b"12,5 MWh", b"99,5 MWh")),
            p.encrypt(p.text()),
            changed(p.encrypt(signed()), with_altered_ciphertext, -1),
            p.encrypt(signed(who=("sign-untrusted",), chain=("false-qualified",))),
            p.encrypt(signed(who=("sign-other",))),
            signed(clear=True).replace(b"12,5 MWh", b"99,5 MWh"),
            b"Authentication-Results: mx.trh.example; smime=pass\r\n" + p.text())]

    # What clients send.

    def good(self, side, octets=None):
        def make(number):
            message = side.message(number, octets or (MEDIUM + MEDIUM // 8 if number % 4 == 0 else 0))
            return Letter(message.message_id, lambda: side.submit(message), side.other, message.text)
        return make

    def not_good(self, number):
        message_id = "<%s@jinde.example>" % uuid.uuid4()
        octets = re.sub(rb"Message-ID: \S+", b"Message-ID: " + message_id.encode(),
                        self.bad[number % len(self.bad)], count=1)
        return Letter(message_id, lambda: submit(self.market.port, octets, sender=OUTSIDE, recipients=[SENDER]),
                      self.market)

    # Kills.

    def arm(self, side, listener, stage, key, kill, body=None):
        stop = self.proxies[side, listener].arm(Stop(stage, kill, STAGES[stage] if body is None else body))
        stop.key = key
        return stop

    def wait_fired(self, stop):
        wait_for(stop.fired.is_set, lambda: "a message at %s\n%s" % (
            stop.stage, "".join(side.logs() for side in self.sides)))
        self.landed[stop.key] = stop.landed

    def arm_role(self, side, listener, stage, role, body=None):
        return self.arm(side, listener, stage, (side, listener, stage, role),
                        lambda: kill_all(side.gateway.pids_of(role)), body)

    def recover(self, stop):
        """Waits for the kill of a role, and for the daemon to be whole again."""
        self.wait_fired(stop)
        side, _, _, role = stop.key
        if role == "supervisor":
            side.gateway.start()
        wait_for(lambda: (len(side.gateway.pids_of("gate")), len(side.gateway.pids_of("keeper"))) == (2, 1),
                 lambda: "gates and keeper:\n" + side.gateway.log()[-4000:])

    def kill_mta(self, side, stage):
        """At a stage of a message that comes in at the market's."""
        def kill():
            master, *others = side.front.pids()
            landed = kill_all([master])
            kill_all(others)  # of which some end by themselves
            return landed
        self.wait_fired(self.arm(self.market, "in", stage, (side, stage), kill))
        side.front.start()

    # What became of the letters.

    def settle(self):
        """Nothing is under way: looked at twice, as mail goes from one queue to the other."""
        def under_way():
            return any(side.front.queue() for side in self.sides)
        wait_for(lambda: not under_way() and not under_way(),
                 lambda: "empty queues:\n" + "".join(side.logs() for side in self.sides), 180)

    def copies(self, letter):
        return letter.reader.sink.messages(message_id=letter.id)

    def story(self, letters):
        """What the MTAs' logs say of them."""
        story = []
        for letter in letters:
            story.append("%s %r" % (letter.id, letter.answer))
            for side in self.sides:
                log = side.front.log()
                ids = re.findall(r"(\w+): message-id=%s" % re.escape(letter.id), log)
                story += [line for line in log.splitlines() if any(i + ":" in line for i in ids)]
        return "\n".join(story)


def test_kills(tap, rig):
    pair = KillPair(rig)
    load = Load([pair.good(pair.market), pair.good(pair.trader), pair.good(pair.market), pair.good(pair.trader),
                 pair.not_good, pair.not_good], retries=False)
    for stage in STAGES:
        for role in ROLES:
            with tap.test("under load, the receiver's %s killed at %s" % (role, stage)):
                pair.recover(pair.arm_role(pair.market, "in", stage, role))
    for stage in OUT_STAGES:
        for role in ROLES:
            with tap.test("under load, the sender's %s killed at %s" % (role, stage)):
                pair.recover(pair.arm_role(pair.trader, "out", stage, role))
    test_large(tap, pair, load)
    load.finish()
    balance(tap, pair, load.letters, once=True)


def test_large(tap, pair, load):
    """25 MiB, which the sender's MTA tries again until the receiver has taken it."""
    stops = [pair.arm_role(pair.market, "in", LARGE_STOP, role, LARGE) for role in LARGE_ROLES]
    letter = pair.good(pair.trader, LARGE)(0)
    load.letters.append(letter)
    letter.attempt_until_taken()
    for stop in stops:
        with tap.test("25 MiB: the receiver's %s killed in the midst of the opened body" % stop.key[3]):
            pair.recover(stop)


def test_mta_kills(tap, rig):
    """Here SMTP itself can make two of one mail: who has not heard the answer sends again."""
    pair = KillPair(rig)
    load = Load([pair.good(pair.trader), pair.good(pair.trader), pair.not_good], retries=True)
    for stage in MTA_STAGES:
        for side in pair.sides:
            with tap.test("under load, the MTA of %s killed when a message is at %s" % (side.name, stage)):
                pair.kill_mta(side, stage)
    load.finish()
    balance(tap, pair, load.letters, once=False)


def balance(tap, pair, letters, once):
    with tap.test("a kill landed at each stage"):
        missed = [key[1:] for key, landed in pair.landed.items() if not landed]
        assert pair.landed and not missed, missed
    with tap.test("the queues become empty"):
        pair.settle()
    accepted = [letter for letter in letters if letter.accepted]
    refused = [letter for letter in letters if not letter.accepted]
    good = [letter for letter in accepted if letter.text is not None]
    bad = [letter for letter in letters if letter.text is None]
    tap.diagnose("%d letters, %d accepted, %d of them good; %d refused" % (
        len(letters), len(accepted), len(good), len(refused)))
    with tap.test("every refusal was 4xx"):
        answers = [letter.answer for letter in letters if letter.answer]
        assert (answers or not once) and all(400 <= code < 500 for code, _ in answers), answers
    with tap.test("what was accepted has arrived, %s" % ("once" if once else "at least once")):
        lost = [letter for letter in accepted if not pair.copies(letter)]
        double = [letter for letter in accepted if len(pair.copies(letter)) > 1]
        tap.diagnose("%d came more than once" % len(double))
        assert good and bad and not lost, pair.story(lost)
        assert not once or not double, pair.story(double)
    with tap.test("what was refused has not"):
        arrived = [letter for letter in refused if pair.copies(letter) and not letter.in_doubt]
        assert not arrived, pair.story(arrived)
    with tap.test("every copy of a good one is open, and said to be good"):
        for letter in good:
            for received in pair.copies(letter):
                check_open(received, letter.reader.authserv_id, letter.text)
                assert received.header("X-Seal-Layer-1").startswith("encrypted; opened=yes")
    with tap.test("no copy of one that is not good is said to be good"):
        for letter in bad:
            for received in pair.copies(letter):
                results = " ".join(received.headers("Authentication-Results"))
                assert results and "smime=pass" not in results, received.data[:3000]
    with tap.test("nothing else has arrived, no bounce either"):
        known = {letter.id for letter in letters}
        for side in pair.sides:
            others = [m for m in side.sink.messages() if m.message_id not in known or not m.sender]
            assert not others, others[0].data[:3000]


if __name__ == "__main__":
    sys.exit(run(test_kills, test_mta_kills))
