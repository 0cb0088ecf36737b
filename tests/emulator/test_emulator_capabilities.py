"""The capability map, cell by cell."""

import pytest

from kling_async.emulator.service.rules import IMAGE2VIDEO, TEXT2VIDEO, broken

URL = "https://pictures.example/a.png"
FEATURES = {
    "image": {"image": URL},
    "tail": {"image": URL, "image_tail": URL},
    "tail alone": {"image_tail": URL},
    "brush": {"image": URL, "static_mask": URL},
    "camera": {"image": URL, "camera_control": {"type": "simple", "config": {"zoom": 1}}},
    "preset": {"image": URL, "camera_control": {"type": "down_back"}},
}
CELLS = [("std", "5"), ("std", "10"), ("pro", "5"), ("pro", "10")]
MAP = {
    "kling-v1": ("YYYY", "Y-Y-", "----", "Y-Y-", "Y---", "Y---"),
    "kling-v1-5": ("YYYY", "--YY", "--YY", "--Y-", "--Y-", "----"),
    "kling-v1-6": ("YYYY", "--YY", "--YY", "----", "----", "----"),
    "kling-v2-master": ("YYYY", "----", "----", "----", "----", "----"),
    "kling-v2-1": ("YYYY", "--YY", "----", "----", "----", "----"),
    "kling-v2-1-master": ("YYYY", "----", "----", "----", "----", "----"),
    "kling-v2-5-turbo": ("YYYY", "--YY", "----", "----", "----", "----"),
    "kling-v2-6": ("YYYY", "--YY", "----", "----", "----", "----"),
    "kling-v3": ("YYYY", "YYYY", "----", "----", "----", "----"),
    "no-such-model": ("YYYY", "YYYY", "YYYY", "YYYY", "YYYY", "YYYY"),
}


@pytest.mark.parametrize("model", MAP)
def test_every_cell_of_the_map(model):
    """Each model takes what its row says and nothing else."""
    seen = tuple(
        "".join(
            "-" if broken({**body, "model_name": model, "mode": mode, "duration": duration}) else "Y"
            for mode, duration in CELLS
        )
        for body in FEATURES.values()
    )
    assert MAP[model] == seen


def test_refusal_is_worded_as_the_services():
    """The message names model, mode, duration and feature."""
    body = {**FEATURES["tail"], "model_name": "kling-v2-5-turbo"}
    expected = "model/mode/duration(kling-v2-5-turbo/std/5) is not supported with image_tail"
    assert expected == broken(body)[0].message


def test_refusal_of_a_whole_feature_names_the_model():
    """A model that never can is refused without mode and duration."""
    body = {**FEATURES["brush"], "model_name": "kling-v1-6"}
    assert "kling-v1-6 is not supported with motion brush" == broken(body)[0].message


@pytest.mark.parametrize("model_name", [None, ""])
def test_old_model_field_has_no_effect(model_name):
    """`model` is accepted and means V1, whatever it says."""
    body = {**FEATURES["tail alone"], "model": "kling-v1-6", "mode": "pro", "model_name": model_name}
    assert ["capability: feature"] == [one.rule.name for one in broken(body)]


def test_map_can_be_switched_off():
    """Without the map only the API reference's rules count."""
    body = {**FEATURES["brush"], "model_name": "kling-v2-1"}
    assert [] == broken(body, capabilities=False)


def refused(book=IMAGE2VIDEO, **fields):
    """The names of the map's rules that refuse a request."""
    return [one.rule.name.removeprefix("capability: ") for one in broken(fields, book)]


def v2_6(**fields):
    """A request to kling-v2-6 in its expert mode."""
    return {"model_name": "kling-v2-6", "mode": "pro", "image": URL, **fields}


@pytest.mark.parametrize("model", [name for name in MAP if name not in {"kling-v3", "no-such-model"}])
def test_models_of_the_reference_take_its_modes_and_durations_alone(model):
    """5 and 10 s, std and pro; nothing else."""
    assert ["mode"] == refused(model_name=model, image=URL, mode="4k")
    assert ["duration"] == refused(model_name=model, image=URL, duration="7")
    assert ["shots"] == refused(model_name=model, image=URL, multi_shot=True, shot_type="intelligence")


@pytest.mark.parametrize("mode", ["std", "pro", "4k"])
def test_v3_takes_three_to_fifteen_seconds_in_three_modes(mode):
    """Any whole number of seconds within, none beyond."""
    request = {"model_name": "kling-v3", "image": URL, "image_tail": URL, "mode": mode, "sound": "on"}
    for seconds in range(3, 16):
        assert [] == refused(**request, duration=str(seconds))
    for seconds in ("1", "2", "16"):
        assert ["duration"] == refused(**request, duration=seconds)


def test_v3_takes_shots_and_no_voices():
    """What came with v3, and what did not."""
    shots = {"multi_shot": True, "shot_type": "intelligence"}
    assert [] == refused(model_name="kling-v3", image=URL, **shots)
    voices = {"sound": "on", "voice_list": [{"voice_id": "1"}]}
    assert ["voices"] == refused(model_name="kling-v3", image=URL, **voices)
    assert ["mode"] == refused(model_name="kling-v3", image=URL, mode="8k")


def test_sound_of_v2_6_is_for_pro_without_a_last_frame():
    """Std is silent, both frames are silent, and off is always fine."""
    assert [] == refused(**v2_6(sound="on"))
    assert [] == refused(**v2_6(sound="on", voice_list=[{"voice_id": "1"}]))
    assert [] == refused(**v2_6(sound="off", image_tail=URL))
    assert ["sound"] == refused(**v2_6(sound="on", mode="std"))
    assert ["sound"] == refused(**v2_6(sound="on", image_tail=URL))
    assert ["sound", "voices"] == refused(**v2_6(sound="on", mode="std", voice_list=[{"voice_id": "1"}]))
    assert ["sound"] == refused(model_name="kling-v2-5-turbo", image=URL, sound="on")


def test_an_unknown_model_takes_everything():
    """Any mode, any whole number of seconds, every feature."""
    request = {"model_name": "kling-v9", "image": URL, "mode": "8k", "duration": "45", "sound": "on"}
    assert [] == refused(**request, voice_list=[{"voice_id": "1"}], image_tail=URL)


def test_text2video_has_a_map_of_its_own():
    """Models that need an image refuse; the camera is kling-v1's, std 5 s."""
    for model in ("kling-v1-5", "kling-v2-1"):
        assert ["feature"] == refused(TEXT2VIDEO, model_name=model, prompt="x")
    camera = {"prompt": "x", "camera_control": {"type": "down_back"}}
    assert [] == refused(TEXT2VIDEO, **camera)
    assert ["feature"] == refused(TEXT2VIDEO, **camera, duration="10")
    assert ["feature"] == refused(TEXT2VIDEO, **camera, model_name="kling-v1-6")
    assert [] == refused(TEXT2VIDEO, prompt="x", model_name="kling-v3", mode="4k", duration="15")
    assert ["sound"] == refused(TEXT2VIDEO, prompt="x", model_name="kling-v2-6", sound="on")
