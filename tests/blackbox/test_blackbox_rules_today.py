"""The fields that came after the API reference of mid-2025, with the capability map off."""

import pytest
from made_pictures import png

from kling_async import ValidationError
from kling_async.schema.shots import Element, Shot, Voice, WatermarkInfo

pytestmark = pytest.mark.anyio

ON = {"sound": "on"}
CUSTOM = {"multi_shot": True, "shot_type": "customize"}


def shots(*durations, prompt="a"):
    """Shots of so many seconds each."""
    return [{"index": n, "prompt": prompt, "duration": each} for n, each in enumerate(durations, start=1)]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"sound": "off"}, {"sound": "off"}),
        (
            {**ON, "voice_list": [{"voice_id": "a"}, Voice("b")]},
            {**ON, "voice_list": [{"voice_id": "a"}, {"voice_id": "b"}]},
        ),
        (
            {"element_list": [{"element_id": 160}, Element(2), Element(3)]},
            {"element_list": [{"element_id": 160}, {"element_id": 2}, {"element_id": 3}]},
        ),
        ({"watermark_info": {"enabled": True}}, {"watermark_info": {"enabled": True}}),
        ({"watermark_info": WatermarkInfo(enabled=False)}, {"watermark_info": {"enabled": False}}),
        ({"multi_shot": False}, {"multi_shot": False}),
        (
            {"multi_shot": True, "shot_type": "intelligence"},
            {"multi_shot": True, "shot_type": "intelligence"},
        ),
        (
            {**CUSTOM, "duration": 10, "multi_prompt": [Shot(1, "a", 4), *shots(3, "3")]},
            {
                **CUSTOM,
                "duration": "10",
                "multi_prompt": [
                    {"index": 1, "prompt": "a", "duration": "4"},
                    {"index": 1, "prompt": "a", "duration": "3"},
                    {"index": 2, "prompt": "a", "duration": "3"},
                ],
            },
        ),
        ({**CUSTOM, "multi_prompt": shots(2, 3)}, {**CUSTOM, "multi_prompt": shots("2", "3")}),
        (
            {**CUSTOM, "duration": 6, "multi_prompt": shots(*[1] * 6, prompt="x" * 512)},
            {**CUSTOM, "duration": "6", "multi_prompt": shots(*["1"] * 6, prompt="x" * 512)},
        ),
    ],
)
async def test_what_is_allowed_travels(verdicts, fields, sent):
    """Each field as object and as mapping, up to its bounds; durations travel as text."""
    body = await verdicts.accepts(**fields)
    assert sent == {name: value for name, value in body.items() if name not in {"image", "external_task_id"}}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"sound": "maybe"}, "sound"),
        ({"sound": ""}, "sound"),
        ({"sound": True}, "sound"),
        ({"voice_list": [{"voice_id": "a"}]}, "voice_list"),
        ({"sound": "off", "voice_list": [{"voice_id": "a"}]}, "voice_list"),
        ({**ON, "voice_list": []}, "voice_list"),
        ({**ON, "voice_list": [{"voice_id": "a"}] * 3}, "voice_list"),
        ({**ON, "voice_list": "a"}, "voice_list"),
        ({**ON, "voice_list": [{"voice_id": 7}]}, "voice_list[0].voice_id"),
        ({**ON, "voice_list": [{"voice_id": ""}]}, "voice_list[0].voice_id"),
        ({**ON, "voice_list": [{}]}, "voice_list[0].voice_id"),
        ({**ON, "voice_list": [None]}, "voice_list[0]"),
        ({**ON, "voice_list": [{"voice_id": "a", "name": "b"}]}, "voice_list[0].name"),
        ({**ON, "voice_list": [{"voice_id": "a"}], "element_list": [{"element_id": 1}]}, "element_list"),
        ({"element_list": []}, "element_list"),
        ({"element_list": [{"element_id": n} for n in range(4)]}, "element_list"),
        ({"element_list": [{"element_id": 1.5}]}, "element_list[0].element_id"),
        ({"element_list": [{"element_id": True}]}, "element_list[0].element_id"),
        ({"element_list": {"element_id": 1}}, "element_list"),
        ({"watermark_info": {"enabled": 1}}, "watermark_info.enabled"),
        ({"watermark_info": {}}, "watermark_info.enabled"),
        ({"watermark_info": True}, "watermark_info"),
        ({"multi_shot": "true"}, "multi_shot"),
        ({"multi_shot": 1}, "multi_shot"),
        ({"multi_shot": True}, "shot_type"),
        ({"multi_shot": True, "shot_type": "auto"}, "shot_type"),
        ({"shot_type": "intelligence"}, "shot_type"),
        ({"multi_shot": False, "shot_type": "intelligence"}, "shot_type"),
        ({**CUSTOM}, "multi_prompt"),
        ({"multi_shot": True, "shot_type": "intelligence", "multi_prompt": shots(5)}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": []}, "multi_prompt"),
        ({**CUSTOM, "duration": 7, "multi_prompt": shots(*[1] * 7)}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": shots(2, 2)}, "multi_prompt"),
        ({**CUSTOM, "duration": "10", "multi_prompt": shots(5, 6)}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": shots(0, 5)}, "multi_prompt[0].duration"),
        ({**CUSTOM, "multi_prompt": shots(2.5, 2.5)}, "multi_prompt["),
        ({**CUSTOM, "multi_prompt": shots(5, prompt="x" * 513)}, "multi_prompt[0].prompt"),
        ({**CUSTOM, "multi_prompt": [{"index": 1, "duration": 5}]}, "multi_prompt[0].prompt"),
        ({**CUSTOM, "multi_prompt": shots(5, prompt="")}, "multi_prompt[0].prompt"),
        ({**CUSTOM, "multi_prompt": [{"prompt": "a", "duration": 5}]}, "multi_prompt[0].index"),
        ({**CUSTOM, "multi_prompt": [{"index": "1", "prompt": "a", "duration": 5}]}, "multi_prompt[0].index"),
    ],
)
async def test_what_is_not_allowed_is_refused_at_its_field(verdicts, fields, path):
    """Nothing is sent, and no other field is blamed."""
    await verdicts.refuses(path, **fields)


async def test_a_sum_that_is_wrong_names_both_sums(verdicts):
    """The message says what the shots last and what they have to last."""
    found = await verdicts.refuses("multi_prompt", **CUSTOM, duration=10, multi_prompt=shots(5, 6))
    assert "11 s" in found
    assert "10 s" in found


async def test_what_was_extra_once_may_stay_extra(verdicts):
    """A script from before the fields had names of their own goes on: they travel as they are, unjudged."""
    extra = {"sound": "loud", "watermark_info": {"enabled": True}}
    body = await verdicts.accepts(extra=extra)
    assert extra == {name: body[name] for name in extra}


async def test_no_field_is_given_twice(verdicts):
    """As a field and in extra: the message names the field."""
    assert "sound" in await verdicts.refuses("extra.sound", sound="on", extra={"sound": "off"})


def test_parts_check_themselves():
    """Each part refuses what the request would refuse."""
    for build in (
        lambda: Shot(1, "a", 0),
        lambda: Shot(1, "x" * 513, 5),
        lambda: Voice(""),
        lambda: Element("160"),
        lambda: WatermarkInfo("yes"),
    ):
        with pytest.raises(ValidationError):
            build()


async def test_all_of_them_go_with_a_last_frame(verdicts):
    """Several shots with a first and a last frame: allowed since May 2026."""
    await verdicts.accepts(image_tail=png(), multi_shot=True, shot_type="intelligence", sound="on")
