"""Which call a request makes: its method and its raw, still percent-encoded path. Pure."""

from urllib.parse import unquote

import attrs

from kling_async.emulator.service.answers import RefusedError

PATH = "/v1/videos/image2video"
CONTROL_PATH = "/_emulator/"
VIDEOS_PATH = "/_emulator/videos/"


@attrs.frozen
class Target:
    """Where a request goes: which call, and for which task."""

    call: str
    """create, get, list, download, or other for what the service does not have."""

    identifier: str = ""
    """The task's id, decoded."""


def route(method: str, path: str) -> Target:
    """Finds the call of a path.

    Raises:
        RefusedError: 1202 wrong method, 1203 no such path.
    """
    if path == PATH:
        return Target({"POST": "create", "GET": "list"}.get(method) or _wrong_method())
    parent, _, last = path.rpartition("/")
    if parent == PATH and last:
        return Target("get" if method == "GET" else _wrong_method(), unquote(last))
    if path.startswith(VIDEOS_PATH) and path.endswith(".mp4") and method in {"GET", "HEAD"}:
        return Target("download", unquote(last.removesuffix(".mp4")))
    raise RefusedError(1203)


def _wrong_method() -> str:
    raise RefusedError(1202)
