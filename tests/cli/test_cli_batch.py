"""`kling-async batch`: a manifest in, an outcome for each entry out."""

import json
import shutil

import pytest

from kling_async.cli.manifest import located, read_manifest
from kling_async.errors import ValidationError


@pytest.fixture
def manifest(service, photo, tmp_path):
    """Write a manifest into a directory of its own, with the photograph beside it."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copyfile(photo, folder / "cat.jpg")

    def write(*entries):
        lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
        (folder / "jobs.json").write_text("\n\n".join(lines), "utf-8")
        return folder / "jobs.json"

    return write


def test_every_entry_becomes_a_video(run, manifest, tmp_path):
    """Pictures are found beside the manifest, videos are made in -d, each has its line."""
    path = manifest({"image": "cat.jpg", "prompt": "one"}, {"image": "cat.jpg", "prompt": "two"})
    result = run("batch", path, "-d", "out/videos", "--concurrency", "2")
    assert 0 == result.exit_code
    out = tmp_path / "out" / "videos"
    assert {"001-cat.mp4", "002-cat.mp4"} == {file.name for file in out.iterdir()}
    assert {"1\tok\tout/videos/001-cat.mp4", "2\tok\tout/videos/002-cat.mp4"} == set(
        result.stdout.splitlines()
    )


def test_bad_entry_is_an_outcome_and_not_the_end(run, manifest, service, documents):
    """Text that is not JSON, unknown names, refusals and failures: each has its line, the rest goes on."""
    service.fail_when = lambda body: "unsafe" if body.get("prompt") == "bad" else None
    good = {"image": "cat.jpg"}
    path = manifest(
        good, "{not json", "7", {**good, "colour": 1}, {"image": "dog.jpg"}, {**good, "prompt": "bad"}, good
    )
    result = run("batch", path, "--json")
    ended = {document["entry"]: document for document in documents(result.stdout)}
    assert (1, 7) == (result.exit_code, len(ended))
    assert [1, 7] == [number for number, document in sorted(ended.items()) if document["ok"]]
    kinds = [ended[number]["error"]["type"] for number in (2, 3, 4, 5, 6)]
    assert ["ValidationError"] * 4 + ["TaskFailedError"] == kinds
    assert "colour" in ended[4]["error"]["message"]
    assert ended[6]["task_id"] in ended[6]["error"]["message"]
    assert ended[6]["resume"] is None


def test_video_that_cannot_be_fetched_can_be_fetched_later(run, manifest, service):
    """The line has the command that goes on, and the exit code tells."""
    service.fault("download", "forbidden", times=None)
    result = run("batch", manifest({"image": "cat.jpg"}))
    assert 1 == result.exit_code
    assert result.stdout.startswith("1\tfailed\t")
    wanted = f"go on with: kling-async tasks wait -o 001-cat.mp4 {service.tasks[0].task_id}\n"
    assert result.stdout.endswith(wanted)


def test_account_error_leaves_the_rest_unsent(run, manifest, service, documents):
    """Every entry still has its outcome."""
    service.fault("create", "account", times=None)
    result = run("batch", manifest(*[{"image": "cat.jpg"}] * 4), "--concurrency", "1", "--json")
    kinds = {document["error"]["type"] for document in documents(result.stdout)}
    assert {"AccountError", "NotSubmittedError"} == kinds
    assert 4 == len(result.stdout.splitlines())


def test_manifest_from_stdin(service, run, photo):
    """`-` is stdin, and its pictures are relative to the current directory."""
    result = run("batch", "-", input=json.dumps({"image": str(photo)}))
    assert (0, "1\tok\t001-astronaut.mp4\n") == (result.exit_code, result.stdout)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[1,", b"\xff\xfe[\x00"])
def test_unreadable_manifest_is_wrong_usage(service, run, tmp_path, content):
    """Nothing can be told about single entries."""
    (tmp_path / "jobs").write_bytes(content)
    result = run("batch", "jobs")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "MANIFEST: " in result.stderr


def test_array_is_a_manifest_too(tmp_path):
    """Its entries are judged one by one as well."""
    good, bad = read_manifest(b'[{"image": "a.jpg"},\n7]', tmp_path, tmp_path)
    assert good.request is not None
    assert "is not an object" in str(bad.error)


def test_entry_over_many_lines_is_one_entry(tmp_path):
    """A single object may be written as people write it; a byte order mark is no part of it."""
    content = b'\xef\xbb\xbf{\n "image": "a.jpg"\n}\n'
    [entry] = read_manifest(content, tmp_path, tmp_path)
    assert tmp_path / "001-a.mp4" == entry.output


def test_pictures_are_files_beside_the_manifest_unless_they_are_urls(tmp_path):
    """Every field with a picture is looked at; what is not text is left to the rules."""
    long = "iVBORw0KGgo" + "A" * 5000
    fields = {
        "image": "a.jpg", "image_tail": "https://example.org/b.jpg", "static_mask": long,
        "dynamic_masks": [{"mask": "m.png", "trajectories": []}, {"trajectories": []}, 7], "prompt": "a.jpg",
    }  # fmt: skip
    found = located(fields, tmp_path)
    assert {**fields, "image": tmp_path / "a.jpg", "dynamic_masks": found["dynamic_masks"]} == found
    assert tmp_path / "m.png" == found["dynamic_masks"][0]["mask"]
    assert fields["dynamic_masks"][1:] == found["dynamic_masks"][1:]


def test_csv_is_one_error_and_not_one_for_each_line(service, run, tmp_path):
    """A file without any JSON is no manifest with bad entries; its first line is shown."""
    (tmp_path / "jobs.csv").write_text("image,prompt\ncat.jpg,one\ndog.jpg,two\n", "utf-8")
    result = run("batch", "jobs.csv")
    assert (2, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert "MANIFEST: has no JSON" in result.stderr
    assert "'image,prompt'" in result.stderr


def test_repeated_id_names_the_entry_that_has_it(run, manifest, service):
    """Entries are counted from 1 in the text as everywhere on the screen; bad and blank ones count and do not disturb."""
    good = {"image": "cat.jpg"}
    path = manifest("7", {**good, "external_task_id": "a"}, good, {**good, "external_task_id": "a"})
    result = run("batch", path)
    assert (1, 2) == (result.exit_code, len(service.tasks))
    assert "4\tfailed\texternal_task_id: is that of entry 2 as well\n" in result.stdout


def test_deep_nesting_is_an_error(tmp_path):
    """A line that no parser takes is a bad entry; an array of that kind is not a manifest."""
    deep = b"[" * 100_000
    with pytest.raises(ValidationError, match="manifest"):
        read_manifest(deep, tmp_path, tmp_path)
    [entry, _] = read_manifest(b'{"a":' + deep + b"\n{}", tmp_path, tmp_path)
    assert "is not JSON" in str(entry.error)
