"""The receiver between a client and a service: which URL a create carries, and what a post brings about."""

import asyncio
import json
import logging
import sqlite3
import threading
import traceback

import pytest
from proof_helpers import PROOF_TIME, watch_threads
from rooms_helpers import client, emulator, request, requests

from kling_async import (
    CallbackReceiver,
    ConfigurationError,
    KlingClient,
    TaskFailedError,
    Text2VideoRequest,
    ValidationError,
)
from kling_async.callbacks.token import PURPOSE
from kling_async.emulator import ByClock, CallbackHabits
from kling_async.events import CallbackReceived
from kling_async.schema.mapping import MappingRequest
from kling_async.session.auth import Secret, StaticKeySigner
from kling_async.session.redaction import Redaction

pytestmark = pytest.mark.anyio

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
PUBLIC = "https://kling.dev/hook"


@pytest.fixture
def anyio_backend():
    """Time jumps wherever nothing is ready and no thread is at work."""
    return PROOF_TIME


@pytest.fixture(autouse=True)
def patient_threads(monkeypatch):
    """Virtual time waits for the journal's thread."""
    watch_threads(monkeypatch)


def now():
    return asyncio.get_running_loop().time()


def sent_url(service, number=-1):
    """The URL that a create carried."""
    return service.tasks[number].body.get("callback_url")


@pytest.mark.parametrize("habits", [CallbackHabits(), CallbackHabits(newer=True), CallbackHabits(twice=1.0)])
@pytest.mark.parametrize("secret", [None, SECRET])
async def test_an_end_is_noticed_when_it_is_told_of(door, habits, secret):
    """In both shapes, signed or not, once or twice; by few polls, however rare the schedule's are."""
    async with emulator(webhook_secret=secret, callback_habits=habits) as service, client(service) as kling:
        door.opened_for(kling, secret=secret, signature="required" if secret else "if_present")
        begun = now()
        task = await kling.image2video.generate(request(), schedule=[100_000])
        assert 120 == pytest.approx(now() - begun, abs=0.5)
        assert task.succeeded
        assert 4 >= service.counts["get"] + service.counts["list"]
        assert {200} == {each.http for each in service.callbacks}


async def test_a_failure_is_told_of_as_well(door, service):
    """It ends the job with the service's reason."""
    async with client(service) as kling:
        door.opened_for(kling)
        service.fail_next("no spies")
        with pytest.raises(TaskFailedError, match="no spies"):
            await kling.image2video.generate(request(), schedule=[100_000])
        assert 121 > now() - 1000


async def test_every_call_that_creates_carries_the_url(service):
    """Of every endpoint, with the id that the client made up; lip-sync, which takes no id, too."""
    async with client(service) as kling:
        receiver = CallbackReceiver(kling, public_url=PUBLIC)
        await kling.image2video.create(request())
        await kling.image2video.submit(request())
        await kling.text2video.create(prompt="a cat")
        parent = service.tasks[-1]
        await kling.endpoint("/v1/videos/omni-video").create({"prompt": "a dog"})
        await kling.endpoint("/v1/videos/lip-sync").create(
            {"input": {"video_url": "https://x.example/v.mp4"}}
        )
        assert 5 == len(service.tasks)
        assert parent.external_task_id
        for task in service.tasks:
            url = task.body["callback_url"]
            assert url.startswith(f"{PUBLIC}/kling-cb.")
            if task.external_task_id is not None:
                assert url == receiver.url_for({"external_task_id": task.external_task_id})
        assert 5 == len({task.body["callback_url"] for task in service.tasks})


async def test_a_requests_own_url_wins(service):
    """Also in a mapping; an empty text counts as none."""
    mine = "https://mine.example/hook"
    async with client(service) as kling:
        CallbackReceiver(kling, public_url=PUBLIC)
        await kling.image2video.create(request(callback_url=mine))
        await kling.endpoint("/v1/videos/omni-video").create({"prompt": "x", "callback_url": mine})
        assert [mine, mine] == [task.body["callback_url"] for task in service.tasks]
        await kling.endpoint("/v1/videos/omni-video").create({"prompt": "x", "callback_url": ""})
        assert sent_url(service).startswith(PUBLIC)


