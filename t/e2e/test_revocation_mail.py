#!/usr/bin/env python3
"""A holder writes, and the certificate is revoked: through Postfix, gate, worker and openssl ca, to the list, the notices
and the next mail that is judged."""

import os
import pwd
import sqlite3
import sys

from revocation_scene import (ADDRESS, HOLDER, OPERATOR, OTHER, SENTENCE, Revocation, address_of, block, head, holds, names,
                              octets_of, refusal, run, text)
from rig import submit, wait_for
from rig.gateway import GATE_USER
from rig.revoker import SIGNS

SECRET = "Tajne7heslo"
FIRM = "/C=CZ/O=Dodavatel/organizationIdentifier=NTRCZ-45274649"
POLICY = SIGNS + ["certificatePolicies=1.3.6.1.4.1.99999.1"]


def body(octets):
    return octets.partition(b"\r\n\r\n")[2]


# ---- signed with the certificate's own key ---------------------------------------

def test_signed(tap, rig):
    scene = Revocation(rig)
    serial = scene.issue("jana")
    with tap.test("a holder's signed mail is taken, carried out, and the list says so"):
        octets = scene.mail(scene.signed("jana"))
        message_id = scene.send(octets)
        scene.wait_revoked(serial)
    with tap.test("the operator has it byte for byte, and nobody else has it"):
        received, = scene.operator(message_id)
        assert received.recipients == [OPERATOR], received.recipients
        assert body(received.data) == body(octets), received.data
        added = received.data[:-len(octets)].decode()
        assert received.data.endswith(octets) and added.startswith("Received:") and "X-Seal" not in added, added
    with tap.test("the holder is told that it came, and what became of it, with the authority's time"):
        first, second = scene.notices(2)
        when = scene.index(serial)[1]
        scene.is_notice(first, message_id, "přijali jsme žádost", "4096 (0x1000)")
        scene.is_notice(second, message_id, "zneplatněn", "20%s-%s-%s %s:%s:%s UTC" % tuple(
            when[i:i + 2] for i in range(0, 12, 2)))
    with tap.test("the holder's next mail is judged: revoked"):
        scene.publish()
        entity = scene.partner.sign(scene.partner.text(), who=("jana",), clear=True, chain=(scene.authority.issuing,))
        later = scene.send(scene.partner.message(entity, sender=HOLDER, to=(OTHER,)), recipients=(OTHER,))
        received, = scene.operator(later)
        assert "status=revoked" in received.header("X-Seal-Layer-1"), head(received)
    test_other_forms(tap, scene)
    test_again(tap, scene)
    test_refused(tap, scene)
    test_forged(tap, scene)
    with tap.test("the journal's chain is intact, and holds everything"):
        assert "intact" in scene.revocation("verify"), scene.revocation("verify")
        assert len(scene.requests()) == 9, scene.requests()


def test_other_forms(tap, scene):
    with tap.test("in English, opaque; in Slovak, encrypted to us: revoked, and told in that language"):
        english, slovak = scene.issue("ann", ["ann@ucastnik.example"]), scene.issue("zuza", ["zuza@ucastnik.example"])
        words = scene.partner.text("Dear all,\r\n\r\nI request revocation of certificate number = 0x%x.\r\n" % english)
        scene.send(scene.mail(scene.signed("ann", content=words, clear=False), sender="ann@ucastnik.example"))
        words = scene.partner.text("Žiadam o zneplatnenie certifikátu číslo = %d\r\n" % slovak)
        sealed = scene.partner.encrypt(scene.signed("zuza", content=words))
        scene.send(scene.mail(sealed, sender="zuza@ucastnik.example"))
        scene.wait_revoked(english)
        scene.wait_revoked(slovak)
        scene.is_notice(scene.notices(2, "ann@ucastnik.example")[1], None, "revoked")
        scene.is_notice(scene.notices(2, "zuza@ucastnik.example")[1], None, "zneplatnený")
    with tap.test("what came encrypted goes on encrypted"):
        received = [m for m in scene.sink.messages(recipient=OPERATOR) if b"enveloped-data" in m.data]
        assert len(received) == 1 and body(received[0].data) == body(sealed), received


def test_again(tap, scene):
    serial = scene.issue("petr", ["petr@ucastnik.example"])
    octets = scene.mail(scene.signed("petr"), sender="petr@ucastnik.example")
    with tap.test("the same mail a hundred times: one request, and told once"):
        for _ in range(100):
            scene.send(octets, sender="petr@ucastnik.example")
        scene.wait_revoked(serial)
        scene.notices(2, "petr@ucastnik.example")
        assert len([r for r in scene.requests() if int(r["serial"], 16) == serial]) == 1, scene.requests()
    with tap.test("another mail for a certificate that is revoked: its writer is told so"):
        message_id = scene.send(scene.mail(scene.signed("petr"), sender="petr@ucastnik.example"))
        told = scene.notices(4, "petr@ucastnik.example")
        scene.is_notice(told[3], message_id, "již")
        assert len(scene.sink.messages(recipient="petr@ucastnik.example")) == 4


