"""Answers as they really look, and what the API reference leaves open: read tolerantly, kept in `raw`."""

from datetime import UTC, datetime, timedelta

import pytest
from blackbox_service import Reply, envelope

from kling_async import TaskStatus

pytestmark = pytest.mark.anyio

CREATED = 1739744384259
UPDATED = 1739744621359
SEEN_CREATE = (
    b'{"code":0,"message":"SUCCEED","request_id":"CjI1rq","data":{"task_id":"CjI1tk","task_status":"submitted",'
    b'"created_at":1739744384259,"updated_at":1739744384259}}'
)
SEEN_QUERY = (
    b'{"code":0,"message":"SUCCEED","request_id":"CjI1rq","data":{"task_id":"CjI1tk","task_status":"succeed",'
    b'"task_status_msg":"","task_result":{"videos":[{"id":"28444a6c-0","url":"https://cdn.klingai.com/bs2/x_raw_video_1.mp4",'
    b'"duration":"5.1"}]},"created_at":1739744384259,"updated_at":1739744621359}}'
)


def instant(milliseconds):
    """The moment of a timestamp, exact to the millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


async def read(kling, service, **data):
    """The task that the library makes of these data."""
    service.plan("get", envelope({"task_id": "7", "task_status": "succeed", **data}))
    return await kling.image2video.get("7")


async def test_the_seen_create_answer(kling, service):
    """Without task_info: the id, the status, the times in UTC to the millisecond."""
    service.plan("create", Reply(SEEN_CREATE))
    task = await kling.image2video.create(image="https://example.com/a.png")
    assert ("CjI1tk", "CjI1rq") == (task.task_id, task.request_id)
    assert TaskStatus.SUBMITTED == task.status
    assert instant(CREATED) == task.created_at == task.updated_at
    assert timedelta(0) == task.created_at.utcoffset()
    assert 259_000 == task.created_at.microsecond
    assert (False, False, False) == (task.is_terminal, task.succeeded, task.failed)
    assert () == tuple(task.videos)
    assert task.expires_at is None


async def test_the_seen_query_answer(kling, service):
    """A finished task: one video with a number for its duration, and the day of its purge."""
    service.plan("get", Reply(SEEN_QUERY))
    task = await kling.image2video.get("CjI1tk")
    assert (True, True, False) == (task.is_terminal, task.succeeded, task.failed)
    (video,) = task.videos
    assert ("28444a6c-0", 5.1) == (video.id, video.duration)
    assert "https://cdn.klingai.com/bs2/x_raw_video_1.mp4" == video.url
    assert isinstance(video.duration, float)
    assert instant(UPDATED) + timedelta(days=30) == task.expires_at
    assert "" == task.status_message


async def test_a_failed_task(kling, service):
    """The service's reason is kept; it is the end, and no success."""
    task = await read(
        kling, service, task_status="failed", task_status_msg="Failure to pass the risk control system"
    )
    assert (True, False, True) == (task.is_terminal, task.succeeded, task.failed)
    assert "Failure to pass the risk control system" == task.status_message


@pytest.mark.parametrize(
    "more", [{}, {"task_info": None}, {"task_info": {}}, {"task_info": {"external_task_id": None}}]
)
async def test_task_info_may_be_missing(kling, service, more):
    """Absent, null, empty, or without the id: no external id is known."""
    assert (await read(kling, service, **more)).external_task_id in (None, "")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"task_result": None},
        {"task_result": {}},
        {"task_result": {"videos": None}},
        {"task_result": {"videos": []}},
    ],
)
async def test_task_result_may_be_missing(kling, service, more):
    """Absent, null or empty: no videos, and no error."""
    assert () == tuple((await read(kling, service, **more)).videos)


@pytest.mark.parametrize("more", [{}, {"task_status_msg": None}])
async def test_the_message_may_be_missing(kling, service, more):
    """Absent or null reads as empty."""
    assert "" == (await read(kling, service, **more)).status_message


