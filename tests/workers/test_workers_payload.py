"""What a queue carries: the request in the API's names, pictures by URL, reference or a little base64."""

import base64
import json
from pathlib import Path

import pytest
from made_pictures import png, png_of_size

from kling_async import Image2VideoRequest, ValidationError
from kling_async.integrations.payload import MAX_BYTES, read_payload, to_payload
from kling_async.schema.mapping import MappingRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

pytestmark = pytest.mark.anyio

URL = "https://example.org/a.png"
MASKED = Image2VideoRequest(
    image=png(),
    prompt="slow zoom",
    duration=10,
    mode="pro",
    dynamic_masks=[{"mask": Path("mask.png"), "trajectories": [(1, 2), (3, 4)]}],
    external_task_id="a-1",
    extra={"new_field": [1, {"deep": True}]},
)


@pytest.mark.parametrize(
    "request_",
    [
        MASKED,
        Image2VideoRequest(image=png(), external_task_id="a-2"),
        Image2VideoRequest(image=base64.b64encode(png()).decode(), external_task_id="a-3"),
        Image2VideoRequest(image=URL, image_tail=URL, external_task_id="a-7"),
        Text2VideoRequest(prompt="a cat", external_task_id="a-4"),
        VideoExtendRequest(video_id="v1", prompt="on", external_task_id="a-5"),
        MappingRequest(
            "/v1/images/generations",
            {"prompt": "a cat", "image": Path("cat.png"), "n": 2, "external_task_id": "a-6"},
        ),
    ],
    ids=lambda each: each.external_task_id,
)
async def test_a_request_comes_out_as_it_went_in(request_):
    """Whatever the endpoint, the wire form after the queue is the one before it."""
    read = await read_payload(to_payload(request_).to_json()).request(Path)
    assert type(request_) is type(read)
    assert as_sent(request_) == as_sent(read)


def as_sent(request):
    """A request's wire form, with its pictures as comparable values."""
    pictures = {
        path: getattr(each, "path", None)
        or getattr(each, "url", None)
        or (base64.b64decode(each.text) if hasattr(each, "text") else each.data)
        for path, each in request.pictures()
    }
    return json.dumps(request.document(), default=lambda _: "picture", sort_keys=True), pictures


def test_a_request_without_an_id_gets_one_for_good():
    """The id is made when the job is queued, so that every worker looks up the same."""
    first = to_payload(Text2VideoRequest(prompt="a cat"))
    assert first.key == first.fields["external_task_id"] == read_payload(first.to_json()).key
    assert first.key != to_payload(Text2VideoRequest(prompt="a cat")).key


async def test_a_reference_is_resolved_by_the_worker():
    """`load` is given the path's text, and may be async and answer with any form of a picture."""
    asked = []

    async def load(reference):
        asked.append(reference)
        return png()

    read = await read_payload(to_payload(MASKED).to_json()).request(load)
    assert ["mask.png"] == asked
    assert png() == read.dynamic_masks[0].mask.data


def test_large_bytes_are_refused_with_what_to_do_instead():
    """One byte above the bound is refused and names the field; the bound itself passes."""
    to_payload(Image2VideoRequest(image=png_of_size(MAX_BYTES)))
    with pytest.raises(ValidationError, match="at most 262144") as caught:
        to_payload(Image2VideoRequest(image=png_of_size(MAX_BYTES + 1)))
    assert ["image"] == [each.path for each in caught.value.problems]
    assert "load()" in str(caught.value)


def test_two_pictures_share_the_bound():
    """The bound is on the whole payload, and the largest picture is named."""
    with pytest.raises(ValidationError, match="image_tail"):
        to_payload(Image2VideoRequest(image=png(), image_tail=png_of_size(MAX_BYTES - 10)))


@pytest.mark.parametrize("key", ["x" * 1001, "a\0b", "a\nb"])
def test_an_id_that_the_table_cannot_hold_is_refused(key):
    """Before PostgreSQL says it in its own words; the longest one passes."""
    assert "x" * 1000 == to_payload(Text2VideoRequest(prompt="a", external_task_id="x" * 1000)).key
    with pytest.raises(ValidationError, match="external_task_id"):
        to_payload(Text2VideoRequest(prompt="a", external_task_id=key))


@pytest.mark.parametrize("given", [{"prompt": "a cat"}, None, "text", 3])
def test_what_is_no_request_is_refused(given):
    """A mapping has no path of its own: `MappingRequest` gives it one."""
    with pytest.raises(ValidationError, match="request"):
        to_payload(given)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v1/videos/lip-sync", "takes no external_task_id"),
        ("/v1/audio/tts", "KlingClient.call"),
        ("/v2/x", "must be a path"),
    ],
)
def test_a_path_that_cannot_be_looked_up_is_refused(path, reason):
    """A second worker could pay again, so such a job is never queued."""
    with pytest.raises(ValidationError, match=reason):
        to_payload(MappingRequest(path, {"prompt": "a cat"}))


GOOD = {"version": 1, "path": "/v1/videos/text2video", "account": None, "request": {"external_task_id": "a"}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "is not a request"),
        (b"", "is not a request"),
        (b"\xff\xfe", "is not a request"),
        ("[" * 100_000, "is not a request"),
        ("[]", "is not a request"),
        ('{"version": 1}', "is not a request"),
        (json.dumps({**GOOD, "version": 2}), "has version 2; this release reads 1: update the workers first"),
        (json.dumps({**GOOD, "version": "1"}), "has version '1'"),
        (json.dumps({**GOOD, "version": True}), "has version True"),
        (json.dumps({**GOOD, "path": "/etc/passwd"}), "must be a path that starts with /v1/"),
        (json.dumps({**GOOD, "path": 1}), "must be a path"),
        (json.dumps({**GOOD, "account": 1}), "account"),
        (json.dumps({**GOOD, "request": {}}), "external_task_id"),
        (json.dumps({**GOOD, "request": {"external_task_id": 1}}), "external_task_id"),
    ],
)
def test_junk_in_the_queue_is_refused_in_words(text, reason):
    """Whatever a row holds, reading it ends in a payload or a `ValidationError`."""
    with pytest.raises(ValidationError, match=reason):
        read_payload(text)


def test_the_control_of_junk_is_read():
    """The payload that the junk is made from passes."""
    assert "a" == read_payload(json.dumps(GOOD)).key
