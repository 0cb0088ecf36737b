"""After a kill the download goes on from where it was; what is on the disk is trusted only as far as it can be proved."""

import asyncio
import hashlib
import json
import os
import signal
import sys

import pytest
from aiohttp import web
from file_server import File, FileServer, mp4
from rooms_helpers import serving
from yarl import URL

from kling_async.errors import ConfigurationError, DownloadError
from kling_async.jobs.download import Downloader
from kling_async.jobs.own_file import open_ours
from kling_async.jobs.partial import PartialFile
from kling_async.session.http import Transport

pytestmark = pytest.mark.anyio

A, B = mp4(1), mp4(2)
HALF = 100_000


@pytest.fixture
async def server():
    """One result that stops in its middle."""
    async with FileServer({"/a": File(A, stop_after=HALF), "/b": File(B, etag='"v2"')}) as running:
        yield running


KILLED = """
import asyncio, sys
from pathlib import Path
from yarl import URL
from kling_async.errors import ConfigurationError, DownloadError
from kling_async.jobs.download import Downloader
from kling_async.session.http import Transport

async def main():
    tell = lambda received, length: received == int(sys.argv[3]) and print("there", flush=True)
    await Downloader(Transport(URL(sys.argv[1]))).fetch(sys.argv[1] + "/a", Path(sys.argv[2]), tell, result_id="r")

asyncio.run(main())
"""


async def kill_half_way(server, target, received=HALF):
    """Kills a process that has downloaded the first bytes of `/a`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, server.url, str(target), str(received), stdout=asyncio.subprocess.PIPE
    )
    assert b"there\n" == await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGKILL)
    assert -signal.SIGKILL == await process.wait()
    assert not target.exists()
    server.requests.clear()
    server.bytes_sent = 0


def leave_half(target, data=A[:HALF], length=300_000):
    """Leaves what a killed process leaves, without the price of a process; its lock goes with its descriptors."""
    part = PartialFile(target, "video r")
    part.inspect()
    part.claim()
    assert not part.verify()
    part.restart(length, '"v1"')
    part.write(data)
    os.close(part._lock)
    os.close(part._file)


def part_of(folder):
    """The bytes that a killed process left."""
    (found,) = folder.glob(".*.part")
    return found


async def test_a_killed_download_goes_on_where_it_was(server, downloader, tmp_path):
    """The next one asks for the rest alone, and tells of it; the file is exact and nothing else stays."""
    target = tmp_path / "a.mp4"
    await kill_half_way(server, target)
    assert HALF == part_of(tmp_path).stat().st_size
    fetched = await downloader.fetch(server.url + "/a", target, result_id="r")
    assert (f"bytes={HALF}-", '"v1"') == (server.requests[0]["range"], server.requests[0]["if-range"])
    assert len(A) - HALF == server.bytes_sent
    assert (HALF, len(A), hashlib.sha256(A).hexdigest()) == (fetched.resumed, fetched.size, fetched.sha256)
    assert A == target.read_bytes()
    assert ["a.mp4"] == [each.name for each in tmp_path.iterdir()]


async def test_a_new_url_of_the_same_result_goes_on_too(server, downloader, tmp_path):
    """URLs are signed anew; the result's id tells that it is the same."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    server.files["/signed?x=2"] = File(A)
    fetched = await downloader.fetch(server.url + "/signed?x=2", tmp_path / "a.mp4", result_id="r")
    assert HALF == fetched.resumed
    assert A == (tmp_path / "a.mp4").read_bytes()


