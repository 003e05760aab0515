"""An HTTP server for lists, certificates and OCSP that behaves as a test wants, right or wrong.

    server = StatusServer(rig)
    server.files["/a.crl"] = octets
    url = server.url(server.host("dripping"), "/a.crl")

Each host is a loopback address of its own, so that what happens to one server does not
count against another. Modes:

    ok         serves files; what is no file goes to the responder, if there is one
    killed     nobody listens
    hung       takes connections, and says nothing
    dripping   an octet a second
    garbage    random octets in a good answer
    html       a page, as servers that have moved send
    huge       2 GiB in chunks
    moved      a redirect to the same path at moved_to
    try-later, unauthorized   OCSP's own refusals (RFC 6960 4.2.1)
"""

import email.utils
import hashlib
import http.client
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .base import free_port

HUGE = 2 << 30
PAGE = b"<!DOCTYPE html>\r\n<html><head><title>Moved</title></head><body>We have moved.</body></html>\r\n"
REFUSALS = {"try-later": bytes.fromhex("30030a0103"), "unauthorized": bytes.fromhex("30030a0106")}
OCSP_TYPE, CRL_TYPE, CERTIFICATE_TYPE = "application/ocsp-response", "application/pkix-crl", "application/pkix-cert"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *arguments):
        pass

    def answer(self, body):
        owner, mode = self.server.owner, self.server.mode
        owner.asked.append((self.server.server_address[0], self.command, self.path))
        try:
            if mode in REFUSALS:
                self.say(200, REFUSALS[mode], OCSP_TYPE)
            else:
                getattr(self, "do_" + mode)(owner, body)
        except OSError:
            pass  # whoever asked has gone
        self.close_connection = True

    def say(self, status, body, media, **fields):
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_ok(self, owner, body):
        octets = owner.files.get(self.path)
        if octets is not None:
            self.serve(owner, octets)
        elif owner.responder:
            self.say(*owner.forward(self.command, self.path, body))
        else:
            self.say(404, b"", "text/plain")

    def serve(self, owner, octets):
        tag = '"%s"' % hashlib.sha256(octets).hexdigest()[:16]
        if self.headers.get("If-None-Match") == tag:
            owner.unchanged += 1
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        media = CRL_TYPE if self.path.endswith(".crl") else CERTIFICATE_TYPE
        self.say(200, octets, media, ETag=tag, Last_Modified=email.utils.formatdate(usegmt=True))

    def do_hung(self, owner, body):
        owner.stopping.wait()

    def do_dripping(self, owner, body):
        self.send_response(200)
        self.send_header("Content-Type", CRL_TYPE)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not owner.stopping.wait(1):
            self.wfile.write(b"\x30")

    def do_garbage(self, owner, body):
        self.say(200, os.urandom(2000), OCSP_TYPE if owner.responder else CRL_TYPE)

    def do_html(self, owner, body):
        self.say(200, PAGE, "text/html")

    def do_moved(self, owner, body):
        self.send_response(302)
        self.send_header("Location", owner.url(owner.moved_to, self.path))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_huge(self, owner, body):
        self.send_response(200)
        self.send_header("Content-Type", CRL_TYPE)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = b"\x30\x84\x7f\xff\xff\xff" + bytes((1 << 20) - 6)
        for _ in range(HUGE >> 20):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            owner.huge_sent += len(chunk)
        self.wfile.write(b"0\r\n\r\n")


_last_host = 1


def new_host():
    """A loopback address that no other server of this process has."""
    global _last_host
    _last_host += 1
    return "127.0.%d.%d" % divmod(_last_host, 250)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class StatusServer:
    """files: path -> octets. responder: (host, port) of a real OCSP responder behind it. asked: what
    was asked, as (host, method, path); unchanged: how often "not modified" was the answer; huge_sent:
    octets of huge answers that went out; moved_to: a host."""

    def __init__(self, rig, responder=None):
        self.port, self.responder = free_port(), responder
        self.files, self.asked, self.unchanged, self.huge_sent, self.moved_to = {}, [], 0, 0, None
        self.stopping = threading.Event()
        self._listeners = {}
        rig.add(self)

    def host(self, mode="ok"):
        """A new one."""
        host = new_host()
        self.turn(host, mode)
        return host

    def turn(self, host, mode):
        """From now on the host behaves so."""
        listener = self._listeners.get(host)
        if mode == "killed":
            if listener:
                del self._listeners[host]
                listener.shutdown()
                listener.server_close()
            return
        if listener is None:
            listener = self._listeners[host] = Listener((host, self.port), Handler)
            listener.owner = self
            threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
        listener.mode = mode

    def url(self, host, path="/"):
        return "http://%s:%d%s" % (host, self.port, path)

    def count(self, host):
        """How often it was asked."""
        return sum(1 for asked in self.asked if asked[0] == host)

    def forward(self, method, path, body):
        connection = http.client.HTTPConnection(*self.responder, timeout=60)
        headers = {"Content-Type": "application/ocsp-request"} if method == "POST" else {}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        octets = answer.read()
        connection.close()
        return answer.status, octets, answer.headers.get("Content-Type", OCSP_TYPE)

    def stop(self):
        self.stopping.set()
        for host in list(self._listeners):
            self.turn(host, "killed")


class RawServer:
    """For protocols other than HTTP. mode: hung, dripping, garbage, html, or huge, which begins an LDAP
    message of 2 GiB."""

    def __init__(self, rig, mode):
        self.host, self.port, self.mode = new_host(), free_port(), mode
        self.asked = 0
        self.stopping = threading.Event()
        self._socket = socket.create_server((self.host, self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()
        rig.add(self)

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                getattr(self, "_" + self.mode)(connection)
            except OSError:
                pass  # whoever asked has gone

    def _hung(self, connection):
        self.stopping.wait()

    def _dripping(self, connection):
        while not self.stopping.wait(1):
            connection.sendall(b"\x30")

    def _garbage(self, connection):
        connection.recv(4096)
        connection.sendall(os.urandom(2000))

    def _html(self, connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n" + PAGE)

    def _huge(self, connection):
        connection.recv(4096)
        connection.sendall(b"\x30\x84\x7f\xff\xff\xff\x02\x01\x02\x64\x84\x7f\xff\xff\xf0")
        for _ in range(HUGE >> 20):
            connection.sendall(bytes(1 << 20))

    def stop(self):
        self.stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
