"""A private slapd with recipients' certificates, over ldap, ldaps and ldapi."""

import base64
import os
import signal
from urllib.parse import quote

from .base import Process, free_port, listening, wait_for

SUFFIX = "dc=adresar,dc=example"
ADMIN = "cn=admin," + SUFFIX
PASSWORD = "heslo-adresare"
READER = "cn=sealmilter," + SUFFIX
READER_PASSWORD = "cteni-adresare"

CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
# Authorities carry it in their names, and slapd takes no certificate with an
# attribute in its issuer that the schema does not know.
attributetype ( 2.5.4.97 NAME 'organizationIdentifier' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
argsfile {folder}/args
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
TLSCACertificateFile {ca}
TLSVerifyClient never
sizelimit 500
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/db
maxsize 104857600
index objectClass,mail eq
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""

ENTRIES = """\
dn: {suffix}
objectClass: dcObject
objectClass: organization
o: Adresar
dc: adresar

dn: {reader}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: sealmilter
userPassword: {reader_password}

dn: ou=lide,{suffix}
objectClass: organizationalUnit
ou: lide
"""


class Slapd:
    """Running when the constructor returns, with an empty ou=lide.

    uri, ldaps_uri, ldapi_uri; base; reader and reader_password to bind with;
    ca_file to check ldaps by."""

    base = "ou=lide," + SUFFIX
    reader, reader_password = READER, READER_PASSWORD

    def __init__(self, rig, pki=None, name="slapd"):
        self.rig, self.name, self._crls = rig, name, set()
        pki = pki or rig.pki()
        self.folder = rig.make_folder(name)
        rig.make_folder(name, "db", mode=0o700)
        self.port, self.ldaps_port = free_port(), free_port()
        self.uri = "ldap://127.0.0.1:%d/" % self.port
        self.ldaps_uri = "ldaps://127.0.0.1:%d/" % self.ldaps_port
        self.socket = os.path.join(self.folder, "ldapi")
        self.ldapi_uri = "ldapi://%s/" % quote(self.socket, safe="")
        self.ca_file = pki["anchors.pem"]
        chain = pki.bytes("server.crt") + pki.bytes("commercial.crt")
        self.config = rig.write(os.path.join(name, "slapd.conf"), CONFIGURATION.format(
            folder=self.folder, suffix=SUFFIX, admin=ADMIN, password=PASSWORD,
            certificate=rig.write(os.path.join(name, "server.pem"), chain),
            key=pki["server.key"], ca=pki["anchors.pem"]), 0o600)
        entries = rig.write(os.path.join(name, "first.ldif"), ENTRIES.format(
            suffix=SUFFIX, reader=READER, reader_password=READER_PASSWORD))
        rig.run("slapadd", "-f", self.config, "-l", entries)
        self.start()

    def start(self):
        """Also again, after stop() or kill(); on the same ports."""
        self.process = Process(self.rig, self.name, [
            "slapd", "-f", self.config, "-d", "none",
            "-h", " ".join((self.uri, self.ldaps_uri, self.ldapi_uri))])
        self.process.wait_ready(
            lambda: all(listening(a) for a in (("127.0.0.1", self.port),
                                               ("127.0.0.1", self.ldaps_port), self.socket)),
            "slapd to listen")

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()

    def hang(self):
        """It still takes connections (the kernel does) and never answers."""
        self.process.signal(signal.SIGSTOP)
        wait_for(self._is_stopped, "slapd to stop")

    def go_on(self):
        self.process.signal(signal.SIGCONT)

    def _is_stopped(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            return f.read().rpartition(")")[2].split()[0] == "T"

    def load(self, ldif):
        """Adds or changes entries, as ldapmodify -a reads them."""
        self.rig.run("ldapmodify", "-a", "-x", "-H", self.uri, "-D", ADMIN, "-w", PASSWORD,
                     data=ldif.encode())

    def person(self, address, *certificates, attribute="userCertificate;binary"):
        """Adds an entry for the address, with these certificates (DER octets)."""
        self.load(self.person_ldif(address, *certificates, attribute=attribute))

    def person_ldif(self, address, *certificates, attribute="userCertificate;binary"):
        lines = [_line("dn", self.dn(address)), "objectClass: inetOrgPerson", _line("cn", address),
                 _line("sn", address.partition("@")[0])]
        # mail is an IA5String: an internationalised address stands in cn only.
        lines += ["mail: " + address] if address.isascii() else []
        lines += ["%s:: %s" % (attribute, base64.b64encode(c).decode()) for c in certificates]
        return "\n".join(lines) + "\n"

    def crl(self, name, octets):
        """Adds an entry with a list of revoked certificates, or puts another list in it. Returns its URL."""
        dn = "cn=%s,%s" % (name, self.base)
        known = dn in self._crls
        lines = ["dn: " + dn] + (["changetype: modify", "replace: certificateRevocationList;binary"] if known else
                                 ["objectClass: cRLDistributionPoint", "cn: " + name])
        self.load("\n".join(lines + [_line("certificateRevocationList;binary", octets)]) + "\n")
        self._crls.add(dn)
        return "%s%s?certificateRevocationList;binary?base?objectClass=cRLDistributionPoint" % (self.uri, quote(dn))

    def remove(self, address):
        self.rig.run("ldapdelete", "-x", "-H", self.uri, "-D", ADMIN, "-w", PASSWORD, self.dn(address))

    def dn(self, address):
        return "cn=%s,%s" % (address, self.base)

    def search(self, uri, pattern, *attributes):
        """What ldapsearch prints, bound as the reader."""
        environment = dict(os.environ, LDAPTLS_CACERT=self.ca_file, LDAPTLS_REQCERT="demand")
        return self.rig.run("ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", uri, "-D", READER,
                            "-w", READER_PASSWORD, "-b", self.base, pattern, *attributes,
                            environment=environment).stdout.decode()


def _line(name, value):
    octets = value if isinstance(value, bytes) else value.encode()
    return "%s:: %s" % (name, base64.b64encode(octets).decode())
