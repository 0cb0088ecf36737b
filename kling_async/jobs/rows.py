"""The journal's rows: what is written of a job, and the checksum by which it is believed.

Promises: a row whose checksum is wrong is never acted on as it stands: it becomes a row that knows its key alone. Nothing
here opens a file; works on any connection that has `execute`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from attrs import astuple, evolve, frozen

from kling_async.errors import JournalError, harmless

if TYPE_CHECKING:
    import sqlite3

DAMAGED: Final = "damaged"
"""The state of a row that was found damaged: all that is known of its job is its key."""

LOST: Final = "null"
"""A request that was lost to damage."""

_SELECT: Final = """
SELECT seq, CAST(key AS BLOB), CAST(endpoint AS BLOB), CAST(state AS BLOB), CAST(request AS BLOB), CAST(sent_at AS BLOB),
    CAST(task_id AS BLOB), CAST(task AS BLOB), CAST(error AS BLOB), CAST(file AS BLOB), CAST(digest AS BLOB),
    CAST(checksum AS BLOB)
FROM jobs
"""  # as bytes, so that it can be read whatever a damaged text holds
_INSERT: Final = """
INSERT INTO jobs (key, endpoint, state, request, sent_at, task_id, task, error, file, digest, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
UPDATE jobs SET key = ?, endpoint = ?, state = ?, request = ?, sent_at = ?, task_id = ?, task = ?, error = ?,
    file = ?, digest = ?, checksum = ?
WHERE seq = ?
"""
_FILE: Final = 8
"""Place of the one column that is not text, counted from 0 after `seq`."""


@frozen
class Row:
    """What the journal holds of one job, as it stands in the file."""

    key: str
    endpoint: str
    state: str
    request: str
    sent_at: str | None = None
    task_id: str | None = None
    task: str | None = None
    error: str | None = None
    file: bytes | None = None
    digest: str | None = None


@frozen
class Stored:
    """A row and its place."""

    seq: int
    """Its place in the order of recording; the first is 1."""

    row: Row
    """What it says; of a damaged row, its key and that it is damaged."""


class JobTable:
    """The rows of one journal.

    Args:
        db: A connection.
        salt: The journal's own; a row of another journal is a damaged one.
    """

    def __init__(self, db: sqlite3.Connection, salt: bytes) -> None:
        self._db = db
        self._salt = salt

    def insert(self, row: Row) -> Stored:
        """Adds a job."""
        cursor = self._db.execute(_INSERT, self._sealed(row))
        return Stored(int(cursor.lastrowid or 0), row)

    def replace(self, stored: Stored, **changes: Any) -> Stored:
        """Writes a row that has changed.

        Args:
            stored: The row as it was.
            changes: The new values by column.
        """
        row = evolve(stored.row, **changes)
        self._db.execute(_UPDATE, (*self._sealed(row), stored.seq))
        return Stored(stored.seq, row)

    def find(self, key: str) -> Stored | None:
        """The job with this key; None if there is none.

        Raises:
            JournalError: The index of keys is damaged.
        """
        try:
            values = self._db.execute(f"{_SELECT} WHERE key = ?", (key,)).fetchone()
        except UnicodeEncodeError:
            return None  # it has never been recorded
        if values is None:
            return None
        stored = self._read(values)
        if stored.row.key != key:
            raise JournalError(f"the journal's index is damaged: looked for job {key}, found another one")
        return stored

    def of_task(self, task_id: str) -> Stored | None:
        """The job with this task; None if there is none, or none that can be believed."""
        try:
            found = self._db.execute(f"{_SELECT} WHERE task_id = ?", (task_id,)).fetchall()
        except UnicodeEncodeError:
            return None  # it has never been recorded
        return next((each for each in map(self._read, found) if each.row.task_id == task_id), None)

    def page(self, after: int, states: Sequence[str], size: int) -> list[Stored]:
        """Jobs in the order of recording.

        Args:
            after: The last `seq` of the page before; 0 for the first page.
            states: Only jobs in these states; all jobs if empty.
            size: At most so many.
        """
        wanted = f"AND state IN ({', '.join('?' * len(states))})" if states else ""
        query = f"{_SELECT} WHERE seq > ? {wanted} ORDER BY seq LIMIT ?"
        return [self._read(values) for values in self._db.execute(query, (after, *states, size)).fetchall()]

    def counts(self) -> Iterator[tuple[str, int]]:
        """How many rows there are in each state."""
        for state, count in self._db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall():
            yield str(state), int(count)

    def last(self) -> int:
        """The last row's `seq`; 0 if there is none."""
        return int(self._db.execute("SELECT max(seq) FROM jobs").fetchone()[0] or 0)

    def mark_damage(self) -> None:
        """Rewrites every damaged row as one."""
        after = 0
        while values := self._db.execute(
            f"{_SELECT} WHERE seq > ? ORDER BY seq LIMIT 500", (after,)
        ).fetchall():
            for each in values:
                stored = self._read(each)
                if stored.row.state == DAMAGED:
                    self.replace(stored)
            after = values[-1][0]

    def _sealed(self, row: Row) -> tuple[Any, ...]:
        values = astuple(row)
        return (*values, _checksum(self._salt, [_bytes(value) for value in values]))

    def _read(self, values: Sequence[Any]) -> Stored:
        seq, *plain, checksum = values
        if checksum == _checksum(self._salt, plain):
            believed: list[Any] = [value and value.decode() for value in plain[:_FILE]]
            believed += [plain[_FILE], *(value and value.decode() for value in plain[_FILE + 1 :])]
            return Stored(seq, Row(*believed))
        key = (plain[0] or b"").decode(errors="surrogateescape")
        if not self._is_key_of(key, seq):
            raise JournalError(
                f"the journal's job number {seq} is damaged, and so is its external id ({harmless(key)})"
            )
        return Stored(seq, Row(key, "", DAMAGED, LOST, error="its entry in the journal is damaged"))

    def _is_key_of(self, key: str, seq: int) -> bool:
        """Whether the index of keys, which repeats each key, says the same."""
        try:
            found = self._db.execute("SELECT seq FROM jobs WHERE key = ?", (key,)).fetchone()
        except UnicodeEncodeError:
            return False
        return found is not None and found[0] == seq


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _checksum(salt: bytes, values: Sequence[bytes | None]) -> bytes:
    """Of ten values in their order, and of their lengths, so that none can pass a byte to the next."""
    lengths = [-1 if value is None else len(value) for value in values]
    content = b"".join([struct.pack(">10i", *lengths), *filter(None, values)])
    return blake2b(content, digest_size=8, key=salt).digest()
