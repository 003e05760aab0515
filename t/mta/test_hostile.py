#!/usr/bin/env python3
"""Mail that is made to do harm, sent over the milter protocol.

The daemon and all its processes run under RLIMIT_AS 512 MiB and RLIMIT_CPU 20 s.
Each mail gets a clear answer, no process dies, and the next good mail leaves
sealed and encrypted. With SEAL_VERBOSE set the gate's CPU time and memory
are told for each."""

import base64
import contextlib
import os
import re
import sys

import hostile_corpus as corpus
from daemon_scene import (PARTICIPANT, SENDER, TOOL, Daemon, Packets, Rig, Tap, block, message, program, text,
                          wait_for)
from hostile_corpus import MARK, PASSED, SEALED, TEXT, mail, multipart, part, typed
from rig import judges
from rig.fake_ldap import SEARCH, SUCCESS, DONE, FakeLdap, entry, result
from rig.gateway import GATE_USER

MEMORY = 512 << 20
CPU = 20
SANITIZERS_TIME = 20
OUTSIDE = "kdokoli@jinde.example"     # only signed to
KNOWN = "nobody@elsewhere.example"    # has a certificate, encrypted to by a trigger only
WRAPPED = "kdokoli@obalka.example"    # whose rule wraps signatures
STRANGER = ("--client", "198.51.100.7,4444")

RULES = (
    block("rule", "default", sender_domain=text("trh.example"), sign=text("seal")) +
    block("rule", "wrapped", recipient_domain=text("obalka.example"), sign=text("seal"), already_protected="wrap",
          sender_domain=text("trh.example")) +
    block("rule", "required", recipient_domain=text("ucastnik.example"), encrypt="required") +
    block("rule", "by sender", sender=text("tajny@trh.example"), encrypt="required") +
    block("rule", "on request", trigger=text("X-Seal: encrypt"), encrypt="required") +
    block("rule", "weaken", trigger=text("X-Seal: plain"), encrypt="when-possible"))


def is_sanitized():
    """The sanitizers' own memory is far beyond any limit, and their time several times ours."""
    with open(program("sealmilter"), "rb") as f:
        octets = f.read()
    return b"__asan_init" in octets or b"__tsan_init" in octets


def cpu_limit():
    return CPU * SANITIZERS_TIME if is_sanitized() else CPU


def limited(rig):
    """A folder with a sealmilter that starts under the limits; all its children inherit them."""
    limits = ["--cpu=%d" % cpu_limit()] + ([] if is_sanitized() else ["--as=%d" % MEMORY])
    folder = rig.make_folder("limited")
    rig.write("limited/sealmilter", "#!/bin/sh\nexec prlimit %s '%s' \"$@\"\n" % (
        " ".join(limits), os.path.abspath(program("sealmilter"))), 0o755)
    return folder


class Target(Daemon):
    def __init__(self, rig, **options):
        self.openssl = judges.OpenSSL(rig)
        certificates = rig.make_folder("certificates")
        for name in ("participant", "other-address"):
            with open(os.path.join(certificates, name + ".crt"), "wb") as f:
                f.write(rig.pki().bytes(name + ".crt"))
        options.setdefault("rules", RULES)
        super().__init__(rig, **options)
        self.family = self.pids()

    def start(self):
        before = os.environ.get("SEALMILTER_BIN")
        os.environ["SEALMILTER_BIN"] = limited(self.rig)
        try:
            super().start()
        finally:
            del os.environ["SEALMILTER_BIN"]
            if before is not None:
                os.environ["SEALMILTER_BIN"] = before
        self.family = self.pids()
        for pid in [self.process.pid] + self.family:
            with open("/proc/%d/limits" % pid) as f:
                assert re.search(r"Max cpu time +%d " % cpu_limit(), f.read())

    def stop(self):
        assert judges.body_text(self.openssl.verify(self.opens(self.send(data=mail()))).content) == TEXT.decode()
        super().stop()
        assert not re.search(r"Sanitizer|runtime error", self.log()), self.log()[-20000:]

    def cpu(self):
        """Seconds that the gates have used."""
        ticks = 0
        for pid in self.pids_of("gate"):
            with open("/proc/%d/stat" % pid) as f:
                fields = f.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MB of address space that the gates have had at the most."""
        peak = 0
        for pid in self.pids_of("gate"):
            with open("/proc/%d/status" % pid) as f:
                peak += sum(int(line.split()[1]) for line in f if line.startswith("VmPeak"))
        return peak >> 10

    def opens(self, sent, who="participant"):
        """The entity that is in the envelope, as its recipient gets it."""
        assert sent.verdict == "accepted", sent
        assert judges.smime_type(sent.data) in ("enveloped-data", "authEnveloped-data"), sent.data[:2000]
        assert not judges.is_clear(sent.data, MARK), sent.data
        return self.openssl.decrypt(judges.der_of(sent.data), who)

    def next_good(self):
        """The next good mail is sealed and encrypted, by the same processes."""
        sealed = self.opens(self.send(data=mail()))
        assert judges.smime_type(sealed) == "multipart/signed" and judges.body_text(sealed) == TEXT.decode(), sealed
        assert self.pids() == self.family, (self.pids(), self.family, self.log()[-3000:])


def content_types(octets):
    return [name.lower() for name, _ in judges.parse(octets).items()
            if name.lower().startswith("content-") or name.lower() == "mime-version"]


def check_header(sent):
    """Of the MIME fields there are only our own, each once, and no field is anybody else's."""
    names = content_types(sent.data)
    assert len(names) == len(set(names)), names
    for change in sent.answer["changes"]:
        assert re.fullmatch(r"[\x20-\x7e]*(\n[\t ][\x20-\x7e]+)*", change["value"]), change


