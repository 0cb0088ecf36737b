"""The journal's tables: how a new journal is made, and whether an old one is whole and ours.

Promises: what is not a whole journal of this format is a `JournalError`; a damaged row is marked as one and the rest goes
on. Nothing here opens a file; works on any connection that has `execute`.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from kling_async.errors import JournalError, harmless
from kling_async.jobs.rows import JobTable

VERSION: Final = 2
"""The file's format; any other is refused."""

APPLICATION: Final = 0x6B6C6E67
"""The mark in the file's header by which a journal is known ("klng")."""

_SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    sent_at TEXT,
    task_id TEXT,
    task TEXT,
    error TEXT,
    file BLOB,
    digest TEXT,
    checksum BLOB NOT NULL
) STRICT""",
    "CREATE INDEX jobs_by_state ON jobs (state)",
    "CREATE INDEX jobs_by_task ON jobs (task_id) WHERE task_id IS NOT NULL",
)

_REPAIRABLE: Final = re.compile(
    r"(row \d+ missing from|wrong # of entries in|rowid not at end-of-record for row \d+ of)"
    r" index jobs_by_(state|task)"
    r"|(non-\w+|NULL) value in jobs\.(endpoint|state|request|sent_at|task_id|task|error|file|digest|checksum)"
)
"""What `integrity_check` says of damage in rows, which have checksums, or in indexes that can be made again from them."""


def make(db: sqlite3.Connection, owner: str, salt: bytes) -> None:
    """Makes an empty journal's tables, in one transaction.

    Args:
        db: A connection to an empty file.
        owner: Host and a digest of the account's key.
        salt: What tells this journal's keys from another's.
    """
    db.execute("BEGIN EXCLUSIVE")
    for statement in _SCHEMA:
        db.execute(statement)
    _write_meta(db, {"owner": owner, "salt": salt.hex(), "adoptions": "[]"})
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def check(
    db: sqlite3.Connection, path: Path, owner: str | None, *, adopt: bool, clock: Callable[[], float]
) -> None:
    """Checks a journal before anything of it is believed; adopts another key's if that is asked for.

    Args:
        db: A connection to an existing file.
        path: Its name in error texts.
        owner: Host and a digest of the account's key; None: whose jobs they are is not asked.
        adopt: Whether a journal of another key at the same host becomes this key's.
        clock: Wall-clock time in unix seconds, recorded with an adoption.

    Raises:
        JournalError: It is damaged, or belongs to another account or host.
        sqlite3.Error: It cannot be read, or is damaged in its structure.
    """
    if _tables(db) != _expected_tables():
        raise JournalError(f"the journal {path} is damaged: its tables are not those of a journal")
    meta = _read_meta(db, path)
    complaints = _complaints(db)
    if complaints:
        _repair(db, path, bytes.fromhex(meta["salt"]), complaints)
    if owner is not None and meta["owner"] != owner:
        _adopt(db, path, meta, owner, adopt=adopt, clock=clock)


def salt_of(db: sqlite3.Connection) -> bytes:
    """The salt of a journal that was checked."""
    return bytes.fromhex(_meta(db)["salt"])


def _complaints(db: sqlite3.Connection) -> list[str]:
    found = [str(text) for (text,) in db.execute("PRAGMA integrity_check").fetchall()]
    return [] if found == ["ok"] else found


def _repair(db: sqlite3.Connection, path: Path, salt: bytes, complaints: list[str]) -> None:
    """Marks the damaged rows and makes the indexes anew, if the damage is no deeper than that."""
    deep = [text for text in complaints if not _REPAIRABLE.fullmatch(text)]
    if not deep:
        db.execute("BEGIN EXCLUSIVE")
        db.execute("DROP INDEX jobs_by_state")
        db.execute("DROP INDEX jobs_by_task")
        JobTable(db, salt).mark_damage()
        for statement in _SCHEMA[2:]:
            db.execute(statement)
        db.execute("COMMIT")
        deep = _complaints(db)
    if deep:
        raise JournalError(f"the journal {path} is damaged: {harmless(deep[0])}; nothing was sent")


def _adopt(
    db: sqlite3.Connection,
    path: Path,
    meta: dict[str, str],
    owner: str,
    *,
    adopt: bool,
    clock: Callable[[], float],
) -> None:
    before, host = meta["owner"].rpartition(" ")[0], owner.rpartition(" ")[0]
    if before != host:
        raise JournalError(
            f"the journal {path} belongs to the host {harmless(before)}, not {host}; jobs of one host"
            " cannot go on at another, nothing was sent"
        )
    if not adopt:
        raise JournalError(
            f"the journal {path} belongs to another account or another key; nothing was sent. If it is a new key"
            " of the same account, adopt the journal: adopt_journal=True, or --adopt-journal on the command line"
        )
    adoptions = [*json.loads(meta["adoptions"]), {"from": meta["owner"], "to": owner, "at": clock()}]
    db.execute("BEGIN EXCLUSIVE")
    _write_meta(
        db, {"owner": owner, "salt": meta["salt"], "adoptions": json.dumps(adoptions, ensure_ascii=True)}
    )
    db.execute("COMMIT")


def _tables(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    query = "SELECT type, name, CAST(sql AS BLOB) FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
    return sorted((str(kind), str(name), _text(sql)) for kind, name, sql in db.execute(query).fetchall())


def _expected_tables() -> list[tuple[str, str, str]]:
    db = sqlite3.connect(":memory:")
    try:
        for statement in _SCHEMA:
            db.execute(statement)
        return _tables(db)
    finally:
        db.close()


def _meta(db: sqlite3.Connection) -> dict[str, str]:
    query = "SELECT CAST(name AS BLOB), CAST(value AS BLOB) FROM meta"
    return {_text(name): _text(value) for name, value in db.execute(query).fetchall()}


def _read_meta(db: sqlite3.Connection, path: Path) -> dict[str, str]:
    meta = _meta(db)
    checksum = meta.pop("checksum", None)
    if checksum != _checksum(meta):
        raise JournalError(
            f"the journal {path} is damaged: what it says of itself is wrong; nothing was sent"
        )
    return meta


def _write_meta(db: sqlite3.Connection, meta: dict[str, str]) -> None:
    for row in {**meta, "checksum": _checksum(meta)}.items():
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", row
        )


def _checksum(meta: dict[str, str]) -> str:
    text = json.dumps(sorted(meta.items()))
    return blake2b(text.encode(), digest_size=8, person=b"kling-journal").hexdigest()


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
