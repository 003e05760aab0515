"""Authorities that revoke: `openssl ca` with its index, lists, and `openssl ocsp` over it.

    authority = Revoker(rig)                    # a root, and "issuing" below it
    authority.issue("good", ["obchod@ucastnik.example"], crl=[url], ocsp=[url])
    authority.revoke("good", "keyCompromise")
    octets = authority.crl()

What is issued lies in the PKI's folder as NAME.crt, NAME.der and NAME.key, so that partners
can sign with it. Where requests for revocation are carried out, command() does so, and publishes
list_file:

    authority.publish()
    authority.give_to(WORKER_USER)
    command = authority.command()               # of a revocation block
    authority.wait_revoked(authority.serial("good"), logs)
"""

import os
import re
import shutil
from datetime import datetime, timedelta, timezone

from .base import Problem, Process, free_port, wait_for

REVOKE = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "contrib", "revoke-openssl-ca"))

CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
dir = {folder}
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {certificate}
private_key = {key}
default_md = sha256
default_crl_days = 7
policy = any
unique_subject = no
copy_extensions = none
crl_extensions = crl
[any]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
[req]
distinguished_name = none
[none]
"""

SIGNS = ["keyUsage=critical,nonRepudiation,digitalSignature"]
ENCRYPTS = ["keyUsage=critical,keyEncipherment,dataEncipherment"]
AUTHORITY = ["basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign"]
ANSWERS = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=OCSPSigning"]


class Revoker:
    """name: of the root; the authority below it is "NAME-issuing". root_crl: URLs at which the
    root's list is said to be, for the issuing authority's certificate. identifier: the authorities'
    organizationIdentifier."""

    def __init__(self, rig, name="revoker", root_crl=(), identifier=None):
        self.rig, self.pki, self.name, self.identifier = rig, rig.pki(), name, identifier
        self.root, self.issuing = name + "-root", name + "-issuing"
        for authority in (self.root, self.issuing):
            self._database(authority)
        self._key(self.root)
        self._key(self.issuing)
        self._issue(self.root, self.root, AUTHORITY, "-selfsign")
        self._issue(self.issuing, self.root, AUTHORITY + points(root_crl))

    @property
    def anchors(self):
        return self.pki[self.root + ".crt"]

    @property
    def intermediates(self):
        return self.pki[self.issuing + ".crt"]

    def issue(self, name, addresses=(), crl=(), ocsp=(), issuers=(), extensions=SIGNS, key="participant-sign",
              subject=""):
        """key: a name whose key it shares. crl: distribution points, ocsp: responders, issuers: where
        the issuer's certificate is; all URLs. subject: what stands in its name besides, "/C=CZ"."""
        shutil.copyfile(self.pki[key + ".key"], self._path(name + ".key"))
        os.chmod(self._path(name + ".key"), 0o600)
        access = ["OCSP;URI:" + u for u in ocsp] + ["caIssuers;URI:" + u for u in issuers]
        more = list(extensions) + points(crl)
        more += ["subjectAltName=" + ",".join("email:" + a for a in addresses)] if addresses else []
        more += ["authorityInfoAccess=" + ",".join(access)] if access else []
        self._issue(name, self.issuing, more, subject=subject)

    def issue_responder(self, name, nocheck=True, crl=()):
        """A certificate for a delegated OCSP responder (RFC 6960 4.2.2.2)."""
        self._key(name)
        self._issue(name, self.issuing, ANSWERS + points(crl) + (["noCheck=ignored"] if nocheck else []))

    def revoke(self, name, reason="keyCompromise", authority=None):
        self._ca(authority or self.issuing, "-revoke", self.pki[name + ".crt"], "-crl_reason", reason)

    def crl(self, authority=None, begin=0, end=7 * 24):
        """A new list, each with a higher number; begin and end: hours from now. DER."""
        authority = authority or self.issuing
        path = self._path(authority + ".list.pem")
        self._ca(authority, "-gencrl", "-crl_lastupdate", stamp(begin - 1), "-crl_nextupdate", stamp(end), "-out", path)
        return self.rig.run("openssl", "crl", "-in", path, "-outform", "DER").stdout

    def root_crl(self):
        return self.crl(self.root)

    def responder(self, signer=None):
        """A running `openssl ocsp` over the issuing authority's index. signer: the name of a delegated
        responder's certificate; else the authority answers itself."""
        return Responder(self, signer or self.issuing)

    # ---- where another user revokes

    @property
    def list_file(self):
        return os.path.join(self.folder_of(self.issuing), "list.crl")

    def publish(self):
        """The first list; the next ones are the command's."""
        self.rig.write(os.path.relpath(self.list_file, self.rig.folder), self.crl())

    def give_to(self, user):
        """What the command reads and writes is this user's from now on."""
        folder = self.folder_of(self.issuing)
        for path in [folder] + [os.path.join(folder, file) for file in os.listdir(folder)]:
            shutil.chown(path, user)
        shutil.chown(self.pki[self.issuing + ".key"], user)

    def command(self):
        """The arguments of contrib/revoke-openssl-ca for the issuing authority. It is a copy, as in root's home no worker
        could run it."""
        folder = self.folder_of(self.issuing)
        revoke = os.path.join(self.rig.folder, "revoke-openssl-ca")
        if not os.path.exists(revoke):
            shutil.copyfile(REVOKE, revoke)
            os.chmod(revoke, 0o755)
        return [revoke, "-c", os.path.join(folder, "ca.cnf"), "-a", self.pki[self.issuing + ".crt"],
                "-d", os.path.join(folder, "index"), "-k", folder, "-l", self.list_file, "-f", "der",
                "-i", "%i", "-s", "%s", "-r", "%r"]

    def serial(self, name):
        told = self.rig.run("openssl", "x509", "-in", self.pki[name + ".crt"], "-noout", "-serial").stdout
        return int(told.decode().strip().partition("=")[2], 16)

    def index(self, serial):
        """The database's own word: "V", "R" ..., and its time of revocation."""
        path = os.path.join(self.folder_of(self.issuing), "index")
        # openssl ca moves the old one away before the new one is there.
        wait_for(lambda: os.path.exists(path), path)
        with open(path) as f:
            for line in f:
                columns = line.rstrip("\n").split("\t")
                if int(columns[3], 16) == serial:
                    return columns[0], columns[2]
        raise Problem("%x is not in the index" % serial)

    def listed(self):
        """Serial numbers in the list as it lies published."""
        told = self.rig.run("openssl", "crl", "-in", self.list_file, "-inform", "DER", "-noout", "-text").stdout
        return [int(n, 16) for n in re.findall(r"Serial Number: ([0-9A-F]+)", told.decode())]

    def wait_revoked(self, serial, diagnostics):
        """Until the database and the published list say so. The time of revocation."""
        wait_for(lambda: self.index(serial)[0] == "R" and serial in self.listed(),
                 lambda: "%x to be revoked\n%s" % (serial, diagnostics()))
        return self.index(serial)[1]

    # ---- openssl

    def _path(self, file):
        return os.path.join(self.pki.folder, file)

    def folder_of(self, authority):
        return self.rig.path(authority)

    def _database(self, authority):
        folder = self.rig.make_folder(authority)
        for file, content in (("index", ""), ("index.attr", "unique_subject = no\n"), ("serial", "1000\n"),
                              ("crlnumber", "01\n")):
            self.rig.write(os.path.join(authority, file), content)
        self.rig.write(os.path.join(authority, "ca.cnf"), CONFIGURATION.format(
            folder=folder, certificate=self._path(authority + ".crt"), key=self._path(authority + ".key")))

    def _key(self, name):
        self.rig.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-out", self._path(name + ".key"))
        os.chmod(self._path(name + ".key"), 0o600)

    def _ca(self, authority, *arguments):
        self.rig.run("openssl", "ca", "-batch", "-config", os.path.join(self.folder_of(authority), "ca.cnf"), *arguments)

    def _issue(self, name, issuer, extensions, *options, subject=""):
        request, subject = self._path(name + ".csr"), subject + "/CN=" + name
        if self.identifier and name in (self.root, self.issuing):
            subject += "/organizationIdentifier=" + self.identifier
        self.rig.run("openssl", "req", "-new", "-config", os.path.join(self.folder_of(issuer), "ca.cnf"),
                     "-subj", subject, "-key", self._path(name + ".key"), "-out", request)
        lines = ["subjectKeyIdentifier=hash"] + ([] if options else ["authorityKeyIdentifier=keyid"]) + extensions
        file = self.rig.write(name + ".extensions", "\n".join(lines) + "\n")
        self._ca(issuer, "-notext", "-preserveDN", "-extfile", file, "-startdate", stamp(-24), "-enddate", stamp(24 * 300),
                 "-in", request, "-out", self._path(name + ".crt"), *options)
        self.rig.run("openssl", "x509", "-in", self._path(name + ".crt"), "-outform", "DER",
                     "-out", self._path(name + ".der"))


