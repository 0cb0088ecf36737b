"""Whatever is given for a request: a request, or a ValidationError that names fields; and what is built can travel."""

import asyncio
import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async.errors import ValidationError
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.session.upload import prepare

URL = "https://pictures.example/a.png"
HUGE = [10**400, -(10**400)]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([*HUGE, URL, "simple", "std", "5", "iVBORw0KGgo=", "/9j/", b"", b"\xff\xd8\xff"])
    | st.text(st.characters(), max_size=10)
    | st.binary(max_size=10)
)
NAMES = [
    "model_name", "image", "image_tail", "prompt", "negative_prompt", "cfg_scale", "mode", "static_mask",
    "dynamic_masks", "camera_control", "duration", "callback_url", "external_task_id", "extra", "model",
    "sound", "voice_list", "multi_shot", "shot_type", "multi_prompt", "element_list", "watermark_info",
    "mask", "trajectories", "x", "y", "type", "config", "zoom", "pan", "voice_id", "element_id", "enabled",
    "index",
]  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.integers() | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def sent(fields):
    """The body that would travel, read back; None where the request is refused."""

    async def prepared(request):
        upload = await prepare(request)
        return json.loads(b"".join([piece async for piece in upload.stream()]))

    with suppress(ValidationError):
        request = Image2VideoRequest.from_mapping(fields)
        repr(request)
        list(capability_problems(request))
        return asyncio.run(prepared(request))
    return None


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(fields=st.dictionaries(st.sampled_from(NAMES[:22]), values, max_size=4), url=st.booleans())
def test_anything_is_a_request_or_one_error(fields, url):
    """Total: nothing but a ValidationError, and no body that is not JSON."""
    body = sent({"image": URL, **fields} if url else fields)
    assert body is None or isinstance(body, dict)


@pytest.mark.parametrize(
    "fields",
    [
        {"dynamic_masks": [None]},
        {"dynamic_masks": [{"mask": URL, "trajectories": [[1, 2], None]}]},
        {"cfg_scale": 10**400},
        {"cfg_scale": -(10**5000)},
        {"camera_control": {"type": "simple", "config": {"zoom": 10**400}}},
        {"dynamic_masks": [{"mask": URL, "trajectories": [[10**5000, 1], [1, 2]]}]},
        {"duration": 10**5000},
        {"extra": {"a": 10**5000}},
        {"extra": {"a": float("nan")}},
        {"image": "http://a.example/\ud800"},
        {"image": "http://xn--/a.png"},
        {"callback_url": "http://xn--/"},
        {"multi_prompt": [{"index": 10**5000, "prompt": "a", "duration": 10**5000}]},
        {"element_list": [{"element_id": 10**400}]},
        {"voice_list": [{"voice_id": "\ud800"}]},
    ],
)
def test_monsters_are_refused_as_values(fields):
    """Null items, numbers of thousands of digits, text that cannot travel: each is the caller's value at fault."""
    with pytest.raises(ValidationError) as caught:
        asyncio.run(_prepared_from({"image": URL, **fields}))
    assert {problem.path.split(".")[0].split("[")[0] for problem in caught.value.problems} == set(fields)


async def _prepared_from(fields):
    request = Image2VideoRequest.from_mapping(fields)
    await prepare(request)


def test_extra_with_other_names_than_text_travels_as_json():
    """JSON has text for names alone; what Python would turn into text is turned, or refused."""
    body = sent({"image": URL, "extra": {"a": {1: 2}}})
    assert body is None or {"1": 2} == body["a"]
