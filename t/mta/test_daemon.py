#!/usr/bin/env python3
"""The daemon as its administrator and its MTA see it: start, sockets, reload, stop,
limits, and what happens when one of its processes is killed."""

import errno
import grp
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys

from daemon_scene import (DEADLINE, ENCRYPTS, GATE_USER, HEADER, PARTICIPANT, SEALS, SEALS_NOTHING, SENDER, TOOL, Daemon,
                          Packets, Problem, Process, Rig, Tap, free_port, listening, message, program,
                          sanitizer_reports, text, wait_for)

STRANGER = 65533  # no user of this system
REINJECTED = ("--client", "127.0.0.1,4444", "--client-name", "localhost")


def status_of(pid, field):
    with open("/proc/%d/status" % pid) as f:
        return [line.split()[1:] for line in f if line.startswith(field + ":")][0]


def run(*arguments, deadline=DEADLINE):
    return subprocess.run([program("sealmilter"), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=deadline)


def refuses(daemon, *words, status=2):
    """Starts it in the foreground; it must end with this status and these words."""
    done = run("-f", "-c", daemon.config)
    assert done.returncode == status, (done.returncode, done.stderr)
    for word in words:
        assert word.encode() in done.stderr, (word, done.stderr)


def test_command(tap, rig):
    daemon = Daemon(rig, start=False)
    with tap.test("-V names the version and the OpenSSL it runs with"):
        done = run("-V")
        assert done.returncode == 0 and done.stdout.startswith(b"sealmilter ") and b"OpenSSL 3" in done.stdout
    with tap.test("an unknown option and a stray argument: usage, status 2"):
        for arguments in (("-x",), ("something",)):
            done = run(*arguments)
            assert done.returncode == 2 and b"usage:" in done.stderr, done
    with tap.test("-t is silent about a good text"):
        done = run("-t", "-c", daemon.config)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    with tap.test("-t names file and line of each thing that is bad, in their order, status 2"):
        daemon.change(top="\nstop-timeout = soon\nrcpt-deadline = later\n")
        done = run("-t", "-c", daemon.config)
        assert done.returncode == 2, done
        lines = done.stderr.decode().splitlines()
        assert ["stop-timeout" in lines[0], "rcpt-deadline" in lines[1]] == [True, True], lines
        assert all(line.startswith("sealmilter: " + daemon.config + ":") for line in lines), lines
    with tap.test("a bad text: it does not start, says the same, status 2"):
        refuses(daemon, daemon.config + ":", "stop-timeout")
    with tap.test("a configuration that is not there: status 2 and its name"):
        done = run("-f", "-c", "/nonexistent/sealmilter.conf")
        assert done.returncode == 2 and b"/nonexistent/sealmilter.conf" in done.stderr, done
    with tap.test("a key file that others can read: it does not start, and names the file"):
        daemon.change(top="")
        os.chmod(os.path.join(daemon.folder, "seal.key"), 0o644)
        refuses(daemon, os.path.join(daemon.folder, "seal.key"))
        assert not os.path.exists(daemon.socket("work"))
    with tap.test("a user that does not exist: named"):
        daemon.change()
        rig.run("sed", "-i", "s/^user = .*/user = \"nosuchuser\"/", daemon.config)
        refuses(daemon, "nosuchuser")


def test_background(tap, rig):
    daemon = Daemon(rig, start=False, name="back")
    pid_file = os.path.join(daemon.run_directory, "sealmilter.pid")
    with tap.test("without -f it comes back when all is up, and leaves a pid file"):
        done = run("-c", daemon.config)
        assert done.returncode == 0, done
        assert listening(daemon.socket("work"))
        with open(pid_file) as f:
            pid = int(f.read())
        os.kill(pid, 0)
    with tap.test("it has let go of the terminal: nothing but /dev/null is open as 0, 1, 2"):
        for number in (0, 1, 2):
            assert os.readlink("/proc/%d/fd/%d" % (pid, number)) == "/dev/null"
    with tap.test("it serves"):
        assert daemon.send().is_sealed
    with tap.test("a second one for the same run-directory is refused, the first goes on"):
        refuses(daemon, "another sealmilter", status=1)
        assert daemon.send().is_sealed
        assert os.path.exists(pid_file)
    with tap.test("SIGTERM: it leaves, with its socket and pid file"):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists("/proc/%d" % pid), "the supervisor to end")
        assert not os.path.exists(daemon.socket("work")) and not os.path.exists(pid_file)
    with tap.test("a start that fails: the one who started it hears why, and the status says so"):
        os.unlink(os.path.join(daemon.folder, "seal.key"))
        done = run("-c", daemon.config)
        assert done.returncode == 2 and b"seal.key" in done.stderr, done
        assert not os.path.exists(pid_file)