def test_refused(tap, scene):
    serial = scene.issue("eva", ["eva@ucastnik.example"])
    before = len(scene.sink.messages())
    for what, octets, code, words in (
            ("neither signature nor password", scene.mail(scene.words(serial)), "5.7.1", "neither signed"),
            ("signed with another's key", scene.mail(scene.signed("jana", serial)), "5.7.1", "another certificate"),
            ("a number with letters", scene.mail(scene.signed("eva", content=scene.partner.text(SENTENCE % "12ab"))),
             "5.6.0", "letters"),
            ("only in the subject", scene.partner.message(scene.signed("eva", content=scene.partner.text("Dobry den\r\n")),
                                                          sender=HOLDER, to=(ADDRESS,), subject=SENTENCE % serial),
             "5.6.0", "subject"),
            ("quoted in a signed reply", scene.mail(scene.signed("eva", content=scene.partner.text(
                "Nerozumim.\r\n\r\n> %s\r\n" % (SENTENCE % serial)))), "5.6.0", "quotes"),
            ("altered after it was signed", scene.mail(scene.signed("eva").replace(b"Dobry den", b"Dobry  en")),
             "5.7.1", "signature")):
        with tap.test("%s: refused in the dialogue, with the reason and how it is written right" % what):
            with refusal(550) as answer:
                scene.send(octets)
            assert answer.text.startswith(code) and words in answer.text, answer.text
            for phrase in ("Zadam o zneplatneni certifikatu cislo =", "Ziadam o zneplatnenie certifikatu cislo =",
                           "I request revocation of certificate number ="):
                assert phrase in answer.text, answer.text
    with tap.test("nobody was sent a mail because of these, and nothing was revoked"):
        assert len(scene.sink.messages()) == before, [m.recipients for m in scene.sink.messages()[before:]]
        assert scene.index(serial)[0] == "V"
    with tap.test("beside another recipient: each gets its own, in two transactions"):
        octets = scene.mail(scene.signed("eva"), sender="eva@ucastnik.example")
        refused = submit(scene.front.port, octets, sender="eva@ucastnik.example", recipients=(ADDRESS, OTHER),
                         client="198.51.100.7")
        assert refused[OTHER][0] == 452, refused
        scene.wait_revoked(serial)


def forge(scene, serial):
    """With all that gate's user may do, by hand in SQL: a row for each way to say that somebody may. What went wrong; ""."""
    with sqlite3.connect("file:%s?mode=ro" % scene.gateway.path("journal/journal"), uri=True) as db:
        db.row_factory = sqlite3.Row
        genuine = dict(db.execute("SELECT * FROM requests WHERE form = 'signed' ORDER BY id LIMIT 1").fetchone())
    del genuine["id"]
    with sqlite3.connect(scene.gateway.path("inbox/inbox")) as db:
        for n, more in enumerate(({}, {"evidence": b"accepted"}, {"form": "password", "evidence": b"", "proof": b"accepted"})):
            row = dict(genuine, serial=serial.to_bytes(2, "big"), digest=bytes([n]) * 32, proof=b"")
            row.update(more)
            db.execute("INSERT INTO requests (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" * len(row))), list(row.values()))
    try:
        with sqlite3.connect(scene.gateway.path("journal/journal")) as db:
            db.execute("UPDATE current SET state = 3")
    except sqlite3.OperationalError as e:
        return "" if "readonly" in str(e) else str(e)
    return "it can write the journal"


def as_gate(work, *arguments):
    """What it gives, done by a process of gate's user."""
    inlet, outlet = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = b"it failed"
        try:
            user = pwd.getpwnam(GATE_USER)
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            told = work(*arguments).encode()
        except Exception as e:
            told = repr(e).encode()
        finally:
            os.write(outlet, told)
            os._exit(0)
    os.close(outlet)
    os.waitpid(pid, 0)
    with open(inlet, "rb") as f:
        return f.read().decode()


def test_forged(tap, scene):
    serial = scene.issue("olga", ["olga@ucastnik.example"])
    with tap.test("rows that gate's user forges: refused by worker, and nothing is revoked"):
        told = as_gate(forge, scene, serial)
        assert told == "", told
        wait_for(lambda: [r["state"] for r in scene.requests() if int(r["serial"], 16) == serial] == ["refused"] * 3, scene.logs)
        assert scene.index(serial)[0] == "V" and serial not in scene.authority.listed()
    with tap.test("the operator hears of them, and nobody else"):
        wait_for(lambda: len([m for m in scene.sink.messages(recipient=OPERATOR) if "refused" in m.header("Subject")]) == 3,
                 scene.logs)
        assert not scene.sink.messages(recipient="olga@ucastnik.example")


