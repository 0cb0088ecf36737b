"""What a create looks like on the wire, against the API reference's tables and its own example."""

import base64
import json

import jwt
import pytest
from blackbox_service import ACCESS_KEY, PATH, SECRET_KEY
from made_pictures import b64, png, png_of_size

from kling_async import CameraConfig, CameraControl, DynamicMask, Image2VideoRequest, TrajectoryPoint

pytestmark = pytest.mark.anyio

URL = "https://h2.inkwai.com/bs2/upload/a%20b_raw_image_0.jpg?x=1&sig=%2B/=#f"


async def test_create_posts_json_to_the_pages_path(kling, service):
    """POST, the bare path, application/json, an exact length, and no chunks."""
    await kling.image2video.create(Image2VideoRequest(image=URL))
    (sent,) = service.arrived
    assert ("POST", PATH) == (sent.method, sent.target)
    assert "application/json" == sent.header("content-type")
    assert str(len(sent.body)) == sent.header("content-length")
    assert sent.header("transfer-encoding") is None
    assert sent.header("expect") is None


async def test_a_large_body_has_an_exact_length_too(kling, service):
    """Ten megabytes of picture arrive whole, with a length and not in chunks."""
    picture = png_of_size(10 * 1024 * 1024, 640, 480)
    await kling.image2video.create(Image2VideoRequest(image=picture, prompt="宇航员"))
    (sent,) = service.arrived
    assert str(len(sent.body)) == sent.header("content-length")
    assert sent.header("transfer-encoding") is None
    assert picture == base64.b64decode(sent.json["image"], validate=True)


async def test_the_pages_own_example_arrives_as_the_page_writes_it(kling, service):
    """Every field of the API reference's curl call, names, types and values."""
    request = Image2VideoRequest(
        model_name="kling-v1",
        mode="pro",
        duration=5,
        image="https://h2.inkwai.com/raw_image_0.jpg",
        prompt="宇航员站起身走了",
        cfg_scale=0.5,
        static_mask="https://h2.inkwai.com/static_mask.png",
        dynamic_masks=[
            DynamicMask(mask="https://h2.inkwai.com/dynamic_mask_1.png", trajectories=[(279, 219), (417, 65)])
        ],
    )
    await kling.image2video.create(request)
    body = service.creates[0].json
    del body["external_task_id"]
    assert {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": "https://h2.inkwai.com/raw_image_0.jpg",
        "prompt": "宇航员站起身走了",
        "cfg_scale": 0.5,
        "static_mask": "https://h2.inkwai.com/static_mask.png",
        "dynamic_masks": [
            {
                "mask": "https://h2.inkwai.com/dynamic_mask_1.png",
                "trajectories": [{"x": 279, "y": 219}, {"x": 417, "y": 65}],
            }
        ],
    } == body


async def test_fields_as_keywords_do_the_same(kling, service):
    """`create(image=…, prompt=…)` needs no request object."""
    await kling.image2video.create(image=URL, prompt="p", external_task_id="mine")
    assert {"image": URL, "prompt": "p", "external_task_id": "mine"} == service.creates[0].json


async def test_what_is_left_alone_does_not_travel(kling, service):
    """Only the image and an external id are sent; nothing is null."""
    await kling.image2video.create(Image2VideoRequest(image=URL))
    assert {"image", "external_task_id"} == set(service.creates[0].json)
    assert b"null" not in service.creates[0].body


async def test_none_is_as_good_as_left_alone(kling, service):
    """A field that is given as None does not travel either."""
    fields = dict.fromkeys(
        [
            "model_name",
            "image_tail",
            "prompt",
            "negative_prompt",
            "cfg_scale",
            "mode",
            "static_mask",
            "dynamic_masks",
            "camera_control",
            "duration",
            "callback_url",
            "external_task_id",
        ]
    )
    await kling.image2video.create(Image2VideoRequest(image=URL, **fields))
    assert {"image", "external_task_id"} == set(service.creates[0].json)


@pytest.mark.parametrize("given", [5, "5", 10, "10"], ids=repr)
async def test_duration_travels_as_text(kling, service, given):
    """The API reference's duration is a string, however it was given."""
    await kling.image2video.create(Image2VideoRequest(image=URL, duration=given))
    assert str(given) == service.creates[0].json["duration"]


@pytest.mark.parametrize("given", [0, 1, 0.25])
async def test_cfg_scale_travels_as_a_number(kling, service, given):
    """The API reference's cfg_scale is a float: a JSON number, 0 included."""
    await kling.image2video.create(Image2VideoRequest(image=URL, cfg_scale=given))
    sent = service.creates[0].json["cfg_scale"]
    assert given == sent
    assert not isinstance(sent, str | bool)


