#!/usr/bin/env python3
"""What certificates name is fetched from real servers, good, dead and hostile, and what is inside is never
asked. In a network of its own, where public addresses and their names are ours."""

import collections
import os
import socket
import ssl
import sys
import threading
import time

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig import apart  # noqa: E402
from rig.base import Rig, environment_path, free_port  # noqa: E402
from rig.fake_ldap import REFERRAL, DONE, SEARCH, SUCCESS, FakeLdap, Raw, ber, entry, result  # noqa: E402
from rig.revoker import Revoker  # noqa: E402
from rig.slapd import SUFFIX, Slapd  # noqa: E402
from rig.status_server import RawServer  # noqa: E402
from rig.tap import Tap  # noqa: E402

TOOL = os.path.join(os.environ.get("top_builddir", TOP), "t", "unit", "fetch_tool")
LOOPBACK = ("-n", "127.0.0.0/8", "-n", "::1/128")
PUBLIC, METADATA = "9.9.9.9", "169.254.169.254"
HUGE = 2 << 30
BODY = b"\x30\x03\x02\x01\x05"

Told = collections.namedtuple("Told", "answer code words length unchanged etag modified")


class Server:
    """Reads a request of HTTP, and answers by its path: octets, or a function of the connection. Keeps
    requests; connections counts those that were taken, with or without a request."""

    def __init__(self, rig, answers, address="127.0.0.1", port=None, context=None):
        self.answers, self.requests, self.connections = answers, [], 0
        self.ending = threading.Event()
        self._context = context
        self._socket = socket.create_server((address, port or free_port()), backlog=64,
                                            family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port = self._socket.getsockname()[1]
        self.url = "http://%s:%d" % ("[%s]" % address if ":" in address else address, self.port)
        threading.Thread(target=self._accept, daemon=True).start()
        rig.add(self)

    def stop(self):
        self.ending.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                request = self._read(connection)
                self.requests.append(request)
                path = request.split(b" ")[1].decode()
                answer = self.answers.get(path, self.answers.get("*", say(404)))
                if callable(answer):
                    answer(connection, request, self.ending)
                else:
                    connection.sendall(answer)
        except (OSError, IndexError):
            pass  # whoever asked has gone

    @staticmethod
    def _read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return data
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def last(self):
        return self.requests[-1]


def say(status, body=b"", media="application/pkix-crl", *fields):
    head = ["HTTP/1.1 %d Said" % status, "Content-Length: %d" % len(body), "Connection: close"]
    head += ["Content-Type: " + media] if media else []
    return "\r\n".join(head + list(fields)).encode("latin-1") + b"\r\n\r\n" + body


def move(status, to):
    return say(status, b"moved", "text/html", "Location: " + to)


# ---- how servers misbehave -----------------------------------------------------

def hang(connection, request, ending):
    ending.wait()


def hang_in_body(connection, request, ending):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
    ending.wait()


def drip(connection, request, ending):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not ending.wait(0.05):
        connection.sendall(b"x")


def drip_header(connection, request, ending):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not ending.wait(0.05):
        connection.sendall(b"x")


def stream(connection, request, ending):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"%x\r\n%s\r\n" % (1 << 20, bytes(1 << 20))
    stream.sent = 0
    for _ in range(HUGE >> 20):
        connection.sendall(chunk)
        stream.sent += 1 << 20
    connection.sendall(b"0\r\n\r\n")


def announce(connection, request, ending):
    """A length of 2 GiB and not one octet of it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE)
    ending.wait()


def long_error(connection, request, ending):
    """Where the page of the error itself would be past the limit."""
    connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n" % HUGE)
    ending.wait()


def long_move(connection, request, ending):
    connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: %d\r\nLocation: /good\r\n\r\n" % HUGE)
    ending.wait()


def announce_more(connection, request, ending):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n")
    ending.wait()


def fields(connection, request, ending):
    """Header fields without end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ending.is_set():
        connection.sendall(b"X-More: %s\r\n" % (b"x" * 1000))


def interim(connection, request, ending):
    while not ending.is_set():
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 10)


def conditional(connection, request, ending):
    head = request.lower()
    known = b'if-none-match: "v1"' in head or b"if-modified-since: mon, 26 jan 2026 14:38:03 gmt" in head
    connection.sendall(say(304, b"", None) if known else
                       say(200, BODY, "application/pkix-crl", 'ETag: "v1"', "Last-Modified: Mon, 26 Jan 2026 14:38:03 GMT"))


