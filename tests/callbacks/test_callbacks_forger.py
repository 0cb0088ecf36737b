"""An attacker at the door: guesses, stolen tokens, floods, and requests that no HTTP client would send."""

import asyncio
import base64
import json
import secrets
from urllib.parse import quote

import aiohttp
import pytest
from rooms_helpers import client, request, requests

from kling_async.callbacks.decision import LARGEST_BODY
from kling_async.emulator import CallbackHabits
from kling_async.polling.told import CALLBACK_GAP

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def waiting(kling, service, count):
    """Jobs whose schedule polls next to never, and of which the service itself tells nothing."""
    service.callback_habits = CallbackHabits(lost=1.0)
    jobs = [await kling.image2video.submit(each) for each in requests(count, named=True)]
    waits = [asyncio.create_task(job.wait(schedule=[100_000])) for job in jobs]
    await asyncio.sleep(6)
    return jobs, waits


def polls(service):
    """Polls so far."""
    return service.counts["get"] + service.counts["list"]


async def stop(waits):
    """Lets the waits go."""
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)


def ended(job, **more):
    """What a callback would tell of the end of a job."""
    return json.dumps({"task_id": job.task_id, "task_status": "succeed", **more})


async def test_10_000_forged_posts_change_nothing(door, service):
    """Ten at a time: without a token, with guessed ones, with another account's; no poll, no word of any job."""
    async with client(service) as kling, aiohttp.ClientSession() as session:
        door.opened_for(kling)
        jobs, waits = await waiting(kling, service, 5)
        before = polls(service)
        answers = []

        def guess(number):
            job = jobs[number % len(jobs)]
            named = base64.urlsafe_b64encode(job.external_task_id.encode()).rstrip(b"=").decode()
            proof = secrets.token_urlsafe(32)
            paths = (f"kling-cb.{named}.{proof}", job.task_id, job.external_task_id, f"kling-cb.{named}.", "")
            return f"{door.url}/kling/{paths[number % 5]}", ended(job)

        async def forge(numbers):
            for number in numbers:
                url, body = guess(number)
                async with session.post(url, data=body) as answer:
                    answers.append((answer.status, await answer.text()))

        await asyncio.gather(*(forge(range(start, 2_000, 10)) for start in range(10)))
        assert {(404, "there is nothing here")} == set(answers)
        for number in range(8_000):  # the rest without a socket, for time's sake
            url, _ = guess(number)
            assert 404 == door.receiver._judge.job_named("POST", url, None).status
        assert before == polls(service)
        assert not any(wait.done() for wait in waits)
        await stop(waits)


async def test_a_flood_with_stolen_tokens_costs_a_poll_in_five_seconds(door, service):
    """2,000 posts for five jobs within ten seconds: at most three polls each, and nobody is told anything."""
    async with client(service) as kling, aiohttp.ClientSession() as session:
        receiver = door.opened_for(kling)
        jobs, waits = await waiting(kling, service, 5)
        before = polls(service)
        for _ in range(20):
            for job in jobs:
                url = receiver.url_for(job.request)
                for _ in range(20):
                    async with session.post(url, data=ended(job)) as answer:
                        assert 200 == answer.status
            await asyncio.sleep(0.5)
        assert polls(service) - before <= len(jobs) * (10 / CALLBACK_GAP + 1)
        assert not any(wait.done() for wait in waits)
        await stop(waits)


async def test_a_token_is_good_for_its_own_job_alone(door, service):
    """Job A's token with job B's task: B is not polled, named by either of its ids or by both."""
    async with client(service) as kling, aiohttp.ClientSession() as session:
        receiver = door.opened_for(kling)
        (one, other), waits = await waiting(kling, service, 2)
        before = polls(service)
        bodies = [
            (200, ended(other)),  # polls job A, if anything
            (400, ended(one, task_info={"external_task_id": other.external_task_id})),
            (400, ended(other, task_info={"external_task_id": other.external_task_id})),
        ]
        for status, body in bodies:
            async with session.post(receiver.url_for(one.request), data=body) as answer:
                assert status == answer.status
        await asyncio.sleep(1)
        asked = [each.path for each in list(service.requests)[-(polls(service) - before) :]]
        assert not any(other.task_id in path for path in asked)
        assert polls(service) - before <= 1
        await stop(waits)


