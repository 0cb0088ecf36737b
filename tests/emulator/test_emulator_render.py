"""The rendered MP4, decoded again: it plays, it moves, and it shows what was asked for."""

import io
import sys

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from kling_async.emulator.render import FPS, MissingExtraError, Scene, render, scene_key

SIZE = 400


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """Small frames, since most of the cost is in their size."""
    monkeypatch.setattr("kling_async.emulator.render.LONG_SIDE", {"std": 160, "pro": 200})


def picture(*, spot=(200, 200), mode="RGB", file_format="PNG", background=(40, 60, 90)):
    """A dark picture with one bright square around `spot`."""
    drawn = Image.new("RGB", (SIZE, SIZE), background)
    x, y = spot
    ImageDraw.Draw(drawn).rectangle((x - 25, y - 25, x + 25, y + 25), fill=(250, 240, 60))
    out = io.BytesIO()
    drawn.convert(mode).save(out, file_format)
    return out.getvalue()


def mask(box, *, mode="L"):
    drawn = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(drawn).rectangle(box, fill=255)
    if mode == "RGBA":
        clear = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
        clear.paste((255, 255, 255, 255), mask=drawn)
        drawn = clear
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()


def scene(**changes):
    plain = {
        "image": picture(),
        "tail": None,
        "seconds": 5,
        "mode": "std",
        "camera": None,
        "static_mask": None,
        "dynamic_masks": (),
    }
    return Scene(**{**plain, **changes})


def frames(data):
    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def spot(frame):
    """Where the bright square's middle is, in parts of the frame (x right, y down)."""
    rows, columns = np.nonzero(frame[..., 0] + frame[..., 1] - frame[..., 2] > 250)
    return columns.mean() / frame.shape[1], rows.mean() / frame.shape[0]


def area(frame):
    return (frame[..., 0] + frame[..., 1] - frame[..., 2] > 250).mean()


@pytest.mark.parametrize("seconds", [5, 10])
def test_it_plays_and_lasts(seconds):
    """H.264 in yuv420p, even sides, the asked length, and playable before it is whole."""
    data = render(scene(seconds=seconds))
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert ("h264", "yuv420p") == (stream.codec_context.name, stream.codec_context.pix_fmt)
        assert (0, 0) == (stream.width % 2, stream.height % 2)
        assert seconds == pytest.approx(float(container.duration) / 1e6, abs=0.05)
        assert seconds * FPS == sum(1 for _ in container.decode(video=0))
    assert data.find(b"moov") < data.find(b"mdat")


def test_it_always_moves():
    """Without camera and brush the picture still comes nearer."""
    shown = frames(render(scene()))
    assert area(shown[-1]) > 1.1 * area(shown[0])


@pytest.mark.parametrize(
    ("axis", "amount", "dx", "dy"),
    [
        ("horizontal", 8, -1, 0),
        ("horizontal", -8, 1, 0),
        ("vertical", 8, 0, 1),
        ("pan", 8, -1, 0),
        ("tilt", 8, 0, 1),
    ],
)
def test_the_picture_moves_against_the_camera(axis, amount, dx, dy):
    """A camera that goes right sees things go left; one that goes up sees them go down."""
    shown = frames(render(scene(camera={"type": "simple", "config": {axis: amount}})))
    (x0, y0), (x1, y1) = spot(shown[0]), spot(shown[-1])
    assert dx == (np.sign(x1 - x0) if abs(x1 - x0) > 0.03 else 0)
    assert dy == (np.sign(y1 - y0) if abs(y1 - y0) > 0.03 else 0)


def test_zoom_has_the_pages_sign():
    """Positive: a wider view, so that things shrink; negative: they grow."""
    wide = frames(render(scene(camera={"type": "simple", "config": {"zoom": 5}})))
    near = frames(render(scene(camera={"type": "simple", "config": {"zoom": -5}})))
    assert area(wide[-1]) < 0.9 * area(wide[0])
    assert area(near[-1]) > 1.1 * area(near[0])


def test_the_last_frame_is_the_tail():
    """`image_tail` is reached at the end, and the beginning is the image."""
    tail = picture(spot=(300, 100), background=(200, 200, 220))
    shown = frames(render(scene(tail=tail)))
    wanted = np.asarray(Image.open(io.BytesIO(tail)).resize(shown[-1].shape[1::-1])).astype(int)
    assert np.abs(shown[-1] - wanted).mean() < 8
    assert spot(shown[0]) == pytest.approx((0.5, 0.5), abs=0.02)


def test_a_tail_alone_comes_out_of_a_blur():
    """Without an image the video still ends with the tail."""
    shown = frames(render(scene(image=None, tail=picture(spot=(100, 100)))))
    assert spot(shown[-1]) == pytest.approx((0.25, 0.25), abs=0.02)


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_brushed_region_follows_its_path(mode):
    """The square travels along its path, whose origin is at the bottom left, and leaves nothing behind."""
    path = ((200, 200), (300, 200), (300, 320))
    shown = frames(render(scene(dynamic_masks=((mask((170, 170, 230, 230), mode=mode), path),))))
    assert spot(shown[0]) == pytest.approx((0.5, 0.5), abs=0.02)
    assert spot(shown[-1]) == pytest.approx((300 / 400, 1 - 320 / 400), abs=0.03)


def test_a_static_region_keeps_still():
    """What is under the static mask is the same in the first and in the last frame."""
    shown = frames(render(scene(static_mask=mask((150, 150, 250, 250)))))
    height, width = shown[0].shape[:2]
    middle = (slice(height * 2 // 5, height * 3 // 5), slice(width * 2 // 5, width * 3 // 5))
    assert np.abs(shown[0][middle] - shown[-1][middle]).mean() < 3


@pytest.mark.parametrize(
    ("mode", "file_format"), [("CMYK", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG")]
)
def test_every_kind_of_picture(mode, file_format):
    """CMYK, grey, palette, alpha and 16 bit: all are drawn."""
    if mode == "I;16":
        out = io.BytesIO()
        Image.fromarray(np.full((SIZE, SIZE), 30000, dtype="uint16")).save(out, "PNG")
        data = out.getvalue()
    else:
        data = picture(mode=mode, file_format=file_format)
    assert 5 * FPS == len(frames(render(scene(image=data))))


def test_what_is_no_picture_becomes_a_card():
    """Rubbish and nothing are both a neutral card, masks that are rubbish brush nothing."""
    data = render(scene(image=b"rubbish", static_mask=b"rubbish", dynamic_masks=((b"x", ((1, 1), (2, 2))),)))
    assert 5 * FPS == len(frames(data))


def test_a_missing_extra_says_what_to_install(monkeypatch):
    """Without PyAV the error names it and the extra."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"av.*kling-async\[emulator\]"):
        render(scene())


def test_the_key_is_what_decides_the_picture():
    """Equal scenes share a key, different ones do not."""
    assert scene_key(scene()) == scene_key(scene())
    assert scene_key(scene()) != scene_key(scene(camera={"type": "down_back"}))
