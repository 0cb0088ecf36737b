"""The rendered MP4, decoded again: it plays, it moves, and it shows what was asked for."""

import io
import random
import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from kling_async.emulator.videos.opening import opened
from kling_async.emulator.videos.render import MissingExtraError, render
from kling_async.emulator.videos.scene import Scene, frame_count, scene_key

SIZE = 400


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    """Small frames, since most of the cost is in their size."""
    monkeypatch.setattr("kling_async.emulator.videos.render.LONG_SIDE", {"std": 160, "pro": 200})


def encoded(drawn, file_format="PNG"):
    out = io.BytesIO()
    drawn.save(out, file_format)
    return out.getvalue()


def picture(*, spot=(200, 200), mode="RGB", file_format="PNG", background=(40, 60, 90)):
    """A dark picture with one bright square around `spot`."""
    drawn = Image.new("RGB", (SIZE, SIZE), background)
    x, y = spot
    ImageDraw.Draw(drawn).rectangle((x - 25, y - 25, x + 25, y + 25), fill=(250, 240, 60))
    return encoded(drawn.convert(mode), file_format)


def mask(box, *, mode="L"):
    drawn = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(drawn).rectangle(box, fill=255)
    if mode == "RGBA":
        clear = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
        clear.paste((255, 255, 255, 255), mask=drawn)
        drawn = clear
    return encoded(drawn)


def simple(**config):
    return {"type": "simple", "config": config}


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


