"""What a post is answered with: pure, for every method, path, header and body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from kling_async.callbacks.decision import LARGEST_BODY, Answer, Judge
from kling_async.callbacks.token import path_token
from kling_async.session.auth import Secret

KEY = b"k" * 32
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
NOW = 1781080794.0
TOKEN = path_token(KEY, "job-1")
OLDER = {"task_id": "t-1", "task_status": "succeed", "task_info": {"external_task_id": "job-1"}}
NEWER = {
    "id": "t-1",
    "status": "succeeded",
    "external_id": "job-1",
    "outputs": [{"url": "https://x.example/v.mp4"}],
}


def judge(signature="if_present", secret=None):
    """A judge with a clock that stands."""
    return Judge(KEY, None if secret is None else Secret(secret), signature, lambda: NOW)


def signed(body, secret=SECRET, now=NOW):
    """The headers of a signed callback, by the scheme's own library."""
    from datetime import UTC, datetime

    value = Webhook(secret).sign("msg-1", datetime.fromtimestamp(now, UTC), body.decode())
    return [("Webhook-Id", "msg-1"), ("Webhook-Timestamp", str(int(now))), ("Webhook-Signature", value)]


@pytest.mark.parametrize("shape", [OLDER, NEWER], ids=["older", "newer"])
def test_both_shapes_count(shape):
    """They name the job's task and say that it has ended."""
    answer = judge().answer("job-1", [], json.dumps(shape).encode())
    assert (200, "job-1", "t-1", True) == (
        answer.status,
        answer.job,
        answer.told.task_id,
        answer.told.is_terminal,
    )


@pytest.mark.parametrize("start", ["/", "/kling/", "/a/b/c/", "", "/../../", "//"])
def test_only_the_last_part_of_the_path_counts(start):
    """Wherever a framework mounts it."""
    assert "job-1" == judge().job_named("POST", start + TOKEN, None)
    assert "job-1" == judge().job_named("POST", f"{start}{TOKEN}/", None)


@pytest.mark.parametrize("path", ["/", "", f"/{TOKEN}/x", f"/{TOKEN}x", f"/{TOKEN}?", "/kling-cb.a.b"])
def test_without_a_token_there_is_nothing(path):
    """The answer does not tell whether there is such a job."""
    assert 404 == judge().job_named("POST", path, None).status


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post", ""])
def test_only_post_is_taken(method):
    """With or without a token."""
    assert {405} == {judge().job_named(method, path, None).status for path in (f"/{TOKEN}", "/")}


@pytest.mark.parametrize(
    "length",
    [str(LARGEST_BODY + 1), "9" * 5000, "0000000065537"],
)
def test_a_length_that_is_too_large_is_refused_at_once(length):
    """Before anything of the body is read; a length of thousands of digits costs nothing."""
    assert 413 == judge().job_named("POST", f"/{TOKEN}", length).status


@pytest.mark.parametrize("length", [None, "0", str(LARGEST_BODY), "-1", "many", "٣", "00000000000000012"])
def test_other_lengths_are_for_the_body_to_show(length):
    """What is no number is the server's business."""
    assert "job-1" == judge().job_named("POST", f"/{TOKEN}", length)


JUNK = [
    b"", b"{", b"null", b"[]", b"[[1]]", b'"task"', b"1", b"{}", b'{"task_id": null}', b'{"task_id": ""}', b'{"id": {}}',
    b"\xff\xfe{}", b'{"task_id": "\xff"}', b"[" * 60_000, b'{"a":' * 10_000, b"NaN", b'{"task_id": 1e999}', b"\0" * 100,
    b'{"task_id": ' + b"9" * 60_000 + b"}", b"task_id=1&task_status=succeed",
]  # fmt: skip


@pytest.mark.parametrize("body", JUNK, ids=lambda body: repr(body[:30]))
def test_junk_is_a_plain_refusal(body):
    """One line without a word of the post, and no job."""
    answer = judge().answer("job-1", [], body)
    assert (400, None) == (answer.status, answer.job)
    assert "the body is not a task in JSON" == answer.text


@given(st.binary(max_size=200))
def test_no_body_makes_it_raise(body):
    """Whatever the bytes, with each of the ways to check signatures."""
    for one in (judge(), judge("off"), judge("required", SECRET)):
        assert one.answer("job-1", [("webhook-id", "x")], body).status in {200, 400, 401}


def test_no_more_than_an_id_and_a_status_is_kept():
    """A body of 60 KB is not; an id of thousands of characters is none, and a status is cut short."""
    long = {**OLDER, "task_status": "x" * 10_000, "more": "y" * 40_000}
    told = judge().answer("job-1", [], json.dumps(long).encode()).told
    assert (40, 2) == (len(told.status), len(told.raw))
    assert 400 == judge().answer("job-1", [], json.dumps({**OLDER, "task_id": "1" * 300}).encode()).status


def test_a_body_about_another_job_is_refused():
    """A token of one job on another's task, in both shapes."""
    for shape in (OLDER, NEWER):
        answer = judge().answer("job-2", [], json.dumps(shape).encode())
        assert (400, None) == (answer.status, answer.job)


def test_a_body_that_is_too_long_is_refused():
    """One byte above the bound; at the bound it is read."""
    body = json.dumps(OLDER).encode()
    assert 413 == judge().answer("job-1", [], body + b" " * (LARGEST_BODY - len(body) + 1)).status
    assert 200 == judge().answer("job-1", [], body + b" " * (LARGEST_BODY - len(body))).status


BODY = json.dumps(OLDER).encode()
GOOD = signed(BODY)


@pytest.mark.parametrize(
    ("signature", "secret", "headers", "status"),
    [
        ("required", SECRET, GOOD, 200),
        ("required", SECRET, [], 401),
        ("required", SECRET, GOOD[:2], 401),
        ("required", SECRET, signed(BODY + b" "), 401),
        ("required", SECRET, signed(BODY, now=NOW - 301), 401),
        ("required", SECRET, signed(BODY, secret="whsec_b3RoZXI="), 401),
        ("required", SECRET, [*GOOD, GOOD[2]], 400),
        ("if_present", SECRET, GOOD, 200),
        ("if_present", SECRET, [], 200),
        ("if_present", SECRET, GOOD[:1], 401),
        ("if_present", SECRET, signed(BODY + b" "), 401),
        ("if_present", SECRET, [*GOOD, ("WEBHOOK-ID", "2")], 400),
        ("if_present", None, signed(BODY + b" "), 200),
        ("if_present", None, [*GOOD, GOOD[0]], 400),
        ("off", SECRET, signed(BODY + b" "), 200),
        ("off", SECRET, [*GOOD, GOOD[0]], 200),
    ],
)
def test_signatures(signature, secret, headers, status):
    """Wanted, checked where they are, or never looked at; signed here by the scheme's own library."""
    answer = judge(signature, secret).answer("job-1", headers, BODY)
    assert status == answer.status
    assert (status == 200) == (answer.job is not None)


def test_a_judge_shows_no_secret():
    """Neither the key of the tokens nor the console's secret."""
    shown = repr(judge("required", SECRET))
    assert SECRET not in shown
    assert "kkkk" not in shown


def test_an_answer_that_does_not_count_has_no_job():
    """Refusals name none, so that nothing can be polled for them."""
    assert (None, None) == (Answer(404, "").job, Answer(404, "").told)