async def test_without_a_receiver_nothing_travels(service):
    """No field at all."""
    async with client(service) as kling:
        await kling.image2video.create(request())
        assert "callback_url" not in service.tasks[0].body


async def test_url_for_a_request(service):
    """The same after a restart and for the same credentials; a request without an id has none yet."""
    urls = set()
    for _ in range(2):
        async with client(service) as kling:
            receiver = CallbackReceiver(kling, public_url=f"{PUBLIC}/")
            urls.add(receiver.url_for(request(external_task_id="shot-1")))
            urls.add(receiver.url_for({"external_task_id": "shot-1"}))
            await kling.image2video.create(request(external_task_id="shot-1"))
            assert {sent_url(service)} == urls
            for nameless in (request(), {}, {"external_task_id": ""}, {"external_task_id": 7}, None):
                with pytest.raises(ValidationError, match="external_task_id"):
                    receiver.url_for(nameless)
    async with KlingClient(api_key="api-key-kling-other", base_url=service.url) as other:
        other_url = CallbackReceiver(other, public_url=PUBLIC).url_for({"external_task_id": "shot-1"})
        assert other_url not in urls


async def test_a_journal_meets_its_jobs_with_and_without_a_receiver(service, tmp_path):
    """Under another public URL too; no token is in the journal, and each job has one task."""
    journal = tmp_path / "jobs.sqlite"
    for url in (None, PUBLIC, "https://other.dev/elsewhere", None):
        async with client(service, journal=journal) as kling:
            if url is not None:
                CallbackReceiver(kling, public_url=url)
            jobs = [await kling.image2video.submit(each) for each in requests(3)]
            assert 3 == len({job.task_id for job in jobs})
    assert 3 == len(service.tasks)
    async with client(service, journal=journal) as kling:
        CallbackReceiver(kling, public_url=PUBLIC)
        await kling.image2video.submit(request(7, external_task_id="later"))
    assert sent_url(service).startswith(PUBLIC)
    with sqlite3.connect(journal) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "later" in dump
    assert "kling-cb." not in dump
    assert b"kling-cb." not in journal.read_bytes()


async def test_one_id_is_one_job_whatever_its_url(service):
    """The client does not take the URL for a difference between two requests."""
    async with client(service) as kling:
        first = await kling.image2video.create(request(external_task_id="shot"))
        CallbackReceiver(kling, public_url=PUBLIC)
        again = await kling.image2video.create(
            request(external_task_id="shot", callback_url="https://x.example/y")
        )
        assert first.task_id == again.task_id


async def test_a_lost_create_is_looked_up_and_told_of(door, service):
    """The task exists, its answer is lost, and its callback comes before anything is known of it."""
    async with client(service) as kling:
        door.opened_for(kling)
        service.fault("create", "reset-after")
        task = await kling.image2video.generate(request(), schedule=[100_000])
        assert task.succeeded
        assert 1 == len(service.tasks)
        assert 125 > now() - 1000


async def test_callbacks_that_come_before_the_creates_answer(door, service):
    """A task fails while the answer is on its way; it is polled as soon as it is known."""
    service.fault("create", "delay", seconds=20.0)
    service.advance = ByClock(10.0)
    service.fail_next("too dark")
    async with client(service) as kling:
        door.opened_for(kling)
        begun = now()
        with pytest.raises(TaskFailedError, match="too dark"):
            await kling.image2video.generate(request(), schedule=[100_000])
        assert 20 == pytest.approx(now() - begun, abs=0.5)
        assert 2 == len(door.posts)
        assert 1 == service.counts["get"]


