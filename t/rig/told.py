"""What one run of sealctl came to."""

import json


class Told:
    """done: of subprocess.run() with its output."""

    def __init__(self, done):
        self.status, self.output = done.returncode, done.stdout
        self.text, self.errors = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    @property
    def told(self):
        """The one JSON value that it printed."""
        return json.loads(self.text)

    @property
    def lines(self):
        """The JSON values that it printed, one a line."""
        return [json.loads(line) for line in self.text.splitlines()]

    def is_refused(self, status, words):
        return self.status == status and words in self.errors and not self.text

    def __repr__(self):
        return "status %d\n%s%s" % (self.status, self.text, self.errors)
