"""Paths of the family as arguments of commands."""

from __future__ import annotations


def path_problem(path: str) -> str | None:
    """What is wrong with the path of an endpoint that makes tasks; None if nothing is."""
    from kling_async.schema.family import SYNCHRONOUS  # noqa: PLC0415 - the help shall not wait for it

    if path in SYNCHRONOUS:
        return f"{path} answers at once and makes no task; kling-async run sends it."
    return shape_problem(path)


def shape_problem(path: str) -> str | None:
    """What is wrong with any path of the family; None if nothing is."""
    from kling_async.schema.family import SYNCHRONOUS, path_problems  # noqa: PLC0415 - as above

    if any(path_problems(path, synchronous=path in SYNCHRONOUS)):
        return f"{path!r} is not a path of the service; it starts with /v1/, such as /v1/videos/omni-video."
    return None


def is_synchronous(path: str) -> bool:
    """Whether a path answers with its result at once."""
    from kling_async.schema.family import SYNCHRONOUS  # noqa: PLC0415 - as above

    return path in SYNCHRONOUS
