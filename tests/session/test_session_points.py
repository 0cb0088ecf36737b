"""Trajectory points outside the picture: a warning before the create is sent, never an error."""

import logging

import pytest
from made_pictures import png

from kling_async import DynamicMask, Image2VideoRequest
from kling_async.session.upload import prepare

pytestmark = pytest.mark.anyio


def request(*points, image=None):
    """A request whose image is 640×480 px, with a mask that moves along these points."""
    pixels = png(640, 480)
    return Image2VideoRequest(image=image or pixels, dynamic_masks=[DynamicMask(image or pixels, points)])


def warnings(caplog):
    """The texts of the warnings that were logged."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def test_points_outside_the_picture_are_a_warning(caplog):
    """One for each path, with the number of points, the first of them and the picture's size; the body is laid out."""
    assert (await prepare(request((10, 10), (641, 10), (20, -1)))).length > 0
    assert [
        (
            "the service may do something else than is meant: dynamic_masks[0].trajectories: 2 of 3 points are outside image, "
            "which is 640×480 px; the first is [1] at (641, 10), counted in pixels from the bottom left"
        )
    ] == warnings(caplog)


@pytest.mark.parametrize("point", [(0, 0), (640, 0), (0, 480), (640, 480), (639, 479)])
async def test_points_on_the_edge_are_inside(caplog, point):
    """The API reference does not say whether the last pixel is 639 or 640, so both pass."""
    await prepare(request((10, 10), point))
    assert [] == warnings(caplog)


@pytest.mark.parametrize("point", [(-1, 0), (0, -1), (641, 0), (0, 481), (10**9, 10**9)])
async def test_points_beyond_the_edge_are_outside(caplog, point):
    """One pixel beyond the last is enough, on each side."""
    await prepare(request((10, 10), point))
    assert 1 == len(warnings(caplog))


async def test_nothing_is_said_of_a_picture_that_is_not_at_hand(caplog):
    """A URL's size is not known here."""
    await prepare(request((10, 10), (99999, 10), image="https://example.com/cat.png"))
    assert [] == warnings(caplog)