MODIFIED = 1769438283

PATHS = {
    "/good": say(200, BODY),
    "/conditional": conditional,
    "/tag/control": say(200, BODY, "application/pkix-crl", 'ETag: "a\x01b"'),
    "/tag/blank": say(200, BODY, "application/pkix-crl", 'ETag: "a b"'),
    "/tag/bare": say(200, BODY, "application/pkix-crl", "ETag: abc"),
    "/tag/long": say(200, BODY, "application/pkix-crl", 'ETag: "%s"' % ("x" * 300)),
    "/tag/weak": say(200, BODY, "application/pkix-crl", 'ETag: W/"abc"', "Last-Modified: yesterday"),
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + BODY + b"\r\n0\r\nETag: \"late\"\r\n\r\n",
    "/until-close": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "/moved": move(301, "/good"),
    "/found": move(302, "good"),
    "/metadata": move(302, "http://%s/latest" % METADATA),
    "/mapped": move(302, "http://[::ffff:127.0.0.1]:1/"),
    "/file": move(302, "file:///etc/passwd"),
    "/ldap": move(302, "ldap://127.0.0.1/cn=x?y"),
    "/gopher": move(302, "gopher://127.0.0.1/"),
    "/user": move(302, "http://a:b@127.0.0.1/"),
    "/nowhere": move(302, "http:///good"), "/no-scheme": move(302, "://127.0.0.1/"), "/mail": move(302, "mailto:a@b"),
    "/beside": move(302, "//127.0.0.1:1/"), "/query": move(302, "?b"), "/query?b": say(200, BODY),
    "/lost": say(302, b"x", "text/plain"),
    "/loop": move(302, "/loop"),
    "/hop4": move(302, "/hop3"), "/hop3": move(307, "/hop2"), "/hop2": move(308, "/hop1"), "/hop1": move(303, "/good"),
    "/cookie": say(302, b"", None, "Location: /good", "Set-Cookie: a=b; Path=/"),
    "/garbage": os.urandom(2000),
    "/old-protocol": BODY,
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY,
    "/short-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + BODY,
    "/no-answer": b"",
    "/page": say(200, b"<!-- hi --><html>", "text/html; charset=utf-8"),
    "/portal": say(200, b"\xef\xbb\xbf\r\n <!doctype HTML><html><body>Log in", "application/pkix-crl"),
    "/portal2": say(200, b"<HTML><body>Log in", "application/octet-stream"),
    "/404": say(404, b"<html>none", "text/html"), "/410": say(410), "/403": say(403), "/400": say(400),
    "/500": say(500, b"oh"), "/503": say(503), "/429": say(429), "/206": say(206, BODY), "/304": say(304),
    "/hang": hang, "/hang-in-body": hang_in_body, "/drip": drip, "/drip-header": drip_header,
    "/stream": stream, "/announce": announce, "/announce-more": announce_more,
    "/long-error": long_error, "/long-move": long_move, "/fields": fields, "/interim": interim,
    "/big": say(200, bytes(100)),
}

