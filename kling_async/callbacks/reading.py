"""One request, whatever server has taken it: judged, its body read within the bounds, judged again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from kling_async.callbacks.decision import SLOWEST_BODY, TOO_SLOW, Answer, Judge


async def answer_to(
    judge: Judge,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
    read: Callable[[], Awaitable[bytes | Answer]],
) -> Answer:
    """Answers one request.

    Args:
        judge: Decides on posts.
        method: The HTTP method.
        path: The request's path.
        headers: Names in any case and values, as often as they were sent.
        read: Reads the body, as far as it may be read; gives it, or the answer to one that is too long or broken off.
    """
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    job = judge.job_named(method, path, length)
    if isinstance(job, Answer):
        return job
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            body = await read()
    except TimeoutError:
        return TOO_SLOW
    return body if isinstance(body, Answer) else judge.answer(job, headers, body)
