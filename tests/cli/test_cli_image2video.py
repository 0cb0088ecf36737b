"""`kling-async image2video`: from a picture's name to a file and a line."""

import io
import json

import pytest
from click.testing import CliRunner

from kling_async.cli.group import cli
from kling_async.cli.names import stem_of


def test_photo_becomes_a_video_and_its_path_the_last_line(service, run, photo, tmp_path):
    """The video lies in the current directory, called like the photo, and stdout is its path alone."""
    result = run("image2video", photo, "-p", "she smiles")
    assert (0, "astronaut.mp4\n") == (result.exit_code, result.stdout)
    assert b"ftyp" in (tmp_path / "astronaut.mp4").read_bytes()[:16]
    assert "she smiles" == service.tasks[0].body["prompt"]


def test_i2v_is_image2video(service, run, photo):
    """The short name does the same."""
    assert "out.mp4\n" == run("i2v", photo, "-o", "out.mp4").stdout


def test_result_for_machines(service, run, photo, documents):
    """--json gives one document with the task and the file."""
    [document] = documents(run("i2v", photo, "--json").stdout)
    assert ("succeed", "astronaut.mp4") == (document["task_status"], document["file"])
    assert service.tasks[0].task_id == document["task_id"]
    assert document["external_task_id"].startswith("ka-")
    assert document["videos"][0]["url"].startswith(service.url)


def test_no_wait_prints_the_id_alone(service, run, photo, tmp_path):
    """--no-wait creates and does not poll."""
    result = run("i2v", photo, "--no-wait")
    assert f"{service.tasks[0].task_id}\n" == result.stdout
    assert 0 == service.counts["get"]
    assert [] == list(tmp_path.iterdir())


def test_every_text_field_travels(service, run):
    """Each option travels as the API reference's field of its name."""
    fields = {
        "model_name": "kling-v9", "mode": "pro", "duration": "10", "negative_prompt": "rain",
        "image_tail": "https://example.org/b.png", "callback_url": "http://127.0.0.1:9/back",
        "external_task_id": "my-own",
    }  # fmt: skip
    words = [word for name, value in fields.items() for word in (f"--{name.replace('_', '-')}", value)]
    result = run(
        "i2v",
        "https://example.org/a.png",
        *words,
        "--cfg-scale",
        "0.25",
        "--extra",
        'sound="on"',
        "--no-wait",
    )
    assert 0 == result.exit_code, result.stderr
    sent = {"image": "https://example.org/a.png", "cfg_scale": 0.25, "sound": "on", **fields}
    assert sent == service.tasks[0].body


def test_simple_camera_travels(service, run, photo):
    """--camera zoom=5 alone is a simple camera."""
    result = run(
        "i2v", photo, "--model-name", "kling-v1-5", "--mode", "pro", "--camera", "zoom=5", "--no-wait"
    )
    assert 0 == result.exit_code, result.stderr
    assert {"type": "simple", "config": {"zoom": 5}} == service.tasks[0].body["camera_control"]


def test_preset_camera_travels(service, run, photo):
    """--camera-type names a movement that needs no amount."""
    run("i2v", photo, "--model-name", "kling-v9", "--camera-type", "down_back", "--no-wait")
    assert {"type": "down_back"} == service.tasks[0].body["camera_control"]


def test_masks_travel(service, run):
    """--dynamic-mask is a picture and its path, and may come again; --static-mask stands beside it."""
    a, b, c, d = (f"https://example.org/{name}.png" for name in "abcd")
    masks = ("--dynamic-mask", f"{b}:1,2;3,4;5,6", "--dynamic-masks", f"{c}:7,8;9,10")
    run("i2v", a, *masks, "--static-mask", d, "--no-wait")
    body = service.tasks[0].body
    assert d == body["static_mask"]
    assert [b, c] == [mask["mask"] for mask in body["dynamic_masks"]]
    assert [{"x": 7, "y": 8}, {"x": 9, "y": 10}] == body["dynamic_masks"][1]["trajectories"]


def test_photo_from_stdin(service, photo):
    """`-` is the picture on stdin."""
    result = CliRunner().invoke(cli, ["i2v", "-"], input=io.BytesIO(photo.read_bytes()))
    assert (0, "video.mp4\n") == (result.exit_code, result.stdout)


