"""Requests of any endpoint: pictures are found wherever they are, and everything else is JSON."""

import asyncio
import contextlib
import io
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_pictures import b64, png

from kling_async.errors import ValidationError
from kling_async.schema import wire
from kling_async.schema.family import path_problems, takes_external_id, task_kind
from kling_async.schema.images import ImageBase64, ImageBytes, ImageFile
from kling_async.schema.mapping import MappingRequest
from kling_async.session.upload import prepare

OMNI = "/v1/videos/omni-video"
URL = "https://pictures.example/a.png"


def refused(fields):
    """The problems of a mapping, by path; those that need bytes too."""
    with pytest.raises(ValidationError) as caught:
        asyncio.run(sent(fields))
    return {problem.path: problem.message for problem in caught.value.problems}


async def sent(fields):
    """The body that would travel, read back."""
    upload = await prepare(MappingRequest(OMNI, fields))
    body = b"".join([piece async for piece in upload.stream()])
    assert len(body) == upload.length
    return json.loads(body)


def test_pictures_travel_from_anywhere(tmp_path):
    """In lists and objects, in all forms; URLs stay as they are."""
    path = tmp_path / "a.png"
    path.write_bytes(png())
    fields = {
        "image": path,
        "image_list": [
            {"image_url": png(), "type": "first_frame"},
            {"image_url": URL},
            {"image": b64(png())},
        ],
        "input": {"images": [io.BytesIO(png()), "data:image/png;base64," + b64(png())]},
    }
    text = b64(png())
    assert {
        "image": text,
        "image_list": [{"image_url": text, "type": "first_frame"}, {"image_url": URL}, {"image": text}],
        "input": {"images": [text, text]},
    } == asyncio.run(sent(fields))


def test_pictures_are_named_by_their_place(tmp_path):
    """The path of each leads through lists and objects."""
    made = MappingRequest(OMNI, {"a": tmp_path, "b": [{"c": png()}], "d": {"e": [b64(png())]}})
    assert [
        ("a", ImageFile(tmp_path)),
        ("b[0].c", ImageBytes(png())),
        ("d.e[0]", ImageBase64(b64(png()))),
    ] == list(made.pictures())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"image_list": [{"image_url": png(299, 300)}]}, "image_list[0].image_url"),
        ({"image": b"GIF89a"}, "image"),
        ({"images": [png()[:-20]]}, "images[0]"),
        ({"prompt": png()}, "prompt"),
        ({"image_list": [{"prompt": io.BytesIO(png())}]}, "image_list[0].prompt"),
        ({"external_task_id": 7}, "external_task_id"),
        ({"external_task_id": ".."}, "external_task_id"),
        ({"external_task_id": png()}, "external_task_id"),
        ({"x": object()}, "x"),
        ({"x": {1, 2}}, "x"),
        ({"x": math.nan}, "fields"),
        ({"x": "\ud800"}, "fields"),
        ({1: "x"}, "fields"),
        ({"x": [{None: 1}]}, "x[0]"),
        ({"x": "data:text/plain,hello"}, "x"),
        ({"sound_file": b"x" * (5 * 1024 * 1024 + 1)}, "sound_file"),
    ],
)
def test_what_cannot_travel_is_refused_at_its_place(fields, path):
    """A picture where text is wanted, values that are not JSON, pictures that the service would refuse."""
    assert [path] == list(refused(fields))


@pytest.mark.parametrize("fields", [None, "x", 5, [("a", 1)], b"{}"])
def test_what_is_no_mapping_is_refused(fields):
    """The error names what was given."""
    assert ["fields"] == list(refused(fields))


def test_everything_that_is_wrong_is_said_at_once():
    """Three places, three problems."""
    assert {"a", "b[0]", "external_task_id"} == set(
        refused({"a": object(), "b": [object()], "external_task_id": ".", "c": 1})
    )


def test_a_sound_travels_without_a_pictures_rules(tmp_path):
    """As a file, as bytes and as base64: a lip-sync's sound is not a picture."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3" + b"\0" * 99)
    text = b64(path.read_bytes())
    for sound in (path, path.read_bytes(), text, "data:audio/mp3;base64," + text):
        assert {"sound_file": text} == asyncio.run(sent({"sound_file": sound}))
    assert {"sound_file": URL} == asyncio.run(sent({"sound_file": URL}))


def test_absent_values_do_not_travel():
    """The vendor's own samples send empty texts and lists; the service counts them as absent."""
    fields = {
        "callback_url": "",
        "external_task_id": "",
        "image_list": [],
        "image": None,
        "n": "9",
        "x": {"y": None},
    }
    made = MappingRequest(OMNI, fields)
    assert ({"n": "9", "x": {}}, None) == (made.document(), made.external_task_id)


def test_falsy_values_travel():
    """Zero and False are values."""
    assert {"a": 0, "b": False, "c": 0.0} == MappingRequest(OMNI, {"a": 0, "b": False, "c": 0.0}).document()


