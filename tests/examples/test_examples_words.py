"""Every error of the library has words for people that are right about the money; the page offers what can be had."""

import inspect
import re

import pytest

import kling_async
from kling_async import (
    ConnectionFailedError,
    Image2VideoRequest,
    KlingError,
    NotSubmittedError,
    Problem,
    ValidationError,
)
from kling_async.schema.capabilities import capability_problems
from web_jobs import PAGE
from web_jobs.jobs import MODELS
from web_jobs.words import in_plain_words, is_over

ERRORS = [
    value
    for name in kling_async.__all__
    if inspect.isclass(value := getattr(kling_async, name)) and issubclass(value, KlingError)
]


def made(kind, task_id=None):
    """An error of this class, as the library could raise it."""
    error = kind.__new__(kind)
    if task_id is not None or not hasattr(error, "task_id"):
        error.task_id = task_id or "1"
    error.problems = (Problem("image", "/srv/secret/picture cannot be read: gone"),)
    return error


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_words(kind):
    """A sentence or two, without a path; of a task that may go on, nobody says that nothing was charged."""
    for error in (made(kind), made(kind, task_id="860000")):
        words = in_plain_words(error)
        assert words.endswith(".")
        assert "860000" not in words
        assert "/" not in words
        assert is_over(error) or "Nothing was charged" not in words


def test_a_job_that_was_never_sent_tells_the_reason():
    """The words are those of the error that stopped creating."""
    error = NotSubmittedError("not sent")
    error.__cause__ = ConnectionFailedError("refused", sent=False)
    assert "Kling could not be reached. Nothing was charged; please try again." == in_plain_words(error)


def test_a_broken_rule_is_named_by_its_field():
    """The rule itself is what people read."""
    error = ValidationError([Problem("image", "is 100×100 px; no side may be shorter than 300 px")])
    assert "Nothing was sent. Picture is 100×100 px; no side may be shorter than 300 px." == in_plain_words(
        error
    )


def test_the_page_offers_what_the_library_takes():
    """Each model with its shortest and longest length, and every step between, is a request that is right."""
    offered = re.findall(
        r'<option value="([\w-]+)" data-min="(\d+)" data-max="(\d+)" data-step="(\d+)">',
        PAGE.read_text(encoding="utf-8"),
    )
    assert list(MODELS) == [model for model, *_ in offered]
    for model, *numbers in offered:
        least, most, step = map(int, numbers)
        for seconds in range(least, most + 1, step):
            request = Image2VideoRequest(image=b"any", model_name=model, duration=seconds)
            assert [] == list(capability_problems(request))
