#!/usr/bin/env python3
"""Certificates and people of a revocation block: looked up in a real slapd, in servers that misbehave, and in what was
enrolled."""

import base64
import hashlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Rig, Tap, fake_ldap, wait_for  # noqa: E402
from rig.fake_ldap import FakeLdap  # noqa: E402
from test_revocation_schema import BASE, HASH, LONGEST, Tree, entry  # noqa: E402

OTHER_HASH = HASH.replace("ln=14", "ln=15")
COSTLY = HASH.replace("ln=14", "ln=20")
IDENTIFIER = "NTRCZ-26439395"
AUTHORITY = "organizationIdentifier=" + IDENTIFIER + ",CN=%s,O=První certifikační autorita\\, a.s.,C=CZ"
FIRST, SECOND, FOREIGN = (AUTHORITY % cn for cn in ("I.CA Qualified 2 CA/RSA 02/2016", "I.CA Qualified 2 CA/RSA 02/2017",
                                                   "Jiná"))
PEOPLE = "ou=people,dc=example"

OPENSSL = """\
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[holder]
basicConstraints = CA:false
[addressed]
basicConstraints = CA:false
subjectAltName = email:jan@alfa.example,email:jan.novak@alfa.example
"""

CONFIG = """\
listener "work" {{ socket = unix:{folder}/none }}
trusted-authres = mx
signer "seal" {{ key = /none }}
trust "people" {{ anchors = /none }}
directory "adresar" {{ type = ldap uri = "{uri}" base = "{base}" network-timeout = 30 operation-timeout = 30 }}
revocation "ica" {{
	address = revoke@ca.example
	authorities = {{ "{folder}/first.crt", "{folder}/second.crt" }}
	forms = {{ authorised, password }}
	trust = people
	signer = seal
	inventory = {inventory}
	{more}
	organisation "alfa" {{ unsigned-senders = jan@alfa.example organization-identifier = "NTRCZ-1" }}
	{organisations}
}}
"""


class Certificates:
    """Two certificates of an authority, another authority's, and what they issue."""

    def __init__(self, rig):
        self.rig = rig
        self.config = rig.write("openssl.cnf", OPENSSL)
        rig.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", rig.path("key"))
        for name, cn in (("first", "2016"), ("second", "2017"), ("foreign", "")):
            cn = "/CN=I.CA Qualified 2 CA\\/RSA 02\\/" + cn if cn else "/CN=Jiná"
            self._make(name, "/C=CZ/O=První certifikační autorita, a.s." + cn + "/organizationIdentifier=" + IDENTIFIER, "ca")

    def _make(self, name, subject, extensions, *more):
        self.rig.run("openssl", "req", "-x509", "-config", self.config, "-utf8", "-key", self.rig.path("key"), "-days", "30",
                     "-subj", subject, "-extensions", extensions, "-out", self.rig.path(name + ".crt"), *more)

    def issue(self, issuer, number, subject="/C=CZ/O=Beta s.r.o./CN=Jan", extensions="holder"):
        """The path; its octets in DER lie beside it."""
        name = "%s-%d" % (issuer, number)
        self._make(name, subject, extensions, "-CA", self.rig.path(issuer + ".crt"), "-CAkey", self.rig.path("key"),
                   "-set_serial", str(number))
        return self.rig.path(name + ".crt")

    def der(self, path):
        return self.rig.run("openssl", "x509", "-in", path, "-outform", "DER").stdout


