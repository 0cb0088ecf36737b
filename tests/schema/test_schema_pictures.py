"""The reader of picture headers against Pillow, over a corpus that Pillow makes."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from kling_async.schema.images import has_end, read_header
from kling_async.schema.picture_rules import MAX_BYTES
from kling_async.session.upload import _facts

WIDTH, HEIGHT = 412, 303


def gradient(mode):
    """A picture with some detail, in a colour mode; higher than no square, so that sides cannot be mixed up."""
    picture = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    return (
        picture.convert("RGB").convert(mode) if mode in {"P", "1", "CMYK", "YCbCr"} else picture.convert(mode)
    )


def saved(kind, mode="RGB", **options):
    """A picture's file, as Pillow writes it."""
    file = io.BytesIO()
    gradient(mode).save(file, kind, **options)
    return file.getvalue()


def exif(orientation, *, thumbnail=b""):
    """EXIF data with an orientation, and a thumbnail in its second directory."""
    facts = Image.Exif()
    facts[0x0112] = orientation
    block = facts.tobytes()
    return block + thumbnail  # readers step over the segment whole, wherever in it the thumbnail lies


def with_segment(jpeg, marker, body):
    """The JPEG with one more segment right behind its start."""
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def with_many_segments(jpeg, marker, total):
    """The JPEG with segments of 65,533 bytes each until `total` bytes stand before its frame."""
    for _ in range(total // 65_533 + 1):
        jpeg = with_segment(jpeg, marker, b"\xff\xd8\xff\xc0" + b"\xff\xd9" * 32_764)
    return jpeg


def interlaced():
    """A PNG that says Adam7; the pixels of its single pass structure do not matter to a header."""
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 1)
    passes = [
        (8, 8, 0, 0),
        (8, 8, 4, 0),
        (4, 8, 0, 4),
        (4, 4, 2, 0),
        (2, 4, 0, 2),
        (2, 2, 1, 0),
        (1, 2, 0, 1),
    ]
    rows = bytearray()
    for across, down, x, y in passes:
        columns, lines = -(-(WIDTH - x) // across), -(-(HEIGHT - y) // down)
        rows += (b"\0" + b"\x80" * columns) * lines
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")]
    )


def texted_png():
    """A PNG with text chunks before its pixels."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "IEND of the world " * 100)
    notes.add_itxt("Title", "宇航员")
    return saved("PNG", pnginfo=notes)


THUMBNAIL = saved("JPEG", quality=10)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PLAIN = saved("JPEG")

CORPUS = {
    **{f"PNG {mode}": saved("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    "PNG transparent palette": saved("PNG", "P", transparency=0),
    "PNG with profile and resolution": saved("PNG", icc_profile=PROFILE, dpi=(300, 300)),
    "PNG with text": texted_png(),
    "PNG interlaced": interlaced(),
    "PNG rotated": saved("PNG", exif=exif(6)),
    **{f"JPEG {mode}": saved("JPEG", mode) for mode in ("L", "RGB", "CMYK", "YCbCr")},
    "JPEG progressive": saved("JPEG", progressive=True, quality=30),
    "JPEG progressive CMYK": saved("JPEG", "CMYK", progressive=True),
    "JPEG optimised 4:4:4": saved("JPEG", optimize=True, subsampling=0, quality=95),
    "JPEG with restart markers": saved("JPEG", restart_marker_blocks=4),
    "JPEG with a comment": saved("JPEG", comment=b"\xff\xc0 no frame \xff\xd9"),
    **{f"JPEG rotated {turn}": saved("JPEG", exif=exif(turn)) for turn in (1, 3, 6, 8)},
    "JPEG with a thumbnail": saved("JPEG", exif=exif(6, thumbnail=THUMBNAIL)),
    "JPEG with a profile": saved("JPEG", icc_profile=PROFILE),
    "JPEG with a profile over 64 KiB": saved("JPEG", icc_profile=PROFILE + b"\xff\xc0\xff\xd9" * 50_000),
    "JPEG with 300 KiB of segments": with_many_segments(PLAIN, 0xED, 300_000),
    "JPEG with Adobe's marker": with_segment(PLAIN, 0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    "JPEG with fill bytes": PLAIN[:2] + b"\xff\xff\xff" + PLAIN[2:],
    "JPEG with padding behind": PLAIN + b"\0" * 1000,
}
KINDS = sorted(CORPUS)


def looked_at(data):
    """What the client finds in a file, read as it reads files: from the start, and from the end."""
    return _facts(len(data), lambda offset, length: data[offset : offset + length])


@pytest.mark.parametrize("kind", KINDS)
def test_header_is_what_pillow_says(kind):
    """Format and stored size; a rotation is not applied."""
    with Image.open(io.BytesIO(CORPUS[kind])) as picture:
        expected = (picture.format, *picture.size)
    header = read_header(CORPUS[kind])
    assert expected == (header.format, header.width, header.height)
    assert kind.split()[0] == header.format


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_complete_however_far_their_header_is(kind):
    """Read in parts, as a file on the disk is, the same is found, and the end with it."""
    facts = looked_at(CORPUS[kind])
    assert (read_header(CORPUS[kind]), True) == (facts.header, facts.complete)


@pytest.mark.parametrize("kind", KINDS)
def test_every_prefix_is_nothing_or_the_same_header(kind):
    """Cut anywhere, a file never shows another size than the whole one."""
    data = CORPUS[kind]
    whole = read_header(data)
    lengths = range(len(data)) if len(data) < 4000 else [*range(3000), *range(3000, len(data), 997)]
    for length in lengths:
        assert read_header(data[:length]) in {None, whole}
    assert whole == read_header(data[: whole.offset + 9])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "padding" not in kind])
def test_files_cut_short_are_noticed(kind):
    """Half a picture has no end marker: at every length where the header is there already."""
    data = CORPUS[kind]
    header = read_header(data)
    for length in {
        len(data) - 1,
        len(data) - 5,
        len(data) - 12,
        *range(header.offset + 9, len(data) - 12, 499),
    }:
        assert not looked_at(data[:length]).complete, length


def test_an_end_marker_inside_the_scan_is_none():
    """0xFF in a JPEG's scan is stuffed, so its end marker is there once."""
    data = CORPUS["JPEG optimised 4:4:4"]
    header = read_header(data)
    assert 1 == data[header.offset :].count(b"\xff\xd9")
    assert has_end(header, data[header.offset :])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM", "JPEG2000"])
def test_other_formats_are_refused(kind):
    """Judged by the bytes, whatever the file is called."""
    assert None is read_header(saved(kind))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rJUNK" + b"\0" * 20,
        b"\xff\xd8\xff\xc0\0",
        b"\xff\xd8\xff\xe0\0\0" + b"\0" * 30,
        b"\xff\xd8\xff\xda\0\x02" + b"\xff\0" * 50,
        b"\xff\xd8" + b"\xff" * 500,
        b"\xff\xd8\xff\xe1\xff\xff" + b"\xff\xc0" * 20,
    ],
)
def test_beginnings_without_a_size_are_none(data):
    """Signatures alone, broken lengths and endless fill end in None, not in an error or a loop."""
    assert None is read_header(data)


def test_a_frame_beyond_the_allowed_size_is_not_looked_for():
    """Reading on for a header stops where the file is too large anyhow."""
    data = with_many_segments(PLAIN, 0xE2, MAX_BYTES)
    asked = []

    def read_at(offset, length):
        asked.append(length)
        return data[offset : offset + length]

    _facts(len(data), read_at)
    assert sum(asked) < 3 * MAX_BYTES + 10**6
