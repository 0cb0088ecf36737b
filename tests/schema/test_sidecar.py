"""A result's sidecar: what is written beside a video, and what may be read from such a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async.errors import ValidationError
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.sidecar import FORMAT, Sidecar, portable, sidecar_of
from kling_async.schema.task import Task, TaskStatus, Video

OUT = Path("/pictures/out")
PATH = "/v1/videos/image2video"
TASK = Task(
    "t1",
    TaskStatus.SUCCEED,
    external_task_id="e1",
    created_at=datetime(2026, 11, 24, 15, 30, tzinfo=UTC),
    updated_at=datetime(2026, 11, 24, 15, 32, 10, tzinfo=UTC),
    videos=(Video("v1", "https://cdn.example/x.mp4?Signature=secret", 5.0),),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_success_is_written_and_read_again():
    """What is read is what was written; the time taken is that between the service's two moments."""
    request = Image2VideoRequest(image=Path("/pictures/stills/cat.jpg"), prompt="zoom", duration=5)
    written = sidecar_of(OUT / "007-cat.mp4", PATH, request.document(), task=TASK, number=7)
    read = Sidecar.read(json.loads(json.dumps(written.document())))
    assert written == read
    assert ("007-cat", 7, "007-cat.mp4", 130.0) == (read.name, read.number, read.video, read.seconds)
    assert ("../stills/cat.jpg", None, "v1", 5.0) == (
        read.image, read.image_tail, read.video_id, read.video_seconds
    )  # fmt: skip


def test_a_failure_has_a_reason_and_no_video():
    """The sidecar stands alone; its reason is harmless to a terminal."""
    failed = sidecar_of(OUT / "001-a.mp4", PATH, {}, external_task_id="e1", reason="too\x1b[2Jbad")
    assert ("failed", None, "too [2Jbad") == (failed.status, failed.video, failed.reason)
    assert failed == Sidecar.read(failed.document())


def test_nothing_that_grants_access_is_written():
    """No signed URL, no callback address and no picture's bytes stand in a sidecar."""
    request = Image2VideoRequest(
        image="https://user:word@cdn.example/cat.jpg?Signature=secret#x",
        callback_url="https://me.example/?token=secret",
        extra={
            "reference": "https://cdn.example/b.png?Signature=secret",
            "note": "see https://a.b/?c for it",
        },
    )
    text = json.dumps(sidecar_of(OUT / "1.mp4", PATH, request.document(), task=TASK).document())
    assert "secret" not in text
    assert "word" not in text
    assert "https://cdn.example/cat.jpg" == json.loads(text)["request"]["image"]
    in_memory = Image2VideoRequest(image=b"\xff\xd8\xffsecret").document()
    assert {"image": {"bytes": 9}} == portable(in_memory, OUT)
    assert "see https://a.b/?c for it" == json.loads(text)["request"]["note"]


def test_a_journals_record_gives_the_same_request():
    """Files and bytes are recorded by digest, and stand in the sidecar as the pictures themselves would."""
    recorded = {
        "image": {"path": "/pictures/out/in/cat.jpg", "sha256": "0" * 64},
        "dynamic_masks": [{"mask": {"sha256": "0" * 64, "size": 7}, "trajectories": [{"x": 1, "y": 2}]}],
    }
    assert {
        "image": "in/cat.jpg",
        "dynamic_masks": [{"mask": {"bytes": 7}, "trajectories": [{"x": 1, "y": 2}]}],
    } == portable(recorded, OUT)


@pytest.mark.parametrize("video", ["../x.mp4", "/etc/passwd", "a\\b.mp4", "C:x.mp4", "..", "", "a\0.mp4", 7])
def test_a_video_elsewhere_is_refused(video):
    """A sidecar from a stranger names no file outside its own folder."""
    document = sidecar_of(OUT / "1.mp4", PATH, {}, task=TASK).document()
    with pytest.raises(ValidationError, match="video"):
        Sidecar.read({**document, "video": video})


@given(JSON)
def test_reading_is_total(value):
    """Whatever stands in a file, it is a sidecar or a ValidationError."""
    document = sidecar_of(OUT / "1.mp4", PATH, {}, task=TASK).document()
    with pytest.raises(ValidationError):
        Sidecar.read(value)
    for name in document.keys() - {"sidecar", "name", "endpoint", "status", "video"}:
        assert isinstance(Sidecar.read({**document, name: value}).document(), dict)
    with pytest.raises(ValidationError):
        Sidecar.read({**document, "sidecar": FORMAT + 1})
