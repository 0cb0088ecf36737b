"""The two capability maps are one: every model, mode, duration and feature, tried without chance on both sides.

A request is judged by the client's map and by the emulator's rules; all of its other fields are beyond reproach.
"""

import itertools

import pytest
from agreement.sides import BOOKS

from kling_async.emulator.service.capabilities import IMAGE2VIDEO as IMAGE_ROWS
from kling_async.emulator.service.capabilities import TEXT2VIDEO as TEXT_ROWS
from kling_async.emulator.service.rules import broken
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.image2video import Image2VideoRequest
from kling_async.schema.models import MODELS
from kling_async.schema.text2video import Text2VideoRequest

URL = "https://pictures.example/a.png"
ROWS = {Image2VideoRequest: ("image2video", IMAGE_ROWS), Text2VideoRequest: ("text2video", TEXT_ROWS)}
PLAIN = {Image2VideoRequest: {"image": URL}, Text2VideoRequest: {"prompt": "x"}}
NAMES = [*sorted(set(IMAGE_ROWS) | set(TEXT_ROWS)), None, "kling-v9"]
MODES = [None, "std", "pro", "4k", "dream"]
DURATIONS = [None, *map(str, (*range(1, 18), 60))]
BRUSH = [{"mask": URL, "trajectories": [{"x": 1, "y": 2}] * 2}]
SIMPLE, PRESET = {"type": "simple", "config": {"zoom": 1}}, {"type": "forward_up"}
VOICES, ELEMENTS = [{"voice_id": "a"}], [{"element_id": 1}]
CUTS = {"multi_shot": True, "shot_type": "intelligence"}
SHARED = {
    "plain": {},
    "camera_control": {"camera_control": SIMPLE},
    "camera preset": {"camera_control": PRESET},
    "sound": {"sound": "on"},
    "silence": {"sound": "off"},
    "voices": {"sound": "on", "voice_list": VOICES},
    "shots": CUTS,
    "shots and sound": {**CUTS, "sound": "on"},
    "no shots": {"multi_shot": False},
}
OF_PICTURES = {
    "tail": {"image_tail": URL},
    "tail alone": {"image": None, "image_tail": URL},
    "static brush": {"static_mask": URL},
    "brush": {"dynamic_masks": BRUSH},
    "tail and sound": {"image_tail": URL, "sound": "on"},
    "tail, sound and voices": {"image_tail": URL, "sound": "on", "voice_list": VOICES},
    "tail and shots": {"image_tail": URL, **CUTS},
    "elements": {"element_list": ELEMENTS},
}
FEATURES = {Image2VideoRequest: {**SHARED, **OF_PICTURES}, Text2VideoRequest: SHARED}
DURATIONS_OF_FEATURES = [None, "3", "5", "10", "15"]
CELLS = [
    *itertools.product(MODES, DURATIONS, ["plain"]),
    *itertools.product(MODES, DURATIONS_OF_FEATURES, {*SHARED, *OF_PICTURES} - {"plain"}),
]


@pytest.mark.parametrize("request_class", list(ROWS))
def test_both_maps_have_the_same_models(request_class):
    """Video_extend's is that of the source, which no request names; the emulator looks at the source's task."""
    name, rows = ROWS[request_class]
    elsewhere = {model for model, row in rows.items() if row.plain == "----"}
    assert set(MODELS[name]) == set(rows) - elsewhere


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("request_class", list(ROWS))
def test_every_cell_of_the_map_has_one_verdict(request_class, model):
    """All modes with all durations, and each feature in them: both refuse, or both let pass."""
    verdicts, disagreed = {True: 0, False: 0}, []
    for mode, duration, feature in CELLS:
        if feature not in FEATURES[request_class]:
            continue
        given = {"model_name": model, "mode": mode, "duration": duration}
        fields = {**PLAIN[request_class], **given, **FEATURES[request_class][feature]}
        body = {name: value for name, value in fields.items() if value is not None}
        client = [problem.path for problem in capability_problems(request_class.from_mapping(fields))]
        emulator = [one.rule.name for one in broken(body, BOOKS[request_class])]
        if bool(client) != bool(emulator):
            disagreed.append((mode, duration, feature, client, emulator))
        verdicts[bool(client)] += 1
    assert [] == disagreed
    assert (model != "kling-v9") == bool(verdicts[True]), verdicts
    assert (model in MODELS[ROWS[request_class][0]] or model in {None, "kling-v9"}) == bool(verdicts[False])
