#!/usr/bin/env python3
"""Mail of partners comes in through Postfix: who gets it opened, what is said about it,
and that it does not leave again in a bounce."""

import sys

from inbound_scene import (AUTHSERV_ID, COLLEAGUE, INTERNAL_HOST, OUTSIDE, PARTICIPANT, SECRET, SENDER,
                           STRANGER_HOST, TAKER, TEXT, Inbound, judges, message_id_of, run)
from scene import login
from rig import Dkim, Postfix, Sendmail, submit
from rig.partner import changed, with_signers
from rig.sink import Received

CZECH = "Dobrý den,\r\n\r\n%s: nabídka.\r\n" % SECRET
FROM = "%s:\r\nFrom dawn till dusk.\r\n" % SECRET


def forms(scene):
    """What partners' software makes: name -> the entity, its signature once more as a judge
    other than its maker can check it."""
    p, signed = scene.partner, scene.signed
    return {
        "openssl, clear in CBC": p.encrypt(signed(clear=True)),
        "openssl, opaque in CBC": p.encrypt(signed()),
        "openssl, opaque in GCM": p.encrypt(signed(), cipher="aes256-gcm"),
        "openssl, OAEP and key identifier": p.encrypt(signed(), oaep=True, keyid=True),
        "openssl, BER throughout": p.encrypt(signed(ber=True), ber=True),
        "openssl, PSS": p.encrypt(signed(pss=True)),
        "openssl, compressed in between": p.encrypt(p.compress(signed())),
        "gpgsm, clear": p.gpgsm_encrypt(p.gpgsm_sign(p.text(TEXT), clear=True)),
        "gpgsm, opaque": p.gpgsm_encrypt(p.gpgsm_sign(p.text(TEXT))),
        "NSS, clear": p.nss_encrypt(p.nss_sign(p.text(TEXT), clear=True)),
        "NSS, opaque": p.nss_encrypt(p.nss_sign(p.text(TEXT))),
    }


def others(scene, name):
    """The judges that can read a signature of this maker; openssl as it is called here
    wants what CAdES adds, and gpgsm 2.2 and NSS know no PSS."""
    if name.startswith(("gpgsm", "NSS")):
        return [scene.partner.gnupg, scene.partner.nss]
    return [scene.openssl] if "PSS" in name else [scene.openssl, scene.partner.gnupg, scene.partner.nss]


def test_opened(tap, rig):
    scene = Inbound(rig)
    scene.postfix()
    for name, entity in forms(scene).items():
        with tap.test("signed and encrypted (%s): opened, pass" % name):
            received = scene.take(scene.partner.message(entity))
            scene.is_open(received)
            assert received.header("X-Seal-Layer-1").startswith("encrypted; opened=yes"), received.data[:3000]
        with tap.test("signed and encrypted (%s): the receiver can check the signature again" % name):
            assert judges.smime_type(received.data) == "multipart/signed", received.data[:3000]
            for judge in others(scene, name):
                verdict = judge.verify(received.data)
                assert "Jana" in verdict.signer, verdict.signer
                assert verdict.content == scene.partner.text(TEXT), verdict.content
    test_told(tap, scene)
    test_forged(tap, scene)
    test_signed_only(tap, scene)
    with tap.test("signature = strip: the content alone, with its result"):
        scene.change("signature = strip")
        received = scene.take(scene.sealed())
        scene.is_open(received)
        assert judges.smime_type(received.data) == "text/plain", received.data[:3000]