class Tool:
    """lookup_tool with one configuration."""

    def __init__(self, rig, uri=None, base=BASE, more="", organisations="", journal=None):
        config = rig.write("lookup.conf", CONFIG.format(
            folder=rig.folder, uri=uri or "ldapi://", base=base, inventory="adresar" if uri else "enrolled",
            more=more, organisations=organisations))
        self.log = open(rig.path("lookup.err"), "wb+")
        program = os.path.join(os.environ.get("top_builddir", "."), "t", "e2e", "lookup_tool")
        self.process = subprocess.Popen([program, config] + ([journal] if journal else []), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True, encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        self.log.close()
        assert kind is not None or status == 0, "lookup_tool ended with status %d" % status

    def words(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def ask(self, *fields):
        """The answer and its code; what was found, a list of fields each."""
        self.tell(*fields)
        line = self.process.stdout.readline()
        assert line, "lookup_tool has gone: " + self.words()
        answer, code, count, self.reason = line.rstrip("\n").split("\t")
        found = [self.process.stdout.readline().rstrip("\n").split("\t") for _ in range(int(count))]
        return answer, code, found

    def tell(self, *fields):
        self.process.stdin.write("\t".join(fields) + "\n")
        self.process.stdin.flush()

    def serial(self, number):
        return self.ask("serial", "ica", "%x" % number)

    def expect(self, number, *found):
        got = self.serial(number)
        assert got == ("yes", "", [list(f) for f in found]), "%d: %r (%s)\n%s" % (number, got, self.reason, self.words())

    def unclear(self, number, code="inventory"):
        got = self.serial(number)
        assert got == ("can't-tell", code, []), "%d: %r (%s)\n%s" % (number, got, self.reason, self.words())

    def complains(self, *texts):
        words = self.words()
        for text in texts:
            assert text in words, "nothing of %s in\n%s" % (text, words)


def binary(octets, attribute="userCertificate;binary"):
    return "%s:: %s" % (attribute, base64.b64encode(octets).decode())


def text(attribute, value):
    return binary(value.encode(), attribute)


# ---- an inventory ---------------------------------------------------------------------------------


def fill(tree, certificates):
    c = certificates
    entries = [
        entry("full", binary(c.der(c.issue("first", 16, extensions="addressed"))), "sealRevocationPassword: " + HASH,
              "sealRevocationContact: podatelna@alfa.example", "sealRevocationContact: JAN@alfa.example",
              "sealRevocationContact: žaneta@příklad.example", "o: Alfa a.s.", "c: CZ", "organizationIdentifier: NTRCZ-1",
              number=16, issuer=FIRST),
        entry("bare", "o: Alfa a.s.", "c: CZ", "organizationIdentifier: NTRCZ-1", number=17, issuer=FIRST),
        entry("first", "sealRevocationPassword: " + HASH, number=18, issuer=FIRST),
        entry("second", "sealRevocationPassword: " + OTHER_HASH, number=18, issuer=SECOND),
        entry("foreign", "sealRevocationPassword: " + HASH, number=18, issuer=FOREIGN),
        entry("only-foreign", binary(c.der(c.issue("foreign", 19))), number=19, issuer=FOREIGN),
        entry("longest", number=LONGEST, issuer=SECOND),
        entry("zero", number=0, issuer=SECOND),
        # Two organisations.
        entry("disputed", "o: Alfa a.s.", "o: Beta s.r.o.", "c: CZ", number=22, issuer=FIRST),
        # As people and other programs write the same name.
        entry("oid", number=23, issuer="2.5.4.97=%s,cn=i.ca qualified 2 CA/RSA  02/2016,O=prvNí certifikační autorita\\2C  a.s.,"
              "c=cz" % IDENTIFIER.lower()),
        # What cannot be told.
        entry("untyped", number=30, issuer="carLicense=x," + FIRST),
        entry("contradicts-number", binary(c.der(c.issue("first", 99))), number=31, issuer=FIRST),
        entry("contradicts-issuer", binary(c.der(c.issue("second", 32))), number=32, issuer=FIRST),
        entry("contradicts-authority", binary(c.der(c.issue("first", 33))), number=33, issuer=FOREIGN),
        entry("twice", number=34, issuer=FIRST), entry("again", "sealRevocationPassword: " + HASH, number=34, issuer=FIRST),
        entry("good-of-35", "sealRevocationPassword: " + HASH, number=35, issuer=FIRST),
        entry("bad-of-35", number=35, issuer="carLicense=x," + FIRST),
        # What is wrong beside it.
        entry("no-hash", "sealRevocationPassword: heslo", number=40, issuer=FIRST),
        entry("costly", "sealRevocationPassword: " + COSTLY, number=41, issuer=FIRST),
        entry("contacts", text("sealRevocationContact", "jan@alfa.example\r\nBcc: eva@zlo.example"),
              "sealRevocationContact: <eva@zlo.example>", "sealRevocationContact: jan@alfa.example", number=42, issuer=FIRST),
        entry("many", *("sealRevocationContact: a%d@alfa.example" % i for i in range(30)), number=43, issuer=FIRST),
        # Several certificates, as people have them.
        entry("several", *(binary(c.der(c.issue(*who))) for who in (("first", 50), ("first", 51), ("second", 50))), number=50,
              issuer=SECOND),
    ]
    entries += [entry("crowd-%d" % i, number=60, issuer=FOREIGN) for i in range(101)]
    tree.add("\n".join(entries))


def test_inventory(tap, rig, tree):
    with Tool(rig, tree.uri) as tool:
        with tap.test("a certificate: its holder counts, whatever the entry says; contacts before its own addresses"):
            tool.expect(16, ("0", "", "Beta s.r.o.", "CZ", "", HASH,
                             "podatelna@alfa.example JAN@alfa.example žaneta@příklad.example jan.novak@alfa.example"))
        with tap.test("without a certificate the entry says who the holder is"):
            tool.expect(17, ("0", "NTRCZ-1", "Alfa a.s.", "CZ", "", "", ""))
        with tap.test("one number of two issuers: both, each with its own password, and not another authority's"):
            tool.expect(18, ("0", "", "", "", "", HASH, ""), ("1", "", "", "", "", OTHER_HASH, ""))
        with tap.test("a number that nobody has, or only another authority: none"):
            tool.expect(19)
            tool.expect(1)
            tool.expect(160)
        with tap.test("the longest number and zero"):
            tool.expect(LONGEST, ("1", "", "", "", "", "", ""))
            tool.expect(LONGEST - 1)
            tool.expect(0, ("1", "", "", "", "", "", ""))
        with tap.test("two names of an organisation: it is disputed"):
            tool.expect(22, ("0", "", "", "CZ", "disputed", "", ""))
        with tap.test("the issuer's name in another case, with blanks and with OIDs"):
            tool.expect(23, ("0", "", "", "", "", "", ""))
        with tap.test("of several certificates in an entry the one that it is about"):
            tool.expect(50, ("1", "", "Beta s.r.o.", "CZ", "", "", ""))
        for number, words in ((30, "untyped"), (31, "contradicts-number"), (32, "contradicts-issuer"),
                              (33, "contradicts-authority"), (34, "two entries for one certificate"), (35, "bad-of-35")):
            with tap.test("an entry that may be any certificate (%s): can't tell" % words):
                tool.unclear(number)
                tool.complains(words)
                assert "cn=" not in tool.reason, "who asks learns its name: " + tool.reason
        with tap.test("a hash that is none or costs too much: the certificate is there, without a password"):
            tool.expect(40, ("0", "", "", "", "", "", ""))
            tool.expect(41, ("0", "", "", "", "", "", ""))
            tool.complains("cn=no-hash", "cn=costly")
            assert "heslo" not in tool.words() and COSTLY not in tool.words(), tool.words()
        with tap.test("contacts that are no addresses are left out"):
            tool.expect(42, ("0", "", "", "", "", "", "jan@alfa.example"))
            tool.complains("cn=contacts")
            assert "\nBcc" not in tool.words() and "zlo.example" not in tool.words()
        with tap.test("more contacts than fit: as many as do"):
            found = tool.serial(43)[2][0][6].split()
            assert len(found) == 16, found
            tool.complains("cn=many")
        with tap.test("more entries than are looked at: can't tell"):
            tool.unclear(60, "ldap-limit")
        with tap.test("what is changed is seen at once"):
            tool.expect(70)
            tree.add(entry("new", number=70, issuer=FIRST))
            tool.expect(70, ("0", "", "", "", "", "", ""))


def person(name, *lines, of="inetOrgPerson"):
    return "\n".join(("dn: cn=%s,%s" % (name, PEOPLE), "objectClass: " + of, "cn: " + name) + lines) + "\n"


def test_other_attributes(tap, rig, tree, certificates):
    """An inventory that lies in people's own entries."""
    c = certificates
    tree.add("dn: %s\nobjectClass: organizationalUnit\nou: people\n" % PEOPLE)
    tree.add("\n".join([
        person("Jan", "sn: Jan", "employeeNumber: 16", "seeAlso: " + FIRST, "carLicense: " + HASH, "mail: jan@alfa.example",
               "o: Alfa a.s.", "description: NTRCZ-2", "st: SK", "sealRevocationContact: x@x.example"),
        person("Eva", "sn: Eva", "employeeNumber: 17", binary(c.der(c.issue("first", 17))), binary(c.der(c.issue("second", 99)))),
        person("Petr", "sn: Petr", "employeeNumber: 18", binary(c.der(c.issue("foreign", 18)))),
        person("Ota", "sn: Ota", "employeeNumber: 19", binary(c.der(c.issue("second", 98)))),
        person("Iva", "sn: Iva", "employeeNumber: 20", "employeeNumber;lang-cs: 21"),
    ]).replace("sealRevocationContact: x@x.example\n", ""))
    more = """inventory-filter = "(&(objectClass=inetOrgPerson)(employeeNumber=%n))"
	inventory-attributes = { "number=employeeNumber", "issuer=seeAlso", "password=carLicense", "contact=mail",
		"organization=o", "organization-identifier=description", "country=st" }"""
    with Tool(rig, tree.uri, base=PEOPLE, more=more) as tool:
        with tap.test("attributes with other names"):
            tool.expect(16, ("0", "NTRCZ-2", "Alfa a.s.", "SK", "", HASH, "jan@alfa.example"))
        with tap.test("a certificate alone tells whose it is"):
            tool.expect(17, ("0", "", "Beta s.r.o.", "CZ", "", "", ""))
            tool.expect(18)
        with tap.test("a number without an issuer, and others' certificates: can't tell"):
            tool.unclear(19)
            tool.unclear(20)
    more = more.replace("number=employeeNumber", "number=sn").replace("employeeNumber=%n", "employeeNumber=%n*")
    with Tool(rig, tree.uri, base=PEOPLE, more=more.replace("number=sn", "number=employeeNumber")) as tool:
        with tap.test("a filter that finds others too: those that have another number are left out"):
            tool.expect(1)


# ---- groups -----------------------------------------------------------------------------------------


def group(name, *members, of="groupOfNames", attribute="member"):
    return person(name, *("%s: %s" % (attribute, m) for m in members), of=of)


def test_groups(tap, rig, tree, certificates):
    c = certificates
    paths = [c.issue("first", 200 + i) for i in range(4)]
    ders = [c.der(path) for path in paths]
    digests = [hashlib.sha256(der).hexdigest() for der in ders]
    people = ["cn=%s,%s" % (name, PEOPLE) for name in ("Adam", "Božena", "Cyril")]
    tree.add("\n".join([
        person("Adam", "sn: A", binary(ders[0]), binary(ders[1])), person("Božena", "sn: B", binary(ders[2])),
        person("Cyril", "sn: C"),
        group("alfa", people[0], people[2], "cn=gone," + PEOPLE),
        group("beta", people[1] + "#'0101'B", people[0], of="groupOfUniqueNames", attribute="uniqueMember"),
        group("nested", "cn=alfa," + PEOPLE),
        group("large", *("cn=p%d,%s" % (i, PEOPLE) for i in range(1001))),
        group("widest", *("cn=p%d,%s" % (i, PEOPLE) for i in range(1000))),
    ]))

    def tool(*groups, more=""):
        return Tool(rig, tree.uri, organisations="\n".join(
            'organisation "%d" { group = "cn=%s,%s" organization-identifier = "NTRCZ-%d" }' % (i, g, PEOPLE, i)
            for i, g in enumerate(groups)) + more)

    with tool("alfa", "beta", "nested", more='organisation "file" { certificates = "%s" organization = Gama country = CZ '
              'match = name }' % paths[3]) as asked:
        with tap.test("members' certificates speak for their organisation, a group's in it do not"):
            answer, code, found = asked.ask("group", "ica")
            want = [[digests[3], "", "Gama", "CZ", "name"]]
            want += [[d, "NTRCZ-0", "", "", ""] for d in digests[:2]] + [[d, "NTRCZ-1", "", "", ""] for d in digests[:3]]
            assert (answer, code) == ("yes", "") and sorted(found) == sorted(want), (answer, code, found, asked.reason)
            asked.complains("cn=gone")
    with tool("alfa", "nowhere") as asked:
        with tap.test("a group that is not there: can't tell"):
            assert asked.ask("group", "ica") == ("can't-tell", "group", []), asked.reason
            assert "cn=nowhere" in asked.reason
    with tool("large") as asked:
        with tap.test("a group that is too large: can't tell"):
            assert asked.ask("group", "ica") == ("can't-tell", "group", []), asked.reason
            assert "1000" in asked.reason, asked.reason
    with tool("widest") as asked:
        with tap.test("a thousand members"):
            assert asked.ask("group", "ica") == ("yes", "", []), asked.reason
    with tool("alfa") as asked:
        with tap.test("who is taken out of a group speaks for nobody any more"):
            assert len(asked.ask("group", "ica")[2]) == 2
            tree.add("dn: cn=alfa,%s\nchangetype: modify\ndelete: member\nmember: %s\n" % (PEOPLE, people[0]))
            assert asked.ask("group", "ica") == ("yes", "", []), asked.reason


# ---- outages ----------------------------------------------------------------------------------------


def test_outages(tap, rig, tree):
    organisations = 'organisation "b" { group = "cn=beta,%s" organization-identifier = x }' % PEOPLE
    with Tool(rig, tree.uri, organisations=organisations) as tool:
        with tap.test("slapd hangs: can't tell, by the deadline"):
            tree.process.signal(signal.SIGSTOP)
            tool.tell("deadline", "1000")
            tool.unclear(16, "ldap-timeout")
            assert tool.ask("group", "ica")[:2] == ("can't-tell", "ldap-timeout")
            tree.process.signal(signal.SIGCONT)
        with tap.test("slapd goes on: found"):
            tool.tell("deadline", "60000")
            wait_for(lambda: tool.serial(17)[0] == "yes", "an answer")
            assert len(tool.ask("group", "ica")[2]) == 3
        with tap.test("slapd stopped: can't tell"):
            tree.process.stop()
            tool.unclear(16, "ldap")
            assert tool.ask("group", "ica")[:2] == ("can't-tell", "ldap")
        with tap.test("slapd back: found"):
            tree.start()
            tool.expect(17, ("0", "NTRCZ-1", "Alfa a.s.", "CZ", "", "", ""))
    with Tool(rig, tree.uri, base="ou=nowhere,dc=example") as tool:
        with tap.test("a base that is not there: can't tell, as nobody looked"):
            tool.unclear(16, "ldap")


# ---- servers that do as they like ----------------------------------------------------------------------


def search(*entries, code=fake_ldap.SUCCESS):
    return {fake_ldap.SEARCH: list(entries) + [fake_ldap.result(fake_ldap.DONE, code)]}


def known(name, number="16", issuer=FIRST, **more):
    return fake_ldap.entry(name, sealCertificateNumber=[number], sealCertificateIssuer=[issuer], **more)


GOOD = ("0", "", "", "", "", "", "")

MISBEHAVIOUR = [
    ("attributes in another case, and a certificate without ;binary", "yes", [GOOD],
     lambda c: [fake_ldap.entry("cn=x", SEALCERTIFICATENUMBER=["16"], sealcertificateissuer=[FIRST])]),
    ("a certificate that is none, beside a name: as if it were not there", "yes", [GOOD],
     lambda c: [known("cn=x", userCertificate=[b"\x30\x03abc"])]),
    ("nothing but a certificate that is none", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x", userCertificate=[b"\x30\x00"])]),
    ("an entry without anything", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x")]),
    ("a number without an issuer", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x", sealCertificateNumber=["16"])]),
    ("an issuer without a number", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x", sealCertificateIssuer=[FIRST])]),
    ("two numbers", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x", sealCertificateNumber=["16", "17"],
                                                                sealCertificateIssuer=[FIRST])]),
    ("two issuers", "can't-tell", [], lambda c: [fake_ldap.entry("cn=x", sealCertificateNumber=["16"],
                                                                sealCertificateIssuer=[FIRST, SECOND])]),
    ("a number in hexadecimal", "can't-tell", [], lambda c: [known("cn=x", "0x10")]),
    ("a number with a sign", "can't-tell", [], lambda c: [known("cn=x", "+16")]),
    ("a number with a NUL", "can't-tell", [], lambda c: [known("cn=x", "16\0")]),
    ("a number with zeros before it", "yes", [GOOD], lambda c: [known("cn=x", "0016")]),
    ("another number than was asked for", "yes", [], lambda c: [known("cn=x", "17")]),
    ("no number, and certificates with others", "yes", [],
     lambda c: [fake_ldap.entry("cn=x", userCertificate=[c.der(c.issue("first", 17)), c.der(c.issue("foreign", 18))])]),
    ("no number, certificates with others, and one that is none", "can't-tell", [],
     lambda c: [fake_ldap.entry("cn=x", userCertificate=[c.der(c.issue("first", 17)), b"\x30\x00"])]),
    ("no number, and a certificate that has it", "yes", [("1", "", "Beta s.r.o.", "CZ", "", "", "")],
     lambda c: [fake_ldap.entry("cn=x", userCertificate=[c.der(c.issue("second", 16))])]),
    ("another number than its certificate has", "can't-tell", [],
     lambda c: [known("cn=x", "17", userCertificate=[c.der(c.issue("first", 16))])]),
    ("65 certificates with the number", "can't-tell", [],
     lambda c: [fake_ldap.entry("cn=x", userCertificate=[c.der(c.issue("first", 16)) for _ in range(65)])]),
    ("an issuer with a NUL", "can't-tell", [], lambda c: [known("cn=x", issuer=FIRST + "\0")]),
    ("an issuer that is no name", "can't-tell", [], lambda c: [known("cn=x", issuer="I.CA")]),
    ("an issuer in another order", "yes", [], lambda c: [known("cn=x", issuer=",".join(reversed(
        FIRST.replace("\\, ", " ").split(","))))]),
    ("an issuer that is not UTF-8", "can't-tell", [], lambda c: [known("cn=x", issuer=b"CN=\xff")]),
    ("an issuer of 20,000 octets", "can't-tell", [], lambda c: [known("cn=x", issuer="CN=" + "x" * 20000)]),
    ("an organisation that is not UTF-8", "yes", [("0", "", "", "", "disputed", "", "")],
     lambda c: [known("cn=x", o=[b"\xff"])]),
    ("an organisation with a NUL", "yes", [("0", "", "", "", "disputed", "", "")], lambda c: [known("cn=x", o=[b"Alfa\0Beta"])]),
    ("an organisation of 5,000 octets", "yes", [("0", "", "", "", "disputed", "", "")], lambda c: [known("cn=x", o=["x" * 5000])]),
    ("two passwords", "yes", [GOOD], lambda c: [known("cn=x", sealRevocationPassword=[HASH, OTHER_HASH])]),
    ("a name of 10,000 octets with control characters", "can't-tell", [],
     lambda c: [fake_ldap.entry("cn=\n\r\x1b[2J" + "x" * 10000)]),
    ("two certificates with the number in one entry, of both issuers", "yes", [
        ("0", "", "Beta s.r.o.", "CZ", "", "", ""), ("1", "", "Beta s.r.o.", "CZ", "", "", "")],
     lambda c: [fake_ldap.entry("cn=x", userCertificate__binary=[c.der(c.issue("first", 16)), c.der(c.issue("second", 16))])]),
]


def test_misbehaviour(tap, rig, certificates):
    for words, answer, found, entries in MISBEHAVIOUR:
        server = FakeLdap(rig, search(*entries(certificates)))
        with Tool(rig, server.uri) as tool:
            with tap.test(words + ": " + answer):
                got = tool.serial(16)
                assert (got[0], got[2]) == (answer, [list(f) for f in found]), "%r (%s)\n%s" % (got, tool.reason, tool.words())
                assert "\x1b" not in tool.words() and max(map(len, tool.words().split("\n"))) < 9000
        server.stop()
    for words, answers, code in (
            ("more entries than the server was to hand out", search(*[known("cn=x%d" % i, issuer=FOREIGN) for i in range(150)]),
             "ldap-limit"),
            ("the server says that there is more", search(known("cn=x"), code=4), "ldap-limit"),
            ("entries of 4 MiB each", search(*[known("cn=x%d" % i, issuer=FOREIGN, description=["x" * 4 * 1024 * 1024])
                                               for i in range(3)]), "ldap-limit"),
            ("the server is busy", search(code=fake_ldap.BUSY), "ldap"),
            ("the server ends in the midst", {fake_ldap.SEARCH: [known("cn=x"), fake_ldap.Raw(b"\x30\x05abcde")]}, None)):
        server = FakeLdap(rig, answers)
        with Tool(rig, server.uri) as tool:
            with tap.test(words + ": can't tell"):
                tool.tell("deadline", "3000")
                got = tool.serial(16)
                assert got[0] == "can't-tell" and code in (None, got[1]), (got, tool.reason)
        server.stop()
    server = FakeLdap(rig, search())
    with Tool(rig, server.uri) as tool:
        with tap.test("what is asked for is the number in decimal, and the attributes"):
            tool.expect(LONGEST)
            asked = [octets for tag, octets in server.requests if tag == fake_ldap.SEARCH]
            assert len(asked) == 1 and str(LONGEST).encode() in asked[0] and b"sealRevocationPassword" in asked[0], asked
    organisations = 'organisation "b" { group = "cn=x" organization-identifier = x }'
    server = FakeLdap(rig, search(fake_ldap.entry("cn=x", **{"member__range=0-1499": ["cn=a"]})))
    with Tool(rig, server.uri, organisations=organisations) as tool:
        with tap.test("a group in parts: can't tell"):
            assert tool.ask("group", "ica")[:2] == ("can't-tell", "group"), tool.reason


# ---- what is enrolled -----------------------------------------------------------------------------------


def test_enrolled(tap, rig, certificates):
    c = certificates
    first, second, foreign = (rig.path(n + ".crt") for n in ("first", "second", "foreign"))
    with Tool(rig, journal=rig.path("journal")) as tool:
        def enrol(issuer, number, certificate="", password="", contacts=""):
            got = tool.ask("enrol", "ica", issuer, "%x" % number, certificate, password, contacts)
            assert got[0] == "yes", tool.reason

        with tap.test("a certificate that is enrolled, with its holder"):
            enrol(first, 16, c.issue("first", 16, extensions="addressed"), HASH, "podatelna@alfa.example jan@alfa.example ")
            tool.expect(16, ("0", "", "Beta s.r.o.", "CZ", "", HASH,
                             "podatelna@alfa.example jan@alfa.example jan.novak@alfa.example"))
            tool.expect(17)
        with tap.test("its number alone"):
            enrol(second, LONGEST, password=OTHER_HASH)
            enrol(first, 0)
            tool.expect(LONGEST, ("1", "", "", "", "", OTHER_HASH, ""))
            tool.expect(0, ("0", "", "", "", "", "", ""))
        with tap.test("one number of two issuers"):
            enrol(second, 16, password=OTHER_HASH)
            assert [f[0] for f in tool.serial(16)[2]] == ["0", "1"]
        with tap.test("of who is not, or no longer, of this authority: none"):
            enrol(foreign, 20)
            tool.expect(20)
        with tap.test("with another certificate than its number says: can't tell"):
            enrol(first, 21, c.issue("first", 22))
            enrol(second, 23, c.issue("first", 23))
            tool.unclear(21)
            tool.unclear(23)
            tool.expect(22)
        with tap.test("with a hash that costs too much, or a contact that is none"):
            enrol(first, 24, password=COSTLY, contacts="eva jan@alfa.example ")
            tool.expect(24, ("0", "", "", "", "", "", "jan@alfa.example"))
    with Tool(rig) as tool:
        with tap.test("the journal cannot be read: can't tell"):
            tool.unclear(16)


# ---- names in text -----------------------------------------------------------------------------------------

NAMES = {
    "CN=Jan,O=Alfa,C=CZ": "/C=CZ/O=Alfa/CN=Jan",
    " cn = Jan , o = Alfa ": "/O=Alfa/CN=Jan",
    "CN=Jan+serialNumber=1,C=CZ": None,
    "CN=a\\,b\\;c\\\\d\\23": "/CN=a,b;c\\d#",
    "2.5.4.3=Jan": "/CN=Jan",
    "2.5.4.97=X": "/organizationIdentifier=X",
    "CN=#0c034a616e": "/CN=Jan",
    "1.2.3.4.5=#0c0141": "/1.2.3.4.5=A",
    "emailAddress=a@b.cz,DC=b,DC=cz": "/DC=cz/DC=b/emailAddress=a@b.cz",
    "CN=": "/CN=",
}
NO_NAMES = ["", "Jan", "CN", "=Jan", "CN=Jan,", "unknown=x", "CN=a,nothing", "CN=#0c034a61", "CN=#0c034a616e00", "CN=#020101",
            "1.2.=x", "CN=\\ff", "CN=a\\", 'CN="a,b"']


def test_names(tap, rig):
    with Tool(rig) as tool:
        for name, want in NAMES.items():
            got = tool.ask("name", name)
            tap.ok(got[0] == "yes" and want in (None, got[2][0][0]), "the name %s" % name, "%r %s" % (got, tool.reason))
        for name in NO_NAMES:
            got = tool.ask("name", name)
            tap.ok(got == ("no", "dn", []), "no name: %s" % name, "%r %s" % (got, tool.reason))
        got = tool.ask("name", "CN=Jan+serialNumber=1,C=CZ"), tool.ask("name", "serialNumber=1+CN=Jan,C=CZ")
        tap.ok(got[0][0] == got[1][0] == "yes", "several values in one place", "%r" % (got,))


def main():
    tap = Tap()
    with Rig() as rig:
        certificates = Certificates(rig)
        test_names(tap, rig)
        test_enrolled(tap, rig, certificates)
        test_misbehaviour(tap, rig, certificates)
        tree = Tree(rig)
        fill(tree, certificates)
        test_inventory(tap, rig, tree)
        test_other_attributes(tap, rig, tree, certificates)
        test_groups(tap, rig, tree, certificates)
        test_outages(tap, rig, tree)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
