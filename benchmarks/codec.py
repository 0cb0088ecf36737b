"""Encode and decode of one task and of 500, against `json` alone, with and without orjson."""

import json

from attrs import evolve

from benchmarks.harness import in_turns, parse_with, parsers, table, verdict
from benchmarks.pages import answer, list_page, row
from kling_async import Image2VideoRequest
from kling_async.schema import wire
from kling_async.schema.task import Task, read_task

ROUNDS = 60


def decode_one(body: bytes) -> Task:
    envelope = wire.read_envelope(body, http_status=200)
    return read_task(envelope.data, request_id=envelope.request_id)


def decode_page(body: bytes) -> list[Task]:
    envelope = wire.read_envelope(body, http_status=200)
    return [read_task(each, request_id=envelope.request_id) for each in wire.read_tasks(envelope)]


def encode(request: Image2VideoRequest) -> bytes:
    return b"".join(piece for piece in wire.body_pieces(wire.document(request)) if isinstance(piece, bytes))


def encode_many(requests: list[Image2VideoRequest]) -> list[bytes]:
    return [encode(request) for request in requests]


def measure(parser: str) -> tuple[list[list[str]], float]:
    """The table's rows with one JSON parser, and the ratio that has a bound."""
    one, running, ended = answer(row(1, "succeed")), list_page("processing"), list_page("succeed")
    plain = Image2VideoRequest(
        model_name="kling-v1-6",
        image="https://example.com/still.jpg",
        prompt="The astronaut stands up and walks away, dust rising in slow motion",
        negative_prompt="blurry",
        mode="pro",
        duration=5,
    )
    requests = [evolve(plain, external_task_id=f"shot-{index}") for index in range(500)]
    documents = [wire.document(request) for request in requests]
    pairs = {
        "decode one task": (20, lambda: decode_one(one), lambda: json.loads(one)),
        "decode a page of 500 running": (1, lambda: decode_page(running), lambda: json.loads(running)),
        "decode a page of 500 ended": (1, lambda: decode_page(ended), lambda: json.loads(ended)),
        "encode one request": (20, lambda: encode(requests[0]), lambda: json.dumps(documents[0]).encode()),
        "encode 500 requests": (
            1,
            lambda: encode_many(requests),
            lambda: [json.dumps(document).encode() for document in documents],
        ),
    }
    rows, worst = [], 0.0
    for name, (repeat, ours, theirs) in pairs.items():
        mine, plain_json = in_turns([ours, theirs], ROUNDS, repeat)
        rows.append(
            [name, parser, f"{1e6 * mine:.0f}", f"{1e6 * plain_json:.0f}", f"{mine / plain_json:.2f}"]
        )
        if "page" in name:
            worst = max(worst, mine / plain_json)
    return rows, worst


def main() -> None:
    results = []
    for name, module in parsers().items():
        parse_with(module)
        results.append((name, *measure(name)))
    rows = [each for _, rows, _ in results for each in rows]
    table("Encode and decode, medians", ["", "parser", "ours µs", "json µs", "ratio"], rows)
    for name, _, worst in results:
        verdict(f"decode of a 500-task page with {name}, of json.loads", worst, 5.0)


if __name__ == "__main__":
    main()
