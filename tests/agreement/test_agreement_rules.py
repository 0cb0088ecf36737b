"""Each rule has a request that it alone refuses, on both sides, and one like it that it lets pass."""

import pytest
from agreement.passing import PASSING
from agreement.refused import BASE, BRUSH, POINT, REFUSED, URL, brush, camera, mapped, simple
from agreement.sides import BOOKS, clients_verdict, emulators_verdict, naive_json, rules_of
from made_pictures import b64, jpeg, png


def named(lines):
    """The lines as a test's parameters."""
    return [pytest.param(*each, id=f"{each[0].__name__}-{each[1]}-{n}") for n, each in enumerate(lines)]


@pytest.mark.parametrize(("request_class", "rule", "fields", "path"), named(REFUSED))
def test_one_rule_refuses_on_both_sides(request_class, rule, fields, path):
    """The emulator finds this rule broken and no other; the client finds one problem, at the field."""
    assert [rule] == emulators_verdict(naive_json(fields), request_class)
    assert (path,) == clients_verdict(fields, request_class).problems


@pytest.mark.parametrize(("request_class", "rule", "fields"), named(PASSING))
def test_the_same_rule_lets_the_next_request_pass(request_class, rule, fields):
    """Both take it, the emulator takes what the client sends, and the rule's field is really in it."""
    verdict = clients_verdict(fields, request_class)
    assert ((), [], []) == (
        verdict.problems,
        emulators_verdict(naive_json(fields), request_class),
        emulators_verdict(verdict.sent, request_class),
    )
    lines = [line for line in REFUSED if line[:2] == (request_class, rule)]
    blamed = {path.partition(".")[0].partition("[")[0] for *_, path in lines} or {"image"}
    assert blamed & set(verdict.sent)


@pytest.mark.parametrize("request_class", list(BOOKS))
def test_no_rule_is_without_its_two_requests(request_class):
    """A rule added to the emulator needs its lines in refused.py and passing.py."""
    rules = rules_of(request_class)
    refused = {rule for each, rule, *_ in REFUSED if each is request_class}
    assert set() == refused - rules
    assert set() == rules - refused - {"picture bytes"}
    assert rules == {rule for each, rule, _ in PASSING if each is request_class}


def test_ten_megabytes_and_a_byte_are_refused_on_both_sides():
    """The one request whose picture is large, and so alone."""
    rest = 10 * 1024 * 1024 - len(png(padding=1))
    fields = {**BASE, "image": b64(png(padding=2 + rest))}
    assert ["picture bytes"] == emulators_verdict(naive_json(fields))
    assert ("image",) == clients_verdict(fields).problems


ACCEPTED = [
    {"image": URL},
    {"image_tail": URL, "model_name": "kling-v1-6", "mode": "pro"},
    {**BASE, "image_tail": URL},
    {**BASE, "image": b64(png(750, 300)), "image_tail": b64(jpeg(300, 1200))},
    {**BASE, "prompt": "😀" * 2500, "negative_prompt": "词" * 2500, "cfg_scale": 0},
    {**BASE, "cfg_scale": 1.0, "mode": "pro", "duration": "10"},
    {**BASE, "dynamic_masks": [{**BRUSH, "trajectories": [POINT] * 77}] * 6, "static_mask": URL},
    {**BASE, "image": b64(png(400, 800)), "static_mask": b64(jpeg(300, 600))},
    brush([1, 2], [-3, 4]),
    camera(simple(zoom=-10, pan=0, roll=None)),
    camera({"type": "forward_up", "config": None}),
    {**BASE, "callback_url": "http://localhost:1/x", "external_task_id": "a/b %"},
    {**BASE, "extra": {"watermark_info": {"enabled": True}}, "image_tail": None},
    mapped("kling-v1", camera_control=simple(zoom=1)),
    mapped("kling-v2-5-turbo", mode="pro", duration=10, image_tail=URL),
    mapped("kling-v3", image_tail=URL),
]


@pytest.mark.parametrize("fields", ACCEPTED)
def test_requests_on_the_bounds_pass_on_both_sides(fields):
    """Both take it, and the emulator takes what the client really sends."""
    verdict = clients_verdict(fields)
    assert ((), [], []) == (
        verdict.problems,
        emulators_verdict(naive_json(fields)),
        emulators_verdict(verdict.sent),
    )


def test_a_data_urls_prefix_is_refused_by_the_service_and_taken_off_by_the_client():
    """The one difference that is meant: the client repairs what the API reference forbids."""
    fields = {**BASE, "image": "data:image/png;base64," + b64(png())}
    verdict = clients_verdict(fields)
    assert ["picture without prefix"] == emulators_verdict(naive_json(fields))
    assert ((), [], b64(png())) == (verdict.problems, emulators_verdict(verdict.sent), verdict.sent["image"])
