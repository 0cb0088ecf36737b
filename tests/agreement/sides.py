"""The two verdicts on one request of any of the three classes, and what a naive client would send of it.

`fields` is a request as a manifest holds it: the API reference's names, pictures as URL or base64 text, nested values as
mappings and lists, unknown fields under `extra`.
"""

import asyncio
import json

import attrs

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.rules import IMAGE2VIDEO, TEXT2VIDEO, VIDEO_EXTEND, broken
from kling_async.emulator.service.submission import parse
from kling_async.errors import ValidationError
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest
from kling_async.session.upload import prepare

BOOKS = {Image2VideoRequest: IMAGE2VIDEO, Text2VideoRequest: TEXT2VIDEO, VideoExtendRequest: VIDEO_EXTEND}
"""Each request class of the client, and the emulator's rules for its endpoint."""


def rules_of(request_class):
    """The names of the emulator's rules for a class's endpoint."""
    book = BOOKS[request_class]
    return {rule.name for rule in (*book.rules, *book.capabilities)}


def naive_json(fields):
    """The body that a client without any rule would send: documented short forms written out, nothing judged.

    Whole seconds become text and `[x, y]` becomes a point; unknown fields stand beside the API reference's.
    """
    body = {name: value for name, value in fields.items() if name != "extra"}
    if type(body.get("duration")) is int:
        body["duration"] = str(body["duration"])
    if isinstance(body.get("multi_prompt"), list):
        body["multi_prompt"] = [_with_seconds(shot) for shot in body["multi_prompt"]]
    if isinstance(body.get("dynamic_masks"), list):
        body["dynamic_masks"] = [_with_points(mask) for mask in body["dynamic_masks"]]
    return {**body, **fields.get("extra", {})}


def _with_seconds(shot):
    if isinstance(shot, dict) and type(shot.get("duration")) is int:
        return {**shot, "duration": str(shot["duration"])}
    return shot


def _with_points(mask):
    points = mask.get("trajectories") if isinstance(mask, dict) else None
    if not isinstance(points, list):
        return mask
    return {**mask, "trajectories": [_as_point(point) for point in points]}


def _as_point(point):
    return dict(zip("xy", point, strict=True)) if isinstance(point, list) and len(point) == 2 else point


def emulators_verdict(body, request_class=Image2VideoRequest):
    """The names of the rules that the emulator finds broken in a JSON body, taken literally."""
    try:
        return [one.rule.name for one in broken(parse(json.dumps(body).encode()), BOOKS[request_class])]
    except RefusedError:
        return ["no JSON object"]


@attrs.frozen
class ClientsVerdict:
    """What the client says to a request before anything is sent."""

    problems: tuple[str, ...]
    """The paths of the offending fields."""

    sent: object = None
    """The body that it would send, read back; None where it refuses."""


async def _prepared(request):
    upload = await prepare(request)
    body = b"".join([piece async for piece in upload.stream()])
    assert len(body) == upload.length
    return json.loads(body)


def clients_verdict(fields, request_class=Image2VideoRequest, runner=None):
    """Builds the request, looks at its pictures and into the map, as a create does."""
    try:
        request = request_class.from_mapping(fields)
        found = tuple(problem.path for problem in capability_problems(request))
        if found:
            return ClientsVerdict(found)
        run = asyncio.run if runner is None else runner.run
        return ClientsVerdict((), run(_prepared(request)))
    except ValidationError as error:
        return ClientsVerdict(tuple(problem.path for problem in error.problems))
