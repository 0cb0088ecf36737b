"""`kling-async batch`: pictures and manifests in, an outcome for each row out."""

import json
import shutil

import pytest


@pytest.fixture
def manifest(service, photo, tmp_path):
    """Write a manifest into a directory of its own, with the photograph beside it."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copyfile(photo, folder / "cat.jpg")

    def write(*rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (folder / "jobs.json").write_text("\n\n".join(lines), "utf-8")
        return folder / "jobs.json"

    return write


@pytest.fixture
def stills(service, photo, tmp_path):
    """A folder of three pictures, one of them no picture for the service, and a hidden one."""
    folder = tmp_path / "stills"
    folder.mkdir()
    for name in ("img10.jpg", "img2.JPG", "cat.png.jpg", ".hidden.jpg", "phone.heic"):
        shutil.copyfile(photo, folder / name)
    return folder


def test_every_row_becomes_a_video_with_its_sidecar(run, manifest, tmp_path):
    """Pictures are found beside the manifest, results are made in -d, each row has its line."""
    path = manifest({"image": "cat.jpg", "prompt": "one"}, {"image": "cat.jpg", "prompt": "two"})
    result = run("batch", path, "-d", "out/videos", "--concurrency", "2")
    assert 0 == result.exit_code, result.stderr
    out = tmp_path / "out" / "videos"
    shown = {file.name for file in out.iterdir() if not file.name.startswith(".")}
    names = {"001-cat.mp4", "002-cat.mp4", "001-cat.json", "002-cat.json"}
    assert {*names, "index.html", "pictures"} == shown
    assert {"1\tok\tout/videos/001-cat.mp4", "2\tok\tout/videos/002-cat.mp4"} == set(
        result.stdout.splitlines()
    )
    sidecar = json.loads((out / "002-cat.json").read_text("utf-8"))
    assert ("succeed", "002-cat.mp4", 2) == (sidecar["status"], sidecar["video"], sidecar["number"])
    assert {"image": "../../in/cat.jpg", "prompt": "two"} == sidecar["request"]
    assert "2 rows: 2 done, 0 failed" in result.stderr


def test_folder_is_a_batch(run, stills, service):
    """Each picture is a row, in the order in which people count; options hold for all of them."""
    result = run("batch", stills, "--prompt", "slow zoom", "--model-name", "kling-v2-6", "-d", "out")
    assert 0 == result.exit_code, result.stderr
    files = ["001-cat.png.mp4", "002-img2.mp4", "003-img10.mp4"]
    assert [f"{n}\tok\tout/{name}" for n, name in enumerate(files, 1)] == sorted(result.stdout.splitlines())
    assert {("slow zoom", "kling-v2-6")} == {
        (task.body["prompt"], task.body["model_name"]) for task in service.tasks
    }
    assert "left out: 1 .heic" in result.stderr


def test_manifest_and_folder_together(run, stills, service, tmp_path):
    """A manifest's rows come first and win over the options; the folder gives their pictures, and the rest of the rows."""
    (tmp_path / "shots.csv").write_text("image,prompt\nimg10.jpg,fast\n", "utf-8")
    result = run("batch", "shots.csv", stills, "-p", "slow", "-d", "out", "--json")
    assert 0 == result.exit_code, result.stderr
    ends = {each["row"]: each for each in map(json.loads, result.stdout.splitlines())}
    assert ["out/001-img10.mp4", "out/002-cat.png.mp4", "out/003-img2.mp4"] == [
        ends[row]["file"] for row in (1, 2, 3)
    ]
    assert ["fast", "slow", "slow"] == sorted(task.body["prompt"] for task in service.tasks)


