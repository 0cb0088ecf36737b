"""A callback's body: the API reference's shape, the newer one, and whatever a stranger posts."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async.callbacks import read_callback
from kling_async.errors import MalformedResponseError
from kling_async.schema.task import Task, TaskStatus

OLDER = {
    "task_id": "867283741759111202",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "mine"},
    "task_result": {"videos": [{"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5.1"}]},
    "created_at": 1739744384259,
    "updated_at": 1739744621359,
}
NEWER = {
    "id": "1234567890",
    "status": "succeeded",
    "message": "",
    "create_time": 1781080778802,
    "update_time": 1781080794151,
    "external_id": "mine",
    "outputs": [{"id": "v", "url": "https://cdn.example/v.mp4", "duration": "5.041"}, {"type": "text"}],
}


def test_the_pages_shape_is_a_task():
    """The bare task object, no envelope around it."""
    task = read_callback(json.dumps(OLDER).encode())
    assert ("867283741759111202", TaskStatus.SUCCEED, "mine") == (
        task.task_id,
        task.status,
        task.external_task_id,
    )
    assert [5.1] == [video.duration for video in task.videos]


def test_the_newer_shape_is_a_task_too():
    """Its words are translated, its outputs with a URL are videos, and raw is what came."""
    task = read_callback(json.dumps(NEWER).encode())
    assert ("1234567890", TaskStatus.SUCCEED, "mine") == (task.task_id, task.status, task.external_task_id)
    assert [("https://cdn.example/v.mp4", 5.041)] == [(video.url, video.duration) for video in task.videos]
    assert datetime(2026, 6, 10, 8, 39, 54, 151000, UTC) == task.updated_at
    assert NEWER == task.raw


def test_the_consoles_test_callback_is_read():
    """The published vector's body has neither an external id nor outputs."""
    task = read_callback(b'{"id":"1","status":"succeeded","message":"","create_time":1,"update_time":2}')
    assert (True, ()) == (task.succeeded, task.videos)


def test_a_failure_of_the_newer_shape_keeps_its_reason():
    """`message` is why it failed."""
    task = read_callback(b'{"id":"1","status":"failed","message":"risk control"}')
    assert (True, "risk control") == (task.failed, task.status_message)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"5", b'"text"', b"{}", b'{"id":null}', b'{"task_id":{}}', b"{", b"\xff\xfe"],
)
def test_what_is_no_task_is_malformed(body):
    """No id, no task."""
    with pytest.raises(MalformedResponseError):
        read_callback(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.binary(max_size=60) | st.dictionaries(
    st.sampled_from([*OLDER, *NEWER, "other"]), JSON, max_size=10
).map(lambda value: json.dumps(value).encode())


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
def test_whatever_the_bytes_a_task_or_one_error(body):
    """Total, as the parsers of answers are."""
    with suppress(MalformedResponseError):
        assert isinstance(read_callback(body), Task)
