"""The capability map, cell by cell, as the vendor's table has it."""

import logging
import warnings

import pytest
from made_pictures import png

from kling_async import Image2VideoRequest, ValidationError

pytestmark = pytest.mark.anyio

CELLS = [("std", 5), ("std", 10), ("pro", 5), ("pro", 10)]
IMAGE = {"image": png()}
FEATURES = {
    "image": IMAGE,
    "image+tail": {**IMAGE, "image_tail": png()},
    "tail": {"image_tail": png()},
    "masks": {**IMAGE, "dynamic_masks": [{"mask": png(), "trajectories": [(1, 2), (3, 4)]}]},
    "static": {**IMAGE, "static_mask": png()},
    "simple": {**IMAGE, "camera_control": {"type": "simple", "config": {"zoom": 1}}},
    "preset": {**IMAGE, "camera_control": {"type": "forward_up"}},
}
NONE = "----"
"""Std5, std10, pro5, pro10; for each model in the order of FEATURES (masks stand for both kinds of mask)."""
TABLE = {
    "kling-v1": ("YYYY", "Y-Y-", NONE, "Y-Y-", "Y-Y-", "Y---", "Y---"),
    "kling-v1-5": ("YYYY", "--YY", "--YY", "--Y-", "--Y-", "--Y-", NONE),
    "kling-v1-6": ("YYYY", "--YY", "--YY", NONE, NONE, NONE, NONE),
    "kling-v2-master": ("YYYY", NONE, NONE, NONE, NONE, NONE, NONE),
    "kling-v2-1": ("YYYY", "--YY", NONE, NONE, NONE, NONE, NONE),
    "kling-v2-1-master": ("YYYY", NONE, NONE, NONE, NONE, NONE, NONE),
    "kling-v2-5-turbo": ("YYYY", "--YY", NONE, NONE, NONE, NONE, NONE),
    "kling-v2-6": ("YYYY", "--YY", NONE, NONE, NONE, NONE, NONE),
}


def cells():
    """Every cell: model, feature, mode, duration, whether it is supported."""
    for model, row in TABLE.items():
        for feature, letters in zip(FEATURES, row, strict=True):
            for (mode, duration), letter in zip(CELLS, letters, strict=True):
                yield pytest.param(model, feature, mode, duration, letter == "Y")


def request(feature, **fields):
    """A request for one cell."""
    return Image2VideoRequest(**FEATURES[feature], **fields)


@pytest.mark.parametrize(("model", "feature", "mode", "duration", "supported"), list(cells()))
async def test_every_cell(client, service, model, feature, mode, duration, supported):
    """Supported cells are sent; the others are refused, and nothing is sent."""
    wanted = request(feature, model_name=model, mode=mode, duration=duration)
    async with client(capabilities="error") as kling:
        if supported:
            await kling.image2video.create(wanted)
        else:
            with pytest.raises(ValidationError) as caught:
                await kling.image2video.create(wanted)
            assert model in str(caught.value)
    assert int(supported) == len(service.arrived)


def today(model, sound, sound_and_tail, voices, shots, elements):
    """One model's cells for what came since mid-2025."""
    letters = (sound, sound_and_tail, voices, shots, elements)
    for feature, marks in zip(LATER, letters, strict=True):
        for (mode, duration), letter in zip(CELLS, marks, strict=True):
            yield pytest.param(
                model, feature, mode, duration, letter == "Y", id=f"{model}-{feature}-{mode}-{duration}"
            )


LATER = {
    "sound": {"sound": "on"},
    "sound+tail": {"sound": "on", "image_tail": png()},
    "voices": {"sound": "on", "voice_list": [{"voice_id": "a"}]},
    "shots": {"multi_shot": True, "shot_type": "intelligence"},
    "elements": {"element_list": [{"element_id": 160}]},
}


@pytest.mark.parametrize(
    ("model", "feature", "mode", "duration", "supported"),
    [
        *today("kling-v1", NONE, NONE, NONE, NONE, "YYYY"),
        *today("kling-v2-1-master", NONE, NONE, NONE, NONE, "YYYY"),
        *today("kling-v2-5-turbo", NONE, NONE, NONE, NONE, "YYYY"),
        *today("kling-v2-6", "--YY", NONE, "--YY", NONE, "YYYY"),
        *today("kling-v3", "YYYY", "YYYY", NONE, "YYYY", "YYYY"),
    ],
)
async def test_every_later_cell(client, service, model, feature, mode, duration, supported):
    """Sound, voices and shots, each with the models that have it; of elements nothing is documented, so all pass."""
    wanted = Image2VideoRequest(**IMAGE, **LATER[feature], model_name=model, mode=mode, duration=duration)
    async with client(capabilities="error") as kling:
        if supported:
            await kling.image2video.create(wanted)
        else:
            with pytest.raises(ValidationError, match=model):
                await kling.image2video.create(wanted)
    assert int(supported) == len(service.arrived)


