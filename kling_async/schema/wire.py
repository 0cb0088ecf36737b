"""The wire format: requests to JSON with gaps for the pictures, bytes to envelopes, ids to URL paths.

Promises: no I/O; `read_envelope` is total: whatever the bytes are, it returns an envelope or raises
`MalformedResponseError`. There is one cattrs converter; it omits fields that were left alone.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import quote

from attrs import frozen
from cattrs import Converter

from kling_async.errors import MalformedResponseError
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile, ImageURL, LocalImage

try:
    import orjson
except ImportError:  # the extra `fast` is not installed
    orjson = None  # type: ignore[assignment] # stands for its absence

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Size of the largest answer that is read, in bytes after decompression."""

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_HONEST_DEPTH: Final = 12  # levels of nesting that no real answer reaches
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def task_path(endpoint: str, task_id: str) -> str:
    """Returns the URL path of one task; every reserved character of the id is percent-encoded, as UTF-8."""
    return f"{endpoint}/{quote(task_id, safe='')}"


def _make_converter() -> Converter:
    converter = Converter(omit_if_default=True)  # every default is None or empty: left alone
    converter.register_unstructure_hook(ImageURL, lambda image: image.url)
    for picture in (ImageFile, ImageBytes, ImageBase64):
        converter.register_unstructure_hook(picture, _as_it_is)
    return converter


def _as_it_is(picture: LocalImage) -> LocalImage:
    """Passes a picture unchanged; it becomes text only while the body is sent."""
    return picture


converter: Final = _make_converter()
"""The one converter: attrs objects to JSON's types, with pictures left unchanged."""


def document(request: object) -> dict[str, Any]:
    """Returns the mapping that is sent for a request: names of the API reference, `extra` beside them, no nulls."""
    fields: dict[str, Any] = converter.unstructure(request)
    extra = fields.pop("extra", None)
    return (
        {**fields, **json.loads(json.dumps(extra))} if extra else fields
    )  # JSON names are text at every depth


def body_pieces(value: Any) -> Iterator[bytes | LocalImage]:
    """Yields a document's JSON text in pieces, with each picture in its place as an object.

    Base64 needs no escaping, so the sender can write a picture's text slice by slice.
    """
    if isinstance(value, LocalImage):
        yield b'"'
        yield value
        yield b'"'
        return
    try:
        yield _json_bytes(value)
    except TypeError:  # a picture is in it
        yield from _opened_pieces(value)


def _opened_pieces(value: Any) -> Iterator[bytes | LocalImage]:
    """Yields the pieces of an object or an array, each item by itself."""
    if isinstance(value, Mapping):
        yield b"{"
        for index, (name, item) in enumerate(value.items()):
            yield (b"," if index else b"") + _json_bytes(name) + b":"
            yield from body_pieces(item)
        yield b"}"
    elif isinstance(value, list | tuple):
        yield b"["
        for index, item in enumerate(value):
            yield b"," if index else b""
            yield from body_pieces(item)
        yield b"]"
    else:
        raise TypeError(f"{type(value).__name__} is no part of a request's document")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _json_bytes(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


@frozen
class Envelope:
    """The object that wraps every answer of the service."""

    code: int
    """0, or the service's error code."""

    message: str
    """The service's text."""

    request_id: str | None
    """The service's id of the request."""

    data: Any
    """The task, or the list of tasks; None if the answer has none."""

    http_status: int = 200
    """The answer's HTTP status."""


def read_envelope(body: bytes, *, http_status: int) -> Envelope:
    """Parses an answer.

    Args:
        body: The answer's bytes, decompressed.
        http_status: Its HTTP status, for the error.

    Raises:
        MalformedResponseError: The bytes are not a JSON object with a whole-number code, or contain what no honest
            answer does: endless nesting, NaN, numbers of thousands of digits, lone surrogates.
    """
    try:
        parsed = parse(body)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "too deeply nested"
        raise _malformed(f"the answer is not JSON ({reason})", body, http_status) from None
    if not isinstance(parsed, dict):
        raise _malformed("the answer is not a JSON object", body, http_status)
    code = _whole_number(parsed.get("code"))
    if code is None:
        raise _malformed("the answer has no code", body, http_status)
    message, request_id = parsed.get("message"), parsed.get("request_id")
    return Envelope(
        code,
        message if isinstance(message, str) else "",
        request_id if isinstance(request_id, str) else None,
        parsed.get("data"),
        http_status,
    )


def read_tasks(envelope: Envelope) -> list[Any]:
    """Returns the rows of a list answer; `data` may be null if there are none.

    Raises:
        MalformedResponseError: `data` is not an array.
    """
    rows = [] if envelope.data is None else envelope.data
    if not isinstance(rows, list):
        raise MalformedResponseError("the list of tasks is not an array", http_status=envelope.http_status)
    return rows


def _malformed(reason: str, body: bytes, http_status: int) -> MalformedResponseError:
    return MalformedResponseError(
        reason, http_status=http_status, excerpt=body[:800].decode("utf-8", "replace")
    )


def parse(body: bytes) -> Any:
    """Parses JSON.

    Raises:
        ValueError: The bytes are not JSON, or contain what no honest sender writes.
        RecursionError: They are nested too deeply.
    """
    if orjson is not None and not _may_be_deep(body):  # orjson accepts deeper nesting than Python's own repr
        return orjson.loads(body.removeprefix(codecs.BOM_UTF8))
    parsed = _DECODER.decode(body.decode("utf-8-sig"))
    if _SURROGATE.search(body):  # a pair is an honest character, a lone half is not
        json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


def _may_be_deep(body: bytes) -> bool:
    """Returns whether the nesting may be deeper than `_HONEST_DEPTH`; brackets inside texts can make it true too."""
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(_HONEST_DEPTH):
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return bool(brackets)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    return None