async def test_a_token_can_be_escaped_and_stand_behind_anything(door, service):
    """A proxy may escape what needs no escape; it is the same token, and nothing else is reached by it."""
    async with client(service) as kling, aiohttp.ClientSession() as session:
        receiver = door.opened_for(kling)
        (job,), waits = await waiting(kling, service, 1)
        token = receiver.url_for(job.request).rpartition("/")[2]
        escaped = "".join(f"%{ord(letter):02X}" for letter in token)
        from yarl import URL

        for path, status in [
            (f"/kling/{escaped}", 200),
            (f"/a/../../etc/{token}", 200),
            (f"/kling/{token}?x=1", 200),
            (f"/kling/{quote(token + '/x', safe='')}", 404),
            (f"/kling/{token}%00", 404),
            (f"/kling/{token}/../..", 404),
            (f"/kling/{token}/", 200),
            (f"/kling/%ff{token}", 404),
        ]:
            async with session.post(URL(door.url + path, encoded=True), data=ended(job)) as answer:
                assert status == answer.status, path
        await stop(waits)


async def raw(door, text, *, then=b"", patience=30.0):
    """The status of the answer to bytes that no HTTP client would send; None if the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]))
    writer.write(text)
    if then:
        await asyncio.sleep(0.1)
        writer.write(then)
    async with asyncio.timeout(patience):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1]) if line else None


async def test_odd_requests_are_plain_refusals(door, service, caplog):
    """Lengths that lie, broken chunks, bodies that never come, headers given twice: a 4xx, no traceback, no hang."""
    async with client(service) as kling:
        receiver = door.opened_for(kling)
        (job,), waits = await waiting(kling, service, 1)
        before = polls(service)
        path = receiver.url_for(job.request).removeprefix(door.url).encode()
        post = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
        body = ended(job).encode()
        short = b"Content-Length: %d\r\n\r\n" % len(body)
        begun = asyncio.get_running_loop().time()
        assert 408 == await raw(door, post + b"Content-Length: 100\r\n\r\n{")
        assert 10 == pytest.approx(asyncio.get_running_loop().time() - begun, abs=0.5)
        assert 408 == await raw(door, post + b"Transfer-Encoding: chunked\r\n\r\n")
        assert 413 == await raw(door, post + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
        chunk = b"%x\r\n" % 30_000 + b" " * 30_000 + b"\r\n"
        assert 413 == await raw(door, post + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        assert await raw(door, post + b"Transfer-Encoding: chunked\r\n\r\n", then=b"zz\r\n") in {400, 408}
        assert 400 == await raw(door, post + b"Content-Length: -1\r\n\r\n")
        assert 400 == await raw(door, post + b"Content-Length: 5\r\n\r\n12345")
        assert 400 == await raw(door, post + b"Content-Encoding: gzip\r\n" + short + body)
        assert 400 == await raw(door, post + b"webhook-id: 1\r\nWebhook-Id: 2\r\n" + short + body)
        assert 400 == await raw(door, post + b"Content-Length: 4\r\n\r\n\xff\xfe\xfd\xfc")
        assert 404 == await raw(
            door, b"POST /kling/" + b"A" * 4000 + b" HTTP/1.1\r\nHost: x\r\n" + short + body
        )
        assert 405 == await raw(door, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert before == polls(service)
        ours = [
            each for each in caplog.records if "Invalid character" not in str(each.exc_info)
        ]  # aiohttp's parser
        assert [] == [each for each in ours if each.exc_info]
        assert 200 == await raw(door, post + short + body)
        await stop(waits)


async def test_500_jobs_that_are_cancelled_at_once_leave_nothing(door, service):
    """With callbacks under way: no task, no watch, no wait."""
    async with client(service) as kling:
        receiver = door.opened_for(kling)
        before = asyncio.all_tasks()
        jobs = [asyncio.create_task(kling.image2video.generate(each)) for each in requests(500, named=True)]
        await asyncio.sleep(3)
        for number in range(0, 500, 2):
            answer = receiver._judge.answer(
                f"shot-{number}", [], json.dumps({"task_id": "1", "task_status": "processing"}).encode()
            )
            receiver._desk.take(answer)
        await stop(jobs)
        await asyncio.sleep(1)
        assert set() == {task for task in asyncio.all_tasks() - before if "kling" in task.get_name()}
        assert "waiting=0, polling=0" in repr(kling.image2video._waits.poller)
    assert request()
