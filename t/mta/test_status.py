#!/usr/bin/env python3
"""Whether our own seal was revoked, as the daemon hears of it while it runs, and the lists that its
processes, and whoever calls sealctl, keep on disk together."""

import concurrent.futures
import json
import os
import pwd
import subprocess
import sys

from daemon_scene import GATE_USER, SENDER, Daemon, Problem, Rig, Tap, block, program, text
from rig import Revoker, StatusServer

CALLERS = 12
DAY = 24
REQUIRED = "seal-revocation = require"


class Sealing(Daemon):
    """Seals with a certificate that can be revoked. lists: the server of lists; crls: files of lists that
    the configuration names; seal: which certificate."""

    def __init__(self, rig, crls=(), points=True, listeners=None, **options):
        self.lists = StatusServer(rig)
        self.host = self.lists.host()
        self.url, self.root_url = (self.lists.url(self.host, path) for path in ("/issuing.crl", "/root.crl"))
        self.authority = Revoker(rig, root_crl=[self.root_url] if points else [])
        self.lists.files["/root.crl"] = self.authority.root_crl()
        self.crls, self.seal = crls, "first"
        for name in ("first", "second"):
            self.authority.issue(name, [SENDER], crl=[self.url] if points else [], key="seal")
            pki = rig.pki()
            chain = pki.bytes(name + ".crt") + pki.bytes(self.authority.issuing + ".crt")
            rig.write(os.path.join(pki.folder, name + ".pem"), chain)
        super().__init__(rig, listeners=listeners, start=False, **options)
        self.directory = os.path.join(self.folder, "lists")
        self.change()

    def configuration(self):
        pki = self.rig.pki()
        parts = ['internal-networks = { "192.0.2.0/24" }', 'fetch-networks = { "127.0.0.0/8" }', "fetch-timeout = 2",
                 self.top]
        if hasattr(self, "directory"):
            parts.append("status-directory = " + text(self.directory))
        parts += [self.listener(name, group=text("nogroup"), **settings) for name, settings in self.listeners.items()]
        settings = {"crls": "{ %s }" % ", ".join(map(text, self.crls))} if self.crls else {}
        parts += [block("signer", "seal", key=text(self.key_of(pki["seal.key"])),
                        certificate=text(pki[self.seal + ".pem"])),
                  block("trust", "ours", anchors=text(self.authority.anchors), sender_domain=text("nobody.example"),
                        intermediates=text(self.authority.intermediates), **settings), self.rules]
        return "\n".join(parts)

    def publish(self, **times):
        self.lists.files["/issuing.crl"] = self.authority.crl(**times)

    def alarms(self):
        return self.lines("seal-certificate", "revoked since 20")

    def is_sealing(self):
        for listener in self.listeners:
            sent = self.send(listener=listener)
            assert sent.is_sealed, sent

    def is_deferred(self):
        for listener in self.listeners:
            sent = self.send(listener=listener)
            assert sent.verdict == "replied" and sent.text.startswith("451 4.7."), sent

    def kept(self):
        """URL -> the list that sealctl finds on disk."""
        told = json.loads(self.sealctl("crl", "list", "--json").stdout)
        return {entry["url"]: entry for entry in told if "url" in entry}

    def forget_when(self, url):
        """The list was had long ago."""
        note = self.kept()[url]["path"].replace(".crl", ".url")
        with open(note, "r+", encoding="ascii") as f:
            lines = ["fetched 1" if line.startswith("fetched ") else line for line in f.read().splitlines()]
            f.seek(0)
            f.truncate()
            f.write("\n".join(lines) + "\n")

    def files(self):
        """Of the lists, with their owners."""
        return {os.path.join(at, name): os.stat(os.path.join(at, name)).st_uid
                for at, _, names in os.walk(self.directory) for name in names}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_reload(tap, rig):
    """By lists that the administrator has put into files."""
    own, above = rig.path("own.crl"), rig.path("above.crl")
    daemon = Sealing(rig, (own, above), points=False)
    rig.write("own.crl", daemon.authority.crl())
    rig.write("above.crl", daemon.authority.root_crl())
    daemon.start()
    with tap.test("the seal is on no list: sealed"):
        daemon.is_sealing()
    daemon.authority.revoke("first", "keyCompromise")
    newer = rig.write("newer.crl", daemon.authority.crl())
    with tap.test("a reload that brings a list with the seal on it: an alarm, and nothing is sealed any more"):
        daemon.change(crls=(newer, above))
        daemon.reload_and_wait()
        daemon.is_deferred()
        daemon.wait_log("seal-certificate", "signer=seal", "revoked since 20", "keyCompromise")
    with tap.test("a reload with another certificate that is good: sealed again, and no alarm"):
        before = len(daemon.alarms())
        daemon.change(seal="second")
        daemon.reload_and_wait()
        daemon.is_sealing()
        assert len(daemon.alarms()) == before, daemon.alarms()
    with tap.test("a file that has changed is read again with the next reload, whenever it was read last"):
        daemon.authority.revoke("second", "cessationOfOperation")
        rig.write("newer.crl", daemon.authority.crl())
        daemon.reload_and_wait()
        daemon.is_deferred()
        daemon.wait_log("seal-certificate", "revoked since 20", "cessationOfOperation")
    with tap.test("a reload that is refused leaves it as it is: nothing is sealed"):
        daemon.change(top="nonsense = 1")
        daemon.reload_and_wait("reload-failed")
        daemon.is_deferred()
    daemon.stop()