def column_heights(frame):
    """Pixels of the bright columns' heights, from the left: each measured down its middle."""
    bright = frame[..., 0] + frame[..., 1] - frame[..., 2] > 250
    across = np.nonzero(bright[bright.shape[0] // 2])[0]
    columns = np.split(across, np.nonzero(np.diff(across) > 3)[0] + 1)
    return [bright[:, column[len(column) // 2]].sum() for column in columns]


def area(frame):
    return (frame[..., 0] + frame[..., 1] - frame[..., 2] > 250).mean()


@pytest.mark.parametrize("seconds", [3, 5, 10])
def test_it_plays_and_lasts(seconds):
    """H.264 in yuv420p, even sides, a little more than the asked length, and playable before it is whole."""
    data = render(scene(seconds=seconds))
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert ("h264", "yuv420p") == (stream.codec_context.name, stream.codec_context.pix_fmt)
        assert (0, 0) == (stream.width % 2, stream.height % 2)
        assert seconds + 0.1 == pytest.approx(float(container.duration) / 1e6, abs=0.001)
        assert frame_count(seconds) == sum(1 for _ in container.decode(video=0))
    assert data.find(b"moov") < data.find(b"mdat")


def test_it_always_moves():
    """Without camera and brush the picture still comes nearer."""
    shown = frames(render(scene()))
    assert area(shown[-1]) > 1.1 * area(shown[0])


def test_the_same_scene_gives_the_same_bytes():
    """A download that is resumed after the cache forgot the video goes on in the same file."""
    assert render(scene()) == render(scene())


def test_pro_is_larger():
    """The expert mode shows more pixels, in the picture's shape."""
    wide = encoded(Image.new("RGB", (800, 450), "teal"))
    std, pro = (next(iter(frames(render(scene(image=wide, mode=mode))))).shape for mode in ("std", "pro"))
    assert (90, 160, 3) == std
    assert (112, 200, 3) == pro


@pytest.mark.parametrize(
    ("axis", "amount", "dx", "dy"),
    [
        ("horizontal", 8, -1, 0),
        ("horizontal", -8, 1, 0),
        ("vertical", 8, 0, 1),
        ("vertical", -8, 0, -1),
        ("pan", 8, -1, 0),
        ("pan", -8, 1, 0),
        ("tilt", 8, 0, 1),
        ("tilt", -8, 0, -1),
    ],
)
def test_the_picture_moves_against_the_camera(axis, amount, dx, dy):
    """A camera that goes right sees things go left; one that goes up sees them go down."""
    shown = frames(render(scene(camera={"type": "simple", "config": {axis: amount}})))
    (x0, y0), (x1, y1) = spot(shown[0]), spot(shown[-1])
    assert dx == (np.sign(x1 - x0) if abs(x1 - x0) > 0.03 else 0)
    assert dy == (np.sign(y1 - y0) if abs(y1 - y0) > 0.03 else 0)


def test_a_clockwise_camera_sees_things_turn_counterclockwise():
    """What lay to the right of the middle rises."""
    shown = frames(render(scene(image=picture(spot=(320, 200)), camera=simple(roll=8))))
    (_, y0), (_, y1) = spot(shown[0]), spot(shown[-1])
    assert y1 < y0 - 0.05


def test_only_a_turn_has_a_keystone():
    """After a pan to the right the right is further off, and so smaller, than the left; after a shift it is not."""
    columns = Image.new("RGB", (SIZE, SIZE), (40, 60, 90))
    for x in (160, 300):
        ImageDraw.Draw(columns).rectangle((x, 120, x + 20, 280), fill=(250, 240, 60))
    turned, shifted = (
        frames(render(scene(image=encoded(columns), camera=simple(**{axis: 10}))))[-1]
        for axis in ("pan", "horizontal")
    )
    turned_heights, shifted_heights = (column_heights(frame) for frame in (turned, shifted))
    assert turned_heights[0] - turned_heights[1] >= 3
    assert shifted_heights[0] == pytest.approx(shifted_heights[1], abs=1)


def test_zoom_has_the_pages_sign():
    """Positive: a wider view, so that things shrink; negative: they grow."""
    wide = frames(render(scene(camera=simple(zoom=5))))
    near = frames(render(scene(camera=simple(zoom=-5))))
    assert area(wide[-1]) < 0.9 * area(wide[0])
    assert area(near[-1]) > 1.1 * area(near[0])


def test_a_preset_is_drawn():
    """下移拉远: the picture shrinks and rises."""
    shown = frames(render(scene(camera={"type": "down_back"})))
    assert area(shown[-1]) < 0.8 * area(shown[0])
    assert spot(shown[-1])[1] < spot(shown[0])[1] - 0.03


def test_a_tall_picture_has_something_around_it():
    """The widest view of the tallest picture shows no black beyond the edges."""
    tall = encoded(Image.new("RGB", (300, 750), "white"))
    assert frames(render(scene(image=tall, camera=simple(zoom=10))))[-1].min() > 220


def test_the_last_frame_is_the_tail():
    """`image_tail` is reached at the end, and the beginning is the image."""
    tail = picture(spot=(300, 100), background=(200, 200, 220))
    shown = frames(render(scene(tail=tail)))
    wanted = np.asarray(Image.open(io.BytesIO(tail)).resize(shown[-1].shape[1::-1])).astype(int)
    assert np.abs(shown[-1] - wanted).mean() < 4
    assert spot(shown[0]) == pytest.approx((0.5, 0.5), abs=0.02)


def test_a_tail_of_another_shape_is_fitted_to_the_first_frame():
    """The image decides the video's shape."""
    tail = encoded(Image.new("RGB", (640, 360), (10, 200, 30)))
    shown = frames(render(scene(tail=tail)))
    assert (160, 160, 3) == shown[-1].shape
    assert (10, 200, 30) == pytest.approx(tuple(shown[-1].mean(axis=(0, 1))), abs=6)


def test_a_tail_alone_comes_out_of_a_blur():
    """Without an image the video begins with a blur of the tail and ends with the tail."""
    shown = frames(render(scene(image=None, tail=picture(spot=(100, 100)))))
    assert np.ptp(shown[0]) < 0.6 * np.ptp(shown[-1])
    assert spot(shown[-1]) == pytest.approx((0.25, 0.25), abs=0.02)


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_brushed_region_follows_its_path(mode):
    """The square travels along its path, whose origin is at the bottom left, and leaves nothing behind."""
    path = ((200, 200), (300, 200), (300, 320))
    shown = frames(render(scene(dynamic_masks=((mask((170, 170, 230, 230), mode=mode), path),))))
    assert spot(shown[0]) == pytest.approx((0.5, 0.5), abs=0.02)
    assert spot(shown[len(shown) * 5 // 11]) == pytest.approx((300 / 400, 0.5), abs=0.03)
    assert spot(shown[-1]) == pytest.approx((300 / 400, 1 - 320 / 400), abs=0.03)


def test_a_path_is_in_pixels_of_the_image():
    """A mask of half the image's resolution still moves along the image's pixels."""
    small = encoded(Image.open(io.BytesIO(mask((170, 170, 230, 230)))).resize((SIZE // 2, SIZE // 2)))
    shown = frames(render(scene(dynamic_masks=((small, ((200, 200), (300, 200))),))))
    assert spot(shown[-1]) == pytest.approx((300 / 400, 0.5), abs=0.03)


def test_a_large_jpeg_keeps_its_own_pixels_as_the_measure():
    """A JPEG that is decoded at a part of its size does not stretch the path."""
    large = Image.open(io.BytesIO(picture())).resize((4000, 4000))
    path = ((2000, 2000), (3000, 2000))
    brush = mask((170, 170, 230, 230))
    shown = frames(render(scene(image=encoded(large, "JPEG"), dynamic_masks=((brush, path),))))
    assert spot(shown[-1]) == pytest.approx((0.75, 0.5), abs=0.03)


@pytest.mark.parametrize("colour", [(0, 0, 90), (255, 0, 0), (30, 30, 30)])
def test_every_colour_brushes(colour):
    """Whatever is neither black nor transparent is brushed."""
    drawn = Image.new("RGB", (SIZE, SIZE))
    drawn.paste(colour, (170, 170, 230, 230))
    shown = frames(render(scene(dynamic_masks=((encoded(drawn), ((200, 200), (300, 200))),))))
    assert spot(shown[-1]) == pytest.approx((0.75, 0.5), abs=0.03)


def test_what_is_transparent_does_not_brush():
    """White at no opacity is nothing: the picture comes nearer, as without a mask."""
    clear = encoded(Image.new("RGBA", (SIZE, SIZE), (255, 255, 255, 0)))
    shown = frames(render(scene(dynamic_masks=((clear, ((200, 200), (300, 200))),))))
    assert spot(shown[-1]) == pytest.approx((0.5, 0.5), abs=0.02)
    assert area(shown[-1]) > 1.1 * area(shown[0])


def test_a_large_hole_is_filled_from_around():
    """Where most of the picture was carried away, its surroundings' colour is left, not black."""
    whole = encoded(Image.new("RGB", (SIZE, SIZE), (200, 180, 160)))
    shown = frames(
        render(scene(image=whole, dynamic_masks=((mask((20, 20, 380, 380)), ((0, 0), (390, 0))),)))
    )
    assert shown[-1].min() > 140


def test_all_brushed_leaves_a_neutral_ground():
    """With nothing around to fill from the hole is grey."""
    shown = frames(render(scene(dynamic_masks=((mask((0, 0, SIZE, SIZE)), ((0, 0), (400, 0))),))))
    assert np.abs(shown[-1] - 128).mean() < 6


def test_two_regions_go_their_own_ways():
    """Each brush follows its own path."""
    brushes = (
        (mask((170, 170, 200, 230)), ((185, 200), (85, 200))),
        (mask((201, 170, 230, 230)), ((215, 200), (315, 200))),
    )
    shown = frames(render(scene(dynamic_masks=brushes)))
    columns = (
        np.nonzero(shown[-1][..., 0] + shown[-1][..., 1] - shown[-1][..., 2] > 250)[1] / shown[-1].shape[1]
    )
    assert columns.min() < 0.25
    assert columns.max() > 0.75
    assert not ((columns > 0.4) & (columns < 0.6)).any()


def test_a_static_region_keeps_still():
    """What is under the static mask is the same in the first and in the last frame; what is not moves."""
    image = encoded(Image.effect_noise((SIZE, SIZE), 80).resize((40, 40)).resize((SIZE, SIZE)))
    shown = frames(render(scene(image=image, static_mask=mask((120, 120, 280, 280)))))
    moved = np.abs(shown[0] - shown[-1]).mean(axis=2)
    height, width = moved.shape
    still = moved[height * 35 // 100 : height * 65 // 100, width * 35 // 100 : width * 65 // 100]
    assert still.mean() < 4
    assert moved[:, : width // 5].mean() > 4 * still.mean()


def test_a_static_region_keeps_still_under_a_brush():
    """Of a brushed square the static half stays where it was."""
    brushes = ((mask((170, 170, 230, 230)), ((200, 200), (320, 200))),)
    shown = frames(render(scene(static_mask=mask((170, 170, 200, 230)), dynamic_masks=brushes)))
    bright = shown[-1][..., 0] + shown[-1][..., 1] - shown[-1][..., 2] > 250
    columns = np.nonzero(bright)[1] / bright.shape[1]
    assert columns.min() == pytest.approx(175 / 400, abs=0.02)
    assert columns.max() == pytest.approx(345 / 400, abs=0.02)
    assert not ((columns > 0.53) & (columns < 0.77)).any()


@pytest.mark.parametrize(
    ("mode", "file_format"), [("CMYK", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("1", "PNG")]
)
def test_every_kind_of_picture(mode, file_format):
    """CMYK, grey, palette, alpha and one bit: the bright square is there."""
    frame = frames(render(scene(image=picture(mode=mode, file_format=file_format))))[0]
    middle, corner = frame[78:82, 78:82].mean(), frame[5:15, 5:15].mean()
    assert middle > corner + 80


def test_16_bits_keep_their_brightness():
    """The upper half of each value is what is seen."""
    grey = encoded(Image.fromarray(np.full((SIZE, SIZE), 30000, dtype="uint16")))
    assert 30000 / 256 == pytest.approx(frames(render(scene(image=grey)))[0].mean(), abs=3)


def test_what_is_transparent_is_white():
    """A picture's transparent parts lie on white."""
    clear = encoded(Image.new("RGBA", (SIZE, SIZE), (200, 0, 0, 0)))
    assert frames(render(scene(image=clear)))[0].min() > 245


def test_an_orientation_is_ignored():
    """EXIF says lie it on its side; the stored pixels count."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (800, 400), "teal").save(out, "JPEG", exif=exif)
    assert (80, 160, 3) == frames(render(scene(image=out.getvalue())))[0].shape


def test_what_is_no_picture_becomes_a_card():
    """Rubbish and nothing are both a neutral card, masks that are rubbish brush nothing."""
    data = render(scene(image=b"rubbish", static_mask=b"rubbish", dynamic_masks=((b"x", ((1, 1), (2, 2))),)))
    assert data == render(scene(image=None))
    shown = frames(data)
    assert frame_count(5) == len(shown)
    assert np.abs(shown[0] - shown[-1]).mean() > 3


def test_a_picture_too_large_to_unpack_is_none():
    """A few KB that unpack to 200 megapixels are no picture, as an image and as a mask."""
    bomb = encoded(Image.new("1", (14500, 14500)))
    assert opened(bomb) is None


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_broken_pictures_raise_nothing(file_format):
    """Whatever was cut or overwritten in a picture, it is a picture or none."""
    chance, whole = random.Random(7), picture(file_format=file_format)
    for _ in range(150):
        broken = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randrange(6)):
            if broken:
                broken[chance.randrange(len(broken))] = chance.randrange(256)
        decoded = opened(bytes(broken))
        assert decoded is None or "RGBA" == decoded[0].mode


@pytest.mark.parametrize(("module", "name"), [("av", "PyAV"), ("numpy", "NumPy"), ("PIL.Image", "Pillow")])
def test_a_missing_extra_says_what_to_install(monkeypatch, module, name):
    """Without one of the libraries the error names it and the extra."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'{name} .*pip install "kling-async\[emulator\]"'):
        render(scene())


def test_the_module_loads_without_the_extra():
    """Importing the renderer imports none of the extra's libraries."""
    code = "import sys, kling_async.emulator.videos.render; print({'av', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()


@pytest.mark.parametrize(
    "change",
    [
        {"image": None},
        {"image": b""},
        {"tail": b"t"},
        {"seconds": 10},
        {"mode": "pro"},
        {"camera": {"type": "down_back"}},
        {"static_mask": b"m"},
        {"dynamic_masks": ((b"m", ((1, 2), (3, 4))),)},
    ],
    ids=str,
)
def test_whatever_decides_the_picture_changes_the_key(change):
    """Different scenes have different keys."""
    assert scene_key(scene()) != scene_key(scene(**change))


def test_equal_scenes_share_a_key():
    """The order in which a camera's axes were written decides nothing."""
    one, other = simple(zoom=1, pan=0), simple(pan=0, zoom=1)
    assert scene_key(scene(camera=one)) == scene_key(scene(camera=other))