def reading(octets):
    """What a mail program shows: each part's type, name and decoded content."""
    return [(p.get_content_type(), p.get_filename(), p.is_multipart() or p.get_payload(decode=True))
            for p in judges.parse(octets).walk()]


def check_answer(sent, expected):
    begin, word = expected
    assert sent.verdict == "replied" and sent.text.startswith(begin) and word in sent.text, sent
    assert "\n" not in sent.text and "\r" not in sent.text, sent


def is_sealed(target, sent):
    """Sealed by us, and what was sealed is what was sent; returns that."""
    assert sent.verdict == "accepted", sent
    check_header(sent)
    return target.openssl.verify(sent.data).content


@contextlib.contextmanager
def attack(tap, target, name):
    """A test, and then the next good mail. The gate's time is said if asked."""
    before = target.cpu()
    with tap.test(name):
        yield
        target.next_good()
    if os.environ.get("SEAL_VERBOSE"):
        tap.diagnose("gate: %.2f s, %d MB" % (target.cpu() - before, target.memory()))


def refuse_or_seal(tap, target, cases, *options):
    """Each once to somebody who gets it signed, once to whom it must be encrypted."""
    for name, data, expected in cases:
        with attack(tap, target, name):
            sent = target.send("--rcpt", OUTSIDE, *options, data=data)
            hidden = target.send(*options, data=data)
            if expected == SEALED:
                is_sealed(target, sent)
                target.openssl.verify(target.opens(hidden))
            else:
                check_answer(sent, expected)
                check_answer(hidden, expected)


def test_structure(tap, rig):
    target = Target(rig)
    for name, data, expected in corpus.structures() + corpus.bodies():
        with attack(tap, target, name):
            sent = target.send("--rcpt", OUTSIDE, "--exact", data=data)
            content = is_sealed(target, sent)
            inner = target.openssl.verify(target.opens(target.send("--exact", data=data))).content
            assert inner == content, (inner, content)
            same_reading(content, data)
            if judges.smime_type(sent.data) == "multipart/signed":
                is_unbreakable(content)
    target.stop()


def same_reading(content, data):
    """Readers see in the seal what they would have seen without. MTAs take out the blanks
    before a field's colon, which Python does not know."""
    head, end, body = data.partition(b"\r\n\r\n")
    before, after = reading(re.sub(rb"(?m)^([\w-]+)[ \t]+:", rb"\1:", head) + end + body), reading(content)
    assert [r[0] for r in before] == [r[0] for r in after], (before, after)
    for (_, name, old), (_, new_name, new) in zip(before, after):
        if isinstance(old, bytes):
            assert strip(old) == strip(new), (old, new)
        assert "\ufffd" in str(name) or name == new_name, (name, new_name)


def strip(payload):
    """Python leaves a multipart's last line ends to one part or the other."""
    return payload.rstrip(b"\r\n")


def is_unbreakable(content):
    assert not re.search(rb"[\x80-\xff\0]|\r(?!\n)|(?<!\r)\n|[ \t]\r\n", content), content[:3000]
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert not re.search(rb"(^|\n)From ", content), content[:3000]


