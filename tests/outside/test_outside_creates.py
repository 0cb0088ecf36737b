"""One job is one task in the ledger, and known to the caller, whatever becomes of the create's answer."""

import asyncio
import json

import pytest
from outside_judge import PICTURE, unknown_tasks
from outside_server import Server, Trouble, raw, says

from kling_async import BadRequestError, Image2VideoRequest, KlingError, Task
from kling_async.events import JobAbandoned
from kling_async.schema import wire

pytestmark = pytest.mark.anyio

LOST = {
    "cut in the status line": Trouble(cut=5),
    "cut in the headers": Trouble(cut=60),
    "cut in the body": Trouble(cut=0.9),
    "reset at once": Trouble(cut=0, reset=True),
    "reset in the body": Trouble(cut=0.9, reset=True),
    "no answer": Trouble(hang=True),
    "an answer in drops": Trouble(drip=3),
    "HTML": raw(b"<html>", status=502, headers={"Content-Type": "text/html"}, work=True),
    "HTML as 200": raw(b"<html>", work=True),
    "nothing": raw(b"", work=True),
    "deep nesting": raw(b"[" * 100_000, work=True),
    "no data": raw(b'{"code":0,"message":"SUCCEED"}', work=True),
    "an id of another type": raw(b'{"code":0,"data":{"task_id":["x"]}}', work=True),
    "another job's task": raw(
        b'{"code":0,"data":{"task_id":"T","task_info":{"external_task_id":"other"}}}', work=True
    ),
    "a length that is too long": raw(
        b"{}", headers={"Content-Length": "50", "Content-Type": "application/json"}, work=True
    ),
    "broken gzip": raw(b"\x1f\x8b\x08\x00xx", headers={"Content-Encoding": "gzip"}, work=True),
    "a redirect": raw(b"", status=307, headers={"Location": "/v1/videos/image2video"}, work=True),
    "an unknown code": says(7777, "?", status=500, work=True),
    "5002, created later": says(5002, "timeout", status=504, late=20),
}


@pytest.mark.parametrize("unique", [True, False], ids=["unique ids", "ids may repeat"])
@pytest.mark.parametrize("trouble", LOST.values(), ids=LOST)
async def test_lost_answer_is_one_task(connect, trouble, unique):
    """A create whose answer says nothing ends as the one task of the ledger, and its slot comes free."""
    async with Server(unique=unique, lag=5) as server, connect(server, max_in_flight=1) as kling:
        server.on("create", trouble)
        task = await kling.image2video.generate(image=PICTURE)
        assert [task.task_id] == [made.task_id for made in server.created]
        assert 0 == kling.slots.held


async def test_answer_cut_anywhere_is_one_task(connect):
    """An answer that breaks off at any of its bytes ends as one task."""
    async with Server(duration=1) as server, connect(server) as kling:
        for at in range(0, 420, 30):
            server.on("create", Trouble(cut=at))
            await kling.image2video.generate(image=PICTURE, prompt=str(at))
        assert 14 == len(server.created) == len({made.body["prompt"] for made in server.created})


@pytest.mark.parametrize("status", [200, 400, 409, 422, 429, 500])
async def test_repeated_id_in_any_words_is_adopted(connect, status):
    """An id that the account has already is recognized by a look-up, whatever the refusal's words and HTTP status."""
    words = [
        (1201, "任务ID已存在"),
        (1201, "doppelt"),
        (1200, "外部任务id重复"),
        (1203, "exists"),
        (1201, ""),
    ]
    for code, said in words:
        async with Server() as server, connect(server) as first, connect(server, max_in_flight=1) as second:
            server.duplicate = lambda _, server=server, code=code, said=said: server.envelope(
                code, said, status=status
            )
            made = await first.image2video.create(image=PICTURE, external_task_id="mine")
            task = await second.image2video.generate(image=PICTURE, external_task_id="mine")
            assert made.task_id == task.task_id
            assert (1, 0) == (len(server.created), second.slots.held)