async def test_a_file_that_changed_meanwhile_is_fetched_anew(server, downloader, tmp_path):
    """The validator does not fit any more: the server sends all of the new version, and nothing is mixed."""
    await kill_half_way(server, tmp_path / "a.mp4")
    server.files["/a"] = File(B, etag='"v2"')
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert 0 == fetched.resumed
    assert B == (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize("etag", ['"v2"', '"v1"'])
async def test_a_server_that_ignores_if_range_mixes_nothing(server, downloader, tmp_path, etag):
    """It sends the rest of another version; a different ETag or a different length gives it away."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    other = B if etag == '"v2"' else mp4(3, len(A) + 8)
    server.files["/a"] = _Careless(other, etag=etag)
    await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert other == (tmp_path / "a.mp4").read_bytes()


class _Careless(File):
    """A file whose every ETag is taken to fit."""

    @property
    def etag(self):
        return _Any(self._etag)

    @etag.setter
    def etag(self, value):
        self._etag = value


class _Any(str):
    """Equal to every text."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return isinstance(other, str)


async def test_a_shorter_file_is_fetched_anew(server, downloader, tmp_path):
    """The server says 416, since the rest does not exist any more."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    short = mp4(4, 5000)
    answers = iter([File(b"", status=416), File(short, etag='"v3"')])
    server.files = _Planned(answers)
    await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert short == (tmp_path / "a.mp4").read_bytes()


class _Planned(dict):
    """One file after the other, whatever the path."""

    def __init__(self, answers):
        super().__init__()
        self._answers = answers

    def get(self, *_):
        return next(self._answers)


def flip(path):
    """Flips a bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lengthen(path):
    """Appends bytes that were never recorded, as a kill between write and record leaves them."""
    with path.open("ab") as file:
        file.write(b"garbage" * 100)


def shorten(path):
    """Loses the last bytes, as a power cut may."""
    os.truncate(path, HALF - 1)


@pytest.mark.parametrize(("damage", "resumed"), [(flip, 0), (lengthen, HALF), (shorten, 0)])
async def test_damaged_leftovers_never_reach_the_file(server, downloader, tmp_path, damage, resumed):
    """A flipped bit, missing bytes and a torn tail: the recorded digest decides what is kept."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    damage(part_of(tmp_path))
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert resumed == fetched.resumed
    assert A == (tmp_path / "a.mp4").read_bytes()


RECORDS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"key": "x"}',
    b'{"key": 1, "validator": 2, "length": 3, "received": 4, "sha256": 5}',
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: repr(record[:12]))
async def test_an_unreadable_record_counts_as_none(server, downloader, tmp_path, record):
    """Whatever stands in it, the download begins anew and succeeds."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    (tmp_path / ".a.mp4.part.json").write_bytes(record)
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert 0 == fetched.resumed
    assert A == (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"key": "../../victim"},
        {"key": "0" * 16},
        {"validator": ""},
        {"validator": '"v1"\r\nX-Injected: 1'},
        {"validator": "x" * 1001},
        {"received": -1},
        {"received": 10**30},
        {"received": HALF + 0.5},
        {"length": 5},
        {"length": "many"},
        {"sha256": "0" * 64},
        {"more": 1},
    ],
    ids=str,
)
async def test_a_record_is_checked_field_by_field(server, downloader, tmp_path, change):
    """A record that cannot be ours asks for no range, injects no header and removes no file elsewhere."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    (tmp_path / ".a.mp4.victim.part").write_bytes(b"precious")
    path = tmp_path / ".a.mp4.part.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert 0 == fetched.resumed
    assert [None] == [asked.get("range") for asked in server.requests]
    assert [None] == [asked.get("x-injected") for asked in server.requests]
    assert A == (tmp_path / "a.mp4").read_bytes()
    assert b"precious" == (tmp_path / ".a.mp4.victim.part").read_bytes()


async def test_another_result_is_not_joined_to_what_was_left(server, downloader, tmp_path):
    """What a killed download of the first result left is removed when the second one takes the target."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    fetched = await downloader.fetch(server.url + "/b", tmp_path / "a.mp4", result_id="other")
    assert 0 == fetched.resumed
    assert B == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == [each.name for each in tmp_path.iterdir()]


async def test_without_a_validator_the_next_download_begins_anew(server, downloader, tmp_path):
    """A server that tells no version could send the rest of another one."""
    server.files["/a"].etag = None
    await kill_half_way(server, tmp_path / "a.mp4")
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert (0, None) == (fetched.resumed, server.requests[0].get("range"))
    assert A == (tmp_path / "a.mp4").read_bytes()


async def test_a_file_that_was_whole_at_the_kill_costs_one_byte(server, downloader, tmp_path):
    """Its last byte is asked for, which tells whether the server still has this version."""
    server.files["/a"].stop_after = None
    target = tmp_path / "a.mp4"
    leave_half(target, A)
    fetched = await downloader.fetch(server.url + "/a", target, result_id="r")
    assert (1, len(A) - 1) == (server.bytes_sent, fetched.resumed)
    assert A == target.read_bytes()


