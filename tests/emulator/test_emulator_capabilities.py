"""The capability map, cell by cell."""

import pytest

from kling_async.emulator.service.rules import broken

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
    assert ["capability map"] == [one.rule.name for one in broken(body)]


def test_map_can_be_switched_off():
    """Without the map only the page's rules count."""
    body = {**FEATURES["brush"], "model_name": "kling-v2-1"}
    assert [] == broken(body, capabilities=False)
