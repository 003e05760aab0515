#!/usr/bin/env python3
"""The worker as its administrator sees it: when there is one, as whom it runs, what becomes of it when it is killed,
reloaded and stopped, and which rights of the folders that it shares with gate are refused."""

import grp
import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys

from daemon_scene import (DEADLINE, GATE_USER, SEALS, Daemon, Problem, Rig, Tap, block, listening, program,
                          sanitizer_reports, text, wait_for)
from rig.base import running_pids, uids_of
from rig.gateway import KEEPER_USER, WORKER_USER, name_of

STRANGER = 65533  # no user of this system
ADDRESS = "zneplatneni@trh.example"


def uid(user):
    return pwd.getpwnam(user).pw_uid


def gid(user):
    return pwd.getpwnam(user).pw_gid


def look(path):
    """Owner, group and mode."""
    there = os.lstat(path)
    return there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode)


def limit_processes(pid, soft):
    """As the process' own user, who may."""
    subprocess.run(["prlimit", "--pid", str(pid), "--nproc=%d:" % soft], user=STRANGER, group=STRANGER, extra_groups=[],
                   check=True, timeout=DEADLINE)


class Revoking(Daemon):
    """with_block: whether there is a revocation block. settings: of it, beside the usual."""

    def __init__(self, rig, with_block=True, settings=None, name="seal", **options):
        self.with_block, self.settings = with_block, settings or {}
        super().__init__(rig, name=name, **options)

    def configuration(self):
        if not self.with_block:
            return super().configuration()
        usual = {"address": text(ADDRESS), "authorities": "{ %s }" % text(self.rig.pki()["qualified.crt"]),
                 "signer": text("seal"), "command": "{ %s }" % text("/bin/true")}
        return super().configuration() + "\n" + block("revocation", "ica", **dict(usual, **self.settings))

    @property
    def inbox(self):
        return self.path("inbox")

    @property
    def journal(self):
        return self.path("journal")

    def worker(self):
        """The nearest of them: what a process forks is called as it is until it has named itself."""
        pids = self.pids_of("worker")
        assert pids, self.log()[-4000:]
        return pids[0]

    def reader(self):
        """The one who forks a process for each look, which may be there too."""
        wait_for(lambda: self.pids_of("reader"), lambda: "a reader:\n" + self.log()[-4000:])
        return self.pids_of("reader")[0]

    def refused(self, *words, status=2):
        """It does not start, and says why in these words."""
        done = subprocess.run([program("sealmilter"), "-f", "-c", self.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        assert done.returncode == status, (done.returncode, done.stderr.decode())
        for word in words:
            assert word.encode() in done.stderr, (word, done.stderr.decode())

    def fresh(self):
        """Without folders."""
        for path in (self.inbox, self.journal):
            if os.path.islink(path):
                os.unlink(path)
            else:
                shutil.rmtree(path, ignore_errors=True)


def test_runs(tap, rig):
    daemon = Revoking(rig)
    with tap.test("a revocation block: there is a worker, and it is its own user for good"):
        assert uids_of(daemon.worker()) == {uid(WORKER_USER)}
        with open("/proc/%d/status" % daemon.worker()) as f:
            assert "NoNewPrivs:\t1" in f.read()
    with tap.test("the folders are made, each its owner's to write and the other's to read"):
        assert look(daemon.inbox) == (uid(GATE_USER), gid(WORKER_USER), 0o2750), look(daemon.inbox)
        assert look(daemon.journal) == (uid(WORKER_USER), gid(GATE_USER), 0o2750), look(daemon.journal)
    with tap.test("the journal is gate's to read, and the key of proofs nobody's but the worker's"):
        assert look(os.path.join(daemon.journal, "journal")) == (uid(WORKER_USER), gid(GATE_USER), 0o640)
        key = look(os.path.join(daemon.journal, "proof.key"))
        assert (key[0], key[2]) == (uid(WORKER_USER), 0o600), key
    with tap.test("who reads gate's files has no file or socket of the worker's"):
        reader = daemon.reader()
        folder = "/proc/%d/fd" % reader
        assert uids_of(reader) == {uid(WORKER_USER)}
        opened = [os.readlink(os.path.join(folder, n)) for n in sorted(os.listdir(folder)) if int(n) > 2]
        assert len(opened) == 1 and opened[0].startswith("socket:"), opened
    with tap.test("keeper lets the worker's group connect, and nobody else but gate's user"):
        assert look(os.path.join(daemon.run_directory, "keeper.sock")) == (uid(GATE_USER), gid(WORKER_USER), 0o660)
    with tap.test("mail is sealed beside it"):
        assert daemon.send().is_sealed
    with tap.test("SIGTERM: the gate leaves first, then the worker, keeper last"):
        daemon.stop()
        left = [line for line in daemon.lines("child-left") if "child=" in line]
        order = [line.split("child=")[1].split()[0] for line in left]
        assert order == ["gate", "worker", "keeper"], left
    with tap.test("started again over what is there"):
        daemon.start()
        assert daemon.worker()


def test_kills(tap, rig):
    daemon = Revoking(rig)
    with tap.test("a worker that is killed is started anew, and mail goes on meanwhile"):
        killed = daemon.worker()
        os.kill(killed, signal.SIGKILL)
        daemon.wait_log("child-died", "child=worker", "pid=%d" % killed, "signal=\"9")
        assert daemon.send().is_sealed
        daemon.wait_log("child-started", "worker")
        assert daemon.worker() != killed
    with tap.test("who reads gate's files is killed: the worker is started anew, with another one"):
        before, killed = daemon.worker(), daemon.reader()
        os.kill(killed, signal.SIGKILL)
        daemon.wait_log("child-started", "worker", count=2)
        assert daemon.worker() != before and daemon.reader() != killed
    with tap.test("a worker that is killed leaves nobody behind who reads"):
        reader = daemon.reader()
        os.kill(daemon.worker(), signal.SIGKILL)
        wait_for(lambda: not os.path.exists("/proc/%d" % reader), "the reader to end")
        daemon.wait_log("child-started", "worker", count=3)
    with tap.test("keeper is killed: the worker goes on, and asks the next one"):
        before = daemon.worker()
        daemon.kill("keeper")
        daemon.wait_log("child-started", "keeper")
        daemon.reload_and_wait()
        assert daemon.worker() == before
    with tap.test("a second one for the same journal is refused, and the first goes on"):
        first = daemon.worker()
        other = Revoking(rig, name="other", start=False)
        rig.run("sed", "-i", "s#^journal-directory = .*#journal-directory = %s#" % text(daemon.journal), other.config)
        done = subprocess.run([program("sealmilter"), "-f", "-c", other.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        assert done.returncode == 1 and b"another worker" in done.stderr, done
        assert daemon.worker() == first
    with tap.test("a supervisor that is killed: the worker leaves too"):
        family = daemon.pids()
        daemon.process.kill()
        daemon.all_gone(family)


def test_reload(tap, rig):
    daemon = Revoking(rig, with_block=False)
    with tap.test("without a revocation block there is neither a worker nor a folder for it"):
        assert daemon.pids_of("worker") == []
        assert not os.path.exists(daemon.inbox) and not os.path.exists(daemon.journal)
    with tap.test("a reload that brings the first block starts one, which keeper answers"):
        daemon.change(with_block=True)
        daemon.reload_and_wait()
        daemon.wait_log("child-started", "worker")
        assert uids_of(daemon.worker()) == {uid(WORKER_USER)}
        assert look(daemon.journal) == (uid(WORKER_USER), gid(GATE_USER), 0o2750)
    with tap.test("a reload is taken by the worker that there is"):
        before = daemon.worker()
        daemon.change(settings={"approve_by_hand": "yes"})
        daemon.reload_and_wait()
        assert daemon.worker() == before
    with tap.test("what it cannot read is not taken into force, by nobody"):
        path = rig.write("authority.crt", open(rig.pki()["qualified.crt"]).read(), 0o640)
        os.chown(path, 0, gid(GATE_USER))
        daemon.change(settings={"authorities": "{ %s }" % text(path)}, rules="")
        daemon.reload_and_wait("reload-failed")
        daemon.wait_log("reload-failed", "worker could not take")
        assert daemon.worker() == before and daemon.send().is_sealed
    with tap.test("another folder or user takes a restart, and that is said"):
        daemon.change(settings={}, rules=SEALS)
        for option, value in (("journal-directory", rig.path("elsewhere")), ("worker-user", "man")):
            rig.run("sed", "-i", "s#^%s = .*#%s = \"%s\"#" % (option, option, value), daemon.config)
            daemon.reload_and_wait("reload-failed")
            daemon.wait_log("reload-failed", option, "restart")
            daemon.change()
        assert not os.path.exists(rig.path("elsewhere")) and daemon.worker() == before
    with tap.test("rights that have become bad meanwhile: a reload is refused with them"):
        os.chmod(daemon.journal, 0o2770)
        daemon.reload_and_wait("reload-failed")
        daemon.wait_log("reload-failed", daemon.journal, "2770")
        os.chmod(daemon.journal, 0o2750)
        daemon.reload_and_wait()
    with tap.test("a reload that takes the last block away stops it, and mail is sealed as before"):
        daemon.change(with_block=False)
        daemon.reload_and_wait()
        wait_for(lambda: daemon.pids_of("worker") + daemon.pids_of("reader") == [], "the worker to leave")
        assert daemon.send().is_sealed
    with tap.test("and back"):
        daemon.change(with_block=True)
        daemon.reload_and_wait()
        wait_for(lambda: len(daemon.pids_of("worker")) == 1, "a worker")
        daemon.wait_log("child-started", "worker", count=2)
    daemon.stop()


def test_busy(tap, rig):
    daemon = Revoking(rig)
    with tap.test("a worker that is busy for longer than a reload is waited for stays, and takes the next one"):
        before = daemon.worker()
        os.kill(before, signal.SIGSTOP)
        daemon.reload()
        wait_for(lambda: daemon.lines("worker could not take"), "the reload to be given up", 3 * DEADLINE)
        os.kill(before, signal.SIGCONT)
        daemon.reload_and_wait()
        assert daemon.worker() == before and daemon.send().is_sealed


def test_failed_start(tap, rig):
    daemon = Revoking(rig, start=False)
    with tap.test("a worker that cannot read what it needs: nothing is started, and it says what"):
        path = rig.write("authority.crt", open(rig.pki()["qualified.crt"]).read(), 0o640)
        os.chown(path, 0, gid(GATE_USER))
        daemon.change(settings={"authorities": "{ %s }" % text(path)})
        daemon.refused("worker-cannot-start", path)
        assert not os.path.exists(daemon.socket("work"))
    with tap.test("a worker-user that does not exist, or that is gate's or keeper's"):
        for user, word in (("nosuchuser", "nosuchuser"), (GATE_USER, "worker-user"), (KEEPER_USER, "keeper-user")):
            daemon.change(settings={})
            rig.run("sed", "-i", "s/^worker-user = .*/worker-user = \"%s\"/" % user, daemon.config)
            daemon.refused(word)
    with tap.test("a trace key that gate alone can read does not keep the worker from its work"):
        key = daemon.secret("trace.key", "0123456789abcdef0123456789abcdef\n", GATE_USER)
        daemon.change(top="trace-key-file = %s" % text(key))
        daemon.start()
        assert daemon.worker()
    daemon.stop()


def test_rights(tap, rig):
    daemon = Revoking(rig, start=False)

    def refuses(what, spoil, *words):
        with tap.test("%s: refused" % what):
            daemon.fresh()
            os.mkdir(daemon.inbox)
            os.mkdir(daemon.journal)
            os.chown(daemon.inbox, uid(GATE_USER), gid(WORKER_USER))
            os.chown(daemon.journal, uid(WORKER_USER), gid(GATE_USER))
            os.chmod(daemon.inbox, 0o2750)
            os.chmod(daemon.journal, 0o2750)
            spoil()
            daemon.refused(*words)

    group = grp.getgrgid(gid(GATE_USER)).gr_name
    right = "chown %s:%s %s" % (WORKER_USER, group, daemon.journal)
    refuses("gate's user owns the journal's folder", lambda: os.chown(daemon.journal, uid(GATE_USER), -1),
            "journal-directory", "belongs to %s:" % GATE_USER, right, "2750")
    refuses("root owns it, whom the worker is not", lambda: os.chown(daemon.journal, 0, -1), "belongs to root:", right)
    refuses("gate's group may write it", lambda: os.chmod(daemon.journal, 0o2770), "mode 2770", "chmod 2750")
    refuses("all may write it", lambda: os.chmod(daemon.journal, 0o2757), "mode 2757")
    refuses("what is made in it would not be gate's to read", lambda: os.chmod(daemon.journal, 0o750), "mode 0750")
    refuses("it is another group's", lambda: os.chown(daemon.journal, -1, 0), right)
    refuses("all may write the inbox", lambda: os.chmod(daemon.inbox, 0o2777), "inbox-directory", "mode 2777")
    refuses("the worker's group may write the inbox", lambda: os.chmod(daemon.inbox, 0o2770), "mode 2770")
    refuses("the inbox is the worker's", lambda: os.chown(daemon.inbox, uid(WORKER_USER), -1), "inbox-directory",
            "chown %s:" % GATE_USER)

    def link():
        os.rename(daemon.journal, daemon.journal + ".real")
        os.symlink(daemon.journal + ".real", daemon.journal)

    refuses("the folder is a symbolic link", link, "symbolic link")
    shutil.rmtree(daemon.journal + ".real")
    above = os.path.dirname(daemon.journal)
    before = look(above)
    refuses("gate's user owns the folder above, and could put another in its place",
            lambda: os.chown(above, uid(GATE_USER), -1), above, GATE_USER, "in its place")
    os.chown(above, before[0], before[1])
    refuses("all may write the folder above", lambda: os.chmod(above, 0o777), above, "mode 0777", "in its place")
    os.chmod(above, before[2])
    with tap.test("a folder whose parent is missing is made with it; one of which more is missing is not"):
        daemon.fresh()
        rig.run("sed", "-i", "s#^journal-directory = .*#journal-directory = \"%s/deep/journal\"#" % above, daemon.config)
        daemon.start()
        assert look(above + "/deep") == (0, 0, 0o755) and look(above + "/deep/journal")[2] == 0o2750
        daemon.stop()
        rig.run("sed", "-i", "s#/deep/journal#/nowhere/at/all#", daemon.config)
        daemon.refused("journal-directory", "/nowhere/at/all", status=1)


def test_one_user(tap, rig):
    """Neither root nor users: one user is all."""
    daemon = Revoking(rig, start=False)
    rig.run("sed", "-i", "/^user =/d;/^keeper-user =/d;/^worker-user =/d;/group =/d;s#= \"%s/\\(inbox\\|journal\\)\"#= \"%s/\\1\"#"
            % (rig.folder, daemon.folder), daemon.config)
    rig.run("chown", "-R", "%d:%d" % (STRANGER, STRANGER), daemon.folder)

    def start(stderr=subprocess.PIPE):
        return subprocess.Popen([program("sealmilter"), "-f", "-c", daemon.config], user=STRANGER, group=STRANGER,
                                extra_groups=[], stderr=stderr)

    def said(log):
        return os.pread(log.fileno(), 65536, 0)

    journal = os.path.join(daemon.folder, "journal")
    with tap.test("it runs, and the folders are nobody's but its user's"):
        process = start()
        wait_for(lambda: process.poll() is not None or listening(daemon.socket("work")), "it to listen")
        wait_for(lambda: os.path.exists(os.path.join(journal, "proof.pub")), "a worker")
        assert look(journal) == (STRANGER, STRANGER, 0o700), look(journal)
        assert look(os.path.join(daemon.folder, "inbox")) == (STRANGER, STRANGER, 0o700)
        process.terminate()
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, process.returncode
    with tap.test("no process is to be had for a while: it tries again, and holds nothing of what it tried"):
        with open(rig.path("one-user.log"), "w+b") as log:
            process = start(log)
            wait_for(lambda: b": ready " in said(log), "it to be ready")
            gate, = [pid for pid in running_pids(process.pid) if name_of(pid) == "seal-gate"]
            held = "/proc/%d/fd" % process.pid
            before = len(os.listdir(held))
            limit_processes(process.pid, 0)
            os.kill(gate, signal.SIGKILL)
            wait_for(lambda: said(log).count(b"cannot-start") >= 3, "attempts")
            limit_processes(process.pid, resource.getrlimit(resource.RLIMIT_NPROC)[0])
            wait_for(lambda: b"child-started" in said(log), "the gate")
            assert len(os.listdir(held)) == before, (before, os.listdir(held))
            process.terminate()
            assert process.wait(DEADLINE) == 0
    with tap.test("a folder that others may write is refused"):
        os.chmod(journal, 0o777)
        log = start().communicate(timeout=DEADLINE)[1]
        assert b"journal-directory" in log and b"mode 0777" in log, log


def main():
    tap = Tap()
    if os.getuid() != 0:
        print("1..0 # SKIP only root can become other users")
        return 0
    chosen = sys.argv[1:]
    for test in (test_runs, test_kills, test_reload, test_busy, test_failed_start, test_rights, test_one_user):
        if chosen and test.__name__ not in chosen:
            continue
        with Rig() as rig:
            try:
                test(tap, rig)
            except Problem as e:
                tap.ok(False, test.__name__, str(e))
            rig.stop_all()
            reports = sanitizer_reports(rig)
            tap.ok(not reports, "%s: no sanitizer had anything to say" % test.__name__, "".join(reports)[:8000])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
