#!/usr/bin/env python3
"""The demo's servers and steps; contrib/demo builds first and then runs this.

Each step says in a line what is done, and checks that it was so. The first that
was not ends the demo with status 1."""

import os
import pwd
import re
import signal
import smtplib
import sys

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path.insert(0, os.path.join(TREE, "t"))

from rig import (Gateway, Message, Postfix, Problem, Revoker, Rig, Sink, Slapd, StatusServer, free_port,  # noqa: E402
                 judges, refusal, submit, wait_for)
from rig.base import uids_of  # noqa: E402
from rig.gateway import GATE_USER, WORKER_USER, program  # noqa: E402
from rig.partner import Partner  # noqa: E402

SENDER = "zpravy@trh.example"
PARTNER = "obchod@ucastnik.example"
STRANGER = "nikdo@ucastnik.example"
LOGIN = ("system", "demo-heslo")
AUTHSERV_ID = "mx.trh.example"
WORLD = "198.51.100.7"
ANSWER = "Dobry den,\r\n\r\nnabidku prijimame.\r\n\r\nJana Ukazkova\r\n"
HOLDER = "drzitel@klient.example"
COLLEAGUE = "kolegyne@klient.example"
REVOCATIONS = "zneplatneni@trh.example"
OPERATOR = "obsluha@trh.example"
REQUEST = "Dobry den,\r\n\r\nZadam o zneplatneni certifikatu cislo = %d\r\n\r\nPetr Drzitel\r\n"

CONFIGURATION = """\
# A session needs a login; which login may send as whom stands in the file.
sender-login-file = "{folder}/logins"
anchors = {{"{pki}/anchors.pem"}}
intermediates = {{"{pki}/intermediates.pem"}}
cache-negative = 0
inbound-domains = {{"trh.example"}}
authserv-id = "{authserv_id}"
notice-server = "smtp://127.0.0.1:{smtp_port}"
fetch-networks = {{"127.0.0.0/8"}}
{listeners}
signer "seal" {{
	key = "{key}"
	pass-phrase-file = "{pass_phrase}"
	certificate = "{pki}/seal.pem"
}}
decryption-key "mail" {{
	key = "{decryption_key}"
	certificate = "{pki}/secure-mime.crt"
	for = {{"{sender}"}}
}}
trust "partners" {{
	anchors = {{"{pki}/anchors.pem"}}
	intermediates = {{"{pki}/intermediates.pem"}}
	sender-domain = {{"ucastnik.example"}}
}}
directory "partners" {{
	type = ldap
	uri = {{"{uri}"}}
	ca-file = "{pki}/anchors.pem"
	bind-dn = "{reader}"
	password-file = "{password}"
	base = "{base}"
}}
rule "partners" {{
	sender-domain = {{"trh.example"}}
	recipient-domain = {{"ucastnik.example"}}
	sign = "seal"
	encrypt = required
}}
trust "holders" {{
	anchors = {{"{authority.anchors}"}}
	intermediates = {{"{authority.intermediates}"}}
	revocation = require
	sender-domain = {{"klient.example"}}
}}
revocation "ca" {{
	title = "Ukázková CA"
	address = "{revocations}"
	operator = "{operator}"
	authorities = {{"{authority.intermediates}"}}
	forms = {{signed}}
	signer = "seal"
	command = {{"{command}"}}
	command-idempotent = yes
}}
"""

KEPT = """
Everything runs on. To try it by hand, from another terminal, as root:

  a mail for the partner (locally submitted):
    printf 'From: {sender}\\nTo: {partner}\\nSubject: zkouska\\n\\nahoj\\n' |
      /usr/sbin/sendmail -C {postfix} -i -f {sender} {partner}
  or by SMTP: 127.0.0.1 port {port}, user {user}, pass phrase {password}

  what has arrived at the partner's: {mails}/N.eml
  open one as the partner:
    openssl cms -decrypt -in {mails}/N.eml -recip {pki}/participant.crt -inkey {pki}/participant.key |
      openssl cms -verify -CAfile {pki}/anchors.pem
  why a mail would be treated as it is:
    {sealctl} -c {config} lookup {partner}

  what has come in at the inside user's: {inside}/N.eml
  the answer as the partner sent it, opened again, and what is known about it:
    {sealctl} -c {config} --to {sender} open {answer}
    {sealctl} -c {config} --to {sender} explain --inbound {answer}
  send it in once more, from outside:
    python3 -c 'import smtplib, sys; smtplib.SMTP("127.0.0.1", {inbound_port}).sendmail(
      "{partner}", "{sender}", sys.stdin.buffer.read())' < {answer}

  what is known of the request, and of each step of it:
    {sealctl} -c {config} revocation show 1
  why the holder's next mail is not good:
    {sealctl} -c {config} --to {sender} explain --inbound {next}

  the log of sealmilter:  {log}
  the log of Postfix:     {postfix_log}

Ctrl-C ends and removes everything.
"""