def test_told(tap, scene):
    with tap.test("what is said of each layer"):
        received = scene.take(scene.sealed(clear=True))
        envelope, signature = received.header("X-Seal-Layer-1"), received.header("X-Seal-Layer-2")
        for part in ("encrypted;", "opened=yes", "key=office", "cipher=AES-256-CBC"):
            assert part in envelope, envelope
        for part in ("signed;", "intact=intact", "trust=trusted", "address=match"):
            assert part in signature, signature
        assert not received.headers("X-Seal-Layer-3")
        result, = received.headers("Authentication-Results")
        assert "body.smime-identifier=" + PARTICIPANT in result, result
    with tap.test("the log says so in one line"):
        line = scene.log_line(received)
        for part in ("opened", "direction=inbound", "smime=pass", "layer-1=", "layer-2=", SENDER):
            assert part in line, line
    with tap.test("the message's own header is the one that it came with"):
        original = scene.sealed()
        received = scene.take(original)
        before = Received(PARTICIPANT, [SENDER], original)
        for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
            assert received.headers(name) == before.headers(name), (name, received.headers(name))
        assert len(received.headers("Content-Type")) == 1, received.data[:3000]
        assert len(received.headers("Content-Transfer-Encoding")) <= 1
        assert not any("smime.p7m" in v for v in received.headers("Content-Disposition"))
    with tap.test("fields other than MIME's do not come out of the envelope"):
        hidden = (b"From: reditel@trh.example\r\nSubject: Uvnitr\r\nAuthentication-Results: mx.trh.example; "
                  b"smime=pass\r\nX-Seal-Layer-1: signed; intact=intact\r\nReply-To: zly@jinde.example\r\n")
        inner = hidden + scene.partner.text(TEXT)
        received = scene.take(scene.partner.message(scene.partner.encrypt(inner)))
        scene.is_open(received, result="none")
        assert received.headers("From") == [PARTICIPANT] and received.headers("Subject") == ["Nabidka"]
        assert not received.headers("Reply-To") and "encrypted" in received.header("X-Seal-Layer-1")
    with tap.test("encrypted and not signed: opened, none"):
        received = scene.take(scene.partner.message(scene.partner.encrypt(scene.partner.text(TEXT))))
        scene.is_open(received, result="none")
    broken = scene.signed(clear=True).replace(b"12,5 MWh", b"99,5 MWh")
    with tap.test("a broken signature in an authenticated envelope: opened, fail"):
        received = scene.take(scene.partner.message(scene.partner.encrypt(broken, cipher="aes256-gcm")))
        scene.is_open(received, TEXT.replace("12,5", "99,5"), "fail")
        assert "intact=broken" in received.header("X-Seal-Layer-2"), received.data[:3000]
    with tap.test("a broken signature in CBC: opened as a part, which says what bounces must not"):
        received = scene.take(scene.partner.message(scene.partner.encrypt(broken)))
        scene.is_open(received, TEXT.replace("12,5", "99,5"), "none")
        part, = judges.parse(received.data).get_payload()
        assert "intact=broken" in part["X-Seal-Layer-2"], received.data[:3000]
        assert "opened" not in received.header("X-Seal-Layer-1") and not received.headers("X-Seal-Layer-2")


def test_forged(tap, scene):
    forged = ["Authentication-Results: %s; smime=pass body.smime-identifier=%s" % (AUTHSERV_ID, PARTICIPANT),
              "authentication-results: MX.TRH.Example.\r\n ; dkim=pass",
              "Authentication-Results: mx.ucastnik.example; smime=pass",
              "X-Seal-Layer-1: signed; intact=intact; trust=trusted; address=match",
              "x-seal-layer-7: signed; intact=intact"]

    def only_ours(received, layers):
        foreign = [v for v in received.headers("Authentication-Results") if not v.startswith(AUTHSERV_ID)]
        assert foreign == ["mx.ucastnik.example; smime=pass"], received.headers("Authentication-Results")
        head = received.data.partition(b"\r\n\r\n")[0].lower()
        assert head.count(b"\nx-seal-layer-") == layers, received.data[:3000]
    with tap.test("forged results go, those of others stay: encrypted mail"):
        received = scene.take(scene.sealed(fields=forged))
        scene.is_open(received)
        only_ours(received, 2)
    with tap.test("forged results go, those of others stay: plain mail"):
        received = scene.take(scene.partner.message(scene.partner.text(TEXT), fields=forged))
        scene.says(received, "none")
        only_ours(received, 0)
    with tap.test("our results stand above all that came with the message"):
        names = [line.partition(b":")[0].lower() for line in received.data.split(b"\r\n")]
        assert names.index(b"authentication-results") < names.index(b"from"), received.data[:3000]