def test_senders(tap, rig):
    target = Target(rig)
    for name, sender, expected in corpus.senders():
        with attack(tap, target, "From: " + name):
            data = mail(TEXT, sender=sender)
            sent = target.send("--rcpt", OUTSIDE, "--exact", "--param", "SMTPUTF8", data=data)
            hidden = target.send("--exact", "--param", "SMTPUTF8", data=data)
            if isinstance(expected, tuple):
                check_answer(sent, expected)
                check_answer(hidden, expected)
                continue
            if expected is not None:
                assert (judges.smime_type(sent.data) == "multipart/signed") == (expected == SEALED), sent.data[:500]
                assert (b"multipart/signed" in target.opens(hidden)) == (expected == SEALED), hidden
            elif sent.verdict == "accepted":
                check_header(sent)
    test_null_sender(tap, target)
    test_strangers(tap, target)
    target.stop()


def test_null_sender(tap, target):
    null = ("--from", "")
    secret = "From: tajny@trh.example"
    with attack(tap, target, "null sender: a From whose rule says encrypt is encrypted or refused"):
        sent = target.send(*null, "--rcpt", OUTSIDE, data=mail(sender=secret))
        assert sent.verdict == "replied", sent
    for name, sender in (("two From fields", secret + "\r\nFrom: x@jiny.example"),
                         ("two addresses", secret + ", x@jiny.example"),
                         ("two From fields, the second unreadable", secret + "\r\nFrom: <"),
                         ("an unreadable one", secret + " <")):
        with attack(tap, target, "null sender: %s do not switch encryption off" % name):
            sent = target.send(*null, "--rcpt", OUTSIDE, data=mail(sender=sender))
            check_answer(sent, ("550 5.7.1", "From"))
    with attack(tap, target, "null sender without From: what recipients' rules say counts"):
        assert target.send(*null, "--rcpt", OUTSIDE, data=mail(sender="")).passed_unsealed
        target.opens(target.send(*null, data=mail(sender="")))


def test_strangers(tap, target):
    with attack(tap, target, "a stranger in our name gets no seal, whatever he adds"):
        for more in ((), ("--auth-type", "PLAIN"), ("--client-name", "localhost"), ("--helo", "localhost"),
                     ("--macro", "{auth_type}=PLAIN"), ("--macro", "{mail_addr}=" + SENDER),
                     ("--client", "::ffff:198.51.100.7,4444")):
            data = mail(TEXT, "X-Seal: encrypt", "Received: from localhost by localhost")
            sent = target.send("--rcpt", OUTSIDE, *STRANGER, *more, data=data)
            assert sent.passed_unsealed and b"X-Seal" not in sent.data, (more, sent)
    with attack(tap, target, "an envelope sender of others under our From"):
        for sender in ("cizi@jiny.example", "zpravy@jinytrh.example", "zpravy@trh.example.jiny.example",
                       '"zpravy@trh.example"@jiny.example', "zpravy@trh.example@jiny.example",
                       "@jiny.example:zpravy@trh.example", "zpravy", "zpravy@", "@trh.example", "zpravy@trh.example."):
            sent = target.send("--from", sender, "--rcpt", OUTSIDE)
            check_answer(sent, ("550 5.7.1", "sender"))


def test_triggers(tap, rig):
    target = Target(rig)
    for name, fields in (("in capitals", ["X-SEAL: ENCRYPT"]), ("in small letters", ["x-seal:encrypt"]),
                         ("repeated", ["X-Seal: encrypt", "x-Seal: encrypt"] * 50),
                         ("folded", ["X-Seal:\r\n\t \r\n encrypt \r\n "]), ("blank before the colon", ["X-Seal : encrypt"]),
                         ("after one that weakens", ["X-Seal: plain", "X-Seal: encrypt", "X-Seal: plain"]),
                         ("among 9,000 others", ["X-Seal: x"] * 4500 + ["X-Seal: encrypt"] + ["X-Seal: x"] * 4500)):
        with attack(tap, target, "a trigger %s encrypts, and is taken out" % name):
            sent = target.send("--rcpt", KNOWN, data=mail(TEXT, *fields))
            target.openssl.verify(target.opens(sent, "other-address"))
            assert b"x-seal" not in sent.data.lower(), sent.data[:2000]
    for name, fields in (("one that weakens", ["X-Seal: plain"]), ("100 that weaken", ["x-sEAL: PLAIN"] * 100),
                         ("nothing that is known", ["X-Seal: encrypt never", "X-Seal: =?us-ascii?q?plain?=", "X-Seal:"])):
        with attack(tap, target, "where encryption is required: %s has no effect, and is taken out" % name):
            sent = target.send(data=mail(TEXT, *fields))
            target.openssl.verify(target.opens(sent))
            assert b"x-seal" not in sent.data.lower(), sent.data[:2000]
    with attack(tap, target, "a trigger inside the content is content"):
        sent = target.send("--rcpt", KNOWN, data=mail(b"X-Seal: encrypt\r\n\r\n" + TEXT))
        assert b"X-Seal: encrypt" in is_sealed(target, sent)
    target.stop()


