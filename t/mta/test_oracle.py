#!/usr/bin/env python3
"""No oracle: whoever has caught a message in CBC mode, alters it and sends it again learns
nothing from what the daemon answers (Vaudenay 2002, RFC 3218). Said by the daemon over the
milter protocol; the times of its answers are measured by make bench."""

import os
import sys

from daemon_scene import Daemon, Rig, Sending, Tap, text
from rig import Problem, partner
from rig.gateway import program
from rig.inbound import configuration, KEY
from rig.partner import Partner, changed
from rig.pki import PARTICIPANT, SENDER
from rig.revoker import Revoker
from rig.status_server import StatusServer

MARK = "Tajemstvi 4711"
ANSWER = "550 5.7.1 the message could not be opened, or is not protected as it must be"
SETTINGS = {"deliver": ("deliver", "mark", "mark"), "refuse": ("refuse",) * 3, "hold": ("hold",) * 3}
BLOCK = 16
AT_ONCE = 8


def faults(undecryptable, bad_signature, unauthenticated):
    return ("undecryptable = %s\nbad-signature = %s\nunauthenticated = %s\n" %
            (undecryptable, bad_signature, unauthenticated))


class Oracle(Daemon):
    """Answers at once: times are not looked at here. limits are such as small mail can reach."""

    limits = "answer-interval = 0\nmime-depth-limit = 10\nmime-part-limit = 50\nopened-size-limit = 1M\n"

    def __init__(self, rig, top="", directories=None, trust=None, **options):
        self.directories, self.trust = directories, trust
        super().__init__(rig, top=top, listeners={"work": {"direction": "inbound"}}, **options)

    def configuration(self):
        return configuration(self.rig, key_file=self.key_of(self.rig.pki()[KEY + ".key"]), top=self.limits + self.top,
                             trust=self.trust, directories=self.directories) + self.listener(
                                 "work", group=text("nogroup"), direction="inbound")

    def answers(self, messages):
        """What each got, in their order."""
        sent = []
        for begin in range(0, len(messages), AT_ONCE):
            batch = [Sending(self, ("--from", PARTICIPANT, "--rcpt", SENDER), m, "work")
                     for m in messages[begin:begin + AT_ONCE]]
            sent += [s.finish() for s in batch]
        return sent

    def answer(self, message):
        return self.answers([message])[0]


def outside(sent):
    """All that the sender can see: the answers, and whether the message may yet bounce, and how."""
    changes = [(c["kind"], c["value"]) for c in sent.answer["changes"] if c["kind"] in ("chgfrom", "quarantine")]
    return (tuple(sent.recipients), sent.verdict, sent.answer["answer"], sent.text, tuple(changes))


def held(sent):
    return any(c["kind"] == "quarantine" for c in sent.answer["changes"])


def is_as(setting, sent, answer):
    """The one answer of this setting to all that is not good."""
    if setting == "refuse":
        assert sent.answer["answer"] == "reply" and sent.text.startswith(answer), sent
    else:
        assert (sent.verdict, sent.text, held(sent)) == ("accepted", "", setting == "hold"), sent


def one_answer(setting, sent, names, answer=ANSWER):
    seen = {}
    for name, s in zip(names, sent):
        is_as(setting, s, answer)
        seen.setdefault(outside(s), []).append(name)
    assert len(seen) == 1, {str(k): v[:10] for k, v in seen.items()}


# ---- the messages ------------------------------------------------------------------

def secret(p, padding=5):
    """An entity that in CBC is filled up by so many octets."""
    entity = p.text("%s: nabidka 12,5 MWh.\r\n" % MARK + "Dalsi radek teto zpravy.\r\n" * 8)
    return entity + b"." * ((-len(entity) - padding) % BLOCK)


def altered_padding(p, entity):
    """The octet before the last block's padding turned round in all 255 ways: one of them makes
    an octet of padding, 254 make none."""
    good = p.encrypt(entity)
    return [p.message(changed(good, partner.with_altered_ciphertext, -BLOCK - 1, bits)) for bits in range(1, 256)]


def moved_block(p, entity):
    """The first block put behind the end, with all octets before it: where what is behind a
    signed entity did not count, one of them would be good and the others not, and tell an octet."""
    good = p.encrypt(entity)

    def lengthened(last):
        return lambda c: c + b"x" * (BLOCK - 1) + bytes([last]) + c[:BLOCK]
    return [p.message(changed(good, partner.with_ciphertext, lengthened(last))) for last in range(256)]