def test_ordinary_user(tap, rig):
    daemon = Daemon(rig, start=False, name="plain")
    rig.run("sed", "-i", "/^user =/d;/^keeper-user =/d;/group =/d", daemon.config)
    rig.run("chown", "-R", "%d:%d" % (STRANGER, STRANGER), daemon.folder)
    with tap.test("without root, user and keeper-user it runs as who starts it"):
        process = subprocess.Popen([program("sealmilter"), "-f", "-c", daemon.config], user=STRANGER,
                                   group=STRANGER, extra_groups=[], stderr=subprocess.PIPE)
        wait_for(lambda: process.poll() is not None or listening(daemon.socket("work")), "it to listen")
        assert daemon.send().is_sealed
        assert os.stat(daemon.socket("work")).st_uid == STRANGER
    with tap.test("and reloads and stops likewise"):
        text = open(daemon.config).read().replace("trh.example", "jiny.example")
        rig.write("plain/sealmilter.conf", text)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.send().passed_unsealed, "the new rules")
        process.terminate()
        log = process.communicate(timeout=DEADLINE)[1]
        assert process.returncode == 0 and b": reloaded" in log, log
    with tap.test("a user to become without being root: refused by name"):
        daemon.change()
        rig.run("chown", "-R", "%d:%d" % (STRANGER, STRANGER), daemon.folder)
        done = subprocess.run([program("sealmilter"), "-f", "-c", daemon.config], user=STRANGER, group=STRANGER,
                              extra_groups=[], stderr=subprocess.PIPE, timeout=DEADLINE)
        assert done.returncode == 2 and b"only root" in done.stderr, done


def test_status_directory(tap, rig):
    daemon = Daemon(rig, start=False, name="status")
    path = os.path.join(daemon.folder, "lists")
    daemon.change(top="status-directory = %s" % text(path))
    os.chown(daemon.folder, 0, 0)
    with tap.test("a status-directory that is not there is made, for the process that reads mail alone to write"):
        daemon.start()
        there = os.stat(path)
        assert there.st_uid == pwd.getpwnam(GATE_USER).pw_uid, there
        assert not there.st_mode & (stat.S_IWGRP | stat.S_IWOTH), there
    with tap.test("it stays as it is when it is there already"):
        daemon.stop()
        os.chmod(path, 0o700)
        os.chown(path, STRANGER, STRANGER)
        daemon.start()
        there = os.stat(path)
        assert there.st_uid == STRANGER and stat.S_IMODE(there.st_mode) == 0o700, there
    with tap.test("and where it cannot be used, mail is sealed all the same"):
        assert daemon.send().is_sealed


def test_notification(tap, rig):
    daemon = Daemon(rig, start=False, name="notified")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
        path = rig.path("notes")
        notes.bind(path)
        notes.settimeout(DEADLINE)
        process = Process(rig, "notified", [program("sealmilter"), "-f", "-c", daemon.config],
                          environment=dict(os.environ, NOTIFY_SOCKET=path))
        with tap.test("the service manager hears READY=1 when it serves"):
            assert notes.recv(4096).startswith(b"READY=1\n")
            assert daemon.send().is_sealed
        with tap.test("RELOADING=1 and READY=1 around a reload, a failed one too"):
            for top in ("", "nonsense = 1"):
                daemon.change(top=top)
                process.signal(signal.SIGHUP)
                note = notes.recv(4096)
                assert note.startswith(b"RELOADING=1\nMONOTONIC_USEC="), note
                assert notes.recv(4096) == b"READY=1"
        with tap.test("STOPPING=1 at SIGTERM"):
            process.signal(signal.SIGTERM)
            assert notes.recv(4096).startswith(b"STOPPING=1\n")
            assert process.wait() == 0


