"""rig: real servers for tests, in one temporary folder, on loopback.

A Rig owns a short temporary folder and everything that was started in it.
Leaving its with block stops all servers, in reverse order and by their own
process ids, also when a test raised, and removes the folder.

    with Rig() as rig:
        pki = rig.pki()
        sink = Sink(rig)
        slapd = Slapd(rig, pki)
        gateway = Gateway(rig, configuration)
        front = Postfix(rig, "front", relayhost=sink.address)

Only Python's own library is used. Nothing outside the folder is written, no
server of the machine is touched. Everything that takes time is waited for by
its condition, with a deadline; nothing sleeps for a guessed time.
"""

from .base import Rig, Problem, wait_for, free_port, running_pids, environment_path
from .gateway import Gateway
from .mail import Message, refusal, submit, sample_text
from .opendkim import Dkim
from .pki import Pki
from .postfix import Postfix
from .revoker import Revoker
from .sendmail import Sendmail
from .sink import Sink
from .slapd import Slapd
from .status_server import RawServer, StatusServer
from .tap import Tap
from .told import Told
from . import judges

__all__ = ["Rig", "Problem", "wait_for", "free_port", "running_pids", "environment_path", "Gateway",
           "Message", "refusal", "submit", "sample_text", "Dkim", "Pki", "Postfix", "RawServer", "Revoker", "Sendmail",
           "Sink", "Slapd", "StatusServer", "Tap", "Told", "judges"]
