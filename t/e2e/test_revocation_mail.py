#!/usr/bin/env python3
"""A holder writes, and the certificate is revoked: through Postfix, gate, worker and openssl ca, to the list, the notices
and the next mail that is judged."""

import sys

from revocation_scene import ADDRESS, HOLDER, OPERATOR, OTHER, Revocation, names, refusal, run, text


def test_signed(tap, rig):
    scene = Revocation(rig)
    serial = scene.issue("jana")
    with tap.test("a holder's signed mail is taken, carried out, and the list says so"):
        octets = scene.mail(scene.signed("jana"))
        message_id = scene.send(octets)
        scene.wait_revoked(serial)
    with tap.test("the operator has it byte for byte"):
        received, = scene.operator(message_id)
        assert received.recipients == [OPERATOR], received.recipients
        assert received.data.endswith(octets.partition(b"\r\n\r\n")[2]), received.data
    with tap.test("the holder is told that it came, and what became of it, with the authority's time"):
        first, second = scene.notices(2)
        scene.is_notice(first, message_id)
        scene.is_notice(second, message_id)
    with tap.test("the holder's next mail is judged: revoked"):
        scene.publish()
        entity = scene.partner.sign(scene.partner.text(), who=("jana",), clear=True, chain=(scene.authority.issuing,))
        later = scene.send(scene.partner.message(entity, sender=HOLDER, to=(OTHER,)), recipients=(OTHER,))
        received, = scene.operator(later)
        assert "status=revoked" in received.header("X-Seal-Layer-1"), received.data[:2000]


if __name__ == "__main__":
    sys.exit(run(test_signed))