@pytest.mark.parametrize("more", [{}, {"created_at": None, "updated_at": None}])
async def test_times_may_be_missing(kling, service, more):
    """Absent or null times are None, and nothing expires."""
    task = await read(kling, service, **more)
    assert (None, None, None) == (task.created_at, task.updated_at, task.expires_at)


async def test_text_for_numbers(kling, service):
    """Times as text, the task id as a number: read as what they mean."""
    task = await read(
        kling, service, task_id=867283741759111202, created_at=str(CREATED), updated_at=str(UPDATED)
    )
    assert "867283741759111202" == task.task_id
    assert (instant(CREATED), instant(UPDATED)) == (task.created_at, task.updated_at)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("5.041", 5.041), ("5", 5.0), (5, 5.0), (5.1, 5.1), (None, None), ("", None)],
    ids=repr,
)
async def test_a_videos_duration(kling, service, given, expected):
    """Seconds as a number, whether they came as text or number; None where there are none."""
    video = {"id": "v", "url": "https://example.com/v.mp4", "duration": given}
    assert expected == (await read(kling, service, task_result={"videos": [video]})).videos[0].duration


async def test_unknown_fields_are_kept(kling, service):
    """What the API reference does not know yet is in `raw`, of the task and of the video."""
    video = {
        "id": "v",
        "url": "https://example.com/v.mp4",
        "duration": "5",
        "watermark_url": "https://example.com/w.mp4",
    }
    more = {
        "final_unit_deduction": "3.5",
        "watermark_info": {"enabled": False},
        "task_result": {"videos": [video]},
    }
    task = await read(kling, service, **more)
    assert "3.5" == task.raw["final_unit_deduction"]
    assert {"enabled": False} == task.raw["watermark_info"]
    assert "https://example.com/w.mp4" == task.videos[0].raw["watermark_url"]
    assert "7" == task.raw["task_id"]


@pytest.mark.parametrize("word", ["queued", "SUCCESS", "", "cancelled"])
async def test_unknown_status_words_are_kept_and_not_the_end(kling, service, word):
    """A status that the API reference does not have is kept as text and is not terminal."""
    task = await read(kling, service, task_status=word)
    assert word == task.status
    assert (False, False, False) == (task.is_terminal, task.succeeded, task.failed)


async def test_succeeded_reads_as_succeed(kling, service):
    """The newer API's status means that of the API reference."""
    task = await read(kling, service, task_status="succeeded")
    assert TaskStatus.SUCCEED == task.status == "succeed"
    assert task.succeeded


@pytest.mark.parametrize("word", ["submitted", "processing", "succeed", "failed"])
async def test_the_pages_four_words(kling, service, word):
    """Each is a TaskStatus, and two of them are the end."""
    task = await read(kling, service, task_status=word)
    assert TaskStatus(word) is task.status
    assert (word in ("succeed", "failed")) == task.is_terminal


async def test_a_list_is_read_like_single_answers(kling, service):
    """The seen query's task, out of a list, is the same task."""
    single = SEEN_QUERY.partition(b'"data":')[2][:-1]
    service.plan("get", Reply(SEEN_QUERY))
    service.plan(
        "list", Reply(b'{"code":0,"message":"SUCCEED","request_id":"CjI1rq","data":[' + single + b"]}")
    )
    alone = await kling.image2video.get("CjI1tk")
    (listed,) = await kling.image2video.list()
    assert (alone.task_id, alone.status, alone.expires_at) == (
        listed.task_id,
        listed.status,
        listed.expires_at,
    )
    assert alone.videos[0].url == listed.videos[0].url


@pytest.mark.parametrize(
    "body", [b'{"code":0,"message":"SUCCEED","data":[]}', b'{"code":0,"data":null}', b'{"code":0}']
)
async def test_an_empty_account(kling, service, body):
    """The seen empty list, and what stands for it, are no tasks."""
    service.plan("list", Reply(body))
    assert [] == await kling.image2video.list()
