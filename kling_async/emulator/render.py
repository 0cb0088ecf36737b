"""Draws a task's video: a real H.264 MP4 that shows what was asked for.

The camera moves by its axis and sign, a last frame is reached at the end, brushed regions follow their paths and static
ones keep still. Small by default, since it stands in for minutes of somebody else's graphics card. A picture that cannot
be decoded becomes a neutral card; only a missing extra is an error. The same scene gives the same bytes.
"""

import hashlib
import io
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from kling_async.emulator import motion

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FPS = 24
"""Frames a second."""

LONG_SIDE = {"std": 360, "pro": 480}
"""Pixels of the longer side, by mode."""

ENLARGED = 3
"""Cameras take the nearest pixel of a picture this many times larger: finer than is seen, at a quarter of the cost of
interpolating every frame."""

FAINTEST = 16
"""What is darker or more transparent than this (of 255) is not brushed: a JPEG's black is never quite black."""

GRID = 72
"""Cells along the longer side in which holes are filled."""

Size = tuple[int, int]
Frame = Callable[[float], "Picture"]
"""Draws the frame at a part of the video's time, 0 to 1."""

_PACKAGES = {"av": "PyAV", "numpy": "NumPy", "PIL": "Pillow"}


class MissingExtraError(RuntimeError):
    """Pillow, NumPy or PyAV is not installed."""


@attrs.frozen
class Scene:
    """What a video is to show."""

    image: bytes | None
    """The first frame's picture; None: a neutral card."""

    tail: bytes | None
    """The last frame's picture, if one was asked for."""

    seconds: int
    """Length, 5 or 10."""

    mode: str
    """std or pro."""

    camera: Mapping[str, object] | None
    """The `camera_control` object of the request."""

    static_mask: bytes | None
    """The region that keeps still."""

    dynamic_masks: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...]
    """The regions that move: mask and path, in pixels of `image` with the origin at the bottom left."""