def test_all_that_is_wrong_is_one_table_before_anything_is_paid(run, manifest, service, tmp_path):
    """Bad JSON, unknown names, missing pictures and refused models: row, field and problem, and nothing is sent."""
    (tmp_path / "in" / "cut.jpg").write_bytes((tmp_path / "in" / "cat.jpg").read_bytes()[:5000])
    good = {"image": "cat.jpg", "model_name": "kling-v2-6"}
    path = manifest(
        good, "{not json", "7", {**good, "colour": 1}, {**good, "image": "dog.jpg"}, {**good, "image": "cut.jpg"},
        {**good, "duration": 7}, {**good, "external_task_id": "a"}, {**good, "external_task_id": "a"},
    )  # fmt: skip
    result = run("batch", path, "-d", "out", "--json")
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert not (tmp_path / "out").exists()
    found = {each["row"]: each for each in json.loads(result.stdout)["rows"]}
    fields = ["row", "entry", "colour", "image", "image", "duration", "external_task_id"]
    assert [2, 3, 4, 5, 6, 7, 9] == list(found)
    assert fields == [each["field"] for each in found.values()]
    assert "takes 5, 10" in found[7]["message"]
    assert "is that of row 8 as well" == found[9]["message"]
    assert "error: 7 rows cannot be used; nothing was sent" in result.stderr
    assert "ROW  FIELD             PROBLEM" in result.stderr


def test_problem_of_an_option_is_told_once_with_the_options_name(run, stills):
    """Rows with the same problem share a line."""
    result = run("batch", stills, "--cfg-scale", "2")
    assert 2 == result.exit_code
    [line] = [line for line in result.stderr.splitlines() if "cfg-scale" in line]
    assert line.startswith("1-3  --cfg-scale")


def test_dry_run_says_what_would_be_paid_for_and_writes_nothing(run, stills, service, monkeypatch, tmp_path):
    """Jobs and seconds of video; it needs no keys, and the output folder is not made."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
        monkeypatch.delenv(name)
    result = run("batch", stills, "--duration", "10", "-d", "out", "--dry-run")
    assert (0, 0) == (result.exit_code, sum(service.counts.values()))
    assert "to be paid for: 3 jobs, 30 seconds of video" in result.stdout
    assert not (tmp_path / "out").exists()
    document = json.loads(run("batch", stills, "--dry-run", "--json", "-d", "out").stdout)
    assert (3, 15, []) == (document["jobs"], document["seconds"], document["unsupported"])


def test_dry_run_names_rows_that_a_model_does_not_support(run, manifest):
    """The capability map's verdicts refuse the rows, or are told beside what would be paid for."""
    good = {"image": "cat.jpg", "model_name": "kling-v2-6"}
    path = manifest(good, {**good, "mode": "std", "sound": "on"}, {**good, "model_name": "kling-v9"})
    refused = run("batch", path, "--dry-run")
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert "2    sound" in refused.stderr
    warned = run("batch", path, "--dry-run", "--capabilities", "warn", "--json")
    assert (0, [2]) == (warned.exit_code, [each["row"] for each in json.loads(warned.stdout)["unsupported"]])
    assert "does not know, and does not judge: kling-v9" in warned.stderr


def test_failure_is_an_outcome_and_not_the_end(run, manifest, service, tmp_path):
    """It has its line, its reason in a sidecar without a video, and the command that pays for a new job."""
    service.fail_when = lambda body: "unsafe" if body.get("prompt") == "bad" else None
    path = manifest({"image": "cat.jpg"}, {"image": "cat.jpg", "prompt": "bad"})
    result = run("batch", path)
    assert 1 == result.exit_code
    assert "2\tfailed\ttask" in result.stdout
    sidecar = json.loads((tmp_path / "002-cat.json").read_text("utf-8"))
    assert ("failed", None) == (sidecar["status"], sidecar["video"])
    assert "unsafe" in sidecar["reason"]
    retry = f"new jobs, which are paid for: kling-async batch --retry-failed {path}"
    assert retry in result.stderr


