"""A result's file as an answer: whole, or the part that `Range` asks for. Pure."""

import hashlib
import re
from collections.abc import Mapping

from kling_async.emulator.service.answers import Answer

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def partial(whole: Answer, headers: Mapping[str, str]) -> Answer:
    """Cuts out the part of a file that `Range` asks for, if `If-Range` still names this file.

    One range is served; several, or one that cannot be read, give the whole.
    """
    total = len(whole.body)
    etag = f'"{hashlib.sha256(whole.body).hexdigest()[:32]}"'
    common = {**whole.headers, "ETag": etag, "Accept-Ranges": "bytes"}
    asked = _asked(headers.get("Range", ""), total) if headers.get("If-Range", etag) == etag else None
    if asked is None:
        return Answer(200, whole.body, common, whole.task)
    first, last = asked
    if first > last:
        return Answer(416, b"", {**common, "Content-Range": f"bytes */{total}"}, whole.task)
    part = {**common, "Content-Range": f"bytes {first}-{last}/{total}"}
    return Answer(206, whole.body[first : last + 1], part, whole.task)


def _asked(text: str, total: int) -> tuple[int, int] | None:
    """First and last byte, counted from 0, the first above the last if there is nothing to send.

    None if the text is not a single range.
    """
    match = _RANGE.fullmatch(text.replace(" ", ""))
    first, last = match.groups() if match else ("", "")
    if not first:
        return (max(0, total - int(last)), total - 1) if last else None
    if not last:
        return int(first), total - 1
    return None if int(last) < int(first) else (int(first), min(int(last), total - 1))