# path, options, answer and code
ANSWERS = (
    ("/good", (), "yes"),
    ("/chunked", (), "yes"),
    ("/until-close", (), "yes"),
    ("/moved", (), "yes"),
    ("/found", (), "yes"),
    ("/hop3", (), "yes"),
    ("/hop4", (), "no redirect"),
    ("/hop4", ("-r", "4"), "yes"),
    ("/moved", ("-r", "0"), "no redirect"),
    ("/moved", ("-h",), "yes"),
    ("/metadata", ("-h",), "no redirect"),
    ("/loop", (), "no redirect"),
    ("/metadata", (), "no address"),
    ("/file", (), "no redirect"),
    ("/ldap", (), "no redirect"),
    ("/gopher", (), "no redirect"),
    ("/user", (), "no redirect"),
    ("/nowhere", (), "no redirect"),
    ("/no-scheme", (), "no redirect"),
    ("/mail", (), "no redirect"),
    ("/beside", (), "cant-tell network"),
    ("/query", (), "yes"),
    ("/lost", (), "cant-tell http"),
    ("/404", (), "no not-found"),
    ("/410", (), "no not-found"),
    ("/403", (), "no http"),
    ("/400", (), "no http"),
    ("/500", (), "cant-tell http"),
    ("/503", (), "cant-tell http"),
    ("/429", (), "cant-tell http"),
    ("/206", (), "cant-tell http"),
    ("/304", (), "cant-tell http"),
    ("/garbage", (), "cant-tell network"),
    ("/old-protocol", (), "cant-tell network"),
    ("/short", (), "cant-tell network"),
    ("/short-chunk", (), "cant-tell network"),
    ("/no-answer", (), "cant-tell network"),
    ("/page", (), "no type"),
    ("/portal", (), "no type"),
    ("/portal2", (), "no type"),
    ("/big", ("-s", "100"), "yes"),
    ("/big", ("-s", "99"), "no too-large"),
    ("/chunked", ("-s", "4"), "no too-large"),
    ("/until-close", ("-s", "4"), "no too-large"),
    ("/announce", (), "no too-large"),
    ("/announce-more", (), "no too-large"),
    ("/long-error", (), "cant-tell http"),
    ("/long-move", (), "yes"),
    ("/stream", (), "no too-large"),
    ("/fields", (), "no too-large"),
    ("/interim", (), "no too-large"),
    ("/hang", ("-t", "1"), "cant-tell timeout"),
    ("/hang-in-body", ("-t", "1"), "cant-tell timeout"),
    ("/drip", ("-t", "1"), "cant-tell timeout"),
    ("/drip-header", ("-t", "1"), "cant-tell timeout"),
)

# What nobody is asked for, whatever is permitted.
NO_URLS = (
    "ldap:///cn=x?y", "http:///x", "https://", "http://:80/", "http://a:b@127.0.0.1/", "http://a@127.0.0.1/",
    "ldap://a:b@127.0.0.1/cn=x?y", "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/x",
    "gopher://127.0.0.1/x", "ldaps://127.0.0.1/cn=x?y", "ldapi://%2Ftmp%2Fx/cn=x?y", "dict://127.0.0.1/",
    "127.0.0.1/", "", "http:/127.0.0.1/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:x/",
    "http://127.0.0.1 /", "http://127.0.0.1/a b", "http://127.0.0.1\\@elsewhere.example/", "http://127.0.0.1%2f/",
    "http://[::1/", "http://[::1]x/", "http://[::1%25lo]/", "http://[dead]/", "http://p\u0159\u00edklad.example/",
    "http://127.0.0.1/\r\nHost: elsewhere", "http://127.0.0.1/\x1b[2J", "http://127.0.0.1/" + "x" * 2048,
    "ldap://127.0.0.1/cn=x", "ldap://127.0.0.1/cn=x?y?sub", "ldap://127.0.0.1/cn=x?y?base?(a=b",
    "ldap://127.0.0.1/cn=x?y?base??!1.2.3",
)

# Loopback, and worse, in every spelling. %d: a port at which somebody listens.
INSIDE = (
    "http://127.0.0.1:%d/", "http://localhost:%d/", "http://LOCALHOST:%d/", "http://2130706433:%d/", "http://127.1:%d/",
    "http://0x7f000001:%d/", "http://0177.0.0.1:%d/", "http://0x7f.1:%d/", "http://0:%d/", "http://[::1]:%d/",
    "http://[::ffff:127.0.0.1]:%d/", "http://[::ffff:7f00:1]:%d/", "http://[::127.0.0.1]:%d/", "http://[::]:%d/",
    "http://[64:ff9b::127.0.0.1]:%d/", "http://[2002:7f00:1::]:%d/", "https://127.0.0.1:%d/",
    "ldap://127.0.0.1:%d/cn=x?y", "ldap://localhost:%d/cn=x?y", "ldap://[::ffff:127.0.0.1]:%d/cn=x?y",
    "ldap://2130706433:%d/cn=x?y", "http://inside.example:%d/", "ldap://inside.example:%d/cn=x?y",
)


class Fetcher:
    def __init__(self, rig):
        self.rig = rig

    def __call__(self, *arguments, **environment):
        done = self.rig.run(TOOL, *arguments, environment=dict(environment_path(), **environment), deadline=120)
        lines = done.stdout.decode().split("\n")
        got = dict(line.partition(": ")[::2] for line in lines if line)
        assert len(got) == len(lines) - 1, "a line of its own: %r" % lines
        return Told(got["answer"], got.get("code", ""), got.get("words", ""), int(got.get("length", 0)),
                    got.get("not-modified") == "yes", got.get("etag", ""), int(got.get("modified", 0)))


