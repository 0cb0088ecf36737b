"""Exit codes and the one line on stderr."""

import pytest

from kling_async import errors
from kling_async.cli.exits import OUTCOMES, code_of, table
from kling_async.emulator import ByClock


def _classes(root):
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


def test_codes_are_unique_and_all_in_the_help(run):
    """The table in the help is the table in the code."""
    codes = [outcome.code for outcome in OUTCOMES]
    assert len(codes) == len(set(codes))
    shown = run("--help").stdout
    assert all(line in shown for line in table().splitlines())


def test_every_error_has_its_code():
    """A new class of error that nobody placed shows up here."""
    unplaced = {
        error.__name__
        for error in _classes(errors.KlingError)
        if not any(issubclass(error, outcome.errors) for outcome in OUTCOMES)
    }
    assert {
        "KlingError", "TaskError", "NotSubmittedError", "CallbackSignatureError"
    } == unplaced  # fmt: skip


def test_timeout_of_a_task_has_its_own_code():
    """TimeoutError is an OSError, but the task's timeout is not a file that cannot be used."""
    assert 4 == code_of(errors.TaskTimeoutError("late", task=None, task_id="1"))
    assert 2 == code_of(FileNotFoundError())


def test_unusable_journal_is_wrong_usage():
    """A journal is named by an option, as is everything else that exits with 2."""
    assert 2 == code_of(errors.JournalError("in use"))


def _failed(service):
    service.fail_next("Failure to pass the risk \x1b[31mcontrol\u202e system")


def _slow(service):
    service.advance = ByClock(60)


@pytest.mark.parametrize(
    ("prepare", "code", "said"),
    [
        (_failed, 3, "Failure to pass the risk"),
        (_slow, 4, "; go on with: kling-async tasks wait -o astronaut.mp4 "),
        (lambda service: service.fault("any", "account", times=None), 5, "1102"),
        (lambda service: service.fault("create", "moderation"), 6, "1301"),
        (lambda service: service.fault("download", "forbidden", times=None), 9, "go on with"),
    ],
)
def test_outcome_is_one_line_and_a_code(service, run, photo, prepare, code, said):
    """Nothing is on stdout, stderr ends with one harmless line."""
    prepare(service)
    result = run("i2v", photo, "--timeout", "0.3" if code == 4 else "20")
    assert (code, "") == (result.exit_code, result.stdout)
    *steps, last = result.stderr.splitlines()
    assert said in last
    assert last.startswith("error: ")
    assert all(line.isprintable() for line in (*steps, last))
    assert not any("error" in line for line in steps)


def test_without_keys_the_variables_are_named(service, run, photo, monkeypatch):
    """The message says what to set."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    monkeypatch.delenv("KLING_SECRET_KEY")
    result = run("i2v", photo)
    assert 2 == result.exit_code
    assert "KLING_ACCESS_KEY" in result.stderr


def test_unreachable_service_is_named(service, run, monkeypatch):
    """The host is in the line, and nothing can be waited for."""
    monkeypatch.setattr("kling_async.session.retry.wait_before", lambda *_: None)
    result = run("check", "--base-url", "http://127.0.0.1:9")
    assert 8 == result.exit_code
    assert "127.0.0.1:9" in result.stderr


def test_unknown_submission_names_its_id(service, run, photo, monkeypatch, documents):
    """Where nobody knows whether the task exists, the command that looks for it has the caller's id."""

    async def unknown(_self, request, **_options):
        raise errors.SubmissionUnknownError(request.external_task_id, "no answer")

    monkeypatch.setattr("kling_async.endpoints.image2video.Image2Video.generate", unknown)
    result = run("i2v", photo, "--external-task-id", "-mine", "--json", "--base-url", service.url)
    [document] = documents(result.stdout)
    assert (7, "-mine") == (result.exit_code, document["external_task_id"])
    wanted = f"kling-async tasks wait --base-url {service.url} -o astronaut.mp4 -- -mine"
    assert wanted == document["resume"]
    assert result.stderr.endswith(f"go on with: {wanted}\n")
