"""A relay between an MTA and a milter socket that knows where in the protocol it
is, so that a process can be killed exactly there."""

import os
import select
import signal
import socket
import struct
import threading

from rig.base import Problem, wait_for

READ = 65536
MODIFICATIONS = b"himb+-2eq"  # replies that change the message


class Stop:
    """Where to kill whom. kill: called there, once. body: octets that the message must
    have for it, so that what follows does not fit the sockets on the way. local: it
    must have been locally submitted; else that does not matter."""

    def __init__(self, stage, kill, body=0, local=False):
        self.stage, self.kill, self.body, self.local = stage, kill, body, local
        self.fired = threading.Event()
        self.landed = False


class Proxy:
    """Listens at path and relays to target. Every stop is for the first connection that
    comes there, of several alike the one that was armed first."""

    def __init__(self, rig, path, target, group):
        self.target = target
        self._lock = threading.Lock()
        self._stops = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(128)
        os.chmod(path, 0o660)
        os.chown(path, 0, group)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        rig.add(self)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def arm(self, stop):
        with self._lock:
            self._stops.append(stop)
        return stop

    def reached(self, stage, body, local):
        """Called by a connection, which reads nothing until this returns."""
        with self._lock:
            fitting = [s for s in self._stops if s.stage == stage and s.body <= body and s.local <= local]
            if not fitting:
                return
            stop = fitting[0]
            self._stops.remove(stop)
        stop.landed = stop.kill()
        stop.fired.set()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, mta):
        with mta, socket.socket(socket.AF_UNIX) as milter:
            try:
                milter.connect(self.target)
                _Connection(self, mta, milter).run()
            except OSError:
                pass  # one of them is gone, and closing tells the other


class _Connection:
    def __init__(self, proxy, mta, milter):
        self.proxy, self.mta, self.milter = proxy, mta, milter
        self.body = self.chunks = 0
        self.local = self.at_end = self.changed = False

    def run(self):
        self.reach("connected")
        pending = {self.mta: b"", self.milter: b""}
        while True:
            for side in select.select([self.mta, self.milter], [], [])[0]:
                data = side.recv(READ)
                if not data:
                    return
                pending[side] = self.relay(side, pending[side] + data)

    def relay(self, side, data):
        """Relays the whole packets; returns what is left. The milter's protocol never has
        both sides writing at once, so that waiting for one does no harm."""
        while len(data) >= 5:
            end = 4 + struct.unpack("!I", data[:4])[0]
            if len(data) < end:
                break
            packet, data = data[:end], data[end:]
            if side is self.mta:
                self.milter.sendall(packet)
                self.told(packet[4:5], packet[5:])
            else:
                self.mta.sendall(packet)
                self.answered(packet[4:5])
        return data

    def reach(self, stage):
        self.proxy.reached(stage, self.body, self.local)

    def told(self, command, data):
        if command == b"C":
            self.local = data.endswith(b"\x004\0\x00127.0.0.1\0")  # no client port
        if command == b"M":
            self.body = self.chunks = 0
            self.at_end = self.changed = False
        if command in b"BE":
            self.body += len(data)
        self.at_end = command == b"E"
        stage = {b"M": "mail", b"R": "rcpt", b"L": "header", b"B": "body", b"E": "eob-sent"}.get(command)
        if stage:
            self.reach(stage)

    def answered(self, code):
        if code == b"O":
            self.reach("negotiated")
        if not self.at_end or code not in MODIFICATIONS:
            return
        if not self.changed:
            self.changed = True
            self.reach("first-modification")
        if code == b"b":
            self.chunks += 1
            self.reach("replace-body:%d" % self.chunks)


def kill_all(pids):
    """SIGKILL to each; True when all lived until then and all are dead now."""
    landed = bool(pids)
    for pid in pids:
        landed = _lives(pid) and landed
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            landed = False
    try:
        wait_for(lambda: not any(_lives(pid) for pid in pids), "the killed to die", interval=0.001)
    except Problem:
        return False
    return landed


def _lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
