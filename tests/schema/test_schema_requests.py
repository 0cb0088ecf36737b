"""The request's own promises: what a job asks of it, and that its typed keywords are those of the class."""

import pytest
from rooms_helpers import png

from kling_async import Image2VideoRequest
from kling_async.schema.images import ImageBytes

URL = "https://pictures.example/a.png"


def test_another_external_id_changes_nothing_else():
    """The copy differs in its id alone, and the original keeps its own."""
    first = Image2VideoRequest(image=png(), prompt="x", duration=10, external_task_id="a")
    second = first.with_external_task_id("b")
    assert {**first.document(), "external_task_id": "b"} == second.document()
    assert "a" == first.external_task_id


def test_the_document_leaves_pictures_as_they_are():
    """A picture becomes text only while the body is sent; the document holds the request's own objects."""
    made = Image2VideoRequest(image=png(), extra={"new": 1})
    assert {"image": ImageBytes(png()), "new": 1} == made.document()
    assert made.image is made.document()["image"]


@pytest.mark.parametrize(
    ("fields", "kind", "model"),
    [
        ({}, ("kling-v1", "std", "5"), None),
        (
            {"model_name": "kling-v2-6", "mode": "pro", "duration": 10},
            ("kling-v2-6", "pro", "10"),
            "kling-v2-6",
        ),
    ],
)
def test_jobs_are_of_one_kind_by_model_mode_and_duration(fields, kind, model):
    """Fields that are left alone count as the defaults of the API reference; the model's name is as given."""
    made = Image2VideoRequest(image=URL, **fields)
    assert (kind, model) == (made.kind, made.model)
