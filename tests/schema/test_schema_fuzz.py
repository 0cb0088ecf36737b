"""2,000 spoiled answers end in a value or in MalformedResponseError, with either JSON parser."""

import copy
import gc
import json
import random
from collections import Counter

import pytest

from kling_async.errors import MalformedResponseError
from kling_async.schema import wire
from kling_async.schema.task import read_task

ANSWERS = 2000
SEED = 20261123

TASK = {
    "task_id": "CjI1",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "mine"},
    "task_result": {
        "videos": [
            {
                "id": "28444a6c-1b5a-4d3c",
                "url": "https://cdn.example/bs2/x_raw_video_1.mp4",
                "duration": "5.1",
                "watermark_url": "https://cdn.example/w.mp4",
            }
        ]
    },
    "created_at": 1739744384259,
    "updated_at": 1739744621359,
    "final_unit_deduction": "2",
    "watermark_info": {"enabled": True},
}
REAL = [  # as they really look, facts §6
    {
        "code": 0,
        "message": "SUCCEED",
        "request_id": "CjI1",
        "data": {
            "task_id": "CjI1",
            "task_status": "submitted",
            "created_at": 1739744384259,
            "updated_at": 1739744384259,
        },
    },
    {"code": 0, "message": "SUCCEED", "request_id": "r", "data": TASK},
    {"code": 0, "message": "SUCCEED", "request_id": "r", "data": [TASK, {**TASK, "task_id": "2"}]},
    {"code": 1201, "message": "Task not found by id/external id: 宇航员😀", "request_id": "r"},
    {"code": 0, "message": "SUCCEED", "data": []},
    {"code": 1303, "message": "parallel task over resource pack limit", "request_id": "r"},
]

RAW = {  # what no JSON writer would put down, spliced into the text
    "@huge@": "9" * 10_000,
    "@negative@": "-" + "1" * 5_000,
    "@exponent@": "1e99999",
    "@digits@": "0." + "3" * 10_000,
    "@nan@": "NaN",
    "@infinity@": "-Infinity",
    "@surrogate@": r'"\ud83d"',
    "@surrogates@": r'"a\udc00\ud800"',
    "@pair@": r'"\ud83d\ude00"',
    "@null@": r'"\u0000"',
    "@deep@": "[" * 100_000 + "]" * 100_000,
    "@open@": '{"a":' * 100_000,
    "@thousand@": '{"a":' * 1_000 + "1" + "}" * 1_000,
    "@hundreds@": "[" * 900 + "]" * 900,
}
OTHERS = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**63,
    10**30,
    "",
    "0",
    "text",
    "\u202e\x1b[31m",
    [],
    {},
    [[]],
    [None],
]


def spots(value, found=None):
    """Every container and key at which something can be changed."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        spots(item, found)
    return found


def spoiled_tree(chance):
    """A real answer with one to four parts deleted, nulled, exchanged or doubled."""
    value = copy.deepcopy(chance.choice(REAL))
    for _ in range(chance.randint(1, 4)):
        holder, key = chance.choice(spots(value) or [([value], 0)])
        kind = chance.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = None
        elif kind == 2:
            holder[key] = copy.deepcopy(chance.choice(OTHERS))
        elif kind == 3:
            holder[key] = chance.choice(list(RAW))
        else:
            holder[key] = [copy.deepcopy(holder[key])] * 2
    text = json.dumps(chance.choice([value, value, value, value, [value], value.get("data")]))
    for mark, raw in RAW.items():
        text = text.replace(json.dumps(mark), raw)
    return text.encode()


def spoiled_bytes(chance, body):
    """Bytes cut off, turned, put in, or in another encoding."""
    at = chance.randrange(len(body) + 1)
    junk = chance.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b'"', b"}", b"\\u", b"<html>"])
    return chance.choice(
        [
            body[:at],
            body[at:],
            body[:at] + junk + body[at:],
            body[:at] + junk + body[at + len(junk) :],
            b"\xef\xbb\xbf" + body,
            body.decode("utf-8", "replace").encode("utf-16"),
            body + body,
            b" \n" + body + b"\r\n",
        ]
    )


def spoiled_answers():
    """The answers of this test, the same in every run."""
    chance = random.Random(SEED)
    for _ in range(ANSWERS):
        body = spoiled_tree(chance)
        yield spoiled_bytes(chance, body) if chance.random() < 0.4 else body


def check_texts(value, depth=0):
    """All text in a value can travel as UTF-8."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict) and depth < 100:
        for key, item in value.items():
            check_texts(key)
            check_texts(item, depth + 1)
    elif isinstance(value, list | tuple) and depth < 100:
        for item in value:
            check_texts(item, depth + 1)


def end(read, *arguments, **options):
    """What a reader gives, or its one error, whose text is harmless too."""
    try:
        return read(*arguments, **options)
    except MalformedResponseError as error:
        str(error).encode()
        repr(error).encode()
        return error


