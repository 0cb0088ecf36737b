"""What a preview says of a request: the classic mistakes with masks and paths, and what the rules have to say."""

import pytest
from made_pictures import jpeg, png
from PIL import Image, ImageDraw
from preview.masks import LOW_LEFT, SIZE, mask, saved

from kling_async import DynamicMask, Image2VideoRequest
from kling_async.preview.findings import findings_of
from kling_async.preview.shot import shot_of

pytestmark = pytest.mark.anyio


async def said(**fields):
    """The findings on a request whose image is 640×400 px."""
    fields = {"image": png(*SIZE), "model_name": "kling-v2-6", **fields}
    request = Image2VideoRequest(**fields)
    return await findings_of(request, shot_of(request))


async def warned(brushed, *points, **fields):
    """The warnings on one brushed region and its path."""
    found = await said(dynamic_masks=[DynamicMask(brushed, points)], **fields)
    return [str(problem) for problem in found.warnings]


async def test_a_path_that_starts_in_its_mask_is_fine():
    """Y = 35 is 35 pixels above the bottom, which is where the box is."""
    assert [] == await warned(mask(*LOW_LEFT), (70, 35), (300, 200))


async def test_a_path_counted_from_the_top_left_is_pointed_out():
    """The start is outside of the mask, would be inside with y flipped, and the right y is named."""
    [warning] = await warned(mask(*LOW_LEFT), (70, 364), (300, 200))
    told = (
        "dynamic_masks[0].trajectories: starts at (70, 364), outside its mask; points count from the BOTTOM left; "
        "counted from the top left it would start inside, and then y is 399 - y, here 35"
    )
    assert told == warning


async def test_a_path_that_starts_elsewhere_gets_no_hint():
    """Flipping would not help here, so it is not mentioned."""
    [warning] = await warned(mask(*LOW_LEFT), (500, 200), (300, 200))
    assert warning.endswith("starts at (500, 200), outside its mask; points count from the BOTTOM left")


@pytest.mark.parametrize("scale", [1, 2, 3])
async def test_masks_of_another_resolution_are_scaled(scale):
    """Points are in the image's pixels, whatever the mask's are."""
    box = tuple(side * scale for side in LOW_LEFT)
    brushed = mask(*box, size=(SIZE[0] * scale, SIZE[1] * scale))
    assert [] == await warned(brushed, (70, 35), (300, 200))
    assert 1 == len(await warned(brushed, (70, 364), (300, 200)))


@pytest.mark.parametrize("point", [(20, 59), (120, 9), (20, 9), (120, 59)])
async def test_a_start_on_the_masks_edge_is_inside(point):
    """So is one that is some pixels off: nobody brushes to the pixel."""
    near = (point[0] + 3, point[1] + 3)
    assert [] == await warned(mask(*LOW_LEFT), point, (300, 200))
    assert [] == await warned(mask(*LOW_LEFT), near, (300, 200))


async def test_points_outside_the_picture_are_pointed_out_too():
    """The library's own warning stands beside the preview's."""
    [warning] = await warned(mask(*LOW_LEFT), (70, 35), (300, 900))
    assert "1 of 2 points are outside image, which is 640×400 px" in warning


async def test_empty_masks_and_paths_that_stand_still_are_pointed_out():
    """Nothing would move."""
    [empty] = await warned(mask(), (70, 35), (300, 200))
    [still] = await warned(mask(*LOW_LEFT), (70, 35), (70, 35))
    [static] = (await said(static_mask=mask())).warnings
    assert "dynamic_masks[0].mask: has no brushed region: all of it is black or transparent" == empty
    assert "dynamic_masks[0].trajectories: does not move: all its points are the same" == still
    assert "static_mask: has no brushed region: all of it is black or transparent" == str(static)


async def test_an_alpha_channel_is_a_mask_as_well():
    """What is transparent is not brushed, whatever its colour."""
    picture = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    ImageDraw.Draw(picture).rectangle(LOW_LEFT, fill=(255, 255, 255, 255))
    assert [] == await warned(saved(picture), (70, 35), (300, 200))
    assert 1 == len(await warned(saved(picture), (500, 200), (300, 200)))


async def test_a_turned_photo_is_pointed_out_with_masks():
    """Viewers turn it by its EXIF data; the service counts stored pixels."""
    facts = Image.Exif()
    facts[0x0112] = 6
    turned = saved(Image.new("RGB", SIZE), "JPEG", exif=facts)
    [warning] = await warned(mask(*LOW_LEFT), (70, 35), (300, 200), image=turned)
    assert warning.startswith("image: is shown turned by its EXIF data")
    assert () == (await said(image=turned)).warnings


async def test_rules_are_asked_and_not_stated_again():
    """What would keep the request from being sent, and what the map says, are the library's own problems."""
    found = await said(image=png(200, 200), mode="4k")
    assert ["image: is 200×200 px; no side may be shorter than 300 px"] == list(map(str, found.broken))
    assert ["mode"] == [problem.path for problem in found.refused]
    assert found.known
    assert not (await said(model_name="kling-v9")).known


async def test_models_that_end_are_pointed_out():
    """As a client does in its log."""
    [warning] = (await said(model_name="kling-v1-6")).warnings
    assert "is announced to end on 2026-09-15" in str(warning)


async def test_a_url_is_not_fetched():
    """It is said that nothing can be said."""
    [warning] = (await said(image="https://example.com/cat.png")).warnings
    assert "image: is a URL, which a preview does not fetch; nothing can be said of it" == str(warning)


async def test_files_that_cannot_be_read_are_broken_rules(tmp_path):
    """A missing file, and one that no decoder takes."""
    [missing] = (await said(image=tmp_path / "gone.png")).broken
    [odd] = (await said(image=jpeg())).warnings
    assert "gone.png cannot be read: No such file or directory" in str(missing)
    assert "image: cannot be decoded here; the service may refuse it" == str(odd)
