"""The two verdicts on one request, and what a naive client would send of it.

`fields` is a request as a manifest holds it: the API reference's names, pictures as URL or base64 text, nested values as
mappings and lists, unknown fields under `extra`.
"""

import asyncio
import json

import attrs

from kling_async.emulator.service.answers import RefusedError
from kling_async.emulator.service.rules import broken
from kling_async.emulator.service.submission import parse
from kling_async.errors import ValidationError
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.session.upload import prepare


def naive_json(fields):
    """The body that a client without any rule would send: documented short forms written out, nothing judged.

    Whole seconds become text and `[x, y]` becomes a point; unknown fields stand beside the API reference's.
    """
    body = {name: value for name, value in fields.items() if name != "extra"}
    if type(body.get("duration")) is int:
        body["duration"] = str(body["duration"])
    if isinstance(body.get("dynamic_masks"), list):
        body["dynamic_masks"] = [_with_points(mask) for mask in body["dynamic_masks"]]
    return {**body, **fields.get("extra", {})}


def _with_points(mask):
    points = mask.get("trajectories") if isinstance(mask, dict) else None
    if not isinstance(points, list):
        return mask
    return {**mask, "trajectories": [_as_point(point) for point in points]}


def _as_point(point):
    return dict(zip("xy", point, strict=True)) if isinstance(point, list) and len(point) == 2 else point


def emulators_verdict(body):
    """The names of the rules that the emulator finds broken in a JSON body."""
    try:
        return [one.rule.name for one in broken(parse(json.dumps(body).encode()))]
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


def clients_verdict(fields, runner=None):
    """Builds the request, looks at its pictures and into the map, as a create does."""
    try:
        request = Image2VideoRequest.from_mapping(fields)
        found = tuple(problem.path for problem in capability_problems(request))
        if found:
            return ClientsVerdict(found)
        run = asyncio.run if runner is None else runner.run
        return ClientsVerdict((), run(_prepared(request)))
    except ValidationError as error:
        return ClientsVerdict(tuple(problem.path for problem in error.problems))
