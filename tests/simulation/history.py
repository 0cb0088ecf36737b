"""What happened in a world: a digest over everything, and lines that a person can read.

Two runs with one digest were the same run: it covers every iteration of the loop, every segment of the network with its
bytes, every operation of the disk, and every line.
"""

import hashlib
import struct


class History:
    """Takes notes of one run.

    Args:
        keep: Whether lines are kept for reading; the digest does not depend on it.
        folder: A path that is another one in each run, and is left out.
    """

    def __init__(self, *, keep=False, folder=""):
        self._folder = folder
        self.lines = []
        self.keep = keep
        self.now = 0.0
        self._digest = hashlib.blake2b(digest_size=16)
        self._pack = struct.Struct("<dI").pack

    def tick(self, now, count):
        """The loop's time moved on, and so many callbacks run at it."""
        self.now = now
        self._digest.update(self._pack(now, count))

    def data(self, number, chunk):
        """A segment arrived."""
        self._digest.update(b"%d:" % number)
        self._digest.update(chunk)

    def note(self, who, what):
        """Something worth reading happened."""
        line = f"{self.now:12.6f} {who:<9} {what.replace(self._folder, '~') if self._folder else what}"
        self._digest.update(line.encode("utf-8", "backslashreplace"))
        if self.keep:
            self.lines.append(line)

    def digest(self):
        """The digest so far, in hexadecimal digits."""
        return self._digest.hexdigest()
