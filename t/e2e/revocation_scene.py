"""What tests of requests for revocation need around them: an authority whose worker revokes with openssl ca, a
list that it publishes, holders who write, a Postfix that takes their mail and brings notices, and two
mailboxes: the holders', and the operator's."""

import base64
import json
import os
import re

from inbound_scene import AUTHSERV_ID, head
from rig import Gateway, Postfix, Problem, Revoker, Sink, StatusServer, free_port, judges, submit
from rig.gateway import WORKER_USER, block, text
from rig.partner import Partner
from rig.sink import Received
from scene import names, refusal, run  # noqa: F401

ADDRESS = "zneplatneni@trh.example"    # where requests are sent
OPERATOR = "obsluha@trh.example"       # to whom they go on
HOLDER = "jana.novakova@ucastnik.example"
OTHER = "info@trh.example"             # of the house, and no revocation address
SENTENCE = "Zadam o zneplatneni certifikatu cislo = %s"
PASSWORD = "Heslo pro zneplatneni = %s"


class Revocation:
    """blocks: names of authorities, each with a Revoker of its own, whose settings are usual ones but for those that
    settings has for it. top: further lines of the configuration. start: whether the gateway is started."""

    def __init__(self, rig, blocks=("ica",), settings=None, top="", start=True):
        self.rig, self.pki = rig, rig.pki()
        self.partner, self.openssl, self.sink = Partner(rig), judges.OpenSSL(rig), Sink(rig)
        self.settings, self.top = settings or {}, top
        self.lists = StatusServer(rig)
        self.host, self.front_port = self.lists.host(), free_port()
        self.authorities = {name: self._authority(name) for name in blocks}
        self.gateway = Gateway(rig, self.configuration, ("in",), start=False)
        if start:
            self.start()

    @property
    def authority(self):
        return next(iter(self.authorities.values()))

    def start(self):
        self.gateway.start()
        if not hasattr(self, "front"):
            self.postfix()

    # ---- the authority

    def _authority(self, name):
        authority = Revoker(self.rig, name, root_crl=[self.lists.url(self.host, "/%s-root.crl" % name)])
        authority.publish()
        self.lists.files["/%s-root.crl" % name] = authority.root_crl()
        self.publish(authority, name)
        return authority

    def give_to_worker(self):
        """As only the worker revokes."""
        for authority in self.authorities.values():
            authority.give_to(WORKER_USER)

    def publish(self, authority=None, name=None):
        """What a web server would do: the file is what is fetched."""
        authority = authority or self.authority
        with open(authority.list_file, "rb") as f:
            self.lists.files["/%s.crl" % (name or authority.name)] = f.read()

    def list_url(self, authority=None):
        return self.lists.url(self.host, "/%s.crl" % (authority or self.authority).name)

    def issue(self, name, addresses=(HOLDER,), authority=None, **how):
        """A holder's certificate; its serial number."""
        authority = authority or self.authority
        authority.issue(name, addresses, crl=[self.list_url(authority)], **how)
        self.give_to_worker()
        return self.serial(name)

    def serial(self, name):
        return self.authority.serial(name)

    def index(self, serial, authority=None):
        return (authority or self.authority).index(serial)

    def wait_revoked(self, serial, authority=None):
        return (authority or self.authority).wait_revoked(serial, self.logs)

    # ---- the gateway

    def block(self, name):
        a = self.authorities[name]
        address = ADDRESS if a is self.authority else address_of(name)
        usual = {"title": text("Autorita " + name), "address": text(address), "authorities": names(self.pki[a.issuing + ".crt"]),
                 "forms": "{ signed, password }", "operator": text(OPERATOR), "signer": text("seal"),
                 "command": names(*a.command()), "command_idempotent": "yes"}
        usual.update(self.settings.get(name, {}))
        inner = usual.pop("inner", "")
        made = block("revocation", name, **{k: v for k, v in usual.items() if v is not None})
        return made.rstrip().rstrip("}") + inner + "}\n"

    def configuration(self, gateway):
        self.give_to_worker()
        parts = ["inbound-domains = trh.example", "authserv-id = " + AUTHSERV_ID,
                 "fetch-networks = %s" % names("127.0.0.0/8"), self.top]
        parts.append("notice-server = %s" % text("smtp://127.0.0.1:%d" % self.front_port))
        parts.append(gateway.listener("in", direction="inbound"))
        parts.append(block("signer", "seal", key=text(gateway.key_of(self.pki["seal.key"])), certificate=text(self.pki["seal.pem"])))
        parts.append(block("decryption-key", "office", key=text(gateway.key_of(self.pki["secure-mime.key"])),
                           certificate=text(self.pki["secure-mime.crt"]), **{"for": names("trh.example")}))
        for name, a in self.authorities.items():
            parts.append(block("trust", "trust-" + name, anchors=text(a.anchors), intermediates=text(a.intermediates),
                               revocation="require", revocation_order="crl-first"))
        parts += [self.block(name) for name in self.authorities]
        return "\n".join(parts)

    def postfix(self, name="front", **main):
        """Takes mail for trh.example from the world, and notices from this host; all goes to the sink. Long queue ids
        begin with the time."""
        self.front = Postfix(self.rig, name, relayhost=self.sink.address,
                             services={"smtp": {"smtpd_milters": self.gateway.milter("in")}}, ports={"smtp": self.front_port},
                             main={"relay_domains": "trh.example", "enable_long_queue_ids": "yes",
                                   "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", **main})
        return self.front

    def logs(self):
        return self.front.log()[-4000:] + self.gateway.log()[-8000:]

    def revocation(self, *arguments, check=True):
        return self.gateway.sealctl("revocation", *arguments, check=check).stdout.decode()

    def requests(self, *arguments):
        """The journal's requests, as sealctl has them for programs."""
        return json.loads(self.revocation("list", "--json", *arguments))

    # ---- a holder's mail

    def words(self, serial, password=None, sentence=SENTENCE):
        lines = ["Dobry den,", "", sentence % serial] + ([PASSWORD % password] if password else []) + ["", "Jana Novakova", ""]
        return self.partner.text("\r\n".join(lines))

    def signed(self, name, serial=None, content=None, clear=True, authority=None, **how):
        """The request signed with that certificate's key; for its own serial number."""
        entity = content or self.words(self.serial(name) if serial is None else serial)
        return self.partner.sign(entity, who=(name,), clear=clear, chain=((authority or self.authority).issuing,), **how)

    def mail(self, entity, sender=HOLDER, to=ADDRESS, **how):
        return self.partner.message(entity, sender=sender, to=(to,), subject="Zneplatneni", **how)

    def send(self, octets, sender=HOLDER, recipients=(ADDRESS,), client="198.51.100.7", **how):
        submit(self.front.port, octets, sender=sender, recipients=recipients, client=client, **how)
        return Received("", [], octets).message_id

    # ---- what arrived

    def notices(self, count, recipient=HOLDER):
        """So many mails to the holder, in the order in which Postfix took them: it may deliver two at a time."""
        found = self.sink.wait(count, recipient=recipient, diagnostics=self.logs)
        return sorted(found, key=lambda m: re.search(r" id (\w+)", m.header("Received")).group(1))[:count]

    def operator(self, message_id, count=1):
        return self.sink.wait(count, message_id=message_id, diagnostics=self.logs)

    def is_notice(self, received, request=None, *words):
        """Demands that it is sealed, an automatic reply from nobody, and says these words. Its text."""
        if received.sender != "":
            raise Problem("it comes from <%s>" % received.sender)
        if not received.header("Auto-Submitted").startswith("auto-"):
            raise Problem("it does not say that it is automatic: " + head(received))
        if request is not None and request not in received.header("In-Reply-To"):
            raise Problem("it is no reply to %s: %s" % (request, head(received)))
        said = judges.body_text(self.openssl.verify(received.data).content)
        for word in words:
            if word not in said:
                raise Problem("no %r in:\n%s" % (word, said))
        return said


def address_of(name):
    """Where the requests to another authority than the first are sent."""
    return "zneplatneni-%s@trh.example" % name


def octets_of(rig, folder):
    """All that lies in the files of a folder."""
    found = b""
    for path, _, files in os.walk(os.path.join(rig.folder, folder)):
        for file in files:
            with open(os.path.join(path, file), "rb") as f:
                found += f.read()
    return found


def holds(octets, secret):
    """Is the secret anywhere in these octets, in clear, base64 or quoted-printable?"""
    secret = secret.encode()
    forms = [secret] + [base64.b64encode(b"x" * n + secret)[4 * ((n + 2) // 3):-4] for n in range(3)]
    flat = octets.replace(b"\r", b"").replace(b"\n", b"").replace(b"=", b"")
    return any(form.rstrip(b"=") in octets or form.rstrip(b"=") in flat for form in forms)