async def test_simple_camera_shape(kling, service):
    """Type and the one axis, as numbers."""
    camera = CameraControl(type="simple", config=CameraConfig(zoom=-7.5, pan=0))
    await kling.image2video.create(Image2VideoRequest(image=URL, camera_control=camera))
    sent = service.creates[0].json["camera_control"]
    assert {"type": "simple", "config": {"zoom": -7.5, "pan": 0}} == sent


@pytest.mark.parametrize("axis", ["horizontal", "vertical", "pan", "tilt", "roll", "zoom"])
async def test_short_forms_of_the_axes(kling, service, axis):
    """`CameraControl.zoom(5)` and the others are a simple camera with one axis."""
    camera = getattr(CameraControl, axis)(5)
    await kling.image2video.create(Image2VideoRequest(image=URL, camera_control=camera))
    assert {"type": "simple", "config": {axis: 5}} == service.creates[0].json["camera_control"]


@pytest.mark.parametrize("preset", ["down_back", "forward_up", "right_turn_forward", "left_turn_forward"])
async def test_presets_travel_without_a_config(kling, service, preset):
    """The API reference: config is not filled in for any type but simple."""
    camera = getattr(CameraControl, preset)()
    await kling.image2video.create(Image2VideoRequest(image=URL, camera_control=camera))
    assert {"type": preset} == service.creates[0].json["camera_control"]


async def test_points_may_be_objects_pairs_or_mappings(kling, service):
    """All forms of a point and a mask travel as the API reference's objects."""
    masks = [
        DynamicMask(mask=URL, trajectories=[TrajectoryPoint(1, 2), (3, 4)]),
        {"mask": URL, "trajectories": [{"x": 5, "y": 6}, {"x": 7, "y": 8}]},
    ]
    await kling.image2video.create(Image2VideoRequest(image=URL, dynamic_masks=masks))
    assert [
        {"mask": URL, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]},
        {"mask": URL, "trajectories": [{"x": 5, "y": 6}, {"x": 7, "y": 8}]},
    ] == service.creates[0].json["dynamic_masks"]


def test_top_left_pixels_become_bottom_left_ones():
    """The first row from the top of a 480 pixel picture is the last from the bottom."""
    low = TrajectoryPoint.from_top_left(10, 479, image_height=480)
    high = TrajectoryPoint.from_top_left(10, 0, image_height=480)
    assert 10 == low.x == high.x
    assert 479 == high.y - low.y
    assert low.y in (0, 1)


async def test_extra_fields_are_merged(kling, service):
    """A field that the API reference does not know travels beside the others, whatever its shape."""
    extra = {"watermark_info": {"enabled": True}, "n": 3, "deep": [{"a": None}], "ö": "ü"}
    await kling.image2video.create(
        Image2VideoRequest(image=URL, prompt="p", extra=extra, external_task_id="e")
    )
    assert {"image": URL, "prompt": "p", "external_task_id": "e", **extra} == service.creates[0].json


@pytest.mark.parametrize(
    "text",
    [
        "宇航员站起身走了",
        "naïve “quotes” \\ / \" '",
        "line\nbreak\ttab\r\x00\x1f\u2028",
        "😀𝔸\U0010ffff",
        "e\u0301 é",
    ],
)
async def test_texts_arrive_intact(kling, service, text):
    """Prompts and the caller's id arrive code point by code point."""
    await kling.image2video.create(
        Image2VideoRequest(image=URL, prompt=text, negative_prompt=text, external_task_id=text)
    )
    body = service.creates[0].json
    assert (text, text, text) == (body["prompt"], body["negative_prompt"], body["external_task_id"])


async def test_generated_external_ids_are_present_and_unique(kling, service):
    """Five equal requests are five jobs with five ids; the same object sent again is the same job."""
    batch = [Image2VideoRequest(image=URL) for _ in range(5)]
    for request in [*batch, *batch]:
        await kling.image2video.create(request)
    ids = [sent.json["external_task_id"] for sent in service.creates]
    assert 5 == len(set(ids))
    assert all(isinstance(one, str) and one for one in ids)


async def test_the_callers_external_id_is_kept(kling, service):
    """A given id travels unchanged, and the task shows it."""
    task = await kling.image2video.create(Image2VideoRequest(image=URL, external_task_id="shot/7 ä"))
    assert "shot/7 ä" == service.creates[0].json["external_task_id"] == task.external_task_id


