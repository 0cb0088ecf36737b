"""A result onto the disk: whole or not at all, and without the keys."""

import pytest
from blackbox_service import HTML, MP4, Reply, Service
from virtual_time import wall_clock

from kling_async import DownloadError, Video

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

VIDEO = (("Content-Type", "video/mp4"),)


@pytest.fixture
async def kling(client):
    """A client on virtual time."""
    async with client(clock=wall_clock) as made:
        yield made


def video(url):
    """A result at the URL."""
    return Video(id="v", url=url, duration=5.0, raw={})


def left(folder):
    """What lies in the folder, apart from what a later try may resume."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".part"))


async def test_the_bytes_arrive_without_the_keys(kling, service, tmp_path):
    """Exact bytes under the final name, no `.part`, and no Authorization header to the file's host."""
    assert tmp_path / "a.mp4" == await kling.download(video(service.url + "/out.mp4"), tmp_path / "a.mp4")
    assert MP4 == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == [path.name for path in tmp_path.iterdir()]
    (sent,) = service.arrived
    assert sent.header("authorization") is None
    assert sent.header("cookie") is None


async def test_a_tasks_own_video(kling, service, tmp_path):
    """From create to the file, with what the answers say."""
    task = await kling.image2video.generate(_request())
    await kling.download(task.videos[0], tmp_path / "a.mp4")
    assert MP4 == (tmp_path / "a.mp4").read_bytes()


def _request():
    from kling_async import Image2VideoRequest

    return Image2VideoRequest(image="https://example.com/a.png")


async def test_a_signed_url_is_asked_for_as_it_is(kling, service, tmp_path):
    """Query and escapes of a result's URL are not rewritten."""
    target = "/a%2Fb%20c.mp4?sig=%2B%2f=&x=1;2&e=%E4%BD%A0"
    service.always("file", Reply(MP4, headers=VIDEO))
    await kling.download(video(service.url + target), tmp_path / "a.mp4")
    assert target == service.arrived[0].target


async def test_an_old_file_is_replaced(kling, service, tmp_path):
    """The final name holds the old file or the new one, never a mixture."""
    (tmp_path / "a.mp4").write_bytes(b"old" * 100_000)
    await kling.download(video(service.url + "/out.mp4"), tmp_path / "a.mp4")
    assert MP4 == (tmp_path / "a.mp4").read_bytes()


async def test_progress_is_told(kling, service, tmp_path):
    """Bytes so far and the whole length; the last call has all."""
    seen = []
    await kling.download(
        video(service.url + "/out.mp4"), tmp_path / "a.mp4", on_progress=lambda *at: seen.append(at)
    )
    assert (len(MP4), len(MP4)) == seen[-1]
    assert sorted(seen) == seen


@pytest.mark.parametrize(
    "reply",
    [
        Reply(MP4[:5000], headers=VIDEO, length=len(MP4)),
        Reply(b"<!DOCTYPE html><html>sorry</html>" * 50, headers=HTML),
        Reply(b"<!DOCTYPE html><html>sorry</html>" * 50, headers=VIDEO),
        Reply(b'{"code":1,"message":"expired"}', headers=(("Content-Type", "application/json"),)),
        Reply(b"", headers=VIDEO),
        Reply(b"not found", status=404, headers=(("Content-Type", "text/plain"),)),
        Reply(MP4, status=404, headers=VIDEO),
        Reply(b"forbidden", status=403, headers=(("Content-Type", "text/plain"),)),
        Reply(b"oops", status=500, headers=HTML),
        Reply(reset=True),
    ],
    ids=["short", "html", "html-as-video", "json", "empty", "404", "404-video", "403", "500", "reset"],
)
async def test_failures_leave_nothing_under_the_final_name(kling, service, tmp_path, reply):
    """A short body, a page, an error: DownloadError, and no file that looks whole."""
    service.always("file", reply)
    with pytest.raises(DownloadError) as caught:
        await kling.download(video(service.url + "/out.mp4"), tmp_path / "a.mp4")
    assert [] == left(tmp_path)
    if reply.status != 200:
        assert reply.status == caught.value.http_status


async def test_a_failure_keeps_the_old_file(kling, service, tmp_path):
    """What stood under the name stays untouched."""
    (tmp_path / "a.mp4").write_bytes(b"old")
    service.always("file", Reply(b"gone", status=404, headers=HTML))
    with pytest.raises(DownloadError):
        await kling.download(video(service.url + "/out.mp4"), tmp_path / "a.mp4")
    assert b"old" == (tmp_path / "a.mp4").read_bytes()


async def test_a_broken_download_succeeds_in_the_end(kling, service, tmp_path):
    """A cut, then a whole answer: exact bytes, nothing doubled."""
    service.plan("file", Reply(MP4[:5000], headers=VIDEO, length=len(MP4)))
    await kling.download(video(service.url + "/out.mp4"), tmp_path / "a.mp4")
    assert MP4 == (tmp_path / "a.mp4").read_bytes()
    assert ["a.mp4"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/a.mp4", "http://example.com/a.mp4", "ftp://127.0.0.1/a", "file:///a", "a.mp4", ""],
)
async def test_plain_http_is_for_loopback_alone(kling, tmp_path, url):
    """Nothing is fetched from where it could be read on the way."""
    with pytest.raises(DownloadError):
        await kling.download(video(url), tmp_path / "a.mp4")
    assert [] == list(tmp_path.iterdir())


async def test_redirects_are_followed_without_keys(kling, service, tmp_path):
    """A file host may redirect; nobody on the way sees an Authorization header."""
    async with Service() as other:
        service.always("file", Reply(status=302, headers=(("Location", other.url + "/out.mp4"),)))
        await kling.download(video(service.url + "/moved.mp4"), tmp_path / "a.mp4")
        assert MP4 == (tmp_path / "a.mp4").read_bytes()
        assert {None} == {sent.header("authorization") for sent in service.arrived + other.arrived}


@pytest.mark.parametrize("target", ["http://192.0.2.1/a.mp4", "file:///etc/hostname", "/moved.mp4"])
async def test_redirects_that_lead_astray_are_refused(kling, service, tmp_path, target):
    """Plain http to a stranger, another scheme, and a loop."""
    service.always("file", Reply(status=302, headers=(("Location", target),)))
    with pytest.raises(DownloadError):
        await kling.download(video(service.url + "/moved.mp4"), tmp_path / "a.mp4")
    assert [] == left(tmp_path)
    assert len(service.arrived) < 50
