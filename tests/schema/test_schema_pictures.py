"""The walk through a picture's structure against Pillow, over a corpus that Pillow makes."""

import io
import random
import struct
import zlib

import pytest
from made_pictures import chunk
from PIL import Image, ImageCms, PngImagePlugin

from kling_async.schema.picture_facts import BLOCK, examine, examine_bytes

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
        chunk(kind, body)
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
    """What the client finds in a file."""
    return examine_bytes(data)


def lengths_of(data):
    """Lengths at which a file is cut: the first 600, the last 40, and 400 between them."""
    step = max(1, len(data) // 400)
    return sorted(
        {*range(min(600, len(data))), *range(0, len(data), step), *range(len(data) - 40, len(data))}
    )


def loads(data):
    """Whether Pillow decodes every pixel of a file."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (OSError, SyntaxError):
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_header_is_what_pillow_says(kind):
    """Format and stored size; a rotation is not applied."""
    with Image.open(io.BytesIO(CORPUS[kind])) as picture:
        expected = (picture.format, *picture.size)
    header = looked_at(CORPUS[kind]).header
    assert expected == (header.format, header.width, header.height)
    assert kind.split()[0] == header.format


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_complete_however_they_are_read(kind):
    """Read from a disk in pieces of any size up to a block, the same is found."""
    data = CORPUS[kind]
    asked = []

    def read_at(offset, length):
        asked.append(length)
        return data[offset : offset + length]

    facts = examine(len(data), read_at)
    assert (looked_at(data), True) == (facts, facts.complete)
    assert max(asked) <= BLOCK


@pytest.mark.parametrize("kind", KINDS)
def test_every_prefix_is_nothing_or_the_same_header(kind):
    """Cut anywhere, a file never shows another size than the whole one."""
    data = CORPUS[kind]
    whole = looked_at(data).header
    for length in lengths_of(data):
        assert looked_at(data[:length]).header in {None, whole}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "behind" not in kind])
def test_files_cut_short_are_noticed(kind):
    """Cut anywhere behind its header, a file is known to be cut; before that it has no header."""
    data = CORPUS[kind]
    for length in lengths_of(data):
        facts = looked_at(data[:length])
        assert facts.header is None or not facts.complete, length


@pytest.mark.parametrize("kind", KINDS)
def test_what_pillow_decodes_is_refused_for_its_lost_end_alone(kind):
    """Of all prefixes that Pillow still decodes to the last pixel, each has lost bytes of its end marker or behind it."""
    data = CORPUS[kind]
    end = data.rindex(b"IEND") + 8 if kind.startswith("PNG") else data.rindex(b"\xff\xd9") + 2
    for length in lengths_of(data)[-60:]:
        if loads(data[:length]):
            assert looked_at(data[:length]).complete or length < end


TRAILING = {
    "zeros": b"\0" * 300_000,
    "a video": b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 2000,
    "a second picture": PLAIN,
    "half a picture": PLAIN[: len(PLAIN) // 2],
    "text": b"trailing \xff\xda\xff\xff",
    "a lone byte": b"\xff",
}


@pytest.mark.parametrize("trailing", TRAILING)
@pytest.mark.parametrize("kind", ["PNG RGB", "JPEG RGB", "JPEG progressive", "JPEG with a thumbnail"])
def test_data_behind_the_end_marker_is_allowed(kind, trailing):
    """Motion photos hold a video there, tools leave zeros; whatever it is, the picture before it is whole."""
    data = CORPUS[kind] + TRAILING[trailing]
    facts = looked_at(data)
    assert (looked_at(CORPUS[kind]).header, len(data), True) == (facts.header, facts.size, facts.complete)


@pytest.mark.parametrize("kind", ["PNG RGB", "JPEG RGB", "JPEG progressive"])
def test_zeros_do_not_replace_what_was_cut(kind):
    """A download that was cut and then filled up to its length is not a whole JPEG; a PNG is damaged, not provably cut."""
    data = CORPUS[kind]
    filled = data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2)
    assert looked_at(filled).complete == kind.startswith("PNG")


def test_a_thumbnails_end_marker_does_not_end_the_picture():
    """The walk steps over the segment that holds the thumbnail, so a picture cut behind it is noticed."""
    data = with_segment(PLAIN, 0xE1, b"Exif\0\0" + THUMBNAIL)
    assert looked_at(data).complete
    assert not looked_at(data[: len(THUMBNAIL) + 2000]).complete


def test_an_end_marker_in_a_segment_between_scans_does_not_end_the_picture():
    """A comment between two scans of a progressive JPEG is stepped over too."""
    data = CORPUS["JPEG progressive"]
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    comment = b"\xff\xfe\0\x0aabc\xff\xd9def"
    at = data.rindex(b"\xff\xc4", 0, second)  # the tables before the second scan
    spliced = data[:at] + comment + data[at:]
    assert loads(spliced)
    assert looked_at(spliced).complete
    assert not looked_at(spliced[: second + 40]).complete


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM", "JPEG2000"])
def test_other_formats_are_refused(kind):
    """Judged by the bytes, whatever the file is called."""
    assert None is looked_at(saved(kind)).header


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
    assert None is looked_at(data).header


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:2] + b"\xff\x01" * 400_000,
        PLAIN[:-2] + b"\xff" * 400_000,
        PLAIN[:-2] + b"\xff\0" * 400_000,
        PLAIN[:-2] + b"\xff\xfe\0\2" * 200_000,
        PLAIN[:-2] + b"\xff\xfe\0\2\0" * 200_000,
        CORPUS["PNG RGB"][:33] + b"\0\0\0\0tEXt\0\0\0\0" * 70_000,
    ],
    ids=["bare markers", "fill", "stuffing", "empty segments", "segments apart", "empty chunks"],
)
def test_the_walk_reads_little_more_than_the_file(data):
    """Files made to be slow cost a bounded number of reads, and each byte is read a few times at most."""
    asked = []

    def read_at(offset, length):
        part = data[offset : offset + length]
        asked.append(len(part))
        return part

    examine(len(data), read_at)
    assert len(asked) <= 80_000
    assert sum(asked) < 200_000_000


@pytest.mark.parametrize(
    ("kind", "mark", "junk"),
    [("JPEG RGB", b"\xff\xda", b"\xff\xfe\xff\xff"), ("PNG RGB", b"IDAT", None)],
    ids=["JPEG", "PNG"],
)
def test_a_damaged_length_does_not_prove_a_cut(kind, mark, junk):
    """It leads out of the file, but the end marker is there: the service may judge."""
    data = CORPUS[kind]
    at = data.index(mark)
    damaged = data[:at] + junk + data[at:] if junk else data[: at - 4] + b"\x7f\xff\xff\xff" + data[at:]
    assert looked_at(damaged).complete
    assert not looked_at(damaged[:-12]).complete


def spoiled(data, chance):
    """A file with bytes exchanged, cut out, doubled or put in."""
    for _ in range(chance.randint(1, 5)):
        at, span = chance.randrange(len(data) + 1), chance.choice([1, 2, 4, 50, 2000])
        junk = chance.choice(
            [
                b"",
                b"\xff",
                b"\xff\xd9",
                b"\xff\xda",
                b"\xff\xff\xff",
                b"\0" * 9,
                b"IEND",
                chance.randbytes(span),
            ]
        )
        data = data[:at] + junk + data[at + chance.choice([0, len(junk), span]) :]
    return data[: chance.choice([len(data), len(data), chance.randrange(len(data) + 1)])]


def test_spoiled_files_end_in_facts():
    """3,000 files with damage anywhere: never an error, and enough of them called whole and cut to mean something."""
    chance, cut, whole = random.Random(20261124), 0, 0
    names = ["PNG RGB", "PNG with text", "JPEG RGB", "JPEG progressive", "JPEG with restart markers"]
    for number in range(3000):
        data = spoiled(CORPUS[names[number % len(names)]], chance)
        facts = looked_at(data)
        assert len(data) == facts.size
        cut += not facts.complete
        whole += facts.complete and facts.header is not None
    assert min(cut, whole) > 300, (cut, whole)
