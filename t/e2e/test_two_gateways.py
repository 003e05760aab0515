#!/usr/bin/env python3
"""Two gateways talk to each other, both ways: every mail arrives open and good, once."""

import sys
from concurrent.futures import ThreadPoolExecutor

from inbound_scene import check_result
from scene import judges, run
from two_gateways import Pair
from rig import Message

CLIENTS = 20
LARGE = 25 * 1024 * 1024

# What a rule can ask for: settings of the one that signs, and of the one that encrypts.
FORMS = (
    ({}, {}),
    ({"form": "opaque"}, {}),
    ({"form": "opaque", "rsa_signature": "pss", "digest": "sha512"}, {"rsa_transport": "oaep"}),
    ({"digest": "sha384"}, {"cipher": "aes256-gcm"}),
    ({"rsa_signature": "pss"}, {"cipher": "aes128-gcm", "rsa_transport": "oaep"}),
    ({"form": "opaque"}, {"cipher": "aes128-cbc"}),
)


def named(settings):
    return ", ".join("%s %s" % item for part in settings for item in part.items()) or "as it is by itself"


def attached(side, octets, rig):
    encoded = rig.run("openssl", "base64", data=octets).stdout.replace(b"\n", b"\r\n")
    body = (b"--b1\r\nContent-Type: text/plain\r\n\r\nviz priloha\r\n--b1\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + encoded + b"--b1--\r\n")
    return Message(sender=side.address, to=[side.other.address], body=body,
                   fields=["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b1"])


def test_both_ways(tap, rig):
    pair = Pair(rig)
    for settings in FORMS:
        for side in pair.sides:
            side.change(*settings)
        for side in pair.sides:
            with tap.test("%s to %s (%s): open, and good" % (side.name, side.other.name, named(settings))):
                message = side.message()
                side.submit(message)
                pair.arrived(side, message)
    for side in pair.sides:
        side.change({}, {})
    with tap.test("accents and long lines arrive as they were written"):
        message = Message(sender=pair.trader.address, to=[pair.market.address])
        pair.trader.submit(message)
        pair.arrived(pair.trader, message)
    with tap.test("an answer: locally submitted, open and good too"):
        message = pair.market.message()
        pair.market.front.sendmail(message, [pair.trader.address], pair.market.address)
        pair.arrived(pair.market, message)
    test_many(tap, pair)
    test_large(tap, pair, rig)


def test_many(tap, pair):
    with tap.test("%d clients at once, half on each side: each mail arrives as its own, once" % CLIENTS):
        mails = [(side, side.message(number)) for number in range(CLIENTS // 2) for side in pair.sides]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda mail: mail[0].submit(mail[1]), mails))
        for side, message in mails:
            pair.arrived(side, message)
        for side in pair.sides:
            side.front.wait_empty()
            ids = [m.message_id for m in side.sink.messages()]
            assert len(ids) == len(set(ids)), ids


def test_large(tap, pair, rig):
    octets = bytes(range(256)) * (LARGE // 256)
    for side in pair.sides:
        with tap.test("an attachment of 25 MiB from %s arrives whole, open and good" % side.name):
            message = attached(side, octets, rig)
            side.submit(message)
            received, = side.other.sink.wait(message_id=message.message_id, deadline=240,
                                             diagnostics=lambda: side.logs() + side.other.logs())
            check_result(received, side.other.authserv_id, "pass")
            parts = [p for p in judges.parse(received.data).walk() if not p.is_multipart()]
            found = [p for p in parts if p.get_content_type() == "application/octet-stream"]
            assert len(found) == 1 and found[0].get_payload(decode=True) == octets


if __name__ == "__main__":
    sys.exit(run(test_both_ways))
