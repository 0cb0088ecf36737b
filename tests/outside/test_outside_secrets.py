"""A server that sends the token back gets it into no result, error, traceback or log."""

import logging
import traceback
from contextlib import suppress

import pytest
from outside_server import API_KEY, Reply, Server, Trouble, raw, says

from kling_async import KlingError

pytestmark = pytest.mark.anyio


def bare(text):
    """Bytes that are no answer of the service, or of nobody."""
    return Trouble(work=False, reply=text)


PLACES = {
    "status line": lambda token: bare(b"HTTP/9.9 " + token + b"\r\n\r\n"),
    "no HTTP": lambda token: bare(token + b"\r\n\r\n"),
    "a header that cannot be read": lambda token: bare(b"HTTP/1.1 200 OK\r\nbad " + token + b"\r\n\r\n"),
    "a header, then the end": lambda token: bare(b"HTTP/1.1 200 OK\r\nX: " + token * 30 + b"\r\n\r\n"),
    "the length": lambda token: bare(b"HTTP/1.1 200 OK\r\nContent-Length: " + token + b"\r\n\r\n"),
    "a chunk's size": lambda token: bare(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + token + b"\r\n"
    ),
    "location": lambda token: raw(b"", status=302, headers={"Location": token.decode()}),
    "retry": lambda token: says(1302, "x", status=429, headers={"Retry-After": token.decode()}),
    "a refusal": lambda token: says(1002, f"bad {token.decode()}!", status=401),
    "half of it": lambda token: says(1002, token[: len(token) * 3 // 4].decode(), status=401),
    "an internal error": lambda token: says(5000, token.decode(), status=500),
    "HTML": lambda token: raw(b"<p>" + token, status=502),
    "broken JSON": lambda token: raw(b'{"code":0,"data":{"task_id":' + token),
    "the status": lambda token: says(0, "", status=200, data={"task_id": "T", "task_status": token.decode()}),
    "the reason": lambda token: says(
        0,
        "",
        status=200,
        data={"task_id": "T", "task_status": "failed", "task_status_msg": token.decode()},
    ),
}


@pytest.mark.parametrize("api_key", [None, API_KEY], ids=["key pair", "API key"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_token_that_is_sent_back_shows_nowhere(connect, caplog, place, api_key):
    """Wherever in an answer the token stands, no text that the caller gets has more than its first half."""
    caplog.set_level(logging.DEBUG)
    shown, tokens = [], set()

    def echo(seen):
        token = seen.header("Authorization").removeprefix("Bearer ")
        tokens.add(token)
        return place(token.encode())

    async with Server() as server, connect(server, api_key=api_key, submit_timeout=20) as kling:
        server.weather = echo
        calls = [
            kling.check_credentials,
            lambda: kling.image2video.get("T"),
            lambda: kling.image2video.wait_for_task("T", timeout=30),
            lambda: kling.image2video.create(image="https://pictures.example/a.jpg"),
        ]
        for call in calls:
            try:
                shown += [repr(task := await call()), repr(task and task.raw)]
            except KlingError as error:
                frames = traceback.TracebackException.from_exception(error, capture_locals=True)
                frames.stack = traceback.StackSummary.from_list(
                    [frame for frame in frames.stack if "kling_async" in frame.filename]
                )
                shown += [repr(error), *frames.format()]
    text = "".join([*shown, caplog.text])
    assert [] == [token for token in tokens if token[: len(token) * 2 // 3] in text]


async def test_other_texts_stay_as_they_are(connect):
    """A signed URL in an answer is left alone, though its token begins as ours does."""
    async with Server(duration=0) as server, connect(server) as kling:
        signed = "https://files.example/v.mp4?token=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln"
        server.video_url = lambda _: signed
        task = await kling.image2video.generate(image="https://pictures.example/a.jpg")
        assert signed == task.videos[0].url


async def test_redirect_takes_no_token_elsewhere(connect):
    """A redirect of a call to another host is not followed."""
    async with Server() as server, Server() as elsewhere, connect(server) as kling:
        for status in (301, 302, 303, 307, 308):
            server.on("any", Trouble(work=False, reply=Reply(status, headers={"Location": elsewhere.url})))
            with suppress(KlingError):
                await kling.image2video.get("T")
        assert [] == elsewhere.requests


async def test_broken_off_headers_are_not_quoted(connect, tmp_path):
    """An answer that breaks off in its headers leaves none of them in the error; a signed URL can be among them."""
    async with Server(duration=0) as server, connect(server) as kling:
        task = await kling.image2video.generate(image="https://pictures.example/a.jpg")
        reply = Reply(200, b"x", {"X-Origin": "https://files.example/?signature=abc", "X-More": "1" * 50})
        server.on("file", Trouble(work=False, reply=reply, cut=100), 99)
        with pytest.raises(KlingError) as caught:
            await kling.download(task, tmp_path / "a.mp4")
        assert "signature" not in str(caught.value)
        assert "closed the connection" in str(caught.value)
