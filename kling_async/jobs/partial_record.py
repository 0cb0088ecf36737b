"""The record beside a partial file: what a later process needs to go on with it, as JSON.

Promises: reading is total; a record that is torn, damaged or somebody else's counts as none. It holds no URL and no key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Final

from attrs import asdict, frozen

from kling_async.jobs.own_file import read_at

LONGEST_VALIDATOR: Final = 1000
"""Characters; a server's longer validator is not kept."""

_KEY: Final = re.compile(r"[0-9a-f]{16}")
_SIZE: Final = 2048  # bytes, room for the longest record, so that one write replaces it


@frozen
class Record:
    """What is known of the bytes so far; everything that is needed to ask for the rest and to trust them."""

    key: str
    """Which result: 16 hexadecimal digits."""

    validator: str
    """The server's strong ETag or Last-Modified, for `If-Range`."""

    length: int | None
    """The whole file's length in bytes, or None if the server did not say."""

    received: int
    """How many bytes had been written."""

    sha256: str
    """Their digest."""


def write_record(file: int, record: Record) -> None:
    """Replaces the record that stands in a file."""
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, json.dumps(asdict(record)).encode().ljust(_SIZE))


def read_record(file: int) -> Record | None:
    """The record that stands in a file, or None if it is not a whole one."""
    try:
        record = Record(**json.loads(read_at(file, 0, _SIZE + 1)))
        length = record.received if record.length is None else record.length
        sound = (
            _KEY.fullmatch(record.key)
            and 0 < len(record.validator) <= LONGEST_VALIDATOR
            and record.validator.isprintable()
            and len(record.sha256) == 2 * hashlib.sha256().digest_size
            and isinstance(record.received, int)
            and isinstance(length, int)
            and 0 < record.received <= length
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return record if sound else None
