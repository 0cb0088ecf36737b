"""Two downloads to one target, and what strangers put at the temporary names: success means the target holds the result."""

import asyncio
import errno
import fcntl
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from file_server import File, FileServer, mp4
from yarl import URL

from kling_async.errors import ConfigurationError, DownloadError
from kling_async.jobs.download import Downloader
from kling_async.jobs.partial import PartialFile
from kling_async.session.http import Transport

pytestmark = pytest.mark.anyio

A, B = mp4(1), mp4(2)


@pytest.fixture
async def server():
    """Two results; the first stops in the middle until it may go on."""
    files = {"/a": File(A, stop_after=100_000), "/b": File(B)}
    async with FileServer(files) as running:
        yield running


@pytest.fixture
async def downloaders(server):
    """Makes downloaders, each of a client of its own."""
    transports = []

    def make():
        transports.append(Transport(URL(server.url)))
        return Downloader(transports[-1])

    yield make
    for transport in transports:
        await transport.aclose()


@asynccontextmanager
async def half_way(server, downloader, target):
    """A download of the first result that has come to its middle; it goes on when the block ends."""
    begun = asyncio.Event()
    job = asyncio.ensure_future(downloader.fetch(server.url + "/a", target, lambda *_: begun.set()))
    await asyncio.wait_for(begun.wait(), 10)
    try:
        yield job
    finally:
        server.go.set()


def listed(folder):
    """The names in the folder."""
    return sorted(each.name for each in folder.iterdir())


def spellings(folder):
    """The one target `folder/a.mp4` under other names."""
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder, target_is_directory=True)
    return {
        "same": folder / "a.mp4",
        "dots": folder / "sub" / ".." / "a.mp4",
        "relative": Path(os.path.relpath(folder / "a.mp4")),
        "symlinked folder": folder / "link" / "a.mp4",
        "str": str(folder / "a.mp4"),
    }


@pytest.mark.parametrize("spelling", ["same", "dots", "relative", "symlinked folder", "str"])
@pytest.mark.parametrize("clients", [1, 2])
async def test_the_second_download_to_one_target_is_refused(server, downloaders, tmp_path, spelling, clients):
    """However the target is spelt, and from another client as well; the first one's result stands there in the end."""
    first = downloaders()
    second = first if clients == 1 else downloaders()
    other = spellings(tmp_path)[spelling]
    async with half_way(server, first, tmp_path / "a.mp4") as job:
        with pytest.raises(ConfigurationError, match="already"):
            await second.fetch(server.url + "/b", other)
    await job
    assert A == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4", "link", "sub"] == listed(tmp_path)


