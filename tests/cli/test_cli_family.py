"""`kling-async text2video`, `extend` and `run PATH`: the other endpoints, with the options and ends of image2video."""

import io
import json

import made_pictures
import pytest
from click.testing import CliRunner

from kling_async.cli.assignments import mapping_of, read_assignment
from kling_async.cli.group import cli
from kling_async.cli.names import stem_of_text
from kling_async.emulator import ByClock

IMAGES = "/v1/images/generations"
TEXT = "/v1/videos/text2video"


def fields(*texts):
    """The mapping of some `--field` texts."""
    return mapping_of(map(read_assignment, texts))


def test_prompt_becomes_a_video_named_after_it(service, run, tmp_path):
    """The path is the last line, and the task is one of text2video."""
    result = run(
        "text2video", "-p", "A boat, at dusk", "--model-name", "kling-v2-6", "--aspect-ratio", "9:16"
    )
    assert (0, "A-boat-at-dusk.mp4\n") == (result.exit_code, result.stdout), result.stderr
    assert b"ftyp" in (tmp_path / "A-boat-at-dusk.mp4").read_bytes()[:16]
    [task] = service.tasks
    assert (TEXT, "9:16") == (task.product.path, task.body["aspect_ratio"])


def test_t2v_is_text2video(service, run):
    """The short name does the same, camera and all."""
    words = ("--model-name", "kling-v1", "--camera", "zoom=5", "--extra", 'more="x"')
    assert "a.mp4\n" == run("t2v", "-p", "a boat", *words, "-o", "a.mp4").stdout
    sent = service.tasks[0].body
    assert ({"type": "simple", "config": {"zoom": 5}}, "x") == (sent["camera_control"], sent["more"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("text2video",), "prompt: is missing"),
        (("text2video", "-p", "x", "--aspect-ratio", "4:3"), "--aspect-ratio: "),
        (("text2video", "-p", "x", "--duration", "7", "--model-name", "kling-v2-6"), "duration"),
        (("text2video", "-p", "x", "--cfg-scale", "2"), "error: --cfg-scale: is 2.0; it must be from 0 to 1"),
        (("text2video", "-p", "x", "--image-tail", "a.png"), "No such option"),
        (("extend", "v", "--cfg-scale", "2"), "error: --cfg-scale: is 2.0; it must be from 0 to 1"),
        (("extend", "v", "-p", "x" * 2501), "at most 2500"),
        (("extend", ""), "VIDEO_ID: "),
        (("extend",), "Missing argument 'VIDEO_ID'"),
    ],
)
def test_wrong_value_is_one_message_that_names_it(service, run, words, said):
    """Option and bound are named before anything is sent, with exit code 2."""
    result = run(*words)
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values()))
    assert said in " ".join(result.stderr.split())


def test_video_is_extended_by_its_id(service, run, photo, documents):
    """The id that `tasks get` shows is what extend takes."""
    task_id = run("i2v", photo, "--model-name", "kling-v1-6", "--no-wait").stdout.strip()
    shown = dict(line.split(": ", 1) for line in run("tasks", "get", task_id).stdout.splitlines())
    result = run("extend", shown["video_id"], "-p", "she turns", "--json")
    [document] = documents(result.stdout)
    assert 0 == result.exit_code, result.stderr
    assert f"{shown['video_id']}-extended.mp4" == document["file"] == document["files"][0]
    assert ["/v1/videos/image2video", "/v1/videos/video-extend"] == [
        task.product.path for task in service.tasks
    ]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("text2video", "-p", "x", "--model-name", "kling-v2-6"), TEXT),
        (("run", TEXT, "-F", "prompt=x", "-F", "model_name=kling-v2-6"), TEXT),
        (("run", "/v1/videos/omni-video", "-F", "prompt=x"), "/v1/videos/omni-video"),
    ],
)
def test_way_to_go_on_names_the_endpoint(service, run, words, path, documents):
    """A wait that ends too soon has the very command that goes on, and that command works."""
    service.advance = ByClock(60)
    result = run(*words, "-o", "a.mp4", "--timeout", "0.2", "--json")
    assert 4 == result.exit_code
    [document] = documents(result.stdout)
    go_on = f"kling-async tasks wait --endpoint {path} -o a.mp4 {service.tasks[0].task_id}"
    assert go_on == document["resume"]
    assert result.stderr.endswith(f"go on with: {go_on}\n")
    service.fast_forward_sync(60)
    assert (0, "a.mp4\n") == (
        (waited := run(*go_on.split()[1:])).exit_code,
        waited.stdout,
    )


