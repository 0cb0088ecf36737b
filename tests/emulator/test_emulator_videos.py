"""Result files: by the range, cached, and said plainly when they cannot be rendered."""

import asyncio

import pytest
from aiohttp import web

from kling_async.emulator import AtOnce, Emulator
from kling_async.emulator.videos.fetch import is_loopback
from kling_async.emulator.videos.gallery import FIXED_VIDEO, Gallery
from kling_async.emulator.videos.render import MissingExtraError
from kling_async.emulator.videos.scene import Scene

pytestmark = pytest.mark.anyio

POINTS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


class Renderer:
    """Stands in for the renderer: `.scenes` holds what it was asked for."""

    def __init__(self):
        self.scenes = []
        self.error = None

    def render(self, scene):
        if self.error is not None:
            raise self.error
        self.scenes.append(scene)
        return b"\0\0\0\x08ftyp" + str(len(self.scenes)).encode()


@pytest.fixture
def renderer(monkeypatch):
    """A stand-in for the renderer."""
    stand_in = Renderer()
    monkeypatch.setattr("kling_async.emulator.videos.render.render", stand_in.render)
    return stand_in


async def fetch(wire, task, **headers):
    """Status, bytes and headers of a result's file."""
    url = task["task_result"]["videos"][0]["url"]
    async with wire.session.get(url, headers=headers) as response:
        return response.status, await response.read(), response.headers


async def test_fixed_video_without_rendering(emulate):
    """No key is asked for, and length, type and ETag are there."""
    async with emulate() as wire:
        status, data, headers = await fetch(wire, await wire.ended())
        assert (200, FIXED_VIDEO, b"ftyp") == (status, data, data[4:8])
        assert ("video/mp4", str(len(data))) == (headers["Content-Type"], headers["Content-Length"])
        assert "bytes" == headers["Accept-Ranges"]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-", 100, 4135),
        ("bytes=-5", 4131, 4135),
        ("bytes=4000-9999", 4000, 4135),
    ],
)
async def test_ranges(asked, first, last, emulate):
    """One range of bytes is served and named."""
    async with emulate() as wire:
        status, data, headers = await fetch(wire, await wire.ended(), Range=asked)
        assert (206, FIXED_VIDEO[first : last + 1]) == (status, data)
        assert f"bytes {first}-{last}/4136" == headers["Content-Range"]


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=x-"])
async def test_ranges_that_cannot_be_read_give_the_whole(asked, emulate):
    """An invalid range is no range."""
    async with emulate() as wire:
        status, data, _ = await fetch(wire, await wire.ended(), Range=asked)
        assert (200, FIXED_VIDEO) == (status, data)


@pytest.mark.parametrize("asked", ["bytes=4136-", "bytes=-0"])
async def test_range_beyond_the_end_is_416(asked, emulate):
    """The total is told with the refusal."""
    async with emulate() as wire:
        status, _, headers = await fetch(wire, await wire.ended(), Range=asked)
        assert (416, "bytes */4136") == (status, headers["Content-Range"])


async def test_if_range_guards_against_another_file(emulate):
    """A range of the file with this ETag, else the whole."""
    async with emulate() as wire:
        task = await wire.ended()
        etag = (await fetch(wire, task))[2]["ETag"]
        assert 206 == (await fetch(wire, task, **{"Range": "bytes=1-", "If-Range": etag}))[0]
        assert 200 == (await fetch(wire, task, **{"Range": "bytes=1-", "If-Range": '"other"'}))[0]


async def test_no_file_before_success(emulate):
    """Unknown, running and failed tasks have no file."""
    async with emulate() as wire:
        running = await wire.created()
        wire.emulator.fail_next("no")
        failed = (await wire.ended())["task_id"]
        for task_id in ("1", running, failed):
            assert 404 == (await wire.send("GET", f"/_emulator/videos/{task_id}.mp4"))[0]


