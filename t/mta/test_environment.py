#!/usr/bin/env python3
"""What the daemon makes of another OpenSSL than the one it was built with, and of
days that pass. Both are put before it by a small library that stands in front
of the system's (LD_PRELOAD): an old OpenSSL and a day cannot be waited for."""

import os
import subprocess
import sys

from daemon_scene import Daemon, Rig, Tap, program, text

OLD_OPENSSL = """
unsigned long OpenSSL_version_num(void) { return 0x30000150UL; } /* 3.0.21 */
"""

# Each second of the monotonic clock is a quarter of a day.
FAST_DAYS = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *t)
{
	int result = (int)syscall(SYS_clock_gettime, clock, t);
	if (result == 0 && clock == CLOCK_MONOTONIC)
		t->tv_sec *= 21600;
	return result;
}
"""


def before(rig, name, source):
    """The environment in which this source's functions come first."""
    path = rig.write(name + ".c", source)
    library = rig.path(name + ".so")
    rig.run(os.environ.get("CC", "cc").split()[0], "-shared", "-fPIC", "-o", library, path)
    # A sanitizer's own library wants to be the first, and is not then.
    return {"LD_PRELOAD": library, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def test_old_openssl(tap, rig):
    environment = dict(os.environ, **before(rig, "old", OLD_OPENSSL))
    daemon = Daemon(rig, start=False, name="old")
    with tap.test("OpenSSL 3.0.21: it does not start, and says why and what to do"):
        done = subprocess.run([program("sealmilter"), "-f", "-c", daemon.config], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 2, done
        for words in (b"OpenSSL 3.0.21", b"3.0.22", b"allow-old-openssl = yes"):
            assert words in done.stderr, done.stderr
    with tap.test("allow-old-openssl = yes: it starts, and seals"):
        daemon.environment = before(rig, "old", OLD_OPENSSL)
        daemon.change(top="allow-old-openssl = yes")
        daemon.start()
        assert daemon.send().is_sealed
    daemon.stop()


def test_days(tap, rig):
    daemon = Daemon(rig, start=False, name="days", top="expiry-warning = 3000")
    daemon.environment = before(rig, "days", FAST_DAYS)
    daemon.start()
    with tap.test("a seal that ends soon is warned of at start, and again each day"):
        daemon.wait_log("seal-certificate", "expires on", count=3)
    daemon.stop()


def main():
    tap = Tap()
    for test in (test_old_openssl, test_days):
        with tap.section(test.__name__ + ": servers start, and end"), Rig() as rig:
            test(tap, rig)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