def test_forged_envelopes(tap, rig):
    target = Target(rig)
    for name, data in corpus.forged_envelopes():
        with attack(tap, target, "%s is no envelope: encrypted, and sealed" % name):
            content = target.openssl.verify(target.opens(target.send(data=data))).content
            same_reading(content, data)
    with attack(tap, target, "real envelopes pass, also with 4,000 RecipientInfos"):
        random = os.urandom(4096)
        for cms in (corpus.enveloped(random), corpus.enveloped(random, corpus.recipient_info() * 4000),
                    rig.run("openssl", "cms", "-encrypt", "-aes256", "-outform", "DER", rig.pki()["participant.crt"],
                            data=TEXT).stdout):
            sent = target.send(data=corpus.pkcs7(cms))
            assert sent.verdict == "accepted" and judges.smime_type(sent.data) == "multipart/signed", sent
            assert judges.der_of(is_sealed(target, sent)) == cms
    target.stop()


# ---- signatures -----------------------------------------------------------------

def test_forged_signatures(tap, rig):
    target = Target(rig)
    for name, data in corpus.forged_signatures():
        with attack(tap, target, "%s is no signature: sealed" % name):
            for recipient in (OUTSIDE, WRAPPED):
                same_reading(is_sealed(target, target.send("--rcpt", recipient, data=data)), data)
            target.openssl.verify(target.opens(target.send(data=data)))
    test_own_seal(tap, target)
    test_impostor(tap, rig, target)
    target.stop()


def test_own_seal(tap, target):
    own = target.send("--rcpt", OUTSIDE, data=mail()).data

    def again(data, recipient=OUTSIDE):
        return target.send("--rcpt", recipient, "--queue-id", "4Own", data=data)
    with attack(tap, target, "our own sealed mail is not sealed twice"):
        for recipient in (OUTSIDE, WRAPPED):
            assert not again(own, recipient).answer["body"]["replaced"]
            assert target.lines("4Own: passed", "sealed already")
    for name, data in (("a changed body", own.replace(b"12,5", b"99,5")),
                       ("a changed signature", own.replace(b"\r\nMII", b"\r\nMIJ")),
                       ("a changed inner header", own.replace(b"us-ascii", b"iso-8859-1")),
                       ("another part before the signed one", added_part(own, 1)),
                       ("another part behind the signed one", added_part(own, 2)),
                       ("another part behind the signature", added_part(own, 3)),
                       ("a wrapping in another multipart", wrapped(own)),
                       ("text instead of the signature", re.sub(rb"\r\nMII[^-]*", b"\r\n" + TEXT, own))):
        with attack(tap, target, "our own seal with %s is none: sealed anew" % name):
            assert data != own
            for recipient in (OUTSIDE, WRAPPED):
                same_reading(is_sealed(target, again(data, recipient)), data)
                line = target.lines("4Own: ")[-1]
                assert "sealed already" not in line and "4Own: sealed" in line, line
    with attack(tap, target, "where encryption is required, our own seal goes into the envelope"):
        assert b"multipart/signed" in target.opens(target.send(data=own))


def added_part(own, place):
    """One more part at that place; the signed parts stay what they are."""
    delimiter = b"\r\n--" + judges.parse(own).get_boundary().encode()
    pieces = own.split(delimiter)
    return delimiter.join(pieces[:place] + [b"\r\n" + part(b"Zaplatte jinam.")] + pieces[place:])


def wrapped(own):
    """In a multipart/mixed, beside another text."""
    head, body = own.split(b"\r\n\r\n", 1)
    kind = re.search(rb"(?m)^Content-Type:.*\r\n(?:[ \t].*\r\n)*", head + b"\r\n").group(0)
    return mail(multipart([part(b"Zaplatte jinam."), kind + b"\r\n" + body], "vnejsi"),
                *typed("multipart/mixed; boundary=vnejsi"))


