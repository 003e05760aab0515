"""sealmilter itself, under a test's configuration."""

import os
import shutil
import signal
import socket

from .base import Problem, Process, environment_path, listening, running_pids, wait_for

# Users that every Debian has and that nothing else here runs as: gate's, keeper's and
# worker's. Files with secrets must belong to whoever reads them.
GATE_USER, KEEPER_USER, WORKER_USER = "daemon", "games", "news"


def program(name):
    """sealmilter or sealctl: from the build (top_builddir), or as SEALMILTER_BIN says."""
    for folder in (os.environ.get("SEALMILTER_BIN"), os.environ.get("top_builddir")):
        if folder and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    found = shutil.which(name)
    if not found:
        raise Problem("no %s: set top_builddir to where it was built" % name)
    return found


class Gateway:
    """The daemon in the foreground, ready when the constructor returns.

    configuration: the text of sealmilter.conf, without users and run-directory;
    or a function that is given this Gateway and returns it. sockets: listeners' names
    of which the configuration must say
        listener "NAME" { socket = "unix:" + self.socket("NAME") ... }"""

    def __init__(self, rig, configuration, sockets=("work",), name="seal", environment=None,
                 start=True):
        self.rig, self.name = rig, name
        self.folder = rig.make_folder(name)
        self.run_directory = rig.make_folder(name, "run")
        self.notes_path = os.path.join(self.folder, "notify")
        self._notes = None
        self.sockets = [os.path.join(self.folder, s) for s in sockets]
        self.environment = environment
        self.config = os.path.join(self.folder, "sealmilter.conf")
        self.configure(configuration)
        self.process = None
        if start:
            self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def socket(self, listener):
        return os.path.join(self.folder, listener)

    def milter(self, listener="work"):
        """As Postfix's smtpd_milters wants it."""
        return "unix:" + self.socket(listener)

    def listener(self, name="work", **settings):
        """A listener's block; Postfix's smtpd may reach the socket."""
        options = {"socket": '"%s"' % self.milter(name), "mode": '"0660"',
                   "group": '"postfix"', "direction": "outbound"}
        options.update(settings)
        return block("listener", name, **options)

    def configure(self, configuration):
        """Writes the file; a running daemon takes it into force by reload(). Where it does not
        say status-directory, nothing is kept in the system's; inbox and journal lie in the rig's folder."""
        text = configuration(self) if callable(configuration) else configuration
        if "status-directory" not in text:
            text = "status-directory = none\n" + text
        if 'revocation "' in text:
            text = 'worker-user = "%s"\ninbox-directory = "%s"\njournal-directory = "%s"\n%s' % (
                WORKER_USER, self.path("inbox"), self.path("journal"), text)
        self.rig.write(os.path.join(self.name, "sealmilter.conf"),
                       'user = "%s"\nkeeper-user = "%s"\nrun-directory = "%s"\n%s' % (
                           GATE_USER, KEEPER_USER, self.run_directory, text))

    def start(self):
        environment = dict(os.environ, NOTIFY_SOCKET=self.notes_path)
        environment.update(self.environment or {})
        self._close_notes()
        self._notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._notes.bind(self.notes_path)
        self.process = Process(self.rig, self.name,
                               [program("sealmilter"), "-f", "-c", self.config],
                               environment=environment)
        self.process.wait_ready(lambda: self.has_said("READY=1"), "sealmilter to say READY=1")
        if not all(listening(s) for s in self.sockets):
            raise Problem("sealmilter is ready and does not listen:\n" + self.log())

    def has_said(self, note):
        """Has the service manager, whom we play, been told this since the start?"""
        while True:
            try:
                self.notes += self._notes.recv(4096).decode() + "\n"
            except BlockingIOError:
                return note in self.notes

    def _close_notes(self):
        self.notes = ""
        if self._notes:
            self._notes.close()
            self._notes = None
        if os.path.exists(self.notes_path):
            os.unlink(self.notes_path)

    def stop(self):
        if self.process:
            family = self.pids()
            self.process.stop()
            wait_for(lambda: not any(os.path.exists("/proc/%d" % p) for p in family),
                     "sealmilter's processes to end")

    def reload(self):
        """Sends SIGHUP. What is waited for afterwards is the caller's matter:
        wait_log() for the line that says so."""
        self.process.signal(signal.SIGHUP)

    def pids(self):
        return running_pids(self.process.pid)

    def pids_of(self, role):
        """The process ids of a role: supervisor, keeper or gate."""
        if role == "supervisor":
            return [self.process.pid]
        return [pid for pid in self.pids() if role in name_of(pid)]

    def secret(self, name, text, user=KEEPER_USER):
        """Writes a file that only this user can read; returns its path."""
        path = self.rig.write(os.path.join(self.name, name), text, 0o600)
        shutil.chown(path, user)
        return path

    def key_of(self, file):
        """A copy of a file of the PKI that keeper can read and nobody else."""
        with open(file, "rb") as f:
            return self.secret(os.path.basename(file), f.read())

    def kill(self, role, number=signal.SIGKILL):
        """Signals all processes of that role, and returns their ids."""
        pids = self.pids_of(role)
        for pid in pids:
            os.kill(pid, number)
        return pids

    def log(self):
        return self.process.log()

    def lines(self, *texts):
        """The log's lines that contain all these texts."""
        return [line for line in self.log().splitlines() if all(t in line for t in texts)]

    def wait_log(self, *texts, deadline=60, count=1):
        wait_for(lambda: len(self.lines(*texts)) >= count,
                 lambda: "%d lines with %r in the log:\n%s" % (count, texts, self.log()[-6000:]), deadline)
        return self.lines(*texts)

    def sealctl(self, *arguments, data=None, check=True):
        # A process that has changed its user cannot be traced, which looking for leaks takes.
        environment = dict(environment_path(), ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        return self.rig.run(program("sealctl"), "-c", self.config, *arguments, data=data, check=check,
                            environment=environment)


def name_of(pid):
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return ""


def block(kind, title, /, **settings):
    """One block of sealmilter.conf. Names have _ for -; values are written as
    they are, so texts bring their own quotes (see text())."""
    lines = ["\t%s = %s" % (name.replace("_", "-"), value) for name, value in settings.items()]
    return '%s "%s" {\n%s\n}\n' % (kind, title, "\n".join(lines))


def text(value):
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')