async def test_progress_goes_on_from_what_was_there(server, downloader, tmp_path):
    """The first figure is above what a killed download had left; the last is the whole."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"].stop_after = None
    told = []
    await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", lambda *at: told.append(at), result_id="r")
    assert told[0][0] > HALF
    assert (len(A), len(A)) == told[-1]


@pytest.mark.parametrize("size", [0, 1, 63, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 20_000_000])
def test_what_was_left_is_read_again_in_steps(tmp_path, size):
    """Whatever the size, the digest, the count and the first bytes are those of one reading."""
    data = mp4(5, max(size, 32))[:size]
    leave_half(tmp_path / "a.mp4", data, None)
    second = PartialFile(tmp_path / "a.mp4", "video r")
    second.inspect()
    second.claim()
    while second.verify():
        pass
    assert (size, size) == (second.received, second.resumed)
    assert hashlib.sha256(data).hexdigest() == second.sha256
    assert data[:64] == second.head
    second.discard()
    assert [] == [each.name for each in tmp_path.iterdir()]


async def test_a_url_that_has_run_out_costs_nothing_of_what_was_there(server, downloader, tmp_path):
    """The new URL is asked for the rest, and the old one's failure is what `renew` is told."""
    leave_half(tmp_path / "a.mp4")
    server.files["/old"] = File(b"expired", status=403)
    server.files["/a"].stop_after = None
    told = []

    async def renew(error):
        told.append(error.http_status)
        return server.url + "/a"

    fetched = await downloader.fetch(server.url + "/old", tmp_path / "a.mp4", result_id="r", renew=renew)
    assert ([403], HALF) == (told, fetched.resumed)
    assert [f"bytes={HALF}-"] * 2 == [asked["range"] for asked in server.requests]
    assert A == (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize("given", ["the error", "a bad URL", "a URL that fails too"])
async def test_a_url_that_cannot_be_renewed_is_an_error(server, downloader, tmp_path, given):
    """What `renew` raises is raised; its URL is judged like the first, and asked once."""

    async def renew(error):
        if given == "the error":
            raise error
        return "http://192.0.2.1/a" if given == "a bad URL" else server.url + "/older"

    with pytest.raises(DownloadError):
        await downloader.fetch(server.url + "/old", tmp_path / "a.mp4", renew=renew)
    assert (2 if given == "a URL that fails too" else 1) == len(server.requests)
    assert [] == list(tmp_path.iterdir())


async def test_several_kills_cost_no_byte_twice(server, downloader, tmp_path):
    """Each process goes on where the one before it was killed."""
    points = (50_000, 120_000, 250_000)
    for before, point in zip((0, *points), points, strict=False):
        server.files["/a"].stop_after = point - before
        await kill_half_way(server, tmp_path / "a.mp4", point)
    fetched = await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    assert (points[-1], len(A) - points[-1]) == (fetched.resumed, server.bytes_sent)
    assert A == (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize("rest", [A[HALF:-1], A[HALF:] + b"more"], ids=["short", "long"])
async def test_a_rest_of_the_wrong_length_makes_no_file(tmp_path, rest, monkeypatch):
    """The server announces the right range and sends another length in one well-formed answer."""
    monkeypatch.setattr("kling_async.jobs.transfer.random.random", lambda: 0.0)  # no wait before a retry

    async def handle(_):
        headers = {"Content-Range": f"bytes {HALF}-{len(A) - 1}/{len(A)}", "ETag": '"v1"'}
        return web.Response(status=206, body=rest, headers=headers, content_type="video/mp4")

    leave_half(tmp_path / "a.mp4")
    async with serving(handle) as url:
        transport = Transport(URL(url))
        with pytest.raises(DownloadError, match=r"announced|another range"):
            await Downloader(transport).fetch(url + "/a", tmp_path / "a.mp4", result_id="r")
        await transport.aclose()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [200, 206])
async def test_a_compressed_answer_is_refused(server, downloader, tmp_path, status):
    """Its length and its ranges would be those of other bytes."""
    leave_half(tmp_path / "a.mp4")
    server.files["/a"] = File(A, status=status, headers=(("Content-Encoding", "gzip"),), etag=None)
    with pytest.raises(DownloadError, match="compressed"):
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")


async def test_bytes_that_somebody_else_has_locked_are_left_alone(server, downloader, tmp_path):
    """Even if the record beside them was removed."""
    leave_half(tmp_path / "a.mp4")
    lock = open_ours(part_of(tmp_path), 0o600)
    (tmp_path / ".a.mp4.part.json").unlink()
    with pytest.raises(ConfigurationError, match="already"):
        await downloader.fetch(server.url + "/a", tmp_path / "a.mp4", result_id="r")
    os.close(lock)
    assert HALF == part_of(tmp_path).stat().st_size


async def test_a_client_that_is_closed_ends_its_download(server, tmp_path):
    """At once, however silent the file server is; nothing is left beside the target."""
    transport = Transport(URL(server.url))
    there = asyncio.Event()
    downloading = asyncio.ensure_future(
        Downloader(transport).fetch(
            f"{server.url}/a", tmp_path / "a.mp4", lambda received, _: received == HALF and there.set()
        )
    )
    await there.wait()
    await transport.aclose()
    async with asyncio.timeout(10):
        with pytest.raises(ConfigurationError, match="closed"):
            await downloading
    assert [] == list(tmp_path.iterdir())
