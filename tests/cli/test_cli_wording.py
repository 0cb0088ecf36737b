"""Errors in the words of the command line: options, lines, hosts; nothing of Python or of an operating system."""

import re

import pytest

from kling_async import errors
from kling_async.cli.wording import line_of, lines_of

FOREIGN = re.compile(r"[Ee]rrno|ssl:|adopt_journal|private_downloads|option capabilities|base_url|None\b")


def test_each_broken_rule_has_a_line_with_its_option(service, run, photo):
    """Several problems do not run together, and each names what the user wrote."""
    words = ("--prompt", "x" * 2501, "--cfg-scale", "2", "--camera", "zoom=50", "--extra", "1=1")
    result = run("i2v", photo, *words)
    assert 2 == result.exit_code
    first, *rules = result.stderr.splitlines()
    assert f"error: {len(rules)} rules are broken" == first
    heads = [line.split(": ")[0] for line in rules]
    assert ["  --prompt", "  --cfg-scale", "  --camera (camera_control.config.zoom)"] == heads[:3]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["nowhere.jpg"], "PHOTO: "),
        (["-p", "no picture"], "PHOTO: "),
        (["PHOTO", "--image-tail", "nowhere.jpg"], "--image-tail: "),
        (["PHOTO", "--dynamic-mask", "nowhere.png:1,2;3,4"], "--dynamic-mask (dynamic_masks[0].mask): "),
        (["PHOTO", "--camera-type", "up"], "--camera-type (camera_control.type): "),
        (["PHOTO", "--model-name", "kling-v2-6", "--mode", "4k"], "--mode: "),
        (["PHOTO", "--callback-url", "ftp://example.org"], "--callback-url: "),
    ],
)
def test_a_problem_is_named_by_its_option(service, run, photo, words, name):
    """Fields that have another name as an option are shown with both."""
    result = run("i2v", *(str(photo) if word == "PHOTO" else word for word in words))
    assert (2, 0) == (result.exit_code, len(service.tasks))
    assert name in result.stderr
    assert not FOREIGN.search(result.stderr), result.stderr


def test_page_out_of_bounds_names_its_option(service, run):
    """The same holds for commands without a request."""
    assert "error: --page-size: " in run("tasks", "list", "--page-size", "501").stderr


def test_half_a_key_pair_names_the_variable_alone(service, run, monkeypatch):
    """Keys are not arguments here."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    result = run("check")
    assert (2, "error: KLING_ACCESS_KEY is missing; a key pair needs both") == (
        result.exit_code,
        result.stderr.splitlines()[-1],
    )


def test_without_keys_only_variables_are_named(service, run, monkeypatch):
    """There is no option for a key."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    monkeypatch.delenv("KLING_SECRET_KEY")
    result = run("check")
    assert (
        "checking the keys\nerror: no credentials: set KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY\n"
        == result.stderr
    )


def test_a_model_that_cannot_says_how_to_let_it_through(service, run, photo):
    """The hint names the command line's own switch."""
    result = run("i2v", photo, "--model-name", "kling-v2-6", "--camera", "zoom=5")
    assert "--capabilities warn or off lets it through" in result.stderr
    assert not FOREIGN.search(result.stderr), result.stderr


def test_refused_keys_name_the_regions(service, run, photo, monkeypatch, documents):
    """A key of another region is refused as a wrong one is; the hosts to try are listed, on stderr and for machines."""
    monkeypatch.setenv("KLING_SECRET_KEY", "another-secret-another-secret-another")
    result = run("check", "--json")
    hosts = (
        "https://api.klingai.com",
        "https://api-singapore.klingai.com",
        "https://api-beijing.klingai.com",
    )
    assert 5 == result.exit_code
    assert all(host in result.stderr for host in hosts)
    assert all(host in documents(result.stdout)[0]["error"]["hint"] for host in hosts)
    assert not FOREIGN.search(result.stderr), result.stderr


def test_refused_keys_name_the_regions_once_in_a_batch(service, run, photo, tmp_path, monkeypatch):
    """However many entries were refused."""
    monkeypatch.setenv("KLING_SECRET_KEY", "another-secret-another-secret-another")
    (tmp_path / "jobs").write_text("\n".join([f'{{"image": "{photo}"}}'] * 3), "utf-8")
    result = run("batch", "jobs")
    assert (1, 1) == (result.exit_code, result.stderr.count("api-singapore"))


def test_unreachable_service_is_told_at_the_first_attempt(service, run, monkeypatch):
    """The line is there before all attempts are over, without a library's details, and once."""
    waits = iter([0.0, 0.0, 0.0])
    monkeypatch.setattr("kling_async.session.retry.wait_before", lambda *_: next(waits, None))
    result = run("check", "--base-url", "http://127.0.0.1:9")
    assert 8 == result.exit_code
    _, *before, last = result.stderr.splitlines()
    assert 1 == len(before)
    assert before[0].startswith("cannot reach the service, still trying: ")
    assert last.startswith("error: ")
    assert all("127.0.0.1:9" in line and not FOREIGN.search(line) for line in (*before, last)), before


def test_library_warnings_are_lines(service, run, photo):
    """With --capabilities warn the warning is shown as one, without a logger's trimmings."""
    result = run("i2v", photo, "--model-name", "kling-v2-1", "--camera", "zoom=5", "--capabilities", "warn")
    assert any(
        line.startswith("warning: the service will probably refuse") for line in result.stderr.splitlines()
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(98, "[errno 98] address already in use"), "address already in use"),
        (FileNotFoundError(2, "No such file or directory", "a.json"), "a.json: No such file or directory"),
        (errors.KlingError(""), "KlingError"),
        (errors.KlingError("a\x1b[2Jb\u202e"), "a [2Jb"),
        (
            errors.JournalError("x; adopt the journal: adopt_journal=True, or --adopt-journal on the command line"),
            "x; --adopt-journal adopts it",
        ),
    ],
)  # fmt: skip
def test_text_is_plain(error, line):
    """Numbers of an operating system, Python arguments and control characters do not reach the terminal."""
    assert line == line_of(error)


def test_rules_without_a_command_keep_their_paths():
    """Outside of a command there is no option to name."""
    error = errors.ValidationError([errors.Problem("prompt", "is long"), errors.Problem("", "is wrong")])
    assert ["prompt: is long", ": is wrong"] == lines_of(error)