def test_odd_recipients(tap, rig):
    """However the recipient is written, and whatever alias he is: the MTA delivers to ours."""
    scene = Inbound(rig)
    scene.postfix(virtual_alias_domains="druhy.example",
                  virtual_alias_maps="inline:{info@druhy.example=%s}" % SENDER)
    forged = ["Authentication-Results: %s; smime=pass (forged)" % AUTHSERV_ID,
              "X-Seal-Layer-1: signed; intact=intact; trust=trusted; address=match; forged"]
    for recipient in ("zpravy@trh.example.", "trh.example!zpravy", "zpravy%trh.example", "zpravy",
                      "info@druhy.example"):
        with tap.test("to %s: forged results go" % recipient):
            octets = scene.partner.message(scene.partner.text(), fields=forged)
            received, = scene.arrived(scene.send(octets, recipients=[recipient], client=STRANGER_HOST))
            assert received.recipients == [SENDER], received.recipients
            assert b"forged" not in received.data, received.data[:3000]


def test_signed_only(tap, scene):
    with tap.test("signed and not encrypted: an opaque signature becomes one beside its content"):
        received = scene.take(scene.partner.message(scene.signed()))
        scene.is_open(received)
        for judge in others(scene, "openssl"):
            assert judge.verify(received.data).content == scene.partner.text(TEXT)
    with tap.test("signed and not encrypted: one beside its content stays as it is"):
        original = scene.partner.message(scene.signed(clear=True))
        received = scene.take(original)
        scene.is_open(received)
        assert received.data.partition(b"\r\n\r\n")[2] == original.partition(b"\r\n\r\n")[2]
    for name, content in (("8-bit characters", CZECH), ("a line that begins with From", FROM)):
        with tap.test("an opaque signature over %s stays opaque, as MTAs might change the other" % name):
            received = scene.take(scene.partner.message(scene.partner.encrypt(scene.signed(content=content))))
            scene.says(received, "pass")
            assert judges.smime_type(received.data) == "signed-data", received.data[:3000]
            assert scene.openssl.verify(received.data).content == scene.partner.text(content)
    with tap.test("certificates only: delivered, none"):
        certificates = changed(scene.signed(), with_signers, 0)
        received = scene.take(scene.partner.message(certificates))
        scene.says(received, "none")


def test_whom(tap, rig):
    scene = Inbound(rig)
    front = scene.postfix()

    def closed(name, send, says="closed-because="):
        with tap.test("stays closed, and the log says so: " + name):
            for received in scene.arrived(send()):
                scene.is_closed(received)
                line = scene.log_line(received)
                assert ": passed " in line and says in line, line
    closed("caught, and sent again to another mailbox of the house",
           lambda: scene.send(scene.sealed(), recipients=[COLLEAGUE]))
    closed("to a mailbox that the key covers and one that it does not",
           lambda: scene.send(scene.sealed(), recipients=[SENDER, COLLEAGUE]))
    closed("to a mailbox that the key covers and an address outside",
           lambda: scene.send(scene.sealed(), recipients=[SENDER, OUTSIDE]))
    closed("sent by who has logged in, to himself",
           lambda: scene.send(scene.sealed(), login=login("zpravy")))
    closed("sent from the internal network",
           lambda: scene.send(scene.sealed(), client=INTERNAL_HOST))
    closed("submitted on the MTA's own machine", lambda: locally(scene, front))
    closed("forwarded inside another message",
           lambda: scene.send(scene.partner.message(attached(scene.sealed()))), "content=unchanged")
    closed("forwarded beside a text", lambda: scene.send(scene.partner.message(beside(scene.sealed()))),
           "content=unchanged")
    closed("a part of a larger message, between texts of somebody else",
           lambda: scene.send(scene.partner.message(between(scene.partner.encrypt(scene.signed())))),
           "a-part-is=encrypted")
    with tap.test("opened: to both mailboxes that the key covers"):
        received, = scene.arrived(scene.send(scene.sealed(), recipients=[SENDER, TAKER]))
        assert sorted(received.recipients) == sorted([SENDER, TAKER])
        scene.is_open(received)
    with tap.test("opened: the same from a host elsewhere, in other letter case"):
        received, = scene.arrived(scene.send(scene.sealed(), recipients=["ZPRAVY@Trh.Example"], client=STRANGER_HOST))
        scene.is_open(received)
    with tap.test("to outside alone, as a relay sees it: passes untouched, and nothing is said of it"):
        original = scene.sealed()
        received, = scene.arrived(scene.send(original, recipients=[OUTSIDE]))
        assert received.data.endswith(original), received.data[:3000]
    test_other_key(tap, scene)


