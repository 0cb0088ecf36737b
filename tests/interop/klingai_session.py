"""Runs in the environment of the PyPI package klingai-api: its calls against the address that comes on stdin as JSON."""

import json
import sys
import time

import api  # the package's modules are top-level ones


def ended(query, task_id):
    """Polls until the task has ended."""
    while (found := query(task_id)["data"])["task_status"] not in {"succeed", "failed"}:
        time.sleep(0.01)
    return found


given = json.load(sys.stdin)
api.API.base = given["url"]
try:
    with api.KlingAiAPI(given["access_key"], given["secret_key"]) as kling:
        made = [
            kling.image2video(given["image"], **given["fields"]),
            kling.text2video("rain", model_name=api.Text2VideoModel.kling_v2_6, cfg_scale=0.5),
        ]
        answer = {
            "made": made,
            "ended": [
                ended(kling.get_image2video, made[0]["data"]["task_id"]),
                ended(kling.get_text2video, made[1]["data"]["task_id"]),
            ],
            "by_external_id": kling.get_image2video(given["fields"]["external_task_id"])["data"],
            "lists": [kling.list_image2video(page_size=500)["data"], kling.list_text2video()["data"]],
        }
except api.BadCredentials as error:
    answer = {"refused": str(error)}
json.dump(answer, sys.stdout)
