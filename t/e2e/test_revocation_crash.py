#!/usr/bin/env python3
"""Gate and worker are killed at every change of a request's state, under load: what was answered 250 is carried out, once."""

import collections
import os
import random
import signal
import smtplib
import sqlite3
import sys
import threading
import time

from revocation_scene import ADDRESS, Revocation, names, refusal, run
from rig import submit, wait_for

HOLDERS = 48
SESSIONS = 16
NOTICES = 240  # s: one whose hand-over was cut off is tried again after 30, then after 60 and 120
KINDS = {"received": 1, "waiting": 2, "accepted": 3, "refused": 4, "begun": 5, "executed": 8}
LONG_AGO = "250101120000Z"  # what was signed then waits for a person
# What it did is on the disk before it ends, and that it ends is marked last.
COMMAND = """\
#!/bin/sh
set -eu
echo "$1" >> {folder}/done
sync {folder}/done
sleep 0.1
echo "$1" >> {folder}/ended
echo "revoked-at=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
"""


class Crash:
    """A gateway whose authority's command writes down what it is asked to do."""

    def __init__(self, rig, idempotent):
        self.rig = rig
        self.folder = rig.make_folder("runs", mode=0o777)
        script = rig.write("revoke", COMMAND.format(folder=self.folder), 0o755)
        self.scene = Revocation(rig, settings={"ica": {"command": names(script, "%s"), "operator": None,
                                                       "command_idempotent": "yes" if idempotent else "no"}}, start=False)
        self.scene.start()
        self.random = random.Random(4711)
        self.landed = collections.Counter()
        self.deaths = 0

    # ---- what is seen from outside

    def lines(self, file):
        try:
            with open(os.path.join(self.folder, file)) as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def ask(self, file, question, *values):
        """A number from one of the two databases; 0 where it cannot be had now."""
        path = os.path.join(self.scene.gateway.path(file), file)
        try:
            with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=1) as db:
                return db.execute(question, values).fetchone()[0] or 0
        except sqlite3.Error:
            return 0

    def seen(self, state):
        """A number that grows each time that something gets into this state."""
        if state in KINDS:
            return self.ask("journal", "SELECT count(*) FROM entries WHERE kind = ?", KINDS[state])
        if state == "in the inbox":
            return self.ask("inbox", "SELECT max(id) FROM requests")
        if state == "command ended":
            return len(self.lines("ended"))
        return len([m for m in self.scene.sink.messages() if m.sender == ""])

    # ---- killing

    def kill_when(self, state, role):
        """Kills that process as soon as something else gets into the state. False: nothing does any more."""
        before = self.seen(state)
        end = time.monotonic() + 20
        while self.seen(state) <= before:
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return self.kill(state, role)

    def kill(self, state, role):
        pids = self.scene.gateway.pids_of(role)
        if not pids:
            return False
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.landed[state] += 1
        self.deaths += 1
        self.restart(role, pids)
        return True

    def restart(self, role, dead):
        """By the supervisor; where it pauses longer each time, all is started anew."""
        if self.deaths % 3 == 0:
            self.scene.gateway.stop()
            self.scene.gateway.start()
        wait_for(lambda: set(self.scene.gateway.pids_of(role)) - set(dead), lambda: role + " again\n" + self.scene.logs())

    # ---- load

    def hand_in(self, mails):
        """As an MTA does: again, until it hears 250."""
        queue, threads = collections.deque(mails), []

        def session():
            while True:
                try:
                    octets, sender = queue.popleft()
                except IndexError:
                    return
                while not self.is_taken(octets, sender):
                    time.sleep(0.05)
        for _ in range(SESSIONS):
            threads.append(threading.Thread(target=session, daemon=True))
            threads[-1].start()
        return threads

    def is_taken(self, octets, sender):
        try:
            submit(self.scene.front.port, octets, sender=sender, recipients=(ADDRESS,), client="198.51.100.7")
            return True
        except (OSError, smtplib.SMTPException) as e:
            if getattr(e, "smtp_code", 451) >= 500:
                raise
            return False

    def mails(self, begin, count, signed_at=None):
        made = []
        for i in range(begin, begin + count):
            name, address = "drzitel%d" % i, "drzitel%d@ucastnik.example" % i
            self.scene.issue(name, [address])
            entity = self.scene.signed(name)
            if signed_at is not None:
                entity = self.scene.partner.dated(entity, name, signed_at)
            made.append((self.scene.mail(entity, sender=address), address))
        return made

    def check_journal(self):
        assert "intact" in self.scene.revocation("verify"), self.scene.revocation("verify")

    def notices_once(self):
        """Each has a Message-ID of its own; after a crash between the MTA's answer and the record it may come again."""
        told = collections.defaultdict(set)
        for m in self.scene.sink.messages():
            if m.sender == "":
                told[m.recipients[0]].add(m.message_id)
        return told


def report(tap, crash):
    for state, count in sorted(crash.landed.items()):
        print("# killed at %s: %d" % (state, count))


