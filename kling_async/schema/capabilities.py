"""The capability map: which model takes which feature in which mode and duration.

Promises: one dated table and a pure look-up in it. The API reference only refers to its map ("详见当前文档3-0能力地图"),
and models come and go, so `KlingClient(capabilities=…)` can switch these rules to a warning or off, and a model that the
table does not know passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from attrs import frozen

from kling_async.errors import Problem

if TYPE_CHECKING:
    from kling_async.schema.image2video import Image2VideoRequest

CapabilityCheck: TypeAlias = Literal["error", "warn", "off"]
"""What a client does about a request that the map does not allow."""

READ_ON: Final = "2026-11-23"
"""The day on which the table was last compared with the vendor's map."""

_CELLS: Final = (("std", "5"), ("std", "10"), ("pro", "5"), ("pro", "10"))
_NONE: Final = "----"
_ALL: Final = "YYYY"
_PRO: Final = "--YY"


@frozen
class ModelRow:
    """One model's row: for each feature four letters for std 5 s, std 10 s, pro 5 s, pro 10 s; Y is supported."""

    with_tail: str = _NONE
    """`image` together with `image_tail`."""

    tail_alone: str = _NONE
    """`image_tail` without `image`."""

    masks: str = _NONE
    """The motion brush: `static_mask` and `dynamic_masks`."""

    camera: str = _NONE
    """`camera_control`."""

    camera_types: tuple[str, ...] | None = None
    """The camera types taken; None: all."""


MODELS: Final[dict[str, ModelRow]] = {
    # The vendor's readings differ on kling-v1's camera: the cell in doubt is allowed, a refusal costs nothing.
    "kling-v1": ModelRow(with_tail="Y-Y-", masks="Y-Y-", camera="Y---"),
    "kling-v1-5": ModelRow(
        with_tail=_PRO, tail_alone=_PRO, masks="--Y-", camera="--Y-", camera_types=("simple",)
    ),
    "kling-v1-6": ModelRow(with_tail=_PRO, tail_alone=_PRO),
    "kling-v2-master": ModelRow(),
    "kling-v2-1": ModelRow(with_tail=_PRO),
    "kling-v2-1-master": ModelRow(),
    "kling-v2-5-turbo": ModelRow(with_tail=_PRO),
    "kling-v2-6": ModelRow(with_tail=_PRO),
    "kling-v3": ModelRow(with_tail=_ALL),
}


def capability_problems(request: Image2VideoRequest) -> Iterator[Problem]:
    """The features of a request that its model, mode and duration do not have.

    Args:
        request: A request; absent values count as the defaults of the API reference.

    Yields:
        One problem for each feature; none for an unknown model.
    """
    model = request.model_name or "kling-v1"
    row = MODELS.get(model)
    if row is None:
        return
    cell = (request.mode or "std", request.duration or "5")
    for path, cells in _used(request, row):
        if cell in _CELLS and cells[_CELLS.index(cell)] != "Y":
            yield Problem(path, _refusal(model, cell, path, cells))
    camera = request.camera_control
    if camera is not None and row.camera_types is not None and camera.type not in row.camera_types:
        yield Problem(
            "camera_control.type",
            f"{camera.type} is not supported by {model}, which takes {', '.join(row.camera_types)}",
        )


def _used(request: Image2VideoRequest, row: ModelRow) -> Iterator[tuple[str, str]]:
    if request.image_tail is not None:
        yield "image_tail", row.tail_alone if request.image is None else row.with_tail
    if request.static_mask is not None:
        yield "static_mask", row.masks
    if request.dynamic_masks is not None:
        yield "dynamic_masks", row.masks
    if request.camera_control is not None:
        yield "camera_control", row.camera


def _refusal(model: str, cell: tuple[str, str], path: str, cells: str) -> str:
    able = [f"{mode} {seconds} s" for (mode, seconds), mark in zip(_CELLS, cells, strict=True) if mark == "Y"]
    where = f"it is with {', '.join(able)}" if able else "in no mode and duration"
    used_alone = " without image" if path == "image_tail" and cells == _NONE else ""
    return (
        f"model/mode/duration {model}/{cell[0]}/{cell[1]} does not support it{used_alone}; {where} "
        f"(capability map of {READ_ON}; the option capabilities switches this rule)"
    )
