"""What the gallery reads: videos, sidecars, pictures, and files that are none of these."""

import json
import os

import pytest
from gallery.sample import put, sidecar
from made_pictures import jpeg, png

from kling_async.gallery.folder import read_folder
from kling_async.gallery.write import is_foreign

MP4 = b"\x00\x00\x00\x18ftypisom"


def lines(found):
    """The lines that say what was skipped."""
    return [str(problem) for problem in found.skipped]


@pytest.fixture
def folder(tmp_path):
    """An empty folder for results, with a folder `stills` beside it."""
    (tmp_path / "stills").mkdir()
    made = tmp_path / "videos"
    made.mkdir()
    return made


def test_a_result_is_its_sidecar_and_its_video(folder):
    """Everything that the sidecar says is on the card, in words."""
    request = {
        "model_name": "kling-v3", "prompt": "up", "negative_prompt": "fog", "mode": "4k", "duration": "5", "sound": "on",
        "camera_control": {"type": "simple", "config": {"zoom": -5, "pan": 0}},
    }  # fmt: skip
    put(folder, "001-cat", request=request, took=3700)
    (folder / "001-cat.mp4").write_bytes(MP4)
    [card] = read_folder(folder).cards
    assert ("001-cat", "succeed", "./001-cat.mp4", None) == (card.name, card.status, card.video, card.picture)
    assert ("up", "fog", "kling-v3", "4k", "5") == (
        card.prompt,
        card.negative_prompt,
        card.model,
        card.mode,
        card.duration,
    )
    assert ("zoom −5", "1 h 1 min") == (card.camera, card.took_words)
    assert ("sound", "on") in card.details


def test_masks_presets_and_lists_are_in_words(folder):
    """What is not a text is said in short."""
    masks = [{"mask": "m.png", "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, {"mask": {"bytes": 9}}]
    request = {
        "camera_control": {"type": "down_back"}, "dynamic_masks": masks, "multi_shot": True,
        "element_list": [{"element_id": 1}], "watermark_info": {"enabled": "x"},
    }  # fmt: skip
    put(folder, "a", request=request)
    [card] = read_folder(folder).cards
    assert "camera down and back" == card.camera
    assert {
        ("dynamic_masks", "2 moving, 2 points"),
        ("multi_shot", "yes"),
        ("element_list", "1"),
        ("watermark_info", "enabled x"),
    } <= set(card.details)


def test_a_failure_is_a_sidecar_alone(folder):
    """It has no video and says why."""
    put(folder, "002-dog", status="failed", reason="Failure to pass the risk control system")
    [card] = read_folder(folder).cards
    assert ("failed", None, "Failure to pass the risk control system") == (
        card.status,
        card.video,
        card.reason,
    )


def test_a_video_that_is_gone_is_said_to_be(folder):
    """A success whose video was moved away is shown without it."""
    put(folder, "003-owl")
    [card] = read_folder(folder).cards
    assert (None, "The video's file is not in this folder.") == (card.video, card.reason)


def test_plain_videos_are_shown_too(folder):
    """Videos without sidecars are cards with a name and a link; other files and hidden ones are not."""
    for name in ("b.mp4", "a.webm", ".c.mp4", "d.mp4.part", "notes.txt"):
        (folder / name).write_bytes(MP4)
    (folder / "e.mp4").mkdir()
    found = read_folder(folder)
    assert [("a", "plain"), ("b", "plain")] == [(card.name, card.status) for card in found.cards]
    assert () == found.skipped


def test_names_are_in_the_order_in_which_people_count(folder):
    """9 comes before 10."""
    for name in ("10-b.mp4", "9-a.mp4", "100-c.mp4"):
        (folder / name).write_bytes(MP4)
    assert ["9-a", "10-b", "100-c"] == [card.name for card in read_folder(folder).cards]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"sidecar": ' + b"1" * 5000 + b"}", "is not JSON"),
        (b'{"name": "package"}', "is not a result's sidecar"),
        (b'[{"image": "cat.jpg"}]', "is not a result's sidecar"),
        (b"null", "is not a result's sidecar"),
        (b'{"sidecar": 2}', "is not 1: this file is not a result's sidecar, or of a newer version"),
        (b'{"sidecar": 1, "name": 7}', "is missing, or endpoint is"),
        (json.dumps(sidecar("x", video="../x.mp4")).encode(), "is not the name of a file in the same folder"),
        (b" " * 2_000_000, "has more than 1048576 bytes and is not a result's sidecar"),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_one_line(folder, content, reason):
    """The rest of the folder is shown all the same."""
    (folder / "bad.json").write_bytes(content)
    (folder / "good.mp4").write_bytes(MP4)
    found = read_folder(folder)
    assert ["good"] == [card.name for card in found.cards]
    assert [f"bad.json: {reason}"] == lines(found)


def test_a_pipe_is_no_sidecar_and_is_not_waited_for(folder):
    """Nobody writes to it, and reading it would never end."""
    os.mkfifo(folder / "pipe.json")
    (folder / "good.mp4").write_bytes(MP4)
    found = read_folder(folder)
    assert ["pipe.json: is not a file"] == lines(found)
    os.mkfifo(folder / "index.html")
    assert is_foreign(folder / "index.html")


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": ["a"], "model_name": {}, "mode": None, "duration": True, "camera_control": "zoom"},
        {"camera_control": {"type": 7, "config": {"zoom": "5", "pan": True, "roll": float("nan")}}},
        {"camera_control": {"type": ["simple"], "config": [1]}, "dynamic_masks": [1, {"trajectories": 5}]},
        {"image": {"bytes": 5}, "image_tail": 7, "prompt": "\ud800\u202e\x00", "duration": 1e300},
        {
            "image": "x\x00y",
            "image_tail": "https://example.com/a.jpg",
            "element_list": [],
            "\ud800": "\ud800",
        },
    ],
)
def test_nonsense_in_a_request_is_left_out(folder, request_):
    """Whatever a sidecar's request holds, its card can be written as UTF-8."""
    put(folder, "odd", request=request_)
    [card] = read_folder(folder).cards
    assert card.picture is None
    str(card).encode()


