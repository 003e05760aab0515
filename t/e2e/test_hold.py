#!/usr/bin/env python3
"""Mail that is broken, cannot be opened or is not protected: delivered, refused or held; and
the way back from the hold queue, as README has it."""

import os
import re
import sys

from inbound_scene import PARTICIPANT, SECRET, SENDER, TAKER, TEXT, Inbound, judges, message_id_of, run
from scene import GATE_USER, block, refusal, text
from rig import Problem
from rig.base import environment_path, wait_for
from rig.gateway import program
from rig.partner import changed, with_altered_ciphertext

FAULTS = "bad-signature = %s\nundecryptable = %s\nunauthenticated = %s"
FORGED = "Nabidka se rusi.\r\n"

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README")


def way_back():
    """The lines that README gives an administrator, but for the one that names a queue id."""
    with open(README) as f:
        lines = f.read().split("    umask 077\n", 1)[1].split("\n\n", 1)[0].splitlines()
    return "\n".join(["umask 077"] + [line.strip() for line in lines if not line.strip().startswith("id=")])


def faulty(scene):
    """name -> a message of which one thing is wrong."""
    p = scene.partner
    broken = scene.signed(clear=True).replace(b"12,5 MWh", b"99,5 MWh")
    return {
        "a broken signature in an envelope": p.message(p.encrypt(broken)),
        "an envelope that cannot be opened": p.message(changed(
            p.encrypt(scene.signed()), with_altered_ciphertext, -1)),
        "an envelope that opens to rubbish": p.message(changed(
            p.encrypt(scene.signed(clear=True)), with_altered_ciphertext, 8)),
        "an envelope with nothing signed inside": p.message(p.encrypt(p.text(TEXT))),
    }


def good(scene):
    return {"signed and encrypted": scene.sealed(), "signed": scene.partner.message(scene.signed()),
            "plain": scene.partner.message(scene.partner.text())}


def test_delivered(tap, rig):
    scene = Inbound(rig, top=FAULTS % ("mark", "deliver", "mark"))
    scene.postfix()
    for name, octets in faulty(scene).items():
        with tap.test("marked: %s is delivered, and not as good" % name):
            received = scene.take(octets)
            results = [v for v in received.headers("Authentication-Results") if v.startswith(scene.authserv_id)]
            assert len(results) == 1 and "smime=pass" not in results[0], results
    with tap.test("marked: what cannot be opened arrives as it was sent, as a part"):
        octets = faulty(scene)["an envelope that cannot be opened"]
        received = scene.take(octets)
        part, = judges.parse(received.data).get_payload()
        assert part.get_payload(decode=True) == judges.der_of(octets), received.data


def test_refused(tap, rig):
    scene = Inbound(rig, top=FAULTS % ("refuse", "refuse", "refuse"))
    scene.postfix()
    answers = {}
    for name, octets in faulty(scene).items():
        with tap.test("refused: %s" % name):
            with refusal(550) as answer:
                scene.send(octets)
            answers[name] = answer.text
            assert not scene.sink.messages(message_id=message_id_of(octets))
    with tap.test("all are refused in the same words, which tell nobody how far it was opened"):
        assert len(answers) == 4 and len(set(answers.values())) == 1, answers
    with tap.test("a broken signature in no envelope is refused and named"):
        broken = scene.signed(clear=True).replace(b"12,5 MWh", b"99,5 MWh")
        with refusal(550) as answer:
            scene.send(scene.partner.message(broken))
        assert "signature" in answer.text, answer.text
    for name, octets in good(scene).items():
        with tap.test("not refused: %s" % name):
            scene.take(octets)


def held(front):
    return [entry["queue_id"] for entry in front.queue() if entry["queue_name"] == "hold"]