def is_answer(told, wanted):
    assert (told.answer + " " + told.code).strip() == wanted, "%s wanted: %s" % (wanted, told)


# ---- http -------------------------------------------------------------------

def test_answers(tap, fetch, web):
    for path, options, wanted in ANSWERS:
        with tap.test("http: %s %s: %s" % (path, " ".join(options), wanted)):
            told = fetch(*LOOPBACK, *options, web.url + path)
            is_answer(told, wanted)
            assert told.answer == "yes" or (web.url in told.words and len(told.words) > len(web.url + path)), told
            assert told.answer != "yes" or told.length == (100 if path == "/big" else len(BODY)), told
    with tap.test("a body without end is not read to its end"):
        assert stream.sent < HUGE / 8, stream.sent
    with tap.test("a trailer is no header"):
        assert fetch(*LOOPBACK, web.url + "/chunked").etag == ""
    with tap.test("what was fetched is what was sent"):
        path = fetch.rig.path("body")
        fetch(*LOOPBACK, "-o", path, web.url + "/moved")
        with open(path, "rb") as f:
            assert f.read() == BODY


def test_conditional(tap, fetch, web):
    url = web.url + "/conditional"
    with tap.test("ETag and Last-Modified are kept"):
        told = fetch(*LOOPBACK, url)
        assert (told.etag, told.modified, told.unchanged, told.length) == ('"v1"', MODIFIED, False, len(BODY)), told
    for options in (("-e", '"v1"'), ("-m", str(MODIFIED))):
        with tap.test("not modified: %s" % " ".join(options)):
            told = fetch(*LOOPBACK, *options, url)
            assert told.answer == "yes" and told.unchanged and told.length == 0, told
            assert told.etag in ("", '"v1"') and told.modified in (0, MODIFIED), told
    with tap.test("another one is there: it is sent"):
        told = fetch(*LOOPBACK, "-e", '"v0"', url)
        assert not told.unchanged and told.length == len(BODY), told
    for path, etag in (("control", ""), ("blank", ""), ("bare", ""), ("long", ""), ("weak", 'W/"abc"')):
        with tap.test("an ETag is kept where it is one: %s" % path):
            told = fetch(*LOOPBACK, web.url + "/tag/" + path)
            assert (told.answer, told.etag, told.modified) == ("yes", etag, 0), told
    with tap.test("an ETag that would begin a header field is not sent"):
        told = fetch(*LOOPBACK, "-e", '"v1"\r\nX-Own: yes', url)
        assert told.answer == "yes" and not told.unchanged, told
        assert b"x-own" not in web.last().lower() and b"if-none-match" not in web.last().lower(), web.last()


def test_request(tap, fetch, web):
    with tap.test("nothing of us goes along: no cookie, no password, no encoding"):
        home = fetch.rig.make_folder("home")
        fetch.rig.write("home/.netrc", "machine 127.0.0.1 login own password secret\n", 0o600)
        fetch(*LOOPBACK, web.url + "/cookie", HOME=home)
        for request in web.requests[-2:]:
            names = [line.partition(b":")[0].lower() for line in request.split(b"\r\n")[1:] if line]
            assert sorted(names) == [b"accept", b"host", b"user-agent"], request
    for path in ("/good", "/hop3", "/moved"):
        with tap.test("what is posted arrives: %s" % path):
            is_answer(fetch(*LOOPBACK, "-d", "a request", web.url + path), "yes")
            request = web.last()
            assert request.startswith(b"POST /good ") and request.endswith(b"\r\n\r\na request"), request
            assert b"content-type: application/ocsp-request" in request.lower(), request


def test_https(tap, rig, fetch):
    pki = rig.pki()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = rig.write("tls.pem", pki.bytes("server.crt") + pki.bytes("commercial.crt"))
    context.load_cert_chain(chain, pki["server.key"])
    server = Server(rig, {"/good": say(200, BODY)}, context=context)
    own = LOOPBACK + ("-c", pki["anchors.pem"])
    url = "https://%s:%d/good"
    with tap.test("https: a server that fetch-ca-file knows"):
        is_answer(fetch(*own, url % ("localhost", server.port)), "yes")
    with tap.test("https: one that the system does not know"):
        is_answer(fetch(*LOOPBACK, url % ("localhost", server.port)), "cant-tell tls")
    with tap.test("https: another name"):
        is_answer(fetch(*own, url % ("inside.example", server.port)), "cant-tell tls")
    with tap.test("https: no TLS at all"):
        plain = RawServer(rig, "html")
        is_answer(fetch(*own, url % (plain.host, plain.port)), "cant-tell tls")


