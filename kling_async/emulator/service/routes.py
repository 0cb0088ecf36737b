"""Which call a request makes: its method and its raw, still percent-encoded path. Pure."""

import re
from urllib.parse import unquote

import attrs

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.products import FAMILY, IMAGE2VIDEO, Product
from kling_async.emulator.service.synchronous import PRESETS, SYNCHRONOUS

CONTROL_PATH = "/_emulator/"
COSTS_PATH = "/account/costs"

_SLASHES = re.compile(r"/{2,}")
_FILE = re.compile(
    r"/_emulator/(?P<kind>videos|images|audios)/(?P<task>[^/-]+)"
    r"(?:-(?P<index>[0-9]))?(?P<marked>-marked)?\.(?P<format>mp4|png|mp3|wav)"
)


@attrs.frozen
class FileName:
    """Which of a task's files is meant."""

    format: str
    """mp4, png, mp3 or wav."""

    index: int = 0
    """Which of its images, from 0."""

    marked: bool = False
    """Whether the copy with the watermark is meant."""


@attrs.frozen
class Target:
    """Where a request goes: which call, and for which task."""

    call: str
    """create, get, list, download, call (synchronous), costs, or other for what the service does not have."""

    identifier: str = ""
    """The task's id, decoded; the path of a synchronous call."""

    product: Product = IMAGE2VIDEO
    """The endpoint."""

    file: FileName = FileName("mp4")
    """Which file a download is for."""


def route(method: str, path: str, *, ignores_slashes: bool = True) -> Target:
    """Finds the call of a path.

    Args:
        method: The HTTP method.
        path: The path, still percent-encoded.
        ignores_slashes: Whether a slash at the end and doubled slashes count for nothing, as the vendor's samples use
            them.

    Raises:
        RefusedError: 1202 wrong method, 1203 no such path.
    """
    if (named := _FILE.fullmatch(path)) and method in {"GET", "HEAD"}:
        file = FileName(named["format"], int(named["index"] or 0), marked=bool(named["marked"]))
        return Target("download", unquote(named["task"]), file=file)
    if ignores_slashes:
        path = _SLASHES.sub("/", path).rstrip("/")
    if path in SYNCHRONOUS and method == "POST":
        return Target("call", path)
    if path in PRESETS:
        return Target("call" if method == "GET" else _wrong_method(), path)
    if path == COSTS_PATH:
        return Target("costs" if method == "GET" else _wrong_method())
    if path in FAMILY:
        call = {"POST": "create", "GET": "list"}.get(method) or _wrong_method()
        return Target(call, product=FAMILY[path])
    parent, _, last = path.rpartition("/")
    if parent in FAMILY and last:
        return Target("get" if method == "GET" else _wrong_method(), unquote(last), FAMILY[parent])
    if path in SYNCHRONOUS:
        _wrong_method()
    raise RefusedError(1203)


def _wrong_method() -> str:
    raise RefusedError(1202)
