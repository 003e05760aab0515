#!/usr/bin/env python3
"""The rig's servers do what the other tests take for granted."""

import os
import smtplib
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import (Dkim, Message, Postfix, Rig, Revoker, Sendmail, Sink, Slapd, StatusServer, Tap,  # noqa: E402
                 judges, submit)


def test_postfix(tap, rig, sink):
    postfix = Postfix(rig, "front", relayhost=sink.address, logins={"alice": "secret"})
    with tap.test("mail from an SMTP client reaches the sink octet by octet"):
        message = Message()
        submit(postfix.port, message, login=("alice@trh.example", "secret"))
        got = sink.wait(message_id=message.message_id, diagnostics=postfix.log)[0]
        assert got.recipients == ["obchod@ucastnik.example"], got.recipients
        assert got.data.endswith(b"\r\n\r\n" + message.text.encode()), got.data
    with tap.test("a wrong pass phrase is refused"):
        try:
            submit(postfix.port, Message(), login=("alice@trh.example", "wrong"))
        except smtplib.SMTPAuthenticationError:
            pass
        else:
            raise AssertionError("it was taken")
    with tap.test("locally submitted mail reaches the sink"):
        message = Message()
        postfix.sendmail(message, ["obchod@ucastnik.example"], "zpravy@trh.example")
        sink.wait(message_id=message.message_id, diagnostics=postfix.log)
    with tap.test("mail waits in the queue while the sink defers, and leaves afterwards"):
        sink.answers[""] = "451 4.2.0 later"
        message = Message()
        submit(postfix.port, message)
        postfix.wait_log("said: 451 4.2.0 later")
        assert len(postfix.queue()) == 1
        sink.answers.clear()
        sink.wait(message_id=message.message_id, diagnostics=postfix.log)
        postfix.wait_empty()


def test_slapd(tap, rig, _):
    slapd = Slapd(rig)
    certificate = rig.pki().bytes("participant.der")
    slapd.person("obchod@ucastnik.example", certificate)
    for name in ("uri", "ldaps_uri", "ldapi_uri"):
        with tap.test("slapd answers by " + name):
            found = slapd.search(getattr(slapd, name), "(mail=obchod@ucastnik.example)",
                                 "userCertificate;binary")
            assert "userCertificate;binary:: MII" in found, found
    with tap.test("slapd keeps its entries over a restart"):
        slapd.kill()
        slapd.start()
        assert "mail: obchod" in slapd.search(slapd.uri, "(objectClass=inetOrgPerson)", "mail")


def test_dkim(tap, rig, sink):
    verifier = Postfix(rig, "dkim-in", relayhost=sink.address,
                       main={"smtpd_milters": Dkim(rig, "v").milter})
    signer = Postfix(rig, "dkim-out", relayhost="[127.0.0.1]:%d" % verifier.port,
                     main={"smtpd_milters": Dkim(rig, "s").milter})
    with tap.test("opendkim signs, and verifies before the sink"):
        message = Message()
        submit(signer.port, message)
        got = sink.wait(message_id=message.message_id,
                        diagnostics=lambda: signer.log() + verifier.log())[0]
        assert "dkim=pass" in got.header("Authentication-Results"), got.data.decode()


def test_sendmail(tap, rig, sink):
    sendmail = Sendmail(rig, sink.port)
    with tap.test("Sendmail relays to the sink"):
        message = Message()
        submit(sendmail.port, message)
        sink.wait(message_id=message.message_id, diagnostics=sendmail.process.log)