# ---- with the password --------------------------------------------------------------

def test_password(tap, rig):
    scene = Revocation(rig, settings={"ica": {"reason": "cessationOfOperation"}})
    serial, untouched = scene.issue("karel", ["karel@ucastnik.example"]), scene.issue("jiny")
    file = scene.rig.write("password", SECRET + "\n", 0o600)
    told = scene.revocation("enrol", scene.pki["karel.crt"], "--authority", "ica", "--password-file", file,
                            "--contact", "karel.doma@jinde.example")
    with tap.test("enrolled: the password does not show"):
        assert SECRET not in told + scene.revocation("enrolled"), told
    with tap.test("a wrong password and an unknown number are answered alike"):
        answers = []
        for number, password in ((serial, "Spatne7heslo"), (untouched, SECRET), (0x9999, SECRET)):
            with refusal(550) as answer:
                scene.send(scene.mail(scene.words(number, password)))
            answers.append(answer.text)
        assert len(set(answers)) == 1, answers
    with tap.test("by a mail of a firm that signs all it sends, and broke its signature: revoked"):
        entity = scene.partner.sign(scene.words(serial, SECRET), clear=True).replace(b"Dobry den", b"Dobry  en")
        message_id = scene.send(scene.mail(entity, sender="nekdo@firma.example"), sender="nekdo@firma.example")
        scene.wait_revoked(serial)
    with tap.test("told at the address that was enrolled or stands in the certificate, not where it came from"):
        told = [m for m in scene.sink.wait(3) if m.sender == ""]
        wait_for(lambda: len([m for m in scene.sink.messages() if m.sender == ""]) >= 2, "two notices")
        told = {m.recipients[0] for m in scene.sink.messages() if m.sender == ""}
        assert told <= {"karel@ucastnik.example", "karel.doma@jinde.example"}, told
    with tap.test("the operator has the mail without the password, in whatever part"):
        received, = scene.operator(message_id)
        assert received.recipients == [OPERATOR] and b"********" in received.data, received.data
        assert not holds(received.data, SECRET), received.data
    with tap.test("the password is in no file of gate's or worker's, and in no log"):
        scene.gateway.stop()
        for folder in ("seal/inbox", "seal/journal"):
            assert not holds(octets_of(rig, folder), SECRET), folder
        assert SECRET not in scene.gateway.log() + scene.front.log()
    with tap.test("with the reason that is configured"):
        assert scene.index(serial)[1].endswith("cessationOfOperation"), scene.index(serial)


def test_guessing(tap, rig):
    scene = Revocation(rig, top="guesses-per-certificate = 2")
    serial = scene.issue("karel", ["karel@ucastnik.example"])
    file = scene.rig.write("password", SECRET + "\n", 0o600)
    scene.revocation("enrol", scene.pki["karel.crt"], "--authority", "ica", "--password-file", file)
    with tap.test("guessed at more often than is free: 451, which names another way"):
        for _ in range(3):
            with refusal(550):
                scene.send(scene.mail(scene.words(serial, "Hadam1234")))
        with refusal(451) as answer:
            scene.send(scene.mail(scene.words(serial, SECRET)))
        assert "sign" in answer.text, answer.text
    with tap.test("a restart forgets nothing of it, and the operator is told"):
        scene.gateway.stop()
        scene.gateway.start()
        with refusal(451):
            scene.send(scene.mail(scene.words(serial, SECRET)))
        scene.sink.wait(1, recipient=OPERATOR, diagnostics=scene.logs)
    with tap.test("and the holder's signed request passes at once"):
        scene.send(scene.mail(scene.signed("karel")))
        scene.wait_revoked(serial)


# ---- by somebody else ------------------------------------------------------------------