def test_video_that_cannot_be_fetched_can_be_fetched_later(run, manifest, service):
    """The line has the command that goes on, and so has the same command again, which pays nothing."""
    service.fault("download", "forbidden", times=None)
    path = manifest({"image": "cat.jpg"})
    result = run("batch", path)
    assert 1 == result.exit_code
    assert result.stdout.startswith("1\tfailed\t")
    wanted = f"go on with: kling-async tasks wait -o 001-cat.mp4 {service.tasks[0].task_id}\n"
    assert result.stdout.endswith(wanted)
    service.clear_faults()
    again = run("batch", path)
    assert (0, "1\tok\t001-cat.mp4\n", 1) == (again.exit_code, again.stdout, len(service.tasks))


def test_account_error_leaves_the_rest_unsent(run, manifest, service, documents):
    """Every row still has its outcome."""
    service.fault("create", "account", times=None)
    result = run("batch", manifest(*[{"image": "cat.jpg"}] * 4), "--concurrency", "1", "--json")
    kinds = {document["error"]["type"] for document in documents(result.stdout)}
    assert {"AccountError", "NotSubmittedError"} == kinds
    assert 4 == len(result.stdout.splitlines())


def test_manifest_from_stdin(service, run, photo):
    """`-` is stdin, and its pictures are relative to the current directory."""
    result = run("batch", "-", input=json.dumps({"image": str(photo)}))
    assert (0, "1\tok\t001-astronaut.mp4\n") == (result.exit_code, result.stdout)


def test_unreachable_service_is_told_at_once(run, manifest, python, service, monkeypatch):
    """The first attempt that fails is shown when it fails, and not after all of them."""
    monkeypatch.setenv("KLING_BASE_URL", "http://127.0.0.1:9")
    process = python("-m", "kling_async.cli", "batch", manifest({"image": "cat.jpg"}))
    lines = []
    while not any("cannot reach the service, still trying" in line for line in lines):
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    assert not any("ssl:" in line or "[Errno" in line for line in lines)


def test_full_disk_is_found_before_anything_is_paid(run, stills, service, monkeypatch):
    """Results that cannot fit refuse the batch; results that may not fit are warned of."""
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    result = run("batch", stills, "-d", "out")
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert "1 kB are free, and 3 videos need at least 3.8 MB" in " ".join(result.stderr.split())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    result = run("batch", stills, "-d", "out", "--dry-run")
    assert 0 == result.exit_code
    assert "10.0 MB are free, and 3 videos usually need" in result.stderr


def test_folder_without_pictures_is_one_line(run, tmp_path, service):
    """It names the folder and the kinds of file that count."""
    (tmp_path / "empty").mkdir()
    result = run("batch", "empty")
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert "error: empty: has no pictures (.jpeg, .jpg, .png)" == result.stderr.splitlines()[-1]


def test_gallery_is_written_after_each_batch_unless_something_is_in_its_way(run, stills, tmp_path):
    """A page of somebody else's is left as it is and told of; --no-gallery writes none."""
    result = run("batch", stills, "-d", "out")
    assert "gallery: out/index.html" in result.stderr
    (tmp_path / "out" / "index.html").write_text("mine", "utf-8")
    result = run("batch", stills, "-d", "out")
    assert (0, "mine") == (result.exit_code, (tmp_path / "out" / "index.html").read_text("utf-8"))
    assert "no gallery: out/index.html is not a gallery" in result.stderr
    run("batch", stills, "-d", "plain", "--no-gallery")
    assert not (tmp_path / "plain" / "index.html").exists()


def test_path_that_leaves_its_picture_is_told_before_anything_is_paid(run, manifest, service):
    """The API reference gives no bound, so it is a warning with row and field, and no refusal."""
    mask = {"mask": "cat.jpg", "trajectories": [{"x": 1, "y": 1}, {"x": 9999, "y": 1}]}
    path = manifest({"image": "cat.jpg", "dynamic_masks": [mask]})
    result = run("batch", path, "--dry-run", "--json", "--capabilities", "off")
    assert (0, 0) == (result.exit_code, sum(service.counts.values()))
    [doubt] = json.loads(result.stdout)["doubts"]
    assert (1, "dynamic_masks[0].trajectories") == (doubt["row"], doubt["field"])
    assert "points are outside image" in result.stderr
