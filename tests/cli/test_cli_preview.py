"""`kling-async preview`: without keys, without a network, before anything is paid for."""

import json
import socket

import pytest
from made_pictures import png
from PIL import Image


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No keys, no connection, and an empty folder as the current one."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def refuse(*_):
        raise AssertionError("a preview connects to nothing")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)


MODEL = ("--model-name", "kling-v2-6")


def test_the_picture_is_written_and_the_verdict_is_said(run, photo, tmp_path):
    """The path on stdout, what the request is and what the map says on stderr."""
    result = run("preview", photo, *MODEL)
    assert (0, "astronaut-preview.png\n") == (result.exit_code, result.stdout)
    assert "kling-v2-6 · std · 5 s" == result.stderr.splitlines()[0]
    assert "kling-v2-6 in mode std with 5 s takes this." in result.stderr
    with Image.open(tmp_path / "astronaut-preview.png") as picture:
        assert ("PNG", 1280) == (picture.format, picture.width)
    assert ["astronaut-preview.png"] == [each.name for each in tmp_path.iterdir()]


def test_the_video_is_rendered_too(run, photo, tmp_path):
    """With --video there is an MP4 beside the picture, as the emulator draws it."""
    result = run(
        "preview", photo, "--model-name", "kling-v3", "--duration", "3", "-o", "a.png", "--video", "a.mp4"
    )
    assert (0, "a.png\na.mp4\n") == (result.exit_code, result.stdout)
    assert b"ftyp" == (tmp_path / "a.mp4").read_bytes()[4:8]


def test_what_the_map_refuses_ends_as_the_request_would(run, photo, tmp_path):
    """The picture is drawn, the rule named by its option, and the exit code is that of a refused request."""
    result = run("preview", photo, *MODEL, "--camera", "zoom=5", "-o", "b.png")
    assert 2 == result.exit_code
    assert (
        "refused: --camera: model/mode/duration kling-v2-6/std/5 does not support camera_control"
        in result.stderr
    )
    assert (tmp_path / "b.png").exists()
    assert 0 == run("preview", photo, *MODEL, "--camera", "zoom=5", "--capabilities", "warn").exit_code


def test_what_breaks_a_rule_of_the_request_is_the_same_error_as_without_a_preview(run, photo):
    """Nothing is drawn of what is no request."""
    broken = ("--cfg-scale", "7", "--camera", "zoom=50")
    preview, real = run("preview", photo, *broken), run("i2v", photo, *broken, "--no-wait")
    assert (2, "") == (preview.exit_code, preview.stdout)
    assert [line for line in real.stderr.splitlines() if "cfg-scale" in line][0] in preview.stderr  # noqa: RUF015 - one of several


def test_the_classic_mistake_is_a_warning_with_the_right_value(run, photo, tmp_path):
    """A path counted from the top left: on stderr, by the option's name; the request would be sent."""
    picture = Image.new("L", (512, 512))
    picture.paste(255, (20, 400, 120, 500))
    picture.save(tmp_path / "low.png")
    path = "low.png:70,450;300,200"
    result = run("preview", photo, "--model-name", "kling-v1-5", "--mode", "pro", "--dynamic-mask", path)
    assert 0 == result.exit_code
    assert (
        "warning: --dynamic-mask (dynamic_masks[0].trajectories): starts at (70, 450), outside its mask; points count "
        "from the BOTTOM left; counted from the top left it would start inside, and then y is 511 - y, here 61"
    ) in result.stderr.splitlines()


def test_preview_for_machines(run, tmp_path, documents):
    """One document with the verdict and each kind of finding."""
    (tmp_path / "small.png").write_bytes(png(200, 310))
    result = run("preview", "small.png", *MODEL, "--mode", "4k", "--json")
    [document] = documents(result.stdout)
    assert 2 == result.exit_code
    assert ("small-preview.png", None, False) == (
        document["file"],
        document["video"],
        document["would_be_sent"],
    )
    assert ["image"] == [each["path"] for each in document["broken"]]
    assert ["mode"] == [each["path"] for each in document["refused"]]
    assert [] == document["warnings"]
    assert json.dumps(document) == result.stdout.strip()


def test_stdin_and_urls_are_pictures_as_for_a_request(run, photo):
    """`-` is read, a URL is not fetched and said so."""
    assert 0 == run("preview", "-", *MODEL, "-o", "a.png", input=photo.read_bytes()).exit_code
    result = run("preview", "https://example.com/cat.jpg", *MODEL)
    assert (0, "cat-preview.png\n") == (result.exit_code, result.stdout)
    assert "warning: PHOTO: is a URL, which a preview does not fetch" in result.stderr


@pytest.mark.parametrize("option", ["-o", "--video"])
def test_a_place_that_cannot_be_written_is_wrong_usage(run, photo, option, tmp_path):
    """Before anything is drawn."""
    result = run("preview", photo, *MODEL, option, "gone/a.png")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "the folder gone does not exist" in result.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("module", "name"), [("PIL", "Pillow"), ("av", "PyAV")])
def test_without_the_extra_its_name_is_said(run, photo, monkeypatch, module, name):
    """One line, no traceback."""
    import sys

    monkeypatch.setitem(sys.modules, module, None)
    if module == "PIL":
        monkeypatch.setitem(sys.modules, "PIL.Image", None)
    result = run("preview", photo, *MODEL)
    assert 2 == result.exit_code
    assert name in result.stderr
    assert 'pip install "kling-async[emulator]"' in result.stderr
