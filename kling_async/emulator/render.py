"""Draws a task's video: a real H.264 MP4 that shows what was asked for.

The camera moves by its axis and sign, a last frame is reached at the end, brushed regions follow their paths and static
ones keep still. Small by default, since it stands in for minutes of somebody else's graphics card. A picture that cannot
be decoded becomes a neutral card; only a missing extra is an error.
"""

import hashlib
import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from kling_async.emulator import motion

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FPS = 24
"""Frames a second."""

LONG_SIDE = {"std": 360, "pro": 480}
"""Pixels of the longer side, by mode."""

MARGIN = 0.5
"""Part of the width by which the picture is mirrored beyond its edges, for cameras that look there."""

Frame = Callable[[float], "Picture"]
"""Draws the frame at a part of the video's time, 0 to 1."""


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
    """A digest of all that decides the picture."""
    return hashlib.sha256(repr(attrs.astuple(scene)).encode()).hexdigest()


def render(scene: Scene) -> bytes:
    """Draw and encode the video; takes a fraction of a second of CPU for each second shown.

    Raises:
        MissingExtraError: a library of the extra `emulator` is not installed.
    """
    try:
        import av  # noqa: PLC0415 - the extra may be missing, and it is heavy
        import numpy as np  # noqa: PLC0415 - see av
        import PIL.Image  # noqa: F401, PLC0415 - see av
    except ImportError as error:
        raise MissingExtraError(
            f'{error.name or error} is missing; install it with: pip install "kling-async[emulator]"'
        ) from error
    draw, size = _drawn(scene)
    with tempfile.TemporaryDirectory(prefix="kling-emulator-") as folder:
        path = Path(folder) / "video.mp4"
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=FPS, options={"preset": "superfast", "crf": "24"})
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            count = scene.seconds * FPS
            for index in range(count):
                picture = np.asarray(draw(index / (count - 1)))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def _drawn(scene: Scene) -> tuple[Frame, tuple[int, int]]:
    """The function that draws a scene's frames, and their size in pixels."""
    image, tail = _opened(scene.image), _opened(scene.tail)
    original = (image or tail or _card()).size
    size = _frame_size(original, LONG_SIDE.get(scene.mode, LONG_SIDE["std"]))
    if tail is not None:
        return _towards(_start(image, tail, size), _fitted(tail, size)), size
    first = _fitted(image or _card(), size)
    if scene.dynamic_masks:
        return _brushed(scene, first, original), size
    axes = motion.strengths(scene.camera) or motion.DEFAULT
    return _kept_still(_filmed(first, axes), first, scene.static_mask), size


