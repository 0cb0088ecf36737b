"""Rows that ask for something else than their job in the journal: a manifest that was edited, a picture that was replaced.

Promises: a row whose job was, or may have been, paid for is never taken for a new one silently; the field that differs is
named. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from kling_async.cli.known_jobs import UNPAID, Known
from kling_async.cli.naming import Name, picture_of
from kling_async.cli.rows import Row
from kling_async.jobs.entry import JobEntry
from kling_async.jobs.request_record import fingerprint


@frozen
class Change:
    """A row that asks for something else than its job in the journal."""

    row: int
    """The row; the first is 1."""

    field: str
    """The first field that differs."""

    what: str
    """What has changed, and what became of the earlier job."""

    paid: bool
    """Whether the earlier job is, or may be, paid for."""

    final: bool = False
    """Whether there can be no new job, because the row has the same id."""


def changes_of(
    new: Sequence[Row],
    recorded: Mapping[int, Mapping[str, Any]],
    left: Sequence[JobEntry],
    jobs: Known,
    names: Mapping[str, Name],
) -> tuple[list[Change], list[JobEntry]]:
    """Finds the rows that have changed since their job was recorded.

    Args:
        new: The rows that have no job.
        recorded: Each row's request as the journal records it, by the row's number.
        left: The jobs that no row asks for.
        jobs: All jobs.
        names: What is known of the jobs' names.

    Returns:
        The changes, and the jobs that are left without a row all the same.
    """
    by_number = {names[entry.key].number: entry for entry in left if entry.key in names}
    by_picture = {picture: entry for entry in left if (picture := picture_of(entry.request)) is not None}
    changes: list[Change] = []
    used: set[str] = set()
    for row in new:
        number = row.number
        now = recorded.get(number, {})
        under = jobs.under(row.key)
        if under is not None:
            what = (
                f"{_difference(under.request, now)[1]} has changed since job {under.key} was recorded "
                f"({under.state}); give the row another external_task_id for a new job"
            )
            changes.append(Change(number, "external_task_id", what, paid=True, final=True))
            used.add(under.key)
            continue
        earlier = by_picture.get(picture_of(now) or "") or by_number.get(number)
        if earlier is None or earlier.key in used:
            continue
        used.add(earlier.key)
        field_name, difference = _difference(earlier.request, now)
        paid = earlier.state not in UNPAID or earlier.task_id is not None
        state = f"its job {earlier.key} was recorded ({earlier.state})"
        state = state if paid else "its job was recorded, which was never sent"
        changes.append(Change(number, field_name, f"{difference} has changed since {state}", paid))
    return changes, [entry for entry in left if entry.key not in used]


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str]:
    """The first field that differs, and what differs in words."""
    fields = list(_differing(before, now))
    if not fields:
        return "row", "the row"
    first = fields[0]
    old, new = before.get(first), now.get(first)
    replaced = (
        isinstance(old, dict)
        and isinstance(new, dict)
        and "sha256" in old
        and old.get("path") == new.get("path") is not None
    )
    what = f"the content of {old['path']}" if replaced and isinstance(old, dict) else ", ".join(fields)
    return first, what


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        one, other = (each.get(name) for each in (before, now))
        if name != "callback_url" and fingerprint({"": one}) != fingerprint({"": other}):
            yield name