def test_a_picture_in_the_folder_is_linked(folder):
    """Its name is percent-encoded; nothing is copied."""
    (folder / "in").mkdir()
    (folder / "in" / 'a b#?%".png').write_bytes(png(640, 360))
    put(folder, "x", request={"image": 'in/a b#?%".png'})
    [card] = read_folder(folder).cards
    assert ("./in/a%20b%23%3F%25%22.png", "wide") == (card.picture, card.shape)
    assert not (folder / "pictures").exists()


def test_a_picture_elsewhere_is_copied_once(folder):
    """The copy has the result's name and the format's suffix; it is made again only if the picture changed."""
    still = folder.parent / "stills" / "cat.jpeg"
    still.write_bytes(jpeg())
    put(folder, "001-cat", request={"image": "../stills/cat.jpeg", "image_tail": "../stills/cat.jpeg"})
    [card] = read_folder(folder).cards
    assert ("./pictures/001-cat.jpg", "./pictures/001-cat-tail.jpg") == (card.picture, card.tail)
    copy = folder / "pictures" / "001-cat.jpg"
    assert jpeg() == copy.read_bytes()
    before = copy.stat().st_ino
    read_folder(folder)
    assert before == copy.stat().st_ino
    still.write_bytes(jpeg(600, 400))
    read_folder(folder)
    assert jpeg(600, 400) == copy.read_bytes()


def test_what_is_not_a_picture_is_neither_linked_nor_copied(folder):
    """A sidecar cannot bring a file of another kind, a device or a folder into the gallery."""
    (folder.parent / "secret.txt").write_text("secret")
    for number, name in enumerate(
        ("../secret.txt", "/dev/zero", "..", "/etc/passwd", "gone.png", "secret.txt/x")
    ):
        put(folder, f"{number}", request={"image": name})
    found = read_folder(folder)
    assert {None} == {card.picture for card in found.cards}
    assert () == found.skipped
    assert not (folder / "pictures").exists()


def test_a_link_that_leads_out_of_the_folder_is_copied(folder):
    """What a symbolic link points at comes into the folder as a file."""
    (folder.parent / "stills" / "cat.png").write_bytes(png())
    (folder / "cat.png").symlink_to("../stills/cat.png")
    put(folder, "x", request={"image": "cat.png"})
    [card] = read_folder(folder).cards
    assert "./pictures/x.png" == card.picture
    assert not (folder / "pictures" / "x.png").is_symlink()


def test_a_picture_whose_copy_cannot_be_made_is_a_line(folder):
    """A file that stands at the copies' folder is left alone, and the card is shown without a picture."""
    (folder.parent / "stills" / "cat.png").write_bytes(png())
    (folder / "pictures").write_text("mine")
    put(folder, "x", request={"image": "../stills/cat.png"})
    found = read_folder(folder)
    assert "mine" == (folder / "pictures").read_text()
    assert [None] == [card.picture for card in found.cards]
    assert lines(found)[0].startswith("../stills/cat.png: cannot be shown: ")
