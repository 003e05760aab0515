"""A configuration that opens and judges mail from outside, and what sealctl, which is
the daemon's own code, makes of one message under it.

    p = Partner(rig)
    opener = Opener(rig)
    told = opener.judge(p.message(p.encrypt(p.sign(p.text()))))
    assert told.result == "pass" and told.is_clear("12,5 MWh")
"""

import json
import os
import re

from . import judges
from .base import Problem
from .gateway import block, program, text
from .pki import PARTICIPANT, SENDER

AUTHSERV_ID = "mx.trh.example"
KEY = "secure-mime"


def configuration(rig, key_file=None, top="", trust=None, directories=None, opens_for="trh.example"):
    """Everything but the listeners. key_file: path of the decryption key, else the PKI's own.
    trust, directories: name -> settings of the block."""
    pki = rig.pki()
    if trust is None:
        trust = {"partners": {"anchors": text(pki["anchors.pem"])}}
    if "status-directory" not in top:
        top += "\nstatus-directory = none"
    parts = ["authserv-id = " + text(AUTHSERV_ID), "inbound-domains = trh.example", top,
             block("decryption-key", "mail", key=text(key_file or pki[KEY + ".key"]),
                   certificate=text(pki[KEY + ".crt"]), **{"for": text(opens_for)})]
    parts += [block("trust", name, **settings) for name, settings in trust.items()]
    parts += [block("directory", name, **settings) for name, settings in (directories or {}).items()]
    return "\n".join(parts) + "\n"


def folder_directory(rig, name, files, binds="yes"):
    """Settings of a directory of type files. files: file's name -> its octets."""
    folder = rig.make_folder(name)
    for file, octets in files.items():
        rig.write(os.path.join(folder, file), octets)
    return {"type": "files", "path": text(folder), "binds_address": binds}


class Opener:
    """sealctl under one configuration (see above). The message comes from outside, from the
    participant to zpravy@trh.example in the envelope."""

    count = 0

    def __init__(self, rig, **options):
        Opener.count += 1
        self.rig, self.name = rig, "opener%d" % Opener.count
        folder = rig.make_folder(self.name)
        listener = block("listener", "in", socket=text("unix:%s/in" % folder), direction="inbound")
        self.config = rig.write(os.path.join(self.name, "sealmilter.conf"),
                                "run-directory = %s\n%s%s" % (text(folder), configuration(rig, **options), listener))

    def sealctl(self, *arguments):
        return self.rig.run(program("sealctl"), "-c", self.config, *arguments, check=False)

    def judge(self, message, *options, to=(SENDER,)):
        path = self.rig.write(os.path.join(self.name, "message"), message)
        envelope = ["--from", PARTICIPANT] + [o for address in to for o in ("--to", address)]
        arguments = [*envelope, *options]
        explained = self.sealctl("--json", *arguments, "--inbound", "explain", path)
        try:
            told = json.loads(explained.stdout)
        except ValueError:
            raise Problem("explain: status %d: %s" % (explained.returncode, explained.stderr.decode())) from None
        return Told(message, told, self.sealctl(*arguments, "open", path))


class Told:
    """What people are told of a message: by explain (told), and by open (status, message, errors)."""

    def __init__(self, source, told, opened):
        self.source, self.told = crlf(source), told
        self.smime = told.get("smime", {"result": None, "layers": []})  # there is none of what is not inbound
        self.plan = told["plan"]
        self.result, self.reason = self.smime["result"], self.smime.get("reason", "")
        self.status, self.errors = opened.returncode, opened.stderr.decode()
        self.message = crlf(opened.stdout)

    @property
    def layers(self):
        return [layer["kind"] for layer in self.smime["layers"]]

    def signers(self, layer=None):
        """Of the layer, from 0; without a number, of the only one that is signed."""
        signed = [entry for entry in self.smime["layers"] if entry["kind"] == "signed"]
        if layer is None and len(signed) != 1:
            raise Problem("%d signed layers" % len(signed))
        return signed[layer or 0]["signers"]

    @property
    def body(self):
        return self.message.partition(b"\r\n\r\n")[2]

    @property
    def stays_as_it_came(self):
        return self.body == self.source.partition(b"\r\n\r\n")[2]

    def is_clear(self, mark):
        return judges.is_clear(self.message, mark)

    def fields(self, name):
        """The values of the message's own fields of that name, unfolded."""
        head = self.message.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        return [line.partition(":")[2].strip() for line in lines
                if line.partition(":")[0].strip().lower() == name.lower()]

    def __repr__(self):
        return "%s\n%s%s" % (json.dumps(self.told, indent=1), self.errors,
                             self.message[:3000].decode("utf-8", "replace"))


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