def test_authorised(tap, rig):
    organisation = block("organisation", "dodavatel", organization_identifier=text("NTRCZ-45274649"),
                         certificates="%s")
    scene = Revocation(rig, settings={"ica": {"forms": "{ signed, authorised }", "trust": names("trust-ica"), "inner": "%s"}},
                       start=False)
    boss = scene.issue("vedouci", ["vedouci@dodavatel.example"], subject=FIRM)
    first, second = (scene.issue(n, ["%s@dodavatel.example" % n], subject=FIRM) for n in ("prvni", "druhy"))
    foreign = scene.issue("cizi", ["cizi@jinde.example"], subject=FIRM.replace("45274649", "11111111"))
    scene.settings["ica"]["inner"] = organisation % names(scene.pki["vedouci.crt"])
    scene.gateway.configure(scene.configuration)
    scene.lists.files["/ica.crl"] = b"nonsense"
    scene.start()
    for name in ("prvni", "druhy", "cizi", "vedouci"):
        scene.revocation("enrol", scene.pki[name + ".crt"], "--authority", "ica")

    def ask(*serials):
        lines = "".join(SENTENCE % s + "\r\n" for s in serials)
        return scene.mail(scene.signed("vedouci", content=scene.partner.text(lines)), sender="vedouci@dodavatel.example")

    with tap.test("nobody can tell whether its certificate is revoked: 451"):
        with refusal(451):
            scene.send(ask(first, second))
    scene.publish()
    scene.gateway.stop()
    scene.gateway.start()
    with tap.test("a number of another organisation among the others: nothing is taken, and the answer says why"):
        with refusal(550) as answer:
            scene.send(ask(first, foreign))
        assert "organisation" in answer.text, answer.text
    with tap.test("several of its organisation: revoked, and it is told of each"):
        scene.send(ask(first, second))
        scene.wait_revoked(first)
        scene.wait_revoked(second)
        scene.notices(4, "vedouci@dodavatel.example")
    with tap.test("its own, when nobody says what is revoked: revoked at once"):
        scene.lists.stop()
        scene.send(ask(boss))
        scene.wait_revoked(boss)


def test_same_subject(tap, rig):
    scene = Revocation(rig, settings={"ica": {"forms": "{ signed, same-subject }", "trust": names("trust-ica")}})
    subject = "/O=Univerzita/serialNumber=42"
    old = scene.issue("osoba", subject=subject, extensions=POLICY)
    os.rename(scene.pki["osoba.crt"], scene.pki["osoba.crt"] + ".old")
    scene.issue("osoba", subject=subject, extensions=POLICY)
    scene.publish()
    scene.revocation("enrol", scene.pki["osoba.crt"] + ".old", "--authority", "ica")
    with tap.test("signed with another certificate of the same subject: revoked"):
        scene.send(scene.mail(scene.signed("osoba", old)))
        scene.wait_revoked(old)
        assert scene.index(scene.serial("osoba"))[0] == "V"


# ---- with a person ------------------------------------------------------------------------

def test_person(tap, rig):
    scene = Revocation(rig, blocks=("ica", "druha"), settings={"druha": {"approve_by_hand": "yes"}})
    serial = scene.issue("stara", ["stara@ucastnik.example"])
    old = scene.partner.dated(scene.signed("stara"), "stara", "250101120000Z")
    with tap.test("a mail that was signed long ago waits, and the operator is told"):
        message_id = scene.send(scene.mail(old, sender="stara@ucastnik.example"))
        wait_for(lambda: [r["state"] for r in scene.requests()] == ["waiting"], scene.logs)
        scene.sink.wait(2, recipient=OPERATOR, diagnostics=scene.logs)
        assert scene.index(serial)[0] == "V"
    with tap.test("a request that was made to another authority is none here"):
        with refusal(550):
            scene.send(scene.mail(old), recipients=(address_of("druha"),))
    with tap.test("approved: carried out, and told"):
        scene.revocation("approve", "1")
        scene.wait_revoked(serial)
        told = scene.sink.wait(1, recipient="stara@ucastnik.example", diagnostics=scene.logs)
        scene.is_notice(told[-1], message_id)
    other = scene.authorities["druha"]
    serial = scene.issue("jana", authority=other)
    with tap.test("approve-by-hand: waits; refused by a person, whose words the writer is told"):
        scene.send(scene.mail(scene.signed("jana", authority=other)), recipients=(address_of("druha"),))
        wait_for(lambda: scene.requests()[-1]["state"] == "waiting" and len(scene.requests()) == 2, scene.logs)
        scene.revocation("refuse", "2", "--reason", "drzitel to po telefonu odvolal")
        wait_for(lambda: any("odvolal" in scene.is_notice(m) for m in scene.sink.messages(recipient=HOLDER)), scene.logs)
        assert scene.index(serial, other)[0] == "V"
    with tap.test("what a mailing list or a machine sends counts, and is told to nobody"):
        serial = scene.issue("robot", ["robot@ucastnik.example"])
        scene.send(scene.mail(scene.signed("robot"), sender="robot@ucastnik.example", fields=("Auto-Submitted: auto-generated",)))
        scene.wait_revoked(serial)
        wait_for(lambda: scene.requests()[-1]["state"] == "executed", scene.logs)
        assert not scene.sink.messages(recipient="robot@ucastnik.example")


if __name__ == "__main__":
    sys.exit(run(test_signed, test_password, test_guessing, test_authorised, test_same_subject, test_person))
