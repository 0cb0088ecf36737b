"""`kling-async check --contract` and `--spend` as a user sees them."""

import json

import pytest

from kling_async.cli.contract import MODEL, PHOTO, PRICE
from kling_async.emulator import ByClock
from kling_async.schema.assumptions import ASSUMPTIONS
from kling_async.schema.models import MODELS, RETIRED

FREE = [each.id for each in ASSUMPTIONS if not each.paid]
SPEND = ("check", "--spend", "--yes")


def states(stdout):
    """The verdicts by the assumptions' names."""
    return {line[12:].split()[0].rstrip(":"): line[:12].strip() for line in stdout.splitlines()}


def test_contract_has_a_line_for_each_assumption(service, run):
    """Free calls alone: nothing is created, nothing is different, and the code is 0."""
    result = run("check", "--contract")
    found = states(result.stdout)
    assert (0, FREE, []) == (result.exit_code, list(found), service.tasks), result.stderr
    assert {"as assumed", "not seen"} == set(found.values())
    assert result.stderr.splitlines()[-1] == (
        f"{list(found.values()).count('as assumed')} as assumed, 0 different, "
        f"{list(found.values()).count('not seen')} not seen"
    )


def test_contract_that_differs_is_code_1(service, run):
    """The line says what came and what was assumed."""
    service.largest_page = 100
    result = run("check", "--contract")
    assert 1 == result.exit_code
    assert (
        "different   largest-page: HTTP 400, code 1201: pageSize value '500' is out of range [1, 100]; assumed: "
        in (result.stdout)
    )
    assert "different" == states(result.stdout)["largest-page"]


def test_contract_for_machines_is_a_report(service, run, documents):
    """One document; it holds no key, URL or id of the account's own tasks."""
    run("i2v", PHOTO, "--external-task-id", "my-secret-project", "--no-wait")
    result = run("check", "--contract", "--json")
    [report] = documents(result.stdout)
    assert FREE == [each["id"] for each in report["assumptions"]]
    assert ("local", [], None) == (report["service"], report["created_tasks"], report["ended_early"])
    hidden = (
        service.access_key,
        service.secret_key,
        service.url,
        "my-secret-project",
        service.tasks[0].task_id,
    )
    assert [] == [each for each in hidden if each in result.stdout]
    verdicts = {each["id"]: each["verdict"] for each in report["assumptions"]}
    assert "as assumed" == verdicts["look-up-by-external-id"] == verdicts["list-row"] == verdicts["units"]


def test_service_that_accepts_nothing_of_a_request_is_reported_loudly(service, run, documents):
    """The task's id is in the error and in the report, and nothing is sent after it."""
    service.judges = False
    result = run("check", "--contract", "--json")
    [task] = service.tasks
    report, error = documents(result.stdout)
    assert 1 == result.exit_code
    assert {"request": "no picture", "task_id": task.task_id} == report["accepted_what_it_must_refuse"]
    assert ("AcceptedError", 1) == (report["ended_early"], error["error"]["exit_code"])
    assert (
        f"error: the service ACCEPTED a request without any picture (no picture): task {task.task_id}"
        in result.stderr
    )
    assert 1 == service.counts["create"]


def test_unclear_answer_is_reported_loudly(service, run):
    """Nothing is different, but nobody knows whether there is a task: the code is not 0."""
    service.fault("create", "error-before", after=1)
    result = run("check", "--contract")
    assert 1 == result.exit_code
    assert (
        "ATTENTION: it is not clear whether a request without any picture was refused (not JSON)"
        in result.stderr
    )
    assert 2 == service.counts["create"]


@pytest.mark.parametrize("words", [("check", "--contract"), SPEND])
def test_wrong_keys_end_the_check(service, run, monkeypatch, words):
    """As without the options: code 5, and nothing is compared."""
    monkeypatch.setenv("KLING_SECRET_KEY", "x" * 40)
    result = run(*words)
    assert (5, "", 0) == (result.exit_code, result.stdout, service.counts["create"])


