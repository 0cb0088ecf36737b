"""The client's verdict equals the emulator's: over generated requests, both refuse or neither does.

No cost, no surprise: what the client refuses the service would refuse, and what it lets pass the service takes. The two are
stated twice, so a disagreement is a mistake in one of them, or a difference that has to be meant, noted and forbidden.

A request of one of the three classes is drawn that keeps the API reference's rules, then up to two of its fields are
exchanged for wild values. What the two sides settle differently on purpose, or where the API reference is silent, is not
drawn: shots that nothing asks for and a watermark that says neither yes nor no (see test_agreement_today.py), lone
surrogates outside ids, unknown fields inside nested objects, URLs on which URL parsers differ.
"""

import asyncio
from collections import Counter, defaultdict

import attrs
import pytest
from agreement.drawn import AXES, FIELDS, GOOD, GOOD_SHOTS, MODELS, SHAPES, SOUND, URL, WILD
from agreement.sides import BOOKS, clients_verdict, emulators_verdict, naive_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.text2video import Text2VideoRequest
from kling_async.schema.video_extend import VideoExtendRequest

EXAMPLES = 50
"""For each field of each request class."""

MODES = {"kling-v3": ["std", "pro", "4k"], "kling-v9": ["std", "4k", "dream"]}
SECONDS = {"kling-v3": [str(n) for n in range(3, 16)], "kling-v9": ["1", "7", "60"]}
LATER = ("kling-v2-6", "kling-v3", "kling-v9")
PARTS = [  # what goes together
    {},
    {"sound": "on"},
    {"sound": "off", "watermark_info": {"enabled": True}},
    {"sound": "on", "voice_list": [{"voice_id": "a"}]},
    {"multi_shot": True, "shot_type": "intelligence"},
]
TERMS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
UNSAID = [{}, {"x": 1}]
SHOTS = {"shot_type", "multi_prompt"}
PLAIN = {
    Image2VideoRequest: {"model_name": "kling-v9", "image": URL},
    Text2VideoRequest: {"model_name": "kling-v9", "prompt": "x"},
    VideoExtendRequest: {"video_id": "v"},
}
NEEDED = {  # what a field is worth nothing without
    "voice_list": {"sound": "on"},
    "shot_type": {"multi_shot": True, "multi_prompt": GOOD_SHOTS},
    "multi_prompt": {"multi_shot": True, "shot_type": "customize"},
    "multi_shot": {"shot_type": "intelligence"},
}


@st.composite
def custom_shots(draw):
    """Shots that mostly add up to what they are to last."""
    made = draw(st.lists(st.sampled_from(list("1123450")), min_size=1, max_size=7))
    total = sum(map(int, made)) + draw(st.sampled_from([0, 0, 0, 1]))
    shots = [{"index": n, "prompt": "a", "duration": each} for n, each in enumerate(made, start=1)]
    return {"multi_shot": True, "shot_type": "customize", "multi_prompt": shots, "duration": str(total or 5)}


@st.composite
def pictures(draw):
    """The pictures of an image2video request, and what excludes them."""
    by_url, shape = draw(st.booleans()), draw(st.sampled_from(SHAPES))

    def picture():
        return URL if by_url else draw(st.sampled_from(SOUND[shape]))

    way = draw(st.sampled_from(["plain", "plain", "tail", "tail alone", "static", "brush", "camera"]))
    fields = {}
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
def sound_requests(draw, request_class):
    """A request that keeps the API reference's rules; mostly, only the capability map may refuse it."""
    if request_class is VideoExtendRequest:
        return {"video_id": "v"}
    model = draw(st.sampled_from(MODELS))
    fields = {
        "model_name": model,
        "mode": draw(st.sampled_from(MODES.get(model, ["std", "pro"]))),
        "duration": draw(st.sampled_from(SECONDS.get(model, ["5", "10", 5, 10]))),
    }
    fields |= draw(pictures()) if request_class is Image2VideoRequest else {"prompt": "x"}
    if model in LATER and not draw(st.integers(0, 1)):  # the others refuse all of these
        fields |= draw(st.sampled_from(PARTS) | custom_shots())
    elif not draw(st.integers(0, 15)):
        fields |= draw(st.sampled_from(PARTS))
    return fields


def fields_of(request_class):
    """The names of a class's fields."""
    return [each.name for each in attrs.fields(request_class)]


@st.composite
def requests(draw, request_class, name):
    """A sound request with this field, and now and then another, exchanged for whatever there is."""
    if draw(st.booleans()):  # nothing else is in this field's way
        fields = PLAIN[request_class] | NEEDED.get(name, {})
        fields[name] = draw(FIELDS[name] | GOOD.get(name, FIELDS[name]))
    else:
        fields = draw(sound_requests(request_class))
        fields[name] = draw(FIELDS[name])
    if not draw(st.integers(0, 3)):
        other = draw(st.sampled_from(fields_of(request_class)))
        fields[other] = draw(FIELDS[other])
    if fields.get("multi_shot") in (None, False):  # nothing asks for shots
        fields = {each: value for each, value in fields.items() if each not in SHOTS}
    elif fields.get("shot_type") != "customize":
        fields.pop("multi_prompt", None)
    if fields.get("watermark_info") in UNSAID:
        del fields["watermark_info"]
    return fields


def test_every_field_of_every_class_is_drawn():
    """A field that is added to a request needs its strategy."""
    assert {name for each in BOOKS for name in fields_of(each)} == set(FIELDS)


@pytest.mark.parametrize("request_class", list(BOOKS))
def test_verdicts_agree(request_class):
    """Refused by one, refused by the other; what the client sends is what was meant, and is taken.

    The counts prove that what was drawn lies on both sides for each field and each model, and meets most rules; each rule
    by itself has its two requests in test_agreement_bounds.py.
    """
    book, names = BOOKS[request_class], fields_of(request_class)
    rules, fields_seen, models = Counter(), defaultdict(Counter), defaultdict(Counter)

    def agree(fields, name):
        client = clients_verdict(fields, request_class, runner)
        emulator = emulators_verdict(naive_json(fields), request_class)
        assert bool(client.problems) == bool(emulator), (client.problems, emulator)
        if not client.problems:
            assert [] == emulators_verdict(client.sent, request_class)
        rules.update(set(emulator))
        fields_seen[name][bool(emulator)] += 1
        models[str(fields.get("model_name"))][bool(emulator)] += 1

    with asyncio.Runner() as runner:
        for name in names:
            for value in WILD if name not in {*SHOTS, "extra"} else ():  # each once, whatever chance says
                if not (name == "watermark_info" and value in UNSAID):
                    agree({**PLAIN[request_class], name: value}, name)
            TERMS(given(requests(request_class, name), st.just(name))(agree))()
    every = {rule.name for rule in (*book.rules, *book.capabilities)}
    assert 0.8 * len(every) < len(rules), every - set(rules)
    assert {} == {name: dict(fields_seen[name]) for name in names if min(sides(fields_seen[name])) < 2}
    if "model_name" in names:
        assert [] == [model for model in MODELS if not models[model][True]]
        passing = {model for model in MODELS if models[model][False]}
        assert passing == {model for model in MODELS if makes(request_class, model)}


def sides(counts):
    """How many passed, and how many were refused."""
    return counts[False], counts[True]


def makes(request_class, model):
    """Whether a model makes anything at an endpoint: some of the map's are of one endpoint alone."""
    return not emulators_verdict({"model_name": model, "prompt": "x", "image": URL}, request_class)
