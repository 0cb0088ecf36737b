"""Draws a task's video: a real H.264 MP4 that shows what was asked for.

The camera moves by its axis and sign, a last frame is reached at the end, brushed regions follow their paths and static
ones keep still. Small by default, since it stands in for minutes of somebody else's graphics card. A picture that cannot
be decoded becomes a neutral card; only a missing extra is an error. The same scene gives the same bytes.
"""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kling_async.emulator.videos import motion, opening
from kling_async.emulator.videos.brush import brushed, filled, kept_still, region_of, without
from kling_async.emulator.videos.camera import Frame, filmed
from kling_async.emulator.videos.mark import marked
from kling_async.emulator.videos.scene import FPS, LONG_SIDE, Scene, frame_count
from kling_async.emulator.videos.stills import still

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_PACKAGES = {"av": "PyAV", "numpy": "NumPy", "PIL": "Pillow"}


class MissingExtraError(RuntimeError):
    """Pillow, NumPy or PyAV is not installed."""


def render(scene: Scene) -> bytes:
    """Draws and encodes the video; call it in a thread, since it blocks.

    Raises:
        MissingExtraError: A library of the extra `emulator` is not installed.
    """
    _require_extra()
    draw, size = _drawn(scene)
    shown = (lambda t: marked(draw(t))) if scene.marked else draw
    return _encoded(shown, size, frame_count(scene.seconds))


def draw_still(scene: Scene, index: int) -> bytes:
    """Draws one image of a scene as PNG; call it in a thread, since it blocks.

    Args:
        scene: What to show.
        index: Which image of a series, from 0.

    Raises:
        MissingExtraError: A library of the extra `emulator` is not installed.
    """
    _require_extra()
    return still(scene, index)


def draw_frame(scene: Scene, t: float) -> bytes:
    """Draws one frame of the video as PNG; call it in a thread, since it blocks.

    Args:
        scene: What to show.
        t: Part of the video's time, 0 to 1.

    Raises:
        MissingExtraError: A library of the extra `emulator` is not installed.
    """
    _require_extra()
    draw, _ = _drawn(scene)
    out = io.BytesIO()
    draw(t).save(out, "PNG")
    return out.getvalue()


def _require_extra() -> None:
    try:
        import av  # noqa: F401, PLC0415 - the extra may be missing, and it is heavy
        import numpy as np  # noqa: F401, PLC0415 - see av
        import PIL.Image  # noqa: F401, PLC0415 - see av
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        raise MissingExtraError(
            f'{_PACKAGES.get(name, name)} is missing; install it with: pip install "kling-async[emulator]"'
        ) from error


def _encoded(draw: Frame, size: opening.Size, count: int) -> bytes:
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


def _drawn(scene: Scene) -> tuple[Frame, opening.Size]:
    """The function that draws a scene's frames, and their size in pixels."""
    image, tail = opening.opened(scene.image), opening.opened(scene.tail)
    picture, original = image or tail or opening.card(scene.ratio)
    size = opening.frame_size(original, LONG_SIDE.get(scene.mode, LONG_SIDE["std"]))
    first = opening.fitted(picture, size)
    if tail is not None:
        start = first if image is not None else _blurred(first)
        return _towards(filmed(start, motion.DEFAULT), opening.fitted(tail[0], size)), size
    still = region_of(scene.static_mask, size)
    regions = [(without(region_of(mask, size), still), path) for mask, path in scene.dynamic_masks]
    moving = [(region, path) for region, path in regions if region.getbbox()]
    if moving:
        scale = (size[0] / original[0], size[1] / original[1])
        return kept_still(brushed(first, moving, scale), first, still), size
    ground = filled(first, still) if still.getbbox() else first
    return kept_still(filmed(ground, motion.course(scene.camera)), first, still), size


def _blurred(picture: "Picture") -> "Picture":
    from PIL import ImageFilter  # noqa: PLC0415 - the extra

    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 12))


def _towards(start: Frame, last: "Picture") -> Frame:
    """Crosses over to the last frame, and reaches it exactly at the end."""
    from PIL import Image  # noqa: PLC0415 - the extra

    def draw(t: float) -> "Picture":
        eased = t * t * (3 - 2 * t)
        return Image.blend(start(t), last, eased)

    return draw
