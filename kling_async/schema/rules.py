"""The page's rules on a request's values, each a pure function from a value to the problems with it.

Promises: no I/O; never an exception, whatever the value; absent values (None) break no rule but `required`.
Rules that need a picture's bytes are in `images.py`, those of the capability map in `capabilities.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from kling_async.errors import Problem, ValidationError
from kling_async.schema.images import ImageURL, is_http_url

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest

MAX_PROMPT: Final = 2500
"""不能超过2500个字符: the longest prompt, in characters (code points)."""

MODES: Final = ("std", "pro")
DURATIONS: Final = ("5", "10")
CAMERA_TYPES: Final = ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")


@frozen
class Broken:
    """Stands for a nested value that could not be built, until the request that holds it has reported all."""

    problems: tuple[Problem, ...]
    """What is wrong, seen from inside the value."""


def attempt(build: Callable[..., Any], *values: Any) -> Any:
    """The built value, or `Broken` with the reasons, so that one error can list every broken rule."""
    try:
        return build(*values)
    except ValidationError as error:
        return Broken(error.problems)


def raise_any(problems: Iterable[Problem]) -> None:
    """Raises one `ValidationError` with all problems, if there are any."""
    found = tuple(problems)
    if found:
        raise ValidationError(found)


def each(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Converts every item of a sequence; what is no sequence becomes `Broken`."""
    if isinstance(value, Broken):
        return value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return Broken((Problem("", f"must be a list, not {_shown(value)}"),))
    return tuple(convert(item) for item in value)


def mapped(value: Any, made: type, names: Sequence[str]) -> Any:
    """Takes an object of the class `made`, or builds it from a mapping with some of the `names`."""
    if value is None or isinstance(value, made | Broken):
        return value
    if not isinstance(value, Mapping):
        return Broken((Problem("", f"must be {made.__name__} or a mapping, not {_shown(value)}"),))
    unknown = tuple(Problem(str(name), "is no field of the page") for name in value if name not in names)
    built = attempt(lambda: made(**{name: value.get(name) for name in names}))
    if unknown:
        return Broken((*(built.problems if isinstance(built, Broken) else ()), *unknown))
    return built


def seconds_as_text(value: int | str | None) -> Any:
    """`duration` travels as text: 5 becomes "5"."""
    small = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000
    return str(value) if small else value


def nested(path: str, value: Any) -> Iterator[Problem]:
    """The problems of a value, or of a sequence's items, that could not be built."""
    if isinstance(value, Broken):
        yield from (problem.below(path) for problem in value.problems)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from nested(f"{path}[{index}]", item)


def required(path: str, value: Any) -> Iterator[Problem]:
    """The value is there."""
    if value is None:
        yield Problem(path, "is missing")


def count(path: str, value: Any, low: int, high: int, unit: str) -> Iterator[Problem]:
    """A sequence of `low` to `high` items, each of them sound."""
    yield from nested(path, value)
    if isinstance(value, tuple) and not low <= len(value) <= high:
        yield Problem(path, f"has {len(value)} {unit}; {low} to {high} are allowed")


def whole_number(path: str, value: Any) -> Iterator[Problem]:
    """An int, and no bool, of a size that any JSON reader takes."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        yield Problem(path, f"is {_shown(value)}; it must be a whole number of pixels")


def number(path: str, value: Any, low: float, high: float) -> Iterator[Problem]:
    """A finite number from `low` to `high`, both included."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield Problem(path, f"is {_shown(value)}; it must be a number from {low} to {high}")
    elif not low <= value <= high:
        yield Problem(path, f"is {_shown(value)}; it must be from {low} to {high}")


def choice(path: str, value: Any, allowed: Sequence[str]) -> Iterator[Problem]:
    """One of the page's words."""
    if value is not None and not (isinstance(value, str) and value in allowed):
        yield Problem(path, f"is {_shown(value)}; it must be one of {', '.join(allowed)}")


def text(path: str, value: Any, longest: int | None = None) -> Iterator[Problem]:
    """Text that can travel as UTF-8, at most `longest` characters."""
    if value is None:
        return
    if not isinstance(value, str):
        yield Problem(path, f"is {_shown(value)}; it must be text")
        return
    if longest is not None and len(value) > longest:
        yield Problem(path, f"has {len(value)} characters; at most {longest} are allowed")
    if not _is_unicode(value):
        yield Problem(path, "has a lone surrogate, which no UTF-8 can carry")


def task_id(path: str, value: Any) -> Iterator[Problem]:
    """An id that a path can carry: text, not empty, and not one of the two dot segments."""
    yield from text(path, value)
    if isinstance(value, str) and value in {"", ".", ".."}:
        yield Problem(path, f"is {value!r}; a task could not be looked up by it")


