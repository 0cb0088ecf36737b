"""Rules that several endpoints share: texts, bounds, callback, ids, watermark. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from kling_async.emulator.service.rule import Rule, Test, is_number
from kling_async.emulator.service.submission import Submission
from kling_async.emulator.videos.pictures import is_web_url

LONGEST_PROMPT = 2500
"""Characters, not bytes and not UTF-16 units."""

_SECONDS = re.compile(r"[1-9][0-9]{0,4}")


def texts(*fields: str) -> tuple[Rule, ...]:
    """One rule for each field that must be text."""
    return tuple(Rule(f"{field} is text", _text(field)) for field in fields)


def _text(field: str) -> Test:
    def is_text(request: Submission) -> str | None:
        if isinstance(request.body.get(field, ""), str):
            return None
        return f"{field} must be a string"

    return is_text


def one_of(field: str, *allowed: str) -> Rule:
    """A text field with few values."""

    def is_allowed(request: Submission) -> str | None:
        value = request.body.get(field, allowed[0])
        if not isinstance(value, str) or value in allowed:
            return None
        return invalid(field, value)

    return Rule(field, is_allowed)


def prompt_length(field: str) -> Rule:
    """A prompt's bound."""

    def is_short(request: Submission) -> str | None:
        value = request.body.get(field)
        if isinstance(value, str) and len(value) > LONGEST_PROMPT:
            return f"The length of {field} {len(value)} is greater than {LONGEST_PROMPT}"
        return None

    return Rule(f"{field} length", is_short)


def invalid(field: str, value: str) -> str:
    """The service's message for a value that is not one of a field's."""
    return f"{field} value '{value[:50]}' is invalid"


def is_seconds(value: object) -> bool:
    """Whether a value is text that is a whole number of seconds, 1–99999."""
    return isinstance(value, str) and _SECONDS.fullmatch(value) is not None


def _mode(request: Submission) -> str | None:
    """Any word; which ones a model knows is in the capability map."""
    return invalid("mode", "") if request.body.get("mode") == "" else None


def _duration(request: Submission) -> str | None:
    """A whole number of seconds; which ones a model makes is in the capability map."""
    value = request.body.get("duration", "5")
    return invalid("duration", value) if isinstance(value, str) and not is_seconds(value) else None


def _cfg_scale_number(request: Submission) -> str | None:
    return None if is_number(request.body.get("cfg_scale", 0.5)) else "cfg_scale must be a number"


def _cfg_scale_range(request: Submission) -> str | None:
    value = request.body.get("cfg_scale", 0.5)
    if not is_number(value) or 0 <= value <= 1:
        return None
    return "cfg_scale is out of range [0, 1]"


def _callback_url(request: Submission) -> str | None:
    value = request.body.get("callback_url")
    if not isinstance(value, str) or is_web_url(value):
        return None
    return "callback_url is not a valid http(s) URL"


def _external_task_id(request: Submission) -> str | None:
    """Non-empty; no dot segment, which no path can carry; text that UTF-8 can carry."""
    value = request.body.get("external_task_id", "id")
    if not isinstance(value, str):
        return None
    surrogate = any("\ud800" <= character <= "\udfff" for character in value)
    if value in {"", ".", ".."} or surrogate:
        return "external_task_id value is invalid"
    return None


def _watermark(body: Mapping[str, Any]) -> Any:
    return body.get("watermark_info", {})


def _watermark_is_an_object(request: Submission) -> str | None:
    return None if isinstance(_watermark(request.body), dict) else "watermark_info must be an object"


def _watermark_enabled(request: Submission) -> str | None:
    info = _watermark(request.body)
    if not isinstance(info, dict) or isinstance(info.get("enabled", False), bool):
        return None
    return "watermark_info.enabled must be a boolean"


MODE = Rule("mode", _mode)
DURATION = Rule("duration", _duration)
CFG_SCALE = (Rule("cfg_scale is a number", _cfg_scale_number), Rule("cfg_scale range", _cfg_scale_range))
ANY_ENDPOINT: tuple[Rule, ...] = (
    *texts("callback_url", "external_task_id"),
    Rule("callback_url", _callback_url),
    Rule("external_task_id", _external_task_id),
    Rule("watermark_info is an object", _watermark_is_an_object),
    Rule("watermark_info.enabled", _watermark_enabled),
)
"""The rules that hold for every endpoint of the family."""
