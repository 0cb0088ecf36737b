"""What can go wrong on the way to the disk: errors, cancellations and closing leave a clear text and nothing else."""

import asyncio
import errno
import os
import resource
from pathlib import Path

import pytest
from file_server import File, FileServer, mp4
from rooms_helpers import CancelledAt
from yarl import URL

from kling_async.errors import ConfigurationError, DownloadError
from kling_async.jobs import download, partial, transfer
from kling_async.jobs.download import Downloader
from kling_async.jobs.in_thread import in_thread
from kling_async.session.http import Transport

pytestmark = pytest.mark.anyio

A = mp4(1)
JPEG, PNG, WEBP = (
    b"\xff\xd8\xff\xe0" + b"j" * 99,
    b"\x89PNG\r\n\x1a\n" + b"p" * 99,
    b"RIFF\x10\0\0\0WEBPVP8 " + b"w" * 99,
)
WEBM, MP3, WAV = (
    b"\x1a\x45\xdf\xa3" + b"m" * 99,
    b"ID3\x04" + b"3" * 99,
    b"RIFF\x10\0\0\0WAVEfmt " + b"v" * 99,
)
HTML, JSON = b"<!DOCTYPE html>" + b"h" * 99, b'{"code": 1}'


@pytest.fixture
async def server():
    """One whole result."""
    async with FileServer({"/a": File(A)}) as running:
        yield running


def listed(folder):
    """The names in the folder."""
    return sorted(each.name for each in folder.iterdir())


def open_files():
    """How many descriptors this process has open."""
    return len(listed(Path("/proc/self/fd")))


async def refused(server, downloader, target):
    """The error of a download, which sent nothing."""
    with pytest.raises(DownloadError) as caught:
        await downloader.fetch(server.url + "/a", target)
    assert [] == server.requests
    return str(caught.value)


async def test_a_target_that_is_a_folder_is_refused(server, downloader, tmp_path):
    """By its name, before anything is sent; a link to a folder as well."""
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    for target in (tmp_path, tmp_path / "link"):
        assert f"{target} is a folder; name a file" == await refused(server, downloader, target)
    assert ["link"] == listed(tmp_path)


async def test_a_folder_that_does_not_exist_is_named(server, downloader, tmp_path):
    """It is not created: a misspelt path is an error."""
    said = await refused(server, downloader, tmp_path / "none" / "a.mp4")
    assert f"{tmp_path}/none/a.mp4 cannot be written: No such file or directory" == said


async def test_a_file_in_the_place_of_the_folder_is_named(server, downloader, tmp_path):
    """The text says that it is not a folder."""
    (tmp_path / "file").write_bytes(b"")
    assert f"{tmp_path}/file is not a folder" == await refused(
        server, downloader, tmp_path / "file" / "a.mp4"
    )


async def test_a_target_that_is_no_file_is_refused(server, downloader, tmp_path):
    """A pipe (or a device) is not replaced by a video."""
    os.mkfifo(tmp_path / "a.mp4")
    assert f"{tmp_path}/a.mp4 is not a file" == await refused(server, downloader, tmp_path / "a.mp4")


async def test_a_folder_that_cannot_be_written_to_is_named(server, downloader, tmp_path, monkeypatch):
    """The rights are asked for, since root may write anywhere and a test often is root."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} cannot be written to" == await refused(server, downloader, tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["a\0.mp4", "a" * 256])
async def test_a_name_that_cannot_be_is_a_clear_error(server, downloader, tmp_path, name):
    """Ours, whatever the system calls it."""
    with pytest.raises(DownloadError, match=r"cannot be"):
        await downloader.fetch(server.url + "/a", tmp_path / name)
    assert [] == listed(tmp_path)


async def test_the_check_before_a_job_finds_the_same(downloader, tmp_path):
    """`check` refuses what `fetch` would, and leaves nothing."""
    with pytest.raises(DownloadError, match="is a folder"):
        await downloader.check(tmp_path)
    await downloader.check(tmp_path / "a.mp4")
    assert [] == listed(tmp_path)


@pytest.mark.parametrize("step", ["write", "fsync", "replace", "ftruncate", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES])
async def test_a_disk_that_refuses_is_named(server, downloader, tmp_path, monkeypatch, step, number):
    """The target and the reason, the old file untouched, nothing else left."""

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.mp4").write_bytes(b"old")
    owner = partial if step == "replace" else partial.os
    monkeypatch.setattr(owner, "rename" if step == "replace" else step, refuse)
    with pytest.raises(DownloadError, match=f"a.mp4 cannot be written: {os.strerror(number)}") as caught:
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    monkeypatch.undo()
    assert isinstance(caught.value.__cause__, OSError)
    assert b"old" == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == listed(tmp_path)


async def test_a_disk_that_is_really_full_is_named(server, downloader, tmp_path):
    """A file-size limit of the system's stops the writing in the middle of a chunk."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(DownloadError, match="File too large"):
            await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [] == listed(tmp_path)