def test_static_key_is_enough(service, run, monkeypatch):
    """What needs a signed token is not seen."""
    monkeypatch.delenv("KLING_ACCESS_KEY")
    monkeypatch.delenv("KLING_SECRET_KEY")
    monkeypatch.setenv("KLING_API_KEY", service.api_key)
    result = run("check", "--contract")
    assert 0 == result.exit_code
    assert "not seen    early-token (a static API key is not signed)" in result.stdout


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_spending_is_asked_for_with_its_price(service, run, answer):
    """No answer is no, and nothing has been sent."""
    result = run("check", "--spend", input=answer)
    assert (1, 0) == (result.exit_code, sum(service.counts.values()))
    assert (
        answer.strip() == result.stdout.strip() or not result.stdout
    )  # older releases of click echo the answer there
    assert f"one video of 5 seconds with {MODEL} in mode std, {PRICE}" in result.stderr
    assert "a second one if the service does not refuse a repeated id" in result.stderr


def test_price_is_that_of_the_model(service, run):
    """It is known for one model, and not claimed for another."""
    result = run("check", "--spend", "--model-name", "kling-v3", input="n\n")
    assert "kling-v3 in mode std, at the service's price for it" in result.stderr
    assert PRICE not in result.stderr
    assert MODEL in MODELS["image2video"]
    assert MODEL not in RETIRED


def test_job_shows_the_rest(service, run, documents):
    """A yes makes one task; nobody listened for callbacks, which is said."""
    result = run("check", "--spend", "--json", input="y\n")
    [report] = documents(result.stdout.splitlines()[-1])  # older releases of click echo the answer before it
    verdicts = {each["id"]: each for each in report["assumptions"]}
    assert 0 == result.exit_code, result.stderr
    assert [each.id for each in ASSUMPTIONS] == list(verdicts)
    assert [service.tasks[0].task_id] == report["created_tasks"]
    assert "not seen" == verdicts.pop("callback")["verdict"]
    paid = [each.id for each in ASSUMPTIONS if each.paid and each.id != "callback"]
    assert {"as assumed"} == {verdicts[name]["verdict"] for name in (*paid, "result-shape", "units")}
    assert "the camera" not in result.stdout


def test_callback_is_seen(service, run, unused_port):
    """An address that leads to the port on which the check listens."""
    words = ("--callback-url", f"http://127.0.0.1:{unused_port}", "--callback-port", unused_port)
    result = run(*SPEND, *words)
    assert 0 == result.exit_code, result.stderr
    assert "as assumed  callback (" in result.stdout


def test_second_task_is_reported_loudly(service, run, documents):
    """Both ids are in the report."""
    service.repeated_ids = "accept"
    result = run(*SPEND, "--json")
    [report] = documents(result.stdout)
    assert 1 == result.exit_code
    assert [task.task_id for task in service.tasks] == report["created_tasks"]
    assert (
        f"ATTENTION: the service made a second task under one external_task_id: {service.tasks[1].task_id}"
        in (result.stderr)
    )


def test_job_that_does_not_end_leaves_what_was_seen_and_the_way_to_go_on(service, run):
    """The lines are printed, and the error names the task."""
    service.advance = ByClock(600)
    result = run(*SPEND, "--timeout", "0.2")
    assert "as assumed" == states(result.stdout)["repeated-id"]
    assert result.stderr.rstrip().endswith(f"go on with: kling-async tasks wait {service.tasks[0].task_id}")


def test_interrupted_job_is_named(service, python, interrupt):
    """Ctrl-C tells both ids and how to go on."""
    service.advance = ByClock(600)
    process = python("-m", "kling_async.cli", *SPEND)
    code, _, stderr = interrupt(process, lambda: 2 <= service.counts["create"] - 3)
    task = service.tasks[0]
    assert 130 == code
    assert f"task_id={task.task_id} external_task_id={task.external_task_id} goes on at the service" in stderr


@pytest.mark.parametrize(
    "words", [("--yes",), ("--contract", "--yes"), ("--callback-url", "http://a.example")]
)
def test_options_of_a_job_need_one(service, run, words):
    """Nothing is silently ignored."""
    result = run("check", *words)
    assert (2, 0) == (result.exit_code, sum(service.counts.values()))
    assert "needs --spend" in result.stderr


def test_check_alone_is_one_call(service, run):
    """Nothing is compared without being asked for."""
    assert ("the keys work\n", 1) == (run("check").stdout, sum(service.counts.values()))


def test_report_is_plain_json(service, run):
    """Any pipe takes it."""
    text = run("check", "--contract", "--json").stdout
    assert text.isascii()
    assert json.loads(text)["kling_async"]