# ---- who is asked ---------------------------------------------------------------

def test_urls(tap, fetch):
    for number, url in enumerate(NO_URLS):
        with tap.test("no URL: %d %s" % (number, ascii(url[:60]))):
            told = fetch(*LOOPBACK, url)
            is_answer(told, "no url")
            assert told.words.isprintable(), told
    with tap.test("a long URL leaves room for the reason"):
        assert fetch(NO_URLS[-5]).words.endswith("too long"), fetch(NO_URLS[-5])


def test_inside(tap, rig, fetch, web):
    port = free_port()
    listeners = [Server(rig, PATHS, a, port) for a in ("127.0.0.1", "127.0.0.2", METADATA)]
    for url in INSIDE:
        with tap.test("inside: %s" % url):
            is_answer(fetch(url % port), "no address")
    with tap.test("inside: the metadata of clouds"):
        is_answer(fetch("http://%s:%d/good" % (METADATA, port)), "no address")
    for path in ("/metadata", "/mapped"):
        outside = Server(rig, PATHS, PUBLIC)
        with tap.test("a redirect from outside to inside: %s" % path):
            told = fetch(outside.url + path)
            is_answer(told, "no address")
            assert told.words.count("http://") == 2, told
    with tap.test("inside: nobody noticed"):
        assert [s.connections for s in listeners] == [0, 0, 0], [s.connections for s in listeners]
    with tap.test("IPv6, where it is configured"):
        six = Server(rig, PATHS, "::1")
        is_answer(fetch(*LOOPBACK, six.url + "/moved"), "yes")
        is_answer(fetch(*LOOPBACK, "http://localhost:%d/good" % six.port), "yes")
        is_answer(fetch("-n", "127.0.0.0/8", six.url + "/good"), "no address")
    with tap.test("what is configured is permitted, and no more"):
        is_answer(fetch("-n", "127.0.0.2/32", "http://127.0.0.2:%d/good" % port), "yes")
        is_answer(fetch("-n", "127.0.0.2/32", "http://127.0.0.1:%d/good" % port), "no address")


def test_names(tap, rig, fetch, names):
    outside = Server(rig, PATHS, PUBLIC)
    inside = Server(rig, PATHS, "127.0.0.2", outside.port)
    url = "http://%s:%d/good"
    with tap.test("a name that leads outside"):
        is_answer(fetch(url % ("outside.example", outside.port)), "yes")
        assert b"host: outside.example:" in outside.last().lower(), outside.last()
    with tap.test("a name with a dot behind it, in capitals"):
        is_answer(fetch(url % ("Outside.Example.", outside.port)), "yes")
    with tap.test("a name that leads outside, then inside: looked up once, and that is who is asked"):
        is_answer(fetch(url % ("turning.example", outside.port)), "yes")
        assert names.asked.count("turning.example") == 1, names.asked
        is_answer(fetch(url % ("turning.example", outside.port)), "no address")
        assert names.asked.count("turning.example") == 2, names.asked
    with tap.test("one that turns during redirects"):
        outside.answers["/self"] = move(302, url % ("turning2.example", outside.port))
        is_answer(fetch("http://turning2.example:%d/self" % outside.port), "no address")
    with tap.test("one that leads to both: outside is asked"):
        is_answer(fetch(url % ("both.example", outside.port)), "yes")
    with tap.test("one that leads to both: where nobody is outside, inside is not asked"):
        only = Server(rig, PATHS, "127.0.0.2")
        is_answer(fetch(url % ("both.example", only.port)), "cant-tell network")
        is_answer(fetch("ldap://both.example:%d/cn=x?y" % only.port), "cant-tell network")
        assert only.connections == 0
    with tap.test("inside was never connected to"):
        assert inside.connections == 0
    for scheme in ("http://%s/", "ldap://%s/cn=x?y"):
        with tap.test("no such name: " + scheme):
            is_answer(fetch(scheme % "none.example"), "cant-tell network")
        with tap.test("a name server that says nothing: " + scheme):
            is_answer(fetch("-t", "1", scheme % "silent.example"), "cant-tell timeout")


