#!/usr/bin/env python3
"""configure where libraries are missing: each is named, with its Debian package."""

import os
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "t"))

from rig.tap import Tap  # noqa: E402

# Found by pkg-config, which is made to know nothing, and by header, which the preprocessor is kept from.
PACKAGES = {"libssl-dev", "libconfuse-dev", "libidn2-dev", "libjansson-dev", "libldap-dev", "libmilter-dev",
            "libsqlite3-dev", "libunistring-dev", "zlib1g-dev"}


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        # A tree that was built in place refuses to be configured elsewhere.
        source, build = os.path.join(folder, "source"), os.path.join(folder, "build")
        os.mkdir(source)
        os.mkdir(build)
        for name in set(os.listdir(TOP)) - {"config.status"}:
            os.symlink(os.path.join(os.path.abspath(TOP), name), os.path.join(source, name))
        environment = dict(os.environ, PKG_CONFIG_PATH="", PKG_CONFIG_LIBDIR="/nonexistent",
                           ac_cv_header_ldap_h="no", ac_cv_header_libmilter_mfapi_h="no",
                           ac_cv_header_uninorm_h="no")
        done = subprocess.run([os.path.join(source, "configure"), "-q"], cwd=build, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        told = done.stderr.decode()
        tap.ok(done.returncode != 0, "it stops where libraries are missing", told)
        for package in sorted(PACKAGES):
            tap.ok("apt-get install %s\n" % package in told, "it names " + package, told)
        tap.ok(not os.path.exists(os.path.join(build, "Makefile")), "and makes no Makefile")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
