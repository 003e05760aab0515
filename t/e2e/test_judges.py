#!/usr/bin/env python3
"""Every sealed form, opened by openssl, gpgsm and NSS.

What a judge of Debian 12 does not know stands in UNKNOWN; that it really does not
is looked at as well, so that the table is true."""

import sys

from scene import SENDER, Scene, block, check_verdict, judges, login, names, run, text
from rig import Message, Problem, submit

DOMAIN = "ucastnik.example"

# name: signer, digest, rsa-signature
SIGNATURES = {
    "rsa-sha256": ("seal", "sha256", "pkcs1"),
    "rsa-sha384": ("seal", "sha384", "pkcs1"),
    "rsa-sha512": ("seal", "sha512", "pkcs1"),
    "pss-sha256": ("seal", "sha256", "pss"),
    "pss-sha384": ("seal", "sha384", "pss"),
    "pss-sha512": ("seal", "sha512", "pss"),
    "nonrepudiation": ("seal-nonrepudiation", "sha256", "pkcs1"),
    "ec256-sha256": ("seal-ec256", "sha256", "pkcs1"),
    "ec384-sha384": ("seal-ec384", "sha384", "pkcs1"),
    "ec521-sha512": ("seal-ec521", "sha512", "pkcs1"),
}
CIPHERS = ("aes128-cbc", "aes256-cbc", "aes128-gcm", "aes256-gcm")
# name: certificate, rsa-transport
TRANSPORTS = {
    "rsa": ("participant-noaddress", "pkcs1"),
    "oaep": ("participant-noaddress", "oaep"),
    "ec256": ("ec256-noaddress", "pkcs1"),
    "ec384": ("ec384-noaddress", "pkcs1"),
    "ec521": ("ec521-noaddress", "pkcs1"),
}

# Beside RSA with PKCS#1 v1.5 and CBC neither opens envelopes: gpgsm 2.2 knows no OAEP,
# no ECDH and no GCM, NSS 3.87 neither in CMS. gpgsm 2.2 refuses P-521 too.
PLAIN_ENVELOPES = [("rsa", "aes128-cbc"), ("rsa", "aes256-cbc")]
UNKNOWN = {
    "OpenSSL": lambda form: False,
    "GnuPG": lambda form: form[0] == "ec521-sha512" or is_envelope(form) and form not in PLAIN_ENVELOPES,
    "NSS": lambda form: is_envelope(form) and form not in PLAIN_ENVELOPES,
}


def is_envelope(form):
    return form[1] in CIPHERS


def forms():
    """(name of signature, form) for all, and (transport, cipher) for all."""
    signed = [(s, f) for s in SIGNATURES for f in ("clear", "opaque")]
    encrypted = [(t, c) for t in TRANSPORTS for c in CIPHERS]
    return signed, encrypted


def sender_of(signature, form):
    return "%s.%s@trh.example" % (signature, form)


def recipient_of(transport, cipher):
    return "%s.%s@%s" % (transport, cipher, DOMAIN)


def rules():
    signed, encrypted = forms()
    made = [block("rule", "seal", sender=names(SENDER), sign=text("seal"))]
    for signature, form in signed:
        signer, digest, rsa = SIGNATURES[signature]
        made.append(block("rule", signature + form, sender=names(sender_of(signature, form)),
                          sign=text(signer), form=form, digest=digest, rsa_signature=rsa,
                          any_login="yes"))
    for transport, cipher in encrypted:
        made.append(block("rule", transport + cipher, recipient=names(recipient_of(transport, cipher)),
                          encrypt="required", cipher=cipher, rsa_transport=TRANSPORTS[transport][1]))
    return "".join(made)


def judge_it(tap, judge, form, name, see):
    """One judge, one mail: either it is opened as demanded, or, where the judge is
    known not to know the form, it says so."""
    judge_name = type(judge).__name__
    if not UNKNOWN[judge_name](form):
        with tap.test("%s opens %s" % (judge_name, name)):
            see(judge)
        return
    with tap.test("%s of Debian 12 does not know %s" % (judge_name, name)):
        try:
            see(judge)
        except Problem:
            return
        raise Problem("it does: take it out of the table")


def test_forms(tap, rig):
    scene = Scene(rig, rules=rules(), directory={"binds_address": "yes"},
                  signers=sorted({s for s, _, _ in SIGNATURES.values()}))
    signed, encrypted = forms()
    for transport, cipher in encrypted:
        certificate = TRANSPORTS[transport][0] + ".der"
        scene.slapd.person(recipient_of(transport, cipher), scene.pki.bytes(certificate))
    front = scene.postfix()
    keys = ("participant-noaddress", "ec256-noaddress", "ec384-noaddress", "ec521-noaddress")
    # gpgsm 2.2 crashes when it reads an EC key from PKCS#12.
    panel = (scene.openssl, judges.GnuPG(rig, keys[:1]), judges.NSS(rig, keys))
    for form in signed:
        message = Message(sender=sender_of(*form), to=["x@jinde.example"])
        submit(front.port, message, recipients=["x@jinde.example"], login=login("zpravy"))
        received = scene.arrived(message)[0]
        for judge in panel:
            judge_it(tap, judge, form, "a signature %s, %s" % form,
                     lambda j, r=received, m=message: check_verdict(j.verify(r.data), m, "TRH"))
    for form in encrypted:
        recipient, who = recipient_of(*form), TRANSPORTS[form[0]][0]
        message = Message(to=[recipient])
        submit(front.port, message, recipients=[recipient], login=login("zpravy"))
        received = scene.arrived(message)[0]
        for judge in panel:
            judge_it(tap, judge, form, "an envelope %s, %s" % form,
                     lambda j, r=received, m=message, w=who: check_verdict(j.open(r.data, w), m, "TRH"))


if __name__ == "__main__":
    sys.exit(run(test_forms))
