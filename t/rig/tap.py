"""Test Anything Protocol on standard output."""

import sys
import traceback


class Tap:
    """Counts and prints results. The plan comes last, so that a program that
    dies half-way is noticed by whoever reads.

        tap = Tap()
        with tap.test("mail leaves sealed"):
            ...                                 # an exception is "not ok"
        tap.ok(a == b, "a is b", "a was %r" % a)
        sys.exit(tap.done())
    """

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.more = None  # called when a test has failed; returns what else to print

    def ok(self, passed, name, diagnostics=""):
        self.count += 1
        if not passed:
            self.failed += 1
        print("%s %d - %s" % ("ok" if passed else "not ok", self.count, name.replace("#", "\\#")))
        if not passed and diagnostics:
            self.diagnose(diagnostics)
        sys.stdout.flush()
        return passed

    def diagnose(self, text):
        for line in str(text).splitlines():
            print("# " + line)
        sys.stdout.flush()

    def test(self, name):
        return _Test(self, name)

    def section(self, name):
        """For what surrounds tests, such as starting servers: a result is printed
        only when it fails."""
        return _Test(self, name, quiet=True)

    def done(self):
        """Prints the plan; returns the exit status."""
        print("1..%d" % self.count)
        sys.stdout.flush()
        return 1 if self.failed or not self.count else 0


class _Test:
    def __init__(self, tap, name, quiet=False):
        self.tap, self.name, self.quiet = tap, name, quiet

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            if not self.quiet:
                self.tap.ok(True, self.name)
            return False
        if not issubclass(kind, Exception):
            return False
        where = traceback.extract_tb(trace)
        self.tap.ok(False, self.name, "%s: %s\nat %s" % (
            kind.__name__, value,
            ", ".join("%s:%d" % (f.filename.rpartition("/")[2], f.lineno) for f in where)))
        if self.tap.more:
            self.tap.diagnose(self.tap.more())
        return True
