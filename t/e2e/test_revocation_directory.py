#!/usr/bin/env python3
"""A directory says which certificates there are, with what password, and who may ask for an organisation's: gate and
worker ask it, from the holder's mail to the list."""

import base64
import sys

from revocation_scene import SENTENCE, Revocation, block, names, refusal, run, text
from test_revocation_schema import BASE, Tree, entry

SECRET = "Tajne7heslo"
FIRM = "/C=CZ/O=Dodavatel/organizationIdentifier=NTRCZ-45274649"
BOSS, GROUP = "cn=vedouci," + BASE, "cn=opravneni," + BASE


class Office:
    """What the directory has of an authority's certificates."""

    def __init__(self, rig):
        self.tree = Tree(rig)
        organisation = block("organisation", "dodavatel", organization_identifier=text("NTRCZ-45274649"), group=text(GROUP))
        self.scene = Revocation(rig, start=False, settings={"ica": {
            "forms": "{ signed, password, authorised }", "trust": names("trust-ica"), "inventory": "tree", "inner": organisation}},
            top=block("directory", "tree", type="ldap", uri=text(self.tree.uri), base=text(BASE)))

    def open(self):
        self.scene.publish()
        self.scene.start()
        return self.scene

    def certificate(self, name):
        with open(self.scene.pki[name + ".crt"], "rb") as f:
            der = self.scene.rig.run("openssl", "x509", "-outform", "DER", data=f.read()).stdout
        return "userCertificate;binary:: " + base64.b64encode(der).decode()

    def known(self, name, *lines, **how):
        """Issued, and in the directory; its serial number."""
        serial = self.scene.issue(name, ["%s@dodavatel.example" % name], **how)
        shown = self.scene.rig.run("openssl", "x509", "-noout", "-issuer", "-nameopt", "RFC2253,-esc_msb,utf8", "-in",
                                   self.scene.pki[name + ".crt"]).stdout.decode()
        self.tree.add(entry(name, self.certificate(name), *lines, number=serial, issuer=shown.partition("=")[2].strip()))
        return serial

    def group(self, change=None, *members):
        lines = ["dn: " + GROUP] + (["changetype: modify", change + ": member"] if change else
                                    ["objectClass: groupOfNames", "cn: opravneni"])
        self.tree.add("\n".join(lines + ["member: " + m for m in members]) + "\n")


def test_directory(tap, rig):
    office = Office(rig)
    scene = office.scene
    scene.issue("vedouci", ["vedouci@dodavatel.example"], subject=FIRM)
    office.tree.add("dn: %s\nobjectClass: inetOrgPerson\ncn: vedouci\nsn: V\n%s\n" % (BOSS, office.certificate("vedouci")))
    office.group(None, BOSS, "cn=nikdo," + BASE)
    first, second, third = (office.known(n, subject=FIRM) for n in ("prvni", "druhy", "treti"))
    foreign = office.known("cizi", subject=FIRM.replace("45274649", "11111111"))
    office.open()
    hashed = scene.gateway.sealctl("revocation", "password-hash", data=SECRET.encode()).stdout.decode().strip()
    own = office.known("karel", "sealRevocationPassword: " + hashed, "sealRevocationContact: karel@jinde.example")

    def ask(*serials):
        lines = "".join(SENTENCE % s + "\r\n" for s in serials)
        return scene.mail(scene.signed("vedouci", content=scene.partner.text(lines)), sender="vedouci@dodavatel.example")

    with tap.test("the password that the directory has, and no other; told where the directory says"):
        for number, password in ((own, "Spatne7heslo"), (first, SECRET)):
            with refusal(550):
                scene.send(scene.mail(scene.words(number, password)))
        scene.send(scene.mail(scene.words(own, SECRET)))
        scene.wait_revoked(own)
        scene.notices(2, "karel@jinde.example")
    with tap.test("a member of the group asks for certificates of its organisation, and of no other"):
        with refusal(550) as answer:
            scene.send(ask(foreign))
        assert "organisation" in answer.text, answer.text
        scene.send(ask(first, second))
        scene.wait_revoked(first)
        scene.wait_revoked(second)
    with tap.test("who was taken out of the group asks in vain"):
        office.group("delete", BOSS)
        with refusal(550):
            scene.send(ask(third))
    with tap.test("while the directory is away, 451 for others, and the holder's own request passes"):
        office.tree.process.stop()
        with refusal(451):
            scene.send(ask(third))
        with refusal(451):
            scene.send(scene.mail(scene.words(third, SECRET)))
        scene.send(scene.mail(scene.signed("treti")))
        scene.wait_revoked(third)
        assert scene.index(foreign)[0] == "V"


if __name__ == "__main__":
    sys.exit(run(test_directory))