def test_users(tap, rig):
    """Root calls sealctl, the gate's user reads and writes the lists."""
    gate = pwd.getpwnam(GATE_USER).pw_uid
    daemon = Sealing(rig, top=REQUIRED)
    daemon.publish(begin=-2 * DAY, end=-DAY)
    daemon.start()
    daemon.stop()
    for name in os.listdir(daemon.directory):
        os.unlink(os.path.join(daemon.directory, name))
    with tap.test("sealctl crl refresh, import and list by root: all that they leave is the gate's user's"):
        for url in (daemon.url, daemon.root_url):
            daemon.sealctl("crl", "refresh", url)
        daemon.sealctl("crl", "import", rig.write("import.crl", daemon.authority.root_crl(), 0o600))
        assert set(daemon.kept()) == {daemon.url, daemon.root_url}, daemon.kept()
        owners = daemon.files()
        assert len(owners) == 5 and set(owners.values()) == {gate}, owners
        assert os.stat(os.path.join(daemon.directory, "imported")).st_uid == gate
    with tap.test("a list that has run out tells nothing, and that is said although there are others in files"):
        daemon.start()
        daemon.is_deferred()
        daemon.wait_log("seal-certificate", daemon.url, "has run out")
        daemon.stop()
    with tap.test("the gate replaces such a list"):
        daemon.publish()
        daemon.forget_when(daemon.url)
        daemon.start()
        daemon.is_sealing()
        assert read(daemon.kept()[daemon.url]["path"]) == daemon.lists.files["/issuing.crl"]
        assert set(daemon.files().values()) == {gate}, daemon.files()
        daemon.stop()
    with tap.test("and reads one when no server is there"):
        daemon.lists.turn(daemon.host, "killed")
        daemon.start()
        daemon.is_sealing()
        daemon.stop()
    with tap.test("its user may do all this by sealctl too, over what root has left"):
        daemon.lists.turn(daemon.host, "ok")
        daemon.publish()
        done = subprocess.run([program("sealctl"), "-c", daemon.config, "crl", "refresh"], user=GATE_USER,
                              group=pwd.getpwnam(GATE_USER).pw_gid, extra_groups=[],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        assert read(daemon.kept()[daemon.url]["path"]) == daemon.lists.files["/issuing.crl"]


class Turns(dict):
    """What is asked for differs each time: newer lists and older ones in turn. path is where."""

    path, turns, given = "/issuing.crl", (), 0

    def get(self, path, default=None):
        if path != self.path:
            return super().get(path, default)
        self.given += 1
        return self.turns[(self.given - 1) % len(self.turns)]


def test_shared(tap, rig):
    """Two gates, and callers of sealctl, with one folder."""
    daemon = Sealing(rig, listeners={"work": {}, "more": {}}, top=REQUIRED)
    daemon.publish()
    daemon.start()
    with tap.test("two gates that start at once keep each list once, as it was served"):
        daemon.is_sealing()
        kept = daemon.kept()
        assert set(kept) == {daemon.url, daemon.root_url}, kept
        assert read(kept[daemon.url]["path"]) == daemon.lists.files["/issuing.crl"]
        assert len(daemon.files()) == 4, daemon.files()
    older = [daemon.lists.files["/issuing.crl"]] + [daemon.authority.crl() for _ in range(2)]
    daemon.authority.revoke("first")
    newest = daemon.authority.crl()
    turning = Turns(daemon.lists.files)
    turning.turns = (older[1], newest, older[0], older[2])
    daemon.lists.files = turning
    with tap.test("a server gives out newer and older lists in turn, to many at once: the newest is what is kept"):
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            asking = [pool.submit(daemon.sealctl, "crl", "refresh", daemon.url, check=False) for _ in range(CALLERS)]
            daemon.reload_and_wait()
            daemon.reload_and_wait()
            answers = [a.result().returncode for a in asking]
        assert turning.given >= CALLERS and 0 in answers, (turning.given, answers)
        assert read(daemon.kept()[daemon.url]["path"]) == newest
        assert len(daemon.files()) == 4, daemon.files()
    with tap.test("both gates know it, and no older one comes back"):
        daemon.reload_and_wait()
        daemon.is_deferred()
        turning.turns = older
        assert b"lower" in daemon.sealctl("crl", "refresh", daemon.url, check=False).stderr
        daemon.reload_and_wait()
        daemon.is_deferred()
        assert read(daemon.kept()[daemon.url]["path"]) == newest
    with tap.test("nor when both are killed"):
        gates = daemon.kill("gate")
        for pid in gates:
            daemon.wait_log("child-died", "pid=%d" % pid)
        daemon.is_deferred()
        assert read(daemon.kept()[daemon.url]["path"]) == newest
    daemon.stop()


def main():
    if os.geteuid() != 0:
        print("1..0 # SKIP only root can become other users")
        return 0
    tap = Tap()
    for test in (test_reload, test_users, test_shared):
        if sys.argv[1:] and test.__name__ not in sys.argv[1:]:
            continue
        with Rig() as rig:
            try:
                test(tap, rig)
            except Problem as e:
                tap.ok(False, test.__name__, str(e))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
