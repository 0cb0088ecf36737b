"""What a preview draws, by its pixels, with a renderer of the test's own."""

import io
import sys

import pytest
from made_pictures import b64, png
from PIL import Image, ImageChops
from preview.masks import mask, saved

from kling_async import CameraControl, DynamicMask, Image2VideoRequest
from kling_async.errors import ConfigurationError
from kling_async.preview.marks import BAD, COLOURS, Placement
from kling_async.preview.preview import in_short, preview_of
from kling_async.preview.sheet import WIDTH, drawable

pytestmark = pytest.mark.anyio
GREY = png(640, 400)
FRAME = (30, 90, WIDTH // 2, 480)
"""The first frame's half of a sheet."""


class Green:
    """A renderer whose every frame is green."""

    def __init__(self):
        self.asked = []

    def frame(self, _shot, t):
        self.asked.append(t)
        return saved(Image.new("RGB", (320, 200), (0, 200, 0)))

    def video(self, _shot):
        raise AssertionError("no video was asked for")


async def drawn(renderer=None, **fields):
    """The sheet in RGB."""
    request = Image2VideoRequest(**{"image": GREY, "model_name": "kling-v2-6", **fields})
    made = await preview_of(request, renderer or Green())
    return Image.open(io.BytesIO(made.picture)).convert("RGB")


def where(picture, colour, box=FRAME):
    """The box of a part of the picture in which a colour stands, or nearly; None if it does not."""
    part = picture.crop(box)
    difference = ImageChops.difference(part, Image.new("RGB", part.size, colour))
    red, green, blue = (band.point([255] * 14 + [0] * 242) for band in difference.split())
    return ImageChops.darker(ImageChops.darker(red, green), blue).getbbox()


async def test_the_last_frame_stands_beside_the_first():
    """The renderer is asked for the last frame alone, and its picture is the right half."""
    renderer = Green()
    sheet = await drawn(renderer, camera_control=CameraControl.zoom(5))
    assert [1.0] == renderer.asked
    assert WIDTH == sheet.width
    assert (0, 200, 0) == sheet.getpixel((WIDTH * 3 // 4, 250))
    assert (128, 128, 128) == sheet.getpixel((WIDTH // 4, 250))


async def test_a_given_last_frame_is_shown_itself():
    """Then nothing is rendered."""
    renderer = Green()
    sheet = await drawn(renderer, image_tail=saved(Image.new("RGB", (640, 400), (10, 20, 200))))
    assert [] == renderer.asked
    assert (10, 20, 200) == sheet.getpixel((WIDTH * 3 // 4, 250))


async def test_a_path_is_drawn_from_the_bottom_left():
    """A path along the lower edge is in the lower half of the first frame, and not in the upper one."""
    brushed = mask(100, 330, 540, 390)
    sheet = await drawn(dynamic_masks=[DynamicMask(brushed, [(120, 40), (520, 40)])])
    left, top, right, bottom = where(sheet, COLOURS[0])
    assert top > 190
    assert right - left > 300
    assert bottom <= 390


@pytest.mark.parametrize(
    ("point", "shown"), [((600, 40), False), ((700, 40), True), ((10**6, -(10**6)), True)]
)
async def test_points_outside_are_marked_at_the_edge(point, shown):
    """A red cross, also for a point that is far away; none for a point inside."""
    brushed = mask(100, 330, 540, 390)
    sheet = await drawn(dynamic_masks=[DynamicMask(brushed, [(120, 40), point])])
    assert shown == (where(sheet, BAD) is not None)


async def test_base64_is_a_picture_as_well():
    """As text it is decoded; a text that is not base64 after all leaves an empty frame."""
    assert (128, 128, 128) == (await drawn(image=b64(GREY))).getpixel((WIDTH // 4, 250))
    assert WIDTH == (await drawn(image="iVBORw0KGgo!!" + "A" * 400)).width


async def test_static_regions_are_hatched():
    """Light and dark lines alternate in the region; outside of it the picture is as it was."""
    sheet = await drawn(static_mask=mask(0, 0, 320, 400))
    region, outside = sheet.crop((60, 150, 260, 350)), sheet.crop((400, 150, 600, 350))
    assert where(region, "white", (0, 0, 200, 200)) is None  # the lines let the picture through
    assert len(region.getcolors(100_000)) > 10
    assert [(200 * 200, (128, 128, 128))] == outside.getcolors()


def test_pixels_are_placed_from_the_bottom_left():
    """(0, 0) is the middle of the lowest left pixel."""
    place = Placement(left=10, top=20, scale=2.0, width=100, height=50)
    assert (11, 119) == place.at((0, 0))
    assert (209, 21) == place.at((99, 49))
    assert (10, 20, 210, 120) == place.box


@pytest.mark.parametrize(
    "image", [GREY[:100], b"", b"\xff\xd8\xff" + b"x" * 400, "https://example.com/cat.png"]
)
async def test_pictures_that_cannot_be_shown_leave_a_note(image):
    """No decoder's error gets out, and the sheet is drawn."""
    assert WIDTH == (await drawn(image=image)).width


@pytest.mark.parametrize("prompt", ["x" * 2500, "word " * 500, "猫\u202e", "a\nb"], ids=range(4))
async def test_prompts_are_shown_as_far_as_the_font_goes(prompt):
    """Long ones are cut, others left out, and none ends in an error."""
    assert (await drawn(prompt=prompt)).height < 1500


async def test_a_path_of_77_points_and_six_regions_are_drawn():
    """The API reference's largest request: every colour is there."""
    points = [(8 * step, 5 * (step % 40)) for step in range(77)]
    masks = [DynamicMask(mask(80 * at, 0, 80 * at + 60, 399), points[at:]) for at in range(6)]
    sheet = await drawn(dynamic_masks=masks, static_mask=mask(500, 0, 640, 60))
    assert all(where(sheet, colour) is not None for colour in COLOURS)


def test_what_is_asked_for_is_said_in_short():
    """Model, mode and seconds with the service's defaults, and what moves."""
    assert "kling-v1 · std · 5 s" == in_short(Image2VideoRequest(image=GREY))
    camera = Image2VideoRequest(
        image=GREY, model_name="kling-v3", duration=7, camera_control=CameraControl.pan(-3)
    )
    assert "kling-v3 · std · 7 s · pan -3" == in_short(camera)
    preset = Image2VideoRequest(image=GREY, camera_control=CameraControl.down_back())
    assert in_short(preset).endswith("down_back")


def test_texts_are_drawn_in_signs_that_the_font_has():
    """Others are question marks, not boxes."""
    assert "640x400 ?..." == drawable("640×400 猫…")


async def test_without_pillow_the_extra_is_named(monkeypatch):
    """One line that says what to install."""
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ConfigurationError, match=r'needs Pillow: pip install "kling-async\[emulator\]"'):
        await preview_of(Image2VideoRequest(image=GREY), Green())
