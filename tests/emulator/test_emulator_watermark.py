"""The marked copy: asked for, told, and visibly marked."""

import io

import pytest

from kling_async.emulator import AtOnce
from kling_async.emulator.videos.gallery import FIXED_MARKED_VIDEO, FIXED_VIDEO

pytestmark = pytest.mark.anyio

ENABLED = {"watermark_info": {"enabled": True}}


async def fetched(wire, url):
    """The bytes of a file that must be there."""
    async with wire.session.get(url) as response:
        assert 200 == response.status
        return await response.read()


async def test_marked_copy_is_told_and_served(emulate):
    """The result has both URLs, and they lead to different files."""
    async with emulate(advance=AtOnce()) as wire:
        task = await wire.ended(**ENABLED)
        assert {"enabled": True} == task["watermark_info"]
        (video,) = task["task_result"]["videos"]
        assert FIXED_VIDEO == await fetched(wire, video["url"])
        assert FIXED_MARKED_VIDEO == await fetched(wire, video["watermark_url"])


@pytest.mark.parametrize("fields", [{}, {"watermark_info": {"enabled": False}}])
async def test_no_copy_without_asking(fields, emulate):
    """Neither the field nor the file."""
    async with emulate(advance=AtOnce()) as wire:
        task = await wire.ended(**fields)
        assert "watermark_info" not in task
        (video,) = task["task_result"]["videos"]
        assert "watermark_url" not in video
        assert 404 == (await wire.send("GET", video["url"].replace(".mp4", "-marked.mp4")))[0]


async def test_images_have_marked_copies_too(emulate):
    """Each image has its own, where the endpoint takes the field."""
    async with emulate(advance=AtOnce()) as wire:
        for path, marked in (("/v1/images/generations", True), ("/v1/images/kolors-virtual-try-on", False)):
            _, payload, _ = await wire.send("POST", path, body={"n": 2, **ENABLED})
            _, payload, _ = await wire.send("GET", f"{path}/{payload['data']['task_id']}")
            images = payload["data"]["task_result"]["images"]
            assert [marked] * 2 == ["watermark_url" in image for image in images]
            if marked:
                plain, copy = [await fetched(wire, images[1][name]) for name in ("url", "watermark_url")]
                assert plain != copy


async def test_watermark_can_be_seen(emulate, pictures):
    """The rendered copy differs in its lower right corner and nowhere else."""
    av, np = pytest.importorskip("av"), pytest.importorskip("numpy")

    def first_frame(data):
        with av.open(io.BytesIO(data)) as container:
            return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)

    async with emulate(advance=AtOnce(), render=True) as wire:
        task = await wire.ended(image=pictures.b64(pictures.png()), **ENABLED)
        (video,) = task["task_result"]["videos"]
        plain, marked = [first_frame(await fetched(wire, video[name])) for name in ("url", "watermark_url")]
    differs = np.abs(plain - marked).max(axis=2) > 60
    height, width = differs.shape
    assert differs[height // 2 :, width // 2 :].sum() > 500
    assert 0 == differs[: height // 2].sum()


async def test_rendered_images_are_drawn_from_the_picture(emulate, pictures):
    """A PNG of the picture's shape; each of a series looks different."""
    image = pytest.importorskip("PIL.Image")
    async with emulate(advance=AtOnce(), render=True) as wire:
        body = {"n": 2, "image": pictures.b64(pictures.png(600, 300)), **ENABLED}
        _, payload, _ = await wire.send("POST", "/v1/images/generations", body=body)
        _, payload, _ = await wire.send("GET", f"/v1/images/generations/{payload['data']['task_id']}")
        images = payload["data"]["task_result"]["images"]
        files = [await fetched(wire, one[name]) for one in images for name in ("url", "watermark_url")]
    assert [(480, 240)] * 4 == [image.open(io.BytesIO(data)).size for data in files]
    assert 4 == len(set(files))


async def test_text2video_is_a_card_of_its_ratio(emulate):
    """Without a picture the video has the shape that was asked for."""
    av = pytest.importorskip("av")
    async with emulate(advance=AtOnce(), render=True) as wire:
        body = {"prompt": "a cat", "aspect_ratio": "9:16"}
        _, payload, _ = await wire.send("POST", "/v1/videos/text2video", body=body)
        _, payload, _ = await wire.send("GET", f"/v1/videos/text2video/{payload['data']['task_id']}")
        (video,) = payload["data"]["task_result"]["videos"]
        data = await fetched(wire, video["url"])
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (202, 360) == (stream.width, stream.height)
        assert float(video["duration"]) == pytest.approx(container.duration / 1e6, abs=0.001)