def exactly_one_axis(axes: Mapping[str, Any]) -> list[Problem]:
    """六选一: one axis is not 0 and all others are."""
    moving = [axis for axis, amount in axes.items() if amount]
    if len(moving) == 1:
        return []
    shown = ", ".join(moving) or "none"
    return [Problem("", f"must have exactly one axis that is not 0, not {len(moving)} ({shown})")]


def config_with_simple(kind: Any, config: Any) -> Iterator[Problem]:
    """当运镜类型指定simple时必填，指定其他类型时不填: a config with `simple`, and only with it."""
    if kind == "simple" and config is None:
        yield Problem("config", "is missing; the type simple needs it")
    elif kind in CAMERA_TYPES and kind != "simple" and config is not None:
        yield Problem("config", f"must be left out with the type {kind}; only simple takes it")


def request_problems(request: Image2VideoRequest, known: Sequence[str]) -> Iterator[Problem]:
    """Every rule of the page that can be judged without a picture's bytes, in the page's order."""
    yield from text("model_name", request.model_name)
    yield from nested("image", request.image)
    yield from nested("image_tail", request.image_tail)
    if request.image is None and request.image_tail is None:
        yield Problem("image", "is missing; at least one of image and image_tail is needed")
    yield from one_of_three(request)
    yield from text("prompt", request.prompt, MAX_PROMPT)
    yield from text("negative_prompt", request.negative_prompt, MAX_PROMPT)
    yield from number("cfg_scale", request.cfg_scale, 0, 1)
    yield from choice("mode", request.mode, MODES)
    yield from nested("static_mask", request.static_mask)
    yield from count("dynamic_masks", request.dynamic_masks, 1, 6, "masks")
    yield from one_encoding(request)
    yield from nested("camera_control", request.camera_control)
    yield from choice("duration", request.duration, DURATIONS)
    yield from _callback_url(request.callback_url)
    yield from task_id("external_task_id", request.external_task_id)
    yield from _extra(request.extra, known)


def one_of_three(request: Image2VideoRequest) -> Iterator[Problem]:
    """三选一，不能同时使用: a last frame, masks and a camera exclude one another."""
    used = [
        name
        for name in ("image_tail", "static_mask", "dynamic_masks", "camera_control")
        if getattr(request, name) is not None
    ]
    brushes = {"static_mask", "dynamic_masks"}
    clash = next((name for name in used[1:] if not {used[0], name} <= brushes), None)
    if clash is not None:
        yield Problem(
            clash,
            f"cannot be used together with {used[0]}; "
            "image_tail, static_mask/dynamic_masks and camera_control exclude one another",
        )


def pictures(request: Image2VideoRequest) -> Iterator[tuple[str, Any]]:
    """Every picture of a request with its path, in the page's order."""
    for name in ("image", "image_tail", "static_mask"):
        if getattr(request, name) is not None:
            yield name, getattr(request, name)
    if isinstance(request.dynamic_masks, tuple):
        for index, item in enumerate(request.dynamic_masks):
            if not isinstance(item, Broken):
                yield f"dynamic_masks[{index}].mask", item.mask


def one_encoding(request: Image2VideoRequest) -> Iterator[Problem]:
    """请确保您传递的所有图像数据参数均采用Base64编码格式: with base64, every picture is base64."""
    given = [(path, picture) for path, picture in pictures(request) if not isinstance(picture, Broken)]
    data = next((path for path, picture in given if not isinstance(picture, ImageURL)), None)
    if data is None:
        return
    for path, picture in given:
        if isinstance(picture, ImageURL):
            yield Problem(
                path, f"is a URL while {data} is sent as base64; give either all pictures as URLs or none"
            )


def _callback_url(value: Any) -> Iterator[Problem]:
    yield from text("callback_url", value)
    if isinstance(value, str) and _is_unicode(value) and not is_http_url(value):
        yield Problem("callback_url", f"is {_shown(value)}; it must be an http(s) URL with a host")


def _extra(value: Any, known: Sequence[str]) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem("extra", f"is {_shown(value)}; it must be a mapping of fields")
        return
    for name in value:
        if not isinstance(name, str):
            yield Problem("extra", f"has a name that is {_shown(name)}; names must be text")
        elif name in known or name == "model":
            right = "model_name" if name == "model" else name
            yield Problem(f"extra.{name}", f"is a field of the page; give it as {right}")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        yield Problem("extra", f"cannot travel as JSON: {error}")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    """A value in an error's text: short, and never a picture's bytes."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    return f"of type {type(value).__name__}"