class Responder:
    """(host, port) is its address. Its answers say good, revoked, or unknown of what was never issued, as
    the index says when it starts."""

    count = 0

    def __init__(self, authority, signer):
        Responder.count += 1
        self.rig, self.name, self.address = authority.rig, "ocsp%d" % Responder.count, ("127.0.0.1", free_port())
        pki = authority.pki
        self.command = ["openssl", "ocsp", "-port", str(self.address[1]), "-nmin", "60",
                        "-index", os.path.join(authority.folder_of(authority.issuing), "index"),
                        "-CA", pki[authority.issuing + ".crt"], "-rsigner", pki[signer + ".crt"],
                        "-rkey", pki[signer + ".key"]]
        self.start()

    def start(self):
        self.process = Process(self.rig, self.name, self.command)
        # A connection without a request would keep it busy.
        self.process.wait_ready(lambda: "ACCEPT" in self.process.log(), "openssl ocsp to listen")

    def stop(self):
        self.process.stop()

    def restart(self):
        self.stop()
        os.unlink(self.process.log_path)
        self.start()


def points(urls):
    """Each a distribution point of its own."""
    if not urls:
        return []
    return ["crlDistributionPoints=" + ",".join("URI:" + u.replace(",", "%2C") for u in urls)]


def stamp(hours):
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y%m%d%H%M%SZ")
