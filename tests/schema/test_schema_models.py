"""The capability map as data: its rows, what retires, and a judge that blames each field once."""

import json

import attrs
import pytest

from kling_async import Image2VideoRequest
from kling_async.schema.capabilities import capability_problems
from kling_async.schema.models import MODELS, REPLACEMENTS, RETIRED, retirement_warning, rows

URL = "https://pictures.example/a.png"


def refused(**fields):
    """The paths that the map blames, with their messages."""
    problems = list(capability_problems(Image2VideoRequest(**{"image": URL, **fields})))
    found = {problem.path: problem.message for problem in problems}
    assert len(problems) == len(found)
    return found


def test_rows_are_the_whole_map_as_json():
    """Every model of every endpoint, with plain values only."""
    listed = json.loads(json.dumps([attrs.asdict(row) for row in rows()]))
    assert {(endpoint, model) for endpoint, models in MODELS.items() for model in models} == {
        (row["endpoint"], row["model_name"]) for row in listed
    }
    newest = next(
        row for row in listed if row["model_name"] == "kling-v3" and row["endpoint"] == "image2video"
    )
    assert (["std", "pro", "4k"], "3", "15") == (
        newest["modes"],
        newest["durations"][0],
        newest["durations"][-1],
    )
    assert ("everywhere", None) == (newest["features"]["multi_shot"], newest["retired_on"])
    oldest = listed[0]
    assert ("std 5 s, pro 5 s", "2026-09-15") == (oldest["features"]["image_tail"], oldest["retired_on"])


@pytest.mark.parametrize("model", sorted(RETIRED))
def test_a_retired_model_is_warned_of_with_its_date_and_successors(model):
    """The text names the model, the day and every model that replaces it."""
    said = retirement_warning(model)
    assert [] == [part for part in (model, "2026-09-15", *REPLACEMENTS) if part not in said]


def test_no_model_name_means_kling_v1():
    """The warning says why a request that names no model gets it."""
    assert "without model_name" in retirement_warning(None)
    assert "kling-v1," in retirement_warning(None)


@pytest.mark.parametrize("model", [*REPLACEMENTS, "kling-v9", ""])
def test_models_that_are_alive_or_unknown_get_no_warning(model):
    """Nothing was announced of them."""
    assert None is retirement_warning(model)


def test_what_replaces_a_model_is_in_the_map_and_not_retired():
    """A warning never sends anyone to a model of which nothing is known."""
    assert set(REPLACEMENTS) <= set(MODELS["image2video"]) - RETIRED


def test_a_camera_is_blamed_once():
    """Where a camera is not supported at all, its type is not blamed as well."""
    camera = {"type": "forward_up"}
    assert ["camera_control"] == list(refused(model_name="kling-v1-6", camera_control=camera))
    assert ["camera_control.type"] == list(
        refused(model_name="kling-v1-5", mode="pro", camera_control=camera)
    )


def test_sound_is_blamed_once():
    """In mode std for the mode, in mode pro for the last frame."""
    sound = {"model_name": "kling-v2-6", "sound": "on"}
    assert "pro 5 s" in refused(**sound, mode="std")["sound"]
    assert "image_tail" in refused(**sound, mode="pro", image_tail=URL)["sound"]
    assert {} == refused(**sound, mode="pro")


def test_a_message_names_the_models_that_can():
    """Who asks for something impossible learns what is possible."""
    assert (
        "kling-v3"
        in refused(model_name="kling-v2-6", multi_shot=True, shot_type="intelligence")["multi_shot"]
    )


def test_a_mode_that_does_not_exist_is_blamed_alone():
    """What a feature needs cannot be said in a mode that the model does not have."""
    assert ["mode", "duration"] == list(refused(mode="4k", duration=7, image_tail=URL))