def altered_envelopes(p, entity):
    """Name -> message: what fails to decrypt, one way or another."""
    good = p.encrypt(entity)
    size = len(partner.cms_of(good))
    keys = {"octet %d of the key" % at: lambda k, at=at: partner.altered(k, at) for at in (0, 1, 2, 100, 255)}
    keys.update({"a key above the modulus": lambda k: b"\xff" * len(k), "a key of zeros": lambda k: bytes(len(k)),
                 "no key": lambda k: b"", "a short key": lambda k: k[1:], "a long key": lambda k: b"\0" + k,
                 "a key of 10,000 octets": lambda k: k * 40})
    made = {name: p.message(changed(good, partner.with_encrypted_key, make)) for name, make in keys.items()}
    for at in (0, 1, 15):
        made["octet %d of the first block" % at] = p.message(changed(good, partner.with_altered_ciphertext, at))
    for blocks in range(1, 10):
        made["%d blocks fewer" % blocks] = p.message(
            changed(good, partner.with_ciphertext, lambda c, n=blocks: c[:-BLOCK * n]))
    made["the last block alone"] = p.message(changed(good, partner.with_ciphertext, lambda c: c[-BLOCK:]))
    made["one block of rubbish"] = p.message(changed(good, partner.with_ciphertext, lambda c: b"x" * BLOCK))
    made["more rubbish than the message"] = p.message(changed(good, partner.with_ciphertext, lambda c: c + b"x" * size))
    return made


def multipart(kind, *parts):
    head = 'Content-Type: multipart/%s; boundary="h%d"\r\n\r\n' % (kind, len(b"".join(parts)))
    line = b"--h%d" % len(b"".join(parts))
    return head.encode() + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def nested(entity, times, around):
    for _ in range(times):
        entity = around(entity)
    return entity


def poor_contents(p, entity):
    """Name -> message: what decrypts, and is not good inside."""
    signed, opaque = p.sign(entity, clear=True), p.sign(entity)
    crowd = {"500 signers": (partner.with_signers, 500), "no signers": (partner.with_signers, 0),
             "200 certificates": (partner.with_certificates, [p.pki.bytes("second.der")] * 200),
             "no certificate": (partner.with_certificates, []), "something behind": (partner.with_trailing,)}
    inside = {name: changed(signed, *change) for name, change in crowd.items()}
    inside.update({
        "unsigned": entity,
        "nothing": b"",
        "noise": os.urandom(500),
        "a header without an end": b"Content-Type: text/plain",
        "clear-signed and altered": signed.replace(b"nabidka", b"Nabidka"),
        "opaque-signed and altered": changed(opaque, partner.with_broken_signature),
        "opaque and no CMS": opaque.replace(partner.base64_lines(partner.cms_of(opaque)), b"AAAA\r\n"),
        "a part signed": multipart("mixed", entity, signed),
        "deeper than mime-depth-limit": nested(entity, 20, lambda e: multipart("mixed", e)),
        "more than mime-part-limit": multipart("mixed", *[entity] * 60),
        "layers past layer-limit": nested(entity, 10, p.compress),
        "a compression bomb": p.compress(bytes(20 << 20)),
        "compressed rubbish": p.compress(entity).replace(b"\r\n\r\n", b"\r\n\r\nAAAA"),
        "an envelope for somebody else": p.encrypt(signed, to=("archive",)),
        "an envelope that fails": changed(p.encrypt(signed), partner.with_altered_ciphertext, -BLOCK - 1, 3),
        "an envelope in GCM that fails": changed(p.encrypt(signed, cipher="aes256-gcm"),
                                                partner.with_altered_ciphertext),
        "a message of the same": b"Content-Type: message/rfc822\r\n\r\n" + p.message(signed),
    })
    return {name: p.message(p.encrypt(content)) for name, content in inside.items()}


# ---- the tests ------------------------------------------------------------------------

