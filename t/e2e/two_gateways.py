"""Two organisations that write to each other: each has a gateway, a Postfix with one way in
for its people and one for the world, and its inside, a sink. What one seals and encrypts, the
other opens and verifies."""

import os
import shutil

from inbound_scene import check_open, head
from scene import LOGINS, PARTICIPANT, SENDER, block, judges, login, names, text
from rig import Gateway, Message, Postfix, Problem, Sink, free_port, submit
from rig.gateway import GATE_USER

LINE = "Nabidka 12,5 MWh, cislo %06d, a vypln radky do 1 MiB. From dawn till dusk.\r\n"


class Side:
    """signer, chain, key, partner: names of the PKI; whose key signs, and with which chain, which key
    opens, and to which certificate of the other side is encrypted."""

    def __init__(self, rig, name, address, signer, chain, key, partner):
        self.rig, self.pki = rig, rig.pki()
        self.name, self.address, self.signer, self.chain, self.key = name, address, signer, chain, key
        self.domain = address.partition("@")[2]
        self.authserv_id = "mx." + self.domain
        self.sign, self.encrypt = {}, {}
        self.sink, self.port = Sink(rig), free_port()
        self.certificates = rig.make_folder(name + "-certificates")
        shutil.copy(self.pki[partner + ".crt"], os.path.join(self.certificates, "partner.pem"))
        self.trace = rig.write(name + ".trace", os.urandom(32), 0o600)
        shutil.chown(self.trace, GATE_USER)
        self.gateway = Gateway(rig, self.configuration, ("out", "in"), name + "-seal")

    def configuration(self, gateway):
        return "\n".join([
            "inbound-domains = " + self.domain, "authserv-id = " + self.authserv_id,
            "trace-key-file = " + text(self.trace), "cache-positive = 0",
            "anchors = " + text(self.pki["anchors.pem"]),
            "intermediates = " + text(self.pki["intermediates.pem"]),
            gateway.listener("out"), gateway.listener("in", direction="inbound"),
            block("signer", "seal", key=text(gateway.key_of(self.pki[self.signer + ".key"])),
                  certificate=text(self.pki[self.signer + ".crt"]), chain=text(self.pki[self.chain + ".crt"])),
            block("decryption-key", "office", key=text(gateway.key_of(self.pki[self.key + ".key"])),
                  certificate=text(self.pki[self.key + ".crt"]), **{"for": names(self.address)}),
            block("trust", "partners", anchors=text(self.pki["anchors.pem"]),
                  intermediates=text(self.pki["intermediates.pem"])),
            block("directory", "files", type="files", path=text(self.certificates)),
            block("rule", "seal", sender=names(self.address), sign="seal", any_login="yes", **self.sign),
            block("rule", "others", recipient_domain=names("trh.example", "ucastnik.example"),
                  encrypt="required", **self.encrypt)])

    def change(self, sign, encrypt):
        """Other settings of the rules that sign and encrypt, in force."""
        self.sign, self.encrypt = sign, encrypt
        count = len(self.gateway.lines(": reloaded"))
        self.gateway.configure(self.configuration)
        self.gateway.reload()
        self.gateway.wait_log(": reloaded", count=count + 1)

    def postfix(self, other, out=None, inbound=None):
        """Writes to the other side, whose mail comes in at self.port. out, inbound: the milters;
        the gateway's listeners unless given."""
        self.other = other
        out, inbound = out or self.gateway.milter("out"), inbound or self.gateway.milter("in")
        self.front = Postfix(
            self.rig, self.name, logins=LOGINS, ports={"world": self.port}, services={
                "submission": {"smtpd_milters": out,
                               "smtpd_relay_restrictions": "permit_sasl_authenticated, reject"},
                "world": {"smtpd_milters": inbound, "smtpd_relay_restrictions": "reject_unauth_destination",
                          "smtpd_sasl_auth_enable": "no"}},
            main={"myhostname": self.authserv_id, "mydomain": self.domain, "myorigin": self.domain,
                  "relay_domains": self.domain, "non_smtpd_milters": out,
                  "transport_maps": "inline:{%s=smtp:[127.0.0.1]:%d, %s=smtp:%s}" % (
                      other.domain, other.port, self.domain, self.sink.address)})

    def message(self, number=0, octets=0):
        """A mail for the other side, of about so many octets."""
        return Message(sender=self.address, to=[self.other.address],
                       text=LINE % number * (octets // len(LINE % number) + 1))

    def submit(self, message):
        submit(self.front.ports["submission"], message, sender=self.address,
               recipients=[self.other.address], login=login("zpravy"))

    def opens(self, received, message):
        """Demands that it arrived here open and good, and that it had been encrypted."""
        check_open(received, self.authserv_id, message.text)
        layer = received.header("X-Seal-Layer-1")
        if not layer.startswith("encrypted; opened=yes") or judges.smime_type(received.data) != "multipart/signed":
            raise Problem("it came as " + head(received))

    def logs(self):
        return self.front.log()[-4000:] + self.gateway.log()[-4000:]


class Pair:
    """Both, ready to write to each other. milters: given a side, the milters of its Postfix
    (out and inbound) where these are not the gateway's own listeners."""

    def __init__(self, rig, milters=lambda side: {}):
        self.market = Side(rig, "trh", SENDER, "seal", "qualified", "secure-mime", "participant")
        self.trader = Side(rig, "ucastnik", PARTICIPANT, "participant-sign", "qualified", "participant",
                           "secure-mime")
        self.market.postfix(self.trader, **milters(self.market))
        self.trader.postfix(self.market, **milters(self.trader))

    @property
    def sides(self):
        return self.market, self.trader

    def arrived(self, sender, message, deadline=60):
        """The one copy of a message at the other side, open and good."""
        received, = sender.other.sink.wait(message_id=message.message_id, deadline=deadline,
                                           diagnostics=lambda: sender.logs() + sender.other.logs())
        sender.other.opens(received, message)
        return received
