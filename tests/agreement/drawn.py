"""What the generated requests are made of: values for every field, good ones, bad ones, and those on a bound."""

from hypothesis import strategies as st
from made_pictures import b64, jpeg, png

from kling_async.schema.models import MODELS as MAP

URL = "https://pictures.example/a.png"
POINT = {"x": 1, "y": 2}
BRUSH = {"mask": URL, "trajectories": [POINT, POINT]}

SHAPES = [(512, 512), (300, 300), (600, 600), (750, 300), (300, 750)]
SOUND = {shape: [b64(png(*shape)), b64(jpeg(*shape))] for shape in SHAPES}
MODELS = [*sorted({model for models in MAP.values() for model in models}), "kling-v9"]
"""Every model of the client's map, and one that it does not know."""

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
some_points = st.sampled_from([0, 1, 2, 77, 78]).map(lambda count: [POINT] * count)
masks = (
    st.fixed_dictionaries({"mask": pictures, "trajectories": some_points})
    | st.fixed_dictionaries({"mask": st.just(URL), "trajectories": st.lists(points, min_size=2, max_size=3)})
    | st.fixed_dictionaries({"mask": st.just(URL), "trajectories": wild})
    | st.fixed_dictionaries({}, optional={"mask": wild, "trajectories": some_points})
    | wild.filter(lambda value: value is not None)  # a null is a missing field, and never an item
)
configs = (
    st.dictionaries(st.sampled_from([*AXES, "spin"]), st.sampled_from(NUMBERS), max_size=3)
    | st.sampled_from([{axis: amount} for axis in AXES for amount in (5, -10, 10.001, "1")])
    | st.sampled_from([{}, {"zoom": 0}, {"zoom": 1, "spin": 0}, {"zoom": 1, "pan": 1}])
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
    st.fixed_dictionaries({"type": st.just("simple"), "config": configs})
    | st.fixed_dictionaries({"type": st.sampled_from(CAMERA_TYPES)}, optional={"config": configs})
    | st.fixed_dictionaries({}, optional={"type": wild, "config": configs})
    | wild
)
seconds = st.sampled_from(
    [*range(18), *map(str, range(18)), "60", 99_999, 100_000, "05", 5.0, True, "", None]
)
urls = st.sampled_from(
    ["https://a.example/hook", "http://localhost:1", "http://", "a.example", "", "ftp://a/", "http://a b/"]
)
ids = st.sampled_from(["", ".", "..", "a/b", "%", "a\ud800", 7, None, "/../"]) | texts.filter(bool)

WHOLE = [160, 0, -1, 2**63 - 1, 2**63, 1.5, True, "160", None]
no_null = wild.filter(lambda value: value is not None)  # a null is a missing field, and never an item


def items(name, values):
    """Lists of objects of one member, and what is none."""
    objects = st.fixed_dictionaries({}, optional={name: values})
    return st.lists(objects | no_null, max_size=5) | values.map(lambda value: [{name: value}]) | wild


shots = st.fixed_dictionaries(
    {
        "index": st.just(1) | st.sampled_from(WHOLE),
        "prompt": st.just("a") | st.sampled_from(["x" * 512, "x" * 513, 7, None]),
        "duration": st.just("5") | st.sampled_from(["1", "2", 5, "0", "05", 1.0, None]),
    },
)
VOICES = ["a", "b", "", 7, None]


FIELDS = {
    "model_name": st.sampled_from(MODELS) | wild,
    "image": pictures | wild,
    "image_tail": pictures | wild,
    "prompt": prompts | wild,
    "negative_prompt": prompts | wild,
    "cfg_scale": st.sampled_from(NUMBERS) | wild,
    "mode": st.sampled_from(["std", "pro", "4k", "STD"]) | wild,
    "static_mask": pictures | wild,
    "dynamic_masks": st.lists(masks, max_size=3) | st.integers(0, 8).map(lambda n: [BRUSH] * n) | wild,
    "camera_control": cameras,
    "duration": seconds,
    "callback_url": urls | wild,
    "external_task_id": ids,
    "sound": st.sampled_from(["on", "off", "maybe", "ON"]) | wild,
    "voice_list": items("voice_id", st.sampled_from(VOICES)),
    "multi_shot": st.booleans() | wild,
    "shot_type": st.sampled_from(["customize", "intelligence", "auto"]) | wild,
    "multi_prompt": st.lists(shots, min_size=1, max_size=1) | st.lists(shots | no_null, max_size=7) | wild,
    "element_list": items("element_id", st.sampled_from(WHOLE)),
    "watermark_info": st.booleans().map(lambda on: {"enabled": on}) | st.just({"enabled": "yes"}) | wild,
    "aspect_ratio": st.sampled_from(["16:9", "9:16", "1:1", "4:3"]) | wild,
    "video_id": st.sampled_from(["v", "", 7]) | wild,
    "extra": st.dictionaries(st.sampled_from(["new", "other"]), wild, max_size=2),
}  # fmt: skip

GOOD_SHOTS = [{"index": 1, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": 3}]
GOOD = {  # values of nested fields that keep every rule, which chance seldom puts together
    "dynamic_masks": st.sampled_from([[BRUSH], [BRUSH] * 6, [{**BRUSH, "trajectories": [POINT] * 77}]]),
    "camera_control": st.sampled_from(
        [{"type": "forward_up"}, *({"type": "simple", "config": {axis: 10}} for axis in AXES)]
    ),
    "voice_list": st.sampled_from([[{"voice_id": "a"}], [{"voice_id": "a"}] * 2]),
    "element_list": st.sampled_from([[{"element_id": 1}], [{"element_id": -(2**62)}] * 3]),
    "shot_type": st.sampled_from(["customize", "intelligence"]),
    "multi_prompt": st.sampled_from(
        [GOOD_SHOTS, GOOD_SHOTS[::-1], [{"index": 1, "prompt": "a", "duration": 5}]]
    ),
}
