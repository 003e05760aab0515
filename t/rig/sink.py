"""An SMTP server that keeps every octet it is given."""

import os
import socket
import threading
from dataclasses import dataclass, field

from .base import Problem, free_port, wait_for


@dataclass
class Received:
    """One message as it came over the wire."""
    sender: str
    recipients: list
    data: bytes  # after dot-unstuffing, line ends as they came
    sender_options: str = ""
    message_id: str = field(init=False)

    def __post_init__(self):
        self.message_id = self.header("Message-ID")

    def header(self, name):
        """The first such field's value, unfolded; "" when there is none."""
        found = self.headers(name)
        return found[0] if found else ""

    def headers(self, name):
        head = self.data.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
        unfolded = head.replace("\n ", " ").replace("\n\t", " ")
        return [value.strip() for key, _, value in
                (line.partition(":") for line in unfolded.split("\n")) if key.lower() == name.lower()]


class Sink:
    """Takes mail at self.port and keeps it in self.received, in order of arrival.

    answers: recipient -> full SMTP answer ("550 5.1.1 no such user"), given at
    RCPT; the key "" is for every other recipient. extensions: what EHLO offers.
    folder: also write each message there as N.eml."""

    def __init__(self, rig, extensions=("8BITMIME", "SMTPUTF8", "PIPELINING"), folder=None):
        self.answers = {}
        self.extensions = list(extensions)
        self.folder = folder
        self.received = []
        self._lock = threading.Lock()
        self._connections = set()
        self._stopping = False
        self.port = free_port()
        self.address = "[127.0.0.1]:%d" % self.port
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        rig.add(self)

    def stop(self):
        self._stopping = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)
        self._thread.join()

    # What tests ask.

    def messages(self, **wanted):
        """All messages so far, or those with this message_id or recipient."""
        with self._lock:
            found = list(self.received)
        if "message_id" in wanted:
            found = [m for m in found if m.message_id == wanted["message_id"]]
        if "recipient" in wanted:
            found = [m for m in found if wanted["recipient"] in m.recipients]
        return found

    def wait(self, count=1, deadline=60, diagnostics=None, **wanted):
        """Waits until count such messages are there, and returns them."""
        def what():
            return "%d messages %r at the sink; it has %d, of %r%s" % (
                count, wanted, len(self.received), [(m.message_id, m.recipients) for m in self.received],
                "\n" + diagnostics() if diagnostics else "")
        def enough():
            found = self.messages(**wanted)
            return found if len(found) >= count else None
        return wait_for(enough, what, deadline)

    def clear(self):
        with self._lock:
            self.received.clear()

    # The server.

    def _accept(self):
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb", 65536) as reader:
                _Session(self, connection, reader).run()
        except (OSError, ValueError):
            pass  # the client went away, or we are stopping
        finally:
            with self._lock:
                self._connections.discard(connection)

    def keep(self, message):
        with self._lock:
            self.received.append(message)
            number = len(self.received)
        if self.folder:
            with open(os.path.join(self.folder, "%d.eml" % number), "wb") as f:
                f.write(message.data)

    def answer_for(self, recipient):
        return self.answers.get(recipient, self.answers.get("", "250 2.1.5 ok"))


class _Session:
    def __init__(self, sink, connection, reader):
        self.sink, self.connection, self.reader = sink, connection, reader
        self.forget()

    def forget(self):
        self.sender, self.options, self.recipients = None, "", []

    def say(self, *lines):
        answer = b"".join((line + "\r\n").encode() for line in lines)
        self.connection.sendall(answer)

    def run(self):
        self.say("220 sink.example ESMTP")
        while True:
            line = self.reader.readline(65536)
            if not line.endswith(b"\n"):
                return
            if not self.command(line.decode("utf-8", "replace").strip()):
                return

    def command(self, line):
        verb = line[:4].upper()
        if verb == "EHLO":
            answers = ["sink.example"] + self.sink.extensions
            self.say(*["250-" + a for a in answers[:-1]], "250 " + answers[-1])
        elif verb == "MAIL":
            self.forget()
            self.sender, self.options = _path(line)
            self.say("250 2.1.0 ok")
        elif verb == "RCPT":
            recipient, _ = _path(line)
            answer = self.sink.answer_for(recipient)
            if answer.startswith("2"):
                self.recipients.append(recipient)
            self.say(answer)
        elif verb == "DATA":
            self.data()
        elif verb == "QUIT":
            self.say("221 2.0.0 bye")
            return False
        elif verb in ("HELO", "NOOP", "RSET"):
            self.forget()
            self.say("250 ok")
        else:
            self.say("502 5.5.1 what?")
        return True

    def data(self):
        if not self.recipients:
            self.say("554 5.5.1 no recipients")
            return
        self.say("354 go on")
        lines = []
        while True:
            line = self.reader.readline()
            if not line.endswith(b"\n"):
                raise OSError("cut off within DATA")
            if line in (b".\r\n", b".\n"):
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.sink.keep(Received(self.sender, self.recipients, b"".join(lines), self.options))
        self.forget()
        self.say("250 2.0.0 kept")


def _path(line):
    """MAIL FROM:<a> X=Y -> ("a", "X=Y")"""
    _, bracket, rest = line.partition("<")
    if not bracket:
        raise Problem("no path in " + line)
    address, _, options = rest.rpartition(">")
    return address, options.strip()


def _shut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