async def test_a_callback_for_another_processs_job_costs_nothing(door, service):
    """The same account, another client: its posts are taken here, and nothing is polled."""
    async with client(service) as kling, client(service) as other:
        url = door.opened_for(kling).url_for({"external_task_id": "a"})
        await other.image2video.submit(request(external_task_id="a", callback_url=url))
        await asyncio.sleep(130)
        assert [200, 200] == [each.http for each in service.callbacks]
        assert 0 == service.counts["get"] + service.counts["list"]


async def test_after_a_restart_callbacks_still_count(door, service, tmp_path):
    """A job of the journal whose URL an earlier process has sent."""
    journal = tmp_path / "jobs.sqlite"
    async with client(service, journal=journal) as kling:
        door.opened_for(kling)
        await kling.image2video.submit(request())
    async with client(service, journal=journal) as kling:
        door.opened_for(kling)
        begun = now()
        task = await kling.image2video.generate(request(), schedule=[100_000])
        assert task.succeeded
        assert 121 > now() - begun


async def test_callbacks_after_the_client_is_closed(door, service):
    """They are answered, and nothing happens."""
    async with client(service) as kling:
        door.opened_for(kling)
        await kling.image2video.submit(request())
    await asyncio.sleep(130)
    assert [200, 200] == [each.http for each in service.callbacks]
    assert 0 == service.counts["get"] + service.counts["list"]


async def test_a_wait_by_an_id_alone_is_woken(door, service):
    """By the service's id, and by the caller's own."""
    async with client(service) as kling:
        door.opened_for(kling)
        job = await kling.image2video.submit(request(external_task_id="a"))
        waits = [
            kling.image2video.wait_for_task(task_id, schedule=[100_000]) for task_id in (job.task_id, "a")
        ]
        begun = now()
        assert [True, True] == [task.succeeded for task in await asyncio.gather(*waits)]
        assert 121 > now() - begun


async def test_a_callback_can_come_from_another_event_loop(door, service):
    """A web server in a thread of its own; the client's loop is told."""
    async with client(service) as kling:
        receiver = door.opened_for(kling)
        door.receiver = None
        job = await kling.image2video.submit(request(external_task_id="a"))
        wait = asyncio.create_task(job.wait(schedule=[100_000]))
        await asyncio.sleep(130)
        body = json.dumps({"task_id": job.task_id, "task_status": "succeed"}).encode()
        path = receiver.url_for({"external_task_id": "a"}).removeprefix(door.url)
        sent = []

        async def post():
            scope = {"type": "http", "method": "POST", "path": path, "headers": []}
            event = {"type": "http.request", "body": body, "more_body": False}
            await receiver.asgi(
                scope, lambda: asyncio.sleep(0, event), lambda each: asyncio.sleep(0, sent.append(each))
            )

        thread = threading.Thread(target=asyncio.run, args=[post()])
        thread.start()
        thread.join()
        assert (await wait).succeeded
        assert 200 == sent[0]["status"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"public_url": "http://kling.dev"}, "allow_private"),
        ({"public_url": "https://127.0.0.1"}, "not public"),
        ({"public_url": "nonsense"}, "public_url"),
        ({"signature": "required"}, "secret"),
        ({"signature": "maybe"}, "required, if_present, off"),
        ({"secret": "not a secret"}, "whsec_"),
        ({"secret": ""}, "whsec_"),
        ({"secret": 5}, "whsec_"),
        ({"secret": "whsec_"}, "whsec_"),
    ],
)
async def test_what_cannot_work_is_an_error_at_the_start(service, options, text):
    """With the argument's name, without the secret, and the client can have another receiver after it."""
    async with client(service) as kling:
        with pytest.raises(ConfigurationError, match=text) as caught:
            CallbackReceiver(kling, **{"public_url": PUBLIC, **options})
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
        ours = [frame.f_locals for frame in frames if "tests" not in frame.f_code.co_filename]
        assert "not a secret" not in f"{caught.value} {ours}"
        CallbackReceiver(kling, public_url=PUBLIC)


