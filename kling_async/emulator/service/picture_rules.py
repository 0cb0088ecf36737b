"""The API reference's rules of pictures. Pure; a picture whose bytes are not at hand breaks none but the URL's."""

from collections.abc import Callable

from kling_async.emulator.service.rule import Rule, Test
from kling_async.emulator.service.submission import Submission
from kling_async.emulator.videos.pictures import MAX_BYTES, MIN_SIDE, Picture, is_web_url


def _every_picture(offends: Callable[[Picture], bool], message: str) -> Test:
    def all_keep(request: Submission) -> str | None:
        offender = next((picture for picture in request.pictures if offends(picture)), None)
        return None if offender is None else f"{offender.path}: {message}"

    return all_keep


def _too_small(picture: Picture) -> bool:
    return picture.size is not None and min(picture.size) < MIN_SIDE


def _too_long_or_tall(picture: Picture) -> bool:
    """Wider than 2.5:1 or taller than 1:2.5, in whole numbers; a zero side is too small instead."""
    if picture.path != "image" or picture.size is None or 0 in picture.size:
        return False
    width, height = picture.size
    return 2 * width > 5 * height or 2 * height > 5 * width


def _is_no_base64(picture: Picture) -> bool:
    return picture.url is None and picture.data is None and not picture.prefixed


def _one_kind_of_picture(request: Submission) -> str | None:
    by_url = {picture.url is not None for picture in request.pictures}
    return "All image parameters must use Base64 if one of them does" if len(by_url) > 1 else None


PICTURE_RULES: tuple[Rule, ...] = (
    Rule(
        "picture without prefix",
        _every_picture(lambda p: p.prefixed, "File is in an invalid base64 format, remove the data: prefix"),
    ),
    Rule("picture base64", _every_picture(_is_no_base64, "File is not in a valid base64 format")),
    Rule(
        "picture URL",
        _every_picture(lambda p: p.url is not None and not is_web_url(p.url), "Image URL is invalid"),
    ),
    Rule(
        "picture format",
        _every_picture(
            lambda p: p.data is not None and p.header is None, "Image format must be jpg, jpeg or png"
        ),
    ),
    Rule(
        "picture complete",
        _every_picture(lambda p: p.header is not None and not p.header.complete, "Image is truncated"),
    ),
    Rule(
        "picture bytes", _every_picture(lambda p: len(p.data or b"") > MAX_BYTES, "Image size exceeds 10MB")
    ),
    Rule(
        "picture pixels",
        _every_picture(_too_small, "Image pixel is invalid, width and height must not be smaller than 300px"),
    ),
    Rule(
        "image ratio", _every_picture(_too_long_or_tall, "Image aspect ratio must be between 1:2.5 and 2.5:1")
    ),
    Rule("pictures all base64 or all URL", _one_kind_of_picture),
)