class Steps:
    """Numbered lines; the shell part has done the first two."""

    def __init__(self):
        self.number = 2

    def say(self, text):
        self.number += 1
        print("[%2d] %s" % (self.number, text), flush=True)


def show(text):
    for line in text.rstrip().splitlines():
        print("       | " + line)
    sys.stdout.flush()


def demand(fact, complaint):
    if not fact:
        raise Problem(complaint)


def head_of(octets):
    return octets.partition(b"\r\n\r\n")[0].decode()


def message_id_of(octets):
    return judges.parse(octets)["Message-ID"]


class Demo:
    def __init__(self, rig):
        self.rig, self.steps = rig, Steps()

    def run(self):
        self.authorities()
        self.revoking_authority()
        self.directory()
        self.gateway()
        self.mta()
        self.send()
        self.look()
        self.open()
        self.refuse()
        self.answer()
        self.receive()
        self.check()
        self.forge()
        self.request()
        self.carry_out()
        self.tell()
        self.judge()
        self.refuse_request()
        self.verify()

    def authorities(self):
        self.steps.say("Make a demo PKI: root, qualified and commercial intermediate, a seal, a decryption "
                       "certificate, a participant.")
        self.pki = self.rig.pki()
        show(self.rig.run("openssl", "x509", "-in", self.pki["seal.crt"], "-noout", "-subject", "-issuer",
                          "-nameopt", "utf8,sep_comma_plus_space,-esc_msb").stdout.decode())

    def revoking_authority(self):
        self.steps.say("Make an authority of openssl ca, which %s may use, with a list of what it revoked. "
                       "It issues a certificate to %s, and one to %s." % (WORKER_USER, HOLDER, COLLEAGUE))
        self.lists = StatusServer(self.rig)
        web = self.lists.host()
        self.authority = Revoker(self.rig, "ca", root_crl=[self.lists.url(web, "/root.crl")])
        self.lists.files["/root.crl"] = self.authority.root_crl()
        for name, address in (("holder", HOLDER), ("colleague", COLLEAGUE)):
            self.authority.issue(name, [address], crl=[self.lists.url(web, "/list.crl")])
        self.authority.publish()
        self.authority.give_to(WORKER_USER)
        self.serial = self.authority.serial("holder")
        demand(self.authority.listed() == [], "its list is not empty")

    def directory(self):
        self.steps.say("Start a private slapd and load the participant's commercial certificate for %s."
                       % PARTNER)
        self.slapd = Slapd(self.rig, self.pki)
        self.slapd.person(PARTNER, self.pki.bytes("participant.der"))
        self.slapd.person(STRANGER)
        found = self.slapd.search(self.slapd.ldaps_uri, "(mail=%s)" % PARTNER, "userCertificate;binary")
        demand("userCertificate;binary:: " in found, "slapd does not give the certificate back")

    def gateway(self):
        self.steps.say("Start sealmilter: a supervisor, a keeper that holds the seal's key and the one for "
                       "decrypting, a gate for mail that leaves and one for mail that comes in, and a worker "
                       "that has certificates revoked.")
        self.rig.write("logins", "%s@trh.example: %s\n" % (LOGIN[0], SENDER))
        self.smtp_port = free_port()
        self.seal = Gateway(self.rig, lambda gateway: CONFIGURATION.format(
            folder=self.rig.folder, pki=self.pki.folder, uri=self.slapd.ldaps_uri, base=self.slapd.base,
            reader=self.slapd.reader, sender=SENDER, authserv_id=AUTHSERV_ID, smtp_port=self.smtp_port,
            authority=self.authority, revocations=REVOCATIONS, operator=OPERATOR,
            command='", "'.join(self.authority.command()),
            listeners=gateway.listener("out") + gateway.listener("in", direction="inbound"),
            key=gateway.key_of(self.pki["seal.enc.key"]),
            decryption_key=gateway.key_of(self.pki["secure-mime.key"]),
            pass_phrase=gateway.key_of(self.pki["seal.pass"]),
            password=gateway.secret("ldap.password", self.slapd.reader_password + "\n", GATE_USER)),
            sockets=("out", "in"))
        roles = {"keeper": 1, "gate": 2, "worker": 1}
        users = {role: self.users_of(role) for role in roles}
        show(", ".join("%s runs as %s" % (role, " and ".join(users[role])) for role in roles))
        demand(all(len(self.seal.pids_of(role)) == roles[role] for role in roles),
               "keeper, two gates and worker are not all there")
        demand(len(set.union(*users.values())) == len(roles), "two of them have the same user")

    def users_of(self, role):
        return {pwd.getpwuid(uid).pw_name for pid in self.seal.pids_of(role) for uid in uids_of(pid)}

    def mta(self):
        self.steps.say("Start a private Postfix that shows all mail to sealmilter. What was submitted it relays "
                       "to the partner's mail server, what comes in to the inside users' mailboxes.")
        self.sink = Sink(self.rig, folder=self.rig.make_folder("mail"))
        self.inside = Sink(self.rig, folder=self.rig.make_folder("inside"))
        self.postfix = Postfix(
            self.rig, "postfix", relayhost=self.sink.address, logins={LOGIN[0]: LOGIN[1]},
            services={"submission": {"smtpd_milters": self.seal.milter("out"),
                                     "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
                                     "milter_macro_daemon_name": "ORIGINATING"},
                      "smtp": {"smtpd_milters": self.seal.milter("in"),
                               "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"}},
            ports={"smtp": self.smtp_port},
            main={"non_smtpd_milters": self.seal.milter("out"), "relay_domains": "trh.example",
                  "transport_maps": "inline:{trh.example=smtp:%s}" % self.inside.address})

    def send(self):
        self.steps.say("Send a mail from %s to %s through submission." % (SENDER, PARTNER))
        self.message = Message(SENDER, [PARTNER], subject="Nabidka na zitra")
        show(self.message.text)
        submit(self.postfix.port, self.message, recipients=[PARTNER],
               login=("%s@trh.example" % LOGIN[0], LOGIN[1]))
        self.arrived = self.sink.wait(message_id=self.message.message_id, deadline=30,
                                      diagnostics=self.logs)[0]

    def look(self):
        self.steps.say("What arrived at the partner's server is sealed and encrypted:")
        show(head_of(self.arrived.data))
        demand(judges.smime_type(self.arrived.data) == "enveloped-data", "it is not enveloped-data")
        der = judges.der_of(self.arrived.data)
        kind = judges.content_type(self.rig, der)
        count = judges.recipient_count(self.rig, der)
        show("... %d octets of CMS: %s for %d recipient" % (len(der), kind, count))
        demand(kind.startswith("pkcs7-envelopedData"), "the CMS is not EnvelopedData")
        demand(count == 1, "the CMS is for %d recipients" % count)
        demand(not judges.is_clear(self.arrived.data, "Tajemství"), "its text can be read")

    def open(self):
        mail = self.rig.path("mail", "1.eml")
        self.steps.say("The partner opens it: openssl cms -decrypt, with the key of the commercial "
                       "certificate.")
        inner = self.rig.run("openssl", "cms", "-decrypt", "-in", mail, "-recip",
                             self.pki["participant.crt"], "-inkey", self.pki["participant.key"]).stdout
        show(inner.partition(b"\n\r\n")[0].decode() if b"\n\r\n" in inner else inner.decode()[:200])
        self.steps.say("And checks the seal: openssl cms -verify, against the root.")
        signer = self.rig.path("signer.pem")
        text = self.rig.run("openssl", "cms", "-verify", "-CAfile", self.pki["anchors.pem"], "-purpose",
                            "any", "-signer", signer, "-in", self.rig.write("inner.eml", inner)).stdout
        subject = self.rig.run("openssl", "x509", "-in", signer, "-noout", "-subject", "-nameopt",
                               "utf8,sep_comma_plus_space,-esc_msb").stdout.decode()
        show(subject)
        demand("CN=TRH" in subject and "organizationIdentifier=NTRCZ-00000001" in subject,
               "it is not signed by the seal")
        same = judges.body_text(text).replace("\r\n", "\n") == self.message.text.replace("\r\n", "\n")
        show(judges.body_text(text))
        demand(same, "the text is not the one that was sent")

    def refuse(self):
        self.steps.say("A mail to %s, who has no certificate, does not leave:" % STRANGER)
        with refusal(550) as answer:
            submit(self.postfix.port, Message(SENDER, [STRANGER]), recipients=[STRANGER],
                   login=("%s@trh.example" % LOGIN[0], LOGIN[1]))
        show("%d %s" % (answer.code, answer.text))
        demand(len(self.sink.messages()) == 1, "something else arrived")

    def answer(self):
        self.steps.say("The partner answers: openssl cms -sign, with the key of the qualified certificate, then "
                       "openssl cms -encrypt, to the certificate for decrypting.")
        self.partner = Partner(self.rig)
        self.sent = self.encrypted(self.partner.sign(self.partner.text(ANSWER), options=("-cades",)))
        self.rig.write("answer.eml", self.sent)
        show(head_of(self.sent))
        demand(judges.smime_type(self.sent) == "enveloped-data", "it is not enveloped-data")
        demand(not judges.is_clear(self.sent, "prijimame"), "its text can be read")

    def encrypted(self, signed):
        return self.partner.message(self.partner.encrypt(signed), subject="Re: Nabidka na zitra")

    def come_in(self, octets, sender=PARTNER, to=SENDER):
        """Through Postfix's port for the world, as it arrives in the mailbox."""
        submit(self.postfix.ports["smtp"], octets, sender=sender, recipients=[to], client=WORLD)
        return self.inside.wait(message_id=message_id_of(octets), deadline=30, diagnostics=self.logs)[0]

    def logs(self):
        return self.postfix.log() + self.seal.log()

    def receive(self):
        self.opened = self.come_in(self.sent)
        self.steps.say("It comes in through Postfix, where sealmilter opens it. What %s receives:" % SENDER)
        show(head_of(self.opened.data))
        show("...\n" + judges.split_signed(self.opened.data)[0].decode())
        results = self.opened.header("Authentication-Results")
        demand(results.startswith(AUTHSERV_ID + "; smime=pass"), "it is not said to be good: " + results)
        demand("body.smime-identifier=" + PARTNER in results, "it is not said whose it is: " + results)

    def check(self):
        self.steps.say("The signature is still there for whoever wants to check it: openssl cms -verify.")
        verdict = judges.OpenSSL(self.rig).verify(self.opened.data)
        show(verdict.signer)
        demand("Jana" in verdict.signer, "it is not signed by the partner")
        demand(judges.body_text(verdict.content).splitlines() == ANSWER.splitlines(),
               "the text is not the one that was sent")

    def forge(self):
        self.steps.say("Somebody else signs in the partner's name, with a certificate that he made himself:")
        forged = self.partner.sign(self.partner.text(ANSWER), who=("sign-untrusted",),
                                   chain=("false-qualified",))
        received = self.come_in(self.encrypted(forged))
        results = received.header("Authentication-Results")
        show("Authentication-Results: " + results)
        demand(results.startswith(AUTHSERV_ID + "; smime=policy"), "it is not said what is wrong: " + results)

    def request(self):
        self.steps.say("The key of %s was stolen. He asks for revocation, by a mail to %s that is signed with "
                       "that very key:" % (HOLDER, REVOCATIONS))
        show(REQUEST % self.serial)
        self.asked = self.signed_by("holder", HOLDER, REVOCATIONS, REQUEST % self.serial)
        received = self.come_in(self.asked, HOLDER, REVOCATIONS)
        demand(received.recipients == [OPERATOR] and received.data.endswith(self.asked),
               "it did not go on to %s as it was" % OPERATOR)

    def signed_by(self, name, sender, to, words=ANSWER):
        entity = self.partner.sign(self.partner.text(words), who=(name,), clear=True,
                                   chain=(self.authority.issuing,))
        return self.partner.message(entity, sender=sender, to=(to,), subject="Zprava")

    def sealctl(self, *arguments):
        return self.seal.sealctl("revocation", *arguments).stdout.decode()

    def carry_out(self):
        self.steps.say("Postfix took it (250) once it was written down, and the operator has a copy. The worker "
                       "judges it anew and has the authority revoke: sealctl revocation list.")
        self.authority.wait_revoked(self.serial, self.logs)
        wait_for(lambda: "executed" in self.sealctl("list"), self.logs)
        show(self.sealctl("list"))
        self.steps.say("The list that the authority publishes has the number: openssl crl -text.")
        text = self.rig.run("openssl", "crl", "-in", self.authority.list_file, "-inform", "DER", "-noout",
                            "-text").stdout.decode()
        show("\n".join(re.findall("Serial Number: .*|Revocation Date: .*|Next Update: .*", text)))
        demand(self.authority.listed() == [self.serial], "it does not have it, or others too")

    def tell(self):
        self.steps.say("The holder is told, at the address in the certificate: that the request came, and what "
                       "became of it. Both are sealed; the second:")
        openssl = judges.OpenSSL(self.rig)
        verdicts = [openssl.verify(m.data) for m in
                    self.sink.wait(2, recipient=HOLDER, deadline=30, diagnostics=self.logs)]
        told = [judges.body_text(v.content) for v in verdicts]
        outcome = [text for text in told if "byl na základě žádosti zneplatněn" in text]
        show(outcome[0] if outcome else "".join(told))
        show("... sealed by " + verdicts[0].signer)
        demand(len(told) == 2 and len(outcome) == 1, "it is not one of two that says so")
        demand(all("CN=TRH" in v.signer for v in verdicts), "they are not signed by the seal")

    def judge(self):
        self.steps.say("The list is on the web. The holder's next mail, and the colleague's, whose certificate is "
                       "from the same authority:")
        with open(self.authority.list_file, "rb") as f:
            self.lists.files["/list.crl"] = f.read()
        self.next = self.signed_by("holder", HOLDER, SENDER)
        self.rig.write("next.eml", self.next)
        holder = self.come_in(self.next, HOLDER)
        colleague = self.come_in(self.signed_by("colleague", COLLEAGUE, SENDER), COLLEAGUE)
        for received, wanted, status in ((holder, "policy", "revoked"), (colleague, "pass", "good")):
            results, layer = received.header("Authentication-Results"), received.header("X-Seal-Layer-1")
            show("Authentication-Results: " + results)
            show("X-Seal-Layer-1: ... " + "; ".join(p for p in layer.split("; ") if p.startswith("status")) + " ...")
            demand(results.startswith("%s; smime=%s" % (AUTHSERV_ID, wanted)), "it is not smime=" + wanted)
            demand("status=%s;" % status in layer, "it is not said to be " + status)

    def refuse_request(self):
        self.steps.say("A stranger asks for the colleague's to be revoked, and signs nothing:")
        forged = self.partner.message(self.partner.text(REQUEST % self.authority.serial("colleague")),
                                      sender=COLLEAGUE, to=(REVOCATIONS,), subject="Zprava")
        with refusal(550) as answer:
            self.come_in(forged, COLLEAGUE, REVOCATIONS)
        show("%d %s" % (answer.code, answer.text))
        demand("Zadam o zneplatneni certifikatu cislo =" in answer.text, "the right form is not told")
        demand(len(self.sink.messages(recipient=COLLEAGUE)) == 0, "it was answered by mail too")

    def verify(self):
        self.steps.say("Nobody has changed what is on record: sealctl revocation verify.")
        verdict = self.sealctl("verify")
        show(verdict)
        demand("intact" in verdict, "the journal's chain is not intact")

    def keep(self):
        print(KEPT.format(sender=SENDER, partner=PARTNER, postfix=self.postfix.config,
                          port=self.postfix.port, user=LOGIN[0] + "@trh.example", password=LOGIN[1],
                          mails=self.rig.path("mail"), inside=self.rig.path("inside"),
                          answer=self.rig.path("answer.eml"), next=self.rig.path("next.eml"),
                          inbound_port=self.postfix.ports["smtp"],
                          pki=self.pki.folder, config=self.seal.config,
                          sealctl=program("sealctl"), log=self.seal.process.log_path,
                          postfix_log=os.path.join(self.postfix.folder, "log")), flush=True)
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            pass


def main():
    keep = sys.argv[1:] == ["--keep"]
    try:
        with Rig() as rig:
            demo = Demo(rig)
            demo.run()
            if keep:
                demo.keep()
    except (Problem, OSError, smtplib.SMTPException) as e:
        print("demo: this went wrong: %s" % e, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("All of it was as it says." if not keep else "Ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
