#!/usr/bin/env python3
"""Recipients' certificates from a real slapd, from three of them, and from servers
that misbehave."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from rig import Rig, Slapd, Tap  # noqa: E402
from rig import fake_ldap  # noqa: E402
from rig.fake_ldap import FakeLdap, Relay  # noqa: E402

# The promise is that a look-up ends by its deadline; a busy machine gets this
# much more (s) before a test fails.
PATIENCE = 2.0

PARTICIPANT = "obchod@ucastnik.example"


def program():
    return os.path.join(os.environ.get("top_builddir", "."), "t", "e2e", "directory_tool")


def listed(values):
    return "{%s}" % ", ".join('"%s"' % v for v in values)


class Directory:
    """directory_tool with one ldap directory before it."""

    def __init__(self, rig, uris, name="tool", binds=False, before="", top="", **settings):
        pki = rig.pki()
        options = {"uri": listed(uris), "base": '"%s"' % Slapd.base, "network-timeout": "3",
                   "operation-timeout": "3", "binds-address": "yes" if binds else "no"}
        options.update({k.replace("_", "-"): v for k, v in settings.items()})
        self.config = rig.write(name + ".conf", "\n".join(
            ['listener "work" { socket = "unix:%s" }' % rig.path("none"),
             'anchors = {"%s"}' % pki["anchors.pem"],
             'intermediates = {"%s"}' % pki["intermediates.pem"], top, before,
             'directory "adresar" {', '\ttype = ldap'] +
            ["\t%s = %s" % item for item in options.items()] + ["}", ""]))
        self.log = open(rig.path(name + ".err"), "ab+")
        self.process = subprocess.Popen([program(), self.config], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        self.log.close()
        assert kind is not None or status == 0, "directory_tool ended with status %d" % status

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        """The answer's fields; the time that passed (s) is in self.took."""
        begin = time.monotonic()
        self.tell(line)
        answer = self.process.stdout.readline()
        self.took = time.monotonic() - begin
        assert answer, "directory_tool has gone: " + self.words()
        return answer.rstrip("\n").split("\t")

    def words(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def find(self, address, verb="find"):
        """answer, code, serials chosen, codes of refusal"""
        fields = self.ask(verb + " " + address)
        self.reason = fields[5]
        return fields[0], fields[1], fields[3].split(), sorted(fields[4].split())

    def answer(self, address):
        return self.find(address)[0]

    def lists(self, address, path):
        fields = self.ask("lists %s %s" % (address, path))
        self.reason = fields[5]
        return fields[0]


def serial(pki, name):
    out = subprocess.run(["openssl", "x509", "-in", pki[name + ".crt"], "-noout", "-serial"],
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    return out.strip().partition("=")[2].lstrip("0")


def expect(directory, address, want, verb="find"):
    got = directory.find(address, verb)
    assert got == want, "%s: got %r, want %r (%s)\n%s" % (address, got, want, directory.reason,
                                                        directory.words())


def certificates_only(rig, pki, *names):
    """A PKCS#7 SignedData with these certificates, as userSMIMECertificate has it."""
    files = [option for n in names for option in ("-certfile", pki[n + ".crt"])]
    return rig.run("openssl", "crl2pkcs7", "-nocrl", "-outform", "DER", *files).stdout


def test_find(tap, rig, slapd):
    pki = rig.pki()
    der = {n: pki.bytes(n + ".der") for n in (
        "participant", "participant-noaddress", "expired", "future", "wrong-usage", "other-address",
        "unknown-issuer", "weak", "ec256", "second", "commercial", "participant-sign")}
    good = serial(pki, "participant")
    slapd.person(PARTICIPANT, der["expired"], der["participant"], der["participant-sign"],
                 der["other-address"])
    for name in ("expired", "future", "wrong-usage", "unknown-issuer", "weak"):
        slapd.person(name + "@ucastnik.example", der[name])
    slapd.person("provoz@ucastnik.example", der["participant-noaddress"])
    slapd.person("ec256@ucastnik.example", certificates_only(rig, pki, "commercial", "ec256"),
                 attribute="userSMIMECertificate")
    slapd.person("second@ucastnik.example", b"\x30\x82garbage", certificates_only(rig, pki, "second"),
                 attribute="userSMIMECertificate")
    slapd.person("garbage@ucastnik.example", b"\x30\x82garbage", os.urandom(1000) * 2000,
                 attribute="userSMIMECertificate")
    slapd.person("bare@ucastnik.example")
    with Directory(rig, [slapd.uri]) as d:
        with tap.test("bad certificates do not hide the good one of the same entry"):
            expect(d, PARTICIPANT, ("yes", "", [good],
                                    ["key-usage", "other-address", "other-address"]))
        for name, code in (("expired", "expired"), ("future", "not-yet-valid"),
                           ("wrong-usage", "key-usage"), ("unknown-issuer", "untrusted"),
                           ("weak", "key-size")):
            with tap.test("a lone certificate is refused: " + code):
                expect(d, name + "@ucastnik.example", ("no", "no-usable-certificate", [], [code]))
        with tap.test("a certificate without addresses is refused without binds-address"):
            expect(d, "provoz@ucastnik.example", ("no", "no-usable-certificate", [], ["no-address"]))
        with tap.test("userSMIMECertificate's certificates are found"):
            expect(d, "ec256@ucastnik.example", ("yes", "", [serial(pki, "ec256")], ["ca"]))
        with tap.test("a value of garbage does not hide a good one"):
            expect(d, "second@ucastnik.example", ("yes", "", [serial(pki, "second")], ["malformed"]))
        with tap.test("nothing but garbage, some of it huge, is not taken for none"):
            expect(d, "garbage@ucastnik.example", ("can't-tell", "garbage", [], ["limit", "malformed"]))
        with tap.test("an entry without certificates, and no entry, mean none"):
            expect(d, "bare@ucastnik.example", ("no", "no-certificate", [], []))
            expect(d, "nobody@ucastnik.example", ("no", "no-certificate", [], []))
        with tap.test("letter case does not matter"):
            assert d.answer("Obchod@UCASTNIK.example") == "yes"
        with tap.test("addresses that mean something in a filter find nothing"):
            for address in ("*@ucastnik.example", "obchod*@ucastnik.example", "o\\2abchod@ucastnik.example",
                            '"x)(mail=*"@ucastnik.example', "*", ")(|(mail=*", "obchod@*"):
                assert d.answer(address) == "no", address
        with tap.test("the directory can be asked, and says so"):
            assert d.ask("probe") == ["yes", ""]
    with Directory(rig, [slapd.uri], binds=True) as d:
        with tap.test("binds-address lets a certificate without addresses pass"):
            expect(d, "provoz@ucastnik.example", ("yes", "", [serial(pki, "participant-noaddress")], []))
        with tap.test("but never one for another address"):
            assert "other-address" in d.find(PARTICIPANT)[3]
    with Directory(rig, [slapd.uri], base='"ou=nowhere,dc=adresar,dc=example"') as d:
        with tap.test("a base that does not exist is not taken for none"):
            assert d.answer(PARTICIPANT) == "can't-tell"
            assert d.ask("probe") == ["can't-tell", "adresar"]


DAY = 86400


def stamp(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * DAY))


def test_choice(tap, rig, slapd):
    pki = rig.pki()
    address = "second@dvojice.example"
    rig.run(sys.executable, "-c", ISSUE_TWO, pki.folder, address, stamp(-20), stamp(100), stamp(-10),
            stamp(300))
    with Directory(rig, [slapd.uri]) as d:
        with tap.test("a remembered certificate that has expired since is asked for anew"):
            slapd.person(address, pki.bytes("older.der"))
            expect(d, address, ("yes", "", [serial(pki, "older")], []))
            slapd.remove(address)
            slapd.person(address, *(pki.bytes(n + ".der") for n in ("older", "newer")))
            expect(d, address, ("yes", "", [serial(pki, "older")], []))
            d.tell("at %d" % (time.time() + 200 * DAY))
            expect(d, address, ("yes", "", [serial(pki, "newer")], ["expired"]))
    with Directory(rig, [slapd.uri]) as d:
        with tap.test("the newest is chosen, or all that will do"):
            expect(d, address, ("yes", "", [serial(pki, "newer")], []))
            assert sorted(d.find(address, "all")[2]) == sorted([serial(pki, "older"), serial(pki, "newer")])
        with tap.test("a remembered certificate that has expired since will not do"):
            d.tell("at %d" % (time.time() + 400 * DAY))
            expect(d, address, ("no", "no-usable-certificate", [], ["expired", "expired"]))


# Two certificates of one address; the older ends before the newer.
ISSUE_TWO = """
import subprocess, sys
folder, address, *dates = sys.argv[1:]
for name, begin, end in (("older", dates[0], dates[1]), ("newer", dates[2], dates[3])):
    with open(folder + "/two.cnf", "w") as f:
        f.write("[ca]\\ndefault_ca=a\\n[a]\\ndatabase=two.index\\nrand_serial=yes\\nnew_certs_dir=.\\n"
                "default_md=sha256\\npolicy=p\\nunique_subject=no\\nx509_extensions=x\\n[p]\\n"
                "commonName=supplied\\n[x]\\nkeyUsage=keyEncipherment\\nsubjectAltName=email:%s\\n"
                "[req]\\ndistinguished_name=d\\n[d]\\n" % address)
    open(folder + "/two.index", "w").close()
    def openssl(*arguments):
        subprocess.run(("openssl",) + arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    openssl("req", "-new", "-config", "two.cnf", "-key", "second.key", "-subj", "/CN=" + name,
            "-out", "two.csr")
    openssl("ca", "-batch", "-notext", "-config", "two.cnf", "-cert", "commercial.crt", "-keyfile",
            "commercial.key", "-in", "two.csr", "-out", name + ".crt", "-startdate", begin,
            "-enddate", end)
    openssl("x509", "-in", name + ".crt", "-outform", "DER", "-out", name + ".der")
"""


def test_international(tap, rig, slapd):
    pki = rig.pki()
    slapd.load("dn: cn=idn,%s\nobjectClass: inetOrgPerson\ncn: idn\nsn: idn\n"
               "mail: info@xn--astnk-9ua5s9b.example\n" % slapd.base)
    slapd.load("dn: cn=idn,%s\nchangetype: modify\nadd: userCertificate;binary\n"
               "userCertificate;binary:< file://%s\n" % (slapd.base, pki["participant-noaddress.der"]))
    label = "účastník".encode("idna").decode()
    slapd.load("dn: cn=idn,%s\nchangetype: modify\nreplace: mail\nmail: info@%s.example\n"
               % (slapd.base, label))
    with Directory(rig, [slapd.uri], binds=True) as d:
        with tap.test("an internationalised domain is found under its A-label"):
            assert d.answer("info@účastník.example") == "yes", d.reason
            assert d.answer("info@%s.example" % label) == "yes", d.reason


def test_transport(tap, rig, slapd):
    pki = rig.pki()
    secret = rig.write("reader.pass", slapd.reader_password + "\n", 0o600)
    wrong = rig.write("wrong.pass", "nespravne\n", 0o600)
    shared = rig.write("shared.pass", slapd.reader_password + "\n", 0o640)
    written = rig.write("written.pass", slapd.reader_password + "\n", 0o660)
    open_to_all = rig.write("open.pass", slapd.reader_password + "\n", 0o644)
    ca, other_ca = '"%s"' % slapd.ca_file, '"%s"' % pki["unknown-root.crt"]
    bind = {"bind_dn": '"%s"' % slapd.reader}
    same, other = Relay(rig, "127.0.0.1", slapd.ldaps_port), Relay(rig, "127.0.0.2", slapd.ldaps_port)
    for name, want, uri, settings in (
            ("ldaps with the CA's file", "yes", slapd.ldaps_uri, {"ca_file": ca}),
            ("ldaps with another CA's file", "can't-tell", slapd.ldaps_uri, {"ca_file": other_ca}),
            ("ldaps through a relay", "yes", same.ldaps_uri, {"ca_file": ca}),
            ("ldaps to an address that is not the certificate's", "can't-tell", other.ldaps_uri,
             {"ca_file": ca}),
            ("StartTLS", "yes", slapd.uri, {"ca_file": ca, "start_tls": "yes"}),
            ("StartTLS with another CA's file", "can't-tell", slapd.uri,
             {"ca_file": other_ca, "start_tls": "yes"}),
            ("ldapi", "yes", slapd.ldapi_uri, {}),
            ("a bind with the password from a file", "yes", slapd.uri,
             dict(bind, password_file='"%s"' % secret)),
            ("a bind with a wrong password", "can't-tell", slapd.uri,
             dict(bind, password_file='"%s"' % wrong)),
            ("root's password file that a group can read", "yes", slapd.uri,
             dict(bind, password_file='"%s"' % shared)),
            ("root's password file that a group can write", "can't-tell", slapd.uri,
             dict(bind, password_file='"%s"' % written)),
            ("a password file that others can read", "can't-tell", slapd.uri,
             dict(bind, password_file='"%s"' % open_to_all)),
            ("ldaps where plain LDAP is spoken", "can't-tell", "ldaps" + slapd.uri[4:], {"ca_file": ca})):
        with Directory(rig, [uri], name="transport", **settings) as d:
            with tap.test("%s: %s" % (name, want)):
                got = d.answer(PARTICIPANT)
                assert got == want, "%s (%s)\n%s" % (got, d.reason, d.words())
                assert settings.get("ca_file") != other_ca or "certificate is refused" in d.reason, d.reason


def test_cache(tap, rig, slapd):
    address = "ec384@ucastnik.example"
    der = rig.pki().bytes("ec384.der")
    with Directory(rig, [slapd.uri], name="cache", top="cache-negative = 600") as d:
        assert d.answer(PARTICIPANT) == "yes"
        with tap.test("that there is none is remembered"):
            assert d.answer(address) == "no"
            slapd.person(address, der)
            assert d.answer(address) == "no"
        slapd.stop()
        with tap.test("what was found is remembered while the server is away"):
            assert d.answer(PARTICIPANT) == "yes"
        with tap.test("a server that is away means can't tell, which is not remembered"):
            assert d.answer("second@ucastnik.example") == "can't-tell"
            assert d.ask("probe") == ["can't-tell", "adresar"]
            slapd.start()
            assert d.answer("second@ucastnik.example") == "yes", d.reason
    with Directory(rig, [slapd.uri], name="positive", top="cache-negative = 0") as d:
        with tap.test("what is none is remembered for its own time"):
            slapd.remove(address)
            assert d.answer(address) == "no"
            slapd.person(address, der)
            assert d.answer(address) == "yes"
    with Directory(rig, [slapd.uri], name="uncached", top="cache-negative = 0\ncache-positive = 0") as d:
        with tap.test("with times of 0 nothing is remembered"):
            assert d.answer(address) == "yes"
            slapd.remove(address)
            assert d.answer(address) == "no"
            slapd.person(address, der)
            assert d.answer(address) == "yes"
        with tap.test("a connection that the server has closed is made anew without a word"):
            slapd.stop()
            slapd.start()
            assert d.answer(PARTICIPANT) == "yes", d.reason
            assert "directory-server-failed" not in d.words(), d.words()


def test_vouching(tap, rig, slapd):
    """Whether a signer's certificate, which has no address, is listed for From."""
    pki = rig.pki()
    address, bare = "podpis@ucastnik.example", pki["sign-qualified.crt"]
    slapd.person(address, pki.bytes("participant.der"), pki.bytes("sign-qualified.der"))
    with Directory(rig, [slapd.uri], name="vouches", binds=True) as d:
        with tap.test("a certificate that only signs is listed for its address, others are not"):
            assert d.lists(address, bare) == "yes", d.reason
            assert d.lists(address, pki["participant-noaddress.crt"]) == "no", d.reason
            assert d.lists("second@ucastnik.example", bare) == "no", d.reason
            assert d.lists("*@ucastnik.example", bare) == "no", d.reason
        with tap.test("that only another is listed is asked anew, that none is is remembered"):
            slapd.remove(address)
            slapd.person(address, pki.bytes("participant-noaddress.der"))
            assert d.lists(address, bare) == "yes", d.reason
            assert d.lists(address, pki["participant-noaddress.crt"]) == "yes", d.reason
            assert d.lists("novy@ucastnik.example", bare) == "no", d.reason
            slapd.person("novy@ucastnik.example", pki.bytes("sign-qualified.der"))
            assert d.lists("novy@ucastnik.example", bare) == "no", d.reason
        slapd.stop()
        with tap.test("with the server away only what is remembered is listed"):
            assert d.lists(address, pki["participant-noaddress.crt"]) == "yes", d.reason
            assert d.lists(address, pki["participant.crt"]) == "can't-tell"
            assert d.lists("second@ucastnik.example", bare) == "can't-tell"
        slapd.start()
    with Directory(rig, [slapd.uri], name="silent") as d:
        with tap.test("without binds-address nobody is listed"):
            assert d.lists("novy@ucastnik.example", bare) == "no", d.reason


def test_many(tap, rig, slapd):
    with Directory(rig, [slapd.uri], name="many", top="cache-positive = 0\ncache-negative = 0",
                   connections="3") as d:
        with tap.test("100 look-ups at once share three connections"):
            assert d.ask("parallel 100 " + PARTICIPANT)[:3] == ["100", "0", "0"]


def test_login(tap, rig, slapd):
    slapd.load("dn: cn=login,%s\nobjectClass: inetOrgPerson\ncn: login\nsn: login\nuid: jana\n"
               "mail: jana@trh.example\n" % slapd.base)
    with Directory(rig, [slapd.uri], name="login", top='sender-login-directory = "adresar"') as d:
        with tap.test("a login may use the addresses of its entry and no others"):
            assert d.ask("login jana jana@trh.example")[0] == "yes"
            assert d.ask("login jana zpravy@trh.example")[0] == "no"
            assert d.ask("login petr jana@trh.example")[0] == "no"
            for login in ("*", "jana)(mail=*", "j*"):
                assert d.ask("login %s jana@trh.example" % login)[0] == "no", login
        slapd.stop()
        with tap.test("a server that is away does not mean no"):
            assert d.ask("login jana jana@trh.example")[0] == "can't-tell"
        slapd.start()


def in_time(d, deadline, address=PARTICIPANT, want="can't-tell"):
    d.tell("deadline %d" % (deadline * 1000))
    got = d.answer(address)
    assert got == want, "%s (%s)\n%s" % (got, d.reason, d.words())
    assert d.took < deadline + PATIENCE, "it took %.1f s of %.1f" % (d.took, deadline)


def test_failover(tap, rig, slapds):
    first, second, third = slapds
    uris = [s.uri for s in slapds]
    second.person(PARTICIPANT, rig.pki().bytes("participant.der"))
    third.person(PARTICIPANT, rig.pki().bytes("participant.der"))
    plain = {"top": "cache-positive = 0\ncache-negative = 0\nrcpt-deadline = 60", "network_timeout": "30",
             "operation_timeout": "30"}
    with Directory(rig, uris, name="failover", **plain) as d:
        assert d.answer(PARTICIPANT) == "yes"
        first.stop()
        with tap.test("the second server answers when the first is away"):
            assert d.answer(PARTICIPANT) == "yes", d.reason
        first.start()
        second.hang()
        with tap.test("a server that hangs with a connection open is passed over in time"):
            in_time(d, 6, want="yes")
        first.hang()
        third.hang()
        with tap.test("three servers that hang with connections open: can't tell, in time"):
            in_time(d, 3)
        for s in slapds:
            s.go_on()
        with tap.test("and they are asked again when they go on"):
            in_time(d, 8, want="yes")
    for s in slapds:
        s.hang()
    with Directory(rig, uris, name="hung", **plain) as d:
        with tap.test("three servers that hang from the start: can't tell, in time"):
            in_time(d, 3)
        with tap.test("and so for 20 look-ups at once"):
            assert d.ask("parallel 20 " + PARTICIPANT)[:3] == ["0", "0", "20"]
            assert d.took < 3 + PATIENCE, d.took
    for s in slapds:
        s.go_on()


def test_hanging(tap, rig, slapd):
    plain = {"top": "cache-positive = 0\ncache-negative = 0\nrcpt-deadline = 60", "network_timeout": "30",
             "operation_timeout": "30"}
    ca = '"%s"' % slapd.ca_file
    certificate = rig.pki().bytes("participant.der")
    half = fake_ldap.ber(0x30, ber_id(2), fake_ldap.entry("cn=x", userCertificate=[certificate]))[:700]
    for name, answers, takes, scheme, settings in (
            ("never reads", {}, False, "uri", {}),
            ("never answers a bind", {fake_ldap.BIND: []}, True, "uri", {}),
            ("never answers a search", {fake_ldap.SEARCH: []}, True, "uri", {}),
            ("never shakes hands for ldaps", {}, False, "ldaps_uri", {"ca_file": ca}),
            ("never answers StartTLS", {}, True, "uri", {"ca_file": ca, "start_tls": "yes"}),
            ("never shakes hands after StartTLS",
             {fake_ldap.EXTENDED: [fake_ldap.result(fake_ldap.EXTENDED_ANSWER, fake_ldap.SUCCESS)]}, True,
             "uri", {"ca_file": ca, "start_tls": "yes"}),
            ("stops in the middle of an answer", {fake_ldap.SEARCH: [fake_ldap.Raw(half)]}, True, "uri", {})):
        servers = [FakeLdap(rig, answers, takes) for _ in range(3)]
        with Directory(rig, [getattr(s, scheme) for s in servers], name="hanging", **plain, **settings) as d:
            with tap.test("three servers, each of which %s: can't tell, in time" % name):
                in_time(d, 3)
                assert [s.accepted for s in servers] == [1, 1, 1], [s.accepted for s in servers]
                assert d.reason.count("127.0.0.1") == 1, d.reason
        hung = FakeLdap(rig, answers, takes)
        good = FakeLdap(rig, {fake_ldap.SEARCH: [fake_ldap.entry("cn=x", userCertificate=[certificate]),
                                                 fake_ldap.result(fake_ldap.DONE, fake_ldap.SUCCESS)]})
        if scheme != "uri" or settings:
            continue
        with Directory(rig, [hung.uri, good.uri], name="hanging", **plain) as d:
            with tap.test("one server that %s leaves time for the next, and is left alone then" % name):
                in_time(d, 6, want="yes")
                assert d.ask("parallel 4 " + PARTICIPANT)[0] == "4"  # over connections of their own
                assert hung.accepted == 1, hung.accepted
                assert "directory-server-failed" in d.words()


def ber_id(number):
    return fake_ldap.ber(0x02, bytes([number]))


def test_odd_answers(tap, rig):
    certificate = rig.pki().bytes("participant.der")
    good = serial(rig.pki(), "participant")
    done = fake_ldap.result(fake_ldap.DONE, fake_ldap.SUCCESS)
    referral = fake_ldap.result(fake_ldap.DONE, fake_ldap.REFERRAL, fake_ldap.ber(
        0xa3, fake_ldap.ber(0x04, "ldap://127.0.0.1:1/")))
    reference = fake_ldap.ber(fake_ldap.REFERENCE, fake_ldap.ber(0x04, "ldap://127.0.0.1:1/ou=x"))
    for name, want, answers in (
            ("userCertificate without an option, as 389-ds has it",
             ("yes", "", [good], []), [fake_ldap.entry("cn=x", userCertificate=[certificate]), done]),
            ("the same certificate under two names, and twice",
             ("yes", "", [good], []),
             [fake_ldap.entry("cn=x", userCertificate=[certificate], USERcertificate__binary=[certificate]),
              fake_ldap.entry("cn=y", userCertificate=[certificate]), done]),
            ("attributes that nobody asked for",
             ("no", "no-certificate", [], []), [fake_ldap.entry("cn=x", cACertificate=[certificate]), done]),
            ("a certificate with octets behind it",
             ("can't-tell", "garbage", [], ["malformed"]),
             [fake_ldap.entry("cn=x", userCertificate=[certificate + b"\0"]), done]),
            ("values that are empty, NULs or PEM",
             ("can't-tell", "garbage", [], ["malformed"] * 3),
             [fake_ldap.entry("cn=x", userCertificate=[b"", b"\0" * 100, rig.pki().bytes("participant.crt")]),
              done]),
            ("200 values of garbage before the good one",
             ("can't-tell", "garbage", [], ["malformed"] * 100),
             [fake_ldap.entry("cn=x", userCertificate=[b"x"] * 200 + [certificate]), done]),
            ("references beside the entry", ("yes", "", [good], []),
             [reference, fake_ldap.entry("cn=x", userCertificate=[certificate]), reference, done]),
            ("a referral in place of an answer", ("can't-tell", "ldap", [], []), [referral]),
            ("busy", ("can't-tell", "ldap", [], []), [fake_ldap.result(fake_ldap.DONE, fake_ldap.BUSY)]),
            ("an entry of 9 MiB", ("can't-tell", "ldap", [], []),
             [fake_ldap.entry("cn=x", userCertificate=[b"x" * (9 << 20)]), done]),
            ("an entry that is none", ("can't-tell", "ldap", [], []),
             [fake_ldap.Raw(b"GET / HTTP/1.0\r\n\r\n" * 10)]),
            ("the end of the connection", ("can't-tell", "ldap-timeout", [], []), [])):
        server = FakeLdap(rig, {fake_ldap.SEARCH: answers})
        with Directory(rig, [server.uri], name="odd") as d:
            d.tell("deadline 3000")
            with tap.test("a server's answer: " + name):
                expect(d, PARTICIPANT, want)
                server.answers[fake_ldap.SEARCH] = [
                    fake_ldap.entry("cn=x", userCertificate__binary=[rig.pki().bytes("second.der")]), done]
                assert d.answer("second@ucastnik.example") == "yes", d.reason
    server = FakeLdap(rig, {fake_ldap.SEARCH: [done]})
    with Directory(rig, [server.uri], name="odd") as d:
        with tap.test("both attribute forms are asked for"):
            d.answer(PARTICIPANT)
            request = [body for tag, body in server.requests if tag == fake_ldap.SEARCH][0].lower()
            for name in (b"\x0fusercertificate", b"\x16usercertificate;binary",
                         b"\x1busersmimecertificate;binary"):
                assert name in request, request


def main():
    tap = Tap()
    with Rig() as rig, tap.section("servers"):
        slapds = [Slapd(rig, name="slapd%d" % i) for i in range(3)]
        for test in (test_find, test_choice, test_international, test_transport, test_cache,
                     test_vouching, test_many, test_login):
            with tap.section(test.__name__):
                test(tap, rig, slapds[0])
        with tap.section("failover"):
            test_failover(tap, rig, slapds)
        with tap.section("hanging"):
            test_hanging(tap, rig, slapds[0])
        with tap.section("odd answers"):
            test_odd_answers(tap, rig)
    sys.exit(tap.done())


if __name__ == "__main__":
    main()
