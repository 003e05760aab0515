"""What tests of mail that comes in need around them: a partner who signs and encrypts, the
gateway on the way in, a Postfix that takes mail from the world and relays it to the
inside, and the inside, a sink."""

import re

from scene import LOGINS, OUTSIDE, PARTICIPANT, SENDER, block, judges, names, run, text  # noqa: F401
from rig import Gateway, Postfix, Problem, Sink, submit
from rig.partner import Partner
from rig.sink import Received

TAKER = "prevzeti@trh.example"     # the key opens for both of them
COLLEAGUE = "jana@trh.example"     # of the house, and no key is for her
INTERNAL_HOST = "10.20.0.10"
STRANGER_HOST = "198.51.100.7"
AUTHSERV_ID = "mx.trh.example"
SECRET = "Tajemstvi trhu c. 4711"  # in what partners encrypt
TEXT = "Dobry den,\r\n\r\n%s: nabidka 12,5 MWh.\r\n.\r\n" % SECRET


def message_id_of(octets):
    return Received("", [], octets).message_id


def check_open(received, authserv_id, content, result="pass"):
    """Raises Problem unless the message reads so and this result, and no other of ours,
    stands over it."""
    got = judges.body_text(received.data)
    if got.rstrip("\r\n") != content.rstrip("\r\n"):
        raise Problem("it reads:\n%.2000s\n%s" % (got, head(received)))
    check_result(received, authserv_id, result)
    if not received.header("X-Seal-Layer-1"):
        raise Problem("no X-Seal-Layer-1: " + head(received))


def check_result(received, authserv_id, result):
    found = [v for v in received.headers("Authentication-Results") if v.startswith(authserv_id + ";")]
    if len(found) != 1 or not re.match(r"\S+\s+smime=%s\b" % result, found[0]):
        raise Problem("not smime=%s once but %r\n%s" % (result, found, head(received)))


def head(received):
    return received.data[:3000].decode("utf-8", "replace")


class Inbound:
    """top: further lines of the configuration. listeners: name -> settings, the first is the
    front's. key_for: for whom the key opens mail. more: given the gateway, further blocks."""

    def __init__(self, rig, top="", listeners=None, key_for=(SENDER, TAKER), more=lambda g: ""):
        self.rig, self.pki = rig, rig.pki()
        self.partner = Partner(rig)
        self.openssl = judges.OpenSSL(rig)
        self.sink = Sink(rig)
        self.top, self.more, self.key_for, self.authserv_id = top, more, key_for, AUTHSERV_ID
        self.listeners = listeners or {"in": {"direction": "inbound"}}
        self.gateway = Gateway(rig, self.configuration, tuple(self.listeners))

    def configuration(self, gateway):
        parts = ["inbound-domains = trh.example", "authserv-id = " + self.authserv_id,
                 "internal-networks = 10.20.0.0/16", self.top]
        parts += [gateway.listener(name, **settings) for name, settings in self.listeners.items()]
        parts.append(block("decryption-key", "office",
                           key=text(gateway.key_of(self.pki["secure-mime.key"])),
                           certificate=text(self.pki["secure-mime.crt"]), **{"for": names(*self.key_for)}))
        parts.append(block("trust", "partners", anchors=text(self.pki["anchors.pem"]),
                           intermediates=text(self.pki["intermediates.pem"])))
        return "\n".join(parts + [self.more(gateway)])

    def change(self, top):
        """Further lines of the configuration in place of those that were there, in force."""
        self.top = top
        count = len(self.gateway.lines(": reloaded"))
        self.gateway.configure(self.configuration)
        self.gateway.reload()
        self.gateway.wait_log(": reloaded", count=count + 1)

    def postfix(self, name="front", relayhost=None, services=None, **main):
        """Takes mail from outside, and by login too, all of it through the first listener."""
        milter = self.gateway.milter(next(iter(self.listeners)))
        self.front = Postfix(
            self.rig, name, relayhost=relayhost or self.sink.address, logins=LOGINS,
            services=services or {"smtp": {"smtpd_milters": milter}},
            main={"non_smtpd_milters": milter, "mynetworks": "127.0.0.0/8, 10.20.0.0/16",
                  "relay_domains": "trh.example",
                  "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, "
                                              "reject_unauth_destination", **main})
        return self.front

    def logs(self):
        return self.front.log()[-6000:] + self.gateway.log()[-6000:]

    # The partner's mail.

    def signed(self, clear=False, content=TEXT, **options):
        return self.partner.sign(self.partner.text(content), clear=clear, options=("-cades",), **options)

    def sealed(self, clear=False, content=TEXT, fields=(), **options):
        """Signed, encrypted, and a message. options: of the encryption."""
        return self.partner.message(self.partner.encrypt(self.signed(clear, content), **options), fields=fields)

    def send(self, octets, recipients=(SENDER,), sender=PARTICIPANT, **how):
        submit(self.front.port, octets, sender=sender, recipients=recipients, **how)
        return message_id_of(octets)

    def arrived(self, message_id, count=1):
        return self.sink.wait(count, message_id=message_id, diagnostics=self.logs)

    def take(self, octets, **how):
        """Sends it in from outside; what of it arrives inside."""
        received, = self.arrived(self.send(octets, **how))
        return received

    # What tests assert.

    def log_line(self, received):
        """The gateway's line of the message."""
        queue_id = re.search(rb"by \w+\.trh\.example \(Postfix[^;]*?\sid (\w+)", received.data)[1].decode()
        lines = [line for line in self.gateway.lines(queue_id, "direction=")]
        if len(lines) != 1:
            raise Problem("%d lines of %s in the log:\n%s" % (len(lines), queue_id, self.gateway.log()[-4000:]))
        return lines[0]

    def is_open(self, received, content=TEXT, result="pass"):
        """Demands that the inside can read it, and is told this result, once."""
        check_open(received, self.authserv_id, content, result)

    def says(self, received, result):
        check_result(received, self.authserv_id, result)

    def is_closed(self, received):
        """Demands that nobody can read it without a key."""
        if SECRET.encode() in received.data or judges.is_clear(received.data, SECRET):
            raise Problem("it can be read:\n%s\n%s" % (head(received), self.logs()))
