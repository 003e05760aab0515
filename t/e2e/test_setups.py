#!/usr/bin/env python3
"""Mail that was opened must not leave the house again. Aliases, .forward files and blind
copies come behind every milter: what they do to opened mail where the gateway stands just
anywhere, and the three set-ups of contrib/postfix that prevent it."""

import os
import sys

from inbound_scene import OUTSIDE, PARTICIPANT, SECRET, SENDER, TAKER, TEXT, Inbound, judges, message_id_of, run
from scene import CONTRIB, contrib_main, contrib_master, refusal
from rig import Postfix, Sink, free_port, submit

ARCHIVE = "archiv@jinde.example"
FORWARDER = "nobody"  # a user whom every system has; his .forward is the test's
FORWARDED = FORWARDER + "@trh.example"
ALIAS = "inline:{%s=%s}" % (SENDER, OUTSIDE)
LEAVES_NOT = "5.7.1 opened mail does not leave here"


class House(Inbound):
    """The gateway's MTA, the inside (sink) and the world, another sink."""

    def __init__(self, rig):
        super().__init__(rig, key_for=(SENDER, TAKER, FORWARDED))
        self.world = Sink(rig)
        forward = rig.make_folder("forward")
        rig.write("forward/" + FORWARDER, OUTSIDE + "\n")
        self.forwards = {"mydestination": "trh.example", "relay_domains": "", "home_mailbox": "",
                         "forward_path": forward + "/$user"}
        self.inward = "inline:{trh.example=smtp:%s}" % self.sink.address

    def mta(self, name="front", **main):
        """The gateway's; mail for the house goes inside, other mail out."""
        return self.postfix(name, relayhost=self.world.address,
                            **{"transport_maps": "" if "mydestination" in main else self.inward, **main})

    def outside(self, message_id, recipient=OUTSIDE):
        """The one copy that has left."""
        received, = self.world.wait(message_id=message_id, recipient=recipient, diagnostics=self.logs)
        return received

    def bounced(self, message_id):
        """Demands that the partner is told, and gets nothing back of what was opened."""
        bounce, = self.world.wait(recipient=PARTICIPANT, diagnostics=self.logs)
        assert message_id.encode() in bounce.data and bounce.sender == "", bounce.data
        assert not judges.is_clear(bounce.data, SECRET), bounce.data
        assert not self.world.messages(recipient=OUTSIDE), self.world.messages(recipient=OUTSIDE)[0].data
        self.world.clear()


def test_anywhere(tap, rig):
    scene = House(rig)
    ways = (("an alias", dict(virtual_alias_maps=ALIAS), SENDER),
            ("always_bcc", dict(always_bcc=OUTSIDE), SENDER),
            (".forward", scene.forwards, FORWARDED))
    for number, (name, main, recipient) in enumerate(ways):
        with tap.test("on an MTA that sends out itself, %s takes opened mail out" % name):
            front = scene.mta("front%d" % number, **main)
            left = scene.outside(scene.send(scene.sealed(), recipients=[recipient]))
            assert judges.is_clear(left.data, SECRET), left.data[:3000]
            front.stop()


def test_inward_only(tap, rig):
    """The gateway's MTA can send nowhere but inside. Bounces, which carry nothing of what was
    opened, may leave."""
    scene = House(rig)
    only_inward = contrib_main("inward-only.main.cf")
    assert LEAVES_NOT in only_inward["default_transport"]
    for name in ("relay_domains", "transport_maps", "smtpd_milters"):  # the rig's own
        only_inward.pop(name)
    only_inward["sender_dependent_default_transport_maps"] = only_inward[
        "sender_dependent_default_transport_maps"].replace("smtp:", "smtp:" + scene.world.address)
    with tap.test("inward only: always_bcc to outside does not leave, and the inside gets its mail"):
        front = scene.mta("copies", always_bcc=OUTSIDE, **only_inward)
        received, = scene.arrived(scene.send(scene.sealed()))
        scene.is_open(received)
        front.wait_log("to=<%s>, relay=none" % OUTSIDE)
        front.wait_empty()
        assert not scene.world.messages(), scene.world.messages()[0].data
    with tap.test("inward only: an alias to outside is told to the sender, and nothing leaves"):
        scene.mta("aliases", virtual_alias_maps=ALIAS, **only_inward)
        scene.bounced(scene.send(scene.sealed()))
    with tap.test("inward only: .forward to outside is told to the sender, and nothing leaves"):
        scene.mta("home", **{**only_inward, **scene.forwards})
        scene.bounced(scene.send(scene.sealed(), recipients=[FORWARDED]))


