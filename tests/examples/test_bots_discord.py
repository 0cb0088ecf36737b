"""The Discord bot of examples/bots, with discord.py's own client and objects, against a small server on this machine."""

import asyncio
import importlib
import json

import pytest
from aiohttp import web
from discord.http import Route
from docs.doc_blocks import ROOT
from made_pictures import png
from rooms_helpers import client, emulator, serving
from virtual_time import VirtualLoop

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

CHANNEL, APPLICATION, COMMAND, MESSAGE = "500", "600", "700", "800"
USER = {"id": "1", "username": "user", "discriminator": "0", "avatar": None, "global_name": None}
BOT = {**USER, "id": APPLICATION, "username": "bot", "bot": True}
ABOUT = {
    "id": APPLICATION, "name": "bot", "flags": 0, "description": "", "icon": None, "bot_public": True,
    "bot_require_code_grant": False, "verify_key": "", "owner": USER, "rpc_origins": [], "hook": False, "summary": "",
}  # fmt: skip
DM = {"id": CHANNEL, "type": 1, "recipients": [USER], "last_message_id": None}


@pytest.fixture
def bots(monkeypatch):
    """The example's module, imported as its readers start it: from its own folder."""
    monkeypatch.setattr(VirtualLoop, "run_in_executor", _at_once)
    monkeypatch.syspath_prepend(ROOT / "examples" / "bots")
    return importlib.import_module("discord_bot")


@pytest.fixture
async def service():
    """A service whose tasks take two minutes."""
    async with emulator() as running:
        yield running


def _at_once(loop, executor, function, *arguments):
    """Does what aiohttp has a thread do for it, reading a file, without one: time would not wait for it."""
    done = loop.create_future()
    done.set_result(function(*arguments))
    return done


def message(number=MESSAGE, content=""):
    """A message of the bot's, as Discord shows it."""
    empty = ("embeds", "attachments", "mentions", "mention_roles", "components")
    return {
        "id": number, "channel_id": CHANNEL, "author": BOT, "content": content, "type": 0, "flags": 0, "pinned": False,
        "tts": False, "mention_everyone": False, "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None,
        **{name: [] for name in empty},
    }  # fmt: skip


def _answer(value):
    """JSON under the bare type that discord.py looks for."""
    return web.Response(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})


class Discord:
    """The few calls of Discord's API that the bot makes; keeps what was said."""

    def __init__(self):
        self.url = ""
        self.commands = []
        self.said = []
        self.edits = []
        self.files = []

    async def handle(self, request):
        """Answers one call."""
        method, path = request.method, request.path
        if path == "/picture.png":
            return web.Response(body=png())
        if path == "/users/@me":
            return _answer(BOT)
        if path == "/oauth2/applications/@me":
            return _answer(ABOUT)
        if path.endswith("/commands"):
            self.commands = await request.json()
            return _answer([])
        if path.endswith("/callback"):
            self.said.append((await request.json())["data"]["content"])
            resource = {"type": 4, "message": message()}
            interaction = {"id": COMMAND, "type": 2, "response_message_id": MESSAGE}
            return _answer({"interaction": interaction, "resource": resource})
        if method == "POST":
            await self._posted(request)
        elif method == "PATCH":
            self.edits.append((asyncio.get_running_loop().time(), (await request.json())["content"]))
        return _answer(message())

    async def _posted(self, request):
        """A message with or without a file."""
        if request.content_type == "application/json":
            self.said.append((await request.json())["content"])
            return
        form = await request.post()
        assert int(MESSAGE) == json.loads(form["payload_json"])["message_reference"]["message_id"]
        self.files.append(form["files[0]"].file.read())

    def command(self, limit=10_000_000):
        """What Discord says when a user gives the command."""
        attachment = {
            "id": "900", "filename": "picture.png", "size": len(png()), "url": f"{self.url}/picture.png",
            "proxy_url": f"{self.url}/picture.png", "content_type": "image/png",
        }  # fmt: skip
        options = [
            {"name": "image", "type": 11, "value": "900"},
            {"name": "prompt", "type": 3, "value": "She waves"},
        ]
        data = {"id": "1", "name": "video", "type": 1, "options": options}
        return {
            "id": COMMAND, "application_id": APPLICATION, "type": 2, "token": "token", "version": 1,
            "data": {**data, "resolved": {"attachments": {"900": attachment}}},
            "channel_id": CHANNEL, "channel": DM, "user": USER, "locale": "en-US", "entitlements": [],
            "attachment_size_limit": limit, "authorizing_integration_owners": {}, "context": 1,
        }  # fmt: skip


@pytest.fixture
async def discord(monkeypatch):
    """The server; discord.py is led to it."""
    made = Discord()
    async with serving(made.handle) as made.url:
        monkeypatch.setattr(Route, "BASE", made.url)
        yield made


async def _raise(_, error):
    """Instead of a line in the log."""
    raise error


async def run_command(bots, kling, discord, **options):
    """Logs a bot in, gives it the command and returns when its answer has ended."""
    import discord as library

    async with bots.VideoBot(kling) as bot:
        await bot.login("token")
        bot.tree.error(_raise)
        interaction = library.Interaction(data=discord.command(**options), state=bot._connection)
        await bot.tree._call(interaction)


async def test_a_command_becomes_a_video(bots, service, discord):
    """It is declared with its options; its message is edited as the task advances, and the video answers it."""
    async with client(service, max_in_flight=2) as kling:
        await run_command(bots, kling, discord)
    (declared,) = discord.commands
    assert ("video", ["image", "prompt"]) == (
        declared["name"],
        [option["name"] for option in declared["options"]],
    )
    (task,) = service.tasks
    assert (f"discord-{COMMAND}", "She waves") == (task.external_task_id, task.body["prompt"])
    (create,) = [record for record in service.requests if record.call == "create"]
    assert png() == create.body["image"]
    assert ["Queued"] == discord.said
    *texts, last = [text for _, text in discord.edits]
    assert ["submitted", "processing"] == list(dict.fromkeys(text.partition(",")[0] for text in texts))
    assert all(text.endswith(f"Task {task.task_id}") for text in [*texts, last])
    assert [b"ftyp"] == [file[4:8] for file in discord.files]


async def test_edits_keep_to_the_limit_of_a_channel(bots, service, discord):
    """At most five in any five seconds."""
    async with client(service) as kling:
        await run_command(bots, kling, discord)
    times = [at for at, _ in discord.edits]
    assert 20 < len(times)
    assert 5 >= max(sum(at <= other < at + 5 for other in times) for at in times)


async def test_a_large_video_is_sent_as_a_link(bots, service, discord):
    """Where the server does not take the file; the limit is the guild's."""
    async with client(service) as kling:
        await run_command(bots, kling, discord, limit=10)
        task = await kling.image2video.get(service.tasks[0].task_id)
    assert [] == discord.files
    assert task.videos[0].url in discord.said[-1]


async def test_a_failure_is_told(bots, service, discord):
    """In the service's words."""
    service.fail_next("policy")
    async with client(service) as kling:
        await run_command(bots, kling, discord)
    assert "policy" in discord.edits[-1][1]
    assert [] == discord.files


async def test_a_cancelled_command_keeps_the_id(bots, service, discord, caplog):
    """It stands in the message, in the log and on the exception."""
    async with client(service) as kling:
        answer = asyncio.create_task(run_command(bots, kling, discord))
        await asyncio.sleep(30)
        answer.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await answer
    task_id = service.tasks[0].task_id
    assert task_id in discord.edits[-1][1]
    assert task_id in "".join(caught.value.__notes__)
    assert task_id in caplog.text