async def test_scene_holds_what_was_asked_for(renderer, emulate, pictures):
    """Image, masks, points, camera, seconds and mode reach the renderer."""
    image, mask = pictures.png(), pictures.png(300, 300)
    brush = {"mask": pictures.b64(mask), "trajectories": POINTS}
    async with emulate(render=True) as wire:
        task = await wire.ended(image=pictures.b64(image), dynamic_masks=[brush], static_mask=brush["mask"])
        await fetch(wire, task)
        camera = {"type": "simple", "config": {"zoom": 5}}
        await fetch(wire, await wire.ended(image=pictures.b64(image), camera_control=camera))
        tail = await wire.ended(
            image=None,
            image_tail=pictures.b64(image),
            model_name="kling-v1-6",
            mode="pro",
            duration="10",
        )
        await fetch(wire, tail)
    assert [
        Scene(
            image=image,
            tail=None,
            seconds=5,
            mode="std",
            camera=None,
            static_mask=mask,
            dynamic_masks=((mask, ((1, 2), (3, 4))),),
        ),
        Scene(
            image=image, tail=None, seconds=5, mode="std", camera=camera, static_mask=None, dynamic_masks=()
        ),
        Scene(
            image=None, tail=image, seconds=10, mode="pro", camera=None, static_mask=None, dynamic_masks=()
        ),
    ] == renderer.scenes


async def test_same_request_is_rendered_once(renderer, emulate, pictures):
    """Two tasks of one picture share a file, also when both are asked for at once."""
    async with emulate(render=True, advance=AtOnce()) as wire:
        image = pictures.b64(pictures.png())
        tasks = [await wire.ended(image=image) for _ in range(2)]
        files = await asyncio.gather(*(fetch(wire, task) for task in tasks))
        assert files[0][1] == files[1][1]
        assert 1 == len(renderer.scenes)


async def test_missing_extra_is_said_plainly(renderer, emulate, pictures):
    """The file's URL says what to install; everything else works."""
    renderer.error = MissingExtraError("Pillow is not installed")
    async with emulate(render=True) as wire:
        status, sentence, _ = await fetch(wire, await wire.ended(image=pictures.b64(pictures.png())))
        assert (501, True) == (status, b'pip install "kling-async[emulator]"' in sentence)


async def test_url_images_are_fetched_from_this_machine(renderer, emulate, pictures):
    """A picture on loopback is drawn, one elsewhere or too large is not even kept."""
    served = {"/a.png": pictures.png(), "/big.png": bytes(10 * 1024 * 1024 + 1)}

    async def serve(request):
        return web.Response(body=served[request.path]) if request.path in served else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    urls = [
        f"{base}/a.png",
        f"{base}/big.png",
        f"{base}/none.png",
        "http://127.0.0.1:9/a.png",
        "https://a.example/b",
    ]
    async with emulate(render=True) as wire:
        for url in urls:
            assert 200 == (await fetch(wire, await wire.ended(image=url)))[0]
    await runner.cleanup()
    assert [served["/a.png"], None, None, None, None] == [scene.image for scene in renderer.scenes]


async def test_pictures_beyond_the_bound_are_not_kept(monkeypatch):
    """One copy of each, and none when there is no room."""
    monkeypatch.setattr("kling_async.emulator.videos.gallery.MOST_PICTURE_BYTES", 3)
    gallery = Gallery()
    assert [b"abc", b"abc", None] == [gallery.keep(b"abc"), gallery.keep(b"abc"), gallery.keep(b"d")]


async def test_files_are_forgotten_oldest_first(renderer, emulate, monkeypatch):
    """A file that fell out of the cache is rendered anew."""
    monkeypatch.setattr("kling_async.emulator.videos.gallery.CACHED_VIDEOS", 1)
    async with emulate(render=True) as wire:
        short, long = await wire.ended(), await wire.ended(duration="10")
        for task in (short, long, long, short):
            await fetch(wire, task)
        assert [5, 10, 5] == [scene.seconds for scene in renderer.scenes]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1/", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]/", True),
        ("http://localhost.example/", False),
        ("http://10.0.0.1/", False),
        ("http://[::1/", False),
    ],
)
def test_loopback(url, expected):
    """Only this machine's own names and numbers."""
    assert expected is is_loopback(url)


async def test_rendering_is_on_by_default():
    """A newcomer's emulator renders."""
    assert Emulator().render