def test_expanded_first(tap, rig):
    """The gateway behind the expansion: what the world hands over goes through cleanup, which
    knows all addresses then, and one by one through a second smtpd, where the gateway is."""
    scene, port = House(rig), free_port()
    services = contrib_master("expanded-first.master.cf")
    world, gateway = services["smtp"], services["127.0.0.1:10025"]
    world["content_filter"] = world["content_filter"].replace("10025", str(port))
    gateway["smtpd_milters"] = scene.gateway.milter("in")
    mail = rig.make_folder("mail", mode=0o777)
    scene.front = Postfix(
        rig, "front", relayhost=scene.world.address, ports={"gateway": port},
        services={"world": world, "gateway": gateway}, master="gateway unix - - n - - smtp\n",
        main={"forward_path": scene.forwards["forward_path"], **contrib_main("expanded-first.main.cf"),
              "transport_maps": "inline:{trh.example=smtp:%s, %s=local}" % (scene.sink.address, FORWARDED),
              "relay_domains": "trh.example", "always_bcc": ARCHIVE, "mail_spool_directory": mail,
              "virtual_alias_maps": "inline:{%s=%s, tym@trh.example=%s}" % (SENDER, OUTSIDE, TAKER)})
    with tap.test("expanded first: an alias to outside gets it closed, and so does always_bcc"):
        message_id = scene.send(scene.sealed())
        for recipient in (OUTSIDE, ARCHIVE):
            left = scene.outside(message_id, recipient)
            assert not judges.is_clear(left.data, SECRET) and judges.smime_type(left.data) == "enveloped-data"
            assert left.recipients == [recipient], left.recipients
    with tap.test("expanded first: the inside gets it open, the blind copy that leaves is closed"):
        octets = scene.sealed()
        scene.send(octets, recipients=[TAKER])
        received, = scene.arrived(message_id_of(octets))
        assert received.recipients == [TAKER], received.recipients
        scene.is_open(received)
        left = scene.outside(message_id_of(octets), ARCHIVE)
        assert not judges.is_clear(left.data, SECRET)
    with tap.test("expanded first: an alias inside is opened for whom it leads to"):
        received, = scene.arrived(scene.send(scene.sealed(), recipients=["tym@trh.example"]))
        assert received.recipients == [TAKER], received.recipients
        scene.is_open(received)
    with tap.test("expanded first: local delivery minds no .forward"):
        octets = scene.sealed()
        scene.send(octets, recipients=[FORWARDED])
        scene.front.wait_log("status=sent (delivered to mailbox)")
        with open(os.path.join(mail, FORWARDER), "rb") as f:
            assert judges.is_clear(f.read(), SECRET)
        left = scene.outside(message_id_of(octets), ARCHIVE)
        assert not judges.is_clear(left.data, SECRET)
        assert not [m for m in scene.world.messages(recipient=OUTSIDE) if m.message_id == left.message_id]


def test_last_hop(tap, rig):
    """Where mailboxes are forwarded further inside, the last hop lets out nothing that was
    opened: the field that says so is still there."""
    scene = House(rig)
    last = Postfix(rig, "last", relayhost=scene.world.address,
                   main={"header_checks": "regexp:" + os.path.join(CONTRIB, "opened")})
    homes = Postfix(rig, "homes", relayhost="[127.0.0.1]:%d" % last.port, main=scene.forwards)
    front = scene.mta(transport_maps="inline:{trh.example=smtp:[127.0.0.1]:%d}" % homes.port)
    scene.logs = lambda: "".join(p.log()[-3000:] for p in (front, homes, last))
    unsigned = scene.partner.message(scene.partner.encrypt(scene.partner.text(TEXT)))
    for name, octets in (("signed", scene.sealed()), ("unsigned", unsigned)):
        with tap.test("last hop: opened mail (%s) that .forward sends out comes back, and does not leave" % name):
            scene.bounced(scene.send(octets, recipients=[FORWARDED]))
    with tap.test("last hop: opened mail that somebody attaches is refused"):
        opened = (b"Content-Type: message/rfc822\r\n\r\nFrom: x@ucastnik.example\r\n"
                  b"X-Seal-Layer-1: encrypted; opened=yes; key=office\r\n\r\nahoj\r\n")
        with refusal(550) as answer:
            submit(last.port, scene.partner.message(opened), sender=SENDER, recipients=[OUTSIDE])
        assert LEAVES_NOT in answer.text, answer.text
    with tap.test("last hop: other mail is forwarded"):
        octets = scene.partner.message(scene.signed(clear=True))
        scene.outside(scene.send(octets, recipients=[FORWARDED]))
    with tap.test("last hop: what stayed closed is forwarded closed"):
        octets = scene.sealed(to=("archive",))
        left = scene.outside(scene.send(octets, recipients=[FORWARDED]))
        assert not judges.is_clear(left.data, SECRET)


if __name__ == "__main__":
    sys.exit(run(test_anywhere, test_inward_only, test_expanded_first, test_last_hop))