def _opened(data: bytes | None) -> "Picture | None":
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - the extra, imported where it is used

    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            return _flat(opened)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _flat(picture: "Picture") -> "Picture":
    """Any kind of picture as RGB on white; 16-bit values keep their upper half."""
    from PIL import Image  # noqa: PLC0415 - the extra

    if picture.mode.startswith("I"):
        return picture.point(lambda value: value / 256).convert("L").convert("RGB")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def _card() -> "Picture":
    """A neutral picture: a gradient under a grid, so that every movement shows."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - the extra

    card = Image.linear_gradient("L").resize((640, 360)).convert("RGB")
    draw = ImageDraw.Draw(card)
    for step in range(0, 640, 40):
        draw.line([(step, 0), (step, 360)], fill=(90, 110, 140))
        draw.line([(0, step), (640, step)], fill=(90, 110, 140))
    return card


def _frame_size(original: tuple[int, int], long_side: int) -> tuple[int, int]:
    scale = long_side / max(original)
    width, height = (max(2, round(side * scale / 2) * 2) for side in original)
    return width, height


def _fitted(picture: "Picture", size: tuple[int, int]) -> "Picture":
    from PIL import Image, ImageOps  # noqa: PLC0415 - the extra

    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def _filmed(first: "Picture", axes: Mapping[str, float]) -> Frame:
    """A camera that moves before the picture, mirrored beyond its edges."""
    from PIL import Image  # noqa: PLC0415 - the extra

    width, height = first.size
    border = round(MARGIN * width)
    wide = _mirrored(first, border)

    def draw(t: float) -> "Picture":
        view = motion.view(axes, t)
        to_unit = ((1 / width, 0.0, -0.5), (0.0, 1 / width, -height / width / 2), (0.0, 0.0, 1.0))
        to_wide = (
            (float(width), 0.0, width / 2 + border),
            (0.0, float(width), height / 2 + border),
            (0.0, 0.0, 1.0),
        )
        m = motion.multiplied(to_wide, motion.multiplied(view, to_unit))
        scale = m[2][2]
        data = [value / scale for row in m for value in row][:8]
        return wide.transform((width, height), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR)

    return draw


def _mirrored(picture: "Picture", border: int) -> "Picture":
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image  # noqa: PLC0415 - the extra

    pixels = np.pad(np.asarray(picture), ((border, border), (border, border), (0, 0)), mode="symmetric")
    return Image.fromarray(pixels)


def _start(image: "Picture | None", tail: "Picture", size: tuple[int, int]) -> Frame:
    """What comes before a last frame: the image slowly approached, or the tail out of a blur."""
    from PIL import ImageFilter  # noqa: PLC0415 - the extra

    if image is None:
        blurred = _fitted(tail, size).filter(ImageFilter.GaussianBlur(size[0] / 12))
        return _filmed(blurred, motion.DEFAULT)
    return _filmed(_fitted(image, size), motion.DEFAULT)


def _towards(start: Frame, last: "Picture") -> Frame:
    """Crosses over to the last frame, and reaches it exactly at the end."""
    from PIL import Image  # noqa: PLC0415 - the extra

    def draw(t: float) -> "Picture":
        eased = t * t * (3 - 2 * t)
        return Image.blend(start(t), last, eased)

    return draw


def _region(mask: bytes, size: tuple[int, int]) -> "Picture":
    """A mask as 8-bit: 255 where it is brushed, which is neither black nor transparent."""
    from PIL import Image  # noqa: PLC0415 - the extra

    try:
        with Image.open(io.BytesIO(mask)) as opened:
            layer = opened.convert("RGBA").resize(size, Image.Resampling.NEAREST)
    except (OSError, ValueError, SyntaxError):
        return Image.new("L", size, 0)
    alpha = layer.getchannel("A")
    seen = layer.convert("RGB").convert("L").point(lambda value: 255 if value > 16 else 0)
    seen.paste(0, mask=alpha.point(lambda value: 255 if value < 16 else 0))
    return seen


def _kept_still(draw: Frame, first: "Picture", mask: bytes | None) -> Frame:
    """The same frames, but for a static region, which stays as it was."""
    if mask is None:
        return draw
    still = _region(mask, first.size)

    def kept(t: float) -> "Picture":
        frame = draw(t)
        frame.paste(first, mask=still)
        return frame

    return kept


def _brushed(scene: Scene, first: "Picture", original: tuple[int, int]) -> Frame:
    """Regions that are carried along their paths, over a ground without them."""
    from PIL import Image, ImageChops  # noqa: PLC0415 - the extra

    regions = [(_region(mask, first.size), points) for mask, points in scene.dynamic_masks]
    holes: Any = regions[0][0]
    for region, _ in regions[1:]:
        holes = ImageChops.lighter(holes, region)
    ground = _filled(first, holes)
    scale_x, scale_y = first.size[0] / original[0], first.size[1] / original[1]
    layers = [(Image.merge("RGBA", (*first.split(), region)), points) for region, points in regions]

    def draw(t: float) -> "Picture":
        frame = ground.copy()
        for layer, points in layers:
            right, down = motion.travelled(points, t)
            offset = (round(right * scale_x), round(down * scale_y))
            frame.paste(layer.convert("RGB"), offset, layer.getchannel("A"))
        return frame

    return _kept_still(draw, first, scene.static_mask)


def _filled(picture: "Picture", holes: "Picture") -> "Picture":
    """The picture with its holes filled softly from around them."""
    import numpy as np  # noqa: PLC0415 - the extra
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - the extra

    outside = ImageChops.invert(holes.filter(ImageFilter.MaxFilter(5)))
    blur = ImageFilter.GaussianBlur(picture.size[0] / 10)
    black = Image.new("RGB", picture.size)
    colours = np.asarray(Image.composite(picture, black, outside).filter(blur), dtype=float)
    weights = np.asarray(outside.filter(blur), dtype=float)[..., None] / 255
    soft = Image.fromarray(np.clip(colours / np.maximum(weights, 1e-3), 0, 255).astype("uint8"))
    return Image.composite(picture, soft, outside)
