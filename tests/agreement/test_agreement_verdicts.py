"""The client's verdict and the emulator's are one, over generated requests, allowed and forbidden.

A request is drawn that keeps the API reference's rules, then up to two of its fields are exchanged for wild values. What the two
sides settle differently on purpose, or where the API reference is silent, is not drawn: lone surrogates outside ids, unknown
fields inside nested objects, URLs on which URL parsers differ.
"""

import asyncio
from collections import Counter

from agreement.sides import clients_verdict, emulators_verdict, naive_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_pictures import b64, jpeg, png

EXAMPLES = 1500

URL = "https://pictures.example/a.png"
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": URL, "trajectories": [POINT, POINT]}

SHAPES = [(512, 512), (300, 300), (600, 600), (750, 300), (300, 750)]
SOUND = {shape: [b64(png(*shape)), b64(jpeg(*shape))] for shape in SHAPES}
MODELS = [
    "kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master",
    "kling-v2-5-turbo", "kling-v2-6", "kling-v3", "kling-v9",
]  # fmt: skip
AXES = ["horizontal", "vertical", "pan", "tilt", "roll", "zoom"]

PICTURES = [
    *(text for texts in SOUND.values() for text in texts),
    *(b64(png(*size)) for size in [(299, 300), (300, 299), (751, 300), (300, 751), (1, 1), (0, 400), (513, 512)]),
    *(b64(jpeg(*size)) for size in [(300, 299), (400, 1001), (1000, 400), (0, 0)]),
    *(b64(cut) for cut in [png()[:-12], png()[:-1], png()[:-5], png()[:40], png()[:20], jpeg()[:-2], jpeg()[:12], jpeg()[:3]]),
    b64(png() + b"trailing"),
    b64(jpeg() + b"\0" * 30),
    b64(jpeg()[:2] + b"\xff\xe1\x00\x06\xff\xd8\xff\xd9" + jpeg()[2:]),  # a thumbnail's end marker
    b64(b"GIF89a" + b"\0" * 40),
    b64(b"RIFF\0\0\0\0WEBPVP8 "),
    b64(png())[:-1],
    b64(png())[:400] + "=" + b64(png())[400:],
    URL,
    "http://127.0.0.1:8000/b.jpg?x=1#y",
    "http:///a.png",
    "ftp://pictures.example/a.png",
    "cat.jpg",
    "",
]  # fmt: skip

WILD = [
    None,
    True,
    False,
    0,
    1,
    5,
    -1,
    0.5,
    1e300,
    "",
    "x",
    "5",
    [],
    {},
    ["x"],
    {"x": 1},
    float("nan"),
    float("inf"),
]
wild = st.sampled_from(WILD)
NUMBERS = [0, 0.0, 1, -1, 10, -10, 10.001, -10.5, 0.3, 1e-9, True, "1", None, float("nan")]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
prompts = st.sampled_from(["x" * 2500, "x" * 2501, "词" * 2500, "😀" * 2501]) | texts
pictures = st.sampled_from(PICTURES)

coordinates = st.integers(-(10**6), 10**6) | st.sampled_from([1.0, True, "1", None])
points = (
    st.fixed_dictionaries({"x": coordinates}, optional={"y": coordinates})
    | st.lists(coordinates, min_size=1, max_size=3)
    | wild
)
some_points = st.integers(0, 80).map(lambda count: [POINT] * count)
masks = (
    st.fixed_dictionaries(
        {},
        optional={"mask": pictures | wild, "trajectories": some_points | st.lists(points, max_size=4) | wild},
    )
    | st.just(BRUSH)
    | wild.filter(lambda value: value is not None)  # a null is a missing field, and never an item
)
configs = (
    st.dictionaries(st.sampled_from([*AXES, "spin"]), st.sampled_from(NUMBERS), max_size=3)
    | st.sampled_from(AXES).map(lambda axis: {axis: 5})
    | wild
)
CAMERA_TYPES = [
    "simple",
    "simple",
    "down_back",
    "forward_up",
    "right_turn_forward",
    "left_turn_forward",
    "spin",
]
cameras = (
    st.fixed_dictionaries({}, optional={"type": st.sampled_from(CAMERA_TYPES) | wild, "config": configs})
    | wild
)
seconds = st.sampled_from([5, 10, "5", "10", 5.0, True, "", None])
urls = st.sampled_from(
    ["https://a.example/hook", "http://localhost:1", "http://", "a.example", "", "ftp://a/", "http://a b/"]
)
ids = st.sampled_from(["", ".", "..", "a/b", "%", "a\ud800", 7, None, "/../"]) | texts.filter(bool)

FIELDS = {
    "model_name": st.sampled_from(MODELS) | wild,
    "image": pictures | wild,
    "image_tail": pictures | wild,
    "prompt": prompts | wild,
    "negative_prompt": prompts | wild,
    "cfg_scale": st.sampled_from(NUMBERS) | wild,
    "mode": st.sampled_from(["std", "pro"]) | wild,
    "static_mask": pictures | wild,
    "dynamic_masks": st.lists(masks, max_size=3) | st.integers(0, 8).map(lambda n: [BRUSH] * n) | wild,
    "camera_control": cameras,
    "duration": seconds,
    "callback_url": urls | wild,
    "external_task_id": ids,
    "extra": st.dictionaries(st.sampled_from(["new", "other"]), wild, max_size=2),
}  # fmt: skip


@st.composite
def sound_requests(draw):
    """A request that keeps the API reference's rules; only the capability map may refuse it."""
    by_url, shape = draw(st.booleans()), draw(st.sampled_from(SHAPES))

    def picture():
        return URL if by_url else draw(st.sampled_from(SOUND[shape]))

    way = draw(st.sampled_from(["plain", "tail", "tail alone", "static", "brush", "camera"]))
    fields = {
        "model_name": draw(st.sampled_from(MODELS)),
        "mode": draw(st.sampled_from(["std", "pro"])),
        "duration": draw(st.sampled_from([5, 10])),
    }
    if way != "tail alone":
        fields["image"] = picture()
    if way.startswith("tail"):
        fields["image_tail"] = picture()
    if way == "static":
        fields["static_mask"] = picture()
    if way == "brush":
        fields["dynamic_masks"] = [{"mask": picture(), "trajectories": [[1, 2], [3, 4]]}]
    if way == "camera":
        axis, amount = draw(st.sampled_from(AXES)), draw(st.sampled_from([-10, 0.5, 10]))
        fields["camera_control"] = {"type": "simple", "config": {axis: amount}}
    return fields


@st.composite
def requests(draw):
    """A sound request with up to two of its fields exchanged for whatever there is."""
    fields = draw(sound_requests())
    for name in draw(st.lists(st.sampled_from(list(FIELDS)), max_size=2, unique=True)):
        fields[name] = draw(FIELDS[name])
    return fields


def test_verdicts_agree():
    """Refused by one, refused by the other; what the client sends is what was meant, and is taken."""
    seen, rules = Counter(), Counter()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(fields=requests())
    def agree(fields):
        client, emulator = clients_verdict(fields, runner), emulators_verdict(naive_json(fields))
        assert bool(client.problems) == bool(emulator), (client.problems, emulator)
        if not client.problems:
            assert [] == emulators_verdict(client.sent)
        seen[bool(emulator)] += 1
        rules.update(set(emulator))

    with asyncio.Runner() as runner:
        agree()
    assert min(seen[False], seen[True]) > EXAMPLES // 6, seen
    assert 35 < len(rules), rules
