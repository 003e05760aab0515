"""What most end-to-end tests need around them: authorities, directory, sink,
sealmilter with rules, and a Postfix that submits through it."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Gateway, Postfix, Problem, Rig, Sink, Slapd, Tap, judges, refusal  # noqa: E402, F401
from rig.gateway import GATE_USER, block, text  # noqa: E402
from rig.mail import MARK  # noqa: E402

SENDER = "zpravy@trh.example"
PARTICIPANT = "obchod@ucastnik.example"
SECOND = "second@ucastnik.example"
WITHOUT = "nikdo@ucastnik.example"   # an entry without a certificate
OUTSIDE = "kdokoli@jinde.example"    # of whom no rule speaks for encryption
LOGINS = {"zpravy": "heslo-zpravy", "jana": "heslo-jana"}

LOGINS_FILE = """\
zpravy@trh.example: zpravy@trh.example
jana@trh.example: jana@trh.example
"""

CONTRIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib", "postfix")


def contrib_main(file):
    """The parameters of an example main.cf, those aside that the rig sets itself."""
    lines = [line for line in contrib_lines(file) if not line[0].isspace()]
    parameters = dict((name.strip(), value.strip()) for name, _, value in
                      (line.partition("=") for line in lines))
    for name in ("relayhost", "inet_interfaces", "smtpd_sender_login_maps"):
        parameters.pop(name, None)
    return parameters


def contrib_master(file):
    """The -o options of each smtpd in an example master.cf, by the service's name."""
    services = {}
    for line in contrib_lines(file):
        if not line[0].isspace():
            service, options = line.split()[0], {}
            if line.split()[-1] == "smtpd":
                services[service] = options
        else:
            name, _, value = line.strip()[2:].strip().partition("=")
            options[name] = value
    return services


def contrib_lines(file):
    with open(os.path.join(CONTRIB, file)) as f:
        return [line for line in f.read().splitlines() if line.strip() and not line.startswith("#")]


def names(*values):
    """A list of texts as sealmilter.conf has it."""
    return "{ %s }" % ", ".join(text(v) for v in values)


def login(name):
    return ("%s@trh.example" % name, LOGINS[name])


class Scene:
    """rules: text of rule blocks. directory: settings of the directory block that
    are not the usual ones. top: further lines of the configuration. listeners:
    name -> settings."""

    def __init__(self, rig, rules=None, directory=None, top="", listeners=None, signers=("seal",)):
        self.rig, self.pki = rig, rig.pki()
        self.slapd = Slapd(rig, self.pki)
        self.sink = Sink(rig)
        self.listeners = listeners or {"work": {}}
        self.gateway = Gateway(
            rig, lambda g: self.configuration(g, rules, directory or {}, top, signers),
            sockets=tuple(self.listeners))
        self.openssl = judges.OpenSSL(rig)

    def configuration(self, gateway, rules, directory, top, signers):
        logins = self.rig.write("logins", LOGINS_FILE)
        password = gateway.secret("ldap.password", self.slapd.reader_password + "\n", GATE_USER)
        settings = {"type": "ldap", "uri": names(self.slapd.uri), "base": text(self.slapd.base),
                    "bind_dn": text(self.slapd.reader), "password_file": text(password),
                    "network_timeout": 1, "operation_timeout": 2}
        settings.update(directory)
        parts = ["sender-login-file = %s" % text(logins),
                 "anchors = %s" % names(self.pki["anchors.pem"]),
                 "intermediates = %s" % names(self.pki["intermediates.pem"]),
                 "cache-positive = 0", "cache-negative = 0", top]
        parts += [gateway.listener(name, **s) for name, s in self.listeners.items()]
        parts += [block("signer", name, key=text(gateway.key_of(self.pki[name + ".key"])),
                        certificate=text(self.pki[name + ".pem"])) for name in signers]
        parts.append(block("directory", "partners", **settings))
        parts.append(RULES if rules is None else rules)
        return "\n".join(parts)

    def participants(self):
        """The usual entries of the directory."""
        self.slapd.person(PARTICIPANT, self.pki.bytes("participant.der"))
        self.slapd.person(SECOND, self.pki.bytes("second.der"))
        self.slapd.person(WITHOUT)

    def postfix(self, name="front", relay_port=None, services=None, **main):
        """Takes mail with or without login on 127.0.0.1, all of it through "work"."""
        self.front = Postfix(
            self.rig, name, relayhost="[127.0.0.1]:%d" % (relay_port or self.sink.port), logins=LOGINS,
            services=services or {"smtp": {"smtpd_milters": self.gateway.milter()}},
            main={"non_smtpd_milters": self.gateway.milter(), **main})
        return self.front

    def logs(self):
        return self.front.log()[-6000:] + self.gateway.log()[-6000:]

    def arrived(self, message, count=1, deadline=60):
        """The copies of a message at the sink, as soon as there are so many."""
        return self.sink.wait(count, deadline, self.logs, message_id=message.message_id)

    # What tests assert.

    def opens(self, received, who="participant", message=None, signer="TRH"):
        """Demands that it is encrypted to who, and inside signed by the seal, with
        the message's text unchanged. Returns the verdict."""
        if judges.is_clear(received.data, MARK):
            raise Problem("it can be read:\n" + received.data[:2000].decode("utf-8", "replace"))
        verdict = self.openssl.open(received.data, who)
        check_verdict(verdict, message, signer)
        return verdict

    def is_sealed(self, received, message=None, signer="TRH"):
        """Demands that it is signed by the seal and not encrypted."""
        verdict = self.openssl.verify(received.data)
        check_verdict(verdict, message, signer)
        return verdict


def check_verdict(verdict, message, signer):
    # openssl and gpgsm print the subject, cmsutil its common name.
    if not re.search(r"(^|CN=)%s(,|/|$)" % signer, verdict.signer):
        raise Problem("the signer is " + verdict.signer)
    if message is not None and plain(judges.body_text(verdict.content)) != plain(message.text):
        raise Problem("the text is not the one that was sent:\n" + judges.body_text(verdict.content))


def plain(value):
    return value.replace("\r\n", "\n").rstrip("\n")


RULES = (block("rule", "seal", sender_domain=names("trh.example"), sign=text("seal"))
         + block("rule", "partners", recipient_domain=names("ucastnik.example"), encrypt="required"))


def run(*parts):
    """Runs the test functions, each with a Tap, each in a rig of its own; returns
    the exit status."""
    if os.geteuid() != 0:
        print("1..0 # SKIP Postfix starts as root only")
        return 0
    tap = Tap()
    for part in parts:
        with tap.section(part.__name__ + ": servers start, and end"):
            with Rig() as rig:
                tap.more = rig.complaints
                part(tap, rig)
    return tap.done()