def test_settings(tap, rig, p, daemon):
    entity = secret(p)
    kinds = {
        "altered padding of unsigned content": dict(enumerate(altered_padding(p, entity))),
        "altered padding of clear-signed content": dict(enumerate(altered_padding(p, pad(p.sign(entity, clear=True))))),
        "altered padding of opaque-signed content": dict(enumerate(altered_padding(p, pad(p.sign(entity))))),
        "a block moved behind a clear signature": dict(enumerate(moved_block(p, p.sign(entity, clear=True)))),
        "a block moved behind an opaque signature": dict(enumerate(moved_block(p, p.sign(entity)))),
        "a block moved behind compressed data": dict(enumerate(moved_block(p, p.compress(p.sign(entity))))),
        "altered keys and blocks": altered_envelopes(p, entity),
        "altered keys and blocks around a signature": altered_envelopes(p, p.sign(entity)),
        "contents that are not good": poor_contents(p, entity),
        "a signature outside, altered inside": {name: p.message(p.sign(content_of(m), clear=True)) for name, m
                                                in list(altered_envelopes(p, entity).items())[:4]},
    }
    good = p.message(p.encrypt(p.sign(entity)))
    for setting, words in SETTINGS.items():
        daemon.change(top=faults(*words))
        daemon.reload_and_wait()
        everything, names = [], []
        for name, messages in kinds.items():
            with tap.test("%s: %d messages, %s: one answer" % (setting, len(messages), name)):
                sent = daemon.answers(list(messages.values()))
                everything += sent
                names += ["%s, %s" % (name, n) for n in messages]
                one_answer(setting, sent, messages)
        with tap.test("%s: the same answer to all kinds" % setting):
            one_answer(setting, everything, names)
            assert not any(MARK in str(s.recipients) + s.text for s in everything)
        with tap.test("%s: a good message passes, opened" % setting):
            sent = daemon.answer(good)
            assert sent.verdict == "accepted" and not held(sent) and MARK.encode() in sent.data, sent


def pad(entity, padding=5):
    """A field before others, so that CBC is filled up by so many octets."""
    field = b"Content-Description: "
    return field + b"x" * ((-len(entity) - len(field) - 2 - padding) % BLOCK) + b"\r\n" + entity


def content_of(message):
    """The entity of a message made by Partner.message()."""
    return message[message.index(b"Content-Type:"):]


def test_decrypts_once(tap, rig, p, daemon):
    """That there is something to be told apart: else the tests above would say nothing."""
    daemon.change(top=faults(*SETTINGS["deliver"]))
    daemon.reload_and_wait()
    with tap.test("of the 255 one decrypts, and 254 fail"):
        sent = daemon.answers(altered_padding(p, secret(p)))
        opened = [s for s in sent if MARK.encode() in s.data]
        closed = [s for s in sent if b"application/pkcs7-mime" in s.data]
        assert len(opened) == 1 and len(closed) == 254, (len(opened), len(closed))


def test_directory_away(tap, rig, p):
    """What is asked because of what was inside would tell as well."""
    away = {"partners": {"type": "ldap", "uri": '"ldap://127.0.0.1:1/"', "base": '"dc=x"', "binds_address": "yes"}}
    entity = secret(p)
    signed = p.sign(entity, who=("sign-qualified",), clear=True)
    for setting, words in SETTINGS.items():
        daemon = Oracle(rig, top=faults(*words), directories=away, name="away-" + setting)
        with tap.test("%s: a directory that is away is not asked for what is altered: one answer" % setting):
            messages = altered_padding(p, pad(signed)) + moved_block(p, signed)
            messages += [p.message(p.encrypt(signed.replace(b"nabidka", b"Nabidka"))), p.message(p.encrypt(entity))]
            one_answer(setting, daemon.answers(messages), range(len(messages)))
        daemon.stop()


def test_status(tap, rig, p):
    """Nor is who says what is revoked asked because of what is altered: he would see it, and as would the
    sender that nobody answers."""
    server = StatusServer(rig)
    host = server.host()
    authority = Revoker(rig, root_crl=[server.url(host, "/root.crl")])
    authority.issue("listed", [PARTICIPANT], crl=[server.url(host, "/issuing.crl")])
    server.files = {"/root.crl": authority.root_crl(), "/issuing.crl": authority.crl()}
    trust = {"revocable": {"anchors": text(authority.anchors), "intermediates": text(authority.intermediates),
                           "revocation": "require"}}
    signed = p.sign(secret(p), who=("listed",), clear=True, chain=(authority.issuing,))
    messages = altered_padding(p, pad(signed)) + moved_block(p, signed)
    messages.append(p.message(p.encrypt(changed(p.sign(secret(p), who=("listed", "participant-sign"),
                                                       chain=(authority.issuing,)), partner.with_broken_signature))))
    good = p.message(p.encrypt(signed))
    for setting, words in SETTINGS.items():
        for mode in ("killed", "ok"):
            server.turn(host, mode)
            daemon = Oracle(rig, top=faults(*words) + 'fetch-networks = { "127.0.0.0/8" }\n', trust=trust,
                            name="status-%s-%s" % (setting, mode))
            with tap.test("%s, the server of lists %s: one answer to what is altered, and it is not asked" % (setting, mode)):
                one_answer(setting, daemon.answers(messages), range(len(messages)))
                assert not server.asked, server.asked
            with tap.test("%s, the server of lists %s: because of a good message it is" % (setting, mode)):
                sent = daemon.answer(good)
                if mode == "killed":
                    assert sent.text.startswith("451 4."), sent
                else:
                    assert sent.verdict == "accepted" and MARK.encode() in sent.data and len(server.asked) == 2, sent
            server.asked.clear()
            daemon.stop()


