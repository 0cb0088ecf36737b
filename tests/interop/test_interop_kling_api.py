"""The npm package kling-api against the emulator over TLS: ten endpoints, from the create to the saved files.

It takes no base URL but https, and its guard refuses result URLs on private addresses: the emulator goes by a public name.
"""

from urllib.parse import urlsplit

import pytest
from made_pictures import png

from kling_async.emulator import Emulator

pytestmark = pytest.mark.anyio

NAME = "kling.example"
VIDEOS = ("text2video", "extend", "image2video", "multi", "omni", "avatar")
IMAGES = {"images": 3, "expand": 1, "omni_image": 1, "subjects": 1}


async def test_kling_api_runs_the_family_and_saves_its_files(node, tmp_path):
    """Every answer is one that it understands, and every file one that it accepts."""
    picture, sound = tmp_path / "picture.png", tmp_path / "sound.mp3"
    picture.write_bytes(png())
    sound.write_bytes(b"ID3" + b"\0" * 4096)
    async with Emulator(render=False, tls=True, public_url=f"https://{NAME}") as service:
        service.public_url = f"https://{NAME}:{urlsplit(service.url).port}"
        keys = {"accessKey": service.access_key, "secretKey": service.secret_key}
        files = {"picture": str(picture), "sound": str(sound), "folder": str(tmp_path)}
        answer = await node(
            "kling_api_family.mjs",
            {"url": service.public_url, **keys, **files},
            env={"NODE_EXTRA_CA_CERTS": str(service.certificate)},
        )
        paths = {task.product.path for task in service.tasks}
    assert {*VIDEOS, *IMAGES} == set(answer["ended"])
    assert len(answer["ended"]) == len(paths)
    assert {"succeed"} == {task["task_status"] for task in answer["ended"].values()}
    assert dict.fromkeys(VIDEOS, 1) | IMAGES == {name: len(found) for name, found in answer["files"].items()}
    saved = [file.read_bytes() for file in tmp_path.glob("*/*.*") if file.suffix in {".mp4", ".png"}]
    assert len(saved) == sum(map(len, answer["files"].values()))
    assert all(saved)
    assert [1201, 400] == answer["elsewhere"][:2]
    assert answer["packs"]["resource_pack_subscribe_infos"]
