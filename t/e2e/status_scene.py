"""What tests of revocation status need around them: authorities that revoke, the servers that
say so, and the gateway on the way in, which asks them as each trust block wants."""

import os
import shutil

from inbound_scene import SENDER, Inbound, Problem, block, head, names, run, text  # noqa: F401
from rig import Gateway, Revoker, Sink, Slapd, StatusServer, judges  # noqa: F401
from rig.gateway import GATE_USER
from rig.partner import Partner
from scene import refusal

# A From address speaks for what the trust block of its domain wants; a certificate has them all.
ALONE = ("aia", "aia-prefer", "alone")  # know no issuers; the first two may fetch them
MODES = ("require", "prefer", "off", "crl-first") + ALONE
FROM = {mode: "obchod@%s.example" % mode for mode in MODES}


class Status(Inbound):
    """lists, answers: the servers of lists and of OCSP answers; ok_list: the URL of the list that is
    always to be had; aia_host: of lists, where two of the trust blocks may fetch issuers. times: s of a fetch,
    and of a message."""

    def __init__(self, rig, top="", times=(1, 4)):
        self.rig, self.pki = rig, rig.pki()
        self.partner, self.openssl, self.sink = Partner(rig), judges.OpenSSL(rig), Sink(rig)
        self.lists = StatusServer(rig)
        ok = self.lists.host()
        self.ok_list, self.root_list = self.lists.url(ok, "/issuing.crl"), self.lists.url(ok, "/root.crl")
        self.authority = Revoker(rig, root_crl=[self.root_list])
        self.authority.issue_responder("answers")
        self.lists.files["/root.crl"] = self.authority.root_crl()
        self.publish()
        self.responder = self.authority.responder("answers")
        self.answers = StatusServer(rig, self.responder.address)
        self.status_folder = rig.make_folder("status", mode=0o700)
        shutil.chown(self.status_folder, GATE_USER)
        self.top, self.times, self.authserv_id = top, times, "mx.trh.example"
        self.aia_host = self.lists.host()
        self.listeners = {"in": {"direction": "inbound"}}
        self.gateway = None

    def start(self):
        """The gateway, and a Postfix before it."""
        self.gateway = Gateway(self.rig, self.configuration, tuple(self.listeners))
        self.postfix()

    def configuration(self, gateway):
        parts = ["inbound-domains = trh.example", "authserv-id = " + self.authserv_id,
                 "fetch-networks = %s" % names("127.0.0.0/8", "::1/128"),
                 "fetch-timeout = %d" % self.times[0], "status-timeout = %d" % self.times[1],
                 "status-size-limit = 1M", "status-directory = " + text(self.status_folder), self.top]
        parts += [gateway.listener(name, **settings) for name, settings in self.listeners.items()]
        known = {"intermediates": text(self.authority.intermediates)}
        settings = {mode: {"revocation": mode, **known} for mode in ("require", "prefer", "off")}
        settings["crl-first"] = {"revocation": "require", "revocation_order": "crl-first", **known}
        settings["aia"] = {"revocation": "require", "aia_hosts": names(self.aia_host)}
        settings["aia-prefer"] = {"revocation": "prefer", "aia_hosts": names(self.aia_host)}
        settings["alone"] = {"revocation": "require"}
        for mode in MODES:
            parts.append(block("trust", mode, anchors=text(self.authority.anchors),
                               sender_domain=text(mode + ".example"), **settings[mode]))
        return "\n".join(parts)

    def issue(self, name, **where):
        """A signer's certificate; where: crl, ocsp, issuers, as Revoker.issue() takes them."""
        self.authority.issue(name, FROM.values(), **where)

    def publish(self):
        """The issuing authority's list as its index is now."""
        self.lists.files["/issuing.crl"] = self.authority.crl()

    def forget(self):
        """The gateway knows nothing any more."""
        self.gateway.stop()
        for file in os.listdir(self.status_folder):
            path = os.path.join(self.status_folder, file)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        self.gateway.start()

    def letter(self, who, mode):
        chain = () if mode in ALONE else (self.authority.issuing,)
        entity = self.partner.sign(self.partner.text(), who=(who,), clear=True, chain=chain)
        return self.partner.message(entity, sender=FROM[mode])

    def deliver(self, who, mode):
        """A message that this certificate signed, as it arrived."""
        return self.take(self.letter(who, mode), sender=FROM[mode])

    def defer(self, who, mode="require"):
        """Demands that such a message is to be sent again later; returns the log's line of it."""
        octets = self.letter(who, mode)
        before = len(self.gateway.lines("deferred direction="))
        with refusal(451):
            self.send(octets, sender=FROM[mode])
        return self.gateway.wait_log("deferred direction=", count=before + 1)[before]

    def logged(self, received):
        """All that the log says of a message."""
        queue_id = self.log_line(received).split(": ")[1]
        return "\n".join(self.gateway.lines(queue_id))

    def shows(self, received, result, **told):
        """Demands this result, and of the signature that the field shows it so."""
        self.says(received, result)
        shown = received.header("X-Seal-Layer-1") or ""
        for name, value in told.items():
            part = "%s=%s" % (name.replace("_", "-"), value)
            if part not in shown:
                raise Problem("no %s in %s\n%s" % (part, shown, head(received)))
        return shown