def test_nobodys_file_is_replaced_by_a_default_name(service, run, photo, tmp_path):
    """A video that happens to be called like the photo is kept, and nothing is paid for."""
    (tmp_path / "astronaut.mp4").write_text("mine")
    result = run("i2v", photo)
    assert (2, "") == (result.exit_code, result.stdout)
    assert "-o" in result.stderr
    assert ("mine", 0) == ((tmp_path / "astronaut.mp4").read_text(), service.counts["create"])


def test_named_file_is_replaced(service, run, photo, tmp_path):
    """With -o the user has said so."""
    (tmp_path / "a.mp4").write_text("old")
    assert 0 == run("i2v", photo, "-o", "a.mp4").exit_code
    assert "old" != (tmp_path / "a.mp4").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--camera", "zoom"], "zoom=5"),
        (["--camera", "zoom=50"], "camera_control.config.zoom"),
        (["--camera", "warp=5"], "warp"),
        (["--camera", "zoom=5", "--image-tail", "b.jpg"], "camera_control"),
        (["--dynamic-mask", "1,2;3,4"], "FILE:x,y;x,y"),
        (["--dynamic-mask", "m.png:1,2;3"], "dynamic_masks[0].trajectories[1]"),
        (["--dynamic-mask", "m.png:1,2;3.5,4"], "'3.5,4' is not a point"),
        (["--extra", "sound=on"], "is not JSON"),
        (["--voice-list", "[{"], "is not JSON"),
        (["--extra", "sound"], "KEY=JSON"),
        (["--cfg-scale", "2"], "error: --cfg-scale: "),
        (["--duration", "7"], "duration"),
        (["--prompt", "x" * 2501], "prompt"),
        (["--model-name", "kling-v2-1", "--camera", "zoom=5"], "kling-v2-1"),
        (["--base-url", "http://example.org"], "https"),
    ],
)
def test_wrong_value_is_one_message_that_names_it(service, run, photo, words, said):
    """Whatever is wrong is said before anything is sent, with exit code 2."""
    result = run("i2v", photo, *words, "--no-wait")
    assert 2 == result.exit_code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_picture_is_named(service, run):
    """A file that is not there is named; nothing is sent."""
    result = run("i2v", "nowhere.jpg")
    assert (2, 0) == (result.exit_code, service.counts["create"])
    assert "nowhere.jpg" in result.stderr


def test_without_any_picture_the_rule_is_said(service, run):
    """A request needs a first or a last frame."""
    result = run("i2v", "-p", "a prompt is no picture")
    assert 2 == result.exit_code
    assert "image_tail" in result.stderr


def test_error_for_machines(service, run, photo, documents):
    """With --json the error is a document on stdout as well, with the way to go on."""
    service.fault("download", "forbidden", times=None)
    result = run("i2v", photo, "--json", "-o", "a b.mp4")
    [document] = documents(result.stdout)
    assert (9, 9) == (result.exit_code, document["error"]["exit_code"])
    assert "DownloadError" == document["error"]["type"]
    assert f"kling-async tasks wait -o 'a b.mp4' {service.tasks[0].task_id}" == document["resume"]
    assert 1 == sum(line.startswith("error: ") for line in result.stderr.splitlines())


@pytest.mark.parametrize(
    ("photo", "stem"),
    [
        ("cat.jpg", "cat"),
        ("/photos/my cat.jpeg", "my cat"),
        ("https://example.org/a/cat.png?size=9&x=../../up", "cat"),
        ("https://example.org/", "video"),
        ("https://example.org/%2e%2e%2fcat.png", "_2e_2e_2fcat"),
        ("data:image/png;base64,AAAA", "video"),
        ("-", "video"),
        (None, "video"),
    ],
)
def test_default_name_comes_from_the_photo(photo, stem):
    """Only what stands in the user's own words can name a file, and never another directory."""
    assert stem == stem_of(photo)


def test_json_is_ascii(service, run, photo):
    """Any pipe can take it."""
    result = run("i2v", photo, "-o", "猫.mp4", "--json")
    assert result.stdout.isascii()
    assert "猫.mp4" == json.loads(result.stdout)["file"]