def make_sealed(rig, signer, *options):
    """The sample mail signed and encrypted by the openssl command."""
    pki = rig.pki()
    inner = b"Content-Type: text/plain; charset=utf-8\r\n\r\nahoj\r\n"
    signed = rig.run("openssl", "cms", "-sign", "-binary", "-nodetach", "-cades", "-outform", "DER",
                     "-signer", pki[signer + ".crt"], "-inkey", pki[signer + ".key"],
                     "-certfile", pki["qualified.crt"], data=inner).stdout
    entity = (b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
              b"Content-Transfer-Encoding: base64\r\n\r\n") + base64_lines(rig, signed)
    sealed = rig.run("openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", *options,
                     pki["participant.crt"], data=entity).stdout
    return (b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n") + base64_lines(rig, sealed), inner


def base64_lines(rig, octets):
    return rig.run("openssl", "base64", data=octets).stdout.replace(b"\n", b"\r\n")


def test_judges(tap, rig, _):
    good, inner = make_sealed(rig, "seal")
    # An expired certificate: every judge has to say no.
    bad, _ = make_sealed(rig, "seal-expired")
    for judge in (judges.OpenSSL(rig), judges.GnuPG(rig), judges.NSS(rig)):
        name = type(judge).__name__
        with tap.test(name + " opens what is sealed well"):
            verdict = judge.open(good, "participant")
            assert verdict.content == inner, verdict.content
            assert "TRH" in verdict.signer or "zpravy" in verdict.signer, verdict.signer
        with tap.test(name + " refuses a signature by an expired certificate"):
            try:
                judge.open(bad, "participant")
            except Exception:
                pass
            else:
                raise AssertionError("it was taken")
    with tap.test("the envelope names one recipient, by its serial number"):
        der = judges.der_of(good)
        serial = int(rig.run("openssl", "x509", "-in", rig.pki()["participant.crt"], "-noout",
                             "-serial").stdout.decode().strip().partition("=")[2], 16)
        assert judges.content_type(rig, der) == "pkcs7-envelopedData"
        assert judges.recipient_count(rig, der) == 1
        assert judges.recipient_serials(rig, der) == [serial]
    with tap.test("a mark is found in clear, quoted-printable and base64, and not in an envelope"):
        text = "Dobrý den, Tajemství trhu jest 5."
        clear = [text.encode(), base64_lines(rig, text.encode()),
                 base64_lines(rig, b"x" + text.encode()), base64_lines(rig, b"xx" + text.encode())]
        assert all(judges.is_clear(c, "Tajemství trhu") for c in clear)
        assert not judges.is_clear(good, "Tajemství trhu")


def fetch(url, tag=None):
    """(status, body, ETag) of what is there; None where nobody answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"If-None-Match": tag} if tag else {})
    try:
        with direct.open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers["ETag"]
    except urllib.error.HTTPError as e:
        return e.code, b"", None
    except OSError:
        return None


def test_revoker(tap, rig, _):
    authority = Revoker(rig)
    authority.issue("good")
    authority.issue("bad")
    authority.revoke("bad", "keyCompromise")
    authority.issue_responder("answers")
    lists = StatusServer(rig)
    lists.files["/a.crl"] = authority.crl()
    with tap.test("a list says what was revoked, and why"):
        octets = fetch(lists.url(lists.host(), "/a.crl"))[1]
        text = rig.run("openssl", "crl", "-inform", "DER", "-noout", "-text", data=octets)
        assert text.stdout.count(b"Serial Number:") == 1 and b"Key Compromise" in text.stdout, text.stdout
    with tap.test("openssl ocsp tells good from revoked, asked through another server"):
        answers = StatusServer(rig, authority.responder("answers").address)
        for name in ("good", "bad"):
            told = rig.run("openssl", "ocsp", "-issuer", authority.intermediates, "-cert", authority.pki[name + ".crt"],
                           "-url", answers.url(answers.host()), "-CAfile", authority.anchors,
                           "-verify_other", authority.intermediates)
            assert {"good": b": good", "bad": b": revoked"}[name] in told.stdout, told.stdout
    with tap.test("the same list again is not sent again"):
        host = lists.host()
        url = lists.url(host, "/a.crl")
        status, _, tag = fetch(url)
        assert status == 200 and fetch(url, tag)[0] == 304
        assert lists.count(host) == 2 and lists.unchanged == 1
    with tap.test("what is killed answers no more, and again when it is back"):
        lists.turn(host, "killed")
        assert fetch(url) is None
        lists.turn(host, "ok")
        assert fetch(url)[0] == 200


def main():
    tap = Tap()
    with Rig() as rig:
        sink = Sink(rig)
        for part in (test_postfix, test_slapd, test_dkim, test_sendmail, test_judges, test_revoker):
            with tap.section(part.__name__ + ": servers start"):
                part(tap, rig, sink)
        folder = rig.folder
    tap.ok(not os.path.exists(folder), "the folder is gone afterwards")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
