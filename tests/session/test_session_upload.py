"""A create's body: its exact length, its slices, and files that change under our hands."""

import asyncio
import contextlib
import io
import json
import os
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from made_pictures import b64, png
from rooms_helpers import envelope, request, row, serving

from kling_async import DynamicMask, Image2VideoRequest, KlingClient, ValidationError
from kling_async.emulator import Emulator
from kling_async.session import upload
from kling_async.session.picture_bytes import READ, SLICE, SMALL
from kling_async.session.upload import prepare

pytestmark = pytest.mark.anyio

LARGEST = 10 * 1024 * 1024


async def bodied(made):
    """The upload of a request, and all its bytes."""
    ready = await prepare(made)
    return ready, b"".join([piece async for piece in ready.stream()])


def kinds(tmp_path, data):
    """One picture in each of the forms that a request takes, and whether its bytes travel."""
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    return {
        "path": path,
        "bytes": data,
        "base64": b64(data),
        "data-url": "data:image/png;base64," + b64(data),
        "read": io.BytesIO(data),
    }


@pytest.mark.parametrize("kind", ["path", "bytes", "base64", "data-url", "read"])
@pytest.mark.parametrize("padding", [0, 1, 2, 3, SLICE - 2000, SLICE, 3 * SLICE + 1])
async def test_the_length_is_that_of_what_is_streamed(tmp_path, kind, padding):
    """For every kind of picture, at sizes around a slice and with each remainder by 3."""
    data = png(padding=padding)
    made = Image2VideoRequest(image=kinds(tmp_path, data)[kind], prompt='say "ä"')
    ready, body = await bodied(made)
    assert len(body) == ready.length == sum(ready.sizes)
    assert {"image": b64(data), "prompt": 'say "ä"'} == json.loads(body)


async def test_all_pictures_of_a_request_travel(tmp_path):
    """Masks and tails too, each in its own place, one file in several of them."""
    mask, image = png(512, 512, padding=5), png(512, 512, padding=99)
    path = tmp_path / "mask.png"
    path.write_bytes(mask)
    moving = [
        DynamicMask(mask=path, trajectories=[(1, 2), (3, 4)]),
        DynamicMask(mask=mask, trajectories=[(5, 6), (7, 8)]),
    ]
    made = Image2VideoRequest(model_name="kling-v1", image=image, static_mask=path, dynamic_masks=moving)
    ready, body = await bodied(made)
    sent = json.loads(body)
    assert len(body) == ready.length
    assert b64(image) == sent["image"]
    assert [b64(mask)] * 3 == [sent["static_mask"], *(each["mask"] for each in sent["dynamic_masks"])]


async def test_the_body_streams_any_number_of_times(tmp_path):
    """A create that is signed anew or sent again has the same bytes."""
    made = Image2VideoRequest(image=kinds(tmp_path, png())["path"])
    ready, body = await bodied(made)
    assert body == b"".join([piece async for piece in ready.stream()])


async def test_a_url_is_all_that_travels_of_it():
    """Nothing is examined; the body is one piece."""
    ready, body = await bodied(request())
    assert 1 == len(ready.pieces)
    assert "https://pictures.example/a.png" == json.loads(body)["image"]


@pytest.mark.parametrize("kind", ["path", "bytes", "base64"])
async def test_ten_megabytes_go_in_slices(tmp_path, kind):
    """So many slices as the size says; none is larger than one, and the parts join to the file."""
    data = png(padding=LARGEST - 2000)
    made = Image2VideoRequest(image=kinds(tmp_path, data)[kind])
    ready = await prepare(made)
    lengths = [len(piece) async for piece in ready.stream()]
    assert max(lengths) <= SLICE // 3 * 4
    assert ready.length == sum(lengths)
    assert len(data) // SLICE <= len(lengths) <= len(data) // SLICE + 4


@pytest.mark.parametrize("kind", ["path", "bytes", "base64"])
async def test_no_slice_holds_the_loop(tmp_path, kind):
    """Ten megabytes: the longest step stays far below what encoding all at once costs (45 ms and more)."""
    data = png(padding=LARGEST - 2000)
    made = Image2VideoRequest(image=kinds(tmp_path, data)[kind])
    ready = await prepare(made)
    steps, begun = [], time.thread_time()  # the loop's own CPU time: other processes do not count
    async for _ in ready.stream():
        steps.append(time.thread_time() - begun)
        begun = time.thread_time()
    assert max(steps) < 0.02


async def test_looking_at_a_picture_never_holds_the_loop():
    """Ten megabytes of base64 text are checked in another thread."""
    made = Image2VideoRequest(image=b64(png(padding=LARGEST - 2000)))
    begun = time.thread_time()
    await prepare(made)
    assert time.thread_time() - begun < 0.02
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize("kind", ["path", "bytes", "base64"])
async def test_the_loop_runs_between_slices(tmp_path, kind):
    """Also if whoever takes them never waits: a socket can take ten megabytes at once."""
    made = Image2VideoRequest(image=kinds(tmp_path, png(padding=20 * SLICE))[kind])
    ready = await prepare(made)
    turns, done = [], asyncio.Event()

    async def count():
        while not done.is_set():
            turns.append(1)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(count())
        slices = len([piece async for piece in ready.stream()])
        done.set()
    assert len(turns) >= slices - 3


