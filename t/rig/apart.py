"""A network of one's own: loopback only, with whatever addresses and names a test wants."""

import fcntl
import os
import socket
import struct
import sys
import threading

SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1


def enter():
    """Runs this program again in network and mounts of its own, which end with it."""
    if os.environ.get("SEAL_APART") == "yes":
        _loopback(SIOCSIFFLAGS, "lo", struct.pack("=h14x", IFF_UP))
        return
    os.environ["SEAL_APART"] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--net", sys.executable] + sys.argv)


def _loopback(request, name, argument):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, request, struct.pack("=16s", name.encode()) + argument)


_aliases = 0


def add_address(address):
    """This machine has that one too from now on, however public it is."""
    global _aliases
    _aliases += 1
    _loopback(SIOCSIFADDR, "lo:%d" % _aliases,
              struct.pack("=hH4s8x", socket.AF_INET, 0, socket.inet_aton(address)))


class NameServer:
    """What all names are asked of. names: name -> list of answers, each a list of IPv4 addresses; the
    first is given first, and the last from then on. None as an answer: nothing is said. asked: names."""

    def __init__(self, rig, names):
        self.names = {name: list(answers) for name, answers in names.items()}
        self.asked = []
        for file, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:60 attempts:1\n"),
                           ("nsswitch.conf", "hosts: files dns\n"), ("hosts", "127.0.0.1 localhost\n::1 localhost\n")):
            rig.run("mount", "--bind", rig.write(file, text), "/etc/" + file)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()
        rig.add(self)

    def stop(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
                answer = self._answer(query)
                if answer:
                    self._socket.sendto(answer, client)
            except OSError:
                return

    def _answer(self, query):
        """RFC 1035 4."""
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, question = ".".join(labels), query[12:at + 5]
        for_ipv4 = query[at + 1:at + 3] == b"\0\1"
        answers = self.names.get(name.lower())
        if answers is None:
            return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
        if not for_ipv4:
            return answers[0] and query[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + question
        self.asked.append(name)
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if addresses is None:
            return None
        records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(a) for a in addresses)
        return query[:2] + b"\x81\x80\0\1" + struct.pack(">H", len(addresses)) + b"\0\0\0\0" + question + records