def test_gcm(tap, rig, p, daemon):
    entity = secret(p)
    good = p.encrypt(p.sign(entity), cipher="aes256-gcm")
    bad = {
        "tag": changed(good, partner.with_tag, lambda t: partner.altered(t, -1)),
        "tag of zeros": changed(good, partner.with_tag, lambda t: bytes(len(t))),
        "short tag": changed(good, partner.with_tag, lambda t: t[:4]),
        "no tag": changed(good, partner.with_tag, lambda t: b""),
        "first octet": changed(good, partner.with_altered_ciphertext, 0),
        "last octet": changed(good, partner.with_altered_ciphertext, -1),
        "last block cut off": changed(good, partner.with_ciphertext, lambda c: c[:-BLOCK]),
        "key": changed(good, partner.with_encrypted_key, lambda k: partner.altered(k, 100)),
    }
    for setting, words in SETTINGS.items():
        daemon.change(top=faults(*words))
        daemon.reload_and_wait()
        with tap.test("%s: AES-GCM, altered: undecryptable, one answer, and nothing of the content" % setting):
            sent = daemon.answers([p.message(e) for e in bad.values()])
            one_answer(setting, sent, bad, "550 5.7.5 the message could not be opened: ")
            for s, entity in zip(sent, bad.values()):
                assert MARK.encode() not in s.data, s
                assert setting != "deliver" or content_of(s.data).startswith(b"Content-Type: application/pkcs7-mime"), s
        with tap.test("%s: AES-GCM, not altered: opened" % setting):
            sent = daemon.answer(p.message(good))
            assert sent.verdict == "accepted" and MARK.encode() in sent.data and not held(sent), sent


def test_traces(tap, rig, daemon):
    with tap.test("nothing of any content stands in the daemon's log or files"):
        assert daemon.lines("smime="), daemon.log()[-2000:]
        found = [path for path in files_of(daemon) if MARK.encode() in read(path)]
        assert not found, found


def files_of(daemon):
    yield daemon.process.log_path
    for folder, _, names in os.walk(daemon.folder):
        for name in names:
            if os.path.isfile(os.path.join(folder, name)):
                yield os.path.join(folder, name)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_refused_settings(tap, rig, daemon):
    words = [("deliver", "refuse", "hold"), ("mark", "refuse", "hold"), ("mark", "refuse", "hold")]
    every = [(u, b, a) for u in words[0] for b in words[1] for a in words[2]]
    explained = "do not go together: the answers would tell whoever sends altered ciphertexts whether they decrypt"
    with tap.test("check-config takes %d settings that have one answer, and no other of %d" % (len(SETTINGS), len(every))):
        for setting in every:
            daemon.change(top=faults(*setting))
            done = daemon.sealctl("check-config", check=False)
            said = done.stdout.decode()
            if setting in SETTINGS.values():
                assert done.returncode == 0, (setting, said)
                continue
            assert done.returncode == 2 and explained in said, (setting, said)
            assert "undecryptable = %s, bad-signature = %s and unauthenticated = %s" % setting in said, said
    with tap.test("a daemon does not take them by a reload"):
        daemon.change(top=faults("deliver", "refuse", "mark"))
        daemon.reload_and_wait("reload-failed")
        assert daemon.lines(explained), daemon.log()[-2000:]
    with tap.test("nor does one start with them"):
        try:
            Oracle(rig, top=faults("refuse", "mark", "mark"), name="bad").stop()
        except Problem as e:
            assert explained in str(e), e
        else:
            raise Problem(program("sealmilter") + " started")


def main():
    tap = Tap()
    with Rig() as rig, tap.section("set-up"):
        p, daemon = Partner(rig), Oracle(rig)
        tap.more = lambda: daemon.log()[-3000:]
        for test in (test_settings, test_decrypts_once, test_gcm):
            with tap.section(test.__name__):
                test(tap, rig, p, daemon)
        with tap.section("traces"):
            test_traces(tap, rig, daemon)
        with tap.section("a directory away"):
            test_directory_away(tap, rig, p)
        with tap.section("status"):
            test_status(tap, rig, p)
        with tap.section("settings"):
            test_refused_settings(tap, rig, daemon)
        daemon.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