@pytest.mark.parametrize(
    ("kind", "size", "to_prepare", "to_send"),
    [
        ("path", 100_000, 1, 1),
        ("path", SMALL, 1, 1),
        ("path", 10 * READ, 1, 11),
        ("bytes", 100_000, 0, 0),
        ("base64", 100_000, 0, 0),
        ("bytes", 10 * READ, 1, 0),
        ("base64", 10 * READ, 1, 0),
    ],
)
async def test_threads_are_asked_seldom(tmp_path, monkeypatch, kind, size, to_prepare, to_send):
    """One hop for all pictures of a request, one for a small file's send, one for each read of a large file."""
    data = png(padding=size - len(png(padding=1)) + 1)
    made = Image2VideoRequest(image=kinds(tmp_path, data)[kind])
    hops = []

    async def counted(work, *arguments):
        hops.append(work)
        return work(*arguments)

    monkeypatch.setattr("kling_async.session.picture_bytes.to_thread.run_sync", counted)
    assert size == len(data)
    ready = await prepare(made)
    assert to_prepare == len(hops)
    await drain(ready, [])
    assert to_prepare + to_send == len(hops)


async def test_a_prepared_file_is_not_in_memory(tmp_path):
    """A hundred jobs that wait hold a hundred names, however small their files are."""
    path = tmp_path / "picture.png"
    path.write_bytes(png(padding=200_000))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        waiting = [await prepare(Image2VideoRequest(image=path)) for _ in range(100)]
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 100 == len(waiting)
    assert held < 1_000_000


async def drain(ready, sent):
    """Notes the lengths of all that is streamed."""
    async for piece in ready.stream():
        sent.append(len(piece))


CHANGES = {
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x" * 4),
    "much longer": lambda path: path.write_bytes(path.read_bytes() + b"x" * 3 * SLICE),
    "shorter": lambda path: path.write_bytes(path.read_bytes()[:-4]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("size", [SLICE, 4 * SLICE])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changed_is_noticed_before_its_last_byte(tmp_path, change, size):
    """Never more bytes than announced, never a whole body; a `ValidationError` that names the file."""
    path = tmp_path / "picture.png"
    path.write_bytes(png(padding=size))
    made = Image2VideoRequest(image=path)
    ready = await prepare(made)
    CHANGES[change](path)
    sent = []
    with pytest.raises(ValidationError, match=r"picture\.png"):
        await drain(ready, sent)
    assert sum(sent) < ready.length


def is_open(path):
    """Whether this process holds the file."""
    held = Path("/proc/self/fd")
    return any(os.path.realpath(one) == str(path) for one in held.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed on Linux alone")
@pytest.mark.parametrize("change", ["longer", "shorter", "as it is"])
async def test_no_file_stays_open_after_its_stream(tmp_path, change):
    """However the stream ended, and without waiting for a garbage collector."""
    path = tmp_path / "picture.png"
    path.write_bytes(png(padding=2 * SLICE))
    made = Image2VideoRequest(image=path)
    ready = await prepare(made)
    CHANGES.get(change, lambda _: None)(path)
    with contextlib.suppress(ValidationError):
        await drain(ready, [])
    assert not is_open(path)


@pytest.mark.parametrize("change", ["longer", "shorter", "gone"])
async def test_a_file_that_changed_ends_its_create_at_once(tmp_path, change, monkeypatch):
    """Half a body makes no task: the error comes out as it is, no look-up, no second create."""
    path = tmp_path / "picture.png"
    path.write_bytes(png(padding=SLICE))
    prepared = upload.prepare

    async def spoiled(*args):
        ready = await prepared(*args)
        if path.is_file():
            CHANGES[change](path)
        return ready

    monkeypatch.setattr("kling_async.jobs.job.prepare", spoiled)
    async with Emulator(render=False) as service:
        keys = (service.access_key, service.secret_key)
        async with KlingClient(*keys, base_url=service.url, submit_timeout=0.5) as kling:
            with pytest.raises(ValidationError, match=r"picture\.png"):
                await kling.image2video.create(image=path)
        assert ([], 0) == (service.tasks, service.counts["get"])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), r"picture\.png"),
        (lambda path: path.write_bytes(b""), "image"),
        (lambda path: path.write_bytes(b"GIF89a" + b"\0" * 99), "image"),
        (lambda path: path.write_bytes(png()[:-20]), "image"),
    ],
    ids=["missing", "directory", "empty", "gif", "cut"],
)
async def test_files_that_are_no_pictures_are_said_before_anything_is_sent(tmp_path, make, says):
    """With the field's path and what is wrong."""
    path = tmp_path / "picture.png"
    make(path)
    made = Image2VideoRequest(image=path)
    with pytest.raises(ValidationError, match=says):
        await prepare(made)


async def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    """It is not a regular file."""
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    made = Image2VideoRequest(image=Path(path))
    with pytest.raises(ValidationError, match="regular"):
        await prepare(made)


async def test_the_service_gets_what_was_announced(tmp_path):
    """On the wire: `Content-Length`, no chunks, and the picture's bytes."""
    seen = []

    async def handle(got):
        body = await got.read()
        seen.append(
            (
                got.headers.get("Content-Length"),
                got.headers.get("Transfer-Encoding"),
                len(body),
                json.loads(body),
            )
        )
        return envelope(row("7"))

    data = png(padding=2 * SLICE)
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    async with serving(handle) as url, KlingClient("a" * 32, "s" * 32, base_url=url) as kling:
        for number, picture in enumerate((path, data, b64(data))):
            await kling.image2video.create(image=picture, external_task_id=f"mine-{number}")
    assert 3 == len(seen)
    for number, (announced, transfer, length, body) in enumerate(seen):
        assert (str(length), None) == (announced, transfer)
        assert {"image": b64(data), "external_task_id": f"mine-{number}"} == body
