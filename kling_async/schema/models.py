"""The capability map: which model takes which mode, duration and feature, on which endpoint; and which models retire.

Promises: data and pure functions over it; no I/O and no clock. The API reference only refers to its map
("详见当前文档3-0能力地图") and models come and go, so the map is dated. Rows up to kling-v2-1-master keep exactly the values of
the mid-2025 reference; where readings of the vendor's map differ, the doubtful cell counts as supported, because a
refusal by the service costs nothing. Which models take elements is documented nowhere, so the map does not judge them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from attrs import field, frozen

MAP_OF: Final = date(2026, 11, 24)
"""Day on which the map was last compared with the vendor's."""

DEFAULT_MODEL: Final = "kling-v1"
"""The model that the service uses for a request without a `model_name`."""

RETIRED_ON: Final = date(2026, 9, 15)
"""Day on which `RETIRED` end, as two independent third parties announced; the vendor's changelog does not say it."""

RETIRED: Final = frozenset(
    {"kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master"}
)
"""Models that most likely end on `RETIRED_ON`."""

REPLACEMENTS: Final = ("kling-v2-5-turbo", "kling-v2-6", "kling-v3")
"""Models that are alive on the same paths."""

EVERYWHERE: Final = "everywhere"
"""Stands for all of a row's modes and durations."""

_CELLS: Final = (("std", "5"), ("std", "10"), ("pro", "5"), ("pro", "10"))
_PRO: Final = "--YY"
_LONG: Final = tuple(str(seconds) for seconds in range(3, 16))


@frozen
class ModelRow:
    """What one model takes on one endpoint."""

    features: Mapping[str, str] = field(factory=dict)
    """Supported features: `EVERYWHERE`, or four letters for std 5 s, std 10 s, pro 5 s, pro 10 s; Y is supported."""

    modes: tuple[str, ...] = ("std", "pro")
    """Values of `mode`; empty if the endpoint has no such field."""

    durations: tuple[str, ...] = ("5", "10")
    """Values of `duration`, in seconds as text; empty if the endpoint has no such field."""

    def takes(self, feature: str, mode: str, duration: str) -> bool:
        """Returns whether a feature is supported in a mode and duration."""
        return self.features.get(feature) == EVERYWHERE or (mode, duration) in self.cells(feature)

    def cells(self, feature: str) -> list[tuple[str, str]]:
        """Returns the modes and durations of a feature that is not supported everywhere."""
        marks = self.features.get(feature, "")
        return [cell for cell, mark in zip(_CELLS, marks, strict=False) if mark == "Y"]

    def where(self, feature: str) -> str:
        """Returns the modes and durations of a feature as text; empty if there are none."""
        if self.features.get(feature) == EVERYWHERE:
            return EVERYWHERE
        return ", ".join(f"{mode} {seconds} s" for mode, seconds in self.cells(feature))


_IMAGE2VIDEO: Final = {
    # Readings of kling-v1's camera differ.
    "kling-v1": ModelRow(
        {"image_tail": "Y-Y-", "motion brush": "Y-Y-", "camera_control": "Y---", "camera presets": "Y---"}
    ),
    "kling-v1-5": ModelRow(
        {"image_tail": _PRO, "image_tail alone": _PRO, "motion brush": "--Y-", "camera_control": "--Y-"}
    ),
    "kling-v1-6": ModelRow({"image_tail": _PRO, "image_tail alone": _PRO}),
    "kling-v2-master": ModelRow(),
    "kling-v2-1": ModelRow({"image_tail": _PRO}),
    "kling-v2-1-master": ModelRow(),
    "kling-v2-5-turbo": ModelRow({"image_tail": _PRO}),
    "kling-v2-6": ModelRow({"image_tail": _PRO, "sound": _PRO, "voice_list": _PRO}),
    "kling-v3": ModelRow(
        {
            "image_tail": EVERYWHERE,
            "sound": EVERYWHERE,
            "sound with image_tail": EVERYWHERE,
            "multi_shot": EVERYWHERE,
        },
        modes=("std", "pro", "4k"),
        durations=_LONG,
    ),
}

_TEXT2VIDEO: Final = {
    "kling-v1": ModelRow({"camera_control": "Y---", "camera presets": "Y---"}),
    "kling-v1-6": ModelRow(),
    "kling-v2-master": ModelRow(),
    "kling-v2-1-master": ModelRow(),
    "kling-v2-5-turbo": ModelRow(),
    # The map names voices for image2video alone, the field's own description names them here too.
    "kling-v2-6": ModelRow({"sound": _PRO, "voice_list": _PRO}),
    "kling-v3": ModelRow(
        {"sound": EVERYWHERE, "multi_shot": EVERYWHERE}, modes=("std", "pro", "4k"), durations=_LONG
    ),
}

_VIDEO_EXTEND: Final = {  # the model is that of the source video, which a request does not name
    "kling-v1": ModelRow(modes=(), durations=()),
    "kling-v1-5": ModelRow({"negative_prompt": EVERYWHERE, "cfg_scale": EVERYWHERE}, (), ()),
    "kling-v1-6": ModelRow({"negative_prompt": EVERYWHERE, "cfg_scale": EVERYWHERE}, (), ()),
}

MODELS: Final[Mapping[str, Mapping[str, ModelRow]]] = {
    "image2video": _IMAGE2VIDEO,
    "text2video": _TEXT2VIDEO,
    "video_extend": _VIDEO_EXTEND,
}
"""The map: endpoint, then model."""


@frozen
class MapRow:
    """One row of the map as plain values, for a table or JSON."""

    endpoint: str
    """The endpoint, by its name in Python."""

    model_name: str
    """The model."""

    modes: tuple[str, ...]
    """Values of `mode` that it takes."""

    durations: tuple[str, ...]
    """Values of `duration` that it takes, in seconds."""

    features: Mapping[str, str]
    """Features beyond a first frame and a prompt; each with `everywhere` or the modes and durations that have it."""

    retired_on: str | None
    """ISO date on which the model most likely ends; None if nothing was announced."""


def rows() -> Iterator[MapRow]:
    """Yields the whole map, endpoint by endpoint, older models first."""
    for endpoint, models in MODELS.items():
        for model, row in models.items():
            yield MapRow(
                endpoint,
                model,
                row.modes,
                row.durations,
                {feature: row.where(feature) for feature in row.features},
                RETIRED_ON.isoformat() if model in RETIRED else None,
            )


def retirement_warning(model_name: str | None) -> str | None:
    """Returns the warning for a model that is announced as retired.

    Args:
        model_name: The request's model; None means `DEFAULT_MODEL`, as it does to the service.

    Returns:
        The text, with the date and the models that replace it; None for every other model.
    """
    name = DEFAULT_MODEL if model_name is None else model_name
    if name not in RETIRED:
        return None
    who = f"{name}, which a request without model_name means," if model_name is None else name
    return (
        f"the model {who} is announced to end on {RETIRED_ON.isoformat()} and may be refused; "
        f"models that replace it: {', '.join(REPLACEMENTS)}"
    )
