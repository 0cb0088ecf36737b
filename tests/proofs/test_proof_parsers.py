"""Parsers are total: whatever arrives, a value or one of our errors; and a bomb costs next to nothing.

The inputs are generated from seeds in a plain loop, which is a hundred times faster than a shrinking search: honest
values with one place spoilt, their bytes bent, and noise. More than 100,000 in CI, ten million in the long run.
"""

import asyncio
import json
import random
import sys
from pathlib import Path

import pytest
from made_pictures import png
from proofs.journal_tools import environment
from yarl import URL

from kling_async import KlingError, callbacks
from kling_async.emulator import AtOnce, Emulator
from kling_async.emulator.trouble.spoil import mutate
from kling_async.errors import harmless
from kling_async.jobs.transfer import continues, next_hop
from kling_async.schema import rules, wire
from kling_async.schema.task import read_task
from kling_async.session import auth, retry
from kling_async.session.addresses import check_url
from kling_async.session.http import Transport

CI_INPUTS, LONG_INPUTS = 120_000, 10_000_000
LARGEST_COST = 16 * 1024 * 1024
"""Bytes of memory that a bomb may cost."""

BOMB_MEGABYTES = 1024
BLOCK = 50
"""So many inputs share a seed, by which a failure can be had again."""

WORKER = Path(__file__).with_name("bomb_worker.py")

VIDEO = {
    "id": "v-1",
    "url": "https://cdn.example/bs2/1.mp4",
    "duration": "5.1",
    "watermark_url": "https://w.example",
}
TASK = {
    "task_id": "867283741759111202",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "ka-1"},
    "task_result": {"videos": [VIDEO]},
    "created_at": 1739744384259,
    "updated_at": 1739744621359,
}
NEWER = {
    "id": "1234567890",
    "status": "succeeded",
    "message": "",
    "create_time": 1781080778802,
    "update_time": 1781080794151,
    "external_id": "x",
    "outputs": [VIDEO],
}
ENVELOPE = {"code": 0, "message": "SUCCEED", "request_id": "r-1"}
ANSWERS = [
    {**ENVELOPE, "data": TASK},
    {**ENVELOPE, "data": [TASK, TASK]},
    {"code": 1303, "message": "parallel task over resource pack limit", "request_id": "r-2"},
]
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": "1781080794",
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4= v1,AAAA",
}
SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
SIGNED = b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
MOMENTS = [253402300799999, -62135596800000, 10**18, 1e308, -1, 0, "253402300799999", "1e400", "nan", "٣"]
NUMBERS = [10**25, -(10**400), 1e308, float("inf"), float("nan"), 2**63, -(2**63) - 1, -0.0]
TOKENS = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"\\ud800"', b'"\\udc00\\ud800"', b"[" * 600, b'{"a":' * 600, b"[" * 200_000,
    b"1" * 5000, b"-", b"1e999", b"NaN", b"-Infinity", b"null", b"true", b"{}", b"[]", b'""', b",", b"}", b"\xed\xa0\x80",
    "\u202e\u2066".encode(), b'"\\u0000\\u001b[31m"', b"/*", b"'", b"0x10", b"\\",
]  # fmt: skip
DATES = [
    "Wed, 21 Oct 2026 07:28:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 21 Oct 99999 07:28:00 GMT", "120", "-1", "1e3",
    "٣", "²", "9" * 400, "Wed, 21 Oct 2026 07:28:00 +9999", "Wed, 99 Oct 2026 99:99:99 GMT", "Mon, 01 Jan 0001 00:00:00 +2359",
    "Fri, 31 Dec 9999 23:59:59 -2359", "", " ", "0", "21 Oct 26", "Wed Oct 21 07:28:00 2026", "infinity",
]  # fmt: skip
RANGES = [
    "bytes 0-9/10",
    "bytes 5-9/*",
    "bytes */10",
    "bytes 9-5/1",
    f"bytes {'9' * 30}-1/2",
    "items 0-1/2",
    "",
    "bytes ٣-٤/٥",
]
PLACES = [
    "https://cdn.example/a.mp4", "/b.mp4", "//host/x", "http://127.0.0.1:99999/", "https://[::1", "https://[fe80::1%25eth0]/",
    "javascript:alert(1)", "https://user:pw@h/", "\x00", "https://xn--a.example", "https://\u202e.example/", "http:///", "?#",
    "https://h:٣/", "https://h:-1/", "https://" + "a" * 300, "http://1.2.3.4.5/", "file:///etc/passwd", "https://h/%zz%",
]  # fmt: skip
BASES = ["https://api.klingai.com", "http://127.0.0.1:8787"]
"""Base URLs: a public service, and an emulator beside the client."""

NAMES = [
    "ka-1",
    "../../etc/passwd",
    "a/b?c#d",
    "%2e%2e",
    "\x00",
    "CON",
    "…",
    "\ud800",
    "a" * 5000,
    "",
    " ",
    "\u202egpj",
]


