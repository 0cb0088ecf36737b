"""`kling-async models`: the capability map, without keys and without a network."""

from kling_async.schema.models import MAP_OF, rows


def test_table_has_a_line_for_each_model(run):
    """Each row of the map is a line below the heads, and the map's date is on stderr."""
    result = run("models")
    heads, *lines = result.stdout.splitlines()
    assert 0 == result.exit_code
    assert ["ENDPOINT", "MODEL", "MODES", "SECONDS", "ENDS", "FEATURES"] == heads.split()
    assert [(row.endpoint, row.model_name) for row in rows()] == [tuple(line.split()[:2]) for line in lines]
    assert f"as of {MAP_OF.isoformat()}\n" == result.stderr


def test_table_says_what_a_model_takes(run):
    """Runs of seconds are short, features with conditions have them in brackets, and retired models have their day."""
    lines = {tuple(line.split()[:2]): line for line in run("models").stdout.splitlines()}
    newest, old = lines["image2video", "kling-v3"], lines["image2video", "kling-v1"]
    assert "std pro 4k  3-15     -  " in newest
    assert "sound with image_tail; multi_shot" in newest
    assert "2026-09-15" in old
    assert "camera_control (std 5 s)" in old
    assert lines["image2video", "kling-v2-5-turbo"].endswith("image_tail (pro 5 s, pro 10 s)")


def test_map_for_machines(run, documents):
    """With --json a row is a document with the map's date."""
    shown = documents(run("models", "--json").stdout)
    assert len(list(rows())) == len(shown)
    [row] = [
        each for each in shown if (each["endpoint"], each["model_name"]) == ("image2video", "kling-v2-6")
    ]
    assert (["5", "10"], None, MAP_OF.isoformat()) == (row["durations"], row["retired_on"], row["map_of"])
    assert "pro 5 s, pro 10 s" == row["features"]["sound"]
