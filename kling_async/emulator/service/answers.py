"""Answers as the service words them: the envelope, its codes and the refusals.

Pure: builds values, sends nothing. Every refusal leaves through `RefusedError`, so a code, its HTTP
status and its message meet in one place.
"""

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from kling_async.emulator.service.states import Task

CODES: Mapping[int, tuple[int, str]] = {
    0: (200, "SUCCEED"),
    1000: (401, "Authentication failed"),
    1001: (401, "Authorization is empty"),
    1002: (401, "Authorization is invalid"),
    1003: (401, "Authorization is not yet valid"),
    1004: (401, "Authorization is expired"),
    1100: (429, "Account exception"),
    1101: (429, "Account is in arrears"),
    1102: (429, "Account balance not enough"),
    1103: (403, "No permission to the requested API or model"),
    1200: (400, "Invalid request parameters"),
    1201: (400, "Invalid parameter key or value"),
    1202: (404, "The requested method is invalid"),
    1203: (404, "The requested resource does not exist"),
    1300: (400, "The request violates the platform policy"),
    1301: (400, "Failure to pass the risk control system"),
    1302: (429, "The request is too frequent"),
    1303: (429, "parallel task over resource pack limit"),
    1304: (429, "The IP is not on the allow list"),
    5000: (500, "Internal server error"),
    5001: (503, "The service is temporarily unavailable"),
    5002: (504, "Internal server timeout"),
}
"""Service code to its HTTP status and default message (facts.md, section 2)."""

JSON_TYPE = "application/json; charset=utf-8"


class RefusedError(Exception):
    """The service refuses a call.

    Args:
        code: Service code, 1000–5999.
        message: Message of the answer; by default the code's own.
        http: HTTP status; by default the code's own, 500 for an unknown code.
        headers: Extra headers of the answer, such as `Retry-After`.
        silent: Whether the answer has no message at all.
    """

    def __init__(
        self,
        code: int,
        message: str | None = None,
        *,
        http: int | None = None,
        headers: Mapping[str, str] | None = None,
        silent: bool = False,
    ) -> None:
        status, wording = CODES.get(code, (500, "Unknown error"))
        self.code = code
        self.http: int = status if http is None else http
        self.message: str = wording if message is None else message
        self.headers: dict[str, str] = dict(headers or {})
        self.silent = silent
        super().__init__(f"{self.http}/{code} {self.message}")


@attrs.frozen
class Answer:
    """What is about to be sent: plain data, so that planned trouble can change it on the way."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    task: "Task | None" = None
    """The task that the call created or showed."""


def encode(payload: Any) -> bytes:
    """Compact UTF-8 JSON; a lone surrogate travels as its escape."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def success(data: Any, task: "Task | None" = None) -> Answer:
    """The envelope around `data`, code 0."""
    payload = {"code": 0, "message": CODES[0][1], "request_id": request_id(), "data": data}
    return Answer(200, encode(payload), {"Content-Type": JSON_TYPE}, task)


def refusal(error: RefusedError) -> Answer:
    """The envelope of a refusal; it has no `data`."""
    payload = {"code": error.code, "message": error.message, "request_id": request_id()}
    if error.silent:
        del payload["message"]
    return Answer(error.http, encode(payload), {"Content-Type": JSON_TYPE, **error.headers})


def request_id() -> str:
    """A fresh id of one request."""
    return str(uuid.uuid4())
