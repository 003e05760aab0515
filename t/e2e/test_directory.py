#!/usr/bin/env python3
"""Recipients' certificates from a slapd that stops, hangs and comes back."""

import socket
import sys
import time

from scene import PARTICIPANT, SECOND, Scene, login, names, refusal, run, text
from rig import Message, free_port, submit

# Of a RCPT's answer: rcpt-deadline's default, and leave for a busy machine.
RCPT_DEADLINE = 8
PATIENCE = 20


def send(scene, message=None, recipient=PARTICIPANT):
    message = message or Message(to=[recipient])
    submit(scene.front.port, message, recipients=[recipient], login=login("zpravy"))
    return message


def test_outages(tap, rig):
    scene = Scene(rig)
    scene.participants()
    front = scene.postfix()
    with tap.test("slapd answers: mail arrives encrypted"):
        message = send(scene)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("slapd stopped: the recipient is deferred, nothing leaves"):
        scene.slapd.stop()
        with refusal(451):
            send(scene)
    with tap.test("slapd back: mail goes on by itself"):
        scene.slapd.start()
        message = send(scene)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("slapd hangs: deferred within the deadline"):
        scene.slapd.hang()
        begin = time.monotonic()
        with refusal(451):
            send(scene)
        assert time.monotonic() - begin < RCPT_DEADLINE + PATIENCE
    with tap.test("slapd hangs while a local program submits: waits in Postfix's hands, then leaves"):
        message = Message()
        front.sendmail(message, [PARTICIPANT], "zpravy@trh.example")
        scene.gateway.wait_log("451")
        assert not scene.sink.messages(message_id=message.message_id)
        scene.slapd.go_on()
        front.flush()
        scene.opens(scene.arrived(message, deadline=150)[0], message=message)
    with tap.test("slapd killed and started anew: mail goes on by itself"):
        scene.slapd.kill()
        scene.slapd.start()
        message = send(scene)
        scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("in all this exactly the accepted mails arrived"):
        front.wait_empty()
        assert len(scene.sink.messages()) == 4, [m.message_id for m in scene.sink.messages()]


def test_transports(tap, rig):
    """Each way to the directory, one scene after the other on one slapd's address."""
    scene = Scene(rig)
    scene.participants()
    scene.postfix()
    ca = text(scene.pki["anchors.pem"])
    for name, settings in (
            ("ldaps", {"uri": names(scene.slapd.ldaps_uri), "ca_file": ca}),
            ("ldapi", {"uri": names(scene.slapd.ldapi_uri)}),
            ("StartTLS", {"ca_file": ca, "start_tls": "yes"})):
        with tap.test("by " + name):
            restart(scene, settings)
            message = send(scene)
            scene.opens(scene.arrived(message)[0], message=message)
    with tap.test("ldaps by a server whose certificate another authority issued: deferred"):
        restart(scene, {"uri": names(scene.slapd.ldaps_uri), "ca_file": text(scene.pki["unknown-root.crt"])})
        with refusal(451):
            send(scene)
    with tap.test("a certificate in userSMIMECertificate"):
        restart(scene, {"binds_address": "yes"})
        scene.slapd.person("cms@ucastnik.example", certs_only(scene), attribute="userSMIMECertificate")
        message = send(scene, recipient="cms@ucastnik.example")
        scene.opens(scene.arrived(message)[0], "participant-noaddress", message)


def certs_only(scene):
    """A certificate as userSMIMECertificate has it: a SignedData of certificates."""
    return scene.rig.run("openssl", "crl2pkcs7", "-nocrl", "-certfile",
                         scene.pki["participant-noaddress.crt"], "-outform", "DER").stdout


def restart(scene, settings):
    scene.gateway.stop()
    scene.gateway.configure(lambda g: scene.configuration(g, None, settings, "", ("seal",)))
    scene.gateway.start()


class HungServer:
    """Takes connections and never says anything."""

    def __init__(self, rig):
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.uri = "ldap://127.0.0.1:%d/" % self.port
        rig.add(self)

    def stop(self):
        self._listener.close()


def test_failover(tap, rig):
    dead = "ldap://127.0.0.1:%d/" % free_port()
    hung = [HungServer(rig).uri for _ in range(3)]
    scene = Scene(rig, directory={"uri": names(*hung)})
    scene.participants()
    scene.postfix()
    with tap.test("three hung servers: deferred, all of it within rcpt-deadline"):
        begin = time.monotonic()
        with refusal(451):
            send(scene)
        took = time.monotonic() - begin
        assert took < RCPT_DEADLINE + PATIENCE, took
    with tap.test("a dead server and a hung one before a good one: encrypted"):
        restart(scene, {"uri": names(dead, hung[0], scene.slapd.uri)})
        message = send(scene)
        scene.opens(scene.arrived(message)[0], message=message)


def test_choice(tap, rig):
    """Which of the certificates that are found will do."""
    scene = Scene(rig)
    scene.postfix()
    pki = scene.pki
    for name in ("expired", "future", "wrong-usage", "unknown-issuer", "weak"):
        with tap.test("only a certificate that is no good (%s): refused" % name):
            address = name + "@ucastnik.example"
            scene.slapd.person(address, pki.bytes(name + ".der"))
            with refusal(550) as answer:
                send(scene, recipient=address)
            assert address in answer.text, answer.text
    with tap.test("a certificate for another address: refused"):
        scene.slapd.person("other@ucastnik.example", pki.bytes("other-address.der"))
        with refusal(550):
            send(scene, recipient="other@ucastnik.example")
    with tap.test("a certificate without an address, from a directory that does not vouch: refused"):
        scene.slapd.person("holy@ucastnik.example", pki.bytes("participant-noaddress.der"))
        with refusal(550):
            send(scene, recipient="holy@ucastnik.example")
    with tap.test("a good one among bad ones is found"):
        scene.slapd.person(SECOND, pki.bytes("expired.der"), pki.bytes("second.der"),
                           pki.bytes("unknown-issuer.der"), pki.bytes("other-address.der"))
        message = send(scene, recipient=SECOND)
        scene.opens(scene.arrived(message)[0], "second", message)
    with tap.test("an entry with rubbish for a certificate: refused or deferred, and the next is served"):
        scene.slapd.person("garbage@ucastnik.example", b"\x30\x82\xff\xff rubbish",
                           attribute="userSMIMECertificate")
        with refusal(550, 451):
            send(scene, recipient="garbage@ucastnik.example")
        message = send(scene, recipient=SECOND)
        scene.opens(scene.arrived(message)[0], "second", message)
    with tap.test("characters of LDAP filters in an address find nobody else's certificate"):
        for address in ("*@ucastnik.example", '"second)(mail=*"@ucastnik.example',
                        "sec*@ucastnik.example"):
            with refusal(550, 553, 501, 451):
                submit(scene.front.port, Message(), recipients=[address], login=login("zpravy"))
        assert len(scene.sink.messages()) == 2
    with tap.test("a directory that vouches gives certificates without addresses"):
        restart(scene, {"binds_address": "yes"})
        message = send(scene, recipient="holy@ucastnik.example")
        scene.opens(scene.arrived(message)[0], "participant-noaddress", message)


if __name__ == "__main__":
    sys.exit(run(test_outages, test_transports, test_failover, test_choice))
