"""The rig's folder, its processes, and waiting."""

import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Longest that anything may take to come up or to go away. Generous: a test
# that waits this long has failed, one that passes does not wait.
DEADLINE = 60

# Debian keeps daemons where an ordinary user's PATH does not look.
SBIN = "/usr/sbin:/sbin:/usr/lib/postfix/sbin"

PR_SET_PDEATHSIG = 1


class Problem(Exception):
    """What a server or tool said when it did not do what it was asked."""


def environment_path():
    """The environment with the system's sbin folders in PATH, in the C locale."""
    environment = dict(os.environ)
    environment["PATH"] = environment.get("PATH", "/usr/bin:/bin") + ":" + SBIN
    environment["LC_ALL"] = "C.UTF-8"
    return environment


def wait_for(condition, what, deadline=DEADLINE, interval=0.02):
    """Calls condition until it gives a true value, and returns that. Raises
    Problem, naming what was waited for, when the deadline (s) has passed. What
    may be a function, asked only then."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Problem("waited %d s in vain for %s" % (deadline, what() if callable(what) else what))
        time.sleep(interval)


FIRST_PORT = 10000
_given_ports = set()


def free_port():
    """A loopback port that nobody listens at, each given once in this process.
    Taken from below the range that the kernel gives to outgoing connections where
    that leaves room, so that none of those takes it before the server has.
    Processes that run beside each other begin at different places."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        end = max(int(f.read().split()[0]), FIRST_PORT + 10000)
    start = FIRST_PORT + os.getpid() * 101 % (end - FIRST_PORT)
    for port in list(range(start, end)) + list(range(FIRST_PORT, start)):
        if port in _given_ports:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port
    raise Problem("no free port below %d" % end)


def listening(address):
    """True when a connection to (host, port) or to a socket's path is taken."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        try:
            s.connect(address)
        except OSError:
            return False
    return True


def running_pids(parent):
    """The process ids of all descendants of parent, nearest first."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as f:
                after_name = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if after_name[0] != "Z":
            children.setdefault(int(after_name[1]), []).append(int(entry))
    found, queue = [], [parent]
    while queue:
        for child in sorted(children.get(queue.pop(0), [])):
            found.append(child)
            queue.append(child)
    return found


def uids_of(pid):
    """Real, effective, saved and the file system's: one where they are the same."""
    with open("/proc/%d/status" % pid) as f:
        return {int(n) for line in f if line.startswith("Uid:") for n in line.split()[1:]}


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One server in the foreground, with what it writes in a log file. It is
    told to end when the thread that started it ends, so start it from the main
    one."""

    def __init__(self, rig, name, command, environment=None, cwd=None):
        self.name = name
        self.log_path = rig.path(name + ".log")
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd or rig.folder,
                env=environment or environment_path(), preexec_fn=_die_with_parent,
                start_new_session=True)
        self.pid = self.popen.pid
        rig.add(self)

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def alive(self):
        return self.popen.poll() is None

    def wait_ready(self, condition, what):
        """Waits for the condition, but not longer than the process lives."""
        def ready():
            if not self.alive():
                raise Problem("%s ended with status %s:\n%s" % (self.name, self.popen.returncode,
                                                               self.log()[-4000:]))
            return condition()
        wait_for(ready, lambda: "%s: %s\n%s" % (self.name, what, self.log()[-4000:]))

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, deadline=DEADLINE):
        try:
            return self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise Problem("%s did not end within %d s:\n%s" % (self.name, deadline,
                                                              self.log()[-4000:])) from None

    def stop(self, deadline=DEADLINE):
        """SIGTERM, and SIGKILL for it and its descendants if that does not help."""
        if not self.alive():
            return self.popen.returncode
        family = running_pids(self.pid)
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.wait(deadline)
        except Problem:
            self.kill()
            for pid in family:
                _kill_quietly(pid)
            raise

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()


def _kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Rig:
    """The temporary folder and everything started in it."""

    def __init__(self, keep=False):
        # Unix sockets have at most 108 octets and servers' own users must be able
        # to pass through: a short name and mode 0755.
        self.folder = tempfile.mkdtemp(prefix="sm.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.keep = keep
        self._stoppables = []
        self._pki = None
        self._old_handler = None

    def __enter__(self):
        # So that a killed test run still leaves through __exit__.
        self._old_handler = signal.signal(signal.SIGTERM, _raise_exit)
        return self

    def __exit__(self, kind, value, trace):
        signal.signal(signal.SIGTERM, self._old_handler)
        problems = self.stop_all()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        if problems and kind is None:
            raise Problem("; ".join(problems))

    def stop_all(self):
        """Stops everything, last started first. Returns what went wrong."""
        problems = []
        while self._stoppables:
            stoppable = self._stoppables.pop()
            try:
                stoppable.stop()
            except Exception as e:  # the others are to be stopped all the same
                problems.append("%s: %s" % (type(stoppable).__name__, e))
        return problems

    def add(self, stoppable):
        self._stoppables.append(stoppable)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make_folder(self, *parts, mode=0o755):
        path = self.path(*parts)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        return path

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        data = text if isinstance(text, bytes) else text.encode()
        with open(path, "wb") as f:
            os.fchmod(f.fileno(), mode)
            f.write(data)
        return path

    def run(self, *command, data=None, check=True, environment=None, deadline=300):
        """Runs a tool to its end. Returns the CompletedProcess, octets in stdout
        and stderr; raises Problem with what the tool said unless check is false."""
        done = subprocess.run([str(c) for c in command], input=data if data is not None else b"",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                              env=environment or environment_path(), timeout=deadline)
        if check and done.returncode != 0:
            raise Problem("%s: status %d: %s%s" % (" ".join(str(c) for c in command), done.returncode,
                                                  done.stderr.decode("utf-8", "replace"),
                                                  done.stdout.decode("utf-8", "replace")[-2000:]))
        return done

    def complaints(self, limit=20):
        """The last lines in which a server complains of something."""
        lines = []
        for name in ("*.log", "*/log"):
            for path in sorted(glob.glob(self.path(name))):
                with open(path, "rb") as f:
                    text = f.read().decode("utf-8", "replace")
                lines += [os.path.relpath(path, self.folder) + ": " + line for line in text.splitlines()
                          if any(word in line for word in ("fatal", "panic", "warning", "rror"))][-limit:]
        return "\n".join(lines)

    def pki(self):
        """The test authorities, made once a rig."""
        from .pki import Pki
        if self._pki is None:
            self._pki = Pki(self)
        return self._pki


def _raise_exit(number, frame):
    raise SystemExit(128 + number)
