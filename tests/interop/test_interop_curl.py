"""curl with the API reference's own command lines against the emulator; only host and token are replaced."""

import json
import shutil

import pytest
from interop.tools import output

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

HOST = "https://api.klingai.com"
IMAGE2VIDEO = """
curl --location --request POST 'https://api.klingai.com/v1/videos/image2video' \\
--header 'Authorization: Bearer xxx' \\
--header 'Content-Type: application/json' \\
--data-raw '{
"model_name": "kling-v1",
"mode": "pro",
"duration": "5",
"image": "https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/3214b798-e1b4-4b00-b7af-72b5b0417420_raw_image_0.jpg",
"prompt": "宇航员站起身走了",
"cfg_scale": 0.5,
"static_mask": "https://h2.inkwai.com/bs2/upload-ylab-stunt/ai_portal/1732888177/cOLNrShrSO/static_mask.png",
"dynamic_masks": [
{
"mask": "https://h2.inkwai.com/bs2/upload-ylab-stunt/ai_portal/1732888130/WU8spl23dA/dynamic_mask_1.png",
"trajectories": [
{"x":279,"y":219},{"x":417,"y":65}
]
}
]
}'
"""
"""The API reference's example of a create, character by character."""


async def curl(service, command):
    """Runs a command line in a shell; returns its answer as JSON."""
    replaced = command.replace(HOST, service.url).replace("Bearer xxx", f"Bearer {service.api_key}")
    assert replaced != command
    return json.loads(await output("bash", "-c", replaced.strip() + " --silent --show-error"))


def get(path):
    """A command line for a query, in the same manner."""
    return f"curl --location --request GET '{HOST}{path}' --header 'Authorization: Bearer xxx'"


async def test_the_api_references_own_command_creates_a_task(service):
    """Then its paths for one task, by both ids, and for a page show it."""
    made = await curl(service, IMAGE2VIDEO)
    assert (0, "SUCCEED") == (made["code"], made["message"])
    assert ("submitted", {}) == (made["data"]["task_status"], made["data"]["task_info"])
    task_id = made["data"]["task_id"]
    polled = [await curl(service, get(f"/v1/videos/image2video/{task_id}")) for _ in range(2)]
    assert ["processing", "succeed"] == [each["data"]["task_status"] for each in polled]
    page = await curl(service, get("/v1/videos/image2video?pageNum=1&pageSize=30"))
    assert [task_id] == [row["task_id"] for row in page["data"]]
    assert "宇航员站起身走了" == service.tasks[0].body["prompt"]


async def test_the_vendors_samples_of_today_pass(service):
    """Empty texts and lists, flags and numbers as text, a slash at the end and a doubled one."""
    sample = """
curl --location 'https://api.klingai.com/v1/videos/image2video/' \\
--header 'Authorization: Bearer xxx' \\
--header 'Content-Type: application/json; charset=utf-8' \\
--data '{
  "model_name": "kling-v3", "image": "https://p1.a.kwimgs.com/a.png", "prompt": "", "negative_prompt": "",
  "multi_shot": "true", "shot_type": "customize", "duration": 5, "mode": "pro", "cfg_scale": "0.5", "sound": "off",
  "multi_prompt": [{"index": 1, "prompt": "a", "duration": "2"}, {"index": "2", "prompt": "b", "duration": 3}],
  "element_list": [{"element_id": "160"}], "image_tail": "", "voice_list": [],
  "watermark_info": {"enabled": "true"}, "callback_url": "", "external_task_id": ""
}'
"""
    made = await curl(service, sample)
    assert 0 == made["code"], made
    found = await curl(service, get(f"/v1/videos/image2video//{made['data']['task_id']}"))
    assert made["data"]["task_id"] == found["data"]["task_id"]


async def test_curl_is_told_what_is_wrong(service):
    """A wrong key before an unknown path, then the path itself."""
    wrong = f"curl '{HOST}/v1/videos/nothing' --header 'Authorization: Bearer abc'"
    assert 1002 == (await curl(service, wrong))["code"]
    assert 1203 == (await curl(service, get("/v1/videos/nothing")))["code"]
    assert 1202 == (await curl(service, get("/v1/videos/image2video").replace("GET", "DELETE")))["code"]