async def test_a_client_has_one_receiver(service):
    """A second one is refused; and what is no client has none."""
    async with client(service) as kling:
        CallbackReceiver(kling, public_url=PUBLIC)
        with pytest.raises(ConfigurationError, match="already"):
            CallbackReceiver(kling, public_url=PUBLIC)
    for other in (None, "kling", object()):
        with pytest.raises(ConfigurationError, match="KlingClient"):
            CallbackReceiver(other, public_url=PUBLIC)


async def test_nothing_shows_a_secret_or_a_token(door, service, caplog):
    """No repr, log, event or error; also if the service sends the URL back in a refusal."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    seen = []
    async with client(service, on_event=seen.append) as kling:
        receiver = door.opened_for(kling, secret=SECRET)
        job = await kling.image2video.submit(request(external_task_id="a"))
        task = await job.wait()
        key = StaticKeySigner(Secret("x")).derived_key(PURPOSE)
        shown = [
            repr(each) for each in (receiver, kling, kling.callbacks, job, task, task.raw, key[:0], *seen)
        ]
        shown += [str(each.getMessage()) for each in caplog.records if each.name.startswith("kling_async")]
        for text in ("kling-cb.", SECRET, service.secret_key, door.url + "/kling"):
            assert text not in "\n".join(shown)
        told = [each for each in seen if isinstance(each, CallbackReceived)]
        assert [("a", task.task_id, True)] * 2 == [
            (each.external_task_id, each.task_id, each.known) for each in told
        ]


async def test_a_url_that_a_caller_fills_in_shows_no_token_either(service, tmp_path):
    """In a request's repr, in an error about it, and in the journal, from which the job can still be resumed."""
    journal = tmp_path / "jobs.sqlite"
    async with client(service, journal=journal) as kling:
        receiver = CallbackReceiver(kling, public_url=PUBLIC)
        url = receiver.url_for({"external_task_id": "mine"})
        asked = request(external_task_id="mine", callback_url=url)
        mapping = MappingRequest("/v1/videos/omni-video", {"prompt": "x", "callback_url": url})
        typed = Text2VideoRequest(prompt="x", callback_url=url)
        for each in (asked, mapping, typed):
            assert "[token]" in repr(each)
            assert "kling-cb." not in repr(each)
        with pytest.raises(ValidationError) as caught:
            request(callback_url="no" + url)
        assert "kling-cb." not in str(caught.value)
        await kling.image2video.submit(asked)
        assert url == sent_url(service)
    assert b"kling-cb." not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    async with client(service, journal=journal) as kling, kling.image2video.resume() as outcomes:
        async for outcome in outcomes:
            assert outcome.unwrap().succeeded


async def test_a_wrong_signature_is_logged_once(door, service, caplog):
    """Whoever gave the wrong secret finds out; later ones are not logged, and polls go on."""
    async with emulator(webhook_secret=SECRET) as signing, client(signing) as kling:
        door.opened_for(kling, secret="whsec_b3RoZXI=")
        assert (await kling.image2video.generate(request())).succeeded
        assert {401} == {each.http for each in signing.callbacks}
    logged = [each for each in caplog.records if each.name == "kling_async.callbacks.desk"]
    assert ["WARNING"] == [each.levelname for each in logged]
    assert "kling-cb." not in caplog.text


async def test_an_answer_with_the_url_in_it_is_redacted():
    """The service may quote the field that it refuses."""
    url = f"{PUBLIC}/kling-cb.am9iLTE.7xdwZLuyumbAGXE80lEvnUajbl8xRqcrwX_7OXW2woM"
    redaction = Redaction("Bearer " + "t" * 40)
    assert f'{{"message": "{PUBLIC}/[token] is bad"}}'.encode() == redaction.body(
        f'{{"message": "{url} is bad"}}'.encode()
    )
    assert f"{PUBLIC}/[token] is bad" == redaction.text(f"{url} is bad")
    assert "[token]" == redaction.headers({"X": url[-60:].rpartition("/")[2]})["x"]
