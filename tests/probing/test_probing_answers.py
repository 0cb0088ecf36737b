"""Answers as a comparison sees them, verdicts as lines, and the listener for callbacks."""

import aiohttp
import pytest

from kling_async.probing.answers import Seen, public, seen
from kling_async.probing.judge_tasks import row_verdict, shape_verdict, units_verdict
from kling_async.probing.listener import MOST, CallbackListener
from kling_async.probing.report import line_of, shown_host
from kling_async.probing.verdict import State, differs, holds
from kling_async.schema.assumptions import ASSUMPTIONS
from kling_async.session.http import Answer


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"code": 0, "message": "ok", "request_id": "r"}', "HTTP 418, code 0: ok"),
        (b'{"code": 5}', "HTTP 418, code 5"),
        (b"<html>", "HTTP 418, not an envelope"),
        (
            b'{"code": 1, "message": "see https://a.example/?sign=x or key-1"}',
            "HTTP 418, code 1: see (URL) or …",
        ),
    ],
)
def test_answer_in_a_few_words(body, shown):
    """Status, code and message, without what nobody shall read."""
    assert shown == seen(Answer(418, {}, body), ["key-1", ""], 0.0).shown


def test_words_that_are_hidden_do_not_change_what_is_compared():
    """An account's id that is part of the service's own words is hidden from people alone."""
    answer = seen(Answer(400, {}, b'{"code": 1201, "message": "Task not found: not"}'), ["not"], 0.0)
    assert ("Task not found: not", "HTTP 400, code 1201: Task … found: …") == (answer.message, answer.shown)


def test_text_is_short():
    """A stranger's text of any length is cut."""
    assert len(public("x" * 10_000)) <= 160


def test_row_that_lacks_something_says_what():
    """Names of members alone; the marked copy is known to be missing on lists."""
    single = {
        "task_id": "1",
        "watermark_info": {"enabled": True},
        "task_result": {"videos": [{"id": "a", "url": "b"}]},
    }
    row = {"task_id": "1", "task_result": {"videos": [{"id": "a"}]}}
    verdict = row_verdict(row, Seen(200, 0, data=single))
    assert differs("the row lacks task_result.videos.url") == verdict


@pytest.mark.parametrize(
    ("videos", "came"),
    [
        (None, "task_result.videos is absent or null"),
        ([], "task_result.videos is an empty array"),
        ([{"id": "", "url": "u", "duration": "5"}], "id is an empty text"),
        ([{"id": "a", "url": 5, "duration": "5"}], "url is a whole number"),
        ([{"id": "a", "url": "u", "duration": True}], "duration is true or false"),
        ([{"id": "a", "url": "u", "duration": {"s": 5}}], "duration is an object"),
    ],
)
def test_result_of_another_shape_says_what_came(videos, came):
    """The kind of the value, never the value."""
    assert differs(came) == shape_verdict(Seen(200, 0, data={"task_result": {"videos": videos}}))


@pytest.mark.parametrize(
    ("value", "state"), [("1.5", State.AS_ASSUMED), (1.5, State.DIFFERENT), ("x", State.DIFFERENT)]
)
def test_units_are_a_number_as_text(value, state):
    """Anything else is different."""
    assert state is units_verdict(Seen(200, 0, data={"final_unit_deduction": value})).state


def test_lines_tell_the_three_ends():
    """A difference repeats what was assumed."""
    first = ASSUMPTIONS[0]
    assert f"as assumed  {first.id}" == line_of(first, holds())
    assert f"different   {first.id}: HTML; assumed: {first.what}" == line_of(first, differs("HTML"))


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("api.klingai.com", "api.klingai.com"), ("127.0.0.1", "local"), (None, "another host"),
        ("proxy.corp.example", "another host"), ("evil-klingai.com", "another host"),
    ],
)  # fmt: skip
def test_only_the_services_own_hosts_are_told(host, shown):
    """A report says which region was asked, and nothing of anybody's network."""
    assert shown == shown_host(host)


@pytest.mark.anyio
async def test_listener_takes_posts_to_its_own_address_alone(unused_port):
    """Others get a 404; what is not JSON is counted; no more than so many are kept."""
    async with (
        CallbackListener(f"http://127.0.0.1:{unused_port}/", unused_port) as listener,
        aiohttp.ClientSession() as web,
    ):
        for url, method in ((f"http://127.0.0.1:{unused_port}/", "POST"), (listener.url, "GET")):
            async with web.request(method, url) as response:
                assert 404 == response.status
        for number in range(MOST + 5):
            async with web.post(
                listener.url, data="{" if number == 0 else f'{{"task_id": "{number}"}}'
            ) as response:
                assert 200 == response.status
        await listener.until(lambda body: body == {"task_id": "3"})
    assert [None, {"task_id": "1"}] == listener.bodies[:2]
    assert MOST == len(listener.bodies)