async def test_callback_url_travels(kling, service):
    """The API reference's callback_url is sent as given."""
    await kling.image2video.create(Image2VideoRequest(image=URL, callback_url="https://me.example/cb?a=1"))
    assert "https://me.example/cb?a=1" == service.creates[0].json["callback_url"]


async def test_a_manifests_old_model_field_has_no_effect(kling, service):
    """The API reference: `model` changes nothing, the default model applies."""
    request = Image2VideoRequest.from_mapping({"model": "kling-v2-1", "image": URL, "duration": "10"})
    await kling.image2video.create(request)
    assert {"image", "duration", "external_task_id"} == set(service.creates[0].json) - {"model_name"}
    assert "kling-v1" == service.creates[0].json.get("model_name", "kling-v1")


async def test_jwt_is_exactly_the_services(client, service):
    """Header and claims hold what the service names and nothing else, signed with the secret."""
    async with client(clock=lambda: 1_790_000_000.0) as kling:
        await kling.image2video.create(image=URL)
        await kling.image2video.get(next(iter(service.jobs)))
    for sent in service.arrived:
        scheme, token = sent.header("authorization").split(" ")
        assert "Bearer" == scheme
        assert {"alg": "HS256", "typ": "JWT"} == jwt.get_unverified_header(token)
        options = {"verify_exp": False, "verify_nbf": False}
        claims = jwt.decode(token, SECRET_KEY, algorithms=["HS256"], options=options)
        assert {"iss": ACCESS_KEY, "exp": 1_790_001_800, "nbf": 1_789_999_995} == claims
        payload = token.split(".")[1]
        assert b"." not in base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))


async def test_tokens_are_valid_whenever_they_are_sent(client, service):
    """Over hours of wall time no request carries a token that is expired or not yet valid."""
    now = [1_790_000_000.0]
    async with client(clock=lambda: now[0]) as kling:
        for _ in range(40):
            await kling.image2video.list()
            token = service.arrived[-1].header("authorization").split(" ")[1]
            claims = jwt.decode(token, options={"verify_signature": False})
            assert claims["nbf"] <= now[0] < claims["exp"]
            assert 1805 == claims["exp"] - claims["nbf"]
            now[0] += 613


async def test_a_static_key_is_the_bearer(client, service):
    """An api_key travels as it is."""
    async with client(api_key="api-key-kling-canary") as kling:
        await kling.image2video.create(image=URL)
    assert "Bearer api-key-kling-canary" == service.arrived[0].header("authorization")


async def test_keys_and_host_from_the_environment(service, monkeypatch):
    """Without arguments the environment's keys and base URL are used; an argument wins over them."""
    from kling_async import KlingClient

    monkeypatch.setenv("KLING_ACCESS_KEY", "ak-env")
    monkeypatch.setenv("KLING_SECRET_KEY", "x" * 40)
    monkeypatch.setenv("KLING_BASE_URL", service.url)
    for given, issuer in (({}, "ak-env"), ({"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}, ACCESS_KEY)):
        async with KlingClient(**given) as kling:
            await kling.image2video.list()
        token = service.arrived[-1].header("authorization").split(" ")[1]
        assert issuer == jwt.decode(token, options={"verify_signature": False})["iss"]


async def test_a_base_url_with_a_path_or_slash_keeps_the_pages_path(client, service):
    """A trailing slash of the base URL doubles none."""
    async with client(base_url=service.url + "/") as kling:
        await kling.image2video.create(image=URL)
    assert PATH == service.arrived[0].target


async def test_the_answer_becomes_a_task(kling, service):
    """A create gives the id, status, external id and request id of the answer."""
    service.run_for = 60
    task = await kling.image2video.create(image=png(), external_task_id="mine")
    assert next(iter(service.jobs)) == task.task_id
    assert ("submitted", "mine", "req-4711") == (task.status, task.external_task_id, task.request_id)


async def test_the_body_is_json_without_duplicates(kling, service):
    """No key is written twice, with pictures, masks and extra fields in play."""
    seen = []

    def pairs(items):
        keys = [key for key, _ in items]
        assert len(keys) == len(set(keys))
        seen.extend(keys)
        return dict(items)

    mask = DynamicMask(mask=png(), trajectories=[(1, 2), (3, 4)])
    request = Image2VideoRequest(image=png(), static_mask=png(), dynamic_masks=[mask, mask], extra={"z": 1})
    await kling.image2video.create(request)
    body = json.loads(service.creates[0].body, object_pairs_hook=pairs)
    assert b64(png()) == body["image"] == body["static_mask"] == body["dynamic_masks"][1]["mask"]
    assert 1 == body["z"]