def bent(chance, text):
    """A text or bytes with a few places changed, cut, doubled or strewn with what parsers dislike."""
    is_text = isinstance(text, str)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
        at, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
        if is_text:
            put = chance.choice(
                (chr(chance.randrange(0x250)), chr(chance.choice((0xD800, 0x202E, 0x1F600))), "9" * 20, "")
            )
        else:
            put = chance.choice(TOKENS) if chance.random() < 0.3 else bytes((chance.randrange(256),))
        text = text[:at] + put + text[chance.choice((at, at, at + 1, end)) :]
    return text


def spoilt(chance, honest):
    """Bytes of an honest JSON value with a place replaced, bent, or noise."""
    kind = chance.random()
    if kind < 0.04:
        return chance.randbytes(chance.randrange(200))
    if kind < 0.08:
        return chance.choice(TOKENS)
    if kind < 0.3:
        honest = _with(chance, honest, chance.choice(MOMENTS + NUMBERS))
    elif kind < 0.8:
        honest = mutate(honest, chance)
    raw = json.dumps(honest, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return raw if kind < 0.6 else bent(chance, raw)


def _with(chance, honest, value):
    """A copy of an answer or a callback with one of its numbers exchanged."""
    copy = json.loads(json.dumps(honest))
    inner = copy.get("data", copy)
    inner = inner[0] if isinstance(inner, list) else inner
    inner[
        chance.choice(("created_at", "updated_at", "create_time", "update_time", "task_id", "id", "code"))
    ] = value
    return copy


def answers(chance):
    """An answer's body, and everything that is read from it."""
    envelope = wire.read_envelope(
        spoilt(chance, chance.choice(ANSWERS)), http_status=chance.choice((200, 429, 502))
    )
    rows = wire.read_tasks(envelope) if isinstance(envelope.data, list) else [envelope.data]
    for row in rows:
        used(read_task(row, request_id=envelope.request_id))


def used(task):
    """A task as its callers use it: every property, its repr, and the journal's text of it."""
    assert repr(task)
    assert task.task_id
    assert task.is_terminal in {True, False}
    assert task.expires_at is None or task.updated_at is not None
    assert read_task(json.loads(json.dumps(dict(task.raw)))).task_id
    assert all(isinstance(video.url, str) for video in task.videos)


def callback_bodies(chance):
    """A callback's body, of both shapes."""
    used(callbacks.read_callback(spoilt(chance, chance.choice((TASK, NEWER)))))


def callback_signatures(chance):
    """A callback's headers and secret."""
    headers = {bent(chance, name): bent(chance, value) for name, value in HEADERS.items()}
    headers = HEADERS if chance.random() < 0.3 else headers
    secret = SECRET if chance.random() < 0.5 else bent(chance, SECRET)
    body = SIGNED if chance.random() < 0.9 else bent(chance, SIGNED)
    now = chance.choice((1781080794.0, 1781080794.0, float("nan"), -1e300))
    callbacks.verify_signature(body, headers, secret, now=now)


def retry_afters(chance):
    """A `Retry-After` header."""
    seconds = retry.read_retry_after(bent(chance, chance.choice(DATES)), 1_790_000_000.0)
    assert seconds is None or 0 <= seconds <= retry.MAX_RETRY_AFTER


def dates(chance):
    """A `Date` header, as the signer takes the service's clock from it."""
    moment = auth._unix_time(bent(chance, chance.choice(DATES)))
    assert moment is None or moment > 0


def content_ranges(chance):
    """A `Content-Range` header, as a download that goes on reads it."""
    length = chance.choice([None, 5, 10**20])
    assert continues(206, bent(chance, chance.choice(RANGES)), 5, length) in {True, False}


def places(chance):
    """A URL that the service gives, and a `Location` that a file server sends."""
    url = check_url("the video's URL", bent(chance, chance.choice(PLACES)))
    assert "https" == url.scheme or url.host
    transport = Transport(URL(chance.choice(["https://api.example", "http://127.0.0.1"])))
    hop = next_hop(transport, url, bent(chance, chance.choice(PLACES)))
    assert hop.scheme in {"http", "https"}


def names(chance):
    """An id as it goes into a path: it stays one segment of it."""
    name = bent(chance, chance.choice(NAMES))
    rules.raise_any([*rules.required("task", name), *rules.task_id("task", name)])
    path = wire.task_path("/v1/videos/image2video", name)
    assert path.startswith("/v1/videos/image2video/")
    assert not set("/?# \x00\n") & set(path.rpartition("image2video/")[2])


def shown_texts(chance):
    """A server's text on its way to a log or a terminal."""
    text = harmless(bent(chance, chance.choice((*NAMES, *PLACES, "\x1b]0;x\x07"))), 50)
    assert len(text) <= 50
    assert text.isprintable() or not set(text) & {"\x1b", "\x07", "\x00", "\n", "\u202e", "\ud800"}


PARSERS = {
    answers: 0.35,
    callback_bodies: 0.2,
    callback_signatures: 0.1,
    retry_afters: 0.08,
    dates: 0.08,
    content_ranges: 0.06,
    places: 0.05,
    names: 0.04,
    shown_texts: 0.04,
}
"""Each parser's share of the inputs."""


def feed(parser, inputs, seed):
    """Feeds a parser; returns how many inputs it took and how many it refused with an error of ours."""
    refused = 0
    chance = random.Random()
    for number in range(inputs):
        if number % BLOCK == 0:
            chance.seed(f"{seed} {number // BLOCK}")
        try:
            parser(chance)
        except KlingError as error:
            refused += bool(str(error))
        except Exception as error:
            raise AssertionError(
                f"{parser.__name__}, seed {seed}, block {number // BLOCK}: {error!r}"
            ) from error
    return inputs, refused


@pytest.mark.parametrize("parser", PARSERS)
def test_generated_inputs_end_in_a_value_or_our_error(parser):
    """More than 100,000 inputs over all parsers, and no foreign exception."""
    taken, refused = feed(parser, int(CI_INPUTS * PARSERS[parser]), seed=6)
    assert refused < taken


def test_more_than_a_hundred_thousand_inputs_are_generated_in_ci():
    """The figure that is promised."""
    assert sum(int(CI_INPUTS * share) for share in PARSERS.values()) >= 100_000


def test_the_plain_json_parser_is_as_total(monkeypatch):
    """Without the extra `fast` the standard library's parser reads the answers."""
    monkeypatch.setattr(wire, "orjson", None)
    feed(answers, 5_000, seed=7)
    feed(callback_bodies, 5_000, seed=7)


def test_a_parser_that_is_not_total_is_found(monkeypatch):
    """The control: with its guard against endless nesting gone, the loop finds the parser out."""
    monkeypatch.setattr(wire, "parse", json.loads)
    monkeypatch.setattr(wire, "_malformed", lambda *_: ValueError("not ours"))
    with pytest.raises(AssertionError, match="not ours"):
        feed(answers, 2_000, seed=6)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_million_generated_inputs(capsys):
    """The long run of the same."""
    total = refused = 0
    for parser, share in PARSERS.items():
        figures = feed(parser, int(LONG_INPUTS * share), seed=1)
        total, refused = total + figures[0], refused + figures[1]
    with capsys.disabled():
        sys.stdout.write(f"\n{total} inputs, {refused} refused with our errors, 0 foreign exceptions\n")
    assert total >= LONG_INPUTS


@pytest.mark.anyio
@pytest.mark.parametrize("call", ["create", "get", "list", "download"])
async def test_a_bomb_of_a_gigabyte_costs_next_to_nothing(call, tmp_path):
    """A gzipped gigabyte on any call ends in an error of ours and costs less than 16 MB, measured from outside.

    On a create the outcome is unknown after it, so the task is looked up and found; there the error is none.
    """
    async with Emulator(render=False, advance=AtOnce()) as emulator:
        spec = await _bombed(emulator, call, tmp_path)
        keys = {"KLING_ACCESS_KEY": emulator.access_key, "KLING_SECRET_KEY": emulator.secret_key}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(WORKER),
            json.dumps(spec),
            stdout=asyncio.subprocess.PIPE,
            env=environment(**keys),
        )
        while not (tmp_path / "ready").exists():  # noqa: ASYNC110 - another process tells it, by a file
            await asyncio.sleep(0.01)
        emulator.fault(call, "gzip-bomb", times=None, megabytes=BOMB_MEGABYTES)
        (tmp_path / "armed").touch()
        told = json.loads((await process.communicate())[0])
        assert emulator.injected[call, "gzip-bomb"] >= 1
    assert ERRORS[call] == told["error"]
    assert told["cost"] < LARGEST_COST, f"{told['cost'] / 1e6:.1f} MB"
    assert (call == "download") == (tmp_path / "v.mp4").exists(), "the honest file stays, half a one never"
    assert [] == list(tmp_path.glob(".*.part*"))


ERRORS = {
    "create": None,
    "get": "MalformedResponseError",
    "list": "MalformedResponseError",
    "download": "DownloadError",
}


async def _bombed(emulator, call, folder):
    """What the process is to do; for a look there is a task, for a download its video."""
    from kling_async import Image2VideoRequest, KlingClient

    async with KlingClient(emulator.access_key, emulator.secret_key, base_url=emulator.url) as kling:
        task = await kling.image2video.generate(Image2VideoRequest(image=png()), timeout=5)
    video = f"{emulator.url}{task.videos[0].url.removeprefix(emulator.url)}"
    return {"call": call, "url": emulator.url, "folder": str(folder), "task": task.task_id, "video": video}
