#!/usr/bin/env python3
"""The schema of certificates that may be asked to be revoked, as slapd takes it: from a
slapd.conf and into cn=config."""

import os
import re
import sys
from urllib.parse import quote

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Rig, Tap  # noqa: E402
from rig.base import Process, listening  # noqa: E402

TOP = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "..", "..")))
CONTRIB = os.path.join(TOP, "contrib", "slapd")
SCHEMA = os.path.join(CONTRIB, "revocation.schema")
LDIF = os.path.join(CONTRIB, "revocation.ldif")
ORGANIZATION_IDENTIFIER = os.path.join(CONTRIB, "organization-identifier.ldif")

BASE = "ou=revocation,dc=example"
# 20 octets, the most that a serial number may have.
LONGEST = int("ff" * 20, 16)
ISSUER = "organizationIdentifier=NTRCZ-26439395,CN=I.CA Qualified 2 CA/RSA 02/2016,O=První certifikační autorita\\, a.s.,C=CZ"
HASH = "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"

COMMON = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
"""

DATABASE = """\
attributetype ( 2.5.4.97 NAME 'organizationIdentifier' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
include {schema}
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example"
rootdn "cn=admin,dc=example"
rootpw heslo-adresare
directory {folder}
maxsize 10485760
index objectClass,sealCertificateNumber eq
"""

ROOT = """\
dn: dc=example
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=revocation,dc=example
objectClass: organizationalUnit
ou: revocation
"""


def entry(name, *lines, number=16, issuer=ISSUER):
    first = ["dn: cn=%s,%s" % (name, BASE), "objectClass: sealRevocableCertificate", "cn: " + name]
    if issuer is not None:
        first.append("sealCertificateIssuer: " + issuer)
    if number is not None:
        first.append("sealCertificateNumber: %s" % number)
    return "\n".join(first + list(lines)) + "\n"


FULL = entry("full", "sealRevocationPassword: " + HASH, "sealRevocationContact: jan@alfa.example",
             "sealRevocationContact: žaneta@příklad.example", "o: Alfa a.s.", "c: CZ",
             "organizationIdentifier: NTRCZ-26463318", number=LONGEST)

REFUSED = {
    "a number in hexadecimal": entry("x", number="0x10"),
    "no number": entry("x", number=None),
    "two numbers": entry("x", "sealCertificateNumber: 17"),
    "no issuer": entry("x", issuer=None),
    "an issuer that is no name": entry("x", issuer="I.CA"),
    "two issuers": entry("x", "sealCertificateIssuer: CN=Other"),
    "two passwords": entry("x", "sealRevocationPassword: " + HASH, "sealRevocationPassword: " + HASH[:-1] + "J"),
    "a password that is not ASCII": entry("x", "sealRevocationPassword: heslo-žluťoučké"),
    "what the class does not have": entry("x", "telephoneNumber: 123"),
}


class Tree:
    """A slapd on a socket, with nothing but ROOT in it."""

    def __init__(self, rig):
        self.rig, self.socket = rig, rig.path("ldapi")
        self.uri = "ldapi://%s/" % quote(self.socket, safe="")
        self.config = rig.write("slapd.conf", COMMON + DATABASE.format(schema=SCHEMA, folder=rig.make_folder("db", mode=0o700)))
        self.start()
        self.add(ROOT)

    def start(self):
        """Also again, after its process was stopped."""
        self.process = Process(self.rig, "slapd", ["slapd", "-f", self.config, "-d", "none", "-h", self.uri])
        self.process.wait_ready(lambda: listening(self.socket), "slapd to listen")

    def add(self, text, check=True):
        return self.rig.run("ldapadd", "-x", "-H", self.uri, "-D", "cn=admin,dc=example", "-w", "heslo-adresare",
                            data=text.encode(), check=check)

    def names(self, pattern):
        """The cn of each entry below BASE that matches."""
        out = self.rig.run("ldapsearch", "-x", "-LLL", "-H", self.uri, "-b", BASE, pattern, "cn").stdout.decode()
        return sorted(re.findall(r"(?m)^cn: (.*)$", out))


def definitions(text):
    """Each "( … )" of a schema on one line, whatever form the file has."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found = re.split(r"(?m)^(?:attributetype|objectclass|olcAttributeTypes:|olcObjectClasses:) ", text)[1:]
    return [" ".join(each.split()) for each in found]


def try_tree(tap, rig):
    tree = Tree(rig)
    with tap.test("slapd takes the schema, and an entry with all that there is"):
        tree.add(FULL)
        tree.add(entry("sixteen") + "\n" + entry("elsewhere", issuer="CN=Other,O=První certifikační autorita\\, a.s.,C=CZ") +
                 "\n" + entry("minus", number=-16))
    for pattern, found in [
            ("(sealCertificateNumber=16)", ["elsewhere", "sixteen"]),
            ("(sealCertificateNumber=%d)" % LONGEST, ["full"]),
            ("(sealCertificateNumber=%d)" % (LONGEST - 1), []),
            ("(sealCertificateNumber=-16)", ["minus"]),
            ("(sealCertificateNumber=160)", []),
            ("(&(sealCertificateNumber=16)(sealCertificateIssuer=CN=Other,O=První certifikační autorita\\5c, a.s.,C=CZ))",
             ["elsewhere"]),
            ("(sealRevocationContact=žaneta@příklad.example)", ["full"]),
            ("(sealRevocationPassword=%s)" % HASH, []),
            ("(sealRevocationPassword=*)", ["full"])]:
        got = tree.names(pattern)
        tap.ok(got == found, "%s finds %s" % (pattern, ", ".join(found) or "nothing"), "found %r" % got)
    for words, text in REFUSED.items():
        done = tree.add(text, check=False)
        said = done.stderr.decode()
        tap.ok(done.returncode in (17, 19, 21, 65) and tree.names("(cn=x)") == [], "slapd refuses " + words,
               "status %d: %s" % (done.returncode, said))


def try_cn_config(tap, rig):
    base = rig.write("base.conf", COMMON)
    folder = rig.make_folder("slapd.d", mode=0o700)
    rig.run("slaptest", "-f", base, "-F", folder)
    with tap.test("cn=config takes both files, one after the other"):
        rig.run("slapadd", "-n", "0", "-F", folder, "-l", ORGANIZATION_IDENTIFIER)
        rig.run("slapadd", "-n", "0", "-F", folder, "-l", LDIF)
        rig.run("slaptest", "-u", "-F", folder)
    listed = rig.run("slapcat", "-n", "0", "-F", folder, "-o", "ldif-wrap=no").stdout.decode()
    tap.ok("NAME 'sealRevocableCertificate'" in listed, "the class is there")


def main():
    tap = Tap()
    schema, ldif = (definitions(open(path, encoding="utf-8").read()) for path in (SCHEMA, LDIF))
    tap.ok(len(schema) == 5 and schema == ldif, "both files define the same", "%r\n%r" % (schema, ldif))
    with Rig() as rig:
        try_tree(tap, rig)
        try_cn_config(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
