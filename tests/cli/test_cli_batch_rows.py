"""A batch's rows: manifests of every kind, folders, and what is wrong with them."""

import json

import pytest

from kling_async.cli.manifest import manifest_rows
from kling_async.cli.preparing import FIELDS
from kling_async.cli.rows import defaults_of, rows_of
from kling_async.cli.sources import located
from kling_async.cli.tables import RowProblem, problem_lines
from kling_async.errors import ValidationError


def read(content):
    """The rows of a manifest given as bytes or text."""
    return manifest_rows(content if isinstance(content, bytes) else content.encode(), FIELDS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no rows"),
        (b"\n \n", "has no rows"),
        (b"image,prompt\n", "has no rows"),
        (b"[1,", "is not a JSON array"),
        ("image,prompt\ncat.jpg,one\n".encode("utf-16"), "it looks like UTF-16; save it as UTF-8"),
        (
            "image,prompt\ncat.jpg,für\n".encode("latin-1"),
            "is not UTF-8: byte 0xfc in line 2; save it as UTF-8",
        ),
        (b"name;text\na;b\n", "neither JSON (lines or an array) nor CSV"),
    ],
)
def test_unusable_manifest_is_one_line(content, said):
    """Nothing can be told about single rows."""
    with pytest.raises(ValidationError) as caught:
        read(content)
    assert 1 == len(caught.value.problems)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'image,prompt\na.jpg,one\n\nb.jpg,"two\nc.jpg,three\n', "line 4, a quote is never closed"),
        (b'[{"image": "a.jpg", "duration": ' + b"9" * 5000 + b"}]", "a number has too many digits"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'[{"prompt": "one", "prompt": "two"}]', "an object in which prompt is given twice"),
    ],
    ids=["open quote", "digits", "depth", "name twice"],
)
def test_a_manifest_that_would_lose_something_is_refused_in_plain_words(content, said):
    """No row is swallowed, no value is dropped, and no advice for Python programmers is shown."""
    with pytest.raises(ValidationError) as caught:
        read(content)
    assert said in str(caught.value)
    assert "sys." not in str(caught.value)


def test_csv_as_spreadsheets_write_it():
    """Empty columns at the end, capitals, spaces around cells and whole numbers with .0 are all right."""
    rows = read("Image , Prompt,duration,,\n a.jpg ,one,5.0,,\nb.jpg,two,,,\n")
    assert [{"image": "a.jpg", "prompt": "one", "duration": "5"}, {"image": "b.jpg", "prompt": "two"}] == rows


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        ("image,prompt,\na.jpg,one,lost\n", "row", "cell 3 is in a column without a name"),
        ("image,prompt\na.jpg,one,two\n", "row", "has 3 cells for 2 columns"),
        ('{"prompt": "one", "prompt": "two"}', "prompt", "is given twice"),
    ],
)
def test_the_only_row_has_its_own_error(content, path, message):
    """A file of known form is not said to be of unknown form because all of its rows are wrong."""
    [row] = read(content)
    [problem] = row.problems
    assert path == problem.path
    assert message in problem.message