def test_the_request_keeps_its_own_copy():
    """Neither the caller's mapping nor a document that was given out changes it."""
    given_fields = {"a": {"b": [1]}, "image": png()}
    made = MappingRequest(OMNI, given_fields)
    given_fields["a"]["b"].append(2)
    made.document()["a"]["b"].append(3)
    assert {"a": {"b": [1]}, "image": ImageBytes(png())} == made.document()


def test_another_external_id_changes_nothing_else():
    """The pictures stay the same objects, so nothing is read or checked twice."""
    first = MappingRequest(OMNI, {"image": png(), "prompt": "x", "external_task_id": "a"})
    second = first.with_external_task_id("b")
    assert ("a", "b") == (first.external_task_id, second.external_task_id)
    assert {**first.document(), "external_task_id": "b"} == second.document()
    assert first.document()["image"] is second.document()["image"]


def test_a_record_holds_the_fields_alone():
    """What a journal writes down builds the same request again."""
    made = MappingRequest(OMNI, {"image": png(), "deep": [{"a": URL}]})
    assert made == MappingRequest(OMNI, wire.converter.unstructure(made))


@pytest.mark.parametrize(
    ("fields", "kind", "model"),
    [
        ({}, (OMNI, "", "", ""), None),
        ({"model_name": "m", "mode": "pro", "duration": 5}, (OMNI, "m", "pro", "5"), "m"),
        ({"model_name": 5, "mode": {"a": 1}}, (OMNI, "5", "{'a': 1}", ""), None),
    ],
)
def test_jobs_are_of_one_kind_by_path_model_mode_and_duration(fields, kind, model):
    """Whatever stands in these fields, the kind can be a key."""
    made = MappingRequest(OMNI, fields)
    assert (kind, model) == (made.kind, made.model)
    assert {kind: 1}[made.kind]


@pytest.mark.parametrize(
    ("n", "slots"), [(None, 1), (1, 1), (9, 9), ("5", 5), (0, 1), (10, 1), ("x", 1), ([3], 1), (True, 1)]
)
def test_a_task_of_several_images_takes_as_many_slots(n, slots):
    """`n` as number or text, 1 to 9; anything else is the service's to judge and takes one."""
    assert slots == MappingRequest("/v1/images/generations", {"n": n}).slots


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
values = st.recursive(
    leaves | st.sampled_from([URL, png(), b64(png()), "iVBORw0KGgo", "data:", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)
names = st.sampled_from(["prompt", "image", "sound_file", "n", "external_task_id"]) | st.text(max_size=5)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(fields=st.dictionaries(names, values, max_size=4))
def test_any_mapping_is_sent_or_refused(fields):
    """Total: a body that is JSON, or one ValidationError."""
    body = {}
    with contextlib.suppress(ValidationError):
        body = asyncio.run(sent(fields))
    assert isinstance(body, dict)


def test_endless_nesting_is_refused():
    """A mapping that holds itself ends in the library's error."""
    deep = {}
    deep["x"] = [deep]
    with pytest.raises(ValidationError, match="nested"):
        MappingRequest(OMNI, deep)


@pytest.mark.parametrize(
    "path",
    ["/v1/videos/omni-video", "/v1/images/editing/expand", "/v1/general/ai-multi-shot", "/v1/new/thing"],
)
def test_paths_of_the_family_pass(path):
    """Also those that nobody knows yet."""
    assert [] == list(path_problems(path))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v2/videos/x", "/v1/"),
        ("v1/videos/x", "/v1/"),
        ("/v1/", "/v1/"),
        ("/v1/videos/../x", "/v1/"),
        ("/v1/videos/x?y=1", "/v1/"),
        ("/v1/videos/x/", "/v1/"),
        ("https://api.klingai.com/v1/videos/x", "/v1/"),
        ("", "/v1/"),
        (None, "/v1/"),
        ("/v1/audio/tts", "call"),
        ("/v1/videos/identify-face", "call"),
    ],
)
def test_other_paths_are_refused_with_what_to_use(path, says):
    """A path that is not of the family, and one that answers at once."""
    (problem,) = path_problems(path)
    assert says in problem.message


def test_synchronous_paths_are_for_calls():
    """The same path passes where a call is made."""
    assert [] == list(path_problems("/v1/audio/tts", synchronous=True))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/videos/effects", "video"),
        ("/v1/images/generations", "image"),
        ("/v1/audio/text-to-audio", "audio"),
        ("/v1/general/ai-multi-shot", "image"),
        ("/v1/general/custom-voices", "other"),
    ],
)
def test_a_path_tells_what_its_tasks_make(path, kind):
    """Each kind has slots of its own."""
    assert kind == task_kind(path)


def test_old_lip_sync_takes_no_external_id():
    """So its creates of unknown outcome cannot be looked up."""
    assert (False, True) == (takes_external_id("/v1/videos/lip-sync"), takes_external_id(OMNI))
