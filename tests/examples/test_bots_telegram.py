"""The Telegram bot of examples/bots, with aiogram's own objects and a session that keeps what would be sent."""

import asyncio
import datetime as dt
import importlib
import logging

import pytest
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.methods import DeleteMessage, EditMessageText, GetFile, SendMessage, SendVideo
from aiogram.types import Chat, File, Message, PhotoSize, Update, User
from docs.doc_blocks import ROOT
from made_pictures import png
from proof_helpers import PROOF_TIME, watch_threads
from rooms_helpers import client, emulator

pytestmark = pytest.mark.anyio

CHAT = -1001234
PHOTO = PhotoSize(file_id="photo", file_unique_id="photo", width=640, height=640)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def anyio_backend():
    """Time jumps wherever nothing is ready and no thread is at work."""
    return PROOF_TIME


@pytest.fixture
def bots(monkeypatch):
    """The example's module, imported as its readers start it: from its own folder."""
    watch_threads(monkeypatch)
    monkeypatch.syspath_prepend(ROOT / "examples" / "bots")
    return importlib.import_module("telegram_bot")


@pytest.fixture
async def service():
    """A service whose tasks take two minutes."""
    async with emulator() as running:
        yield running


class Telegram(BaseSession):
    """Stands for the network: keeps each method with its time, and answers as Telegram would."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.broken = ()
        self._ids = 100

    async def make_request(self, bot, method, timeout=None):
        self.calls.append((asyncio.get_running_loop().time(), method))
        if isinstance(method, self.broken):
            raise ConnectionError("the message was deleted")
        if isinstance(method, GetFile):
            return File(file_id="photo", file_unique_id="photo", file_path="photo.png")
        if isinstance(method, DeleteMessage):
            return True
        if isinstance(method, SendVideo):
            method.seen = b"".join([chunk async for chunk in method.video.read(bot)])
        self._ids += 1
        return self._message(bot, getattr(method, "message_id", self._ids))

    def _message(self, bot, number):
        chat = Chat(id=CHAT, type="group")
        return Message(message_id=number, date=NOW, chat=chat).as_(bot)

    async def stream_content(self, url, headers=None, timeout=30, chunk_size=65536, raise_for_status=True):
        yield png()

    async def close(self):
        """There is nothing to close."""

    def of(self, kind):
        """The methods of a class, in their order."""
        return [method for _, method in self.calls if isinstance(method, kind)]


class World:
    """A bot, and what it is told."""

    def __init__(self, bots, kling):
        self.telegram = Telegram()
        self.bot = Bot("1:token", session=self.telegram)
        self.dispatcher = bots.make_dispatcher(kling)

    async def photo(self, message_id=7, **fields):
        """A user sends a photo; returns when the handler has ended."""
        fields = {"photo": [PHOTO], "caption": "She waves", **fields}
        user = User(id=1, is_bot=False, first_name="A")
        chat = Chat(id=CHAT, type="group")
        message = Message(message_id=message_id, date=NOW, chat=chat, from_user=user, **fields)
        return await self.dispatcher.feed_update(self.bot, Update(update_id=1, message=message))


async def test_a_photo_becomes_a_video(bots, service):
    """The message is edited as the task advances, the video answers the photo, and the message goes."""
    async with client(service, max_in_flight=2) as kling:
        world = World(bots, kling)
        await world.photo()
    (task,) = service.tasks
    assert (f"telegram_{CHAT}_7", "She waves") == (task.external_task_id, task.body["prompt"])
    (create,) = [record for record in service.requests if record.call == "create"]
    assert png() == create.body["image"]
    (queued,) = world.telegram.of(SendMessage)
    assert ("Queued", 7) == (queued.text, queued.reply_parameters.message_id)
    texts = [edit.text for edit in world.telegram.of(EditMessageText)]
    assert all(text.endswith(f"Task {task.task_id}") for text in texts)
    statuses = [text.partition(",")[0] for text in texts]
    assert ["submitted", "processing"] == list(dict.fromkeys(statuses))
    (video,) = world.telegram.of(SendVideo)
    assert (CHAT, 7, b"ftyp") == (video.chat_id, video.reply_parameters.message_id, video.seen[4:8])
    assert 1 == len(world.telegram.of(DeleteMessage))


async def test_edits_keep_to_the_limit_of_a_group(bots, service):
    """At most 20 in any minute, with the first message and the video."""
    async with client(service) as kling:
        world = World(bots, kling)
        await world.photo()
    sent = [at for at, method in world.telegram.calls if not isinstance(method, GetFile)]
    assert 20 < len(sent)
    assert 20 >= max(sum(at <= other < at + 60 for other in sent) for at in sent)


async def test_a_large_video_is_sent_as_a_link(bots, service, monkeypatch):
    """Where the messenger does not take the file."""
    monkeypatch.setattr(bots, "LIMIT", 10)
    async with client(service) as kling:
        world = World(bots, kling)
        await world.photo()
        task = await kling.image2video.get(service.tasks[0].task_id)
    assert [] == world.telegram.of(SendVideo)
    assert task.videos[0].url in world.telegram.of(SendMessage)[-1].text


@pytest.mark.parametrize(("trouble", "told"), [("policy", "policy"), ("account", "try again later")])
async def test_a_failure_is_told(bots, service, trouble, told):
    """A user's own in the service's words, the account's in ours."""
    if trouble == "policy":
        service.fail_next("policy")
    else:
        service.fault("create", "account", code=1102)
    async with client(service) as kling:
        world = World(bots, kling)
        await world.photo()
    assert told in world.telegram.of(EditMessageText)[-1].text
    assert [] == world.telegram.of(SendVideo)


async def test_a_message_that_was_deleted_ends_nothing(bots, service, caplog):
    """The video comes all the same; the log says which task's message it was."""
    async with client(service) as kling:
        world = World(bots, kling)
        world.telegram.broken = (EditMessageText,)
        await world.photo()
    assert 1 == len(world.telegram.of(SendVideo))
    assert {"messages"} == {record.name for record in caplog.records if record.levelno == logging.WARNING}


async def test_an_update_that_comes_twice_is_paid_once(bots, service):
    """One task, and an answer to each."""
    async with client(service) as kling:
        world = World(bots, kling)
        await asyncio.gather(world.photo(), world.photo())
    assert (1, 2) == (len(service.tasks), len(world.telegram.of(SendVideo)))


async def test_a_cancelled_handler_keeps_the_id_and_the_next_run_delivers(bots, service, tmp_path, caplog):
    """The id stands in the message, in the log and on the exception; the journal goes on with the job."""
    journal = tmp_path / "jobs.sqlite"
    async with client(service, max_in_flight=1, journal=journal) as kling:
        world = World(bots, kling)
        handler = asyncio.create_task(world.photo())
        await asyncio.sleep(30)
        handler.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await handler
    task_id = service.tasks[0].task_id
    assert task_id in world.telegram.of(EditMessageText)[-1].text
    assert task_id in "".join(caught.value.__notes__)
    assert task_id in caplog.text
    assert [] == world.telegram.of(SendVideo)
    async with client(service, journal=journal) as kling:
        world = World(bots, kling)
        await bots.deliver_the_rest(world.bot, kling)
    (video,) = world.telegram.of(SendVideo)
    assert (CHAT, 7, 1) == (video.chat_id, video.reply_parameters.message_id, len(service.tasks))


async def test_other_messages_are_not_answered(bots, service):
    """A photo without a caption, and a text."""
    async with client(service) as kling:
        world = World(bots, kling)
        await world.photo(caption=None)
        await world.photo(photo=None, caption=None, text="hello")
    assert [] == world.telegram.calls
