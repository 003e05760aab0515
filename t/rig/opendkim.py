"""opendkim as a signing or verifying milter, with a key of its own, no DNS."""

import os

from .base import Process, listening

CONFIGURATION = """\
Syslog no
UMask 000
Mode {mode}
Socket local:{socket}
Domain {domain}
Selector demo
KeyFile {key}
Canonicalization relaxed/simple
RequireSafeKeys false
InternalHosts {internal}
TestPublicKeys {public}
AuthservID {authserv_id}
AlwaysAddARHeader yes
SignatureAlgorithm rsa-sha256
"""


class Dkim:
    """mode: "s" signs what its MTA sends out; "v" verifies what it takes in and
    says so in Authentication-Results, under authserv_id or else domain. Both know the
    same key."""

    def __init__(self, rig, mode, domain="trh.example", authserv_id=None):
        name = "dkim-" + mode
        folder = rig.make_folder(name)
        key = rig.path("dkim.key")
        public = rig.path("dkim.public")
        if not os.path.exists(key):
            rig.run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                    "-out", key)
            pem = rig.run("openssl", "pkey", "-in", key, "-pubout").stdout.decode()
            octets = "".join(line for line in pem.splitlines() if not line.startswith("-"))
            rig.write("dkim.public", "demo._domainkey.%s v=DKIM1; k=rsa; p=%s\n" % (domain, octets))
        self.socket = os.path.join(folder, "s")
        self.milter = "unix:" + self.socket
        internal = rig.write(os.path.join(name, "internal"),
                             "127.0.0.1\n" if mode == "s" else "192.0.2.255\n")
        config = rig.write(os.path.join(name, "opendkim.conf"), CONFIGURATION.format(
            mode=mode, socket=self.socket, domain=domain, authserv_id=authserv_id or domain, key=key,
            internal=internal, public=public))
        self.process = Process(rig, name, ["opendkim", "-f", "-x", config])
        # libmilter takes up to 5 s to end, and there is nothing to be saved.
        self.process.stop = self.process.kill
        self.process.wait_ready(lambda: listening(self.socket), "opendkim to listen")
