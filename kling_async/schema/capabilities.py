"""Judges a request by the capability map: rules on values that depend on the model.

Promises: pure functions; a model that the map does not know passes, and no request's constructor applies these rules, so
that `KlingClient(capabilities=…)` can switch them to a warning or off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, TypeAlias

from attrs import frozen

from kling_async.errors import Problem
from kling_async.schema.models import MAP_OF, MODELS, ModelRow
from kling_async.schema.rules import shown

CapabilityCheck: TypeAlias = Literal["error", "warn", "off"]
"""What a client does about a request that the map does not allow."""


@frozen
class Wanted:
    """What a request wants of its model; values that it leaves alone stand with the service's defaults."""

    endpoint: str
    """The endpoint, by its name in Python."""

    model: str
    """The model."""

    mode: str
    """The mode."""

    duration: str
    """Seconds, as text."""

    features: tuple[tuple[str, str], ...] = ()
    """Each feature used: the field's path and the feature's name in the map."""


class Judged(Protocol):
    """A request that the map can judge."""

    def wanted(self) -> Wanted | None:
        """Returns what the request wants of its model; None if it names no model."""
        ...


def capability_problems(request: Judged) -> Iterator[Problem]:
    """Yields what a request's model does not take: the mode, the duration, or a feature in that mode and duration.

    Args:
        request: A request that keeps the rules of its own class.

    Yields:
        At most one problem for each field; none for a model that the map does not know.
    """
    wanted = request.wanted()
    if wanted is None:
        return
    row = MODELS[wanted.endpoint].get(wanted.model)
    if row is None:
        elsewhere = [name for name, models in MODELS.items() if wanted.model in models]
        if elsewhere:
            yield _problem(
                "model_name", f"{wanted.model} is not a model of {wanted.endpoint}, but of {elsewhere[0]}"
            )
        return
    found = [
        *_value("mode", wanted.mode, row.modes, wanted),
        *_value("duration", wanted.duration, row.durations, wanted),
    ]
    yield from found or _features(wanted, row)


def _value(path: str, value: str, allowed: tuple[str, ...], wanted: Wanted) -> Iterator[Problem]:
    if value not in allowed:
        yield _problem(path, f"is {shown(value)}; {wanted.model} takes {', '.join(allowed)}")


def _features(wanted: Wanted, row: ModelRow) -> Iterator[Problem]:
    refused: list[str] = []
    for path, feature in wanted.features:
        below_refused = any(path == each or path.startswith(f"{each}.") for each in refused)
        if not below_refused and not row.takes(feature, wanted.mode, wanted.duration):
            refused.append(path)
            yield _problem(path, _refusal(wanted, row, feature))


def _refusal(wanted: Wanted, row: ModelRow, feature: str) -> str:
    cell = f"model/mode/duration {wanted.model}/{wanted.mode}/{wanted.duration}"
    where = row.where(feature)
    if where:
        return f"{cell} does not support {feature}; {wanted.model} does with {where}"
    able = [model for model, other in MODELS[wanted.endpoint].items() if feature in other.features]
    return f"{cell} does not support {feature}, in no mode and duration; models that do: {', '.join(able) or 'none'}"


def _problem(path: str, message: str) -> Problem:
    return Problem(
        path, f"{message} (capability map of {MAP_OF}; the option capabilities switches this rule)"
    )
