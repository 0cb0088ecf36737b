"""The request's own promises: what a job asks of it, and that its typed keywords are those of the class."""

import inspect
from typing import get_type_hints

import attrs
import pytest
from made_pictures import png

from kling_async import Image2VideoRequest, ValidationError
from kling_async.schema.image2video import Image2VideoFields
from kling_async.schema.images import ImageBytes
from kling_async.schema.text2video import Text2VideoFields, Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendFields, VideoExtendRequest

URL = "https://pictures.example/a.png"
TYPED = [
    (Image2VideoRequest, Image2VideoFields),
    (Text2VideoRequest, Text2VideoFields),
    (VideoExtendRequest, VideoExtendFields),
]


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


def accepted_types(request_class):
    """What each keyword of a request's constructor accepts: its converter's parameter, or else the field's own type."""
    own = get_type_hints(request_class)
    found = {}
    for each in attrs.fields(request_class):
        parameter = each.converter and next(iter(inspect.signature(each.converter).parameters))
        found[each.name] = get_type_hints(each.converter)[parameter] if parameter else own[each.name]
    return found


@pytest.mark.parametrize(("request_class", "keywords"), TYPED)
def test_typed_keywords_are_those_of_the_class(request_class, keywords):
    """Names, types and order; all of them may be left out."""
    assert list(accepted_types(request_class).items()) == list(get_type_hints(keywords).items())
    assert frozenset() == keywords.__required_keys__


@pytest.mark.parametrize("external_id", ["", ".", "..", "\ud800", 7])
def test_another_external_id_is_checked(external_id):
    """As that of a new request is."""
    first = Image2VideoRequest(image="https://a.example/a.png")
    with pytest.raises(ValidationError, match="external_task_id"):
        first.with_external_task_id(external_id)