async def test_other_targets_in_the_folder_are_not_refused(server, downloaders, tmp_path):
    """The control: the lock belongs to the target, not to the folder, nor to the result."""
    downloader = downloaders()
    async with half_way(server, downloader, tmp_path / "a.mp4") as job:
        await downloader.fetch(server.url + "/b", tmp_path / "b.mp4")
        await downloader.fetch(server.url + "/a", tmp_path / "c.mp4")
    await job
    assert (A, B, A) == tuple((tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4", "c.mp4"))


async def test_a_refused_download_may_be_tried_again_when_the_first_has_ended(server, downloaders, tmp_path):
    """An existing file is replaced, one download after the other."""
    downloader = downloaders()
    async with half_way(server, downloader, tmp_path / "a.mp4") as job:
        pass
    await job
    await downloader.fetch(server.url + "/b", tmp_path / "a.mp4")
    assert B == (tmp_path / "a.mp4").read_bytes()


async def test_a_download_that_waited_for_its_turn_replaces_nothing_new(
    server, downloaders, tmp_path, monkeypatch
):
    """A queued download whose target another one wrote meanwhile is refused, though nobody holds the lock any more."""
    downloader, other = downloaders(), downloaders()
    server.files |= {f"/{number}": File(A, stop_after=1000) for number in range(8)}
    begun = [asyncio.Event() for _ in range(8)]
    busy = [
        asyncio.ensure_future(
            downloader.fetch(
                f"{server.url}/{number}", tmp_path / f"{number}.mp4", lambda *_, one=one: one.set()
            )
        )
        for number, one in enumerate(begun)
    ]
    await asyncio.wait_for(asyncio.gather(*(one.wait() for one in begun)), 10)
    inspected = asyncio.Event()
    _tell_when_inspected(monkeypatch, inspected)
    queued = asyncio.ensure_future(downloader.fetch(server.url + "/b", tmp_path / "a.mp4"))
    await asyncio.wait_for(inspected.wait(), 10)
    server.files["/a"].stop_after = None
    await other.fetch(server.url + "/a", tmp_path / "a.mp4")
    server.go.set()
    with pytest.raises(ConfigurationError, match="somebody else"):
        await queued
    await asyncio.gather(*busy)
    assert A == (tmp_path / "a.mp4").read_bytes()


def _tell_when_inspected(monkeypatch, event):
    plain, loop = PartialFile.inspect, asyncio.get_running_loop()

    def inspect(part):
        plain(part)
        loop.call_soon_threadsafe(event.set)

    monkeypatch.setattr(PartialFile, "inspect", inspect)


async def test_a_target_that_another_program_wrote_is_left_alone(server, downloaders, tmp_path):
    """What appears at the target during the download is not ours to replace."""
    (tmp_path / "a.mp4").write_bytes(b"old")
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        (tmp_path / "a.mp4").write_bytes(b"somebody's")
    with pytest.raises(ConfigurationError, match="somebody else"):
        await job
    assert b"somebody's" == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == listed(tmp_path)


OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from yarl import URL
from kling_async.jobs.download import Downloader
from kling_async.jobs.partial import PartialFile
from kling_async.session.http import Transport

async def main():
    transport = Transport(URL(sys.argv[1]))
    try:
        print((await Downloader(transport).fetch(sys.argv[1] + sys.argv[2], Path(sys.argv[3]))).resumed)
    finally:
        await transport.aclose()

asyncio.run(main())
"""


def another_process(server, path, target):
    """Starts a process that downloads one file."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, server.url, path, str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_never_write_one_target_at_once(server, downloaders, tmp_path):
    """The second process ends with the refusal; the same command later replaces the file."""
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        process = another_process(server, "/b", tmp_path / "a.mp4")
        _, said = await asyncio.to_thread(process.communicate)
        assert "is being downloaded already" in said
    await job
    assert A == (tmp_path / "a.mp4").read_bytes()
    process = another_process(server, "/b", tmp_path / "a.mp4")
    await asyncio.to_thread(process.communicate)
    assert B == (tmp_path / "a.mp4").read_bytes()


def leftovers(folder):
    """The temporary files of the folder."""
    return sorted(folder.glob(".*.part*"))


async def names(server, downloader, target):
    """The temporary names of a download of the first result to the target."""
    async with half_way(server, downloader, target) as job:
        found = leftovers(target.parent)
    await job
    target.unlink()
    server.stopped.clear()
    server.go.clear()
    return found


async def test_links_at_the_temporary_names_overwrite_nothing(server, downloaders, tmp_path):
    """Neither symbolic nor hard links lead a byte to their victims, for the bytes and for the record."""
    downloader, target = downloaders(), tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    planted = await names(server, downloader, target)
    assert 2 == len(planted)
    for make in (os.symlink, os.link):
        victims = [tmp_path / f"{make.__name__}-{number}" for number in range(len(planted))]
        for victim, name in zip(victims, planted, strict=True):
            victim.write_bytes(b"precious")
            make(victim, name)
        await downloader.fetch(server.url + "/a", target)
        assert [b"precious"] * len(victims) == [victim.read_bytes() for victim in victims]
        assert A == target.read_bytes()
        assert ["a.mp4"] == listed(target.parent)
        assert not target.is_symlink()


async def test_a_dangling_link_at_a_temporary_name_creates_nothing(server, downloaders, tmp_path):
    """The file that the link names does not come into being."""
    downloader, target = downloaders(), tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    for name in await names(server, downloader, target):
        name.symlink_to(tmp_path / "created")
    await downloader.fetch(server.url + "/a", target)
    assert ["out"] == listed(tmp_path)


async def test_a_pipe_at_a_temporary_name_is_not_waited_for(server, downloaders, tmp_path):
    """It is removed like a link."""
    downloader, target = downloaders(), tmp_path / "a.mp4"
    for name in await names(server, downloader, target):
        os.mkfifo(name)
    await asyncio.wait_for(downloader.fetch(server.url + "/a", target), 10)
    assert ["a.mp4"] == listed(tmp_path)


async def test_a_folder_at_a_temporary_name_is_a_clear_error(server, downloaders, tmp_path):
    """It is named, and stays."""
    downloader, target = downloaders(), tmp_path / "a.mp4"
    planted = await names(server, downloader, target)
    for name in planted:
        name.mkdir()
    with pytest.raises(DownloadError, match=r"a\.mp4 cannot be written: Is a directory"):
        await downloader.fetch(server.url + "/a", target)
    assert planted == leftovers(tmp_path)


async def test_a_part_that_is_swapped_under_way_is_not_renamed(server, downloaders, tmp_path):
    """A link that takes the place of the bytes during the download does not become the target."""
    (tmp_path / "victim").write_bytes(b"precious")
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        (part,) = tmp_path.glob(".*.part")
        part.unlink()
        part.symlink_to(tmp_path / "victim")
    with pytest.raises(ConfigurationError, match="replaced"):
        await job
    assert b"precious" == (tmp_path / "victim").read_bytes()
    assert not (tmp_path / "a.mp4").exists()


async def test_a_link_at_the_target_is_replaced_and_not_followed(server, downloaders, tmp_path):
    """The file that it pointed to stays as it was."""
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a.mp4").symlink_to(tmp_path / "victim")
    await downloaders().fetch(server.url + "/b", tmp_path / "a.mp4")
    assert b"precious" == (tmp_path / "victim").read_bytes()
    assert B == (tmp_path / "a.mp4").read_bytes()
    assert not (tmp_path / "a.mp4").is_symlink()


async def test_a_hard_link_of_the_target_keeps_the_old_file(server, downloaders, tmp_path):
    """Two names of one file are two targets: both downloads succeed, and each name holds its own result."""
    (tmp_path / "a.mp4").write_bytes(b"old")
    os.link(tmp_path / "a.mp4", tmp_path / "b.mp4")
    downloader = downloaders()
    async with half_way(server, downloader, tmp_path / "a.mp4") as job:
        await downloader.fetch(server.url + "/b", tmp_path / "b.mp4")
    await job
    assert (A, B) == ((tmp_path / "a.mp4").read_bytes(), (tmp_path / "b.mp4").read_bytes())


async def test_temporary_names_of_long_targets_are_short_enough(server, downloaders, tmp_path):
    """A name of 255 bytes can be written, and is locked like any other, whatever the case of its letters."""
    target, downloader = tmp_path / ("ä" * 125 + "a.mp4"), downloaders()
    async with half_way(server, downloader, target) as job:
        with pytest.raises(ConfigurationError, match="already"):
            await downloader.fetch(server.url + "/b", target)
        with pytest.raises(ConfigurationError, match="already"):
            await downloader.fetch(server.url + "/b", target.with_name("Ä" * 125 + "A.MP4"))
    await job
    assert A == target.read_bytes()


async def test_each_result_has_a_temporary_file_of_its_own(server, downloaders, tmp_path):
    """The name of the bytes' file derives from the result, that of the record from the target alone."""
    seen = []
    for result_id in ("one", "two"):

        def note(*_):
            seen[-1] |= {each.name for each in leftovers(tmp_path)}

        seen.append(set())
        server.files["/a"].stop_after = None
        await downloaders().fetch(server.url + "/a", tmp_path / "a.mp4", note, result_id=result_id)
    assert {".a.mp4.part.json"} == seen[0] & seen[1]
    assert {2} == {len(each) for each in seen}


async def test_the_record_holds_no_url(server, downloaders, tmp_path):
    """A result's URL is signed; what lies on the disk does not tell it."""
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        record = (tmp_path / ".a.mp4.part.json").read_text()
        assert 0o600 == (tmp_path / ".a.mp4.part.json").stat().st_mode & 0o777
    await job
    assert {"key", "validator", "length", "received", "sha256"} == set(json.loads(record))
    assert "127.0.0.1" not in record


@pytest.mark.parametrize("second", ["/b", "/a"])
async def test_without_locks_the_one_that_ends_second_is_refused(
    server, downloaders, tmp_path, monkeypatch, second
):
    """On a file system that has none, success still means that the target holds this result."""

    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        server.files["/a"].stop_after = None
        await downloaders().fetch(server.url + second, tmp_path / "a.mp4")
        held = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(ConfigurationError, match=r"somebody else|replaced"):
        await job
    assert (B if second == "/b" else A) == held == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == listed(tmp_path)


async def test_a_lock_that_fails_otherwise_is_an_error(server, downloaders, tmp_path, monkeypatch):
    """Only a file system without locks is gone on with."""

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(DownloadError, match="Input/output error"):
        await downloaders().fetch(server.url + "/b", tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


class Folding(type(Path())):
    """A path on a file system that does not tell cases apart, as far as its last part goes."""

    def __truediv__(self, name):
        return super().__truediv__(str(name).lower())


async def test_names_that_differ_in_case_are_one_where_the_file_system_says_so(server, downloaders, tmp_path):
    """The names beside the target keep the target's own name, so that the file system makes them one; here it is played."""
    async with half_way(server, downloaders(), Folding(tmp_path) / "a.mp4") as job:
        with pytest.raises(ConfigurationError, match="already"):
            await downloaders().fetch(server.url + "/b", Folding(tmp_path) / "A.MP4")
    await job
    assert ["a.mp4"] == listed(tmp_path)


async def test_names_that_differ_in_case_are_two_elsewhere(server, downloaders, tmp_path):
    """The control: on this file system they are two files."""
    (tmp_path / "A").mkdir()
    if (tmp_path / "a").exists():
        pytest.skip("this file system does not tell cases apart")
    async with half_way(server, downloaders(), tmp_path / "a.mp4") as job:
        await downloaders().fetch(server.url + "/b", tmp_path / "A.MP4")
    await job
    assert ["A", "A.MP4", "a.mp4"] == listed(tmp_path)
