"""The journal's jobs as a batch looks for them: by their own id, and by what they ask for. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kling_async.cli.naming import Name
from kling_async.cli.rows import Row
from kling_async.jobs.entry import JobEntry, JobState
from kling_async.jobs.request_record import fingerprint

UNPAID: Final = frozenset({JobState.QUEUED, JobState.CANCELLED})
"""States of jobs of which nothing was accepted."""


class Known:
    """The journal's jobs.

    Args:
        entries: The jobs, in the order of their recording.
        names: What is known of their names.
    """

    def __init__(self, entries: Sequence[JobEntry], names: Mapping[str, Name]) -> None:
        self._entries = entries
        self._by_key = {entry.key: entry for entry in entries}
        self._prints = {entry.key: fingerprint(entry.request) if entry.request else "" for entry in entries}
        self._alike: dict[tuple[str, bool], deque[JobEntry]] = defaultdict(deque)
        self._numbered: dict[tuple[str, bool, int], deque[JobEntry]] = defaultdict(deque)
        for entry in entries:
            kind = (self._prints[entry.key], entry.state is JobState.FAILED)
            self._alike[kind].append(entry)
            if entry.key in names:
                self._numbered[(*kind, names[entry.key].number)].append(entry)

    def under(self, key: str | None) -> JobEntry | None:
        """The job with this id; None if there is none."""
        return None if key is None else self._by_key.get(key)

    def claimed(self, rows: Sequence[Row], prints: Mapping[int, str]) -> dict[int, JobEntry]:
        """Each row's job, by the row's number; rows without one are left out.

        A row with an id of its own has the job of this id. Any other row has a job that asks for the same: one that has
        not failed before one that has, and among those one of the row's own number before all others.

        Args:
            rows: The rows.
            prints: The fingerprint of what each row asks for, by the row's number.
        """
        found: dict[int, JobEntry] = {}
        used: set[str] = set()
        for row in rows:
            entry = self.under(row.key)
            if entry is not None and self._prints[entry.key] in {"", prints.get(row.number)}:
                found[row.number] = entry
                used.add(entry.key)
        for failed in (False, True):
            for by_number in (True, False):
                for row in rows:
                    if row.number in found or row.key is not None:
                        continue
                    kind = (prints.get(row.number, "-"), failed)
                    alike = (
                        self._numbered.get((*kind, row.number), deque())
                        if by_number
                        else self._alike.get(kind, deque())
                    )
                    while alike and alike[0].key in used:
                        alike.popleft()
                    if alike:
                        found[row.number] = alike.popleft()
                        used.add(found[row.number].key)
        return found

    def left(self, claimed: Iterable[JobEntry], asked_for: set[str]) -> list[JobEntry]:
        """The jobs that no row asks for; an earlier try of a row's job is none of them.

        Args:
            claimed: Jobs that rows have.
            asked_for: Fingerprints of what the rows ask for.
        """
        used = {entry.key for entry in claimed}
        return [
            entry
            for entry in self._entries
            if entry.key not in used
            and not (entry.state is JobState.FAILED and self._prints[entry.key] in asked_for)
        ]
