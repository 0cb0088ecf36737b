"""Masks for the preview's tests, brushed in a box."""

import io

from PIL import Image, ImageDraw

SIZE = (640, 400)
LOW_LEFT = (20, 340, 120, 390)
"""A box near the lower left corner, counted from the top left."""


def saved(picture, kind="PNG", **options):
    """A picture's file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def mask(*box, size=SIZE):
    """A mask that is brushed in a box, counted from the TOP left as Pillow does; without a box nowhere."""
    picture = Image.new("L", size)
    if box:
        ImageDraw.Draw(picture).rectangle(box, fill=255)
    return saved(picture)
