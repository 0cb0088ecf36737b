"""The API reference's rules on pictures: format by bytes, 10 MB, 300 px, 1:2.5 to 2.5:1, masks against the image."""

import pytest
from made_pictures import MEGABYTE, b64, drawn, png, png_of_size

pytestmark = pytest.mark.anyio


def forms(data, tmp_path):
    """The picture in the three forms in which its bytes are at hand."""
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    return [path, data, b64(data)]


@pytest.mark.parametrize("field", ["image", "image_tail"])
@pytest.mark.parametrize(("width", "height"), [(299, 300), (300, 299), (299, 299), (1, 1)])
async def test_under_300_px_is_refused(verdicts, tmp_path, field, width, height):
    """Both sides need 300 px, in every form."""
    for picture in forms(png(width, height), tmp_path):
        assert "300" in await verdicts.refuses(field, **{field: picture})


@pytest.mark.parametrize("field", ["image", "image_tail"])
async def test_300_px_pass(verdicts, tmp_path, field):
    """300 by 300 is enough."""
    for picture in forms(png(300, 300), tmp_path):
        await verdicts.accepts(**{field: picture})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_pillows_pictures_are_measured_too(verdicts, kind):
    """A real encoder's header is read: 299 px are refused and 300 pass."""
    await verdicts.refuses("image", image=drawn(kind, 299, 400))
    await verdicts.accepts(image=drawn(kind, 300, 400))


@pytest.mark.parametrize(("width", "height"), [(751, 300), (300, 751), (2501, 1000), (1000, 2501)])
async def test_too_long_an_image_is_refused(verdicts, tmp_path, width, height):
    """Just over 2.5:1, both ways."""
    for picture in forms(png(width, height), tmp_path):
        assert "2.5" in await verdicts.refuses("image", image=picture)


@pytest.mark.parametrize(("width", "height"), [(750, 300), (300, 750), (2500, 1000), (1000, 2500)])
async def test_ratio_of_exactly_two_and_a_half_passes(verdicts, width, height):
    """The ends of 1:2.5 to 2.5:1 are allowed."""
    await verdicts.accepts(image=png(width, height))


@pytest.mark.parametrize(("width", "height"), [(751, 300), (300, 1500)])
async def test_a_tail_has_no_ratio(verdicts, width, height):
    """The API reference bounds the ratio of image, and not of image_tail."""
    await verdicts.accepts(image_tail=png(width, height))
    await verdicts.accepts(image=None, image_tail=png(width, height))


@pytest.mark.parametrize("field", ["image", "image_tail"])
async def test_ten_megabytes_and_not_one_byte_more(verdicts, tmp_path, field):
    """10*1024*1024 bytes of file pass, one more does not, in every form."""
    for picture in forms(png_of_size(10 * MEGABYTE + 1, 640, 480), tmp_path):
        assert "10" in await verdicts.refuses(field, **{field: picture})
    for picture in forms(png_of_size(10 * MEGABYTE, 640, 480), tmp_path):
        await verdicts.accepts(**{field: picture})


@pytest.mark.parametrize("field", ["image", "image_tail", "static_mask", "dynamic_masks"])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
async def test_only_jpeg_and_png_by_their_bytes(verdicts, tmp_path, field, kind):
    """Another format is refused, also where its name ends in .png."""
    for picture in forms(drawn(kind), tmp_path):
        value = picture
        if field == "dynamic_masks":
            value = [{"mask": picture, "trajectories": [(1, 2), (3, 4)]}]
        await verdicts.refuses(field, **{field: value})


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"hello", png()[:30]], ids=repr)
async def test_scraps_are_refused(verdicts, tmp_path, data):
    """Nothing, a bare signature, and text are not pictures."""
    for picture in forms(data, tmp_path):
        await verdicts.refuses("image", image=picture)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
async def test_half_a_picture_is_refused(verdicts, tmp_path, kind, part):
    """A file that was cut off is noticed before it is paid for."""
    data = drawn(kind, 900, 900)
    for picture in forms(data[: int(len(data) * part)], tmp_path):
        await verdicts.refuses("image", image=picture)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
async def test_data_behind_a_whole_picture_travels_with_it(verdicts, tmp_path, kind):
    """Phones append a video, tools append zeros: the file passes and every byte of it arrives."""
    for trailing in (b"\0" * 100_000, b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 800):
        data = drawn(kind) + trailing
        for picture in forms(data, tmp_path):
            assert b64(data) == (await verdicts.accepts(image=picture))["image"]


async def test_a_mask_has_the_images_ratio(verdicts, tmp_path):
    """Another ratio fails the task, says the API reference; the same at another size passes."""
    dynamic = {"trajectories": [(1, 2), (3, 4)]}
    for mask in forms(png(600, 600), tmp_path):
        await verdicts.refuses("static_mask", image=png(1200, 800), static_mask=mask)
        await verdicts.refuses(
            "dynamic_masks[0].mask", image=png(1200, 800), dynamic_masks=[dynamic | {"mask": mask}]
        )
    for mask in forms(png(600, 400), tmp_path):
        await verdicts.accepts(image=png(1200, 800), static_mask=mask)
        await verdicts.accepts(image=png(1200, 800), dynamic_masks=[dynamic | {"mask": mask}])


async def test_masks_have_one_resolution(verdicts):
    """static_mask and a dynamic mask of the same ratio but of another size are refused together."""
    dynamic = [{"mask": png(600, 400), "trajectories": [(1, 2), (3, 4)]}]
    assert await verdicts.problems(image=png(1200, 800), static_mask=png(1200, 800), dynamic_masks=dynamic)
    await verdicts.accepts(image=png(1200, 800), static_mask=png(600, 400), dynamic_masks=dynamic)


async def test_a_url_is_not_measured(verdicts):
    """Nothing about a URL can be checked here, so it passes."""
    url = "https://example.com/tiny.gif"
    await verdicts.accepts(image=url, static_mask=url)