@pytest.mark.parametrize("model", [*TABLE, None])
@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"mode": "4k"}, "mode"),
        ({"mode": "STD"}, "mode"),
        ({"duration": 6}, "duration"),
        ({"duration": "7"}, "duration"),
        ({"duration": 15}, "duration"),
    ],
)
async def test_older_models_keep_the_values_of_the_api_reference(client, service, model, fields, path):
    """5 and 10 seconds, std and pro; without a model_name the rules are those of kling-v1."""
    async with client(capabilities="error") as kling:
        with pytest.raises(ValidationError, match=model or "kling-v1") as caught:
            await kling.image2video.create(request("image", model_name=model, **fields))
        assert [path] == [problem.path for problem in caught.value.problems]
    async with client(capabilities="off") as kling:
        await kling.image2video.create(request("image", model_name=model, **fields))
    assert 1 == len(service.creates)


@pytest.mark.parametrize("mode", ["std", "pro", "4k"])
@pytest.mark.parametrize(
    ("duration", "supported"), [(2, False), *((n, True) for n in range(3, 16)), (16, False)]
)
async def test_kling_v3_takes_3_to_15_seconds_in_three_modes(client, service, mode, duration, supported):
    """Each whole number of them, with a last frame as well."""
    wanted = request("image+tail", model_name="kling-v3", mode=mode, duration=duration)
    async with client(capabilities="error") as kling:
        if supported:
            await kling.image2video.create(wanted)
        else:
            with pytest.raises(ValidationError, match="3, 4"):
                await kling.image2video.create(wanted)
    assert int(supported) == len(service.arrived)


@pytest.mark.parametrize("fields", [{"mode": "dream", "duration": 60}, {"duration": "1", "mode": "4k"}])
async def test_unknown_models_take_any_mode_and_whole_seconds(client, service, fields):
    """Models come and go: what the map does not know, the service decides."""
    async with client(capabilities="error") as kling:
        await kling.image2video.create(request("image", model_name="kling-v9", **fields))
    assert str(fields["duration"]) == service.creates[0].json["duration"]


async def test_error_is_the_default(service):
    """A client without the option refuses an unsupported cell."""
    from kling_async import KlingClient

    async with KlingClient("ak", "s" * 32, base_url=service.url) as kling:
        with pytest.raises(ValidationError):
            await kling.image2video.create(request("masks", model_name="kling-v2-1"))
    assert [] == service.arrived


@pytest.mark.parametrize("mode", ["warn", "off"])
async def test_warn_and_off_send_unsupported_cells(client, service, caplog, mode):
    """Both send; "warn" says so once somewhere visible, "off" says nothing."""
    wanted = request("masks", model_name="kling-v2-1", mode="std", duration=10)
    with warnings.catch_warnings(record=True) as shown, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        async with client(capabilities=mode) as kling:
            await kling.image2video.create(wanted)
    assert 1 == len(service.creates)
    said = [record.getMessage() for record in caplog.records] + [str(one.message) for one in shown]
    assert (mode == "warn") == any("kling-v2-1" in text and "motion brush" in text for text in said)


async def test_warn_and_off_keep_the_other_rules(client, service):
    """The switch is for the map alone: the API reference's rules stay."""
    for switch in ("warn", "off"):
        async with client(capabilities=switch) as kling:
            with pytest.raises(ValidationError):
                await kling.image2video.create(image=png(299, 300))
    assert [] == service.arrived


@pytest.mark.parametrize("feature", FEATURES)
async def test_unknown_models_pass(client, service, feature):
    """A model that the map does not know is held to the shape rules only."""
    async with client(capabilities="error") as kling:
        await kling.image2video.create(request(feature, model_name="kling-v7-dream", mode="std", duration=10))
    assert 1 == len(service.creates)


@pytest.mark.parametrize(
    ("feature", "fields", "supported"),
    [
        ("image+tail", {}, True),
        ("image+tail", {"duration": 10}, False),
        ("image+tail", {"mode": "pro"}, True),
        ("tail", {}, False),
        ("masks", {"duration": "10"}, False),
        ("masks", {"model_name": "kling-v1-5"}, False),
        ("masks", {"model_name": "kling-v1-5", "mode": "pro"}, True),
        ("simple", {}, True),
        ("simple", {"mode": "pro"}, False),
    ],
)
async def test_what_is_left_alone_counts_as_the_services_default(client, service, feature, fields, supported):
    """Without a field the API reference's defaults decide: kling-v1, std, 5."""
    async with client(capabilities="error") as kling:
        if supported:
            await kling.image2video.create(request(feature, **fields))
        else:
            with pytest.raises(ValidationError):
                await kling.image2video.create(request(feature, **fields))
    assert int(supported) == len(service.arrived)


@pytest.mark.parametrize("model", TABLE)
async def test_an_ignored_cfg_scale_is_no_error(client, service, model):
    """Models that ignore cfg_scale do not refuse it."""
    async with client(capabilities="error") as kling:
        await kling.image2video.create(request("image", model_name=model, cfg_scale=0.7))
    assert 0.7 == service.creates[0].json["cfg_scale"]