def test_way_to_go_on_names_the_folder(service, run, documents):
    """Results that can be several go to the folder, there too."""
    service.advance = ByClock(60)
    result = run("run", IMAGES, "-F", "prompt=x", "-F", "n:=2", "-d", "out", "--timeout", "0.2", "--json")
    [document] = documents(result.stdout)
    service.fast_forward_sync(60)
    waited = run(*document["resume"].split()[1:])
    name = service.tasks[0].task_id
    assert f"out/{name}-1.png\nout/{name}-2.png\n" == waited.stdout, waited.stderr


def test_task_that_no_id_finds_is_looked_for_on_the_list(service, run):
    """Old lip-sync takes no external id: what may have been created is shown by the list alone."""
    service.fault("create", "reset-after", times=None)
    result = run("run", "/v1/videos/lip-sync", "-F", "input.video_id=v", "-F", "input.mode=text2video")
    assert 7 == result.exit_code, result.stderr
    assert "go on with: kling-async tasks list --endpoint /v1/videos/lip-sync\n" in result.stderr
    assert 1 == len(service.tasks)


def test_interrupted_text2video_names_its_command(service, python, interrupt):
    """Ctrl-C names both ids and the endpoint's own command."""
    service.advance = ByClock(60)
    words = ("text2video", "-p", "x", "--model-name", "kling-v2-6", "-o", "a.mp4")
    process = python("-m", "kling_async.cli", *words)
    code, stdout, stderr = interrupt(process, lambda: service.tasks)
    task = service.tasks[0]
    assert (130, "") == (code, stdout)
    ids = f"task_id={task.task_id} external_task_id={task.external_task_id}"
    assert f"{ids} goes on at the service; wait for it with:" in stderr
    assert f"  kling-async tasks wait --endpoint {TEXT} -o a.mp4 {task.task_id}\n" in stderr


def test_several_results_get_the_tasks_name(service, run, tmp_path):
    """Without -o or -d they are written to the current directory."""
    result = run("run", IMAGES, "-F", "prompt=x", "-F", "n:=3")
    name = service.tasks[0].task_id
    assert [f"{name}-{number}.png" for number in (1, 2, 3)] == result.stdout.splitlines(), result.stderr
    assert {"x"} == {service.tasks[0].body["prompt"]}
    assert 3 == len(list(tmp_path.glob("*.png")))


def test_single_result_gets_the_name_that_is_given(service, run, tmp_path, documents):
    """-o is its file; --json tells it, and the images as they are known."""
    result = run("run", IMAGES, "-F", "prompt=x", "-o", "boat.png", "--json")
    [document] = documents(result.stdout)
    assert ("boat.png", ["boat.png"], 1) == (document["file"], document["files"], len(document["images"]))
    assert (tmp_path / "boat.png").read_bytes().startswith(b"\x89PNG")


def test_results_of_two_kinds_go_to_the_files_folder(service, run, tmp_path):
    """A video and its sound cannot be one file: they are written beside it, and nothing that was paid for is lost."""
    (tmp_path / "out").mkdir()
    result = run("run", "/v1/audio/video-to-audio", "-F", "video_id=v", "-o", "out/a.mp4")
    name = service.tasks[0].task_id
    assert f"out/{name}-1.mp4\nout/{name}-2.mp3\n" == result.stdout, result.stderr


def test_result_that_is_no_file_is_printed(service, run, tmp_path):
    """A voice has an id and no file."""
    result = run(
        "run", "/v1/general/custom-voices", "-F", "voice_name=me", "-F", "voice_url=http://a.b/c.mp3"
    )
    assert 0 == result.exit_code, result.stderr
    assert "me" == json.loads(result.stdout)["voices"][0]["voice_name"]
    assert [] == list(tmp_path.iterdir())


def test_no_wait_prints_the_id_alone(service, run, tmp_path):
    """Nothing is polled and nothing fetched."""
    result = run("run", IMAGES, "-F", "prompt=x", "--no-wait")
    assert f"{service.tasks[0].task_id}\n" == result.stdout
    assert [] == list(tmp_path.iterdir())


def test_pictures_travel_from_files_and_stdin(service, photo):
    """Anywhere in the request, also inside of lists."""
    words = ["-F", f"image_list.0.image=@{photo}", "-F", "image_list[1].image=@-", "-F", "prompt=@@home"]
    command = ["run", "/v1/videos/multi-image2video", *words, "--no-wait"]
    result = CliRunner().invoke(cli, command, input=io.BytesIO(photo.read_bytes()))
    assert 0 == result.exit_code, result.stderr
    body = service.tasks[0].body
    assert "@home" == body["prompt"]
    assert ["jpeg", "jpeg"] == [str(each["image"]["kind"]).lower() for each in body["image_list"]]