def scene_key(scene: Scene) -> str:
    """A digest, in hexadecimal, of all that decides the picture."""

    def digest(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    whole = attrs.asdict(scene, recurse=False)
    return digest(json.dumps(whole, sort_keys=True, default=digest).encode())


def render(scene: Scene) -> bytes:
    """Draw and encode the video; it is work for a thread, since nothing else goes on meanwhile.

    Raises:
        MissingExtraError: a library of the extra `emulator` is not installed.
    """
    try:
        import av  # noqa: F401, PLC0415 - the extra may be missing, and it is heavy
        import numpy as np  # noqa: F401, PLC0415 - see av
        import PIL.Image  # noqa: F401, PLC0415 - see av
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        raise MissingExtraError(
            f'{_PACKAGES.get(name, name)} is missing; install it with: pip install "kling-async[emulator]"'
        ) from error
    draw, size = _drawn(scene)
    return _encoded(draw, size, scene.seconds * FPS)


def _encoded(draw: Frame, size: Size, count: int) -> bytes:
    """The frames as an MP4 that can be played before it is whole; its index is moved forward in a file."""
    import av  # noqa: PLC0415 - the extra, imported where it is used
    import numpy as np  # noqa: PLC0415 - the extra

    with tempfile.TemporaryDirectory(prefix="kling-emulator-") as folder:
        path = Path(folder) / "video.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=FPS, options={"preset": "superfast", "crf": "25"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for index in range(count):
                pixels = np.asarray(draw(index / (count - 1)))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def _drawn(scene: Scene) -> tuple[Frame, Size]:
    """The function that draws a scene's frames, and their size in pixels."""
    image, tail = _opened(scene.image), _opened(scene.tail)
    picture, original = image or tail or _card()
    size = _frame_size(original, LONG_SIDE.get(scene.mode, LONG_SIDE["std"]))
    first = _fitted(picture, size)
    if tail is not None:
        start = first if image is not None else _blurred(first)
        return _towards(_filmed(start, motion.DEFAULT), _fitted(tail[0], size)), size
    still = _region(scene.static_mask, size)
    regions = [(_without(_region(mask, size), still), path) for mask, path in scene.dynamic_masks]
    brushed = [(region, path) for region, path in regions if region.getbbox()]
    if brushed:
        scale = (size[0] / original[0], size[1] / original[1])
        return _kept_still(_brushed(first, brushed, scale), first, still), size
    ground = _filled(first, still) if still.getbbox() else first
    return _kept_still(_filmed(ground, motion.course(scene.camera)), first, still), size


def _opened(data: bytes | None) -> tuple["Picture", Size] | None:
    """A picture in RGBA and its size as stored, which the decoded one may fall short of; None if it is none."""
    from PIL import Image  # noqa: PLC0415 - the extra

    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            original = opened.size
            enough = 2 * max(LONG_SIDE.values())
            opened.draft(None, (enough, enough))  # a JPEG of 12 megapixels need not be unpacked whole
            if opened.mode.startswith("I"):  # 16 bit: the upper half is kept
                return opened.point(lambda value: value / 256).convert("L").convert("RGBA"), original
            return opened.convert("RGBA"), original
    except Exception:  # noqa: BLE001 - decoders raise whatever they meet in a stranger's bytes
        return None


def _card() -> tuple["Picture", Size]:
    """A neutral picture: a gradient under a grid, so that every movement shows."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra

    card = Image.linear_gradient("L").resize((640, 360)).convert("RGBA")
    draw = ImageDraw.Draw(card)
    for step in range(0, 640, 40):
        draw.line([(step, 0), (step, 360)], fill=(90, 110, 140))
        draw.line([(0, step), (640, step)], fill=(90, 110, 140))
    return card, card.size


def _frame_size(original: Size, long_side: int) -> Size:
    """The longer side as asked, both even, as H.264's half-size colours want it."""
    scale = long_side / max(original)
    width, height = (max(2, round(side * scale / 2) * 2) for side in original)
    return width, height


def _fitted(picture: "Picture", size: Size) -> "Picture":
    """A picture in RGB on white, cut to a frame's shape."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - the extra

    fitted = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(Image.new("RGBA", size, "white"), fitted).convert("RGB")


def _blurred(picture: "Picture") -> "Picture":
    from PIL import ImageFilter  # noqa: PLC0415 - the extra

    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 12))


def _filmed(first: "Picture", moves: motion.Course) -> Frame:
    """A camera that moves before the picture."""
    from PIL import Image  # noqa: PLC0415 - the extra

    border = math.ceil(motion.MARGIN * max(first.size))
    wide = _surrounded(first, border)
    wide = wide.resize((wide.width * ENLARGED, wide.height * ENLARGED), Image.Resampling.BICUBIC)

    def draw(t: float) -> "Picture":
        data = motion.in_pixels(motion.view(moves, t), first.size, border, ENLARGED)
        if data[6:] == (0.0, 0.0):  # no keystone: three times as fast
            return wide.transform(first.size, Image.Transform.AFFINE, data[:6])
        return wide.transform(first.size, Image.Transform.PERSPECTIVE, data)

    return draw


def _surrounded(picture: "Picture", border: int) -> "Picture":
    """The picture with what may lie beyond its edges: its own mirror image, soon lost in a blur."""
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image, ImageDraw, ImageFilter  # noqa: PLC0415 - the extra

    mirrored = np.pad(np.asarray(picture), ((border, border), (border, border), (0, 0)), mode="symmetric")
    wide = Image.fromarray(mirrored)
    width, height = wide.size
    sharp = Image.new("L", wide.size)
    fade = border // 10
    edges = (border - fade, border - fade, width - border + fade, height - border + fade)
    ImageDraw.Draw(sharp).rectangle(edges, fill=255)
    sharp = sharp.filter(ImageFilter.GaussianBlur(fade / 3))
    beyond = wide.filter(ImageFilter.GaussianBlur(border / 5))
    around = Image.composite(wide, beyond, sharp)
    around.paste(picture, (border, border))
    return around


def _towards(start: Frame, last: "Picture") -> Frame:
    """Crosses over to the last frame, and reaches it exactly at the end."""
    from PIL import Image  # noqa: PLC0415 - the extra

    def draw(t: float) -> "Picture":
        eased = t * t * (3 - 2 * t)
        return Image.blend(start(t), last, eased)

    return draw


def _region(mask: bytes | None, size: Size) -> "Picture":
    """A mask as 8-bit: 255 where it is brushed, which is neither black nor transparent; soft at its edges."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - the extra

    opened = _opened(mask)
    if opened is None:
        return Image.new("L", size)
    threshold = [0] * (FAINTEST + 1) + [255] * (255 - FAINTEST)
    red, green, blue, alpha = (band.point(threshold) for band in opened[0].split())
    coloured = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return ImageChops.darker(coloured, alpha).resize(size, Image.Resampling.BOX)


def _without(region: "Picture", other: "Picture") -> "Picture":
    from PIL import ImageChops  # noqa: PLC0415 - the extra

    return ImageChops.subtract(region, other)


def _kept_still(draw: Frame, first: "Picture", still: "Picture") -> Frame:
    """The same frames, but for a region that stays as it was."""

    def kept(t: float) -> "Picture":
        frame = draw(t)
        frame.paste(first, mask=still)
        return frame

    return kept if still.getbbox() else draw


def _brushed(
    first: "Picture",
    regions: Sequence[tuple["Picture", tuple[tuple[int, int], ...]]],
    scale: tuple[float, float],
) -> Frame:
    """Regions carried along their paths, over a ground without them; `scale` is frame pixels by path pixels."""
    from PIL import ImageChops  # noqa: PLC0415 - the extra

    holes = regions[0][0]
    for region, _ in regions[1:]:
        holes = ImageChops.lighter(holes, region)
    ground = _filled(first, holes)
    carried = [(_carrier(first, region), path) for region, path in regions]

    def draw(t: float) -> "Picture":
        frame = ground.copy()
        for carry, path in carried:
            right, down = motion.travelled(path, t)
            carry(frame, right * scale[0], down * scale[1])
        return frame

    return draw


def _carrier(first: "Picture", region: "Picture") -> Callable[["Picture", float, float], None]:
    """Puts a region of the picture onto a frame, moved by parts of pixels, so that slow paths do not stutter."""
    from PIL import Image  # noqa: PLC0415 - the extra

    left, top, right, bottom = region.getbbox() or (0, 0, 0, 0)
    box = (left - 1, top - 1, right + 1, bottom + 1)  # room for the part of a pixel
    piece, shape = first.crop(box), region.crop(box)

    def carry(frame: "Picture", x: float, y: float) -> None:
        at = (math.floor(x), math.floor(y))
        back = (1.0, 0.0, at[0] - x, 0.0, 1.0, at[1] - y)
        moved, mask = (
            part.transform(part.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
            for part in (piece, shape)
        )
        frame.paste(moved, (box[0] + at[0], box[1] + at[1]), mask)

    return carry


def _filled(picture: "Picture", holes: "Picture") -> "Picture":
    """The picture with its holes filled softly: as a skin stretched over them, held by what is around."""
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - the extra

    known = ImageChops.invert(holes.filter(ImageFilter.MaxFilter(5)))  # a region's rim is no surrounding
    layer = Image.merge("RGBA", (*picture.split(), known))
    cells = np.asarray(layer.resize(_frame_size(picture.size, GRID), Image.Resampling.BOX)).astype("float32")
    held = cells[..., 3:] > 0
    around = cells[..., :3]
    skin = np.where(held, around, around[held[..., 0]].mean(axis=0) if held.any() else 128.0)
    for _ in range(200):
        wide = np.pad(skin, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
        skin = np.where(held, around, mean)
    soft = Image.fromarray(skin.astype("uint8")).resize(picture.size, Image.Resampling.BICUBIC)
    return Image.composite(soft, picture, holes)
