"""What was sent, as tests compare it: the bodies of requests, with pictures as their bytes."""

import base64
import json

import pytest

from kling_async.emulator.ledger import BODIES_KEPT, Ledger, RequestRecord
from kling_async.emulator.sent import SentPicture, sent_body

PATH = "/v1/videos/image2video"


def record(number=0):
    """A record of a create."""
    return RequestRecord("create", "POST", PATH, "", float(number), {})


@pytest.mark.anyio
async def test_a_create_shows_what_was_sent(emulate, pictures):
    """Fields as they travelled; the picture equals the file's bytes, masks at any depth too."""
    picture = pictures.png(640, 480)
    text = base64.b64encode(picture).decode()
    body = {"image": text, "prompt": "dusk", "dynamic_masks": [{"mask": text, "trajectories": []}]}
    async with emulate() as wire:
        await wire.send("POST", PATH, body=body)
        await wire.list()
        create, listing = wire.emulator.requests
    masks = [{"mask": picture, "trajectories": []}]
    assert {"image": picture, "prompt": "dusk", "dynamic_masks": masks} == create.body
    assert listing.body is None


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["error-before", "error-after", "concurrency"])
async def test_a_create_in_trouble_shows_what_was_sent(emulate, kind):
    """Whether or not the service did its work."""
    async with emulate() as wire:
        wire.emulator.fault("create", kind)
        await wire.create(prompt="dusk")
        (sent,) = wire.emulator.requests
    assert ("dusk", kind) == (sent.body["prompt"], sent.fault)


@pytest.mark.anyio
async def test_a_refused_create_shows_what_was_sent(emulate):
    """A broken rule, and a wrong bearer."""
    async with emulate() as wire:
        await wire.create(prompt="x" * 3000)
        await wire.send("POST", PATH, body={"prompt": "dusk"}, headers={"Authorization": "Bearer no"})
        long, unknown = wire.emulator.requests
    assert (400, 3000) == (long.status, len(long.body["prompt"]))
    assert (401, {"prompt": "dusk"}) == (unknown.status, unknown.body)
    assert "Authorization" not in unknown.headers


def test_a_picture_is_short_in_a_failed_assertion(pictures):
    """Its repr has format and size; the bytes are there all the same."""
    picture = pictures.png(640, 480)
    sent = sent_body(json.dumps({"image": base64.b64encode(picture).decode()}).encode())["image"]
    assert f"<SentPicture png 640x480, {len(picture)} bytes>" == repr(sent)
    assert "<SentPicture png 8 bytes>" == repr(SentPicture(picture[:8]))
    assert "<SentPicture 2 bytes>" == repr(SentPicture(b"no"))
    assert picture == sent


@pytest.mark.parametrize("text", ["/9j/ not base64", "iVBORw0KGgo", "http://127.0.0.1/a.png", "dusk"])
def test_what_is_no_picture_stays_as_it_is(text):
    """URLs, and what only begins like one."""
    assert {"image": text} == sent_body(json.dumps({"image": text}).encode())


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_text(raw):
    """Cut, not UTF-8, too deep."""
    assert raw.decode(errors="replace") == sent_body(raw)


def test_bodies_are_bounded():
    """The oldest go first; their records stay."""
    ledger, raw = Ledger(), bytes(BODIES_KEPT // 4)
    records = [record(number) for number in range(6)]
    for each in records:
        ledger.add(each)
        ledger.keep_body(each, raw)
    assert [True, True, False, False, False, False] == [each.raw_body is None for each in records]
    assert records == list(ledger.requests)