async def test_a_write_that_takes_only_a_part_is_gone_on_with(server, downloader, tmp_path, monkeypatch):
    """The system may write less than it was given."""
    plain = os.write
    monkeypatch.setattr(partial.os, "write", lambda file, data: plain(file, data[: max(1, len(data) // 2)]))
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    monkeypatch.undo()
    assert (len(A), A) == (fetched.size, (tmp_path / "a.mp4").read_bytes())


async def test_a_download_cancelled_at_any_point_leaves_nothing_behind(server, downloader, tmp_path):
    """At each of its suspension points: the old file or the whole new one, no temporary file, no open descriptor."""
    before = open_files()
    points = 0
    while True:
        target = tmp_path / f"{points}.mp4"
        cancelling = CancelledAt(points + 1)
        if not await cancelling.strikes(downloader.fetch(server.url + "/a", target)):
            break
        points += 1
        assert listed(tmp_path) in ([], [target.name]), f"after {points} suspensions"
        if target.exists():
            assert A == target.read_bytes()
            target.unlink()
        assert open_files() <= before + 4, "sockets of the pool, and no more"
    assert points > 5
    assert A == target.read_bytes()


@pytest.mark.parametrize("scope", ["task", "timeout", "anyio"])
async def test_a_cancelled_download_leaves_nothing(server, downloader, tmp_path, scope):
    """While the server sends nothing, by each kind of cancellation."""
    import anyio

    server.files["/a"].stop_after = 1000
    fetch = downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    if scope == "anyio":
        with anyio.move_on_after(0.2):
            await fetch
    elif scope == "timeout":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await fetch
    else:
        job = asyncio.ensure_future(fetch)
        await asyncio.wait_for(server.stopped.wait(), 10)
        job.cancel()
        await asyncio.wait([job])
        assert job.cancelled()
    assert [] == listed(tmp_path)


async def test_closing_the_client_ends_a_download_and_leaves_nothing(server, tmp_path):
    """With an error that says so."""
    server.files["/a"].stop_after = 1000
    transport = Transport(URL(server.url))
    job = asyncio.ensure_future(Downloader(transport).fetch(server.url + "/a", tmp_path / "a.mp4"))
    await asyncio.wait_for(server.stopped.wait(), 10)
    await transport.aclose()
    with pytest.raises(ConfigurationError, match="this client is closed"):
        await job
    assert [] == listed(tmp_path)


async def test_a_hook_that_raises_ends_the_download_with_its_own_error(server, downloader, tmp_path):
    """It is the caller's, an OSError as well, and nothing is left."""

    def full(*_):
        raise BrokenPipeError("the progress bar's")

    with pytest.raises(BrokenPipeError, match="progress bar"):
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", full)
    assert [] == listed(tmp_path)


async def test_a_download_that_takes_too_long_is_given_up(server, downloader, tmp_path, monkeypatch):
    """The time is bounded however slowly a server sends."""
    monkeypatch.setattr(download, "MAX_SECONDS", 0.2)
    server.files["/a"].stop_after = 1000
    with pytest.raises(DownloadError, match="not finished after"):
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    assert [] == listed(tmp_path)


async def test_a_file_that_is_too_large_is_given_up(server, downloader, tmp_path, monkeypatch):
    """The size is bounded whatever the server announces."""
    monkeypatch.setattr(transfer, "MAX_SIZE", len(A) - 1)
    with pytest.raises(DownloadError, match="larger than"):
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")
    assert [] == listed(tmp_path)
    monkeypatch.setattr(transfer, "MAX_SIZE", len(A))
    await downloader.fetch(server.url + "/a", tmp_path / "a.mp4")


async def test_a_transfer_that_breaks_goes_on_within_the_same_download(server, downloader, tmp_path):
    """The second request asks for the rest; each byte is sent once."""
    server.files["/a"] = File(A, stop_after=70_000, cut=True)

    def note(received, _):
        if received == 70_000:
            server.go.set()

    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", note)
    assert [None, "bytes=70000-"] == [asked.get("range") for asked in server.requests]
    assert (len(A), 0, A) == (server.bytes_sent, fetched.resumed, (tmp_path / "a.mp4").read_bytes())


KINDS = [
    ("video", A, True), ("video", WEBM, True), ("video", b"unheard of" * 50, True), ("video", WAV, True),
    ("video", HTML, False), ("video", JSON, False), ("video", JPEG, False), ("video", PNG, False),
    ("image", JPEG, True), ("image", PNG, True), ("image", WEBP, True),
    ("image", A, False), ("image", WAV, False), ("image", HTML, False), ("image", JSON, False),
    ("audio", MP3, True), ("audio", WAV, True), ("audio", b"\xff\xfb\x90" + b"f" * 50, True), ("audio", A, True),
    ("audio", HTML, False), ("audio", JSON, False), ("audio", JPEG, False), ("audio", b"  ", False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "fits"), KINDS, ids=lambda each: str(each)[:14])
async def test_the_bytes_must_be_of_the_kind(server, downloader, tmp_path, kind, body, fits):
    """Whatever the server calls them; what does not fit is not left under the name."""
    server.files["/a"] = File(body, headers=(("Content-Type", "application/octet-stream"),))
    fetch = downloader.fetch(server.url + "/a", tmp_path / "result", kind=kind)
    if fits:
        await fetch
        assert body == (tmp_path / "result").read_bytes()
    else:
        with pytest.raises(DownloadError, match=f"cannot be of kind {kind}"):
            await fetch
        assert [] == listed(tmp_path)


@pytest.mark.parametrize(
    ("kind", "said", "fits"),
    [
        ("video", "video/mp4", True), ("video", "application/octet-stream", True), ("video", "image/png", False),
        ("image", "image/png", True), ("image", "binary/octet-stream", True), ("audio", "audio/mpeg", True),
        ("audio", "image/png", False), ("video", "text/html", False), ("image", "text/plain", False),
        ("image", "application/json", False), ("audio", "application/xml", False),
        ("image", "application/xhtml+xml", False),
    ],
)  # fmt: skip
async def test_the_content_type_must_not_speak_against_the_kind(
    server, downloader, tmp_path, kind, said, fits
):
    """An error page is told by it before its bytes are read."""
    body = JPEG if kind == "image" else A
    server.files["/a"] = File(body, headers=(("Content-Type", said),))
    fetch = downloader.fetch(server.url + "/a", tmp_path / "result", kind=kind)
    if fits:
        await fetch
    else:
        with pytest.raises(DownloadError, match="not a file of kind"):
            await fetch


async def test_a_picture_that_comes_in_single_bytes_is_recognized(server, downloader, tmp_path):
    """The first bytes are collected over the first chunks."""
    server.files["/a"] = File(WEBP, stop_after=3, headers=(("Content-Type", "image/webp"),))
    job = asyncio.ensure_future(
        downloader.fetch(server.url + "/a", tmp_path / "a.webp", lambda *_: server.go.set(), kind="image")
    )
    await job
    assert WEBP == (tmp_path / "a.webp").read_bytes()


async def test_work_in_a_thread_has_ended_when_its_caller_goes_on():
    """A cancellation, and a second one meanwhile, are raised after the thread has finished."""
    import threading

    may_end, ended = threading.Event(), []

    def work():
        assert may_end.wait(10)
        ended.append(True)
        raise OSError("nobody hears of it")

    job = asyncio.ensure_future(in_thread(work))
    for _ in range(3):
        await asyncio.sleep(0.01)
        job.cancel()
    assert not job.done()
    may_end.set()
    await asyncio.wait([job])
    assert (True, [True]) == (job.cancelled(), ended)


async def test_an_answer_that_cannot_be_read_does_not_show_the_signed_url(server, downloader, tmp_path):
    """Aiohttp's own text holds it."""
    server.files["/a?signature=canary"] = File(A, headers=(("Content-Encoding", "gzip"),), status=404)
    with pytest.raises(DownloadError) as caught:
        await downloader.fetch(server.url + "/a?signature=canary", tmp_path / "a.mp4")
    assert "canary" not in str(caught.value)
