"""In what a service may differ from what is assumed of it; by default it does as is assumed."""

import attrs

MOST_ROWS = 500
"""Rows of the largest page."""


def _rows(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name} must be a whole number from 1 on, not {value!r}")


@attrs.define(kw_only=True, eq=False, slots=False)
class Habits:
    """What nobody here has seen of the live service, each with the other way round."""

    ignores_slashes: bool = True
    """Whether a slash at the end of a path and doubled slashes count for nothing; else there is no such path."""

    ignores_empty_values: bool = True
    """Whether an empty text or list counts as absent; else it is judged like any other value."""

    largest_page: int = attrs.field(default=MOST_ROWS, validator=_rows)
    """The largest `pageSize` that is not refused."""

    judges: bool = True
    """Whether a create's fields are judged; else every JSON object makes a task."""