def test_other_key(tap, scene):
    with tap.test("encrypted to somebody else: passes closed"):
        received, = scene.arrived(scene.send(scene.sealed(to=("archive",))))
        scene.is_closed(received)
        assert judges.smime_type(received.data) == "enveloped-data", received.data[:3000]
        assert "closed-because=" in scene.log_line(received)
    with tap.test("encrypted to somebody else and to us: opened"):
        received, = scene.arrived(scene.send(scene.sealed(to=("archive", "secure-mime"))))
        scene.is_open(received)


def locally(scene, front):
    octets = scene.sealed()
    front.sendmail(octets, [SENDER], PARTICIPANT)
    return message_id_of(octets)


def attached(mail):
    return b"Content-Type: message/rfc822\r\n\r\n" + mail


def beside(mail):
    return between(attached(mail), b"viz pripojena zprava\r\n")


def between(entity, words=b"<a href=\"http://zly.example/?"):
    return (b"Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/html\r\n\r\n" + words
            + b"\r\n--b1\r\n" + entity + b"\r\n--b1--\r\n")


def test_dkim(tap, rig):
    """opendkim before us, under another name than ours and then under ours."""
    scene = Inbound(rig, top="trusted-authres = { trh.example, filter.trh.example }")
    milters = "%s, %s" % (Dkim(rig, "v", domain="ucastnik.example", authserv_id="trh.example").milter,
                          scene.gateway.milter("in"))
    front = scene.postfix(services={"smtp": {"smtpd_milters": milters}})
    # The partner's own MTA, which signs by DKIM what he has encrypted.
    partner = Postfix(rig, "partner", relayhost="[127.0.0.1]:%d" % front.port,
                      main={"smtpd_milters": Dkim(rig, "s", domain="ucastnik.example").milter})

    def through_partner(octets):
        submit(partner.port, octets, sender=PARTICIPANT, recipients=[SENDER])
        return scene.arrived(message_id_of(octets))[0]

    def results(received, authserv_id):
        return [v for v in received.headers("Authentication-Results") if v.startswith(authserv_id + ";")]
    with tap.test("opendkim's result stays, and ours is beside it"):
        received = through_partner(scene.sealed())
        scene.is_open(received)
        assert any("dkim=pass" in v for v in results(received, "trh.example")), received.data[:3000]
    with tap.test("a forged smime result under opendkim's name goes, its dkim result stays"):
        received = through_partner(scene.sealed(fields=["Authentication-Results: trh.example; smime=pass"]))
        scene.is_open(received)
        found = " ".join(results(received, "trh.example"))
        assert "dkim=pass" in found and "smime" not in found, received.data[:3000]
    with tap.test("of a trusted name that nobody scrubs, smime results go and nothing else"):
        forged = "Authentication-Results: filter.trh.example; dkim=pass header.d=ucastnik.example; smime=pass"
        received = scene.take(scene.partner.message(scene.partner.text(TEXT), fields=[forged]))
        found, = results(received, "filter.trh.example")
        assert "dkim=pass header.d=ucastnik.example" in found and "smime" not in found, found
    with tap.test("opendkim under our own name: its result stays, forged smime results go"):
        scene.authserv_id = "trh.example"
        scene.change("trusted-authres = trh.example")
        forged = "Authentication-Results: trh.example; smime=pass (forged)"
        received = through_partner(scene.sealed(fields=[forged]))
        found = results(received, "trh.example")
        assert any("dkim=pass" in v for v in found), received.data[:3000]
        assert sum("smime=pass" in v for v in found) == 1 and "forged" not in " ".join(found), found