def test_path_that_answers_at_once_is_one_call(service, run):
    """Its answer is printed; no task is made."""
    result = run("run", "/v1/audio/tts", "-F", "text=hello", "-F", "voice_id=a")
    assert 0 == result.exit_code, result.stderr
    assert "succeed" == json.loads(result.stdout)["task_status"]
    assert ([], 1) == (service.tasks, service.counts["call"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("videos/omni-video",), "'videos/omni-video' is not a path of the service; it starts with /v1/"),
        ((IMAGES, "-F", "prompt"), "'prompt' is not NAME=VALUE, NAME:=JSON or NAME=@FILE"),
        ((IMAGES, "-F", "n:=four"), "the value of n is not JSON; text is given as n=four"),
        ((IMAGES, "-F", "=x"), "'' is not a field's name"),
        ((IMAGES, "-F", "a b=x"), "'a b' is not a field's name"),
        ((IMAGES, "-F", "image=@"), "image=@ names no file"),
        ((IMAGES, "-F", "image=@https://a.example/b.png"), "a URL needs no @"),
        ((IMAGES, "-F", "prompt=x", "-F", "prompt=y"), "prompt is given twice"),
        ((IMAGES, "-F", "a:={}", "-F", "a.b=y"), "a.b is inside of a value that another --field gives"),
        ((IMAGES, "-F", "a.1.b=x"), "a has no item 0; items are numbered from 0 without gaps"),
        ((IMAGES, "-F", "a.0=x", "-F", "a.b=y"), "a has items with numbers and members with names"),
        ((IMAGES, "-F", "prompt=@cat.jpg"), "--field prompt: is"),
        ((IMAGES, "-F", "image=@nowhere.jpg"), "--field image: nowhere.jpg"),
        ((IMAGES, "-F", "external_task_id:=5"), "--field external_task_id: "),
        ((IMAGES, "-F", "n=2", "-o", "a.png"), "--output names one file, but n asks for 2"),
        ((IMAGES, "-o", "a.png", "-d", "out"), "give --output or --directory, not both"),
        ((TEXT, "-F", "prompt=x", "-F", "image=@a.png"), "made by image2video"),
        ((TEXT, "-F", "prompt=x", "-F", "cfg_scale:=2"), "--field cfg_scale: is 2; it must be from 0 to 1"),
        ((TEXT, "-F", "prompt=x", "-F", "model_name=kling-v2-6", "-F", "duration=7"), "--capabilities warn or off"),
        ((IMAGES, "-F", "image=@small.png"), "--field image: "),
        (("/v1/audio/tts", "-F", "text=x", "--no-wait"), "answers at once and makes no task: --no-wait"),
        (("/v1/audio/tts", "-F", "text=x", "-o", "a.mp3"), "answers at once and makes no task: --output"),
    ],
)  # fmt: skip
def test_wrong_field_or_path_is_one_message(service, run, tmp_path, words, said):
    """What is wrong is named before anything is sent, with exit code 2."""
    (tmp_path / "small.png").write_bytes(made_pictures.png(100, 100))
    result = run("run", *words)
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values())), result.stderr
    assert said in " ".join(result.stderr.split())


def test_tasks_of_an_endpoint_are_listed(service, run):
    """`--endpoint` is for get, list and wait."""
    task_id = run("run", IMAGES, "-F", "prompt=x", "--no-wait").stdout.strip()
    assert "" == run("tasks", "list").stdout
    assert task_id == run("tasks", "list", "--endpoint", IMAGES).stdout.split("\t")[0]
    assert "image: http" in run("tasks", "get", "--endpoint", IMAGES, task_id).stdout
    assert "image: http" in run("tasks", "wait", "--endpoint", IMAGES, task_id).stdout


@pytest.mark.parametrize(
    ("path", "said"), [("/v1/audio/tts", "kling-async run sends it"), ("/v2/x", "it starts with /v1/")]
)
def test_endpoint_that_has_no_tasks_is_refused(service, run, path, said):
    """The option is named."""
    result = run("tasks", "list", "--endpoint", path)
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert "'--endpoint'" in result.stderr
    assert said in " ".join(result.stderr.split())


def test_fields_are_put_together():
    """Names lead into objects and lists, in any order; everything else is text."""
    expected = {
        "prompt": "a=b",
        "n": 4,
        "input": {"mode": "std", "images": ["u", "v"]},
        "list": [{"image": "w"}],
    }
    texts = (
        "prompt=a=b",
        "input.images.1=v",
        "n:=4",
        "input.mode=std",
        "list[0].image=w",
        "input.images[0]=u",
    )
    assert expected == fields(*texts)


@pytest.mark.parametrize(
    ("prompt", "stem"),
    [
        ("a boat", "a-boat"), ("../../etc", "etc"), (None, "video"), ("…", "video"), ("猫が歩く", "猫が歩く"),
        ("one two three four five six", "one-two-three-four-five"),
    ],
)  # fmt: skip
def test_name_of_a_video_of_text_comes_from_its_first_words(prompt, stem):
    """No character of a path gets into it."""
    assert stem == stem_of_text(prompt)