async def test_bad_value_is_refused_at_once(connect):
    """A refusal that is no repeated id costs one look-up and no time."""
    async with Server() as server, connect(server, max_in_flight=1) as kling:
        server.on("create", says(1201, "kling-v1-6 is not supported with motion brush", status=400), 9)
        with pytest.raises(BadRequestError, match="motion brush"):
            await kling.image2video.generate(image=PICTURE, external_task_id="mine")
        assert (1, 1, 0) == (server.count("create"), server.count("get"), kling.slots.held)
        assert server.requests[0].at == server.now()


async def test_same_object_and_same_id_are_one_task(connect):
    """A request object given five times at once is one task; so is an id that two clients use."""
    async with Server() as server, connect(server, max_in_flight=5) as kling, connect(server) as other:
        request = Image2VideoRequest(image=PICTURE, external_task_id="ä/b ?#%")
        generate = kling.image2video.generate
        got = await asyncio.gather(
            *(generate(request) for _ in range(4)),
            kling.image2video.create(request),
            other.image2video.generate(image=PICTURE, external_task_id="ä/b ?#%"),
        )
        assert (1, 1) == (len(server.created), len({task.task_id for task in got}))
        assert 0 == kling.slots.held


@pytest.mark.parametrize("how", ["cancel", "close"])
@pytest.mark.parametrize(
    "trouble", [Trouble(), Trouble(cut=5), Trouble(delay=3), LOST["5002, created later"]]
)
async def test_paid_task_is_named_whenever_the_caller_goes(connect, trouble, how):
    """A job that is cancelled, or whose client is closed, at any moment names what the ledger has of it."""
    for moment in range(0, 30, 3):
        events = []
        async with (
            Server(duration=5) as server,
            connect(server, max_in_flight=1, on_event=events.append) as kling,
        ):
            server.on("create", trouble)
            job = asyncio.create_task(kling.image2video.generate(image=PICTURE))
            await asyncio.sleep(moment * 0.7)
            job.cancel() if how == "cancel" else await kling.aclose()
            [end] = await asyncio.gather(job, return_exceptions=True)
            assert isinstance(end, Task | KlingError | asyncio.CancelledError)
            await asyncio.sleep(60)
            gone = [event for event in events if isinstance(event, JobAbandoned)]
            assert ([], 0) == (unknown_tasks(server, [end], gone), kling.slots.held)
            assert len(server.created) <= 1


async def test_wire_format(connect):
    """A create is one compact JSON object without nulls, with three claims, over a connection of its own."""
    async with Server() as server, connect(server) as kling:
        await kling.image2video.create(image=PICTURE, prompt="héllo", duration=5, external_task_id="ä/b")
        await kling.image2video.get("ä/b")
        create, get = server.requests
        assert {
            "image": PICTURE,
            "prompt": "héllo",
            "duration": "5",
            "external_task_id": "ä/b",
        } == json.loads(create.body)
        assert ("application/json", "close") == (create.header("Content-Type"), create.header("Connection"))
        assert str(len(create.body)) == create.header("Content-Length")
        assert {"alg": "HS256", "typ": "JWT"} == create.token(0)
        now = int(server.epoch + server.now())
        assert {"iss": "outside-access", "exp": now + 1800, "nbf": now - 5} == create.token(1)
        assert ("/v1/videos/image2video/%C3%A4%2Fb", b"") == (get.target, get.body)


@pytest.mark.parametrize("fast", [True, False], ids=["orjson", "json"])
async def test_byte_order_mark_is_no_part_of_an_answer(connect, monkeypatch, fast):
    """An answer behind a byte order mark is read with and without orjson."""
    if not fast:
        monkeypatch.setattr(wire, "orjson", None)

    def marked(seen):
        reply = server.answer(seen)
        return raw(b"\xef\xbb\xbf" + reply.body, status=reply.status)

    async with Server(duration=5) as server, connect(server) as kling:
        server.weather = marked
        await kling.image2video.generate(image=PICTURE)
        assert (1, 1) == (len(server.created), server.count("create"))