def test_bounce(tap, rig):
    scene = Inbound(rig)
    front = scene.postfix()
    refused = {"RCPT": "550 5.1.1 no such user"}
    for name, octets in (("clear signed", scene.sealed(clear=True)), ("opaque", scene.sealed()),
                         ("unsigned", scene.partner.message(scene.partner.encrypt(scene.partner.text(TEXT))))):
        with tap.test("refused by the inside after it was opened (%s): the bounce holds none of it" % name):
            scene.sink.clear()
            scene.sink.answers[SENDER] = refused["RCPT"]
            message_id = scene.send(octets)
            bounce, = scene.sink.wait(recipient=PARTICIPANT, diagnostics=scene.logs)
            assert bounce.sender == "" and message_id.encode() in bounce.data, bounce.data
            assert SECRET.encode() not in bounce.data and not judges.is_clear(bounce.data, SECRET), bounce.data
            assert b"12,5 MWh" not in bounce.data
            assert judges.parse(bounce.data).get_payload()[2].get_content_type() == "text/rfc822-headers"
            front.wait_empty()
    with tap.test("it had been opened: the one for whom it is not refused reads it"):
        scene.sink.clear()
        received, = scene.arrived(scene.send(scene.sealed(), recipients=[SENDER, TAKER]))
        assert received.recipients == [TAKER]
        scene.is_open(received)
        bounce, = scene.sink.wait(recipient=PARTICIPANT, diagnostics=scene.logs)
        assert not judges.is_clear(bounce.data, SECRET)
    with tap.test("who asks for the whole message back (RET=FULL) gets the header all the same"):
        scene.sink.clear()
        octets = scene.sealed()
        submit(front.port, octets, sender=PARTICIPANT, recipients=[SENDER], options=["RET=FULL"])
        bounce, = scene.sink.wait(recipient=PARTICIPANT, diagnostics=scene.logs)
        assert not judges.is_clear(bounce.data, SECRET), bounce.data


def test_sendmail(tap, rig):
    scene = Inbound(rig, listeners={"in": {"direction": "inbound", "group": '"root"', "mode": '"0600"'}})
    sendmail = Sendmail(rig, scene.sink.port, milters=[scene.gateway.socket("in")])
    scene.logs = lambda: sendmail.process.log() + scene.gateway.log()[-6000:]

    def send(octets, recipients=(SENDER,)):
        submit(sendmail.port, octets, sender=PARTICIPANT, recipients=recipients)
        return message_id_of(octets)
    with tap.test("Sendmail: opened, pass, and forged results are gone"):
        forged = ["Authentication-Results: %s; smime=pass (forged)" % AUTHSERV_ID, "X-Seal-Layer-9: signed"]
        received, = scene.arrived(send(scene.sealed(fields=forged)))
        scene.is_open(received)
        assert not received.headers("X-Seal-Layer-9") and b"forged" not in received.data, received.data[:3000]
        assert scene.openssl.verify(received.data).content == scene.partner.text(TEXT)
    with tap.test("Sendmail: a large mail arrives whole"):
        content = TEXT * 100000
        received, = scene.arrived(send(scene.sealed(content=content)))
        scene.is_open(received, content)
    with tap.test("Sendmail: to a mailbox that the key does not cover: stays closed"):
        received, = scene.arrived(send(scene.sealed(), [SENDER, COLLEAGUE]))
        scene.is_closed(received)
    with tap.test("Sendmail: refused by the inside after it was opened: the bounce holds none of it"):
        scene.sink.answers[SENDER] = "550 5.1.1 no such user"
        message_id = send(scene.sealed())
        bounce, = scene.sink.wait(recipient=PARTICIPANT, diagnostics=scene.logs)
        assert message_id.encode() in bounce.data, bounce.data
        assert not judges.is_clear(bounce.data, SECRET), bounce.data


if __name__ == "__main__":
    sys.exit(run(test_opened, test_odd_recipients, test_whom, test_dkim, test_bounce, test_sendmail))
