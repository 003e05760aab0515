"""An LDAP server that says what a test wants, right or wrong."""

import socket
import threading

# RFC 4511 4.1.1: the protocol's operations by their tags.
BIND, BIND_ANSWER, SEARCH, ENTRY, DONE = 0x60, 0x61, 0x63, 0x64, 0x65
REFERENCE, EXTENDED, EXTENDED_ANSWER, UNBIND = 0x73, 0x77, 0x78, 0x42

SUCCESS, REFERRAL, BUSY = 0, 10, 51


def ber(tag, *parts):
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes(4, "big")
    return bytes([tag, 0x84]) + size + body


def result(tag, code, *more):
    return ber(tag, ber(0x0a, bytes([code])), ber(0x04), ber(0x04, "as told"), *more)


def entry(name, **attributes):
    """One entry; attribute names may be given with `__` for `;`."""
    return ber(ENTRY, ber(0x04, name), ber(0x30, *(
        ber(0x30, ber(0x04, key.replace("__", ";")), ber(0x31, *(ber(0x04, v) for v in values)))
        for key, values in attributes.items())))


def _read_exactly(connection, count):
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError
        data += chunk
    return data


def _read_message(connection):
    """The message's id, its operation's tag and octets."""
    head = _read_exactly(connection, 2)
    size = head[1]
    if size & 0x80:
        size = int.from_bytes(_read_exactly(connection, size & 0x7f), "big")
    body = _read_exactly(connection, size)
    id_length = body[1]
    return body[2:2 + id_length], body[2 + id_length], body


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class FakeLdap:
    """Listens when the constructor returns. answers: from an operation's tag to
    what is sent back for it: a list of operations, each given the request's
    message id; octets are sent as they are. An operation without an answer gets
    none. takes = False: connections are not even read from.

    accepted: connections so far. requests: (tag, octets) of all that came."""

    def __init__(self, rig, answers=None, takes=True):
        self.answers = {BIND: [result(BIND_ANSWER, SUCCESS)], SEARCH: [result(DONE, SUCCESS)]}
        self.answers.update(answers or {})
        self.takes, self.accepted, self.requests = takes, 0, []
        self._open = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        self.uri = "ldap://127.0.0.1:%d/" % self.port
        self.ldaps_uri = "ldaps://127.0.0.1:%d/" % self.port
        threading.Thread(target=self._accept, daemon=True).start()
        rig.add(self)

    def stop(self):
        for s in [self._listener] + self._open:
            _shut(s)
            s.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(connection)
            if self.takes:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            while True:
                number, tag, body = _read_message(connection)
                self.requests.append((tag, body))
                for answer in self.answers.get(tag, ()):
                    if isinstance(answer, Raw):
                        connection.sendall(answer)
                    else:
                        connection.sendall(ber(0x30, ber(0x02, number), answer))
        except (OSError, ConnectionError, IndexError):
            pass


class Raw(bytes):
    """Octets that are sent as they are, in no message."""


class Relay:
    """Hands octets on, from another address of this machine to a port of 127.0.0.1."""

    def __init__(self, rig, address, to_port):
        self._to, self._open = ("127.0.0.1", to_port), []
        self._listener = socket.socket()
        self._listener.bind((address, 0))
        self._listener.listen(8)
        self.ldaps_uri = "ldaps://%s:%d/" % self._listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()
        rig.add(self)

    def stop(self):
        for s in [self._listener] + self._open:
            _shut(s)
            s.close()

    def _accept(self):
        while True:
            try:
                near = self._listener.accept()[0]
                far = socket.create_connection(self._to)
            except OSError:
                return
            self._open += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        _shut(sink)