def test_impostor(tap, rig, target):
    """A certificate with our subject, issuer and serial number, and a key of somebody's."""
    pki = rig.pki()
    config = rig.write("impostor.cnf", "[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=x\n")
    key = rig.path("impostor.key")
    rig.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-config", config,
            "-out", rig.path("impostor.plain"))
    names = [rig.run("openssl", "x509", "-in", pki["seal.crt"], "-noout", option).stdout.decode().strip()
             for option in ("-serial",)]
    impostor = forged_certificate(rig, pki, key, names[0].partition("=")[2])
    content = part(TEXT)
    cms = rig.run("openssl", "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER", "-signer", impostor,
                  "-inkey", key, data=content).stdout
    data = corpus.clear_signed(content, cms)
    with attack(tap, target, "a seal by a certificate of the same subject, issuer and serial number is not ours"):
        sent = target.send("--rcpt", OUTSIDE, "--queue-id", "4Fake", data=data)
        assert sent.verdict == "accepted" and not target.lines("4Fake:", "sealed already"), target.lines("4Fake:")
        is_sealed(target, target.send("--rcpt", WRAPPED, data=data))
    with attack(tap, target, "another's intact signature is kept, a broken one is not"):
        assert not target.send("--rcpt", OUTSIDE, data=data).answer["body"]["replaced"]
        is_sealed(target, target.send("--rcpt", OUTSIDE, data=data.replace(b"12,5", b"99,5")))