def connect_as(uid, gid, path):
    """What errno a user with that one group gets who connects; 0: none."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
            code = 0
        except OSError as e:
            code = e.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_sockets(tap, rig):
    port = free_port()
    daemon = Daemon(rig, listeners={"work": {}, "narrow": {"mode": text("0600")}}, name="sockets", start=False)
    daemon.top = inet_listener(port)
    daemon.change()
    with tap.test("stale sockets of a crash are replaced"):
        for name in daemon.listeners:
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(daemon.socket(name))
        daemon.start()
        assert daemon.send().is_sealed
    with tap.test("each socket has its mode, and its group"):
        for name, mode in (("work", 0o660), ("narrow", 0o600)):
            st = os.stat(daemon.socket(name))
            assert stat.S_IMODE(st.st_mode) == mode, (name, oct(st.st_mode))
            assert grp.getgrgid(st.st_gid).gr_name == "nogroup"
    with tap.test("the mode is the lock: only who is in the group gets in, and nobody where it says so"):
        group = grp.getgrnam("nogroup").gr_gid
        assert connect_as(STRANGER, group, daemon.socket("work")) == 0
        assert connect_as(STRANGER, STRANGER, daemon.socket("work")) == errno.EACCES
        assert connect_as(STRANGER, group, daemon.socket("narrow")) == errno.EACCES
    with tap.test("every listener serves, inet too"):
        for name in daemon.listeners:
            assert daemon.send(listener=name).is_sealed, name
        assert daemon.send("--socket", "inet:%d@127.0.0.1" % port).is_sealed
    with tap.test("gate and keeper: their users, no new privileges, no core dumps"):
        for role, user in (("gate", "daemon"), ("keeper", "games")):
            for pid in daemon.pids_of(role):
                assert set(status_of(pid, "Uid")) == {str(pwd.getpwnam(user).pw_uid)}, role
                assert status_of(pid, "NoNewPrivs") == ["1"], role
                with open("/proc/%d/limits" % pid) as f:
                    assert [l.split()[4:6] for l in f if l.startswith("Max core")] == [["0", "0"]], role
    with tap.test("nobody else reaches keeper's socket"):
        assert connect_as(STRANGER, STRANGER, os.path.join(daemon.run_directory, "keeper.sock")) == errno.EACCES
    daemon.stop()
    with tap.test("what is at the path and is no socket stays, and is named"):
        rig.write("sockets/work", "precious")
        refuses(daemon, daemon.socket("work"), "no socket", status=1)
        with open(daemon.socket("work")) as f:
            assert f.read() == "precious"
        os.unlink(daemon.socket("work"))
    with tap.test("a socket that somebody answers on is not taken away"):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(daemon.socket("work"))
            s.listen()
            refuses(daemon, daemon.socket("work"), "answers", status=1)
            assert listening(daemon.socket("work"))
        os.unlink(daemon.socket("work"))
    with tap.test("inet beyond loopback is refused without allow-remote-mta"):
        daemon.change(top=inet_listener(port).replace("127.0.0.1", "0.0.0.0"))
        refuses(daemon, "allow-remote-mta")


def inet_listener(port):
    return 'listener "inet" {\n\tsocket = "inet:%d@127.0.0.1"\n\tdirection = outbound\n}\n' % port


def kill_and_wait(daemon, role):
    count = len(daemon.lines(role, "is up again"))
    daemon.kill(role)
    daemon.wait_log(role, "is up again", count=count + 1)


def test_reload(tap, rig):
    daemon = Daemon(rig, name="reload")
    with tap.test("a message that has begun keeps its rules, the next one has the new"):
        held = daemon.hold("header")
        daemon.change(rules=SEALS_NOTHING)
        daemon.reload_and_wait()
        assert daemon.send().passed_unsealed
        assert held.finish().is_sealed
        assert daemon.send().passed_unsealed
    pids = daemon.pids()
    with tap.test("a broken text: line and reason are logged, the old one stays in force"):
        daemon.change(rules=SEALS)
        daemon.reload_and_wait()
        daemon.change(rules=SEALS_NOTHING, top="nonsense = 1")
        daemon.reload_and_wait("reload-failed")
        line = daemon.lines(": reload-failed")[-1]
        assert daemon.config + ":" in line and "nonsense" in line, line
        assert daemon.send().is_sealed
    with tap.test("nobody was started anew for that"):
        assert daemon.pids() == pids
    with tap.test("and a gate that is killed after that comes back with the old text"):
        kill_and_wait(daemon, "gate")
        assert daemon.send().is_sealed
    with tap.test("a key that keeper cannot read: nothing is changed"):
        daemon.change(rules=SEALS_NOTHING, top="")
        os.unlink(os.path.join(daemon.folder, "seal.key"))
        daemon.reload_and_wait("reload-failed")
        assert daemon.send().is_sealed
        kill_and_wait(daemon, "gate")
        assert daemon.send().is_sealed
    with tap.test("anchors that gate cannot read: nothing is changed, keeper goes back too"):
        daemon.change(rules=SEALS_NOTHING)
        rig.run("sed", "-i", "s#anchors.pem#nosuch.pem#", daemon.config)
        daemon.reload_and_wait("reload-failed")
        assert "nosuch.pem" in daemon.log()
        assert daemon.send().is_sealed
        kill_and_wait(daemon, "gate")
        kill_and_wait(daemon, "keeper")
        assert daemon.send().is_sealed
    with tap.test("after all that a good one is taken"):
        daemon.change()
        daemon.reload_and_wait()
        assert daemon.send().passed_unsealed
    with tap.test("many SIGHUPs at once do no harm"):
        daemon.change(rules=SEALS)
        for _ in range(20):
            daemon.reload()
        wait_for(lambda: daemon.send().is_sealed, "the new rules")
    with tap.test("memory-limit and message-size-limit change with a reload"):
        daemon.change(top="memory-limit = 4M\nmessage-size-limit = 1M")
        daemon.reload_and_wait()
        assert daemon.send(data=message(900000)).text.startswith("452 4.3.1")
        assert daemon.send(data=message(1100000)).text.startswith("552 5.3.4")
        daemon.change(top="")
        daemon.reload_and_wait()
        assert daemon.send(data=message(1100000)).is_sealed
    test_listeners_change(tap, rig, daemon)
    with tap.test("the unknown user and others that need a restart are said so"):
        rig.run("sed", "-i", "s/^user = .*/user = \"nobody\"/", daemon.config)
        daemon.reload_and_wait()
        assert daemon.lines("restart", "user")
    daemon.stop()


def test_listeners_change(tap, rig, daemon):
    with tap.test("a new listener is served after a reload"):
        daemon.change(listeners={"work": {}, "more": {}})
        daemon.reload_and_wait()
        wait_for(lambda: len(daemon.pids_of("gate")) == 2, "a second gate")
        assert daemon.send(listener="more").is_sealed and daemon.send().is_sealed
    with tap.test("a listener whose socket cannot be had: the reload is refused as a whole"):
        rig.write("reload/taken", "no socket")
        daemon.change(listeners={"work": {}, "good": {}, "taken": {}}, rules=SEALS_NOTHING)
        daemon.reload_and_wait("reload-failed")
        assert daemon.send().is_sealed and daemon.send(listener="more").is_sealed
        assert not os.path.exists(daemon.socket("good"))
    with tap.test("mode and direction of a listener change without a new process"):
        gates = daemon.pids_of("gate")
        daemon.change(listeners={"work": {"mode": text("0600")}, "more": {"direction": "inbound"}}, rules=SEALS)
        daemon.reload_and_wait()
        assert stat.S_IMODE(os.stat(daemon.socket("work")).st_mode) == 0o600
        assert daemon.send(listener="more").passed_unsealed and daemon.send().is_sealed
        assert daemon.pids_of("gate") == gates
    with tap.test("a listener that is gone finishes its message, then leaves, and its socket at once"):
        daemon.change(listeners={"work": {}, "more": {}})
        daemon.reload_and_wait()
        held = daemon.hold("body", data=message(200000), listener="more")
        daemon.change(listeners={"work": {}})
        daemon.reload_and_wait()
        assert not os.path.exists(daemon.socket("more"))
        assert held.finish().is_sealed
        wait_for(lambda: len(daemon.pids_of("gate")) == 1, "the gate to leave")
    with tap.test("and can come back"):
        daemon.change(listeners={"work": {}, "more": {}})
        daemon.reload_and_wait()
        wait_for(lambda: len(daemon.pids_of("gate")) == 2, "a second gate")
        assert daemon.send(listener="more").is_sealed


def test_signals(tap, rig):
    daemon = Daemon(rig, name="signals")
    with tap.test("stray SIGHUP, SIGTERM and SIGINT to gate and keeper: a message in hand does not notice"):
        held = daemon.hold("body", data=message(200000))
        pids = daemon.pids()
        for role in ("gate", "keeper"):
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
                daemon.kill(role, number)
        assert daemon.send().is_sealed
        assert held.finish().is_sealed
        assert daemon.pids() == pids
    with tap.test("SIGTERM: the message in hand is finished, no new connection, the exit status is 0"):
        family = daemon.pids()
        session = Packets(daemon.socket("work")).greet()
        held = daemon.hold("body", data=message(200000))
        daemon.process.signal(signal.SIGTERM)
        wait_for(lambda: not listening(daemon.socket("work")), "the socket to go")
        daemon.wait_log("stopping")
    with tap.test("a session that is open may not begin another message then: 451 4.3.2"):
        code, answer = wait_for(lambda: stopping_answer(session), "the gate to hear of it")
        assert code == b"y" and answer.startswith(b"451 4.3.2"), (code, answer)
        assert daemon.process.alive()
    with tap.test("it leaves after the last message, and nothing stays behind"):
        sent = held.finish()
        assert sent.is_sealed, sent
        assert daemon.process.wait() == 0
        daemon.all_gone(family)
        assert os.listdir(daemon.run_directory) == [], os.listdir(daemon.run_directory)
    with tap.test("stop-timeout: a message that does not end is left to the MTA"):
        daemon.change(top="stop-timeout = 1")
        daemon.start()
        held = daemon.hold("body", data=message(200000))
        daemon.process.signal(signal.SIGTERM)
        assert daemon.process.wait() == 0
        assert daemon.lines("cut-off")
        assert held.finish().verdict == "broken"


def stopping_answer(session):
    code, answer = session.mail()
    if code == b"c":
        session.write(b"A")
        return None
    return code, answer


def test_kills(tap, rig):
    daemon = Daemon(rig, name="kills", top="memory-limit = 8M\nmessage-size-limit = 1M\nkeeper-deadline = 500",
                    listeners={"work": {}, "more": {}})
    with tap.test("a gate that is killed: the MTA is left without an answer, the signal is logged"):
        held = daemon.hold("replace-body:1", data=message(900000))
        for pid in daemon.kill("gate"):
            daemon.wait_log("child-died", "child=gate", "pid=%d" % pid, "signal=\"9")
        assert held.finish().verdict == "broken"
    with tap.test("another takes its place, and what the dead one held of memory-limit is free again"):
        for _ in range(3):
            assert daemon.send(data=message(900000)).is_sealed
    with tap.test("a connection that waits meanwhile is served, not refused"):
        keeper, = daemon.pids_of("keeper")
        os.kill(keeper, signal.SIGSTOP)
        daemon.kill("gate")
        waiting = daemon.hold("connected")
        os.kill(keeper, signal.SIGCONT)
        assert waiting.finish().is_sealed
    with tap.test("keeper hangs: 451, and the mail goes after it goes on"):
        keeper, = daemon.pids_of("keeper")
        os.kill(keeper, signal.SIGSTOP)
        sent = daemon.send()
        assert sent.verdict == "replied" and sent.text.startswith("451 4.7."), sent
        os.kill(keeper, signal.SIGCONT)
        wait_for(lambda: daemon.send().is_sealed, "keeper to go on")
    with tap.test("keeper is killed and cannot come back: 451; when it can, the mail goes"):
        key = os.path.join(daemon.folder, "seal.key")
        os.rename(key, key + ".away")
        daemon.kill("keeper")
        daemon.wait_log("child-died", "child=keeper", "status=78", count=2)
        sent = daemon.send()
        assert sent.verdict == "replied" and sent.text.startswith("451 4.7."), sent
        os.rename(key + ".away", key)
        wait_for(lambda: daemon.send().is_sealed, "keeper to come back")
    with tap.test("gate and keeper killed together come back"):
        daemon.kill("gate")
        daemon.kill("keeper")
        wait_for(lambda: daemon.send().is_sealed, "both to come back")
    test_orphans(tap, rig, daemon)


def test_orphans(tap, rig, daemon):
    with tap.test("a supervisor that is killed: its children leave, its socket is taken over"):
        family = daemon.pids()
        daemon.process.kill()
        daemon.all_gone(family)
        assert os.path.exists(daemon.socket("work"))
        daemon.start()
        assert daemon.send().is_sealed
    with tap.test("a new one starts while an orphan still finishes its message"):
        family = daemon.pids()
        held = daemon.hold("body", data=message(200000), listener="more")
        daemon.process.kill()
        daemon.start()
        assert daemon.send().is_sealed
        assert held.finish().is_sealed
        daemon.all_gone(family)
        assert daemon.send().is_sealed
    daemon.stop()


def test_limits(tap, rig):
    daemon = Daemon(rig, name="limits", top="memory-limit = 8M\nmessage-size-limit = 1M\nheader-limit = 64K\n"
                    "recipient-limit = 3\n")
    with tap.test("more mail at once than memory-limit: 452 4.3.1; it goes when there is room again"):
        held = daemon.hold("replace-body:1", data=message(900000))
        sent = daemon.send(data=message(900000))
        assert sent.verdict == "replied" and sent.text.startswith("452 4.3.1"), sent
        assert daemon.send().is_sealed, "a small one still fits"
        assert held.finish().is_sealed
        assert daemon.send(data=message(900000)).is_sealed
    with tap.test("larger than message-size-limit: 552 5.3.4, definite"):
        sent = daemon.send(data=message(1100000))
        assert sent.verdict == "replied" and sent.text.startswith("552 5.3.4"), sent
        line = daemon.lines("4Test: refused", "message-size-limit")[-1]
        assert "listener=work" in line, line
    with tap.test("a header larger than header-limit: 552 5.3.4"):
        fields = "".join("X-Field: %d %s\r\n" % (i, "x" * 900) for i in range(100))
        sent = daemon.send(data=(fields + HEADER + "ahoj\r\n").encode())
        assert sent.verdict == "replied" and sent.text.startswith("552 5.3.4"), sent
    with tap.test("a header line of a megabyte: the same words"):
        sent = daemon.send(data=("X-Long: " + "x" * (1 << 20) + "\r\n" + HEADER + "ahoj\r\n").encode())
        assert sent.verdict == "replied" and sent.text.startswith("552 5.3.4"), sent
    with tap.test("one recipient too many: 452 4.5.3 for that one, the others are served"):
        many = [o for i in range(4) for o in ("--rcpt", "r%d@ucastnik.example" % i)]
        sent = daemon.send(*many)
        assert [t[:9] for t in sent.recipients] == ["", "", "", "452 4.5.3"], sent
        assert sent.is_sealed
    with tap.test("after all these a good message passes, in the same process"):
        assert daemon.send().is_sealed
        assert not daemon.lines("child-died")
    with tap.test("64 connections at once, 8 messages each: all sealed or deferred, none lost"):
        load = daemon.rig.run(*load_command(daemon, 512, 64), check=False)
        assert b'"messages":512' in load.stdout and b'"broken":0' in load.stdout, load.stdout
        assert b'"accepted":512' in load.stdout, load.stdout
    daemon.stop()


def load_command(daemon, count, parallel):
    return [TOOL, "--socket", daemon.milter(), "--client", "192.0.2.1,25025", "--from", SENDER, "--rcpt",
            PARTICIPANT, "--count", count, "--parallel", parallel, "--per-connection", 8,
            daemon.rig.write("load.eml", message())]


def test_protocol(tap, rig):
    daemon = Daemon(rig, name="protocol", rules=SEALS + ENCRYPTS)
    outside = ("--rcpt", "kdokoli@jinde.example")
    with tap.test("where the message comes from: an inside client, nobody known, the local machine"):
        for origin, options in (("internal", ()), ("outside", ("--client", "198.51.100.7,4444")),
                                ("outside", REINJECTED), ("outside", ("--client", "unknown")),
                                ("internal", ("--client", "::ffff:192.0.2.9,4444")), ("local", ("--local",)),
                                ("authenticated", ("--client", "198.51.100.7,4444", "--auth", "zpravy"))):
            sent = daemon.send(*(options + outside + ("--queue-id", "4From")))
            line = daemon.lines("4From: ")[-1]
            assert "origin=%s" % origin in line, (options, line, sent)
    with tap.test("a re-injecting content filter is not taken for local submission"):
        assert daemon.send(*(REINJECTED + outside)).passed_unsealed
        assert daemon.send("--local", *outside).is_sealed
    with tap.test("a percent sign in an answer is doubled, as the MTA wants it"):
        sent = daemon.send("--rcpt", "50%off@ucastnik.example")
        assert sent.recipients[0].startswith("550 5.7.1") and "50%%off@" in sent.recipients[0], sent
    with tap.test("an answer has UTF-8 for a client that speaks SMTPUTF8, and only ASCII for others"):
        address = "obchod\u017e@ucastnik.example"
        assert address in daemon.send("--rcpt", address, "--param", "SMTPUTF8").recipients[0]
        assert "obchod??@" in daemon.send("--rcpt", address).recipients[0]
    test_packets(tap, rig, daemon)
    daemon.stop()


def test_packets(tap, rig, daemon):
    path, outside = daemon.socket("work"), "kdokoli@jinde.example"
    with tap.test("several messages on one connection, one of them aborted"):
        session = Packets(path).greet()
        assert session.mail()[0] == b"c" and session.rcpt(outside)[0] == b"c"
        session.write(b"A")
        for _ in range(3):
            assert session.mail()[0] == b"c" and session.rcpt(outside)[0] == b"c"
            assert session.content()[0] == b"c"
        session.write(b"Q")
        session.close()
    with tap.test("a message without a recipient is not accepted"):
        session = Packets(path).greet()
        assert session.mail()[0] == b"c"
        session.socket.settimeout(2)
        try:
            code = session.content()[0]
        except socket.timeout:
            code = b""
        assert code not in (b"a", b"c"), code
        session.close()
    with tap.test("a message without MAIL is not accepted"):
        session = Packets(path).greet()
        session.socket.settimeout(2)
        try:
            code = session.content()[0]
        except socket.timeout:
            code = b""
        assert code not in (b"a", b"c"), code
        session.close()
    with tap.test("rubbish, cut packets and huge lengths: no process dies, the next message passes"):
        gates = daemon.pids_of("gate")
        for rubbish in (os.urandom(100000), b"\xff\xff\xff\xffX", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xffL",
                        b"\x00\x00\x00\x01M", b"\x00\x00\x00\x02M\x00", b"\x00\x00\x00\x01D" * 1000,
                        b"\x00\x00\x00\x05", b"GET / HTTP/1.0\r\n\r\n"):
            for greeted in (False, True):
                session = Packets(path)
                if greeted:
                    session.greet()
                    session.mail()
                try:
                    session.socket.sendall(rubbish)
                except OSError:
                    pass
                session.close()
        assert daemon.send("--rcpt", outside).is_sealed
        assert daemon.pids_of("gate") == gates
    with tap.test("an MTA that cannot give exact header bytes is refused, and the log says why"):
        session = Packets(path)
        session.write(b"O", b"\x00\x00\x00\x06\x00\x00\x01\xff\x00\x0f\xff\xff")
        assert session.read() == (b"", b"")
        session.close()
        daemon.wait_log("mta-too-old")


def main():
    tap = Tap()
    tests = (test_command, test_background, test_ordinary_user, test_status_directory, test_notification, test_sockets, test_reload,
             test_signals, test_kills, test_limits, test_protocol)
    chosen = sys.argv[1:]
    for test in tests:
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
