"""A private Postfix instance: own configuration, queue and data folders.

Several may run beside each other. Mail that has no other way goes to
relayhost, without DNS. Retries come within seconds, so that a test of
deferred mail ends soon.
"""

import json
import os
import shutil
import signal

from .base import Process, free_port, listening, running_pids, wait_for

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {rig}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {name}.trh.example
mydomain = trh.example
myorigin = trh.example
mydestination =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtp_host_lookup = native
disable_dns_lookups = yes
smtp_tls_security_level = none
relayhost = {relayhost}
alias_maps =
alias_database =
local_recipient_maps =
virtual_alias_domains =
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_authorized_xclient_hosts = 127.0.0.1
message_size_limit = 80000000
mailbox_size_limit = 0
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
milter_default_action = tempfail
milter_protocol = 6
biff = no
"""

MASTER = """\
pickup    unix  n       -       n       1       1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
postlog   unix-dgram n  -       n       -       1       postlogd
"""

# What post-install(1) makes, which takes it seconds.
PRIVATE_QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                  "private", "saved", "trace")

SASL_REALM = "trh.example"


class Postfix:
    """One instance, running when the constructor returns.

    main: further main.cf parameters. services: name -> options (-o) of an smtpd
    of its own loopback port, see ports[]; by default one, "smtp". logins: name ->
    pass phrase; turns authentication on. master: further master.cf lines. ports: service ->
    port, where somebody has to know it before."""

    def __init__(self, rig, name, relayhost="", main=None, services=None, logins=None, master="", ports=None):
        self.rig, self.name = rig, name
        self.folder = rig.make_folder(name)
        self.config = rig.make_folder(name, "etc")
        self.services = services if services is not None else {"smtp": {}}
        self.ports = {service: (ports or {}).get(service) or free_port() for service in self.services}
        self.port = next(iter(self.ports.values()), None)
        self._make_folders()
        parameters = dict(main or {})
        if logins:
            parameters.update(self._make_logins(logins))
        text = MAIN.format(folder=self.folder, rig=rig.folder, name=name, relayhost=relayhost)
        usual = dict(line.split(" =", 1) for line in text.splitlines())
        rig.write(os.path.join(name, "etc", "main.cf"),
                  "".join("%s = %s\n" % item for item in {**usual, **parameters}.items()))
        rig.write(os.path.join(name, "etc", "master.cf"), MASTER + self._services_text() + master)
        self._settle()
        self._start()

    def _make_folders(self):
        self.rig.make_folder(self.name, "queue")
        self.rig.make_folder(self.name, "queue", "pid")
        shutil.chown(self.rig.make_folder(self.name, "data", mode=0o700), "postfix", "postfix")
        for queue in PRIVATE_QUEUES:
            shutil.chown(self.rig.make_folder(self.name, "queue", queue, mode=0o700), "postfix")
        for queue, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            path = self.rig.make_folder(self.name, "queue", queue)
            shutil.chown(path, "postfix", "postdrop")
            os.chmod(path, mode)

    def _services_text(self):
        text = ""
        for service, options in self.services.items():
            text += "127.0.0.1:%d inet n - n - - smtpd\n" % self.ports[service]
            text += "  -o syslog_name=postfix/%s\n" % service
            text += "".join("  -o { %s = %s }\n" % item for item in options.items())
        return text

    def _make_logins(self, logins):
        """Cyrus SASL's own data base, in our folder. Debian's Postfix looks for
        SASL's configuration below its own and nowhere else."""
        folder = self.rig.make_folder(self.name, "etc", "sasl")
        database = os.path.join(folder, "sasldb2")
        self.rig.write(os.path.join(self.name, "etc", "sasl", "smtpd.conf"),
                       "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
                       "sasldb_path: %s\n" % database)
        for login, pass_phrase in logins.items():
            self.rig.run("saslpasswd2", "-f", database, "-c", "-p", "-u", SASL_REALM, login,
                         data=pass_phrase.encode())
        shutil.chown(database, "postfix", "postfix")
        return {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "cyrus",
                "smtpd_sasl_path": "smtpd", "smtpd_sasl_local_domain": SASL_REALM,
                "smtpd_sasl_security_options": "noanonymous"}

    def _start(self):
        self.process = Process(self.rig, self.name + ".master", ["master", "-s", "-c", self.config])
        self.process.stop = self._stop_master
        self.process.wait_ready(self._ready, "postfix %s to listen" % self.name)

    def _settle(self):
        """Postfix waits until a file is some seconds old, in case it is still
        being written. Ours is not."""
        for file in ("main.cf", "master.cf"):
            os.utime(os.path.join(self.config, file), (0, 0))

    def _ready(self):
        return (all(listening(("127.0.0.1", port)) for port in self.ports.values())
                and os.path.exists(os.path.join(self.folder, "queue", "public", "pickup")))

    def _stop_master(self):
        if not self.process.alive():
            return
        family = running_pids(self.process.pid)
        self.process.signal(signal.SIGTERM)
        self.process.wait()
        wait_for(lambda: not any(_is_running(pid) for pid in family), "postfix's processes to end")

    def stop(self):
        self._stop_master()

    def pids(self):
        """The master's and those of all that it has started."""
        return [self.process.pid] + running_pids(self.process.pid)

    def start(self):
        """Again, after stop() or when all of it was killed."""
        self._start()

    def reload(self):
        self.rig.run("postfix", "-c", self.config, "reload")

    def set(self, **parameters):
        """Changes main.cf and takes the change into force."""
        self.rig.run("postconf", "-c", self.config, "-e", *["%s=%s" % i for i in parameters.items()])
        self._settle()
        self.reload()

    def sendmail(self, message, recipients, sender, check=True, options=()):
        """Local submission, as a program on the host does it."""
        octets = getattr(message, "octets", message).replace(b"\r\n", b"\n")
        return self.rig.run("sendmail", "-C", self.config, "-i", "-f", sender, *options, "--",
                            *recipients, data=octets, check=check)

    def queue(self):
        """What waits, as postqueue -j tells: a list of dictionaries."""
        done = self.rig.run("postqueue", "-c", self.config, "-j")
        return [json.loads(line) for line in done.stdout.decode().splitlines()]

    def flush(self):
        self.rig.run("postqueue", "-c", self.config, "-f")

    def queue_file(self, queue_id):
        """The message's header and body as they stand in the queue file."""
        return self.rig.run("postcat", "-c", self.config, "-bhq", queue_id).stdout

    def log(self):
        try:
            with open(os.path.join(self.folder, "log"), "rb") as f:
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def wait_log(self, text, deadline=60):
        wait_for(lambda: text in self.log(),
                 lambda: "%r in %s's log:\n%s" % (text, self.name, self.log()[-4000:]), deadline)

    def wait_empty(self, deadline=60):
        wait_for(lambda: not self.queue(),
                 lambda: "an empty queue in %s:\n%s\n%s" % (self.name, self.queue(), self.log()[-4000:]),
                 deadline)


def _is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
