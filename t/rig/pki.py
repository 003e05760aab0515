"""The test authorities, made by t/pki/make-pki."""

import os
import sys

from .base import Problem

MAKE_PKI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pki", "make-pki")

SENDER = "zpravy@trh.example"
PARTICIPANT = "obchod@ucastnik.example"


class Pki:
    """Paths of what make-pki made: pki["seal.key"]. See its opening for the names. It takes seconds, so that it is
    made once a process; each rig has files of its own, which may be changed."""

    sender = SENDER
    participant = PARTICIPANT
    _made = []  # name, mode and octets of each

    def __init__(self, rig):
        self.folder = rig.make_folder("pki")
        for name, mode, octets in self._made:
            rig.write(os.path.join("pki", name), octets, mode)
        if not self._made:
            rig.run(sys.executable, MAKE_PKI, self.folder)
            self._made += [(name, os.stat(self[name]).st_mode & 0o777, self.bytes(name))
                           for name in os.listdir(self.folder)]

    def __getitem__(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            raise Problem("make-pki makes no " + name)
        return path

    def bytes(self, name):
        with open(self[name], "rb") as f:
            return f.read()
