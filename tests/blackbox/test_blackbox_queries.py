"""Queries of one task and of lists: paths, queries, bounds and pages."""

from urllib.parse import unquote

import pytest
from blackbox_service import PATH, envelope

from kling_async import ValidationError

pytestmark = pytest.mark.anyio

ODD_IDS = [
    "a/b",
    "a b",
    "ä中😀",
    "50%",
    "%2F",
    "a?b=c",
    "a#b",
    "a+b",
    "a&b",
    "//",
    "a\\b",
    '"',
    "a;b",
    "..a",
    "a/../b",
]


def rows(*ids):
    """Tasks of a list answer."""
    return [{"task_id": str(one), "task_status": "succeed"} for one in ids]


def listing(*ids):
    """A list answer."""
    return envelope(rows(*ids))


@pytest.mark.parametrize("given", ODD_IDS)
async def test_ids_are_one_percent_encoded_segment(kling, service, given):
    """The raw path holds the id as one segment, which decodes to it once."""
    job = service.add({"external_task_id": given})
    task = await kling.image2video.get(given)
    (sent,) = service.arrived
    assert "GET" == sent.method
    segment = sent.target.removeprefix(PATH + "/")
    assert given == unquote(segment)
    assert segment.isascii()
    assert not set(segment) & set('/?# "\\')
    assert job.task_id == task.task_id
    assert given == task.external_task_id


@pytest.mark.parametrize("given", ["", ".", "..", "a\ud800", None, 5], ids=repr)
async def test_ids_that_no_path_can_hold_are_refused(kling, service, given):
    """Nothing, dot segments, half characters and foreign types are never sent."""
    with pytest.raises(ValidationError):
        await kling.image2video.get(given)
    assert [] == service.arrived


async def test_a_look_has_no_body_and_the_pages_headers(kling, service):
    """GET without a body; the API reference asks for Content-Type application/json here as well."""
    service.add({"external_task_id": "e"})
    await kling.image2video.get("e")
    await kling.image2video.list()
    for sent in service.arrived:
        assert b"" == sent.body
        assert sent.header("content-type") in (None, "application/json")
        assert sent.header("authorization").startswith("Bearer ")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"pageNum": "1", "pageSize": "30"}),
        ({"page_num": 1000, "page_size": 500}, {"pageNum": "1000", "pageSize": "500"}),
        ({"page_num": 1, "page_size": 1}, {"pageNum": "1", "pageSize": "1"}),
    ],
)
async def test_list_sends_the_pages_names(kling, service, given, expected):
    """Exactly pageNum and pageSize; both ends of both bounds pass."""
    await kling.image2video.list(**given)
    (sent,) = service.arrived
    assert ("GET", PATH) == (sent.method, sent.path)
    assert expected == dict(sent.query)
    assert 2 == len(sent.query)


@pytest.mark.parametrize("name", ["page_num", "page_size"])
@pytest.mark.parametrize("value", [0, -1, 1001, True, 1.5, "1", None, float("nan")], ids=repr)
async def test_list_bounds(kling, service, name, value):
    """[1,1000] and [1,500]: nothing outside, and nothing but whole numbers, is sent."""
    with pytest.raises(ValidationError) as caught:
        await kling.image2video.list(**{name: value})
    assert name in str(caught.value)
    assert [] == service.arrived


async def test_a_page_size_of_501_is_refused(kling, service):
    """One over the bound, for both calls that take a page size."""
    with pytest.raises(ValidationError):
        await kling.image2video.list(page_size=501)
    for size in (0, 501):
        with pytest.raises(ValidationError):
            async for _ in kling.image2video.iter_tasks(page_size=size):
                pass
    assert [] == service.arrived


async def test_list_gives_what_the_page_holds(kling, service):
    """The tasks of the answer, in its order; an empty list is no error."""
    service.plan("list", listing(3, 1, 2), listing())
    assert ["3", "1", "2"] == [task.task_id for task in await kling.image2video.list()]
    assert [] == await kling.image2video.list(page_num=2)


async def test_iter_tasks_walks_the_pages(kling, service):
    """Pages 1, 2, 3, …, until one is short; every task once."""
    for number in range(7):
        service.add({"external_task_id": f"e{number}"})
    seen = [task.task_id async for task in kling.image2video.iter_tasks(page_size=3)]
    assert list(reversed(service.jobs)) == seen
    assert [{"pageNum": str(n), "pageSize": "3"} for n in (1, 2, 3)] == [
        dict(sent.query) for sent in service.arrived
    ]


async def test_iter_tasks_asks_for_500_by_default(kling, service):
    """One request where all fits on a page."""
    service.add({})
    assert 1 == len([task async for task in kling.image2video.iter_tasks()])
    assert [{"pageNum": "1", "pageSize": "500"}] == [dict(sent.query) for sent in service.arrived]


@pytest.mark.parametrize("count", [0, 3, 6])
async def test_iter_tasks_ends_on_an_empty_page(kling, service, count):
    """Where the last page is full, the empty one after it ends the walk."""
    for number in range(count):
        service.add({"external_task_id": f"e{number}"})
    assert count == len([task async for task in kling.image2video.iter_tasks(page_size=3)])
    assert count // 3 + 1 == len(service.arrived)


async def test_shifting_pages_show_no_task_twice(kling, service):
    """New tasks push old ones onto the next page between two requests."""
    service.plan("list", listing(9, 8, 7), listing(8, 7, 6), listing(7, 6, 5), listing(4))
    seen = [task.task_id async for task in kling.image2video.iter_tasks(page_size=3)]
    assert ["9", "8", "7", "6", "5", "4"] == seen


async def test_a_full_page_of_known_tasks_does_not_end_the_walk(kling, service):
    """Three new tasks at once repeat a whole page; older ones still follow."""
    service.plan("list", listing(3, 2), listing(3, 2), listing(1))
    assert ["3", "2", "1"] == [task.task_id async for task in kling.image2video.iter_tasks(page_size=2)]


async def test_no_page_after_the_thousandth(kling, service):
    """The API reference's bound ends the walk where every page is full."""
    service.always("list", lambda request: listing(request.target))
    seen = [task async for task in kling.image2video.iter_tasks(page_size=1)]
    assert 1000 == len(seen) == len(service.arrived)