def read_everything(body):
    """An answer's way through all readers; gives how it ended."""
    envelope = end(wire.read_envelope, body, http_status=200)
    if isinstance(envelope, MalformedResponseError):
        return ["no envelope"]
    check_texts([envelope.message, envelope.request_id, envelope.data])
    assert type(envelope.code) is int
    rows = end(wire.read_tasks, envelope)
    ends = ["no rows" if isinstance(rows, MalformedResponseError) else "rows"]
    for data in [envelope.data, *(rows if isinstance(rows, list) else [])]:
        task = end(read_task, data, request_id=envelope.request_id)
        ends.append("no task" if isinstance(task, MalformedResponseError) else "task")
        if ends[-1] == "task":
            repr(task).encode()
            check_texts([task.task_id, task.status, task.status_message, task.external_task_id])
            check_texts([(video.id, video.url) for video in task.videos])
            assert task.expires_at is None or task.is_terminal
    return ends


@pytest.fixture(autouse=True)
def no_collection_at_the_limit():
    """No garbage collection while a parser is at the recursion limit: hypothesis' callback of it would fail there."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(params=["orjson", "json"])
def parser(request, monkeypatch):
    """Both parsers: the extra's and the standard library's."""
    if request.param == "json":
        monkeypatch.setattr(wire, "orjson", None)
    elif wire.orjson is None:
        pytest.skip("the extra `fast` is not installed")
    return request.param


def test_spoiled_answers_end_in_a_value_or_our_error(parser):
    """Nothing foreign gets out, and enough of the answers come far enough to mean something."""
    ends = Counter()
    for number, body in enumerate(spoiled_answers()):
        try:
            ends.update(set(read_everything(body)))
        except Exception as error:
            error.add_note(f"answer {number}: {body[:300]!r}")
            raise
    assert min(ends[kind] for kind in ("no envelope", "rows", "no rows", "task", "no task")) > 100, ends


@pytest.mark.parametrize("answer", REAL)
def test_answers_cut_at_every_length_are_no_envelopes(parser, answer):
    """Half an answer is none, wherever it was cut."""
    body = json.dumps(answer, ensure_ascii=False).encode()
    for length in range(len(body)):
        assert ["no envelope"] == read_everything(body[:length])
    assert "no envelope" not in read_everything(body)


@pytest.mark.parametrize("mark", [*RAW])
@pytest.mark.parametrize(
    "answer",
    [
        "@",
        '{"code":@,"data":{"task_id":"1"}}',
        '{"code":0,"message":@,"request_id":@}',
        '{"code":0,"data":@}',
        '{"code":0,"data":[@]}',
        '{"code":0,"data":{"task_id":@}}',
        '{"code":0,"data":{"task_id":"1","created_at":@,"task_info":{"external_task_id":@},"task_status":@}}',
        '{"code":0,"data":{"task_id":"1","task_result":{"videos":[{"url":"u","id":@,"duration":@}]}}}',
        '{"code":0,"data":{"task_id":"1","x":{@:1}}}',
    ],
)
def test_monsters_in_every_place(parser, answer, mark):
    """Nesting, digits, NaN and surrogates where the readers look."""
    read_everything(answer.replace("@", RAW[mark]).encode())


@pytest.mark.parametrize("depth", [100, 500, 800, 900, 950, 980, 990, 1000, 1010, 1020, 1024, 1500])
@pytest.mark.parametrize("brackets", ["[]", ('{"task_id":', "}")])
def test_nesting_just_below_the_parsers_limits(parser, depth, brackets):
    """What a parser still takes, the readers behind it take too."""
    opening, closing = brackets
    body = '{"code":0,"data":' + opening * depth + "1" + closing * depth + "}"
    read_everything(body.encode())


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"\xef\xbb\xbf", b"null", b"[]", b"0", b'"{}"', b"{}", b'{"code":null}', b'{"code":true}',
     b'{"code":"x"}', b'{"code":1.0}', b'{"code":[]}', b'{"Code":0}', b"<html>", b"\x1f\x8b\x08", b'{"code":0'],
)  # fmt: skip
def test_other_types_of_envelope_are_malformed(parser, body):
    """An envelope is an object with a whole-number code."""
    with pytest.raises(MalformedResponseError) as caught:
        wire.read_envelope(body, http_status=502)
    assert 502 == caught.value.http_status
    assert len(caught.value.excerpt) <= 200


@pytest.mark.parametrize("answer", REAL)
def test_both_parsers_read_real_answers_alike(monkeypatch, answer):
    """Whether the extra is installed decides the speed and nothing else."""
    body = json.dumps(answer).encode()
    fast = wire.read_envelope(body, http_status=200)
    monkeypatch.setattr(wire, "orjson", None)
    assert fast == wire.read_envelope(body, http_status=200)
