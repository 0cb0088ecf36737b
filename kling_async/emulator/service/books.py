"""Which rules an endpoint checks."""

from collections.abc import Mapping

from kling_async.emulator.service import rules
from kling_async.emulator.service.products import Product

BOOKS: Mapping[str, rules.Book] = {
    "/v1/videos/image2video": rules.IMAGE2VIDEO,
    "/v1/videos/text2video": rules.TEXT2VIDEO,
    "/v1/videos/video-extend": rules.VIDEO_EXTEND,
}


def book_of(product: Product) -> rules.Book:
    """The endpoint's rules; for most endpoints those that hold for the whole family."""
    return BOOKS.get(product.path, rules.UNCHECKED)