class Hold(Inbound):
    """The front holds what is faulty. Mail that is submitted on its own machine goes
    through the listener for all mail, which seals ours."""

    def __init__(self, rig):
        trace = rig.write("trace.key", b"0123456789abcdef" * 2, 0o600)
        rig.run("chown", GATE_USER, trace)
        super().__init__(rig, top=FAULTS % ("hold", "hold", "hold") + '\ntrace-key-file = "%s"' % trace,
                         listeners={"in": {"direction": "by-rule"}}, more=self.seal)
        self.postfix(virtual_alias_maps="inline:{%s=uvnitr@trh.example}" % TAKER,
                     always_bcc="archiv@trh.example")

    def seal(self, gateway):
        return (block("signer", "seal", key=text(gateway.key_of(self.pki["seal.key"])),
                      certificate=text(self.pki["seal.pem"]))
                + block("rule", "seal", sender_domain="trh.example", sign="seal"))

    def held(self, octets, **how):
        """Sends it in; its queue id, once it is held."""
        message_id = self.send(octets, **how)
        found = wait_for(lambda: [q for q in held(self.front)
                                  if message_id.encode() in self.front.queue_file(q)],
                         lambda: "%s in the hold queue:\n%s" % (message_id, self.logs()))
        self.settled(found[0])
        assert not self.sink.messages(message_id=message_id)
        return found[0]

    def settled(self, queue_id):
        """cleanup sets the mode when it has finished the file; until then postsuper
        passes it over."""
        path = "%s/queue/hold/%s" % (self.front.folder, queue_id)
        wait_for(lambda: "700" in self.rig.run("stat", "-c", "%a", path).stdout.decode(),
                 "cleanup to finish " + path)

    def way_back(self, queue_id):
        """As an administrator does it, in a shell, which goes on where a line fails."""
        folder = self.rig.make_folder("root", mode=0o700)
        environment = dict(environment_path(), MAIL_CONFIG=self.front.config, id=queue_id)
        script = 'cd "%s"\nsealctl() { "%s" -c "%s" "$@"; }\n%s' % (
            folder, program("sealctl"), self.gateway.config, way_back())
        return self.rig.run("sh", "-c", script, environment=environment)


def test_held(tap, rig):
    scene = Hold(rig)
    front = scene.front
    for name, octets in faulty(scene).items():
        with tap.test("held: %s" % name):
            queue_id = scene.held(octets)
            stands = front.queue_file(queue_id)
            assert SECRET.encode() not in stands, stands
            assert "smime=pass" not in stands.decode() and b"X-Seal-Layer-1: encrypted" in stands, stands
            front.rig.run("postsuper", "-c", front.config, "-d", queue_id, "hold")
    for name, octets in good(scene).items():
        with tap.test("not held: %s" % name):
            scene.take(octets)
    with tap.test("let go without more it arrives closed, and what is said of it"):
        queue_id = scene.held(octets := faulty(scene)["an envelope with nothing signed inside"])
        front.rig.run("postsuper", "-c", front.config, "-H", queue_id)
        received, = scene.arrived(message_id_of(octets))
        scene.is_closed(received)
        scene.says(received, "none")
    test_way_back(tap, scene)


def test_way_back(tap, scene):
    plain = scene.partner.encrypt(scene.partner.text(TEXT))
    forged = scene.partner.encrypt(scene.partner.text(FORGED))
    ways = (
        ("to one", dict(), plain, [SENDER]),
        ("to an alias and one more", dict(recipients=[TAKER, SENDER]), plain, [SENDER, "uvnitr@trh.example"]),
        ("from the null sender", dict(sender=""), plain, [SENDER]),
        ("in our name, forged", dict(sender=SENDER), forged, [SENDER]),
    )
    for name, how, entity, expected in ways:
        octets = scene.partner.message(entity, sender=how.get("sender") or PARTICIPANT)
        with tap.test("the way back, %s: it arrives opened, once" % name):
            scene.way_back(scene.held(octets, **how))
            received, = scene.arrived(message_id_of(octets))
            assert received.sender == how.get("sender", PARTICIPANT), received.sender
            assert sorted(received.recipients) == sorted(expected + ["archiv@trh.example"]), received.recipients
            scene.is_open(received, FORGED if entity is forged else TEXT, "none")
            scene.front.wait_empty()
            assert len(scene.sink.messages(message_id=received.message_id)) == 1
    with tap.test("the way back: not sealed as our own"):
        assert b"multipart/signed" not in received.data, received.data[:3000]
    with tap.test("the way back: a bounce of it holds none of it"):
        scene.sink.clear()
        octets = scene.partner.message(plain)
        queue_id = scene.held(octets)
        scene.sink.answers[SENDER] = "550 5.1.1 no such user"
        scene.way_back(queue_id)
        bounce, = scene.sink.wait(recipient=PARTICIPANT, diagnostics=scene.logs)
        assert message_id_of(octets).encode() in bounce.data
        assert not judges.is_clear(bounce.data, SECRET), bounce.data
        scene.sink.answers.clear()
    with tap.test("what cannot be opened is not let go in half: it stays in the hold queue"):
        queue_id = scene.held(faulty(scene)["an envelope that cannot be opened"])
        try:
            scene.way_back(queue_id)
        except Problem as e:
            assert re.search("sealctl: .*stays closed: .*decrypt", str(e)), e
        else:
            raise AssertionError("it was let go")
        assert queue_id in held(scene.front)


if __name__ == "__main__":
    sys.exit(run(test_delivered, test_refused, test_held))
