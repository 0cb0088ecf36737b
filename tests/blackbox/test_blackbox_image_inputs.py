"""Every way to hand in a picture, and what of it travels: the API reference wants plain base64 or a URL."""

import io

import pytest
from made_pictures import b64, drawn, png, png_of_size

from kling_async import Image2VideoRequest

pytestmark = pytest.mark.anyio

REFERENCE_EXAMPLE = "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("field", ["image", "image_tail"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("form", ["path", "bytes", "base64", "data", "file", "bytesio"])
async def test_plain_base64_of_the_files_bytes_travels(kling, service, tmp_path, field, kind, form):
    """Whatever the form, the file's own bytes arrive as base64 without a prefix."""
    data = drawn(kind)
    path = tmp_path / "picture"
    path.write_bytes(data)
    with path.open("rb") as opened:
        picture = {
            "path": path,
            "bytes": data,
            "base64": b64(data),
            "data": f"data:image/{kind.lower()};base64,{b64(data)}",
            "file": opened,
            "bytesio": io.BytesIO(data),
        }[form]
        await kling.image2video.create(Image2VideoRequest(**{field: picture}))
    assert b64(data) == service.creates[0].json[field]


@pytest.mark.parametrize("rest", [0, 1, 2])
async def test_padding_is_right_for_every_length(kling, service, rest):
    """Files of 3n, 3n+1 and 3n+2 bytes arrive with the right padding."""
    data = png_of_size(300_000 + rest, 640, 480)
    await kling.image2video.create(image=data)
    assert b64(data) == service.creates[0].json["image"]


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a%20b.png?x=1&sig=%2B/=", "http://example.com/x.jpg", "HTTPS://EXAMPLE.com/ä.png"],
)
async def test_urls_travel_as_they_are(kling, service, url):
    """A URL is the service's to fetch; not a character of it changes."""
    await kling.image2video.create(image=url, image_tail=url)
    body = service.creates[0].json
    assert (url, url) == (body["image"], body["image_tail"])


async def test_a_name_without_or_with_a_wrong_ending_is_no_matter(kling, service, tmp_path):
    """JPEG bytes in a .png file are a JPEG: the bytes count."""
    path = tmp_path / "really-a-jpeg.png"
    path.write_bytes(drawn("JPEG"))
    await kling.image2video.create(image=path)
    assert b64(drawn("JPEG")) == service.creates[0].json["image"]


async def test_the_references_own_base64_is_read_and_is_too_small(kling, service, verdicts):
    """The API reference's 5 by 5 pixel example is good base64 of a picture under 300 px."""
    message = await verdicts.refuses("image", image=REFERENCE_EXAMPLE)
    assert "300" in message


async def test_the_references_wrong_example_loses_its_prefix(kling, verdicts):
    """The API reference forbids the data: prefix on the wire; the contract takes it off, so only the size is wrong."""
    message = await verdicts.refuses("image", image="data:image/png;base64," + REFERENCE_EXAMPLE)
    assert "300" in message


@pytest.mark.parametrize("other", ["static_mask", "image_tail", "dynamic_masks"])
@pytest.mark.parametrize("first_is_base64", [True, False])
async def test_base64_and_urls_do_not_mix(verdicts, other, first_is_base64):
    """API reference: where base64 is used, all pictures of the request are base64."""
    image, second = png(), "https://example.com/second.png"
    if not first_is_base64:
        image, second = second, image
    if other == "dynamic_masks":
        second = [{"mask": second, "trajectories": [(1, 2), (3, 4)]}]
    assert await verdicts.problems(image=image, **{other: second})


async def test_all_urls_or_all_base64_pass(verdicts, tmp_path):
    """Files, bytes and base64 text are all base64 and go together; so do two URLs."""
    path = tmp_path / "a.png"
    path.write_bytes(png())
    await verdicts.accepts(image=path, static_mask=b64(png()))
    await verdicts.accepts(image="https://example.com/a", static_mask="https://example.com/b")


@pytest.mark.parametrize(
    "text",
    [
        "photo.png",
        "./photo.jpg",
        "/srv/pictures/photo.jpeg",
        "C:\\pictures\\photo.png",
        "~/photo.jpg",
        "pictures/photo.jpg",
    ],
)
async def test_a_path_as_text_is_refused_and_named(verdicts, text):
    """A str is never a path; the error says to use Path."""
    assert "Path" in await verdicts.refuses("image", image=text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!!",
        b64(png_of_size(3001)).rstrip("="),
        b64(png_of_size(3000)) + "=",
        b64(png_of_size(3001)) + "=",
        b64(png_of_size(3002)) + "=",
        b64(png())[:100] + "*" + b64(png())[101:],
        "image/png;base64," + b64(png()),
        "ftp://example.com/a.png",
        "data:text/plain,hello",
        "file:///srv/a.png",
    ],
    ids=[
        "empty",
        "signs",
        "no-padding",
        "padding-after-3n",
        "padding-after-3n+1",
        "padding-after-3n+2",
        "star",
        "half-prefix",
        "ftp",
        "data-text",
        "file-url",
    ],
)
async def test_what_is_no_picture_text_is_refused(verdicts, text):
    """Bad characters, wrong padding, foreign schemes: refused before anything is sent."""
    await verdicts.refuses("image", image=text)


@pytest.mark.parametrize(
    "value", [42, 3.5, pytest.param(object(), id="object"), ["a"], {"a": 1}, True], ids=repr
)
async def test_foreign_types_are_refused(verdicts, value):
    """What is none of the forms is refused with the field's name."""
    await verdicts.refuses("image", image=value)


async def test_a_missing_file_is_refused_with_its_name(verdicts, tmp_path):
    """The error names the field and the file; nothing is sent."""
    assert "nowhere.png" in await verdicts.refuses("image", image=tmp_path / "nowhere.png")


async def test_a_directory_is_refused(verdicts, tmp_path):
    """A folder is not a picture."""
    await verdicts.refuses("image", image=tmp_path)


async def test_a_requests_repr_shows_no_bytes(tmp_path):
    """Kind, size and origin of a picture, never its bytes."""
    path = tmp_path / "named.png"
    path.write_bytes(png())
    for picture in (png(), b64(png()), path):
        shown = repr(Image2VideoRequest(image=picture))
        assert b64(png())[40:60] not in shown
        assert "IHDR" not in shown
        assert len(shown) < 600
    assert "named.png" in repr(Image2VideoRequest(image=path))
