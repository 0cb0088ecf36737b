"""What a rule is: a name, a test, a code. Pure."""

from collections.abc import Callable

import attrs

from kling_async.emulator.service.submission import Submission

Test = Callable[[Submission], str | None]
"""None if the rule is kept, else the message."""


@attrs.frozen
class Rule:
    """One sentence of the API reference."""

    name: str
    test: Test
    code: int | None = 1201
    """The refusal's service code; None: the create is accepted and the task ends as failed."""


@attrs.frozen
class Broken:
    """A rule that a request broke, and what the service says to it."""

    rule: Rule
    message: str


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether a JSON value is a whole number that 64 bits can hold; true and false are not."""
    return type(value) is int and -(2**63) < value < 2**63
