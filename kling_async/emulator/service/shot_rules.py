"""Rules of what came after mid-2025: sound, voices, elements, shots (facts.md, section 7). Pure."""

from collections.abc import Mapping
from typing import Any

from kling_async.emulator.service.field_rules import is_seconds, one_of, texts
from kling_async.emulator.service.rule import Rule, is_whole
from kling_async.emulator.service.submission import Submission

MOST_VOICES = 2
MOST_ELEMENTS = 3
MOST_SHOTS = 6
LONGEST_SHOT_PROMPT = 512
"""Characters."""


def items(body: Mapping[str, Any], field: str) -> list[Any]:
    """The items of a list field; none if it is absent or not a list."""
    value = body.get(field)
    return value if isinstance(value, list) else []


def customized(body: Mapping[str, Any]) -> bool:
    """Whether the request writes its own shots."""
    return body.get("multi_shot") is True and body.get("shot_type") == "customize"


def _list_of_objects(field: str) -> Rule:
    def is_list(request: Submission) -> str | None:
        value = request.body.get(field, [])
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return None
        return f"{field} must be an array of objects"

    return Rule(f"{field} is a list", is_list)


def _count(field: str, most: int) -> Rule:
    def fits(request: Submission) -> str | None:
        value = request.body.get(field)
        if isinstance(value, list) and not 1 <= len(value) <= most:
            return f"The number of {field} {len(value)} is out of range [1, {most}]"
        return None

    return Rule(f"{field} count", fits)


def _voice_ids(request: Submission) -> str | None:
    for index, voice in enumerate(items(request.body, "voice_list")):
        if isinstance(voice, dict) and not (isinstance(name := voice.get("voice_id"), str) and name):
            return f"voice_list[{index}].voice_id must be a string"
    return None


def _voices_need_sound(request: Submission) -> str | None:
    if "voice_list" in request.body and request.body.get("sound", "off") != "on":
        return "voice_list needs sound to be on"
    return None


def _voices_or_elements(request: Submission) -> str | None:
    if "voice_list" in request.body and "element_list" in request.body:
        return "voice_list and element_list cannot be used together"
    return None


def _element_ids(request: Submission) -> str | None:
    for index, element in enumerate(items(request.body, "element_list")):
        if isinstance(element, dict) and not is_whole(element.get("element_id")):
            return f"element_list[{index}].element_id must be a whole number"
    return None


def _multi_shot_is_a_flag(request: Submission) -> str | None:
    return None if isinstance(request.body.get("multi_shot", False), bool) else "multi_shot must be a boolean"


def _multi_shot_has_a_type(request: Submission) -> str | None:
    if request.body.get("multi_shot") is True and "shot_type" not in request.body:
        return "shot_type is required when multi_shot is true"
    return None


def _customized_has_shots(request: Submission) -> str | None:
    if customized(request.body) and "multi_prompt" not in request.body:
        return "multi_prompt is required when shot_type is customize"
    return None


def _shots_are_whole(request: Submission) -> str | None:
    """Each shot has a whole index, a prompt and a whole number of seconds as text."""
    for index, shot in enumerate(items(request.body, "multi_prompt")):
        if not isinstance(shot, dict):
            continue
        if not is_whole(shot.get("index")):
            return f"multi_prompt[{index}].index must be a whole number"
        if not isinstance(shot.get("prompt"), str):
            return f"multi_prompt[{index}].prompt must be a string"
        if not is_seconds(shot.get("duration")):
            return f"multi_prompt[{index}].duration value is invalid"
    return None


def _shot_prompts(request: Submission) -> str | None:
    for index, shot in enumerate(items(request.body, "multi_prompt")):
        prompt = shot.get("prompt") if isinstance(shot, dict) else None
        if isinstance(prompt, str) and len(prompt) > LONGEST_SHOT_PROMPT:
            length = f"The length of multi_prompt[{index}].prompt {len(prompt)}"
            return f"{length} is greater than {LONGEST_SHOT_PROMPT}"
    return None


def _shots_add_up(request: Submission) -> str | None:
    shots = items(request.body, "multi_prompt")
    whole = request.body.get("duration", "5")
    if not customized(request.body) or not shots or not is_seconds(whole):
        return None
    parts = [shot.get("duration") for shot in shots if isinstance(shot, dict)]
    seconds = [int(part) for part in parts if isinstance(part, str) and is_seconds(part)]
    if len(seconds) < len(shots) or sum(seconds) == int(whole):
        return None
    return f"The durations of multi_prompt add up to {sum(seconds)}, not to duration {whole}"


SOUND: tuple[Rule, ...] = (
    *texts("sound"),
    one_of("sound", "off", "on"),
    _list_of_objects("voice_list"),
    _count("voice_list", MOST_VOICES),
    Rule("voice ids", _voice_ids),
    Rule("voices need sound", _voices_need_sound),
)
ELEMENTS: tuple[Rule, ...] = (
    _list_of_objects("element_list"),
    _count("element_list", MOST_ELEMENTS),
    Rule("element ids", _element_ids),
    Rule("voices or elements", _voices_or_elements),
)
SHOTS: tuple[Rule, ...] = (
    *texts("shot_type"),
    one_of("shot_type", "customize", "intelligence"),
    Rule("multi_shot is a flag", _multi_shot_is_a_flag),
    Rule("multi_shot has a type", _multi_shot_has_a_type),
    Rule("customize has shots", _customized_has_shots),
    _list_of_objects("multi_prompt"),
    _count("multi_prompt", MOST_SHOTS),
    Rule("shots are whole", _shots_are_whole),
    Rule("shot prompt length", _shot_prompts),
    Rule("shots add up", _shots_add_up),
)
