#!/usr/bin/env python3
"""Mail from outside that is made to do harm when it is opened, over the milter protocol.

As in test_hostile.py the daemon and its processes run under RLIMIT_AS 512 MiB and
RLIMIT_CPU 20 s. Each mail is answered, no process dies, what is not good is not said to be
and not shown, and the next good mail is opened and passes. With SEAL_VERBOSE set
the gate's CPU time and memory are told for each."""

import re
import sys

from daemon_scene import Daemon, Rig, Sending, Tap, text
import inbound_corpus as corpus
from inbound_corpus import GOOD, MARK
from rig.inbound import AUTHSERV_ID, KEY, configuration
from rig.partner import Partner
from rig.pki import PARTICIPANT, SENDER
from test_hostile import Target, attack

ENVELOPE = ("--from", PARTICIPANT, "--rcpt", SENDER)
AT_ONCE = 4
RESULTS = "none pass policy fail neutral permerror".split()


class Inbound(Target):
    """Opens mail to trh.example; answers at once, as times are not looked at."""

    def __init__(self, rig, top=""):
        self.partner = Partner(rig)
        Daemon.__init__(self, rig, top="answer-interval = 0\n" + top, listeners={"work": {"direction": "inbound"}})
        self.family = self.pids()

    def configuration(self):
        key = self.key_of(self.rig.pki()[KEY + ".key"])
        return configuration(self.rig, key_file=key, top=self.top) + self.listener(
            "work", group=text("nogroup"), direction="inbound")

    def stop(self):
        self.next_good()
        Daemon.stop(self)
        assert not re.search(r"Sanitizer|runtime error", self.log()), self.log()[-20000:]

    def answers(self, messages):
        sent = []
        for begin in range(0, len(messages), AT_ONCE):
            batch = [Sending(self, ENVELOPE, m, "work") for m in messages[begin:begin + AT_ONCE]]
            sent += [s.finish() for s in batch]
        return sent

    def answer(self, message):
        return self.answers([message])[0]

    def next_good(self):
        """The next good mail is opened and is good, by the same processes."""
        sent = self.answer(corpus.good(self.partner))
        assert result_of(sent) == GOOD and shows(sent), (sent, sent.data[:3000])
        assert self.pids() == self.family, (self.pids(), self.family, self.log()[-3000:])


def result_of(sent):
    """What the one field of ours says."""
    assert sent.verdict == "accepted", sent
    head = re.sub(rb"\r?\n[ \t]+", b" ", sent.data.partition(b"\r\n\r\n")[0]).decode("utf-8", "replace")
    told = re.findall(r"(?im)^Authentication-Results: *%s; smime=(\w+)" % re.escape(AUTHSERV_ID), head)
    assert len(told) == 1 and told[0] in RESULTS, head[:3000]
    return told[0]


def shows(sent):
    return MARK.encode() in sent.data


def each(tap, target, cases):
    for name, message, told in cases:
        with attack(tap, target, "%s: %s" % (name, told)):
            sent = target.answer(message)
            assert result_of(sent) == told, (sent, sent.data[:3000])


def all_alike(tap, target, groups):
    """Of each group: answered, and never good."""
    for name, messages in groups:
        with attack(tap, target, "%s: %d answered, none is good" % (name, len(messages))):
            for message, sent in zip(messages, target.answers(messages)):
                assert result_of(sent) != GOOD, (message, sent.data[:3000])


def test_octets(tap, rig):
    target = Inbound(rig)
    all_alike(tap, target, corpus.truncated(target.partner))
    all_alike(tap, target, corpus.randomised(target.partner))
    target.stop()


def test_lengths(tap, rig):
    target = Inbound(rig)
    all_alike(tap, target, corpus.lying(target.partner))
    target.stop()


def test_counts(tap, rig):
    target = Inbound(rig)
    each(tap, target, corpus.counts(target.partner))
    target.stop()


def test_depths(tap, rig):
    target = Inbound(rig)
    each(tap, target, corpus.depths(target.partner))
    target.stop()


def test_mime(tap, rig):
    target = Inbound(rig)
    each(tap, target, corpus.transfers(target.partner) + corpus.parameters(target.partner))
    target.stop()


def test_bombs(tap, rig):
    target = Inbound(rig)
    cases = corpus.bombs(target.partner)
    each(tap, target, cases)
    with attack(tap, target, "all of them twice, at once: each is answered, now or with come again later"):
        sending = [Sending(target, ENVELOPE, message, "work") for _, message, _ in cases * 2]
        for told, sent in zip([told for _, _, told in cases] * 2, [s.finish() for s in sending]):
            assert sent.text[:4] == "451 " or result_of(sent) == told, (sent, sent.data[:3000])
    target.stop()


def test_memory(tap, rig):
    """What a small message becomes is asked of memory-limit before it does: four times that is held."""
    target = Inbound(rig, "memory-limit = 80M\nopened-size-limit = 20M\nmessage-size-limit = 1M\n")
    for size, words in ((10, ""), (20, "memory-limit")):
        text = target.partner.text("x" * 62 + "\r\n")
        large = text + (b"x" * 62 + b"\r\n") * ((size << 20) // 64 - 10)
        message = target.partner.message(target.partner.compress(large))
        with attack(tap, target, "compressed, it becomes %d MiB: %s" % (size, "deferred" if words else "opened")):
            sent = target.send(*ENVELOPE, data=message)
            assert (sent.text[:4] == "451 ") == bool(words) and words in sent.text, sent
    target.stop()


def test_chunks(tap, rig):
    """64 MiB of BER in chunks of one octet; a limit is raised so that it comes in at all."""
    target = Inbound(rig, "message-size-limit = 70M\n")
    for name, message, told in corpus.in_chunks(target.partner, 64 << 20):
        with attack(tap, target, "%s of 64 MiB in chunks of one octet: opened, %s" % (name, told)):
            sent = target.send(*ENVELOPE, "--exact", data=message)
            assert result_of(sent) == told and shows(sent), (sent.text, sent.data[:3000])
    target.stop()


def main():
    tap = Tap()
    tests = (test_octets, test_lengths, test_counts, test_depths, test_mime, test_bombs, test_memory, test_chunks)
    chosen = sys.argv[1:]
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        with Rig() as rig, tap.section(test.__name__):
            test(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
