"""A task from its wire form: results of every kind, and what they cost."""

import pytest

from kling_async.schema.task import Audio, Image, Task, TaskStatus, Video, read_task


def read(result=None, **fields):
    """A succeeded task with a result."""
    return read_task({"task_id": "7", "task_status": "succeed", "task_result": result, **fields})


def test_a_video_has_its_marked_copy():
    """`watermark_url` beside the result; None if there is no such copy."""
    task = read(
        {
            "videos": [
                {
                    "id": "a",
                    "url": "https://f.example/a.mp4",
                    "duration": "5.1",
                    "watermark_url": "https://f.example/w.mp4",
                },
                {"id": "b", "url": "https://f.example/b.mp4", "duration": "5.1", "watermark_url": ""},
            ]
        }
    )
    assert (
        Video("a", "https://f.example/a.mp4", 5.1, "https://f.example/w.mp4", task_id="7"),
        Video("b", "https://f.example/b.mp4", 5.1, None, task_id="7"),
    ) == task.videos
    assert ((), ()) == (task.images, task.audios)


def test_images_are_read():
    """Of an image task: index and URL; rows without a URL are not results."""
    task = read(
        {
            "images": [
                {"index": 0, "url": "https://f.example/0.png"},
                {"index": "1", "url": "https://f.example/1.png", "watermark_url": "https://f.example/w.png"},
                {"url": "https://f.example/2.png"},
                {"index": 3},
                "https://f.example/4.png",
            ]
        }
    )
    assert (
        Image(0, "https://f.example/0.png", task_id="7"),
        Image(1, "https://f.example/1.png", "https://f.example/w.png", task_id="7"),
        Image(None, "https://f.example/2.png", task_id="7"),
    ) == task.images
    assert () == task.videos


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"id": "a", "url_mp3": "m", "url_wav": "w", "duration_mp3": "3.0", "duration_wav": "3.1"},
            Audio("a", "m", 3.0, "w", task_id="7"),
        ),
        ({"id": "a", "url": "m", "duration": "2.5"}, Audio("a", "m", 2.5, task_id="7")),
        ({"url_wav": "w"}, Audio("", "w", None, "w", task_id="7")),
    ],
)
def test_sounds_and_speech_are_read(row, expected):
    """The MP3 if there are two files, the one file of speech, or what there is."""
    assert (expected,) == read({"audios": [row]}).audios


def test_a_task_can_have_results_of_two_kinds():
    """A video that was given a sound comes with the sound."""
    task = read({"videos": [{"id": "v", "url": "v"}], "audios": [{"id": "a", "url_mp3": "a"}]})
    assert (["v"], ["a"]) == ([each.url for each in task.videos], [each.url for each in task.audios])


@pytest.mark.parametrize(
    ("given", "units"),
    [("2", 2.0), ("0.35", 0.35), (3, 3.0), (None, None), ("", None), ("many", None), (True, None)],
)
def test_units_are_a_number_or_unknown(given, units):
    """Text travels, a number is read; what is none of both is unknown."""
    assert units == read({}, final_unit_deduction=given).units


@pytest.mark.parametrize(
    "result", [None, {}, [], "x", {"videos": None}, {"images": {}}, {"audios": [None, {}]}]
)
def test_a_result_of_another_shape_is_no_result(result):
    """Nothing is raised: the task is there, without results."""
    task = read(result)
    assert (TaskStatus.SUCCEED, (), (), ()) == (task.status, task.videos, task.images, task.audios)


def test_a_task_before_success_has_neither_results_nor_costs():
    """The defaults of a task that was made by hand are those of one that was read."""
    shown = read_task({"task_id": "7", "task_status": "processing"})
    assert Task("7", TaskStatus.PROCESSING) == shown