def forged_certificate(rig, pki, key, serial):
    """The seal's certificate with another key in it, and so with a signature that is wrong."""
    with open(pki["seal.der"], "rb") as f:
        real = f.read()
    old = rig.run("openssl", "pkey", "-in", pki["seal.key"], "-pubout", "-outform", "DER").stdout
    new = rig.run("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER").stdout
    assert len(old) == len(new) and real.count(old) == 1
    pem = base64.encodebytes(real.replace(old, new)).decode()
    return rig.write("impostor.crt", "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % pem)


# ---- log, traces, addresses --------------------------------------------------------

INJECTIONS = ["a\nsealmilter[1]: 4Fake: sealed rule=x", "a\r\n550 5.7.1 x", "a\tb", "a\" to=\"x", "a to=x rule=y",
              "a\\", "a\x1b[2Jb", "a\x7fb", "a\u009b2Jb", "a\u2028b", "a%s%n%n%x", "a'", "a;b,c", "a\x01b"]
VALUE = rb'(?:[^\x00-\x20\x7f"=]+|"[^\x00-\x1f\x7f"]*")'
LINE = re.compile(rb"sealmilter\[\d+\]: (?:-|4\w+): [\w-]+(?: [\w-]+=" + VALUE + rb")*(?:\.\.\.)?")


def check_log(target):
    with open(target.process.log_path, "rb") as f:
        for line in f.read().splitlines():
            assert LINE.fullmatch(line) and b"\xc2\x9b" not in line, line
            assert b": 4Fake: " not in line.partition(b"=")[0], line
            line.decode("utf-8")


def test_log(tap, rig):
    target = Target(rig)
    for number, bad in enumerate(INJECTIONS):
        with attack(tap, target, "no log line is forged, no answer is: %r" % bad):
            for options in (("--from", bad + "@trh.example"), ("--from", '"%s"@trh.example' % bad), ("--rcpt", bad),
                            ("--rcpt", bad + "@ucastnik.example"), ("--rcpt", '"%s"@ucastnik.example' % bad),
                            ("--rcpt", "x@%s" % bad), ("--auth", bad), ("--client-name", bad), ("--helo", bad)):
                sent = target.send(*options, "--param", "SMTPUTF8")
                for answer in [sent.text] + sent.recipients:
                    assert not re.search(r"[\x00-\x1f\x7f]", answer), answer
            for field in ("From: \"%s\" <%s>" % (bad, SENDER), "From: %s" % bad, "Subject: " + bad):
                target.send("--rcpt", OUTSIDE, data=mail(sender=field.replace("\n", "\n ").replace("\r", "")))
            check_log(target)
    with attack(tap, target, "octets that are no UTF-8 reach no log line"):
        for raw in (b"\xff", b"\x9b2J", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
            address = os.fsdecode(b"a" + raw + b"@ucastnik.example")
            target.send("--rcpt", address)
            target.send("--from", address)
            target.send("--rcpt", OUTSIDE, data=mail(sender=b"From: <x" + raw + b"@trh.example>"))
        check_log(target)
    target.stop()


def test_traces(tap, rig):
    key = rig.write("trace.key", os.urandom(32), 0o600)
    rig.run("chown", GATE_USER, key)
    target = Target(rig, top="trace-key-file = " + text(key))
    outside = target.send(*STRANGER, "--rcpt", OUTSIDE, data=mail(TEXT, *["X-Seal-Trace: v=1; t=1; n=0; h=0"] * 60))
    trace = re.findall(rb"(?m)^X-Seal-Trace: [^\r]*(?:\r\n[ \t][^\r]*)*", outside.data)

    with attack(tap, target, "what comes from outside has one trace, ours, at the top"):
        assert len(trace) == 1 and outside.data.startswith(b"X-Seal-Trace: "), outside.data
    with attack(tap, target, "with it, it is not sealed, whatever is put around it"):
        for more in ([trace[0]], [trace[0].replace(b"X-Seal-Trace", b"x-seal-TRACE")], ["X-Seal-Trace: x", trace[0]],
                     [trace[0].replace(b"; ", b";\r\n\t")]):
            sent = target.send("--rcpt", OUTSIDE, data=mail(TEXT, *more))
            assert sent.passed_unsealed, (more, sent)
    good = trace[0].strip().decode()
    stamp = re.search(r"h=([0-9a-f]+)", good).group(1)
    for name, forged in (("with nothing in it", "X-Seal-Trace:"), ("of blanks", "X-Seal-Trace: " + " " * 9000),
                         ("with a short code", good.replace(stamp, stamp[:2])), ("without code", good.replace(stamp, "")),
                         ("with another's code", good.replace(stamp, "0" * 64)),
                         ("with another time", re.sub(r"t=\d", "t=9", good)),
                         ("with a NUL", good.replace("h=", "h=\0")),
                         ("of 9,000 fields", "\r\n".join(["X-Seal-Trace: v=1; h=0"] * 9000))):
        with attack(tap, target, "a forged trace %s neither gains nor hides anything" % name):
            is_sealed(target, target.send("--rcpt", OUTSIDE, data=mail(TEXT, forged)))
    target.stop()


def test_addresses(tap, rig):
    target = Target(rig)
    utf8 = ("--param", "SMTPUTF8")
    with attack(tap, target, "an internationalised sender is sealed"):
        us = "žluťoučký@trh.example"
        is_sealed(target, target.send("--from", us, "--rcpt", "příjemce@jiné.example", *utf8,
                                      data=mail(sender="From: Žluťoučký kůň <%s>" % us, to="příjemce@jiné.example")))
    with attack(tap, target, "an internationalised recipient without certificate is refused by name"):
        sent = target.send("--rcpt", "příjemce@ucastnik.example", *utf8)
        assert sent.recipients[0].startswith("550 5.7.1") and "příjemce@ucastnik.example" in sent.recipients[0], sent
    with attack(tap, target, "A-labels and U-labels of a required domain are one"):
        sent = target.send("--rcpt", PARTICIPANT.replace("ucastnik", "UCASTNIK"))
        target.openssl.verify(target.opens(sent))
    with attack(tap, target, "10,000 addresses in To, two of them the recipients"):
        many = ", ".join(["r%d@ucastnik.example" % i for i in range(9998)] + [PARTICIPANT, KNOWN])
        sent = target.send("--rcpt", PARTICIPANT, "--rcpt", KNOWN, "--auth", "x", data=mail(to=many))
        assert sent.verdict in ("accepted", "replied"), sent
        target.openssl.verify(target.opens(target.send(data=mail(to=many))))
    for address in ("", " ", "@", "<>", "<<>>", "a", "a@", "@ucastnik.example", "a@ucastnik.example@", "a b@ucastnik.example",
                    "a@" + "x" * 5000, "x" * 60000 + "@ucastnik.example", "a@ucastnik.example\n", "\"", "\"@ucastnik.example",
                    "obchod@ucastnik.example.", "obchod@[ucastnik.example]", "<obchod@ucastnik.example",
                    "obchod@ucastnik.example>", "@x:obchod@ucastnik.example", "OBCHOD@UCASTNIK.EXAMPLE\t",
                    "@x,@y:obchod@ucastnik.example.", "ucastnik.example!obchod", "ucastnik.example!jinde!obchod",
                    "obchod%ucastnik.example", "obchod@ucastnik.example@", "obchod@ucastnik.example..",
                    "ob..chod@ucastnik.example", ".obchod@ucastnik.example", "obchod@ ucastnik.example"):
        with attack(tap, target, "to %r: never in clear where our rule would encrypt" % address[:40]):
            sent = target.send("--rcpt", address, data=mail())
            if sent.verdict == "accepted" and "ucastnik" in address.lower():
                assert not judges.is_clear(sent.data, MARK), sent.data
    target.stop()


# ---- the directory --------------------------------------------------------------------

HOSTILE_ADDRESSES = ["*@ucastnik.example", "a)(mail=*)(x=@ucastnik.example", "a*)(|(mail=*@ucastnik.example",
                     "\"a)(objectClass=*\"@ucastnik.example", "a\\2a@ucastnik.example", "\"\\\\*\"@ucastnik.example",
                     "a&|!=<>~@ucastnik.example", "\"a\0b\"@ucastnik.example", "(((((((@ucastnik.example"]


def garbage(pki):
    good = pki.bytes("other-address.der")
    return {
        "an empty value": [b""], "one octet": [b"0"], "text": [b"-----BEGIN CERTIFICATE-----\nx\n"],
        "random octets": [os.urandom(2000)], "half a certificate": [good[:len(good) // 2]],
        "a certificate and more": [good + b"\0"], "a claimed length of 100 MB": [b"\x30\x84\x06\x00\x00\x00" + good[4:]],
        "a nesting bomb": [b"\x30\x80" * 50000], "a megabyte": [b"\x30\x83\x0f\xff\xfb" + b"\x05\x00" * 524285],
        "30 values": [os.urandom(50) for _ in range(30)],
    }


def test_directory(tap, rig):
    pki = rig.pki()
    ldap = FakeLdap(rig)
    settings = {"type": "ldap", "uri": "{ %s }" % text(ldap.uri), "base": text("dc=x"), "network_timeout": 2,
                "operation_timeout": 2}
    target = Target(rig, top="cache-positive = 0\ncache-negative = 0\nrcpt-deadline = 5\n" +
                    block("directory", "ldap", **settings))
    someone = "nekdo@ucastnik.example"
    for address in HOSTILE_ADDRESSES:
        if "\0" in address:
            continue
        with attack(tap, target, "the address %r is one value in the filter" % address):
            before = len(ldap.requests)
            sent = target.send("--rcpt", address)
            assert sent.recipients[0].startswith("550 5.7.1"), sent
            for tag, asked in ldap.requests[before:]:
                assert tag != SEARCH or is_one_address(asked), asked
    for name, values in garbage(pki).items():
        answers = [entry("cn=x,dc=x", userCertificate__binary=values, userSMIMECertificate=values), result(DONE, SUCCESS)]
        with attack(tap, target, "%s as certificate: refused, the reason is logged" % name):
            ldap.answers[SEARCH] = answers
            sent = target.send("--rcpt", someone)
            assert sent.recipients[0][:4] in ("550 ", "451 "), sent
        with attack(tap, target, "%s beside a good certificate does not hide it" % name):
            good = pki.bytes("second.der")
            ldap.answers[SEARCH] = [entry("cn=x,dc=x", userCertificate__binary=values + [good]), result(DONE, SUCCESS)]
            target.opens(target.send("--rcpt", "second@ucastnik.example"), "second")
    for name, answers in (("an answer of no sense", [b"\x30\x03\x02\x01\x01"]), ("nothing", []),
                          ("an entry without end", [entry("cn=x", a=[b"x"])]),
                          ("1,000 values", [entry("cn=x", userCertificate__binary=[b"x%d" % i for i in range(1000)]),
                                            result(DONE, SUCCESS)]),
                          ("10,000 entries", [entry("cn=%d" % i, userCertificate__binary=[b"x"]) for i in range(10000)] +
                           [result(DONE, SUCCESS)])):
        with attack(tap, target, "the directory says %s: 451 or 550, never in clear" % name):
            ldap.answers[SEARCH] = answers
            sent = target.send("--rcpt", someone)
            assert sent.recipients[0][:4] in ("550 ", "451 "), sent
            ldap.answers[SEARCH] = [result(DONE, SUCCESS)]
            wait_for(lambda: target.send().verdict == "accepted", "the directory to be asked again")
    check_log(target)
    target.stop()


def is_one_address(asked):
    """No presence filter (0x87), and one level only: an octet of the address that means
    something in filters stands there as itself, in a value."""
    return b"\x87" not in asked and b"objectClass\x04\x01*" not in asked


# ---- limits ------------------------------------------------------------------------

def test_corpus_limits(tap, rig):
    target = Target(rig)
    refuse_or_seal(tap, target, corpus.limits())
    with attack(tap, target, "64 mails of 9,999 parts at once, 256 in all: sealed or deferred, none lost"):
        load = rig.run(TOOL, "--socket", target.milter(), "--client", "192.0.2.1,25025", "--from", SENDER, "--rcpt",
                       OUTSIDE, "--count", 256, "--parallel", 64, rig.write("parts.eml", corpus.many_parts(9999)),
                       check=False).stdout
        assert b'"broken":0' in load, load
    target.stop()


def test_limits(tap, rig):
    target = Target(rig, name="limits", top="memory-limit = 8M\nmessage-size-limit = 1M\nheader-limit = 64K\n"
                    "recipient-limit = 3\nmime-depth-limit = 5\nmime-part-limit = 20\n")
    refuse_or_seal(tap, target, [
        ("header-limit: within", mail(TEXT, "X: " + "x" * 65000), SEALED),
        ("header-limit: beyond, in one field", mail(TEXT, "X: " + "x" * 65536), ("552 5.3.4", "header-limit")),
        ("header-limit: beyond, in many", mail(TEXT, *["X: x"] * 9999), ("552 5.3.4", "header-limit")),
        ("message-size-limit: within", mail(b"x\r\n" * 349000), SEALED),
        ("message-size-limit: beyond", mail(b"x\r\n" * 350000), ("552 5.3.4", "message-size-limit")),
        ("mime-depth-limit: within", corpus.nested(5), SEALED),
        ("mime-depth-limit: beyond", corpus.nested(6), ("550 5.7.1", "mime-depth-limit")),
        ("mime-part-limit: within", corpus.many_parts(19), SEALED),
        ("mime-part-limit: beyond", corpus.many_parts(20), ("550 5.7.1", "mime-part-limit")),
    ])
    with attack(tap, target, "recipient-limit: the one beyond gets 452 4.5.3, the others are served"):
        sent = target.send(*[o for i in range(4) for o in ("--rcpt", "r%d@jinde.example" % i)], data=mail())
        assert [t[:9] for t in sent.recipients] == ["", "", "", "452 4.5.3"], sent
        assert "recipient-limit" in sent.recipients[3], sent
        is_sealed(target, sent)
    with attack(tap, target, "memory-limit: 452 4.3.1 while another holds it"):
        held = target.hold("replace-body:1", "--rcpt", OUTSIDE, data=message(900000))
        check_answer(target.send("--rcpt", OUTSIDE, data=message(900000)), ("452 4.3.1", "memory-limit"))
        is_sealed(target, held.finish())
    with attack(tap, target, "no recipient, 5,000 refused ones, and a mail that never ends"):
        session = Packets(target.socket("work")).greet()
        session.mail()
        for i in range(5000):
            assert session.rcpt("r%d@ucastnik.example" % i)[0] == b"y"
        session.write(b"D", b"Ei\x004Packet\x00")
        session.write(b"E", b"x")
        session.close()
    target.stop()


def test_packets(tap, rig):
    target = Target(rig)
    for name, fields in (("NULs in a field", [b"From\0 zpravy@trh.example\0cizi@jiny.example\0"]),
                         ("a name with line ends", [b"X\nFrom: cizi@jiny.example\0 x\0"]),
                         ("a value with line ends that begin a field", [b"X\0 x\nFrom: cizi@jiny.example\0"]),
                         ("an empty name", [b"\0 x\0"]), ("a name of blanks", [b" \0 x\0"]),
                         ("blanks behind the name", [b"Content-Type \0 text/html\0", b"X-Seal \0 plain\0"]),
                         ("no value", [b"X\0"]), ("nothing", [b""]), ("no end", [b"X\0 x"])):
        with attack(tap, target, "a header packet with %s: an answer, or the connection ends" % name):
            session = Packets(target.socket("work")).greet()
            session.mail()
            session.rcpt(OUTSIDE)
            with contextlib.suppress(OSError):
                for field in fields:
                    session.write(b"L", field)
                code, _ = session.content()
                assert code in (b"", b"c", b"y", b"t", b"r"), code
            session.close()
    target.stop()


def main():
    tap = Tap()
    tests = (test_corpus_limits, test_limits, test_structure, test_senders, test_triggers, test_forged_envelopes,
             test_forged_signatures, test_log, test_traces, test_addresses, test_directory, test_packets)
    chosen = sys.argv[1:]
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        with Rig() as rig, tap.section(test.__name__):
            test(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