def test_unusable_manifest_is_wrong_usage(run, service, tmp_path):
    """The file is named, and nothing is sent."""
    (tmp_path / "jobs.csv").write_bytes("image\nf\xfcr.jpg\n".encode("latin-1"))
    result = run("batch", "jobs.csv")
    assert (2, "", 0) == (result.exit_code, result.stdout, sum(service.counts.values()))
    assert (
        "error: jobs.csv: is not UTF-8: byte 0xfc in line 2; save it as UTF-8"
        == result.stderr.splitlines()[-1]
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_gives_the_same_rows_as_json(separator):
    """Empty cells are left alone, nested fields are JSON, a byte order mark and blank lines do not count."""
    nested = '"{""type"": ""simple"", ""config"": {""zoom"": 5}}"'
    lines = [
        ["image", "prompt", "cfg_scale", "camera_control", "multi_shot"],
        ["cat.jpg", '"slow, ""very"" slow"', "0.5", nested, "TRUE"],
        ["dog.jpg", "", "", "", ""],
    ]
    text = "\n\n".join(separator.join(line) for line in lines)
    expected = [
        {
            "image": "cat.jpg",
            "prompt": 'slow, "very" slow',
            "cfg_scale": 0.5,
            "camera_control": {"type": "simple", "config": {"zoom": 5}},
            "multi_shot": True,
        },
        {"image": "dog.jpg"},
    ]
    assert expected == read(text.encode("utf-8-sig"))
    assert expected == read("\n".join(map(json.dumps, expected)))
    assert expected == read(json.dumps(expected))


def test_wrong_columns_are_told_once_with_the_right_ones():
    """A column that is no field or comes twice makes the manifest unusable, and not each of its rows."""
    with pytest.raises(ValidationError) as caught:
        read("image,promt,image,\ncat.jpg,a,b,c\n")
    assert ["promt", "image", "columns"] == [each.path for each in caught.value.problems]
    assert "prompt" in caught.value.problems[-1].message


def test_cells_beyond_the_columns_are_a_bad_row():
    """A prompt with a comma that nobody quoted is found; the other rows are as they were."""
    bad, good = read("image,prompt\ncat.jpg,slow, very slow\ndog.jpg,b\n")
    assert "has 3 cells for 2 columns; a text with a separator in it needs quotes" in str(bad)
    assert {"image": "dog.jpg", "prompt": "b"} == good


def test_numbers_that_are_none_are_left_to_the_rules():
    """The library's own rule says what is wrong, with the field."""
    [row] = rows_of(read("image,cfg_scale\nhttps://a.example/b.jpg,much\n"), {})
    assert ["cfg_scale"] == [each.path for each in row.problems]


def test_array_is_a_manifest_too():
    """Its rows are judged one by one as well."""
    good, bad = read(b'[{"image": "a.jpg"},\n7]')
    assert {"image": "a.jpg"} == good
    assert "is not an object" in str(bad)


def test_row_over_many_lines_is_one_row():
    """A single object may be written as people write it; a byte order mark is no part of it."""
    assert [{"image": "a.jpg"}] == read(b'\xef\xbb\xbf{\n "image": "a.jpg"\n}\n')


def test_pictures_are_files_unless_they_are_urls(tmp_path):
    """Every field with a picture is looked at; what is not text is left to the rules; the first folder that has a file wins."""
    long = "iVBORw0KGgo" + "A" * 5000
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "m.png").touch()
    fields = {
        "image": "a.jpg", "image_tail": "https://example.org/b.jpg", "static_mask": long,
        "dynamic_masks": [{"mask": "m.png", "trajectories": []}, {"trajectories": []}, 7], "prompt": "a.jpg",
    }  # fmt: skip
    found = located(fields, [tmp_path, tmp_path / "other"])
    assert {**fields, "image": tmp_path / "a.jpg", "dynamic_masks": found["dynamic_masks"]} == found
    assert tmp_path / "other" / "m.png" == found["dynamic_masks"][0]["mask"]
    assert fields["dynamic_masks"][1:] == found["dynamic_masks"][1:]


def test_row_wins_over_the_options():
    """A field of the row's own counts, also if it is null; what comes from an option has the option's name."""
    given = {
        "prompt": "all", "mode": "pro", "camera": (("zoom", 5.0),), "camera_type": None, "image_tail": None,
        "dynamic_mask": (), "extra": (("x", 1),),
    }  # fmt: skip
    defaults = defaults_of(given)
    own, other, none = rows_of(
        [
            {"image": "https://a.example/1.jpg", "prompt": "own"},
            {"image": "https://a.example/2.jpg"},
            {"image": "https://a.example/3.jpg", "camera_control": None},
        ],
        defaults,
    )
    assert ["own", "all"] == [own.request.prompt, other.request.prompt]
    assert ("prompt", "--prompt", "--camera") == (
        own.field("prompt"), other.field("prompt"), other.field("camera_control.config")
    )  # fmt: skip
    assert none.request.camera_control is None
    assert {"x": 1} == dict(own.request.extra)


def test_deep_nesting_is_an_error():
    """A line that no parser takes is a bad row; an array of that kind is not a manifest."""
    deep = b"[" * 100_000
    with pytest.raises(ValidationError, match="is not a JSON array"):
        read(deep)
    bad, _ = read(b'{"a":' + deep + b"\n{}")
    assert "is not JSON" in str(bad)


def test_a_table_is_bounded():
    """Equal problems share a line, and the hundred-and-first line says how many more there are."""
    lines = list(problem_lines(RowProblem(row, f"f{row}", "bad") for row in range(1, 151)))
    assert (102, "… and 50 more problems") == (len(lines), lines[-1])
    shared = list(problem_lines(RowProblem(row, "mode", "bad") for row in (1, 2, 3, 7)))
    assert ["ROW     FIELD  PROBLEM", "1-3, 7  mode   bad"] == shared
