"""What guards of other packages say: npm's ai about result URLs, npm's standardwebhooks about signatures."""

import json
import time

import aiohttp
import pytest
from aiohttp import web
from rooms_helpers import serving

from kling_async.callbacks import verify_signature
from kling_async.emulator import AtOnce, Emulator
from kling_async.errors import CallbackSignatureError

pytestmark = pytest.mark.anyio

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
PATH = "/v1/videos/text2video"


async def created(service, **fields):
    """A new task, polled once."""
    headers = {"Authorization": f"Bearer {service.api_key}"}
    async with aiohttp.ClientSession(service.url, headers=headers) as session:
        async with session.post(PATH, json={"prompt": "rain", **fields}) as response:
            task_id = (await response.json())["data"]["task_id"]
        async with session.get(f"{PATH}/{task_id}") as response:
            return (await response.json())["data"]


async def result_urls(**options):
    """The URLs of a finished task's files, the marked one too."""
    async with Emulator(render=False, advance=AtOnce(), **options) as service:
        task = await created(service, watermark_info={"enabled": True})
    video = task["task_result"]["videos"][0]
    return [video["url"], video["watermark_url"]]


async def test_result_urls_pass_the_download_guard_under_a_public_name(node):
    """On 127.0.0.1 they are refused, as they would be by those who use the emulator without `public_url`."""
    private = await result_urls()
    public = await result_urls(public_url="https://kling.example")
    verdicts = await node("download_guard.mjs", [*private, *public])
    assert all("127.0.0.1 is not allowed" in verdict for verdict in verdicts[:2])
    assert ["passes"] * 2 == verdicts[2:]


async def test_signatures_are_those_of_standard_webhooks(node):
    """It verifies what the emulator signed, and refuses a changed body; we verify what it signed."""
    received = []

    async def receive(request):
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        headers = {name: request.headers[name] for name in names}
        received.append({"body": (await request.read()).decode(), "headers": headers})
        return web.Response()

    async with serving(receive) as url:
        async with Emulator(render=False, advance=AtOnce(), webhook_secret=SECRET) as service:
            await created(service, callback_url=url)
            await service.fast_forward(0)  # returns when the callbacks are sent
    now = int(time.time())
    forged = {**received[-1], "body": received[-1]["body"] + " "}
    answer = await node(
        "webhooks.mjs",
        {"secret": SECRET, "body": '{"a":1}', "id": "7", "timestamp": now, "received": [*received, forged]},
    )
    assert [json.loads(each["body"])["task_status"] for each in received] == answer["verified"][:-1]
    assert "WebhookVerificationError" == answer["verified"][-1]
    theirs = {"webhook-id": "7", "webhook-timestamp": str(now), "webhook-signature": answer["signature"]}
    verify_signature(b'{"a":1}', theirs, SECRET)
    with pytest.raises(CallbackSignatureError):
        verify_signature(b'{"a":2}', theirs, SECRET)
