"""Sendmail, unpacked beside the machine's own MTA and run in a name space.

Debian's Sendmail cannot be installed beside Postfix, so its packages are
fetched and unpacked into a folder. It asks for the host's name and for AAAA
records at start, which without a name server takes a minute: it gets mounts and
a host name of its own, with hosts and resolv.conf that answer at once.
"""

import glob
import os

from .base import Problem, Process, environment_path, free_port, listening

# contrib/install-packages puts it there; the rig does so itself when it has not.
UNPACKED = "/var/cache/sealmilter-check/sendmail"
PACKAGES = ("sendmail-bin", "sendmail-base", "sendmail-cf")

CONFIGURATION = """\
divert(0)dnl
include(`{share}/m4/cf.m4')dnl
OSTYPE(`linux')dnl
DOMAIN(`generic')dnl
define(`confDOMAIN_NAME', `sendmail.trh.example')dnl
define(`QUEUE_DIR', `{folder}/mqueue')dnl
define(`MSP_QUEUE_DIR', `{folder}/mqueue')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`HELP_FILE', `{folder}/help')dnl
define(`STATUS_FILE', `{folder}/status')dnl
define(`ALIAS_FILE', `{folder}/aliases')dnl
define(`confCW_FILE', `{folder}/names')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit,GroupWritableDirPathSafe')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`confRUN_AS_USER', `root')dnl
define(`confDEF_USER_ID', `nobody:nogroup')dnl
define(`confTO_QUEUEWARN', `')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {relay_port}')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {relay_port}')dnl
define(`SMTP_MAILER_ARGS', `TCP $h {relay_port}')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
undefine(`confHOST_STATUS_DIRECTORY')dnl
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port={port}')dnl
FEATURE(`no_default_msa')dnl
{filters}
MAILER(`local')dnl
MAILER(`smtp')dnl
"""

# Without F=T Sendmail delivers as if a failing filter were not there.
FILTER = "INPUT_MAIL_FILTER(`{name}', `S=local:{socket}, F=T, T=C:1m;S:30s;R:30s;E:10m')dnl"


def unpacked(rig):
    """The folder with Sendmail's files, fetched unless it is there."""
    if not glob.glob(UNPACKED + "/usr/libexec/sendmail/sendmail"):
        os.makedirs(UNPACKED, exist_ok=True)
        folder = rig.make_folder("download", mode=0o777)
        for package in PACKAGES:
            rig.run("sh", "-c", "cd %s && apt-get -q download %s" % (folder, package))
        for file in glob.glob(folder + "/*.deb"):
            rig.run("dpkg", "-x", file, UNPACKED)
    return UNPACKED


class Sendmail:
    """Takes mail at self.port, shows it to the milters (socket paths, in order),
    and relays it to relay_port on loopback."""

    def __init__(self, rig, relay_port, milters=(), name="sendmail"):
        self.rig = rig
        base = unpacked(rig)
        self.folder = rig.make_folder(name)
        self.port = free_port()
        rig.make_folder(name, "mqueue", mode=0o700)
        for file, text in (("aliases", ""), ("names", ""), ("help", ""),
                           ("service.switch", "hosts files\naliases files\n"),
                           ("hosts", "127.0.0.1 sendmail.trh.example localhost\n"),
                           ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")):
            rig.write(os.path.join(name, file), text)
        share = base + "/usr/share/sendmail/cf"
        source = rig.write(os.path.join(name, "sendmail.mc"), CONFIGURATION.format(
            share=share, folder=self.folder, port=self.port, relay_port=relay_port,
            filters="\n".join(FILTER.format(name="filter%d" % i, socket=s)
                              for i, s in enumerate(milters))))
        made = rig.run("m4", "-D_CF_DIR_=%s/" % share, source)
        self.config = rig.write(os.path.join(name, "sendmail.cf"), made.stdout)
        self.binary = base + "/usr/libexec/sendmail/sendmail"
        self._aliases()
        self.process = Process(rig, name, self._command("-bD", "-q1s"), environment_path())
        self.process.wait_ready(lambda: listening(("127.0.0.1", self.port)), "sendmail to listen")

    def _command(self, *arguments):
        """Sendmail within mounts and host name of its own."""
        script = ("mount --bind {0}/hosts /etc/hosts && mount --bind {0}/resolv.conf /etc/resolv.conf"
                  " && hostname sendmail.trh.example && exec \"$@\"").format(self.folder)
        return ["unshare", "--mount", "--uts", "sh", "-c", script, "sh", self.binary,
                "-C", self.config] + list(arguments)

    def _aliases(self):
        done = self.rig.run(*self._command("-bi"), check=False)
        if done.returncode not in (0, 78):
            raise Problem("sendmail -bi: %s" % done.stderr.decode("utf-8", "replace"))

    def stop(self):
        self.process.stop()