def test_idempotent(tap, rig):
    crash = Crash(rig, idempotent=True)
    mails = crash.mails(0, HOLDERS)
    serials = {crash.scene.serial("drzitel%d" % i) for i in range(HOLDERS)}
    states = (("in the inbox", "gate"), ("received", "worker"), ("accepted", "worker"), ("begun", "worker"),
              ("command ended", "worker"), ("executed", "worker"), ("notice handed over", "worker"))
    with tap.test("killed at every state change while %d sessions hand in requests" % SESSIONS):
        # In portions, so that there is something in each state at any time.
        for i, (state, role) in enumerate(states):
            portion = mails[i * 6:(i + 1) * 6] if state != states[-1][0] else mails[i * 6:]
            threads = crash.hand_in(portion)
            crash.kill_when(state, role)
            crash.kill("at any time", crash.random.choice(("gate", "worker")))
            for thread in threads:
                thread.join(120)
                assert not thread.is_alive(), crash.scene.logs()
        report(tap, crash)
        assert all(crash.landed[state] > 0 for state, _ in states), crash.landed
    with tap.test("every one that heard 250 is carried out"):
        wait_for(lambda: {int(s, 16) for s in crash.lines("done")} == serials,
                 lambda: "all to be done\n" + crash.scene.logs(), 120)
        wait_for(lambda: all(r["state"] == "executed" for r in crash.scene.requests()), crash.scene.logs)
        assert len(crash.scene.requests()) == HOLDERS, len(crash.scene.requests())
    with tap.test("what was run again is only what a crash left open"):
        again = len(crash.lines("done")) - HOLDERS
        assert again <= sum(crash.landed.values()), (again, crash.landed)
    with tap.test("each writer is told twice, by two notices, and the journal is intact"):
        wait_for(lambda: [len(ids) for ids in crash.notices_once().values()] == [2] * HOLDERS,
                 lambda: "%r\n%s" % (crash.notices_once(), crash.scene.logs()), NOTICES)
        crash.check_journal()


def test_once(tap, rig):
    """A command that must not be run twice."""
    crash = Crash(rig, idempotent=False)
    mails = crash.mails(100, 12)
    states = (("begun", "worker"), ("command ended", "worker"), ("executed", "worker"))
    with tap.test("killed while the command runs and after it, which is not to be run twice"):
        for i, (state, role) in enumerate(states):
            threads = crash.hand_in(mails[i * 4:(i + 1) * 4])
            crash.kill_when(state, role)
            for thread in threads:
                thread.join(120)
        report(tap, crash)
        assert all(crash.landed[state] > 0 for state, _ in states), crash.landed
    with tap.test("it waits for a person, and all others are carried out, none twice"):
        wait_for(lambda: all(r["state"] in ("executed", "interrupted") for r in crash.scene.requests()) and
                 len(crash.scene.requests()) == 12, crash.scene.logs)
        left = [r for r in crash.scene.requests() if r["state"] == "interrupted"]
        assert 1 <= len(left) <= sum(crash.landed.values()), crash.scene.requests()
        done = crash.lines("done")
        assert len(done) == len(set(done)), done
    with tap.test("the person says what was done, or has it run again"):
        done = {int(s, 16) for s in crash.lines("done")}
        for request in left:
            was_done = int(request["serial"], 16) in done
            crash.scene.revocation("done" if was_done else "retry", str(request["number"]))
        wait_for(lambda: all(r["state"] == "executed" for r in crash.scene.requests()), crash.scene.logs)
        done = crash.lines("done")
        assert len(done) == len(set(done)) == 12, done
        crash.check_journal()


def test_persons(tap, rig):
    crash = Crash(rig, idempotent=True)
    mails = crash.mails(300, 8, signed_at=LONG_AGO)

    def states():
        return {r["number"]: r["state"] for r in crash.scene.requests() if "number" in r}

    with tap.test("killed while requests come to wait for a person: all of them do"):
        threads = crash.hand_in(mails)
        crash.kill_when("waiting", "worker")
        for thread in threads:
            thread.join(120)
        wait_for(lambda: list(states().values()) == ["waiting"] * 8, crash.scene.logs)

    def decide():
        for number in sorted(states()):
            if number % 2:
                crash.scene.revocation("approve", str(number))
            else:
                crash.scene.revocation("refuse", str(number), "--reason", "It was signed long ago.")

    with tap.test("killed while he approves and refuses: each becomes what he said"):
        person = threading.Thread(target=decide)
        person.start()
        crash.kill_when("refused", "worker")
        person.join(120)
        wait_for(lambda: [s for _, s in sorted(states().items())] == ["executed", "refused"] * 4, crash.scene.logs)
        report(tap, crash)
        assert crash.landed["waiting"] > 0 and crash.landed["refused"] > 0, crash.landed
    with tap.test("who was approved is told twice, who was refused once, and nothing was revoked for him"):
        serials = {r["state"]: set() for r in crash.scene.requests()}
        for r in crash.scene.requests():
            serials[r["state"]].add(int(r["serial"], 16))
        assert {int(s, 16) for s in crash.lines("done")} == serials["executed"], crash.lines("done")
        wait_for(lambda: sorted(len(ids) for ids in crash.notices_once().values()) == [1] * 4 + [2] * 4,
                 lambda: "%r\n%s" % (crash.notices_once(), crash.scene.logs()), NOTICES)
        crash.check_journal()


def test_no_room(tap, rig):
    """The inbox cannot be written: 451, and afterwards all goes on."""
    crash = Crash(rig, idempotent=True)
    (octets, sender), = crash.mails(200, 1)
    path = os.path.join(crash.scene.gateway.path("inbox"), "inbox")
    with tap.test("somebody else holds the inbox: 451; let go: taken"):
        crash.scene.gateway.wait_log("ready")
        wait_for(lambda: os.path.exists(path), path)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with refusal(451):
            submit(crash.scene.front.port, octets, sender=sender, recipients=(ADDRESS,), client="198.51.100.7")
        holder.execute("ROLLBACK")
        holder.close()
        assert crash.is_taken(octets, sender)
        wait_for(lambda: [r["state"] for r in crash.scene.requests()] == ["executed"], crash.scene.logs)


if __name__ == "__main__":
    sys.exit(run(test_idempotent, test_once, test_persons, test_no_room))