# ---- proxies ----------------------------------------------------------------------

def test_proxies(tap, rig, fetch, web):
    proxy = Server(rig, {"*": say(200, BODY + b"by proxy"), "http://moving.example/": move(302, "http://127.0.0.1/"),
                         "outside.example:443": say(403)})
    told = {name: proxy.url for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY")}
    with tap.test("the environment's proxies count for nothing"):
        is_answer(fetch(*LOOPBACK, web.url + "/good", **told), "yes")
        is_answer(fetch(web.url + "/good", **told), "no address")
        assert proxy.connections == 0
    with tap.test("the configured one is used, whatever its address is and the environment says"):
        answer = fetch("-p", proxy.url, "http://outside.example/a?b", no_proxy="*", NO_PROXY="*")
        assert answer.length == len(BODY) + 8, answer
        assert proxy.last().startswith(b"GET http://outside.example/a?b HTTP/1.1\r\n"), proxy.last()
    with tap.test("the configured one is asked to connect for https"):
        is_answer(fetch("-p", proxy.url, "https://outside.example/"), "cant-tell network")
        assert proxy.last().startswith(b"CONNECT outside.example:443 "), proxy.last()
    with tap.test("a redirect through a proxy to inside"):
        is_answer(fetch("-p", proxy.url, "http://moving.example/"), "no address")
    count = proxy.connections
    for url in INSIDE:
        if not url.startswith("ldap") and "example" not in url:
            with tap.test("through a proxy: %s" % url):
                is_answer(fetch("-p", proxy.url, url % web.port), "no address")
    with tap.test("through a proxy: names of this host"):
        for host in ("localhost", "Localhost.", "a.localhost", "a.LOCALHOST."):
            is_answer(fetch("-p", proxy.url, "http://%s/" % host), "no address")
    with tap.test("the proxy was not asked for any of them"):
        assert proxy.connections == count
    with tap.test("a proxy that is away"):
        is_answer(fetch("-p", "http://127.0.0.1:%d" % free_port(), "http://outside.example/"), "cant-tell network")


# ---- ldap ---------------------------------------------------------------------------

def crl_entry(name, octets):
    import base64
    return ("dn: cn=%s,%s\nobjectClass: cRLDistributionPoint\ncn: %s\ncertificateRevocationList;binary:: %s\n"
            % (name, SUFFIX, name, base64.b64encode(octets).decode()))


def test_slapd(tap, rig, fetch):
    crl = Revoker(rig).crl()
    slapd = Slapd(rig)
    slapd.load(crl_entry("seznam", crl))
    url = slapd.uri + "cn=seznam," + SUFFIX
    own = (*LOOPBACK, "-o", rig.path("crl"))
    for name, options in (("?certificateRevocationList;binary", ()), ("?certificateRevocationList", ()),
                          ("?CERTIFICATEREVOCATIONLIST;binary?base?objectClass=cRLDistributionPoint", ()),
                          ("?authorityRevocationList,certificateRevocationList;binary", ()),
                          ("", ("-a", "certificateRevocationList;binary")), ("", ("-a", "certificateRevocationList"))):
        with tap.test("slapd: %s %s" % (name or "no attribute", " ".join(options))):
            is_answer(fetch(*own, *options, url + name), "yes")
            with open(rig.path("crl"), "rb") as f:
                assert f.read() == crl
            os.unlink(rig.path("crl"))
    wanted = url + "?certificateRevocationList;binary"
    for name, options, address in (
            ("no not-found", (), url.replace("seznam", "nic") + "?certificateRevocationList;binary"),
            ("no not-found", (), url + "?authorityRevocationList;binary"),
            ("no not-found", (), url + "?noSuchAttribute"),
            ("no not-found", (), url + "?certificateRevocationList?base?(cn=jiny)"),
            ("no too-large", ("-s", str(len(crl) - 1)), wanted),
            ("yes", ("-s", str(len(crl))), wanted)):
        with tap.test("slapd: %s: %s" % (name, address.partition(SUFFIX)[2] or address)):
            is_answer(fetch(*LOOPBACK, *options, address), name)
    slapd.hang()
    with tap.test("slapd: hung"):
        is_answer(fetch(*LOOPBACK, "-t", "1", wanted), "cant-tell timeout")
    slapd.go_on()
    slapd.kill()
    with tap.test("slapd: killed"):
        is_answer(fetch(*LOOPBACK, wanted), "cant-tell network")
    slapd.start()
    with tap.test("slapd: back"):
        is_answer(fetch(*LOOPBACK, wanted), "yes")


def test_fake_ldap(tap, rig, fetch):
    done = result(DONE, SUCCESS)
    rows = (
        ("an entry", [entry("cn=x", other=[b"no"], y__binary=[BODY, b"second"]), done], "yes"),
        ("an entry without it", [entry("cn=x", z=[BODY]), done], "no not-found"),
        ("no value", [entry("cn=x", y=[]), done], "no not-found"),
        ("references only", [ber(0x73, ber(0x04, "ldap://127.0.0.1/")), done], "no not-found"),
        ("a referral", [result(DONE, REFERRAL, ber(0xa3, ber(0x04, "ldap://127.0.0.1:1/")))], "no redirect"),
        ("busy", [result(DONE, 51)], "cant-tell network"),
        ("a value past the limit", [entry("cn=x", y=[bytes(1024 * 1024 + 1)]), done], "no too-large"),
        ("a message past every limit", [Raw(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x02\x64\x84\x7f\xff\xff\xf0")],
         "no too-large"),
        ("garbage", [Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")], "cant-tell"),
        ("an entry that is none", [Raw(b"\x30\x08\x02\x01\x01\x64\x03\x04\x01x")], "cant-tell"),
        ("nothing", [], "cant-tell timeout"),
        ("a part of an entry", [Raw(b"\x30\x20\x02\x01\x02\x64")], "cant-tell timeout"),
    )
    for name, answers, wanted in rows:
        with tap.test("an LDAP server sends %s: %s" % (name, wanted)):
            server = FakeLdap(rig, {SEARCH: answers})
            told = fetch(*LOOPBACK, "-t", "1" if wanted in ("cant-tell", "cant-tell timeout") else "20", server.uri + "cn=x?y")
            is_answer(told if " " in wanted or wanted == "yes" else told._replace(code=""), wanted)
            assert told.answer != "yes" or told.length == len(BODY), told
    with tap.test("an LDAP server that takes no connection up"):
        is_answer(fetch(*LOOPBACK, "-t", "1", FakeLdap(rig, takes=False).uri + "cn=x?y"), "cant-tell timeout")
    with tap.test("an LDAP server that drips"):
        is_answer(fetch(*LOOPBACK, "-t", "1", "ldap://127.0.0.1:%d/cn=x?y" % dripping_ldap(rig)), "cant-tell timeout")
    for uri in ("ldap://inside.example:%d/cn=x?y", "ldap://127.0.0.1:%d/cn=x?y"):
        with tap.test("an LDAP server inside is not even connected to: " + uri):
            server = FakeLdap(rig)
            is_answer(fetch(uri % server.port), "no address")
            assert server.accepted == 0


def dripping_ldap(rig):
    """The port of one that sends an endless entry, an octet at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        try:
            connection.sendall(b"\x30\x83\x0f\xff\xff\x02\x01\x02\x64\x83\x0f\xff\xf0")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    rig.add(_Closed(listener))
    return listener.getsockname()[1]


class _Closed:
    def __init__(self, what):
        self.stop = what.close


def main():
    apart.enter()
    tap = Tap()
    with Rig() as rig:
        for address in (PUBLIC, METADATA):
            apart.add_address(address)
        names = apart.NameServer(rig, {
            "outside.example": [[PUBLIC]], "inside.example": [["127.0.0.1"]],
            "turning.example": [[PUBLIC], ["127.0.0.2"]], "turning2.example": [[PUBLIC], ["127.0.0.2"]],
            "both.example": [[PUBLIC, "127.0.0.2"]], "silent.example": [None],
        })
        fetch, web = Fetcher(rig), Server(rig, PATHS)
        test_answers(tap, fetch, web)
        test_conditional(tap, fetch, web)
        test_request(tap, fetch, web)
        test_https(tap, rig, fetch)
        test_urls(tap, fetch)
        test_inside(tap, rig, fetch, web)
        test_names(tap, rig, fetch, names)
        test_proxies(tap, rig, fetch, web)
        test_slapd(tap, rig, fetch)
        test_fake_ldap(tap, rig, fetch)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
